package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"turf/aggregate"
	"turf/aggregate/journal/crashfs"
	"turf/schema"
)

// numbers are what the oracle reckons for a site and day.
type numbers struct{ visitors, visits, pageviews, events, bounces, duration int64 } // events: those that are no page views

type siteDay struct {
	site schema.SiteID
	day  schema.Day
}

// reckon is the oracle: what the events should add up to, from their times and keys alone. A visit ends after more
// than 1,800 s, and is a bounce until its second page view or first event that is not passive.
func reckon(events []*sentEvent, endOf func(siteDay) int64) map[siteDay]numbers {
	type visit struct {
		first, last int64
		pages       int
		active      bool
	}
	out, clock, open := map[siteDay]numbers{}, map[visitor]int64{}, map[visitor]*visit{}
	var all []*visit
	of := map[*visit]siteDay{}
	for _, e := range events {
		sd, table := siteDay{e.ev.Site, e.ev.Day}, e.visitor
		table.number = 0
		t := min(max(e.ev.Time, clock[table]), endOf(sd)-1) // a table's clock does not go back
		clock[table] = t
		n, v := out[sd], open[e.visitor]
		if v == nil {
			n.visitors++
		}
		if v == nil || t-v.last > 1800 {
			v = &visit{first: t}
			open[e.visitor], of[v], all = v, sd, append(all, v)
			n.visits++
		}
		v.last = t
		if e.ev.Kind == aggregate.Pageview {
			v.pages++
			n.pageviews++
		} else {
			v.active = v.active || !e.ev.Passive
			n.events++
		}
		out[sd] = n
	}
	for _, v := range all {
		n := out[of[v]]
		if v.pages < 2 && !v.active {
			n.bounces++
		} else {
			n.duration += v.last - v.first
		}
		out[of[v]] = n
	}
	return out
}

// judge compares the store with the oracle: acknowledged events count exactly once, refused ones never, others at
// most once and with their whole request; and the numbers are those of the events that count.
func (w *world) judge() error {
	counted := map[int]int64{}
	for cell, sums := range w.store.sums {
		var id int
		switch {
		case cell.Cube == schema.CubePages:
			if _, err := fmt.Sscanf(cell.Values[1], "/%d", &id); err == nil {
				counted[id] += sums[schema.Pageviews]
			}
		case cell.Cube == schema.CubeEvents:
			if _, err := fmt.Sscanf(cell.Values[0], "/%d", &id); err == nil {
				counted[id] += sums[schema.Events]
			}
		}
	}
	var count []*sentEvent
	requests := map[int]bool{}
	for _, e := range w.events {
		n := counted[e.id]
		if n < 0 || n > 1 || e.state == acked && n == 0 || e.state == refused && n == 1 {
			return fmt.Errorf("event %d was %s and counts %d times", e.id, e.state, n)
		}
		if whole, seen := requests[e.request]; seen && whole != (n == 1) {
			return fmt.Errorf("event %d counts %d times and others of its request do not", e.id, n)
		}
		requests[e.request] = n == 1
		if n == 1 {
			count = append(count, e)
		}
		if n == 1 && e.state == unknown {
			w.CountedUnacked++
		}
		delete(counted, e.id)
	}
	for id, n := range counted {
		return fmt.Errorf("event %d counts %d times and was never handed on", id, n)
	}
	want := reckon(count, func(sd siteDay) int64 { return (sd.day + 1).Start(w.zone(sd.site)).Unix() })
	got := w.store.totals(schema.CubeTrafficDaily)
	for sd := range got {
		if numbersOf(got[sd]) != want[sd] {
			return fmt.Errorf("site %d on %s: stored %+v, want %+v", sd.site, sd.day, numbersOf(got[sd]), want[sd])
		}
	}
	if len(want) > len(got) {
		return fmt.Errorf("%d days have events and %d are stored", len(want), len(got))
	}
	if err := w.judgeGoals(count); err != nil {
		return err
	}
	if err := w.judgeFunnels(count); err != nil {
		return err
	}
	if err := w.judgeSegments(count); err != nil {
		return err
	}
	if err := w.judgeDrops(); err != nil {
		return err
	}
	return w.agree(got)
}

