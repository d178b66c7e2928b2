package ingest

import (
	_ "embed"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

//go:generate ../scripts/robots

//go:embed data/robots.txt
var robotPatterns string

//go:embed data/ai_robots.txt
var aiRobotNames string

// aiRobots reads the list of AI's robots.
func aiRobots() []string {
	var names []string
	for line := range strings.Lines(aiRobotNames) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			names = append(names, line)
		}
	}
	return names
}

// aiRobot is the name of the AI's robot that sent the agent, or "". Each name stands alone: no letter is before or
// behind it.
func (a *Agents) aiRobot(agent string, set ruleSet) string {
	first := len(a.robots) + len(a.rules.UA) + len(a.rules.OS)
	for i, name := range a.ai {
		if !set.has(first + i) {
			continue
		}
		at := indexFold(agent, name)
		if at < 0 || at > 0 && isLetter(agent[at-1]) {
			continue
		}
		if end := at + len(name); end == len(agent) || !isLetter(agent[end]) {
			return name
		}
	}
	return ""
}

// moreRobotPatterns are robots that the list does not know, as they name themselves.
var moreRobotPatterns = [...]string{
	`gtmetrix`, `miniature\.io`, ` ylt `, `turingos`, `bytespider`, `gptbot`, `chatgpt-user`, `oai-searchbot`, `perplexity-user`,
	`claude-(?:user|web|searchbot)`, `meta-external`, `google-extended`, `google-inspectiontool`, `googleother`, `applebot`,
	`amazonbot`, `ccbot/`, `diffbot`, `tiny tiny rss`, `chef client`,
}

// robotRule is one pattern of the list. JavaScript's patterns may say what must not stand before and after, which RE2
// cannot: those parts are kept apart as plain strings.
type robotRule struct {
	re        *regexp.Regexp // nil when the pattern is but a string, so that the filter's word is enough
	notBefore []string
	notAfter  []string
}

// robotRules reads the list. The second result is what newRuleFilter wants to know of each rule.
func robotRules() ([]robotRule, [][]string, error) {
	var rules []robotRule
	var literals [][]string
	patterns := append(strings.Split(robotPatterns, "\n"), moreRobotPatterns[:]...)
	for _, p := range patterns {
		if p == "" || strings.HasPrefix(p, "#") {
			continue
		}
		rule, l, err := newRobotRule(p)
		if err != nil {
			return nil, nil, fmt.Errorf("pattern of robots %q: %w", p, err)
		}
		rules = append(rules, rule)
		literals = append(literals, l)
	}
	return rules, literals, nil
}

func newRobotRule(pattern string) (robotRule, []string, error) {
	var rule robotRule
	if rest, ok := strings.CutPrefix(pattern, "(?<!"); ok {
		body, after, ok := strings.Cut(rest, ")")
		if !ok {
			return rule, nil, fmt.Errorf("a look-behind without an end")
		}
		rule.notBefore, pattern = strings.Split(body, "|"), after
	}
	if before, rest, ok := strings.Cut(pattern, "(?!"); ok {
		body, ok := strings.CutSuffix(rest, ")")
		if !ok {
			return rule, nil, fmt.Errorf("a look-ahead that is not at the end")
		}
		body = strings.TrimSuffix(strings.TrimPrefix(body, "(?:"), ")")
		rule.notAfter, pattern = strings.Split(body, "|"), before
	}
	for _, s := range append(rule.notBefore, rule.notAfter...) {
		if s == "" || regexp.QuoteMeta(s) != s {
			return rule, nil, fmt.Errorf("a look-around that is no list of words: %q", s)
		}
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return rule, nil, err
	}
	literals := requiredLiterals(parsed)
	plain := parsed.Op == syntax.OpLiteral && len(parsed.Rune) <= maxFilterLiteralBytes
	if !plain || rule.notBefore != nil || rule.notAfter != nil {
		rule.re, err = regexp.Compile("(?i)" + pattern)
	}
	return rule, literals, err
}

// find is where the rule matches the agent, or false. The filter must have named the rule a candidate.
func (r *robotRule) find(agent string) bool {
	switch {
	case r.re == nil:
		return true
	case r.notBefore == nil && r.notAfter == nil:
		return r.re.MatchString(agent)
	}
	lower := strings.ToLower(agent)
	if len(lower) != len(agent) { // a letter whose small form is longer: no agent that is told apart here
		lower = agent
	}
	for _, m := range r.re.FindAllStringIndex(agent, -1) {
		if !hasAnySuffix(lower[:m[0]], r.notBefore) && !hasAnyPrefix(lower[m[1]:], r.notAfter) {
			return true
		}
	}
	return false
}

func hasAnySuffix(s string, suffixes []string) bool {
	for _, x := range suffixes {
		if strings.HasSuffix(s, x) {
			return true
		}
	}
	return false
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, x := range prefixes {
		if strings.HasPrefix(s, x) {
			return true
		}
	}
	return false
}

// What is longer, or has more digits or parts, is no name of a robot: what tells one sender from all others (a host, a number of a
// customer or a telephone) has them too, and is not kept. Of the words of the agent itself less is taken than of families, most
// of which are on uap-core's list.
const (
	maxRobotNameBytes   = 32
	maxRobotNameDigits  = 3
	maxRobotFamilyParts = 4 // Google-HTTP-Java-Client
	maxRobotWordParts   = 2 // Mail-Monitor
)

// robotWord is the word of an agent by which a robot names itself.
var robotWord = regexp.MustCompile(`(?i)[a-z][a-z0-9_-]*(?:bot|crawler|spider|scraper|monitor|preview)[a-z0-9_-]*`)

// robotProduct is what comes first in an agent, or first behind "compatible;".
var robotProduct = regexp.MustCompile(`(?i)(?:^|compatible; )([a-z][a-z0-9_-]*)`)

// robotName is a name for the robot: the family that uap-core knows, else the word by which it says so, else its
// product, else "other". Of the agent's own words only such come through as look like a product's name.
func robotName(agent, family string) string {
	if family != "" && family != "Other" && isRobotName(family, maxRobotFamilyParts) {
		return family
	}
	if w := robotWord.FindString(agent); isRobotName(w, maxRobotWordParts) {
		return strings.Clone(w)
	}
	for _, m := range robotProduct.FindAllStringSubmatch(agent, -1) {
		if w := m[1]; isRobotName(w, maxRobotWordParts) && !strings.EqualFold(w, "mozilla") && !strings.EqualFold(w, "compatible") {
			return strings.Clone(w)
		}
	}
	return "other"
}

func isRobotName(s string, maxParts int) bool {
	if len(s) < 3 || len(s) > maxRobotNameBytes {
		return false
	}
	digits, parts := 0, 1
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case '0' <= c && c <= '9':
			digits++
		case c == ' ', c == '_', c == '-':
			parts++
		default:
			return false
		}
	}
	return digits <= maxRobotNameDigits && parts <= maxParts && !isPersonal(s)
}
