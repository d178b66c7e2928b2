package stats

import (
	"slices"
	"strings"

	"turf/schema"
)

// Metric is a number that can be asked for.
type Metric string

// The metrics, by their names on the wire.
const (
	Visitors      Metric = "visitors"
	Visits        Metric = "visits"
	Pageviews     Metric = "pageviews"
	ViewsPerVisit Metric = "views_per_visit"
	BounceRate    Metric = "bounce_rate"
	VisitDuration Metric = "visit_duration"
	Events        Metric = "events"
	Percentage    Metric = "percentage"
	ExitRate      Metric = "exit_rate"
	TimeOnPage    Metric = "time_on_page"
	// ConversionRate is the visitors of the row as a share of all, GroupConversionRate of those of the row's group.
	ConversionRate      Metric = "conversion_rate"
	GroupConversionRate Metric = "group_conversion_rate"
	ScrollDepth         Metric = "scroll_depth"
	// Drops, our own, are requests that were not counted.
	Drops Metric = "drops"
	// Our own: percentiles of the time on a page, in seconds.
	TimeOnPageP50 Metric = "time_on_page_p50"
	TimeOnPageP75 Metric = "time_on_page_p75"
	TimeOnPageP90 Metric = "time_on_page_p90"
)

var allMetrics = append([]Metric{
	Visitors, Visits, Pageviews, ViewsPerVisit, BounceRate, VisitDuration, Events, Percentage, ExitRate, TimeOnPage, ScrollDepth,
	ConversionRate, GroupConversionRate, TimeOnPageP50, TimeOnPageP75, TimeOnPageP90, Drops,
	TotalRevenue, AverageRevenue,
}, vitalNames()...)

