package ingest

import "testing"

func TestRobotSign(t *testing.T) {
	const (
		safari  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
		webview = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 " +
			"Chrome/126.0.6478.122 Mobile Safari/537.36"
		iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
			"CriOS/138.0.7204.156 Mobile/15E148 Safari/604.1"
		old = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0.3987.87 Safari/537.36"
	)
	hints := Hints{Brands: `"Chromium";v="137", "Google Chrome";v="137"`, Mobile: "?0", Platform: `"Windows"`}
	for _, c := range []struct {
		name, agent string
		s           Signals
		want        DropReason
	}{
		{"Chrome over https", chromeAgent, Signals{Complete: true, AllHints: true, AcceptLanguage: "en", Hints: hints}, Passed},
		{"Chrome over http, or a proxy leaves hints out", chromeAgent, Signals{Complete: true, AcceptLanguage: "en"}, Passed},
		{"Chrome over https without hints", chromeAgent, Signals{Complete: true, AllHints: true, AcceptLanguage: "en"}, DropNoHints},
		{"a proxy left headers out", chromeAgent, Signals{AllHints: true}, Passed},
		{"Chrome before hints", old, Signals{Complete: true, AllHints: true, AcceptLanguage: "en"}, Passed},
		{"Chrome on iOS is Safari", iphone, Signals{Complete: true, AllHints: true, AcceptLanguage: "en"}, Passed},
		{"in an app", webview, Signals{Complete: true, AllHints: true, AcceptLanguage: "en"}, Passed},
		{"Safari", safari, Signals{Complete: true, AllHints: true, AcceptLanguage: "en"}, Passed},
		{"Firefox", firefoxAgent, Signals{Complete: true, AllHints: true, AcceptLanguage: "en"}, Passed},
		{"no language", firefoxAgent, Signals{Complete: true, AllHints: true}, DropNoLanguage},
		{"driven", chromeAgent, Signals{Complete: true, AllHints: true, Webdriver: true, AcceptLanguage: "en", Hints: hints}, DropWebdriver},
		{"headless", chromeAgent, Signals{Hints: Hints{Brands: `"HeadlessChrome";v="137"`}}, DropHeadless},
		{"Chromium's prefetch", chromeAgent, Signals{SecPurpose: "prefetch;prerender", Hints: hints}, DropPrefetch},
		{"older prefetch", chromeAgent, Signals{Purpose: "prefetch"}, DropPrefetch},
		{"Safari's preview", safari, Signals{Purpose: "preview"}, DropPrefetch},
		{"Firefox's prefetch", firefoxAgent, Signals{XMoz: "prefetch"}, DropPrefetch},
		{"another system", chromeAgent, Signals{Hints: Hints{Platform: `"macOS"`}}, DropOtherHints},
		{"Linux behind Windows", chromeAgent, Signals{Hints: Hints{Platform: `"Linux"`}}, DropOtherHints},
		{"another version", chromeAgent, Signals{Hints: Hints{Brands: `"Chromium";v="99"`, Platform: `"Windows"`}}, DropOtherHints},
	} {
		info := testAgents(t).LookupWithHints(c.agent, c.s.Hints)
		if got := robotSign(c.agent, &info, &c.s); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The name of a robot is stored (P1): of its agent comes through what names a product, and nothing that tells one sender from all
// others of the kind.
func TestRobotNames(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "Googlebot",
		"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot)":   "SemrushBot",
		"360Spider(compatible; HaosouSpider;)":                                     "360Spider",
		"Google-HTTP-Java-Client/1.42 (gzip)":                                      "Google-HTTP-Java-Client",
		"curl/8.5.0":                                                               "curl",
		"Our-Monitor/1.0":                                                          "Our-Monitor",
		"jan-de-vries-0612345678-monitor/1.0":                                      "other",
		"Mozilla/5.0 (compatible; host-nl-ams-17-customer4711-monitor/1.0)":        "other",
		"f47ac10b-58cc-4372-a567-0e02b2c3d479-bot":                                 "other",
		"node88231bot/2":                                                           "other",
		"j.devries@example.com-bot":                                                "com-bot",
	} {
		if got := testAgents(t).Lookup(agent); got.Robot != want {
			t.Errorf("%s: %q, want %q", agent, got.Robot, want)
		}
	}
}
