package aggregate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"turf/aggregate"
	"turf/schema"
)

// The oracle reckons every cell of every cube from the whole list of a day's events, from the definitions of the metrics and
// with none of the core's machinery: it groups events into visitors and visits and asks of each cell who was in it.

// oracleVisit is a visit with all its events.
type oracleVisit struct {
	events []*aggregate.Event
	source [schema.NumDimensions]string // values of the first event
	goals  map[*aggregate.Event][]*aggregate.Event
}

// who is what a cell remembers of those who were in it.
type who struct {
	visitors, visitorHours, visits, visitHours, entryVisitors, exitVisitors map[string]bool
	sums                                                                    schema.Deltas
}

// addGoals adds to the visit the events that its goals are counted as: one for each view of a page that a goal means, and one
// for the first time that the visit saw so much of such a page.
func (v *oracleVisit) addGoals(goals []schema.Goal) {
	v.goals = map[*aggregate.Event][]*aggregate.Event{}
	reached := map[string]bool{}
	for _, e := range v.events {
		for _, g := range goals {
			if g.Currency != "" && e.Kind == aggregate.Custom && e.Values[schema.EventName] == g.Event &&
				e.Revenue.Currency == g.Currency {
				goal := *e
				goal.Values[schema.EventName] = g.RevenueKey()
				v.goals[e] = append(v.goals[e], &goal)
			}
			if !g.Counted() || !schema.MatchPage(g.Page, e.Values[schema.Path]) {
				continue
			}
			goal := *e
			goal.Kind, goal.Props = aggregate.Custom, nil
			goal.Values[schema.EventName] = g.Key()
			once := fmt.Sprint(g.Key(), e.Values[schema.Hostname], e.Values[schema.Path])
			switch {
			case g.Scroll == 0 && e.Kind == aggregate.Pageview:
			case g.Scroll > 0 && e.Kind == aggregate.Engagement && e.ScrollDepth != aggregate.ScrollUnknown &&
				int(e.ScrollDepth) >= g.Scroll && !reached[once]:
				reached[once] = true
			default:
				continue
			}
			v.goals[e] = append(v.goals[e], &goal)
		}
	}
}

type oracle struct {
	schema.Declarations
	loc   *time.Location
	day   schema.Day
	cells map[schema.Cell]*who
}

func (o *oracle) cell(c *schema.Cube, at int64, v [schema.NumDimensions]string) *who {
	cell := schema.Cell{Site: 1, Cube: c.ID, Time: o.day.Start(o.loc).Unix()}
	if c.Grain == schema.Hourly {
		cell.Time = schema.HourStart(time.Unix(at, 0), o.loc)
	}
	for i, d := range c.Dimensions {
		cell.Values[i] = v[d]
	}
	if o.cells[cell] == nil {
		o.cells[cell] = &who{
			map[string]bool{},
			map[string]bool{},
			map[string]bool{},
			map[string]bool{},
			map[string]bool{},
			map[string]bool{},
			schema.Deltas{},
		}
	}
	return o.cells[cell]
}

// reckon fills the cells from the visits of all visitors.
func (o *oracle) reckon(visitors map[aggregate.Key][]*oracleVisit) {
	for key, visits := range visitors {
		attrs := visits[0].events[0].Values
		for n, visit := range visits {
			visit.addGoals(o.Goals)
			for i := range schema.Cubes {
				if c := &schema.Cubes[i]; c.OfVisits() || c.ID == schema.CubePageTimes {
					o.reckonVisit(c, fmt.Sprint(key), fmt.Sprint(key, n), visit, attrs)
				}
			}
			o.reckonTransitions(fmt.Sprint(key), visit)
			o.reckonSegments(fmt.Sprint(key), fmt.Sprint(key, n), visit, attrs)
		}
		o.reckonFunnels(fmt.Sprint(key), visits)
	}
}