// declare changes the goals, funnels and segments of a site.
func (w *world) declare() {
	w.Declared++
	site := w.sites[1+schema.SiteID(w.rng.IntN(len(w.sites)))]
	site.Declarations = schema.Declarations{}
	for _, page := range []string{"/*1", "/1*", "/*", "*5*"} {
		if w.rng.IntN(2) == 0 {
			site.Goals = append(site.Goals, schema.Goal{Name: page, Page: page})
		}
	}
	for _, pages := range [][]string{{"/*", "/*"}, {"/*1*", "/*", "/*2*"}} {
		if w.rng.IntN(2) == 0 {
			f := schema.Funnel{Name: pages[0]}
			for _, page := range pages {
				f.Steps = append(f.Steps, schema.FunnelStep{Page: page})
			}
			site.Funnels = append(site.Funnels, f)
		}
	}
	for _, part := range []string{"1", "/", "25"} {
		if w.rng.IntN(2) == 0 {
			filter := schema.SegmentFilter{Op: "contains", Column: "path", Values: []string{part}}
			site.Segments = append(site.Segments, schema.Segment{Name: part, Filter: filter})
		}
	}
	w.sites[site.ID] = site
}

// judgeGoals compares how often each goal was reached with the page views that count, each by the goals of its moment.
func (w *world) judgeGoals(count []*sentEvent) error {
	type reached struct {
		siteDay
		goal string
	}
	want, got := map[reached]int64{}, map[reached]int64{}
	for _, e := range count {
		for i := range e.Goals {
			if g := &e.Goals[i]; e.ev.Kind == aggregate.Pageview && schema.MatchPage(g.Page, e.ev.Values[schema.Path]) {
				want[reached{siteDay{e.ev.Site, e.ev.Day}, g.Key()}]++
				w.Reached++
			}
		}
	}
	for cell, sums := range w.store.sums {
		if cell.Cube == schema.CubeEvents && schema.IsReserved(cell.Values[0]) && sums[schema.Events] != 0 {
			day := schema.DayOf(time.Unix(cell.Time, 0), w.zone(cell.Site))
			got[reached{siteDay{cell.Site, day}, cell.Values[0]}] += sums[schema.Events]
		}
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("goals were reached %v, want %v", got, want)
	}
	return nil
}

// judgeFunnels compares how many visitors reached each step with the events that count, in the core's order. A funnel that was
// not declared when an event came did not see it. The windows are the whole day.
func (w *world) judgeFunnels(count []*sentEvent) error {
	type step struct {
		siteDay
		funnel, step string
	}
	type walk struct {
		visitor
		funnel string
	}
	want, got, at := map[step]int64{}, map[step]int64{}, map[walk]int{}
	for _, e := range count {
		for i := range e.Funnels {
			f := &e.Funnels[i]
			key := walk{e.visitor, f.Key()}
			n := at[key]
			if e.ev.Kind != aggregate.Pageview || n == len(f.Steps) || !schema.MatchPage(f.Steps[n].Page, e.ev.Values[schema.Path]) {
				continue
			}
			at[key]++
			want[step{siteDay{e.ev.Site, e.ev.Day}, f.Key(), fmt.Sprint(n + 1)}]++
			w.Walked = max(w.Walked, n+1)
		}
	}
	for cell, sums := range w.store.sums {
		if cell.Cube == schema.CubeFunnelSteps && sums[schema.Visitors] != 0 {
			day := schema.DayOf(time.Unix(cell.Time, 0), w.zone(cell.Site))
			got[step{siteDay{cell.Site, day}, cell.Values[0], cell.Values[1]}] += sums[schema.Visitors]
		}
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("steps were reached %v, want %v", got, want)
	}
	return nil
}

