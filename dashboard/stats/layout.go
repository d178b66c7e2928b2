package stats

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// layout says which columns an answer's statement has after its dimensions, and how the metrics come from them. A sum that several
// metrics are made of is there once, and ratios are divided here and not in the statement: what the engine does for a small question
// is mostly reading it, and a ratio costs it as much as two sums.
type layout struct {
	dimensions []int    // columns of the dimensions; those of codes and their names are one
	keys       int      // columns of dimensions
	columns    []column // of sums and metrics
	flags      []string // SQL of the flags of rows that join tuples; they come last
	places     []place  // of the metrics, in the question's order
}

// column is an expression of the statement and its name there.
type column struct{ sql, name string }

func (c column) String() string { return c.sql + " AS " + c.name }

// place is where a metric is among the columns.
type place struct {
	at     int // of the metric, or of what is divided
	by     int // of the divisor; -1: there is none
	scale  float64
	digits int // decimals of the ratio
	flag   int // among the flags; -1: there is none
}

// layout is the columns of the statement in which rows come in the order.
func (p *plan) layout(w *writer, order []Order) *layout {
	l := &layout{}
	for i := range p.query.Dimensions {
		if code := p.codeOf(i); code >= 0 {
			l.dimensions = append(l.dimensions, l.dimensions[code])
			continue
		}
		l.dimensions = append(l.dimensions, l.keys)
		l.keys++
	}
	order = p.deciding(order)
	ordered := func(m Metric) bool {
		return slices.ContainsFunc(order, func(o Order) bool { return o.Name == string(m) })
	}
	l.places = make([]place, len(p.query.Metrics))
	for i, m := range p.query.Metrics {
		l.places[i] = place{at: -1, by: -1, flag: -1}
		if p.dividedHere(m) && !ordered(m) {
			continue
		}
		name := "m" // by which rows can be ordered
		if p.groupTotal(m) != nil {
			name = "n" // of which the share is made in share
		}
		l.places[i].at = l.add(p.metricColumn(w, m), name+strconv.Itoa(i))
	}
	for i, m := range p.query.Metrics {
		if at := &l.places[i]; at.at < 0 {
			p.divide(w, l, m, at)
		}
		if open := p.joins(m); len(open) > 0 {
			flag := joined(open)
			if !slices.Contains(l.flags, flag) {
				l.flags = append(l.flags, flag)
			}
			l.places[i].flag = slices.Index(l.flags, flag)
		}
	}
	return l
}

// dividedHere reports whether the metric is a ratio of two sums of its row.
func (p *plan) dividedHere(m Metric) bool {
	f := p.formula(m)
	switch {
	case p.groupTotal(GroupConversionRate) != nil: // its statement is made of two, by name
		return false
	case p.totals[m] != nil:
		return true
	}
	return f.ratio && f.share == "" && !isRevenue(m) && p.role != vitalRole
}

// divide adds what the ratio is of.
func (p *plan) divide(w *writer, l *layout, m Metric, at *place) {
	f := p.formula(m)
	part := func(sql string) int {
		if i := l.find(sql); i >= 0 {
			return i
		}
		return l.add(sql, "p"+strconv.Itoa(len(l.columns)))
	}
	at.at = part(p.sum(f.num))
	if p.totals[m] != nil {
		at.by, at.scale, at.digits = part(p.allVisitors(w, m)), 100, 2
		return
	}
	at.by, at.scale, at.digits = part(p.sum(f.den)), f.scale, f.digits
}

// find is the place of a column, or -1.
func (l *layout) find(sql string) int {
	return slices.IndexFunc(l.columns, func(c column) bool { return c.sql == sql })
}

// add appends a column.
func (l *layout) add(sql, name string) int {
	l.columns = append(l.columns, column{sql, name})
	return len(l.columns) - 1
}

// value is the metric's value in a row: that of its column, or the ratio, which is not a number (nan) where it would be divided by
// zero. It is rounded as SQL rounds, a half to the even neighbor.
func (at *place) value(columns []any) (any, error) {
	if at.by < 0 {
		return columns[at.at], nil
	}
	num, err := toInt(columns[at.at])
	if err != nil {
		return nil, fmt.Errorf("read what is divided: %w", err)
	}
	den, err := toInt(columns[at.by])
	if err != nil {
		return nil, fmt.Errorf("read the divisor: %w", err)
	}
	power := math.Pow10(at.digits)
	return math.RoundToEven(at.scale*float64(num)/float64(den)*power) / power, nil
}
