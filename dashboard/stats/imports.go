package stats

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// gaps are the days of a span of which an answer does not know all that was asked for, since they were imported from what does not
// tell it. The rule:
//
//   - Days of which nothing that was asked for is known are left out: the answer is about the other days, and says so
//     (imports_skip_reason, imports_warning, left_out_days). A bucket of time with such a day, and a total of nothing else, is null.
//   - A metric that is not known of some of the days that are left is null in each row that has such a day (not_imported). Means of
//     what browsers measured are of the visits of which they told it, and stay: they say on which days nothing was measured.
type gaps struct {
	left    []schema.DaySpan            // are not in the answer
	unknown map[Metric][]schema.DaySpan // are in it, without the metric
	tools   []string                    // the imports that do not tell, by their names for people
	// included: a day that was imported is in the answer; excluded: imported days were not wanted.
	included, excluded bool
	all                bool // no day of the span that is over or has begun is in the answer
}

// Codes of what imports do not tell.
const (
	notImportedCode  = "not_imported"
	unsupportedQuery = "unsupported_query" // Plausible's
)

// lookAt finds which of the imported days of the plan's sites the answer does not know. It has to be called before the SQL is written.
func (p *plan) lookAt(imports []schema.Imported, today schema.Day) {
	if p.role == dropRole {
		return // of requests that Turf did not count, all are known
	}
	g := &p.gaps
	g.unknown = map[Metric][]schema.DaySpan{}
	g.excluded = p.query.Include.Imports != nil && !*p.query.Include.Imports
	var imported []schema.DaySpan
	for i := range imports {
		im := &imports[i]
		found := schema.CommonDays(im.Days, days(p.span))
		if len(found) == 0 {
			continue
		}
		imported = append(imported, found...)
		var unknown []Metric
		for _, m := range p.query.Metrics {
			if !g.excluded && !p.tells(im, m) {
				unknown = append(unknown, m)
			}
		}
		if len(unknown) > 0 && !slices.Contains(g.tools, im.SourceTitle()) {
			g.tools = append(g.tools, im.SourceTitle())
		}
		if g.excluded || len(unknown) == len(p.query.Metrics) {
			g.left = append(g.left, found...)
			continue
		}
		for _, m := range unknown {
			g.unknown[m] = append(g.unknown[m], p.sinceCurrency(m, found)...)
		}
	}
	slices.Sort(g.tools)
	g.left = schema.UniteDays(g.left)
	g.included = len(schema.WithoutDays(imported, g.left)) > 0
	g.all = len(g.left) > 0 && len(schema.WithoutDays([]schema.DaySpan{{First: p.span.First, Last: min(p.span.Last, today)}}, g.left)) == 0
	for m, days := range g.unknown {
		if g.unknown[m] = schema.WithoutDays(days, g.left); len(g.unknown[m]) == 0 {
			delete(g.unknown, m)
		}
	}
	for _, total := range p.totals {
		total.gaps.left = g.left
	}
	p.warnUnknown()
}

// sinceCurrency are those of the days of which amounts of money would be known if they had been counted here: before a goal had a
// currency there are none, which warnCurrencySince says. Of other metrics it is all of them.
func (p *plan) sinceCurrency(m Metric, found []schema.DaySpan) []schema.DaySpan {
	if !isRevenue(m) || !p.goals.revenue {
		return found
	}
	first := p.span.Last + 1
	for _, g := range p.goals.events {
		if g.Currency != "" {
			first = min(first, schema.DayOf(g.CurrencySince, p.span.From.Location()))
		}
	}
	return schema.CommonDays(found, []schema.DaySpan{{First: first, Last: p.span.Last}})
}

// days are those of a question's span.
func days(s Span) []schema.DaySpan { return []schema.DaySpan{{First: s.First, Last: s.Last}} }

// tells reports whether the import tells all that the metric is made of in this plan.
func (p *plan) tells(im *schema.Imported, m Metric) bool {
	if im.Running || !im.Hours && (p.interval == timeHour || !p.span.WholeDays) {
		return false
	}
	if total := p.totals[m]; total != nil && !total.tells(im, Visitors) {
		return false
	}
	f := p.formula(m)
	if p.goals == nil {
		return p.tellsOf(im, p.cube, f, false)
	}
	// What is counted for a goal alone, such as its page pattern, no import tells.
	if slices.ContainsFunc(p.goals.events, (*schema.Goal).Counted) {
		return false
	}
	return (len(p.goals.events) == 0 || p.tellsOf(im, p.cube, f, false)) &&
		(len(p.goals.pages) == 0 || p.tellsOf(im, p.goals.pageCube, f, true))
}

