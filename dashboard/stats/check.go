package stats

import (
	"fmt"
	"slices"
	"strings"

	"turf/schema"
)

// Warning is an entry of meta.metric_warnings.
type Warning struct {
	Code    string `json:"code"`
	Warning string `json:"warning"`
}

var (
	joinedWarning = Warning{"joined_tuples", "This adds up several counters, and a visitor who is in two of them on one day counts " +
		"in both. Add the dimensions that the question leaves open to get exact numbers."}
	hiddenWarning = Warning{"small_groups_hidden", "Groups of few visitors are counted under (other) to protect them, and are not " +
		"found there."}
)

// formula is a metric as SQL sums: num, or num / den.
type formula struct {
	num, den schema.Metric
	ratio    bool
	scale    float64 // factor of a ratio
	digits   int     // decimals of a ratio
	// share is which part of the visits lies at or below the answer, of a percentile from a histogram; empty: it is none.
	share string
	// vital is what it is of, where it is of measurements.
	vital schema.Vital
}

func sum(m schema.Metric) *formula { return &formula{num: m} }

func ratio(scale float64, num, den schema.Metric, digits int) *formula {
	return &formula{num: num, den: den, ratio: true, scale: scale, digits: digits}
}

// percentile is of a histogram of milliseconds, in seconds.
func percentile(share string) *formula {
	return &formula{num: schema.Visits, den: schema.Visits, ratio: true, share: share}
}

// formulas says how a metric is computed in each role; nil: it is not kept.
var formulas = map[Metric][numRoles]*formula{
	Visitors: {
		visitRole: sum(schema.Visitors), pageRole: sum(schema.Visitors), eventRole: sum(schema.Visitors),
		entryRole: sum(schema.EntryVisitors), exitRole: sum(schema.ExitVisitors),
	},
	Visits: {
		visitRole: sum(schema.Visits), pageRole: sum(schema.Visits), eventRole: sum(schema.Visits),
		entryRole: sum(schema.Entries), exitRole: sum(schema.Exits),
	},
	Pageviews: {visitRole: sum(schema.Pageviews), pageRole: sum(schema.Pageviews)},
	Events:    {visitRole: sum(schema.Events), pageRole: sum(schema.Events), eventRole: sum(schema.Events)},
	ViewsPerVisit: {
		visitRole: ratio(1, schema.Pageviews, schema.Visits, 2),
	},
	BounceRate: {
		visitRole: ratio(100, schema.Bounces, schema.Visits, 0),
		pageRole:  ratio(100, schema.Bounces, schema.Entries, 0),
		entryRole: ratio(100, schema.Bounces, schema.Entries, 0),
	},
	VisitDuration: {
		visitRole: ratio(1, schema.Duration, schema.Visits, 0),
		pageRole:  ratio(1, schema.Duration, schema.Entries, 0),
		entryRole: ratio(1, schema.Duration, schema.Entries, 0),
	},
	ExitRate:    {exitRole: ratio(100, schema.Exits, schema.Pageviews, 1)},
	TimeOnPage:  {pageRole: ratio(1, schema.EngagedSeconds, schema.EngagedVisits, 0)},
	ScrollDepth: {pageRole: ratio(1, schema.ScrollPercent, schema.UnscrolledVisits, 0)},
	Drops:       {dropRole: sum(schema.Events)},
	// Of the events that have an amount: see revenueColumn.
	TotalRevenue:   {eventRole: sum(schema.Revenue)},
	AverageRevenue: {eventRole: ratio(1, schema.Revenue, schema.Events, 0)},

	TimeOnPageP50: {pageRole: percentile("0.5")},
	TimeOnPageP75: {pageRole: percentile("0.75")},
	TimeOnPageP90: {pageRole: percentile("0.9")},
}

// isPercentile reports whether the metric comes from a histogram.
func isPercentile(m Metric) bool {
	return m == TimeOnPageP50 || m == TimeOnPageP75 || m == TimeOnPageP90
}

// isShare reports whether the metric is a share of visitors.
func isShare(m Metric) bool {
	return m == Percentage || m == ConversionRate || m == GroupConversionRate
}

