package aggregate_test

import (
	"math/rand/v2"
	"testing"

	"turf/aggregate"
	"turf/schema"
)

// TestIncrementsOfAGroup says that a group's increments are the sums of what its events add one by one: each cell once, none with
// nothing, the same in memory afterwards. What a group that was rolled back or begun anew had counted is forgotten.
func TestIncrementsOfAGroup(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 5))
		cfg := randomConfig(t, r, 4)
		events := randomDay(r, cfg.Location, cfg.Day)
		lost := randomDay(r, cfg.Location, cfg.Day)
		one, all := openDay(t, cfg, &aggregate.HeapMemory{}), openDay(t, cfg, &aggregate.HeapMemory{})
		for group := uint64(1); len(events) > 0; group += 2 {
			if r.IntN(3) == 0 {
				countAll(t, all, group, lost[r.IntN(len(lost)):])
				if err := all.Rollback(); err != nil {
					t.Fatal(err)
				}
			}
			n := 1 + r.IntN(min(len(events), 40))
			want := map[schema.Cell]schema.Deltas{}
			for _, inc := range stepAll(t, one, group+1, events[:n]) {
				d := want[inc.Cell]
				d.Add(&inc.Delta)
				want[inc.Cell] = d
			}
			countAll(t, all, group+1, events[:n])
			for _, inc := range all.Increments(nil) {
				if inc.Delta.IsZero() || want[inc.Cell] != inc.Delta {
					t.Fatalf("seed %d, group %d: %v adds %v, want %v", seed, group, inc.Cell, inc.Delta, want[inc.Cell])
				}
				delete(want, inc.Cell) // so that a second one of the cell is wrong
			}
			for cell, d := range want {
				if !d.IsZero() {
					t.Fatalf("seed %d, group %d: %v is missing", seed, group, cell)
				}
			}
			if one.State() != all.State() {
				t.Fatalf("seed %d, group %d: the days differ", seed, group)
			}
			events = events[n:]
		}
		if rest := all.Increments(nil); len(rest) > 0 {
			t.Fatalf("seed %d: %d increments are told twice", seed, len(rest))
		}
	}
}

func countAll(t *testing.T, d *aggregate.Day, group uint64, events []*aggregate.Event) {
	t.Helper()
	d.Begin(group)
	for _, e := range events {
		if err := d.Count(e); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCountAllocatesNothing is TestStepAllocatesNothing for groups.
func TestCountAllocatesNothing(t *testing.T) { countAllocatesNothing(t, nil) }

// countAllocatesNothing counts a group of events over and over, with what was declared.
func countAllocatesNothing(t *testing.T, declared *schema.Declarations) {
	t.Helper()
	cfg := testDay(t)
	d, group, incs := openDay(t, cfg, &aggregate.HeapMemory{}), uint64(0), []schema.Increment(nil)
	if declared != nil {
		d.Declare(aggregate.Declare(declared))
	}
	var events []*aggregate.Event
	for i := range 200 {
		events = append(events, visit(cfg, i))
	}
	count := func() {
		group++
		d.Begin(group)
		for _, e := range events {
			if err := d.Count(e); err != nil {
				t.Fatal(err)
			}
		}
		incs = d.Increments(incs[:0])
	}
	count()
	if allocs := testing.AllocsPerRun(20, count); allocs != 0 {
		t.Errorf("%v allocations a group of %d events", allocs, len(events))
	}
}
