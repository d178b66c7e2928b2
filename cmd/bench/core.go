package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/schema"
)

// traffic makes the events of a day: visitors who see three pages each, a minute apart, from one of some sources, places and
// devices. It reuses one event.
type traffic struct {
	day        schema.Day
	start      int64
	visitors   int // of the day, over which they are spread
	paths      []string
	sources    []string
	countries  []string
	browsers   []string
	languages  []string
	event      aggregate.Event
	eventsMade int
}

const (
	pagesAVisit  = 3
	trafficPages = 500
)

func newTraffic(day schema.Day, visitors int) *traffic {
	t := &traffic{day: day, start: day.Start(time.UTC).Unix(), visitors: visitors}
	for i := range trafficPages {
		t.paths = append(t.paths, fmt.Sprintf("/articles/%d", i))
	}
	for i := range 40 {
		t.sources = append(t.sources, fmt.Sprintf("Source %d", i))
		t.countries = append(t.countries, fmt.Sprintf("%c%c", 'A'+i/26, 'A'+i%26))
		t.browsers = append(t.browsers, fmt.Sprintf("Browser %d", i%8))
		t.languages = append(t.languages, fmt.Sprintf("l%c", 'a'+i%12))
	}
	return t
}

// next is the next event; the visits of 100 visitors overlap.
func (t *traffic) next() *aggregate.Event {
	n := t.eventsMade
	t.eventsMade++
	const together = 100
	block, in := n/(together*pagesAVisit), n%(together*pagesAVisit)
	visitor, page := block*together+in%together, in/together
	e := &t.event
	e.Site, e.Day = 1, t.day
	e.Time = t.start + int64(visitor)*82_000/int64(t.visitors) + int64(page)*60
	e.Visitor = aggregate.Key{uint64(visitor+1) * 0x9e3779b97f4a7c15, uint64(visitor)}
	v := &e.Values
	v[schema.Hostname], v[schema.Path] = "example.com", t.paths[(visitor*7+page*131)%trafficPages]
	v[schema.Channel], v[schema.Source] = "Search", t.sources[visitor%len(t.sources)]
	v[schema.Country] = t.countries[visitor/3%len(t.countries)]
	v[schema.Device], v[schema.Browser], v[schema.OS] = "Desktop", t.browsers[visitor%len(t.browsers)], "Linux"
	v[schema.Language], v[schema.ScreenWidth] = t.languages[visitor/5%len(t.languages)], schema.ScreenClass(int64(visitor/7%8)*340+1)
	return e
}

// benchDay is an open day on the heap.
func benchDay() (*aggregate.Day, schema.Day, *aggregate.HeapMemory, error) {
	date := schema.Date(2026, 7, 1)
	mem := &aggregate.HeapMemory{}
	d, err := aggregate.Open(aggregate.Config{Site: 1, Day: date, Location: time.UTC, K: schema.DefaultK}, mem)
	return d, date, mem, err
}

// cpuTime is the processor time of this thread.
func cpuTime() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// core measures the pure core: visitors who see three pages, in a day that knows its pages and sources already.
func (b *bench) core() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := b.scaled(1_000_000)
	d, date, _, err := benchDay()
	if err != nil {
		return err
	}
	t := newTraffic(date, 2*n/pagesAVisit)
	incs, cells := make([]schema.Increment, 0, 1024), 0
	step := func(n int) error {
		for i := range n {
			if i%groupEvents == 0 {
				d.Begin(d.Group() + 1)
			}
			if err := d.Count(t.next()); err != nil {
				return err
			}
			if i%groupEvents == groupEvents-1 || i == n-1 {
				incs = d.Increments(incs[:0])
				cells += len(incs)
			}
		}
		return nil
	}
	if err := step(n); err != nil { // warm: half of the day's visitors have come
		return err
	}
	cells = 0
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	from, err := cpuTime()
	if err != nil {
		return err
	}
	if err := step(n); err != nil {
		return err
	}
	to, err := cpuTime()
	if err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	b.atMost("core", "time of an event (processor)", float64((to-from).Nanoseconds())/float64(n), "ns", 2000)
	// Tables grow now and then; that is less than one allocation in a hundred events.
	b.atMost("core", "allocations an event", float64(after.Mallocs-before.Mallocs)/float64(n), "", 0.01)
	b.add("core", fmt.Sprintf("counters that a group of %d events adds to, an event", groupEvents), float64(cells)/float64(n), "")
	if err := b.guard(); err != nil {
		return err
	}
	access, err := randomAccess(b.scaled(20_000_000))
	b.add("core", "one random access to 64 MB of memory, to compare", access, "ns")
	return err
}

