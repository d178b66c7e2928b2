package aggregate_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// fits reports whether an event is one that the step means.
func fits(step schema.FunnelStep, e *aggregate.Event) bool {
	switch e.Kind {
	case aggregate.Pageview:
		return step.Page != "" && schema.MatchPage(step.Page, e.Values[schema.Path])
	case aggregate.Custom:
		return step.Event != "" && step.Event == e.Values[schema.EventName]
	}
	return false
}

// reckonFunnel is for each step the seconds in which the visitor first reached it, as far as they did. It tries all rows of events:
// latest[n][j] is when the latest row began that ends with event j as its step n.
func reckonFunnel(f *schema.Funnel, events []*aggregate.Event) (times []int64) {
	window := int64(f.WindowSec)
	if window == 0 {
		window = 1 << 40
	}
	const none = -1 << 60
	var before []int64
	for n, step := range f.Steps {
		latest, first := make([]int64, len(events)), -1
		for j, e := range events {
			latest[j] = none
			if !fits(step, e) {
				continue
			}
			if n == 0 {
				latest[j] = e.Time
			} else {
				for i := range j {
					if before[i] != none && e.Time-before[i] <= window {
						latest[j] = max(latest[j], before[i])
					}
				}
			}
			if first < 0 && latest[j] != none {
				first = j
			}
		}
		if first < 0 {
			return times
		}
		times = append(times, events[first].Time-latest[first])
		before = latest
	}
	return times
}

func (o *oracle) reckonFunnels(visitor string, visits []*oracleVisit) {
	cube, _ := schema.CubeByID(schema.CubeFunnelSteps)
	var events []*aggregate.Event
	for _, v := range visits {
		events = append(events, v.events...)
	}
	for i := range o.Funnels {
		f := &o.Funnels[i]
		for n, sec := range reckonFunnel(f, events) {
			var v [schema.NumDimensions]string
			v[schema.FunnelKey], v[schema.Step], v[schema.Bucket] = f.Key(), string('1'+rune(n)), schema.LogBucket(sec)
			o.cell(cube, events[0].Time, v).visitors[visitor] = true
		}
	}
}

// walk counts a visitor's events, written one letter each, upper case for custom events, and says in how many seconds each step
// was first reached. A digit lets ten times as many seconds pass; none pass by themselves.
func walk(t *testing.T, f schema.Funnel, events string) []int64 {
	t.Helper()
	day := schema.Date(2026, 7, 1)
	declared := schema.Declarations{Funnels: []schema.Funnel{f}}
	if err := declared.Check(); err != nil {
		t.Fatal(err)
	}
	d := reopen(t, aggregate.Config{Site: 1, Day: day, Location: time.UTC, K: 5}, &declared, &aggregate.HeapMemory{})
	d.Begin(1)
	at := day.Start(time.UTC).Unix()
	var list []*aggregate.Event
	counted := int64(0)
	for _, c := range events {
		if c >= '0' && c <= '9' {
			at += 10 * int64(c-'0')
			continue
		}
		e := &aggregate.Event{Site: 1, Day: day, Time: at, Visitor: aggregate.Key{1, 1}}
		e.Values[schema.Path] = "/" + string(c)
		if c <= 'Z' {
			e.Kind, e.Values[schema.EventName] = aggregate.Custom, string(c)
		}
		incs, err := d.Step(e, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, inc := range incs {
			if inc.Cell.Cube == schema.CubeFunnelSteps {
				counted += inc.Delta[schema.Visitors]
			}
		}
		list = append(list, e)
	}
	times := reckonFunnel(&f, list)
	if counted != int64(len(times)) {
		t.Errorf("%s: the core counts %d steps, the oracle %d", events, counted, len(times))
	}
	return times
}

// The rules of funnels, on one visitor each.
func TestFunnelRules(t *testing.T) {
	steps := func(s string) (out []schema.FunnelStep) {
		for _, c := range s {
			switch {
			case c == '*':
				out = append(out, schema.FunnelStep{Page: "*"})
			case c <= 'Z':
				out = append(out, schema.FunnelStep{Event: string(c)})
			default:
				out = append(out, schema.FunnelStep{Page: "/" + string(c)})
			}
		}
		return out
	}
	for _, c := range []struct {
		steps  string
		window int
		events string
		want   []int64
		why    string
	}{
		{"ab", 0, "a1b", []int64{0, 10}, ""},
		{"ab", 0, "b1a", []int64{0}, "order counts"},
		{"ab", 0, "b1b", nil, ""},
		{"aBc", 0, "a1x1B1x1c", []int64{0, 20, 40}, "other events may lie between"},
		{"ab", 10, "a1b", []int64{0, 10}, "the window's last second is in it"},
		{"ab", 9, "a1b", []int64{0}, ""},
		{"abc", 20, "a1b2a1b1c", []int64{0, 10, 20}, "the later beginning goes on, when the first is too old"},
		{"abc", 30, "a2b2a1c", []int64{0, 20}, "what the first row reached is not the second's"},
		{"abc", 20, "a1a1b1c", []int64{0, 10, 20}, "time is told from the latest beginning that would do"},
		{"ab", 0, "ab", []int64{0, 0}, "in one second the first to arrive comes first"},
		{"ab", 0, "ba", []int64{0}, ""},
		{"aa", 0, "a", []int64{0}, "one event is one step"},
		{"aa", 0, "a1a", []int64{0, 10}, ""},
		{"*a", 0, "a", []int64{0}, "also where it fits two"},
		{"*a", 0, "a1a", []int64{0, 10}, ""},
		{"a*b", 0, "a1b", []int64{0, 10}, ""},
		{"a*b", 0, "a1b1b", []int64{0, 10, 20}, ""},
		{"aa", 9, "a1a1a", []int64{0}, ""},
		{"ab", 0, "a99999999999999b", []int64{0, 1260}, "visits do not matter"},
	} {
		got := walk(t, schema.Funnel{Name: "f", WindowSec: c.window, Steps: steps(c.steps)}, c.events)
		if len(got) != len(c.want) {
			t.Errorf("%s in %d s: %s takes %v, want %v %s", c.steps, c.window, c.events, got, c.want, c.why)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s in %d s: %s takes %v, want %v %s", c.steps, c.window, c.events, got, c.want, c.why)
			}
		}
	}
}

