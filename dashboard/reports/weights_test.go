package reports_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"turf/dashboard/reports"
	"turf/schema"
)

// Where those who consented are as those who were counted, everybody weighs 1, and the weighted numbers of every report are
// its plain ones; also of a cohort.
func TestWeightsOfOneChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.next("Europe/Amsterdam")
	first := schema.DayOf(w.now, w.loc) - 40
	w.random(rand.New(rand.NewPCG(4, 10)), first, 4, 80, 12)
	common := reports.Common{Range: days(first, first+3), Weight: true}
	by := map[string]map[string]int64{"visit:source": {}, "visit:device": {}, "visit:country": {}}
	for _, events := range w.byPerson() {
		for i := range events {
			if day := schema.DayOf(events[i].Time, w.loc); day < first || day > first+3 {
				continue
			}
			for name := range by {
				by[name][attribute(name, &events[i])] += 5
			}
			break
		}
	}
	for name, counts := range by {
		for v, n := range counts {
			w.counts[name] = append(w.counts[name], reports.Count{Value: v, Visitors: n})
		}
	}
	for _, common.Cohort = range []*reports.Cohort{nil, {Rules: []reports.Rule{{Did: &reports.Match{Event: "buy"}}}}} {
		w.checkWeightedFunnels(common)
		w.checkWeightedRetention(common)
		w.checkWeightedOthers(common)
	}
}

func (w *world) checkWeightedFunnels(common reports.Common) {
	for _, order := range []string{reports.Ordered, reports.Strict, reports.AnyOrder} {
		for _, count := range []string{reports.CountPeople, reports.CountSessions} {
			f := &reports.FunnelQuestion{Common: common, Order: order, Count: count, Hold: []string{"visit:source"}}
			f.Steps, f.Breakdown = []reports.Match{{Event: "pageview"}, {Page: "/b*"}}, "visit:country"
			f.Next, f.Distribution = order != reports.AnyOrder, true
			a, err := w.engine.Funnel(w.t.Context(), &w.site, f)
			if err != nil {
				w.t.Fatal(err)
			}
			for i, s := range a.Steps {
				w.same("funnel "+order, s.Count, s.Weighted)
				for _, n := range s.Next {
					w.same("next", n.Count, n.Weighted)
				}
				for _, g := range a.Groups {
					w.same("group", g.Steps[i].Count, g.Steps[i].Weighted)
				}
			}
			w.samePercent("funnel", a.Steps[1].FromFirst, a.Steps[1].FromFirstWeighted)
		}
	}
}

func (w *world) checkWeightedRetention(common reports.Common) {
	for _, mode := range []string{reports.On, reports.OnOrAfter} {
		a, err := w.engine.Retention(w.t.Context(), &w.site, &reports.RetentionQuestion{Common: common, Mode: mode, Offsets: 3})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, p := range a.Curve {
			w.samePercent("retention", p.Percent, p.PercentWeighted)
		}
		for _, c := range a.Cohorts {
			for _, cell := range c.Values {
				w.samePercent("cohort", cell.Percent, cell.PercentWeighted)
			}
		}
	}
}

func (w *world) checkWeightedOthers(common reports.Common) {
	j := &reports.JourneysQuestion{Common: common, Count: reports.CountSessions}
	flow, err := w.engine.Journeys(w.t.Context(), &w.site, j)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range flow.Nodes {
		w.same("node "+n.Name, n.Count, n.Weighted)
	}
	paths, err := w.engine.Paths(w.t.Context(), &w.site, &reports.PathsQuestion{JourneysQuestion: *j})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range paths.Paths {
		w.same("path", p.Count, p.Weighted)
	}
	adoption, err := w.engine.Adoption(w.t.Context(), &w.site, &reports.AdoptionQuestion{
		Common: common, Features: []reports.Match{{Event: "buy"}, {Page: "/b/*"}}, Unit: reports.Weekly,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range adoption.Features {
		w.samePercent("feature", f.Percent, f.PercentWeighted)
	}
}

// same: a weighted number is the plain one, but for rounding.
func (w *world) same(what string, n int64, weighted *float64) {
	w.t.Helper()
	if weighted == nil || math.Abs(*weighted-float64(n)) > 0.02*float64(n)+0.01 {
		w.t.Errorf("%s: %d, weighted %v", what, n, dump(weighted))
	}
}

func (w *world) samePercent(what string, p, weighted *float64) {
	w.t.Helper()
	if p != nil && (weighted == nil || math.Abs(*p-*weighted) > 0.5) {
		w.t.Errorf("%s: %s %%, weighted %s %%", what, dump(p), dump(weighted))
	}
}
