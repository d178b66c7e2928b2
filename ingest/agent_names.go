package ingest

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed data/agents.txt
var agentNames string

// The names that code below speaks of.
const (
	osWindows = "Windows"
	osMac     = "Mac"
	osIOS     = "iOS"
	osIPadOS  = "iPadOS"
	osAndroid = "Android"
	osFire    = "Fire OS"
	osHarmony = "HarmonyOS"
	osChrome  = "Chrome OS"

	browserApp      = "Mobile App"
	browserChrome   = "Chrome"
	browserChromium = "Chromium"

	deviceDesktop = "Desktop"
	deviceMobile  = "Mobile"
	deviceTablet  = "Tablet"
)

// readAgentNames reads data/agents.txt: what families of browsers and of systems are called.
func readAgentNames(text string) (browsers, systems map[string]string, err error) {
	browsers, systems = map[string]string{}, map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		head, families, ok := strings.Cut(line, ":")
		kind, name, ok2 := strings.Cut(head, " ")
		names := map[string]map[string]string{"browser": browsers, "os": systems}[kind]
		if !ok || !ok2 || names == nil {
			return nil, nil, fmt.Errorf("names of agents, line %d: want \"browser NAME: FAMILIES\" or \"os …\"", i+1)
		}
		for family := range strings.SplitSeq(name+","+families, ",") {
			if family = strings.TrimSpace(family); family == "" {
				continue
			}
			if old, twice := names[family]; twice {
				return nil, nil, fmt.Errorf("names of agents, line %d: %s is also %s", i+1, family, old)
			}
			names[family] = name
		}
	}
	return browsers, systems, nil
}

// agentHint says what a word in an agent tells, before any list is asked.
type agentHint struct {
	value string
	words []string // any of them, as they are written
}

// systemHints are systems that uap-core takes for others, or does not know. The first that fits holds.
var systemHints = []agentHint{
	{osHarmony, []string{"HarmonyOS", "OpenHarmony", "ArkWeb"}},
	{osFire, []string{
		"; KFT", "; KFS", "; KFO", "; KFM", "; KFA", "; KFD", "; KFG", "; KFK", "; KFR", "; KFP", "; KFQ", "; AFT",
		"Silk/",
	}},
	{osIPadOS, []string{"iPad;", "iPadOS", "iPad/"}},
	{"PlayStation", []string{"PlayStation", "PLAYSTATION"}},
	{"Nintendo", []string{"Nintendo "}},
	{"Roku OS", []string{"Roku/", "Roku4640X"}},
	{"Xbox", []string{"; Xbox"}},
}

// browserHints are browsers that uap-core takes for others, with the word that their version follows. The first that
// fits holds.
var browserHints = [...]struct{ name, word string }{
	{"Opera", "OPT/"}, // on iOS, behind all of Safari's words
	{"Firefox", "FxiOS/"},
	{"Oculus Browser", "OculusBrowser/"},
	{"Quark", "Quark/"},
	{"Tesla Browser", " Tesla/"},
}

// hintedBrowser is the browser of which a word stands in the agent, and the digits behind it; "" where there is none.
func hintedBrowser(agent string) (name, major string) {
	for _, h := range browserHints {
		if _, after, ok := strings.Cut(agent, h.word); ok {
			return h.name, leadingDigits(after)
		}
	}
	return "", ""
}

// leadingDigits is what s begins with as far as it is digits.
func leadingDigits(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n]
}

// deviceHints are the classes of devices, as Plausible has them: a television or a console is a desktop there, as it
// stands still. The first that fits holds; [deviceOf] has the rest.
var deviceHints = []agentHint{
	{deviceDesktop, []string{
		"SMART-TV", "SmartTV", "Smart TV", "SmartTv", "GoogleTV", "Google TV", "Android TV", "AndroidTV", "BRAVIA",
		"; AFT", "CrKey",
		"HbbTV", "AppleTV", "Apple TV", "tvOS", "Web0S", "webOS.TV", "NetCast", "Roku", "VIDAA", "Large Screen",
		"PlayStation 3",
		"PLAYSTATION 3", "PlayStation 4", "PlayStation 5", "Xbox", "Nintendo Switch", "Nintendo WiiU",
		"Nintendo Wii", "BeyondTV",
	}},
	{deviceTablet, []string{
		"iPad", "Tablet;", "; Tablet", "Tablet Build", "Opera Tablet", "PlayBook", "Kindle", "; KF", "Silk/",
		"TouchPad", "; SM-T",
		"; SM-X", "Pixel Tablet", "Pixel C Build", "Nexus 7", "Nexus 9", "Nexus 10", "Lenovo TB", "MediaPad", "; GT-P",
		"Xoom", "Transformer", "QtCarBrowser", "Tesla/",
	}},
	{deviceMobile, []string{
		"iPhone", "iPod", "Mobile", "Windows Phone", "IEMobile", "Opera Mini", "Opera Mobi", "BlackBerry", "BB10",
		"KAIOS", "KaiOS",
		"Symbian", "SymbOS", "Series60", "Series40", "Nokia", "J2ME", "MIDP", "webOS/", "hpwOS", "Fennec",
		"OculusBrowser", "Quest",
		"PlayStation Vita", "PlayStation Portable", "Nintendo 3DS", "Windows CE", "Bada", "MeeGo", "Maemo", "watchOS",
	}},
}

// isIPadAsMac reports whether the agent is a Mac's with a word that only programs on an iPad (or an iPhone that was told
// to ask for desktop pages) have. Safari itself has no such word there: nothing tells its iPads from Macs.
func isIPadAsMac(agent string) bool {
	if !strings.Contains(agent, "(Macintosh;") {
		return false
	}
	for _, word := range [...]string{" CriOS/", " FxiOS/", " EdgiOS/", " OPT/", " OPX/", " GSA/", " Mobile/"} {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return false
}

// hintIn is the value of the first hint of which a word stands in the agent, or "".
func hintIn(hints []agentHint, agent string) string {
	for _, h := range hints {
		for _, w := range h.words {
			if strings.Contains(agent, w) {
				return h.value
			}
		}
	}
	return ""
}

// deviceOf is the class of the device: "" where nothing tells.
func deviceOf(agent, system string) string {
	if strings.Contains(agent, "Windows NT") && !strings.Contains(agent, "Windows Phone") {
		return deviceDesktop // also where the agent says "Tablet PC" of its Windows
	}
	if system == osIPadOS {
		return deviceTablet // also where the agent has the word Mobile
	}
	if d := hintIn(deviceHints, agent); d != "" {
		return d
	}
	switch system {
	case osAndroid, osFire, osHarmony:
		return deviceTablet // Chrome's rule for sites: a telephone says Mobile, a tablet does not
	case osIOS, "Tizen":
		return deviceMobile
	case "":
		return ""
	}
	return deviceDesktop
}
