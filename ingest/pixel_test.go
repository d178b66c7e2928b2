package ingest

import (
	"bytes"
	"image/gif"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"turf/aggregate"
	"turf/schema"
)

// What a picture counts, and what is answered: always the picture.
func TestPixel(t *testing.T) {
	s := newServer(t, nil)
	for _, tt := range []struct {
		name, query string
		headers     []string
		status      int
		path        string // of the page view; "" when nothing is counted
		dropped     string
		err         string
	}{
		{name: "a page", query: "d=example.com&u=https://example.com/about", status: 200, path: "/about"},
		{name: "without a domain", query: "u=" + url.QueryEscape("https://www.example.com/a?utm_source=x"), status: 200, path: "/a"},
		{name: "the page by the header", query: "d=example.com", headers: []string{"Referer: https://example.com/b"}, status: 200, path: "/b"},
		{name: "the host by the header", headers: []string{"Referer: https://example.com/"}, status: 200, path: "/"},
		{name: "no page", query: "d=example.com", status: 400, err: "url is required"},
		{name: "nothing", status: 400, err: "url is required"},
		{name: "not a page", query: "u=data:x", status: 400, err: "url must be"},
		{name: "not UTF-8", query: "d=example.com&u=https://example.com/%ff", status: 400, err: "request is not UTF-8"},
		{name: "a query that cannot be read", query: "u=%zz", status: 400, err: "request has a query"},
		{name: "a long URL", query: "u=https://example.com/" + strings.Repeat("a", 2000), status: 400, err: "url must have at most"},
		{name: "unknown site", query: "d=example.net&u=https://example.net/", status: 200, dropped: "unknown_site"},
		{name: "robot", query: "u=https://example.com/", headers: []string{"User-Agent: " + robotAgent}, status: 200, dropped: "robot"},
		{name: "prefetch", query: "u=https://example.com/", headers: []string{"Sec-Purpose: prefetch"}, status: 200, dropped: "prefetch"},
		{name: "a key in the query does nothing", query: "u=https://example.com/&ip=1.1.1.1", status: 200, path: "/"},
	} {
		r := s.do(t, http.MethodGet, "/api/pixel.gif?"+tt.query, "", tt.headers...)
		events := s.counter.take()
		if r.status != tt.status || r.header.Get("X-Turf-Dropped") != tt.dropped || (len(events) == 1) != (tt.path != "") {
			t.Errorf("%s: %d, dropped for %q, %d events", tt.name, r.status, r.header.Get("X-Turf-Dropped"), len(events))
			continue
		}
		if tt.path != "" && (events[0].Values[schema.Path] != tt.path || events[0].Kind != aggregate.Pageview || events[0].Site != 1) {
			t.Errorf("%s: %+v", tt.name, events[0])
		}
		if !strings.HasPrefix(r.header.Get("X-Turf-Error"), tt.err) || (r.header.Get("X-Turf-Error") != "") != (tt.err != "") {
			t.Errorf("%s: error %q, want %q", tt.name, r.header.Get("X-Turf-Error"), tt.err)
		}
		if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Type") != "image/gif" || len(r.body) != 43 {
			t.Errorf("%s: %v, %d bytes", tt.name, r.header, len(r.body))
		}
		if _, err := gif.Decode(bytes.NewReader([]byte(r.body))); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	view := s.do(t, http.MethodGet, "/api/pixel.gif?u=https://example.com/&r=https://www.google.com/", "")
	if events := s.counter.take(); view.status != 200 || len(events) != 1 || events[0].Values[schema.Source] != "Google" {
		t.Errorf("with a referrer: %d, %v", view.status, events)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		if r := s.do(t, method, "/api/pixel.gif?u=https://example.com/", ""); r.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, r.status)
		}
	}
}

// A picture and an event of the script are of the same visitor.
func TestPixelIsTheSameVisitor(t *testing.T) {
	s := newServer(t, nil)
	s.do(t, http.MethodGet, "/api/pixel.gif?u=https://example.com/", "")
	events := append(s.counter.take(), s.acceptOne(t, pageview))
	if len(events) != 2 || events[0].Day == events[1].Day && events[0].Visitor != events[1].Visitor {
		t.Errorf("%v", events)
	}
}

// What the counter cannot count, and what is too much, is told by the status.
func TestPixelRefused(t *testing.T) {
	s := newServer(t, nil)
	s.counter.fail = func(int) error { return ErrBusy }
	r := s.do(t, http.MethodGet, "/api/pixel.gif?u=https://example.com/", "")
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || len(r.body) != 43 {
		t.Errorf("%d %v", r.status, r.header)
	}
}
