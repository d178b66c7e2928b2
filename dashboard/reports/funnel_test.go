package reports_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/schema"
)

// Must-hold 5: funnels equal the naive reckoning over random events, for every order, way of counting, exclusion and held
// property, ties and midnights included.
func TestFunnelEqualsNaive(t *testing.T) {
	w := newWorld(t)
	reached := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		w.next([]string{"UTC", "Europe/Amsterdam", "America/Santiago"}[seed%3])
		first := schema.DayOf(w.now, w.loc) - 40
		w.random(r, first, 4, 40, 14)
		for range 4 {
			q := randomFunnel(r, first)
			answer, err := w.engine.Funnel(t.Context(), &w.site, q)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, dump(q), err)
			}
			want := w.naiveFunnel(q)
			for i, step := range answer.Steps {
				ds := want[i].durations()
				if got := describe(step.Count, step.Time); got != describe(int64(len(ds)), naiveTimes(i, ds)) {
					t.Fatalf("seed %d, step %d: got %s, want %s\n%s\n%s", seed, i+1, got, describe(int64(len(ds)), naiveTimes(i, ds)),
						dump(q), w.dump())
				}
				if q.Next && i+1 < len(answer.Steps) && !equalNext(step.Next, want[i].next) {
					t.Fatalf("seed %d, after step %d: got %v, want %v\n%s\n%s", seed, i+1, step.Next, want[i].next, dump(q), w.dump())
				}
				var buckets int64
				for _, b := range step.Distribution {
					buckets += b.Count
				}
				if i > 0 && q.Distribution && buckets != step.Count {
					t.Errorf("seed %d, step %d: %d in buckets, want %d", seed, i+1, buckets, step.Count)
				}
			}
			if answer.Steps[2].Count > 0 {
				reached++
			}
			w.checkGroups(seed, q, answer, want)
		}
	}
	if reached < 15 {
		t.Errorf("only %d of 80 funnels have somebody at step 3: the test tries too little", reached)
	}
}

func randomFunnel(r *rand.Rand, first schema.Day) *reports.FunnelQuestion {
	kinds := []reports.Match{
		{Page: "/a"},
		{Page: "/b"},
		{Page: "/b*"},
		{Page: "*_x"},
		{Event: "buy"},
		{Event: "pageview"},
		{Event: "$click"},
		{Page: "*", Props: []reports.Condition{{Name: "event:props:plan", Values: []string{"x"}}}},
		{Event: "buy", Props: []reports.Condition{{Name: "visit:source", Op: "is_not", Values: []string{"Direct / None"}}}},
		{Page: "/*", Props: []reports.Condition{{Name: "event:props:plan", Op: "contains_not", Values: []string{"x", "q"}}}},
	}
	q := &reports.FunnelQuestion{
		Order: []string{reports.Ordered, reports.Ordered, reports.Ordered, reports.Strict, reports.AnyOrder}[r.IntN(5)],
		Count: []string{reports.CountPeople, reports.CountSessions, reports.CountTotals}[r.IntN(3)],
	}
	q.Range = days(first+schema.Day(r.IntN(2)), first+schema.Day(2+r.IntN(2)))
	for range 3 + r.IntN(2) {
		q.Steps = append(q.Steps, kinds[r.IntN(len(kinds))])
	}
	q.WindowSec = []int64{1, 2, 3600, 86400, 3 * 86400}[r.IntN(5)]
	if q.Order == reports.AnyOrder && q.Count == reports.CountTotals {
		q.Count = reports.CountPeople
	}
	for q.Order == reports.Ordered && r.IntN(3) > 0 && len(q.Exclude) < reports.MaxExclusions {
		x := reports.Exclusion{Match: kinds[r.IntN(len(kinds))]}
		x.After = 1 + r.IntN(len(q.Steps)-1)
		x.Before = x.After + 1 + r.IntN(len(q.Steps)-x.After)
		q.Exclude = append(q.Exclude, x)
	}
	if r.IntN(3) == 0 {
		q.Hold = []string{"event:props:plan", "visit:source"}[:1+r.IntN(2)]
	}
	q.Next = q.Order != reports.AnyOrder && q.Count != reports.CountTotals
	q.Distribution = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		q.Breakdown = []string{"visit:source", "visit:country", "visit:device", "visit:channel"}[r.IntN(4)]
		q.Top = 1 + r.IntN(3)
	}
	return q
}

// done is a time that a step was reached.
type done struct {
	person schema.PersonRef
	ms     int64
}

// naiveStep is what the reckoning knows of a step.
type naiveStep struct {
	done []done
	next map[string]int64
}

func (s *naiveStep) durations() []int64 {
	var list []int64
	for _, d := range s.done {
		list = append(list, d.ms)
	}
	slices.Sort(list)
	return list
}

