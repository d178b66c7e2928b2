package dashboard

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"turf/schema"
	"turf/schema/clickhouse"
)

// The tests of this file are the lines of the checklist "Read side" of the wire's description, in their words,
// asked over HTTP.

// readSideCounts is what other.example (UTC) counted. The 31st is today. A value with a space is written with _.
const readSideCounts = `
traffic 2026-02-10T08 visitors=7 visits=7 visitors_hour=7 visits_hour=7 pageviews=7
traffic 2026-03-01T08 visitors=6 visits=6 visitors_hour=6 visits_hour=6 pageviews=6
traffic 2026-03-30T08 visitors=9 visits=9 visitors_hour=9 visits_hour=9 pageviews=20 custom_events=2 bounces=3 duration=900
traffic 2026-03-30T09 visitors=1 visits=2 visitors_hour=4 visits_hour=5 pageviews=10 bounces=1
traffic 2026-03-31T10 visitors=2 visits=2 visitors_hour=2 visits_hour=2 pageviews=2 bounces=2
pages 2026-03-30T08 hostname=a path=/ visitors=9 visits=9 pageviews=20 custom_events=2 entries=9 exits=4 bounces=3 duration=900
pages 2026-03-30T09 hostname=a path=/blog/x visitors=4 visits=5 pageviews=8 entries=2 exits=6 bounces=1
pages 2026-03-30T09 hostname=a path=/register visitors=2 visits=2 pageviews=2 exits=1
sources 2026-03-30T08 channel=Direct visitors=4 visits=4 pageviews=12
sources 2026-03-30T08 channel=Organic_Search source=Google visitors=5 visits=5 pageviews=8
sources 2026-03-30T09 channel=Organic_Search source=Twitter campaign=a|b visitors=1 visits=2 pageviews=10
referrers 2026-03-30 visitors=4 visits=4
campaigns 2026-03-30 utm_source=news utm_medium=email campaign=a|b visitors=2 visits=2 pageviews=3
campaigns 2026-03-30 utm_source=news utm_medium=email campaign=c visitors=1 visits=1 pageviews=1
campaigns 2026-03-30 visitors=7 visits=7 pageviews=26 custom_events=2
countries 2026-03-30T08 country=EE visitors=5 visits=5
countries 2026-03-30T08 visitors=4 visits=4
regions 2026-03-30 country=EE region=EE-37 visitors=5 visits=5
regions 2026-03-30 visitors=4 visits=4
places 2026-03-30 country=EE region=EE-37 city=588409:Tallinn visitors=5 visits=5
places 2026-03-30 visitors=4 visits=4
page_places 2026-03-30 hostname=a path=/ country=EE visitors=5 visits=5 pageviews=11
source_places 2026-03-30 channel=Organic_Search source=Google country=EE visitors=3 visits=3
devices 2026-03-30T08 browser=Firefox os=Linux visitors=9 visits=9
browsers 2026-03-30 browser=Firefox browser_version=140 visitors=9 visits=9
events 2026-03-30T08 event=Signup visitors=2 visits=2 events=2 visitors_hour=2
event_props 2026-03-30 event=Signup prop=member value=true visitors=2 visits=2 events=2
`

func newReadSide(t *testing.T) *world {
	var db *clickhouse.DB
	var sites *clickhouse.Sites
	w := newWorld(t, func(c *Config) { db, sites = c.Stats.Runner.(*clickhouse.DB), c.Sites.(*clickhouse.Sites) })
	_, err := sites.Set(t.Context(), "other.example", func(s *schema.Site) error {
		s.Goals = []schema.Goal{{Name: "Signup", Event: "Signup"}, {Name: "Visit /register", Page: "/register"}}
		return nil
	})
	must(t, err)
	writeCounts(t, db, "read side", readSideCounts)
	return w
}

// writeCounts writes the counters of a text, a line each (see countedRow).
func writeCounts(t *testing.T, db *clickhouse.DB, token, text string) {
	t.Helper()
	batch := schema.Batch{Token: token}
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 {
			batch.Rows = append(batch.Rows, countedRow(t, fields))
		}
	}
	twins := twinsOf(batch.Rows)
	for i := range batch.Rows {
		row := &batch.Rows[i]
		row.Sums.Keep(&schema.Cubes[row.Cell.Cube-1])
	}
	batch.Rows = append(batch.Rows, twins...)
	slices.SortFunc(batch.Rows, func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
	must(t, db.Write(t.Context(), batch))
}

