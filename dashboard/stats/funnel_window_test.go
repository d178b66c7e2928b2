package stats_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"turf/aggregate"
	"turf/schema"
	"turf/schema/embedded/embeddedtest"
)

// TestFunnelsEqualWindowFunnel compares the steps that the core counts with ClickHouse's windowFunnel over the same events of
// 10,000 visitors. ClickHouse has no order of events at one time, so it gets times that tell the order too. Where steps fit one
// another it is asked with strict_once, by which one event is one step at the most; where they do not, also without.
func TestFunnelsEqualWindowFunnel(t *testing.T) {
	engine := embeddedtest.Open(t)
	db, err := client.Open(&client.Options{
		Protocol:      client.HTTP,
		Auth:          client.Auth{Database: embeddedtest.Database(t, engine)},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	day := schema.Date(2026, 7, 1)
	r := rand.New(rand.NewPCG(8, 8))
	events := funnelEvents(r, day, 10_000)
	if err := db.Exec(t.Context(), "CREATE TABLE e (visitor UInt64, t UInt64, what String) ENGINE = Memory"); err != nil {
		t.Fatal(err)
	}
	batch, err := db.PrepareBatch(t.Context(), "INSERT INTO e")
	if err != nil {
		t.Fatal(err)
	}
	start, scale := day.Start(time.UTC).Unix(), uint64(len(events))
	for i, e := range events {
		what := e.Values[schema.Path]
		if e.Kind == aggregate.Custom {
			what = e.Values[schema.EventName]
		}
		if err := batch.Append(e.Visitor[0], uint64(e.Time-start)*scale+uint64(i), what); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	funnels := windowFunnels(r)
	counted := countFunnels(t, day, funnels, events)
	for i := range funnels {
		f := &funnels[i]
		modes := []string{", 'strict_once'"}
		if !overlaps(f) {
			modes = append(modes, "")
		}
		for _, mode := range modes {
			want := askWindowFunnel(t, db, f, scale, mode)
			if got := counted[f.Key()]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v in %d s%s: %v, and %v by windowFunnel", f.Steps, f.WindowSec, mode, got, want)
			}
		}
	}
}

// funnelEvents are those of a day, in the order of their times, several of a visitor in one second now and then.
func funnelEvents(r *rand.Rand, day schema.Day, visitors int) []*aggregate.Event {
	var events []*aggregate.Event
	start := day.Start(time.UTC).Unix()
	for n := range visitors {
		at := start + r.Int64N(80_000)
		for range r.IntN(20) {
			at += []int64{0, 0, 1, 5, 30, 200, 2000}[r.IntN(7)]
			e := &aggregate.Event{Site: 1, Day: day, Time: min(at, start+86_399), Visitor: aggregate.Key{uint64(n + 1), 7}}
			e.Values[schema.Path] = "/" + string('a'+rune(r.IntN(5)))
			if r.IntN(3) == 0 {
				e.Kind, e.Values[schema.EventName] = aggregate.Custom, string('A'+rune(r.IntN(3)))
			}
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b *aggregate.Event) int { return int(a.Time - b.Time) })
	return events
}

// windowFunnels are twenty funnels, the first half of them of steps that do not fit one another.
func windowFunnels(r *rand.Rand) []schema.Funnel {
	var funnels []schema.Funnel
	for i := range schema.MaxFunnels {
		steps := []schema.FunnelStep{
			{Page: "/a"}, {Page: "/b"}, {Page: "/c"}, {Page: "/d"}, {Event: "A"}, {Event: "B"}, {Page: "/e"}, {Event: "C"},
		}
		r.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		if i >= schema.MaxFunnels/2 {
			for j := range steps {
				steps[j] = []schema.FunnelStep{{Page: "*"}, {Page: "/a"}, {Page: "/b"}, {Event: "A"}, {Event: "B"}}[r.IntN(5)]
			}
		}
		n := schema.MinFunnelSteps + r.IntN(schema.MaxFunnelSteps-schema.MinFunnelSteps+1)
		funnels = append(funnels, schema.Funnel{Name: fmt.Sprint(i), Steps: steps[:n], WindowSec: []int{0, 1, 30, 1000, 5000}[r.IntN(5)]})
	}
	return funnels
}

func overlaps(f *schema.Funnel) bool {
	for i, s := range f.Steps {
		for _, o := range f.Steps[:i] {
			if s == o || s.Page == "*" && o.Page != "" || o.Page == "*" && s.Page != "" {
				return true
			}
		}
	}
	return false
}

// countFunnels takes the events through the core: visitors by key of the funnel and step.
func countFunnels(t *testing.T, day schema.Day, funnels []schema.Funnel, events []*aggregate.Event) map[string][]int64 {
	t.Helper()
	declared := schema.Declarations{Funnels: funnels}
	if err := declared.Check(); err != nil {
		t.Fatal(err)
	}
	core, err := aggregate.Open(aggregate.Config{Site: 1, Day: day, Location: time.UTC, K: 3}, &aggregate.HeapMemory{})
	if err != nil {
		t.Fatal(err)
	}
	core.Declare(aggregate.Declare(&declared))
	counted := map[string][]int64{}
	for i := range funnels {
		counted[funnels[i].Key()] = make([]int64, len(funnels[i].Steps))
	}
	var incs []schema.Increment
	for i, e := range events {
		core.Begin(uint64(i + 1))
		if incs, err = core.Step(e, incs[:0]); err != nil {
			t.Fatal(err)
		}
		for _, inc := range incs {
			if inc.Cell.Cube == schema.CubeFunnelSteps {
				counted[inc.Cell.Values[0]][inc.Cell.Values[1][0]-'1'] += inc.Delta[schema.Visitors]
			}
		}
	}
	return counted
}

// askWindowFunnel is how many visitors reached each step.
func askWindowFunnel(t *testing.T, db driver.Conn, f *schema.Funnel, scale uint64, mode string) []int64 {
	t.Helper()
	window := uint64(f.WindowSec)
	if window == 0 {
		window = 86_400
	}
	conditions := make([]string, len(f.Steps))
	for i, s := range f.Steps {
		switch {
		case s.Page == "*":
			conditions[i] = "startsWith(what, '/')"
		default:
			conditions[i] = "what = '" + s.Page + s.Event + "'"
		}
	}
	rows, err := db.Query(t.Context(), fmt.Sprintf("SELECT level, toInt64(count()) FROM (SELECT windowFunnel(%d%s)(t, %s) AS level FROM e "+
		"GROUP BY visitor) GROUP BY level", window*scale+scale-1, mode, strings.Join(conditions, ", ")))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	reached := make([]int64, len(f.Steps))
	for rows.Next() {
		var level uint8
		var n int64
		if err := rows.Scan(&level, &n); err != nil {
			t.Fatal(err)
		}
		for i := range level {
			reached[i] += n
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return reached
}
