package journal

import (
	"encoding/binary"
	"slices"
	"strings"

	"turf/schema"
)

// table holds the cells of a segment, their numbers and their sums. Groups are added with add, then either committed or
// undone; encode gives the payload of what was added since.
type table struct {
	cells []entry
	// heads leads from an Increment's key to one more than the newest cell of that key; entry.next leads on to older
	// ones.
	heads     map[uint64]int32
	committed int // cells that are defined in the segment
	touched   []int32
	pending   []schema.Deltas // what the open group adds, one of each of touched
}

type entry struct {
	row  schema.Row
	key  uint64
	next int32 // one more than the number of the next cell of the same key; 0: none
	slot int32 // one more than the place in touched; 0: not touched
}

func newTable(sizeHint int) *table {
	return &table{cells: make([]entry, 0, sizeHint), heads: make(map[uint64]int32, sizeHint)}
}

// add merges an increment into the open group.
func (t *table) add(inc *schema.Increment) {
	n := t.find(inc.Key, &inc.Cell)
	if n < 0 {
		n = t.define(inc.Key, &inc.Cell)
	}
	e := &t.cells[n]
	if e.slot == 0 {
		t.touched = append(t.touched, n)
		t.pending = append(t.pending, inc.Delta)
		e.slot = int32(len(t.touched))
		return
	}
	t.pending[e.slot-1].Add(&inc.Delta)
}

func (t *table) find(key uint64, c *schema.Cell) int32 {
	for n := t.heads[key]; n != 0; n = t.cells[n-1].next {
		if t.cells[n-1].row.Cell == *c {
			return n - 1
		}
	}
	return -1
}

func (t *table) define(key uint64, c *schema.Cell) int32 {
	e := entry{row: schema.Row{Cell: *c}, key: key, next: t.heads[key]}
	e.row.Cell.Values = cloneValues(&c.Values)
	t.cells = append(t.cells, e)
	t.heads[key] = int32(len(t.cells))
	return int32(len(t.cells) - 1)
}

// cloneValues copies the strings into one of their own: the caller's may lie in memory that goes away.
func cloneValues(v *[schema.MaxCubeDimensions]string) (out [schema.MaxCubeDimensions]string) {
	all := strings.Join(v[:], "")
	for i, s := range v {
		out[i], all = all[:len(s)], all[len(s):]
	}
	return out
}

// encode appends the payload of the open group.
func (t *table) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.committed))
	b = binary.AppendUvarint(b, uint64(len(t.cells)-t.committed))
	for i := t.committed; i < len(t.cells); i++ {
		b = appendCell(b, &t.cells[i].row.Cell)
	}
	b = binary.AppendUvarint(b, uint64(len(t.touched)))
	for i, n := range t.touched {
		b = binary.AppendUvarint(b, uint64(n))
		b = appendDeltas(b, &t.pending[i])
	}
	return b
}

// commit makes the open group part of the sums.
func (t *table) commit() {
	for i, n := range t.touched {
		e := &t.cells[n]
		e.row.Sums.Add(&t.pending[i])
		e.slot = 0
	}
	t.committed = len(t.cells)
	t.touched, t.pending = t.touched[:0], t.pending[:0]
}

// undo forgets the open group and the cells it defined.
func (t *table) undo() {
	for _, n := range t.touched {
		t.cells[n].slot = 0
	}
	for i := len(t.cells) - 1; i >= t.committed; i-- {
		e := &t.cells[i]
		if e.next == 0 {
			delete(t.heads, e.key)
		} else {
			t.heads[e.key] = e.next
		}
		*e = entry{}
	}
	t.cells = t.cells[:t.committed]
	t.touched, t.pending = t.touched[:0], t.pending[:0]
}

// rows are the sums in canonical order, without rows of zeros.
func (t *table) rows() []schema.Row {
	order := make([]int32, 0, len(t.cells))
	for i := range t.cells {
		if !t.cells[i].row.Sums.IsZero() {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return t.cells[a].row.Cell.Compare(&t.cells[b].row.Cell) })
	rows := make([]schema.Row, len(order))
	for i, n := range order {
		rows[i] = t.cells[n].row
	}
	return rows
}