// twinsOf are the counters by the day of what is kept by the hour and by the day. The second site's days are those of UTC.
func twinsOf(rows []schema.Row) []schema.Row {
	days := map[schema.Cell]schema.Deltas{}
	for _, row := range rows {
		hours, _ := schema.CubeByID(row.Cell.Cube)
		twin := hours.Twin()
		if twin == nil {
			continue
		}
		cell := row.Cell
		cell.Cube, cell.Time = twin.ID, cell.Time-cell.Time%86400
		sums := days[cell]
		for m, n := range row.Sums {
			if twin.Keeps(schema.Metric(m)) {
				sums[m] += n
			}
		}
		days[cell] = sums
	}
	var twins []schema.Row
	for cell, sums := range days {
		twins = append(twins, schema.Row{Cell: cell, Sums: sums})
	}
	return twins
}

// countedRow is a counter of the second site: its cube, its day or hour, dimensions and metrics. A cube of hours also takes what its
// twin keeps.
func countedRow(t *testing.T, fields []string) schema.Row {
	day, hour, _ := strings.Cut(fields[1], "T")
	d, err := schema.ParseDay(day)
	must(t, err)
	row := schema.Row{Cell: schema.Cell{Site: 2, Cube: cube(t, fields[0]), Time: int64(d) * 86400}}
	if hour != "" {
		h, err := strconv.ParseInt(hour, 10, 64)
		must(t, err)
		row.Cell.Time += h * 3600
	}
	c, _ := schema.CubeByID(row.Cell.Cube)
	for _, field := range fields[2:] {
		name, value, _ := strings.Cut(field, "=")
		if i := slices.IndexFunc(c.Dimensions, func(d schema.Dimension) bool { return d.String() == name }); i >= 0 {
			row.Cell.Values[i] = strings.ReplaceAll(value, "_", " ")
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		must(t, err)
		m := slices.IndexFunc(schema.Metrics[:], func(m schema.MetricInfo) bool { return m.Column == name })
		twin := c.Twin()
		if m < 0 || !c.Keeps(schema.Metric(m)) && (twin == nil || !twin.Keeps(schema.Metric(m))) {
			t.Fatalf("cube %s keeps no %s", c.Name, name)
		}
		row.Sums[m] = n
	}
	return row
}

// askLines asks the questions of each line of the checklist.
func (w *world) askLines(t *testing.T, lines map[string][]asked) {
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		t.Run(line, func(t *testing.T) { w.askAll(t, lines[line]) })
	}
}

// asked is a question of v2 about the second site and what the answer must have. lacks is what is not built yet:
// the question is asked all the same, and an answer that is right makes the mark wrong.
type asked struct {
	question string // without site_id
	status   int    // 0: 200
	want     string // in the body
	lacks    string
}

func (a *asked) scenario() scenario {
	if strings.HasPrefix(a.question, "{") {
		body := `{"site_id":"other.example",` + a.question[1:]
		return scenario{request: "POST " + queryPath, headers: key("all"), body: body}
	}
	return scenario{request: "GET /api/v1/stats/" + a.question, headers: key("all")}
}

func (w *world) askAll(t *testing.T, all []asked) {
	for _, a := range all {
		t.Run(a.question, func(t *testing.T) {
			status, text := w.ask(t, a.scenario())
			right := status == max(a.status, 200) && strings.Contains(text, a.want)
			switch {
			case right && a.lacks != "":
				t.Errorf("this works: take the mark %q away", a.lacks)
			case !right && a.lacks != "":
				t.Skip("not yet: " + a.lacks)
			case !right:
				t.Errorf("status %d, wanted %d with %s:\n%s", status, max(a.status, 200), a.want, text)
			}
		})
	}
}

