package importer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/ingest"
	"turf/schema"
)

// ga4Table is a report of Google Analytics that is known here: by its dimensions, beside date, and the metrics that it
// must have.
type ga4Table struct {
	sumsTable
	dimensions, metrics []string
}

// Metrics of reports of Google Analytics, by the names of its Data API.
var (
	ga4VisitMetrics = []string{"totalUsers", "sessions", "screenPageViews", "engagedSessions", "averageSessionDuration"}
	ga4EntryMetrics = []string{"totalUsers", "sessions", "engagedSessions", "averageSessionDuration"}
)

// Columns that are made of others, in reports of Google Analytics and Matomo.
const (
	bouncesColumn  = "bounces"
	durationColumn = "duration"
	hostColumn     = "host"
	pathColumn     = "path"
	nameColumn     = "name"
)

var ga4Visits = numbers{
	schema.Visitors: "totalUsers", schema.Visits: "sessions", schema.Pageviews: "screenPageViews",
	schema.Bounces: bouncesColumn, schema.Duration: durationColumn,
}

// ga4Tables are the reports that are counted, in the order in which they are read: the pages before those that need
// their hostnames. Regions and cities are names there and numbers of Google's, and are not counted.
var ga4Tables = []ga4Table{
	{sumsTable{"traffic", []tableTarget{{schema.CubeTraffic, nil, ga4Visits}}}, nil, ga4VisitMetrics},
	{
		sumsTable{"sources", []tableTarget{{schema.CubeSources, from{
			schema.Channel: "channel", schema.Source: "source", schema.Campaign: "campaign",
		}, ga4Visits}}},
		[]string{"sessionSource", "sessionMedium", "sessionCampaignName"},
		ga4VisitMetrics,
	},
	{
		sumsTable{"campaigns", []tableTarget{{schema.CubeCampaigns, from{
			schema.UTMSource: "utm_source", schema.UTMMedium: "utm_medium", schema.Campaign: "utm_campaign",
			schema.UTMContent: "utm_content", schema.UTMTerm: "utm_term",
		}, ga4Visits}}},
		[]string{
			"sessionManualSource", "sessionManualMedium", "sessionManualCampaignName", "sessionManualAdContent",
			"sessionManualTerm",
		},
		ga4VisitMetrics,
	},
	{
		sumsTable{"pages", []tableTarget{{schema.CubePages, from{
			schema.Hostname: hostColumn, schema.Path: pathColumn,
		}, numbers{
			schema.Visitors: "totalUsers", schema.Visits: "sessions", schema.Pageviews: "screenPageViews",
		}}}},
		[]string{"hostName", "pagePath"},
		[]string{"totalUsers", "sessions", "screenPageViews"},
	},
	{
		sumsTable{"entry_pages", []tableTarget{{schema.CubePages, from{
			schema.Hostname: hostnameColumn, schema.Path: pathColumn,
		}, numbers{
			schema.EntryVisitors: "totalUsers", schema.Entries: "sessions", schema.Bounces: bouncesColumn,
			schema.Duration: durationColumn,
		}}}},
		[]string{"landingPage"},
		ga4EntryMetrics,
	},
	{
		sumsTable{"countries", []tableTarget{
			{schema.CubeCountries, from{schema.Country: "country"}, ga4Visits},
			{schema.CubePlaces, from{schema.Country: "country", schema.Region: otherColumn, schema.City: otherColumn}, ga4Visits},
		}},
		[]string{"countryId"},
		ga4VisitMetrics,
	},
	{
		sumsTable{"devices", []tableTarget{{schema.CubeDevices, from{
			schema.Device: "device", schema.Browser: otherColumn, schema.OS: otherColumn,
		}, ga4Visits}}},
		[]string{"deviceCategory"},
		ga4VisitMetrics,
	},
	{
		sumsTable{"browsers", []tableTarget{{schema.CubeBrowsers, from{
			schema.Browser: nameColumn, schema.BrowserVersion: otherColumn,
		}, ga4Visits}}},
		[]string{"browser"},
		ga4VisitMetrics,
	},
	{
		sumsTable{"systems", []tableTarget{{schema.CubeSystems, from{
			schema.OS: nameColumn, schema.OSVersion: otherColumn,
		}, ga4Visits}}},
		[]string{"operatingSystem"},
		ga4VisitMetrics,
	},
	{
		sumsTable{"events", []tableTarget{
			{schema.CubeTraffic, nil, numbers{schema.CustomEvents: "eventCount"}},
			{schema.CubeEvents, from{schema.EventName: nameColumn}, numbers{
				schema.Visitors: "totalUsers", schema.Visits: "sessions", schema.Events: "eventCount",
			}},
		}},
		[]string{"eventName"},
		[]string{"totalUsers", "sessions", "eventCount"},
	},
}

