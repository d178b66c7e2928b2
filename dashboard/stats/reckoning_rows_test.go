package stats

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"turf/schema"
)

// group is what the facts of a row add up to.
type group struct {
	visitors, visits       int64
	lastVisitor, lastVisit int32
	sums                   [numSums]int64
	times                  []int64 // of visits that looked at a page, in milliseconds
}

// rowKey is a row: the time's label and the value of the dimension, "" without one.
type rowKey struct{ time, value string }

// rowsOf are the metrics of an answer's rows.
func rowsOf(dimensions []string, answer *Answer) map[rowKey][]any {
	rows := map[rowKey][]any{}
	for _, r := range answer.Results {
		var row rowKey
		for i, name := range dimensions {
			if isTime(name) {
				row.time = fmt.Sprint(r.Dimensions[i])
			} else {
				row.value = fmt.Sprint(r.Dimensions[i])
			}
		}
		rows[row] = r.Metrics
	}
	return rows
}

// reckon adds up the facts of a question with at most one dimension besides the time, in a span.
func (k *reckoner) reckon(q *Query, interval string, span Span) map[rowKey]*group {
	list, dim, keep := k.about(q)
	from, to := int32((span.From.Unix()-k.start)/3600), int32((span.To.Unix()-k.start)/3600)
	groups := map[uint32]*group{}
	for i := range k.facts[list] {
		f := &k.facts[list][i]
		if f.hour < from || f.hour >= to || k.skip[f.day] || !keep(f) {
			continue
		}
		key, value := uint32(0), uint32(0)
		if dim < schema.NumDimensions {
			value = uint32(f.values[dim])
		}
		switch interval {
		case timeHour:
			key = uint32(f.hour) << 8
		case timeDay:
			key = uint32(f.day) << 8
		}
		key |= value
		g := groups[key]
		if g == nil {
			g = &group{}
			groups[key] = g
		}
		g.add(f)
	}
	rows := map[rowKey]*group{}
	for key, g := range groups {
		var row rowKey
		if dim < schema.NumDimensions {
			row.value = shown(q.Dimensions, k.values[dim][key&0xff])
		}
		switch interval {
		case timeHour:
			row.time = time.Unix(k.start+int64(key>>8)*3600, 0).In(k.week.loc).Format("2006-01-02 15:04:05")
		case timeDay:
			row.time = (k.week.first + schema.Day(key>>8)).String()
		}
		if rows[row] != nil {
			panic("two values are shown as " + row.value)
		}
		rows[row] = g
	}
	return rows
}

func (g *group) add(f *fact) {
	if f.here && f.visitor != g.lastVisitor {
		g.visitors, g.lastVisitor = g.visitors+1, f.visitor
	}
	if f.here && f.visit != g.lastVisit {
		g.visits, g.lastVisit = g.visits+1, f.visit
	}
	for s, n := range f.sums {
		g.sums[s] += int64(n)
	}
	if f.sums[engagedVisitsSum] > 0 {
		g.times = append(g.times, int64(f.sums[engagedSum]))
	}
}

// about is which facts a question is about, the dimension of its rows, if it has one, and which facts it leaves.
func (k *reckoner) about(q *Query) (list int, dim schema.Dimension, keep func(*fact) bool) {
	dim, prop := schema.NumDimensions, ""
	roles := map[role]bool{}
	goal, next := false, false
	note := func(name string) schema.Dimension {
		a, p, _ := attributeOf(name)
		roles[a.role] = true
		goal, next = goal || name == goalDimension, next || name == nextPage
		if p != "" {
			prop = p
		}
		return a.dim
	}
	for _, name := range q.Dimensions {
		if !isTime(name) {
			dim = note(name)
		}
	}
	keeps := make([][]bool, len(q.Filters))
	dims := make([]schema.Dimension, len(q.Filters))
	for i := range q.Filters {
		f := &q.Filters[i]
		dims[i] = note(f.Dimension)
		for _, value := range k.values[dims[i]] {
			keeps[i] = append(keeps[i], holds(f, value))
		}
	}
	switch {
	case goal && prop != "":
		list = goalPropFacts
	case prop != "":
		list = propFacts
	case goal:
		list = goalFacts
	case next:
		list = nextFacts
	case roles[eventRole]:
		list = eventFacts
	default:
		list = map[bool]int{roles[pageRole]: pageFacts, roles[entryRole]: entryFacts, roles[exitRole]: exitFacts}[true]
	}
	propNumber := k.numbers[schema.Prop][prop]
	return list, dim, func(f *fact) bool {
		for i, d := range dims {
			if !keeps[i][f.values[d]] {
				return false
			}
		}
		return prop == "" || f.values[schema.Prop] == propNumber
	}
}

