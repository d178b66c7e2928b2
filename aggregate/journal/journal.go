package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"turf/schema"
)

// SyncMode says when Append returns.
type SyncMode uint8

const (
	// SyncBatch returns when the group outlives a loss of power. The zero value.
	SyncBatch SyncMode = iota
	// SyncOS returns when the operating system has the group: it outlives the process, and is lost with the power if
	// that goes before the segment is sealed.
	SyncOS
)

// ParseSyncMode reads "batch" or "os".
func ParseSyncMode(s string) (SyncMode, error) {
	switch s {
	case "batch":
		return SyncBatch, nil
	case "os":
		return SyncOS, nil
	}
	return 0, fmt.Errorf("%q is not a way to sync the journal; use batch or os", s)
}

// String is "batch" or "os".
func (m SyncMode) String() string { return [...]string{"batch", "os"}[m] }

// The limits, unless Options say otherwise.
const (
	DefaultSegmentBytes = 16 << 20
	DefaultSegmentCells = 100_000
	DefaultWaitingBytes = 1 << 30
	DefaultWaitingCount = 1_000
	// keptSums is how many sealed segments keep their sums in memory; later ones are read again when their turn comes.
	keptSums = 2
)

// Options are the settings of a journal. Zero values mean the defaults.
type Options struct {
	Sync SyncMode
	// Random gives the node's and the run's numbers: 8 to 16 bytes an Open.
	Random io.Reader
	// MaxSegmentBytes and MaxSegmentCells are when a segment wants to be sealed (see [Journal.WantsSeal]). Twice that
	// is refused.
	MaxSegmentBytes int64
	MaxSegmentCells int
	// MaxWaitingBytes and MaxWaitingCount bound the sealed segments that the database has not taken.
	MaxWaitingBytes int64
	MaxWaitingCount int
}

func (o *Options) fill() {
	if o.MaxSegmentBytes == 0 {
		o.MaxSegmentBytes = DefaultSegmentBytes
	}
	if o.MaxSegmentCells == 0 {
		o.MaxSegmentCells = DefaultSegmentCells
	}
	if o.MaxWaitingBytes == 0 {
		o.MaxWaitingBytes = DefaultWaitingBytes
	}
	if o.MaxWaitingCount == 0 {
		o.MaxWaitingCount = DefaultWaitingCount
	}
}

// Journal is an open journal. One goroutine may use it; the Sealed it returns may be used by another.
type Journal struct {
	fs   FS
	dir  string
	opts Options
	node [8]byte
	run  [8]byte

	// cur is the segment that takes groups; cur.file is nil when it was given up and the next one is not durable yet.
	cur       segment
	doubt     bool   // the sync of cur failed when it was closed (SyncOS)
	uncertain bool   // the last Append ended in ErrUncertain and is not settled
	last      uint64 // number of the last group that counts
	number    uint64 // the largest number that any segment has or had
	buf       []byte
	sealed    []*Sealed
	waiting   waiting
}

// segment is the newest segment.
type segment struct {
	header header
	file   File
	size   int64
	table  *table
}

// waiting counts what is sealed and not removed. It is shared with the Sealed.
type waiting struct {
	count atomic.Int64
	bytes atomic.Int64
}

func segmentName(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d%s", number, segmentSuffix))
}

const (
	segmentSuffix = ".seg"
	tempSuffix    = ".tmp"
	corruptSuffix = ".corrupt"
	nodeFile      = "node"
)

// Append makes a group durable, as Options.Sync says, before it returns nil. Groups have growing numbers (a smaller
// one is a bug). Increments of one cell are merged; their strings are kept until the segment is sent. When an error is
// returned the group does not count, now or after a restart, but for [ErrUncertain]. After any error call [Journal.Settle].
func (j *Journal) Append(group uint64, incs []schema.Increment) error {
	if j.cur.file == nil {
		panic("BUG: journal: Append without Settle")
	}
	if group <= j.last {
		panic(fmt.Sprintf("BUG: journal: group %d after group %d", group, j.last))
	}
	if err := j.Room(); err != nil {
		return err
	}
	t := j.cur.table
	for i := range incs {
		t.add(&incs[i])
	}
	rec := t.encode(append(j.buf[:0], make([]byte, recordHeadBytes)...))
	j.buf = rec
	if len(rec)-recordHeadBytes > maxGroupBytes {
		t.undo()
		return fmt.Errorf("%w: group of %d bytes", ErrFull, len(rec))
	}
	fillRecordHead(rec, group)
	if err := j.write(rec); err != nil {
		t.undo()
		return fmt.Errorf("append group %d to journal segment %d: %w", group, j.cur.header.number, err)
	}
	t.commit()
	j.cur.size += int64(len(rec))
	j.last = group
	return nil
}

// Room returns ErrFull when a limit is reached, so that Append would.
func (j *Journal) Room() error {
	switch {
	case j.waiting.bytes.Load()+j.cur.size >= j.opts.MaxWaitingBytes:
		return fmt.Errorf("%w: %d bytes wait for the database", ErrFull, j.waiting.bytes.Load()+j.cur.size)
	case j.cur.size >= 2*j.opts.MaxSegmentBytes, len(j.cur.table.cells) >= 2*j.opts.MaxSegmentCells:
		return fmt.Errorf("%w: the segment cannot be sealed", ErrFull)
	}
	return nil
}

// write appends rec to the current segment, or leaves it as it was, or gives the segment up.
func (j *Journal) write(rec []byte) error {
	if _, err := j.cur.file.Write(rec); err != nil {
		if terr := j.cur.file.Truncate(j.cur.size); terr == nil {
			return temporary(err)
		}
		j.giveUp()
		return j.certainty(err)
	}
	if j.opts.Sync == SyncOS {
		return nil
	}
	if err := j.cur.file.Sync(); err != nil {
		j.giveUp()
		return j.certainty(err)
	}
	return nil
}