// TestFunnelsSurvive: a funnel that is declared again after others were in its place goes on where it was, and one that changes
// begins anew.
func TestFunnelsSurvive(t *testing.T) {
	day := schema.Date(2026, 7, 1)
	cfg := aggregate.Config{Site: 1, Day: day, Location: time.UTC, K: 5}
	step := func(page string) schema.FunnelStep { return schema.FunnelStep{Page: page} }
	first := schema.Funnel{Name: "one", Steps: []schema.FunnelStep{step("/a"), step("/b")}}
	other := schema.Funnel{Name: "two", Steps: []schema.FunnelStep{step("/a"), step("/c")}}
	mem := &aggregate.HeapMemory{}
	reached := map[string]int64{}
	view := func(path string, funnels ...schema.Funnel) {
		d := reopen(t, cfg, &schema.Declarations{Funnels: funnels}, mem)
		d.Begin(d.Group() + 1)
		e := &aggregate.Event{Site: 1, Day: day, Time: day.Start(time.UTC).Unix(), Visitor: aggregate.Key{1, 1}}
		e.Values[schema.Path] = path
		incs, err := d.Step(e, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, inc := range incs {
			if inc.Cell.Cube == schema.CubeFunnelSteps {
				reached[inc.Cell.Values[0]+" "+inc.Cell.Values[1]] += inc.Delta[schema.Visitors]
			}
		}
	}
	view("/a", first)
	view("/x", other)
	view("/c", other, first) // nobody saw the view of /a when other was declared
	view("/b", other, first)
	view("/a", other)
	view("/c", other)
	for key, want := range map[string]int64{first.Key() + " 1": 1, first.Key() + " 2": 1, other.Key() + " 1": 1, other.Key() + " 2": 1} {
		if reached[key] != want {
			t.Errorf("%s: %d, want %d", key, reached[key], want)
		}
	}
}

// TestFunnelsAllocateNothing: a day with the most funnels there can be, once warm.
func TestFunnelsAllocateNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	day := schema.Date(2026, 7, 1)
	var declared schema.Declarations
	for i := range schema.MaxFunnels {
		declared.Funnels = append(declared.Funnels, randomFunnel(r, string('a'+rune(i))))
	}
	d := reopen(t, aggregate.Config{Site: 1, Day: day, Location: time.UTC, K: 5}, &declared, &aggregate.HeapMemory{})
	events := randomDay(r, time.UTC, day)
	for _, e := range events {
		e.EngagedMS = 0 // else the histogram of pages gets new buckets
	}
	incs := make([]schema.Increment, 0, 4096)
	count := func() {
		for _, e := range events {
			d.Begin(d.Group() + 1)
			var err error
			if incs, err = d.Step(e, incs[:0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 5 { // and what is new at the time at which the first one ended, page by page
		count()
	}
	allocs := testing.AllocsPerRun(5, count)
	if allocs > 0 {
		t.Errorf("%.0f allocations for %d events", allocs, len(events))
	}
}

// TestFunnelDamage: a record of a funnel that makes no sense is refused at Open.
func TestFunnelDamage(t *testing.T) {
	cfg := testDay(t)
	f := schema.Funnel{Name: "f", Steps: []schema.FunnelStep{{Page: "*"}, {Page: "/never"}}}
	mem := &aggregate.HeapMemory{}
	d := reopen(t, cfg, &schema.Declarations{Funnels: []schema.Funnel{f}}, mem)
	d.Begin(1)
	if _, err := d.Step(visit(cfg, 1), nil); err != nil {
		t.Fatal(err)
	}
	const header = 128 + 6*720 // of the section
	first := binary.LittleEndian.Uint64(mem.Bytes()[header+16:])
	for name, at := range map[string]uint64{"a step after the last": first + 36, "a row that began after midnight": first + 11} {
		b := slices.Clone(mem.Bytes())
		if _, err := aggregate.Open(cfg, fixedMemory{b}); err != nil {
			t.Fatal(err)
		}
		b[at] = 0xff
		if _, err := aggregate.Open(cfg, fixedMemory{b}); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
