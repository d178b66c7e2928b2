package importer

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

type reportsImporter func(context.Context, TablesConfig, []Source) (TablesSummary, error)

var reportsTools = map[string]reportsImporter{"ga4": ImportGA4, "matomo": ImportMatomo}

// What reports of Google Analytics say, and what Turf makes of it.
func TestGA4(t *testing.T) {
	store := newStore()
	cfg := reportsConfig(t, store)
	sum, err := ImportGA4(t.Context(), cfg, reportFiles(t, "ga4"))
	if err != nil {
		t.Fatal(err)
	}
	want := TablesSummary{Site: "example.com", Days: 2, Tables: map[string]int{
		"traffic": 2, "sources": 5, "campaigns": 3, "pages": 4, "entry_pages": 3, "countries": 4, "devices": 3, "browsers": 3,
		"systems": 3, "events": 2,
	}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	wantLines(t, store, cfg.Site, `
		traffic_daily 2026-03-01: visitors 10, visits 12, pageviews 30, events 40, bounces 5, duration 735
		traffic_daily 2026-03-02: visitors 4, visits 4, pageviews 5, events 5, bounces 3, duration 80
		sources_daily 2026-03-01 Organic Search|Google|: visitors 6, visits 7, pageviews 18, events 18, bounces 2, duration 560
		sources_daily 2026-03-01 Direct||: visitors 4, visits 4, pageviews 10, events 10, bounces 2, duration 175
		sources_daily 2026-03-01 Email|newsletter|may: visitors 1, visits 1, pageviews 2, events 2, bounces 1
		sources_daily 2026-03-02 (other)|(other)|(other): visitors 1, visits 1, pageviews 1, events 1, bounces 1
		campaigns 2026-03-01 newsletter|email|may|footer|: visitors 1, visits 1, pageviews 2, events 2, bounces 1
		pages_daily 2026-03-01 example.com|/: visitors 9, visits 10, pageviews 18, events 18, bounces 4, duration 735, entries 11
		pages_daily 2026-03-01 shop.example.com|/: visitors 1, visits 1, pageviews 3, events 3
		pages_daily 2026-03-01 example.com|/user/:id: visitors 2, visits 2, pageviews 9, events 9
		pages_daily 2026-03-01 |: bounces 1, entries 1
		countries 2026-03-01 NL: visitors 7, visits 8, pageviews 20, events 20, bounces 3, duration 600
		countries 2026-03-01 : visitors 1, visits 1, pageviews 1, events 1, bounces 1
		devices_daily 2026-03-01 Mobile|(other)|(other): visitors 4, visits 5, pageviews 10, events 10, bounces 3, duration 105
		devices_daily 2026-03-02 Desktop|(other)|(other): visitors 4, visits 4, pageviews 5, events 5, bounces 3, duration 80
		browsers 2026-03-01 Safari|(other): visitors 4, visits 5, pageviews 10, events 10, bounces 3, duration 105
		browsers 2026-03-02 Microsoft Edge|(other): visitors 4, visits 4, pageviews 5, events 5, bounces 3, duration 80
		systems 2026-03-01 Mac|(other): visitors 6, visits 7, pageviews 20, events 20, bounces 2, duration 630
		events 2026-03-01 scroll: visitors 5, visits 6, events 9
		events 2026-03-01 :id: visitors 1, visits 1, events 1`)
	wantNothingElse(t, store, "sources 5", "pages 5", "events 2", "campaigns 3", "traffic 2")
}

// What reports of Matomo say, and what Turf makes of it. On the third day somebody downloaded something, so the page
// views of its sources, places and devices are not known.
func TestMatomo(t *testing.T) {
	store := newStore()
	cfg := reportsConfig(t, store)
	sum, err := ImportMatomo(t.Context(), cfg, reportFiles(t, "matomo"))
	if err != nil {
		t.Fatal(err)
	}
	if sum.Days != 2 || sum.LeftOut != 0 || fmt.Sprint(sum.Missing) != "[Referrers.getAIAssistants]" {
		t.Errorf("%+v", sum)
	}
	wantLines(t, store, cfg.Site, `
		traffic_daily 2026-03-01: visitors 5, visits 6, pageviews 14, events 14, bounces 2, duration 900
		traffic_daily 2026-03-03: visitors 2, visits 2, pageviews 4, events 4, bounces 1, duration 60
		pages_daily 2026-03-01 example.com|/: visitors 4, visits 5, pageviews 8, events 8, bounces 1, duration 800, entries 5, exits 2
		pages_daily 2026-03-01 example.com|/user/:id: visitors 1, visits 1, pageviews 2, events 2, bounces 1, duration 100, entries 1, exits 1
		pages_daily 2026-03-01 (other)|(other): visits 3, pageviews 4, events 4, exits 3
		sources_daily 2026-03-01 Direct||: visitors 2, visits 2, pageviews 5, events 5, bounces 1, duration 300
		sources_daily 2026-03-01 Organic Search|Google|: visitors 1, visits 1, pageviews 3, events 3, duration 200
		sources_daily 2026-03-01 Organic Search|Sonderbar|: visitors 1, visits 1, pageviews 2, events 2, bounces 1, duration 100
		sources_daily 2026-03-01 Referral|example.net|: visitors 1, visits 1, pageviews 2, events 2, duration 200
		sources_daily 2026-03-01 (other)|(other)|may: visitors 1, visits 1, pageviews 2, events 2, duration 100
		sources_daily 2026-03-03 Direct||: visitors 1, visits 1, duration 60
		sources_daily 2026-03-03 Organic Social|Facebook|: visitors 1, visits 1, bounces 1
		countries 2026-03-01 NL: visitors 4, visits 5, pageviews 12, events 12, bounces 1, duration 800
		countries 2026-03-01 : visitors 1, visits 1, pageviews 2, events 2, bounces 1, duration 100
		countries 2026-03-03 DE: visitors 2, visits 2, bounces 1, duration 60
		devices_daily 2026-03-01 Desktop|(other)|(other): visitors 3, visits 4, pageviews 10, events 10, bounces 1, duration 700
		devices_daily 2026-03-01 Mobile|(other)|(other): visitors 2, visits 2, pageviews 4, events 4, bounces 1, duration 200
		devices_daily 2026-03-03 Tablet|(other)|(other): visitors 2, visits 2, bounces 1, duration 60
		browsers 2026-03-01 Safari|(other): visitors 2, visits 2, pageviews 4, events 4, bounces 1, duration 200
		browsers 2026-03-03 |(other): visitors 2, visits 2, bounces 1, duration 60
		systems 2026-03-01 GNU/Linux|(other): visitors 3, visits 4, pageviews 10, events 10, bounces 1, duration 700`)
	wantNothingElse(t, store, "traffic 2", "sources 7", "pages 4")
}

// TestReportsGoOn lets each call of the store fail, done or not; the same import again makes the totals those of one
// that never failed, however often.
func TestReportsGoOn(t *testing.T) {
	for name, run := range reportsTools {
		files := reportFiles(t, name)
		whole := newStore()
		if _, err := run(t.Context(), reportsConfig(t, whole), files); err != nil {
			t.Fatal(err)
		}
		for at := 1; at <= whole.calls; at++ {
			for _, lies := range []bool{false, true} {
				store := newStore()
				store.failAt, store.lies = at, lies
				if _, err := run(t.Context(), reportsConfig(t, store), files); err == nil {
					t.Fatalf("%s: call %d failed, and the import did not say so", name, at)
				}
				for again := range 2 {
					var counted []schema.Day
					for _, day := range daysOf(store) {
						counted = append(counted, day, day+1)
					}
					sum, err := run(t.Context(), reportsConfig(t, store, counted...), files)
					if err != nil || sum.Before != (again == 1 || at == whole.calls && lies) || sum.LeftOut != 0 {
						t.Fatalf("%s: call %d, again %d: %+v, %v", name, at, again, sum, err)
					}
				}
				wantTotals(t, fmt.Sprintf("%s, call %d failed (done: %v)", name, at, lies), store, whole)
			}
		}
	}
}

// TestRefusedReports changes one thing in files that are good: they are refused, with the file, and nothing is
// counted.
func TestRefusedReports(t *testing.T) {
	for _, c := range []struct{ tool, file, old, new, want string }{
		{"ga4", "pages.json", `"rowCount": 4`, `"rowCount": 9000`, "it has 4 of 9000 rows"},
		{"ga4", "pages.json", `"currencyCode"`, `"subjectToThresholding": true, "currencyCode"`, "rows that Google withholds"},
		{"ga4", "pages.json", `"currencyCode"`, `"samplingMetadatas": [{"samplesReadCount": "1"}], "currencyCode"`, "sampled"},
		{"ga4", "pages.json", "Europe/Amsterdam", "America/New_York", "those of America/New_York, and the site's those of Europe/Amsterdam"},
		{"ga4", "pages.json", `"name": "hostName"`, `"name": "pageTitle"`, "none of those that can be counted"},
		{"ga4", "pages.json", `"name": "sessions"`, `"name": "active1DayUsers"`, "needs the metrics totalUsers, sessions, screenPageViews"},
		{"ga4", "pages.json", `"20260301"`, `"2026-03-01"`, "row 1: date is no day"},
		{"ga4", "pages.json", `"value": "18"`, `"value": "18.5"`, `row 1: screenPageViews is "18.5"`},
		{"ga4", "pages.json", `"value": "18"`, `"value": ""`, `row 1: screenPageViews is ""`},
		{"ga4", "pages.json", `"value": "www.example.com"`, `"value": "www example"`, "row 1: the page has a hostname that is not valid"},
		{"ga4", "pages.json", `"kind"`, `kind`, "line 130: it is not JSON"},
		{"ga4", "pages.json", `"rows": [`, `"rows": "none", "x": [`, "pages.json: line"},
		{"ga4", "entries.json", `"value": "66.81818181818181"`, `"value": "NaN"`, "averageSessionDuration"},
		{"ga4", "entries.json", `"value": "7"`, `"value": "12"`, "12 of 11 sessions are engaged"},
		{"ga4", "batch.json", `"countryId"`, `"sessionDefaultChannelGroup"`, "report 3: a report by"},
		{"ga4", "pages.json", `"20260302"`, `"20260301"`, "of date alone and of pages has 2026-03-02 and the other has not"},
		{
			"ga4", "events.json", "\"20260301\"\n    },\n    {\n     \"value\": \"scroll\"",
			"\"20260303\"\n    },\n    {\n     \"value\": \"scroll\"", "of date alone and of events has 2026-03-03",
		},
		{"ga4", "events.json", `"eventName"`, `"browser"`, "browser needs the metrics"},
		{"matomo", "VisitsSummary.get.json", `"nb_visits": 6`, `"nb_visits": 7`, "the day has 7"},
		{"matomo", "VisitsSummary.get.json", `"nb_uniq_visitors": 5,`, ``, "2026-03-01: row 1: it has no nb_uniq_visitors"},
		{"matomo", "VisitsSummary.get.json", `"nb_visits": 6`, `"nb_visits": -6`, `nb_visits is "-6"`},
		{"matomo", "VisitsSummary.get.json", `"2026-03-01"`, `"2026-03"`, `"2026-03" is no day`},
		{"matomo", "VisitsSummary.get.json", `{`, `[{`, "it has no dates"},
		{"matomo", "Actions.getPageUrls.json", `"nb_hits": 8`, `"nb_hits": 7`, "have 13 nb_hits, and the day has 14"},
		{"matomo", "Actions.getPageUrls.json", `"url": "https://www.example.com/"`, `"idsubdatatable": 3`, "ask with flat=1"},
		{"matomo", "Actions.getPageUrls.json", `"url": "https://www.example.com/"`, `"url": "javascript:x"`, "must be the address of a page"},
		{"matomo", "Referrers.getWebsites.json", `"nb_visits": 1`, `"nb_visits": 0`, "the reports Referrers.getReferrerType, "},
		{"matomo", "Referrers.getReferrerType.json", `"referrer_type": 1`, `"x": 1`, "it has no referrer_type"},
		{"matomo", "UserCountry.getCountry.json", `"nb_visits": 5`, `"nb_visits": 4`, "have 5 nb_visits, and the day has 6"},
		{"matomo", "UserCountry.getCountry.json", `[`, `{`, "it is not JSON"},
	} {
		store := newStore()
		files := reportFiles(t, c.tool)
		for i := range files {
			if filepath.Base(files[i].Name) != c.file {
				continue
			}
			text := readFile(t, files[i].Name)
			if !strings.Contains(text, c.old) {
				t.Fatalf("%s has no %s", c.file, c.old)
			}
			files[i] = textSource(files[i].Name, strings.Replace(text, c.old, c.new, 1))
		}
		_, err := reportsTools[c.tool](t.Context(), reportsConfig(t, store), files)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) && strings.Contains(c.want, "row") {
			t.Errorf("%s, %s → %s: %v, want %q", c.file, c.old, c.new, err, c.want)
		}
		if len(store.totals) != 0 || len(store.records) != 0 {
			t.Errorf("%s, %s → %s: something was written", c.file, c.old, c.new)
		}
	}
}

