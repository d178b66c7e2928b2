package aggregate_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// reckonSegments counts, for each segment, the events of the visit that are in it, from the definitions of [schema.Segment].
func (o *oracle) reckonSegments(visitor, name string, visit *oracleVisit, attrs [schema.NumDimensions]string) {
	for i := range o.Segments {
		seg := &o.Segments[i]
		entry := [schema.NumDimensions]string{}
		entered, counted := false, false
		for _, e := range visit.events {
			if e.Kind == aggregate.Pageview && !entered {
				entry, entered = e.Values, true
			}
			v := e.Values
			for d := range schema.NumDimensions {
				switch schema.Dimensions[d].Aspect {
				case schema.SourceAspect:
					v[d] = visit.source[d]
				case schema.PlaceAspect, schema.DeviceAspect:
					v[d] = attrs[d]
				}
			}
			if !inSegment(&seg.Filter, e, v, entry) {
				continue
			}
			v[schema.SegmentKey] = seg.Key()
			counted = counted || e.Kind != aggregate.Engagement
			values := func(of *aggregate.Event) [schema.NumDimensions]string {
				v[schema.EventName] = of.Values[schema.EventName]
				return v
			}
			for _, c := range segmentCubes() {
				for _, of := range append(slices.Clone(visit.goals[e]), e) {
					named := of.Kind == aggregate.Custom
					switch {
					case c.HasAspect(schema.EventAspect) && named, !c.HasAspect(schema.EventAspect) && of == e && e.Kind != aggregate.Engagement:
						o.reckonIn(c, of, visitor, name, values(of))
					}
				}
			}
		}
		if counted && seg.Filter.OfVisits() {
			o.reckonBounce(seg, visit, attrs)
		}
	}
}

func segmentCubes() (cubes []*schema.Cube) {
	for i := range schema.Cubes {
		if schema.Cubes[i].HasAspect(schema.SegmentAspect) {
			cubes = append(cubes, &schema.Cubes[i])
		}
	}
	return cubes
}

// reckonIn counts an event in one cell.
func (o *oracle) reckonIn(c *schema.Cube, e *aggregate.Event, visitor, name string, v [schema.NumDimensions]string) {
	w := o.cell(c, e.Time, v)
	w.visitors[visitor], w.visits[name] = true, true
	w.sums[schema.Events]++
	if e.Kind == aggregate.Pageview {
		w.sums[schema.Pageviews]++
	} else {
		w.sums[schema.CustomEvents]++
	}
	if schema.IsRevenue(v[schema.EventName]) {
		w.sums[schema.Revenue] += e.Revenue.Minor
	}
}

// reckonBounce counts bounce and duration of a visit that is in the segment as a whole.
func (o *oracle) reckonBounce(seg *schema.Segment, visit *oracleVisit, attrs [schema.NumDimensions]string) {
	v := attrs
	for d := range schema.NumDimensions {
		if schema.Dimensions[d].Aspect == schema.SourceAspect {
			v[d] = visit.source[d]
		}
	}
	v[schema.SegmentKey] = seg.Key()
	views, active := 0, false
	for _, e := range visit.events {
		views += map[bool]int{true: 1}[e.Kind == aggregate.Pageview]
		active = active || e.Kind == aggregate.Custom && !e.Passive
	}
	first, last := visit.events[0], visit.events[len(visit.events)-1]
	for _, c := range segmentCubes() {
		w := o.cell(c, first.Time, v)
		if views < 2 && !active {
			w.sums[schema.Bounces]++
		} else {
			w.sums[schema.Duration] += last.Time - first.Time
		}
	}
}

// inSegment is a filter's meaning, with none of its machinery.
func inSegment(f *schema.SegmentFilter, e *aggregate.Event, v, entry [schema.NumDimensions]string) bool {
	switch f.Op {
	case "and":
		return !slices.ContainsFunc(f.Of, func(b schema.SegmentFilter) bool { return !inSegment(&b, e, v, entry) })
	case "or":
		return slices.ContainsFunc(f.Of, func(b schema.SegmentFilter) bool { return inSegment(&b, e, v, entry) })
	case "not":
		return !inSegment(&f.Of[0], e, v, entry)
	}
	value := ""
	switch f.Column {
	case "entry_path":
		value = entry[schema.Path]
	case "entry_hostname":
		value = entry[schema.Hostname]
	case "city_name":
		_, value, _ = strings.Cut(v[schema.City], ":")
	case "value":
		for _, p := range e.Props {
			if p.Name == f.Prop {
				value = p.Value
			}
		}
	case "event":
		if value = v[schema.EventName]; e.Kind != aggregate.Custom {
			value = "pageview"
		}
	default:
		value = v[slices.IndexFunc(schema.Dimensions[:], func(d schema.DimensionInfo) bool { return d.Column == f.Column })]
	}
	is := value == "" && f.Empty
	for _, want := range f.Values {
		a, b := value, want
		if f.FoldCase {
			a, b = strings.ToLower(a), strings.ToLower(b)
		}
		switch strings.TrimSuffix(f.Op, "_not") {
		case "is":
			is = is || value != "" && a == b
		case "contains":
			is = is || value != "" && strings.Contains(a, b)
		case "matches":
			is = is || value != "" && regexp.MustCompile(b).MatchString(a)
		}
	}
	return is != strings.HasSuffix(f.Op, "_not")
}

