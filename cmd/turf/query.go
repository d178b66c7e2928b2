package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turf/dashboard/stats"
)

// askQuery answers a question in the form of the stats API v2.
func askQuery(ctx context.Context, in *instance, question json.RawMessage) (*stats.Answer, error) {
	q, err := stats.Parse(question)
	if err != nil {
		return nil, err
	}
	site, err := in.siteCalled(q.Site)
	if err != nil {
		return nil, err
	}
	return in.stats().Answer(ctx, &site, q)
}

// queryFlags is what the command line says of a question.
type queryFlags struct {
	site, span     string
	metrics, by    []string
	filters, order []string
	limit, offset  int
	file           string
	format         string
	explain        bool
}

// Formats of an answer; --json is the fourth.
const (
	tableFormat = "table"
	csvFormat   = "csv"
	barFormat   = "bar"
)

func (a *app) queryCommand() *cobra.Command {
	var f queryFlags
	cmd := &cobra.Command{
		Use:   "query [--site DOMAIN] [--by DIMENSION…] [FLAG…]",
		Short: "Ask what the stats API can be asked",
		Long: `Asks the questions of the stats API from a terminal, of the running server or of the opened data.

Metrics, dimensions and ranges have the names of the API: visitors, visits, pageviews, bounce_rate, … by visit:source,
event:page, time:day, … over 7d, 30d, month, 12mo, all, or two dates with a comma between.

A filter is DIMENSION OPERATOR VALUE without spaces between: == is, != is not, ~ contains, !~ does not contain; | is or
between values, * is any text. All filters must hold. What this cannot say, a question in the API's own form can: --question.

Without --site it is about the only site. --format csv puts a ' before values that a spreadsheet would run as a formula.
--format bar draws the first metric. --json prints the API's answer.`,
		Example: `  turf query --by event:page --limit 10
  turf query --by time:day --range 30d --format bar
  turf query --metrics visitors,bounce_rate --by visit:source --filter 'visit:country==NL|BE' --format csv
  turf query --by visit:source --filter 'event:page==/pricing' --explain
  turf query --question question.json --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.file != "" {
				for _, name := range []string{"site", "metrics", "by", "range", "filter", "order", "limit", "offset"} {
					if cmd.Flags().Changed(name) {
						return fmt.Errorf("--%s and --question cannot be combined: the question says it", name)
					}
				}
			}
			return a.query(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.site, "site", "", "`DOMAIN` of the site")
	flags.StringSliceVar(&f.metrics, "metrics", []string{"visitors", "pageviews"}, "`NAMES` with commas between")
	flags.StringSliceVar(&f.by, "by", nil, "`DIMENSION` to group by; may be given several times")
	flags.StringVar(&f.span, "range", "30d", "`RANGE` of days, such as 7d, month, 2026-01-01,2026-01-31")
	flags.StringArrayVar(&f.filters, "filter", nil, "`FILTER`, such as visit:source==Google; may be given several times")
	flags.StringSliceVar(&f.order, "order", nil, "`NAME` to sort by, the largest first; NAME:asc for the smallest")
	flags.IntVar(&f.limit, "limit", 100, "at most so `many` rows")
	flags.IntVar(&f.offset, "offset", 0, "leave out so `many` rows")
	flags.StringVar(&f.file, "question", "", "`FILE` with a question of the stats API v2; - is standard input")
	flags.StringVar(&f.format, "format", tableFormat, "table, csv or bar")
	flags.BoolVar(&f.explain, "explain", false, "say how the answer was found")
	return cmd
}

// queried is what of an answer is shown. The numbers keep their text.
type queried struct {
	Results []struct {
		Metrics    []json.RawMessage `json:"metrics"`
		Dimensions []dimensionText   `json:"dimensions"`
	} `json:"results"`
	Meta struct {
		Warnings map[string]struct {
			Warning string `json:"warning"`
		} `json:"metric_warnings"`
		ImportsWarning string                     `json:"imports_warning"`
		TimeLabels     []string                   `json:"time_labels"`
		Explain        map[string]json.RawMessage `json:"explain"`
	} `json:"meta"`
	Query struct {
		Metrics    []string `json:"metrics"`
		Dimensions []string `json:"dimensions"`
	} `json:"query"`
}

func (a *app) query(ctx context.Context, f *queryFlags) error {
	if !slices.Contains([]string{tableFormat, csvFormat, barFormat}, f.format) {
		return fmt.Errorf("--format: %q is not table, csv or bar", f.format)
	}
	return a.with(ctx, func(be backend) error {
		question, err := a.question(ctx, be, f)
		if err != nil {
			return err
		}
		var answer json.RawMessage
		if err := be.call(ctx, "query", question, &answer); err != nil {
			return err
		}
		if a.json {
			_, err := a.stdout.Write(append(answer, '\n'))
			return err
		}
		var q queried
		if err := json.Unmarshal(answer, &q); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return a.printQueried(&q, f.format)
	})
}

// question is the question in the API's form.
func (a *app) question(ctx context.Context, be backend, f *queryFlags) (json.RawMessage, error) {
	if f.file != "" {
		return a.questionFile(f)
	}
	site, err := onlySite(ctx, be, f.site)
	if err != nil {
		return nil, err
	}
	filters := []stats.Filter{}
	for _, text := range f.filters {
		some, err := stats.V1Filters(text)
		if err != nil {
			return nil, err
		}
		filters = append(filters, some...)
	}
	order := [][2]string{}
	for _, name := range f.order {
		direction := "desc"
		if rest, ok := strings.CutSuffix(name, ":asc"); ok {
			name, direction = rest, "asc"
		}
		order = append(order, [2]string{strings.TrimSuffix(name, ":desc"), direction})
	}
	q := map[string]any{
		"site_id": site, "metrics": f.metrics, "date_range": dateRange(f.span), "dimensions": append([]string{}, f.by...),
		"filters": filters, "order_by": order, "pagination": map[string]int{"limit": f.limit, "offset": f.offset},
		"include": map[string]bool{"explain": f.explain, "time_labels": len(f.by) == 1 && isTimeName(f.by[0])},
	}
	return json.Marshal(q)
}

func isTimeName(name string) bool { return name == "time" || strings.HasPrefix(name, "time:") }

// dateRange is a range of the API: a name, or two dates of which the second may be missing.
func dateRange(s string) any {
	first, last, isPair := strings.Cut(s, ",")
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		last, isPair = s, true
	}
	if isPair {
		return [2]string{strings.TrimSpace(first), strings.TrimSpace(last)}
	}
	return s
}

// questionFile reads a question and adds what the flags say of its answer.
func (a *app) questionFile(f *queryFlags) (json.RawMessage, error) {
	from := a.stdin
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, fmt.Errorf("read the question: %w", err)
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, stats.MaxBodyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the question: %w", err)
	}
	if !json.Valid(text) || len(text) > stats.MaxBodyBytes {
		return nil, fmt.Errorf("%s is no question: it is a JSON object of at most %d bytes", f.file, stats.MaxBodyBytes)
	}
	var q map[string]json.RawMessage
	if !f.explain || json.Unmarshal(text, &q) != nil || q == nil {
		return text, nil // what is wrong with it, the engine says
	}
	include := map[string]json.RawMessage{}
	if raw, ok := q["include"]; ok && json.Unmarshal(raw, &include) != nil {
		return text, nil
	}
	include["explain"] = json.RawMessage("true")
	if q["include"], err = json.Marshal(include); err != nil {
		return nil, err
	}
	return json.Marshal(q)
}

// onlySite is the domain that was given, or that of the only site.
func onlySite(ctx context.Context, be backend, domain string) (string, error) {
	if domain != "" {
		site, err := findSite(ctx, be, domain)
		return site.Domain, err
	}
	var sites []struct {
		Domain string `json:"site"`
	}
	if err := be.call(ctx, "site/list", nothing{}, &sites); err != nil {
		return "", err
	}
	var names []string
	for _, s := range sites {
		names = append(names, s.Domain)
	}
	switch len(names) {
	case 0:
		return "", fmt.Errorf("there is no site yet; make it: turf site add DOMAIN --timezone ZONE")
	case 1:
		return names[0], nil
	}
	return "", fmt.Errorf("say which site with --site: %s", strings.Join(names, ", "))
}

func (a *app) printQueried(q *queried, format string) error {
	head := slices.Concat(q.Query.Dimensions, q.Query.Metrics)
	var rows [][]string
	for _, r := range q.Results {
		var cells []string
		for _, v := range r.Dimensions {
			cells = append(cells, printable(string(v)))
		}
		for _, raw := range r.Metrics {
			cells = append(cells, metricText(raw))
		}
		rows = append(rows, cells)
	}
	var err error
	switch format {
	case csvFormat:
		err = writeCSV(a.stdout, head, rows, len(q.Query.Dimensions))
	case barFormat:
		err = writeBars(a.stdout, q, rows)
	default:
		err = writeTable(a.stdout, head, rows, len(q.Query.Dimensions), q.Meta.ImportsWarning != "")
	}
	if err != nil {
		return err
	}
	if q.Meta.ImportsWarning != "" {
		fmt.Fprintf(a.stderr, "note: %s\n", q.Meta.ImportsWarning)
	}
	for _, m := range slices.Sorted(maps.Keys(q.Meta.Warnings)) {
		fmt.Fprintf(a.stderr, "note: %s: %s\n", m, q.Meta.Warnings[m].Warning)
	}
	return writeExplanation(a.stdout, q.Meta.Explain)
}

// dimensionText is the value of a dimension: a text, or the number of a city, as the API wrote it.
type dimensionText string

// UnmarshalJSON reads both.
func (d *dimensionText) UnmarshalJSON(b []byte) error {
	var number json.Number
	if err := json.Unmarshal(b, &number); err == nil && b[0] != '"' {
		*d = dimensionText(number)
		return nil
	}
	return json.Unmarshal(b, (*string)(d))
}

// undefined is shown for null.
const undefined = "–"

// metricText is a number as the API wrote it; of an object, such as an amount of money, its long form.
func metricText(raw json.RawMessage) string {
	text := string(raw)
	var money struct {
		Long string `json:"long"`
	}
	switch {
	case text == "null":
		return undefined
	case json.Unmarshal(raw, &money) == nil && money.Long != "":
		return printable(money.Long)
	}
	return text
}

// printable is s for a terminal: what visitors send cannot move its cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func writeCSV(w io.Writer, head []string, rows [][]string, dimensions int) error {
	c := csv.NewWriter(w)
	if err := c.Write(head); err != nil {
		return err
	}
	for _, row := range rows {
		for i, cell := range row {
			switch {
			case i >= dimensions && cell == undefined:
				row[i] = ""
			case i < dimensions && strings.ContainsAny(cell[:min(1, len(cell))], "=+-@"):
				row[i] = "'" + cell
			}
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
