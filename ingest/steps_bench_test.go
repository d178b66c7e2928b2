package ingest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// oneDay is a Counter that knows one day and counts nothing.
type oneDay struct{}

func (oneDay) Salt(schema.SiteID, time.Time) ([16]byte, schema.Day, error) {
	return [16]byte{1}, schema.Date(2026, 7, 1), nil
}

func (oneDay) Submit(context.Context, []aggregate.Event) error { return nil }

const benchBody = `{"n":"pageview","u":"https://example.com/articles/17?utm_source=news&utm_medium=email","d":"example.com",` +
	`"r":"https://www.google.com/"}`

// BenchmarkHit measures what is done to a page view between the socket and the core: reading, parsing, and each of the steps
// with what the steps before it made. scripts/bench ingest prints it as a table.
func BenchmarkHit(b *testing.B) {
	var geo *Geo
	if path := DefaultGeoPath(); path != "" {
		if _, err := os.Stat(path); err == nil {
			if geo, err = OpenGeo(path); err != nil {
				b.Fatal(err)
			}
		}
	}
	s, err := NewSteps(testSites, testAgents(b), geo, nil)
	if err != nil {
		b.Fatal(err)
	}
	s.counter, s.rate = oneDay{}, newLimiter(1_000_000_000)
	id := &identity{addr: netip.MustParseAddr("81.2.69.160"), agent: chromeAgent}
	r := newRequest()
	b.Run("read", func(b *testing.B) {
		body := strings.NewReader(benchBody)
		hr := httptest.NewRequest("POST", "/api/event", body)
		b.ReportAllocs()
		for b.Loop() {
			body.Reset(benchBody)
			r.buf = r.buf[:0]
			if err := r.read(hr); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("headers", func(b *testing.B) {
		header := http.Header{}
		for _, h := range chromeHeaders {
			name, value, _ := strings.Cut(h, ": ")
			header.Set(name, value)
		}
		b.ReportAllocs()
		for b.Loop() {
			id.signals, id.objects = readSignals(header, false), objects(header)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := r.body.parse(benchBody); err != nil {
				b.Fatal(err)
			}
		}
	})
	h := &hit{client: newClient(id), body: &r.body, domain: "example.com", at: time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)}
	for i := range steps {
		run := func(b *testing.B) {
			if drop, err := steps[i].run(s, h); drop != Passed || err != nil {
				b.Fatal(drop, err)
			}
		}
		run(b) // for the steps after it
		b.Run(steps[i].name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.event.Props = h.event.Props[:0]
				run(b)
			}
		})
	}
}
