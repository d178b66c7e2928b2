package ingest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// TestEventSide is the checklist "Event side" of Plausible's wire interface: one test a line, named after it. Health is tested where
// it is answered, in cmd/turf.
func TestEventSide(t *testing.T) {
	t.Run("accept application/json and text/plain; parse as JSON; short and long keys; p as object or JSON string; ignore unknown keys",
		testSameEvent)
	t.Run("d with commas fans out; missing d → host of u", testDomains)
	t.Run("integer event names; name > 120 → 400; data: URL → 400; URL > 2000 → 400; missing host → (none)", testNamesAndURLs)
	t.Run("props: > 30 truncated; over-long key/value rejected as Plausible does; nested dropped", testProps)
	t.Run("engagement without sd/e → 400; does not create a session or pageview", testEngagement)
	t.Run("sd: > 100 → 100, absent = 255; e: ≥ 30 days ignored", testEngaged)
	t.Run("interactive:false does not clear bounce; revenue invalid → 202, amount ignored; amount may be string", testInteractive)
	t.Run("202 for accepted and dropped; header x-plausible-dropped: <n>; body text not JSON-dependent; 400 shape {errors:{…}}",
		testStatus)
	t.Run("X-Debug-Request: true → 200 + IP (gate behind a setting: it is an oracle)", TestDebugRequest)
	t.Run("CORS preflight + access-control-allow-origin: *; keepalive bodies ≤ 64 KB", testCORS)
	t.Run("all 2^11 legacy script names resolve, /js/pa-<id>.js, /js/s-<tag>.js; cache headers; CORP header", testScriptNames)
	t.Run("goal names Outbound Link: Click, File Download, 404, Form: Submission, Cloaked Link: Click work without configuration",
		testGoalNames)
	t.Run("referrer/UTM rules: utm_source > source > ref > Referer; self-referral dropped; snowplow names", testReferrers)
}

func testSameEvent(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Now = func() time.Time { return noon } })
	var first *aggregate.Event
	for _, contentType := range []string{
		"application/json", "text/plain", "text/plain;charset=UTF-8", "application/json; charset=utf-8", "",
	} {
		for _, body := range []string{
			`{"n":"Buy","u":"https://example.com/a","d":"example.com","r":"https://t.co/","p":{"plan":"pro","n":2}}`,
			`{"name":"Buy","url":"https://example.com/a","domain":"example.com","referrer":"https://t.co/","props":{"plan":"pro","n":2}}`,
			`{"name":"Buy","u":"https://example.com/a","d":"example.com","r":"https://t.co/","meta":{"plan":"pro","n":"2"}}`,
			`{"n":"Buy","u":"https://example.com/a","d":"example.com","r":"https://t.co/","p":"{\"plan\":\"pro\",\"n\":2}"}`,
			`{"n":"Buy","u":"https://example.com/a","d":"example.com","r":"https://t.co/","wd":1440,"v":31,"m":"{\"plan\":\"pro\",\"n\":2}","later":[{}]}`,
		} {
			ev := s.acceptOne(t, body, "Content-Type: "+contentType)
			if first == nil {
				first = &ev
			}
			if fmt.Sprint(ev) != fmt.Sprint(*first) {
				t.Errorf("%s as %q:\n%+v, want\n%+v", body, contentType, ev, *first)
			}
		}
	}
}

func testDomains(t *testing.T) {
	s := newServer(t, nil)
	if events := s.accept(t, `{"n":"x","u":"https://a.example/","d":"example.com,shop.example.org"}`); len(events) != 2 ||
		events[0].Site != 1 || events[1].Site != 2 || events[0].Values[schema.Hostname] != "a.example" {
		t.Errorf("%+v", events)
	}
	if ev := s.acceptOne(t, `{"n":"x","u":"https://www.shop.example.org/"}`, "User-Agent: "+firefoxAgent); ev.Site != 2 {
		t.Errorf("site %d", ev.Site)
	}
}