func (o *oracle) reckonVisit(c *schema.Cube, visitor, name string, visit *oracleVisit, attrs [schema.NumDimensions]string) {
	values := func(e *aggregate.Event) (v [schema.NumDimensions]string) {
		for d := range schema.NumDimensions {
			switch schema.Dimensions[d].Aspect {
			case schema.SourceAspect:
				v[d] = visit.source[d]
			case schema.PlaceAspect, schema.DeviceAspect:
				v[d] = attrs[d]
			default:
				v[d] = e.Values[d]
			}
		}
		return v
	}
	first, last := visit.events[0], visit.events[len(visit.events)-1]
	var views []*aggregate.Event
	engaged := false
	for _, e := range visit.events {
		if e.Kind == aggregate.Pageview {
			views = append(views, e)
		}
		engaged = engaged || e.Kind == aggregate.Custom && !e.Passive
		if c.HasAspect(schema.EventAspect) {
			for _, goal := range visit.goals[e] {
				o.reckonEvent(c, goal, visitor, name, values)
			}
		}
		o.reckonEvent(c, e, visitor, name, values)
	}
	if c.HasAspect(schema.PageAspect) && !c.HasAspect(schema.EventAspect) {
		o.reckonEngagement(c, visit, values)
	}
	if !c.OfVisits() || c.HasAspect(schema.EventAspect) || c.HasAspect(schema.PageAspect) && len(views) == 0 {
		return
	}
	entry := first
	if c.HasAspect(schema.PageAspect) {
		entry = views[0]
		in, out := o.cell(c, first.Time, values(entry)), o.cell(c, first.Time, values(views[len(views)-1]))
		in.sums[schema.Entries]++
		out.sums[schema.Exits]++
		in.entryVisitors[visitor], out.exitVisitors[visitor] = true, true
	}
	w := o.cell(c, first.Time, values(entry))
	if len(views) < 2 && !engaged {
		w.sums[schema.Bounces]++
	} else {
		w.sums[schema.Duration] += last.Time - first.Time
	}
}

// reckonEvent counts one event in the cells it belongs to.
func (o *oracle) reckonEvent(
	c *schema.Cube, e *aggregate.Event, visitor, name string, values func(*aggregate.Event) [schema.NumDimensions]string,
) {
	for _, v := range o.cellsOf(c, e, values(e)) {
		w := o.cell(c, e.Time, v)
		hour := fmt.Sprint(schema.HourStart(time.Unix(e.Time, 0), o.loc))
		w.visitors[visitor], w.visits[name] = true, true
		w.visitorHours[visitor+hour], w.visitHours[name+hour] = true, true
		w.sums[schema.Events]++
		switch e.Kind {
		case aggregate.Pageview:
			w.sums[schema.Pageviews]++
		case aggregate.Custom:
			w.sums[schema.CustomEvents]++
		}
		if schema.IsRevenue(e.Values[schema.EventName]) {
			w.sums[schema.Revenue] += e.Revenue.Minor
		}
	}
}

// reckonEngagement counts, for each page of a visit that engagements tell of, the time in all and the largest scroll depth.
func (o *oracle) reckonEngagement(c *schema.Cube, visit *oracleVisit, values func(*aggregate.Event) [schema.NumDimensions]string) {
	type page struct{ host, path string }
	times, depths := map[page]int64{}, map[page]int64{}
	of := map[page]*aggregate.Event{}
	for _, e := range visit.events {
		p := page{e.Values[schema.Hostname], e.Values[schema.Path]}
		if e.Kind != aggregate.Engagement {
			continue
		}
		of[p] = e
		times[p] += e.EngagedMS
		if e.ScrollDepth != aggregate.ScrollUnknown {
			depths[p] = max(depths[p], int64(e.ScrollDepth)+1)
		}
	}
	for p, e := range of {
		v := values(e)
		v[schema.Bucket] = schema.LogBucket(times[p])
		w := o.cell(c, visit.events[0].Time, v)
		if c.HasAspect(schema.MeasureAspect) {
			w.visits[fmt.Sprintf("%p", visit)] = true
			continue
		}
		w.sums[schema.EngagedSeconds] += (times[p] + 500) / 1000
		w.sums[schema.EngagedVisits]++
		if depth := depths[p] - 1; depth < 0 {
			w.sums[schema.UnscrolledVisits]++
		} else {
			w.sums[schema.ScrollPercent] += depth
			for i, m := range []schema.Metric{schema.Scroll25, schema.Scroll50, schema.Scroll75, schema.Scroll100} {
				if depth >= int64(25*(i+1)) {
					w.sums[m]++
				}
			}
		}
	}
}

// reckonTransitions counts the views of a page that came after one of another.
func (o *oracle) reckonTransitions(visitor string, visit *oracleVisit) {
	cube, _ := schema.CubeByID(schema.CubeTransitions)
	var last *aggregate.Event
	for _, e := range visit.events {
		if e.Kind != aggregate.Pageview {
			continue
		}
		if last != nil && (last.Values[schema.Hostname] != e.Values[schema.Hostname] || last.Values[schema.Path] != e.Values[schema.Path]) {
			v := last.Values
			v[schema.NextPath] = e.Values[schema.Path]
			w := o.cell(cube, e.Time, v)
			w.visitors[visitor] = true
			w.sums[schema.Events]++
		}
		last = e
	}
}

