package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/aggregate/journal/crashfs"
	"turf/schema"
)

// TestSimulation lives through histories: random events of visitors on sites in several zones, midnights, crashes at
// any operation on the disk, at any growth of a table and inside the store, torn and lost writes, disks that are
// full, and a store that is slow, fails, or stores and answers an error. A seed makes a whole history. What is
// checked stands in oracle_test.go.
//
//	TURF_SIM_SEED=17 go test -run TestSimulation ./aggregate/pipeline   one history
//	TURF_SIM_SEEDS=100000 go test -run TestSimulation ./aggregate/pipeline   more of them
//
// A kill leaves what was written and the visitor tables; a loss of power leaves what was synced, in part what was
// not, and no tables. TestPlantedBugs proves that the simulation can find something.
func TestSimulation(t *testing.T) {
	seeds := 6000
	if testing.Short() {
		seeds = 500
	}
	if n, err := strconv.Atoi(os.Getenv("TURF_SIM_SEEDS")); err == nil {
		seeds = n
	}
	first := uint64(0)
	if n, err := strconv.ParseUint(os.Getenv("TURF_SIM_SEED"), 10, 64); err == nil {
		first, seeds = n, 1
	}
	var total tally
	for seed := first; seed < first+uint64(seeds); seed++ {
		w := newWorld(seed, nil)
		if err := w.run(); err != nil {
			t.Fatalf("%v\nTURF_SIM_SEED=%d go test -run TestSimulation ./aggregate/pipeline", err, seed)
		}
		total.add(&w.tally)
	}
	t.Logf("%d histories: %+v", seeds, total)
	if seeds >= 500 && !total.saw() {
		t.Errorf("some kind of event never came up: %+v", total)
	}
}

// tally counts what came up, so that the histories do not become tame without anybody seeing it.
type tally struct {
	Acked, Refused, Uncertain, DayOver, Midnights int
	Kills, PowerLosses, DiskCrashes, TableCrashes int
	StoreErrors, StoreLies, StoreCrashes, Resent  int
	RolledBack, CountedUnacked, Shown             int
	Declared, Reached, Walked, Segmented, Dropped int
}

func (t *tally) add(o *tally) {
	t.Acked += o.Acked
	t.Refused += o.Refused
	t.Uncertain += o.Uncertain
	t.DayOver += o.DayOver
	t.Midnights += o.Midnights
	t.Kills += o.Kills
	t.PowerLosses += o.PowerLosses
	t.DiskCrashes += o.DiskCrashes
	t.TableCrashes += o.TableCrashes
	t.StoreErrors += o.StoreErrors
	t.StoreLies += o.StoreLies
	t.StoreCrashes += o.StoreCrashes
	t.Resent += o.Resent
	t.RolledBack += o.RolledBack
	t.CountedUnacked += o.CountedUnacked
	t.Shown += o.Shown
	t.Declared += o.Declared
	t.Reached += o.Reached
	t.Walked += max(o.Walked-1, 0) // the first step is easy
	t.Segmented += o.Segmented
	t.Dropped += o.Dropped
}

func (t *tally) saw() bool {
	return !slices.Contains([]int{
		t.Acked, t.Refused, t.Uncertain, t.DayOver, t.Midnights, t.Kills, t.PowerLosses, t.DiskCrashes, t.TableCrashes,
		t.StoreErrors, t.StoreLies, t.StoreCrashes, t.Resent, t.RolledBack, t.CountedUnacked, t.Shown, t.Declared, t.Reached,
		t.Walked, t.Segmented, t.Dropped,
	}, 0)
}

// world is all there is in a history.
type world struct {
	tally
	rng    *rand.Rand
	fs     *crashfs.FS
	tables *simTables
	store  *store
	sites  map[schema.SiteID]schema.Site
	now    int64
	faults float64 // chance that an operation on the disk fails
	crash  float64 // and that the world stops there
	mode   journal.SyncMode
	bug    *bug

	machine *machine // nil: no process runs
	out     *outbox
	events  []*sentEvent
	lastID  int
	late    []*request // read, and not handed on yet
	dropped drops
	ids     map[*request][]*sentEvent
}

// sentEvent is what the oracle knows of an event: its number is its path, or its event's name.
type sentEvent struct {
	id                  int
	ev                  aggregate.Event
	request             int // events of one request count all or none
	state               state
	visitor             visitor
	schema.Declarations // of the site when the machine took it
}

