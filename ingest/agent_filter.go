package ingest

import (
	"errors"
	"regexp/syntax"
	"strings"
)

// ruleFilter tells in one pass over a text which of many regular expressions could match it at all: those of which
// one of the literals that every match contains stands in the text. Trying the rest is what makes a list of 700
// expressions slow (1 ms); of a real agent some 30 are left. It is an Aho-Corasick automaton made into a table. Case
// is ignored (ASCII only, so an expression that would match U+212A for k may be left out).
type ruleFilter struct {
	class    [256]uint8 // byte → column of the table; column 0 is for bytes that stand in no literal
	columns  int
	next     []uint16 // [state*columns+column] → state
	outStart []uint32 // state → its part of outs: outs[outStart[s]:outStart[s+1]]
	outs     []uint16 // rules of which a literal ends here
	always   ruleSet  // rules without a literal to look for
}

// ruleSet is a set of rules, by their numbers.
type ruleSet []uint64

func newRuleSet(n int) ruleSet { return make(ruleSet, (n+63)/64) }

func (s ruleSet) add(rule int)      { s[rule/64] |= 1 << (rule % 64) }
func (s ruleSet) has(rule int) bool { return s[rule/64]&(1<<(rule%64)) != 0 }

// maxFilterLiteralBytes is the length at which literals are cut: the beginning of a literal is as sure to be there,
// and the table stays small.
const maxFilterLiteralBytes = 12

// maxFilterStates is the size of the table that fits its 16-bit numbers.
const maxFilterStates = 1 << 16

// newRuleFilter makes a filter for the rules, numbered as they stand. A rule is the list of strings, in lower case,
// of which at least one stands in each match; nil when there is no such list.
func newRuleFilter(rules [][]string) (*ruleFilter, error) {
	f := &ruleFilter{always: newRuleSet(len(rules)), columns: 1}
	for r, literals := range rules {
		if len(literals) == 0 {
			f.always.add(r)
		}
		for _, s := range literals {
			f.addClasses(s)
		}
	}
	outs := [][]uint16{nil}
	f.next = make([]uint16, f.columns)
	for r, literals := range rules {
		for _, s := range literals {
			state, err := f.insert(s, &outs)
			if err != nil {
				return nil, err
			}
			outs[state] = append(outs[state], uint16(r))
		}
	}
	f.link(outs)
	f.outStart = make([]uint32, 1, len(outs)+1)
	for _, o := range outs {
		f.outs = append(f.outs, o...)
		f.outStart = append(f.outStart, uint32(len(f.outs)))
	}
	return f, nil
}

func (f *ruleFilter) addClasses(s string) {
	for i := range len(s) {
		if f.class[s[i]] == 0 {
			f.class[s[i]] = uint8(f.columns)
			f.columns++
		}
	}
}

// insert adds the path of s to the tree and returns its last state.
func (f *ruleFilter) insert(s string, outs *[][]uint16) (int, error) {
	state := 0
	for i := range len(s) {
		at := state*f.columns + int(f.class[s[i]])
		if f.next[at] == 0 {
			if len(*outs) == maxFilterStates {
				return 0, errors.New("too many literals for one table")
			}
			f.next[at] = uint16(len(*outs))
			*outs = append(*outs, nil)
			f.next = append(f.next, make([]uint16, f.columns)...)
		}
		state = int(f.next[at])
	}
	return state, nil
}

// link turns the tree into an automaton, breadth first: where a state has no way on, it goes on as its longest suffix
// would, and it has its suffix's rules too.
func (f *ruleFilter) link(outs [][]uint16) {
	suffix := make([]uint16, len(outs))
	queue := make([]uint16, 0, len(outs))
	for c := range f.columns {
		if s := f.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for i := 0; i < len(queue); i++ {
		s := queue[i]
		outs[s] = append(outs[s], outs[suffix[s]]...)
		for c := range f.columns {
			at, back := int(s)*f.columns+c, f.next[int(suffix[s])*f.columns+c]
			if child := f.next[at]; child != 0 {
				suffix[child] = back
				queue = append(queue, child)
			} else {
				f.next[at] = back
			}
		}
	}
}

// candidates is the set of rules that could match the text.
func (f *ruleFilter) candidates(text string) ruleSet {
	set := append(ruleSet(nil), f.always...)
	state := 0
	for i := range len(text) {
		b := text[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		state = int(f.next[state*f.columns+int(f.class[b])])
		for _, r := range f.outs[f.outStart[state]:f.outStart[state+1]] {
			set.add(int(r))
		}
	}
	return set
}

// commonLiterals stand in so many agents that looking for them tells little.
var commonLiterals = [...]string{
	"mozilla", "applewebkit", "khtml", "like", "gecko", "safari", "mobile", "version/", "chrome", "android", "linux",
}

// requiredLiterals is a list of strings, in lower case, of which at least one stands in every match of the
// expression; nil when none was found.
func requiredLiterals(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		s := strings.ToLower(string(re.Rune))
		return []string{s[:min(len(s), maxFilterLiteralBytes)]}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredLiterals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredLiterals(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if l := requiredLiterals(sub); l != nil && (best == nil || literalsWorth(l) > literalsWorth(best)) {
				best = l
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			l := requiredLiterals(sub)
			if l == nil {
				return nil
			}
			all = append(all, l...)
		}
		return all
	}
	return nil
}

// literalsWorth is how much it tells that one of the strings stands in a text: the length of the shortest, as a
// guess.
func literalsWorth(literals []string) int {
	worth := maxFilterLiteralBytes
	for _, s := range literals {
		w := len(s)
		for _, c := range commonLiterals {
			if strings.HasPrefix(c, s) || strings.Contains(s, c) {
				w = 0
			}
		}
		worth = min(worth, w)
	}
	return worth
}
