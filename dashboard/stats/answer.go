package stats

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// Runner runs a query against the counting store.
type Runner interface {
	// Select returns the rows, each with its columns in order. {name:Type} in the text stands for params[name], which is the
	// value as it is: escaping it for the wire is the Runner's. Integers may come in any integer type.
	Select(ctx context.Context, query string, params map[string]string) ([][]any, error)
}

// Engine answers questions. It may be used by many goroutines.
type Engine struct {
	Runner Runner
	Now    func() time.Time
	// Imports are those of a site, from memory; it is called for each question. nil: nothing was imported.
	Imports func(schema.SiteID) ([]schema.Imported, error)
}

// Answer is the answer to a question, in the form of the wire.
type Answer struct {
	Results []Result `json:"results"`
	Meta    Meta     `json:"meta"`
	Query   Query    `json:"query"` // as it was understood: its dates are instants of the site's time zone
}

// Result is a row.
type Result struct {
	Metrics    []any `json:"metrics"`    // int64, float64, Revenue or nil
	Dimensions []any `json:"dimensions"` // string; of visit:city, an int64 where the city has a GeoNames id
	// Comparison is the row in the other span, where one was asked for and has it.
	Comparison *Comparison `json:"comparison,omitempty"`
}

// Meta is what there is to say about the rows.
type Meta struct {
	// ImportsIncluded is there when it was asked for or days are left out: whether what was imported is in the numbers.
	ImportsIncluded *bool `json:"imports_included,omitempty"`
	// ImportsSkipReason and ImportsWarning say why days are left out, though nobody asked for that.
	ImportsSkipReason string `json:"imports_skip_reason,omitempty"`
	ImportsWarning    string `json:"imports_warning,omitempty"`
	// LeftOutDays are our own: the imported days of the span that are in no number. UnknownDays are those of which a metric is not known.
	LeftOutDays []schema.DaySpan            `json:"left_out_days,omitempty"`
	UnknownDays map[Metric][]schema.DaySpan `json:"unknown_days,omitempty"`

	MetricWarnings map[Metric]Warning `json:"metric_warnings,omitempty"`
	TimeLabels     []string           `json:"time_labels,omitempty"`
	TotalRows      *int64             `json:"total_rows,omitempty"`
	// ComparisonRange is the span that the rows are compared with.
	ComparisonRange *DateRange `json:"comparison_date_range,omitempty"`
	// CountedSince is our own: when goals that were declared inside the span began to be counted, by name.
	CountedSince map[string]string `json:"counted_since,omitempty"`
	Explain      *Explanation      `json:"explain,omitempty"`
}

// Explanation says how the answer was found.
type Explanation struct {
	Cube  string `json:"cube"`
	Grain string `json:"grain"`
	// Rows is how many counters the cube has for the site and the span; the answer is made of no others.
	Rows int64 `json:"rows"`
	// Why says why no smaller cube answers. Empty: there is none.
	Why string `json:"why,omitempty"`
	statement
}

// Answer answers the question about the site. The question's mistakes are *InvalidError; all other errors are not the asker's.
func (e *Engine) Answer(ctx context.Context, site *schema.Site, q *Query) (*Answer, error) {
	span, err := e.span(ctx, site, q.Range)
	if err != nil {
		return nil, err
	}
	p, err := makePlan(q, site, span)
	if err != nil {
		return nil, err
	}
	if err := e.lookAtImports(p); err != nil {
		return nil, err
	}
	order := q.order()
	if p.fills() {
		p.page = Pagination{Limit: MaxLimit}
	}
	rows, l := p.rows(order)
	values, err := e.Runner.Select(ctx, rows.SQL, rows.Params)
	if err != nil {
		return nil, fmt.Errorf("ask cube %s: %w", p.cube.Name, err)
	}
	answer := &Answer{Query: p.echo(order)}
	if answer.Results, err = p.results(values, l); err != nil {
		return nil, fmt.Errorf("read the rows of cube %s: %w", p.cube.Name, err)
	}
	answer.Results = p.blank(answer.Results, order)
	if p.fills() {
		p.buckets = int64(len(answer.Results))
		answer.Results = q.Pagination.page(answer.Results)
	}
	if err := e.compare(ctx, p, answer); err != nil {
		return nil, err
	}
	if err := e.fillMeta(ctx, p, rows, &answer.Meta); err != nil {
		return nil, err
	}
	return answer, nil
}

