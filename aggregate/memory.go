package aggregate

import (
	"encoding/binary"
	"math/bits"
)

// Memory is the bytes in which a Day keeps all it knows. They are zero at first.
type Memory interface {
	// Bytes is the memory as it is now. It stays valid until the next Grow.
	Bytes() []byte
	// Grow makes the memory at least size bytes long, keeps what is in it and fills the rest with zeros. It may move.
	Grow(size int) ([]byte, error)
}

// HeapMemory is a Memory on the heap, for imports and where no memory-backed file system is at hand. The zero value is empty.
type HeapMemory struct{ b []byte }

// Bytes implements Memory.
func (m *HeapMemory) Bytes() []byte { return m.b }

// Grow implements Memory.
func (m *HeapMemory) Grow(size int) ([]byte, error) {
	if size > len(m.b) {
		b := make([]byte, size)
		copy(b, m.b)
		m.b = b
	}
	return m.b, nil
}

// section is an array of records of one size that grows by chunks, of which the next four are each as large as the four
// before together: nothing ever moves, and at most a quarter is room for more. Its length and the chunks' places stand in the
// memory's header.
type section struct {
	at   int // where its header lies
	size int // bytes of a record
	// first is how many records each of the first four chunks holds, as a power of two.
	first uint
	room  int // records that fit in the chunks there are
}

const (
	maxChunks     = 4 * 22
	sectionHeader = 8 + 8 + maxChunks*8 // length, saved length, chunk offsets
)

var le = binary.LittleEndian

func (s *section) len(b []byte) int         { return int(le.Uint64(b[s.at:])) }
func (s *section) setLen(b []byte, n int)   { le.PutUint64(b[s.at:], uint64(n)) }
func (s *section) saved(b []byte) int       { return int(le.Uint64(b[s.at+8:])) }
func (s *section) setSaved(b []byte, n int) { le.PutUint64(b[s.at+8:], uint64(n)) }

// place is the chunk of record i and the record's position in it. The chunks 4g to 4g+3 hold 2^(first+g) records each.
func (s *section) place(i int) (chunk, pos int) {
	const shift = 63 // told to the compiler: no shift is larger
	n, first := uint(i), s.first&shift
	g := uint(bits.Len(n>>((first+2)&shift)+1)) - 1
	n -= (1<<(g&shift) - 1) << ((first + 2) & shift)
	return int(4*g + n>>((first+g)&shift)), int(n & (1<<((first+g)&shift) - 1))
}

// record is the bytes of record i, which must be below the reserved number.
func (s *section) record(b []byte, i int) []byte {
	chunk, pos := s.place(i)
	off := int(le.Uint64(b[s.at+16+chunk*8:])) + pos*s.size
	return b[off : off+s.size : off+s.size]
}

// chunkRecords is how many records the chunk holds.
func (s *section) chunkRecords(chunk int) int { return 1 << (s.first + uint(chunk/4)) }

func (s *section) chunkBytes(chunk int) int { return (s.size*s.chunkRecords(chunk) + 7) &^ 7 }

// chunks is how many chunks there are.
func (s *section) chunks(b []byte) int {
	c := 0
	for c < maxChunks && le.Uint64(b[s.at+16+c*8:]) != 0 {
		c++
	}
	return c
}