// ga4OwnEvents are sent for what Turf counts as page views, visits and visitors, or does not count.
var ga4OwnEvents = []string{"page_view", "session_start", "first_visit", "user_engagement"}

// ga4Devices are the classes of devices by Google's names; a television stands still, as a desktop does.
var ga4Devices = map[string]string{"desktop": "Desktop", "mobile": "Mobile", "tablet": "Tablet", "smart tv": "Desktop"}

// ga4Systems are names of systems that the list of agents has not.
var ga4Systems = map[string]string{"Macintosh": "Mac"}

// ga4Response is the answer to runReport or batchRunReports of the Data API, as far as it matters here:
// developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/RunReportResponse.
type ga4Response struct {
	DimensionHeaders []struct{ Name string }
	MetricHeaders    []struct{ Name string }
	Rows             []struct {
		DimensionValues, MetricValues []struct{ Value string }
	}
	RowCount int
	Metadata struct {
		TimeZone              string
		SubjectToThresholding bool
		SamplingMetadatas     []struct{ SamplesReadCount string }
	}
	Reports []ga4Response
	Error   *struct{ Status string }
}

// ga4 is an import under way.
type ga4 struct {
	*reports
	// told is which day of which table a report told: two that tell the same would count twice.
	told map[string]map[schema.Day]int
	num  int // of the report, from 1
}

// ImportGA4 counts reports of Google Analytics 4, saved as its Data API answers them. As with the tables of Plausible,
// the same reports count once, days that have counts are left out, and after an error the same call goes on.
//
// A report that is sampled, or that Google withholds rows of, or that has not all of its rows, is refused, and so is
// one of another time zone. Numbers are Google's: it estimates users, and what is not an engaged session counts as a
// bounce.
func ImportGA4(ctx context.Context, cfg TablesConfig, sources []Source) (TablesSummary, error) {
	r, err := newReports("ga4", cfg)
	if err != nil {
		return TablesSummary{}, err
	}
	g := &ga4{reports: r, told: map[string]map[schema.Day]int{}}
	order := make([]sumsTable, len(ga4Tables))
	for i := range ga4Tables {
		order[i] = ga4Tables[i].sumsTable
	}
	// A report is there with all its metrics or not at all, and all tell the same days; those that were made of the rows are all told.
	have := func(table, _ string, _ schema.Day) bool { return g.rows[table] != nil }
	return g.run(ctx, sources, g.read, g.check, order, have)
}

// check looks at all reports together, and names the hosts of the landing pages' paths.
func (g *ga4) check() error {
	if g.rows["traffic"] == nil {
		return fmt.Errorf("there is no report of date alone, with %s: it has the totals", strings.Join(ga4VisitMetrics, ", "))
	}
	for i := range ga4Tables {
		if err := g.sameDays(ga4Tables[i].name); err != nil {
			return err
		}
	}
	for _, row := range g.rows["pages"] {
		g.host(row.day, row.row[pathColumn], row.row[hostColumn], row.row["screenPageViews"])
	}
	return nil
}

// sameDays holds the days of a table to those of the totals. Only events need not happen on each day.
func (g *ga4) sameDays(table string) error {
	for day := g.first; day <= g.last; day++ {
		has, total := g.told[table][day] != 0, g.told["traffic"][day] != 0
		if has && !total || total && !has && g.told[table] != nil && table != "events" {
			return fmt.Errorf("one of the reports of date alone and of %s has %s and the other has not; ask for the same days",
				table, day)
		}
	}
	return nil
}

func (g *ga4) read(s *Source, content []byte) error {
	var response ga4Response
	if err := decodeJSON(content, &response); err != nil {
		return err
	}
	all := response.Reports
	if all == nil {
		all = []ga4Response{response}
	}
	for i := range all {
		g.num++
		where := fmt.Sprintf("%s, report %d", s.Name, i+1)
		if err := g.readReport(where, &all[i]); err != nil {
			return fmt.Errorf("report %d: %w", i+1, err)
		}
	}
	return nil
}

