package reports_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"turf/dashboard/reports"
	"turf/schema"
)

// Must-hold 5: journeys and paths equal the naive reckoning over random event sets.
func TestJourneysEqualNaive(t *testing.T) {
	w := newWorld(t)
	edges := 0
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 7))
		w.next([]string{"UTC", "Asia/Kathmandu"}[seed%2])
		first := schema.DayOf(w.now, w.loc) - 40
		w.random(r, first, 4, 60, 12)
		for range 4 {
			q := randomJourney(r, first)
			answer, err := w.engine.Journeys(t.Context(), &w.site, q)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, dump(q), err)
			}
			want := w.naiveJourneys(q)
			w.checkJourneys(seed, q, answer, want)
			edges += len(answer.Edges)
			paths, err := w.engine.Paths(t.Context(), &w.site, &reports.PathsQuestion{JourneysQuestion: *q})
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, dump(q), err)
			}
			checkPaths(t, q, paths, want)
		}
	}
	if edges < 300 {
		t.Errorf("%d edges: the test tries too little", edges)
	}
}

func randomJourney(r *rand.Rand, first schema.Day) *reports.JourneysQuestion {
	q := &reports.JourneysQuestion{
		Anchor:    []reports.Match{{}, {Page: "/b*"}, {Event: "buy"}, {Event: "$click"}}[r.IntN(4)],
		Direction: []string{"from", "to"}[r.IntN(2)],
		Count:     []string{reports.CountPeople, reports.CountSessions}[r.IntN(2)],
		Show:      []string{"both", "pages", "events"}[r.IntN(3)],
		Steps:     1 + r.IntN(reports.MaxJourneySteps), Top: 1 + r.IntN(4), Repeats: r.IntN(2) == 0,
	}
	q.Range = days(first+schema.Day(r.IntN(2)), first+schema.Day(2+r.IntN(2)))
	return q
}

// naiveJourneys are the journeys as lists of nodes, the anchor first.
func (w *world) naiveJourneys(q *reports.JourneysQuestion) (list [][]string) {
	for _, events := range w.byPerson() {
		units := map[uint64][]schema.ConsentedEvent{}
		for _, e := range events {
			if day := schema.DayOf(e.Time, w.loc); day < q.Range.First || day > q.Range.Last {
				continue
			}
			shown := !strings.HasPrefix(e.Name, "$")
			switch q.Show {
			case "pages":
				shown = e.Name == "pageview"
			case "events":
				shown = shown && e.Name != "pageview"
			}
			if !shown && !matches(&q.Anchor, &e) {
				continue
			}
			unit := uint64(0)
			if q.Count == reports.CountSessions {
				unit = e.Session
			}
			units[unit] = append(units[unit], e)
		}
		for _, unit := range units {
			if q.Direction == "to" {
				slices.Reverse(unit)
			}
			at := slices.IndexFunc(unit, func(e schema.ConsentedEvent) bool { return matches(&q.Anchor, &e) })
			if at < 0 {
				continue
			}
			var nodes []string
			for _, e := range unit[at:] {
				node := e.Name
				if e.Name == "pageview" {
					node = "Visit " + e.Path
				}
				if q.Repeats || len(nodes) == 0 || nodes[len(nodes)-1] != node {
					nodes = append(nodes, node)
				}
			}
			list = append(list, nodes[:min(len(nodes), q.Steps+1)])
		}
	}
	return list
}

func (w *world) checkJourneys(seed uint64, q *reports.JourneysQuestion, a *reports.JourneysAnswer, journeys [][]string) {
	w.t.Helper()
	named := map[string]bool{} // step and name
	perStep := map[int]int{}
	for _, n := range a.Nodes {
		if n.Name == "(other)" || n.Name == "(exit)" || n.Name == "(entry)" {
			continue
		}
		named[fmt.Sprint(n.Step, n.Name)] = true
		if perStep[n.Step]++; perStep[n.Step] > q.Top {
			w.t.Errorf("seed %d: more than %d nodes are named at step %d", seed, q.Top, n.Step)
		}
		if n.Count < reports.DefaultK {
			w.t.Errorf("seed %d: node %v has fewer than k", seed, n)
		}
	}
	nodes, want := map[string]int64{}, map[string]int64{}
	for _, journey := range journeys {
		fold := func(step int) string {
			switch {
			case step == len(journey) && q.Direction == "to":
				return "(entry)"
			case step == len(journey):
				return "(exit)"
			case named[fmt.Sprint(step, journey[step])]:
				return journey[step]
			}
			return "(other)"
		}
		for step := 0; step <= min(len(journey), q.Steps); step++ {
			nodes[fmt.Sprint(step, " ", fold(step))]++
			if step > 0 {
				want[fmt.Sprint(step-1, " ", fold(step-1), " → ", fold(step))]++
			}
		}
	}
	for _, e := range a.Edges {
		key := fmt.Sprint(e.Step, " ", e.From, " → ", e.To)
		if want[key] != e.Count {
			w.t.Fatalf("seed %d: edge %s has %d, want %d\n%s\n%s", seed, key, e.Count, want[key], dump(q), w.dump())
		}
		delete(want, key)
	}
	for _, n := range a.Nodes {
		key := fmt.Sprint(n.Step, " ", n.Name)
		if nodes[key] != n.Count {
			w.t.Fatalf("seed %d: node %s has %d, want %d\n%s\n%s", seed, key, n.Count, nodes[key], dump(q), w.dump())
		}
		delete(nodes, key)
	}
	if len(want)+len(nodes) > 0 || a.Total != int64(len(journeys)) {
		w.t.Fatalf("seed %d: missing are %v and %v; total %d of %d\n%s", seed, want, nodes, a.Total, len(journeys), dump(q))
	}
}

func checkPaths(t *testing.T, q *reports.JourneysQuestion, a *reports.PathsAnswer, journeys [][]string) {
	t.Helper()
	want := map[string]int64{}
	for _, j := range journeys {
		want[strings.Join(j, "|")]++
	}
	rest := int64(len(journeys))
	for i, p := range a.Paths {
		rest -= p.Count
		if want[strings.Join(p.Nodes, "|")] != p.Count || p.Count < reports.DefaultK {
			t.Fatalf("path %v, want %d\n%s", p, want[strings.Join(p.Nodes, "|")], dump(q))
		}
		if i > 0 && a.Paths[i-1].Count < p.Count {
			t.Fatalf("paths are not in order: %v", a.Paths)
		}
	}
	if a.Other != rest || a.Total != int64(len(journeys)) || rest > 0 && rest < reports.DefaultK && len(a.Paths) > 0 {
		t.Fatalf("other %d of %d, want %d of %d", a.Other, a.Total, rest, len(journeys))
	}
}
