package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"turf/schema"
)

// Keys of tests: one for example.com and its blog, one for shop.example.org.
func testKeys(key string, site schema.SiteID) bool {
	return key == "key-1" && (site == 1 || site == 3) || key == "key-2" && site == 2
}

// visitorEvent is an event of a server, about a visitor.
func visitorEvent(ip, agent, more string) string {
	return fmt.Sprintf(`{"n":"Paid","u":"https://example.com/pay","ip":"%s","user_agent":"%s"%s}`, ip, agent, more)
}

// Who may say who the visitor is.
func TestIngestKey(t *testing.T) {
	one := visitorEvent("203.0.113.7", firefoxAgent, "")
	const key1, key2 = "Authorization: Bearer key-1", "Authorization: bearer  key-2"
	unknown := "[" + strings.ReplaceAll(one, "example.com", "example.net") + "]"
	robot := "[" + visitorEvent("203.0.113.7", robotAgent, "") + "," + one + "]"
	tests := map[string]struct {
		body    string
		header  string
		status  int
		sites   []schema.SiteID
		browser string // of the first event
		dropped string
	}{
		"a key":                              {one, key1, 202, []schema.SiteID{1}, "Firefox", ""},
		"a list":                             {"[" + one + " , " + one + "]", key1, 202, []schema.SiteID{1, 1}, "Firefox", ""},
		"an empty list":                      {" [ ]", key1, 202, nil, "", ""},
		"a list of one":                      {"[" + one + "]", key1, 202, []schema.SiteID{1}, "Firefox", ""},
		"without a key: the sender counts":   {one, "X: y", 202, []schema.SiteID{1}, "Chrome", ""},
		"another scheme: the sender counts":  {one, "Authorization: Basic key-1", 202, []schema.SiteID{1}, "Chrome", ""},
		"no visitor, a key of something":     {pageview, "Authorization: Bearer stats-key", 202, []schema.SiteID{1}, "Chrome", ""},
		"no visitor, a key":                  {pageview, key1, 202, []schema.SiteID{1}, "Chrome", ""},
		"the key of another site":            {one, key2, 401, nil, "", ""},
		"a wrong key":                        {one, "Authorization: Bearer key-3", 401, nil, "", ""},
		"an empty key":                       {one, "Authorization: Bearer ", 401, nil, "", ""},
		"a list without a key":               {"[" + one + "]", "X: y", 401, nil, "", ""},
		"a list with the key of another":     {"[" + one + "]", key2, 401, nil, "", ""},
		"one of two is of another site":      {"[" + one + `,{"n":"x","u":"https://shop.example.org/","ua":"` + chromeAgent + `"}]`, key1, 401, nil, "", ""},
		"two sites, one key":                 {visitorEvent("203.0.113.7", chromeAgent, `,"d":"example.com,shop.example.org"`), key1, 401, nil, "", ""},
		"unknown site":                       {unknown, key1, 202, nil, "", "1 unknown_site"},
		"a robot of the list":                {robot, key1, 202, []schema.SiteID{1}, "Firefox", "1 robot"},
		"an agent alone":                     {visitorEvent("", chromeAgent, ""), key1, 202, []schema.SiteID{1}, "Chrome", ""},
		"no address":                         {visitorEvent("not an address", chromeAgent, ""), key1, 400, nil, "", ""},
		"no address, and nobody who says it": {visitorEvent("not an address", chromeAgent, ""), "X: y", 202, []schema.SiteID{1}, "Chrome", ""},
		"agent is a number":                  {`{"n":"x","u":"https://example.com/","user_agent":5}`, key1, 400, nil, "", ""},
	}
	s := newServer(t, func(c *Config) { c.IngestKey = testKeys })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := s.post(t, tt.body, tt.header)
			events := s.counter.take()
			var sites []schema.SiteID
			for i := range events {
				checkClean(t, &events[i])
				sites = append(sites, events[i].Site)
			}
			dropped := strings.TrimSpace(r.header.Get("X-Plausible-Dropped") + " " + r.header.Get("X-Turf-Dropped"))
			if r.status != tt.status || !slices.Equal(sites, tt.sites) || dropped != tt.dropped {
				t.Fatalf("%d %s, dropped %q, counted for %v", r.status, r.body, dropped, sites)
			}
			if len(events) > 0 && events[0].Values[schema.Browser] != tt.browser {
				t.Errorf("the visitor's browser is %q, want %q", events[0].Values[schema.Browser], tt.browser)
			}
		})
	}
	if r := newServer(t, nil).post(t, "["+one+"]", key1); r.status != 401 {
		t.Errorf("no keys at all: %d", r.status)
	}
}

