package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"turf/schema"
)

// Recovered is what Open found.
type Recovered struct {
	// Last is the number of the last group that counts, over all starts; 0 when there was none.
	Last uint64
	// Sealed are the segments that wait for the database, oldest first.
	Sealed []*Sealed
	// TornBytes were cut from the end of the newest segment: of a group that was not acknowledged.
	TornBytes int64
}

// Open finds the journal in dir, or makes one. What it found is durable when it returns. It writes nothing when a
// segment is damaged; see [CorruptError]. The caller sees to it that nobody else has the directory open.
func Open(fs FS, dir string, opts Options) (*Journal, *Recovered, error) {
	opts.fill()
	j := &Journal{fs: fs, dir: dir, opts: opts}
	if err := fs.MkdirAll(dir); err != nil {
		return nil, nil, fmt.Errorf("make journal directory: %w", err)
	}
	found, err := readSegments(fs, dir)
	if err != nil {
		return nil, nil, err
	}
	if err := j.readNode(); err != nil {
		return nil, nil, err
	}
	if _, err := io.ReadFull(opts.Random, j.run[:]); err != nil {
		return nil, nil, fmt.Errorf("draw a random number for the journal: %w", err)
	}
	rec := &Recovered{}
	if len(found) > 0 {
		newest := &found[len(found)-1]
		j.last, j.number, rec.TornBytes = newest.last, newest.header.number, newest.torn
		if err := renew(fs, newest); err != nil {
			return nil, nil, err
		}
	}
	rec.Last = j.last
	if j.cur, err = j.create(); err != nil {
		return nil, nil, err
	}
	if rec.Sealed, err = j.adopt(found); err != nil {
		_ = j.Close()
		return nil, nil, err
	}
	return j, rec, nil
}

// renew writes the newest segment again, without its torn end. What a killed process wrote and did not sync is
// durable after it, and that holds even when a sync has failed before, after which the system may take dirty pages
// for clean ones.
func renew(fs FS, newest *foundSegment) error {
	if newest.last == newest.header.before {
		return nil // it is going to be removed
	}
	f, err := writeWhole(fs, newest.path, newest.data)
	if err != nil {
		return fmt.Errorf("rewrite newest journal segment: %w", err)
	}
	return f.Close()
}

// adopt turns the segments found into batches that wait, and removes those without groups.
func (j *Journal) adopt(found []foundSegment) ([]*Sealed, error) {
	var sealed []*Sealed
	removed := false
	for i := range found {
		f := &found[i]
		if f.last == f.header.before {
			if err := j.fs.Remove(f.path); err != nil {
				return nil, fmt.Errorf("remove empty journal segment: %w", err)
			}
			removed = true
			continue
		}
		s := &Sealed{
			Number: f.header.number, Token: f.header.token(), Bytes: f.size,
			path: f.path, until: f.last, fs: j.fs, waiting: &j.waiting,
		}
		j.waiting.count.Add(1)
		j.waiting.bytes.Add(s.Bytes)
		sealed = append(sealed, s)
	}
	if removed {
		if err := j.fs.SyncDir(j.dir); err != nil {
			return nil, fmt.Errorf("sync journal directory: %w", err)
		}
	}
	return sealed, nil
}

func (j *Journal) readNode() error {
	path := filepath.Join(j.dir, nodeFile)
	names, err := j.fs.List(j.dir)
	if err != nil {
		return fmt.Errorf("list journal directory: %w", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, tempSuffix) {
			if err := j.fs.Remove(filepath.Join(j.dir, name)); err != nil {
				return fmt.Errorf("remove unfinished file: %w", err)
			}
			continue
		}
		if name != nodeFile {
			continue
		}
		text, err := j.fs.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the node's number: %w", err)
		}
		b, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || len(b) != len(j.node) {
			return fmt.Errorf("%s does not hold %d hexadecimal digits; remove it to have a new one made", path, 2*len(j.node))
		}
		copy(j.node[:], b)
		return nil
	}
	if _, err := io.ReadFull(j.opts.Random, j.node[:]); err != nil {
		return fmt.Errorf("draw a random number for the node: %w", err)
	}
	f, err := writeWhole(j.fs, path, []byte(j.Node()+"\n"))
	if err != nil {
		return fmt.Errorf("write the node's number: %w", err)
	}
	return f.Close()
}

// foundSegment is a segment that was read and checked.
type foundSegment struct {
	header header
	path   string
	last   uint64 // number of its last group that counts, or header.before
	size   int64
	torn   int64
	data   []byte // of the newest segment only, up to size
}

// segmentNumbers lists the segments of dir, oldest first.
func segmentNumbers(fs FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list journal directory: %w", err)
	}
	var numbers []uint64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, segmentSuffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || n == 0 || filepath.Base(segmentName(dir, n)) != name {
			return nil, fmt.Errorf("%s is not the name of a journal segment; move it away", filepath.Join(dir, name))
		}
		numbers = append(numbers, n)
	}
	return numbers, nil // names of one length sort as numbers do
}