// formula is the metric's in this plan; that of a share is that of its visitors.
func (p *plan) formula(m Metric) *formula {
	if isShare(m) {
		m = Visitors
	}
	f := formulas[m][p.role]
	if v, ok := vitalFormulas[m]; ok && p.role == vitalRole {
		return v
	}
	if f == nil || p.interval != timeHour {
		return f
	}
	return f.byHour()
}

// byHour is the formula of hours: who, and which visits, were there in each.
func (f *formula) byHour() *formula {
	switch hour := *f; {
	case f.ratio:
		return f
	case f.num == schema.Visitors:
		hour.num = schema.VisitorsHour
		return &hour
	case f.num == schema.Visits:
		hour.num = schema.VisitsHour
		return &hour
	}
	return f
}

// checkBuckets refuses more buckets of time than can be told apart or labelled.
func (p *plan) checkBuckets() error {
	hours := p.span.To.Sub(p.span.From).Hours()
	buckets := 0.0
	switch {
	case p.interval == timeHour && p.query.Include.TimeLabels:
		buckets = hours
	case p.interval == timeDay:
		buckets = hours / 24
	}
	if buckets > MaxBuckets {
		return invalid("date_range", "%s over it gives more than %d buckets. Ask for a shorter time, or for %s", p.interval, MaxBuckets,
			timeMonth)
	}
	return nil
}

// checkMetric refuses what the cube cannot answer exactly.
func (p *plan) checkMetric(m Metric) error {
	if isRevenue(m) {
		return p.checkRevenue(m)
	}
	f := p.formula(m)
	if f == nil {
		return invalid("metrics", "%s is not defined %s", m, p.undefined(m))
	}
	if err := p.checkSegment(m, f); err != nil {
		return err
	}
	notKept := invalid("metrics", "%s is not counted together with what this question is about", m)
	if !f.keptBy(p.cube) && p.cube.Twin() == nil { // what a twin keeps is refused below, with the span for the reason
		return notKept
	}
	switch m {
	case Percentage:
		if err := p.checkPercentage(); err != nil {
			return err
		}
	case ConversionRate, GroupConversionRate:
		if err := p.checkConversion(m); err != nil {
			return err
		}
	}
	if err := p.checkGoals(m); err != nil {
		return err
	}
	if err := p.checkSpan(m, f); err != nil {
		return err
	}
	switch {
	case !f.keptBy(p.cube):
		return notKept
	case m == Visitors || m == Visits || isShare(m):
		return p.checkOpen(m)
	case m == TimeOnPage || m == ScrollDepth || isPercentile(m):
		return p.checkPages(m)
	}
	return nil
}

// keptBy reports whether the cube keeps what the formula is of. Page views are events, too: see plan.sum.
func (f *formula) keptBy(c *schema.Cube) bool {
	kept := func(m schema.Metric) bool { return c.Keeps(m) || m == schema.Events && c.Keeps(schema.CustomEvents) }
	return kept(f.num) && (!f.ratio || kept(f.den))
}

// checkPages refuses averages over the visits of many pages: a visit counts once for each, with what it did on that one.
func (p *plan) checkPages(m Metric) error {
	if !slices.Contains(p.open(schema.PageAspect), schema.Path) {
		return nil
	}
	return invalid("metrics", "%s of several pages together is not kept: it is of each visit and page. Group by event:page, or filter "+
		"by one page (is)", m)
}

// undefined completes "… is not defined".
func (p *plan) undefined(m Metric) string {
	if formulas[m][pageRole] != nil && formulas[m][visitRole] == nil && p.role == visitRole {
		return "without event:page: it is about one page"
	}
	if m == Drops {
		return "by what is known of visits: a dropped request is none. Use drop:reason, drop:agent or time"
	}
	if m == ExitRate {
		return "without visit:exit_page: it is the share of a page's views after which the visit ended"
	}
	switch p.role {
	case entryRole:
		return "by entry page. Use visitors, visits, bounce_rate, visit_duration, or event:page"
	case exitRole:
		return "by exit page. Use visitors, visits, exit_rate, or event:page"
	case dropRole:
		return "for dropped requests. Use drops"
	case eventRole:
		return "by event or goal: an event has no visit of its own. Use visitors, visits, events"
	}
	return "by page. Use visitors, visits, pageviews, bounce_rate, visit_duration, time_on_page, scroll_depth, or visit:entry_page"
}

