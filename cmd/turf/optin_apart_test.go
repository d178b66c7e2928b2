package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// statements are those that a server sent to its database.
type statements struct {
	url string
	mu  sync.Mutex
	all []string
}

// recordStatements is a database server that remembers what it was asked.
func recordStatements(t *testing.T) *statements {
	t.Helper()
	target, err := url.Parse(newDatabaseServer(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := &statements{}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the server went away
		}
		text := r.URL.Query().Get("query")
		if text == "" {
			text = string(body)
		}
		s.mu.Lock()
		s.all = append(s.all, text)
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	s.url = front.URL + "/turf"
	return s
}

// The tables of the two paths in a statement.
var (
	namesCounts    = regexp.MustCompile(`\bcounts(_local)?\b`)
	namesConsented = regexp.MustCompile(`\bconsented_\w+`)
)

func namedPaths(statement string) (counting, consented bool) {
	return namesCounts.MatchString(statement), namesConsented.MatchString(statement)
}

// TestNextAudit: once a night, also when one has just begun.
func TestNextAudit(t *testing.T) {
	for now, want := range map[string]string{
		"2026-11-25T02:59:59Z": "2026-11-25T03:00:00Z", "2026-11-25T03:00:00Z": "2026-11-26T03:00:00Z",
		"2026-11-30T23:00:00Z": "2026-12-01T03:00:00Z", "2026-11-25T03:30:00+01:00": "2026-11-25T03:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := nextAudit(at).Format(time.RFC3339); got != want {
			t.Errorf("after %s it is %s, want %s", now, got, want)
		}
	}
}

// TestPathsShareNothing (L10, P8): of all statements that a server sends to its database while it counts, asks, reports,
// exports, erases, verifies and removes, none names tables of both paths.
func TestPathsShareNothing(t *testing.T) {
	in := install(t)
	db := recordStatements(t)
	where := []string{"--clickhouse", db.url}
	turf := func(args ...string) { t.Helper(); in.must(nil, append(args, where...)...) }
	turf("site", "add", "example.com", "--timezone", quietZone())
	server := in.serve(where...)
	notice := in.optIn("example.com", where...)
	key := in.key("example.com")
	server.mustSend(visit{Domain: "example.com", URL: "https://example.com/"})
	who, other := server.agree("example.com", notice, "events", "journeys", "heatmap"), server.agree("example.com", notice, "events")
	for _, p := range []person{who, other} {
		server.mustCall(http.MethodPost, "/v1/x/events", p.Token, pageBatch("https://example.com/"), http.StatusAccepted)
	}
	server.mustCall(http.MethodPost, "/v1/x/events", who.Token,
		`{"heat":[{"u":"https://example.com/","k":"click","w":1280,"x":12,"y":40,"n":1}]}`, http.StatusAccepted)
	server.awaitPageviews(key, 1)
	for path, question := range map[string]string{
		"/api/v1/reports/funnel":    `"steps":[{"page":"/"},{"event":"Signup"}],"weight":true`,
		"/api/v1/reports/retention": `"unit":"day"`,
		"/api/v1/reports/journeys":  `"anchor":{"page":"/"}`,
		"/api/v1/reports/clicks":    `"page":"/"`,
		"/api/v1/reports/heatmap":   `"page":"/"`,
	} {
		server.askReport(key, path, `{"site_id":"example.com","date_range":"day",`+question+`}`)
	}
	if len(server.export("example.com", who.CID)["event"]) != 1 {
		t.Error("the export has no row")
	}
	turf("query", "--by", "event:page", "--range", "day")
	turf("verify")
	server.mustCall(http.MethodPost, "/v1/consent/withdraw", other.Token, "", http.StatusNoContent)
	turf("consent", "erase", who.CID)
	turf("site", "remove", "example.com", "--yes")
	server.stop()

	if a, b := namedPaths("SELECT 1 FROM turf.counts AS c JOIN consented_events USING site_id"); !a || !b {
		t.Error("a statement of both paths would not be found")
	}
	counting, consented := 0, 0
	for _, text := range db.all {
		a, b := namedPaths(text)
		if a && b {
			t.Errorf("a statement names tables of both paths: %s", text)
		}
		if a {
			counting++
		}
		if b {
			consented++
		}
	}
	t.Logf("%d statements: %d of the counting path, %d of the opt-in path", len(db.all), counting, consented)
	if counting < 10 || consented < 10 {
		t.Error("too few statements were seen")
	}
}

// askReport asks a report. Which question is right is not what this test is about, only that the server asks its database.
func (p *process) askReport(key, path, question string) {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.url+path, strings.NewReader(question))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	if status, body := answer(p.t, res); status != http.StatusOK {
		p.t.Errorf("%s %s: %d %s", path, question, status, body)
	}
}
