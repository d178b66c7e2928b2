package reports_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/schema"
)

// Cohorts equal the naive reckoning, as a size and as a filter of a funnel.
func TestCohortsEqualNaive(t *testing.T) {
	w := newWorld(t)
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 8))
		w.next([]string{"UTC", "Europe/Amsterdam"}[seed%2])
		first := schema.DayOf(w.now, w.loc) - 40
		w.random(r, first, 6, 60, 10)
		for range 5 {
			q := &reports.PeopleQuestion{By: []string{"visit:country", "event:props:plan", ""}[r.IntN(3)]}
			q.Range, q.Cohort = days(first+1, first+4), randomCohort(r, first)
			answer, err := w.engine.People(t.Context(), &w.site, q)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, dump(q), err)
			}
			members := w.naiveCohort(q.Range, q.Cohort)
			if n := int64(len(members)); n > 0 && n < reports.DefaultK {
				if answer.Size != nil || answer.SizeText != "fewer than 5" || answer.Rows != nil {
					t.Fatalf("a cohort of %d is shown as %s", n, dump(answer))
				}
			} else if answer.Size == nil || *answer.Size != n {
				t.Fatalf("seed %d: %s, want %d\n%s\n%s", seed, answer.SizeText, n, dump(q), w.dump())
			}
			w.checkRows(q, answer, members)
			f := &reports.FunnelQuestion{Common: q.Common, Steps: []reports.Match{{Event: "pageview"}, {Event: "buy"}}}
			funnel, err := w.engine.Funnel(t.Context(), &w.site, f)
			if err != nil {
				t.Fatal(err)
			}
			var want [2]int64
			for i, step := range w.naiveFunnel(f) {
				for _, d := range step.done {
					if members[d.person] {
						want[i]++
					}
				}
			}
			if got := [2]int64{funnel.Steps[0].Count, funnel.Steps[1].Count}; got != want {
				t.Fatalf("seed %d: the funnel of a cohort is %v, want %v\n%s", seed, got, want, dump(f))
			}
		}
	}
}

func randomCohort(r *rand.Rand, first schema.Day) *reports.Cohort {
	c := &reports.Cohort{Any: r.IntN(2) == 0}
	number := func(n int) *int { return &n }
	for range 1 + r.IntN(2) {
		rule := reports.Rule{Not: r.IntN(4) == 0}
		switch r.IntN(4) {
		case 0:
			rule.Did = &reports.Match{Event: "buy"}
			rule.AtLeast = number(r.IntN(3))
		case 1:
			rule.Did = &reports.Match{Page: "/b*"}
			rule.AtMost, rule.LastDays = number(r.IntN(2)), r.IntN(4)
		case 2:
			seen := days(first+schema.Day(r.IntN(3)), first+2)
			rule.FirstSeen = &seen
		default:
			rule.Has = &reports.Condition{Name: "event:props:plan", Op: "is", Values: []string{"y"}}
		}
		c.Rules = append(c.Rules, rule)
	}
	return c
}

func (w *world) naiveCohort(period reports.Range, c *reports.Cohort) map[schema.PersonRef]bool {
	members := map[schema.PersonRef]bool{}
	within := func(e *schema.ConsentedEvent, first, last schema.Day) bool {
		day := schema.DayOf(e.Time, w.loc)
		return first <= day && day <= last
	}
	for _, events := range w.byPerson() {
		present, all, some := false, true, false
		for i := range events {
			present = present || within(&events[i], period.First, period.Last)
		}
		for _, rule := range c.Rules {
			holds, times := false, 0
			first := period.First
			if rule.LastDays > 0 {
				first = period.Last - schema.Day(rule.LastDays) + 1
			}
			for i := range events {
				e := &events[i]
				if rule.Did != nil && within(e, first, period.Last) && matches(rule.Did, e) {
					times++
				}
				if rule.Has != nil && within(e, period.First, period.Last) && meets(rule.Has, e) {
					holds = true
				}
			}
			switch {
			case rule.AtLeast != nil:
				holds = times >= *rule.AtLeast
			case rule.AtMost != nil:
				holds = times <= *rule.AtMost
			case rule.FirstSeen != nil:
				holds = within(&events[0], rule.FirstSeen.First, rule.FirstSeen.Last)
			}
			holds = holds != rule.Not
			all, some = all && holds, some || holds
		}
		if present && (all || c.Any && some) {
			members[events[0].Person] = true
		}
	}
	return members
}

