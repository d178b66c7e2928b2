package stats

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"turf/schema"
)

// Parse reads a question. Every error is an *InvalidError. What it accepts, [Query]'s JSON form says again.
func Parse(body []byte) (*Query, error) {
	if len(body) > MaxBodyBytes {
		return nil, invalid("", "The question is longer than %d bytes", MaxBodyBytes)
	}
	if !utf8.Valid(body) {
		return nil, invalid("", "The question is not valid UTF-8")
	}
	fields, err := object("", body)
	if err != nil {
		return nil, err
	}
	q := &Query{
		Metrics: []Metric{}, Filters: []Filter{}, Dimensions: []string{}, Order: []Order{}, Pagination: Pagination{Limit: MaxLimit},
	}
	for _, required := range []string{"site_id", "metrics", "date_range"} {
		if _, ok := fields[required]; !ok {
			return nil, invalid(required, "is required")
		}
	}
	steps := []struct {
		key   string
		parse func(*Query, json.RawMessage) error
	}{
		{"site_id", parseSite},
		{"metrics", parseMetrics},
		{"date_range", func(q *Query, raw json.RawMessage) (err error) { q.Range, err = parseRange(raw); return err }},
		{"dimensions", parseDimensions},
		{"filters", parseFilters},
		{"order_by", parseOrder},
		{"include", parseInclude},
		{"pagination", parsePagination},
	}
	for _, step := range steps {
		raw, ok := fields[step.key]
		delete(fields, step.key)
		if !ok {
			continue
		}
		if err := step.parse(q, raw); err != nil {
			return nil, err
		}
	}
	if name, unknown := first(fields); unknown {
		return nil, invalid("", "Unknown key %q. The keys are site_id, metrics, date_range, dimensions, filters, order_by, include, "+
			"pagination", name)
	}
	return q, nil
}

// object reads a JSON object and nothing after it.
func object(field string, raw []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	var fields map[string]json.RawMessage
	if err := d.Decode(&fields); err != nil || fields == nil {
		return nil, invalid(field, "a JSON object is expected")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, invalid(field, "something follows the JSON object")
	}
	return fields, nil
}

// first is the first key by name, so that messages do not depend on the order of a map.
func first(fields map[string]json.RawMessage) (string, bool) {
	least, found := "", false
	for name := range fields {
		if !found || name < least {
			least, found = name, true
		}
	}
	return least, found
}

// decode reads a value of a plain type; null is none. kind names the type in the message.
func decode[T any](field, kind string, raw json.RawMessage) (T, error) {
	var v *T
	if err := json.Unmarshal(raw, &v); err != nil || v == nil {
		var zero T
		return zero, invalid(field, "%s is expected, not %s", kind, excerpt(raw))
	}
	return *v, nil
}

// excerpt is the beginning of what was sent, for messages.
func excerpt(raw []byte) string {
	const most = 80
	s := string(raw)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func list(field, kind string, raw json.RawMessage) ([]json.RawMessage, error) {
	return decode[[]json.RawMessage](field, kind, raw)
}

func parseSite(q *Query, raw json.RawMessage) (err error) {
	q.Site, err = decode[string]("site_id", "a site's domain", raw)
	if err == nil && q.Site == "" {
		return invalid("site_id", "is required")
	}
	return err
}

func parseMetrics(q *Query, raw json.RawMessage) error {
	items, err := list("metrics", "a list of metrics", raw)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return invalid("metrics", "at least one is required")
	}
	for _, item := range items {
		name, err := decode[string]("metrics", "the name of a metric", item)
		if err != nil {
			return err
		}
		m := Metric(name)
		switch {
		case !slices.Contains(allMetrics, m):
			return invalid("metrics", "%q is not a metric. Use %s", name, metricList())
		case slices.Contains(q.Metrics, m):
			return invalid("metrics", "%s is asked for twice", name)
		}
		q.Metrics = append(q.Metrics, m)
	}
	return nil
}

func parseDimensions(q *Query, raw json.RawMessage) error {
	items, err := list("dimensions", "a list of dimensions", raw)
	if err != nil {
		return err
	}
	if len(items) > MaxDimensions {
		return invalid("dimensions", "at most %d can be asked for", MaxDimensions)
	}
	times := 0
	for _, item := range items {
		name, err := decode[string]("dimensions", "the name of a dimension", item)
		if err != nil {
			return err
		}
		if err := checkDimension("dimensions", name); err != nil {
			return err
		}
		if slices.Contains(q.Dimensions, name) {
			return invalid("dimensions", "%s is asked for twice", name)
		}
		if isTime(name) {
			if times++; times > 1 {
				return invalid("dimensions", "time can be asked for once")
			}
		}
		q.Dimensions = append(q.Dimensions, name)
	}
	return nil
}