// naiveFunnel tries all rows of events.
func (w *world) naiveFunnel(q *reports.FunnelQuestion) []naiveStep {
	steps := make([]naiveStep, len(q.Steps))
	for i := range steps {
		steps[i].next = map[string]int64{}
	}
	from, to := q.Range.First.Start(w.loc), (q.Range.Last + 1).Start(w.loc)
	for _, events := range w.byPerson() {
		units := map[uint64][]schema.ConsentedEvent{}
		for _, e := range events {
			if e.Time.Before(from) {
				continue
			}
			unit := uint64(0)
			if q.Count == reports.CountSessions {
				unit = e.Session
			}
			units[unit] = append(units[unit], e)
		}
		for _, unit := range units {
			naiveUnit(q, unit, to, steps)
		}
	}
	return steps
}

// naiveUnit reckons one person or session.
func naiveUnit(q *reports.FunnelQuestion, unit []schema.ConsentedEvent, to time.Time, steps []naiveStep) {
	groups := map[string][]int{}
	for i := range unit {
		key, ok := "", true
		for _, name := range q.Hold {
			v := attribute(name, &unit[i])
			key, ok = key+"|"+v, ok && v != ""
		}
		if ok {
			groups[key] = append(groups[key], i)
		}
	}
	type first struct {
		end int // place of the event, or in any order the time in ms
		ms  int64
	}
	best := make([]*first, len(q.Steps))
	for _, places := range groups {
		for m := range q.Steps {
			var firsts []first
			if q.Order == reports.AnyOrder {
				for _, f := range naiveAnyOrder(q, unit, places, m+1, to) {
					firsts = append(firsts, first{int(f[0]), f[1]})
				}
			} else {
				starts := map[int]bool{}
				for _, c := range naiveChains(q, unit, places, m+1, to) { // by end
					if !starts[c[0]] {
						starts[c[0]] = true
						firsts = append(firsts, first{c[1], unit[c[1]].Time.UnixMilli() - unit[c[0]].Time.UnixMilli()})
					}
				}
			}
			for _, f := range firsts {
				if q.Count == reports.CountTotals {
					steps[m].done = append(steps[m].done, done{unit[0].Person, f.ms})
				} else if b := best[m]; b == nil || f.end < b.end || f.end == b.end && f.ms < b.ms {
					best[m] = &f
				}
			}
		}
	}
	last := -1
	for m, b := range best {
		if b != nil {
			steps[m].done = append(steps[m].done, done{unit[0].Person, b.ms})
			last = m
		}
	}
	if last < 0 || last == len(q.Steps)-1 || !q.Next {
		return
	}
	next := "(nothing)"
	at := unit[best[last].end].Time
	for _, e := range unit[best[last].end+1:] {
		if !strings.HasPrefix(e.Name, "$") {
			if !e.Time.After(at.Add(time.Duration(q.WindowSec) * time.Second)) {
				next = e.Name
				if e.Name == "pageview" {
					next = "Visit " + e.Path
				}
			}
			break
		}
	}
	steps[last].next[next]++
}

// naiveChains are the beginnings and ends of chains of m steps, as places: for each end the latest beginning.
func naiveChains(q *reports.FunnelQuestion, unit []schema.ConsentedEvent, places []int, m int, to time.Time) (list [][2]int) {
	var stream []int // what is looked at
	for _, p := range places {
		looked := q.Order == reports.Strict && !strings.HasPrefix(unit[p].Name, "$")
		for i := range q.Steps {
			looked = looked || matches(&q.Steps[i], &unit[p])
		}
		for i := range q.Exclude {
			looked = looked || matches(&q.Exclude[i].Match, &unit[p])
		}
		if looked {
			stream = append(stream, p)
		}
	}
	latest := map[int]int{}
	var extend func(chain []int)
	extend = func(chain []int) {
		if len(chain) == m {
			if naiveValid(q, unit, stream, chain, to) {
				start, end := stream[chain[0]], stream[chain[m-1]]
				if old, ok := latest[end]; !ok || old < start {
					latest[end] = start
				}
			}
			return
		}
		from := 0
		if len(chain) > 0 {
			from = chain[len(chain)-1] + 1
		}
		for s := from; s < len(stream); s++ {
			if q.Order == reports.Strict && len(chain) > 0 && s > from {
				break
			}
			if matches(&q.Steps[len(chain)], &unit[stream[s]]) {
				extend(append(slices.Clone(chain), s))
			}
		}
	}
	extend(nil)
	for end, start := range latest {
		list = append(list, [2]int{start, end})
	}
	slices.SortFunc(list, func(a, b [2]int) int { return a[1] - b[1] })
	return list
}

