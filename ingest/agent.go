package ingest

import (
	"fmt"
	"hash/maphash"
	"regexp/syntax"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/ua-parser/uap-go/uaparser"
	"gopkg.in/yaml.v3"
)

const (
	// maxAgentBytes is how much of a user agent is looked at. The longest that real browsers send are half of that.
	maxAgentBytes = 1024
	// maxCachedAgents is how many agents' answers are kept: about 3 MB.
	maxCachedAgents = 1 << 14
	// agentWays is how many places in the cache an agent can take.
	agentWays = 4
	// maxAgentVersionBytes is the length of each part of a version; what is longer is no version.
	maxAgentVersionBytes = 6
)

// AgentInfo is what a user agent says, in names of a closed list. Each field may be "".
type AgentInfo struct {
	Browser        string // as Plausible calls it: "Chrome", "Safari", "Mobile App", …
	BrowserVersion string // the major version, "137"; "" for apps
	OS             string // as Plausible calls it: "Windows", "Mac", "GNU/Linux", "iOS", …
	OSVersion      string // major and minor where the agent says so: "10", "10.15", "17.2"; of Chrome OS the major
	Device         string // Desktop, Mobile or Tablet
	Robot          string // "" for a person's browser, else the name or family of the robot
	AI             bool   // the robot gathers for language models, or fetches for an assistant's answer
}

// Agents names browsers, systems, devices and robots by their user agents. It may be used by several goroutines.
//
// It remembers its answers, not the agents: the cache is keyed by a hash whose key is made at start and held nowhere
// else (keyed, also because an agent made to collide with a common browser's would otherwise put its verdict in that
// one's place). It never grows beyond maxCachedAgents.
type Agents struct {
	seed    maphash.Seed
	sets    []agentSet
	parsing chan struct{} // bounds the agents read at the same time, which take 50 µs of a CPU each

	filter   *ruleFilter // of all rules: robots, then browsers, then systems, then ai
	robots   []robotRule
	ai       []string // names of AI's robots, as the list has them
	rules    *uaparser.RegexDefinitions
	browsers map[string]string // family → name
	systems  map[string]string
	brands   map[string]uint8 // brand of client hints → its place in hintedBrands
}

// agentSet holds the answers of agents whose hashes end alike. A new one takes the place of one that was not asked
// for since the last look (second chance), so agents that come once do not push out the common ones.
type agentSet [agentWays]atomic.Pointer[agentEntry]

type agentEntry struct {
	hash uint64
	info AgentInfo
	used atomic.Bool
}

// NewAgents reads the lists. It takes some 30 ms.
func NewAgents() (*Agents, error) {
	a := &Agents{
		seed: maphash.MakeSeed(), sets: make([]agentSet, maxCachedAgents/agentWays),
		parsing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
	var literals [][]string
	var err error
	if a.robots, literals, err = robotRules(); err != nil {
		return nil, err
	}
	a.ai = aiRobots()
	a.brands = make(map[string]uint8, len(hintedBrands))
	for i, b := range hintedBrands {
		a.brands[b.brand] = uint8(i)
	}
	if a.browsers, a.systems, err = readAgentNames(agentNames); err != nil {
		return nil, err
	}
	if a.rules, err = agentRules(); err != nil {
		return nil, err
	}
	for _, r := range a.rules.UA {
		literals = append(literals, ruleLiterals(r.Reg.String()))
	}
	for _, r := range a.rules.OS {
		literals = append(literals, ruleLiterals(r.Reg.String()))
	}
	for _, name := range a.ai {
		literals = append(literals, []string{strings.ToLower(name[:min(len(name), maxFilterLiteralBytes)])})
	}
	if a.filter, err = newRuleFilter(literals); err != nil {
		return nil, fmt.Errorf("make the filter of agents: %w", err)
	}
	return a, nil
}

// agentRules are uap-core's expressions for browsers and systems, which uap-go carries. Its expressions for devices
// (brands and models) are not used: nobody is told apart by them here. Nor is its Parse, which keeps agents as keys
// of a cache.
func agentRules() (*uaparser.RegexDefinitions, error) {
	var def uaparser.RegexDefinitions
	if err := yaml.Unmarshal(uaparser.DefinitionYaml, &def); err != nil {
		return nil, fmt.Errorf("read the expressions of uap-core: %w", err)
	}
	def.Device = nil
	p, err := uaparser.New(uaparser.WithRegexDefinitions(def), uaparser.WithCacheSize(1))
	if err != nil {
		return nil, fmt.Errorf("compile the expressions of uap-core: %w", err)
	}
	return p.RegexDefinitions, nil
}

func ruleLiterals(expr string) []string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil // it is compiled already, so this cannot be; without literals the rule is always tried
	}
	return requiredLiterals(re)
}

