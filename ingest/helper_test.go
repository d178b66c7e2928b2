package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/labstack/echo/v4"

	"turf/aggregate"
	"turf/schema"
)

// Agents of browsers and of a robot.
const (
	chromeAgent  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36"
	firefoxAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	robotAgent   = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
)

// sharedAgents is made once: it takes some 30 ms and never changes but for its cache.
var sharedAgents = sync.OnceValues(NewAgents)

func testAgents(t testing.TB) *Agents {
	t.Helper()
	a, err := sharedAgents()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// testSites are the sites that tests know.
func testSites(domain string) (schema.Site, bool) {
	switch domain {
	case "example.com":
		return schema.Site{ID: 1, Domain: domain, Timezone: "Europe/Amsterdam"}, true
	case "shop.example.org":
		return schema.Site{ID: 2, Domain: domain, Timezone: "UTC"}, true
	case "example.com/blog":
		return schema.Site{ID: 3, Domain: domain, Timezone: "Asia/Kathmandu"}, true
	case "www.example.com": // as clickhouse.Sites does
		return testSites("example.com")
	}
	return schema.Site{}, false
}

func testSteps(t testing.TB, counter Counter) *Steps {
	t.Helper()
	s, err := NewSteps(testSites, testAgents(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.counter = counter
	return s
}

// recorder is a Counter that keeps what it is given.
type recorder struct {
	mu     sync.Mutex
	events []aggregate.Event
	calls  int
	salts  int
	fail   func(call int) error // of Submit
}

// saltOf is the salt of a site's day in tests.
func saltOf(site schema.SiteID, day schema.Day) [16]byte {
	return [16]byte{byte(site), byte(day), byte(day >> 8), 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
}

func (r *recorder) Salt(id schema.SiteID, at time.Time) (salt [16]byte, day schema.Day, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.salts++
	day = schema.DayOf(at, time.UTC)
	return saltOf(id, day), day, nil
}

func (r *recorder) Submit(_ context.Context, events []aggregate.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.fail != nil {
		if err := r.fail(r.calls); err != nil {
			return err
		}
	}
	for _, ev := range events {
		ev.Props = append([]aggregate.Prop(nil), ev.Props...)
		for i := range ev.Values {
			ev.Values[i] = strings.Clone(ev.Values[i])
		}
		r.events = append(r.events, ev)
	}
	return nil
}

// take returns the events since the last call.
func (r *recorder) take() []aggregate.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// testServer is a collector behind echo on a real port.
type testServer struct {
	*httptest.Server
	counter *recorder
	c       *Collector
	echo    *echo.Echo
}

// newServer starts a collector. change may change its configuration.
func newServer(t testing.TB, change func(*Config)) *testServer {
	t.Helper()
	s := &testServer{counter: &recorder{}}
	cfg := Config{Sites: testSites, Counter: s.counter, Agents: testAgents(t)}
	if change != nil {
		change(&cfg)
	}
	var err error
	if s.c, err = NewCollector(cfg); err != nil {
		t.Fatal(err)
	}
	s.echo = echo.New()
	s.c.Register(s.echo)
	s.Server = httptest.NewServer(s.echo)
	t.Cleanup(s.Close)
	return s
}

// reply is an answer of the server.
type reply struct {
	status int
	header http.Header
	body   string
}

// post sends a body to /api/event as a browser would; headers are "Name: value" and come on top.
func (s *testServer) post(t testing.TB, body string, headers ...string) reply {
	t.Helper()
	return s.do(t, http.MethodPost, "/api/event", body, headers...)
}

func (s *testServer) do(t testing.TB, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", chromeAgent)
	req.Header.Set("Content-Type", "text/plain")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

// accept sends a body that must be accepted, and returns its events.
func (s *testServer) accept(t testing.TB, body string, headers ...string) []aggregate.Event {
	t.Helper()
	if r := s.post(t, body, headers...); r.status != http.StatusAccepted {
		t.Fatalf("%.300s: %d %s", body, r.status, r.body)
	}
	return s.counter.take()
}

// acceptOne sends a body that must become one event.
func (s *testServer) acceptOne(t testing.TB, body string, headers ...string) aggregate.Event {
	t.Helper()
	events := s.accept(t, body, headers...)
	if len(events) != 1 {
		t.Fatalf("%.300s: %d events", body, len(events))
	}
	return events[0]
}

func testClient(address, agent string) client {
	return newClient(&identity{addr: netip.MustParseAddr(address), agent: agent})
}

func prop(name, value string) aggregate.Prop { return aggregate.Prop{Name: name, Value: value} }

// invalidField is the field of an *InvalidError, or "".
func invalidField(err error) string {
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return invalid.Field
	}
	return ""
}
