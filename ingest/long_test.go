package ingest

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/aggregate/pipeline"
	"turf/schema"
)

// longVariable names the environment variable that makes the tests of this file as long as they are meant to be, which
// takes some minutes. Without it they are short.
const longVariable = "TURF_LONG"

// rounds is how often a test does what it does.
func rounds(long, usual, short int) int {
	switch {
	case os.Getenv(longVariable) != "":
		return long
	case testing.Short():
		return short
	}
	return usual
}

// TestMutatedBodies sends bodies that are nearly right, wrong in one to three places: none is answered 5xx, none makes
// something that is not fit to be counted, and nothing grows.
func TestMutatedBodies(t *testing.T) {
	bodies := rounds(10_000_000, 40_000, 4_000)
	workers := runtime.GOMAXPROCS(0)
	agents, err := NewAgents() // its cache is empty
	if err != nil {
		t.Fatal(err)
	}
	atFirst := heapBytes()
	c, err := NewCollector(Config{
		Sites: testSites, Counter: &sampler{t: t}, Agents: agents, IngestKey: testKeys,
		Limits: Limits{RequestsPerSec: -1, SiteEventsPerSec: -1}, // or most would be refused before they are read
	})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	c.Register(e)
	statuses := make([]map[int]int, workers)
	send := func(part uint64) {
		var wg sync.WaitGroup
		for w := range workers {
			if statuses[w] == nil {
				statuses[w] = map[int]int{}
			}
			wg.Go(func() {
				m := &mutator{rand: rand.New(rand.NewPCG(part, uint64(w)))}
				for range bodies / workers / 10 {
					statuses[w][m.send(e)]++
				}
			})
		}
		wg.Wait()
	}
	began := time.Now()
	var heap [10]uint64 // after each tenth
	for part := range heap {
		send(uint64(part))
		heap[part] = heapBytes()
	}
	all, sum := map[int]int{}, 0
	for _, status := range statuses {
		for code, n := range status {
			all[code] += n
			sum += n
		}
	}
	t.Logf("%d bodies in %.1f s: answered %v; the heap had %d bytes, then %d",
		sum, time.Since(began).Seconds(), all, atFirst, heap)
	for code := range all {
		switch code {
		case http.StatusAccepted, http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("%d were answered %d", all[code], code)
		}
	}
	if all[http.StatusAccepted] < sum/20 || all[http.StatusBadRequest] < sum/20 {
		t.Error("the bodies are too right or too wrong to try anything")
	}
	if last := heap[len(heap)-1]; last > heap[0]+heapGrowth || last > atFirst+ingestMemory {
		t.Errorf("the heap has grown from %d to %d bytes", atFirst, heap)
	}
	runtime.KeepAlive(c)
	runtime.KeepAlive(agents)
}

// mutantSeeds are bodies of all kinds.
var mutantSeeds = []string{
	pageview,
	`{"name":"Sign up","url":"https://example.com/ann@example.org/%61?utm_source=a@b.c&ref=x#y","hashMode":1,` +
		`"props":{"mail":"a@b.c","x":"%40"}}`,
	`{"n":404,"u":"//example.com//a/../%2e%2e/0612345678","d":"example.com,shop.example.org","i":false}`,
	`{"n":"engagement","u":"https://example.com","sd":55,"e":12345,"p":"{\"a\":\"b\"}","v":36}`,
	`{"n":"Buy","u":"https://example.com/é","r":"https:\/\/www.google.com\/?q=\u00e9\ud83d\ude00",` +
		`"$":{"currency":"EUR","amount":"9.95"}}`,
	`{"n":"x","u":"https://example.com/","p":{"a":"b","n":1.5e3,"t":true,"z":null,"l":[1,{"b":[]}],"o":{"c":"d"}},` +
		`"w":1440,"wd":1}`,
	`[{"n":"x","u":"https://example.com/","ip":"203.0.113.7","ua":"Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",` +
		`"p":{"a":"b"}},` +
		`{"n":"pageview","u":"https://shop.example.org/y"}]`,
}

// mutantPieces are put into bodies.
var mutantPieces = []string{
	`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, `null`, `-`, `1e999`, `0.1`, `99999999999999999999`, `\u0000`, `\ud800`,
	"\x00", "\xff\xfe", "é", "😀",
	`"p":{`, `"u":"`, `"d":"a,b,c,`, `https://`, `//`, `%`, `%25%34%30`, `@`, `?utm_source=`, `#`, `../`,
	`:99999`, `[::1]`,
	"\n", " ", `,"n":"engagement"`,
	strings.Repeat("[", 40), strings.Repeat("x", 700), strings.Repeat("a,", 20), strings.Repeat("%", 300),
}

// mutantAgents and mutantHeaders go with the bodies.
var (
	mutantAgents  = []string{chromeAgent, firefoxAgent, robotAgent, "", "\xff(", strings.Repeat("(", 600)}
	mutantHeaders = []string{
		"", "Bearer key-1", "Bearer ", "text/plain", "?1", "1", "\xff", "1.1.1.1, 2001:db8::1", `"Chromium";v="137"`,
	}
)

// mutator makes bodies and sends them. It always makes the same ones of the same numbers.
type mutator struct {
	rand *rand.Rand
	body []byte
}

// mutate makes the next body.
func (m *mutator) mutate() []byte {
	pick := func(n int) int { return m.rand.IntN(n) }
	b := append(m.body[:0], mutantSeeds[pick(len(mutantSeeds))]...)
	for range 1 + pick(3) {
		from := pick(len(b) + 1)
		to := min(len(b), from+pick(12))
		switch pick(6) {
		case 0: // another byte
			if from < len(b) {
				b[from] = byte(pick(256))
			}
		case 1: // a bit of one
			if from < len(b) {
				b[from] ^= 1 << pick(8)
			}
		case 2: // without some
			b = append(b[:from], b[to:]...)
		case 3: // some of them twice
			b = append(b[:to], append([]byte(nil), b[from:]...)...)
		case 4: // with something between
			b = append(b[:from], mutantPieces[pick(len(mutantPieces))]+string(b[from:])...)
		case 5: // half of it, and half of another
			other := mutantSeeds[pick(len(mutantSeeds))]
			b = append(b[:from], other[pick(len(other)):]...)
		}
	}
	m.body = b
	return b
}

// send sends the next body, and returns the status.
func (m *mutator) send(e *echo.Echo) int {
	header := func() []string { return mutantHeaders[m.rand.IntN(len(mutantHeaders)):][:1] }
	body := string(m.mutate())
	req := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/api/event"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"User-Agent": {mutantAgents[m.rand.IntN(len(mutantAgents))]}, "X-Forwarded-For": header(), "Authorization": header(),
			"Sec-Ch-Ua": header(), "Dnt": header(),
		},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: "198.51.100.7:1",
	}
	var w statusWriter
	e.ServeHTTP(&w, req)
	return w.status
}