// cellsOf is the values of the cells of a cube in which an event counts.
func (o *oracle) cellsOf(c *schema.Cube, e *aggregate.Event, v [schema.NumDimensions]string) (all [][schema.NumDimensions]string) {
	switch {
	case c.ID == schema.CubeEventProps:
		if e.Kind == aggregate.Pageview {
			v[schema.EventName] = "pageview"
		}
		for _, p := range e.Props {
			v[schema.Prop], v[schema.PropValue] = p.Name, p.Value
			all = append(all, v)
		}
		return all
	case !c.OfVisits(), c.HasAspect(schema.EventAspect) && e.Kind != aggregate.Custom,
		c.HasAspect(schema.PageAspect) && e.Kind == aggregate.Engagement:
		return nil
	}
	return append(all, v)
}

// rows are the oracle's cells as the store should hold them. Who is new for the day counts in the hour of the first time, so
// visitors and visits of hours are compared as sums over the day; the k rule hides what has too few visitors.
func (o *oracle) rows(k int) map[schema.Cell]schema.Deltas {
	sums := map[schema.Cell]schema.Deltas{}
	days := map[schema.Cell]*who{}
	for cell, w := range o.cells {
		cube, _ := schema.CubeByID(cell.Cube)
		hour := w.sums
		hour[schema.VisitorsHour], hour[schema.VisitsHour] = int64(len(w.visitorHours)), int64(len(w.visitHours))
		put(sums, cube, cell, &hour)
		total := cell
		total.Time = 0
		if days[total] == nil {
			days[total] = &who{
				visitors: map[string]bool{}, visits: map[string]bool{},
				entryVisitors: map[string]bool{}, exitVisitors: map[string]bool{},
			}
		}
		for _, m := range [][2]map[string]bool{
			{days[total].visitors, w.visitors},
			{days[total].visits, w.visits},
			{days[total].entryVisitors, w.entryVisitors},
			{days[total].exitVisitors, w.exitVisitors},
		} {
			for id := range m[1] {
				m[0][id] = true
			}
		}
	}
	for cell, w := range days {
		cube, _ := schema.CubeByID(cell.Cube)
		d := schema.Deltas{}
		d[schema.Visitors], d[schema.Visits] = int64(len(w.visitors)), int64(len(w.visits))
		d[schema.EntryVisitors], d[schema.ExitVisitors] = int64(len(w.entryVisitors)), int64(len(w.exitVisitors))
		put(sums, cube, cell, &d)
	}
	return hide(sums, o.day.Start(o.loc).Unix(), k)
}

// put adds what the cube keeps of d to a cell. Metrics of whole days go to the cell with time 0.
func put(sums map[schema.Cell]schema.Deltas, c *schema.Cube, cell schema.Cell, d *schema.Deltas) {
	day := cell
	day.Time = 0
	for m := range schema.NumMetrics {
		if d[m] == 0 || !c.Keeps(m) {
			continue
		}
		to := cell
		if schema.Metrics[m].WholeDays || m == schema.Visits {
			to = day
		}
		s := sums[to]
		s[m] += d[m]
		sums[to] = s
	}
}

// hide folds guarded cells with fewer than k visitors into their parents.
func hide(sums map[schema.Cell]schema.Deltas, start int64, k int) map[schema.Cell]schema.Deltas {
	out := map[schema.Cell]schema.Deltas{}
	for cell, d := range sums {
		cube, _ := schema.CubeByID(cell.Cube)
		total := cell
		total.Time = 0
		if len(cube.Guarded) > 0 && sums[total][schema.Visitors] < int64(k) {
			if cube.Withheld {
				continue
			}
			for i, dim := range cube.Dimensions {
				if slices.Contains(cube.Guarded, dim) {
					cell.Values[i] = schema.Other
				}
			}
		}
		s := out[cell]
		s.Add(&d)
		out[cell] = s
	}
	for cell, d := range out {
		if d.IsZero() {
			delete(out, cell)
		}
	}
	return out
}

// TestEveryCellIsExact compares every cell of every cube with the oracle, over random days in zones with odd offsets and on
// days on which the clock changes; the memory is opened again, and groups are undone and done again, at random.
func TestEveryCellIsExact(t *testing.T) {
	t.Parallel()
	seeds := uint64(1500)
	if testing.Short() {
		seeds = 300
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		loc, err := schema.LoadLocation(zones[r.IntN(len(zones))])
		if err != nil {
			t.Fatal(err)
		}
		days := []schema.Day{
			schema.Date(2026, 3, 29), schema.Date(2026, 10, 25), schema.Date(2026, 4, 5),
			schema.Date(2026, 11, 1), schema.Date(2026, 7, 1),
		}
		day, k := days[r.IntN(len(days))], 1+r.IntN(5)
		events := randomDay(r, loc, day)
		declared := randomDeclarations(r)
		got := runDay(t, r, aggregate.Config{Site: 1, Day: day, Location: loc, K: k}, &declared, events)
		o := &oracle{Declarations: declared, loc: loc, day: day, cells: map[schema.Cell]*who{}}
		visits := visitsOf(events)
		o.reckon(visits)
		o.reckonVitals(events, visits)
		if want := o.rows(k); !maps.Equal(want, got) {
			t.Fatalf("seed %d (%s %s, k %d, %d events): −oracle +core\n%s", seed, loc, day, k, len(events), cmp.Diff(want, got))
		}
	}
}

