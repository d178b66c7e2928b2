package reports

import (
	"context"
	"fmt"
	"math"
	"slices"

	"turf/schema"
)

// Limits of funnels.
const (
	MinSteps      = 2
	MaxSteps      = 8
	MaxExclusions = 4
	MaxHold       = 3
	// MaxWindowSec is the longest window, 366 days; DefaultWindowSec is 7 days.
	MaxWindowSec     = 366 * 86400
	DefaultWindowSec = 7 * 86400
)

// The orders of a funnel's steps.
const (
	Ordered  = "ordered"   // one after another; anything may lie between
	Strict   = "strict"    // one after another with nothing between but the script's own events
	AnyOrder = "any_order" // in any order
)

// What a funnel counts.
const (
	CountPeople   = "people"
	CountSessions = "sessions"
	CountTotals   = "totals" // every time that somebody begins
)

// FunnelQuestion asks how many went through steps. See "Funnels" in the package's documentation for what each part means.
type FunnelQuestion struct {
	Common
	Steps     []Match     `json:"steps"`
	Order     string      `json:"order,omitempty"`      // Ordered (default), Strict or AnyOrder
	WindowSec int64       `json:"window_sec,omitempty"` // from the first step to the last; 0 is DefaultWindowSec
	Exclude   []Exclusion `json:"exclude,omitempty"`
	// Hold are attributes that have the same value at every step, which is not empty.
	Hold  []string `json:"hold,omitempty"`
	Count string   `json:"count,omitempty"` // CountPeople (default), CountSessions or CountTotals
	// Breakdown is visit:channel, visit:source, visit:country or visit:device of a person's first event of all that is kept.
	Breakdown string `json:"breakdown,omitempty"`
	Top       int    `json:"top,omitempty"` // how many values are named; 0 is 10
	// Distribution asks how long it took in buckets, Next what those who went no further did next.
	Distribution bool `json:"distribution,omitempty"`
	Next         bool `json:"next,omitempty"`
	// Compare is "previous_period", or empty.
	Compare string `json:"compare,omitempty"`
}

// Exclusion is an event that must not lie between two steps.
type Exclusion struct {
	Match
	After  int `json:"after,omitempty"`  // step after which it must not come, from 1; 0 is the first
	Before int `json:"before,omitempty"` // step before which it must not come; 0 is the last
}

// breakdowns are the attributes of a first touch.
var breakdowns = []string{"visit:channel", "visit:source", "visit:country", "visit:device"}

func (q *FunnelQuestion) check() error {
	if err := q.Common.check(); err != nil {
		return err
	}
	setDefault(&q.Order, Ordered)
	setDefault(&q.Count, CountPeople)
	if q.WindowSec == 0 {
		q.WindowSec = DefaultWindowSec
	}
	if err := checkTop(&q.Top); err != nil {
		return err
	}
	switch {
	case len(q.Steps) < MinSteps || len(q.Steps) > MaxSteps:
		return invalid("steps", "there are %d, and can be %d to %d", len(q.Steps), MinSteps, MaxSteps)
	case !slices.Contains([]string{Ordered, Strict, AnyOrder}, q.Order):
		return invalid("order", "%q is not known; use %s, %s or %s", q.Order, Ordered, Strict, AnyOrder)
	case !slices.Contains([]string{CountPeople, CountSessions, CountTotals}, q.Count):
		return invalid("count", "%q is not known; use %s, %s or %s", q.Count, CountPeople, CountSessions, CountTotals)
	case q.WindowSec < 1 || q.WindowSec > MaxWindowSec:
		return invalid("window_sec", "it is from 1 to %d seconds", MaxWindowSec)
	case q.Breakdown != "" && !slices.Contains(breakdowns, q.Breakdown):
		return invalid("breakdown", "%q is not known; use one of %v", q.Breakdown, breakdowns)
	case len(q.Hold) > MaxHold:
		return invalid("hold", "there are %d, and can be %d", len(q.Hold), MaxHold)
	case q.Compare != "" && q.Compare != "previous_period":
		return invalid("compare", "%q is not known; use previous_period", q.Compare)
	case q.Order == AnyOrder && q.Count == CountTotals:
		return invalid("count", "in any order nothing begins a second time; count people or sessions")
	case q.Order != Ordered && len(q.Exclude) > 0:
		return invalid("exclude", "only steps that are %s can have something excluded between them", Ordered)
	case q.Next && q.Count == CountTotals:
		return invalid("next", "what came next is known of people and sessions, not of totals")
	case q.Next && q.Order == AnyOrder:
		return invalid("next", "in any order there is no last step; ask for %s or %s", Ordered, Strict)
	}
	return q.checkParts()
}

