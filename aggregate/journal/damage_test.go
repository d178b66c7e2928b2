package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"turf/aggregate/journal"
	"turf/aggregate/journal/crashfs"
)

const (
	first  = dir + "/0000000000000001.seg"
	second = dir + "/0000000000000002.seg"
)

// segments makes a journal of groups 1–3 in segment 1 and, when two, 4–6 in segment 2, and returns their bytes.
func segments(t testing.TB, two bool, mode journal.SyncMode) [][]byte {
	fs := newFS()
	j, _ := open(t, fs, journal.Options{Sync: mode})
	appendGroup(t, j, 1, "/a=1 /b=1")
	appendGroup(t, j, 2, "/a=2")
	appendGroup(t, j, 3, "/a=4 /c=1")
	names := []string{first}
	if two {
		if err := j.Seal(); err != nil {
			t.Fatal(err)
		}
		appendGroup(t, j, 4, "/a=8 /b=1")
		appendGroup(t, j, 5, "/a=16")
		appendGroup(t, j, 6, "/a=32 /d=1")
		names = append(names, second)
	}
	var out [][]byte
	for _, name := range names {
		data, err := fs.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// reopen opens a journal of these segments and says what it found: its batches, or the damage.
func reopen(t testing.TB, segs [][]byte) (string, *crashfs.FS) {
	t.Helper()
	fs := newFS()
	for i, data := range segs {
		if data != nil {
			fs.Put([]string{first, second}[i], data)
		}
	}
	opts := journal.Options{Random: random()}
	_, rec, err := journal.Open(fs, dir, opts)
	var bad *journal.CorruptError
	if errors.As(err, &bad) {
		return fmt.Sprintf("damaged: segment %d byte %d: %s", bad.Segment, bad.Offset, bad.Reason), fs
	}
	if err != nil {
		return err.Error(), fs
	}
	var words []string
	for _, s := range rec.Sealed {
		words = append(words, text(batch(t, s)))
	}
	if rec.TornBytes > 0 {
		words = append(words, fmt.Sprintf("cut %d", rec.TornBytes))
	}
	return strings.Join(words, "; ") + fmt.Sprintf("; last %d", rec.Last), fs
}

// recordAt is where record n of the segments made here starts; record 3 is the end.
func recordAt(t testing.TB, data []byte, n int) int {
	at := 48
	for range n {
		at += 20 + int(data[at]) + int(data[at+1])<<8
	}
	if at > len(data) {
		t.Fatal("no such record")
	}
	return at
}

func TestDamage(t *testing.T) {
	const all = "/a=7 /b=1 /c=1"
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 0x40; return b }
	}
	one := segments(t, false, journal.SyncBatch)[0]
	r := func(n int) int { return recordAt(t, one, n) }
	for _, c := range []struct {
		what   string
		two    bool // a second segment follows
		mode   journal.SyncMode
		damage func(b []byte) []byte // to the first segment
		want   string
	}{
		{"whole", false, 0, func(b []byte) []byte { return b }, all + "; last 3"},
		{"last byte missing", false, 0, func(b []byte) []byte { return b[:len(b)-1] }, "/a=3 /b=1; cut 48; last 2"},
		{"half a head", false, 0, func(b []byte) []byte { return b[:r(2)+7] }, "/a=3 /b=1; cut 7; last 2"},
		{
			"zeros at the end", false, 0, func(b []byte) []byte { return append(b, make([]byte, 64)...) },
			all + "; cut 64; last 3",
		},
		{"rubbish at the end", false, 0, func(b []byte) []byte { return append(b, "rubbish"...) }, all + "; cut 7; last 3"},
		{"no groups left", false, 0, func(b []byte) []byte { return b[:r(0)+1] }, "cut 1; last 0"},
		{"flip in the newest record", false, 0, flip(r(2) + 25), "/a=3 /b=1; cut 49; last 2"},
		{"length in the middle", false, 0, flip(r(1)), "damaged: segment 1 byte %1: checksum of the record's head is wrong"},
		{"flip in the middle", false, 0, flip(r(1) + 21), "damaged: segment 1 byte %1: checksum of the record is wrong"},
		{"flip at the start", false, 0, flip(r(0) + 30), "damaged: segment 1 byte %0: checksum of the record is wrong"},
		{"flip in the header", false, 0, flip(30), "damaged: segment 1 byte 0: checksum of the header is wrong"},
		{"magic", false, 0, flip(1), "damaged: segment 1 byte 0: not a journal segment"},
		{"empty file", false, 0, func([]byte) []byte { return []byte{} }, "damaged: segment 1 byte 0: shorter than a header"},
		{"os: flip in the middle of the newest", false, journal.SyncOS, flip(r(1) + 21), "/a=1 /b=1; cut 75; last 1"},
		{
			"older record again", false, 0, func(b []byte) []byte { return append(b, b[r(1):r(2)]...) },
			all + "; cut 26; last 3",
		},
		{"record twice", false, 0, func(b []byte) []byte { return append(b, b[r(2):]...) }, all + "; cut 49; last 3"},

		{"sealed: whole", true, 0, func(b []byte) []byte { return b }, all + "; /a=56 /b=1 /d=1; last 6"},
		{
			"sealed: last byte missing", true, 0, func(b []byte) []byte { return b[:len(b)-1] },
			"damaged: segment 1 byte %2: record is cut off",
		},
		{
			"sealed: last group missing", true, 0, func(b []byte) []byte { return b[:r(2)] },
			"damaged: segment 1 byte %2: groups after 2 are missing, up to 3",
		},
		{
			"sealed: rubbish at the end", true, 0, func(b []byte) []byte { return append(b, "rubbish"...) },
			all + "; /a=56 /b=1 /d=1; last 6",
		},
		{"sealed: a group that was given up", true, 0, func(b []byte) []byte {
			more := segments(t, true, 0)[1]
			return append(b, more[48:]...)
		}, all + "; /a=56 /b=1 /d=1; last 6"},
		{"sealed and gone", true, 0, func([]byte) []byte { return nil }, "/a=56 /b=1 /d=1; last 6"},
	} {
		segs := segments(t, c.two, c.mode)
		want := c.want
		for n := range 3 {
			want = strings.ReplaceAll(want, fmt.Sprintf("%%%d", n), fmt.Sprint(r(n)))
		}
		segs[0] = c.damage(segs[0])
		if got, _ := reopen(t, segs); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, want)
		}
	}
}

