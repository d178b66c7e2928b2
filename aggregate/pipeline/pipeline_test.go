package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/schema"
)

// memorySink stores batches and knows tokens. While err is set it answers that.
type memorySink struct {
	mu     sync.Mutex
	err    error
	tokens map[string]bool
	sums   map[schema.Cell]schema.Deltas
	writes int
}

func (s *memorySink) Write(_ context.Context, b schema.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.err != nil {
		return s.err
	}
	if s.tokens == nil {
		s.tokens, s.sums = map[string]bool{}, map[schema.Cell]schema.Deltas{}
	}
	if s.tokens[b.Token] {
		return nil
	}
	s.tokens[b.Token] = true
	for _, r := range b.Rows {
		d := s.sums[r.Cell]
		d.Add(&r.Sums)
		s.sums[r.Cell] = d
	}
	return nil
}

func (s *memorySink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *memorySink) total(m schema.Metric) (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, d := range s.sums {
		if c.Cube == schema.CubeTrafficDaily {
			n += d[m]
		}
	}
	return n
}

func testConfig(t testing.TB, sink Sink) Config {
	sites := map[schema.SiteID]schema.Site{
		1: {ID: 1, Domain: "a.example", Timezone: "UTC"},
		2: {ID: 2, Domain: "b.example", Timezone: "Asia/Kathmandu"},
	}
	return Config{
		Dir: t.TempDir(), Sink: sink, Random: rand.Reader, FlushInterval: 20 * time.Millisecond,
		Sites: func(id schema.SiteID) (schema.Site, bool) { s, ok := sites[id]; return s, ok },
	}
}

func start(t testing.TB, cfg Config) *Pipeline {
	t.Helper()
	p, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

// view is a page view of a visitor with the salt of at.
func view(t testing.TB, p *Pipeline, site schema.SiteID, visitor uint64, at time.Time) aggregate.Event {
	t.Helper()
	salt, day, err := p.Salt(site, at)
	if err != nil {
		t.Fatal(err)
	}
	ev := aggregate.Event{Site: site, Time: at.Unix(), Day: day, Visitor: aggregate.Key{visitor + 1, uint64(salt[0]) + 1}}
	ev.Values[schema.Hostname], ev.Values[schema.Path], ev.Values[schema.Channel] = "a.example", "/", "Direct"
	return ev
}

func submit(t testing.TB, p *Pipeline, events ...aggregate.Event) {
	t.Helper()
	if err := p.Submit(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, sink *memorySink, visitors, pageviews int64) {
	t.Helper()
	if v, n := sink.total(schema.Visitors), sink.total(schema.Pageviews); v != visitors || n != pageviews {
		t.Errorf("%d visitors and %d page views, want %d and %d", v, n, visitors, pageviews)
	}
}

func TestManyGoroutines(t *testing.T) {
	const workers, each = 16, 60
	for _, memory := range []string{"", shm(t)} {
		sink := &memorySink{}
		cfg := testConfig(t, sink)
		cfg.MemoryDir = memory
		p := start(t, cfg)
		now := time.Now()
		if _, _, err := p.Salt(1, now); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				for i := range each {
					submit(t, p, view(t, p, 1+schema.SiteID(i%2), uint64(worker), now))
					if i%20 == 0 {
						p.Active(1)
						p.Stats()
					}
				}
			})
		}
		wg.Wait()
		if got := p.Active(1); got != workers {
			t.Errorf("%d visitors active, want %d", got, workers)
		}
		s := p.Stats()
		if s.Events != workers*each || s.Visitors != 2*workers || s.Days != 2 || s.Broken != nil {
			t.Errorf("stats %+v", s)
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, sink, 2*workers, workers*each)
		if s := p.Stats(); s.WaitingSegments != 0 || s.Failing != nil {
			t.Errorf("after flush: %+v", s)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.Submit(t.Context(), []aggregate.Event{{Site: 1}}); !errors.Is(err, ErrBusy) {
			t.Errorf("submit after close: %v", err)
		}
		if _, _, err := p.Salt(2, now.Add(48*time.Hour)); !errors.Is(err, ErrBusy) {
			t.Errorf("salt after close: %v", err)
		}
	}
}

