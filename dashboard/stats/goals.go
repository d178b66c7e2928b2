package stats

import (
	"fmt"
	"slices"
	"strings"

	"turf/schema"
)

// goalDimension is the dimension of the goals that a site's owner declared, by the names they gave.
const goalDimension = "event:goal"

// goalPlan is which goals a question is about, and where they are counted: goals that are events, or are counted like events, in
// the cubes of events (plan.cube); those that are the view of one page in the cubes of pages, so that what happened before they were
// declared is known too.
type goalPlan struct {
	grouped  bool // the rows are goals
	events   []*schema.Goal
	pages    []*schema.Goal
	pageCube *schema.Cube // nil without pages
	revenue  bool         // also the amounts of events, which are counted under a name of their own
}

// one reports whether each row is about one goal.
func (g *goalPlan) one() bool { return g.grouped || len(g.events)+len(g.pages) == 1 }

// addGoals finds the goals that the question is about. nil: it is not about goals.
func (p *plan) addGoals(w *wants) error {
	grouped := slices.Contains(p.query.Dimensions, goalDimension)
	var filter *Filter
	var err error
	for i := range p.query.Filters {
		f := &p.query.Filters[i]
		if f.Dimension == goalDimension {
			if filter != nil {
				return invalid("filters", "%s can be filtered by once: what else a visitor of a goal did is not kept", goalDimension)
			}
			filter = f
		}
		walk(f.Children, func(f *Filter) {
			if f.Dimension == goalDimension {
				err = invalid("filters", "%s can be filtered by at the top level only, not inside and, or, not", goalDimension)
			}
		})
	}
	if err != nil || filter == nil && !grouped {
		return err
	}
	if w.names[schema.EventName] != goalDimension || slices.Contains(p.query.Dimensions, "event:name") || w.has(p.query, "event:name") {
		return invalid("filters", "%s and event:name cannot be combined. Ask for one of them", goalDimension)
	}
	p.goals = &goalPlan{grouped: grouped}
	return p.selectGoals(filter)
}

// has reports whether a filter of the question is about the dimension.
func (w *wants) has(q *Query, dimension string) (found bool) {
	walk(q.Filters, func(f *Filter) { found = found || f.Dimension == dimension })
	return found
}

// selectGoals takes the site's goals that the filter means, all when there is none.
func (p *plan) selectGoals(filter *Filter) error {
	goals := p.site.Goals
	if len(goals) == 0 {
		return invalid("filters", "this site has no goals. Declare one (turf goal add), or use event:name or event:page")
	}
	if filter != nil && filter.Op == Is {
		for _, name := range filter.Values {
			if !slices.ContainsFunc(goals, func(g schema.Goal) bool { return filter.means(g.Name, name) }) {
				return invalid("filters", "%q is not a goal of this site. Its goals are %s", name, goalNames(goals))
			}
		}
	}
	for i := range goals {
		g := &goals[i]
		switch {
		case filter != nil && !slices.ContainsFunc(filter.Values, func(v string) bool { return filter.means(g.Name, v) }):
		case g.Exact():
			p.goals.pages = append(p.goals.pages, g)
		default:
			p.goals.events = append(p.goals.events, g)
		}
	}
	if len(p.goals.events)+len(p.goals.pages) == 0 {
		return invalid("filters", "no goal of this site has that in its name. Its goals are %s", goalNames(goals))
	}
	return nil
}

// means reports whether a leaf that is or contains holds of a name, by one of its values.
func (f *Filter) means(name, value string) bool {
	if f.FoldCase {
		name, value = strings.ToLower(name), strings.ToLower(value)
	}
	if f.Op == Contains {
		return strings.Contains(name, value)
	}
	return name == value
}

func goalNames(goals []schema.Goal) string {
	names := make([]string, len(goals))
	for i, g := range goals {
		names[i] = g.Name
	}
	return enumerate(names)
}

// goalCubes finds the cube of events and the one of pages, as far as there are goals in them.
func (p *plan) goalCubes(w *wants) (err error) {
	g := p.goals
	for _, goal := range slices.Concat(g.pages, g.events) {
		if p.prop != "" && goal.Event == "" {
			return invalid("filters", "%s%s is counted for events, and not for the goal %s. Filter by a goal that is an event", propPrefix,
				p.prop, goal.Name)
		}
	}
	p.pinned[schema.EventName] = g.one()
	if len(g.pages) > 0 {
		pages := *w
		pages.names[schema.EventName] = ""
		if pages.names[schema.Path] == "" {
			pages.names[schema.Path] = goalDimension
		}
		if g.pageCube, err = pages.cube(); err != nil {
			return err
		}
		p.cube = g.pageCube
	}
	if len(g.events) > 0 {
		p.cube, err = w.cube()
	}
	return err
}

// warnSince says since when goals are counted that were declared inside the span.
func (p *plan) warnSince() {
	if p.goals == nil {
		return
	}
	var late []string
	for _, g := range p.goals.events {
		if !g.Counted() || !g.Since.After(p.span.From) {
			continue
		}
		if p.since == nil {
			p.since = map[string]string{}
		}
		p.since[g.Name] = g.Since.In(p.span.From.Location()).Format(instantFormat)
		late = append(late, g.Name)
	}
	if len(late) == 0 {
		return
	}
	for _, m := range p.query.Metrics {
		p.warn(m, Warning{"counted_since", fmt.Sprintf("%s was declared inside the date_range and is counted from then on only: see "+
			"meta.counted_since.", enumerate(late))})
	}
}

