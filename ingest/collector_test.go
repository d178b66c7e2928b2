package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"turf/aggregate"
	"turf/schema"
)

// pageview is the body of a page view, as a tracker sends it.
const pageview = `{"n":"pageview","u":"https://example.com/a","d":"example.com","r":null}`

// What is answered: status, headers and the sites whose event was counted.
func TestAnswers(t *testing.T) {
	const robot = "User-Agent: " + robotAgent
	tests := map[string]struct {
		body    string
		headers []string
		status  int
		dropped string // "n reason"
		sites   []schema.SiteID
		answer  string // a part of the body
	}{
		"accepted":              {body: pageview, status: 202, sites: []schema.SiteID{1}, answer: "ok"},
		"without a domain":      {body: `{"n":"pageview","u":"https://example.com/a"}`, status: 202, sites: []schema.SiteID{1}},
		"with www":              {body: `{"n":"pageview","u":"https://www.example.com/a"}`, status: 202, sites: []schema.SiteID{1}},
		"a folder":              {body: `{"n":"pageview","u":"https://example.com/blog/x","d":"example.com/blog"}`, status: 202, sites: []schema.SiteID{3}},
		"unknown site":          {body: `{"n":"pageview","u":"https://example.net/a"}`, status: 202, dropped: "1 unknown_site", answer: "ok"},
		"robot":                 {body: pageview, headers: []string{robot}, status: 202, dropped: "1 robot", answer: "ok"},
		"two sites":             {body: `{"n":"a","u":"https://example.com/","d":"example.com,shop.example.org"}`, status: 202, sites: []schema.SiteID{1, 2}},
		"two sites, spaces":     {body: `{"n":"a","u":"https://example.com/","d":" Example.com , ,shop.example.org,"}`, status: 202, sites: []schema.SiteID{1, 2}},
		"one site, two names":   {body: `{"n":"a","u":"https://example.com/","d":"example.com,www.example.com,example.com"}`, status: 202, sites: []schema.SiteID{1}},
		"one of two unknown":    {body: `{"n":"a","u":"https://example.com/","d":"example.net,example.com"}`, status: 202, sites: []schema.SiteID{1}, dropped: "1 unknown_site"},
		"two unknown":           {body: `{"n":"a","u":"https://example.com/","d":"example.net,example.nu"}`, status: 202, dropped: "2 unknown_site"},
		"two unknown and robot": {body: `{"n":"a","u":"https://example.com/","d":"example.net,example.com,a.b"}`, headers: []string{robot}, status: 202, dropped: "3 unknown_site, robot"},
		"invalid":               {body: `{"n":"a"}`, status: 400, answer: `{"errors":{"url":["is required"]}}`},
		"no JSON":               {body: `n=a&u=b`, status: 400, answer: `{"errors":{"request":["`},
		"empty":                 {body: ``, status: 400, answer: `{"errors":{"request":["`},
		"1,000,000 bytes":       {body: pageview + strings.Repeat(" ", 1_000_000-len(pageview)), status: 202, sites: []schema.SiteID{1}},
		"1,000,001 bytes":       {body: pageview + strings.Repeat(" ", 1_000_001-len(pageview)), status: 413, answer: `{"error":"`},
	}
	s := newServer(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := s.post(t, tt.body, tt.headers...)
			var sites []schema.SiteID
			for _, ev := range s.counter.take() {
				sites = append(sites, ev.Site)
			}
			if r.status != tt.status || !strings.Contains(r.body, tt.answer) || !slices.Equal(sites, tt.sites) {
				t.Errorf("%d %s, counted for %v", r.status, r.body, sites)
			}
			dropped := strings.TrimSpace(r.header.Get("X-Plausible-Dropped") + " " + r.header.Get("X-Turf-Dropped"))
			if dropped != tt.dropped {
				t.Errorf("dropped %q, want %q", dropped, tt.dropped)
			}
			if r.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a page of another origin may not read the answer")
			}
		})
	}
}

