package stats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"turf/schema"
)

// plan is a question that has found its cube.
type plan struct {
	query    *Query
	span     Span
	site     *schema.Site
	cube     *schema.Cube
	role     role
	interval string // time:hour and so on; empty without a time dimension
	prop     string // the property that the question is about, if any
	pinned   [schema.NumDimensions]bool
	goals    *goalPlan       // nil: the question is not about goals
	segment  *schema.Segment // nil: it is about no segment
	// totals are the questions for what shares are of: of all rows together, or, for GroupConversionRate, by group.
	totals map[Metric]*plan
	gaps   gaps       // what of the span is not known
	page   Pagination // which rows are asked for
	// buckets is how many rows there are in all, where rows are filled in.
	buckets int64
	// compareWarning is what is to be said of the span that is compared with.
	compareWarning string
	why            string            // why no smaller cube serves
	since          map[string]string // when goals began to be counted that were declared inside the span
	// warnings are those that the question deserves; those that depend on the rows are added when they are read.
	warnings map[Metric]Warning
}

// wants is what a question needs a cube to have.
type wants struct {
	names  [schema.NumDimensions]string // on the wire; empty: not needed
	roles  [numRoles]string             // a name that has the role
	prop   string
	hourly string // why hours are needed; empty: days will do
}

func (w *wants) add(field, name string) error {
	if name == segmentDimension && field == "filters" {
		return nil // see addSegment
	}
	a, prop, ok := attributeOf(name)
	if !ok {
		return checkDimension(field, name)
	}
	if prop != "" {
		if w.prop != "" && w.prop != prop {
			return invalid(field, "%s%s and %s%s cannot be combined: properties are counted one at a time. Ask for one of them",
				propPrefix, w.prop, propPrefix, prop)
		}
		w.prop = prop
		w.names[schema.Prop] = name
	}
	if w.names[a.dim] == "" {
		w.names[a.dim] = name
	}
	w.roles[a.role] = name
	return nil
}

