package ingest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// stepsText is the list of steps as `turf explain` names them. A new step is a line here.
const stepsText = "site objection robots network place device url page event source visitor rate"

func TestStepsInOrder(t *testing.T) {
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	if got := strings.Join(names, " "); got != stepsText {
		t.Errorf("the steps are %s, want %s", got, stepsText)
	}
}

// noon is a time in summer, when Amsterdam is two hours before UTC.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// testHit is a page view of a person's browser.
func testHit(change func(*hit)) *hit {
	h := &hit{
		client: testClient("203.0.113.7", chromeAgent), at: noon, domain: "example.com",
		body: &body{name: "pageview", url: "https://www.example.com/a?utm_source=Our-Paper&id=5#top", referrer: "https://www.google.com/search"},
	}
	change(h)
	return h
}

// Which step drops a hit, and why.
func TestStepsDrop(t *testing.T) {
	tests := map[string]struct {
		change func(*hit)
		want   DropReason
	}{
		"a page view":        {func(*hit) {}, Passed},
		"site in any case":   {func(h *hit) { h.domain = "Example.COM" }, Passed},
		"site with a port":   {func(h *hit) { h.domain = "example.com:8080" }, Passed},
		"unknown site":       {func(h *hit) { h.domain = "example.net" }, DropUnknownSite},
		"part of a site":     {func(h *hit) { h.domain = "ample.com" }, DropUnknownSite},
		"robot":              {func(h *hit) { h.client.id().agent = robotAgent }, DropRobot},
		"no agent":           {func(h *hit) { h.client.id().agent = "" }, DropRobot},
		"program":            {func(h *hit) { h.client.id().agent = "curl/8.5.0" }, DropRobot},
		"log without agents": {func(h *hit) { h.client.id().agent, h.client.id().noAgent = "", true }, Passed},
		"no page":            {func(h *hit) { h.body.url = "data:text/html,x" }, DropURL},
		"no host":            {func(h *hit) { h.body.url = "https://a b/" }, DropURL},
		"no address":         {func(h *hit) { h.client = newClient(&identity{agent: chromeAgent}) }, Passed},
	}
	s := testSteps(t, &recorder{})
	for name, tt := range tests {
		if drop, err := s.run(testHit(tt.change)); drop != tt.want || err != nil {
			t.Errorf("%s: dropped for %q, %v; want %q", name, drop, err, tt.want)
		}
	}
}

// What the event of a hit is: dimension by dimension, and nothing else.
func TestStepsEvent(t *testing.T) {
	h := testHit(func(h *hit) {
		h.body.props = []aggregate.Prop{prop("plan", "pro"), prop("mail", "ann@example.org"), prop("x", "\u0085")}
	})
	if drop, err := testSteps(t, &recorder{}).run(h); drop != Passed || err != nil {
		t.Fatal(drop, err)
	}
	ev := &h.event
	want := map[schema.Dimension]string{
		schema.Hostname: "example.com", schema.Path: "/a", schema.Device: "Desktop", schema.Browser: "Chrome",
		schema.BrowserVersion: "137", schema.OS: "Windows", schema.OSVersion: "10", schema.UTMSource: "Our-Paper", schema.Source: "Our-Paper",
	}
	for d := range schema.NumDimensions {
		if schema.Dimensions[d].Aspect == schema.SourceAspect && want[d] == "" {
			continue // the table of sources has its own test
		}
		if ev.Values[d] != want[d] {
			t.Errorf("%s is %q, want %q", d, ev.Values[d], want[d])
		}
	}
	if !slices.Equal(ev.Props, []aggregate.Prop{prop("plan", "pro"), prop("mail", hidden)}) {
		t.Errorf("properties %v", ev.Props)
	}
	day := schema.DayOf(noon, time.UTC)
	salt := saltOf(1, day)
	if ev.Site != 1 || ev.Time != noon.Unix() || ev.Day != day || ev.Visitor != visitorKey(&salt, 1, h.client) {
		t.Errorf("site %d, time %d, day %s, visitor %x", ev.Site, ev.Time, ev.Day, ev.Visitor)
	}
}