// tellsOf reports whether the import tells what a formula reads from a cube; views: events are the page views.
func (p *plan) tellsOf(im *schema.Imported, cube *schema.Cube, f *formula, views bool) bool {
	sums := []schema.Metric{f.num}
	if f.ratio {
		sums = append(sums, f.den)
	}
	for _, m := range sums {
		told := func(m schema.Metric) bool { return im.Tells(cube, m, p.asked(), p.named) }
		switch {
		case m != schema.Events:
		case views:
			m = schema.Pageviews
		case cube.Keeps(schema.CustomEvents): // events are both, see plan.sum
			if m = schema.CustomEvents; !told(schema.Pageviews) {
				return false
			}
		}
		if !told(m) {
			return false
		}
	}
	return true
}

// asked are the dimensions that the question names.
func (p *plan) asked() (asked []schema.Dimension) {
	add := func(name string) {
		if a, prop, ok := attributeOf(name); ok {
			asked = append(asked, a.dim)
			if prop != "" {
				asked = append(asked, schema.Prop)
			}
		}
	}
	for _, name := range p.query.Dimensions {
		add(name)
	}
	walk(p.query.Filters, func(f *Filter) { add(f.Dimension) })
	if p.goals != nil && len(p.goals.pages) > 0 {
		asked = append(asked, schema.Path)
	}
	return asked
}

// named are the values of the dimension that alone the question is about; nil: any.
func (p *plan) named(d schema.Dimension) []string {
	var values []string
	switch {
	case d == schema.Prop && p.prop != "":
		return []string{p.prop}
	case d == schema.EventName && p.goals != nil:
		for _, g := range p.goals.events {
			values = append(values, g.Event)
		}
		return values
	}
	for i := range p.query.Filters {
		f := &p.query.Filters[i]
		if a, _, ok := attributeOf(f.Dimension); ok && a.dim == d && f.Op == Is && !f.FoldCase {
			return f.Values
		}
	}
	return nil
}

// isMeasured reports whether the metric is about what browsers told, of the visits or page views of which they did.
func (p *plan) isMeasured(m Metric) bool {
	return m == TimeOnPage || m == ScrollDepth || isPercentile(m) || isVital(m) && p.formula(m).ratio
}

// warnUnknown says which metrics are not known of which days.
func (p *plan) warnUnknown() {
	g := &p.gaps
	for _, m := range p.query.Metrics {
		days := g.unknown[m]
		switch {
		case len(days) == 0:
		case p.isMeasured(m):
			p.warn(m, Warning{notImportedCode, fmt.Sprintf("It is without %s, imported from %s, which does not tell it.",
				schema.ListDays(days), strings.Join(g.tools, " and "))})
		default:
			p.warn(m, Warning{notImportedCode, fmt.Sprintf("It is not known of %s, imported from %s, which does not tell it, and null where "+
				"these days are in.", schema.ListDays(days), strings.Join(g.tools, " and "))})
		}
	}
}

// leftText says which days are left out and why; "" where none is.
func (g *gaps) leftText() string {
	switch {
	case len(g.left) == 0:
		return ""
	case g.excluded:
		return fmt.Sprintf("Without %s, imported.", schema.ListDays(g.left))
	}
	tools := strings.Join(g.tools, " and ")
	if g.all {
		return fmt.Sprintf("Not known of %s, imported from %s, which does not tell it.", schema.ListDays(g.left), tools)
	}
	return fmt.Sprintf("Without %s, imported from %s, which does not tell this. The numbers are those of the other days.",
		schema.ListDays(g.left), tools)
}

// fill writes what there is to say of imports.
func (g *gaps) fill(meta *Meta, asked *bool) {
	if asked != nil || len(g.left) > 0 {
		included := (g.included || len(g.left) == 0) && (asked == nil || *asked)
		meta.ImportsIncluded = &included
	}
	meta.LeftOutDays, meta.UnknownDays = g.left, g.unknown
	if len(g.left) > 0 && !g.excluded {
		meta.ImportsSkipReason, meta.ImportsWarning = unsupportedQuery, g.leftText()
	}
}