// visitor is who it really was. After a loss of power nobody can be known again.
type visitor struct {
	site   schema.SiteID
	day    schema.Day
	powers int
	number uint64
}

type state int

const (
	unknown state = iota // no answer came
	acked
	refused // and known not to count
)

func (s state) String() string { return [...]string{"unanswered", "acknowledged", "refused"}[s] }

var simZones = []string{
	"UTC", "Europe/Amsterdam", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia",
	"Pacific/Chatham",
}

func newWorld(seed uint64, b *bug) *world {
	rng := rand.New(rand.NewPCG(seed, 0x7475726f))
	w := &world{
		rng: rng, fs: crashfs.New(rng), sites: map[schema.SiteID]schema.Site{}, bug: b,
		faults: []float64{0, 0.01, 0.15}[rng.IntN(3)], crash: []float64{0, 0.004, 0.02}[rng.IntN(3)],
		ids: map[*request][]*sentEvent{},
	}
	if rng.IntN(5) == 0 {
		w.mode, w.faults = journal.SyncOS, 0 // what a failed sync may lose there is no rule to check
	}
	w.tables = &simTables{world: w, kept: map[dayKey]*simTable{}}
	w.store = newStore(w)
	for id := range schema.SiteID(1 + rng.IntN(3)) {
		zone := simZones[rng.IntN(len(simZones))]
		w.sites[id+1] = schema.Site{
			ID: id + 1, Domain: fmt.Sprintf("site%d.example", id+1), Timezone: zone,
			Guards: []schema.Guard{{From: 0, K: 2 + rng.IntN(3)}},
		}
	}
	// A day of two changes of the clock, or any; near a midnight of site 1.
	days := []schema.Day{
		schema.Date(2026, 3, 29), schema.Date(2026, 10, 25), schema.Date(2026, 4, 5), schema.Date(2026, 6, 1),
	}
	site := w.sites[1]
	loc, _ := site.Location()
	w.now = days[rng.IntN(len(days))].Start(loc).Unix() - int64(rng.IntN(7200))
	w.fs.Fault = w.fault
	w.store.noTokens = b != nil && b.noTokens
	w.fs.IgnoreSync = b != nil && b.noSync
	return w
}

func (w *world) fault(crashfs.Op, string) crashfs.Outcome {
	switch p := w.rng.Float64(); {
	case p < w.crash:
		w.DiskCrashes++
		return crashfs.Crashes
	case p < w.crash+w.faults:
		return crashfs.Fails
	case p < w.crash+1.5*w.faults:
		return crashfs.Lies
	}
	return crashfs.Works
}

// run lives some lives and a last one without faults, and then asks the oracle.
func (w *world) run() error {
	for range 1 + w.rng.IntN(4) {
		if err := w.life(10 + w.rng.IntN(50)); err != nil {
			return err
		}
		w.die()
	}
	w.faults, w.crash, w.fs.SpaceBytes, w.tables.full, w.store.calm = 0, 0, 0, false, true
	if err := w.life(5); err != nil {
		return err
	}
	w.flush()
	if err := w.machine.flush(true); err != nil {
		return fmt.Errorf("last flush: %w", err)
	}
	for did := true; did; {
		var err error
		if did, err = w.out.step(context.Background()); err != nil {
			return fmt.Errorf("last batches: %w", err)
		}
	}
	if err := w.store.failed; err != nil {
		return err
	}
	return w.judge()
}

// die ends the process, or the machine.
func (w *world) die() {
	w.machine, w.out, w.late = nil, nil, nil
	w.dropped.perhaps += w.dropped.noted // a crash may have come in the middle of a flush
	w.dropped.noted = 0
	clear(w.ids)
	if w.rng.IntN(3) > 0 {
		w.Kills++
		w.fs.Kill()
		if w.bug != nil && w.bug.forgetTables {
			w.tables.kept = map[dayKey]*simTable{}
		}
		return
	}
	w.PowerLosses++
	w.fs.PowerLoss()
	for _, e := range w.events {
		if w.mode == journal.SyncOS && e.state == acked {
			e.state = unknown // may be lost, as the option says
		}
	}
	if w.mode == journal.SyncOS {
		w.dropped.perhaps += w.dropped.kept
		w.dropped.kept = 0
	}
	w.tables.kept = map[dayKey]*simTable{}
}