// Kinds of events, and what they carry.
func TestStepsKinds(t *testing.T) {
	tests := map[string]struct {
		body  body
		event string // Values[EventName]
		kind  aggregate.Kind
		props []aggregate.Prop
		more  func(ev *aggregate.Event) bool
	}{
		"custom": {body: body{name: "Sign up"}, event: "Sign up", kind: aggregate.Custom},
		"passive": {
			body: body{name: "Seen", passive: true}, event: "Seen", kind: aggregate.Custom,
			more: func(ev *aggregate.Event) bool { return ev.Passive },
		},
		"name with an address": {body: body{name: "mail to ann@example.org"}, event: hidden, kind: aggregate.Custom},
		"404": {
			body: body{name: "404"}, event: "404", kind: aggregate.Custom, props: []aggregate.Prop{prop("path", "/a")},
		},
		"404 that names its path": {
			body:  body{name: "404", props: []aggregate.Prop{prop("path", "/b")}},
			event: "404", kind: aggregate.Custom, props: []aggregate.Prop{prop("path", "/b")},
		},
		"engagement": {
			body: body{name: "engagement", engaged: true, props: []aggregate.Prop{prop("a", "b")}}, kind: aggregate.Engagement,
			more: func(ev *aggregate.Event) bool {
				return ev.Values[schema.Source] == "" && ev.Values[schema.Channel] == ""
			},
		},
		"vitals": {
			body: body{name: "vitals", measured: true, vitals: [schema.NumVitals]aggregate.Measurement{schema.INP: {Known: true, Value: 9}}},
			kind: aggregate.Vitals,
			more: func(ev *aggregate.Event) bool {
				return ev.Vitals[schema.INP].Value == 9 && ev.Values[schema.Path] == "/a" && ev.Values[schema.Source] == ""
			},
		},
		"an event of the name": {body: body{name: "vitals"}, event: "vitals", kind: aggregate.Custom},
		"outbound link": {
			body:  body{name: "Outbound Link: Click", props: []aggregate.Prop{prop("url", "https://other.example/x?mail=a@b.c")}},
			event: "Outbound Link: Click", kind: aggregate.Custom, props: []aggregate.Prop{prop("url", "https://other.example/x")},
		},
		"two names that are hidden": {
			body:  body{name: "x", props: []aggregate.Prop{prop("ann@example.org", "1"), prop("bob@example.org", "2")}},
			event: "x", kind: aggregate.Custom, props: []aggregate.Prop{prop(hidden, "2")},
		},
	}
	s := testSteps(t, &recorder{})
	for name, tt := range tests {
		tt.body.url = "https://example.com/a?mail=ann@example.org"
		h := testHit(func(h *hit) { h.body = &tt.body })
		if drop, err := s.run(h); drop != Passed || err != nil {
			t.Errorf("%s: %q, %v", name, drop, err)
		}
		ev := &h.event
		if ev.Kind != tt.kind || ev.Values[schema.EventName] != tt.event || !slices.Equal(ev.Props, tt.props) ||
			tt.more != nil && !tt.more(ev) {
			t.Errorf("%s: kind %d, name %q, properties %v, passive %v", name, ev.Kind, ev.Values[schema.EventName], ev.Props, ev.Passive)
		}
	}
}

// faulty is a Counter without salts.
type faulty struct {
	recorder
	err error
}

func (f *faulty) Salt(schema.SiteID, time.Time) (salt [16]byte, day schema.Day, err error) {
	return salt, day, f.err
}

func TestStepsWithoutSalt(t *testing.T) {
	for _, err := range []error{ErrBusy, ErrDayOver, errors.New("disk")} {
		drop, got := testSteps(t, &faulty{err: err}).run(testHit(func(*hit) {}))
		if drop != Passed || !errors.Is(got, err) {
			t.Errorf("%v: dropped for %q, %v", err, drop, got)
		}
	}
	if drop, err := testSteps(t, &faulty{err: ErrNoSite}).run(testHit(func(*hit) {})); drop != DropUnknownSite || err != nil {
		t.Errorf("a site that was removed: %q, %v", drop, err)
	}
}

// A page view of a log goes the same way: salt and day come with it, and the host from the site.
func TestPage(t *testing.T) {
	s, err := NewSteps(nil, testAgents(t), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	salt := [16]byte{9}
	for name, tt := range map[string]struct {
		domain, client, agent string
		noAgents              bool
		host                  string
		drop                  DropReason
	}{
		"address":     {"example.com", "203.0.113.7", chromeAgent, false, "example.com", Passed},
		"host name":   {"example.com", "a.example", chromeAgent, false, "example.com", Passed},
		"with a port": {"localhost:3000", "203.0.113.7", chromeAgent, false, "localhost:3000", Passed},
		"a folder":    {"example.com/blog", "203.0.113.7", chromeAgent, false, "example.com", Passed},
		"robot":       {"example.com", "203.0.113.7", robotAgent, false, "", DropRobot},
		"no agent":    {"example.com", "203.0.113.7", "", false, "", DropRobot},
		"common":      {"example.com", "203.0.113.7", "", true, "example.com", Passed},
	} {
		site := schema.Site{ID: 7, Domain: tt.domain, Timezone: "UTC"}
		var ev aggregate.Event
		drop, err := s.Page(&LoggedPage{
			Site: &site, Time: noon, Day: 5, Salt: &salt, Client: tt.client, UserAgent: tt.agent, NoAgents: tt.noAgents,
			Target: "/a?b", Referrer: "https://other.example/",
		}, &ev)
		if drop != tt.drop || err != nil {
			t.Errorf("%s: %q, %v", name, drop, err)
		}
		if drop != Passed {
			continue
		}
		c := newClient(&identity{addr: parseHop(tt.client), agent: tt.agent})
		if !c.id().addr.IsValid() {
			c.id().name = tt.client
		}
		if ev.Values[schema.Hostname] != tt.host || ev.Values[schema.Path] != "/a" || ev.Site != 7 || ev.Day != 5 ||
			ev.Time != noon.Unix() || ev.Visitor != visitorKey(&salt, 7, c) {
			t.Errorf("%s: %+v", name, ev)
		}
	}
}

// Every reason has a code and a sentence of its own, and reads as it was written.
func TestDropReasons(t *testing.T) {
	seen := map[string]bool{}
	for d := range numDropReasons {
		text, err := json.Marshal(d)
		var back DropReason
		if err != nil || json.Unmarshal(text, &back) != nil || back != d {
			t.Errorf("%s is read as %q", text, back)
		}
		if seen[d.String()] || seen[d.Sentence()] || d.Sentence() == "" || strings.ContainsAny(d.String(), " ,\n") {
			t.Errorf("%q: %q", d, d.Sentence())
		}
		seen[d.String()], seen[d.Sentence()] = true, true
	}
	if json.Unmarshal([]byte(`"weather"`), new(DropReason)) == nil {
		t.Error("weather is a reason")
	}
}
