package ingest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// agentTestData is the folder in the cache to which scripts/agents fetches real agents.
const agentTestData = "agents-2.1.198-1.60.0-1"

// readAgentData reads a file of scripts/agents. The test is skipped where it is not there.
func readAgentData(t testing.TB, name string, into any) {
	t.Helper()
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Skip("no home folder, so no cache")
		}
		cache = filepath.Join(home, ".cache")
	}
	text, err := os.ReadFile(filepath.Join(cache, "turf", agentTestData, name))
	if err != nil {
		t.Skip("the real agents are not there; run scripts/agents")
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// agentLines reads testdata/agents.txt: the expectation and the agent.
func agentLines(t testing.TB) [][2]string {
	t.Helper()
	text, err := os.ReadFile("testdata/agents.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	var pairs [][2]string
	for pair := range slices.Chunk(lines, 2) {
		pairs = append(pairs, [2]string(pair))
	}
	return pairs
}

// describe writes what is known of an agent as testdata/agents.txt does.
func describe(i AgentInfo) string {
	switch {
	case i.AI:
		return "ai " + i.Robot
	case i.Robot != "":
		return "robot " + i.Robot
	}
	or := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return fmt.Sprintf("%s %s | %s %s | %s", or(i.Browser), or(i.BrowserVersion), or(i.OS), or(i.OSVersion), or(i.Device))
}

func TestAgents(t *testing.T) {
	a := testAgents(t)
	for _, p := range agentLines(t) {
		if got := describe(a.Lookup(p[1])); got != p[0] {
			t.Errorf("%s\n got %s\nwant %s", p[1], got, p[0])
		}
	}
}

// realAgent is an agent of the npm package user-agents.
type realAgent struct {
	Agent, Platform, Device string
	Parser, Second          struct{ Browser, Version, OS, OSVersion, Device string }
}

// parserBrowsers are our names (Plausible's) of what ua-parser-js calls otherwise. Apps that show pages are "Mobile
// App" to us.
var parserBrowsers = map[string]string{
	"Mobile Safari": "Safari", "GSA": "Mobile App", "Edge": "Microsoft Edge", "DuckDuckGo": "DuckDuckGo Privacy Browser",
	"Samsung Internet": "Samsung Browser", "Chrome WebView": "Mobile App", "Yandex": "Yandex Browser", "Opera Touch": "Opera",
	"WebKit": "Mobile App", "Snapchat": "Mobile App",
}

// parserSystems are likewise those of systems.
var parserSystems = map[string]string{"Mac OS": "Mac", "Chromium OS": "Chrome OS", "Linux": "GNU/Linux"}

// The truth of a real agent's browser and system is what ua-parser-js 1 (MIT, independent of uap-core) says; of its
// device what the package user-agents measured in the browser (by touch, screen and platform).
func TestRealAgents(t *testing.T) {
	var real []realAgent
	readAgentData(t, "agents.json", &real)
	if len(real) < 900 {
		t.Fatalf("%d agents are too few", len(real))
	}
	a := testAgents(t)
	named := func(names map[string]string, s string) string {
		if n := names[s]; n != "" {
			return n
		}
		return s
	}
	var robots, browsers, versions, systems, devices int
	var wrong strings.Builder
	for _, r := range real {
		got := a.Lookup(r.Agent)
		note := func(count *int, what, got, want string) {
			if got != want {
				*count++
				fmt.Fprintf(&wrong, "%-8s %-22q want %-22q %s\n", what, got, want, r.Agent)
			}
		}
		note(&robots, "robot", got.Robot, "")
		note(&browsers, "browser", got.Browser, named(parserBrowsers, r.Parser.Browser))
		os := named(parserSystems, r.Parser.OS)
		if strings.Contains(r.Agent, "iPad") {
			os = osIPadOS // as Plausible has it; ua-parser-js says iOS
		}
		note(&systems, "os", got.OS, os)
		note(&devices, "device", strings.ToLower(got.Device), r.Device)
		if got.BrowserVersion != "" {
			note(&versions, "version", got.BrowserVersion, r.Parser.Version)
		}
	}
	right := func(count int) float64 { return 100 - 100*float64(count)/float64(len(real)) }
	t.Logf("%d real agents: %d taken for robots; right: browser %.2f %%, version %.2f %%, OS %.2f %%, device %.2f %%; wrong:\n%s",
		len(real), robots, right(browsers), right(versions), right(systems), right(devices), wrong.String())
	if robots > 0 || right(browsers) < 97 || right(versions) < 97 || right(systems) < 99 || right(devices) < 99 {
		t.Error("want no robots, browser and version ≥ 97 %, OS and device ≥ 99 %")
	}
}

func TestCrawlersAreDropped(t *testing.T) {
	var crawlers []struct {
		Agent, Pattern string
		Tags           []string
	}
	readAgentData(t, "crawlers.json", &crawlers)
	if len(crawlers) < 2000 {
		t.Fatalf("%d crawlers are too few", len(crawlers))
	}
	a := testAgents(t)
	var missed strings.Builder
	passed, ai, aiNamed := 0, 0, 0
	for _, c := range crawlers {
		info := a.Lookup(c.Agent)
		if info.Robot == "" {
			passed++
			fmt.Fprintf(&missed, "%s (%s)\n", c.Agent, c.Pattern)
		}
		if slices.Contains(c.Tags, "ai-crawler") {
			ai++
			if info.AI {
				aiNamed++
			} else {
				fmt.Fprintf(&missed, "not known as AI's: %s → %s (%s)\n", c.Agent, info.Robot, c.Pattern)
			}
		}
	}
	dropped := 100 - 100*float64(passed)/float64(len(crawlers))
	t.Logf("%d crawlers: %.2f %% dropped; %d of %d of AI named as such; missed:\n%s", len(crawlers), dropped, aiNamed, ai, missed.String())
	if dropped < 99 || float64(aiNamed) < 0.95*float64(ai) {
		t.Error("want 99 % dropped and 95 % of AI's named")
	}
}

func TestLookupWithHints(t *testing.T) {
	const (
		windows = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36`
		mac     = `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36`
		desktop = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36`
		android = `Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36`
		chrome  = `"Not/A)Brand";v="8", "Chromium";v="126", "Google Chrome";v="126"`
	)
	brand := func(b, v string) string { return `"Not/A)Brand";v="8", "Chromium";v="126", "` + b + `";v="` + v + `"` }
	for _, c := range []struct {
		agent string
		hints Hints
		want  string
	}{
		{windows, Hints{}, "Chrome 126 | Windows 10 | Desktop"},
		{windows, Hints{chrome, "?0", `"Windows"`, `"15.0.0"`, ""}, "Chrome 126 | Windows 11 | Desktop"},
		{windows, Hints{chrome, "?0", `"Windows"`, `"13.0.0"`, ""}, "Chrome 126 | Windows 11 | Desktop"},
		{windows, Hints{chrome, "?0", `"Windows"`, `"10.0.0"`, ""}, "Chrome 126 | Windows 10 | Desktop"},
		{windows, Hints{chrome, "?0", `"Windows"`, `"8.0.0"`, ""}, "Chrome 126 | Windows 10 | Desktop"},
		{windows, Hints{`"Brave";v="126", "Chromium";v="126"`, "?0", `"Windows"`, "", ""}, "Brave 126 | Windows 10 | Desktop"},
		{windows, Hints{chrome, "?0", `"Windows"`, `"0.3.0"`, ""}, "Chrome 126 | Windows 10 | Desktop"},
		{windows, Hints{brand("Brave", "126"), "?0", `"Windows"`, "", ""}, "Brave 126 | Windows 10 | Desktop"},
		{windows, Hints{brand("Microsoft Edge", "126"), "?0", `"Windows"`, "", ""}, "Microsoft Edge 126 | Windows 10 | Desktop"},
		{windows, Hints{brand("Opera GX", "112"), "?0", `"Windows"`, "", ""}, "Opera 112 | Windows 10 | Desktop"},
		{windows, Hints{brand("DuckDuckGo", "126"), "?0", `"Windows"`, "", ""}, "DuckDuckGo Privacy Browser 126 | Windows 10 | Desktop"},
		{windows, Hints{`"Not/A)Brand";v="8", "Chromium";v="126"`, "?0", `"Windows"`, "", ""}, "Chromium 126 | Windows 10 | Desktop"},
		{windows, Hints{`"HeadlessChrome";v="126"`, "?0", `"Windows"`, "", ""}, "robot HeadlessChrome"},
		{windows, Hints{`"Not Brave";v="1", "Google Chrome";v="126"`, "?0", `"Windows"`, "", ""}, "Chrome 126 | Windows 10 | Desktop"},
		{mac, Hints{chrome, "?0", `"macOS"`, `"14.5.0"`, ""}, "Chrome 126 | Mac 14.5 | Desktop"},
		{mac, Hints{chrome, "?0", `"macOS"`, `"x"`, ""}, "Chrome 126 | Mac 10.15 | Desktop"},
		{desktop, Hints{chrome, "?0", `"Chrome OS"`, "", ""}, "Chrome 126 | Chrome OS - | Desktop"},
		{android, Hints{brand("Samsung Internet", "25"), "?1", `"Android"`, `"14.0.0"`, ""}, "Samsung Browser 25 | Android 14 | Mobile"},
		{android, Hints{brand("Android WebView", "126"), "?1", `"Android"`, "", ""}, "Mobile App - | Android 10 | Mobile"},
		{android, Hints{chrome, "?1", `"Android"`, "", `"Tablet"`}, "Chrome 126 | Android 10 | Tablet"},
		{desktop, Hints{chrome, "?0", `"Android"`, `"14.0.0"`, `"Tablet"`}, "Chrome 126 | Android 14 | Tablet"},
		{robotAgent, Hints{chrome, "?0", `"Windows"`, "", ""}, "robot Googlebot"},
		{windows, Hints{strings.Repeat("x", 1<<20) + `"Brave";v="1"`, "?0", `"Windows"`, strings.Repeat("9", 1<<20), ""}, "Chrome 126 | Windows 10 | Desktop"},
	} {
		if got := describe(testAgents(t).LookupWithHints(c.agent, c.hints)); got != c.want {
			t.Errorf("%.60s %.200v\n got %s\nwant %s", c.agent, c.hints, got, c.want)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	a := testAgents(t)
	h := Hints{`"Chromium";v="137", "Brave";v="137"`, "?0", `"macOS"`, `"15.1.0"`, ""}
	agents := []string{chromeAgent, firefoxAgent, robotAgent}
	for _, agent := range agents {
		a.Lookup(agent)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, agent := range agents {
			a.Lookup(agent)
			a.LookupWithHints(agent, h)
		}
	}); n != 0 {
		t.Errorf("agents that were seen before cost %v allocations", n)
	}
}

// FuzzAgent: whatever the agent and the hints, no name comes out that is not on a list, no version that is none;
// asking twice answers the same.
func FuzzAgent(f *testing.F) {
	a := testAgents(f)
	for _, p := range agentLines(f) {
		f.Add(p[1], `"Chromium";v="126", "Google Chrome";v="126"`, `"Windows"`, `"15.0.0"`)
	}
	f.Fuzz(func(t *testing.T, agent, brands, platform, version string) {
		h := Hints{Brands: brands, Platform: platform, PlatformVersion: version}
		got := a.LookupWithHints(agent, h)
		if again := a.LookupWithHints(agent, h); again != got {
			t.Fatalf("%+v, then %+v", got, again)
		}
		if fresh := a.parse(agent[:min(len(agent), maxAgentBytes)]); got.Robot == "" && fresh.Robot != "" {
			t.Fatalf("%+v is not what %+v is", got, fresh)
		}
		checkAgentInfo(t, a, got)
		info := got
		robotSign(agent, &info, &Signals{Complete: true, AllHints: true, Hints: h})
	})
}

// checkAgentInfo fails where an answer holds more than names of lists and versions.
func checkAgentInfo(t *testing.T, a *Agents, i AgentInfo) {
	t.Helper()
	if i.Robot != "" {
		if len(i.Robot) > maxRobotNameBytes || strings.ContainsAny(i.Robot, "@/?\x00") || i.Browser+i.OS+i.Device != "" {
			t.Fatalf("not a robot's name: %+v", i)
		}
		return
	}
	if i.Browser != "" && a.browsers[i.Browser] != i.Browser {
		t.Fatalf("browser %q is not on the list", i.Browser)
	}
	if !slices.Contains([]string{"", deviceDesktop, deviceMobile, deviceTablet}, i.Device) {
		t.Fatalf("device %q is none", i.Device)
	}
	if i.OS != "" && a.systems[i.OS] != i.OS && !slices.ContainsFunc(systemHints, func(h agentHint) bool { return h.value == i.OS }) {
		t.Fatalf("system %q is not on a list", i.OS)
	}
	for _, v := range []string{i.BrowserVersion, i.OSVersion} {
		major, minor, _ := strings.Cut(v, ".")
		if v != "" && (!isVersionPart(major) || minor != "" && !isVersionPart(minor)) {
			t.Fatalf("%q is no version", v)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	a := testAgents(b)
	lines := agentLines(b)
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Lookup(chromeAgent)
		}
	})
	b.Run("hit_hints", func(b *testing.B) {
		h := Hints{`"Chromium";v="137", "Google Chrome";v="137"`, "?0", `"Windows"`, `"15.0.0"`, ""}
		b.ReportAllocs()
		for b.Loop() {
			a.LookupWithHints(chromeAgent, h)
		}
	})
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			a.parse(lines[i%len(lines)][1])
		}
	})
}
