package ingest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/schema"
)

// What Chromium 137 on Windows sends with an event of a page over https.
var chromeHeaders = []string{
	"Origin: https://example.com", "Accept-Language: en-US,en;q=0.9", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors",
	"Sec-Fetch-Dest: empty", `Sec-CH-UA: "Not:A-Brand";v="8", "Chromium";v="137", "Google Chrome";v="137"`, "Sec-CH-UA-Mobile: ?0",
	`Sec-CH-UA-Platform: "Windows"`,
}

const safariAgent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"

// Who is taken for a robot by the headers, and who must never be: real senders, by what they send.
func TestSignals(t *testing.T) {
	without := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(chromeHeaders), func(h string) bool {
			name, _, _ := strings.Cut(h, ":")
			return slices.Contains(names, name)
		})
	}
	with := func(headers ...string) []string { return append(slices.Clone(chromeHeaders), headers...) }
	hints := []string{"Sec-CH-UA", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform"}
	fetch := []string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"}
	for _, tt := range []struct {
		name    string
		agent   string
		headers []string
		// want is the reason, and allHints that where the operator says that no proxy leaves hints out; "" for
		// counted.
		want, allHints string
	}{
		{"Chrome", chromeAgent, chromeHeaders, "", ""},
		{"Chrome over http", chromeAgent, without(append(hints, fetch...)...), "", ""},
		{"Chrome on localhost, with neither", chromeAgent, []string{"Origin: http://localhost:3000", "Accept-Language: en"}, "", ""},
		{"Firefox", firefoxAgent, without(hints...), "", ""},
		{"Safari", safariAgent, without(hints...), "", ""},
		{"Safari before 16.4", safariAgent, []string{"Origin: https://example.com", "Accept-Language: nl-NL"}, "", ""},
		{"a proxy that leaves hints out", chromeAgent, without(hints...), "", "no_hints"},
		{"a proxy that leaves one hint out", chromeAgent, without("Sec-CH-UA"), "", "no_hints"},
		{"a proxy that sends on what it knows", chromeAgent, []string{"X-Forwarded-For: 198.51.100.7"}, "", ""},
		{"a proxy that knows languages", chromeAgent, []string{"Accept-Language: en", "Origin: https://example.com"}, "", ""},
		{"a proxy that leaves hints and origin out", chromeAgent, without(append(hints, "Origin")...), "", ""},
		{"Node's fetch, for a visitor", chromeAgent, []string{"Sec-Fetch-Mode: cors", "Accept-Language: *"}, "", ""},
		{"Node's fetch, without a language", chromeAgent, []string{"Sec-Fetch-Mode: cors"}, "", ""},
		{"a plugin of WordPress, for a visitor", chromeAgent, []string{"Accept: */*", "X-Forwarded-For: 198.51.100.7"}, "", ""},
		{"an app", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15", nil, "", ""},
		{"a page that was opened, not a request of a page", chromeAgent, []string{
			"Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document",
		}, "", ""},
		{"curl", "curl/8.5.0", nil, "robot", "robot"},
		{"Node by its own name", "node", []string{"Sec-Fetch-Mode: cors", "Accept-Language: *"}, "robot", "robot"},
		{"a robot of AI", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", chromeHeaders, "ai_robot", "ai_robot"},
		{"a search engine", robotAgent, chromeHeaders, "robot", "robot"},
		{"no language", chromeAgent, without("Accept-Language"), "no_language", "no_language"},
		{"no language, by a picture", chromeAgent, []string{
			"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image",
		}, "no_language", "no_language"},
		{"headless, behind another agent", chromeAgent, append(without("Sec-CH-UA"), `Sec-CH-UA: "HeadlessChrome";v="137"`), "headless", "headless"},
		{"Chromium with the agent of another version", chromeAgent, append(without("Sec-CH-UA"), `Sec-CH-UA: "Chromium";v="156"`), "other_hints", "other_hints"},
		{"Linux with the agent of Windows", chromeAgent, append(without("Sec-CH-UA-Platform"), `Sec-CH-UA-Platform: "Linux"`), "other_hints", "other_hints"},
		{"ChatGPT's agent, as a browser", chromeAgent, with(`Signature-Agent: "https://chatgpt.com"`), "ai_robot", "ai_robot"},
		{"the same by the newer draft", chromeAgent, with(`Signature-Agent: sig1="https://chatgpt.com"`), "ai_robot", "ai_robot"},
		{"a program that signs", chromeAgent, with(`Signature-Agent: "https://crawler.example"`), "robot", "robot"},
		{"prefetch", chromeAgent, with("Sec-Purpose: prefetch;prerender"), "prefetch", "prefetch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for allHints, want := range map[bool]string{false: tt.want, true: tt.allHints} {
				told := ""
				s := newServer(t, func(c *Config) {
					c.AllHints = allHints
					c.Dropped = func(_ schema.SiteID, _ time.Time, reason, _ string) { told = reason }
				})
				r := s.post(t, pageview, append([]string{"User-Agent: " + tt.agent}, tt.headers...)...)
				if got := r.header.Get("X-Turf-Dropped"); r.status != http.StatusAccepted || got != want || told != want {
					t.Errorf("all hints %t: %d, dropped for %q, told %q, want %q", allHints, r.status, got, told, want)
				}
				if n := len(s.counter.take()); (n == 1) != (want == "") {
					t.Errorf("%d events", n)
				}
			}
		})
	}
}

// The hints name the browser that the agent hides; a sender that says that a program drives its browser is believed.
func TestHintsOfRequest(t *testing.T) {
	s := newServer(t, nil)
	brave := append(slices.Clone(chromeHeaders), `Sec-CH-UA: "Brave";v="137", "Chromium";v="137"`, `Sec-CH-UA-Platform-Version: "15.0.0"`)
	ev := s.acceptOne(t, pageview, brave...)
	if ev.Values[schema.Browser] != "Brave" || ev.Values[schema.OSVersion] != "11" {
		t.Errorf("browser %q, system %q", ev.Values[schema.Browser], ev.Values[schema.OSVersion])
	}
	for value, want := range map[string]string{"true": "webdriver", "1": "webdriver", "false": "", `"true"`: "", "null": ""} {
		r := s.post(t, `{"n":"pageview","u":"https://example.com/","webdriver":`+value+`}`)
		if got := r.header.Get("X-Turf-Dropped"); got != want {
			t.Errorf("webdriver %s: dropped for %q", value, got)
		}
	}
}

// A browser's objection is heeded in the strict profile, and only there.
func TestObjection(t *testing.T) {
	for profile, want := range map[string]string{"": "", schema.ProfileStandard: "", schema.ProfileStrict: "objection"} {
		s := newServer(t, func(c *Config) { c.Sites = sitesWith(&schema.Settings{Profile: profile}) })
		for header, dropped := range map[string]string{
			"Sec-GPC: 1": want, "DNT: 1": want, "DNT: 0": "", "Sec-GPC: 0": "", "X-Other: 1": "",
		} {
			if got := s.post(t, pageview, header).header.Get("X-Turf-Dropped"); got != dropped {
				t.Errorf("profile %q, %s: dropped for %q, want %q", profile, header, got, dropped)
			}
		}
	}
}
