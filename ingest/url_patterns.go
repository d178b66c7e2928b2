package ingest

import (
	"fmt"
	"strconv"
	"strings"

	"turf/schema"
)

// PathPatterns are patterns of a site's paths. To fold, each is shown as one page: /orders/* makes /orders/1 and
// /orders/2 into /orders/*. The zero value fits nothing. It may be used by several goroutines.
//
// In a pattern "*" stands for any characters of one segment, also none, and "**" for any characters of any number of
// segments. Case matters. The first pattern that fits the whole path holds.
type PathPatterns struct{ patterns []pathPattern }

type pathPattern struct {
	text   string
	prefix string // what stands before the first star
}

// newPathPatterns checks the patterns of a setting. Each must have a star, or may be the path of one page. The error
// is an *InvalidError.
func newPathPatterns(field string, patterns []string, star bool) (PathPatterns, error) {
	if len(patterns) > schema.MaxExclusions {
		return PathPatterns{}, &InvalidError{field, "can have at most " + strconv.Itoa(schema.MaxExclusions) + " entries"}
	}
	var p PathPatterns
	for _, text := range patterns {
		prefix, _, hasStar := strings.Cut(text, "*")
		reason := ""
		switch {
		case !strings.HasPrefix(text, "/"):
			reason = "must begin with a slash"
		case star && !hasStar:
			reason = "must have a star for what is folded"
		case len(text) > schema.MaxPatternBytes:
			reason = "must have at most " + strconv.Itoa(schema.MaxPatternBytes) + " bytes"
		case cleanPattern(text) != text:
			reason = "must be written as the path is shown: " + cleanPattern(text)
		case strings.Contains(text, "***"):
			reason = "must have at most two stars in a row"
		}
		if reason != "" {
			return PathPatterns{}, &InvalidError{field, fmt.Sprintf("%q %s", text, reason)}
		}
		p.patterns = append(p.patterns, pathPattern{text, prefix})
	}
	return p, nil
}

// cleanPattern is a pattern as the paths that it fits are shown: with a fragment, on a site that routes by it.
func cleanPattern(text string) string {
	path, fragment, hash := strings.Cut(text, "#")
	if path = cleanPath(path); !hash {
		return path
	}
	return path + "#" + cleanSegments(fragment, schema.MaxValueBytes)
}

// Fold is the first pattern that fits the cleaned path, or the path. It allocates nothing.
func (p PathPatterns) Fold(path string) string {
	if pattern, ok := p.match(path); ok {
		return pattern
	}
	return path
}

// match is the first pattern that fits the cleaned path. It allocates nothing.
func (p PathPatterns) match(path string) (pattern string, ok bool) {
	for i := range p.patterns {
		if t := &p.patterns[i]; strings.HasPrefix(path, t.prefix) && matchPath(t.text[len(t.prefix):], path[len(t.prefix):]) {
			return t.text, true
		}
	}
	return "", false
}

// matchPath reports whether the pattern fits all of s. It goes back to the last "*" as long as that stays in its
// segment, then to the last "**": an earlier star never has to give way, since what came after it has fitted where it
// first could. So it takes at most len(pattern) × len(s) steps for each kind of star.
func matchPath(pattern, s string) bool {
	p, at := 0, 0
	one, oneAt := -1, 0 // behind the last "*", and where it ends in s so far
	all, allAt := -1, 0 // likewise of the last "**"
	for at < len(s) || p < len(pattern) {
		switch {
		case strings.HasPrefix(pattern[p:], "**"):
			p += 2
			all, allAt, one = p, at, -1
			continue
		case p < len(pattern) && pattern[p] == '*':
			p++
			one, oneAt = p, at
			continue
		case p < len(pattern) && at < len(s) && pattern[p] == s[at]:
			p, at = p+1, at+1
			continue
		case one >= 0 && oneAt < len(s) && s[oneAt] != '/':
			oneAt++
			p, at = one, oneAt
			continue
		case all >= 0 && allAt < len(s):
			allAt++
			p, at, one = all, allAt, -1
			continue
		}
		return false
	}
	return true
}
