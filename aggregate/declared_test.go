package aggregate_test

import (
	"fmt"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// A site that is sent random names of events counts those it declared, and the others under one name.
func TestDeclaredNamesHaveRoom(t *testing.T) {
	day := schema.Day(20_000)
	d, err := aggregate.Open(aggregate.Config{Site: 1, Day: day, Location: time.UTC, K: 1}, &aggregate.HeapMemory{})
	if err != nil {
		t.Fatal(err)
	}
	d.Declare(aggregate.Declare(&schema.Declarations{Goals: []schema.Goal{
		{Name: "Signup", Event: "Signup"}, {Name: "Blog", Page: "/blog/*"},
	}}))
	d.Begin(1)
	var incs []schema.Increment
	send := func(kind aggregate.Kind, event, path string) {
		ev := aggregate.Event{
			Site: 1, Day: day, Time: day.Start(time.UTC).Unix(), Visitor: aggregate.Key{1, 1}, Kind: kind,
		}
		ev.Values[schema.EventName], ev.Values[schema.Path] = event, path
		if incs, err = d.Step(&ev, incs); err != nil {
			t.Fatal(err)
		}
	}
	limit := schema.Dimensions[schema.EventName].LimitPerDay
	for i := range limit + 50 {
		send(aggregate.Custom, fmt.Sprint("random ", i), "/")
	}
	send(aggregate.Custom, "Signup", "/")
	send(aggregate.Pageview, "", "/blog/a")
	counts := map[string]int64{}
	for _, inc := range incs {
		if inc.Cell.Cube == schema.CubeEvents {
			counts[inc.Cell.Values[0]] += inc.Delta[schema.Events]
		}
	}
	for name, want := range map[string]int64{"Signup": 1, "page\t/blog/*": 1, schema.Other: 50, "random 0": 1} {
		if counts[name] != want {
			t.Errorf("%q counts %d times, want %d", name, counts[name], want)
		}
	}
	if len(counts) != limit+3 {
		t.Errorf("%d names, want %d", len(counts), limit+3)
	}
}