func metricList() string {
	names := make([]string, len(allMetrics))
	for i, m := range allMetrics {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

// role is the reading of a cube that a question takes, see the package's documentation.
type role uint8

const (
	visitRole role = iota
	pageRole
	entryRole
	exitRole
	eventRole
	dropRole
	vitalRole
	numRoles
)

// String completes "… are not counted by".
func (r role) String() string {
	return [...]string{"visit", "page", "entry page", "exit page", "event", "dropped request", "web vital"}[r]
}

// attribute is a dimension on the wire.
type attribute struct {
	name    string
	dim     schema.Dimension
	role    role
	missing string // label of the empty value
	// expr is SQL over the column where the values on the wire are not the stored ones. Empty: the column itself.
	expr string
}

// Labels of the empty value.
const (
	directLabel = "Direct / None"
	notSet      = "(not set)"
	noneLabel   = "(none)"
)

// propPrefix begins the dimension of a property; its name follows.
const propPrefix = "event:props:"

// MaxPropNameBytes is the longest name of a property, as in events.
const MaxPropNameBytes = 300

const (
	countryNameExpr = "transform(country, splitByChar('|', {country_codes:String}), " +
		"splitByChar('|', {country_names:String}), country)"
	regionNameExpr = "transform(region, splitByChar('|', {region_codes:String}), " +
		"splitByChar('|', {region_names:String}), region)"
	// A city is stored as "<GeoNames id>:<name>", or ":<name>" where the database of places has no ids: then the name stands for both.
	cityIDExpr   = "if(startsWith(city, ':'), substring(city, 2), splitByChar(':', toString(city))[1])"
	cityNameExpr = "substring(city, position(city, ':') + 1)"
)

// attributes is the table of all dimensions on the wire but time and properties.
var attributes = []attribute{
	{"event:page", schema.Path, pageRole, notSet, ""},
	{"event:hostname", schema.Hostname, pageRole, notSet, ""},
	{nextPage, schema.NextPath, pageRole, notSet, ""},
	{"event:name", schema.EventName, eventRole, notSet, ""},
	{goalDimension, schema.EventName, eventRole, notSet, ""},
	{"visit:entry_page", schema.Path, entryRole, notSet, ""},
	{"visit:entry_page_hostname", schema.Hostname, entryRole, notSet, ""},
	{"visit:exit_page", schema.Path, exitRole, notSet, ""},
	{"visit:exit_page_hostname", schema.Hostname, exitRole, notSet, ""},
	{"visit:source", schema.Source, visitRole, directLabel, ""},
	{"visit:channel", schema.Channel, visitRole, notSet, ""},
	{"visit:referrer", schema.Referrer, visitRole, directLabel, ""},
	{"visit:utm_source", schema.UTMSource, visitRole, notSet, ""},
	{"visit:utm_medium", schema.UTMMedium, visitRole, notSet, ""},
	{"visit:utm_campaign", schema.Campaign, visitRole, notSet, ""},
	{"visit:utm_content", schema.UTMContent, visitRole, notSet, ""},
	{"visit:utm_term", schema.UTMTerm, visitRole, notSet, ""},
	{"visit:device", schema.Device, visitRole, notSet, ""},
	{"visit:browser", schema.Browser, visitRole, notSet, ""},
	{"visit:browser_version", schema.BrowserVersion, visitRole, notSet, ""},
	{"visit:os", schema.OS, visitRole, notSet, ""},
	{"visit:os_version", schema.OSVersion, visitRole, notSet, ""},
	{"visit:country", schema.Country, visitRole, notSet, ""},
	{"visit:country_name", schema.Country, visitRole, notSet, countryNameExpr},
	{"visit:region", schema.Region, visitRole, notSet, ""},
	{"visit:region_name", schema.Region, visitRole, notSet, regionNameExpr},
	{"visit:city", schema.City, visitRole, notSet, cityIDExpr},
	{"visit:city_name", schema.City, visitRole, notSet, cityNameExpr},
	// Turf's own; Plausible has none of these.
	{"visit:language", schema.Language, visitRole, notSet, ""},
	{"visit:screen", schema.ScreenWidth, visitRole, notSet, ""},
	{"drop:reason", schema.DropReason, dropRole, notSet, ""},
	{"drop:agent", schema.Agent, dropRole, notSet, ""},
}

// column is the SQL of the attribute's value.
func (a *attribute) column() string {
	if a.expr != "" {
		return a.expr
	}
	return a.dim.String()
}

// attributeOf finds a dimension other than time. prop is the name of the property where it is one.
func attributeOf(name string) (a attribute, prop string, ok bool) {
	if prop, found := strings.CutPrefix(name, propPrefix); found {
		ok := prop != "" && len(prop) <= MaxPropNameBytes
		return attribute{name: name, dim: schema.PropValue, role: eventRole, missing: noneLabel}, prop, ok
	}
	i := slices.IndexFunc(attributes, func(a attribute) bool { return a.name == name })
	if i < 0 {
		return attribute{}, "", false
	}
	return attributes[i], "", true
}

// Intervals of the dimension time.
const (
	timeAny   = "time" // the interval follows from the span
	timeHour  = "time:hour"
	timeDay   = "time:day"
	timeWeek  = "time:week"
	timeMonth = "time:month"
)

func isTime(name string) bool {
	switch name {
	case timeAny, timeHour, timeDay, timeWeek, timeMonth:
		return true
	}
	return false
}

// checkDimension refuses what is no dimension. field is the key of the question in which it stands.
func checkDimension(field, name string) error {
	if isTime(name) {
		return nil
	}
	if _, _, ok := attributeOf(name); ok {
		return nil
	}
	switch {
	case name == "segment":
		return invalid(field, `segment can be filtered by, as ["is","segment",["Name"]], and is no dimension`)
	case name == "time:minute":
		return invalid(field, "time:minute is not available: the finest time that is kept is an hour. Use time:hour")
	case strings.HasPrefix(name, propPrefix):
		return invalid(field, "the name of a property has 1 to %d bytes", MaxPropNameBytes)
	}
	names := make([]string, 0, len(attributes))
	for _, a := range attributes {
		names = append(names, a.name)
	}
	return invalid(field, "%q is not a dimension. Use time, time:hour, time:day, time:week, time:month, %s or event:props:<name>",
		name, strings.Join(names, ", "))
}
