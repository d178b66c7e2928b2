package aggregate_test

import (
	"fmt"
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
}

// who is what a cell remembers of those who were in it.
type who struct {
	visitors, visitorHours, visits, visitHours, entryVisitors, exitVisitors map[string]bool
	sums                                                                    schema.Deltas
}

type oracle struct {
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
			for i := range schema.Cubes {
				o.reckonVisit(&schema.Cubes[i], fmt.Sprint(key), fmt.Sprint(key, n), visit, attrs)
			}
		}
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
		for _, v := range o.cellsOf(c, e, values(e)) {
			w := o.cell(c, e.Time, v)
			hour := fmt.Sprint(schema.HourStart(time.Unix(e.Time, 0), o.loc))
			w.visitors[visitor], w.visits[name] = true, true
			w.visitorHours[visitor+hour], w.visitHours[name+hour] = true, true
			if e.Kind == aggregate.Pageview {
				w.sums[schema.Pageviews]++
			}
			if e.Kind != aggregate.Engagement {
				w.sums[schema.Events]++
			}
		}
	}
	if c.HasAspect(schema.EventAspect) || c.HasAspect(schema.PageAspect) && len(views) == 0 {
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
	case c.HasAspect(schema.EventAspect) && e.Kind != aggregate.Custom,
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
			days[total] = &who{visitors: map[string]bool{}, visits: map[string]bool{}, entryVisitors: map[string]bool{}, exitVisitors: map[string]bool{}}
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
			Kind: aggregate.Kind([]int{0, 0, 0, 0, 1, 2}[r.IntN(6)]), Passive: r.IntN(3) == 0,
		}
		e.Time = start + r.Int64N(end-start)
		if r.IntN(2) == 0 && len(events) > 0 {
			e.Time = min(events[r.IntN(len(events))].Time+r.Int64N(2400), end-1)
		}
		for d := range schema.NumDimensions {
			e.Values[d] = pick(d.String(), 3)
		}
		e.Values[schema.Path] = pick("/", 5)
		if e.Kind != aggregate.Custom {
			e.Values[schema.EventName] = ""
		}
		if e.Kind != aggregate.Engagement && r.IntN(4) == 0 {
			e.Props = []aggregate.Prop{{"a", pick("v", 3)}, {"b", pick("v", 3)}}
		}
		events = append(events, e)
	}
	slices.SortStableFunc(events, func(a, b *aggregate.Event) int { return int(a.Time - b.Time) })
	return events
}

// visitsOf groups events in time order into visits, and drops engagement that no visit is there for.
func visitsOf(events []*aggregate.Event) map[aggregate.Key][]*oracleVisit {
	all := map[aggregate.Key][]*oracleVisit{}
	for _, e := range events {
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
		got := runDay(t, r, aggregate.Config{Site: 1, Day: day, Location: loc, K: k}, events)
		o := &oracle{loc: loc, day: day, cells: map[schema.Cell]*who{}}
		o.reckon(visitsOf(events))
		if diff := cmp.Diff(o.rows(k), got); diff != "" {
			t.Fatalf("seed %d (%s %s, k %d, %d events): −oracle +core\n%s", seed, loc, day, k, len(events), diff)
		}
	}
}

// runDay counts the events in groups and returns the sums by cell in the oracle's form. After each event no guarded cell may
// show fewer than k visitors.
func runDay(t *testing.T, r *rand.Rand, cfg aggregate.Config, events []*aggregate.Event) map[schema.Cell]schema.Deltas {
	t.Helper()
	mem := &aggregate.HeapMemory{}
	d, err := aggregate.Open(cfg, mem)
	if err != nil {
		t.Fatal(err)
	}
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
				d = reopen(t, cfg, mem)
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
				d = reopen(t, cfg, mem)
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

func reopen(t *testing.T, cfg aggregate.Config, mem aggregate.Memory) *aggregate.Day {
	t.Helper()
	d, err := aggregate.Open(cfg, mem)
	if err != nil {
		t.Fatal(err)
	}
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
