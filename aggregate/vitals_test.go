package aggregate_test

import (
	"math/rand/v2"
	"testing"

	"turf/aggregate"
	"turf/schema"
)

// reckonVitals counts each measurement of a page that its visitor was on before, that day: in the histogram, and in the cell of all
// of them. A visitor counts where the first one of the day of that page and vital is.
func (o *oracle) reckonVitals(events []*aggregate.Event, visitors map[aggregate.Key][]*oracleVisit) {
	cube, _ := schema.CubeByID(schema.CubeVitals)
	type where struct {
		visitor    aggregate.Key
		host, path string
		vital      schema.Vital
	}
	counted, had := map[*aggregate.Event]bool{}, map[where]bool{}
	for _, visits := range visitors {
		for _, visit := range visits {
			for _, e := range visit.events {
				counted[e] = true
			}
		}
	}
	for _, e := range events {
		at := where{e.Visitor, e.Values[schema.Hostname], e.Values[schema.Path], schema.NumVitals} // on that page
		if counted[e] {
			had[at] = true
		}
		if e.Kind != aggregate.Vitals || !had[at] {
			continue
		}
		v := e.Values
		v[schema.Device] = visitors[e.Visitor][0].events[0].Values[schema.Device]
		for at.vital = range schema.NumVitals {
			m := e.Vitals[at.vital]
			if !m.Known {
				continue
			}
			v[schema.VitalName] = at.vital.String()
			for _, bucket := range []string{"", schema.LogBucket(min(m.Value, schema.Vitals[at.vital].Max))} {
				v[schema.Bucket] = bucket
				w := o.cell(cube, e.Time, v)
				w.sums[schema.Events]++
				if !had[at] {
					w.visitors[string(v[schema.VitalName])+string(rune(e.Visitor[0]))] = true
				}
			}
			had[at] = true
		}
	}
}

// randomVitals has few values, so that they meet, and now and then one that is too large.
func randomVitals(r *rand.Rand) (v [schema.NumVitals]aggregate.Measurement) {
	for i := range v {
		v[i] = aggregate.Measurement{Known: r.IntN(3) > 0, Value: []int64{0, 3, 100, 2500, 1 << 40}[r.IntN(5)]}
	}
	return v
}

// A visit that tells how fast its page was is what it was without it: a bounce stays a bounce, nothing is an event or an
// interaction, and it does not last longer.
func TestVitalsChangeNoVisit(t *testing.T) {
	cfg := testDay(t)
	var with, without []*aggregate.Event
	for i := range 3 {
		view := visit(cfg, i)
		told := *view
		told.Kind, told.Time = aggregate.Vitals, view.Time+2*aggregate.IdleSec
		told.Vitals[schema.LCP] = aggregate.Measurement{Known: true, Value: 1900}
		later := *view
		later.Kind, later.Time, later.ScrollDepth = aggregate.Engagement, view.Time+2*aggregate.IdleSec+1, aggregate.ScrollUnknown
		with, without = append(with, view, &told, &later), append(without, view, &later)
	}
	sumsOf := func(events []*aggregate.Event) (visits, vitals map[schema.Cell]schema.Deltas) {
		visits, vitals = map[schema.Cell]schema.Deltas{}, map[schema.Cell]schema.Deltas{}
		for _, inc := range stepAll(t, openDay(t, cfg, &aggregate.HeapMemory{}), 1, events) {
			to := visits
			if inc.Cell.Cube == schema.CubeVitals {
				to = vitals
			}
			add(to, &inc)
		}
		return visits, vitals
	}
	got, vitals := sumsOf(with)
	want, none := sumsOf(without)
	if len(none) != 0 || len(got) != len(want) {
		t.Errorf("%d cells with vitals, %d without", len(got), len(want))
	}
	for cell, d := range want {
		if got[cell] != d {
			t.Errorf("cell %v: %v with vitals, %v without", cell, got[cell], d)
		}
	}
	// Three pages, each seen by one visitor: the device is hidden. Each has the cell of all and one bucket, by day and by time.
	if len(vitals) != 12 {
		t.Errorf("%d cells of vitals: %v", len(vitals), vitals)
	}
}

// Vitals of a page that the visitor did not view, or from somebody who is not there, count nothing and take no memory.
func TestVitalsOfNoView(t *testing.T) {
	cfg := testDay(t)
	d := openDay(t, cfg, &aggregate.HeapMemory{})
	stepAll(t, d, 1, []*aggregate.Event{visit(cfg, 1)})
	before := d.State()
	elsewhere, nobody := visit(cfg, 1), visit(cfg, 2)
	elsewhere.Values[schema.Path] = "/never-seen"
	for i, e := range []*aggregate.Event{elsewhere, nobody} {
		e.Kind = aggregate.Vitals
		e.Vitals[schema.TTFB] = aggregate.Measurement{Known: true, Value: 1}
		d.Begin(d.Group() + 1)
		incs, err := d.Step(e, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(incs) != 0 {
			t.Errorf("event %d counts %v", i, incs)
		}
	}
	if d.State() != before {
		t.Error("they left something behind")
	}
}