// judgeSegments compares the views and visitors of segments with the events that count, each by the segments of its moment. What fewer
// than k visitors of a table did is not there.
func (w *world) judgeSegments(count []*sentEvent) error {
	type table struct {
		siteDay
		powers  int
		segment string
	}
	type segment struct {
		siteDay
		key string
	}
	visitors, views := map[table]map[visitor]bool{}, map[table]int64{}
	for _, e := range count {
		for i := range e.Segments {
			s := &e.Segments[i]
			if !strings.Contains(e.ev.Values[schema.Path], s.Name) {
				continue
			}
			t := table{siteDay{e.ev.Site, e.ev.Day}, e.visitor.powers, s.Key()}
			if visitors[t] == nil {
				visitors[t] = map[visitor]bool{}
			}
			visitors[t][e.visitor] = true
			if e.ev.Kind == aggregate.Pageview {
				views[t]++
			}
		}
	}
	want, got := map[segment][2]int64{}, map[segment][2]int64{}
	for t, all := range visitors {
		if site := w.sites[t.site]; len(all) >= site.K(0) {
			sum := want[segment{t.siteDay, t.segment}]
			want[segment{t.siteDay, t.segment}] = [2]int64{sum[0] + int64(len(all)), sum[1] + views[t]}
			w.Segmented++
		}
	}
	for cell, sums := range w.store.sums {
		if day := schema.DayOf(time.Unix(cell.Time, 0), w.zone(cell.Site)); cell.Cube == schema.CubeSegments && !sums.IsZero() {
			got[segment{siteDay{cell.Site, day}, cell.Values[0]}] = [2]int64{sums[schema.Visitors], sums[schema.Pageviews]}
		}
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("segments have visitors and views %v, want %v", got, want)
	}
	return nil
}

// judgeDrops: what was dropped and flushed counts once, and what may have been flushed at most once.
func (w *world) judgeDrops() error {
	stored := int64(0)
	for _, sums := range w.store.totals(schema.CubeDrops) {
		stored += sums[schema.Events]
	}
	if d := w.dropped; stored < d.kept || stored > d.kept+d.perhaps {
		return fmt.Errorf("%d dropped requests are stored, and %+v were", stored, d)
	}
	return nil
}

// agree checks that the sums over all cells of the cubes are those of traffic, where they have to be.
func (w *world) agree(traffic map[siteDay]schema.Deltas) error {
	if err := w.agreeEvents(); err != nil {
		return err
	}
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		if c.HasAspect(schema.EventAspect) || !c.OfVisits() {
			continue
		}
		metrics := []schema.Metric{schema.Pageviews, schema.CustomEvents, schema.Bounces, schema.Duration}
		if !c.HasAspect(schema.PageAspect) {
			metrics = append(metrics, schema.Visits)
			if !c.HasAspect(schema.SourceAspect) {
				metrics = append(metrics, schema.Visitors) // a visitor has one place and device, and can have two sources
			}
		} else {
			metrics = metrics[:2]
		}
		sums := w.store.totals(c.ID)
		for sd, want := range traffic {
			for _, m := range metrics {
				if got := sums[sd]; c.Keeps(m) && got[m] != want[m] {
					return fmt.Errorf("site %d on %s: %s of %s is %d, and %d of traffic", sd.site, sd.day, m, c.Name, got[m], want[m])
				}
			}
		}
	}
	return nil
}

// agreeEvents checks that the crosses of events have as many as there are.
func (w *world) agreeEvents() error {
	events := w.store.totals(schema.CubeEvents)
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		if !c.HasAspect(schema.EventAspect) || c.ID == schema.CubeEventProps || c.Withheld {
			continue
		}
		sums := w.store.totals(c.ID)
		for sd, want := range events {
			if got := sums[sd]; got[schema.Events] != want[schema.Events] {
				return fmt.Errorf("site %d on %s: %d events of %s, and %d of events", sd.site, sd.day, got[schema.Events], c.Name,
					want[schema.Events])
			}
		}
	}
	return nil
}

func (w *world) zone(id schema.SiteID) *time.Location {
	site := w.sites[id]
	loc, err := site.Location()
	if err != nil {
		panic(err)
	}
	return loc
}

