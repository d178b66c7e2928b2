package importer

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"turf/ingest"
	"turf/schema"
)

// sharedSteps are those of all tests: reading the lists takes a while.
var sharedSteps = sync.OnceValues(func() (*ingest.Steps, error) {
	agents, err := ingest.NewAgents()
	if err != nil {
		return nil, err
	}
	return ingest.NewSteps(nil, agents, nil, nil)
})

func testSteps(t testing.TB) Steps {
	t.Helper()
	steps, err := sharedSteps()
	if err != nil {
		t.Fatal(err)
	}
	return NewSteps(steps)
}

var errStore = errors.New("the database is away")

// memStore keeps what an import writes. It drops a batch whose token it has, as the database does.
type memStore struct {
	records map[string]Record
	tokens  map[string]bool
	totals  map[schema.Cell]schema.Deltas
	calls   int
	failAt  int  // the call that fails, from 1; 0 for none
	lies    bool // the call that fails does what it was asked to do
}

func newStore() *memStore {
	return &memStore{records: map[string]Record{}, tokens: map[string]bool{}, totals: map[schema.Cell]schema.Deltas{}}
}

// call does one call, or fails.
func (s *memStore) call(do func()) error {
	s.calls++
	fails := s.calls == s.failAt
	if !fails || s.lies {
		do()
	}
	if fails {
		return errStore
	}
	return nil
}

func (s *memStore) Imports(_ context.Context, site schema.SiteID) (records []Record, err error) {
	return records, s.call(func() {
		for _, id := range slices.Sorted(maps.Keys(s.records)) {
			if r := s.records[id]; r.Site == site {
				r.Days, r.Digests = maps.Clone(r.Days), maps.Clone(r.Digests)
				records = append(records, r)
			}
		}
	})
}

func (s *memStore) PutImport(_ context.Context, r Record) error {
	return s.call(func() {
		r.Days, r.Digests = maps.Clone(r.Days), maps.Clone(r.Digests)
		s.records[r.ID()] = r
	})
}

func (s *memStore) Write(_ context.Context, b schema.Batch) error {
	return s.call(func() {
		if s.tokens[b.Token] {
			return
		}
		s.tokens[b.Token] = true
		for _, row := range b.Rows {
			sums := s.totals[row.Cell]
			if sums.Add(&row.Sums); sums.IsZero() {
				delete(s.totals, row.Cell)
				continue
			}
			s.totals[row.Cell] = sums
		}
	})
}

// testNow is when the imports of tests are made.
var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func testConfig(t testing.TB, store Store, zone string) Config {
	t.Helper()
	return Config{
		Site:  schema.Site{ID: 4, Domain: "example.com", Timezone: zone},
		Steps: testSteps(t), Store: store, Now: testNow,
	}
}

// source is a log with these lines.
func source(name string, lines ...string) Source {
	text := strings.Join(lines, "\n") + "\n"
	if len(lines) == 0 {
		text = ""
	}
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func gzipped(t testing.TB, lines ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, strings.Join(lines, "\n")+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mustRun imports and holds what every import holds.
func mustRun(t testing.TB, cfg Config, sources ...Source) Summary {
	t.Helper()
	sum, err := Run(t.Context(), cfg, sources)
	if err != nil {
		t.Fatal(err)
	}
	checkSummary(t, &sum)
	return sum
}

func checkSummary(t testing.TB, sum *Summary) {
	t.Helper()
	dropped := 0
	for _, n := range sum.Dropped {
		dropped += n
	}
	if sum.Lines != sum.Pages+dropped || sum.Counted > sum.Pages {
		t.Errorf("%d lines, %d pages, %d counted, dropped %v", sum.Lines, sum.Pages, sum.Counted, sum.Dropped)
	}
}

// wantTotals compares two stores, cell by cell.
func wantTotals(t testing.TB, what string, got, want *memStore) {
	t.Helper()
	if diff := cmp.Diff(want.totals, got.totals); diff != "" {
		if len(diff) > 2000 {
			diff = diff[:2000] + "…"
		}
		t.Errorf("%s: other totals (-want +got):\n%s", what, diff)
	}
}

// logOf makes a log of some days from a seed: visitors with several visits, IPv4, IPv6 and host names, robots, assets, errors, broken
// lines, offsets of several zones, a change of the clock (2026-10-25), and lines out of order by some minutes.
func logOf(seed uint64, pages int) []string {
	rnd := rand.New(rand.NewPCG(seed, 1))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "-",
	}
	hosts := []string{"203.0.113.%d", "198.51.100.%d", "2001:db8:0:%d::1", "2001:db8:0:%d::2", "host%d.example"}
	zones := []*time.Location{time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", 5*3600+45*60), time.FixedZone("", -7*3600)}
	at := time.Date(2026, 10, 23, 20, 0, 0, 0, time.UTC)
	var lines []string
	host, agent := "203.0.113.1", agents[0]
	for range pages {
		at = at.Add(time.Duration(rnd.ExpFloat64() * float64(4*24*time.Hour) / float64(pages)))
		if rnd.IntN(3) == 0 {
			host = fmt.Sprintf(hosts[rnd.IntN(len(hosts))], rnd.IntN(4))
			agent = agents[min(rnd.IntN(3*len(agents)), len(agents)-1)*rnd.IntN(2)]
		}
		shown := at.Add(-time.Duration(rnd.IntN(300)) * time.Second).In(zones[rnd.IntN(len(zones))])
		request := pick("GET / HTTP/1.1", "GET /a HTTP/1.1", "GET /a/b?x=1 HTTP/1.1", "GET /user/ann@example.org HTTP/1.1",
			"GET /a?utm_source=news&utm_campaign=may HTTP/2.0", "GET /a?y HTTP/1.1", "GET /b HTTP/1.1",
			"GET / HTTP/1.1", "GET /logo.png HTTP/1.1", "POST /form HTTP/1.1")
		status := pick("200", "200", "200", "200", "304", "404")
		referrer := pick("-", "-", "https://www.google.com/", "https://example.com/a", "https://news.example.net/x")
		line := fmt.Sprintf(`%s - - [%s] "%s" %s 512 "%s" "%s"`, host, shown.Format(timeLayout), request, status, referrer, agent)
		if rnd.IntN(50) == 0 {
			line = line[:rnd.IntN(len(line))]
		}
		lines = append(lines, line)
	}
	return lines
}