// TestManyPages: a visitor whose list of pages is full is counted as all others.
func TestManyPages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	day := schema.Date(2026, 7, 1)
	events := randomDay(r, time.UTC, day)[:0]
	for len(events) < 3*aggregate.LimitListedPages {
		for _, e := range randomDay(r, time.UTC, day) {
			if e.Kind == aggregate.Pageview || e.Kind == aggregate.Custom {
				e.Visitor = aggregate.Key{e.Visitor[0] % 2, 7}
				e.Values[schema.Path] = fmt.Sprint("/", r.IntN(aggregate.LimitListedPages))
				events = append(events, e)
			}
		}
	}
	slices.SortStableFunc(events, func(a, b *aggregate.Event) int { return int(a.Time - b.Time) })
	got := runDay(t, r, aggregate.Config{Site: 1, Day: day, Location: time.UTC, K: 2}, &schema.Declarations{}, events)
	o := &oracle{loc: time.UTC, day: day, cells: map[schema.Cell]*who{}}
	visits := visitsOf(events)
	o.reckon(visits)
	o.reckonVitals(events, visits)
	if diff := cmp.Diff(o.rows(2), got); diff != "" {
		t.Fatalf("−oracle +core\n%s", diff)
	}
}

// runDay counts the events in groups and returns the sums by cell in the oracle's form. After each event no guarded cell may
// show fewer than k visitors.
func runDay(
	t *testing.T, r *rand.Rand, cfg aggregate.Config, declared *schema.Declarations, events []*aggregate.Event,
) map[schema.Cell]schema.Deltas {
	t.Helper()
	mem := &aggregate.HeapMemory{}
	d := reopen(t, cfg, declared, mem)
	var err error
	sums, group := map[schema.Cell]schema.Deltas{}, uint64(0)
	for len(events) > 0 {
		n := 1 + r.IntN(min(len(events), 10))
		step := func() (incs []schema.Increment) {
			group++
			d.Begin(group)
			for _, e := range events[:n] {
				if incs, err = d.Step(e, incs); err != nil {
					t.Fatal(err)
				}
			}
			return incs
		}
		if r.IntN(3) == 0 { // a group that is lost and sent again
			lost := step()
			if r.IntN(2) == 0 {
				d = reopen(t, cfg, declared, mem)
			}
			if err := d.Rollback(); err != nil {
				t.Fatal(err)
			}
			if again := step(); !slices.Equal(lost, again) {
				t.Fatalf("a group undone and done again counts something else:\n%s", cmp.Diff(lost, again))
			}
		} else {
			for _, inc := range step() {
				add(sums, &inc)
			}
			events = events[n:]
			if r.IntN(5) == 0 {
				d = reopen(t, cfg, declared, mem)
			}
			checkK(t, sums, cfg.K)
			continue
		}
		if err := d.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	return sums
}

func reopen(
	t *testing.T, cfg aggregate.Config, declared *schema.Declarations, mem aggregate.Memory,
) *aggregate.Day {
	t.Helper()
	d, err := aggregate.Open(cfg, mem)
	if err != nil {
		t.Fatal(err)
	}
	d.Declare(aggregate.Declare(declared))
	return d
}

func add(sums map[schema.Cell]schema.Deltas, inc *schema.Increment) {
	cube, _ := schema.CubeByID(inc.Cell.Cube)
	put(sums, cube, inc.Cell, &inc.Delta)
	for _, cell := range []schema.Cell{inc.Cell, {Site: inc.Cell.Site, Cube: inc.Cell.Cube, Values: inc.Cell.Values}} {
		if sums[cell] == (schema.Deltas{}) {
			delete(sums, cell)
		}
	}
}

func checkK(t *testing.T, sums map[schema.Cell]schema.Deltas, k int) {
	t.Helper()
	for cell, d := range sums {
		cube, _ := schema.CubeByID(cell.Cube)
		for i, dim := range cube.Dimensions {
			if slices.Contains(cube.Guarded, dim) && cell.Values[i] != schema.Other && cell.Time == 0 &&
				d[schema.Visitors] < int64(k) {
				t.Fatalf("%s shows %v with %d visitors, k is %d", cube.Name, cell.Values, d[schema.Visitors], k)
			}
		}
	}
}