func questionLines() map[string][]asked {
	return map[string][]asked{
		"unknown top-level key is 400": {
			{`{"metrics":["visitors"],"date_range":"7d","colour":1}`, 400, `Unknown key \"colour\"`, ""},
			{`{"metrics":["visitors"]}`, 400, "date_range: is required", ""},
			{`{"metrics":[],"date_range":"7d"}`, 400, "at least one", ""},
			{`{"metrics":["visitors","visitors"],"date_range":"7d"}`, 400, "twice", ""},
		},
		"metric and dimension precondition errors": {
			{`{"metrics":["views_per_visit"],"date_range":"7d","filters":[["is","event:page",["/"]]]}`, 400, "not defined by page", ""},
			// Exact here, so it is answered where Plausible refuses it.
			{`{"metrics":["views_per_visit"],"date_range":"7d","dimensions":["visit:source"]}`, 200, `{"metrics":[5],"dimensions":["Twitter"]}`, ""},
			{`{"metrics":["bounce_rate"],"date_range":"7d","dimensions":["event:page"]}`, 200, `{"metrics":[33],"dimensions":["/"]}`, ""},
			{
				`{"metrics":["bounce_rate"],"date_range":"7d","dimensions":["event:hostname","event:page"]}`, 200,
				`{"metrics":[33],"dimensions":["a","/"]}`, "",
			},
			{`{"metrics":["bounce_rate"],"date_range":"7d","dimensions":["event:name"]}`, 400, "by event", ""},
			{`{"metrics":["visit_duration"],"date_range":"7d","dimensions":["event:props:member"]}`, 400, "by event", ""},
			{`{"metrics":["percentage"],"date_range":"7d"}`, 400, "needs a dimension", ""},
			{`{"metrics":["exit_rate"],"date_range":"7d","dimensions":["visit:source"]}`, 400, "visit:exit_page", ""},
			{`{"metrics":["exit_rate"],"date_range":"7d","dimensions":["visit:exit_page"]}`, 200, `{"metrics":[75],"dimensions":["/blog/x"]}`, ""},
			{`{"metrics":["scroll_depth"],"date_range":"7d"}`, 400, "event:page", ""},
			{`{"metrics":["time_on_page"],"date_range":"7d"}`, 400, "event:page", ""},
			{`{"metrics":["conversion_rate"],"date_range":"7d"}`, 400, "event:goal", ""},
			{`{"metrics":["total_revenue"],"date_range":"7d"}`, 400, "event:goal", ""},
			{`{"metrics":["visitors"],"date_range":"7d","dimensions":["event:goal"]}`, 200, `[{"metrics":[2],"dimensions":["Signup"]}`, ""},
			{
				`{"metrics":["visitors","events","conversion_rate"],"date_range":"7d","filters":[["is","event:goal",["Visit /register"]]]}`, 200,
				`"metrics":[2,2,20]`, "",
			},
			{`{"metrics":["visitors"],"date_range":"7d","filters":[["is","event:goal",["Download"]]]}`, 400, "is not a goal of this site", ""},
		},
		"default order": {
			{
				`{"metrics":["visits","visitors"],"date_range":"7d","dimensions":["visit:source"]}`, 200,
				`"order_by":[["visits","desc"]]`, "",
			},
			{
				`{"metrics":["visitors"],"date_range":"month","dimensions":["visit:source","time:day"]}`, 200,
				`"order_by":[["time:day","asc"],["visitors","desc"]]`, "",
			},
			{
				`{"metrics":["visitors"],"date_range":"7d","dimensions":["visit:source"],"order_by":[["pageviews","desc"]]}`, 400,
				"neither a metric nor a dimension", "",
			},
		},
		"time label formats, empty buckets omitted": {
			{
				`{"metrics":["visits"],"date_range":["2026-03-30","2026-03-30"],"dimensions":["time:hour"]}`, 200,
				`[{"metrics":[9],"dimensions":["2026-03-30 08:00:00"]},{"metrics":[5],"dimensions":["2026-03-30 09:00:00"]}]`, "",
			},
			{
				`{"metrics":["visitors"],"date_range":"month","dimensions":["time:day"]}`, 200,
				`[{"metrics":[6],"dimensions":["2026-03-01"]},{"metrics":[10],"dimensions":["2026-03-30"]},` +
					`{"metrics":[2],"dimensions":["2026-03-31"]}]`, "",
			},
			{
				`{"metrics":["visitors"],"date_range":["2026-03-25","2026-03-31"],"dimensions":["time:week"]}`, 200,
				`[{"metrics":[12],"dimensions":["2026-03-30"]}]`, "",
			},
			{
				`{"metrics":["visitors"],"date_range":"year","dimensions":["time:month"]}`, 200,
				`[{"metrics":[7],"dimensions":["2026-02-01"]},{"metrics":[18],"dimensions":["2026-03-01"]}]`, "",
			},
		},
		"time_labels": {
			{
				`{"metrics":["visitors"],"date_range":["2026-03-29","2026-03-31"],"dimensions":["time"],"include":{"time_labels":true}}`,
				200, `"time_labels":["2026-03-29","2026-03-30","2026-03-31"]`, "",
			},
			{`{"metrics":["visitors"],"date_range":"7d","include":{"time_labels":true}}`, 400, "needs a time dimension", ""},
		},
		"total_rows": {{
			`{"metrics":["visitors"],"date_range":"7d","dimensions":["visit:source"],"include":{"total_rows":true},"pagination":{"limit":1}}`,
			200, `"total_rows":3`, "",
		}},
		"limit is at most 10000": {
			{`{"metrics":["visitors"],"date_range":"7d","pagination":{"limit":10001}}`, 400, "not between 1 and 10000", ""},
			{`{"metrics":["visitors"],"date_range":"7d","pagination":{"limit":0}}`, 400, "not between", ""},
			{`{"metrics":["visitors"],"date_range":"7d"}`, 200, `"pagination":{"offset":0,"limit":10000}`, ""},
		},
		"echo of the query with ISO offsets in the site's time zone": {{
			`{"metrics":["visitors"],"date_range":"7d"}`, 200,
			`"date_range":["2026-03-24T00:00:00+00:00","2026-03-30T23:59:59+00:00"]`, "",
		}},
	}
}

