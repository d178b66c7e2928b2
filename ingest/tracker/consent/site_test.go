package consent_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/ingest/tracker"
	"turf/ingest/tracker/browsertest"
	"turf/ingest/tracker/consent"
)

// waitTimeout is how long anything awaited may take, on a busy machine.
const waitTimeout = 30 * time.Second

// call is a request of the opt-in path.
type call struct {
	method, path, auth string
	body               map[string]any
	key                string // Idempotency-Key
	at                 time.Time
}

// ledger speaks the wire of ingest/consent/WIRE.md: it grants what it is asked for and records everything. answer, where
// it is not nil, may answer in its place (0: it does not), and hold, where it is not nil, may hold a call back. It may be used
// by many goroutines.
type ledger struct {
	mu       sync.Mutex
	calls    []call
	changed  chan struct{} // closed and replaced at each call
	answer   func(c call) (status int, body any)
	hold     func(c call)
	config   map[string]any
	subjects int
}

func newLedger() *ledger {
	return &ledger{changed: make(chan struct{}), config: map[string]any{
		"site": "shop.test", "enabled": true, "notice_id": "sha256:one", "version": 1, "lang": "en", "nonce": "nonce-1",
		"texts": map[string]string{
			"title": "May we measure?", "body": "What and why.", "accept": "Accept all", "reject": "Reject all",
			"save": "Save my choice", "privacy": "Privacy",
		},
		"purposes": []map[string]any{
			{"id": "events", "text": "Pages and buttons"},
			{"id": "journeys", "text": "What belongs to one visit"},
			{"id": "heatmap", "text": "Where people click"},
		},
	}}
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key")
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<18))
	if err != nil {
		return // the client went away
	}
	c := call{
		method: r.Method, path: r.URL.Path, auth: r.Header.Get("Authorization"), key: r.Header.Get("Idempotency-Key"),
		at: time.Now(),
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &c.body); err != nil {
			c.path += " malformed " + string(text)
		}
	}
	if cookie := r.Header.Get("Cookie"); cookie != "" {
		c.path += " with cookies " + cookie
	}
	if l.hold != nil {
		l.hold(c)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	close(l.changed)
	l.changed = make(chan struct{})
	status, body := l.reply(c)
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body) // the client may be gone
	}
}

// reply answers a call. l.mu is held.
func (l *ledger) reply(c call) (status int, body any) {
	if l.answer != nil {
		if status, body = l.answer(c); status != 0 {
			return status, body
		}
	}
	now := time.Now()
	token := func() map[string]any {
		return map[string]any{
			"token": fmt.Sprintf("token-%d", l.subjects), "token_expires": now.Add(24 * time.Hour),
			"valid_until": now.AddDate(0, 6, 0),
		}
	}
	switch c.path {
	case "/v1/consent/config":
		return 200, l.config
	case "/v1/consent/events":
		if p, ok := c.body["purposes"].(map[string]any); !ok || len(p) == 0 {
			return 202, map[string]string{"state": "COUNTED"}
		}
		cid, _ := c.body["cid"].(string)
		if cid == "" {
			l.subjects++
			cid = fmt.Sprintf("cid-%d", l.subjects)
		}
		given := token()
		given["cid"], given["state"], given["storage"], given["purposes"] = cid, "GIVEN", true, c.body["purposes"]
		return 201, given
	case "/v1/consent/withdraw":
		return 204, nil
	case "/v1/consent/state":
		return 200, token()
	case "/v1/x/events":
		return 202, map[string]int{"accepted": 1}
	case "/v1/x/identify":
		return 204, nil
	}
	return 404, nil
}

// all are the calls so far to a path ("": to any), oldest first.
func (l *ledger) all(path string) []call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []call
	for _, c := range l.calls {
		if path == "" || c.path == path {
			out = append(out, c)
		}
	}
	return out
}

// chosen are the grants, or the refusals that are only counted.
func (l *ledger) chosen(grants bool) []call {
	return slices.DeleteFunc(l.all("/v1/consent/events"), func(c call) bool {
		p, _ := c.body["purposes"].(map[string]any)
		return len(p) > 0 != grants || !grants && c.body["action"] != "reject_all"
	})
}

// wait waits for the n-th call to a path, and returns it.
func (l *ledger) wait(t *testing.T, path string, n int) call {
	t.Helper()
	deadline := time.After(waitTimeout)
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if calls := l.all(path); len(calls) >= n {
			return calls[n-1]
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("call %d of %s never came; there were %v", n, path, l.paths())
		}
	}
}

func (l *ledger) paths() []string {
	var out []string
	for _, c := range l.all("") {
		out = append(out, c.path)
	}
	return out
}

// events are all events of the batches so far as lines: name, path and properties.
func (l *ledger) events(without ...string) []string {
	var out []string
	for _, c := range l.all("/v1/x/events") {
		events, _ := c.body["events"].([]any)
		for _, e := range events {
			e := e.(map[string]any)
			name := fmt.Sprint(e["n"])
			if slices.Contains(without, name) {
				continue
			}
			_, rest, _ := strings.Cut(fmt.Sprint(e["u"]), "://")
			_, path, _ := strings.Cut(rest, "/")
			line := name + " /" + path
			if p, ok := e["p"].(map[string]any); ok {
				text, err := json.Marshal(p)
				if err != nil {
					panic(err)
				}
				line += " " + strings.ReplaceAll(string(text), `\u003e`, ">")
			}
			out = append(out, line)
		}
	}
	return out
}

