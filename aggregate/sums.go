package aggregate

import (
	"math/bits"
	"slices"

	"turf/schema"
)

// packed is a cellKey in two words, as it lies in a cell's record: the cube, a byte for other use, and the values, 16 bits each. In a
// record that byte is the cell's state; in sums it is the hour; else it is zero.
type packed struct{ lo, hi uint64 }

const (
	packedOther = 8                                  // where the byte for other use lies
	_           = uint(7 - schema.MaxCubeDimensions) // there is room for so many values
)

func pack(cube schema.CubeID, v0, v1, v2, v3, v4, v5 word) packed {
	return packed{
		uint64(cube) | uint64(v0)<<16 | uint64(v1)<<32 | uint64(v2)<<48,
		uint64(v3) | uint64(v4)<<16 | uint64(v5)<<32,
	}
}

func (k *cellKey) pack() packed {
	v := &k.values
	return pack(k.cube, v[0], v[1], v[2], v[3], v[4], v[5])
}

func loadPacked(rec []byte) packed {
	return packed{le.Uint64(rec) &^ (0xff << packedOther), le.Uint64(rec[8:])}
}

func (p packed) store(rec []byte) {
	le.PutUint64(rec, p.lo)
	le.PutUint64(rec[8:], p.hi)
}

func (p packed) cube() schema.CubeID { return schema.CubeID(p.lo) }

func (p packed) hour() int { return int(p.lo >> packedOther & 0xff) }

// in is the same values in another cube, without the hour.
func (p packed) in(cube schema.CubeID) packed { return packed{p.lo&^0xffff | uint64(cube), p.hi} }

func (p packed) value(pos int) word {
	if pos < 3 {
		return word(p.lo >> (16 + 16*pos))
	}
	return word(p.hi >> (16 * (pos - 3)))
}

func (p packed) hash() uint64 { return mix(mix(p.lo, p.hi), p.lo) }

// mask says which values are to be set to Other.
type mask struct{ values, other packed }

func (m *mask) mark(pos int) {
	if pos < 3 {
		m.values.lo |= 0xffff << (16 + 16*pos)
		m.other.lo |= uint64(otherWord) << (16 + 16*pos)
		return
	}
	m.values.hi |= 0xffff << (16 * (pos - 3))
	m.other.hi |= uint64(otherWord) << (16 * (pos - 3))
}

// masked is the key with the marked values set to Other.
func (p packed) masked(m *mask) packed {
	return packed{p.lo&^m.values.lo | m.other.lo, p.hi&^m.values.hi | m.other.hi}
}

// sums are what a group adds to the cells of a day, each cell once, in the order in which they came. They lie on the heap and are
// emptied with each group.
type sums struct {
	slots  []uint32 // open addressing with linear probing: places in keys + 1
	keys   []packed
	at     []uint32 // of each key: its slot
	deltas []schema.Deltas
}

const (
	sumsMinSlots = 256
	// sumsKeptCells is for how many cells the space is kept for the next group.
	sumsKeptCells = 1 << 14
)

// add adds the metrics in set of d to a cell.
func (s *sums) add(key packed, hour int, d *schema.Deltas, set uint64) {
	key.lo |= uint64(hour) << packedOther
	s.addHashed(key, key.hash(), d, set)
}

// addHashed is add where the key has its hour, and its hash is known.
func (s *sums) addHashed(key packed, hash uint64, d *schema.Deltas, set uint64) {
	sum := &s.deltas[s.place(key, hash)]
	for ; set != 0; set &= set - 1 {
		m := bits.TrailingZeros64(set)
		sum[m] += d[m]
	}
}

// place is the place of a cell's sum, which is made if there is none.
func (s *sums) place(key packed, hash uint64) int {
	if len(s.keys)*2 >= len(s.slots) {
		s.grow()
	}
	i, last := hash, uint64(len(s.slots)-1)
	for ; ; i++ {
		n := s.slots[i&last]
		if n == 0 {
			break
		}
		if s.keys[n-1] == key {
			return int(n - 1)
		}
	}
	s.keys = append(s.keys, key)
	s.at = append(s.at, uint32(i&last))
	s.deltas = append(s.deltas, schema.Deltas{})
	s.slots[i&last] = uint32(len(s.keys))
	return len(s.keys) - 1
}

func (s *sums) grow() {
	s.slots = make([]uint32, max(2*len(s.slots), sumsMinSlots))
	last := uint64(len(s.slots) - 1)
	for n, key := range s.keys {
		i := key.hash()
		for s.slots[i&last] != 0 {
			i++
		}
		s.slots[i&last], s.at[n] = uint32(n+1), uint32(i&last)
	}
}

// empty forgets all.
func (s *sums) empty() {
	if cap(s.keys) > sumsKeptCells {
		*s = sums{}
		return
	}
	for _, at := range s.at {
		s.slots[at] = 0
	}
	s.keys, s.at, s.deltas = s.keys[:0], s.at[:0], s.deltas[:0]
}

// Increments appends to out what the events add that were counted since the last call or, if that is later, since Begin: one
// increment a cell and none that adds nothing. It allocates nothing but what out needs to grow.
func (d *Day) Increments(out []schema.Increment) []schema.Increment {
	s := &d.sums
	s.addTwins()
	out = slices.Grow(out, len(s.keys))
	for i := range s.keys {
		if delta := &s.deltas[i]; !delta.IsZero() {
			out = out[:len(out)+1]
			inc := &out[len(out)-1]
			inc.Delta = *delta
			inc.Key = d.cellOf(s.keys[i], &inc.Cell)
		}
	}
	s.empty()
	return out
}

// addTwins adds up the cells of hours for those of days, and leaves hours what they keep themselves.
func (s *sums) addTwins() {
	for i := range s.keys { // the twins that are appended on the way have none
		key := s.keys[i]
		plan := &plans[key.cube()]
		if plan.twin == 0 {
			continue
		}
		delta := s.deltas[i]
		s.add(key.in(plan.twin), 0, &delta, plans[plan.twin].own)
		for more := plan.keeps &^ plan.own; more != 0; more &= more - 1 {
			s.deltas[i][bits.TrailingZeros64(more)] = 0
		}
	}
}

// cellOf fills c with the cell of a key, and returns its hash.
func (d *Day) cellOf(key packed, c *schema.Cell) uint64 {
	plan := &plans[key.cube()]
	*c = schema.Cell{Site: d.cfg.Site, Cube: key.cube(), Time: d.start}
	if plan.hourly {
		c.Time = d.hours[key.hour()].name
	}
	hash := mix(uint64(c.Site)<<8|uint64(c.Cube), uint64(c.Time))
	for i, dim := range plan.words {
		w, n := &d.words[dim], key.value(i)
		c.Values[i] = w.values[n]
		hash = mix(hash, w.hashes[n])
	}
	return hash
}
