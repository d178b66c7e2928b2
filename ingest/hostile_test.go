package ingest

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"turf/aggregate"
	"turf/schema"
)

// What is hostile is answered with the right 4xx, or counted as something clean; never 500.
func TestHostile(t *testing.T) {
	mega := strings.Repeat("x", 1_000_000)
	with := func(more string) string { return `{"n":"x","u":"https://example.com/",` + more + `}` }
	tests := map[string]struct {
		body    string
		headers []string
		status  int
	}{
		"1 MB of spaces":             {strings.Repeat(" ", 1_000_000), nil, 400},
		"1 MB of brackets":           {strings.Repeat("[", 1_000_000), nil, 400},
		"1 MB of objects":            {strings.Repeat(`{"a":`, 200_000), nil, 400},
		"1 MB of properties":         {with(`"p":{` + strings.TrimSuffix(strings.Repeat(`"a":"b",`, 120_000), ",") + `}`), nil, 202},
		"1 MB of keys":               {with(strings.TrimSuffix(strings.Repeat(`"a":1,`, 160_000), ",")), nil, 202},
		"1 MB of escapes":            {with(`"x":"` + strings.Repeat(`\u0041`, 160_000) + `"`), nil, 202},
		"1 MB in a string":           {with(`"later":"` + mega[:999_900] + `"`), nil, 202},
		"1 MB name":                  {`{"n":"` + mega[:999_900] + `","u":"https://example.com/"}`, nil, 400},
		"1 MB domain":                {with(`"d":"` + mega[:999_900] + `"`), nil, 202},
		"more than 1 MB":             {mega + mega, nil, 413},
		"many domains":               {with(`"d":"` + strings.Repeat("a,", 400_000) + `"`), nil, 400},
		"deep":                       {with(`"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000)), nil, 400},
		"deep in props":              {with(`"p":{"a":` + strings.Repeat(`{"b":`, 100) + "1" + strings.Repeat("}", 100) + `}`), nil, 400},
		"deep in props in a string":  {with(`"p":"{\"a\":` + strings.Repeat("[", 1000) + `"`), nil, 202},
		"invalid UTF-8":              {with("\"r\":\"\xff\xfe\""), nil, 400},
		"half a character":           {with("\"r\":\"\xe2\x82\""), nil, 400},
		"UTF-16":                     {"\xff\xfe{\x00}\x00", nil, 400},
		"NUL":                        {with("\"r\":\"\x00\""), nil, 400},
		"escaped NUL":                {with(`"r":"\u0000"`), nil, 400},
		"NUL behind the end":         {with(`"r":"a"`) + "\x00", nil, 400},
		"huge number":                {with(`"w":1` + strings.Repeat("0", 100_000)), nil, 202},
		"huge exponent":              {with(`"e":1e999999999,"sd":-1e-999999999`), nil, 202},
		"huge number as a property":  {with(`"p":{"a":` + strings.Repeat("9", 3000) + `}`), nil, 400},
		"huge number as a name":      {`{"n":` + strings.Repeat("9", 100) + `,"u":"https://example.com/"}`, nil, 400},
		"lone surrogates":            {with(`"p":{"\ud800":"\udc00\ud800"}`), nil, 202},
		"right to left":              {with(`"p":{"a":"\u202e\u0085\u200b"}`), nil, 202},
		"path of percent signs":      {`{"n":"x","u":"https://example.com/` + strings.Repeat("%", 1900) + `"}`, nil, 202},
		"path of nested escapes":     {`{"n":"x","u":"https://example.com/` + strings.Repeat("%25", 600) + `40"}`, nil, 202},
		"query of separators":        {`{"n":"x","u":"https://example.com/?` + strings.Repeat("&=", 900) + `"}`, nil, 202},
		"query of semicolons":        {`{"n":"x","u":"https://example.com/?utm_source=` + strings.Repeat(";", 900) + `"}`, nil, 202},
		"URL with a line end":        {`{"n":"x","u":"https://example.com/a\r\nSet-Cookie: x"}`, nil, 202},
		"host with a line end":       {`{"n":"x","u":"https://exa\nmple.com/"}`, nil, 400},
		"port that is none":          {`{"n":"x","u":"https://example.com:99999/"}`, nil, 400},
		"agent of 20 kB":             {pageview, []string{"User-Agent: Mozilla/5.0 (" + strings.Repeat("X", 20_000) + ")"}, 202},
		"agent of brackets":          {pageview, []string{"User-Agent: " + strings.Repeat("(", 5000)}, 202},
		"agent of another alphabet":  {pageview, []string{"User-Agent: \xff\xfe\xfd" + strings.Repeat("é", 100)}, 202},
		"header bomb: forwarded for": {pageview, []string{"X-Forwarded-For: " + strings.Repeat("1.1.1.1,", 5000)}, 202},
		"header bomb: referer":       {pageview, []string{"Referer: " + strings.Repeat("x", 50_000)}, 202},
		"header bomb: 1.5 MB":        {pageview, []string{"X-Big: " + strings.Repeat("x", 1_500_000)}, 431},
	}
	s := newServer(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := s.post(t, tt.body, tt.headers...)
			if r.status != tt.status {
				t.Errorf("%d %.200s", r.status, r.body)
			}
			for _, ev := range s.counter.take() {
				checkClean(t, &ev)
			}
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		if r := s.do(t, method, "/api/event", pageview); r.status != 405 {
			t.Errorf("%s: %d", method, r.status)
		}
	}
}

// checkClean reports what of an event is not fit to be counted.
func checkClean(t testing.TB, ev *aggregate.Event) {
	t.Helper()
	clean := func(what, s string) {
		switch {
		case schema.CleanValue(s) != s:
			t.Errorf("%s %q is not clean", what, s)
		case len(s) > schema.MaxValueBytes, !utf8.ValidString(s), s == schema.Other, strings.ContainsFunc(s, unicode.IsControl):
			t.Errorf("%s %q cannot be a value", what, s)
		}
		for i, r := range s {
			if before, _ := utf8.DecodeLastRuneInString(s[:i]); r == '@' && i > 0 && unicode.IsLetter(before) {
				if after, _ := utf8.DecodeRuneInString(s[i+1:]); unicode.IsLetter(after) {
					t.Errorf("%s %q looks like an e-mail address", what, s)
				}
			}
		}
	}
	for d, v := range ev.Values {
		clean(schema.Dimension(d).String(), v)
	}
	seen := map[string]bool{}
	for _, p := range ev.Props {
		clean("property name", p.Name)
		clean("property", p.Value)
		if p.Name == "" || p.Value == "" || seen[p.Name] {
			t.Errorf("property %q = %q is empty or comes twice", p.Name, p.Value)
		}
		seen[p.Name] = true
	}
	if ev.Site == 0 || ev.Visitor == (aggregate.Key{}) || ev.Time == 0 || len(ev.Props) > maxProps ||
		ev.Values[schema.Hostname] == "" || !strings.HasPrefix(ev.Values[schema.Path], "/") ||
		(ev.Kind == aggregate.Custom) != (ev.Values[schema.EventName] != "") {
		t.Errorf("an event with site %d, time %d, kind %d, host %q, path %q, name %q", ev.Site, ev.Time, ev.Kind,
			ev.Values[schema.Hostname], ev.Values[schema.Path], ev.Values[schema.EventName])
	}
}

// FuzzCollector: whatever comes in body and headers, there is no panic and no 500; what is refused is 400, 401 or 413; what is
// accepted and not dropped was counted, with clean values only.
func FuzzCollector(f *testing.F) {
	f.Add(pageview, chromeAgent, "198.51.100.7", "")
	f.Add(`{"n":"Sign up","u":"https://example.com/ann@example.org/%61?utm_source=a@b.c&ref=x#y","h":1,"p":{"mail":"a@b.c","x":"%40"}}`,
		firefoxAgent, "1.1.1.1, 2001:db8::1", "https://t.co/")
	f.Add(`{"n":404,"u":"//example.com//a/../%2e%2e/0612345678","d":"example.com,shop.example.org","i":false}`, robotAgent, ",,", "\xff")
	f.Add(`{"n":"engagement","u":"https://example.com","sd":1e9,"p":"{}"}`, "", "x", "")
	f.Add(`[{"n":"x","u":"https://example.com/","ip":"203.0.113.7","ua":"Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0","p":{"a":"b"}}]`,
		"", "", "Bearer key-1")
	counter := &recorder{}
	noLimits := Limits{RequestsPerSec: -1, SiteEventsPerSec: -1}
	c, err := NewCollector(Config{Sites: testSites, Counter: counter, Agents: testAgents(f), Limits: noLimits, IngestKey: testKeys})
	if err != nil {
		f.Fatal(err)
	}
	e := echo.New()
	c.Register(e)
	f.Fuzz(func(t *testing.T, body, agent, forwarded, more string) {
		req := httptest.NewRequest(http.MethodPost, "/api/event", strings.NewReader(body))
		req.Header["User-Agent"], req.Header["X-Forwarded-For"] = []string{agent}, []string{forwarded}
		req.Header["X-Debug-Request"], req.Header["Content-Type"], req.Header["Authorization"] = []string{more}, []string{more}, []string{more}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		events := counter.take()
		dropped, _ := strconv.Atoi(rec.Header().Get("X-Plausible-Dropped"))
		switch rec.Code {
		case http.StatusAccepted:
			if len(events) == 0 && dropped == 0 && !isBatch([]byte(body)) {
				t.Errorf("%q was accepted and neither counted nor dropped", body)
			}
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
			if len(events) > 0 {
				t.Errorf("%q was refused and counted", body)
			}
		default:
			t.Errorf("%q: %d %s", body, rec.Code, rec.Body)
		}
		for i := range events {
			checkClean(t, &events[i])
		}
	})
}

// growthVariable names the environment variable that makes TestNoGrowth send a million hits, which takes some minutes.
const growthVariable = "TURF_TEST_MILLION"

// heapGrowth is what the heap may grow by between the first half of TestNoGrowth and the second: the noise of a garbage collector.
const heapGrowth = 8 << 20

// ingestMemory is what all that ingest remembers may take: agents (3 MB), three limiters (1 MB each), and the space of requests.
const ingestMemory = 16 << 20

// Random sites, paths, names, agents, hints and addresses leave nothing behind but what has a bound: the cache of
// agents and the limiters.
func TestNoGrowth(t *testing.T) {
	rounds := 5_000
	switch {
	case os.Getenv(growthVariable) != "":
		rounds = 500_000
	case testing.Short():
		rounds = 300
	}
	agents, err := NewAgents() // its cache is empty
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	atFirst := heapBytes()
	settings := &schema.Settings{KeepQuery: []string{"q"}, FoldPaths: []string{"/fold/*"}, ExcludePages: []string{"/none/**"}}
	c, err := NewCollector(Config{Sites: sitesWith(settings), Counter: emptyCounter{}, Agents: agents})
	if err != nil {
		t.Fatal(err)
	}
	c.Register(e)
	status := map[int]int{}
	run := func(from int) {
		for i := from; i < from+rounds; i++ {
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, randomHit(i))
			status[rec.Code]++
		}
	}
	run(0)
	before := heapBytes()
	run(rounds)
	after := heapBytes()
	t.Logf("%d hits: %v; the heap was %d bytes, after one half %d, after both %d", 2*rounds, status, atFirst, before, after)
	if len(status) != 1 || status[http.StatusAccepted] != 2*rounds {
		t.Errorf("answered %v", status)
	}
	if after > before+heapGrowth || after > atFirst+ingestMemory {
		t.Errorf("the heap has grown from %d to %d and %d bytes", atFirst, before, after)
	}
	runtime.KeepAlive(c)
	runtime.KeepAlive(agents)
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// randomHit is hit number i: all that can be new in it is.
func randomHit(i int) *http.Request {
	n := strconv.Itoa(i)
	name := "pageview"
	if i%3 == 0 {
		name = "e" + n
	}
	body := `{"n":"` + name + `","u":"https://example.com/` + n + `?q=` + n + `","d":"example.com,x` + n + `.example","p":{"p` + n + `":"v` + n +
		`"},"r":"https://r` + n + `.example/"}`
	req := httptest.NewRequest(http.MethodPost, "/api/event", strings.NewReader(body))
	req.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; x"+n+") Chrome/"+strconv.Itoa(i%40_000)+".0 Safari/537.36")
	req.Header.Set("Sec-CH-UA", `"Brand `+n+`";v="`+strconv.Itoa(i%200)+`"`)
	req.Header.Set("Accept-Language", "l"+n)
	req.RemoteAddr = netip.AddrFrom4([4]byte{198, byte(18 + i>>16), byte(i >> 8), byte(i)}).String() + ":1"
	return req
}
