package journal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"turf/aggregate/journal"
	"turf/aggregate/journal/crashfs"
	"turf/schema"
)

const dir = "/journal"

// random yields 1, 2, 3, ….
func random() io.Reader { return &counter{} }

type counter struct{ n byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		c.n++
		p[i] = c.n
	}
	return len(p), nil
}

func newFS() *crashfs.FS { return crashfs.New(rand.New(rand.NewPCG(1, 2))) }

func open(t testing.TB, fs journal.FS, opts journal.Options) (*journal.Journal, *journal.Recovered) {
	t.Helper()
	if opts.Random == nil {
		opts.Random = random()
	}
	j, rec, err := journal.Open(fs, dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return j, rec
}

// inc is one increment: the page's path names the cell. Keys collide on purpose: half of all cells share one.
func inc(path string, pageviews int64) schema.Increment {
	c := schema.Cell{Site: 1, Cube: schema.CubePages, Time: 3600}
	c.Values[0], c.Values[1] = "example.com", path
	key := uint64(len(path) % 2)
	i := schema.Increment{Key: key, Cell: c}
	i.Delta[schema.Pageviews] = pageviews
	return i
}

func incs(spec string) []schema.Increment {
	var out []schema.Increment
	for _, word := range strings.Fields(spec) {
		path, n, _ := strings.Cut(word, "=")
		v := int64(0)
		fmt.Sscan(n, &v)
		out = append(out, inc(path, v))
	}
	return out
}

func appendGroup(t testing.TB, j *journal.Journal, group uint64, spec string) {
	t.Helper()
	if err := j.Append(group, incs(spec)); err != nil {
		t.Fatal(err)
	}
}

// text is a batch as in "/a=1 /b=2".
func text(b schema.Batch) string {
	var words []string
	for _, r := range b.Rows {
		words = append(words, fmt.Sprintf("%s=%d", r.Cell.Values[1], r.Sums[schema.Pageviews]))
	}
	return strings.Join(words, " ")
}

func batch(t testing.TB, s *journal.Sealed) schema.Batch {
	t.Helper()
	b, err := s.Batch()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealAndRecoverGiveTheSameBatch(t *testing.T) {
	fs := newFS()
	j, rec := open(t, fs, journal.Options{})
	if rec.Last != 0 || len(rec.Sealed) != 0 {
		t.Fatalf("new journal: %+v", rec)
	}
	appendGroup(t, j, 1, "/b=1 /a=1 /b=2")
	appendGroup(t, j, 2, "/gone=1 /a=1 /zero=0")
	appendGroup(t, j, 5, "/gone=-1")
	if err := j.Seal(); err != nil {
		t.Fatal(err)
	}
	sealed := j.Sealed()
	if len(sealed) != 1 {
		t.Fatalf("%d segments sealed", len(sealed))
	}
	live := batch(t, sealed[0])
	if got, want := text(live), "/a=2 /b=3"; got != want {
		t.Errorf("batch %q, want %q", got, want)
	}
	if want := "0102030405060708-090a0b0c0d0e0f10-1"; live.Token != want {
		t.Errorf("token %q, want node, run and number: %q", live.Token, want)
	}
	appendGroup(t, j, 6, "/c=1")
	fs.Kill()
	j, rec = open(t, fs, journal.Options{})
	if rec.Last != 6 || len(rec.Sealed) != 2 || rec.TornBytes != 0 {
		t.Fatalf("recovered %+v", rec)
	}
	if diff := cmp.Diff(live, batch(t, rec.Sealed[0])); diff != "" {
		t.Errorf("batch after recovery (-live +recovered):\n%s", diff)
	}
	if got := text(batch(t, rec.Sealed[1])); got != "/c=1" {
		t.Errorf("second batch %q", got)
	}
	if rec.Sealed[1].Token == live.Token {
		t.Error("two segments have one token")
	}
	for _, s := range rec.Sealed {
		if err := s.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := j.Waiting(); n != 0 {
		t.Errorf("%d segments wait after all were removed", n)
	}
	fs.PowerLoss()
	_, rec = open(t, fs, journal.Options{})
	if rec.Last != 6 || len(rec.Sealed) != 0 {
		t.Errorf("the number of the last group did not outlive the groups: %+v", rec)
	}
}

// A backup of the directory that is put back must not give a token again to other data: the store would drop it.
func TestTokensOfARestoredCopyAreNew(t *testing.T) {
	token := func(fs *crashfs.FS, start byte) string {
		j, _ := open(t, fs, journal.Options{Random: &counter{start}})
		appendGroup(t, j, 1, "/a=1")
		if err := j.Seal(); err != nil {
			t.Fatal(err)
		}
		return j.Sealed()[0].Token
	}
	one, two := newFS(), newFS()
	for _, fs := range []*crashfs.FS{one, two} {
		open(t, fs, journal.Options{})
		fs.Kill()
	}
	a, b := token(one, 50), token(two, 90)
	if a == b {
		t.Errorf("both copies use token %s", a)
	}
	if a[:16] != b[:16] {
		t.Errorf("nodes differ: %s, %s", a, b)
	}
}

func TestLimits(t *testing.T) {
	fs := newFS()
	j, _ := open(t, fs, journal.Options{MaxSegmentCells: 2, MaxWaitingCount: 1, MaxWaitingBytes: 700})
	appendGroup(t, j, 1, "/a=1")
	if j.WantsSeal() {
		t.Error("one cell of two, and it wants to be sealed")
	}
	appendGroup(t, j, 2, "/b=1")
	if !j.WantsSeal() {
		t.Error("two cells of two, and it does not want to be sealed")
	}
	if err := j.Seal(); err != nil {
		t.Fatal(err)
	}
	appendGroup(t, j, 3, "/a=1 /b=1 /c=1 /d=1")
	if err := j.Seal(); !errors.Is(err, journal.ErrFull) {
		t.Errorf("second segment that waits: %v, want ErrFull", err)
	}
	if err := j.Append(4, incs("/a=1")); !errors.Is(err, journal.ErrFull) {
		t.Errorf("segment of twice the cells: %v, want ErrFull", err)
	}
	s := j.Sealed()[0]
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := j.Seal(); err != nil {
		t.Errorf("after the database took one: %v", err)
	}
	var err error
	for g := uint64(5); g < 50 && err == nil; g++ {
		err = j.Append(g, incs("/a=1"))
	}
	if !errors.Is(err, journal.ErrFull) {
		t.Errorf("bytes on disk: %v, want ErrFull", err)
	}
}

func TestFullDiskChangesNothing(t *testing.T) {
	fs := newFS()
	j, _ := open(t, fs, journal.Options{})
	appendGroup(t, j, 1, "/a=1")
	_, used := j.Waiting()
	fs.SpaceBytes = int(used) + 17 + 40 // the node's file, and half a record
	if err := j.Append(2, incs("/a=1 /b=1 /c=1")); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("append on a full disk: %v, want ErrFull", err)
	}
	if !j.Ready() || j.Uncertain() {
		t.Fatal("a full disk must not close the segment")
	}
	fs.SpaceBytes = 0
	appendGroup(t, j, 3, "/b=1 /a=1")
	if err := j.Seal(); err != nil {
		t.Fatal(err)
	}
	live := j.Sealed()[0]
	fs.PowerLoss()
	_, rec := open(t, fs, journal.Options{})
	if diff := cmp.Diff(batch(t, live), batch(t, rec.Sealed[0])); diff != "" || text(batch(t, live)) != "/a=2 /b=1" {
		t.Errorf("batch %q (-live +recovered):\n%s", text(batch(t, live)), diff)
	}
}

// What Append answers after a sync that failed, and what the next start makes of it.
func TestFailedSync(t *testing.T) {
	for _, outcome := range []crashfs.Outcome{crashfs.Fails, crashfs.Lies} {
		for _, stuck := range []bool{false, true} {
			t.Run(fmt.Sprintf("outcome %d stuck %v", outcome, stuck), func(t *testing.T) {
				fs := newFS()
				j, _ := open(t, fs, journal.Options{})
				appendGroup(t, j, 1, "/a=1")
				syncs := 0
				fs.Fault = func(op crashfs.Op, _ string) crashfs.Outcome {
					if op == crashfs.Sync {
						if syncs++; syncs == 1 || stuck {
							return outcome
						}
					}
					return crashfs.Works
				}
				err := j.Append(2, incs("/a=10"))
				if err == nil || errors.Is(err, journal.ErrUncertain) != stuck || j.Uncertain() != stuck {
					t.Fatalf("append: %v, uncertain %v", err, j.Uncertain())
				}
				fs.Fault = nil
				if err := j.Settle(); err != nil || j.Uncertain() {
					t.Fatalf("settle: %v", err)
				}
				appendGroup(t, j, 3, "/a=100")
				fs.PowerLoss()
				_, rec := open(t, fs, journal.Options{})
				sum := ""
				for _, s := range rec.Sealed {
					sum += text(batch(t, s)) + ";"
				}
				if sum != "/a=1;/a=100;" || rec.Last != 3 {
					t.Errorf("recovered %s last %d", sum, rec.Last)
				}
			})
		}
	}
}

func TestRealFiles(t *testing.T) {
	for _, mode := range []journal.SyncMode{journal.SyncBatch, journal.SyncOS} {
		d := filepath.Join(t.TempDir(), "a", "journal")
		opts := journal.Options{Random: random(), Sync: mode}
		j, _, err := journal.Open(journal.OS{}, d, opts)
		if err != nil {
			t.Fatal(err)
		}
		appendGroup(t, j, 1, "/a=1")
		if err := j.Seal(); err != nil {
			t.Fatal(err)
		}
		appendGroup(t, j, 2, "/a=2")
		// The journal is left as a killed process leaves it.
		j, rec, err := journal.Open(journal.OS{}, d, opts)
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Sealed) != 2 || rec.Last != 2 || text(batch(t, rec.Sealed[1])) != "/a=2" {
			t.Errorf("recovered %+v", rec)
		}
		for _, s := range rec.Sealed {
			if err := s.Remove(); err != nil {
				t.Error(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		names, err := journal.OS{}.List(d)
		if diff := cmp.Diff([]string{"0000000000000003.seg", "node"}, names); diff != "" || err != nil {
			t.Errorf("files left: %v %v", diff, err)
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	fs := newFS()
	sink := nopFS{fs}
	j, _ := open(t, sink, journal.Options{})
	group := incs("/a=1 /b=2 /c=3 /d=-4 /a=1")
	n := uint64(0)
	for range 3 {
		n++
		if err := j.Append(n, group); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(100, func() {
		n++
		if err := j.Append(n, group); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations an append, want 0", got)
	}
}

// nopFS takes writes and forgets them.
type nopFS struct{ journal.FS }

func (n nopFS) Create(string) (journal.File, error) { return nopFile{}, nil }
func (n nopFS) Rename(string, string) error         { return nil }

type nopFile struct{}

func (nopFile) Write(p []byte) (int, error) { return len(p), nil }
func (nopFile) Truncate(int64) error        { return nil }
func (nopFile) Sync() error                 { return nil }
func (nopFile) Close() error                { return nil }

// The bytes that FORMAT.md shows.
func TestFormat(t *testing.T) {
	fs := newFS()
	j, _ := open(t, fs, journal.Options{})
	appendGroup(t, j, 7, "/a=1 /b=-2")
	appendGroup(t, j, 9, "/a=300")
	data, err := fs.ReadFile(dir + "/0000000000000001.seg")
	if err != nil {
		t.Fatal(err)
	}
	const want = `
		54555246 53454702 01020304 05060708 090a0b0c 0d0e0f10
		0100000000000000 0000000000000000 00000000 ########
		31000000 0700000000000000 ######## ########
		00 02
		01 02 a038 02 0b 6578616d706c652e636f6d 02 2f61
		01 02 a038 02 0b 6578616d706c652e636f6d 02 2f62
		02 00 10 02 01 10 03
		07000000 0900000000000000 ######## ########
		02 00 01 00 10 d804`
	got, at := hex.EncodeToString(data), 0
	for _, digit := range strings.Join(strings.Fields(want), "") {
		if at >= len(got) || digit != '#' && byte(digit) != got[at] {
			t.Fatalf("digit %d differs:\n%s\nwant%s", at, got, want)
		}
		at++
	}
	if at != len(got) {
		t.Errorf("%d more digits than FORMAT.md shows", len(got)-at)
	}
	if !bytes.Contains(data, []byte("example.com")) {
		t.Error("values are not stored as text")
	}
}

func BenchmarkAppend(b *testing.B) {
	j, _ := open(b, nopFS{newFS()}, journal.Options{MaxSegmentBytes: 1 << 50, MaxWaitingBytes: 1 << 60})
	var group []schema.Increment
	for i := range 300 {
		in := inc(fmt.Sprintf("/page/%d", i%60), 1)
		in.Key = uint64(i % 60)
		group = append(group, in)
	}
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		n++
		if err := j.Append(n, group); err != nil {
			b.Fatal(err)
		}
	}
}
