package stats

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"turf/schema"
)

// segmentDimension is the filter that takes one of the segments that a site's owner declared, by its name or id.
const segmentDimension = "segment"

var segmentWarning = Warning{"small_groups_hidden", "Counters of a segment appear on days on which enough visitors are in them. " +
	"Those of fewer are left out to protect them, and are counted nowhere, so parts can add up to less than the whole."}

// checkSegmentLeaf refuses what cannot be asked about segments: a visitor of two would count twice, one of none is not counted.
func (f *Filter) checkSegmentLeaf() error {
	switch {
	case f.Dimension != segmentDimension:
		return nil
	case f.Op != Is || f.FoldCase:
		return invalid("filters", `segment can be filtered by with is, as ["is","segment",["Name"]]. Declare a segment of those who are not in it`)
	case len(f.Values) != 1:
		return invalid("filters", "segment takes one name: who is in two of them would count twice. Declare a segment of both (or)")
	}
	return nil
}

// addSegment finds the segment that the question is about. nil: it is about none.
func (p *plan) addSegment(w *wants) error {
	var filter *Filter
	var err error
	for i := range p.query.Filters {
		f := &p.query.Filters[i]
		if f.Dimension == segmentDimension {
			if filter != nil {
				return invalid("filters", "segment can be filtered by once. Declare a segment of those who are in both (and)")
			}
			filter = f
		}
		walk(f.Children, func(f *Filter) {
			if f.Dimension == segmentDimension {
				err = invalid("filters", "segment can be filtered by at the top level only, not inside and, or, not. Declare a segment for that")
			}
		})
	}
	if err != nil || filter == nil {
		return err
	}
	if err := filter.checkSegmentLeaf(); err != nil {
		return err
	}
	if p.segment, err = findSegment(p.site, filter.Values[0]); err != nil {
		return err
	}
	w.names[schema.SegmentKey] = segmentDimension
	for _, m := range p.query.Metrics {
		if isPercentile(m) {
			return p.notOfSegment(m)
		}
	}
	return nil
}

func findSegment(site *schema.Site, name string) (*schema.Segment, error) {
	var names []string
	for i := range site.Segments {
		if s := &site.Segments[i]; s.Name == name || s.Key() == name {
			return s, nil
		}
		names = append(names, site.Segments[i].Name)
	}
	if len(names) == 0 {
		return nil, invalid("filters", "this site has no segments. Declare one first (turf segment add): it is counted from then on")
	}
	return nil, invalid("filters", "%q is not a segment of this site. Its segments are %s", excerpt([]byte(name)), enumerate(names))
}

// notOfSegment refuses a metric that is not counted of the segment.
func (p *plan) notOfSegment(m Metric) error {
	what := "visitors, visits, pageviews, events"
	if p.segment.Filter.OfVisits() {
		what += ", and by source, place and device or without dimensions bounce_rate, visit_duration, views_per_visit"
	}
	return invalid("metrics", "%s is not counted of this segment together with what the question is about. Use %s", m, what)
}

// checkSegment refuses what is about whole visits of a segment whose filter is about events: some of their events are in it, and
// others are not.
func (p *plan) checkSegment(m Metric, f *formula) error {
	switch {
	case p.segment == nil:
		return nil
	case !f.keptBy(p.cube):
		return p.notOfSegment(m)
	case f.ratio && !isRevenue(m) && !p.segment.Filter.OfVisits():
		return invalid("metrics", "%s is about whole visits, and the segment %s is of events: its filter names more than source, place and "+
			"device. Use visitors, visits, pageviews, events", m, p.segment.Name)
	}
	return nil
}

// warnSegment says what is to be known about the counters of a segment.
func (p *plan) warnSegment() {
	if p.segment == nil {
		return
	}
	late := p.segment.Since.After(p.span.From)
	if late {
		if p.since == nil {
			p.since = map[string]string{}
		}
		p.since[p.segment.Name] = p.segment.Since.In(p.span.From.Location()).Format(instantFormat)
	}
	for _, m := range p.query.Metrics {
		p.warn(m, segmentWarning)
		if late {
			p.warn(m, Warning{"counted_since", fmt.Sprintf("The segment %s was declared after the date_range began, and is counted from then on "+
				"only: see meta.counted_since.", p.segment.Name)})
		}
	}
}

// refuseSegment says what a segment can be asked together with.
func (w *wants) refuseSegment() error {
	return invalid("filters", "%s cannot be combined: a segment is counted alone and with one side of a visit at a time, by its page, source "+
		"(channel, source, campaign), country, device (device, browser, operating system) or event. Ask for one of them, or declare a "+
		"segment that has the other filters in it (turf segment add)", w.listed())
}

// segmentColumns are the columns of [schema.SegmentFilter] that are no dimension's own, by their names on the wire.
var segmentColumns = map[string]string{
	"visit:entry_page":          "entry_path",
	"visit:entry_page_hostname": "entry_hostname",
	"visit:city_name":           "city_name",
}