// outside is the condition that leaves days out.
func (p *plan) outside(w *writer) string {
	if len(p.gaps.left) == 0 {
		return ""
	}
	return "  AND " + p.notIn(w, "left_out", p.gaps.left) + "\n"
}

// notIn is the condition that a counter is of none of the days, which are put into parameters of that name: that the last edge of them
// before it is none at which they begin. What it costs a counter grows with the logarithm of the number of spans, of which a small site
// that was imported day by day has hundreds. No two of days may touch.
func (p *plan) notIn(w *writer, name string, days []schema.DaySpan) string {
	loc := p.span.From.Location()
	edges := []string{"0"}
	var begins []string
	for _, s := range days {
		begin := strconv.FormatInt(instant(s.First.Start(loc)), 10)
		begins = append(begins, begin)
		edges = append(edges, begin, strconv.FormatInt(instant((s.Last+1).Start(loc)), 10))
	}
	w.params[name], w.params[name+"_begins"] = "["+strings.Join(edges, ",")+"]", "["+strings.Join(begins, ",")+"]"
	return fmt.Sprintf("NOT has({%s_begins:Array(UInt32)}, roundDown(toUnixTimestamp(time), {%s:Array(UInt32)}))", name, name)
}

// known is a sum of the days of which the metric is known: what the store has of the others makes no row.
func (p *plan) known(w *writer, m Metric, sum string) string {
	days := p.gaps.unknown[m]
	if len(days) == 0 {
		return sum
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(sum, "sum("), ")")
	same := func(o Metric) bool { return slices.Equal(p.gaps.unknown[o], days) } // many are not known of the same days
	return "sumIf(" + inner + ", " + p.notIn(w, "unknown"+strconv.Itoa(slices.IndexFunc(p.query.Metrics, same)), days) + ")"
}

// timeOnly reports whether the rows are buckets of time and nothing else.
func (p *plan) timeOnly() bool { return len(p.query.Dimensions) == 1 && p.interval != "" }

// fills reports whether rows for buckets are put in that are not known. Then all rows are read, and paged afterwards.
func (p *plan) fills() bool { return p.timeOnly() && (len(p.gaps.left) > 0 || len(p.gaps.unknown) > 0) }

// bucketDays are the days of each bucket of time, by its label.
type bucketDays struct {
	labels []string
	days   map[string]schema.DaySpan
}

func (p *plan) bucketDays() bucketDays {
	loc := p.span.From.Location()
	var all []bucket
	if p.interval == timeHour {
		all = p.span.hours()
	} else {
		all = p.span.buckets(p.interval)
	}
	b := bucketDays{days: make(map[string]schema.DaySpan, len(all))}
	for i, bucket := range all {
		days := schema.DaySpan{First: schema.DayOf(time.Unix(bucket.start, 0), loc), Last: p.span.Last}
		if i+1 < len(all) {
			days.Last = schema.DayOf(time.Unix(all[i+1].start-1, 0), loc)
		}
		b.labels = append(b.labels, bucket.label)
		b.days[bucket.label] = days
	}
	return b
}

// lacks reports whether the metric is null in a row of these days: those of the row's bucket, or of the whole span.
func (p *plan) lacks(m Metric, days schema.DaySpan) bool {
	g := &p.gaps
	in := func(spans []schema.DaySpan) bool {
		return slices.ContainsFunc(spans, func(s schema.DaySpan) bool { return s.First <= days.Last && s.Last >= days.First })
	}
	if p.interval == "" {
		return g.all || !p.isMeasured(m) && len(g.unknown[m]) > 0
	}
	if m == Percentage || m == ConversionRate { // of the visitors of the whole span
		return in(g.left) || g.all || len(g.unknown[m]) > 0
	}
	return in(g.left) || !p.isMeasured(m) && in(g.unknown[m])
}