// randomFilter is one that days of randomDay often fit.
func randomFilter(r *rand.Rand, depth int) schema.SegmentFilter {
	if depth < 4 && r.IntN(3) == 0 {
		f := schema.SegmentFilter{Op: []string{"and", "or", "not"}[r.IntN(3)]}
		for range 1 + r.IntN(3) {
			f.Of = append(f.Of, randomFilter(r, depth+1))
		}
		if f.Op == "not" {
			f.Of = f.Of[:1]
		}
		return f
	}
	columns := []string{
		"hostname", "path", "entry_path", "entry_hostname", "event", "value", "source", "campaign", "referrer", "utm_term",
		"country", "region", "city", "device", "browser", "os_version",
	}
	ops := []string{"is", "is_not", "contains", "contains_not", "matches", "matches_not"}
	f := schema.SegmentFilter{
		Op: ops[r.IntN(len(ops))], Column: columns[r.IntN(len(columns))], Empty: r.IntN(3) == 0, FoldCase: r.IntN(4) == 0,
	}
	name := f.Column
	switch f.Column {
	case "path", "entry_path":
		name = "/"
	case "entry_hostname":
		name = "hostname"
	case "value":
		f.Prop, name = []string{"a", "b"}[r.IntN(2)], "v"
	case "event":
		name = []string{"event", "pageview"}[r.IntN(2)]
	}
	for range 1 + r.IntN(2) {
		value := fmt.Sprint(name, 1+r.IntN(2))
		switch op := strings.TrimSuffix(f.Op, "_not"); {
		case op == "contains" && r.IntN(2) == 0:
			value = "1"
		case op == "matches":
			value = "[1-" + fmt.Sprint(1+r.IntN(3)) + "]$"
		}
		if f.FoldCase && !strings.HasPrefix(f.Op, "matches") {
			value = strings.ToUpper(value)
		}
		f.Values = append(f.Values, value)
	}
	return f
}

// A segment that is declared in the middle of the day counts from the next event on; one that is taken back stops, and its counters
// stay; declared again it goes on. What a visit was before comes with it: it is no bounce that had two views.
func TestSegmentsMidDay(t *testing.T) {
	cfg := testDay(t)
	cfg.K = 1
	mem := &aggregate.HeapMemory{}
	d := openDay(t, cfg, mem)
	nl := schema.Segment{Name: "NL", Filter: schema.SegmentFilter{Op: "is", Column: "country", Values: []string{"NL"}}}
	blog := schema.Segment{Name: "Blog", Filter: schema.SegmentFilter{Op: "contains", Column: "path", Values: []string{"blog"}}}
	sums, group := newCells(), uint64(0)
	view := func(visitor uint64, minute int64, path string) {
		group++
		e := visit(cfg, 0)
		e.Visitor, e.Time = aggregate.Key{visitor, 1}, cfg.Day.Start(cfg.Location).Unix()+minute*60
		e.Values[schema.Country], e.Values[schema.Path] = "NL", path
		incs := stepAll(t, d, group, []*aggregate.Event{e})
		for i := range incs {
			sums.add(&incs[i])
		}
	}
	declare := func(s ...schema.Segment) { d.Declare(aggregate.Declare(&schema.Declarations{Segments: s})) }
	total := func(s *schema.Segment) schema.Deltas {
		cell := schema.Cell{Site: cfg.Site, Cube: schema.CubeSegments}
		cell.Values[0] = s.Key()
		return sums.sums[cell]
	}
	want := func(s *schema.Segment, visitors, visits, views, bounces, duration int64) {
		t.Helper()
		w := schema.Deltas{
			schema.Visitors: visitors, schema.Visits: visits, schema.Pageviews: views, schema.Bounces: bounces,
			schema.Duration: duration,
		}
		if got := total(s); got != w {
			t.Errorf("%s: %v, want %v", s.Name, got, w)
		}
	}
	view(1, 0, "/")
	view(2, 1, "/blog/a")
	want(&nl, 0, 0, 0, 0, 0)
	declare(nl)
	view(1, 5, "/blog/a")
	want(&nl, 1, 1, 1, 0, 300)
	view(3, 6, "/")
	want(&nl, 2, 2, 2, 1, 300)
	declare(nl, blog) // with a restart
	d = openDay(t, cfg, mem)
	declare(nl, blog)
	view(3, 7, "/blog/b")
	want(&nl, 2, 2, 3, 0, 360)
	want(&blog, 1, 1, 1, 0, 0)
	declare(blog)
	view(2, 8, "/blog/a")
	view(2, 9, "/blog/c")
	want(&nl, 2, 2, 3, 0, 360)
	want(&blog, 2, 2, 3, 0, 0)
	declare(blog, nl)
	view(1, 10, "/")
	want(&nl, 2, 2, 4, 0, 360+300)
}

