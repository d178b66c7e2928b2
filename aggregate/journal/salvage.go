package journal

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"turf/schema"
)

// Salvaged says what Salvage did to one segment.
type Salvaged struct {
	Path   string // of the segment
	Aside  string // where the damaged file was copied to
	Reason string
	Groups int // that could be read and are kept
	// LostBytes could not be read. They held acknowledged data.
	LostBytes int64
	// Whole: not even the header can be read, so nothing of the segment is kept. (Its token is lost, and to send its
	// groups under another one could count them twice.)
	Whole bool
}

// Salvage makes a damaged journal one that Open accepts: each damaged segment is copied aside and rewritten with the
// groups that can be read, under its own token. A journal that is not damaged is left as it is. The caller sees to it
// that nobody else has the directory open.
func Salvage(fs FS, dir string) ([]Salvaged, error) {
	numbers, err := segmentNumbers(fs, dir)
	if err != nil {
		return nil, err
	}
	var out []Salvaged
	next := after{bound: math.MaxUint64}
	for i := len(numbers) - 1; i >= 0; i-- {
		path := segmentName(dir, numbers[i])
		data, err := fs.ReadFile(path)
		if err != nil {
			return out, fmt.Errorf("read journal segment: %w", err)
		}
		f, err := checkSegment(data, path, numbers[i], next)
		var bad *CorruptError
		if errors.As(err, &bad) {
			var s Salvaged
			if s, f, err = salvageSegment(fs, path, data, next.bound, bad); err == nil {
				out = append(out, s)
			}
		}
		if err != nil {
			return out, err
		}
		if f.path != "" {
			next = afterOf(&f.header)
		}
	}
	return out, nil
}

func salvageSegment(fs FS, path string, data []byte, bound uint64, bad *CorruptError) (Salvaged, foundSegment, error) {
	s := Salvaged{Path: path, Aside: path + corruptSuffix, Reason: bad.Reason}
	aside, err := writeWhole(fs, s.Aside, data)
	if err != nil {
		return s, foundSegment{}, fmt.Errorf("copy damaged journal segment: %w", err)
	}
	if err := aside.Close(); err != nil {
		return s, foundSegment{}, fmt.Errorf("copy damaged journal segment: %w", err)
	}
	r, reason := newReader(data)
	if reason != "" || r.header.number != bad.Segment || r.header.before > bound {
		s.Whole, s.LostBytes = true, int64(len(data))
		if err := fs.Remove(path); err != nil {
			return s, foundSegment{}, fmt.Errorf("remove damaged journal segment: %w", err)
		}
		return s, foundSegment{}, fs.SyncDir(filepath.Dir(path))
	}
	kept := rewrite(r, bound, &s)
	f, err := writeWhole(fs, path, kept)
	if err != nil {
		return s, foundSegment{}, fmt.Errorf("rewrite damaged journal segment: %w", err)
	}
	return s, foundSegment{header: r.header, path: path}, f.Close()
}

// rewrite is the segment with the groups that can be read.
func rewrite(r *reader, bound uint64, s *Salvaged) []byte {
	r.lenient = true
	h := r.header
	h.flags |= flagSalvaged
	out := h.append(nil)
	t := newTable(64)
	var incs []schema.Increment
	for r.last < bound && r.off < int64(len(r.data)) {
		var ok bool
		incs, ok, _ = r.next(incs[:0])
		if !ok {
			to, more := r.resync()
			if !more {
				to = int64(len(r.data))
			}
			s.LostBytes += to - r.off
			r.off = to
			continue
		}
		if r.last > bound {
			break
		}
		out = appendGroup(out, t, r.last, incs)
		s.Groups++
	}
	return out
}

// appendGroup appends the record of a group.
func appendGroup(b []byte, t *table, group uint64, incs []schema.Increment) []byte {
	for i := range incs {
		t.add(&incs[i])
	}
	start := len(b)
	b = t.encode(append(b, make([]byte, recordHeadBytes)...))
	fillRecordHead(b[start:], group)
	t.commit()
	return b
}