// Events of several sites are one call of the Counter: all are counted or none.
func TestSeveralSitesAreOneSubmit(t *testing.T) {
	s := newServer(t, nil)
	events := s.accept(t, `{"n":"x","u":"https://example.com/","d":"example.com,shop.example.org","p":{"a":"b"}}`)
	if s.counter.calls != 1 || len(events) != 2 || events[0].Visitor == events[1].Visitor {
		t.Fatalf("%d calls, %d events", s.counter.calls, len(events))
	}
	for _, ev := range events {
		if !slices.Equal(ev.Props, []aggregate.Prop{prop("a", "b")}) || ev.Values[schema.EventName] != "x" {
			t.Errorf("site %d: %v", ev.Site, ev)
		}
	}
}

// What the Counter cannot count is answered 503, and is not forgotten by the client; a day that is over is tried again.
func TestCounterFails(t *testing.T) {
	tests := map[string]struct {
		fail   []error // of the first calls of Submit
		status int
		calls  int
		logged bool
	}{
		"busy":                {[]error{ErrBusy}, 503, 1, false},
		"midnight":            {[]error{ErrDayOver}, 202, 2, false},
		"midnight, twice":     {[]error{ErrDayOver, ErrDayOver}, 202, 3, false},
		"no end to midnights": {[]error{ErrDayOver, ErrDayOver, ErrDayOver, nil}, 503, 3, false},
		"busy after midnight": {[]error{ErrDayOver, ErrBusy}, 503, 2, false},
		"something else":      {[]error{errors.New("disk on fire")}, 503, 1, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := newServer(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			s.counter.fail = func(call int) error {
				if call <= len(tt.fail) {
					return tt.fail[call-1]
				}
				return nil
			}
			r := s.post(t, pageview)
			counted := len(s.counter.take())
			if r.status != tt.status || s.counter.calls != tt.calls || (counted == 1) != (tt.status == 202) {
				t.Errorf("%d %s after %d calls, %d counted", r.status, r.body, s.counter.calls, counted)
			}
			if (r.header.Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
			}
			if s.counter.salts != tt.calls {
				t.Errorf("%d salts for %d calls: a salt was used twice", s.counter.salts, tt.calls)
			}
			if (log.Len() > 0) != tt.logged || strings.Contains(r.body, "fire") {
				t.Errorf("logged %q, answered %q", log.String(), r.body)
			}
		})
	}
}

func TestLimitsAreAnswered429(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	now := func() time.Time { return noon }
	from := func(address string) string { return "X-Forwarded-For: " + address }
	refused := func(s *testServer, headers ...string) (n int) {
		for range 10 {
			r := s.post(t, pageview, headers...)
			if r.status == http.StatusTooManyRequests && r.header.Get("Retry-After") != "" {
				n++
			}
		}
		if counted := len(s.counter.take()); counted+n != 10 {
			t.Errorf("%d counted, %d refused", counted, n)
		}
		return n
	}
	s := newServer(t, func(c *Config) { c.TrustedProxies, c.Limits.RequestsPerSec, c.Now = proxy, 1, now })
	for _, step := range []struct {
		address string
		want    int
	}{{"198.51.100.7", 5}, {"198.51.100.7", 10}, {"198.51.100.8", 5}, {"10.0.0.1", 0}} {
		if n := refused(s, from(step.address)); n != step.want {
			t.Errorf("%s: %d refused, want %d", step.address, n, step.want)
		}
	}
	s = newServer(t, func(c *Config) { c.TrustedProxies, c.Limits.SiteEventsPerSec, c.Now = proxy, 1, now })
	if n := refused(s) + refused(s, from("198.51.100.7")); n != 15 {
		t.Errorf("%d events of the site refused, want 15", n)
	}
}