func (p *plan) checkPercentage() error {
	if len(p.query.Dimensions) == 0 {
		return invalid("metrics", "percentage needs a dimension")
	}
	if p.interval == timeHour {
		return invalid("metrics", "percentage is a share of the visitors of whole days, and does not go with time:hour")
	}
	q := &Query{Site: p.query.Site, Metrics: []Metric{Visitors}, Filters: p.query.Filters, also: p.query.also}
	total, err := makePlan(q, p.site, p.span)
	if err != nil {
		return fmt.Errorf("percentage: the visitors of all rows together cannot be told: %w", err)
	}
	p.addTotal(Percentage, total)
	return nil
}

// warn adds a warning to those of the metric.
func (p *plan) warn(m Metric, w Warning) {
	had, ok := p.warnings[m]
	if ok && !strings.Contains(had.Warning, w.Warning) {
		w.Warning = had.Warning + " " + w.Warning
	} else if ok {
		return
	}
	p.warnings[m] = w
}

// carries reports whether visits that began before the span and were active in it have to be added: those that were active in its
// first hour and did not begin in it. (A visit's events are less than an hour apart, and no visit outlives its day.)
func (p *plan) carries(m Metric) bool {
	return m == Visits && p.role == visitRole && p.interval != timeHour && !p.span.From.Equal(p.span.First.Start(p.span.From.Location()))
}

// checkSpan refuses sums of a part of a day that mean nothing.
func (p *plan) checkSpan(m Metric, f *formula) error {
	hourly := p.interval == timeHour
	if m == Visits && (p.role == pageRole || p.role == eventRole) && !p.span.WholeDays && !hourly {
		return invalid("metrics", "visits by %s of a part of a day are not kept: a visit counts where it saw the page or did the event "+
			"first. Ask for whole days, or for time:hour", p.role)
	}
	wholeDays := schema.Metrics[f.num].WholeDays
	// The views and the exits of a page are counted in different hours: exits where the visit began.
	wholeDays = wholeDays || m == ExitRate
	switch {
	case !wholeDays || p.span.WholeDays && !hourly:
		return nil
	case hourly:
		return invalid("metrics", "%s by %s is counted by the day, and does not go with time:hour. Use visits, or time:day", m, p.role)
	}
	return invalid("metrics", "%s is counted by the day, and the date_range begins or ends inside one. Ask for whole days, "+
		"or for time:hour", m)
}

// checkOpen refuses to add up visitors, or visits, of many pages or events: it would count most of them several times.
func (p *plan) checkOpen(m Metric) error {
	open := p.open(schema.PageAspect, schema.EventAspect)
	switch {
	case p.role == eventRole && slices.Contains(open, schema.Path):
		return invalid("metrics", "%s of an event on several pages together is not kept: who did it on two of them would count twice. "+
			"Group by event:page, filter by one page (is), or ask for events", m)
	case len(p.open(schema.NextAspect)) > 0:
		return invalid("metrics", "%s of several next pages together is not kept: who went to two of them would count twice. Group by "+
			"%s, filter by one (is), or ask for events", m, nextPage)
	case p.role == pageRole && slices.Contains(open, schema.Path):
		return invalid("metrics", "%s of several pages together is not kept: who saw two of them would count twice. Group by "+
			"event:page, filter by one page (is), or ask for pageviews", m)
	case (p.role == entryRole || p.role == exitRole) && m != Visits && slices.Contains(open, schema.Path):
		return invalid("metrics", "%s of several %ss together is not kept: whose visits had two of them would count twice. Group by "+
			"visit:%s, filter by one page (is), or ask for visits", m, p.role, strings.ReplaceAll(p.role.String(), " ", "_"))
	case p.role == eventRole && p.prop == "" && p.goals == nil && slices.Contains(open, schema.EventName):
		return invalid("metrics", "%s of several events together is not kept: who did two of them would count twice. Group by "+
			"event:name, filter by one event (is), or ask for events", m)
	case p.role == eventRole && slices.Contains(open, schema.PropValue):
		return invalid("metrics", "%s of several values of a property together is not kept: who had two of them would count "+
			"twice. Group by %s%s, filter by one value (is), or ask for events", m, propPrefix, p.prop)
	}
	return nil
}