// A process that is killed is one that is left behind, with its lock given back by the system.
func (p *Pipeline) abandon() {
	p.closing.Store(true)
	p.stopSend()
	p.sender.Wait()
	go p.do(func(*machine) { runtime.Goexit() }) // ends run where it stands
	<-p.stopped
	p.unlock()
}

func TestKilled(t *testing.T) {
	sink := &memorySink{err: errors.New("database is away")}
	cfg := testConfig(t, sink)
	cfg.MemoryDir = shm(t)
	now := time.Now().Truncate(24 * time.Hour).Add(9 * time.Hour)
	cfg.Clock = func() time.Time { return now }
	var salt [16]byte
	for life := range 5 {
		p, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if p.Restarted() {
			t.Errorf("life %d: visitors were lost", life)
		}
		s, _, err := p.Salt(1, now)
		if err != nil || life > 0 && s != salt {
			t.Fatalf("life %d: another salt, %v", life, err)
		}
		salt = s
		for v := range uint64(10) {
			submit(t, p, view(t, p, 1, v+uint64(life), now))
		}
		if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrLocked) {
			t.Errorf("two processes on one directory: %v", err)
		}
		p.abandon()
	}
	check(t, sink, 0, 0)
	sink.fail(nil)
	p := start(t, cfg)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, sink, 14, 50)
	// The next day nothing is left.
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(24 * time.Hour)
	p = start(t, cfg)
	if s := p.Stats(); s.Days != 0 || s.Visitors != 0 {
		t.Errorf("yesterday is still known: %+v", s)
	}
	dirs, err := filepath.Glob(filepath.Join(cfg.MemoryDir, "turf-*", "*.mem"))
	if err != nil || len(dirs) != 0 {
		t.Errorf("tables left: %v %v", dirs, err)
	}
}

func TestRestartInPlainMemory(t *testing.T) {
	sink := &memorySink{}
	cfg := testConfig(t, sink)
	p := start(t, cfg)
	if p.Restarted() {
		t.Error("a first start lost nothing")
	}
	now := time.Now()
	submit(t, p, view(t, p, 1, 1, now))
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p = start(t, cfg)
	if !p.Restarted() {
		t.Error("the visitors are lost and nobody says so")
	}
	check(t, sink, 1, 1)
}

func TestMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		cfg := testConfig(t, sink)
		cfg.FlushInterval = 2 * time.Second
		p := start(t, cfg)
		// The bubble's clock starts at midnight UTC. Kathmandu is at 05:45.
		time.Sleep(24*time.Hour - 5*time.Second)
		before := time.Now()
		submit(t, p, view(t, p, 1, 1, before), view(t, p, 2, 1, before))
		late := view(t, p, 1, 2, before)
		if s := p.Stats(); s.Days != 2 || s.Visitors != 2 {
			t.Errorf("before midnight: %+v", s)
		}
		time.Sleep(10 * time.Second)
		submit(t, p, late) // read before midnight, and 5 s under way
		submit(t, p, view(t, p, 1, 1, time.Now()))
		later := view(t, p, 1, 3, before)
		time.Sleep(10 * time.Second)
		if err := p.Submit(t.Context(), []aggregate.Event{later}); !errors.Is(err, ErrDayOver) {
			t.Errorf("15 s after midnight: %v", err)
		}
		if _, _, err := p.Salt(1, before); !errors.Is(err, ErrDayOver) {
			t.Errorf("salt of yesterday: %v", err)
		}
		if s := p.Stats(); s.Days != 2 || s.Visitors != 2 {
			t.Errorf("after midnight: %+v", s)
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, sink, 4, 4)
	})
}

func TestStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("database is away")
		sink := &memorySink{err: away}
		cfg := testConfig(t, sink)
		cfg.FlushInterval = time.Second
		p := start(t, cfg)
		for i := range 100 {
			submit(t, p, view(t, p, 1, uint64(i%7), time.Now()))
			time.Sleep(time.Second)
		}
		s := p.Stats()
		if s.WaitingSegments != coalesceSegments || !errors.Is(s.Failing, away) {
			t.Errorf("while away: %+v", s)
		}
		if sink.writes > 30 {
			t.Errorf("%d writes in 100 s to a store that is away", sink.writes)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, away) {
			t.Errorf("flush while away: %v", err)
		}
		sink.fail(nil)
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, sink, 7, 100)
	})
}

