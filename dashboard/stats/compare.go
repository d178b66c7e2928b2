package stats

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"turf/schema"
)

// Modes of a comparison.
const (
	previousPeriod = "previous_period"
	yearOverYear   = "year_over_year"
	customPeriod   = "custom"
)

// Comparisons is with which other span the answer is compared. It is our own.
type Comparisons struct {
	// Mode is previous_period (as many days, right before; of a span that begins or ends inside a day, as many hours), year_over_year
	// (the same dates of the year before) or custom.
	Mode string `json:"mode"`
	// Range is the span, of custom.
	Range *DateRange `json:"date_range,omitempty"`
}

// Comparison is a row in the other span.
type Comparison struct {
	Dimensions []any `json:"dimensions"` // those of the row, but for the time, which is that of the other span
	Metrics    []any `json:"metrics"`
	// Change is how far each metric went since: in percent of what it was, bounce_rate in points. nil where that is not defined.
	Change []any `json:"change"`
}

func parseComparisons(raw json.RawMessage) (*Comparisons, error) {
	fields, err := object("include.comparisons", raw)
	if err != nil {
		return nil, err
	}
	c := &Comparisons{}
	if c.Mode, err = decode[string]("include.comparisons.mode", "previous_period, year_over_year or custom", fields["mode"]); err != nil {
		return nil, err
	}
	span, hasSpan := fields["date_range"]
	delete(fields, "mode")
	delete(fields, "date_range")
	if name, unknown := first(fields); unknown {
		return nil, invalid("include.comparisons", "unknown key %q. The keys are mode, date_range", name)
	}
	switch c.Mode {
	case previousPeriod, yearOverYear:
		if hasSpan {
			return nil, invalid("include.comparisons", "date_range goes with the mode custom only")
		}
		return c, nil
	case customPeriod:
	default:
		return nil, invalid("include.comparisons", "%q is not a mode. Use previous_period, year_over_year or custom", c.Mode)
	}
	if !hasSpan {
		return nil, invalid("include.comparisons", "the mode custom needs a date_range")
	}
	r, err := parseRange(span)
	c.Range = &r
	return c, err
}

// other is the span to compare with; not of custom.
func (c *Comparisons) other(s Span) (Span, error) {
	loc := s.From.Location()
	instants := func(from, to time.Time) (Span, error) { return DateRange{From: from, To: to}.Resolve(from, loc, 0) }
	switch {
	case c.Mode == yearOverYear && s.WholeDays:
		return daySpan(yearBefore(s.First), yearBefore(s.Last), loc)
	case c.Mode == yearOverYear:
		return instants(s.From.AddDate(-1, 0, 0), s.To.AddDate(-1, 0, 0))
	case s.WholeDays:
		days := s.Last - s.First + 1
		return daySpan(s.First-days, s.Last-days, loc)
	}
	length := s.To.Sub(s.From)
	return instants(s.From.Add(-length), s.To.Add(-length))
}

// yearBefore is the same date of the year before; of the 29th of February the 28th.
func yearBefore(d schema.Day) schema.Day {
	y, m, day := d.Civil()
	before := schema.Date(y-1, m, day)
	if _, other, _ := before.Civil(); other != m {
		before--
	}
	return before
}

// compare adds to each row what it was in the other span, where that was asked for.
func (e *Engine) compare(ctx context.Context, p *plan, answer *Answer) error {
	c := p.query.Include.Comparisons
	if c == nil {
		return nil
	}
	var other Span
	var err error
	if c.Mode == customPeriod {
		other, err = e.span(ctx, p.site, *c.Range)
	} else {
		other, err = c.other(p.span)
	}
	if err != nil {
		return err
	}
	q := *p.query
	q.Include, q.Pagination = Include{}, Pagination{Limit: MaxLimit}
	q.Dimensions = slices.Clone(q.Dimensions)
	at := -1 // place of the time among the dimensions
	for i, name := range q.Dimensions {
		if isTime(name) {
			q.Dimensions[i], at = p.interval, i // the interval that was chosen for the span itself
		}
	}
	q.Order = slices.Clone(q.Order)
	for i := range q.Order {
		if isTime(q.Order[i].Name) {
			q.Order[i].Name = p.interval
		}
	}
	then, err := makePlan(&q, p.site, other)
	if err != nil {
		return err
	}
	if err := e.lookAtImports(then); err != nil {
		return err
	}
	rows, l := then.rows(q.order())
	values, err := e.Runner.Select(ctx, rows.SQL, rows.Params)
	if err != nil {
		return fmt.Errorf("ask cube %s for the other span: %w", then.cube.Name, err)
	}
	results, err := then.results(values, l)
	if err != nil {
		return fmt.Errorf("read the rows of cube %s for the other span: %w", then.cube.Name, err)
	}
	results = then.blank(results, q.order())
	for m, w := range then.warnings {
		p.warn(m, w)
	}
	if text := then.gaps.leftText(); text != "" && !then.gaps.excluded {
		p.compareWarning = "Of what it is compared with: " + text
	}
	asked := other.asked()
	answer.Meta.ComparisonRange = &asked
	matchRows(p, then, at, answer.Results, results)
	return nil
}

// matchRows puts the rows of the other span beside those that they belong to: those of the same dimensions, and of the bucket of time
// of the same number. What the other span has no row for was nothing, unless not all of its rows were read.
func matchRows(p, then *plan, at int, now, before []Result) {
	labels := map[any]any{} // of the other span, by those of this one
	days := map[any]schema.DaySpan{}
	if at >= 0 {
		here, there := p.timeLabels(), then.timeLabels()
		for i := range min(len(here), len(there)) {
			labels[here[i]] = there[i]
		}
		for label, span := range then.bucketDays().days {
			days[label] = span
		}
	}
	key := func(dimensions []any) string {
		text, err := json.Marshal(dimensions)
		if err != nil {
			panic("BUG: dimensions are text and numbers: " + err.Error())
		}
		return string(text)
	}
	found := make(map[string]*Result, len(before))
	for i := range before {
		found[key(before[i].Dimensions)] = &before[i]
	}
	// Numbers of all that is known of two spans say nothing of a change where it is not all of them.
	partial := at < 0 && len(p.gaps.left)+len(then.gaps.left) > 0
	whole := schema.DaySpan{First: then.span.First, Last: then.span.Last}
	for i := range now {
		dimensions := slices.Clone(now[i].Dimensions)
		if at >= 0 {
			label, ok := labels[dimensions[at]]
			if !ok {
				continue // the other span is shorter
			}
			dimensions[at] = label
		}
		old := found[key(dimensions)]
		if old == nil && len(before) >= MaxLimit {
			continue
		}
		c := &Comparison{Dimensions: dimensions}
		for j, m := range p.query.Metrics {
			var value any = nothingCounted(m)
			if n, ok := value.(int); ok {
				value = int64(n)
			}
			switch {
			case old != nil:
				value = old.Metrics[j]
			case at < 0 && then.lacks(m, whole), at >= 0 && then.lacks(m, days[dimensions[at]]):
				value = nil
			}
			c.Metrics = append(c.Metrics, value)
			if partial {
				c.Change = append(c.Change, nil)
				continue
			}
			c.Change = append(c.Change, change(m, value, now[i].Metrics[j]))
		}
		now[i].Comparison = c
	}
}
