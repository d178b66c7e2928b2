package aggregate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"turf/aggregate"
	"turf/schema"
)

var zones = []string{"UTC", "Europe/Amsterdam", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"}

// randomDay makes the events of a day: few values, so that visitors come back by other sources, in other hours, on the same pages.
func randomDay(r *rand.Rand, loc *time.Location, day schema.Day) []*aggregate.Event {
	start, end := day.Start(loc).Unix(), (day + 1).Start(loc).Unix()
	pick := func(prefix string, n int) string {
		if i := r.IntN(n); i > 0 {
			return fmt.Sprint(prefix, i)
		}
		return ""
	}
	visitors, events := 1+r.IntN(12), []*aggregate.Event(nil)
	for range 1 + r.IntN(150) {
		e := &aggregate.Event{
			Site: 1, Day: day, Visitor: aggregate.Key{uint64(r.IntN(visitors)) + 1, 7},
			Kind: aggregate.Kind([]int{0, 0, 0, 0, 1, 2, 3}[r.IntN(7)]), Passive: r.IntN(3) == 0,
		}
		e.Time = start + r.Int64N(end-start)
		if r.IntN(2) == 0 && len(events) > 0 {
			e.Time = min(events[r.IntN(len(events))].Time+r.Int64N(2400), end-1)
		}
		for d := range schema.NumDimensions {
			e.Values[d] = pick(d.String(), 3)
		}
		e.Values[schema.Path] = pick("/", 5)
		if e.Kind == aggregate.Engagement {
			e.EngagedMS, e.ScrollDepth = r.Int64N(1<<r.IntN(24)), uint8(r.IntN(101))
			if r.IntN(4) == 0 {
				e.ScrollDepth = aggregate.ScrollUnknown
			}
		}
		if e.Kind == aggregate.Vitals {
			e.Vitals = randomVitals(r)
		}
		if e.Kind != aggregate.Custom {
			e.Values[schema.EventName] = ""
		}
		if r.IntN(2) == 0 {
			e.Revenue = schema.Money{Currency: []string{"EUR", "USD"}[r.IntN(2)], Minor: r.Int64N(1<<r.IntN(40)) - 100}
		}
		if e.Kind != aggregate.Engagement && e.Kind != aggregate.Vitals && r.IntN(4) == 0 {
			e.Props = []aggregate.Prop{{"a", pick("v", 3)}, {"b", pick("v", 3)}}
		}
		events = append(events, e)
	}
	slices.SortStableFunc(events, func(a, b *aggregate.Event) int { return int(a.Time - b.Time) })
	return events
}

// randomDeclarations has some of the goals that the days of randomDay can reach.
func randomDeclarations(r *rand.Rand) (d schema.Declarations) {
	for _, g := range []schema.Goal{
		{Name: "a", Page: "*"},
		{Name: "b", Page: "/*"},
		{Name: "c", Page: "*1"},
		{Name: "d", Page: "*", Scroll: 50},
		{Name: "e", Page: "/*2", Scroll: 90},
		{Name: "f", Event: "event1"},
		{Name: "h", Event: "event2", Currency: "EUR"},
		{Name: "g", Page: "/1"},
	} {
		if r.IntN(3) == 0 {
			d.Goals = append(d.Goals, g)
		}
	}
	for i := range r.IntN(4) {
		d.Funnels = append(d.Funnels, randomFunnel(r, fmt.Sprint(i)))
	}
	for i := range r.IntN(5) {
		d.Segments = append(d.Segments, schema.Segment{Name: fmt.Sprint(i), Filter: randomFilter(r, 1)})
	}
	for d.Segments != nil && d.Check() != nil { // two that are the same
		d.Segments = d.Segments[1:]
	}
	return d
}

// randomFunnel has steps that the days of randomDay can take, some of which fit one another.
func randomFunnel(r *rand.Rand, name string) schema.Funnel {
	steps := []schema.FunnelStep{
		{Page: "*"},
		{Page: "/1"},
		{Page: "/2"},
		{Page: "/*3"},
		{Page: "/4"},
		{Event: "event1"},
		{Event: "event2"},
	}
	f := schema.Funnel{Name: name, WindowSec: []int{0, 1, 600, 3600, 20_000}[r.IntN(5)]}
	for range schema.MinFunnelSteps + r.IntN(schema.MaxFunnelSteps-schema.MinFunnelSteps+1) {
		f.Steps = append(f.Steps, steps[r.IntN(len(steps))])
	}
	return f
}

// visitsOf groups events in time order into visits, and drops engagement that no visit is there for.
func visitsOf(events []*aggregate.Event) map[aggregate.Key][]*oracleVisit {
	all := map[aggregate.Key][]*oracleVisit{}
	for _, e := range events {
		if e.Kind == aggregate.Vitals {
			continue
		}
		visits := all[e.Visitor]
		if n := len(visits); n > 0 {
			if last := visits[n-1]; e.Time-last.events[len(last.events)-1].Time <= aggregate.IdleSec {
				last.events = append(last.events, e)
				continue
			}
		}
		if e.Kind != aggregate.Engagement {
			all[e.Visitor] = append(visits, &oracleVisit{events: []*aggregate.Event{e}, source: e.Values})
		}
	}
	return all
}