// notInSegments is why a dimension on the wire cannot be in the filter of a segment.
var notInSegments = map[string]string{
	segmentDimension:           "a segment is not made of others. Write their filters",
	goalDimension:              "write the goal's event:name or event:page",
	nextPage:                   "where a visit goes next is not known yet when its event is counted",
	"visit:exit_page":          "where a visit will end is not known yet when its event is counted. Use visit:entry_page or event:page",
	"visit:exit_page_hostname": "where a visit will end is not known yet when its event is counted. Use event:hostname",
	"drop:reason":              "a request that was dropped is no event",
	"drop:agent":               "a request that was dropped is no event",
}

// ParseSegment reads the filters of a segment as those of a question are written: a list, all of which must hold, or one of them. Its
// errors are *InvalidError; what is too much, [schema.Declarations.Check] says.
func ParseSegment(raw []byte) (schema.SegmentFilter, error) {
	items, err := list("filters", `a list of filters, such as [["is","visit:country",["NL"]]]`, raw)
	if err != nil {
		return schema.SegmentFilter{}, err
	}
	if len(items) == 0 {
		return schema.SegmentFilter{}, invalid("filters", "at least one is required")
	}
	if items[0][0] == '"' { // one filter
		items = append(items[:0:0], raw)
	}
	all, values := Filter{Op: And}, 0
	for _, item := range items {
		f, err := parseFilter(item, 1, &values)
		if err != nil {
			return schema.SegmentFilter{}, err
		}
		all.Children = append(all.Children, f)
	}
	if len(all.Children) == 1 {
		all = all.Children[0]
	}
	return segmentFilter(&all)
}

func segmentFilter(f *Filter) (schema.SegmentFilter, error) {
	s := schema.SegmentFilter{Op: string(f.Op)}
	if f.Dimension == "" {
		for i := range f.Children {
			child, err := segmentFilter(&f.Children[i])
			if err != nil {
				return s, err
			}
			s.Of = append(s.Of, child)
		}
		return s, nil
	}
	if why := notInSegments[f.Dimension]; why != "" {
		return s, invalid("filters", "%s cannot be in a segment: %s", f.Dimension, why)
	}
	a, prop, _ := attributeOf(f.Dimension)
	s.Column, s.Prop, s.FoldCase = a.dim.String(), prop, f.FoldCase
	if column := segmentColumns[f.Dimension]; column != "" {
		s.Column = column
	}
	values := f.Values
	switch {
	case a.isNamed() && f.Op != Is && f.Op != IsNot:
		return s, invalid("filters", "%s can be in a segment with is and is_not", f.Dimension)
	case a.isNamed():
		s.FoldCase, values = false, nil
		for _, name := range f.Values {
			values = append(values, a.codes(name, f.FoldCase)...)
		}
	case f.Op != Is && f.Op != IsNot:
		s.Values = values
		s.Empty = a.dim != schema.PropValue && slices.ContainsFunc(values, func(v string) bool { return f.shows(a.missing, v) })
		return s, nil
	}
	for _, v := range values {
		if v == "" || v == a.missing || f.FoldCase && strings.EqualFold(v, a.missing) {
			s.Empty = true
			continue
		}
		s.Values = append(s.Values, v)
	}
	return s, nil
}

// shows reports whether a leaf that is contains or matches, before negation, holds of a label by one of its values.
func (f *Filter) shows(label, value string) bool {
	if f.Op == Contains || f.Op == ContainsNot {
		value = regexp.QuoteMeta(value)
	}
	if f.FoldCase {
		value = "(?i)" + value
	}
	found, err := regexp.MatchString(value, label)
	return err == nil && found // parseValue has looked at it
}

// SegmentFilters are the filters of a segment as those of a question are written: what [ParseSegment] reads as the same again.
func SegmentFilters(f *schema.SegmentFilter) []Filter {
	if f.Op == string(And) {
		return filtersOf(f.Of)
	}
	return []Filter{filterOf(f)}
}

func filtersOf(of []schema.SegmentFilter) []Filter {
	filters := make([]Filter, len(of))
	for i := range of {
		filters[i] = filterOf(&of[i])
	}
	return filters
}

func filterOf(s *schema.SegmentFilter) Filter {
	f := Filter{Op: Op(s.Op)}
	if len(s.Of) > 0 {
		f.Children = filtersOf(s.Of)
		return f
	}
	a := segmentAttribute(s)
	f.Dimension, f.Values, f.FoldCase = a.name, slices.Clone(s.Values), s.FoldCase
	if s.Empty && (f.Op == Is || f.Op == IsNot) {
		f.Values = append(f.Values, a.missing)
	}
	return f
}

// segmentAttribute is the dimension on the wire of a leaf.
func segmentAttribute(s *schema.SegmentFilter) attribute {
	if s.Prop != "" {
		a, _, _ := attributeOf(propPrefix + s.Prop)
		return a
	}
	for _, a := range attributes {
		column := segmentColumns[a.name]
		if column == "" && notInSegments[a.name] == "" && !a.isNamed() {
			column = a.dim.String()
		}
		if column == s.Column {
			return a
		}
	}
	return attribute{}
}
