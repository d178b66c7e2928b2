package reports

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"turf/dashboard/stats"
	"turf/schema"
)

// Runner runs a statement that only reads. *clickhouse.DB is one.
type Runner interface {
	// Select returns the rows; values are int64, uint64, float64, string, bool or time.Time. params are plain values.
	Select(ctx context.Context, sql string, params map[string]string) ([][]any, error)
}

// Count is a number of visitors of a value of a dimension, as the counting path tells it.
type Count struct {
	Value    string
	Visitors int64
}

// Counted asks the counting path how many visitors a site had in a period: of all (dimension ""), or by visit:source,
// visit:device or visit:country. A missing value is the empty text. It is how N of "n consented of N counted" comes here, so
// that no statement reads both stores.
type Counted func(ctx context.Context, site *schema.Site, r stats.DateRange, dimension string) ([]Count, error)

// Engine answers questions over consented events. Its methods may be called by many goroutines.
type Engine struct {
	Runner  Runner
	Now     func() time.Time
	Counted Counted // nil: reports carry no number of counted visitors, and cannot be weighted
}

// span is a period of a site: [from, to) in whole days of its zone.
type span struct {
	from, to    time.Time
	first, last schema.Day
	loc         *time.Location
	now         time.Time
}

// span resolves a question's period.
func (e *Engine) span(site *schema.Site, r Range) (span, error) {
	loc, err := site.Location()
	if err != nil {
		return span{}, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	return span{loc: loc, now: e.Now()}.resolve(r)
}

// resolve is the period that a range means in the same zone at the same time.
func (s span) resolve(r Range) (span, error) {
	resolved, err := r.Resolve(s.now, s.loc, schema.DayOf(s.now, s.loc)-MaxSpanDays+1)
	if err != nil {
		return s, invalid("date_range", "%v", err)
	}
	s.from, s.to, s.first, s.last = resolved.From, resolved.To, resolved.First, resolved.Last
	switch {
	case !resolved.WholeDays:
		return s, invalid("date_range", "it begins or ends inside a day; ask for whole days")
	case int(s.last-s.first) >= MaxSpanDays:
		return s, invalid("date_range", "it is longer than %d days", MaxSpanDays)
	}
	return s, nil
}

// before is the period of as many days that ends where this one begins.
func (s span) before() span {
	days := s.last - s.first + 1
	return s.days(s.first-days, s.first-1)
}

func (s span) days(first, last schema.Day) span {
	s.first, s.last, s.from, s.to = first, last, first.Start(s.loc), (last + 1).Start(s.loc)
	return s
}

// Period is the first and the last day that were asked about, as YYYY-MM-DD of the site.
type Period [2]string

func (s span) period() Period { return Period{s.first.String(), s.last.String()} }

// run is one question's way: what all its statements share.
type run struct {
	*Engine
	ctx  context.Context
	site *schema.Site
	span span
	ask  *Common
	// weights are nil when the question is not weighted.
	weights *factors
}

// start checks the question, resolves its period, and finds coverage and weights.
func (e *Engine) start(ctx context.Context, site *schema.Site, q question) (*run, *Coverage, error) {
	if err := q.check(); err != nil {
		return nil, nil, err
	}
	ask := q.common()
	s, err := e.span(site, ask.Range)
	if err != nil {
		return nil, nil, err
	}
	r := &run{Engine: e, ctx: ctx, site: site, span: s, ask: ask}
	coverage, err := r.coverage()
	if err != nil {
		return nil, nil, err
	}
	if ask.Weight {
		if r.weights, err = r.findWeights(); err != nil {
			return nil, nil, err
		}
		coverage.Weighting = r.weights.about()
	}
	return r, coverage, nil
}

// writer begins a statement over the people of the question.
func (r *run) writer() (*writer, error) {
	w := newWriter(r.site.ID)
	if r.ask.Cohort == nil {
		return w, nil
	}
	people, err := w.cohortPeople(r.ask.Cohort, r.span)
	w.cohort = people
	return w, err
}

// rows runs a statement; what names it in errors.
func (r *run) rows(what, sql string, w *writer) ([][]any, error) {
	rows, err := r.Runner.Select(r.ctx, sql, w.params)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", what, err)
	}
	return rows, nil
}

// weighted joins each person's weight, as the column weight, to rows that have a column person.
func (r *run) weighted(w *writer) string {
	if r.weights == nil {
		return ""
	}
	cohort := w.cohort
	w.cohort = "" // who is joined to is in it already
	sql := "LEFT JOIN (SELECT person, " + r.weights.sql(w) + " AS weight FROM (\n" + w.firstTouch(r.span.from, r.span.to) +
		")) AS weights USING (person)\n"
	w.cohort = cohort
	return sql
}

// sum is the SQL of a weighted sum; without weights it is 0.
func (r *run) sum(expr string) string {
	if r.weights == nil {
		return "toFloat64(0)"
	}
	return "sum(weight * (" + expr + "))"
}

// share is the weighted number as it is answered: nil without weights.
func (r *run) share(v float64) *float64 {
	if r.weights == nil {
		return nil
	}
	return rounded(v)
}

// firstTouch is the subquery of each person's attributes at their first event in [from, to).
func (w *writer) firstTouch(from, to time.Time) string {
	return "SELECT person, first.1 AS source, first.2 AS device, first.3 AS country, first.4 AS channel FROM (\n" +
		"SELECT person, argMin(tuple(source, device, country, channel), " + order + ") AS first\n" +
		w.events(from, to) + "GROUP BY person)"
}

// toInt reads a number of a row.
func toInt(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case uint64:
		return int64(n)
	case float64:
		return int64(n)
	}
	panic("BUG: a number was expected, not " + reflect.TypeOf(v).String())
}

func toFloat(v any) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	return float64(toInt(v))
}
