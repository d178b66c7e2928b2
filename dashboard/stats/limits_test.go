package stats

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/aggregate/pipeline"
	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/clickhouse/clickhousetest"
)

// The limits of TestFlood.
const (
	// floodBytes is what all that is kept of one site's day may take on the heap whatever is sent: the values and cells within their
	// limits, the visitors' entries for them, the segment of the journal and the batch on its way.
	floodBytes = 64 << 20
	// floodVisitors is how many visitors send it.
	floodVisitors = 500
)

// TestFlood sends one site of two a path, an event, a property and a value that were never there before with each event, among the
// events of the other, through the pipeline to the engine. What is kept stays within the named limits, in memory and in the store; no
// total is wrong, what came after a limit is under (other), and the answer says so; the other site's numbers are all exact.
func TestFlood(t *testing.T) {
	n := 60_000
	switch {
	case os.Getenv(longVariable) != "":
		n = 1_000_000
	case testing.Short():
		n = 24_000
	}
	quiet := makeWeek(4, 300)
	for day := range quiet.days[1:] {
		quiet.days[day+1] = nil
	}
	flooded := schema.Site{ID: 2, Domain: "flooded.example", Timezone: quiet.site.Timezone}
	f := newFlood(t, quiet, &flooded)
	half := f.send(n / 2)
	whole := f.send(n - n/2)
	f.quietRest()
	must(t, f.pipe.Flush(t.Context()))
	t.Logf("%d events: %d bytes after a half, %d after all", n, half, whole)
	if whole > floodBytes {
		t.Errorf("%d bytes on the heap, want at most %d", whole, floodBytes)
	}
	must(t, f.pipe.Close(t.Context()))

	f.checkStore()
	f.checkFlooded(n)
	c := &comparison{t: t, engine: f.engine, naive: newReckoner(quiet), joined: map[string]*deviation{}}
	for i, q := range c.questions(true) {
		if i%40 == 0 {
			c.asked, c.pairs = c.asked+1, c.pairs+len(q.Metrics)
			c.compare(q)
		}
	}
	t.Logf("the other site: %d questions, %d values, %d differ", c.asked, c.values, c.failures)
	if c.asked < 15 {
		t.Error("hardly anything was asked of the other site")
	}
}

// flood is a pipeline with two sites, and the store behind it.
type flood struct {
	t       *testing.T
	rand    *rand.Rand
	quiet   []*aggregate.Event // that are still to be sent
	flooded *schema.Site
	db      *clickhouse.DB
	pipe    *pipeline.Pipeline
	engine  *Engine
	clock   atomic.Int64
	day     schema.Day
	atFirst uint64
	sent    int
}

func newFlood(t *testing.T, quiet *madeWeek, flooded *schema.Site) *flood {
	t.Helper()
	db := clickhousetest.Empty(t)
	f := &flood{
		t: t, rand: rand.New(rand.NewPCG(5, 5)), quiet: slices.Clone(quiet.days[0]), flooded: flooded, db: db, day: quiet.first,
	}
	f.clock.Store(f.day.Start(quiet.loc).Unix())
	guarded := quiet.site
	guarded.Guards = []schema.Guard{{From: 0, K: 1}}
	f.atFirst = heapInUse()
	var err error
	f.pipe, err = pipeline.Open(t.Context(), pipeline.Config{
		Dir: t.TempDir(), Sink: db, Journal: journal.Options{Sync: journal.SyncOS}, Random: rand.NewChaCha8([32]byte{1}),
		Clock: func() time.Time { return time.Unix(f.clock.Load(), 0) },
		Sites: func(id schema.SiteID) (schema.Site, bool) {
			switch id {
			case guarded.ID:
				return guarded, true
			case flooded.ID:
				return *flooded, true
			}
			return schema.Site{}, false
		},
	})
	must(t, err)
	t.Cleanup(func() { _ = f.pipe.Close(t.Context()) })
	now := (f.day + 1).Start(quiet.loc).Add(12 * time.Hour)
	f.engine = &Engine{Runner: db, Now: func() time.Time { return now.AddDate(0, 0, weekDays-1) }}
	return f
}

// send sends so many events of the flood, each after the next of the quiet site, and returns how many bytes are kept of all so far.
func (f *flood) send(n int) (bytes uint64) {
	f.t.Helper()
	const groupEvents = 100
	for range (n + groupEvents - 1) / groupEvents {
		var events []aggregate.Event
		if len(f.quiet) > 0 {
			f.clock.Store(f.quiet[0].Time)
			events = append(events, *f.quiet[0])
			f.quiet = f.quiet[1:]
		}
		for range min(groupEvents, n) {
			events = append(events, f.event())
		}
		n -= min(groupEvents, n)
		f.submit(events)
	}
	must(f.t, f.pipe.Flush(f.t.Context()))
	return heapInUse() - f.atFirst
}

// quietRest sends what is left of the quiet site.
func (f *flood) quietRest() {
	for group := range slices.Chunk(f.quiet, 50) {
		var events []aggregate.Event
		for _, e := range group {
			events = append(events, *e)
			f.clock.Store(e.Time)
		}
		f.submit(events)
	}
}