// holds reports whether a leaf holds for a stored value.
func holds(f *Filter, value string) bool {
	value = shown([]string{f.Dimension}, value)
	some := slices.ContainsFunc(f.Values, func(v string) bool {
		value, v := value, v
		if f.FoldCase {
			value, v = strings.ToLower(value), strings.ToLower(v)
		}
		switch f.Op {
		case Is, IsNot:
			return value == v
		case Contains, ContainsNot:
			return strings.Contains(value, v)
		}
		return regexp.MustCompile(v).MatchString(value)
	})
	return some != (f.Op == IsNot || f.Op == ContainsNot || f.Op == MatchesNot)
}

// shown is a stored value as it reads on the wire, under the dimension that is not time.
func shown(names []string, value string) string {
	for _, name := range names {
		id, city, _ := strings.Cut(value, ":")
		switch {
		case isTime(name):
			continue
		case value == "" && (name == "visit:source" || name == "visit:referrer"):
			return "Direct / None"
		case value == "":
			return "(not set)"
		case name == "visit:country_name", name == "visit:region_name":
			return placeNames[value]
		case name == "visit:city_name", name == "visit:city" && id == "":
			return city
		case name == "visit:city":
			return id
		}
	}
	return value
}

// expected is a metric of a row: null, or a value that is rounded to so many digits on the wire.
type expected struct {
	null   bool
	value  float64
	digits int
	// wide is by how much, as a part of itself, the answer may be off besides.
	wide float64
	// counted: there is something of which the metric tells, so the row is there.
	counted bool
}

func whole(n int64) expected { return expected{value: float64(n), counted: n != 0} }

func quotient(scale float64, num, den int64, digits int) expected {
	return expected{null: den == 0, value: scale * float64(num) / float64(den), digits: digits, counted: den != 0}
}

// metric is a metric of a row; total is the row of which it is a share, if it is one.
func (g *group) metric(m Metric, r role, total *group) expected {
	s := &g.sums
	begun := s[begunSum]
	switch m {
	case Visitors:
		return whole(g.visitors)
	case Visits:
		return whole(g.visits)
	case Pageviews:
		return whole(s[viewsSum])
	case Events:
		return whole(s[eventsSum])
	case ViewsPerVisit:
		return quotient(1, s[viewsSum], begun, 2)
	case BounceRate:
		return quotient(100, s[bouncesSum], begun, 0)
	case VisitDuration:
		return quotient(1, s[durationSum], begun, 0)
	case ExitRate:
		n := quotient(100, s[leftSum], s[viewsSum], 1)
		n.counted = s[leftSum] != 0
		return n
	case TimeOnPage:
		return quotient(1, s[engagedSecondsSum], s[engagedVisitsSum], 0)
	case ScrollDepth:
		return quotient(1, s[scrollSum], s[scrollVisitsSum], 0)
	case TimeOnPageP50, TimeOnPageP75, TimeOnPageP90:
		return g.percentile(map[Metric]float64{TimeOnPageP50: 0.5, TimeOnPageP75: 0.75, TimeOnPageP90: 0.9}[m])
	case TotalRevenue:
		return expected{null: s[amountsSum] == 0, value: float64(s[amountSum]) / 100, digits: 2, counted: s[eventsSum] != 0}
	case AverageRevenue:
		n := quotient(0.01, s[amountSum], s[amountsSum], 2)
		n.counted = s[eventsSum] != 0
		return n
	}
	n := quotient(100, g.visitors, total.visitors, 2)
	n.counted = g.visitors != 0
	return n
}

// percentile is the time below or at which that share of the visits lies, in seconds. The product reads it from a histogram.
func (g *group) percentile(share float64) expected {
	if len(g.times) == 0 {
		return expected{null: true}
	}
	slices.Sort(g.times)
	at := max(int(math.Ceil(share*float64(len(g.times))))-1, 0)
	return expected{value: float64(g.times[at]) / 1000, wide: 1.0 / 8, counted: true}
}

func (n expected) String() string { return fmt.Sprintf("%v (null %v)", n.value, n.null) }
