package stats

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// dimensionsToAsk are all dimensions that are counted from events of visitors.
func dimensionsToAsk() []string {
	var names []string
	for i := range attributes {
		if attributes[i].role != dropRole {
			names = append(names, attributes[i].name)
		}
	}
	return append(names, propPrefix+"plan", propPrefix+"author")
}

// questions are all that the planner answers: each dimension or none, each filter or none, in the whole week; by the day and the hour
// and in a part of a day with fewer filters. A question has all metrics that can be asked for together.
func (c *comparison) questions(few bool) (all []*asked) {
	week := DateRange{First: c.naive.week.first, Last: c.naive.week.first + weekDays - 1}
	clock := DateRange{First: c.naive.week.first + 3, Last: c.naive.week.first + 3} // its clock goes forward
	part := DateRange{
		From: clock.First.Start(c.naive.week.loc).Add(-4 * time.Hour), To: clock.First.Start(c.naive.week.loc).Add(11 * time.Hour),
	}
	filters := []asked{{}}
	for _, name := range dimensionsToAsk() {
		filters = append(filters, c.filters(name)...)
	}
	sets := Combinations()
	for _, dimension := range append([]string{""}, dimensionsToAsk()...) {
		for _, f := range filters {
			if !together(sets, dimension, f.Filters) {
				c.refused++
				continue
			}
			for _, when := range []struct {
				interval string
				span     DateRange
			}{{"", week}, {timeDay, week}, {timeHour, clock}, {"", part}, {timeHour, part}} {
				if (when.interval != "" || when.span == part) && f.kind != "" && f.kind != "one value" || few && f.kind != "" &&
					(f.kind != "one value" || when.interval != "") {
					continue
				}
				q := Query{
					Site: c.naive.week.site.Domain, Range: when.span, Filters: append([]Filter{}, f.Filters...), Dimensions: []string{},
					Order: []Order{}, Pagination: Pagination{Limit: MaxLimit},
				}
				if when.interval != "" {
					q.Dimensions = append(q.Dimensions, when.interval)
				}
				if dimension != "" {
					q.Dimensions = append(q.Dimensions, dimension)
				}
				all = append(all, c.plan(q, f.kind)...)
			}
		}
	}
	return all
}

// together reports whether the table of combinations has the dimensions; goals and properties, which it does not have, are put to the
// planner.
func together(sets []Combination, dimension string, filters []Filter) bool {
	names := []string{dimension}
	if len(filters) > 0 {
		names = append(names, filters[0].Dimension)
	}
	if slices.ContainsFunc(names, func(n string) bool { return n == goalDimension || n == nextPage || strings.HasPrefix(n, propPrefix) }) {
		return true
	}
	return slices.ContainsFunc(sets, func(s Combination) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return n != "" && !slices.Contains(s.Dimensions, n) })
	})
}

// filters are filters by a dimension, of several kinds.
func (c *comparison) filters(name string) (all []asked) {
	a, _, _ := attributeOf(name)
	list, _, keep := c.naive.about(&Query{Dimensions: []string{name}})
	counts := map[string]int{}
	for i := range c.naive.facts[list] {
		if f := &c.naive.facts[list][i]; f.here && keep(f) {
			counts[shown([]string{name}, c.naive.values[a.dim][f.values[a.dim]])]++
		}
	}
	values := slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		return cmp.Or(counts[y]-counts[x], strings.Compare(x, y))
	})
	add := func(kind string, op Op, fold bool, values ...string) {
		q := asked{kind: kind}
		q.Filters = []Filter{{Op: op, Dimension: name, Values: values, FoldCase: fold}}
		all = append(all, q)
	}
	last := len(values) - 1
	add("one value", Is, false, values[0])
	add("one value", Is, false, values[last/2])
	add("two values", Is, true, strings.ToUpper(values[0]), values[last])
	add("all but one", IsNot, false, values[0])
	add("a part of it", Contains, false, values[0][:1])
	add("no such part", ContainsNot, false, values[0][len(values[0])-1:])
	add("a pattern", Matches, false, "^("+regexp.QuoteMeta(values[0][:1])+"|.*e$)")
	return all
}

// plan makes questions of all metrics that the parser and the planner answer: those of a histogram come apart.
func (c *comparison) plan(q Query, kind string) (all []*asked) {
	q.Metrics = []Metric{Events}
	text, err := json.Marshal(q)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := Parse(text); err != nil {
		c.refused++
		return nil
	}
	span, err := c.engine.span(c.t.Context(), &c.naive.week.site, q.Range)
	if err != nil {
		c.t.Fatal(err)
	}
	q.Metrics = nil
	plain, measured := &asked{Query: q, span: span, kind: kind}, &asked{Query: q, span: span, kind: kind}
	for _, m := range allMetrics {
		if m == Drops || isVital(m) { // of vitals: TestVitalsAgainstMeasurements
			continue
		}
		q.Metrics = []Metric{m}
		_, err := makePlan(&q, &c.naive.week.site, span)
		var invalid *InvalidError
		switch {
		case errors.As(err, &invalid):
			c.refused++
		case err != nil:
			c.t.Fatal(err)
		case isPercentile(m):
			measured.Metrics = append(measured.Metrics, m)
		default:
			plain.Metrics = append(plain.Metrics, m)
		}
	}
	for _, q := range []*asked{plain, measured} {
		if len(q.Metrics) == 0 {
			continue
		}
		if q.plan, err = makePlan(&q.Query, &c.naive.week.site, span); err != nil {
			c.t.Fatalf("%s: each of %v is answered, but not together: %v", q.text(), q.Metrics, err)
		}
		all = append(all, q)
	}
	return all
}

func (q *asked) text() string {
	return fmt.Sprintf("%v by %v where %+v, %s to %s", q.Metrics, q.Dimensions, q.Filters, q.span.From, q.span.To)
}