// blank makes null what is not known, and puts rows in for buckets of time that would seem to be empty.
func (p *plan) blank(results []Result, order []Order) []Result {
	if len(p.gaps.left) == 0 && len(p.gaps.unknown) == 0 {
		return results
	}
	whole := schema.DaySpan{First: p.span.First, Last: p.span.Last}
	at := slices.IndexFunc(p.query.Dimensions, isTime)
	var buckets bucketDays
	if at >= 0 {
		buckets = p.bucketDays()
	}
	seen := map[any]bool{}
	for i := range results {
		r, days := &results[i], whole
		if at >= 0 {
			label, _ := r.Dimensions[at].(string)
			days = buckets.days[label]
			seen[label] = true
		}
		for j, m := range p.query.Metrics {
			if p.lacks(m, days) {
				r.Metrics[j] = nil
			}
		}
	}
	if !p.fills() {
		return results
	}
	for _, label := range buckets.labels {
		if r, lacks := p.emptyBucket(label, buckets.days[label]); lacks && !seen[label] {
			seen[label] = true
			results = append(results, r)
		}
	}
	p.sortBuckets(results, order, buckets.labels)
	return results
}

// emptyBucket is the row of a bucket in which nothing was counted, and whether there is something of it that is not known.
func (p *plan) emptyBucket(label string, days schema.DaySpan) (r Result, lacks bool) {
	r = Result{Metrics: make([]any, len(p.query.Metrics)), Dimensions: []any{label}}
	for j, m := range p.query.Metrics {
		if p.lacks(m, days) {
			lacks = true
			continue
		}
		if r.Metrics[j] = nothingCounted(m); r.Metrics[j] != nil {
			r.Metrics[j] = int64(0)
		}
	}
	return r, lacks
}

// sortBuckets puts rows that were put in where they belong: in the order of time, or where rows are sorted by a metric that is null in
// them, at the end.
func (p *plan) sortBuckets(results []Result, order []Order, labels []string) {
	place := make(map[any]int, len(labels))
	for i, label := range labels {
		place[label] = i
	}
	slices.SortStableFunc(results, func(a, b Result) int {
		for _, o := range order {
			n := 0
			if isTime(o.Name) {
				n = place[a.Dimensions[0]] - place[b.Dimensions[0]]
			} else if i := slices.Index(p.query.Metrics, Metric(o.Name)); i >= 0 {
				x, okX := number(a.Metrics[i])
				y, okY := number(b.Metrics[i])
				switch {
				case okX != okY && okX:
					return -1
				case okX != okY:
					return 1
				case x < y:
					n = -1
				case x > y:
					n = 1
				}
			}
			if o.Descending {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return place[a.Dimensions[0]] - place[b.Dimensions[0]]
	})
}

// page is the part of all rows that was asked for.
func (p Pagination) page(results []Result) []Result {
	results = results[min(p.Offset, len(results)):]
	return results[:min(p.Limit, len(results))]
}

// imports are those of the sites of a question.
func (e *Engine) imports(site schema.SiteID, also []schema.SiteID) ([]schema.Imported, error) {
	if e.Imports == nil {
		return nil, nil
	}
	all, err := e.Imports(site)
	for _, id := range also {
		var more []schema.Imported
		if err == nil {
			more, err = e.Imports(id)
			all = slices.Concat(all, more)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("find out what was imported: %w", err)
	}
	return all, nil
}

// lookAtImports is lookAt with what was imported into the sites of the question.
func (e *Engine) lookAtImports(p *plan) error {
	imports, err := e.imports(p.site.ID, p.query.also)
	if err != nil || len(imports) == 0 {
		return err
	}
	p.lookAt(imports, schema.DayOf(e.Now(), p.span.From.Location()))
	if p.fills() && p.interval == timeHour && p.span.To.Sub(p.span.From).Hours() > MaxBuckets {
		return invalid("date_range", "%s over it gives more than %d buckets, some of which are not known. Ask for a shorter time, or for %s",
			p.interval, MaxBuckets, timeDay)
	}
	return nil
}

// imported are the days of the span that were imported, for what no import tells. Where all of them are, the question is refused.
func (e *Engine) imported(site schema.SiteID, span Span, what string) ([]schema.DaySpan, error) {
	imports, err := e.imports(site, nil)
	if err != nil {
		return nil, err
	}
	var found []schema.DaySpan
	for i := range imports {
		found = append(found, schema.CommonDays(imports[i].Days, days(span))...)
	}
	found = schema.UniteDays(found)
	today := schema.DayOf(e.Now(), span.From.Location())
	if len(found) > 0 && len(schema.WithoutDays([]schema.DaySpan{{First: span.First, Last: min(span.Last, today)}}, found)) == 0 {
		return nil, invalid("date_range", "%s were imported, and no import tells %s. Ask for other days", schema.ListDays(found), what)
	}
	return found, nil
}