// checkRows: the rows of an attribute equal a count by hand, and none has fewer than k people.
func (w *world) checkRows(q *reports.PeopleQuestion, a *reports.PeopleAnswer, members map[schema.PersonRef]bool) {
	w.t.Helper()
	want := map[string]int64{}
	for _, events := range w.byPerson() {
		if !members[events[0].Person] {
			continue
		}
		values, seen := map[string]bool{}, false
		for i := range events {
			if day := schema.DayOf(events[i].Time, w.loc); day < q.Range.First || day > q.Range.Last {
				continue
			}
			v := attribute(q.By, &events[i])
			if strings.HasPrefix(q.By, "event:props:") && v != "" {
				values[v] = true
			} else if q.By == "visit:country" && !seen {
				seen = true
				setDefault(&v, "(not set)")
				values[v] = true
			}
		}
		for v := range values {
			want[v]++
		}
	}
	for _, row := range a.Rows {
		if row.Value == "(other)" {
			continue
		}
		if row.Count != want[row.Value] || row.Count < reports.DefaultK {
			w.t.Fatalf("%s: %v, want %d\n%s", q.By, row, want[row.Value], dump(q))
		}
	}
}

// n of N stands in every report, and weighted numbers have the margins of the counted visitors.
func TestCoverageAndWeights(t *testing.T) {
	w := newWorld(t)
	first := schema.DayOf(w.now, w.loc) - 40
	var events []schema.ConsentedEvent
	sources := []string{"Google", "Google", "Google", "Bing", ""}
	for p := range 200 {
		for day := range schema.Day(1 + p%2) { // every other person on two days
			e := schema.ConsentedEvent{
				Person: schema.PersonRef{2, byte(p)}, Name: "pageview", Path: "/", Source: sources[p%5], Country: []string{"NL", "BE"}[p%7%2],
				Device: []string{"Mobile", "Desktop", "Mobile"}[p%3], Time: (first + day).Start(w.loc).Add(time.Hour),
			}
			events = append(events, e)
			if p%4 == 0 && day == 0 {
				e.Name, e.Time = "buy", e.Time.Add(time.Minute)
				events = append(events, e)
			}
		}
	}
	w.add(events)
	w.counts[""] = []reports.Count{{Visitors: 1200}}
	w.counts["visit:source"] = []reports.Count{{"Google", 300}, {"Bing", 300}, {"", 600}}
	w.counts["visit:device"] = []reports.Count{{"Mobile", 400}, {"Desktop", 800}}
	w.counts["visit:country"] = []reports.Count{{"NL", 1000}, {"BE", 200}}
	q := &reports.PeopleQuestion{}
	q.Range, q.Weight = days(first, first+1), true
	for by, counts := range w.counts {
		if q.By = by; by == "" {
			continue
		}
		a, err := w.engine.People(t.Context(), &w.site, q)
		if err != nil {
			t.Fatal(err)
		}
		if c := a.Coverage; c.People != 200 || c.Consented != 300 || *c.Counted != 1200 || *c.Percent != 25 ||
			c.Text != "300 consented of 1200 counted (25 %)" || !c.Weighting.Converged {
			t.Errorf("coverage %s", dump(c))
		}
		for _, count := range counts {
			at := slices.IndexFunc(a.Rows, func(r reports.Ranked) bool {
				return r.Value == count.Value || count.Value == "" && r.Value == "Direct / None"
			})
			want := float64(count.Visitors) / 1200 * 200
			if at < 0 || math.Abs(*a.Rows[at].Weighted-want) > want/200 {
				t.Errorf("%s %q: %s, want %g weighted", by, count.Value, dump(a.Rows), want)
			}
		}
	}
	f := &reports.FunnelQuestion{Steps: []reports.Match{{Page: "/"}, {Event: "buy"}}, Compare: "previous_period"}
	f.Common = q.Common
	a, err := w.engine.Funnel(t.Context(), &w.site, f)
	if err != nil {
		t.Fatal(err)
	}
	s := a.Steps
	if s[0].Count != 200 || s[1].Count != 50 || math.Abs(*s[0].Weighted-200) > 1 || *s[1].FromFirst != 25 ||
		math.Abs(*s[1].FromFirstWeighted - 100**s[1].Weighted / *s[0].Weighted) > 0.1 {
		t.Errorf("weighted funnel %s", dump(s))
	}
	if a.Before == nil || a.Before.Steps[0].Count != 0 || a.Before.Period != (reports.Period{(first - 2).String(), (first - 1).String()}) {
		t.Errorf("the period before: %s", dump(a.Before))
	}
}