// Sets of files that are not enough, or too many.
func TestSetsOfReports(t *testing.T) {
	ga, ma := reportFiles(t, "ga4"), reportFiles(t, "matomo")
	only := func(files []Source, names ...string) (some []Source) {
		for _, f := range files {
			for _, n := range names {
				if strings.HasPrefix(filepath.Base(f.Name), n) {
					some = append(some, f)
				}
			}
		}
		return some
	}
	for _, c := range []struct {
		tool  string
		files []Source
		want  string // "" for none
	}{
		{"ga4", nil, "1 to 1000 files"},
		{"ga4", only(ga, "pages"), "no report of date alone"},
		{"ga4", only(ga, "batch"), ""},
		{
			"ga4", append(only(ga, "batch", "pages"), textSource("twice.json", readFile(t, only(ga, "pages")[0].Name))),
			"another report of pages",
		},
		{
			"ga4",
			[]Source{textSource("e.json", `{"error": {"code": 403, "status": "PERMISSION_DENIED"}}`)},
			"e.json: report 1: it is no report but an error of Google's: PERMISSION_DENIED",
		},
		{"ga4", []Source{textSource("e.json", `{}`)}, "no answer to runReport"},
		{"matomo", only(ma, "VisitsSummary"), "there is no Actions.get.json"},
		{"matomo", only(ma, "VisitsSummary", "Actions.get."), ""},
		{"matomo", append(only(ma, "VisitsSummary", "Actions.get."), textSource("VisitsSummary.get.json", "{}")), "is there twice"},
		{"matomo", []Source{textSource("Live.getLastVisitsDetails.json", "{}")}, "none of the reports that can be counted"},
		{"matomo", []Source{textSource("VisitsSummary.get.json", `{"result": "error", "message": "token"}`)}, "an error of Matomo's"},
		{"matomo", []Source{textSource("VisitsSummary.get.json", `{}`), textSource("Actions.get.json", `{}`)}, "the reports are empty"},
		{"matomo", []Source{
			textSource("VisitsSummary.get.json", `{"1026-03-01": [], "2026-03-01": []}`), textSource("Actions.get.json", `{}`),
		}, "which cannot be"},
	} {
		_, err := reportsTools[c.tool](t.Context(), reportsConfig(t, newStore()), c.files)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.tool, err, c.want)
		}
	}
}