func TestReadSideQuestion(t *testing.T) { newReadSide(t).askLines(t, questionLines()) }

func labelLines() map[string][]asked {
	const visitors = `{"metrics":["visitors"],"date_range":"7d",`
	return map[string][]asked{
		"filters accept the placeholder labels as values": {
			{visitors + `"filters":[["is","visit:source",["Direct / None"]]]}`, 200, `"metrics":[4]`, ""},
			{visitors + `"filters":[["is","visit:source",[""]]]}`, 200, `"metrics":[4]`, ""},
			{visitors + `"filters":[["is","visit:utm_source",["(not set)"]]]}`, 200, `"metrics":[7]`, ""},
			{visitors + `"filters":[["is","visit:country_name",[""]]]}`, 200, `"metrics":[4]`, ""},
			{visitors + `"filters":[["is","visit:country",["(not set)"]]]}`, 200, `"metrics":[4]`, ""},
			{visitors + `"filters":[["is","event:props:member",["(none)"]]]}`, 400, "(none)", ""}, // not counted
			{visitors + `"filters":[["is","visit:channel",["Direct"]]]}`, 200, `"metrics":[4]`, ""},
		},
		"placeholder labels": {
			{visitors + `"dimensions":["visit:source"]}`, 200, `"Direct / None"`, ""},
			{visitors + `"dimensions":["visit:referrer"]}`, 200, `"Direct / None"`, ""},
			{visitors + `"dimensions":["visit:channel"]}`, 200, `"Direct"`, ""},
			{visitors + `"dimensions":["visit:utm_medium"]}`, 200, `"(not set)"`, ""},
			{visitors + `"dimensions":["event:props:member"]}`, 200, `"(none)"`, "events without a property are not counted by it"},
		},
		"country alpha-2, region ISO 3166-2, city GeoName id and _name twins": {
			{visitors + `"dimensions":["visit:country","visit:country_name"]}`, 200, `["EE","Estonia"]`, ""},
			{visitors + `"dimensions":["visit:region"]}`, 200, `["EE-37"]`, ""},
			{visitors + `"dimensions":["visit:region","visit:region_name"]}`, 200, `["EE-37","Harju"]`, ""},
			{visitors + `"dimensions":["visit:city_name"]}`, 200, `["Tallinn"]`, ""},
			{visitors + `"dimensions":["visit:city"]}`, 200, `[588409]`, ""},
			{visitors + `"filters":[["is","visit:city",[588409]]]}`, 200, `"metrics":[5]`, ""},
			{visitors + `"filters":[["is","visit:city_name",["Tallinn"]]]}`, 200, `"metrics":[5]`, ""},
			{visitors + `"filters":[["is","visit:country",["Estonia"]]]}`, 400, "two letters", ""},
			// A name that no country has would be an answer of 0.
			{visitors + `"filters":[["is","visit:country_name",["Esthonia"]]]}`, 400, "country", ""},
			{visitors + `"filters":[["is","visit:country_name",["Estonia","United States of America"]]]}`, 200, `"metrics":[5]`, ""},
		},
		"Nd excludes today, Nmo is complete months, day, month and year are whole, all is from the first day": {
			{`{"metrics":["visitors"],"date_range":"7d"}`, 200, `"metrics":[10]`, ""},
			{`{"metrics":["visitors"],"date_range":"1mo"}`, 200, `"metrics":[7]`, ""},
			{`{"metrics":["visitors"],"date_range":"day"}`, 200, `["2026-03-31T00:00:00+00:00","2026-03-31T23:59:59+00:00"]`, ""},
			{`{"metrics":["visitors"],"date_range":"month"}`, 200, `["2026-03-01T00:00:00+00:00","2026-03-31T23:59:59+00:00"]`, ""},
			{`{"metrics":["visitors"],"date_range":"year"}`, 200, `["2026-01-01T00:00:00+00:00","2026-12-31T23:59:59+00:00"]`, ""},
			{`{"metrics":["visitors"],"date_range":"all"}`, 200, `["2026-02-10T00:00:00+00:00","2026-03-31T23:59:59+00:00"]`, ""},
			{`{"metrics":["visitors"],"date_range":"28d"}`, 200, `["2026-03-03T`, ""},
			{`{"metrics":["visitors"],"date_range":"5001d"}`, 400, "at most 5000d", ""},
			{`{"metrics":["visitors"],"date_range":["2026-03-01","2026-03-31"]}`, 200, `"metrics":[18]`, ""},
		},
		"range filter and hour smearing": {
			// An hour's visits are those that were active in it: begun then or carried in.
			{
				`{"metrics":["visitors","visits"],"date_range":["2026-03-30","2026-03-30"],"dimensions":["time:hour"]}`, 200,
				`[{"metrics":[9,9],"dimensions":["2026-03-30 08:00:00"]},{"metrics":[4,5],"dimensions":["2026-03-30 09:00:00"]}]`, "",
			},
			// A day's are those that began in it.
			{`{"metrics":["visits"],"date_range":["2026-03-30","2026-03-30"]}`, 200, `"metrics":[11]`, ""},
			{
				`{"metrics":["pageviews"],"date_range":["2026-03-30T09:00:00Z","2026-03-30T09:59:59Z"]}`, 200, `"metrics":[10]`, "",
			},
			{
				`{"metrics":["visits"],"date_range":["2026-03-30T09:00:00Z","2026-03-30T10:59:59Z"]}`, 200, `"metrics":[5]`, "",
			},
			{
				`{"metrics":["visitors"],"date_range":["2026-03-30T09:00:00Z","2026-03-30T09:59:59Z"]}`, 400, "counted by the day", "",
			},
			{`{"metrics":["visits"],"date_range":["2026-03-30T09:30:00Z","2026-03-30T09:59:59Z"]}`, 400, "an hour of the site's clock", ""},
		},
	}
}

