package journal

import (
	"bytes"
	"testing"

	"turf/schema"
)

// FuzzSegment: what the reader takes, written again, is the same bytes; and the sums of both are the same. The
// fuzzer's bytes are payloads, each after its length, framed here, because no fuzzer finds checksums.
func FuzzSegment(f *testing.F) {
	seed := func(groups ...[]schema.Increment) {
		t := newTable(8)
		var b []byte
		for _, g := range groups {
			for i := range g {
				t.add(&g[i])
			}
			p := t.encode(nil)
			b = append(append(b, byte(len(p))), p...)
			t.commit()
		}
		f.Add(b)
	}
	cell := func(path string, n int64) schema.Increment {
		c := schema.Cell{Site: 300, Cube: schema.CubePages, Time: -7}
		c.Values[1] = path
		return schema.Increment{Cell: c, Delta: schema.Deltas{n, 0, -n, 1 << 60}}
	}
	seed()
	seed([]schema.Increment{cell("/a", 1), cell("/b", 0)}, nil, []schema.Increment{cell("/b", -1), cell("/c", 5)})
	seed([]schema.Increment{{}}, []schema.Increment{{}})
	f.Add([]byte{6, 0, 0, 1, 0, 0, 0})

	f.Fuzz(func(t *testing.T, b []byte) {
		h := header{number: 3, before: 9}
		seg := h.append(nil)
		for group := uint64(10); len(b) > 0; group++ {
			n := min(int(b[0]), len(b)-1)
			start := len(seg)
			seg = append(append(seg, make([]byte, recordHeadBytes)...), b[1:1+n]...)
			fillRecordHead(seg[start:], group)
			b = b[1+n:]
		}
		r, reason := newReader(seg)
		if reason != "" {
			t.Fatal(reason)
		}
		again, tab := h.append(nil), newTable(8)
		for {
			incs, ok, _ := r.next(nil)
			if !ok {
				break
			}
			again = appendGroup(again, tab, r.last, incs)
		}
		if !bytes.Equal(again, seg[:r.off]) {
			t.Fatalf("read\n%x\nand wrote\n%x", seg[:r.off], again)
		}
		folded, err := fold(seg, r.last)
		if err != nil {
			t.Fatal(err)
		}
		a, b2 := tab.rows(), folded.rows()
		if len(a) != len(b2) {
			t.Fatalf("%d rows and %d", len(a), len(b2))
		}
		for i := range a {
			if a[i] != b2[i] || a[i].Sums.IsZero() || i > 0 && a[i-1].Cell.Compare(&a[i].Cell) >= 0 {
				t.Fatalf("row %d: %v and %v", i, a[i], b2[i])
			}
		}
	})
}

// FuzzRaw: no bytes make the reader panic or read beyond damage that its checksums show.
func FuzzRaw(f *testing.F) {
	h := header{number: 1}
	f.Add(h.append(nil))
	f.Add(appendGroup(h.append(nil), newTable(1), 1, []schema.Increment{{Delta: schema.Deltas{1}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, reason := newReader(b)
		if reason != "" {
			return
		}
		for ok := true; ok; {
			_, ok, _ = r.next(nil)
		}
		if r.off > int64(len(b)) {
			t.Fatalf("read to %d of %d", r.off, len(b))
		}
	})
}

func TestUndoForgetsCells(t *testing.T) {
	inc := func(path string, key uint64) schema.Increment {
		i := schema.Increment{Key: key, Delta: schema.Deltas{1}}
		i.Cell.Values[0] = path
		return i
	}
	tab := newTable(1)
	group := func(commit bool, incs ...schema.Increment) []byte {
		for i := range incs {
			tab.add(&incs[i])
		}
		p := tab.encode(nil)
		if commit {
			tab.commit()
		} else {
			tab.undo()
		}
		return p
	}
	group(true, inc("a", 1), inc("b", 1))
	used := func() (n int) {
		for _, slot := range tab.slots {
			if slot != 0 {
				n++
			}
		}
		return n
	}
	first := group(false, inc("c", 1), inc("d", 2), inc("a", 1), inc("e", 1))
	if len(tab.cells) != 2 || used() != 2 {
		t.Fatalf("%d cells stay, and %d are found", len(tab.cells), used())
	}
	if second := group(true, inc("c", 1), inc("d", 2), inc("a", 1), inc("e", 1)); !bytes.Equal(first, second) {
		t.Errorf("a group that is tried again is other bytes:\n%x\n%x", first, second)
	}
	if rows := tab.rows(); len(rows) != 5 || rows[0].Sums[0] != 2 || rows[2].Sums[0] != 1 {
		t.Errorf("rows %v", rows)
	}
}