// randomAccess is the nanoseconds of one access to memory that no cache holds: what a machine that is busy is slowest at.
func randomAccess(n int) (float64, error) {
	const size = 8 << 20
	words, at := make([]uint64, size), uint64(1)
	for i := range words {
		words[i] = uint64(i)
	}
	from, err := cpuTime()
	if err != nil {
		return 0, err
	}
	for range n {
		at = (at+words[at])*0x9e3779b97f4a7c15>>41 + 1 // the next place is known when this one is read
		words[at%size]++
		at %= size
	}
	to, err := cpuTime()
	return float64((to - from).Nanoseconds()) / float64(n), err
}

// memoryOfVisitors measures the whole heap share of visitors with three pages, at the sizes at which the tables are emptiest.
func (b *bench) memoryOfVisitors() error {
	worst, sum := 0.0, 0.0
	sizes := []int{100_000, 135_000, 200_000, 270_000}
	if b.short {
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d, date, mem, err := benchDay()
		if err != nil {
			return err
		}
		t, incs := newTraffic(date, n), make([]schema.Increment, 0, 1024)
		for i := range n * pagesAVisit {
			d.Begin(uint64(i + 1))
			if incs, err = d.Step(t.next(), incs[:0]); err != nil {
				return err
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := float64(after.HeapAlloc-before.HeapAlloc) / float64(d.Visitors())
		runtime.KeepAlive(mem)
		worst, sum = max(worst, each), sum+each
	}
	b.atMost("memory", "a visitor-day with three pages, at worst", worst, "B", 160)
	b.add("memory", "a visitor-day with three pages, mean", sum/float64(len(sizes)), "B")
	return nil
}

// groupEvents is how many events one group of the journal has here.
const groupEvents = 64

// journal appends what events add, in groups, against a bare write and sync of as many bytes, in turns.
func (b *bench) journal() error {
	groups := b.scaled(600)
	for _, mode := range []journal.SyncMode{journal.SyncBatch, journal.SyncOS} {
		j, d, err := b.newJournal(mode)
		if err != nil {
			return err
		}
		plain, err := os.Create(filepath.Join(b.dir, "plain"))
		if err != nil {
			return err
		}
		date := schema.Date(2026, 7, 1)
		t, incs := newTraffic(date, groups*groupEvents/pagesAVisit), make([]schema.Increment, 0, 8192)
		var spent, bare time.Duration
		var bytes int64
		const turn = 10
		last := make([]int, 0, turn)
		for g := range groups {
			incs = incs[:0]
			d.Begin(uint64(g + 1))
			for range groupEvents {
				if err := d.Count(t.next()); err != nil {
					return err
				}
			}
			incs = d.Increments(incs)
			_, size := j.Waiting()
			from := time.Now()
			if err := j.Append(uint64(g+1), incs); err != nil {
				return err
			}
			spent += time.Since(from)
			_, grown := j.Waiting()
			last = append(last, int(grown-size))
			bytes += grown - size
			if len(last) < turn { // a sync right after another one has less to do: so ten and ten
				continue
			}
			from = time.Now()
			for _, n := range last {
				if err := writeAndSync(plain, n, mode == journal.SyncBatch); err != nil {
					return err
				}
			}
			bare += time.Since(from)
			last = last[:0]
		}
		b.add("journal", fmt.Sprintf("appends of %d events, sync=%s", groupEvents, mode), float64(groups)/spent.Seconds(), "/s")
		b.add("journal", fmt.Sprintf("events, sync=%s", mode), float64(groups*groupEvents)/spent.Seconds(), "/s")
		b.add("journal", fmt.Sprintf("time against a bare write, sync=%s", mode), spent.Seconds()/bare.Seconds(), "×")
		b.add("journal", fmt.Sprintf("bytes an event, sync=%s", mode), float64(bytes)/float64(groups*groupEvents), "B")
		if err := j.Close(); err != nil {
			return err
		}
		if err := plain.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) newJournal(mode journal.SyncMode) (*journal.Journal, *aggregate.Day, error) {
	dir := filepath.Join(b.dir, "journal-"+mode.String())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, err
	}
	j, _, err := journal.Open(journal.OS{}, dir, journal.Options{Sync: mode, Random: rand.Reader})
	if err != nil {
		return nil, nil, err
	}
	d, _, _, err := benchDay()
	return j, d, err
}

func writeAndSync(f *os.File, n int, sync bool) error {
	if _, err := f.Write(make([]byte, n)); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return unix.Fdatasync(int(f.Fd()))
}
