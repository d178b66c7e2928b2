package importer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

// pageLine is a page view at a time, from an address that ends in n.
func pageLine(at time.Time, n string, target string) string {
	return `203.0.113.` + n + ` - - [` + at.UTC().Format(timeLayout) + `] "GET ` + target + ` HTTP/1.1" 200 5 "-" ` +
		`"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`
}

// imported is the store after one import of the logs.
func imported(t testing.TB, sources ...Source) *memStore {
	t.Helper()
	store := newStore()
	mustRun(t, testConfig(t, store, "Europe/Amsterdam"), sources...)
	return store
}

// A log that has grown adds what is new, wherever it was cut: in the end the totals are those of the whole log imported once.
func TestGrownLog(t *testing.T) {
	lines := logOf(7, 400)
	want := imported(t, source("log", lines...))
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		store, pages := newStore(), 0
		cuts := []int{rnd.IntN(len(lines)), rnd.IntN(len(lines)), len(lines), len(lines)}
		slices.Sort(cuts)
		for _, n := range cuts {
			sum := mustRun(t, testConfig(t, store, "Europe/Amsterdam"), source("log", lines[:n]...))
			pages = max(pages, sum.Pages)
		}
		wantTotals(t, "a log that has grown", store, want)
		if pages == 0 {
			t.Error("no pages")
		}
	}
}

