package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"turf/schema"
)

// Reports of Matomo, by the names of their methods, that others are compared with.
const (
	matomoVisits  = "VisitsSummary.get"
	matomoActions = "Actions.get"
	matomoPages   = "Actions.getPageUrls"
)

// Columns of Matomo's reports.
const (
	matomoVisitors = "nb_uniq_visitors"
	matomoNumber   = "nb_visits"
	matomoHits     = "nb_hits"
	matomoViews    = "nb_pageviews"
	// viewsColumn are the page views of a row: its actions, on days that had no other actions; else it is not known.
	viewsColumn = "=views"
)

var matomoRowNumbers = numbers{
	schema.Visitors: matomoVisitors, schema.Visits: matomoNumber, schema.Pageviews: viewsColumn,
	schema.Bounces: "bounce_count", schema.Duration: "sum_visit_length",
}

var matomoSource = []tableTarget{{schema.CubeSources, from{
	schema.Channel: "channel", schema.Source: "source", schema.Campaign: "campaign",
}, matomoRowNumbers}}

// matomoTables are the reports that are counted. Matomo's regions have codes of several lists, so places are
// countries; what it calls an event has three names, and is not counted.
var matomoTables = []sumsTable{
	{matomoVisits, []tableTarget{{schema.CubeTraffic, nil, numbers{
		schema.Visitors: matomoVisitors, schema.Visits: matomoNumber, schema.Bounces: "bounce_count",
		schema.Duration: "sum_visit_length",
	}}}},
	{matomoActions, []tableTarget{{schema.CubeTraffic, nil, numbers{schema.Pageviews: matomoViews}}}},
	{matomoPages, []tableTarget{{schema.CubePages, from{schema.Hostname: hostColumn, schema.Path: pathColumn}, numbers{
		schema.Visitors: matomoVisitors, schema.Visits: matomoNumber, schema.Pageviews: matomoHits,
		schema.EntryVisitors: "entry_nb_uniq_visitors", schema.Entries: "entry_nb_visits",
		schema.Bounces: "entry_bounce_count", schema.Duration: "entry_sum_visit_length",
		schema.ExitVisitors: "exit_nb_uniq_visitors", schema.Exits: "exit_nb_visits",
	}}}},
	{"Referrers.getReferrerType", matomoSource},
	{"Referrers.getSearchEngines", matomoSource},
	{"Referrers.getSocials", matomoSource},
	{"Referrers.getAIAssistants", matomoSource},
	{"Referrers.getWebsites", matomoSource},
	{"Referrers.getCampaigns", matomoSource},
	{"UserCountry.getCountry", []tableTarget{
		{schema.CubeCountries, from{schema.Country: "country"}, matomoRowNumbers},
		{schema.CubePlaces, from{schema.Country: "country", schema.Region: otherColumn, schema.City: otherColumn}, matomoRowNumbers},
	}},
	{"DevicesDetection.getType", []tableTarget{{schema.CubeDevices, from{
		schema.Device: "device", schema.Browser: otherColumn, schema.OS: otherColumn,
	}, matomoRowNumbers}}},
	{"DevicesDetection.getBrowsers", []tableTarget{{schema.CubeBrowsers, from{
		schema.Browser: nameColumn, schema.BrowserVersion: otherColumn,
	}, matomoRowNumbers}}},
	{"DevicesDetection.getOsFamilies", []tableTarget{{schema.CubeSystems, from{
		schema.OS: nameColumn, schema.OSVersion: otherColumn,
	}, matomoRowNumbers}}},
}

// matomoDevices are the classes of devices by Matomo's names, as Plausible has them: a television or a console stands
// still, as a desktop does.
var matomoDevices = map[string]string{
	"desktop": "Desktop", "tv": "Desktop", "console": "Desktop", "tablet": "Tablet", "smartphone": "Mobile",
	"phablet": "Mobile", "feature phone": "Mobile", "portable media player": "Mobile",
}

// matomoChannels are the channels of reports by kind, for sources that the list of sources does not have.
var matomoChannels = map[string]string{
	"Referrers.getSearchEngines": "Organic Search", "Referrers.getSocials": "Organic Social",
	"Referrers.getAIAssistants": "AI Assistants",
}

// matomo is an import under way.
type matomo struct {
	*reports
	// mixed are the days on which not all actions are page views.
	mixed map[schema.Day]bool
}