// Every single bit of a journal is turned over: never a wrong number, and acknowledged groups are missing only where
// nobody can tell the damage from a torn write, at the end of the newest segment.
func TestEveryBit(t *testing.T) {
	whole, _ := reopen(t, segments(t, true, journal.SyncBatch))
	torn := map[string]bool{}
	for s := range 2 {
		data := segments(t, true, journal.SyncBatch)[s]
		for bit := range len(data) * 8 {
			segs := segments(t, true, journal.SyncBatch)
			segs[s][bit/8] ^= 1 << (bit % 8)
			got, fs := reopen(t, segs)
			switch {
			case strings.HasPrefix(got, "damaged"):
				salvaged(t, fs, segs[s])
			case s == 1 && bit/8 >= recordAt(t, data, 2):
				torn[got] = true
			default:
				t.Fatalf("segment %d bit %d: %s, want damage", s+1, bit, got)
			}
		}
	}
	if want := "/a=7 /b=1 /c=1; /a=24 /b=1; cut 49; last 5"; len(torn) != 1 || !torn[want] {
		t.Errorf("newest record damaged: %v, want %q; whole is %q", torn, want, whole)
	}
}

// salvaged checks that Salvage makes a journal that opens, with no number larger than was counted.
func salvaged(t *testing.T, fs *crashfs.FS, damaged []byte) {
	t.Helper()
	report, err := journal.Salvage(fs, dir)
	if err != nil || len(report) != 1 {
		t.Fatalf("salvage: %v %v", report, err)
	}
	aside, err := fs.ReadFile(report[0].Aside)
	if err != nil || !bytes.Equal(aside, damaged) {
		t.Fatalf("the damaged segment was not kept: %v", err)
	}
	_, rec, err := journal.Open(fs, dir, journal.Options{Random: random()})
	if err != nil {
		t.Fatalf("after salvage: %v", err)
	}
	groups := 0
	for _, s := range rec.Sealed {
		for _, r := range batch(t, s).Rows {
			if r.Cell.Values[1] == "/a" {
				for g := r.Sums[4]; g > 0; g >>= 1 {
					groups += int(g & 1)
				}
			}
		}
	}
	if groups < 3 {
		t.Fatalf("salvage kept %d of 6 groups: %+v", groups, report)
	}
}

func TestSalvageKeepsWhatCanBeRead(t *testing.T) {
	segs := segments(t, true, journal.SyncBatch)
	segs[0][recordAt(t, segs[0], 1)+22] ^= 1 // group 2, which defines no cell
	got, fs := reopen(t, segs)
	if !strings.HasPrefix(got, "damaged: segment 1") {
		t.Fatal(got)
	}
	token := ""
	report, err := journal.Salvage(fs, dir)
	if err != nil || len(report) != 1 || report[0].Groups != 2 || report[0].LostBytes != 26 || report[0].Whole {
		t.Fatalf("%+v %v", report, err)
	}
	_, rec := open(t, fs, journal.Options{})
	if got := text(batch(t, rec.Sealed[0])); got != "/a=5 /b=1 /c=1" {
		t.Errorf("kept %s", got)
	}
	if token = rec.Sealed[0].Token; !strings.HasSuffix(token, "-1") {
		t.Errorf("token %s", token)
	}
	again, err := journal.Salvage(fs, dir)
	if err != nil || len(again) != 0 {
		t.Errorf("a whole journal was salvaged: %+v %v", again, err)
	}
}

func TestForeignFiles(t *testing.T) {
	fs := newFS()
	fs.Put(dir+"/12.seg", []byte("x"))
	if _, _, err := journal.Open(fs, dir, journal.Options{Random: random()}); err == nil ||
		!strings.Contains(err.Error(), "/journal/12.seg is not the name of a journal segment") {
		t.Errorf("foreign segment: %v", err)
	}
	fs = newFS()
	fs.Put(dir+"/node", []byte("xyz"))
	if _, _, err := journal.Open(fs, dir, journal.Options{Random: random()}); err == nil ||
		!strings.Contains(err.Error(), "remove it to have a new one made") {
		t.Errorf("damaged node: %v", err)
	}
	fs = newFS()
	fs.Put(dir+"/0000000000000001.seg.tmp", []byte("half"))
	open(t, fs, journal.Options{})
	if names, _ := fs.List(dir); slices.Contains(names, "0000000000000001.seg.tmp") {
		t.Error("an unfinished file stays")
	}
}