func (f *flood) submit(events []aggregate.Event) {
	f.t.Helper()
	at := time.Unix(f.clock.Load(), 0)
	for i := range events {
		_, day, err := f.pipe.Salt(events[i].Site, at)
		must(f.t, err)
		events[i].Day = day
	}
	must(f.t, f.pipe.Submit(f.t.Context(), events))
}

// event is an event of which nothing was there before but its visitor.
func (f *flood) event() aggregate.Event {
	f.sent++
	e := aggregate.Event{
		Site: f.flooded.ID, Time: f.clock.Load(), Visitor: aggregate.Key{1 + f.rand.Uint64N(floodVisitors), 9},
		ScrollDepth: aggregate.ScrollUnknown,
	}
	e.Values[schema.Hostname] = "flooded.example"
	e.Values[schema.Path] = fmt.Sprintf("/%x", f.rand.Uint64())
	if f.sent%2 == 0 {
		e.Kind = aggregate.Custom
		e.Values[schema.EventName] = fmt.Sprintf("e%x", f.rand.Uint64())
		e.Props = []aggregate.Prop{{Name: fmt.Sprintf("p%x", f.rand.Uint64()), Value: fmt.Sprintf("v%x", f.rand.Uint64())}}
	}
	return e
}

// checkStore counts what the store has of the flooded site.
func (f *flood) checkStore() {
	f.t.Helper()
	rows := 0
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		columns := []string{"toInt64(count())", "toInt64(uniqExact(" + strings.Join(append(columnsOf(c), "''"), ", ") + "))"}
		for _, d := range c.Dimensions {
			columns = append(columns, fmt.Sprintf("toInt64(uniqExactIf(%s, %s != '' AND %s != '%s'))", d, d, d, schema.Other))
		}
		found, err := f.db.Select(f.t.Context(), "SELECT "+strings.Join(columns, ", ")+" FROM counts FINAL WHERE site_id = 2 AND cube = '"+
			c.Name+"'", nil)
		must(f.t, err)
		rows += int(found[0][0].(int64))
		for n, d := range c.Dimensions {
			if got := found[0][2+n].(int64); got > int64(schema.Dimensions[d].LimitPerDay) {
				f.t.Errorf("cube %s has %d values of %s, the limit is %d", c.Name, got, d, schema.Dimensions[d].LimitPerDay)
			}
		}
		if cells := found[0][1].(int64); len(c.Folded) > 0 && cells > 2*schema.LimitCellsPerDay {
			f.t.Errorf("cube %s has %d cells, the limit is %d and as many parents at the most", c.Name, cells, schema.LimitCellsPerDay)
		}
	}
	f.t.Logf("the store has %d rows of the flooded site", rows)
	if rows > len(schema.Cubes)*2*schema.LimitCellsPerDay {
		f.t.Errorf("%d rows", rows)
	}
}

func columnsOf(c *schema.Cube) (columns []string) {
	for _, d := range c.Dimensions {
		columns = append(columns, d.String())
	}
	return columns
}

// checkFlooded asks for the totals of n events, half of them page views, and for the part that came after the limits.
func (f *flood) checkFlooded(n int) {
	f.t.Helper()
	views, events := int64(n+1)/2, int64(n)/2
	for _, c := range []struct {
		dimension string
		metric    Metric
		all, kept int64
	}{
		{"event:page", Events, views + events, int64(schema.Dimensions[schema.Path].LimitPerDay)},
		{"event:name", Events, events, int64(schema.Dimensions[schema.EventName].LimitPerDay)},
	} {
		q := Query{
			Site: f.flooded.Domain, Metrics: []Metric{c.metric}, Dimensions: []string{c.dimension},
			Range: DateRange{First: f.day, Last: f.day}, Pagination: Pagination{Limit: MaxLimit}, Include: Include{TotalRows: true},
		}
		answer, err := f.engine.Answer(f.t.Context(), f.flooded, &q)
		must(f.t, err)
		first := answer.Results[0]
		if other := first.Metrics[0].(int64); first.Dimensions[0] != schema.Other || other != c.all-c.kept {
			f.t.Errorf("%s: %v has %v, want %d of %d under %s", c.dimension, first.Dimensions, other, c.all-c.kept, c.all, schema.Other)
		}
		if rows := *answer.Meta.TotalRows; rows != c.kept+1 {
			f.t.Errorf("%s: %d rows, want %d", c.dimension, rows, c.kept+1)
		}
		if w := answer.Meta.MetricWarnings[c.metric]; w.Code != "values_limit" || !strings.Contains(w.Warning, fmt.Sprint(c.kept)) {
			f.t.Errorf("%s: the answer does not tell of the limit: %v", c.dimension, w)
		}
		q.Dimensions, q.Include = nil, Include{}
		if c.dimension == "event:name" {
			continue
		}
		if answer, err = f.engine.Answer(f.t.Context(), f.flooded, &q); err != nil || answer.Results[0].Metrics[0] != c.all {
			f.t.Errorf("%v events in all, want %d (%v)", answer.Results, c.all, err)
		}
	}
}

// heapInUse is what the heap has after what is not used was taken away.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
