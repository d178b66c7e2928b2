package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turf/aggregate"
	"turf/ingest"
	"turf/schema"
)

// explanation is what turf explain prints.
type explanation struct {
	Steps   []ingest.Outcome  `json:"steps"`
	Dropped ingest.DropReason `json:"dropped,omitzero"`
	Site    string            `json:"site,omitempty"`
	Cells   []touchedCell     `json:"cells,omitempty"`
}

// touchedCell is a counter that the hit would change.
type touchedCell struct {
	Cube   string            `json:"cube"`
	Grain  string            `json:"grain"`
	Time   time.Time         `json:"time"`   // start of the bucket, on the site's clock
	Values map[string]string `json:"values"` // by dimension
	Adds   map[string]int64  `json:"adds"`   // by metric
}

func (a *app) explainCommand() *cobra.Command {
	var q ingest.Question
	var ip string
	var headers []string
	cmd := &cobra.Command{
		Use:   "explain --url URL [--site DOMAIN] [--ua AGENT] [--referrer URL] [--ip ADDRESS] [--header 'NAME: VALUE']",
		Short: "Show what becomes of a hit",
		Long: `Takes a hit through the steps without counting it, and shows what each step makes of it, or which one drops it and why, and
which counters would change if it came from a visitor who was not here before today. A value that has too few visitors still
to be shown reads ` + schema.Other + `. Address and user agent are used in this process only, and forgotten.`,
		Example: `  turf explain --site example.com --url 'https://example.com/pricing?utm_source=news' \
    --ua 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' \
    --referrer https://www.google.com/ --ip 203.0.113.7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if ip != "" {
				var err error
				if q.Address, err = netip.ParseAddr(ip); err != nil {
					return errors.New("--ip is no address such as 203.0.113.7 or 2001:db8::7")
				}
			}
			q.Header = http.Header{}
			for _, h := range headers {
				name, value, ok := strings.Cut(h, ":")
				if !ok {
					return fmt.Errorf("--header: %q is no header such as 'Sec-GPC: 1'", h)
				}
				q.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
			}
			return a.explain(cmd.Context(), &q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Domain, "site", "", "`DOMAIN` of the site (default: the host of the URL)")
	f.StringVar(&q.URL, "url", "", "`URL` of the page")
	f.StringVar(&q.UserAgent, "ua", "", "user `AGENT` of the browser")
	f.StringVar(&q.Referrer, "referrer", "", "`URL` of the page before")
	f.StringVar(&ip, "ip", "", "`ADDRESS` of the visitor")
	f.StringArrayVar(&headers, "header", nil, "another `HEADER` of the browser, as 'Sec-GPC: 1'; may be given more than once")
	f.StringVar(&q.Name, "event", "", "`NAME` of the event (default: pageview)")
	a.lookupFlags(cmd)
	_ = cmd.MarkFlagRequired("url") // fails for an unknown flag only
	return cmd
}

func (a *app) explain(ctx context.Context, q *ingest.Question) error {
	var sites []schema.Site
	err := a.with(ctx, func(be backend) error { return be.call(ctx, "site/list", nothing{}, &sites) })
	if err != nil {
		return err
	}
	l, missing, err := a.openLookups()
	if err != nil {
		return err
	}
	defer l.Close()
	if missing != "" {
		fmt.Fprintln(a.stderr, "turf:", missing)
	}
	steps, err := ingest.NewSteps(siteFinder(sites), l.agents, l.geo, l.centres)
	if err != nil {
		return err
	}
	q.At = time.Now()
	found, err := steps.Explain(q)
	if err != nil {
		return err
	}
	e := explanation{Steps: found.Outcomes, Dropped: found.Dropped}
	if found.Event != nil {
		e.Site = found.Site.Domain
		if e.Cells, err = touchedCells(found.Site, found.Event); err != nil {
			return err
		}
	}
	return a.print(e, e.text())
}

// siteFinder finds sites by their names, as clickhouse.Sites does.
func siteFinder(sites []schema.Site) func(string) (schema.Site, bool) {
	return func(domain string) (schema.Site, bool) {
		for _, name := range []string{domain, strings.TrimPrefix(domain, "www.")} {
			if i := slices.IndexFunc(sites, func(s schema.Site) bool { return s.Domain == name }); i >= 0 {
				return sites[i], true
			}
		}
		return schema.Site{}, false
	}
}

// touchedCells counts the event in an empty day and returns what changes.
func touchedCells(site *schema.Site, ev *aggregate.Event) ([]touchedCell, error) {
	loc, err := site.Location()
	if err != nil {
		return nil, err
	}
	cfg := aggregate.Config{Site: site.ID, Day: ev.Day, Location: loc, K: site.K(ev.Day)}
	day, err := aggregate.Open(cfg, &aggregate.HeapMemory{})
	if err != nil {
		return nil, err
	}
	day.Begin(1)
	incs, err := day.Step(ev, nil)
	if err != nil {
		return nil, err
	}
	sums := map[schema.Cell]schema.Deltas{}
	for i := range incs {
		d := sums[incs[i].Cell]
		d.Add(&incs[i].Delta)
		sums[incs[i].Cell] = d
	}
	cells := make([]schema.Cell, 0, len(sums))
	for c := range sums {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, func(x, y schema.Cell) int { return x.Compare(&y) })
	var touched []touchedCell
	for i := range cells {
		d := sums[cells[i]]
		if t := newTouchedCell(&cells[i], &d, loc); len(t.Adds) > 0 {
			touched = append(touched, t)
		}
	}
	return touched, nil
}

func newTouchedCell(c *schema.Cell, d *schema.Deltas, loc *time.Location) touchedCell {
	cube := &schema.Cubes[c.Cube-1]
	t := touchedCell{
		Cube: cube.Name, Grain: cube.Grain.String(), Time: time.Unix(c.Time, 0).In(loc),
		Values: map[string]string{}, Adds: map[string]int64{},
	}
	for i, dim := range cube.Dimensions {
		t.Values[dim.String()] = c.Values[i]
	}
	for m, n := range d {
		if n != 0 {
			t.Adds[schema.Metrics[m].Column] = n
		}
	}
	return t
}

func (e *explanation) text() string {
	var b strings.Builder
	for _, s := range e.Steps {
		fmt.Fprintf(&b, "%-8s  %s\n", s.Step, s.Outcome)
	}
	if e.Dropped != ingest.Passed {
		fmt.Fprintf(&b, "\ndropped: %s\n", e.Dropped)
		return b.String()
	}
	fmt.Fprintf(&b, "\ncounters of %s that would change:\n", e.Site)
	for _, c := range e.Cells {
		fmt.Fprintf(&b, "  %-14s %s  %s\n", c.Cube, c.Time.Format("2006-01-02 15:04"), c.valuesText())
		fmt.Fprintf(&b, "  %14s %s\n", "", c.addsText())
	}
	return b.String()
}

// valuesText is "path /, country NL", in the order of the catalogue.
func (c *touchedCell) valuesText() string {
	var words []string
	for _, d := range schema.Dimensions {
		if v := c.Values[d.Column]; v != "" {
			words = append(words, d.Column+" "+v)
		}
	}
	return strings.Join(words, ", ")
}

func (c *touchedCell) addsText() string {
	var words []string
	for _, m := range schema.Metrics {
		if n := c.Adds[m.Column]; n != 0 {
			words = append(words, fmt.Sprintf("%s %+d", m.Column, n))
		}
	}
	return strings.Join(words, ", ")
}
