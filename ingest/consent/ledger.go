package consent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"turf/schema"
)

// The limits of the ledger.
const (
	DefaultMaxSubjects = 1 << 20 // in memory, some 900 bytes each
	maxLeaves          = 1 << 26
	maxSubjectEvents   = 500
	maxPayloadBytes    = 16 << 10
	saltBytes          = 32
	opsWaiting         = 256 // changes that wait for the goroutine that writes
	checkpointEvery    = time.Minute
	checkpointAtLeast  = 24 * time.Hour
	sweepEvery         = time.Hour
	sweepBatch         = 256 // subjects in one append
	sweepBatches       = 4   // appends in one tick
	eraseRetry         = time.Minute
	storeTimeout       = 10 * time.Second // of one write of rows
)

// The ledger's files, in its directory.
const (
	logFile         = "log"
	payloadsFile    = "payloads"
	checkpointsFile = "checkpoints"
)

// ErrUnavailable says that the ledger cannot append: nothing is granted.
var ErrUnavailable = errors.New("the consent ledger cannot be written")

// errClosed says that the ledger is closed.
var errClosed = fmt.Errorf("%w: it is closed", ErrUnavailable)

// Store keeps what people agreed to. Its methods are called by many goroutines; writes are done when they return.
type Store interface {
	// WriteEvents and WriteHeat may be called again with the same token, also by another process, and store once what
	// was given with it. The token "" says that nothing is ever given again.
	WriteEvents(ctx context.Context, token string, events []schema.ConsentedEvent) error
	WriteHeat(ctx context.Context, token string, cells []schema.HeatCell) error
	// Erase takes away all rows of a person, for good. It is called again until it succeeds.
	Erase(ctx context.Context, site schema.SiteID, person schema.PersonRef) error
	// Export gives all events of a person, in the order of their time.
	Export(ctx context.Context, site schema.SiteID, person schema.PersonRef, each func(schema.ConsentedEvent) error) error
}

// Config is what a Ledger needs.
type Config struct {
	Dir         string // of the ledger alone; made where it is not there
	Store       Store
	Now         func() time.Time // nil: time.Now
	Logger      *slog.Logger     // nil: silent
	Build       string           // of the program, for the proof
	MaxSubjects int              // 0: DefaultMaxSubjects; more are answered 503
	// still: nothing happens with time but what a test makes happen.
	still bool
	// fault makes an operation on a file fail, for tests: "sync log", …
	fault func(op string) error
}

// Ledger is the record of consents. Close it.
type Ledger struct {
	cfg      Config
	dir      *os.Root
	log      *appendFile
	payloads *appendFile
	checks   *appendFile
	tree     *tree // size is guarded by mu
	keys     atomic.Pointer[keyRing]

	ops   chan op
	stop  context.CancelFunc
	ctx   context.Context // of the goroutines, ends at Close
	tasks sync.WaitGroup
	over  chan struct{} // closed when run has ended
	wake  chan struct{} // of the eraser

	// Owned by run.
	broken     error
	latest     []byte // the newest checkpoint in the file
	latestAt   time.Time
	latestSize int64
	swept      time.Time
	due        []subjectKey // of the sweep that is under way

	mu     sync.Mutex
	st     *state
	counts *counts
	last   []byte // latest, for readers
}

// op is a change that run makes.
type op struct {
	run  func() error
	done chan error
}

// entry is a leaf that is to be appended, with the event whose commitment it is.
type entry struct {
	leaf    []byte
	event   *Event
	payload []byte // salt and canonical event
}

