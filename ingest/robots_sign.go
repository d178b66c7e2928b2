package ingest

import "strings"

// RobotSign is what beside the user agent tells that no person looks at the page. The set is closed; the zero value
// is no sign.
type RobotSign uint8

const (
	NoSign RobotSign = iota
	// SignPrefetch: the browser fetched the page in advance; its script must wait until the page is shown.
	SignPrefetch
	// SignWebdriver: the browser says that a program drives it (navigator.webdriver, sent by the script).
	SignWebdriver
	// SignHeadless: the hints say that the browser has no window.
	SignHeadless
	// SignNoHints: the agent is that of a Chrome that always sends client hints over https, and there are none.
	SignNoHints
	// SignOtherHints: the hints are of another system or version than the agent, which no browser does.
	SignOtherHints
	// SignNoLanguage: there is no Accept-Language, which every browser sends.
	SignNoLanguage
	numRobotSigns
)

// robotSigns is the table of all signs: a code and a sentence for people.
var robotSigns = [numRobotSigns]struct{ code, sentence string }{
	NoSign:         {"", "Nothing tells that a robot sent it."},
	SignPrefetch:   {"prefetch", "The browser fetched the page in advance; nobody looks at it yet."},
	SignWebdriver:  {"webdriver", "The browser says that a program drives it."},
	SignHeadless:   {"headless", "The browser says that it has no window."},
	SignNoHints:    {"no_hints", "The user agent is Chrome's, but headers that Chrome always sends over https are missing."},
	SignOtherHints: {"other_hints", "The user agent and the client hints are of different browsers."},
	SignNoLanguage: {"no_language", "There is no Accept-Language, which every browser sends."},
}

// String is the sign's code; "" for NoSign.
func (s RobotSign) String() string { return robotSigns[s].code }

// Sentence says for people what the sign means.
func (s RobotSign) Sentence() string { return robotSigns[s].sentence }

// Signals are what a request tells beside its user agent. Headers are as they came; each may be "".
type Signals struct {
	// Complete: all headers are there as the browser sent them. It is false for lines of a log, for events of servers
	// and apps, and where the event was sent on by a proxy of the site that leaves headers out: there that one is
	// missing tells nothing.
	Complete       bool
	HTTPS          bool // the browser's own connection was encrypted
	Webdriver      bool // the script found navigator.webdriver
	AcceptLanguage string
	SecPurpose     string // "prefetch", "prefetch;prerender"
	Purpose        string // "prefetch" (older Chromium, Safari: "preview")
	XMoz           string // "prefetch" (older Firefox)
	Hints          Hints
}

// minHintsChrome is the first version of Chrome of which it is certain that it sends hints; they came for all with
// version 89.
const minHintsChrome = 90

// robotSign is the first sign that no person looks at the page which the request has, given what its agent is (with
// [Agents.LookupWithHints]) and the agent itself. It allocates nothing.
func robotSign(agent string, info *AgentInfo, s *Signals) RobotSign {
	switch {
	case isPrefetch(s):
		return SignPrefetch
	case s.Webdriver:
		return SignWebdriver
	case strings.Contains(s.Hints.Brands, "HeadlessChrome"):
		return SignHeadless
	case s.Complete && s.HTTPS && s.Hints.Brands == "" && alwaysHints(agent, info):
		return SignNoHints
	case contradicts(agent, s.Hints):
		return SignOtherHints
	case s.Complete && s.AcceptLanguage == "":
		return SignNoLanguage
	}
	return NoSign
}

func isPrefetch(s *Signals) bool {
	for _, p := range [...]string{s.SecPurpose, s.Purpose, s.XMoz} {
		if p != "" && (hasFold(p, "prefetch") || strings.EqualFold(p, "preview")) {
			return true
		}
	}
	return false
}

// alwaysHints reports whether an agent is of a browser that sends hints with every request over https: a Chromium
// that is not on iOS (where all browsers are Safari's engine), not in an app (whose views can leave them out) and not
// a television or console (built from what its maker likes).
func alwaysHints(agent string, info *AgentInfo) bool {
	switch info.Browser {
	case browserChrome, "Microsoft Edge", "Opera", "Brave":
	default:
		return false
	}
	switch info.OS {
	case osWindows, osMac, osAndroid, osChrome:
	default:
		return false
	}
	_, after, ok := strings.Cut(agent, " Chrome/")
	return ok && versionNumber(leadingDigits(after)) >= minHintsChrome && !strings.Contains(agent, "; wv)")
}

// contradicts reports whether hints cannot come with the agent: Windows and macOS are never each other's nor
// Android's, and Chromium's version is the same in both.
func contradicts(agent string, h Hints) bool {
	if platform := unquote(h.Platform); platform != "" {
		windows, mac := strings.Contains(agent, "Windows NT"), strings.Contains(agent, "Macintosh")
		switch platform {
		case "Windows":
			if mac || strings.Contains(agent, "Android") || strings.Contains(agent, "iPhone") {
				return true
			}
		case "macOS":
			if windows || strings.Contains(agent, "Android") {
				return true
			}
		case "Linux", "Chrome OS", "Chromium OS":
			if windows || mac {
				return true
			}
		}
	}
	version, ok := hintedVersion(h.Brands, browserChromium)
	_, after, chrome := strings.Cut(agent, " Chrome/")
	return ok && chrome && version != "" && version != leadingDigits(after)
}

// versionNumber is the number of at most maxAgentVersionBytes digits, or 0.
func versionNumber(digits string) int {
	if len(digits) > maxAgentVersionBytes {
		return 0
	}
	n := 0
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}