func parseOrder(q *Query, raw json.RawMessage) error {
	items, err := list("order_by", `a list such as [["visitors","desc"]]`, raw)
	if err != nil {
		return err
	}
	for _, item := range items {
		pair, err := decode[[]string]("order_by", `a pair such as ["visitors","desc"]`, item)
		if err != nil {
			return err
		}
		if len(pair) != 2 || pair[1] != "asc" && pair[1] != "desc" {
			return invalid("order_by", `a pair such as ["visitors","desc"] is expected, not %s`, excerpt(item))
		}
		if !slices.Contains(q.Metrics, Metric(pair[0])) && !slices.Contains(q.Dimensions, pair[0]) {
			return invalid("order_by", "%q is neither a metric nor a dimension of this question", pair[0])
		}
		if slices.ContainsFunc(q.Order, func(o Order) bool { return o.Name == pair[0] }) {
			return invalid("order_by", "%s is named twice", pair[0])
		}
		q.Order = append(q.Order, Order{pair[0], pair[1] == "desc"})
	}
	return nil
}

func parseInclude(q *Query, raw json.RawMessage) error {
	fields, err := object("include", raw)
	if err != nil {
		return err
	}
	var imports bool
	if _, ok := fields["imports"]; ok {
		q.Include.Imports = &imports
	}
	flags := []struct {
		key string
		to  *bool
	}{
		{"imports", &imports},
		{"time_labels", &q.Include.TimeLabels},
		{"total_rows", &q.Include.TotalRows},
		{"explain", &q.Include.Explain},
	}
	for _, flag := range flags {
		raw, ok := fields[flag.key]
		delete(fields, flag.key)
		if !ok {
			continue
		}
		if *flag.to, err = decode[bool]("include."+flag.key, "true or false", raw); err != nil {
			return err
		}
	}
	if raw, ok := fields["comparisons"]; ok {
		delete(fields, "comparisons")
		if q.Include.Comparisons, err = parseComparisons(raw); err != nil {
			return err
		}
	}
	if name, unknown := first(fields); unknown {
		return invalid("include", "unknown key %q. The keys are imports, time_labels, total_rows, comparisons, explain", name)
	}
	if q.Include.TimeLabels && !slices.ContainsFunc(q.Dimensions, isTime) {
		return invalid("include", "time_labels needs a time dimension")
	}
	return nil
}

func parsePagination(q *Query, raw json.RawMessage) error {
	fields, err := object("pagination", raw)
	if err != nil {
		return err
	}
	numbers := []struct {
		key         string
		least, most int
		to          *int
	}{
		{"limit", 1, MaxLimit, &q.Pagination.Limit},
		{"offset", 0, MaxOffset, &q.Pagination.Offset},
	}
	for _, n := range numbers {
		raw, ok := fields[n.key]
		delete(fields, n.key)
		if !ok {
			continue
		}
		if *n.to, err = decode[int]("pagination."+n.key, "a whole number", raw); err != nil {
			return err
		}
		if *n.to < n.least || *n.to > n.most {
			return invalid("pagination."+n.key, "%d is not between %d and %d", *n.to, n.least, n.most)
		}
	}
	if name, unknown := first(fields); unknown {
		return invalid("pagination", "unknown key %q. The keys are limit, offset", name)
	}
	return nil
}

func parseFilters(q *Query, raw json.RawMessage) error {
	items, err := list("filters", "a list of filters", raw)
	if err != nil {
		return err
	}
	values := 0
	for _, item := range items {
		f, err := parseFilter(item, 1, &values)
		if err != nil {
			return err
		}
		q.Filters = append(q.Filters, f)
	}
	return nil
}

// parseFilter reads one filter at a depth of the tree; values counts the values of all filters so far.
func parseFilter(raw json.RawMessage, depth int, values *int) (Filter, error) {
	if depth > MaxFilterDepth {
		return Filter{}, invalid("filters", "they are nested more than %d deep", MaxFilterDepth)
	}
	parts, err := list("filters", `a filter such as ["is","visit:source",["Google"]]`, raw)
	if err != nil {
		return Filter{}, err
	}
	if len(parts) < 2 {
		return Filter{}, invalid("filters", `a filter such as ["is","visit:source",["Google"]] is expected, not %s`, excerpt(raw))
	}
	name, err := decode[string]("filters", "an operator", parts[0])
	if err != nil {
		return Filter{}, err
	}
	op := Op(name)
	switch op {
	case Is, IsNot, Contains, ContainsNot, Matches, MatchesNot:
		return parseLeaf(op, parts[1:], values)
	case And, Or, Not:
		return parseBranch(op, parts[1:], depth, values)
	case "has_done", "has_not_done":
		return Filter{}, invalid("filters", "%s is not available: what one visitor did is not kept, so it cannot be looked up", op)
	}
	return Filter{}, invalid("filters", "%q is not an operator. Use is, is_not, contains, contains_not, matches, matches_not, "+
		"and, or, not", name)
}

