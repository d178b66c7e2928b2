package stats

import (
	"fmt"
	"strings"

	"turf/schema"
)

// filter is the condition of a filter.
func (w *writer) filter(f *Filter) string {
	switch f.Op {
	case Not:
		return "NOT " + w.filter(&f.Children[0])
	case And, Or:
		parts := make([]string, len(f.Children))
		for i := range f.Children {
			parts[i] = w.filter(&f.Children[i])
		}
		return "(" + strings.Join(parts, " "+strings.ToUpper(string(f.Op))+" ") + ")"
	}
	a, _, _ := attributeOf(f.Dimension)
	var condition string
	switch f.Op {
	case Is, IsNot:
		condition = w.equals(f, &a)
	case Contains, ContainsNot:
		condition = w.contains(f, &a)
	case Matches, MatchesNot:
		condition = w.matches(f, &a)
	}
	if f.Op.negated() {
		return "NOT " + condition
	}
	return condition
}

// equals compares with the stored values, of which the empty one has a label.
func (w *writer) equals(f *Filter, a *attribute) string {
	var places []string
	if a.isNamed() {
		for _, name := range f.Values {
			for _, code := range a.codes(name, f.FoldCase) {
				places = append(places, w.value(code))
			}
		}
		return fmt.Sprintf("(%s IN (%s))", a.dim, strings.Join(places, ", "))
	}
	column := w.column(a)
	if f.FoldCase {
		column = "lowerUTF8(" + column + ")"
	}
	for _, v := range f.Values {
		if v == a.missing || f.FoldCase && strings.EqualFold(v, a.missing) {
			v = ""
		}
		place := w.value(v)
		if f.FoldCase {
			place = "lowerUTF8(" + place + ")"
		}
		places = append(places, place)
	}
	return fmt.Sprintf("(%s IN (%s))", column, strings.Join(places, ", "))
}

// shown is the value as the answer shows it.
func (w *writer) shown(a *attribute) string {
	column := w.column(a)
	if a.dim == schema.PropValue {
		return column // an event with the property has a value
	}
	return fmt.Sprintf("if(%s = '', '%s', %s)", column, a.missing, column)
}

func (w *writer) contains(f *Filter, a *attribute) string {
	function := "position"
	if f.FoldCase {
		function = "positionCaseInsensitiveUTF8"
	}
	shown := w.shown(a)
	var parts []string
	for _, v := range f.Values {
		parts = append(parts, fmt.Sprintf("%s(%s, %s) > 0", function, shown, w.value(v)))
	}
	return either(parts)
}

func (w *writer) matches(f *Filter, a *attribute) string {
	shown := w.shown(a)
	var parts []string
	for _, v := range f.Values {
		if f.FoldCase {
			v = "(?i)" + v
		}
		parts = append(parts, fmt.Sprintf("match(%s, %s)", shown, w.value(v)))
	}
	return either(parts)
}

// either is the conditions' or, in parentheses where there are several or one is not plain.
func either(conditions []string) string { return "(" + strings.Join(conditions, " OR ") + ")" }