// joins lists the dimensions whose tuples are added up in the metric although one visitor can be in several.
func (p *plan) joins(m Metric) []schema.Dimension {
	switch {
	case m == Visitors || isShare(m):
		return p.open(schema.PageAspect, schema.SourceAspect, schema.EventAspect)
	case p.role == pageRole && (m == TimeOnPage || m == ScrollDepth || isPercentile(m)),
		m == Visits && (p.role == pageRole || p.role == eventRole):
		return p.open(schema.PageAspect, schema.EventAspect)
	}
	return nil // a visit has one source, one entry and one exit
}

// checkProps refuses filters that would have to find events without the property: there is no counter of them.
func (p *plan) checkProps() error {
	if p.prop == "" {
		return nil
	}
	dimension := propPrefix + p.prop
	grouped := slices.Contains(p.query.Dimensions, dimension)
	var err error
	walk(p.query.Filters, func(f *Filter) {
		if f.Dimension == dimension && (slices.Contains(f.Values, noneLabel) || slices.Contains(f.Values, "")) {
			err = invalid("filters", "events without a property are not counted by it, so %s cannot be asked for", noneLabel)
		}
	})
	if err != nil || grouped {
		return err
	}
	return checkAbsent(p.query.Filters, dimension, true)
}

// checkAbsent refuses a filter by the property that could hold for events that do not have it. plain: no or, no not is above.
func checkAbsent(filters []Filter, dimension string, plain bool) error {
	for i := range filters {
		f := &filters[i]
		if f.Dimension == dimension && (!plain || f.Op.negated()) {
			return invalid("filters", "%s can be filtered by with is, contains and matches, not inside or and not: events without "+
				"the property are not counted by it. Add the dimension %s to see the values", dimension, dimension)
		}
		if err := checkAbsent(f.Children, dimension, plain && f.Op == And); err != nil {
			return err
		}
	}
	return nil
}

// warnHidden warns when a filter is on what is hidden in small groups.
func (p *plan) warnHidden() {
	hidden := false
	walk(p.query.Filters, func(f *Filter) {
		a, _, ok := attributeOf(f.Dimension)
		hidden = hidden || ok && slices.Contains(p.cube.Guarded, a.dim)
	})
	if p.segment != nil {
		return // see warnSegment
	}
	for _, m := range p.query.Metrics {
		if hidden || m == GroupConversionRate && p.groupsHide() {
			p.warn(m, hiddenWarning)
		}
	}
}

// groupsHide reports whether the rows are of what is hidden in small groups.
func (p *plan) groupsHide() bool {
	return slices.ContainsFunc(p.query.Dimensions, func(name string) bool {
		a, _, ok := attributeOf(name)
		return ok && slices.Contains(p.cube.Guarded, a.dim)
	})
}

// warnFull warns when a row has what came after a limit. That of a guarded dimension has what is hidden, as always.
func (p *plan) warnFull(name string, value any) {
	if value != schema.Other {
		return
	}
	a, _, ok := attributeOf(name)
	if !ok || slices.Contains(p.cube.Guarded, a.dim) {
		return
	}
	for _, m := range p.query.Metrics {
		p.warn(m, Warning{"values_limit", fmt.Sprintf("Under %s is what came after as many different values as are kept of a site and "+
			"day (%d of %s, or %d combinations), or what an import did not tell apart. The totals are exact.",
			schema.Other, schema.Dimensions[a.dim].LimitPerDay, name, schema.LimitCellsPerDay)})
	}
}