// life is one process, from its start to a crash or to the end of its steps.
func (w *world) life(steps int) (err error) {
	defer func() {
		if p := recover(); p != nil && p != any(crashfs.ErrCrash) {
			panic(p)
		}
		if w.store.failed != nil {
			err = w.store.failed
		}
	}()
	if err := w.start(); err != nil {
		if errors.Is(err, crashfs.ErrIO) || errors.Is(err, syscall.ENOSPC) {
			return nil // the process says so and ends
		}
		return err
	}
	for range steps {
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) start() error {
	opts := journal.Options{Random: rngReader{w.rng}, Sync: w.mode, MaxSegmentBytes: 4 << 10, MaxSegmentCells: 200}
	j, found, err := journal.Open(w.fs, "/data/journal", opts)
	if err != nil {
		return err
	}
	cfg := &Config{Sites: w.site, Random: rngReader{w.rng}}
	w.out = newOutbox(w.store)
	w.machine = newMachine(cfg, w.tables, j, &saltBook{}, w.out)
	rollback := w.machine.rollback
	w.machine.rollback = func(d *aggregate.Day) error { w.RolledBack++; return rollback(d) }
	w.out.add(found.Sealed)
	if w.bug != nil && w.bug.plant != nil {
		w.bug.plant(w)
	}
	lost, err := w.machine.recover(found.Last, w.now)
	if err := errors.Join(append(lost, err)...); err != nil {
		return fmt.Errorf("recover tables: %w", err)
	}
	if w.bug != nil && w.bug.started != nil {
		w.bug.started(w)
	}
	return w.forgotten(0)
}

func (w *world) site(id schema.SiteID) (schema.Site, bool) {
	s, ok := w.sites[id]
	if w.bug != nil && w.bug.smallerK {
		s.Guards = []schema.Guard{{K: s.K(0) - 1}}
	}
	return s, ok
}

// step is one thing that happens.
func (w *world) step() error {
	switch w.rng.IntN(14) {
	case 0:
		w.now += int64(w.rng.IntN(3600))
	case 1:
		w.midnight()
	case 2, 3:
		w.flush()
	case 4, 5:
		_, _ = w.out.step(context.Background()) // likewise
	case 6:
		w.fs.SpaceBytes, w.tables.full = 0, w.rng.IntN(4) == 0
		if w.rng.IntN(4) == 0 && !w.store.calm {
			w.fs.SpaceBytes = 1 + w.rng.IntN(20_000)
		}
	case 7:
		if err := w.machine.tick(w.now); err != nil {
			return err
		}
		return w.forgotten(LateSec)
	case 8:
		w.declare()
	case 9:
		w.drop()
	default:
		w.now += int64(w.rng.IntN(300))
		return w.submit()
	}
	return nil
}

// drops are how many requests were dropped: noted by the process, in the journal for all one knows, and perhaps there.
type drops struct{ noted, kept, perhaps int64 }

// drop notes a dropped request.
func (w *world) drop() {
	w.machine.drops.add(1, w.now, "robot", []string{"", "Seeker"}[w.rng.IntN(2)])
	w.dropped.noted++
}

// flush may fail, and is tried again later. What was dropped is then where it was.
func (w *world) flush() {
	_ = w.machine.flush(w.rng.IntN(2) == 0)
	d, left := &w.dropped, int64(0)
	for _, n := range w.machine.drops.counts {
		left += n
	}
	d.kept += d.noted - left
	d.noted = left
	w.Dropped += int(d.kept)
}

// midnight goes to within two minutes of the next midnight of a site.
func (w *world) midnight() {
	w.Midnights++
	site := w.sites[1+schema.SiteID(w.rng.IntN(len(w.sites)))]
	loc, _ := site.Location()
	next := (schema.DayOf(time.Unix(w.now, 0), loc) + 1).Start(loc).Unix()
	w.now = max(w.now, next-60+int64(w.rng.IntN(120)))
}

// forgotten checks that no table is left of a day that ended that long ago.
func (w *world) forgotten(sec int64) error {
	for key := range w.tables.kept {
		site := w.sites[key.site]
		loc, _ := site.Location()
		if end := (key.day + 1).Start(loc).Unix(); w.now >= end+sec && w.tables.kept[key].committed {
			return fmt.Errorf("table of site %d on %s is there %d s after midnight", key.site, key.day, w.now-end)
		}
	}
	return nil
}

// submit reads some requests and hands some of all that were read to the machine as one group.
func (w *world) submit() error {
	for range 1 + w.rng.IntN(3) {
		if r := w.read(); r != nil {
			w.late = append(w.late, r)
		}
	}
	w.rng.Shuffle(len(w.late), func(i, j int) { w.late[i], w.late[j] = w.late[j], w.late[i] })
	n := w.rng.IntN(len(w.late) + 1)
	group := slices.Clone(w.late[:n])
	w.late = slices.Delete(w.late, 0, n)
	for _, r := range group {
		for _, e := range w.ids[r] {
			e.Declarations = w.sites[e.ev.Site].Declarations
		}
		w.events = append(w.events, w.ids[r]...) // the oracle sees them in the core's order
	}
	w.machine.handle(group)
	for _, r := range group {
		answer := acked
		switch {
		case errors.Is(r.err, journal.ErrUncertain):
			w.Uncertain++
			answer = unknown
		case errors.Is(r.err, ErrDayOver):
			w.DayOver++
			answer = refused
		case errors.Is(r.err, ErrBusy):
			w.Refused++
			answer = refused
		case r.err != nil:
			return r.err
		default:
			w.Acked++
		}
		for _, e := range w.ids[r] {
			e.state = answer
		}
		delete(w.ids, r)
	}
	return nil
}

// read makes a request of one visitor, or nil when no salt is to be had.
func (w *world) read() *request {
	id := 1 + schema.SiteID(w.rng.IntN(len(w.sites)))
	salt, day, err := w.machine.openDay(id, w.now, w.now)
	if err != nil {
		return nil
	}
	r := &request{}
	number := uint64(w.rng.IntN(10))
	key := aggregate.Key{number + 1, uint64(salt[0]) | uint64(salt[1])<<8 | uint64(salt[2])<<16 | uint64(salt[3])<<24 + 1}
	n := 1
	if w.rng.IntN(4) == 0 {
		n = 1 + w.rng.IntN(3)
	}
	for range n {
		w.lastID++
		e := &sentEvent{id: w.lastID, ev: w.event(id, day, key, number)}
		e.request, e.visitor = e.id-len(r.events), visitor{id, day, w.PowerLosses, number}
		switch e.ev.Kind {
		case aggregate.Pageview:
			e.ev.Values[schema.Path] = fmt.Sprintf("/%d", e.id)
		case aggregate.Custom:
			e.ev.Values[schema.EventName] = fmt.Sprintf("/%d", e.id)
		}
		r.events = append(r.events, e.ev)
		w.ids[r] = append(w.ids[r], e)
	}
	return r
}

func (w *world) event(site schema.SiteID, day schema.Day, key aggregate.Key, visitor uint64) aggregate.Event {
	ev := aggregate.Event{Site: site, Time: w.now, Day: day, Visitor: key}
	if w.rng.IntN(5) == 0 {
		ev.Kind, ev.Passive = aggregate.Custom, w.rng.IntN(2) == 0
	}
	v := &ev.Values
	v[schema.Hostname], v[schema.Path] = "example.com", "/of-events"
	v[schema.Channel] = "Direct"
	if w.rng.IntN(3) == 0 {
		v[schema.Channel], v[schema.Source], v[schema.Campaign] = "Search", "Seeker", []string{"", "spring"}[w.rng.IntN(2)]
	}
	v[schema.Country] = []string{"NL", "NP", "WS"}[visitor%3]
	v[schema.Region] = v[schema.Country] + []string{"-1", "-2"}[visitor%2]
	v[schema.City] = []string{"1:A", "2:B"}[visitor/2%2]
	v[schema.Device] = []string{"Desktop", "Mobile"}[visitor%2]
	v[schema.Browser], v[schema.BrowserVersion] = "Firefox", []string{"1", "2", "3"}[visitor%3]
	v[schema.OS], v[schema.OSVersion] = []string{"Linux", "Windows"}[visitor/3%2], "7"
	return ev
}

type rngReader struct{ *rand.Rand }

func (r rngReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return len(p), nil
}
