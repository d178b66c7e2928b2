package journal

import (
	"encoding/binary"
	"slices"

	"turf/schema"
)

// table holds the cells of a segment, their numbers and their sums. Groups are added with add, then either committed or
// undone; encode gives the payload of what was added since.
type table struct {
	cells []entry
	// slots finds cells by an Increment's key: open addressing with linear probing over numbers of cells + 1.
	slots     []int32
	committed int // cells that are defined in the segment
	touched   []int32
	pending   []schema.Deltas // what the open group adds, one of each of touched
	version1  bool            // the sums are those of a segment of version 1, see fromVersion1
}

type entry struct {
	key  uint64
	slot int32 // one more than the place in touched; 0: not touched
	row  schema.Row
}

const tableMinSlots = 64

func newTable(sizeHint int) *table {
	t := &table{cells: make([]entry, 0, sizeHint)}
	t.index(sizeHint)
	return t
}

// index makes the slots anew, with room for so many cells.
func (t *table) index(cells int) {
	size := tableMinSlots
	for size < 2*cells {
		size *= 2
	}
	t.slots = make([]int32, size)
	for n := range t.cells {
		i := t.cells[n].key
		for t.slots[i%uint64(size)] != 0 {
			i++
		}
		t.slots[i%uint64(size)] = int32(n + 1)
	}
}

// add merges an increment into the open group.
func (t *table) add(inc *schema.Increment) {
	n := t.number(inc.Key, &inc.Cell)
	e := &t.cells[n]
	if e.slot == 0 {
		t.touched = append(t.touched, n)
		t.pending = append(t.pending, inc.Delta)
		e.slot = int32(len(t.touched))
		return
	}
	t.pending[e.slot-1].Add(&inc.Delta)
}

// number finds the cell, or defines it.
func (t *table) number(key uint64, c *schema.Cell) int32 {
	last := uint64(len(t.slots) - 1)
	i := key
	for ; t.slots[i&last] != 0; i++ {
		// The strings of a cell that comes again are mostly the same ones, so that this does not look at their bytes.
		if e := &t.cells[t.slots[i&last]-1]; e.key == key && e.row.Cell == *c {
			return t.slots[i&last] - 1
		}
	}
	t.cells = append(t.cells, entry{key: key, row: schema.Row{Cell: *c}})
	n := int32(len(t.cells))
	if t.slots[i&last] = n; 2*len(t.cells) > len(t.slots) {
		t.index(len(t.cells))
	}
	return n - 1
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
	t.touched, t.pending = t.touched[:0], t.pending[:0]
	if len(t.cells) > t.committed {
		clear(t.cells[t.committed:])
		t.cells = t.cells[:t.committed]
		t.index(len(t.cells))
	}
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
		if t.version1 {
			fromVersion1(&rows[i].Sums, rows[i].Cell.Cube)
		}
	}
	return rows
}
