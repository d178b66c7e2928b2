package stats

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/clickhouse/clickhousetest"
)

// longVariable names the environment variable that makes the tests as long as they are meant to be, which takes some minutes.
const longVariable = "TURF_LONG"

// maxJoinedError is by how much the visitors of joined tuples may be off in all, as a part of themselves; see the package's
// documentation, Exactness.
const maxJoinedError = 0.005

// TestEveryPair: a week of events is counted by the core and written to the engine, and every pair of a dimension and a filter that
// the planner answers, with every metric of it, is what a naive reckoning over the events finds. Numbers without the warning
// joined_tuples are equal; those with it are upper limits, and hardly more.
func TestEveryPair(t *testing.T) {
	visitors, sample := 5_000, 3
	long := os.Getenv(longVariable) != ""
	switch {
	case long:
		visitors, sample = 100_000, 1
	case testing.Short():
		visitors, sample = 300, 12
	}
	week := makeWeek(1, visitors)
	e := countWeek(t, week, 1)
	c := &comparison{t: t, engine: e, naive: newReckoner(week), joined: map[string]*deviation{}}
	events := 0
	for _, day := range week.days {
		events += len(day)
	}
	t.Logf("%d visitors: %d events, %d visitors' days, %d visits; %d had several sources, %d several campaigns of a source", visitors, events,
		c.naive.visitors, c.naive.visits, c.naive.several.sources, c.naive.several.campaigns)
	questions := c.questions(!long)
	var wait sync.WaitGroup
	next := make(chan *asked)
	for range 2 {
		wait.Go(func() {
			for q := range next {
				c.compare(q)
			}
		})
	}
	for i, q := range questions {
		if i%sample == 0 {
			c.asked, c.pairs = c.asked+1, c.pairs+len(q.Metrics)
			next <- q
		}
	}
	close(next)
	wait.Wait()
	c.report()
	if c.pairs < 4000/sample || c.values < 5*c.pairs {
		t.Errorf("only %d pairs and %d values", c.pairs, c.values)
	}
}

// countWeek takes the week through the core, a day after the other, and writes what it counts in batches.
func countWeek(t *testing.T, w *madeWeek, k int) *Engine {
	t.Helper()
	return countWeekAs(t, w, k, func(_ int, sums map[schema.Cell]schema.Deltas) map[schema.Cell]schema.Deltas { return sums })
}

// countWeekAs writes what is made of the counts of each day.
func countWeekAs(
	t *testing.T, w *madeWeek, k int, made func(day int, sums map[schema.Cell]schema.Deltas) map[schema.Cell]schema.Deltas,
) *Engine {
	t.Helper()
	db := clickhousetest.Empty(t)
	const groupEvents, batchEvents = 200, 20_000
	for day, events := range w.days {
		cfg := aggregate.Config{Site: w.site.ID, Day: w.first + schema.Day(day), Location: w.loc, K: k}
		core, err := aggregate.Open(cfg, &aggregate.HeapMemory{})
		if err != nil {
			t.Fatal(err)
		}
		core.Declare(aggregate.Declare(&w.site.Declarations))
		sums := map[schema.Cell]schema.Deltas{}
		for i := 0; i < len(events); i += groupEvents {
			core.Begin(uint64(i) + 1)
			for _, e := range events[i:min(i+groupEvents, len(events))] {
				if err := core.Count(e); err != nil {
					t.Fatal(err)
				}
			}
			for _, inc := range core.Increments(nil) {
				d := sums[inc.Cell]
				d.Add(&inc.Delta)
				sums[inc.Cell] = d
			}
			if (i+groupEvents)%batchEvents == 0 || i+groupEvents >= len(events) {
				writeSums(t, db, fmt.Sprint(day, " ", i), made(day, sums))
				clear(sums)
			}
		}
	}
	now := (w.first + weekDays).Start(w.loc).Add(12 * time.Hour)
	return &Engine{Runner: db, Now: func() time.Time { return now }}
}