// statusWriter keeps the status of an answer only.
type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *statusWriter) WriteHeader(status int) { w.status = status }

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return len(b), nil
}

// sampler is a Counter that looks at one call in sampleEvery.
type sampler struct {
	emptyCounter
	t     *testing.T
	calls atomic.Uint64
}

const sampleEvery = 16

func (s *sampler) Submit(_ context.Context, events []aggregate.Event) error {
	if s.calls.Add(1)%sampleEvery == 0 {
		for i := range events {
			checkClean(s.t, &events[i])
		}
	}
	return nil
}

// The limits of TestNewEverything.
const (
	// visitorBytes is what a visitor of the day with three pages may take (the budget of package aggregate).
	visitorBytes = 160
	// valuesBytes is what all values and cells of one site's day may take, of which each dimension and each cube has a
	// limited number, and the journal's segment. A million of each without those limits would be ten times as much.
	valuesBytes = 32 << 20
)

// TestNewEverything sends hits of which each has a visitor, an agent, a path, a source and properties that were never
// there before, through all there is to the journal. What is kept of values stays within its limits; what is kept of
// visitors, within the budget of each.
func TestNewEverything(t *testing.T) {
	hits := rounds(1_000_000, 10_000, 1_000)
	agents, err := NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	memory, began := memoryDir(t), time.Now()
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return noon.Add(time.Since(began)) } // no midnight comes
	atFirst := heapBytes()
	pipe, err := pipeline.Open(t.Context(), pipeline.Config{
		Dir: t.TempDir(), MemoryDir: memory, Sink: discard{}, Clock: clock,
		Journal: journal.Options{Sync: journal.SyncOS},
		Random:  rand.NewChaCha8([32]byte{1}),
		Sites: func(id schema.SiteID) (schema.Site, bool) {
			return schema.Site{ID: id, Domain: "example.com", Timezone: "UTC"}, id == 1
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCollector(Config{Sites: testSites, Counter: pipe, Agents: agents, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	c.Register(e)
	var bytes [2]uint64 // after each half
	for half := range bytes {
		sendNew(t, e, half*hits/2, (half+1)*hits/2)
		if err := pipe.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		tables := fileBytes(t, memory)
		bytes[half] = heapBytes() - atFirst + tables
		t.Logf("%d hits, %d visitors: %d bytes, of which %d of the visitor table; %.1f s",
			(half+1)*hits/2, pipe.Stats().Visitors, bytes[half], tables, time.Since(began).Seconds())
	}
	visitors := uint64(pipe.Stats().Visitors)
	if visitors != uint64(hits) {
		t.Errorf("%d visitors, want %d", visitors, hits)
	}
	if most := visitors*visitorBytes + valuesBytes + ingestMemory; bytes[1] > most {
		t.Errorf("%d bytes, want at most %d", bytes[1], most)
	}
	if err := pipe.Close(t.Context()); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(c)
	runtime.KeepAlive(agents)
}

// memoryDir is a folder of a memory-backed file system for the visitor table, whose size is then that of its files.
func memoryDir(t *testing.T) string {
	t.Helper()
	parent, ok := pipeline.MemoryDir(os.Getenv)
	if !ok {
		t.Skip("there is no memory-backed file system, by which the visitor table is measured")
	}
	dir, err := os.MkdirTemp(parent, "turf-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// sendNew sends the hits from one number to another, many at once as browsers do, so that the journal takes groups.
func sendNew(t *testing.T, e *echo.Echo, from, to int) {
	t.Helper()
	const clients = 128
	var next, wrong atomic.Int64
	next.Store(int64(from))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < to; i = int(next.Add(1)) - 1 {
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, randomHit(i))
				if rec.Code != http.StatusAccepted {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d hits were not accepted", n)
	}
}

// discard takes batches and forgets them.
type discard struct{}

func (discard) Write(context.Context, schema.Batch) error { return nil }

// fileBytes is the size of all files in a folder.
func fileBytes(t *testing.T, dir string) (sum uint64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return fmt.Errorf("size of %s: %w", d.Name(), err)
		}
		sum += uint64(info.Size())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
