package journal

import (
	"fmt"

	"turf/schema"
)

// reader reads the groups of a segment, checking everything: what it returns was written by Append, and writing it
// again gives the same bytes. The increments of a segment of version 1 are as they were written.
type reader struct {
	header header
	data   []byte
	off    int64  // of the next record
	last   uint64 // number of the last group read, or header.before
	cells  []schema.Increment
	defs   map[string]struct{}
	// lenient skips over damage and forgets cells that were defined in it (Salvage).
	lenient bool
}

// newReader returns the reason when data has no header.
func newReader(data []byte) (*reader, string) {
	h, reason := decodeHeader(data)
	if reason != "" {
		return nil, reason
	}
	return &reader{header: h, data: data, off: headerBytes, last: h.before, defs: make(map[string]struct{})}, ""
}

// next appends the increments of the next group to dst. ok is false at the end; then reason says what is wrong with
// the bytes at off, or is "" at a clean end.
func (r *reader) next(dst []schema.Increment) (incs []schema.Increment, ok bool, reason string) {
	rest := r.data[r.off:]
	if len(rest) == 0 {
		return dst, false, ""
	}
	group, payload, reason := splitRecord(rest)
	if reason != "" {
		return dst, false, reason
	}
	if group <= r.last {
		return dst, false, fmt.Sprintf("group %d comes after group %d", group, r.last)
	}
	incs, reason = r.decode(dst, payload)
	if reason != "" {
		return dst, false, reason
	}
	r.last = group
	r.off += int64(recordHeadBytes + len(payload))
	return incs, true, ""
}

const undefined = ^schema.CubeID(0)

// decode reads a payload. The reader's cells change only when it is good.
func (r *reader) decode(dst []schema.Increment, payload []byte) ([]schema.Increment, string) {
	p := parser{b: payload}
	known := p.uvarint()
	if r.lenient && known > uint64(len(r.cells)) && known < maxGroupBytes {
		r.forget(int(known))
	}
	if p.bad || known != uint64(len(r.cells)) {
		return dst, "number of known cells is wrong"
	}
	reason := r.define(&p)
	if reason == "" {
		dst, reason = r.increments(dst, &p, int(known))
	}
	if reason != "" && !r.lenient {
		r.cells = r.cells[:known]
	}
	return dst, reason
}

// forget makes room for cells whose definitions are lost.
func (r *reader) forget(known int) {
	for len(r.cells) < known {
		r.cells = append(r.cells, schema.Increment{Cell: schema.Cell{Cube: undefined}})
	}
}

func (r *reader) define(p *parser) (reason string) {
	n := p.uvarint()
	if n > uint64(len(p.b)/minCellBytes) {
		return "number of cells is wrong"
	}
	for range n {
		before := p.b
		c := p.cell()
		if p.bad || c.Cube == undefined {
			return "definition of a cell is wrong"
		}
		def := before[:len(before)-len(p.b)]
		if _, twice := r.defs[string(def)]; twice {
			return "cell is defined twice"
		}
		r.defs[string(def)] = struct{}{}
		r.cells = append(r.cells, schema.Increment{Key: fnv1a(def), Cell: c})
	}
	return ""
}

// increments reads the second half of a payload: each cell at most once, new cells in their order and all of them.
func (r *reader) increments(dst []schema.Increment, p *parser, known int) ([]schema.Increment, string) {
	n := p.uvarint()
	if p.bad || n > uint64(len(p.b)/minRowBytes) {
		return dst, "number of increments is wrong"
	}
	limit := uint64(limitMetricsMask)
	if r.header.version1 {
		limit = limitMetricsMask1
	}
	start, fresh := len(dst), known
	seen := make(map[uint64]struct{}, n)
	for range n {
		cell := p.uvarint()
		if p.bad || cell > uint64(fresh) || cell >= uint64(len(r.cells)) {
			return dst[:start], "number of a cell is wrong"
		}
		if int(cell) == fresh {
			fresh++
		}
		if _, twice := seen[cell]; twice {
			return dst[:start], "cell comes twice in a group"
		}
		seen[cell] = struct{}{}
		inc := r.cells[cell]
		if inc.Cell.Cube == undefined {
			return dst[:start], "definition of a cell is lost"
		}
		p.deltas(&inc.Delta, limit)
		if p.bad {
			return dst[:start], "value of a metric is wrong"
		}
		dst = append(dst, inc)
	}
	if fresh != len(r.cells) || len(p.b) != 0 {
		return dst[:start], "record does not end where it should"
	}
	return dst, ""
}

// resync returns the offset of the next whole record after off whose group follows the last one read.
func (r *reader) resync() (int64, bool) {
	for off := r.off + 1; off+recordHeadBytes <= int64(len(r.data)); off++ {
		if group, _, reason := splitRecord(r.data[off:]); reason == "" && group > r.last {
			return off, true
		}
	}
	return 0, false
}

// fnv1a makes keys for cells that were read from a file. (Those of the caller of Append are made elsewhere.)
func fnv1a(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
