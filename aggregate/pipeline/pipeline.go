package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/schema"
)

// Errors of Salt and Submit. All but ErrDayOver and ErrNoSite pass with time.
var (
	// ErrBusy says that the event was not counted and may be sent again later: a queue, the disk or a table is full,
	// or the pipeline closes.
	ErrBusy = errors.New("busy, try again later")
	// ErrDayOver says that the day of the event is forgotten. Take a fresh salt at the present time, and try again.
	ErrDayOver = errors.New("the day of the event is over")
	// ErrNoSite says that there is no such site.
	ErrNoSite = errors.New("no such site")
	// ErrLocked says that another process has the directory.
	ErrLocked = errors.New("another process uses this data directory; stop it first")
)

// The limits.
const (
	// LateSec is how long after its midnight a day lets requests in that were under way.
	LateSec = 10
	// maxAheadSec is how far ahead of the clock a day may begin.
	maxAheadSec = 60
	// DefaultQueueRequests is how many calls of Submit can wait for their group.
	DefaultQueueRequests = 4096
	// maxGroupEvents is about how many events one group takes: no request is added to a group that has so many.
	maxGroupEvents = 1024
	// MaxSubmitEvents is how many events one call of Submit can have.
	MaxSubmitEvents = 1024
	// coalesceSegments is how many segments wait before they grow to their full size, so that a day without the
	// database is some large batches and not many small ones.
	coalesceSegments = 16
	// DefaultFlushInterval is the time between two batches.
	DefaultFlushInterval = 2 * time.Second
	tickInterval         = time.Second
	closeTimeout         = 10 * time.Second
	minBackoff           = 100 * time.Millisecond
	maxBackoff           = 15 * time.Second
)

// Config is what a pipeline needs. Sites and Sink are required.
type Config struct {
	// Dir is the data directory; the journal lies in its folder journal.
	Dir string
	// MemoryDir is a directory of a memory-backed file system (see [MemoryDir]) in which a folder for this data
	// directory is made. "": plain memory.
	MemoryDir string
	// FS is where the journal lies; nil: journal.OS.
	FS journal.FS
	// Sites knows the sites. It is called often, by one goroutine. What a site declares is never changed in place; a change holds
	// from the next group of events on.
	Sites func(schema.SiteID) (schema.Site, bool)
	Sink  Sink
	// FlushInterval is the time between two batches; 0: DefaultFlushInterval.
	FlushInterval time.Duration
	Clock         func() time.Time // nil: time.Now
	Random        io.Reader        // of salts: the system's generator
	Logger        *slog.Logger     // nil: silent
	// Journal holds the way to sync and the limits of the journal. Its Random is set by Open.
	Journal       journal.Options
	QueueRequests int // 0: DefaultQueueRequests
}

