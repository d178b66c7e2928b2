package aggregate

import "turf/schema"

// Declared is what a site's owner has declared, in the form in which the core needs it. It never changes.
type Declared struct {
	goals  []declaredGoal  // those that have to be counted
	events map[string]bool // names that are counted also when the site has too many events
	bytes  int             // what the new words of one event can take at the most

	revenue    map[string]declaredRevenue // by name of the event
	funnels    []declaredFunnel
	pageSteps  []pageStep
	eventSteps map[string][]funnelMatch

	segments []declaredSegment
	leaves   []segmentLeaf // of all segments
}

// declaredRevenue is a goal whose events carry amounts.
type declaredRevenue struct{ currency, key string }

// pageMatch is what of the declarations the view of a page fits: goals, by their places in Declared.goals, and steps of funnels.
type pageMatch struct {
	goals []uint8
	steps []funnelMatch
}

// declaredGoal is a goal that is counted like an event of the name key.
type declaredGoal struct {
	key, page string
	scroll    uint8 // percent; 0: the view of the page
}

var nothingDeclared = &Declared{}

// Declare makes it from a site's declarations, which must be in order ([schema.Declarations.Check]).
func Declare(from *schema.Declarations) *Declared {
	x := &Declared{
		events: map[string]bool{}, revenue: map[string]declaredRevenue{}, eventSteps: map[string][]funnelMatch{},
	}
	for i := range from.Goals {
		g := &from.Goals[i]
		if g.Exact() {
			continue
		}
		x.events[g.Key()] = true
		if key := g.RevenueKey(); key != "" {
			x.events[key] = true
			x.revenue[g.Event] = declaredRevenue{g.Currency, key}
		}
		if g.Counted() {
			x.goals = append(x.goals, declaredGoal{key: g.Key(), page: g.Page, scroll: uint8(g.Scroll)})
			x.bytes += wordHeader + len(g.Key())
		}
	}
	for i := range from.Funnels {
		x.declareFunnel(&from.Funnels[i])
	}
	for i := range from.Segments {
		x.declareSegment(&from.Segments[i])
	}
	return x
}

// Declare sets what is counted from the next event on. It may be called at any time between two steps; what is declared does not
// lie in the memory, so it is to be called again after Open.
func (d *Day) Declare(x *Declared) {
	d.declared = x
	d.pageMatches, d.leafWords, d.segmentWords = nil, nil, nil
	d.need = stepNeeds
	n := len(x.goals)
	if len(x.revenue) > 0 { // once more what an event needs, but for words other than the name
		n++
		d.need[seenSection] += MaxProps
		d.need[cellsSection] += MaxProps
		d.need[hiddenSection] += MaxProps
		d.need[undoSection] += 2 * MaxProps
		d.need[wordsSection] += wordHeader + schema.MaxValueBytes
	}
	named := n + 1 // and the event itself
	cells := goalCells*n + len(x.segments)*(segmentCells+segmentNamedCells*named)
	d.need[seenSection] += goalSeen * n
	d.need[cellsSection] += cells
	d.need[hiddenSection] += cells
	d.need[undoSection] += 2*cells + len(x.funnels)
	if len(x.segments) > 0 {
		d.need[membersSection] += segmentMembers + named
		d.need[undoSection] += segmentMembers + named
	}
	d.need[chainsSection] += len(x.funnels)
	d.need[wordsSection] += x.bytes
}

// What a goal can need in a step.
const (
	goalSeen  = 3
	goalCells = 5
)

// matched is what the event's page fits. It looks at each path once.
func (s *step) matched() *pageMatch {
	d := s.d
	if s.page.path == otherWord { // of any path
		d.declared.match(&d.otherMatch, s.ev.Values[schema.Path])
		return &d.otherMatch
	}
	for len(d.pageMatches) <= int(s.page.path) {
		d.pageMatches = append(d.pageMatches, nil)
	}
	m := d.pageMatches[s.page.path]
	if m == nil {
		m = &pageMatch{}
		d.declared.match(m, s.ev.Values[schema.Path])
		d.pageMatches[s.page.path] = m
	}
	return m
}

// match makes m what a path fits.
func (x *Declared) match(m *pageMatch, path string) {
	m.goals, m.steps = m.goals[:0], m.steps[:0]
	for i := range x.goals {
		if schema.MatchPage(x.goals[i].page, path) {
			m.goals = append(m.goals, uint8(i))
		}
	}
	for _, p := range x.pageSteps {
		if schema.MatchPage(p.page, path) {
			m.steps = addMatch(m.steps, p.funnel, p.step)
		}
	}
}

// goalsOf lists the goals whose pattern the event's page matches.
func (s *step) goalsOf() []uint8 {
	if len(s.d.declared.goals) == 0 {
		return nil
	}
	return s.matched().goals
}

// countGoals counts the goals that are the view of a page.
func (s *step) countGoals() {
	for _, i := range s.goalsOf() {
		if g := &s.d.declared.goals[i]; g.scroll == 0 {
			s.countNamed(s.d.word(schema.EventName, g.key), 0)
		}
	}
}

// countScrollGoals counts the goals that a visit reached as it saw more of a page than before.
func (s *step) countScrollGoals(before, after uint8) {
	if after == ScrollUnknown || before == after {
		return
	}
	for _, i := range s.goalsOf() {
		g := &s.d.declared.goals[i]
		if g.scroll > 0 && after >= g.scroll && (before == ScrollUnknown || before < g.scroll) {
			s.countNamed(s.d.word(schema.EventName, g.key), 0)
		}
	}
}