// firstDay is the first day of the site with data, or today.
func (e *Engine) firstDay(ctx context.Context, site schema.SiteID, today schema.Day, loc *time.Location) (schema.Day, error) {
	w := newWriter()
	sql := "SELECT toInt64(toUnixTimestamp(min(time))) FROM counts WHERE site_id = " + w.number("site", "UInt32", int64(site)) +
		" AND cube = 'traffic_daily' HAVING count() > 0"
	rows, err := e.Runner.Select(ctx, sql, w.params)
	if err != nil {
		return 0, fmt.Errorf("find the first day: %w", err)
	}
	if len(rows) == 0 {
		return today, nil
	}
	t, err := integer(rows, 0)
	if err != nil {
		return 0, fmt.Errorf("find the first day: %w", err)
	}
	return min(schema.DayOf(time.Unix(t, 0), loc), today), nil
}

// integer is the only column of the only row.
func integer(rows [][]any, column int) (int64, error) {
	if len(rows) != 1 || len(rows[0]) <= column {
		return 0, errors.New("one row was expected")
	}
	return toInt(rows[0][column])
}

func (e *Engine) fillMeta(ctx context.Context, p *plan, rows statement, meta *Meta) error {
	meta.CountedSince = p.since
	if len(p.warnings) > 0 {
		meta.MetricWarnings = p.warnings
	}
	include := p.query.Include
	p.gaps.fill(meta, include.Imports)
	meta.ImportsWarning = strings.TrimSpace(meta.ImportsWarning + " " + p.compareWarning)
	if include.TimeLabels {
		meta.TimeLabels = p.timeLabels()
	}
	if include.Explain {
		size := p.size()
		found, err := e.Runner.Select(ctx, size.SQL, size.Params)
		if err != nil {
			return fmt.Errorf("count the counters of cube %s: %w", p.cube.Name, err)
		}
		n, err := integer(found, 0)
		if err != nil {
			return fmt.Errorf("count the counters of cube %s: %w", p.cube.Name, err)
		}
		meta.Explain = &Explanation{p.cubeNames(), p.cube.Grain.String(), n, p.why, rows}
	}
	if !include.TotalRows {
		return nil
	}
	total := int64(1)
	switch {
	case p.fills():
		total = p.buckets
	case len(p.query.Dimensions) > 0:
		count := p.count()
		found, err := e.Runner.Select(ctx, count.SQL, count.Params)
		if err != nil {
			return fmt.Errorf("count the rows of cube %s: %w", p.cube.Name, err)
		}
		if total, err = integer(found, 0); err != nil {
			return fmt.Errorf("count the rows of cube %s: %w", p.cube.Name, err)
		}
	}
	meta.TotalRows = &total
	return nil
}

// cubeNames are the cubes that are read.
func (p *plan) cubeNames() string {
	if p.goals != nil && p.goals.pageCube != nil && p.goals.pageCube != p.cube {
		return p.cube.Name + ", " + p.goals.pageCube.Name
	}
	return p.cube.Name
}

func (p *plan) timeLabels() []string {
	all := p.span.hours
	if p.interval != timeHour {
		all = func() []bucket { return p.span.buckets(p.interval) }
	}
	var labels []string
	for _, b := range all() {
		labels = append(labels, b.label)
	}
	return labels
}

// order is the one asked for, or Plausible's: time first, then the first metric, the largest first.
func (q *Query) order() []Order {
	if len(q.Order) > 0 {
		return q.Order
	}
	order := []Order{}
	for _, name := range q.Dimensions {
		if isTime(name) {
			order = append(order, Order{Name: name})
		}
	}
	return append(order, Order{Name: string(q.Metrics[0]), Descending: true})
}

// echo is the question as it was understood.
func (p *plan) echo(order []Order) Query {
	q := *p.query
	q.Range, q.Order = p.span.asked(), append([]Order{}, order...)
	q.Dimensions = append([]string{}, q.Dimensions...)
	for i, name := range q.Dimensions {
		if name == timeAny {
			q.Dimensions[i] = p.interval
		}
	}
	for i := range q.Order {
		if q.Order[i].Name == timeAny {
			q.Order[i].Name = p.interval
		}
	}
	return q
}

