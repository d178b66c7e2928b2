package importer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

// tableFiles are the columns of Plausible's tables by their names and, after a space, other days than the first.
type tableFiles map[string]string

// tablesTell says what files tell: known and not are "cube metric", or "cube metric by dimension", on the first day; with a + on
// the second.
var tablesTell = []struct {
	name       string
	files      tableFiles
	known, not string
}{
	{
		"totals alone",
		tableFiles{"visitors": "visitors,visits,pageviews,bounces,visit_duration"},
		"traffic visitors, traffic visits, traffic pageviews, traffic bounces, traffic duration",
		"traffic custom_events, traffic visitors_hour, pages visitors, countries visitors",
	},
	{
		"a column that is missing",
		tableFiles{"visitors": "visitors,pageviews"},
		"traffic visitors, traffic pageviews", "traffic visits, traffic bounces, traffic duration",
	},
	{
		"events are page views and custom events",
		tableFiles{"visitors": "visitors,pageviews", "custom_events": "name,link_url,path,visitors,events"},
		"traffic pageviews, traffic custom_events, events visitors by event, events events by event",
		"events visits, traffic bounces, event_pages events by event",
	},
	{
		"events without page views",
		tableFiles{"custom_events": "name,visitors,events"},
		"events events by event, traffic custom_events",
		"traffic pageviews, event_props events by prop",
	},
	{
		"pages and their entries",
		tableFiles{
			"pages": "hostname,page,visits,visitors,pageviews", "entry_pages": "entry_page,visitors,entrances,visit_duration,bounces",
		},
		"pages visitors by path, pages_daily visits by hostname, pages_daily entries by path, pages bounces by path, pages entry_visitors",
		"pages custom_events by path, pages exits by path, pages_daily exit_visitors, pages entries by hostname, pages scroll_percent by path, " +
			"pages engaged_seconds by path, page_sources visitors, transitions events",
	},
	{
		"sources without what they are made of",
		tableFiles{"sources": "source,utm_campaign,visitors,visits"},
		"sources visitors by source, sources visits by campaign",
		"sources visitors by channel, referrers visitors by referrer, campaigns visitors by utm_source, sources pageviews",
	},
	{
		"all of sources",
		tableFiles{"sources": "source,referrer,utm_source,utm_medium,utm_campaign,utm_content,utm_term,visitors"},
		"sources visitors by channel, referrers visitors by referrer, campaigns visitors by utm_medium", "sources visits by source",
	},
	{
		"devices without their browsers",
		tableFiles{"devices": "device,visitors", "browsers": "browser,visitors"},
		"devices visitors by device, browsers visitors by browser",
		"devices visitors by browser, devices visitors by os, browsers visitors by browser_version, systems visitors by os",
	},
	{
		"tables of other days",
		tableFiles{"visitors": "visitors", "visitors 20200202_20200202": "visitors", "devices": "device,visitors"},
		"traffic visitors, devices visitors by device, traffic visitors +", "devices visitors by device +",
	},
}

// TestWhatTablesTell: what is recorded of an import is what its files and their columns tell, and nothing that would be a guess.
func TestWhatTablesTell(t *testing.T) {
	const day, next = "2020-02-01", "2020-02-02"
	file := func(table, span, columns string) (string, *fstest.MapFile) {
		return "imported_" + table + "_" + span + ".csv", &fstest.MapFile{Data: []byte("date," + columns + "\n")}
	}
	for _, c := range tablesTell {
		all := fstest.MapFS{}
		for table, columns := range c.files {
			table, span, other := strings.Cut(table, " ")
			if !other {
				span = "20200201_20200201"
			}
			name, f := file(table, span, columns)
			all[name] = f
		}
		store := newStore()
		if _, err := ImportPlausible(t.Context(), plausibleConfig(store), all); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for want, list := range map[bool]string{true: c.known, false: c.not} {
			for what := range strings.SplitSeq(list, ", ") {
				on := day
				what, second := strings.CutSuffix(what, " +")
				if second {
					on = next
				}
				if got := tells(t, store, on, what, ""); got != want {
					t.Errorf("%s: %s on %s is known: %v", c.name, what, on, got)
				}
			}
		}
	}
}

