package reports

import (
	"cmp"
	"slices"
	"strings"
)

// group is the rows of one value of a breakdown. The first two columns of a row are the value and how many people it is of.
type group struct {
	value  string
	people int64
	rows   [][]any
}

func groupsOf(rows [][]any) []group {
	at := map[string]int{}
	var groups []group
	for _, row := range rows {
		value := row[0].(string)
		i, ok := at[value]
		if !ok {
			i = len(groups)
			at[value], groups = i, append(groups, group{value: value})
		}
		groups[i].people += toInt(row[1])
		groups[i].rows = append(groups[i].rows, row)
	}
	return groups
}

// fold leaves the top groups that have at least k people, the largest first, and makes one of all others, the last. So that
// nobody is found by subtraction, that one takes further groups in until it has k people too, or there is nothing else.
func fold(groups []group, top, k int) []group {
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.people, a.people), strings.Compare(a.value, b.value))
	})
	named := 0
	for named < min(top, len(groups)) && groups[named].people >= int64(k) && groups[named].value != other {
		named++
	}
	rest := group{value: other}
	for _, g := range groups[named:] {
		rest.people += g.people
		rest.rows = append(rest.rows, g.rows...)
	}
	for rest.people > 0 && rest.people < int64(k) && named > 0 {
		named--
		rest.people += groups[named].people
		rest.rows = append(rest.rows, groups[named].rows...)
	}
	groups = groups[:named:named]
	if rest.people > 0 {
		groups = append(groups, rest)
	}
	return groups
}

// shownGroup is the value of a group as it is shown.
func shownGroup(attribute, value string) string {
	if value == other {
		return other
	}
	return shown(attribute, value)
}

// rank makes of rows (value, people, count, weighted count) a list of which the first are named. Whether a value may be named
// depends on its people; what is counted may be sessions. all is what the percentages are of.
func (r *run) rank(rows [][]any, top int, all int64, name func(string) string) []Ranked {
	var list []Ranked
	for _, g := range fold(groupsOf(rows), top, r.ask.K) {
		ranked := Ranked{Value: g.value}
		if g.value != other {
			ranked.Value = name(g.value)
		}
		weighted := 0.0
		for _, row := range g.rows {
			ranked.Count += toInt(row[2])
			weighted += toFloat(row[3])
		}
		ranked.Percent, ranked.Weighted = percent(float64(ranked.Count), float64(all)), r.share(weighted)
		list = append(list, ranked)
	}
	return list
}