// A visitor's page views beyond the rate are dropped, and nothing else is.
func TestRateOfVisitor(t *testing.T) {
	now := noon
	s := newServer(t, func(c *Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Limits.VisitorPageviewsPerMin, c.Now, c.IngestKey = 20, func() time.Time { return now }, testKeys
	})
	const from, other = "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 198.51.100.8"
	event := `{"n":"x","u":"https://example.com/a"}`
	keyed := `{"n":"pageview","u":"https://example.com/a","ip":"198.51.100.7","ua":"` + chromeAgent + `"}`
	for i, step := range []struct {
		wait    time.Duration
		body    string
		headers []string
		counted int // of 30
	}{
		{0, pageview, []string{from}, 20},
		{0, pageview, []string{other}, 20},
		{0, pageview, []string{from, "User-Agent: " + firefoxAgent}, 20},
		{0, event, []string{from}, 30},
		{0, keyed, []string{from, "Authorization: Bearer key-1"}, 30},
		{0, pageview, []string{"X-Forwarded-For: 10.0.0.1"}, 30}, // somebody's proxy, and many behind it
		{0, pageview, []string{from}, 0},
		{30 * time.Second, pageview, []string{from}, 10},
		{time.Hour, pageview, []string{from}, 20},
	} {
		now = now.Add(step.wait)
		dropped := 0
		for range 30 {
			if s.post(t, step.body, step.headers...).header.Get("X-Turf-Dropped") == "rate" {
				dropped++
			}
		}
		if n := len(s.counter.take()); n != step.counted || n+dropped != 30 {
			t.Errorf("step %d: %d counted, %d dropped, want %d counted", i, n, dropped, step.counted)
		}
	}
}