// Of a property that the table has a column for, only the events are known whose column it is.
func TestWhatTablesTellOfProperties(t *testing.T) {
	store := newStore()
	files := fstest.MapFS{"imported_custom_events_20200201_20200201.csv": {Data: []byte("date,name,link_url,path,visitors,events\n")}}
	if _, err := ImportPlausible(t.Context(), plausibleConfig(store), files); err != nil {
		t.Fatal(err)
	}
	for named, want := range map[string]bool{
		"prop=url event=File Download": true, "prop=path event=404": true,
		"prop=url": false, "prop=plan event=404": false, "prop=url event=Signup": false, "": false,
	} {
		if got := tells(t, store, "2020-02-01", "event_props events by value", named); got != want {
			t.Errorf("the values with %q are known: %v", named, got)
		}
	}
}

// tells asks what an import recorded: "cube metric", or "cube metric by dimension"; named are the values of dimensions that the question
// names, as "prop=url event=404".
func tells(t *testing.T, store *memStore, day, what, named string) bool {
	t.Helper()
	what, by, _ := strings.Cut(what, " by ")
	name, metric, _ := strings.Cut(what, " ")
	i := slices.IndexFunc(schema.Cubes, func(c schema.Cube) bool { return c.Name == name })
	m := slices.IndexFunc(schema.Metrics[:], func(m schema.MetricInfo) bool { return m.Column == metric })
	if i < 0 || m < 0 {
		t.Fatalf("there is no %s", what)
	}
	cube := &schema.Cubes[i]
	var asked []schema.Dimension
	for _, d := range cube.Dimensions {
		if d.String() == by {
			asked = append(asked, d)
		}
	}
	values := func(d schema.Dimension) []string {
		for _, end := range []string{" event=", ""} {
			text, _, _ := strings.Cut(named, end)
			if end == "" {
				text = named
			}
			if _, v, ok := strings.Cut(" "+text, " "+d.String()+"="); ok {
				return []string{v}
			}
		}
		return nil
	}
	at, err := schema.ParseDay(day)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range store.records {
		all, err := r.Imported()
		if err != nil {
			t.Fatal(err)
		}
		for j := range all {
			on := func(s schema.DaySpan) bool { return s.First <= at && at <= s.Last }
			if slices.ContainsFunc(all[j].Days, on) {
				return !all[j].Running && all[j].Tells(cube, schema.Metric(m), asked, values)
			}
		}
	}
	return false
}

