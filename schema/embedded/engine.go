package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of [Open] and of requests after [Engine.Close].
var (
	// ErrInUse says that another process has the directory open.
	ErrInUse = errors.New("the directory is in use by another process")
	// ErrOpen says that this process has an engine already.
	ErrOpen = errors.New("this process has an engine open already, and there can be only one")
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("the engine is closed")
)

// Engine is ClickHouse in this process. Its methods may be called by many goroutines.
type Engine struct {
	config Config
	lib    *library
	args   []string // of every connection
	lock   *os.File

	// free holds the connections that no statement uses; it has room for all of them.
	free chan *conn
	// closing is closed when Close begins; running counts the statements that hold a connection.
	closing   chan struct{}
	closeOnce sync.Once
	mu        sync.Mutex // guards running.Add against Close
	running   sync.WaitGroup

	// control kills queries, and keeps the library up while the others are closed.
	control   *conn
	controlMu sync.Mutex

	buffers sync.Pool // of *bufio.Reader, for recode

	tokensTakenBack int
}

// process guards what the library allows once a process: a lock that is held while an engine is open.
var process sync.Mutex

// lockFile is the file in Config.Dir that a process holds locked, with its number in it, while it has the engine open.
const lockFile = "engine.lock"

// Open starts the engine in its directory. It must be closed. Errors: [ErrNoLibrary], [ErrInUse], [ErrOpen], or what
// the system or the library says.
func Open(config Config) (*Engine, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	if !process.TryLock() {
		return nil, fmt.Errorf("open the engine in %s: %w", config.Dir, ErrOpen)
	}
	e, err := open(config)
	if err != nil {
		process.Unlock()
		return nil, fmt.Errorf("open the engine in %s: %w", config.Dir, err)
	}
	return e, nil
}

func open(config Config) (*Engine, error) {
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(config.Dir)
	if err != nil {
		return nil, err
	}
	e := &Engine{config: config, lock: lock, closing: make(chan struct{})}
	e.buffers.New = func() any { return bufio.NewReaderSize(nil, recodeBuffer) }
	if err := e.start(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

func (e *Engine) start() error {
	settings, err := e.config.writeSettings()
	if err != nil {
		return err
	}
	if e.tokensTakenBack, err = repairTokens(e.config.Dir); err != nil {
		return err
	}
	if e.lib, err = load(e.config.Library); err != nil {
		return err
	}
	e.args = []string{"--config-file=" + settings, "--path=" + e.config.Dir}
	e.control = e.newConn("turf-control")
	if err := e.control.open(); err != nil {
		return err
	}
	e.free = make(chan *conn, e.config.Connections)
	for i := range e.config.Connections {
		e.free <- e.newConn("turf-" + strconv.Itoa(i))
	}
	return nil
}

// TokensTakenBack is how many parts of inserts a killed process had noted as stored and had not stored; [Open] took the
// notes back, so the inserts can be sent again.
func (e *Engine) TokensTakenBack() int { return e.tokensTakenBack }

// A directory that is locked is tried this often: InUse locks it for an instant, and a process that was killed may be
// on its way out still.
const (
	lockTries = 5
	lockWait  = 50 * time.Millisecond
)

// lockDir locks the directory for this process. The lock goes when the file is closed, and with the process however it
// ends.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	for tries := 1; errors.Is(err, unix.EWOULDBLOCK) && tries < lockTries; tries++ {
		time.Sleep(lockWait)
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		owner, _ := os.ReadFile(path) // the number only helps the reader of the message
		err = fmt.Errorf("%w (number %s)", ErrInUse, strings.TrimSpace(string(owner)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), f.Close())
	}
	return f, nil
}

// InUse reports whether a process has the engine open in the directory.
func InUse(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return false
	}
	defer f.Close() // which also unlocks
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Close stops the queries that run, waits for them, and shuts the engine down. Requests after it fail with [ErrClosed].
func (e *Engine) Close() error {
	err := ErrClosed
	e.closeOnce.Do(func() { err = e.shutdown() })
	return err
}

func (e *Engine) shutdown() error {
	e.mu.Lock()
	close(e.closing)
	e.mu.Unlock()
	e.running.Wait() // each sees closing and is killed
	for range cap(e.free) {
		c := <-e.free
		c.close()
	}
	e.control.close()
	defer process.Unlock()
	if err := e.lock.Close(); err != nil {
		return fmt.Errorf("unlock %s: %w", e.config.Dir, err)
	}
	return nil
}

// acquire takes a free connection, waiting for one. The caller gives it back with release.
func (e *Engine) acquire(ctx context.Context) (*conn, error) {
	e.mu.Lock()
	select {
	case <-e.closing:
		e.mu.Unlock()
		return nil, ErrClosed
	default:
	}
	e.running.Add(1)
	e.mu.Unlock()
	select {
	case c := <-e.free:
		return c, nil
	case <-ctx.Done():
		e.running.Done()
		return nil, ctx.Err()
	case <-e.closing:
		e.running.Done()
		return nil, ErrClosed
	}
}

func (e *Engine) release(c *conn) {
	e.free <- c
	e.running.Done()
}

// answer is what a statement came to.
type answer struct {
	output []byte
	err    error
}

// do runs the statement on a connection of its own. When ctx ends first, do returns at once with its error; the query
// is killed, and its connection is free again when the library has let go of it.
func (e *Engine) do(ctx context.Context, s *statement) ([]byte, error) {
	c, err := e.acquire(ctx)
	if err != nil {
		return nil, err
	}
	done := make(chan answer, 1)
	finished := make(chan struct{})
	go func() {
		output, err := c.run(s)
		close(finished)
		done <- answer{output, err}
	}()
	select {
	case a := <-done:
		e.release(c)
		return a.output, a.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-e.closing:
		err = ErrClosed
	}
	go func() {
		e.stop(c, finished)
		e.release(c)
	}()
	return nil, err
}

// Waits between two tries to kill a query: it may not have begun, or be at a place where it cannot be stopped.
const (
	firstKillWait = 5 * time.Millisecond
	lastKillWait  = time.Second
)

// stop kills what runs on c until it has finished.
func (e *Engine) stop(c *conn, finished <-chan struct{}) {
	for wait := firstKillWait; ; wait = min(2*wait, lastKillWait) {
		e.controlMu.Lock()
		// A failed kill leaves the query running: it is tried again, and ends by itself at the latest.
		_ = e.control.kill(c)
		e.controlMu.Unlock()
		select {
		case <-finished:
			return
		case <-time.After(wait):
		}
	}
}
