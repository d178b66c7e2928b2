package ingest

import "strings"

// Signals are what a request tells beside its user agent. Headers are as they came; each may be "".
type Signals struct {
	// Complete: the headers came from a browser, and nothing on the way chose among them. It is false for lines of a
	// log, for events of servers and apps, and where a proxy of the site sends on only the headers that it knows: there
	// that one is missing tells nothing.
	Complete bool
	// AllHints: the client hints too would be there if the browser had sent them.
	AllHints       bool
	Webdriver      bool // the sender found navigator.webdriver
	AcceptLanguage string
	SecPurpose     string // "prefetch", "prefetch;prerender"
	Purpose        string // "prefetch" (older Chromium, Safari: "preview")
	XMoz           string // "prefetch" (older Firefox)
	SignatureAgent string // "https://chatgpt.com": the sender signs its requests as a program (Web Bot Auth)
	Hints          Hints
}

// minHintsChrome is the first version of Chrome of which it is certain that it sends hints; they came for all with
// version 89.
const minHintsChrome = 90

// robotSign is the first sign that no person looks at the page which the request has, given what its agent is (with
// [Agents.LookupWithHints]) and the agent itself; Passed where there is none. It allocates nothing.
func robotSign(agent string, info *AgentInfo, s *Signals) DropReason {
	switch {
	case isPrefetch(s):
		return DropPrefetch
	case s.Webdriver:
		return DropWebdriver
	case strings.Contains(s.Hints.Brands, "HeadlessChrome"):
		return DropHeadless
	case s.Complete && s.AllHints && s.Hints.Brands == "" && alwaysHints(agent, info):
		return DropNoHints
	case contradicts(agent, s.Hints):
		return DropOtherHints
	case s.Complete && s.AcceptLanguage == "":
		return DropNoLanguage
	}
	return Passed
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

// signedAgents are senders that sign what their browsers ask for, by how the value of Signature-Agent begins. Their user
// agents are those of people's browsers.
var signedAgents = [...]struct{ origin, name string }{
	{`"https://chatgpt.com"`, "ChatGPT Agent"},   // help.openai.com, "ChatGPT agent allowlisting"
	{`"https://agent.bot.goog"`, "Google-Agent"}, // developers.google.com/crawling
}

// otherSignedAgent is the name of those that are not on the list.
const otherSignedAgent = "signed agent"

// signedAgent is the program that names itself in Signature-Agent (draft-meunier-http-message-signatures-directory); the zero value
// where the header is not there. The signature is not verified: nobody gains by being taken for a robot. The value is a string, in
// newer drafts one behind a label (sig1="…"). It allocates nothing.
func signedAgent(value string) AgentInfo {
	if value == "" {
		return AgentInfo{}
	}
	for _, s := range signedAgents {
		if len(value) <= maxHintBytes && strings.Contains(value, s.origin) {
			return AgentInfo{Robot: s.name, AI: true}
		}
	}
	return AgentInfo{Robot: otherSignedAgent}
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
