package aggregate_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"turf/aggregate"
	"turf/schema"
)

// randomConfig is a day in one of the zones with odd offsets, often one on which the clock changes.
func randomConfig(t *testing.T, r *rand.Rand, maxK int) aggregate.Config {
	t.Helper()
	loc, err := schema.LoadLocation(zones[r.IntN(len(zones))])
	if err != nil {
		t.Fatal(err)
	}
	days := []schema.Day{schema.Date(2026, 3, 29), schema.Date(2026, 10, 25), schema.Date(2026, 4, 5), schema.Date(2026, 7, 1)}
	return aggregate.Config{Site: 1, Day: days[r.IntN(len(days))], Location: loc, K: 1 + r.IntN(maxK)}
}

// stepAll counts the events as a group and returns the increments.
func stepAll(t *testing.T, d *aggregate.Day, group uint64, events []*aggregate.Event) (incs []schema.Increment) {
	t.Helper()
	var err error
	d.Begin(group)
	for _, e := range events {
		if incs, err = d.Step(e, incs); err != nil {
			t.Fatal(err)
		}
	}
	return incs
}

// TestRollback says that Rollback gives back exactly the state before Begin, also after the memory was opened again, and also
// when it is called twice; and that Open gives back exactly the state that there was. A day that saw lost groups and restarts
// counts the same as one that did not.
func TestRollback(t *testing.T) {
	t.Parallel()
	seeds := uint64(150)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 2))
		cfg := randomConfig(t, r, 5)
		events, lost := randomDay(r, cfg.Location, cfg.Day), randomDay(r, cfg.Location, cfg.Day)
		mem := &aggregate.HeapMemory{}
		d, plain := openDay(t, cfg, mem), openDay(t, cfg, &aggregate.HeapMemory{})
		for group := uint64(1); len(events) > 0; group += 2 {
			before := d.State()
			if r.IntN(2) == 0 {
				stepAll(t, d, group, lost[r.IntN(len(lost)):])
				for range 1 + r.IntN(2) {
					if r.IntN(2) == 0 {
						d = openDay(t, cfg, mem)
					}
					if err := d.Rollback(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if r.IntN(4) == 0 {
				d = openDay(t, cfg, mem)
			}
			if after := d.State(); after != before {
				t.Fatalf("seed %d, group %d: the state after is not that before", seed, group)
			}
			n := 1 + r.IntN(min(len(events), 10))
			got, want := stepAll(t, d, group+1, events[:n]), stepAll(t, plain, group+1, events[:n])
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, group %d: counts something else than a day that lost no group", seed, group)
			}
			if d.Group() != group+1 {
				t.Fatalf("seed %d: the memory's group is %d, want %d", seed, d.Group(), group+1)
			}
			events = events[n:]
		}
	}
}

// TestK holds promise P4: after every single step, whatever the order of the events, no sum of a guarded cell is shown that has
// fewer than k visitors, for k from 1 to 20, segments and crosses included; also over restarts, lost groups and lost memory.
func TestK(t *testing.T) {
	t.Parallel()
	seeds := uint64(200)
	if testing.Short() {
		seeds = 60
	}
	shown := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 3))
		cfg := randomConfig(t, r, 20)
		var events []*aggregate.Event
		for range 3 {
			events = append(events, randomDay(r, cfg.Location, cfg.Day)...)
		}
		visitors := uint64(1 + r.IntN(60))
		for _, e := range events {
			e.Visitor[0] = 1 + r.Uint64N(visitors)
		}
		// Half of the days in the order of time, half in any: an event that comes late counts at the time of the last one.
		if r.IntN(2) == 0 {
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		} else {
			slices.SortStableFunc(events, func(a, b *aggregate.Event) int { return int(a.Time - b.Time) })
		}
		shown += runK(t, r, cfg, events)
	}
	if shown == 0 {
		t.Error("no guarded cell was ever shown: the test tests nothing")
	}
}

// runK returns how many guarded cells were shown in the end.
func runK(t *testing.T, r *rand.Rand, cfg aggregate.Config, events []*aggregate.Event) (shown int) {
	t.Helper()
	mem, sums, declared := &aggregate.HeapMemory{}, newCells(), randomDeclarations(r)
	d := reopen(t, cfg, &declared, mem)
	for i, e := range events {
		incs := stepAll(t, d, uint64(2*i+1), events[i:i+1])
		switch r.IntN(12) {
		case 0: // the group was lost, and is sent again
			d = reopen(t, cfg, &declared, mem)
			if err := d.Rollback(); err != nil {
				t.Fatal(err)
			}
			incs = stepAll(t, d, uint64(2*i+2), events[i:i+1])
		case 1:
			d = reopen(t, cfg, &declared, mem)
		case 2: // memory is lost: what the store shows stays, and each visitor counts again
			if r.IntN(20) == 0 {
				mem = &aggregate.HeapMemory{}
				d = reopen(t, cfg, &declared, mem)
			}
		}
		for j := range incs {
			sums.add(&incs[j])
		}
		if bad := cmp.Or(sums.broken(incs, cfg.K), sums.disagreement()); bad != "" {
			t.Fatalf("after event %d of %d (%s): %s", i+1, len(events), e.Day, bad)
		}
	}
	for cell, d := range sums.sums {
		cube, _ := schema.CubeByID(cell.Cube)
		if cube.Withheld && cell.Values[0] == schema.Other {
			t.Fatalf("%s counts %v under a parent", cube.Name, cell.Values)
		}
		if len(cube.Guarded) > 0 && !d.IsZero() && !slices.Contains(cell.Values[:], schema.Other) {
			shown++
		}
	}
	return shown
}