// A cell of a segment is nowhere before its k-th visitor, not even under a parent; then all of it is there.
func TestSegmentsAreWithheld(t *testing.T) {
	cfg := testDay(t)
	d := openDay(t, cfg, &aggregate.HeapMemory{})
	d.Declare(aggregate.Declare(&schema.Declarations{Segments: []schema.Segment{
		{Name: "all", Filter: schema.SegmentFilter{Op: "contains", Column: "path", Values: []string{"/"}}},
	}}))
	shown := func(i int) (cubes []string, views int64) {
		for _, inc := range stepAll(t, d, uint64(i+1), []*aggregate.Event{visit(cfg, i)}) {
			if cube, _ := schema.CubeByID(inc.Cell.Cube); cube.HasAspect(schema.SegmentAspect) {
				cubes = append(cubes, cube.Name)
				views += inc.Delta[schema.Pageviews]
			}
		}
		return cubes, views
	}
	for i := range cfg.K - 1 {
		if cubes, _ := shown(i); cubes != nil {
			t.Errorf("visitor %d of at least %d: %v", i+1, cfg.K, cubes)
		}
	}
	// The pages and countries of the three visitors differ, their source and segment do not.
	if cubes, views := shown(cfg.K - 1); !slices.Equal(cubes, []string{"segments", "segment_sources"}) || views != 2*int64(cfg.K) {
		t.Errorf("the %d. visitor: %v, %d views", cfg.K, cubes, views)
	}
}

// Random names of pages fill the cube of a segment's pages; the segment itself and other sites' cubes go on, and nothing is counted under
// a name that stands for more than one.
func TestSegmentsHaveRoom(t *testing.T) {
	day := schema.Day(20_000)
	d := openDay(t, aggregate.Config{Site: 1, Day: day, Location: time.UTC, K: 1}, &aggregate.HeapMemory{})
	var declared schema.Declarations
	for i := range schema.MaxSegments {
		declared.Segments = append(declared.Segments, schema.Segment{Name: fmt.Sprint(i), Filter: schema.SegmentFilter{
			Op: "matches_not", Column: "country", Values: []string{fmt.Sprint("x", i)},
		}})
	}
	d.Declare(aggregate.Declare(&declared))
	perSegment, cells := map[string]int64{}, map[schema.CubeID]map[schema.Cell]bool{}
	var incs []schema.Increment
	const events = 6_000
	for i := range events {
		ev := aggregate.Event{Site: 1, Day: day, Time: day.Start(time.UTC).Unix(), Visitor: aggregate.Key{uint64(i%3) + 1, 1}}
		ev.Values[schema.Path] = fmt.Sprint("/", i)
		d.Begin(uint64(i + 1))
		var err error
		if incs, err = d.Step(&ev, incs[:0]); err != nil {
			t.Fatal(err)
		}
		for _, inc := range incs {
			if cells[inc.Cell.Cube] == nil {
				cells[inc.Cell.Cube] = map[schema.Cell]bool{}
			}
			cells[inc.Cell.Cube][inc.Cell] = true
			if inc.Cell.Cube == schema.CubeSegments {
				perSegment[inc.Cell.Values[0]] += inc.Delta[schema.Pageviews]
			}
		}
	}
	if n := len(cells[schema.CubeSegmentPages]); n != schema.LimitCellsPerDay {
		t.Errorf("%d cells of segments and pages, want %d", n, schema.LimitCellsPerDay)
	}
	for i := range declared.Segments {
		if n := perSegment[declared.Segments[i].Key()]; n != events {
			t.Errorf("segment %d has %d views of %d", i, n, events)
		}
	}
	for cell := range cells[schema.CubeSegmentPages] {
		if slices.Contains(cell.Values[:], schema.Other) {
			t.Fatalf("%v is counted", cell.Values)
		}
	}
}

