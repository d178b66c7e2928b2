package pipeline

import (
	"fmt"
	"testing"
	"time"

	"turf/schema"
)

// What is dropped is in the store after a flush, by the hour of the site's own day.
func TestDrop(t *testing.T) {
	sink := &memorySink{}
	p := start(t, testConfig(t, sink))
	at := time.Date(2026, time.June, 1, 12, 20, 0, 0, time.UTC)
	for range 3 {
		p.Drop(1, at, "robot", "Seeker")
		p.Drop(2, at, "robot", "Seeker") // where it is 18:05
	}
	p.Drop(2, at.Add(-10*time.Minute), "url", "")
	p.Drop(9, at, "robot", "Seeker") // no such site
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Drop(1, at, "robot", "Seeker")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for c, d := range sink.sums {
		got[fmt.Sprintf("%d %s %q", c.Site, time.Unix(c.Time, 0).UTC().Format("15:04"), c.Values[:2])] = d[schema.Events]
	}
	for cell, want := range map[string]int64{
		`1 12:00 ["robot" "Seeker"]`: 4, `2 12:15 ["robot" "Seeker"]`: 3, `2 11:15 ["url" ""]`: 1,
	} {
		if got[cell] != want {
			t.Errorf("%s: %d, want %d", cell, got[cell], want)
		}
	}
	if len(got) != 3 {
		t.Errorf("cells %v", got)
	}
}

// However many programs and sites there are, the book stays small and nothing in it is lost.
func TestDropLimits(t *testing.T) {
	b := newDropBook()
	limit := schema.Dimensions[schema.Agent].LimitPerDay
	const sites, each = 20, 1500
	for i := range each {
		for site := range schema.SiteID(sites) {
			b.add(site, 900, "robot", fmt.Sprint("agent ", i))
		}
	}
	kinds, counts := b.take()
	total, named := int64(0), 0
	for i, kind := range kinds {
		total += counts[i]
		if kind.site == 1 && kind.agent != schema.Other {
			named++
		}
	}
	if total != sites*each || len(kinds) > maxDropKinds+sites || named > limit {
		t.Errorf("%d drops in %d kinds, %d agents of a site", total, len(kinds), named)
	}
	b.add(1, 900, "robot", "agent 1")
	if allocs := testing.AllocsPerRun(100, func() { b.add(1, 900, "robot", "agent 1") }); allocs > 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}