func (c *Config) fill() error {
	if c.Sites == nil || c.Sink == nil || c.Random == nil {
		return errors.New("pipeline needs sites, a sink and a source of random numbers")
	}
	if c.FlushInterval == 0 {
		c.FlushInterval = DefaultFlushInterval
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.QueueRequests == 0 {
		c.QueueRequests = DefaultQueueRequests
	}
	c.Journal.Random = c.Random
	return nil
}

// Pipeline counts events. Its methods may be called by many goroutines.
type Pipeline struct {
	cfg       Config
	machine   *machine // of the goroutine run
	salts     *saltBook
	out       *outbox
	queue     chan *request
	commands  chan func(*machine)
	requests  sync.Pool // of *request
	restarted bool

	closing  atomic.Bool
	quit     chan struct{}
	stopped  chan struct{} // run has returned: no request is touched any more
	sendCtx  context.Context
	stopSend context.CancelFunc
	sender   sync.WaitGroup
	locks    []*os.File
	closed   sync.Once
	closeErr error
}

// Open recovers what an earlier process left in the directory and starts. ctx bounds nothing but the opening.
func Open(ctx context.Context, cfg Config) (*Pipeline, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Pipeline{
		cfg: cfg, salts: &saltBook{}, out: newOutbox(cfg.Sink),
		queue: make(chan *request, cfg.QueueRequests), commands: make(chan func(*machine)),
		quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	p.requests.New = func() any { return &request{done: make(chan error, 1)} }
	p.sendCtx, p.stopSend = context.WithCancel(context.WithoutCancel(ctx))
	if err := p.open(); err != nil {
		p.unlock()
		return nil, err
	}
	go p.run()
	p.sender.Go(p.send)
	return p, nil
}

func (p *Pipeline) open() error {
	fs, dir := p.cfg.FS, filepath.Join(p.cfg.Dir, "journal")
	if fs == nil {
		fs = journal.OS{}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make journal directory: %w", err)
		}
		if err := p.lock(filepath.Join(dir, "lock")); err != nil {
			return err
		}
	}
	j, found, err := journal.Open(fs, dir, p.cfg.Journal)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	tabs, existed, err := p.openTables(j.Node())
	if err != nil {
		return errors.Join(err, j.Close())
	}
	p.out.add(found.Sealed)
	p.machine = newMachine(&p.cfg, tabs, j, p.salts, p.out)
	lost, err := p.machine.recover(found.Last, p.cfg.Clock().Unix())
	if err != nil {
		return errors.Join(err, tabs.close(), j.Close())
	}
	for _, l := range lost {
		p.cfg.Logger.Error("visitors of today are counted again", "error", l)
	}
	p.restarted = len(lost) > 0 || found.Last > 0 && !existed
	p.cfg.Logger.Info("journal opened", "waiting_segments", len(found.Sealed), "last_group", found.Last,
		"torn_bytes", found.TornBytes, "open_days", len(p.machine.days), "restarted", p.restarted)
	return nil
}

// openTables reports whether an earlier process left its tables, be there any or none.
func (p *Pipeline) openTables(node string) (t *fileTables, existed bool, err error) {
	t = &fileTables{opened: make(map[*mapping]struct{})}
	if p.cfg.MemoryDir == "" {
		return t, false, nil
	}
	t.dir = filepath.Join(p.cfg.MemoryDir, "turf-"+node)
	if existed, err = ownDir(t.dir); err != nil {
		return nil, false, fmt.Errorf("make directory of visitor tables: %w", err)
	}
	if !inMemory(t.dir) {
		return nil, false, fmt.Errorf("%s is not on a memory-backed file system; visitors must not lie on a disk", t.dir)
	}
	return t, existed, p.lock(filepath.Join(t.dir, "lock"))
}

func (p *Pipeline) lock(name string) error {
	f, err := lockFile(name)
	if err != nil {
		return err
	}
	p.locks = append(p.locks, f)
	return nil
}

func (p *Pipeline) unlock() {
	for _, f := range p.locks {
		_ = f.Close() // ends the lock; nothing was written
	}
}

// Restarted reports whether visitors that an earlier process saw today were forgotten, so that they are counted again.
func (p *Pipeline) Restarted() bool { return p.restarted }

// run owns the machine.
func (p *Pipeline) run() {
	defer close(p.stopped)
	flush, tick := time.NewTicker(p.cfg.FlushInterval), time.NewTicker(tickInterval)
	defer flush.Stop()
	defer tick.Stop()
	log := trouble{log: p.cfg.Logger}
	var group []*request
	for {
		select {
		case r := <-p.queue:
			group = p.gather(append(group[:0], r))
			p.machine.handle(group)
			answer(group)
		case command := <-p.commands:
			command(p.machine)
		case <-flush.C:
			log.report("journal", p.machine.flush(false))
		case <-tick.C:
			log.report("forget", p.machine.tick(p.cfg.Clock().Unix()))
		case <-p.quit:
			p.drain()
			log.report("journal", p.machine.flush(true))
			return
		}
	}
}

// gather takes what waits already, so that it shares one sync. It lets the others run first, for as long as that brings more.
func (p *Pipeline) gather(group []*request) []*request {
	for n := len(group[0].events); n < maxGroupEvents; {
		select {
		case r := <-p.queue:
			group = append(group, r)
			n += len(r.events)
			continue
		default:
		}
		runtime.Gosched()
		if len(p.queue) == 0 {
			return group
		}
	}
	return group
}

func answer(group []*request) {
	for i, r := range group {
		group[i] = nil
		r.done <- r.err
	}
}

// drain counts what is in the queue when the pipeline closes.
func (p *Pipeline) drain() {
	for {
		select {
		case r := <-p.queue:
			group := p.gather([]*request{r})
			p.machine.handle(group)
			answer(group)
		default:
			return
		}
	}
}

// send owns the steps of the outbox.
func (p *Pipeline) send() {
	log, backoff := trouble{log: p.cfg.Logger}, minBackoff
	for p.sendCtx.Err() == nil {
		more, waiting := p.out.more()
		if waiting == 0 {
			select {
			case <-more:
			case <-p.sendCtx.Done():
			}
			continue
		}
		_, err := p.out.step(p.sendCtx)
		if p.sendCtx.Err() != nil {
			return
		}
		log.report("store", err)
		if err == nil {
			backoff = minBackoff
			continue
		}
		select {
		case <-time.After(backoff):
		case <-p.sendCtx.Done():
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// trouble logs when something begins to fail and when it works again, and not each time.
type trouble struct {
	log     *slog.Logger
	failing map[string]bool
}

func (t *trouble) report(what string, err error) {
	switch {
	case err != nil && !t.failing[what]:
		t.log.Error("it is tried again until it works", "what", what, "error", err)
	case err == nil && t.failing[what]:
		t.log.Info("works again", "what", what)
	}
	if t.failing == nil {
		t.failing = make(map[string]bool)
	}
	t.failing[what] = err != nil
}

// Close counts what is queued, seals, and gives the sink some seconds to take what waits, even when ctx is cancelled.
// What it does not take stays on disk. The visitor tables stay in their memory for the next process.
func (p *Pipeline) Close(ctx context.Context) error {
	p.closed.Do(func() { p.closeErr = p.close(ctx) })
	return p.closeErr
}

func (p *Pipeline) close(ctx context.Context) error {
	p.closing.Store(true)
	close(p.quit)
	<-p.stopped
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_, last, _ := p.out.state()
	if err := p.out.wait(wait, last); err != nil {
		p.cfg.Logger.Warn("batches wait on disk for the next start", "error", err)
	}
	p.stopSend()
	p.sender.Wait()
	err := errors.Join(p.machine.journal.Close(), p.machine.tables.close())
	p.unlock()
	return err
}

var _ aggregate.Memory = (*mapping)(nil)