func testNamesAndURLs(t *testing.T) {
	s := newServer(t, nil)
	if ev := s.acceptOne(t, `{"n":404,"u":"https://example.com/gone"}`); ev.Values[schema.EventName] != "404" {
		t.Errorf("%+v", ev)
	}
	for _, body := range []string{
		`{"n":"` + strings.Repeat("x", 121) + `","u":"https://example.com/"}`,
		`{"n":"pageview","u":"data:text/html,x","d":"example.com"}`,
		`{"n":"pageview","u":"https://example.com/` + strings.Repeat("x", 2000) + `"}`,
	} {
		if r := s.post(t, body); r.status != 400 {
			t.Errorf("%.60s: %d %s", body, r.status, r.body)
		}
	}
	if ev := s.acceptOne(t, `{"n":"pageview","u":"/a","d":"example.com"}`); ev.Values[schema.Hostname] != "(none)" || ev.Values[schema.Path] != "/a" {
		t.Errorf("%+v", ev)
	}
}

func testProps(t *testing.T) {
	s := newServer(t, nil)
	var props []string
	for i := range 40 {
		props = append(props, fmt.Sprintf(`"p%02d":"v"`, i))
	}
	ev := s.acceptOne(t, `{"n":"x","u":"https://example.com/","p":{`+strings.Join(props, ",")+`}}`)
	if len(ev.Props) != 30 || ev.Props[29].Name != "p29" {
		t.Errorf("%d properties: %v", len(ev.Props), ev.Props)
	}
	for _, p := range []string{`"` + strings.Repeat("x", 301) + `":"v"`, `"p":"` + strings.Repeat("x", 2001) + `"`} {
		if r := s.post(t, `{"n":"x","u":"https://example.com/","p":{`+p+`}}`); r.status != 400 || !strings.Contains(r.body, `"props"`) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	ev = s.acceptOne(t, `{"n":"x","u":"https://example.com/","p":{"a":{"b":1},"c":["d"],"e":"f","g":null,"h":""}}`)
	if !slices.Equal(ev.Props, []aggregate.Prop{prop("e", "f")}) {
		t.Errorf("%v", ev.Props)
	}
}

// totals are what the core counts of the events, in the cube of everything.
func totals(t *testing.T, events ...aggregate.Event) schema.Deltas {
	t.Helper()
	var sums schema.Deltas
	if len(events) == 0 {
		return sums
	}
	cfg := aggregate.Config{Site: events[0].Site, Day: events[0].Day, Location: time.UTC, K: 1}
	day, err := aggregate.Open(cfg, &aggregate.HeapMemory{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		day.Begin(uint64(i + 1))
		incs, err := day.Step(&events[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		for j := range incs {
			if incs[j].Cell.Cube == schema.CubeTraffic {
				sums.Add(&incs[j].Delta)
			}
		}
	}
	return sums
}

func testEngagement(t *testing.T) {
	s := newServer(t, nil)
	if r := s.post(t, `{"n":"engagement","u":"https://example.com/"}`); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, what := range []string{`"sd":60`, `"e":3000`} {
		ev := s.acceptOne(t, `{"n":"engagement","u":"https://example.com/",`+what+`}`)
		if sums := totals(t, ev); !sums.IsZero() {
			t.Errorf("%s alone counts %v", what, sums)
		}
		view := s.acceptOne(t, `{"n":"pageview","u":"https://example.com/"}`)
		ev.Time, ev.Day = view.Time, view.Day // midnight may lie between
		sums := totals(t, view, ev)
		if sums[schema.Pageviews] != 1 || sums[schema.Visits] != 1 || sums[schema.CustomEvents] != 0 || sums[schema.Bounces] != 1 {
			t.Errorf("%s after a page view counts %v", what, sums)
		}
	}
}

// What engagement tells: depth over 100 is 100, none is unknown, time from 30 days on is ignored.
func testEngaged(t *testing.T) {
	s := newServer(t, nil)
	for body, want := range map[string][2]int64{
		`"sd":60,"e":3000`:         {60, 3000},
		`"sd":0`:                   {0, 0},
		`"sd":250`:                 {100, 0},
		`"sd":null,"e":12.9`:       {aggregate.ScrollUnknown, 12},
		`"sd":-1,"e":1`:            {aggregate.ScrollUnknown, 1},
		`"sd":10,"e":2591999999`:   {10, 2591999999},
		`"sd":10,"e":2592000000`:   {10, 0},
		`"sd":10,"e":1e400`:        {10, 0},
		`"sd":"20","e":1,"sd":30`:  {30, 1},
		`"sd":1e2,"e":1.5e3,"v":1`: {100, 1500},
	} {
		ev := s.acceptOne(t, `{"n":"engagement","u":"https://example.com/",`+body+`}`)
		if got := [2]int64{int64(ev.ScrollDepth), ev.EngagedMS}; got != want {
			t.Errorf("%s: depth and milliseconds %v, want %v", body, got, want)
		}
	}
}

func testInteractive(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Now = func() time.Time { return noon } })
	view := s.acceptOne(t, pageview)
	for body, bounces := range map[string]int64{`"i":false`: 1, `"interactive":false`: 1, `"i":true`: 0, `"w":1`: 0} {
		ev := s.acceptOne(t, `{"n":"x","u":"https://example.com/",`+body+`}`)
		if sums := totals(t, view, ev); sums[schema.Bounces] != bounces || sums[schema.CustomEvents] != 1 {
			t.Errorf("%s: %v", body, sums)
		}
	}
	euros := schema.Money{Currency: "EUR", Minor: 1250}
	for revenue, want := range map[string]schema.Money{
		`{"currency":"EUR","amount":"12.50"}`: euros, `{"currency":"EUR","amount":12.5}`: euros,
		`{"amount":1.25e1,"currency":"eur","x":[1]}`: euros,
		`"{\"currency\":\"EUR\",\"amount\":12.5}"`:   euros,
		`{"currency":"JPY","amount":"-3"}`:           {Currency: "JPY", Minor: -3},
		`{"currency":"?","amount":{}}`:               {},
		`{"currency":"EUR","amount":"twelve"}`:       {},
		`{"currency":"EUR","amount":1e99}`:           {},
		`{"currency":"EUR"}`:                         {}, `5`: {}, `null`: {}, `"12"`: {}, `[{"currency":"EUR","amount":1}]`: {},
	} {
		for _, key := range []string{"$", "revenue"} {
			ev := s.acceptOne(t, `{"n":"Buy","u":"https://example.com/","`+key+`":`+revenue+`}`)
			if ev.Revenue != want {
				t.Errorf("%s %s is %v, want %v", key, revenue, ev.Revenue, want)
			}
		}
	}
}

func testStatus(t *testing.T) {
	s := newServer(t, nil)
	for body, want := range map[string]string{
		pageview: "", `{"n":"a","u":"https://example.net/"}`: "1", `{"n":"a","u":"https://x/","d":"a.b,example.com,c.d"}`: "2",
	} {
		if r := s.post(t, body); r.status != 202 || r.body != "ok" || r.header.Get("x-plausible-dropped") != want {
			t.Errorf("%s: %d %q, dropped %q", body, r.status, r.body, r.header.Get("x-plausible-dropped"))
		}
	}
	if r := s.post(t, `{"n":"a"}`); r.status != 400 || strings.TrimSpace(r.body) != `{"errors":{"url":["is required"]}}` {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func testCORS(t *testing.T) {
	s := newServer(t, nil)
	r := s.do(t, http.MethodOptions, "/api/event", "", "Origin: https://example.com", "Access-Control-Request-Method: POST",
		"Access-Control-Request-Headers: content-type")
	if r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(r.header.Get("Access-Control-Allow-Methods"), "POST") ||
		!strings.Contains(strings.ToLower(r.header.Get("Access-Control-Allow-Headers")), "content-type") {
		t.Errorf("preflight: %d %v", r.status, r.header)
	}
	for _, body := range []string{pageview, `{"n":"a"}`, `{"n":"a","u":"https://example.net/"}`} {
		if r := s.post(t, body, "Origin: https://example.com"); r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", body, r.header)
		}
	}
	s.counter.take()
	long := `{"n":"x","u":"https://example.com/","later":"` + strings.Repeat("x", 64<<10-60) + `"}`
	s.acceptOne(t, long)
}

// testScriptNames asks for a part of the names; all of them are tried where scripts are made, in package tracker.
func testScriptNames(t *testing.T) {
	every := 61
	if testing.Short() {
		every = 601
	}
	s := newServer(t, nil)
	extensions := []string{
		"hash", "outbound-links", "exclusions", "compat", "local", "manual", "file-downloads", "pageview-props", "tagged-events",
		"revenue", "pageleave",
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	names := []string{"/js/plausible.js", "/js/script.js", "/js/analytics.js", "/js/p.js", "/js/pa-aB3xZ.js", "/js/s-aB3xZ.js"}
	for set := range 1 << len(extensions) {
		name := "/js/script"
		for _, i := range rnd.Perm(len(extensions)) {
			if set&(1<<i) != 0 {
				name += "." + extensions[i]
			}
		}
		names = append(names, name+".js")
	}
	for i, name := range names {
		if i > len(extensions) && i%every != 0 {
			continue
		}
		r := s.do(t, http.MethodHead, name, "")
		h := r.header
		if r.status != 200 || !strings.Contains(h.Get("Cache-Control"), "max-age=") || h.Get("Access-Control-Allow-Origin") != "*" ||
			h.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Fatalf("%s: %d %v", name, r.status, h)
		}
	}
}

func testGoalNames(t *testing.T) {
	s := newServer(t, nil)
	for _, tt := range []struct{ name, props, prop, value string }{
		{"Outbound Link: Click", `{"url":"https://other.example/x?y=z"}`, "url", "https://other.example/x"},
		{"File Download", `{"url":"https://example.com/files/price.pdf"}`, "url", "https://example.com/files/price.pdf"},
		{"404", `null`, "path", "/a"},
		{"404", `{"path":"/typo"}`, "path", "/typo"},
		{"Form: Submission", `{"path":"/contact"}`, "path", "/contact"},
		{"Cloaked Link: Click", `{"url":"https://other.example/"}`, "url", "https://other.example/"},
	} {
		ev := s.acceptOne(t, `{"n":"`+tt.name+`","u":"https://example.com/a","p":`+tt.props+`}`)
		if ev.Values[schema.EventName] != tt.name || !slices.Equal(ev.Props, []aggregate.Prop{prop(tt.prop, tt.value)}) {
			t.Errorf("%s: %q %v", tt.name, ev.Values[schema.EventName], ev.Props)
		}
	}
}

func testReferrers(t *testing.T) {
	s := newServer(t, nil)
	for _, tt := range []struct{ query, referrer, want string }{
		{"utm_source=one&source=two&ref=three", "https://www.google.com/", "one"},
		{"source=two&ref=three", "https://www.google.com/", "two"},
		{"ref=three", "https://www.google.com/", "three"},
		{"x=y", "https://www.google.com/", "Google"},
		{"", "https://www.google.co.uk/search?q=x", "Google"},
		{"", "https://m.facebook.com/", "Facebook"},
		{"", "https://t.co/abc", "Twitter"},
		{"", "https://duckduckgo.com/", "DuckDuckGo"},
		{"", "https://blog.unknown-site.co.uk/x", "unknown-site.co.uk"},
		{"", "https://www.example.com/before", ""},
		{"", "https://example.com/before", ""},
		{"", "http://localhost:3000/", ""},
		{"", "", ""},
	} {
		ev := s.acceptOne(t, `{"n":"pageview","u":"https://example.com/a?`+tt.query+`","r":"`+tt.referrer+`"}`)
		if got := ev.Values[schema.Source]; got != tt.want {
			t.Errorf("%s from %s: source %q, want %q", tt.query, tt.referrer, got, tt.want)
		}
	}
}