// where is the condition for the goals' rows, and their cubes.
func (g *goalPlan) where(w *writer, events *schema.Cube) string {
	one := func(cube *schema.Cube, column string, values []string) string {
		places := make([]string, len(values))
		for i, v := range values {
			places[i] = w.value(v)
		}
		return fmt.Sprintf("cube = '%s' AND %s IN (%s)", cube.Name, column, strings.Join(places, ", "))
	}
	var names, paths []string
	for _, goal := range g.events {
		names = append(names, goal.Key())
		if g.revenue && goal.Currency != "" {
			names = append(names, goal.RevenueKey())
		}
	}
	for _, goal := range g.pages {
		paths = append(paths, goal.Page)
	}
	switch {
	case len(paths) == 0:
		return one(events, "event", names)
	case len(names) == 0:
		return one(g.pageCube, "path", paths)
	}
	return fmt.Sprintf("cube IN ('%s', '%s')\n  AND (%s\n    OR %s)", events.Name, g.pageCube.Name, one(events, "event", names),
		one(g.pageCube, "path", paths))
}

// unit separates what is put into one parameter. It is in no value and no name.
const unit = "\x1f"

// column is the SQL of a goal's name.
func (g *goalPlan) column(w *writer) string {
	var keys, names []string
	for _, goal := range slices.Concat(g.events, g.pages) {
		keys, names = append(keys, goal.Key()), append(names, goal.Name)
		if g.revenue && goal.Currency != "" {
			keys, names = append(keys, goal.RevenueKey()), append(names, goal.Name)
		}
	}
	w.params["goal_keys"], w.params["goal_names"] = strings.Join(keys, unit), strings.Join(names, unit)
	key := "event"
	if g.pageCube != nil {
		key = fmt.Sprintf(`if(cube = '%s', concat('page\t', path), event)`, g.pageCube.Name)
	}
	return fmt.Sprintf(`transform(%s, splitByChar('\x1f', {goal_keys:String}), splitByChar('\x1f', {goal_names:String}), '')`, key)
}

// sum is the sum of a counter. Where page views are kept, events are those and custom events; the visits of which it is known how much of a
// page they saw are the others of which something is known. How often a page was seen is how often the goal was reached that its view is.
func (p *plan) sum(m schema.Metric) string {
	count := m.String()
	switch {
	case m == schema.UnscrolledVisits:
		count = fmt.Sprintf("%s - %s", schema.EngagedVisits, schema.UnscrolledVisits)
	case m != schema.Events:
	case p.goals == nil && p.cube.Keeps(schema.CustomEvents):
		count = fmt.Sprintf("%s + %s", schema.Pageviews, schema.CustomEvents)
	case p.goals == nil || len(p.goals.pages) == 0:
	case len(p.goals.events) == 0:
		count = schema.Pageviews.String()
	default:
		count = fmt.Sprintf("if(cube = '%s', %s, %s)", p.goals.pageCube.Name, schema.Pageviews, schema.Events)
	}
	if p.goals != nil && p.goals.revenue {
		count = fmt.Sprintf("if(%s, 0, %s)", isRevenueRow, count)
	}
	return "sum(" + count + ")"
}

// checkGoals refuses to add up goals.
func (p *plan) checkGoals(m Metric) error {
	g := p.goals
	if g == nil || g.one() {
		return nil
	}
	if m == Events && len(g.pages) == 0 && !slices.ContainsFunc(g.events, (*schema.Goal).Counted) {
		return nil // an event has one name
	}
	return invalid("metrics", "%s of several goals together is not kept: who reached two of them would count twice. Group by %s, or "+
		"filter by one goal", m, goalDimension)
}

// checkConversion finds the question for the visitors of which those of the row are a share: without goals and properties, and
// for group_conversion_rate by the other dimensions.
func (p *plan) checkConversion(m Metric) error {
	if p.goals == nil {
		return invalid("metrics", "%s needs %s as a dimension or filter", m, goalDimension)
	}
	if m == ConversionRate && p.interval == timeHour {
		return invalid("metrics", "%s is a share of the visitors of the whole span, and does not go with time:hour. Use %s", m,
			GroupConversionRate)
	}
	left := func(name string) bool { return name != goalDimension && !strings.HasPrefix(name, propPrefix) }
	q := &Query{Site: p.query.Site, Metrics: []Metric{Visitors}, also: p.query.also}
	for _, f := range p.query.Filters {
		if left(f.Dimension) {
			q.Filters = append(q.Filters, f)
		}
	}
	for _, name := range p.query.Dimensions {
		if left(name) && m == GroupConversionRate {
			q.Dimensions = append(q.Dimensions, name)
		}
	}
	total, err := makePlan(q, p.site, p.span)
	if err != nil {
		return fmt.Errorf("%s: the visitors who could reach the goal cannot be told: %w", m, err)
	}
	p.addTotal(m, total)
	return nil
}

// addTotal is the question for what the metric is a share of.
func (p *plan) addTotal(m Metric, total *plan) {
	if p.totals == nil {
		p.totals = map[Metric]*plan{}
	}
	p.totals[m] = total
	if len(total.joins(Visitors)) > 0 {
		p.warn(m, joinedWarning)
	}
	for _, w := range total.warnings {
		p.warn(m, w)
	}
}
