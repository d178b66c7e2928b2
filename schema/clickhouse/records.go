package clickhouse

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Limits of the table of documents, all of which are in the memory of every process.
const (
	MaxRecords  = 100_000
	MaxDocBytes = 256 << 10
	MaxIDBytes  = 256
)

// RefreshInterval is how often the documents are read again, for what other processes wrote.
const RefreshInterval = 3 * time.Second

// Record is a document.
type Record struct {
	Kind string
	ID   string
	// Version grows with every write; newest wins.
	Version uint64
	// Doc is JSON. It is shared and must not be changed.
	Doc []byte

	deleted bool
}

type recordKey struct{ kind, id string }

// documents is what is known at one time. It never changes.
type documents struct {
	all    map[recordKey]Record // with the deleted ones
	byKind map[string][]Record  // without them, by id
}

func newDocuments(all map[recordKey]Record) *documents {
	d := &documents{all: all, byKind: map[string][]Record{}}
	for key, r := range all {
		if !r.deleted {
			d.byKind[key.kind] = append(d.byKind[key.kind], r)
		}
	}
	for _, list := range d.byKind {
		slices.SortFunc(list, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	}
	return d
}

// Records is the table of documents, held in memory: reading never asks the database, and goes on when that is away.
// What this process wrote is there at once, what others wrote after [RefreshInterval]. Its methods may be called by
// many goroutines.
type Records struct {
	db      *DB
	now     func() time.Time
	current atomic.Pointer[documents]

	mu       sync.Mutex // one write or refresh at a time; guards all below
	lastRead time.Time
	lastErr  error

	stop    context.CancelFunc
	stopped chan struct{}
}

// OpenRecords reads all documents, and reads them again every few seconds until Close. The tables must be there
// (Migrate).
func OpenRecords(ctx context.Context, db *DB) (*Records, error) {
	r := &Records{db: db, now: time.Now, stopped: make(chan struct{})}
	r.current.Store(newDocuments(nil))
	if err := r.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("open the documents: %w", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.refreshUntil(background)
	return r, nil
}

// Close ends the reading and waits for it. What was read stays readable.
func (r *Records) Close() {
	r.stop()
	<-r.stopped
}

func (r *Records) refreshUntil(ctx context.Context) {
	defer close(r.stopped)
	ticker := time.NewTicker(RefreshInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// The error is kept for State: whoever looks after the process asks there, and the next tick tries again.
			_ = r.Refresh(ctx)
		}
	}
}

// State is when the documents were last read, and what the last try to read them came to.
func (r *Records) State() (read time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastRead, r.lastErr
}

// Refresh reads the documents now.
func (r *Records) Refresh(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refresh(ctx)
}

func (r *Records) refresh(ctx context.Context) error {
	rows, err := r.db.selectRows(ctx, "SELECT kind, id, version, doc, deleted FROM records FINAL", nil, MaxRecords)
	if err != nil {
		r.lastErr = fmt.Errorf("read the documents: %w", err)
		return r.lastErr
	}
	read := make([]Record, len(rows))
	for i, row := range rows {
		read[i] = Record{
			Kind: row[0].(string), ID: row[1].(string), Version: row[2].(uint64),
			Doc: []byte(row[3].(string)), deleted: row[4].(uint64) != 0,
		}
	}
	r.merge(read)
	r.lastRead, r.lastErr = r.now(), nil
	return nil
}

// merge takes over what is newer than what is known. When nothing is, the documents stay the same ones.
func (r *Records) merge(read []Record) {
	known := r.current.Load().all
	var all map[recordKey]Record
	for _, record := range read {
		key := recordKey{record.Kind, record.ID}
		if old, ok := known[key]; ok && old.Version >= record.Version {
			continue
		}
		if all == nil {
			all = make(map[recordKey]Record, len(known)+1)
			maps.Copy(all, known)
		}
		all[key] = record
	}
	if all != nil {
		r.current.Store(newDocuments(all))
	}
}

// Get returns the document, which must not be changed, or false when there is none.
func (r *Records) Get(kind, id string) ([]byte, bool) {
	record, ok := r.current.Load().all[recordKey{kind, id}]
	if !ok || record.deleted {
		return nil, false
	}
	return record.Doc, true
}

// All returns the documents of the kind by id. The slice must not be changed.
func (r *Records) All(kind string) []Record { return r.current.Load().byKind[kind] }

// Docs are the documents of the kind with their ids, by id, as they were at the call. They must not be changed.
func (r *Records) Docs(kind string) iter.Seq2[string, []byte] {
	list := r.All(kind)
	return func(yield func(id string, doc []byte) bool) {
		for _, record := range list {
			if !yield(record.ID, record.Doc) {
				return
			}
		}
	}
}

// Put writes a document, which must be JSON, in place of the one with the same kind and id. When it fails, the
// document may be written nevertheless (the answer was lost), and shows up with the next refresh.
func (r *Records) Put(ctx context.Context, kind, id string, doc []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.put(ctx, Record{Kind: kind, ID: id, Doc: slices.Clone(doc)})
}

// Delete removes a document. That there is none is no error.
func (r *Records) Delete(ctx context.Context, kind, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.put(ctx, Record{Kind: kind, ID: id, deleted: true})
}

func (r *Records) put(ctx context.Context, record Record) error {
	what := record.Kind + " " + strconv.Quote(record.ID)
	if err := record.check(len(r.current.Load().all)); err != nil {
		return fmt.Errorf("write document %s: %w", what, err)
	}
	version, err := r.nextVersion(ctx)
	if err != nil {
		return fmt.Errorf("write document %s: %w", what, err)
	}
	record.Version = version
	ctx = client.Context(ctx,
		client.WithSettings(insertSettings("")), client.WithColumnNamesAndTypes(recordColumns()))
	err = r.db.insert(ctx, "INSERT INTO records (kind, id, version, doc, deleted)", func(batch driver.Batch) error {
		deleted := uint8(0)
		if record.deleted {
			deleted = 1
		}
		return batch.Append(record.Kind, record.ID, record.Version, string(record.Doc), deleted)
	})
	if err != nil {
		return fmt.Errorf("write document %s: %w", what, err)
	}
	r.merge([]Record{record})
	return nil
}

func recordColumns() []client.ColumnNameAndType {
	return []client.ColumnNameAndType{
		{Name: "kind", Type: "LowCardinality(String)"},
		{Name: "id", Type: "String"},
		{Name: "version", Type: "UInt64"},
		{Name: "doc", Type: "String"},
		{Name: "deleted", Type: "UInt8"},
	}
}

func (r *Record) check(known int) error {
	switch {
	case r.Kind == "" || r.ID == "":
		return errors.New("it has no kind or no id")
	case len(r.Kind) > MaxIDBytes || len(r.ID) > MaxIDBytes:
		return fmt.Errorf("its kind or id is longer than %d bytes", MaxIDBytes)
	case len(r.Doc) > MaxDocBytes:
		return fmt.Errorf("it is %d bytes, at most %d are possible", len(r.Doc), MaxDocBytes)
	case !r.deleted && !json.Valid(r.Doc):
		return errors.New("it is not JSON")
	case known >= MaxRecords:
		return fmt.Errorf("there are %d documents already, the most that are possible", known)
	}
	return nil
}

// A version is microseconds since 1970 and, below them, so many random bits: two processes that write in the same
// microsecond get different ones.
const versionRandomBits = 10

// nextVersion is larger than any version in the table or in memory, whatever the clock says.
func (r *Records) nextVersion(ctx context.Context) (uint64, error) {
	rows, err := r.db.Select(ctx, "SELECT max(version) FROM records", nil)
	if err != nil {
		return 0, err
	}
	newest := rows[0][0].(uint64)
	for _, record := range r.current.Load().all {
		newest = max(newest, record.Version)
	}
	micros := uint64(max(r.now().UnixMicro(), 0))
	micros = max(micros, newest>>versionRandomBits+1)
	return micros<<versionRandomBits | rand.Uint64N(1<<versionRandomBits), nil
}
