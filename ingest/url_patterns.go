package ingest

import (
	"fmt"
	"strconv"
	"strings"
)

// The limits of a site's patterns.
const (
	maxPathPatterns     = 100
	maxPathPatternBytes = 256
)

// PathPatterns are patterns of a site's paths, each of which is shown as one page: /orders/* makes /orders/1 and
// /orders/2 into /orders/*. The zero value folds nothing. It may be used by several goroutines.
//
// In a pattern "*" stands for any characters of one segment, also none, and "**" for any characters of any number of
// segments. Case matters. The first pattern that fits the whole path holds.
type PathPatterns struct{ patterns []pathPattern }

type pathPattern struct {
	text   string
	prefix string // what stands before the first star
}

// NewPathPatterns checks the patterns. The error is an *InvalidError.
func NewPathPatterns(patterns []string) (PathPatterns, error) {
	if len(patterns) > maxPathPatterns {
		return PathPatterns{}, &InvalidError{"patterns", "can be at most " + strconv.Itoa(maxPathPatterns)}
	}
	var p PathPatterns
	for _, text := range patterns {
		prefix, _, star := strings.Cut(text, "*")
		reason := ""
		switch {
		case !strings.HasPrefix(text, "/"):
			reason = "must begin with a slash"
		case !star:
			reason = "must have a star for what is folded"
		case len(text) > maxPathPatternBytes:
			reason = "must have at most " + strconv.Itoa(maxPathPatternBytes) + " bytes"
		case cleanPath(text) != text:
			reason = "must be written as the path is shown: " + cleanPath(text)
		case strings.Contains(text, "***"):
			reason = "must have at most two stars in a row"
		}
		if reason != "" {
			return PathPatterns{}, &InvalidError{"patterns", fmt.Sprintf("%q %s", text, reason)}
		}
		p.patterns = append(p.patterns, pathPattern{text, prefix})
	}
	return p, nil
}

// Fold is the first pattern that fits the cleaned path, or the path. It allocates nothing.
func (p PathPatterns) Fold(path string) string {
	for i := range p.patterns {
		if t := &p.patterns[i]; strings.HasPrefix(path, t.prefix) && matchPath(t.text[len(t.prefix):], path[len(t.prefix):]) {
			return t.text
		}
	}
	return path
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
