package stats

import (
	"regexp"
	"slices"
	"strings"
)

// v1Operators are the operators of the stats API v1, those first that contain another.
var v1Operators = []struct {
	text string
	op   Op
}{
	{"==", Is},
	{"!=", IsNot},
	{"!~", ContainsNot},
	{"~", Contains},
}

// V1Filters reads the filters of the stats API v1: PROPERTY OPERATOR VALUES with ; between, all of which must hold.
//
//	==   is           !=   is not
//	~    contains     !~   does not contain
//	A|B  A or B; \| is a | of the value
//	*    any text, after == and !=
//
// Unlike Plausible's, a list may follow != too (neither of them) and may have wildcards; and what is no filter is
// refused where Plausible leaves it out and answers about everything.
func V1Filters(text string) ([]Filter, error) {
	var filters []Filter
	if strings.TrimSpace(text) == "" {
		return filters, nil
	}
	for expression := range strings.SplitSeq(text, ";") {
		f, err := v1Filter(strings.TrimSpace(expression))
		if err != nil {
			return nil, err
		}
		filters = append(filters, f)
	}
	return filters, nil
}

func v1Filter(expression string) (Filter, error) {
	at, found := len(expression), -1
	for i, o := range v1Operators {
		if n := strings.Index(expression, o.text); n >= 0 && n < at {
			at, found = n, i
		}
	}
	if found < 0 {
		return Filter{}, invalid("filters", "%q is no filter. Write one as visit:source==Google", excerpt([]byte(expression)))
	}
	operator := v1Operators[found]
	f := Filter{Op: operator.op, Dimension: strings.TrimSpace(expression[:at])}
	wildcard := false
	for _, v := range splitBars(expression[at+len(operator.text):]) {
		v = strings.TrimSpace(v)
		wildcard = wildcard || strings.Contains(v, "*")
		f.Values = append(f.Values, v)
	}
	switch f.Dimension {
	case "visit:source", "visit:referrer":
		if i := slices.Index(f.Values, "("+directLabel+")"); i >= 0 {
			f.Values[i] = directLabel // the documentation's spelling
		}
	}
	if wildcard && f.Dimension != goalProperty && f.Dimension != segmentDimension && (f.Op == Is || f.Op == IsNot) {
		f.Op = map[Op]Op{Is: Matches, IsNot: MatchesNot}[f.Op]
		for i, v := range f.Values {
			f.Values[i] = wildcardPattern(v)
		}
	}
	return f, nil
}

// splitBars splits at each | that has no \ before it.
func splitBars(s string) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '|':
			part.WriteByte('|')
			i++
		case s[i] == '|':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	return append(parts, part.String())
}

// wildcardPattern is the regular expression (RE2) of a text in which * stands for any text.
func wildcardPattern(s string) string {
	parts := strings.Split(s, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return "(?s)^" + strings.Join(parts, ".*") + "$"
}