func writeSums(t *testing.T, db *clickhouse.DB, token string, sums map[schema.Cell]schema.Deltas) {
	t.Helper()
	batch := schema.Batch{Token: token}
	for cell, d := range sums {
		if !d.IsZero() {
			batch.Rows = append(batch.Rows, schema.Row{Cell: cell, Sums: d})
		}
	}
	slices.SortFunc(batch.Rows, func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
	if err := db.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// asked is a question and what it is planned to be.
type asked struct {
	Query
	plan *plan
	span Span
	kind string // of the filter
}

// deviation is how far answers are from the true ones.
type deviation struct {
	off, all float64 // sums
	largest  float64 // of a row of at least largeRow visitors, as a part of itself
	where    string
}

// largeRow is how many visitors a row has of which the deviation is told alone.
const largeRow = 100

type comparison struct {
	t      *testing.T
	engine *Engine
	naive  *reckoner

	mu            sync.Mutex
	asked         int // questions
	pairs, values int
	refused       int
	joined        map[string]*deviation // by kind of question
	failures      int
}

// compare asks the engine, page after page, and holds the answer against the reckoning.
func (c *comparison) compare(q *asked) {
	want := c.naive.reckon(&q.Query, q.plan.interval, q.span)
	if len(q.Dimensions) == 0 && len(want) == 0 {
		want[rowKey{}] = &group{}
	}
	got, warnings := map[rowKey][]any{}, map[Metric]Warning{}
	question := q.Query
	for {
		answer, err := c.engine.Answer(c.t.Context(), &c.naive.week.site, &question)
		if err != nil {
			c.fail("%s: %v", q.text(), err)
			return
		}
		maps.Copy(got, rowsOf(q.Dimensions, answer))
		maps.Copy(warnings, answer.Meta.MetricWarnings)
		if len(answer.Results) < question.Pagination.Limit {
			break
		}
		question.Pagination.Offset += question.Pagination.Limit
	}
	for i, m := range q.Metrics {
		joined := strings.Contains(warnings[m].Warning, joinedWarning.Warning)
		c.compareMetric(q, i, m, got, want, c.totals(q, m), joined)
	}
	for row := range got {
		if want[row] == nil {
			c.fail("%s: there is a row %v", q.text(), row)
		}
	}
}

// totals are the rows of which a metric is a share, by the labels that they share with the rows.
func (c *comparison) totals(q *asked, m Metric) func(rowKey) *group {
	if !isShare(m) {
		return func(rowKey) *group { return nil }
	}
	all := Query{}
	left := func(name string) bool { return name != goalDimension && !strings.HasPrefix(name, propPrefix) }
	for _, f := range q.Filters {
		if m == Percentage || left(f.Dimension) {
			all.Filters = append(all.Filters, f)
		}
	}
	hasTime, hasValue := false, false
	for _, name := range q.Dimensions {
		if m == GroupConversionRate && left(name) {
			all.Dimensions = append(all.Dimensions, name)
			hasTime, hasValue = hasTime || isTime(name), hasValue || !isTime(name)
		}
	}
	interval := ""
	if hasTime {
		interval = q.plan.interval
	}
	rows := c.naive.reckon(&all, interval, q.span)
	return func(row rowKey) *group {
		var key rowKey
		if hasTime {
			key.time = row.time
		}
		if hasValue {
			key.value = row.value
		}
		if rows[key] == nil {
			return &group{}
		}
		return rows[key]
	}
}

func (c *comparison) compareMetric(
	q *asked, i int, m Metric, got map[rowKey][]any, want map[rowKey]*group, total func(rowKey) *group, joined bool,
) {
	off := deviation{}
	for row, g := range want {
		n := g.metric(m, q.plan.role, total(row))
		metrics, ok := got[row]
		if !ok {
			if n.counted {
				c.fail("%s: no row %v; %s is %v", q.text(), row, m, n)
			}
			continue
		}
		value, null := plainNumber(metrics[i])
		if isRevenue(m) && !c.hasCurrency(q, row) {
			n.null = true
		}
		switch {
		case null != n.null && !(m == TotalRevenue && value == 0):
			c.fail("%s, row %v: %s is %v, want %v", q.text(), row, m, metrics[i], n)
		case null || n.null:
		case joined:
			off.off, off.all = off.off+math.Abs(value-n.value), off.all+n.value
			if part := math.Abs(value-n.value) / n.value; n.value >= largeRow && part > off.largest {
				off.largest, off.where = part, fmt.Sprintf("%s, row %v: %v, in truth %v", q.text(), row, value, n.value)
			}
			if m == Visitors && value < n.value {
				c.fail("%s, row %v: %s is %v and no upper limit of %v", q.text(), row, m, value, n)
			}
		case math.Abs(value-n.value) > 0.5*math.Pow10(-n.digits)*b2f(n.digits > 0 || m != Visitors)+n.wide*n.value+1e-9 ||
			n.digits == 0 && n.wide == 0 && isCount(m) && value != n.value:
			c.fail("%s, row %v: %s is %v, want %v", q.text(), row, m, value, n)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values += len(want)
	if joined && (m == Visitors || m == Visits) {
		c.note(q.class(), off)
	}
}

// class names the kind of a question whose tuples are joined.
func (q *asked) class() string {
	return fmt.Sprintf("%s: %s, filter: %s", q.plan.role, cmp.Or(q.plan.interval, "no time"), cmp.Or(q.kind, "none"))
}

func (c *comparison) note(kind string, off deviation) {
	d := c.joined[kind]
	if d == nil {
		d = &deviation{}
		c.joined[kind] = d
	}
	d.off, d.all = d.off+off.off, d.all+off.all
	if off.largest > d.largest {
		d.largest, d.where = off.largest, off.where
	}
}

func isCount(m Metric) bool { return m == Visitors || m == Visits || m == Pageviews || m == Events }

func b2f(b bool) float64 { return float64(b2i(b)) }

// hasCurrency reports whether the goal of a row has one.
func (c *comparison) hasCurrency(q *asked, row rowKey) bool {
	for _, g := range q.plan.goals.events {
		if g.Currency != "" && (!q.plan.goals.grouped || g.Name == row.value) {
			return true
		}
	}
	return false
}

// plainNumber is a metric of an answer as a number, or null.
func plainNumber(v any) (value float64, null bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), false
	case float64:
		return v, false
	case Revenue:
		return v.Value, false
	}
	return 0, true
}

func (c *comparison) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	const most = 20
	if c.failures++; c.failures <= most {
		c.t.Errorf(format, args...)
	}
}

func (c *comparison) report() {
	total := deviation{}
	for _, kind := range slices.Sorted(maps.Keys(c.joined)) {
		d := c.joined[kind]
		c.t.Logf("joined, %s: %.4f %% over all, largest %.2f %%: %s", kind, 100*d.off/d.all, 100*d.largest, d.where)
		total.off, total.all, total.largest = total.off+d.off, total.all+d.all, max(total.largest, d.largest)
	}
	c.t.Logf("%d questions, %d pairs of metric, dimension and filter were answered and %d refused; %d values compared, %d differ; "+
		"visitors of joined tuples are off by %.4f %% over all, the largest row by %.2f %%", c.asked, c.pairs, c.refused, c.values, c.failures,
		100*total.off/total.all, 100*total.largest)
	if total.off > maxJoinedError*total.all {
		c.t.Errorf("visitors of joined tuples are off by more than %v %%", 100*maxJoinedError)
	}
}