// readSegments reads and checks all segments, newest first, because a segment's header says which groups of older
// ones count.
func readSegments(fs FS, dir string) ([]foundSegment, error) {
	numbers, err := segmentNumbers(fs, dir)
	if err != nil {
		return nil, err
	}
	found := make([]foundSegment, len(numbers))
	next := after{bound: math.MaxUint64}
	for i := len(numbers) - 1; i >= 0; i-- {
		path := segmentName(dir, numbers[i])
		data, err := fs.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read journal segment: %w", err)
		}
		f, err := checkSegment(data, path, numbers[i], next)
		if err != nil {
			return nil, err
		}
		if i+1 == len(numbers) {
			f.data = data[:f.size]
		}
		found[i], next = f, afterOf(&f.header)
	}
	return found, nil
}

// after is what the segment after one says about it.
type after struct {
	bound    uint64 // number of the last group that can count; MaxUint64: there is no segment after it
	complete uint64 // number of the segment that has all groups up to bound; 0: nothing is said
}

func afterOf(h *header) after {
	a := after{bound: h.before, complete: h.number - 1}
	if h.flags&flagDoubt != 0 {
		a.complete = 0
	}
	return a
}

// checkSegment finds the last group of a segment that counts.
func checkSegment(data []byte, path string, number uint64, next after) (foundSegment, error) {
	corrupt := func(off int64, reason string) (foundSegment, error) {
		return foundSegment{}, &CorruptError{Path: path, Segment: number, Offset: off, Reason: reason}
	}
	r, reason := newReader(data)
	if reason == "" && r.header.number != number {
		reason = fmt.Sprintf("header is that of segment %d", r.header.number)
	}
	if reason == "" && r.header.before > next.bound {
		reason = fmt.Sprintf("header says that group %d came before, and the next segment's %d", r.header.before, next.bound)
	}
	if reason != "" {
		return corrupt(0, reason)
	}
	end, reason := readUntil(r, next.bound, nil)
	f := foundSegment{header: r.header, path: path, last: r.last, size: end}
	if reason == "" {
		return f, nil
	}
	newest := next.bound == math.MaxUint64
	salvaged := r.header.flags&flagSalvaged != 0
	if newest && (r.header.flags&flagUnsynced == 0) {
		if _, more := r.resync(); more {
			return corrupt(r.off, reason)
		}
	}
	if next.complete == number && !salvaged && r.last < next.bound {
		return corrupt(r.off, reason)
	}
	f.torn = int64(len(data)) - end
	return f, nil
}

// readUntil reads the groups with numbers up to bound and hands their increments to use, if there is one. It returns
// where the last of them ends and what is wrong after it, or "" when nothing up to bound is missing.
func readUntil(r *reader, bound uint64, use func([]schema.Increment)) (end int64, reason string) {
	var incs []schema.Increment
	for r.last < bound {
		before := *r
		var ok bool
		incs, ok, reason = r.next(incs[:0])
		if !ok {
			if reason == "" && bound != math.MaxUint64 {
				reason = fmt.Sprintf("groups after %d are missing, up to %d", r.last, bound)
			}
			return r.off, reason
		}
		if r.last > bound {
			r.last, r.off = before.last, before.off
			return r.off, fmt.Sprintf("groups after %d are missing, up to %d", r.last, bound)
		}
		if use != nil {
			use(incs)
		}
	}
	return r.off, ""
}

// Sealed is a segment that is closed: a batch that waits. One goroutine at a time may use it. They are to be removed
// in their order, each once the store has its batch; one whose batch has no rows has nothing to send.
type Sealed struct {
	Number uint64
	Token  string
	Bytes  int64

	path    string
	until   uint64 // number of its last group that counts
	fs      FS
	waiting *waiting
	table   *table // nil: read the file
	removed bool
}

var errShort = errors.New("groups that were there are missing")

// Batch makes the batch: the same at each call and in each process.
func (s *Sealed) Batch() (schema.Batch, error) {
	t := s.table
	if t == nil {
		data, err := s.fs.ReadFile(s.path)
		if err != nil {
			return schema.Batch{}, fmt.Errorf("read journal segment %d: %w", s.Number, err)
		}
		if t, err = fold(data, s.until); err != nil {
			return schema.Batch{}, fmt.Errorf("read journal segment %s: %w", s.path, err)
		}
	}
	return schema.Batch{Token: s.Token, Rows: t.rows()}, nil
}

// fold adds the groups of a segment up to until.
func fold(data []byte, until uint64) (*table, error) {
	r, reason := newReader(data)
	if reason != "" {
		return nil, errors.New(reason)
	}
	t := newTable(64)
	t.version1 = r.header.version1
	_, reason = readUntil(r, until, func(incs []schema.Increment) {
		for i := range incs {
			t.add(&incs[i])
		}
		t.commit()
	})
	if r.last != until {
		return nil, fmt.Errorf("%w: %s", errShort, reason)
	}
	return t, nil
}

// Remove deletes the segment, when the database has its batch. It may be called again after an error.
func (s *Sealed) Remove() error {
	if !s.removed {
		if err := s.fs.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove journal segment %d: %w", s.Number, err)
		}
		s.removed, s.table = true, nil
		s.waiting.count.Add(-1)
		s.waiting.bytes.Add(-s.Bytes)
	}
	if err := s.fs.SyncDir(filepath.Dir(s.path)); err != nil {
		return fmt.Errorf("sync journal directory: %w", err)
	}
	return nil
}
