package aggregate_test

import (
	"fmt"
	"runtime"
	"testing"

	"turf/aggregate"
	"turf/schema"
)

// TestStepAllocatesNothing says that a warm day counts events without a single allocation, whatever they are: page views, new
// visits, new visitors, custom events with properties, engagement, and values it knows.
func TestStepAllocatesNothing(t *testing.T) {
	cfg := testDay(t)
	d := openDay(t, cfg, &aggregate.HeapMemory{})
	start := cfg.Day.Start(cfg.Location).Unix()
	const runs = 2_000
	event := func(i int) *aggregate.Event {
		e := visit(cfg, i%500)
		e.Time = start + int64(i)*10
		e.Kind = aggregate.Kind([]int{0, 0, 1, 2}[i/500%4])
		if e.Kind == aggregate.Custom {
			e.Values[schema.EventName] = "signup"
			e.Props = []aggregate.Prop{{Name: "plan", Value: "pro"}}
		}
		return e
	}
	var incs []schema.Increment
	warm := func(from, to int) {
		for i := from; i < to; i++ {
			d.Begin(d.Group() + 1)
			var err error
			if incs, err = d.Step(event(i), incs[:0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	warm(0, 4_000)
	events := make([]*aggregate.Event, runs+1)
	for i := range events {
		events[i] = event(4_000 + i)
	}
	// Room for what the set of the seen grows by: growing is amortised, see TestNewVisitorsAllocateLittle.
	i, group := 0, d.Group()
	allocs := testing.AllocsPerRun(runs, func() {
		group++
		d.Begin(group)
		var err error
		if incs, err = d.Step(events[i], incs[:0]); err != nil {
			t.Fatal(err)
		}
		i++
	})
	if allocs != 0 {
		t.Errorf("%v allocations a step", allocs)
	}
}

// sampleVisitors are the numbers of visitors at which the memory is measured: tables grow in jumps, and each jump must hold.
func sampleVisitors(short bool) []int {
	if short {
		return []int{100_000}
	}
	return []int{100_000, 135_000, 200_000}
}

// maxVisitorBytes is the budget of a visitor and day with three pages.
const maxVisitorBytes = 160

// TestMemoryOfAVisitor measures the heap, so that the indexes are in it, with the table in HeapMemory.
func TestMemoryOfAVisitor(t *testing.T) {
	cfg := testDay(t)
	for _, n := range sampleVisitors(testing.Short()) {
		perVisitor, allocs := visitorCost(t, cfg, n, &schema.Declarations{})
		t.Logf("%d visitors with three pages: %.1f bytes each, %.4f allocations an event", n, perVisitor, allocs)
		if perVisitor > maxVisitorBytes {
			t.Errorf("%d visitors with three pages: %.1f bytes each, at most %d", n, perVisitor, maxVisitorBytes)
		}
		if allocs > 0.01 {
			t.Errorf("%d visitors: %.4f allocations an event, growing included", n, allocs)
		}
	}
}

// visitorCost is the bytes of each of n visitors who see three pages, over a warm day of the site: its pages and so on are
// known. Each of the visitors comes once and sees different pages; a part of them is there in two hours.
func visitorCost(t *testing.T, cfg aggregate.Config, n int, declared *schema.Declarations) (perVisitor, allocs float64) {
	t.Helper()
	const pages = 500
	paths := make([]string, pages)
	for i := range paths {
		paths[i] = fmt.Sprintf("/articles/%d", i)
	}
	start := cfg.Day.Start(cfg.Location).Unix()
	e, incs := visit(cfg, 0), make([]schema.Increment, 0, 1024)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	mem := &aggregate.HeapMemory{}
	d := reopen(t, cfg, declared, mem)
	var err error
	for i := range n {
		d.Begin(uint64(i + 1))
		e.Visitor = aggregate.Key{uint64(i)*0x9e3779b97f4a7c15 + 1, uint64(i)}
		for page := range 3 {
			e.Time = start + int64(i)*80_000/int64(n) + int64(page)*60
			e.Values[schema.Path] = paths[(i*7+page*131)%pages]
			if incs, err = d.Step(e, incs[:0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	allocs = float64(after.Mallocs-before.Mallocs) / float64(3*n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if d.Visitors() != n {
		t.Fatalf("%d visitors, want %d", d.Visitors(), n)
	}
	runtime.KeepAlive(mem)
	return float64(after.HeapAlloc-before.HeapAlloc) / float64(n), allocs
}

func BenchmarkStep(b *testing.B) {
	cfg := testDay(b)
	d, err := aggregate.Open(cfg, &aggregate.HeapMemory{})
	if err != nil {
		b.Fatal(err)
	}
	events := make([]*aggregate.Event, 10_000)
	for i := range events {
		events[i] = visit(cfg, i)
	}
	var incs []schema.Increment
	for i := 0; b.Loop(); i++ {
		d.Begin(uint64(i + 1))
		if incs, err = d.Step(events[i%len(events)], incs[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