func TestReadSideLabelsAndDates(t *testing.T) { newReadSide(t).askLines(t, labelLines()) }

func refusalLines() map[string][]asked {
	const visitors = `{"metrics":["visitors"],"date_range":"7d",`
	return map[string][]asked{
		"unsupported combination is never a wrong number": {
			{visitors + `"dimensions":["event:page","visit:source","visit:country"]}`, 400, "cannot be combined", ""},
			{visitors + `"dimensions":["visit:region"],"filters":[["is","event:page",["/"]]]}`, 400, "cannot be combined", ""},
			{visitors + `"filters":[["contains","event:page",["/docs","/pricing"]]]}`, 400, "would count twice", ""},
			{visitors + `"dimensions":["visit:source"],"filters":[["is","visit:country_name",["Estonia"]]]}`, 200, `[3]`, ""},
			{visitors + `"filters":[["is_not","visit:source",["Google"]]]}`, 200, `"joined_tuples"`, ""},
		},
		"has_done, segments and regular expressions only where a counter answers them": {
			{visitors + `"filters":[["has_done",["is","event:name",["Signup"]]]]}`, 400, "has_done is not available", ""},
			{visitors + `"filters":[["has_not_done",["is","event:name",["Signup"]]]]}`, 400, "has_not_done is not available", ""},
			{visitors + `"filters":[["is","segment",[7]]]}`, 400, "segment", ""},
			{visitors + `"dimensions":["event:page"],"filters":[["matches","event:page",["^/blog/.$"]]]}`, 200, `["/blog/x"]`, ""},
			{`{"metrics":["pageviews"],"date_range":"7d","filters":[["matches","event:page",["^/blog/.$"]]]}`, 200, `[8]`, ""},
			{visitors + `"filters":[["matches","event:page",["("]]]}`, 400, "regular expression", ""},
			{visitors + `"filters":[["matches_not","visit:source",["^G"]]]}`, 200, `"metrics":[5]`, ""},
		},
	}
}