// Open reads the ledger, or makes it, and starts its goroutines. It refuses one that is not what was written.
func Open(cfg Config) (*Ledger, error) {
	if cfg.Store == nil {
		return nil, errors.New("BUG: a ledger without a store")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxSubjects == 0 {
		cfg.MaxSubjects = DefaultMaxSubjects
	}
	l := &Ledger{
		cfg: cfg, ops: make(chan op, opsWaiting), wake: make(chan struct{}, 1), over: make(chan struct{}), st: newState(),
	}
	if err := l.open(); err != nil {
		l.closeFiles()
		return nil, fmt.Errorf("open the consent ledger %s: %w", cfg.Dir, err)
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.tasks.Add(2)
	go l.run()
	go l.eraser()
	return l, nil
}

// Close writes a last checkpoint and the counters, and waits for the goroutines.
func (l *Ledger) Close() error {
	l.stop()
	l.tasks.Wait()
	err := l.checkpoint(l.cfg.Now(), false)
	if l.broken != nil {
		err = nil // it was told when it broke, and the start tells again
	}
	return errors.Join(err, l.writeCounts(), l.closeFiles())
}

func (l *Ledger) closeFiles() (err error) {
	for _, f := range []*appendFile{l.log, l.payloads, l.checks} {
		if f != nil {
			err = errors.Join(err, f.close())
		}
	}
	if l.tree != nil {
		err = errors.Join(err, l.tree.f.Close())
	}
	if l.dir != nil {
		err = errors.Join(err, l.dir.Close())
	}
	return err
}

// run is the goroutine that writes.
func (l *Ledger) run() {
	defer l.tasks.Done()
	defer close(l.over)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	if l.cfg.still {
		tick.Stop()
	}
	for {
		select {
		case <-l.ctx.Done():
			return
		case o := <-l.ops:
			o.done <- o.run()
		case <-tick.C:
			if err := l.tick(l.cfg.Now()); err != nil {
				l.cfg.Logger.Error("consent ledger", "err", err)
			}
		}
	}
}

// do lets run make a change, and waits for it. Errors are the change's own, and errClosed.
func (l *Ledger) do(change func() error) error {
	o := op{change, make(chan error, 1)}
	select {
	case l.ops <- o:
	case <-l.over:
		return errClosed
	}
	select {
	case err := <-o.done:
		return err
	case <-l.over:
		select {
		case err := <-o.done:
			return err
		default:
			return errClosed
		}
	}
}

// tick does what is due. Called by run.
func (l *Ledger) tick(now time.Time) error {
	var err error
	if now.Sub(l.latestAt) >= checkpointEvery {
		err = l.checkpoint(now, false)
	}
	if now.Sub(l.swept) >= sweepEvery {
		l.swept = now
		l.findDue(now)
	}
	// Some at a time, so that grants do not wait for a new notice that ends them all.
	for range sweepBatches {
		if len(l.due) > 0 {
			err = errors.Join(err, l.sweepSome(now))
		}
	}
	return errors.Join(err, l.bury(), l.writeCounts())
}

// sealed makes the entry of an event: its payload and the salted commitment to it.
func sealed(e *Event) (entry, error) {
	text, err := canonical(e)
	if err != nil {
		return entry{}, err
	}
	if len(text)+saltBytes > maxPayloadBytes {
		return entry{}, malformed("the event is too large")
	}
	payload := append(newSeed(), text...)
	return entry{leaf: commitment(payload), event: e, payload: payload}, nil
}

// commitment is the leaf of a payload.
func commitment(payload []byte) []byte {
	sum := sha256.Sum256(payload)
	return append([]byte(leafEvent), sum[:]...)
}

// plain makes the entry of a document in the clear.
func plain(kind string, doc any) (entry, error) {
	text, err := canonical(doc)
	if err != nil {
		return entry{}, err
	}
	if len(text) > maxDocumentBytes {
		return entry{}, malformed("the document is too large")
	}
	return entry{leaf: append([]byte(kind), text...)}, nil
}

// commit appends leaves and their payloads, all or none, durably, and then changes the state. Called by run. Errors
// wrap ErrUnavailable.
func (l *Ledger) commit(entries ...entry) error {
	if l.broken != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, l.broken)
	}
	first, payloadsEnd := l.tree.size, l.payloads.size
	if first+int64(len(entries)) > maxLeaves {
		return fmt.Errorf("%w: it has %d leaves, the most", ErrUnavailable, maxLeaves)
	}
	var logBytes, payloads []byte
	places, leaves := make([]place, len(entries)), make([][]byte, len(entries))
	for i, e := range entries {
		number := uint64(first) + uint64(i)
		leaves[i] = e.leaf
		logBytes = appendFrame(logBytes, number, uint64(first), e.leaf)
		if e.payload != nil {
			places[i] = place{offset: payloadsEnd + int64(len(payloads)), length: len(e.payload)}
			payloads = appendFrame(payloads, number, uint64(first), e.payload)
		}
	}
	if err := l.write(leaves, logBytes, payloads); err != nil {
		if errors.Is(err, errBroken) {
			l.broken = err
		}
		l.cfg.Logger.Error("consent ledger", "err", err)
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, e := range entries {
		l.tree.size++
		if err := l.st.apply(first+int64(i), e.leaf, e.event, places[i]); err != nil {
			l.broken = fmt.Errorf("BUG: a leaf was written that cannot be read: %w", err)
			return fmt.Errorf("%w: %w", ErrUnavailable, l.broken)
		}
	}
	return nil
}

// write appends to the files in the order that a start can take back: payloads, hashes, log.
func (l *Ledger) write(leaves [][]byte, logBytes, payloads []byte) error {
	before := l.payloads.size
	if len(payloads) > 0 {
		if err := l.payloads.append(payloads); err != nil {
			return err
		}
	}
	err := l.tree.put(leaves)
	if err == nil {
		err = l.log.append(logBytes)
	}
	if err != nil && len(payloads) > 0 {
		if cut := l.payloads.cut(before); cut != nil {
			return fmt.Errorf("%w: %w, after %w", errBroken, cut, err)
		}
	}
	return err
}

// bury overwrites the payloads that have a tombstone. Called by run; what fails is tried again at the next tick.
func (l *Ledger) bury() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.st.dead) == 0 {
		return nil
	}
	for _, at := range l.st.dead {
		if err := l.payloads.erase(at.offset, at.length); err != nil {
			return err
		}
	}
	if err := l.payloads.sync(); err != nil {
		return fmt.Errorf("erase payloads: %w", err)
	}
	l.st.dead = l.st.dead[:0]
	return nil
}

