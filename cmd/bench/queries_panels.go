package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"turf/schema"
)

// panel is something that the dashboard shows: a question to the stats API, as the page asks it (see panels.ts and
// overview.tsx of dashboard/web), and the same question to the tables of rows.
type panel struct {
	name       string
	metrics    []string
	dimensions []string
	without    string // a value of the first dimension that is left out
	details    bool   // shown after a click only, on another tab
	rows       rowQuestion
	// hidden: groups of fewer than k visitors are under (other), so values can be less than what the rows have.
	hidden bool
}

// rowQuestion is a question to the tables of rows.
type rowQuestion struct {
	table string // "" where the rows have no answer in one statement
	key   string // by what is grouped; "" by nothing
	where string // beside site, time and filter
	// values are the numbers, of which the first sorts; {uniq} stands for the function that counts users.
	values []string
}

const rowsShown = 9 // of a panel

var (
	visitorsOnly = []string{"visitors"}
	overviewOf   = []string{"visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"}
	rowOverview  = []string{
		"{uniq}(user_id)", "sum(sign)", "sum(sign * pageviews)", "round(sum(sign * pageviews) / sum(sign), 2)",
		"round(100 * sum(sign * is_bounce) / sum(sign))", "round(sum(sign * duration) / sum(sign))",
	}
)

// The names of panels that are asked for apart.
const (
	topPanel   = "Top numbers"
	chartPanel = "Chart"
	goalsPanel = "Goals"
)

func panels() []panel {
	users := []string{"{uniq}(user_id)"}
	list := func(name, dimension, table, key string) panel {
		return panel{
			name: name, metrics: visitorsOnly, dimensions: []string{dimension},
			rows: rowQuestion{table: table, key: key, values: users},
		}
	}
	pages := list("Pages", "event:page", "events", "pathname")
	pages.rows.where = "name = 'pageview'"
	campaigns := list("Campaigns", "visit:utm_campaign", "sessions", "utm_campaign")
	campaigns.without, campaigns.rows.where = "(not set)", "utm_campaign != ''"
	regions := list("Regions", "visit:region", "sessions", "region")
	cities := list("Cities", "visit:city", "sessions", "toString(city)")
	regions.hidden, cities.hidden = true, true
	regions.dimensions = append(regions.dimensions, "visit:region_name")
	cities.dimensions = append(cities.dimensions, "visit:city_name")
	all := []panel{
		{name: topPanel, metrics: overviewOf, rows: rowQuestion{table: "sessions", values: rowOverview}},
		{
			name: chartPanel, metrics: overviewOf, dimensions: []string{"time:day"},
			rows: rowQuestion{table: "sessions", key: "toString(toDate(start))", values: rowOverview},
		},
		pages,
		list("Entry pages", "visit:entry_page", "sessions", "entry_page"),
		list("Exit pages", "visit:exit_page", "sessions", "exit_page"),
		list("Sources", "visit:source", "sessions", "source"),
		list("Channels", "visit:channel", "sessions", "channel"),
		campaigns,
		list("Referrers", "visit:referrer", "sessions", "referrer"),
		list("Countries", "visit:country", "sessions", "toString(country)"), regions, cities,
		list("Browsers", "visit:browser", "sessions", "browser"),
		list("Systems", "visit:os", "sessions", "os"),
		list("Devices", "visit:device", "sessions", "device"),
		{
			name: goalsPanel, metrics: []string{"visitors", "events", "conversion_rate"}, dimensions: []string{"event:goal"},
			rows: rowQuestion{
				table: "events", key: fmt.Sprintf("if(name = '%s', name, concat('Visit ', pathname))", goalEvent),
				where: fmt.Sprintf("(name = '%s' OR name = 'pageview' AND pathname = '%s')", goalEvent, goalPage),
				values: []string{
					"{uniq}(user_id)", "count()",
					"round(100 * {uniq}(user_id) / (SELECT {uniq}(user_id) FROM sessions WHERE {scope}), 2)",
				},
			},
		},
		{
			name: "Events", metrics: []string{"visitors", "events"}, dimensions: []string{"event:name"},
			rows: rowQuestion{
				table: "events", key: "name", where: "name NOT IN ('pageview', 'engagement')",
				values: []string{"{uniq}(user_id)", "count()"},
			},
		},
	}
	first := []string{"Pages", "Sources", "Countries", "Browsers", goalsPanel, "Events", topPanel, chartPanel}
	for i := range all {
		all[i].details = !slices.Contains(first, all[i].name)
	}
	return all
}