func TestReadSideNeverAWrongNumber(t *testing.T) { newReadSide(t).askLines(t, refusalLines()) }

// The examples of Plausible's public documentation, by their titles, about this site.
func TestDocumentationExamples(t *testing.T) { newReadSide(t).askAll(t, documentationExamples()) }

func documentationExamples() []asked {
	return []asked{
		{ // Simple aggregate query
			`{"metrics":["visitors","pageviews","bounce_rate"],"date_range":"7d"}`, 200, `"metrics":[10,30,36]`, "",
		},
		{ // Custom date range
			`{"metrics":["visitors"],"date_range":["2026-03-01","2026-03-30"]}`, 200, `"metrics":[16]`, "",
		},
		{ // Country and city analysis
			`{"metrics":["visitors"],"date_range":"7d","dimensions":["visit:country_name","visit:city_name"],` +
				`"filters":[["is_not","visit:country_name",[""]]]}`, 200, `["Estonia","Tallinn"]`, "",
		},
		{ // UTM medium, source analysis
			`{"metrics":["visitors","events","pageviews"],"date_range":"7d","dimensions":["visit:utm_medium","visit:utm_source"]}`,
			200, `{"metrics":[3,4,4],"dimensions":["email","news"]}`, "",
		},
		{ // Filtering by page and country: who saw two of the pages would count twice, so the page has to be one
			`{"metrics":["visitors"],"date_range":"7d","filters":[["is","event:page",["/"]],["is","visit:country_name",["Estonia"]]]}`,
			200, `"metrics":[5]`, "",
		},
		{ // Case insensitive filtering
			`{"metrics":["pageviews"],"date_range":"7d","filters":[["contains","event:page",["BLOG"],{"case_sensitive":false}]]}`,
			200, `"metrics":[8]`, "",
		},
		{ // Filtering by segment
			`{"metrics":["visitors"],"date_range":"7d","filters":[["is","segment",[1]]]}`, 400, "segment", "",
		},
		{ // Timeseries query
			`{"metrics":["visitors","events"],"date_range":"7d","dimensions":["time"]}`, 200,
			`{"metrics":[10,32],"dimensions":["2026-03-30"]}`, "",
		},
		{ // Timeseries query hourly, with labels
			`{"metrics":["visitors"],"date_range":["2026-03-30","2026-03-30"],"dimensions":["time:hour"],"include":{"time_labels":true}}`,
			200, `"time_labels":["2026-03-30 00:00:00","2026-03-30 01:00:00"`, "",
		},
		{ // Using custom properties
			`{"metrics":["visitors"],"date_range":"7d","dimensions":["time:day","event:props:member"],` +
				`"order_by":[["time:day","asc"],["event:props:member","desc"]]}`, 200, `["2026-03-30","true"]`, "",
		},
		{ // Pagination
			`{"metrics":["visitors"],"date_range":"7d","dimensions":["visit:source"],"include":{"total_rows":true},` +
				`"pagination":{"limit":3,"offset":1}}`, 200, `"total_rows":3`, "",
		},
		{ // Including imported data
			`{"metrics":["visitors"],"date_range":"7d","include":{"imports":true}}`, 200, `"imports_included":true`, "",
		},
		{ // Revenue metrics
			`{"metrics":["total_revenue"],"date_range":"7d","dimensions":["event:goal"]}`, 200, `"total_revenue"`, "",
		},
		{ // Behavioral filters
			`{"metrics":["visitors"],"date_range":"7d","filters":[["is","event:goal",["Signup"]],` +
				`["has_done",["is","event:page",["/pricing"]]]]}`, 400, "", "",
		},
	}
}