func numbersOf(d schema.Deltas) numbers {
	return numbers{
		d[schema.Visitors], d[schema.Visits], d[schema.Pageviews], d[schema.CustomEvents], d[schema.Bounces], d[schema.Duration],
	}
}

// store is a database that knows tokens. It fails, and it lies. What it holds outlives crashes.
type store struct {
	world    *world
	tokens   map[string]int // rows
	sums     map[schema.Cell]*schema.Deltas
	noTokens bool
	calm     bool
	failed   error // the first broken rule
	// send replaces write in planted bugs.
	send func(b schema.Batch) error
}

func newStore(w *world) *store {
	s := &store{world: w, tokens: map[string]int{}, sums: map[schema.Cell]*schema.Deltas{}}
	s.send = s.write
	return s
}

var errStore = errors.New("database is away")

// Write stores a batch, if it feels like it.
func (s *store) Write(_ context.Context, b schema.Batch) error { return s.send(b) }

func (s *store) write(b schema.Batch) error {
	w := s.world
	what := 9
	if !s.calm {
		what = w.rng.IntN(10)
	}
	switch what {
	case 0:
		w.StoreErrors++
		return errStore
	case 1:
		s.insert(b)
		w.StoreLies++
		return errStore
	case 2:
		if w.rng.Float64() < 40*w.crash {
			if w.rng.IntN(2) == 0 {
				s.insert(b)
			}
			w.StoreCrashes++
			panic(crashfs.ErrCrash)
		}
	case 3:
		w.now += int64(w.rng.IntN(120)) // slow
	}
	s.insert(b)
	return nil
}

func (s *store) insert(b schema.Batch) {
	if rows, had := s.tokens[b.Token]; had && !s.noTokens {
		s.world.Resent++
		if rows != len(b.Rows) {
			s.fail(fmt.Errorf("batch %s had %d rows and now has %d", b.Token, rows, len(b.Rows)))
		}
		return
	}
	s.tokens[b.Token] = len(b.Rows)
	for i := range b.Rows {
		r := &b.Rows[i]
		if r.Sums.IsZero() || i > 0 && b.Rows[i-1].Cell.Compare(&r.Cell) >= 0 {
			s.fail(fmt.Errorf("batch %s: row %d is of zeros or out of order", b.Token, i))
		}
		sums := s.sums[r.Cell]
		if sums == nil {
			sums = &schema.Deltas{}
			s.sums[r.Cell] = sums
		}
		sums.Add(&r.Sums)
	}
	for i := range b.Rows {
		s.guard(&b.Rows[i].Cell)
	}
}

func (s *store) fail(err error) {
	if s.failed == nil {
		s.failed = err
	}
}

// guard checks promise P4: a guarded cell is not there, or has k visitors.
func (s *store) guard(c *schema.Cell) {
	cube, ok := schema.CubeByID(c.Cube)
	if !ok {
		s.fail(fmt.Errorf("unknown cube %d", c.Cube))
		return
	}
	hidden := true
	for i, d := range cube.Dimensions {
		for _, g := range cube.Guarded {
			hidden = hidden && (d != g || c.Values[i] == schema.Other)
		}
	}
	if hidden {
		return
	}
	site := s.world.sites[c.Site]
	sums := s.sums[*c]
	s.world.Shown++
	if !sums.IsZero() && sums[schema.Visitors] < int64(site.K(0)) {
		s.fail(fmt.Errorf("cell %s %q of site %d is stored with %v, and k is %d",
			cube.Name, c.Values, c.Site, *sums, site.K(0)))
	}
}

// totals are the sums of a cube by site and day.
func (s *store) totals(cube schema.CubeID) map[siteDay]schema.Deltas {
	out := map[siteDay]schema.Deltas{}
	for c, sums := range s.sums {
		if c.Cube != cube {
			continue
		}
		sd := siteDay{c.Site, schema.DayOf(time.Unix(c.Time, 0), s.world.zone(c.Site))}
		d := out[sd]
		d.Add(sums)
		out[sd] = d
	}
	return out
}
