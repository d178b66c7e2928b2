package aggregate

// index finds records by hash: open addressing with linear probing over record numbers + 1. It holds no keys; it lies on the
// heap and is built again from the records at start.
type index struct {
	slots []uint32
	used  int
}

const indexMinSlots = 64

// next walks the records whose hash may be h: start with probe = h; a zero record number ends the walk.
func (x *index) at(probe uint64) uint32 { return x.slots[probe&uint64(len(x.slots)-1)] }

// put adds a record whose hash is h. hash gives the hash of any record that was put before.
func (x *index) put(h uint64, record int, hash func(record int) uint64) {
	if (x.used+1)*4 > len(x.slots)*3 {
		x.grow(max(2*len(x.slots), indexMinSlots), hash)
	}
	x.place(h, uint32(record+1))
	x.used++
}

func (x *index) place(h uint64, v uint32) {
	mask := uint64(len(x.slots) - 1)
	for i := h; ; i++ {
		if x.slots[i&mask] == 0 {
			x.slots[i&mask] = v
			return
		}
	}
}

func (x *index) grow(n int, hash func(record int) uint64) {
	old := x.slots
	x.slots = make([]uint32, n)
	for _, v := range old {
		if v != 0 {
			x.place(hash(int(v-1)), v)
		}
	}
}

// reset empties the index and makes room for n records.
func (x *index) reset(n int) {
	size := indexMinSlots
	for n*4 > size*3 {
		size *= 2
	}
	x.slots, x.used = make([]uint32, size), 0
}