// TestImportedOfRecords: what a record says of its days as the import goes on, and records of before.
func TestImportedOfRecords(t *testing.T) {
	days := map[string]string{"2020-02-01": "x", "2020-02-02": "x", "2020-02-04": "x"}
	for _, c := range []struct {
		name   string
		record Record
		want   string
	}{
		{"of no day", Record{}, ""},
		{
			"of a tool",
			Record{Days: days, Tells: []schema.Imported{{Source: "umami", Hours: true}}},
			"umami [2020-02-01 to 2020-02-02 2020-02-04] running false hours true told 0",
		},
		{
			"that goes on",
			Record{Days: days, Running: "x", Tells: []schema.Imported{{Source: "umami", Hours: true}}},
			"umami [2020-02-01 to 2020-02-02 2020-02-04] running true hours true told 0",
		},
		{
			"with days of its own",
			Record{Days: days, Tells: []schema.Imported{{Source: "matomo", Days: []schema.DaySpan{{First: 1, Last: 2}}}}},
			"matomo [1970-01-02 to 1970-01-03] running false hours false told 0",
		},
		{
			"of a log: a day is recorded once it is counted",
			Record{Days: days, Running: "x", Digests: map[string]string{}, Tells: []schema.Imported{{Source: "log", Hours: true}}},
			"log [2020-02-01 to 2020-02-02 2020-02-04] running false hours true told 0",
		},
		{
			"of before, a log",
			Record{Days: days, Digests: map[string]string{}},
			fmt.Sprintf("log [2020-02-01 to 2020-02-02 2020-02-04] running false hours true told %d", len(logTold(false))),
		},
		{
			"of before, a tool",
			Record{Days: days},
			" [2020-02-01 to 2020-02-02 2020-02-04] running false hours false told 1",
		},
	} {
		all, err := c.record.Imported()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, im := range all {
			got = append(got, fmt.Sprintf("%s %v running %v hours %v told %d", im.Source, im.Days, im.Running, im.Hours, len(im.Told)))
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
	if _, err := (&Record{Days: map[string]string{"yesterday": "x"}}).Imported(); err == nil {
		t.Error("a day that is none was read")
	}
}

// Matomo's page views by source are told of days on which it had no other actions, as its reports of such days say.
func TestMatomoTellsByDay(t *testing.T) {
	store := importMatomo(t)
	for _, c := range []struct {
		day, what string
		want      bool
	}{
		{"2026-03-01", "sources visitors by source", true},
		{"2026-03-03", "sources visitors by source", true},
		{"2026-03-01", "traffic pageviews", true},
		{"2026-03-03", "traffic pageviews", true},
		{"2026-03-01", "traffic custom_events", false},
		{"2026-03-01", "regions visitors by region", false},
		{"2026-03-01", "pages exits by path", true},
		{"2026-03-01", "events events by event", false},
	} {
		if got := tells(t, store, c.day, c.what, ""); got != c.want {
			t.Errorf("%s of %s is known: %v", c.what, c.day, got)
		}
	}
	mixed := 0
	for _, day := range []string{"2026-03-01", "2026-03-03"} {
		if !tells(t, store, day, "sources pageviews by source", "") {
			mixed++
		}
	}
	if mixed != 1 {
		t.Errorf("page views by source are unknown of %d of two days", mixed)
	}
}

// importMatomo imports the made-up reports.
func importMatomo(t *testing.T) *memStore {
	t.Helper()
	store := newStore()
	if _, err := ImportMatomo(t.Context(), reportsConfig(t, store), reportFiles(t, "matomo")); err != nil {
		t.Fatal(err)
	}
	return store
}

// An import that was made before what it tells was recorded records it when it is made once more, and counts nothing.
func TestTellsOfAnEarlierImport(t *testing.T) {
	store := newStore()
	if _, err := ImportPlausible(t.Context(), plausibleConfig(store), exported()); err != nil {
		t.Fatal(err)
	}
	want := map[string]Record{}
	for id, r := range store.records {
		want[id] = r
		r.Tells = nil
		store.records[id] = r
	}
	if tells(t, store, "2020-02-01", "countries visitors by country", "") || !tells(t, store, "2020-02-01", "traffic visitors", "") {
		t.Error("of an import of before more or less than the totals is known")
	}
	tokens := len(store.tokens)
	sum, err := ImportPlausible(t.Context(), plausibleConfig(store), exported())
	if err != nil || !sum.Before || len(store.tokens) != tokens {
		t.Fatalf("%+v, %d batches, %v", sum, len(store.tokens)-tokens, err)
	}
	if diff := cmp.Diff(want, store.records); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLimitTold: what an export of Turf's tells is what was known to the site that it is from, day by day.
func TestLimitTold(t *testing.T) {
	span := func(first, last schema.Day) []schema.DaySpan { return []schema.DaySpan{{First: first, Last: last}} }
	told := []schema.Told{{Cube: "traffic", Metrics: []string{"visitors", "visits"}}, {Cube: "pages", Metrics: []string{"visitors"}}}
	tells := []schema.Imported{{Source: "plausible", Days: span(1, 12), Told: told}}
	earlier := []schema.Imported{
		{Source: "ga4", Days: span(3, 4), Told: []schema.Told{{Cube: "traffic", Metrics: []string{"visitors"}, Without: []string{"path"}}}},
		{Source: "log", Days: span(4, 5), Told: []schema.Told{{Cube: "traffic", Metrics: []string{"visits", "visitors"}}}},
		{Source: "umami", Days: span(11, 12), Told: []schema.Told{ // as a version wrote it that told of days apart
			{Cube: "pages", Metrics: []string{"pageviews"}}, {Cube: "pages_daily", Metrics: []string{"visitors"}},
		}},
	}
	want := []schema.Imported{
		{Source: "plausible", Days: []schema.DaySpan{{First: 1, Last: 2}, {First: 6, Last: 10}}, Told: told},
		{Source: "plausible", Days: span(11, 12), Told: told[1:]},
		{Source: "plausible", Days: span(5, 5), Told: told[:1]},
		{Source: "plausible", Days: span(3, 4), Told: []schema.Told{
			{Cube: "traffic", Metrics: []string{"visitors"}, Without: []string{"path"}},
		}},
	}
	if diff := cmp.Diff(want, limitTold(tells, earlier)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