// smallMemory is memory that cannot grow beyond a limit.
type smallMemory struct {
	aggregate.HeapMemory
	limit int
}

var errNoRoom = errors.New("no room")

func (m *smallMemory) Grow(size int) ([]byte, error) {
	if size > m.limit {
		return nil, errNoRoom
	}
	return m.HeapMemory.Grow(size)
}

// TestFull says that an event that finds no room is not counted and leaves nothing behind, that others of its group stay, and
// that counting goes on when there is room again.
func TestFull(t *testing.T) {
	cfg := testDay(t)
	if _, err := aggregate.Open(cfg, &smallMemory{limit: 100}); !errors.Is(err, aggregate.ErrFull) {
		t.Errorf("memory of 100 bytes: %v, want ErrFull", err)
	}
	mem := &smallMemory{limit: 512 << 10}
	d := openDay(t, cfg, mem)
	d.Begin(1)
	counted, incs := 0, []schema.Increment{{Key: 1}}
	for {
		out, err := d.Step(visit(cfg, counted), incs)
		if err == nil {
			counted++
			continue
		}
		if !errors.Is(err, aggregate.ErrFull) || !errors.Is(err, errNoRoom) {
			t.Fatalf("event %d: %v, want ErrFull and the memory's error", counted, err)
		}
		if !slices.Equal(out, incs) {
			t.Fatalf("event %d was refused and gave increments", counted)
		}
		break
	}
	roomy := openDay(t, cfg, &aggregate.HeapMemory{})
	for i := range counted {
		stepAll(t, roomy, uint64(i+1), []*aggregate.Event{visit(cfg, i)})
	}
	if counted < 100 || d.Visitors() != counted || d.State() != roomy.State() {
		t.Fatalf("%d events were counted and one was refused, and the state is another than without it", counted)
	}
	mem.limit *= 2
	if _, err := d.Step(visit(cfg, counted), nil); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func testDay(t testing.TB) aggregate.Config {
	t.Helper()
	loc, err := schema.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return aggregate.Config{Site: 1, Day: schema.Date(2026, 7, 1), Location: loc, K: 3, Salt: [16]byte{1, 2, 3}}
}

// visit is a page view of the i-th visitor.
func visit(cfg aggregate.Config, i int) *aggregate.Event {
	e := &aggregate.Event{
		Site: cfg.Site, Day: cfg.Day, Time: cfg.Day.Start(cfg.Location).Unix() + 3600,
		Visitor: aggregate.Key{uint64(i)*0x9e3779b97f4a7c15 + 1, uint64(i)},
	}
	e.Values[schema.Hostname] = "example.com"
	e.Values[schema.Path] = fmt.Sprint("/p", i%50)
	e.Values[schema.Country] = fmt.Sprint("C", i%30)
	e.Values[schema.Browser] = fmt.Sprint("B", i%7)
	return e
}

// TestOpenRefuses says what Open does not take. A day of another time zone or k is the one that is in the memory.
func TestOpenRefuses(t *testing.T) {
	cfg := testDay(t)
	mem := &aggregate.HeapMemory{}
	d := openDay(t, cfg, mem)
	for i := range 50 {
		stepAll(t, d, uint64(i+1), []*aggregate.Event{visit(cfg, i)})
	}
	other := cfg
	other.K, other.Salt = 9, [16]byte{9}
	if again := openDay(t, other, mem); again.State() != d.State() || again.Salt() != cfg.Salt {
		t.Error("the memory's k or salt changed")
	}
	damage := func(f func(b []byte)) func(*aggregate.Config, []byte) []byte {
		return func(_ *aggregate.Config, b []byte) []byte { f(b); return b }
	}
	put64, get64 := binary.LittleEndian.PutUint64, binary.LittleEndian.Uint64
	tests := map[string]func(*aggregate.Config, []byte) []byte{
		"k of 0":            func(c *aggregate.Config, b []byte) []byte { c.K = 0; return b },
		"another site":      func(c *aggregate.Config, b []byte) []byte { c.Site = 2; return b },
		"another day":       func(c *aggregate.Config, b []byte) []byte { c.Day++; return b },
		"another magic":     func(_ *aggregate.Config, b []byte) []byte { b[0] ^= 1; return b },
		"another version":   func(_ *aggregate.Config, b []byte) []byte { b[7]++; return b },
		"cut in half":       func(_ *aggregate.Config, b []byte) []byte { return b[:len(b)/2] },
		"cut to the header": func(_ *aggregate.Config, b []byte) []byte { return b[:4096] },
		"rest is zero":      func(_ *aggregate.Config, b []byte) []byte { clear(b[4096:]); return b },
		"rest is ones":      func(_ *aggregate.Config, b []byte) []byte { fill(b[4096:], 0xff); return b },
		"sections are ones": func(_ *aggregate.Config, b []byte) []byte { fill(b[128:128+4*256], 0xff); return b },
		// The header of the visitors' section: how many there are and were saved, then where its parts lie.
		"more visitors than fit":       damage(func(b []byte) { put64(b[128:], 1<<40) }),
		"more visitors saved than are": damage(func(b []byte) { put64(b[136:], 51) }),
		"a part outside":               damage(func(b []byte) { put64(b[144:], uint64(len(b))) }),
		"two parts in one place":       damage(func(b []byte) { put64(b[152:], get64(b[144:])) }),
		"a part in the header":         damage(func(b []byte) { put64(b[144:], 128) }),
		"a visitor after midnight":     damage(func(b []byte) { put64(b[get64(b[144:])+16:], 1<<31) }),
		"a visitor of no source":       damage(func(b []byte) { put64(b[get64(b[144:])+24:], 1<<31) }),
		"k of 0 in the memory":         damage(func(b []byte) { put64(b[32:], 0) }),
		"clock of another day":         damage(func(b []byte) { put64(b[48:], 1) }),
		"a day too long ago":           func(c *aggregate.Config, b []byte) []byte { c.Day -= 100; return b },
	}
	for name, change := range tests {
		c, b := cfg, &aggregate.HeapMemory{}
		bytes, _ := b.Grow(len(mem.Bytes()))
		copy(bytes, mem.Bytes())
		bytes = change(&c, bytes)
		if _, err := aggregate.Open(c, fixedMemory{bytes}); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// fixedMemory is memory that cannot grow.
type fixedMemory struct{ b []byte }

func (m fixedMemory) Bytes() []byte { return m.b }
func (m fixedMemory) Grow(size int) ([]byte, error) {
	if size > len(m.b) {
		return nil, errNoRoom
	}
	return m.b, nil
}

// TestDamage flips bytes of a day's memory. Open may refuse it or, where the damage still makes sense, take it; it and what
// comes after never panic.
func TestDamage(t *testing.T) {
	t.Parallel()
	seeds := uint64(3_000)
	if testing.Short() {
		seeds = 1_000
	}
	r := rand.New(rand.NewPCG(1, 4))
	cfg := testDay(t)
	events := randomDay(r, cfg.Location, cfg.Day)
	for len(events) < 100 {
		events = randomDay(r, cfg.Location, cfg.Day)
	}
	mem := &aggregate.HeapMemory{}
	d := openDay(t, cfg, mem)
	stepAll(t, d, 1, events[:80])
	stepAll(t, d, 2, events[80:90])
	used := usedBytes(mem.Bytes())
	refused := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 5))
		damaged := &aggregate.HeapMemory{}
		b, _ := damaged.Grow(len(mem.Bytes()))
		copy(b, mem.Bytes())
		for range 1 + r.IntN(3) {
			at := used[r.IntN(len(used))]
			b[at] ^= byte(1 << r.IntN(8))
			if r.IntN(4) == 0 {
				b[at] = 0xff
			}
		}
		if !survives(t, seed, cfg, damaged, events[90:]) {
			refused++
		}
	}
	t.Logf("%d of %d damaged memories were refused", refused, seeds)
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

// survives reports whether the damaged memory was opened.
func survives(t *testing.T, seed uint64, cfg aggregate.Config, mem aggregate.Memory, events []*aggregate.Event) bool {
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("seed %d: panic: %v\n%s", seed, p, debug.Stack())
		}
	}()
	d, err := aggregate.Open(cfg, mem)
	if err != nil {
		return false
	}
	if seed%2 == 0 {
		if err := d.Rollback(); err != nil {
			return true
		}
	}
	d.Begin(d.Group() + 1)
	for _, e := range events {
		if _, err := d.Step(e, nil); err != nil {
			return true
		}
	}
	d.Active(events[0].Time)
	return true
}

// usedBytes is where bytes are that are not zero, so that damage seldom falls on memory that nothing is in.
func usedBytes(b []byte) (at []int) {
	for i, v := range b {
		if v != 0 {
			at = append(at, i)
		}
	}
	return at
}

func openDay(t testing.TB, cfg aggregate.Config, mem aggregate.Memory) *aggregate.Day {
	t.Helper()
	d, err := aggregate.Open(cfg, mem)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