func parseBranch(op Op, args []json.RawMessage, depth int, values *int) (Filter, error) {
	if len(args) != 1 {
		return Filter{}, invalid("filters", "%s takes one argument", op)
	}
	children := args // of not
	if op != Not {
		var err error
		if children, err = list("filters", "a list of filters", args[0]); err != nil {
			return Filter{}, err
		}
	}
	if len(children) == 0 {
		return Filter{}, invalid("filters", "%s needs at least one filter", op)
	}
	f := Filter{Op: op}
	for _, raw := range children {
		child, err := parseFilter(raw, depth+1, values)
		if err != nil {
			return Filter{}, err
		}
		f.Children = append(f.Children, child)
	}
	return f, nil
}

func parseLeaf(op Op, args []json.RawMessage, values *int) (Filter, error) {
	f := Filter{Op: op}
	if len(args) < 2 || len(args) > 3 {
		return f, invalid("filters", `%s needs a dimension and a list of values, as [%q,"visit:source",["Google"]]`, op, op)
	}
	var err error
	if f.Dimension, err = decode[string]("filters", "the name of a dimension", args[0]); err != nil {
		return f, err
	}
	if f.Dimension != segmentDimension {
		if err := checkDimension("filters", f.Dimension); err != nil {
			return f, err
		}
	}
	if isTime(f.Dimension) {
		return f, invalid("filters", "time cannot be filtered by. Use date_range")
	}
	if f.Dimension == goalDimension && op != Is && op != Contains {
		return f, invalid("filters", "%s can be filtered by with is and contains", goalDimension)
	}
	items, err := list("filters", "a list of values", args[1])
	if err != nil {
		return f, err
	}
	if *values += len(items); *values > MaxFilterValues {
		return f, invalid("filters", "they have more than %d values", MaxFilterValues)
	}
	for _, item := range items {
		v, err := parseValue(&f, item)
		if err != nil {
			return f, err
		}
		f.Values = append(f.Values, v)
	}
	if len(f.Values) == 0 {
		return f, invalid("filters", "%s of %s needs at least one value", op, f.Dimension)
	}
	if len(args) == 3 {
		if f.FoldCase, err = parseModifier(args[2]); err != nil {
			return f, err
		}
	}
	return f, cmp.Or(f.checkSegmentLeaf(), f.checkNames())
}

// parseValue reads a value of a leaf: a string, or a whole number such as a city's.
func parseValue(f *Filter, raw json.RawMessage) (string, error) {
	var number json.Number
	v, err := decode[string]("filters", "a value in quotes", raw)
	if err != nil {
		if json.Unmarshal(raw, &number) != nil || strings.ContainsAny(number.String(), ".eE") || number == "" {
			return "", err
		}
		v = number.String()
	}
	if len(v) > MaxFilterValueBytes {
		return "", invalid("filters", "a value is longer than %d bytes", MaxFilterValueBytes)
	}
	switch f.Op {
	case Contains, ContainsNot, Matches, MatchesNot:
		if v == "" {
			return "", invalid("filters", "%s of %s needs a value that is not empty", f.Op, f.Dimension)
		}
	}
	if (f.Op == Is || f.Op == IsNot) && f.Dimension == "visit:country" && !isCountry(v) {
		return "", invalid("filters", "%q is not a country. Use two letters as NL, or visit:country_name", excerpt([]byte(v)))
	}
	if f.Op == Matches || f.Op == MatchesNot {
		if err := checkPattern(v); err != nil {
			return "", invalid("filters", "%q is not a regular expression (RE2): %v", excerpt([]byte(v)), err)
		}
	}
	return v, nil
}

// maxPatternRanges is how many ranges of characters a regular expression can have when its repetitions are written out. The
// database refuses what takes more than some megabytes, which is several times that.
const maxPatternRanges = 100_000

// checkPattern refuses what is no regular expression, and what the database has no room for.
func checkPattern(pattern string) error {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return err
	}
	ranges := 0
	for i := range prog.Inst {
		ranges += len(prog.Inst[i].Rune)/2 + 1
	}
	if ranges > maxPatternRanges {
		return errors.New("its repetitions make it too large")
	}
	return nil
}

// isCountry reports whether visit:country can have the value.
func isCountry(v string) bool {
	isLetter := func(c byte) bool { return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' }
	return v == "" || v == notSet || v == schema.Other || len(v) == 2 && isLetter(v[0]) && isLetter(v[1])
}

func parseModifier(raw json.RawMessage) (foldCase bool, err error) {
	fields, err := object("filters", raw)
	if err != nil {
		return false, err
	}
	flag, ok := fields["case_sensitive"]
	delete(fields, "case_sensitive")
	if name, unknown := first(fields); unknown {
		return false, invalid("filters", "unknown key %q. A filter's modifier is {\"case_sensitive\": false}", name)
	}
	if !ok {
		return false, nil
	}
	sensitive, err := decode[bool]("filters.case_sensitive", "true or false", flag)
	return !sensitive, err
}