// Of the segments that are declared and removed all day long, those that come after the limit are not counted, under no other's name
// either; the others go on.
func TestSegmentsOfADay(t *testing.T) {
	cfg := testDay(t)
	cfg.K = 1
	mem := &aggregate.HeapMemory{}
	d := openDay(t, cfg, mem)
	counts := map[string]int64{}
	segment := func(i int) schema.Segment {
		return schema.Segment{Name: fmt.Sprint(i), Filter: schema.SegmentFilter{Op: "is_not", Column: "path", Values: []string{fmt.Sprint(i)}}}
	}
	const all = schema.MaxSegmentsPerDay + 10
	for i := range all {
		d.Declare(aggregate.Declare(&schema.Declarations{Segments: []schema.Segment{segment(0), segment(i + 1)}}))
		for _, inc := range stepAll(t, d, uint64(i+1), []*aggregate.Event{visit(cfg, i%5)}) {
			if inc.Cell.Cube == schema.CubeSegments {
				counts[inc.Cell.Values[0]] += inc.Delta[schema.Pageviews]
			}
		}
		if i%20 == 0 {
			d = openDay(t, cfg, mem)
		}
	}
	for i := range all + 1 {
		s, want := segment(i), int64(1)
		switch {
		case i == 0:
			want = all
		case i >= schema.MaxSegmentsPerDay:
			want = 0
		}
		if got := counts[s.Key()]; got != want {
			t.Errorf("segment %d has %d views, want %d", i, got, want)
		}
	}
	if len(counts) != schema.MaxSegmentsPerDay {
		t.Errorf("%d segments are counted", len(counts))
	}
}

// manySegments are as many as a site can have, most of which an event of [visit] is in.
func manySegments() (d schema.Declarations) {
	for i := range schema.MaxSegments {
		d.Segments = append(d.Segments, schema.Segment{Name: fmt.Sprint(i), Filter: schema.SegmentFilter{Op: "and", Of: []schema.SegmentFilter{
			{Op: "is_not", Column: "country", Values: []string{fmt.Sprint("C", i)}},
			{Op: "matches", Column: "path", Values: []string{"^/p[0-9]+"}},
			{Op: "is", Column: "browser", Values: []string{"B0", "B1", "B2", "B3", fmt.Sprint("x", i)}},
		}}})
	}
	return d
}

func TestSegmentsAllocateNothing(t *testing.T) {
	declared := manySegments()
	countAllocatesNothing(t, &declared)
}

// maxSegmentsBytes is what all segments together may add to the memory of a visitor with three pages: a record of the visitor and one
// of each page, and the cells, shared by all visitors.
const maxSegmentsBytes = 260

func TestMemoryOfSegments(t *testing.T) {
	cfg := testDay(t)
	n := 40_000
	if testing.Short() {
		n = 20_000
	}
	without, _ := visitorCost(t, cfg, n, &schema.Declarations{})
	var declared schema.Declarations
	for i := range schema.MaxSegments {
		declared.Segments = append(declared.Segments, schema.Segment{Name: fmt.Sprint(i), Filter: schema.SegmentFilter{
			Op: "is_not", Column: "country", Values: []string{fmt.Sprint("x", i)},
		}})
	}
	with, allocs := visitorCost(t, cfg, n, &declared)
	t.Logf("%d visitors: %.1f bytes each, and %.1f for %d segments; %.4f allocations an event", n, without, with-without,
		len(declared.Segments), allocs)
	if n == 40_000 && with-without > maxSegmentsBytes {
		t.Errorf("%.1f bytes for the segments, at most %d", with-without, maxSegmentsBytes)
	}
}

// BenchmarkStepSegments is BenchmarkStep with all segments that a site can have, four of seven events in nearly all of them.
func BenchmarkStepSegments(b *testing.B) {
	cfg := testDay(b)
	d := openDay(b, cfg, &aggregate.HeapMemory{})
	declared := manySegments()
	d.Declare(aggregate.Declare(&declared))
	events := make([]*aggregate.Event, 10_000)
	for i := range events {
		events[i] = visit(cfg, i)
	}
	var incs []schema.Increment
	var err error
	for i := 0; b.Loop(); i++ {
		d.Begin(uint64(i + 1))
		if incs, err = d.Step(events[i%len(events)], incs[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