// certainty tries to settle a failed write at once, by a new segment whose header says that the group does not count.
func (j *Journal) certainty(err error) error {
	j.uncertain = true
	if serr := j.Settle(); serr != nil {
		return fmt.Errorf("%w: %w; and then: %w", ErrUncertain, err, serr)
	}
	return temporary(err)
}

// temporary marks errors of a full disk.
func temporary(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// giveUp closes the current segment for good. What it holds up to j.last counts, and is synced with SyncBatch. With
// SyncOS it is synced now; if that fails the next segment's header says so.
func (j *Journal) giveUp() {
	if j.opts.Sync == SyncOS && j.cur.file.Sync() != nil {
		j.doubt = true
	}
	_ = j.cur.file.Close() // what has to be on disk was synced
	j.cur.file = nil
}

// Settle makes the journal ready for Append after an error. When it returns nil, every group whose Append failed is
// known not to count. Until then it may be called again at any time.
func (j *Journal) Settle() error {
	if j.cur.file != nil {
		return nil
	}
	return j.rotate()
}

// Ready reports whether Append can be called.
func (j *Journal) Ready() bool { return j.cur.file != nil }

// Uncertain reports whether a group whose Append failed is not settled yet.
func (j *Journal) Uncertain() bool { return j.uncertain }

// WantsSeal reports whether the current segment has grown to its limit.
func (j *Journal) WantsSeal() bool {
	return j.cur.size >= j.opts.MaxSegmentBytes || len(j.cur.table.cells) >= j.opts.MaxSegmentCells
}

// Empty reports whether the current segment has no groups.
func (j *Journal) Empty() bool { return j.cur.size <= headerBytes }

// Last is the number of the last group that counts.
func (j *Journal) Last() uint64 { return j.last }

// Waiting is how many sealed segments are not removed, and the bytes of all segments.
func (j *Journal) Waiting() (count int, bytes int64) {
	return int(j.waiting.count.Load()), j.waiting.bytes.Load() + j.cur.size
}

// Seal closes the current segment, if it has groups, and opens the next. After an error the segment either goes on
// (as after [ErrFull], when too many wait) or is closed and the journal wants [Journal.Settle].
func (j *Journal) Seal() error {
	if j.cur.file == nil {
		return j.rotate()
	}
	if j.Empty() {
		return nil
	}
	if n := j.waiting.count.Load(); n >= int64(j.opts.MaxWaitingCount) {
		return fmt.Errorf("%w: %d segments wait for the database", ErrFull, n)
	}
	j.giveUp()
	return j.rotate()
}

// Sealed returns the segments that were sealed since the last call, oldest first.
func (j *Journal) Sealed() []*Sealed {
	s := j.sealed
	j.sealed = nil
	return s
}

// rotate makes the next segment durable and hands the closed one on.
func (j *Journal) rotate() error {
	next, err := j.create()
	if err != nil {
		return temporary(err)
	}
	old := j.cur
	j.cur, j.uncertain, j.doubt = next, false, false
	if old.table != nil {
		j.retire(&old)
	}
	return nil
}

// retire hands a closed segment to the sender. One in which nothing counts goes the same way: should it outlive its
// successor, a group in it that was given up would count at the next start.
func (j *Journal) retire(old *segment) {
	s := &Sealed{
		Number: old.header.number, Token: old.header.token(), Bytes: old.size,
		path: segmentName(j.dir, old.header.number), until: j.last, fs: j.fs, waiting: &j.waiting,
	}
	if j.waiting.count.Load() < keptSums {
		s.table = old.table
	}
	j.waiting.count.Add(1)
	j.waiting.bytes.Add(s.Bytes)
	j.sealed = append(j.sealed, s)
}

// create makes the next segment and returns when it is durable. Each try takes a new number.
func (j *Journal) create() (segment, error) {
	j.number++
	h := header{node: j.node, run: j.run, number: j.number, before: j.last}
	if j.opts.Sync == SyncOS {
		h.flags |= flagUnsynced
	}
	if j.doubt {
		h.flags |= flagDoubt
	}
	path := segmentName(j.dir, h.number)
	f, err := writeWhole(j.fs, path, h.append(nil))
	if err != nil {
		return segment{}, fmt.Errorf("create journal segment %d: %w", h.number, err)
	}
	hint := 64
	if j.cur.table != nil {
		hint = len(j.cur.table.cells)
	}
	return segment{header: h, file: f, size: headerBytes, table: newTable(hint)}, nil
}

// writeWhole makes a file that is there with all of data, durable, or not at all. The file is open at its end.
func writeWhole(fs FS, path string, data []byte) (File, error) {
	f, err := fs.Create(path + tempSuffix)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = fs.Rename(path+tempSuffix, path)
	}
	if err == nil {
		err = fs.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = f.Close()
		_ = fs.Remove(path + tempSuffix) // what stays is removed at the next start
		return nil, err
	}
	return f, nil
}

// Close closes the current segment. What it holds is found by the next Open.
func (j *Journal) Close() error {
	if j.cur.file == nil {
		return nil
	}
	err := j.cur.file.Sync()
	if cerr := j.cur.file.Close(); err == nil {
		err = cerr
	}
	j.cur.file = nil
	if err != nil {
		return fmt.Errorf("close journal segment %d: %w", j.cur.header.number, err)
	}
	return nil
}

// Node is the random number of the directory, in hexadecimal.
func (j *Journal) Node() string { return hex.EncodeToString(j.node[:]) }