// FuzzGA4 and FuzzMatomo: whatever a file holds, it is refused and nothing is written, or the totals are those that it
// tells, and no guarded cell is small.
func FuzzGA4(f *testing.F) {
	f.Add([]byte(readFile(f, "testdata/ga4/entries.json")))
	f.Add([]byte(`{"dimensionHeaders":[{"name":"date"}],"metricHeaders":[{"name":"totalUsers"},{"name":"sessions"},` +
		`{"name":"screenPageViews"},{"name":"engagedSessions"},{"name":"averageSessionDuration"}],"rowCount":1,"rows":[` +
		`{"dimensionValues":[{"value":"20260301"}],"metricValues":[{"value":"1"},{"value":"2"},{"value":"3"},{"value":"0"},` +
		`{"value":"1.5"}]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		store := newStore()
		_, err := ImportGA4(t.Context(), reportsConfig(t, store), []Source{textSource("x.json", string(content))})
		if err != nil {
			if len(store.totals) > 0 {
				t.Error("a refused report was counted")
			}
			return
		}
		var all ga4Response
		if err := decodeJSON(content, &all); err != nil {
			t.Fatalf("what is no JSON was counted: %v", err)
		}
		if all.Reports == nil {
			all.Reports = []ga4Response{all}
		}
		want := int64(0)
		for _, r := range all.Reports {
			if len(r.DimensionHeaders) != 1 {
				continue
			}
			last := map[string]string{} // of two columns of a name the last holds
			for _, row := range r.Rows {
				for i, h := range r.MetricHeaders {
					last[h.Name] = row.MetricValues[i].Value
				}
				n, _ := count(last["sessions"])
				want += n
			}
		}
		if got := sumOf(store, schema.CubeTraffic, schema.Visits); got != want {
			t.Errorf("%d visits, want %d", got, want)
		}
		checkGuarded(t, store)
	})
}

func FuzzMatomo(f *testing.F) {
	for _, method := range []string{"UserCountry.getCountry", "Referrers.getReferrerType", "Actions.getPageUrls"} {
		f.Add(method, []byte(readFile(f, "testdata/matomo/"+method+".json")))
	}
	f.Fuzz(func(t *testing.T, method string, content []byte) {
		store := newStore()
		files := []Source{File("testdata/matomo/VisitsSummary.get.json"), File("testdata/matomo/Actions.get.json")}
		files = append(files, textSource(method+".json", string(content)))
		if _, err := ImportMatomo(t.Context(), reportsConfig(t, store), files); err != nil {
			if len(store.totals) > 0 {
				t.Error("a refused report was counted")
			}
			return
		}
		if n := sumOf(store, schema.CubeTraffic, schema.Visits); n != 8 {
			t.Errorf("%d visits", n)
		}
		for _, id := range []schema.CubeID{schema.CubeCountries, schema.CubeSources, schema.CubeDevices, schema.CubeBrowsers} {
			if n := sumOf(store, id, schema.Visits); n != 0 && n != 8 {
				t.Errorf("cube %d has %d of 8 visits", id, n)
			}
		}
		checkGuarded(t, store)
	})
}

func reportsConfig(t testing.TB, store Store, counted ...schema.Day) TablesConfig {
	t.Helper()
	return TablesConfig{
		Site: schema.Site{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"}, Store: store, Steps: testSteps(t),
		Counted: func(context.Context, schema.Day, schema.Day) ([]schema.Day, error) { return counted, nil },
	}
}

// reportFiles are the files of a tool's made-up reports.
func reportFiles(t testing.TB, tool string) (sources []Source) {
	t.Helper()
	names, err := fs.Glob(os.DirFS("."), "testdata/"+tool+"/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		sources = append(sources, File(name))
	}
	return sources
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
}

func sumOf(s *memStore, id schema.CubeID, m schema.Metric) (n int64) {
	for _, sums := range ofCube(s, id) {
		n += sums[m]
	}
	return n
}

// wantNothingElse holds the number of lines of cubes: "pages 5".
func wantNothingElse(t testing.TB, s *memStore, want ...string) {
	t.Helper()
	n := map[string]int{}
	for _, line := range linesOf(s, time.UTC) {
		n[strings.Fields(line)[0]]++
	}
	for _, w := range want {
		name, number, _ := strings.Cut(w, " ")
		if fmt.Sprint(n[name]) != number {
			t.Errorf("%d lines of %s, want %s", n[name], name, number)
		}
	}
}