// Feature adoption: shares of the active people, features that nobody used, and stickiness, against a count by hand.
func TestAdoption(t *testing.T) {
	w := newWorld(t)
	w.next("Europe/Amsterdam")
	r := rand.New(rand.NewPCG(3, 9))
	first := schema.DayOf(w.now, w.loc) - 60
	w.random(r, first, 50, 60, 14)
	q := &reports.AdoptionQuestion{Features: []reports.Match{{Event: "buy"}, {Event: "never", Name: "Nobody"}, {Page: "/b*"}}}
	q.Range = days(first+35, first+45)
	a, err := w.engine.Adoption(t.Context(), &w.site, q)
	if err != nil {
		t.Fatal(err)
	}
	active, used := map[string]bool{}, map[string]bool{}
	uses := make([]int64, 3)
	for _, e := range w.events {
		day := schema.DayOf(e.Time, w.loc)
		if day < q.Range.First || day > q.Range.Last {
			continue
		}
		if !strings.HasPrefix(e.Name, "$") {
			active[fmt.Sprint(e.Person)], active[fmt.Sprint(e.Person, day)] = true, true
		}
		for i := range q.Features {
			if matches(&q.Features[i], &e) {
				used[fmt.Sprint(i, e.Person)], used[fmt.Sprint(i, e.Person, day)] = true, true
				uses[i]++
			}
		}
	}
	for i, f := range a.Features {
		n := int64(0)
		for p := range 60 {
			if used[fmt.Sprint(i, schema.PersonRef{1, byte(p)})] {
				n++
			}
		}
		if f.Uses != uses[i] || f.People == nil || *f.People != n || f.Never != (n == 0) || len(f.ByUnit) != 11 {
			t.Errorf("feature %s, want %d uses by %d", dump(f), uses[i], n)
		}
	}
	if f := a.Features[1]; f.Label != "Nobody" || !f.Never || f.Core {
		t.Errorf("a feature that nobody used: %s", dump(f))
	}
	w.checkStickiness(q, a)
	for i, unit := range a.Units {
		n := int64(0)
		for p := range 60 {
			if active[fmt.Sprint(schema.PersonRef{1, byte(p)}, q.Range.First+schema.Day(i))] {
				n++
			}
		}
		if unit.Active != n || unit.Incomplete {
			t.Errorf("unit %v, want %d", unit, n)
		}
	}
}

// checkStickiness counts the people of each span of days by hand.
func (w *world) checkStickiness(q *reports.AdoptionQuestion, a *reports.AdoptionAnswer) {
	w.t.Helper()
	var spans [3][]float64
	for d := q.Range.First; d <= q.Range.Last; d++ {
		for i, n := range []schema.Day{1, 7, 30} {
			people := map[schema.PersonRef]bool{}
			for _, e := range w.events {
				if day := schema.DayOf(e.Time, w.loc); day > d-n && day <= d && !strings.HasPrefix(e.Name, "$") {
					people[e.Person] = true
				}
			}
			spans[i] = append(spans[i], float64(len(people)))
		}
	}
	for i, n := range []*float64{a.Stickiness.DAU, a.Stickiness.WAU, a.Stickiness.MAU} {
		sum := 0.0
		for _, v := range spans[i] {
			sum += v
		}
		if want := sum / float64(len(spans[i])); math.Abs(*n-want) > 0.01 {
			w.t.Errorf("active in span %d: %g, want %g", i, *n, want)
		}
	}
	ratio := 0.0
	for d := range spans[0] {
		ratio += 100 * spans[0][d] / spans[2][d] / float64(len(spans[0]))
	}
	if math.Abs(*a.Stickiness.DAUByMAU-ratio) > 0.02 {
		w.t.Errorf("DAU/MAU %g, want %g", *a.Stickiness.DAUByMAU, ratio)
	}
}