// rowFilter is a filter of one value, in both languages.
type rowFilter struct {
	name      string // of the dimension, for people
	dimension string
	column    string // of both tables of rows; "" for the page
	value     string
}

func rowFilters(s *querySite, p *pool) []rowFilter {
	return []rowFilter{
		{"page", "event:page", "", s.paths[1]},
		{"source", "visit:source", "source", p.arrivals[1].source},
		{"country", "visit:country", "country", p.places[1].country},
		{"browser", "visit:browser", "browser", p.devices[1].browser},
	}
}

// span is some whole days.
type span struct{ first, last schema.Day }

func (s span) before() span {
	days := s.last - s.first + 1
	return span{s.first - days, s.first - 1}
}

// question is the body of a question to the stats API. Under a filter by page the dashboard asks for less in its
// overview.
func (p *panel) question(site *querySite, s span, f *rowFilter) ([]byte, error) {
	metrics := p.metrics
	if f != nil && f.column == "" && len(metrics) > 3 {
		metrics = []string{"visitors", "visits", "pageviews", "bounce_rate", "visit_duration"}
	}
	filters := []any{}
	if f != nil {
		filters = append(filters, []any{"is", f.dimension, []string{f.value}})
	}
	if p.without != "" {
		filters = append(filters, []any{"is_not", p.dimensions[0], []string{p.without}})
	}
	q := map[string]any{
		"site_id": site.site.Domain, "metrics": metrics, "filters": filters,
		"date_range": []string{s.first.String(), s.last.String()},
	}
	if len(p.dimensions) > 0 {
		q["dimensions"] = p.dimensions
		if !strings.HasPrefix(p.dimensions[0], "time:") {
			q["pagination"] = map[string]int{"limit": rowsShown}
		}
	}
	return json.Marshal(q)
}

// sql is the same question to the rows. Users are estimated, as Plausible does, or counted one by one.
func (q *rowQuestion) sql(site *querySite, s span, f *rowFilter, exact bool) string {
	columns := q.values
	if q.key != "" {
		columns = append([]string{q.key + " AS k"}, columns...)
	}
	text := "SELECT " + strings.Join(columns, ", ") + " FROM " + q.table + " WHERE {scope}"
	if q.where != "" {
		text += " AND " + q.where
	}
	if q.key != "" {
		text += fmt.Sprintf(" GROUP BY k ORDER BY %s DESC, k", q.values[0])
		if !strings.Contains(q.key, "toDate") && !exact {
			text += fmt.Sprintf(" LIMIT %d", rowsShown)
		}
	}
	if strings.Contains(text, "{scope}), 2)") { // the total of a share, which is of all visits whatever the table
		text = strings.Replace(text, "{scope}", scope("sessions", site, s, f), 1)
	}
	return fillRowSQL(text, q.table, site, s, f, exact)
}

func fillRowSQL(text, table string, site *querySite, s span, f *rowFilter, exact bool) string {
	uniq := "uniq"
	if exact {
		uniq = "uniqExact"
	}
	return strings.NewReplacer("{uniq}", uniq, "{scope}", scope(table, site, s, f)).Replace(text)
}

// scope is the condition that finds the rows of a site, span and filter. Its values are those of this program.
func scope(table string, site *querySite, s span, f *rowFilter) string {
	time := "timestamp"
	if table == "sessions" {
		time = "start"
	}
	where := func(time string) string {
		return fmt.Sprintf("site_id = %d AND toDate(%s) >= '%s' AND toDate(%s) <= '%s'",
			site.site.ID, time, s.first, time, s.last)
	}
	text := where(time)
	switch {
	case f == nil:
	case f.column != "":
		text += fmt.Sprintf(" AND %s = '%s'", f.column, f.value)
	case table == "events":
		text += fmt.Sprintf(" AND pathname = '%s'", f.value)
	default:
		text += fmt.Sprintf(" AND session_id IN (SELECT session_id FROM events WHERE %s AND name = 'pageview' "+
			"AND pathname = '%s')", where("timestamp"), f.value)
	}
	return text
}