func TestFullQueue(t *testing.T) {
	cfg := testConfig(t, &memorySink{})
	cfg.QueueRequests = 2
	p := start(t, cfg)
	now := time.Now()
	ev := view(t, p, 1, 1, now)
	hold, held := make(chan struct{}), make(chan struct{})
	go p.do(func(*machine) { close(held); <-hold })
	<-held
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { submit(t, p, ev) })
	}
	for len(p.queue) < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := p.Submit(t.Context(), []aggregate.Event{ev}); !errors.Is(err, ErrBusy) {
		t.Errorf("full queue: %v", err)
	}
	close(hold)
	wg.Wait()
	if s := p.Stats(); s.Events != 2 {
		t.Errorf("%d events counted, want 2", s.Events)
	}
}

func TestBadCalls(t *testing.T) {
	if _, err := Open(t.Context(), Config{}); err == nil {
		t.Error("a pipeline without sites was opened")
	}
	p := start(t, testConfig(t, &memorySink{}))
	if _, _, err := p.Salt(99, time.Now()); !errors.Is(err, ErrNoSite) {
		t.Errorf("unknown site: %v", err)
	}
	if _, _, err := p.Salt(1, time.Now().Add(49*time.Hour)); !errors.Is(err, ErrDayOver) {
		t.Errorf("salt of the day after tomorrow: %v", err)
	}
	if err := p.Submit(t.Context(), make([]aggregate.Event, MaxSubmitEvents+1)); err == nil {
		t.Error("too many events in a call")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Submit(ctx, make([]aggregate.Event, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSyncOS(t *testing.T) {
	sink := &memorySink{}
	cfg := testConfig(t, sink)
	cfg.Journal.Sync = journal.SyncOS
	p, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	submit(t, p, view(t, p, 1, 1, time.Now()))
	p.abandon()
	p = start(t, cfg)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, sink, 1, 1)
}

func TestSaltDoesNotAllocate(t *testing.T) {
	p := start(t, testConfig(t, &memorySink{}))
	now := time.Now()
	if _, _, err := p.Salt(1, now); err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() {
		if _, _, err := p.Salt(1, now); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

// A dropped salt is overwritten where readers may still hold it.
func TestSaltBookForgets(t *testing.T) {
	var b saltBook
	salt := [16]byte{1, 2, 3, 15: 9}
	for site := range schema.SiteID(600) {
		b.put(site, 5, 100, 200, salt)
	}
	held := (*b.site(257).open.Load())[0]
	if got, day, ok := b.find(257, 199); !ok || got != salt || day != 5 {
		t.Fatalf("salt %v of %d, %v", got, day, ok)
	}
	if _, _, ok := b.find(257, 200); ok {
		t.Error("the day ends at 200")
	}
	b.drop(257, 5)
	if _, _, ok := b.find(257, 150); ok || held.lo.Load() != 0 || held.hi.Load() != 0 {
		t.Error("a dropped salt is still there")
	}
	if _, _, ok := b.find(1, 150); !ok {
		t.Error("another site's salt is gone")
	}
}

func BenchmarkSalt(b *testing.B) {
	p := start(b, testConfig(b, &memorySink{}))
	now := time.Now()
	if _, _, err := p.Salt(1, now); err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := p.Salt(1, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSubmit(b *testing.B) {
	cfg := testConfig(b, &memorySink{})
	cfg.FlushInterval = DefaultFlushInterval
	p := start(b, cfg)
	now := time.Now()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		n := uint64(0)
		for pb.Next() {
			n++
			ev := view(b, p, 1, n%500, now)
			ev.Values[schema.Path] = fmt.Sprintf("/%d", n%50)
			if err := p.Submit(context.Background(), []aggregate.Event{ev}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
