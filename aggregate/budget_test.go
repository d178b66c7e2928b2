package aggregate

import (
	"strconv"
	"testing"
	"time"

	"turf/schema"
)

// budgetBytes is what a visitor of the day with three pages may take, all in all.
const budgetBytes = 160

// tourist is the n-th visitor's event on a page.
func tourist(d *Day, n, page int, kind Kind) *Event {
	ev := &Event{
		Site: 1, Day: d.cfg.Day, Kind: kind, Time: d.start + 60 + int64(n), Visitor: Key{uint64(n+1) * 0x9e3779b97f4a7c15, 1},
		EngagedMS: 5000, ScrollDepth: 50,
	}
	v := &ev.Values
	v[schema.Hostname], v[schema.Path] = "example.com", "/"+strconv.Itoa(page)
	v[schema.Country], v[schema.Device], v[schema.Source] = "NL", "Mobile", "Google"
	v[schema.Language], v[schema.ScreenWidth] = "l"+strconv.Itoa(n/3%20), schema.ScreenClass(int64(n/7%8)*340+1)
	return ev
}

func openTestDay(t *testing.T, mem Memory) *Day {
	t.Helper()
	d, err := Open(Config{Site: 1, Day: 20_000, Location: time.UTC, K: 3}, mem)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestMemoryOfAVisitor holds the budget: a visitor looks at three pages, and the browser tells how long. The number of visitors
// is one at which nothing has just been made larger, and then one at which everything has.
func TestMemoryOfAVisitor(t *testing.T) {
	for _, visitors := range []int{24_000, 25_000} {
		mem := &HeapMemory{}
		d := openTestDay(t, mem)
		var incs []schema.Increment
		for n := range visitors {
			for page := range 3 {
				for _, kind := range []Kind{Pageview, Engagement} {
					d.Begin(d.Group() + 1)
					var err error
					if incs, err = d.Step(tourist(d, n, page, kind), incs[:0]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		bytes := len(mem.Bytes())
		for _, x := range []*index{&d.visitors, &d.seen, &d.tuples, &d.cells} {
			bytes += 4 * len(x.slots)
		}
		t.Logf("%d visitors: %d bytes each", visitors, bytes/visitors)
		if bytes > budgetBytes*visitors {
			t.Errorf("%d visitors take %d bytes each, want at most %d", visitors, bytes/visitors, budgetBytes)
		}
	}
}

// TestStepDoesNotAllocate: once warm, no kind of event does.
func TestStepDoesNotAllocate(t *testing.T) {
	d := openTestDay(t, &HeapMemory{})
	var events []*Event
	for n := range 50 {
		for _, kind := range []Kind{Pageview, Engagement, Custom, Pageview, Engagement} {
			ev := tourist(d, n%7, n%3, kind)
			ev.EngagedMS = 0 // else their histogram gets new buckets
			if kind == Custom {
				ev.Values[schema.EventName] = "Signup"
				ev.Props = []Prop{{"plan", "pro"}}
			}
			events = append(events, ev)
		}
	}
	incs := make([]schema.Increment, 0, 4096)
	allocs := testing.AllocsPerRun(20, func() {
		for _, ev := range events {
			d.Begin(d.Group() + 1)
			var err error
			if incs, err = d.Step(ev, incs[:0]); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 0 {
		t.Errorf("%.0f allocations for %d events", allocs, len(events))
	}
}