func (g *ga4) readReport(where string, report *ga4Response) error {
	if err := g.accept(report); err != nil {
		return err
	}
	var dimensions, metrics []string
	for _, h := range report.DimensionHeaders {
		dimensions = append(dimensions, h.Name)
	}
	for _, h := range report.MetricHeaders {
		metrics = append(metrics, h.Name)
	}
	table, err := ga4TableOf(dimensions, metrics)
	if err != nil {
		return err
	}
	for n := range report.Rows {
		d, m := report.Rows[n].DimensionValues, report.Rows[n].MetricValues
		if len(d) != len(dimensions) || len(m) != len(metrics) {
			return fmt.Errorf("row %d has %d dimensions and %d metrics", n+1, len(d), len(m))
		}
		row := map[string]string{}
		for i, name := range dimensions {
			row[name] = ga4Value(d[i].Value)
		}
		for i, name := range metrics {
			row[name] = m[i].Value
		}
		if err := g.readRow(table, row, fmt.Sprintf("%s, row %d", where, n+1)); err != nil {
			return fmt.Errorf("row %d: %w", n+1, err)
		}
	}
	return nil
}

// accept refuses a report whose numbers are not those of all visits.
func (g *ga4) accept(report *ga4Response) error {
	switch {
	case report.Error != nil:
		return fmt.Errorf("it is no report but an error of Google's: %s", report.Error.Status)
	case len(report.DimensionHeaders) == 0 && len(report.MetricHeaders) == 0:
		return errors.New("it is no answer to runReport or batchRunReports")
	case report.RowCount != len(report.Rows):
		return fmt.Errorf("it has %d of %d rows: ask with \"limit\": 250000, or for fewer days",
			len(report.Rows), report.RowCount)
	case len(report.Metadata.SamplingMetadatas) > 0:
		return errors.New("it is sampled, so its numbers are estimates: ask for fewer days")
	case report.Metadata.SubjectToThresholding:
		return errors.New("it lacks rows that Google withholds (thresholding): set the reporting identity of the property " +
			"to \"device-based\" and ask again")
	}
	if zone := report.Metadata.TimeZone; zone != "" && !sameZone(zone, g.cfg.Site.Timezone) {
		return fmt.Errorf("its days are those of %s, and the site's those of %s", zone, g.cfg.Site.Timezone)
	}
	return nil
}

func sameZone(a, b string) bool {
	utc := func(s string) string {
		if slices.Contains([]string{"", "UTC", "Etc/UTC", "Etc/GMT", "GMT"}, s) {
			return "UTC"
		}
		return s
	}
	return utc(a) == utc(b)
}

// ga4TableOf is the table that a report with these dimensions is.
func ga4TableOf(dimensions, metrics []string) (*ga4Table, error) {
	var known []string
	for i := range ga4Tables {
		t := &ga4Tables[i]
		want := append([]string{"date"}, t.dimensions...)
		known = append(known, strings.Join(want, "+"))
		if !sameWords(want, dimensions) {
			continue
		}
		for _, m := range t.metrics {
			if !slices.Contains(metrics, m) {
				return nil, fmt.Errorf("the report by %s needs the metrics %s",
					strings.Join(want, ", "), strings.Join(t.metrics, ", "))
			}
		}
		return t, nil
	}
	return nil, fmt.Errorf("a report by %q is none of those that can be counted: %s",
		dimensions, strings.Join(known, ", "))
}