// A log that begins like one that was imported, and is not that one grown, would count its lines twice: it is refused. One that was
// imported itself is not.
func TestOverlappingLog(t *testing.T) {
	lines := logOf(8, 300)
	changed := slices.Clone(lines)
	changed[200] = "nonsense"
	store := newStore()
	cfg := testConfig(t, store, "UTC")
	first, all := source("log", lines[:150]...), source("log", lines...)
	mustRun(t, cfg, first)
	mustRun(t, cfg, all)
	want := maps.Clone(store.totals)
	for name, s := range map[string]Source{"a part": source("part.log", lines[:200]...), "changed": source("changed.log", changed...)} {
		if _, err := Run(t.Context(), cfg, []Source{s}); err == nil || !strings.Contains(err.Error(), s.Name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range []Source{first, all} {
		if sum := mustRun(t, cfg, s); sum.Counted != 0 {
			t.Errorf("%d pages are counted again", sum.Counted)
		}
	}
	if diff := cmp.Diff(want, store.totals); diff != "" {
		t.Error(diff)
	}
}

// Whichever call of the store fails, and whether or not it did its work: the same import again ends with the right totals.
func TestInterruptedImportGoesOn(t *testing.T) {
	lines := logOf(9, 150)
	whole := source("log", lines...)
	want := imported(t, whole)
	again := map[string]func(store *memStore){
		"the same log": func(store *memStore) {
			mustRun(t, testConfig(t, store, "Europe/Amsterdam"), whole)
		},
		"the log has grown meanwhile": func(store *memStore) {
			mustRun(t, testConfig(t, store, "Europe/Amsterdam"), whole)
		},
		"it fails once more": func(store *memStore) {
			store.failAt = store.calls + 3
			_, _ = Run(t.Context(), testConfig(t, store, "Europe/Amsterdam"), []Source{whole})
			store.failAt = 0
			mustRun(t, testConfig(t, store, "Europe/Amsterdam"), whole)
		},
	}
	for name, resume := range again {
		first := whole
		if strings.Contains(name, "grown") {
			first = source("log", lines[:110]...)
		}
		for _, lies := range []bool{false, true} {
			for failAt := 1; ; failAt++ {
				store := newStore()
				store.failAt, store.lies = failAt, lies
				_, err := Run(t.Context(), testConfig(t, store, "Europe/Amsterdam"), []Source{first})
				if err == nil {
					if failAt < 8 {
						t.Fatalf("only %d calls of the store", failAt)
					}
					break
				}
				if !errors.Is(err, errStore) {
					t.Fatal(err)
				}
				store.failAt = 0
				resume(store)
				wantTotals(t, name, store, want)
				if t.Failed() {
					t.Fatalf("%s: call %d failed, done all the same: %v", name, failAt, lies)
				}
			}
		}
	}
}

// An import of several logs goes on with the same logs, and no part of them is imported by itself in between.
func TestInterruptedImportOfSeveralLogs(t *testing.T) {
	lines := logOf(10, 150)
	a, b := split(lines)
	want := imported(t, source("log", lines...))
	for failAt := 2; ; failAt++ {
		store := newStore()
		store.failAt = failAt
		_, err := Run(t.Context(), testConfig(t, store, "Europe/Amsterdam"), []Source{a, b})
		if err == nil {
			break
		}
		store.failAt = 0
		if len(store.records) == 0 {
			continue // nothing had begun
		}
		sum, err := Run(t.Context(), testConfig(t, store, "Europe/Amsterdam"), []Source{a})
		if err == nil && sum.Counted > 0 {
			t.Fatalf("call %d failed; then one of the logs alone counts %d pages", failAt, sum.Counted)
		}
		mustRun(t, testConfig(t, store, "Europe/Amsterdam"), b, a)
		wantTotals(t, "several logs", store, want)
	}
}

// split deals the lines out to two logs.
func split(lines []string) (a, b Source) {
	var parts [2][]string
	for i, l := range lines {
		parts[i%2] = append(parts[i%2], l)
	}
	return source("a", parts[0]...), source("b", parts[1]...)
}

// Several logs together are one log, in whatever order they are named: a visitor who is in both is one.
func TestSeveralLogs(t *testing.T) {
	lines := logOf(11, 400)
	a, b := split(lines)
	want := imported(t, source("log", lines...))
	wantTotals(t, "a b", imported(t, a, b), want)
	wantTotals(t, "b a", imported(t, b, a), want)

	store := imported(t, a, b)
	cfg := testConfig(t, store, "Europe/Amsterdam")
	for _, sources := range [][]Source{{a, b}, {b, a}, {a}, {b}} {
		if sum := mustRun(t, cfg, sources...); sum.Counted != 0 {
			t.Errorf("%d pages are counted again", sum.Counted)
		}
	}
	wantTotals(t, "again", store, want)
	if _, err := Run(t.Context(), cfg, []Source{a, a}); err == nil {
		t.Error("a log may be named twice")
	}
	if _, err := Run(t.Context(), cfg, nil); err == nil {
		t.Error("no log at all")
	}
}

// Lines may be out of order by less than a day: the totals are those of the sorted log.
func TestOutOfOrder(t *testing.T) {
	noon := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	var lines []string
	for i := range 60 {
		at := noon.Add(time.Duration(i) * 47 * time.Minute)
		lines = append(lines, pageLine(at, string(rune('1'+i%3)), "/"+string(rune('a'+i%5))))
	}
	want := imported(t, source("sorted", lines...))
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		shuffled := slices.Clone(lines)
		for i := 0; i+20 <= len(shuffled); i += 20 { // 20 lines are less than a day
			rnd.Shuffle(20, func(a, b int) { shuffled[i+a], shuffled[i+b] = shuffled[i+b], shuffled[i+a] })
		}
		wantTotals(t, "out of order", imported(t, source("shuffled", shuffled...)), want)
	}
	// More than a day behind: the line cannot be counted right, so it is not.
	late := append(slices.Clone(lines), pageLine(noon, "1", "/late"))
	store := newStore()
	sum := mustRun(t, testConfig(t, store, "Europe/Amsterdam"), source("late", late...))
	if sum.Dropped[DropUnsorted] != 1 {
		t.Errorf("dropped %v", sum.Dropped)
	}
	wantTotals(t, "late", store, want)
}

// What is no page view has a reason; the first few broken lines are shown by their numbers, and nothing of them.
func TestDropped(t *testing.T) {
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	good := pageLine(at, "1", "/a")
	lines := []string{
		good, "", "nonsense 203.0.113.99", strings.Replace(good, " 200 ", " 404 ", 1), strings.Replace(good, "GET", "POST", 1),
		strings.Replace(good, "/a", "/a.css", 1), strings.Replace(good, "Firefox", "Googlebot", 1),
		strings.Repeat("x", MaxLineBytes+1), pageLine(testNow.Add(48*time.Hour), "1", "/"), good[:40], "x", "y", "z",
		`203.0.113.1 - - [03/Nov/2026:12:00:01 +0000] "GET /common HTTP/1.0" 200 5`,
	}
	store := newStore()
	sum := mustRun(t, testConfig(t, store, "UTC"), source("my.log", lines...))
	want := map[string]int{
		DropBroken: 7, DropStatus: 1, DropMethod: 1, DropAsset: 1, "robot": 1, DropFuture: 1,
	}
	if diff := cmp.Diff(want, sum.Dropped); diff != "" || sum.Pages != 2 || sum.Lines != len(lines) {
		t.Errorf("%+v\n%s", sum, diff)
	}
	var shown []int
	for _, b := range sum.Broken {
		if shown = append(shown, b.Line); b.File != "my.log" || strings.Contains(b.Reason, "203") || b.Reason == "" {
			t.Errorf("%+v", b)
		}
	}
	if !slices.Equal(shown, []int{2, 3, 8, 10, 11}) {
		t.Errorf("lines %v are shown", shown)
	}
}

// A log may be compressed, and come on standard input; that is the same log.
func TestSources(t *testing.T) {
	lines := logOf(12, 200)
	want := imported(t, source("log", lines...))
	text := strings.Join(lines, "\n") + "\n"
	for name, content := range map[string][]byte{
		"plain": []byte(text), "gzip": gzipped(t, lines...), "two gzips": append(gzipped(t, lines[:90]...), gzipped(t, lines[90:]...)...),
		"line ends of Windows": []byte(strings.ReplaceAll(text, "\n", "\r\n")), "no end": []byte(strings.TrimSuffix(text, "\n")),
	} {
		in, err := Stdin(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		wantTotals(t, name, imported(t, in), want)
	}
	store := imported(t, source("log", lines...))
	in, err := Stdin(bytes.NewReader(gzipped(t, lines...)))
	if err != nil {
		t.Fatal(err)
	}
	if sum := mustRun(t, testConfig(t, store, "Europe/Amsterdam"), in); sum.Counted != 0 {
		t.Errorf("compressed it is another log: %+v", sum)
	}
	if sum := mustRun(t, testConfig(t, newStore(), "UTC"), source("empty")); sum.Lines != 0 || sum.Days != 0 {
		t.Errorf("an empty log: %+v", sum)
	}
}

// Two sites may import the same log.
func TestTwoSites(t *testing.T) {
	lines := logOf(13, 100)
	store := newStore()
	cfg := testConfig(t, store, "UTC")
	first := mustRun(t, cfg, source("log", lines...))
	cfg.Site.ID = 5
	// The documents of the database are of a site and a content.
	other := newStore()
	other.tokens, other.totals = store.tokens, store.totals
	cfg.Store = other
	if second := mustRun(t, cfg, source("log", lines...)); second.Counted != first.Counted || second.Counted == 0 {
		t.Errorf("%d pages of the first site, %d of the second", first.Counted, second.Counted)
	}
}

// Progress is told as it goes, and an import that is stopped stops; the same again goes on.
func TestProgressAndCancel(t *testing.T) {
	lines := logOf(14, 3*reportEvery)
	store := newStore()
	cfg := testConfig(t, store, "Europe/Amsterdam")
	ctx, cancel := context.WithCancel(t.Context())
	var last Progress
	cfg.Report = func(p Progress) {
		if p.Lines < last.Lines || p.Bytes < last.Bytes || p.Bytes > p.TotalBytes {
			t.Errorf("%+v after %+v", p, last)
		}
		if last = p; p.Lines >= reportEvery {
			cancel()
		}
	}
	if _, err := Run(ctx, cfg, []Source{source("log", lines...)}); !errors.Is(err, context.Canceled) || last.Lines == 0 {
		t.Fatalf("%v after %+v", err, last)
	}
	last = Progress{}
	mustRun(t, cfg, source("log", lines...))
	if last.Lines != len(lines) || last.Bytes != last.TotalBytes {
		t.Errorf("the last report is %+v of %d lines", last, len(lines))
	}
	wantTotals(t, "stopped and gone on", store, imported(t, source("log", lines...)))
}

// What was counted of the past does not change with the salt: the day is over, and its salt was never stored.
func TestSaltsAreForgotten(t *testing.T) {
	lines := logOf(15, 200)
	store := imported(t, source("log", lines...))
	wantTotals(t, "another salt", imported(t, source("log", lines...)), store)
	b := newBuffer(5, time.UTC)
	salt := b.salt
	b.hits = append(b.hits, hit{visitor: [2]uint64{1, 2}})
	hits := b.hits
	if b.forget(); salt == [16]byte{} || b.salt != [16]byte{} || hits[0].visitor != [2]uint64{} {
		t.Error("salt or visitor are still there")
	}
}

// A log that becomes shorter while it is read, or cannot be read, is an error that names it.
func TestUnreadableLog(t *testing.T) {
	lines := logOf(16, 100)
	opened := 0
	shrinking := Source{Name: "shrinking.log", Open: func() (io.ReadCloser, error) {
		if opened++; opened > 1 {
			return source("", lines[:50]...).Open()
		}
		return source("", lines...).Open()
	}}
	for _, s := range []Source{
		shrinking, File("no/such.log"),
		{Name: "broken.gz", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(gzipped(t, lines...)[:300])), nil
		}},
	} {
		if _, err := Run(t.Context(), testConfig(t, newStore(), "UTC"), []Source{s}); err == nil ||
			!strings.Contains(err.Error(), strings.TrimPrefix(s.Name, "no/")) {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	cfg := testConfig(t, newStore(), "Local")
	if _, err := Run(t.Context(), cfg, []Source{source("log")}); err == nil {
		t.Error("a site without a time zone")
	}
}

// A batch is in canonical order, one row a cell, without zeros, and of at most MaxBatchRows.
func TestBatches(t *testing.T) {
	store := &batchChecker{memStore: newStore(), t: t}
	mustRun(t, testConfig(t, store, "UTC"), source("log", logOf(17, 500)...))
	mustRun(t, testConfig(t, store, "UTC"), source("log", logOf(17, 600)...))
	if store.batches < 4 {
		t.Errorf("%d batches", store.batches)
	}
}

type batchChecker struct {
	*memStore
	t       *testing.T
	batches int
}

func (c *batchChecker) Write(ctx context.Context, b schema.Batch) error {
	c.batches++
	if b.Token == "" || len(b.Rows) == 0 || len(b.Rows) > MaxBatchRows {
		c.t.Errorf("batch %q has %d rows", b.Token, len(b.Rows))
	}
	for i := range b.Rows {
		if b.Rows[i].Sums.IsZero() || i > 0 && b.Rows[i-1].Cell.Compare(&b.Rows[i].Cell) >= 0 {
			c.t.Errorf("row %d of %s is zero or out of order", i, b.Token)
		}
	}
	return c.memStore.Write(ctx, b)
}