// ImportMatomo counts reports of Matomo's Reporting API: files that are called after their methods
// (VisitsSummary.get.json), each the answer in JSON for period=day and a range of dates. As with the tables of
// Plausible, the same reports count once, days that have counts are left out, and after an error the same call goes
// on.
//
// Reports that have not all of their rows are refused: the visits of each report must be those of the day. Page views
// by source, place and device are known for days that had no other actions (downloads, outlinks, searches), since
// Matomo adds them up.
func ImportMatomo(ctx context.Context, cfg TablesConfig, sources []Source) (TablesSummary, error) {
	r, err := newReports("matomo", cfg)
	if err != nil {
		return TablesSummary{}, err
	}
	m := &matomo{r, map[schema.Day]bool{}}
	return m.run(ctx, sources, m.read, m.check, matomoTables, m.have)
}

// have reports whether the report is there with numbers in the column. All reports are of the same days, see check.
func (m *matomo) have(method, column string, day schema.Day) bool {
	if m.rows[method] == nil || column == viewsColumn && m.mixed[day] {
		return false
	}
	told := func(t *tableTarget) bool { return slices.Contains(slices.Collect(maps.Values(t.metrics)), column) }
	if column == viewsColumn || !slices.ContainsFunc(matomoTables, func(t sumsTable) bool { return told(&t.targets[0]) }) {
		return true // a name: it was made of what is there
	}
	// Matomo leaves out numbers that are 0, and those that it does not know in all rows.
	return slices.ContainsFunc(m.rows[method], func(r reportRow) bool { return r.row[column] != "" })
}