func naiveValid(q *reports.FunnelQuestion, unit []schema.ConsentedEvent, stream, chain []int, to time.Time) bool {
	start, end := unit[stream[chain[0]]].Time, unit[stream[chain[len(chain)-1]]].Time
	if !start.Before(to) || end.Sub(start) > time.Duration(q.WindowSec)*time.Second {
		return false
	}
	for i := range q.Exclude {
		x := &q.Exclude[i]
		if len(chain) <= x.After {
			continue
		}
		after, before := chain[x.After-1], chain[min(x.Before, len(chain))-1]
		for s := after + 1; s < before; s++ {
			if matches(&x.Match, &unit[stream[s]]) {
				return false
			}
		}
		// The end of a chain that is still on its way lies between, too.
		if len(chain) < x.Before && matches(&x.Match, &unit[stream[before]]) {
			return false
		}
	}
	return true
}

// naiveAnyOrder are the ends (in ms) and durations of all ways to do m of the steps from an event on.
func naiveAnyOrder(q *reports.FunnelQuestion, unit []schema.ConsentedEvent, places []int, m int, to time.Time) (list [][2]int64) {
	for i, p := range places {
		at := unit[p].Time
		fits := false
		for s := range q.Steps {
			fits = fits || matches(&q.Steps[s], &unit[p])
		}
		if !at.Before(to) || !fits {
			continue
		}
		doneSteps := map[int]bool{}
		for _, later := range places[i:] {
			ms := unit[later].Time.Sub(at).Milliseconds()
			if ms > q.WindowSec*1000 {
				break
			}
			for s := range q.Steps {
				if matches(&q.Steps[s], &unit[later]) {
					doneSteps[s] = true
				}
			}
			if len(doneSteps) >= m {
				list = append(list, [2]int64{at.UnixMilli() + ms, ms})
				break
			}
		}
	}
	return list
}

func naiveTimes(step int, ms []int64) *reports.Times {
	if step == 0 || len(ms) == 0 {
		return nil
	}
	at := func(p float64) float64 { return float64(ms[min(int(p*float64(len(ms))), len(ms)-1)]) / 1000 }
	sum := int64(0)
	for _, d := range ms {
		sum += d
	}
	return &reports.Times{
		Min: at(0), P25: at(0.25), P50: at(0.5), P75: at(0.75), P90: at(0.9), Max: at(1), Mean: float64(sum) / float64(len(ms)) / 1000,
	}
}

func describe(n int64, t *reports.Times) string {
	if t == nil {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d %.3f %.3f %.3f %.3f %.3f %.3f %.4f", n, t.Min, t.P25, t.P50, t.P75, t.P90, t.Max, t.Mean)
}

// equalNext compares lists of which only groups of k are named.
func equalNext(got []reports.Ranked, want map[string]int64) bool {
	var all int64
	for _, n := range want {
		all += n
	}
	for _, g := range got {
		all -= g.Count
		if g.Value != "(other)" && (g.Count != want[g.Value] || g.Count < reports.DefaultK) {
			return false
		}
	}
	return all == 0
}

// checkGroups: each named group equals the reckoning, no group is small, and all add up to the whole.
func (w *world) checkGroups(seed uint64, q *reports.FunnelQuestion, answer *reports.FunnelAnswer, want []naiveStep) {
	w.t.Helper()
	if q.Breakdown == "" {
		return
	}
	touch, value := map[schema.PersonRef]string{}, map[string]int64{}
	for _, events := range w.byPerson() {
		touch[events[0].Person] = attribute(q.Breakdown, &events[0])
	}
	sums := make([]int64, len(want))
	for _, g := range answer.Groups {
		for i, step := range g.Steps {
			sums[i] += step.Count
			n := int64(0)
			people := map[schema.PersonRef]bool{}
			for _, d := range want[i].done {
				v := touch[d.person]
				if v == g.Value || v == "" && (g.Value == "(not set)" || g.Value == "Direct / None") {
					n++
					people[d.person] = true
				}
			}
			if g.Value == "(other)" {
				continue
			}
			if n != step.Count {
				w.t.Fatalf("seed %d: group %q, step %d: %d, want %d\n%s\n%s", seed, g.Value, i+1, step.Count, n, dump(q), w.dump())
			}
			if i == 0 && len(people) < reports.DefaultK {
				w.t.Errorf("seed %d: group %q has %d people", seed, g.Value, len(people))
			}
		}
		value[g.Value]++
	}
	for i := range sums {
		if sums[i] != answer.Steps[i].Count {
			w.t.Errorf("seed %d: groups add up to %v, want %d at step %d", seed, sums, answer.Steps[i].Count, i+1)
		}
	}
}

func dump(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (w *world) dump() string {
	var b strings.Builder
	for _, e := range w.events {
		fmt.Fprintf(&b, "%x s%d %s.%d %s %s %v %s\n", e.Person[1:3], e.Session, e.Time.Format("01-02T15:04:05.000"), e.Seq, e.Name, e.Path,
			e.Props, e.Source)
	}
	return b.String()
}