// makePlan finds the cube for the question. Its errors are *InvalidError.
func makePlan(q *Query, site *schema.Site, span Span) (*plan, error) {
	p := &plan{query: q, span: span, site: site, page: q.Pagination, warnings: map[Metric]Warning{}}
	var w wants
	for _, name := range q.Dimensions {
		if isTime(name) {
			p.interval = interval(name, span)
			continue
		}
		if err := w.add("dimensions", name); err != nil {
			return nil, err
		}
	}
	var err error
	walk(q.Filters, func(f *Filter) {
		if err == nil {
			err = w.add("filters", f.Dimension)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := p.checkBuckets(); err != nil {
		return nil, err
	}
	switch {
	case p.interval == timeHour:
		w.hourly = timeHour
	case !span.WholeDays:
		w.hourly = "a date_range that begins or ends inside a day"
	}
	if err := p.findCube(&w); err != nil {
		return nil, err
	}
	p.pin()
	if err := p.checkProps(); err != nil {
		return nil, err
	}
	for _, m := range q.Metrics {
		if err := p.checkMetric(m); err != nil {
			return nil, err
		}
	}
	p.warnHidden()
	p.warnSince()
	p.warnSegment()
	return p, nil
}

// findCube finds the reading and the cube, or two for goals of both kinds.
func (p *plan) findCube(w *wants) (err error) {
	if p.query.Metrics[0] == Drops && w.roles == [numRoles]string{} {
		w.names[schema.DropReason], w.roles[dropRole] = string(Drops), string(Drops)
	}
	if p.role, err = w.role(); err != nil {
		return err
	}
	p.prop = w.prop
	if err := p.addSegment(w); err != nil {
		return err
	}
	if isVital(p.query.Metrics[0]) {
		p.role = vitalRole
		p.warnDevices(w)
	}
	if err := w.addVitals(p.query.Metrics); err != nil {
		return err
	}
	if err := w.addMeasure(p.query.Metrics, p.role); err != nil {
		return err
	}
	if err := w.addNext(); err != nil {
		return err
	}
	if err := p.addGoals(w); err != nil {
		return err
	}
	if p.goals != nil {
		err = p.goalCubes(w)
	} else {
		p.cube, err = w.cube()
	}
	if err == nil {
		p.why = w.why(p.cube)
	}
	return err
}

// why says of the cubes that are smaller than the one that was found, and have a part of what is needed, why they do not serve.
func (w *wants) why(found *schema.Cube) string {
	var reasons []string
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		var missing []string
		has, surplus := 0, ""
		for d, name := range w.names {
			switch {
			case name == "" && c.Has(schema.Dimension(d)) && !found.Has(schema.Dimension(d)):
				surplus = schema.Dimensions[d].Title
			case name == "":
			case c.Has(schema.Dimension(d)):
				has++
			case !slices.Contains(missing, name):
				missing = append(missing, name)
			}
		}
		smaller := len(c.Dimensions) < len(found.Dimensions) || len(c.Dimensions) == len(found.Dimensions) && c.Grain > found.Grain
		switch {
		case has == 0 || !smaller || !c.OfVisits() || c.TwinOf != 0 && len(missing) > 0: // said of its hours
		case len(missing) > 0:
			reasons = append(reasons, c.Name+" has no "+enumerate(missing))
		case w.hourly != "" && c.Grain != schema.Hourly:
			reasons = append(reasons, c.Name+" is kept by the day")
		default:
			reasons = append(reasons, fmt.Sprintf("%s would count a visitor once for each %s", c.Name, surplus))
		}
	}
	return strings.Join(reasons, "; ")
}

// addMeasure asks for a histogram when the metrics are read from one.
func (w *wants) addMeasure(metrics []Metric, r role) error {
	for i, m := range metrics {
		if isPercentile(m) != isPercentile(metrics[0]) {
			return invalid("metrics", "%s and %s cannot be asked for together: one is read from a histogram. Ask for them apart", metrics[0],
				metrics[i])
		}
	}
	if !isPercentile(metrics[0]) {
		return nil
	}
	if r != pageRole {
		return invalid("metrics", "%s is not defined without event:page: it is about one page", metrics[0])
	}
	for d, name := range w.names {
		if name != "" && schema.Dimensions[d].Aspect != schema.PageAspect {
			return invalid("metrics", "%s is kept by page, and not together with %s. Use time_on_page", metrics[0], name)
		}
	}
	w.names[schema.Bucket] = string(metrics[0])
	return nil
}

// role is the reading that the question takes of its cube.
func (w *wants) role() (role, error) {
	found := visitRole
	for _, r := range []role{pageRole, entryRole, exitRole} {
		if w.roles[r] == "" {
			continue
		}
		if found != visitRole {
			return 0, invalid("dimensions", "%s and %s cannot be combined: which pages one visit had is not kept. Ask for one of them",
				w.roles[found], w.roles[r])
		}
		found = r
	}
	if w.roles[dropRole] != "" {
		return dropRole, nil
	}
	if w.roles[eventRole] == "" {
		return found, nil
	}
	if found == entryRole || found == exitRole {
		return 0, invalid("dimensions", "%s and %s cannot be combined: an event is counted with the page on which it happened, not with "+
			"those on which its visit began or ended. Use event:page", w.roles[eventRole], w.roles[found])
	}
	return eventRole, nil
}

// cube is the smallest cube that has what is needed, and no aspect more: a cube with a page or an event counts other things.
func (w *wants) cube() (*schema.Cube, error) {
	var aspects [schema.NumAspects]bool
	for d, name := range w.names {
		if name != "" {
			aspects[schema.Dimensions[d].Aspect] = true
		}
	}
	var best, daily *schema.Cube
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		if !w.fit(c, &aspects) {
			continue
		}
		if w.hourly != "" && c.Grain != schema.Hourly {
			daily = c
			continue
		}
		if best == nil || w.compare(c, best) < 0 {
			best = c
		}
	}
	switch {
	case best != nil:
		return best, nil
	case daily != nil:
		return nil, invalid("date_range", "%s needs hours, but the counters of %s are kept by the day. Ask for whole days without "+
			"time:hour%s",
			w.hourly, w.listed(), w.hourlyPart())
	}
	return nil, w.refuse(&aspects)
}

func (w *wants) fit(c *schema.Cube, aspects *[schema.NumAspects]bool) bool {
	for a, wanted := range aspects {
		if wanted != c.HasAspect(schema.Aspect(a)) {
			return false
		}
	}
	for d, name := range w.names {
		if name != "" && !c.Has(schema.Dimension(d)) {
			return false
		}
	}
	return true
}

// compare puts first the cube that has the fewest fine dimensions that nobody asked for, then the fewest dimensions, then days. Place
// and device are fixed for a visitor's day, so there fine dimensions make no sum wrong, and only the number of dimensions counts.
func (w *wants) compare(a, b *schema.Cube) int {
	fine := 0
	if a.HasAspect(schema.PageAspect) || a.HasAspect(schema.SourceAspect) || a.HasAspect(schema.EventAspect) {
		fine = cmp.Compare(w.surplusFine(a), w.surplusFine(b))
	}
	return cmp.Or(
		fine,
		cmp.Compare(len(a.Dimensions), len(b.Dimensions)),
		-cmp.Compare(a.Grain, b.Grain),
		cmp.Compare(a.ID, b.ID))
}

func (w *wants) surplusFine(c *schema.Cube) int {
	n := 0
	for _, d := range c.Dimensions {
		if !schema.Dimensions[d].Core && w.names[d] == "" {
			n++
		}
	}
	return n
}

// listed is the names of the question that need a column: "a, b and c".
func (w *wants) listed() string {
	var names []string
	for _, name := range w.names {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return enumerate(names)
}

func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// hourlyPart names what can be asked by the hour instead.
func (w *wants) hourlyPart() string {
	var names []string
	for d, name := range w.names {
		for i := range schema.Cubes {
			c := &schema.Cubes[i]
			if name != "" && c.Grain == schema.Hourly && c.Has(schema.Dimension(d)) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", or one side of it by the hour (" + strings.Join(names, ", ") + ")"
}

// wayOut is what can be done about a question that no cube holds.
const wayOut = "Ask about fewer of them at a time, or declare a segment that has a part of them as its filters (turf segment add): it is " +
	"counted from then on."

// refuse says why no cube holds the question.
func (w *wants) refuse(aspects *[schema.NumAspects]bool) error {
	if aspects[schema.SegmentAspect] {
		return w.refuseSegment()
	}
	var used, fine []string
	for a, wanted := range aspects {
		if wanted {
			used = append(used, schema.Aspect(a).String())
		}
	}
	for d, name := range w.names {
		if name != "" && !schema.Dimensions[d].Core && !slices.Contains(fine, name) {
			fine = append(fine, name)
		}
	}
	reason := fmt.Sprintf("%s cannot be combined: ", w.listed())
	switch {
	case len(used) > 2:
		reason += fmt.Sprintf("they are about %d sides of a visit (%s), and a counter crosses at most two, so that no row can be "+
			"traced to a person. ", len(used), enumerate(used))
	case len(used) == 2 && len(fine) > 0:
		reason += fmt.Sprintf("%s is counted only together with others about the %s, not crossed with the %s. ",
			enumerate(fine), w.aspectOf(fine[0]), w.otherAspect(fine[0], used))
	case len(used) == 2:
		reason += fmt.Sprintf("the %s and the %s are not counted together. ", used[0], used[1])
	default:
		reason += "no counter has all of them. "
	}
	return invalid("dimensions", "%s%s", reason, wayOut)
}

func (w *wants) aspectOf(name string) string {
	a, _, _ := attributeOf(name)
	return schema.Dimensions[a.dim].Aspect.String()
}

func (w *wants) otherAspect(name string, used []string) string {
	own := w.aspectOf(name)
	if used[0] == own {
		return used[1]
	}
	return used[0]
}

// pin marks the dimensions that have one value in each row of the answer.
func (p *plan) pin() {
	p.pinned[schema.Prop] = p.prop != ""
	p.pinned[schema.SegmentKey] = p.segment != nil
	for _, name := range p.query.Dimensions {
		if a, _, ok := attributeOf(name); ok && a.expr == "" {
			p.pinned[a.dim] = true
		}
	}
	pinBy(p.query.Filters, &p.pinned)
}

// pinBy looks at filters that must all hold.
func pinBy(filters []Filter, pinned *[schema.NumDimensions]bool) {
	for i := range filters {
		f := &filters[i]
		if f.Op == And {
			pinBy(f.Children, pinned)
		}
		if a, _, ok := attributeOf(f.Dimension); ok && f.Op == Is && len(f.Values) == 1 && !f.FoldCase && a.expr == "" {
			pinned[a.dim] = true
		}
	}
}

// open lists the cube's dimensions of the aspects that can have several values in a row of the answer.
func (p *plan) open(aspects ...schema.Aspect) []schema.Dimension {
	var open []schema.Dimension
	add := func(c *schema.Cube, named schema.Dimension) {
		for _, d := range c.Dimensions {
			if slices.Contains(aspects, schema.Dimensions[d].Aspect) && !p.pinned[d] && d != named && !slices.Contains(open, d) {
				open = append(open, d)
			}
		}
	}
	if p.goals == nil || len(p.goals.events) > 0 {
		add(p.cube, schema.NumDimensions)
	}
	if p.goals != nil && p.goals.pageCube != nil {
		add(p.goals.pageCube, schema.Path) // which the goal names
	}
	return open
}