func sameWords(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// ga4Value is a value of a dimension: "" where Google has none.
func ga4Value(s string) string {
	switch s {
	case "(not set)", "(direct)", "(none)", "(organic)", "(referral)", "(data not available)":
		return ""
	}
	return s
}

// readRow keeps a row, with the columns that are made of others.
func (g *ga4) readRow(table *ga4Table, row map[string]string, where string) error {
	at, err := time.Parse("20060102", row["date"])
	if err != nil {
		return errors.New("date is no day such as 20260131")
	}
	day := schema.DayOf(at, time.UTC)
	if slices.Contains(ga4OwnEvents, row["eventName"]) {
		return nil
	}
	days := g.told[table.name]
	if days == nil {
		days = map[schema.Day]int{}
		g.told[table.name] = days
	}
	if n := days[day]; n != 0 && n != g.num {
		return fmt.Errorf("another report of %s told of %s already", table.name, day)
	}
	days[day] = g.num
	for _, m := range table.metrics {
		if m == "averageSessionDuration" {
			continue
		}
		if _, err := count(row[m]); err != nil || row[m] == "" {
			return fmt.Errorf("%s is %q", m, row[m])
		}
	}
	if slices.Contains(table.metrics, "averageSessionDuration") {
		if err := ga4Sums(row); err != nil {
			return err
		}
	}
	if err := g.name(table, row); err != nil {
		return err
	}
	return g.add(table.name, reportRow{where, day, row})
}

// ga4Sums makes sums of what a report has as means: bounces and seconds.
func ga4Sums(row map[string]string) error {
	sessions, _ := count(row["sessions"]) // both were read before
	engaged, _ := count(row["engagedSessions"])
	if engaged > sessions {
		return fmt.Errorf("%d of %d sessions are engaged", engaged, sessions)
	}
	mean, err := strconv.ParseFloat(row["averageSessionDuration"], 64)
	if err != nil || mean < 0 || !(mean*float64(sessions) < maxTableCount) {
		return fmt.Errorf("averageSessionDuration is %q", row["averageSessionDuration"])
	}
	row[bouncesColumn] = strconv.FormatInt(sessions-engaged, 10)
	row[durationColumn] = strconv.FormatInt(int64(math.Round(mean*float64(sessions))), 10)
	return nil
}

// name gives pages, sources, places and devices the names that they have here.
func (g *ga4) name(table *ga4Table, row map[string]string) (err error) {
	steps := g.cfg.Steps.steps
	switch table.name {
	case "pages":
		row[hostColumn], row[pathColumn], err = cleanPage(row["hostName"], row["pagePath"])
	case "entry_pages":
		_, row[pathColumn], err = cleanPage("", row["landingPage"])
	case "sources":
		g.nameSource(row)
	case "campaigns":
		g.nameCampaign(row)
	case "events":
		if row[nameColumn] = row["eventName"]; row[nameColumn] != schema.Other {
			row[nameColumn] = ingest.CleanName(row[nameColumn])
		}
	case "countries":
		row["country"], _ = place(row["countryId"])
	case "devices":
		row["device"] = ga4Devices[strings.ToLower(row["deviceCategory"])]
	case "browsers":
		row[nameColumn] = steps.BrowserName(strings.TrimSuffix(row["browser"], " (in-app)"))
	case "systems":
		if row[nameColumn] = steps.SystemName(row["operatingSystem"]); row[nameColumn] == "" {
			row[nameColumn] = ga4Systems[row["operatingSystem"]]
		}
	}
	return err
}

func (g *ga4) nameSource(row map[string]string) {
	if row["sessionSource"] == schema.Other {
		row["channel"], row["source"], row["campaign"] = schema.Other, schema.Other, schema.Other
		return
	}
	a := g.cfg.Steps.steps.Attribute(tags(row, "sessionSource", "sessionMedium", "sessionCampaignName"), "")
	row["channel"], row["source"], row["campaign"] = a.Channel, a.Source, a.Campaign
}

func (g *ga4) nameCampaign(row map[string]string) {
	if row["sessionManualSource"] == schema.Other {
		for _, name := range tagNames {
			row[name] = schema.Other
		}
		return
	}
	a := g.cfg.Steps.steps.Attribute(tags(row, "sessionManualSource", "sessionManualMedium", "sessionManualCampaignName",
		"sessionManualAdContent", "sessionManualTerm"), "")
	row["utm_source"], row["utm_medium"], row["utm_campaign"] = a.UTMSource, a.UTMMedium, a.Campaign
	row["utm_content"], row["utm_term"] = a.UTMContent, a.UTMTerm
}

var tagNames = [...]string{"utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"}

// tags are the columns of a row as tags of a link, in the order of tagNames.
func tags(row map[string]string, columns ...string) url.Values {
	query := url.Values{}
	for i, column := range columns {
		if v := row[column]; v != "" {
			query.Set(tagNames[i], v)
		}
	}
	return query
}