// sign is a checkpoint of the log as it is. Called by run.
func (l *Ledger) sign(now time.Time) ([]byte, error) {
	root, err := l.tree.root(l.tree.size)
	if err != nil {
		return nil, err
	}
	k := l.keys.Load()
	var signers []note.Signer
	for _, s := range k.signers {
		// A key that the log does not name yet signs nothing.
		name := keyName(s.Name(), s.KeyHash()) + "+"
		if slices.ContainsFunc(l.st.keys, func(d keyDoc) bool { return strings.HasPrefix(d.Key, name) }) {
			signers = append(signers, s)
		}
	}
	c := checkpoint{k.Origin, l.tree.size, root, now}
	return c.sign(signers...)
}

// keyName is how a key is named in the text of a verifier.
func keyName(name string, hash uint32) string { return fmt.Sprintf("%s+%08x", name, hash) }

// checkpoint signs the log and keeps the checkpoint, where it has grown or is a day old, or always. Called by run, and
// by Close when run has ended.
func (l *Ledger) checkpoint(now time.Time, always bool) error {
	if !always && l.tree.size == l.latestSize && now.Sub(l.latestAt) < checkpointAtLeast {
		return nil
	}
	if l.broken != nil {
		return nil
	}
	signed, err := l.sign(now)
	if err != nil {
		return err
	}
	if err := l.checks.append(appendFrame(nil, uint64(l.tree.size), uint64(l.tree.size), signed)); err != nil {
		if errors.Is(err, errBroken) {
			l.broken = err
		}
		return err
	}
	l.latestAt, l.latestSize, l.latest = now, l.tree.size, signed
	l.mu.Lock()
	l.last = signed
	l.mu.Unlock()
	return l.retireKey()
}

// retireKey forgets the old key when a checkpoint that knows the new one has both signatures.
func (l *Ledger) retireKey() error {
	k := l.keys.Load()
	if len(k.Signers) == 1 || l.st.keyLeaf >= l.latestSize {
		return nil
	}
	next := &keyRing{Origin: k.Origin, Signers: k.Signers[len(k.Signers)-1:], Tokens: k.Tokens, Refs: k.Refs}
	return l.useKeys(next)
}

func (l *Ledger) useKeys(k *keyRing) error {
	if err := k.read(); err != nil {
		return err
	}
	if err := k.write(l.dir); err != nil {
		return err
	}
	l.keys.Store(k)
	return nil
}

// Checkpoint is the newest checkpoint that is kept: a signed note.
func (l *Ledger) Checkpoint() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// size is how many leaves there are.
func (l *Ledger) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.size
}

// payload is an event as it is proven: salt and canonical event. nil where it is erased.
func (l *Ledger) payload(leaf int64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.st.offsets[leaf]
	if !ok {
		return nil, nil
	}
	return l.payloads.read(at.offset)
}

// event is an event whose payload is there; nil where it is not.
func (l *Ledger) event(leaf int64) (*Event, error) {
	payload, err := l.payload(leaf)
	if payload == nil || err != nil {
		return nil, err
	}
	return openPayload(payload)
}

func openPayload(payload []byte) (*Event, error) {
	if len(payload) < saltBytes {
		return nil, errors.New("a payload is too short")
	}
	var e Event
	if err := json.Unmarshal(payload[saltBytes:], &e); err != nil {
		return nil, fmt.Errorf("read a payload: %w", err)
	}
	return &e, nil
}

// verifiers are the keys that may sign checkpoints, of the key leaves.
func verifiers(keys []keyDoc) ([]note.Verifier, error) {
	var out []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k.Key)
		if err != nil {
			return nil, fmt.Errorf("key of the log %q: %w", k.Key, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// leafHash is the hash of a leaf in the tree.
func leafHash(leaf []byte) tlog.Hash { return tlog.RecordHash(leaf) }
