package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/schema"
)

// bug is a mistake that somebody could make in the order of things, planted into the simulation.
type bug struct {
	name         string
	noSync       bool
	noTokens     bool
	forgetTables bool
	smallerK     bool
	plant        func(*world) // at each start, before tables are recovered
	started      func(*world) // after
}

// wholeBugs are of the world, or of the process as a whole.
func wholeBugs() []bug {
	return []bug{
		{name: "acknowledge before the disk has it", noSync: true},
		{name: "the store knows no tokens", noTokens: true},
		{name: "visitors are forgotten at a kill", forgetTables: true},
		{name: "k is one less", smallerK: true},
		{name: "segments found at start are not sent", plant: func(w *world) { w.out.queue = nil }},
		{name: "a change of goals is not seen", plant: func(w *world) {
			known := map[schema.SiteID]schema.Site{}
			w.machine.sites = func(id schema.SiteID) (schema.Site, bool) {
				if _, ok := known[id]; !ok {
					known[id] = w.sites[id]
				}
				return known[id], true
			}
		}},
		{name: "dropped requests are noted again when they are in the journal", plant: func(w *world) {
			real := w.machine.append
			w.machine.append = func(group uint64, incs []schema.Increment) error {
				err := real(group, incs)
				if err == nil && len(incs) > 0 && incs[0].Cell.Cube == schema.CubeDrops {
					return errStore
				}
				return err
			}
		}},
		{name: "days are not forgotten", started: func(w *world) {
			for _, d := range w.machine.days {
				d.end += 3600
			}
		}},
	}
}

// groupBugs are in how a group is counted.
func groupBugs() []bug {
	return []bug{
		{name: "no rollback when the journal failed", started: func(w *world) {
			w.machine.rollback = func(*aggregate.Day) error { return nil }
		}},
		{name: "no rollback at start", plant: func(w *world) {
			real := w.machine.rollback
			w.machine.rollback = func(*aggregate.Day) error { return nil }
			w.bug.started = func(w *world) { w.machine.rollback = real }
		}},
		{name: "one day of a group is not rolled back", started: func(w *world) {
			real, group := w.machine.rollback, uint64(0)
			w.machine.rollback = func(d *aggregate.Day) error {
				if group == d.Group() {
					return nil
				}
				group = d.Group()
				return real(d)
			}
		}},
		{name: "roll back while the outcome is not known", plant: func(w *world) {
			real := w.machine.append
			w.machine.append = func(group uint64, incs []schema.Increment) error {
				err := real(group, incs)
				if errors.Is(err, journal.ErrUncertain) {
					return fmt.Errorf("uncertain: %v", err)
				}
				return err
			}
		}},
		{name: "acknowledge what was not appended", plant: func(w *world) {
			real := w.machine.append
			w.machine.append = func(group uint64, incs []schema.Increment) error { _ = real(group, incs); return nil }
		}},
		{name: "append twice after an error", plant: func(w *world) {
			real := w.machine.append
			w.machine.append = func(group uint64, incs []schema.Increment) error {
				return real(group, append(incs, incs...))
			}
		}},
		{name: "one increment of a group is lost", plant: func(w *world) {
			real := w.machine.append
			w.machine.append = func(group uint64, incs []schema.Increment) error {
				return real(group, incs[:max(0, len(incs)-1)])
			}
		}},
	}
}

// batchBugs are in how a batch is sent.
func batchBugs() []bug {
	return []bug{
		{name: "delete before the insert", plant: func(w *world) {
			w.store.send = func(b schema.Batch) error {
				_ = w.out.queue[0].Remove()
				return w.store.write(b)
			}
		}},
		{name: "an error of the store is not seen", plant: func(w *world) {
			w.store.send = func(b schema.Batch) error { _ = w.store.write(b); return nil }
		}},
		{name: "tokens count from one at each start", plant: func(w *world) {
			n, last := 0, ""
			w.store.send = func(b schema.Batch) error {
				if b.Token != last {
					n, last = n+1, b.Token
				}
				b.Token = fmt.Sprint(n)
				return w.store.write(b)
			}
		}},
		{name: "a new token each time a batch is sent", plant: func(w *world) {
			w.store.send = func(b schema.Batch) error {
				b.Token += fmt.Sprint("-", len(w.store.tokens), w.rng.Uint64())
				return w.store.write(b)
			}
		}},
	}
}

// findWithin is how many histories a planted bug may live through.
const findWithin = 3000

func TestPlantedBugs(t *testing.T) {
	for _, b := range slices.Concat(wholeBugs(), groupBugs(), batchBugs()) {
		t.Run(b.name, func(t *testing.T) {
			for seed := range uint64(findWithin) {
				if err := runCaught(newWorld(seed, &b)); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("not found by %d histories", findWithin)
		})
	}
}

// runCaught runs a history; a panic of the code is a finding too.
func runCaught(w *world) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return w.run()
}
