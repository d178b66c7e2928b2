package stats

import (
	"slices"
	"strings"

	"turf/schema"
)

// Goals of the stats API v1. Where the site has declared all goals of a filter, it is one by event:goal of v2. Else a
// goal is done by an event of that name, or, where it begins with Visit and a space, by a view of the page whose path
// follows: the question is one about event:name or event:page, and needs no goal to be declared.
const (
	goalProperty = "event:goal"
	visitPrefix  = "Visit "
)

// goalKind is what the goals of a question are.
type goalKind uint8

const (
	noGoal goalKind = iota
	declaredGoal
	eventGoal
	pageGoal
)

// metric is what a metric is called in v2. The events of a page's goal are its views.
func (k goalKind) metric(m Metric) Metric {
	if k == pageGoal && m == Events {
		return Pageviews
	}
	return m
}

// translateGoals replaces filters by goal.
func (v *v1) translateGoals() error {
	for i := range v.filters {
		f := &v.filters[i]
		if f.Dimension != goalProperty {
			continue
		}
		if f.Op != Is {
			return invalid("filters", "event:goal takes == only")
		}
		kind := declaredGoal
		if !v.declared(f) {
			var err error
			if kind, err = translateGoal(f); err != nil {
				return err
			}
		}
		if v.goal != noGoal {
			return invalid("filters", "event:goal can be named once: what one visitor did is not kept, so those who "+
				"reached two goals cannot be told")
		}
		v.goal = kind
	}
	return v.checkGoals()
}

// declared writes the names of declared goals into a filter by goal and reports whether all of its goals are declared. Views are
// asked of pages: an event has none.
func (v *v1) declared(f *Filter) bool {
	if slices.Contains(v.metrics, string(Pageviews)) {
		return false
	}
	var names []string
	for _, value := range f.Values {
		i := slices.IndexFunc(v.goals, func(g schema.Goal) bool {
			return g.Name == value || g.Event != "" && g.Event == value || g.Page != "" && g.Scroll == 0 && visitPrefix+g.Page == value
		})
		if i < 0 {
			return false
		}
		names = append(names, v.goals[i].Name)
	}
	f.Values = names
	return true
}

// translateGoal makes a filter by event or by page of one by goal.
func translateGoal(f *Filter) (goalKind, error) {
	pages := 0
	for i, value := range f.Values {
		if path, ok := strings.CutPrefix(value, visitPrefix); ok {
			f.Values[i], pages = strings.TrimSpace(path), pages+1
		}
	}
	switch pages {
	case 0:
		f.Dimension = "event:name"
	case len(f.Values):
		f.Dimension = "event:page"
	default:
		return noGoal, invalid("filters", "goals that are events and goals that are pages cannot be asked for together: "+
			"who reached both would count twice. Ask for one after the other")
	}
	if slices.ContainsFunc(f.Values, func(s string) bool { return strings.Contains(s, "*") }) {
		f.Op = Matches
		for i, value := range f.Values {
			f.Values[i] = wildcardPattern(value)
		}
	}
	if pages > 0 {
		return pageGoal, nil
	}
	return eventGoal, nil
}

// checkGoals refuses what would mean something else about an event or a page than about a goal.
func (v *v1) checkGoals() error {
	if v.goal == noGoal {
		return nil
	}
	for _, name := range v.metrics {
		switch Metric(name) {
		case ViewsPerVisit, BounceRate, VisitDuration, Percentage, ExitRate, "scroll_depth", "time_on_page":
			return invalid("metrics", "%s does not go with a filter by event:goal", name)
		case Events:
			if v.goal == pageGoal && slices.Contains(v.metrics, string(Pageviews)) {
				return invalid("metrics", "events and pageviews of a page's goal are the same. Ask for one of them")
			}
		}
	}
	if v.goal == pageGoal {
		for i := range v.filters {
			if a, _, ok := attributeOf(v.filters[i].Dimension); ok && a.role == eventRole {
				return invalid("filters", "%s and a page's goal cannot be combined", v.filters[i].Dimension)
			}
		}
	}
	return nil
}

// goalBreakdown is a breakdown by the declared goals, or by event where there are none. Pages are goals then only where
// somebody names them, so there are none in it.
func (v *v1) goalBreakdown() (dimensions, keys []string, err error) {
	if v.goal == pageGoal {
		return nil, nil, invalid("property", "event:goal and a page's goal cannot be combined. Ask for an aggregate")
	}
	if v.goal == declaredGoal || v.goal == noGoal && len(v.goals) > 0 {
		return []string{goalDimension}, []string{v1Key(goalProperty)}, nil
	}
	return []string{"event:name"}, []string{v1Key(goalProperty)}, nil
}