// results names what the store answered, and adds the warnings that depend on it.
func (p *plan) results(rows [][]any, l *layout) ([]Result, error) {
	dimensions, metrics := len(p.query.Dimensions), len(p.query.Metrics)
	labels := map[int64]string{}
	if p.interval != "" && p.interval != timeHour {
		for _, b := range p.span.buckets(p.interval) {
			labels[b.start] = b.label
		}
	}
	results := make([]Result, 0, len(rows))
	for _, row := range rows {
		if width := l.keys + len(l.columns) + len(l.flags); len(row) != width {
			return nil, fmt.Errorf("%d columns, not %d", len(row), width)
		}
		counted, flags := row[l.keys:l.keys+len(l.columns)], row[l.keys+len(l.columns):]
		r := Result{Metrics: make([]any, metrics), Dimensions: make([]any, dimensions)}
		var err error
		for i, name := range p.query.Dimensions {
			if r.Dimensions[i], err = p.dimensionValue(name, row[l.dimensions[i]], labels); err != nil {
				return nil, err
			}
			if p.codeOf(i) >= 0 {
				r.Dimensions[i] = nameOf(r.Dimensions[i])
			}
			p.warnFull(name, r.Dimensions[i])
		}
		for i, m := range p.query.Metrics {
			v, err := l.places[i].value(counted)
			if err != nil {
				return nil, err
			}
			if isRevenue(m) {
				goal := ""
				if at := slices.Index(p.query.Dimensions, goalDimension); at >= 0 {
					goal = fmt.Sprint(r.Dimensions[at])
				}
				r.Metrics[i], err = p.revenueValue(goal, v)
			} else {
				r.Metrics[i], err = p.metricValue(m, v)
			}
			if err != nil {
				return nil, err
			}
		}
		if err := p.warnJoined(l, flags); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// warnJoined reads a row's flags.
func (p *plan) warnJoined(l *layout, flags []any) error {
	for i, m := range p.query.Metrics {
		at := l.places[i].flag
		if at < 0 {
			continue
		}
		flag, err := toInt(flags[at])
		if err != nil {
			return err
		}
		if flag != 0 {
			p.warn(m, joinedWarning)
		}
	}
	return nil
}

func (p *plan) dimensionValue(name string, v any, labels map[int64]string) (any, error) {
	if isTime(name) {
		t, err := toInt(v)
		if err != nil {
			return nil, err
		}
		if p.interval == timeHour {
			return hourLabel(t, p.span.From.Location()), nil
		}
		label, ok := labels[t]
		if !ok {
			return nil, fmt.Errorf("%d does not begin a bucket", t)
		}
		return label, nil
	}
	r := reflectValue(v)
	if r.Kind() != reflect.String {
		return nil, fmt.Errorf("%T is no text", v)
	}
	s := r.String()
	a, _, _ := attributeOf(name)
	if s == "" {
		return a.missing, nil
	}
	if a.expr == cityIDExpr {
		if id, err := strconv.ParseInt(s, 10, 64); err == nil {
			return id, nil
		}
	}
	return s, nil
}

// metricValue is an int64, a float64, or nil for a division by zero.
func (p *plan) metricValue(m Metric, v any) (any, error) {
	if !isShare(m) && !p.formula(m).ratio {
		return toInt(v)
	}
	r := reflectValue(v)
	if r.Kind() != reflect.Float64 {
		return nil, fmt.Errorf("%T is no fraction", v)
	}
	if f := r.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return f, nil
	}
	return nil, nil
}

func toInt(v any) (int64, error) {
	switch r := reflectValue(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if r.Uint() <= math.MaxInt64 {
			return int64(r.Uint()), nil
		}
	case reflect.Bool:
		if r.Bool() {
			return 1, nil
		}
		return 0, nil
	}
	return 0, fmt.Errorf("%v (%T) is no number", v, v)
}

// reflectValue is what v is or points to.
func reflectValue(v any) reflect.Value { return reflect.Indirect(reflect.ValueOf(v)) }
