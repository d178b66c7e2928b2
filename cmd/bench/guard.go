package main

import (
	"fmt"
	"slices"
	"time"

	"turf/aggregate"
	"turf/schema"
)

const (
	// maxGuardRatio is how much longer than without hiding an event may take the core.
	maxGuardRatio = 1.15
	// guardTurns is how often the cores that are compared take turns in a day.
	guardTurns = 40
)

// guarded is a core with some k, at some time of its day.
type guarded struct {
	day     *aggregate.Day
	traffic *traffic
	incs    []schema.Increment
	spent   []time.Duration // processor time of each turn
}

// guard compares the core with k of 1, which hides nothing, with cores that do: each counts the same day of the same visitors, from
// its beginning, in turns of a fortieth of it. The ratio is that of the turn in the middle, so that it matters little what else the
// machine does.
func (b *bench) guard() error {
	ks := []int{1, schema.DefaultK, 5, 20, schema.MaxK}
	events, date := b.scaled(600_000)/guardTurns, schema.Date(2026, 7, 1)
	cores := make([]guarded, len(ks))
	for i, k := range ks {
		d, err := aggregate.Open(aggregate.Config{Site: 1, Day: date, Location: time.UTC, K: k}, &aggregate.HeapMemory{})
		if err != nil {
			return err
		}
		cores[i] = guarded{day: d, traffic: newTraffic(date, events*guardTurns/pagesAVisit)}
	}
	for range guardTurns {
		for i := range cores {
			if err := cores[i].turn(events); err != nil {
				return err
			}
		}
	}
	for i, k := range ks[1:] {
		ratios := make([]float64, guardTurns)
		for turn := range ratios {
			ratios[turn] = float64(cores[i+1].spent[turn]) / float64(cores[0].spent[turn])
		}
		slices.Sort(ratios)
		ratio, name := ratios[guardTurns/2], fmt.Sprintf("time of an event with k of %d, against k of 1", k)
		if k <= 20 {
			b.atMost("core", name, ratio, "×", maxGuardRatio)
		} else { // next to nothing is ever shown
			b.add("core", name, ratio, "×")
		}
	}
	return nil
}

// turn counts so many events.
func (g *guarded) turn(events int) error {
	from, err := cpuTime()
	if err != nil {
		return err
	}
	for i := range events {
		if i%groupEvents == 0 {
			g.day.Begin(g.day.Group() + 1)
		}
		if err := g.day.Count(g.traffic.next()); err != nil {
			return err
		}
		if i%groupEvents == groupEvents-1 || i == events-1 {
			g.incs = g.day.Increments(g.incs[:0])
		}
	}
	to, err := cpuTime()
	g.spent = append(g.spent, to-from)
	return err
}