// Lookup names what sent the agent. An agent that was seen before costs no allocation.
func (a *Agents) Lookup(userAgent string) AgentInfo {
	if len(userAgent) > maxAgentBytes {
		userAgent = userAgent[:maxAgentBytes]
	}
	h := maphash.String(a.seed, userAgent)
	set := &a.sets[h%uint64(len(a.sets))]
	for i := range set {
		if e := set[i].Load(); e != nil && e.hash == h {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return e.info
		}
	}
	info := a.parseInTurn(userAgent)
	set.put(&agentEntry{hash: h, info: info})
	return info
}

// parseInTurn is parse, a few at a time.
func (a *Agents) parseInTurn(agent string) AgentInfo {
	a.parsing <- struct{}{}
	defer func() { <-a.parsing }()
	return a.parse(agent)
}

// put stores the entry in a free place, or in that of the first entry that was not used since it was last passed by.
// Two goroutines that put at the same time may lose one of their entries, which costs another parse.
func (s *agentSet) put(e *agentEntry) {
	for range 2 {
		for i := range s {
			old := s[i].Load()
			if old == nil || old.hash == e.hash || !old.used.Swap(false) {
				s[i].Store(e)
				return
			}
		}
	}
	s[0].Store(e) // others were used meanwhile
}

// parse reads the agent. Nothing of what it returns shares memory with the agent.
func (a *Agents) parse(agent string) AgentInfo {
	if strings.Trim(agent, " -") == "" {
		return AgentInfo{Robot: "no user agent"}
	}
	set := a.filter.candidates(agent)
	if name := a.aiRobot(agent, set); name != "" {
		return AgentInfo{Robot: name, AI: true}
	}
	family, major := a.browserFamily(agent, set)
	if a.isRobot(agent, set) {
		if _, browser := a.browsers[family]; browser {
			family = ""
		}
		return AgentInfo{Robot: robotName(agent, family)}
	}
	var info AgentInfo
	info.OS, info.OSVersion = a.system(agent, set)
	info.Device = deviceOf(agent, info.OS)
	if name, version := hintedBrowser(agent); name != "" {
		info.Browser, info.BrowserVersion = name, agentVersion(version, "")
		return info
	}
	info.Browser = a.browser(agent, family, info.OS)
	if info.Browser != browserApp && info.Browser != "" {
		info.BrowserVersion = agentVersion(major, "")
	}
	return info
}

func (a *Agents) isRobot(agent string, set ruleSet) bool {
	for i := range a.robots {
		if set.has(i) && a.robots[i].find(agent) {
			return true
		}
	}
	return false
}

// browserFamily is uap-core's name for the browser or robot and its major version; "" when it knows none.
func (a *Agents) browserFamily(agent string, set ruleSet) (family, major string) {
	for i, r := range a.rules.UA {
		if !set.has(len(a.robots) + i) {
			continue
		}
		var ua uaparser.UserAgent
		if r.Match(agent, &ua); ua.Family != "" {
			return ua.Family, ua.Major
		}
	}
	return "", ""
}

// browser is the name of the browser. A family that has none is an app on a telephone, else nothing.
func (a *Agents) browser(agent, family, system string) string {
	if family == "Apple Mail" && system == osIPadOS {
		return browserApp // uap-core's name for a Mac's agent without Safari's words
	}
	if name := a.browsers[family]; name != "" {
		return name
	}
	switch system {
	case osIOS, osIPadOS, osAndroid, osFire, osHarmony:
		return browserApp
	}
	if strings.Contains(agent, "Electron/") {
		return browserChrome
	}
	return ""
}

func (a *Agents) system(agent string, set ruleSet) (name, version string) {
	if isIPadAsMac(agent) {
		return osIPadOS, ""
	}
	hint := hintIn(systemHints, agent)
	for i, r := range a.rules.OS {
		if !set.has(len(a.robots) + len(a.rules.UA) + i) {
			continue
		}
		var os uaparser.Os
		if r.Match(agent, &os); os.Family == "" {
			continue
		}
		name = a.systems[os.Family]
		switch {
		case hint == osIPadOS && name == osIOS:
			return hint, agentVersion(os.Major, os.Minor)
		case hint != "":
			return hint, ""
		case name == "":
			return "", ""
		case name == osChrome:
			return name, agentVersion(os.Major, "")
		}
		return name, agentVersion(os.Major, os.Minor)
	}
	return hint, ""
}

// agentVersion is "major.minor" or "major". Parts that do not look like a version are left out; Windows has names for
// some.
func agentVersion(major, minor string) string {
	if !isVersionPart(major) {
		return ""
	}
	if !isVersionPart(minor) {
		return strings.Clone(major)
	}
	return major + "." + minor
}

// windowsNames are versions of Windows that are no numbers.
var windowsNames = [...]string{"XP", "Vista", "ME", "NT", "CE"}

func isVersionPart(s string) bool {
	for _, name := range windowsNames {
		if s == name {
			return true
		}
	}
	return s != "" && len(s) <= maxAgentVersionBytes && strings.Trim(s, "0123456789") == ""
}