func (l *ledger) set(answer func(c call) (int, any)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = answer
}

func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = nil
}

// site is a web site with the counting script and the opt-in path's on each page, and both endpoints.
type site struct {
	t *testing.T
	*ledger
	counted *browsertest.Recorder
	// head is what a page has before the scripts, tag the opt-in path's tag, body what the page shows.
	head, tag, body string
	bundles         map[string]string
	base            string
	// real, where it is not nil, answers in place of the ledger.
	real http.Handler
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, ledger: newLedger(), counted: browsertest.NewRecorder(), bundles: map[string]string{}}
	mux := http.NewServeMux()
	own, other := consent.Handler(nil), tracker.Handler(nil)
	mux.HandleFunc("/js/", func(w http.ResponseWriter, r *http.Request) {
		if consent.IsScript(strings.TrimPrefix(r.URL.Path, "/js/")) {
			own.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		if s.real != nil {
			s.real.ServeHTTP(w, r)
			return
		}
		s.ledger.ServeHTTP(w, r)
	})
	mux.Handle("/api/event", s.counted)
	mux.HandleFunc("/fake/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		name := strings.TrimPrefix(r.URL.Path, "/fake/")
		if text, ok := s.bundles[name]; ok {
			_, _ = io.WriteString(w, text) // the browser may be gone
			return
		}
		http.ServeFile(w, r, filepath.Join("testdata", filepath.Base(name)+".js"))
	})
	mux.HandleFunc("/bare", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,">`) // the browser may be gone
	})
	mux.HandleFunc("/", s.page)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	s.base = "http://shop.localhost:" + port
	return s
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>%s</title><link rel="icon" href="data:,"><script src="/fake/page"></script>%s
<script defer data-domain="shop.test" src="/js/turf.js"></script>%s</head><body>%s</body></html>`,
		html.EscapeString(r.URL.Path), s.head, s.tag, s.body)
}

// tagOf is the opt-in path's tag.
func tagOf(script string, attributes ...string) string {
	return `<script defer data-domain="shop.test" src="/js/` + script + `" ` + strings.Join(attributes, " ") + `></script>`
}

// open loads a page as a visitor whom nobody knows, with nothing recorded before.
func (s *site) open(tab *browsertest.Tab, path string) {
	s.t.Helper()
	tab.Visit(s.base + "/bare")
	tab.Run(`localStorage.clear(); sessionStorage.clear();
		document.cookie.split('; ').forEach((c) => document.cookie = c.split('=')[0] + '=; max-age=0; path=/')`)
	s.forget()
	s.visit(tab, path)
}

// visit loads a page and waits until both scripts run.
func (s *site) visit(tab *browsertest.Tab, path string) {
	s.t.Helper()
	tab.Visit(s.base + path)
	tab.Until(`window.turf?.end && document.readyState == 'complete'`)
}

// state is what the script reads now.
func state(tab *browsertest.Tab) (now struct {
	Known, Answered bool
	Purposes        []string
},
) {
	tab.T.Helper()
	text := browsertest.Eval[string](tab, `turf.state().then((now) => JSON.stringify(now))`)
	if err := json.Unmarshal([]byte(text), &now); err != nil {
		tab.T.Fatal(err)
	}
	return now
}

// silent is that nothing was asked of the opt-in path, and that nothing of it is in the browser.
func (s *site) silent(tab *browsertest.Tab, when string) {
	s.t.Helper()
	state(tab) // all that follows from what was done before has happened
	for _, sent := range browsertest.Eval[[]string](tab, `sent`) {
		if !strings.HasPrefix(sent, "/api/event") {
			s.t.Errorf("%s: the page asked for %s", when, sent)
		}
	}
	for _, path := range s.paths() {
		s.t.Errorf("%s: %s was called", when, path)
	}
	s.nothingStored(tab, when)
}

func (s *site) nothingStored(tab *browsertest.Tab, when string) {
	s.t.Helper()
	if ours := browsertest.Eval[string](tab, `ours()`); ours != "" {
		s.t.Errorf("%s: the browser stores %s", when, ours)
	}
	if cookies := browsertest.Eval[string](tab, `document.cookie`); strings.Contains(cookies, "turf_") {
		s.t.Errorf("%s: the browser has cookies %s", when, cookies)
	}
}

// until waits for what a test looks at.
func (s *site) until(tab *browsertest.Tab, true func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(waitTimeout); !true(); {
		if time.Now().After(deadline) {
			s.t.Fatalf("never came; there were %v, %q", s.paths(), s.events())
		}
		tab.Run(`await new Promise((done) => setTimeout(done, 20))`)
	}
}

// flush has what waits sent, as when the page is left.
const flush = `dispatchEvent(new Event('pagehide'));`

// module is a script made of npm packages.
func (s *site) module(name, text string) {
	s.t.Helper()
	s.bundles[name] = browsertest.Bundle(s.t, browsertest.Managers(s.t), text)
}
