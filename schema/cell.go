package schema

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// SiteID numbers a site of an installation; it is never used again for another.
type SiteID uint32

// Cell is one counter: a cube, a bucket of time and the values of the cube's dimensions, in the cube's order.
// The values after the cube's last dimension are empty.
type Cell struct {
	Site   SiteID
	Cube   CubeID
	Time   int64 // start of the bucket, Unix seconds
	Values [MaxCubeDimensions]string
}

// Compare is the canonical order of cells: that of the table's key.
func (c *Cell) Compare(o *Cell) int {
	if n := cmp.Or(cmp.Compare(c.Site, o.Site), cmp.Compare(c.Cube, o.Cube), cmp.Compare(c.Time, o.Time)); n != 0 {
		return n
	}
	for i := range c.Values {
		if n := strings.Compare(c.Values[i], o.Values[i]); n != 0 {
			return n
		}
	}
	return 0
}

// Parent is the cell under which c is counted while it has fewer than k visitors (P4): the same one with the guarded values set to
// Other. There is none, false, where nothing is guarded, where the cube is Withheld, and where c is its own parent.
func (c *Cell) Parent() (Cell, bool) {
	parent := *c
	cube, ok := CubeByID(c.Cube)
	if !ok || cube.Withheld {
		return parent, false
	}
	for i, d := range cube.Dimensions {
		if slices.Contains(cube.Guarded, d) {
			parent.Values[i] = Other
		}
	}
	return parent, parent != *c
}

// Increment adds Delta to Cell.
type Increment struct {
	// Key is a hash of Cell: equal cells have equal keys. Two different cells may share one, so compare the cells too.
	Key   uint64
	Cell  Cell
	Delta Deltas
}

// Row is the sum of increments of one cell.
type Row struct {
	Cell Cell
	Sums Deltas
}

// Batch is what one insert writes: at most one row a cell, in canonical order, no row of zeros.
type Batch struct {
	// Token names the batch for ever: the store drops a batch whose token it has already taken.
	Token string
	Rows  []Row
}

// MaxValueBytes is the length at which a dimension's value is cut.
const MaxValueBytes = 512

// CleanValue makes any string fit to be a dimension's value: valid UTF-8, no control characters, at most MaxValueBytes bytes
// (cut between characters), surrounding spaces gone, and never the reserved word [Other], which comes back as "other".
// It returns s itself when nothing has to change.
func CleanValue(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, ""))
	if strings.IndexFunc(s, isControl) >= 0 {
		s = strings.TrimSpace(strings.Map(func(r rune) rune {
			if isControl(r) {
				return -1
			}
			return r
		}, s))
	}
	if len(s) > MaxValueBytes {
		n := MaxValueBytes
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = strings.TrimSpace(s[:n])
	}
	if s == Other {
		return "other"
	}
	return s
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