func (q *FunnelQuestion) checkParts() error {
	for i := range q.Steps {
		if err := q.Steps[i].check(fmt.Sprintf("steps[%d]", i), false); err != nil {
			return err
		}
	}
	for i, name := range q.Hold {
		if err := checkAttribute(fmt.Sprintf("hold[%d]", i), name); err != nil {
			return err
		}
	}
	if len(q.Exclude) > MaxExclusions {
		return invalid("exclude", "there are %d, and can be %d", len(q.Exclude), MaxExclusions)
	}
	for i := range q.Exclude {
		x, field := &q.Exclude[i], fmt.Sprintf("exclude[%d]", i)
		if x.After == 0 {
			x.After = 1
		}
		if x.Before == 0 {
			x.Before = len(q.Steps)
		}
		if x.After < 1 || x.After >= x.Before || x.Before > len(q.Steps) {
			return invalid(field, "it lies between two of the %d steps, the later one after the earlier one", len(q.Steps))
		}
		if err := x.check(field, false); err != nil {
			return err
		}
	}
	return nil
}

func setDefault(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

func checkTop(top *int) error {
	if *top == 0 {
		*top = defaultTop
	}
	if *top < 1 || *top > MaxTop {
		return invalid("top", "it is from 1 to %d", MaxTop)
	}
	return nil
}

// FunnelAnswer is how many went through the steps.
type FunnelAnswer struct {
	Period   Period       `json:"period"`
	Coverage *Coverage    `json:"coverage"`
	Count    string       `json:"count"`
	Steps    []StepAnswer `json:"steps"`
	// Groups are the same by first touch, the largest first; the rest, and groups of fewer than k, are "(other)", the last one.
	Groups []FunnelGroup `json:"groups,omitempty"`
	// Before is the same of the period before.
	Before *FunnelAnswer `json:"before,omitempty"`
	// Open: the window of some who began is not over yet, so that they may still go on.
	Open bool `json:"open"`
}

// StepAnswer is a step. In any order step n is "n of the steps".
type StepAnswer struct {
	Label    string   `json:"label"`
	Count    int64    `json:"count"`
	Weighted *float64 `json:"weighted,omitempty"`
	Dropoff  int64    `json:"dropoff"` // of the step before, who did not get here
	// The shares of the step before and of the first one, in percent; nil where nobody was there.
	FromPrevious *float64 `json:"conversion_from_previous"`
	FromFirst    *float64 `json:"conversion_from_first"`
	// Weighted share of the first step.
	FromFirstWeighted *float64 `json:"conversion_from_first_weighted,omitempty"`
	// Low and High are the 95 % confidence interval of FromFirst (Wilson).
	Low  *float64 `json:"conversion_low,omitempty"`
	High *float64 `json:"conversion_high,omitempty"`
	// Time is how long it took from the first step. nil for the first step, and where nobody came.
	Time         *Times   `json:"time,omitempty"`
	Distribution []Bucket `json:"distribution,omitempty"`
	// Next is what those did next who came to this step and no further. Nothing more: "(nothing)".
	Next []Ranked `json:"next,omitempty"`
}

// Times are seconds. A percentile p is the value at the place p·n of n in order, from 0.
type Times struct {
	Min  float64 `json:"min"`
	P25  float64 `json:"p25"`
	P50  float64 `json:"p50"`
	P75  float64 `json:"p75"`
	P90  float64 `json:"p90"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
}

// Bucket is how many needed at least FromSec and less than the next bucket.
type Bucket struct {
	FromSec int64 `json:"from_sec"`
	Count   int64 `json:"count"`
}

// Ranked is a row of a list of which the first are named.
type Ranked struct {
	Value    string   `json:"value"`
	Count    int64    `json:"count"`
	Weighted *float64 `json:"weighted,omitempty"`
	Percent  *float64 `json:"percent"`
}

// FunnelGroup is the funnel of the people of one first touch.
type FunnelGroup struct {
	Value string       `json:"value"`
	Steps []StepAnswer `json:"steps"`
}

// Funnel answers how many went through the steps of a question. The question's mistakes are *InvalidError.
func (e *Engine) Funnel(ctx context.Context, site *schema.Site, q *FunnelQuestion) (*FunnelAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	answer, err := r.funnel(q)
	if err != nil {
		return nil, err
	}
	answer.Coverage = coverage
	if q.Compare == "" {
		return answer, nil
	}
	previous := *r
	previous.span, previous.weights = r.span.before(), nil // the weights are those of the period
	plain := *q
	plain.Breakdown, plain.Distribution, plain.Next = "", false, false
	if answer.Before, err = previous.funnel(&plain); err != nil {
		return nil, err
	}
	return answer, nil
}

func (r *run) funnel(q *FunnelQuestion) (*FunnelAnswer, error) {
	rows, err := r.funnelRows(q, "")
	if err != nil {
		return nil, err
	}
	answer := &FunnelAnswer{Period: r.span.period(), Count: q.Count, Steps: r.steps(q, addUp(rows, len(q.Steps)))}
	answer.Open = r.span.to.Unix()+q.WindowSec > r.span.now.Unix()
	for _, row := range rows { // one, or none where nobody began
		for i := 1; i < len(q.Steps); i++ {
			if answer.Steps[i].Count > 0 {
				answer.Steps[i].Time = times(row[2+funnelColumns*len(q.Steps)+len(timeColumns)*(i-1):])
			}
		}
	}
	if q.Breakdown != "" {
		if rows, err = r.funnelRows(q, q.Breakdown); err != nil {
			return nil, err
		}
		for _, g := range fold(groupsOf(rows), q.Top, q.K) {
			steps := r.steps(q, addUp(g.rows, len(q.Steps)))
			answer.Groups = append(answer.Groups, FunnelGroup{shownGroup(q.Breakdown, g.value), steps})
		}
	}
	if q.Distribution {
		err = r.addDistribution(q, answer)
	}
	if q.Next && err == nil {
		err = r.addNext(q, answer)
	}
	return answer, err
}

func (r *run) funnelRows(q *FunnelQuestion, breakdown string) ([][]any, error) {
	sql, w, err := r.funnelStatement(q, breakdown)
	if err != nil {
		return nil, err
	}
	return r.rows("the funnel", sql, w)
}

func times(row []any) *Times {
	var sec [len(timeColumns)]float64
	for i := range sec {
		sec[i] = toFloat(row[i]) / 1000
	}
	return &Times{sec[0], sec[1], sec[2], sec[3], sec[4], sec[5], sec[6]}
}

// bucketEdges are the beginnings of buckets of time, in seconds.
var bucketEdges = [...]int64{
	0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600,
	86400, 2 * 86400, 3 * 86400, 7 * 86400, 14 * 86400, 30 * 86400, 60 * 86400, 90 * 86400, 180 * 86400,
}

func (r *run) addDistribution(q *FunnelQuestion, answer *FunnelAnswer) error {
	sql, w, err := r.distributionStatement(q)
	if err != nil {
		return err
	}
	rows, err := r.rows("the times of the funnel", sql, w)
	if err != nil {
		return err
	}
	for _, row := range rows {
		step := &answer.Steps[toInt(row[0])-1]
		step.Distribution = append(step.Distribution, Bucket{bucketEdges[toInt(row[1])-1], toInt(row[2])})
	}
	return nil
}

func (r *run) addNext(q *FunnelQuestion, answer *FunnelAnswer) error {
	sql, w, err := r.nextStatement(q)
	if err != nil {
		return err
	}
	rows, err := r.rows("what came next", sql, w)
	if err != nil {
		return err
	}
	byStep := make([][][]any, len(q.Steps)+1)
	for _, row := range rows {
		byStep[toInt(row[4])] = append(byStep[toInt(row[4])], row)
	}
	for i := range len(q.Steps) - 1 {
		answer.Steps[i].Next = r.rank(byStep[i+1], q.Top, answer.Steps[i+1].Dropoff, func(node string) string {
			if node == "" {
				return nothing
			}
			return node
		})
	}
	return nil
}

// nothing is where somebody did nothing more.
const nothing = "(nothing)"

// funnelColumns is how many columns a step has in a row: count and weighted.
const funnelColumns = 2

// tally is what was counted of one step.
type tally struct {
	count    int64
	weighted float64
}

// addUp adds the rows of a funnel: value, people, then count and weighted of each step.
func addUp(rows [][]any, steps int) []tally {
	sums := make([]tally, steps)
	for _, row := range rows {
		for i := range sums {
			at := 2 + funnelColumns*i
			sums[i].count += toInt(row[at])
			sums[i].weighted += toFloat(row[at+1])
		}
	}
	return sums
}

func (r *run) steps(q *FunnelQuestion, sums []tally) []StepAnswer {
	steps := make([]StepAnswer, len(sums))
	for i, sum := range sums {
		s := StepAnswer{Label: q.Steps[i].String(), Count: sum.count, Weighted: r.share(sum.weighted)}
		if q.Order == AnyOrder {
			s.Label = fmt.Sprintf("%d of %d", i+1, len(sums))
		}
		if i > 0 {
			first := float64(sums[0].count)
			s.Dropoff = sums[i-1].count - sum.count
			s.FromPrevious, s.FromFirst = percent(float64(sum.count), float64(sums[i-1].count)), percent(float64(sum.count), first)
			s.Low, s.High = wilson(float64(sum.count), first)
			if r.weights != nil {
				s.FromFirstWeighted = percent(sum.weighted, sums[0].weighted)
			}
		}
		steps[i] = s
	}
	return steps
}

// wilson is the 95 % confidence interval of n of all, in percent.
func wilson(n, all float64) (low, high *float64) {
	if all == 0 {
		return nil, nil
	}
	const z = 1.959964
	p := n / all
	middle := p + z*z/(2*all)
	half := z * math.Sqrt(p*(1-p)/all+z*z/(4*all*all))
	whole := 1 + z*z/all
	return rounded(100 * max(0, (middle-half)/whole)), rounded(100 * min(1, (middle+half)/whole))
}