// The visitor of a server's event is the one that the browser's event would be of: address and agent as named.
func TestKeyedVisitor(t *testing.T) {
	s := newServer(t, func(c *Config) { c.IngestKey = testKeys })
	events := s.accept(t, "["+strings.Join([]string{
		visitorEvent("203.0.113.7", firefoxAgent, `,"p":{"n":1}`), visitorEvent("203.0.113.7", firefoxAgent, `,"p":{"n":2}`),
		visitorEvent("203.0.113.8", firefoxAgent, `,"p":{"n":3}`), visitorEvent("203.0.113.7", chromeAgent, `,"p":{"n":4}`),
	}, ",")+"]", "Authorization: Bearer key-1")
	salt := saltOf(1, events[0].Day)
	if events[0].Visitor != visitorKey(&salt, 1, testClient("203.0.113.7", firefoxAgent)) {
		t.Error("not the visitor that was named")
	}
	if events[0].Visitor != events[1].Visitor || events[0].Visitor == events[2].Visitor || events[0].Visitor == events[3].Visitor {
		t.Error("the visitors are not told apart")
	}
	for i, ev := range events {
		if len(ev.Props) != 1 || ev.Props[0] != prop("n", fmt.Sprint(i+1)) {
			t.Errorf("event %d has the properties %v", i, ev.Props)
		}
	}
	if s.counter.calls != 1 {
		t.Errorf("%d calls for one list", s.counter.calls)
	}
}

// What is wrong with a list is said of the event it is wrong with, and none of the list is counted.
func TestBatchErrors(t *testing.T) {
	one := visitorEvent("203.0.113.7", firefoxAgent, "")
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]" }
	s := newServer(t, func(c *Config) { c.IngestKey = testKeys })
	for name, tt := range map[string]struct{ body, want string }{
		"second event":     {`[` + one + `,{"n":"x"}]`, `{"errors":{"[1].url":["is required"]}}`},
		"not an event":     {`[` + one + `,5]`, `{"errors":{"[1].request":["`},
		"no end":           {`[` + one, `{"errors":{"request":["`},
		"comma":            {`[` + one + `,]`, `{"errors":{"[1].request":["`},
		"more":             {`[` + one + `]x`, `{"errors":{"request":["`},
		"no UTF-8":         {"[\"\xff\"]", `{"errors":{"request":["`},
		"a list of a list": {`[[` + one + `]]`, `{"errors":{"[0].request":["`},
		"1001 events":      {list(1001), `{"errors":{"request":["can have at most 1000 events"]}}`},
		"1001 events of several sites": {"[" + list(999)[1:len(list(999))-1] + `,` + visitorEvent("203.0.113.7", firefoxAgent,
			`,"d":"example.com,example.com/blog"`) + "]", `{"errors":{"request":["can have at most 1000 events"]}}`},
	} {
		if r := s.post(t, tt.body, "Authorization: Bearer key-1"); r.status != 400 || !strings.HasPrefix(r.body, tt.want) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if n := len(s.counter.take()); n != 0 {
			t.Errorf("%s: %d events were counted", name, n)
		}
	}
	if events := s.accept(t, list(1000), "Authorization: Bearer key-1"); len(events) != 1000 {
		t.Errorf("%d of 1000 events were counted", len(events))
	}
}

// FuzzBatch: parseBatch does not panic, its errors are *InvalidError, and what it takes is a list of valid events.
func FuzzBatch(f *testing.F) {
	one := visitorEvent("203.0.113.7", firefoxAgent, `,"p":{"a":"b"}`)
	for _, s := range []string{"[]", "[" + one + "]", " [" + one + "," + one + " ] ", "[" + one + ",]", "[[]]", "[1]", `[{"ip":"x"}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isBatch([]byte(s)) {
			return
		}
		bodies, err := parseBatch(s)
		if err != nil && invalidField(err) == "" {
			t.Fatalf("%q: %v is no InvalidError", s, err)
		}
		for i := range bodies {
			if err == nil && bodies[i].validate() != nil || len(bodies) > MaxBatchEvents {
				t.Errorf("%q has an event that is not valid, or too many", s)
			}
		}
	})
}