func (m *matomo) read(s *Source, content []byte) error {
	method := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.Name), ".gz"), ".json")
	known := func(t sumsTable) bool { return t.name == method }
	if !slices.ContainsFunc(matomoTables, known) {
		var names []string
		for _, t := range matomoTables {
			names = append(names, t.name)
		}
		return fmt.Errorf("%s is none of the reports that can be counted: %s", method, strings.Join(names, ", "))
	}
	if m.rows[method] != nil {
		return fmt.Errorf("the report %s is there twice", method)
	}
	m.rows[method] = []reportRow{}
	var days map[string]json.RawMessage
	if err := decodeJSON(content, &days); err != nil {
		return fmt.Errorf("it has no dates; ask with period=day and a range of dates: %w", err)
	}
	if days["result"] != nil {
		return errors.New("it is no report but an error of Matomo's")
	}
	for _, text := range sortedKeys(days) {
		day, err := schema.ParseDay(text)
		if err != nil {
			return fmt.Errorf("%q is no day; ask with period=day and a range of dates", text)
		}
		if err := m.readDay(s.Name, method, day, days[text]); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// readDay reads a day of a report: rows, or one row without a label; an empty list where nothing happened.
func (m *matomo) readDay(file, method string, day schema.Day, content json.RawMessage) error {
	var rows []map[string]json.RawMessage
	if method == matomoVisits || method == matomoActions {
		rows = make([]map[string]json.RawMessage, 1)
		if string(content) != "[]" {
			if err := decodeJSON(content, &rows[0]); err != nil {
				return errors.New("it is no row of numbers")
			}
		}
	} else if err := decodeJSON(content, &rows); err != nil {
		return errors.New("it is no list of rows")
	}
	for i := range rows {
		row := map[string]string{}
		for name, value := range rows[i] {
			row[name] = scalar(value)
		}
		err := m.readRow(method, row)
		if err == nil {
			err = m.add(method, reportRow{fmt.Sprintf("%s, %s, row %d", file, day, i+1), day, row})
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return nil
}

// scalar is a number or a string as text; "" for everything else.
func scalar(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	if len(value) > 0 && (value[0] == '-' || value[0] >= '0' && value[0] <= '9') {
		return string(value)
	}
	return ""
}

func sortedKeys(m map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// readRow makes the columns that are made of others.
func (m *matomo) readRow(method string, row map[string]string) error {
	for _, t := range matomoTables {
		if t.name != method {
			continue
		}
		for _, column := range t.targets[0].metrics {
			if _, err := count(row[column]); column != viewsColumn && err != nil {
				return fmt.Errorf("%s is %q", column, row[column])
			}
		}
	}
	others := method == matomoPages && row["url"] == ""
	if n, _ := count(row[matomoNumber]); n > 0 && row[matomoVisitors] == "" && !others {
		return fmt.Errorf("it has no %s", matomoVisitors)
	}
	steps := m.cfg.Steps.steps
	switch method {
	case matomoPages:
		return matomoPage(row)
	case "UserCountry.getCountry":
		row["country"], _ = place(strings.ToUpper(row["code"]))
		if row["country"] == "XX" {
			row["country"] = "" // unknown
		}
	case "DevicesDetection.getType":
		row["device"] = matomoDevices[matomoKind(row)]
	case "DevicesDetection.getBrowsers":
		row[nameColumn] = steps.BrowserName(row["label"])
	case "DevicesDetection.getOsFamilies":
		row[nameColumn] = steps.SystemName(row["label"])
	default:
		if strings.HasPrefix(method, "Referrers.") {
			return m.nameSource(method, row)
		}
	}
	return nil
}

// matomoPage names the page of a row. A row without one is what Matomo adds up as others.
func matomoPage(row map[string]string) (err error) {
	if row["url"] == "" {
		if row["idsubdatatable"] != "" {
			return errors.New("it is a folder of pages; ask with flat=1")
		}
		row[hostColumn], row[pathColumn] = schema.Other, schema.Other
		return nil
	}
	row[hostColumn], row[pathColumn], err = cleanFullURL(row["url"])
	return err
}

// matomoKind is the kind of device of a row: from its segment, since its label is in somebody's language.
func matomoKind(row map[string]string) string {
	if _, kind, ok := strings.Cut(row["segment"], "=="); ok {
		if kind, err := url.QueryUnescape(kind); err == nil {
			return strings.ToLower(kind)
		}
	}
	return strings.ToLower(row["label"])
}

// nameSource names source and channel of a row. Of the types of referrers only the visits without one are counted,
// since the other reports have the rest by name.
func (m *matomo) nameSource(method string, row map[string]string) error {
	query, referrer, label := url.Values{}, "", row["label"]
	switch method {
	case "Referrers.getReferrerType":
		kind := row["referrer_type"]
		if kind == "" {
			kind = row["referer_type"]
		}
		if kind == "" {
			return errors.New("it has no referrer_type")
		}
		if kind != "1" {
			for column := range row {
				delete(row, column) // nothing is counted of it
			}
			return nil
		}
	case "Referrers.getWebsites":
		referrer = "https://" + label
	case "Referrers.getCampaigns":
		// Of which source the campaign is, is not told.
		query.Set("utm_campaign", label)
		row["channel"], row["source"] = schema.Other, schema.Other
		row["campaign"] = m.cfg.Steps.steps.Attribute(query, "").Campaign
		return nil
	default:
		query.Set("ref", label)
	}
	a := m.cfg.Steps.steps.Attribute(query, referrer)
	row["channel"], row["source"] = a.Channel, a.Source
	if channel := matomoChannels[method]; channel != "" && a.Channel == "Referral" {
		row["channel"] = channel
	}
	return nil
}

// check compares the reports with the totals of the days.
func (m *matomo) check() error {
	for _, method := range []string{matomoVisits, matomoActions} {
		if m.rows[method] == nil {
			return fmt.Errorf("there is no %s.json: it has the totals", method)
		}
	}
	visits, views := m.sums(matomoNumber, matomoVisits), m.sums(matomoViews, matomoActions)
	for day, n := range m.sums("nb_actions", matomoVisits) {
		if n == views[day] {
			continue
		}
		views[day], m.mixed[day] = -1, true
	}
	var sources []string
	for _, t := range matomoTables {
		if strings.HasPrefix(t.name, "Referrers.") {
			sources = append(sources, t.name)
		} else if !slices.Contains([]string{matomoVisits, matomoActions, matomoPages}, t.name) {
			if err := m.compare(visits, matomoNumber, t.name); err != nil {
				return err
			}
		}
		for _, row := range m.rows[t.name] {
			if views[row.day] >= 0 {
				row.row[viewsColumn] = row.row["nb_actions"]
			}
		}
	}
	if err := m.compare(visits, matomoNumber, sources...); err != nil {
		return err
	}
	return m.compare(m.sums(matomoViews, matomoActions), matomoHits, matomoPages)
}

// sums adds up a column of reports, by day.
func (m *matomo) sums(column string, methods ...string) map[schema.Day]int64 {
	sums := map[schema.Day]int64{}
	for _, method := range methods {
		for _, row := range m.rows[method] {
			n, _ := count(row.row[column]) // it was read before, or is no number that is counted
			sums[row.day] += n
		}
	}
	return sums
}

// compare holds the sums of reports to the totals of the days. Reports of which there is none are left out.
func (m *matomo) compare(totals map[schema.Day]int64, column string, methods ...string) error {
	if !slices.ContainsFunc(methods, func(method string) bool { return m.rows[method] != nil }) {
		return nil
	}
	sums := m.sums(column, methods...)
	for day := m.first; day <= m.last; day++ {
		if sums[day] == totals[day] {
			continue
		}
		what := methods[0]
		if len(methods) > 1 {
			what = "the reports " + strings.Join(methods, ", ") + " together"
		}
		return fmt.Errorf("%s: %s have %d %s, and the day has %d; ask for all rows (filter_limit=-1) and the same days, "+
			"or leave them out", day, what, sums[day], column, totals[day])
	}
	return nil
}
