package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"turf/schema"
)

// What explain says: a line a step, "step: outcome".
func TestExplain(t *testing.T) {
	tests := map[string]struct {
		q    Question
		want []string // the beginnings of the lines
		bad  string
	}{
		"a page view": {
			q: Question{URL: "https://www.example.com/user/ann@example.org?utm_source=x", UserAgent: chromeAgent},
			want: []string{
				"site: example.com, time zone Europe/Amsterdam", "objection: not asked for", "robots: no robot", "network: not excluded",
				"place: not known",
				"device: device Desktop, browser Chrome, browser version 137, operating system Windows, operating system version 10",
				"url: example.com/user/:id", "page: example.com/user/:id", "event: a page view", "source: channel ",
				"visitor: a key that holds until the end of 2026-07-02", "rate: ",
			},
		},
		"an event": {
			q: Question{URL: "https://shop.example.org/", UserAgent: chromeAgent, Name: "404", Domain: "shop.example.org"},
			want: []string{
				"site: shop", "objection: ", "robots: no robot", "network: ", "place: ", "device: ", "url: shop.example.org/", "page: ",
				"event: the event 404, path /", "source: ", "visitor: a key that holds until the end of 2026-07-01", "rate: ",
			},
		},
		"engagement": {
			q: Question{URL: "https://example.com/", UserAgent: chromeAgent, Name: "engagement"},
			want: []string{
				"site: ", "objection: ", "robots: ", "network: ", "place: ", "device: ", "url: ", "page: ",
				"event: engagement: goes on with a visit", "source: none", "visitor: ", "rate: ",
			},
		},
		"unknown site": {
			q:    Question{URL: "https://example.net/", UserAgent: chromeAgent},
			want: []string{"site: No site of this name is counted here"},
		},
		"robot": {
			q:    Question{URL: "https://example.com/", UserAgent: robotAgent},
			want: []string{"site: ", "objection: ", "robots: a robot or program: Googlebot. The user agent is that of a robot"},
		},
		"driven": {
			q: Question{
				URL: "https://example.com/", UserAgent: chromeAgent, Header: http.Header{"Sec-Purpose": {"prefetch"}},
			},
			want: []string{"site: ", "objection: ", "robots: The browser fetched the page in advance"},
		},
		"referrer spam": {
			q: Question{URL: "https://example.com/", UserAgent: chromeAgent, Referrer: "https://semalt.com/"},
			want: []string{
				"site: ", "objection: ", "robots: ", "network: ", "place: ", "device: ", "url: ", "page: ", "event: ",
				"source: The page before is on the list of referrer spam",
			},
		},
		"no URL":     {q: Question{UserAgent: chromeAgent}, bad: "url"},
		"not a page": {q: Question{URL: "data:x", UserAgent: chromeAgent}, bad: "url"},
	}
	s := testSteps(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.q.At, tt.q.Address = noon.Add(10*3600e9+5*60e9), netip.MustParseAddr("203.0.113.77")
			e, err := s.Explain(&tt.q)
			if invalidField(err) != tt.bad || tt.bad == "" && err != nil {
				t.Fatalf("error %v, want one of %q", err, tt.bad)
			}
			if err != nil {
				return
			}
			var lines []string
			for _, o := range e.Outcomes {
				lines = append(lines, o.Step+": "+o.Outcome)
			}
			for i, want := range tt.want {
				if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
					t.Fatalf("line %d is not %q:\n%s", i+1, want, strings.Join(lines, "\n"))
				}
			}
			last := e.Outcomes[len(e.Outcomes)-1]
			if len(lines) != len(tt.want) || last.Dropped != e.Dropped || (e.Dropped == Passed) != (e.Event != nil) {
				t.Errorf("dropped for %q, event %v:\n%s", e.Dropped, e.Event != nil, strings.Join(lines, "\n"))
			}
			if e.Event != nil && (e.Event.Site != e.Site.ID || e.Event.Values[schema.Hostname] == "") {
				t.Errorf("the event is of site %d, host %q", e.Event.Site, e.Event.Values[schema.Hostname])
			}
			text, err := json.Marshal(e.Outcomes)
			if err != nil {
				t.Fatal(err)
			}
			all := fmt.Sprintf("%+v%s", e.Outcomes, text)
			for _, secret := range []string{"203.0.113", "Mozilla", "ann@"} {
				if strings.Contains(all, secret) {
					t.Errorf("%s is shown: %s", secret, all)
				}
			}
		})
	}
}

// Two explanations of one visitor have two keys: the key of the live visitor is never made.
func TestExplainHasASaltOfItsOwn(t *testing.T) {
	s := testSteps(t, nil)
	ask := func() *Explanation {
		e, err := s.Explain(&Question{URL: "https://example.com/", UserAgent: chromeAgent, At: noon})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if first, second := ask(), ask(); first.Event.Visitor == second.Event.Visitor {
		t.Error("the same key twice")
	}
}