func TestDebugRequest(t *testing.T) {
	const debug = "X-Debug-Request: true"
	on := newServer(t, func(c *Config) {
		c.DebugRequests, c.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	if r := on.post(t, pageview, debug, "X-Forwarded-For: 1.1.1.1, 198.51.100.7"); r.status != 200 || r.body != "198.51.100.7" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := len(on.counter.take()); n != 0 {
		t.Errorf("%d events counted", n)
	}
	if r := newServer(t, nil).post(t, pageview, debug); r.status != 202 || r.body != "ok" {
		t.Errorf("not asked for: %d %s", r.status, r.body)
	}
}

func TestScriptsAreServed(t *testing.T) {
	s := newServer(t, nil)
	for path, want := range map[string]int{
		"/js/turf.js": 200, "/js/script.hash.js": 200, "/js/turf-example.com.js": 200, "/js/turf-example.net.js": 404, "/js/x.js": 404,
	} {
		r := s.do(t, http.MethodGet, path, "")
		if r.status != want || r.header.Get("Access-Control-Allow-Origin") != "*" ||
			want == 200 && !strings.HasPrefix(r.header.Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
	}
}

// slowBody is a body that breaks off.
type slowBody struct{ *strings.Reader }

func (b slowBody) Read(p []byte) (int, error) {
	if b.Len() == 0 {
		return 0, errors.New("connection reset")
	}
	return b.Reader.Read(p[:1])
}

// A body that comes byte by byte is one body; one that does not end is 400, whatever its length was said to be.
func TestBodyInPieces(t *testing.T) {
	s := newServer(t, nil)
	for length, want := range map[int64]int{int64(len(pageview)): 400, -1: 400, 1 << 40: 413} {
		req := httptest.NewRequest(http.MethodPost, "/api/event", slowBody{strings.NewReader(pageview)})
		req.Header.Set("User-Agent", chromeAgent)
		req.ContentLength = length
		rec := httptest.NewRecorder()
		s.echo.ServeHTTP(rec, req)
		if rec.Code != want || len(s.counter.take()) != 0 {
			t.Errorf("length %d: %d %s", length, rec.Code, rec.Body)
		}
	}
}

// Errors are JSON that names the field.
func TestErrorShape(t *testing.T) {
	r := newServer(t, nil).post(t, `{"n":"`+strings.Repeat("x", 121)+`","u":"https://example.com/"}`)
	var got struct{ Errors map[string][]string }
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Errors["name"]) != 1 {
		t.Errorf("%s: %v", r.body, err)
	}
	if !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
		t.Errorf("Content-Type %s", r.header.Get("Content-Type"))
	}
}

// nothing is a ResponseWriter that keeps nothing.
type nothing struct{ h http.Header }

func (n nothing) Header() http.Header         { return n.h }
func (n nothing) Write(b []byte) (int, error) { return len(b), nil }
func (n nothing) WriteHeader(int)             {}

// emptyCounter counts nothing and allocates nothing.
type emptyCounter struct{}

func (emptyCounter) Salt(schema.SiteID, time.Time) (salt [16]byte, day schema.Day, err error) {
	return salt, 20000, nil
}
func (emptyCounter) Submit(context.Context, []aggregate.Event) error { return nil }

// The price of a hit in allocations, beyond those of echo with a handler that answers 202. The limit is the issue's.
func TestAllocations(t *testing.T) {
	const limit = 12
	bare := echo.New()
	bare.POST("/api/event", func(c echo.Context) error { return c.NoContent(http.StatusAccepted) })
	settings := &schema.Settings{
		Profile: "strict", ExcludeAddresses: []string{"203.0.113.0/24", "2001:db8::/32"}, ExcludeCountries: []string{"AQ"},
		ExcludePages: []string{"/admin/**", "/login"}, Hostnames: []string{"example.com", "*.example.com"}, FoldPaths: []string{"/a/*"},
	}
	full := map[string]*echo.Echo{}
	for name, s := range map[string]*schema.Settings{"": nil, ", with settings": settings} {
		limits := Limits{RequestsPerSec: -1, VisitorPageviewsPerMin: 1_000_000}
		c, err := NewCollector(Config{
			Sites: sitesWith(s), Counter: emptyCounter{}, Agents: testAgents(t), Limits: limits, DataCenters: testCentres(t),
		})
		if err != nil {
			t.Fatal(err)
		}
		full[name] = echo.New()
		c.Register(full[name])
	}
	for name, body := range map[string]string{
		"page view": pageview,
		"with tags": `{"n":"pageview","u":"https://example.com/a?utm_source=news&utm_medium=email&utm_campaign=may&x=1","d":"example.com","r":"https://www.google.com/"}`,
		"custom":    `{"n":"Sign up","u":"https://example.com/a/b/c","d":"example.com","p":{"plan":"pro","seats":5},"r":"https://t.co/x"}`,
		"dropped":   `{"n":"pageview","u":"https://example.net/a","d":"example.net"}`,
	} {
		run := func(e *echo.Echo) float64 {
			reader := strings.NewReader(body)
			req := httptest.NewRequest(http.MethodPost, "/api/event", reader)
			req.Header.Set("User-Agent", chromeAgent)
			req.RemoteAddr = "81.2.69.160:1"
			for _, h := range chromeHeaders {
				name, value, _ := strings.Cut(h, ": ")
				req.Header.Set(name, value)
			}
			w := nothing{http.Header{}}
			return testing.AllocsPerRun(200, func() {
				reader.Reset(body)
				clear(w.h)
				e.ServeHTTP(w, req)
			})
		}
		for with, e := range full {
			if n := run(e) - run(bare); n > limit {
				t.Errorf("%s%s: %v allocations, at most %d", name, with, n, limit)
			} else {
				t.Logf("%s%s: %v allocations", name, with, n)
			}
		}
	}
}

// The scripts and events are also at a path of the owner's choice, beside the usual one.
func TestScriptPath(t *testing.T) {
	s := newServer(t, func(c *Config) { c.ScriptPath = "/numbers" })
	for path, want := range map[string]string{
		"/numbers/turf.js": `"/numbers/event"`, "/numbers/turf-example.com.js": `"/numbers/event"`, "/js/turf.js": `"/api/event"`,
		"/numbers/turf.js.sri": "sha384-",
	} {
		r := s.do(t, http.MethodGet, path, "")
		if r.status != http.StatusOK || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d without %s", path, r.status, want)
		}
	}
	for _, path := range []string{"/numbers/event", "/api/event"} {
		r := s.do(t, http.MethodPost, path, pageview)
		if n := len(s.counter.take()); r.status != http.StatusAccepted || n != 1 {
			t.Errorf("%s: %d, %d events", path, r.status, n)
		}
	}
	for path, ok := range map[string]bool{
		"/numbers": true, "/a/b-c": true, "/A_1": true, "numbers": false, "/": false, "": false, "/n/": false, "/n//m": false, "/n*": false,
		"/:n": false, "/api/x": false, "/js": false, "/share": false, "/example.com": false,
		"/" + strings.Repeat("n", maxScriptPathBytes): false,
	} {
		if err := CheckScriptPath(path); (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
}
