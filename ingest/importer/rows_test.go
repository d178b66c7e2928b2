package importer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

type rowsImporter func(context.Context, RowsConfig, Source) (RowsSummary, error)

var rowsExports = map[string]struct {
	run  rowsImporter
	file string
}{
	"goatcounter": {ImportGoatCounter, "testdata/goatcounter/export.csv"},
	"umami":       {ImportUmami, "testdata/umami/website_event.csv"},
}

// What GoatCounter's export says, and what Turf makes of it. The second day begins at 00:00 UTC: 00:10+01:00 is of the
// first.
func TestGoatCounter(t *testing.T) {
	store := newStore()
	cfg := rowsConfig(t, store)
	sum, err := ImportGoatCounter(t.Context(), cfg, exportFile(t, "goatcounter"))
	if err != nil {
		t.Fatal(err)
	}
	want := RowsSummary{
		Site: "example.com", Rows: 10, Pages: 7, Events: 1, Days: 2, Dropped: map[string]int{DropRobot: 1, DropSession: 1},
	}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	wantLines(t, store, cfg.Site, `
		traffic_daily 2026-03-01: visitors 3, visits 4, pageviews 5, events 6, bounces 3, duration 360
		traffic_daily 2026-03-02: visitors 1, visits 1, pageviews 2, events 2, bounces 0, duration 60
		pages_daily 2026-03-01 example.com|: visitors 1, visits 1, events 1
		pages_daily 2026-03-01 example.com|/: visitors 2, visits 2, pageviews 2, events 2, bounces 1, duration 360, entries 2, exits 1
		pages_daily 2026-03-01 example.com|/a: visitors 2, visits 3, pageviews 3, events 3, bounces 2, duration 0, entries 2, exits 3
		pages_daily 2026-03-02 example.com|/: visitors 1, visits 1, pageviews 1, events 1, bounces 0, duration 60, entries 1
		pages_daily 2026-03-02 example.com|/user/:id: visitors 1, visits 1, pageviews 1, events 1, exits 1
		sources_daily 2026-03-01 Direct||: visitors 1, visits 2, pageviews 2, events 2, bounces 2
		sources_daily 2026-03-01 Organic Social|Hacker News|: visitors 1, visits 1, pageviews 2, events 3, duration 360
		sources_daily 2026-03-01 Referral|example.net|: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		sources_daily 2026-03-02 Direct||: visitors 1, visits 1, pageviews 2, events 2, duration 60
		referrers 2026-03-01 example.net|example.net/x: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		countries 2026-03-01 DE: visitors 1, visits 2, pageviews 2, events 2, bounces 2
		countries 2026-03-01 NL: visitors 1, visits 1, pageviews 2, events 3, duration 360
		countries 2026-03-01 US: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		devices_daily 2026-03-01 |Chrome|Windows: visitors 1, visits 2, pageviews 2, events 2, bounces 2
		devices_daily 2026-03-01 |Firefox|GNU/Linux: visitors 1, visits 1, pageviews 2, events 3, duration 360
		devices_daily 2026-03-01 |Safari|iOS: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		browsers 2026-03-02 Firefox|(other): visitors 1, visits 1, pageviews 2, events 2, duration 60
		events 2026-03-01 signup: visitors 1, visits 1, events 1
		event_places 2026-03-01 signup|(other): visitors 1, visits 1, events 1`)
}

// What Umami's export says, whose rows are in no order, and what Turf makes of it.
func TestUmami(t *testing.T) {
	store := newStore()
	cfg := rowsConfig(t, store)
	sum, err := ImportUmami(t.Context(), cfg, exportFile(t, "umami"))
	if err != nil {
		t.Fatal(err)
	}
	want := RowsSummary{
		Site: "example.com", Rows: 7, Pages: 5, Events: 1, Days: 2, Dropped: map[string]int{DropKind: 1},
	}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	wantLines(t, store, cfg.Site, `
		traffic_daily 2026-03-01: visitors 2, visits 3, pageviews 4, events 5, bounces 2, duration 150
		traffic_daily 2026-03-02: visitors 1, visits 1, pageviews 1, events 1, bounces 1, duration 0
		pages_daily 2026-03-01 example.com|/: visitors 1, visits 1, pageviews 1, events 1, duration 150, entries 1
		pages_daily 2026-03-01 example.com|/pricing: visitors 2, visits 3, pageviews 3, events 4, bounces 2, entries 2, exits 3
		sources_daily 2026-03-01 Email|newsletter|: visitors 1, visits 1, pageviews 2, events 3, duration 150
		sources_daily 2026-03-01 Organic Search|Google|: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		sources_daily 2026-03-01 Direct||: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		countries 2026-03-02 US: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		places 2026-03-02 US|(other)|(other): visitors 1, visits 1, pageviews 1, events 1, bounces 1
		devices_daily 2026-03-01 Desktop|Microsoft Edge|Mac: visitors 1, visits 2, pageviews 2, events 2, bounces 2
		devices_daily 2026-03-01 Desktop|Chrome|Windows: visitors 1, visits 1, pageviews 2, events 3, duration 150
		devices_daily 2026-03-02 Mobile|Safari|iOS: visitors 1, visits 1, pageviews 1, events 1, bounces 1
		events 2026-03-01 Sign up: visitors 1, visits 1, events 1
		event_pages 2026-03-01 Sign up|example.com|/pricing: visitors 1, visits 1, events 1`)
}

// TestExportsCountAsLogsDo counts the same visits, from a seed, as a log of a web server, as an export of GoatCounter
// and as one of Umami, and compares what all of them tell: the numbers are those of live hits, whose core the log's
// test holds to a naive reckoning. The rows of the exports are in no order.
func TestExportsCountAsLogsDo(t *testing.T) {
	for seed := range uint64(5) {
		log, goat, um := sameVisits(seed)
		want := newStore()
		cfg := testConfig(t, want, "Europe/Amsterdam")
		mustRun(t, cfg, source("access.log", log...))
		for name, lines := range map[string][]string{"goatcounter": goat, "umami": um} {
			got := newStore()
			rows := rowsConfig(t, got)
			rows.Site = cfg.Site
			if _, err := rowsExports[name].run(t.Context(), rows, source(name, lines...)); err != nil {
				t.Fatal(err)
			}
			for _, id := range []schema.CubeID{
				schema.CubeTraffic, schema.CubePages, schema.CubeSources, schema.CubeReferrers, schema.CubeCampaigns,
				schema.CubePageSources, schema.CubeTransitions,
			} {
				if diff := cmp.Diff(ofCube(want, id), ofCube(got, id)); diff != "" {
					t.Errorf("seed %d, %s: cube %d (-log +export):\n%.2000s", seed, name, id, diff)
				}
			}
		}
	}
}

// TestExportGoesOn lets each call of the store fail, done or not; the same import again makes the totals those of one
// that never failed, however often. Days that have counts by then are those that it counted itself.
func TestExportGoesOn(t *testing.T) {
	for name, export := range rowsExports {
		s := exportFile(t, name)
		whole := newStore()
		if _, err := export.run(t.Context(), rowsConfig(t, whole), s); err != nil {
			t.Fatal(err)
		}
		if len(whole.totals) == 0 || whole.calls != 5 {
			t.Fatalf("%s: %d cells in %d calls", name, len(whole.totals), whole.calls)
		}
		for at := 1; at <= whole.calls; at++ {
			for _, lies := range []bool{false, true} {
				store := newStore()
				store.failAt, store.lies = at, lies
				if _, err := export.run(t.Context(), rowsConfig(t, store), s); err == nil {
					t.Fatalf("%s: call %d failed, and the import did not say so", name, at)
				}
				for again := range 2 {
					sum, err := export.run(t.Context(), rowsConfig(t, store, daysOf(store)...), s)
					if err != nil || sum.Before != (again == 1 || at == whole.calls && lies) || sum.LeftOut != 0 {
						t.Fatalf("%s: call %d, again %d: %+v, %v", name, at, again, sum, err)
					}
				}
				wantTotals(t, fmt.Sprintf("%s, call %d failed (done: %v)", name, at, lies), store, whole)
			}
		}
	}
}

// A day that has counts is left out, with all of its rows.
func TestExportLeavesCountedDaysOut(t *testing.T) {
	store := newStore()
	sum, err := ImportGoatCounter(t.Context(), rowsConfig(t, store, schema.Date(2026, 3, 1)), exportFile(t, "goatcounter"))
	if err != nil || sum.Days != 1 || sum.LeftOut != 1 || sum.Pages != 2 || sum.Events != 0 || sum.Dropped[DropCounted] != 6 {
		t.Errorf("%+v, %v", sum, err)
	}
	if got := strings.Join(linesOf(store, time.UTC), "\n"); strings.Contains(got, "2026-03-01") {
		t.Errorf("the day is in the totals:\n%s", got)
	}
}

// The site's settings hold for an export as they do for live hits.
func TestExportHeedsSettings(t *testing.T) {
	store := newStore()
	cfg := rowsConfig(t, store)
	cfg.Site.Settings = &schema.Settings{FoldPaths: []string{"/us*/**"}, ExcludeCountries: []string{"DE"}}
	sum, err := ImportGoatCounter(t.Context(), cfg, exportFile(t, "goatcounter"))
	if err != nil || sum.Dropped["country"] != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
	wantLines(t, store, cfg.Site, `pages_daily 2026-03-02 example.com|/us*/**: visitors 1, visits 1, pageviews 1, events 1, exits 1`)
}

// A file that is not of the format is refused, with the line where that shows, nothing of it is counted, and nothing
// of what is in the line is told.
func TestMalformedExports(t *testing.T) {
	const (
		goatHead  = "2Path,Event,Session,Bot,Date\n"
		umamiHead = "website_id,session_id,url_path,event_type,created_at\n"
	)
	for _, c := range []struct{ tool, text, want string }{
		{"goatcounter", "", "names of the columns: the file is empty"},
		{"goatcounter", "1Path,Title,Event,Bot,Session,Date\n", `version "1"`},
		{"goatcounter", "3Path,Event,Session,Bot,Date\n", `version "3"`},
		{"goatcounter", "Path,Event,Session,Bot,Date\n", `version ""`},
		{"goatcounter", "2Path,Event,Session,Date\n", "no column Bot"},
		{"goatcounter", goatHead + "/,false,secret,0,2026-03-01\n", "line 2: column Date is no time"},
		{"goatcounter", goatHead + "/,false,s,0,2026-03-01T10:00:00Z\n/,maybe secret,s,0,2026-03-01T10:00:00Z\n", "line 3: column Event"},
		{"goatcounter", goatHead + "/,false,s,secret,2026-03-01T10:00:00Z\n", "line 2: column Bot is no number"},
		{"goatcounter", goatHead + "/,false,s,0\n", "line 2: wrong number of fields"},
		{"goatcounter", goatHead + "\"/secret,false,s,0,2026-03-01T10:00:00Z\n", "line"},
		{"goatcounter", goatHead + "/,false,s,0,1026-03-01T10:00:00Z\n", "line 2: the time is before the year 2000"},
		{"goatcounter", goatHead + strings.Repeat("s", 2*MaxRowBytes) + ",false,s,0,2026-03-01T10:00:00Z\n", "longer than"},
		{"umami", "session_id,url_path,event_type\n", "no column created_at"},
		{"umami", umamiHead + "w,secret,/,1,01.02.2026\n", "line 2: created_at is no time"},
		{"umami", umamiHead + "w,s,/,1,2026-03-01 10:00:00\nsecret,s,/,1,2026-03-01 10:00:00\n", "line 3: there are rows of more"},
	} {
		store := newStore()
		_, err := rowsExports[c.tool].run(t.Context(), rowsConfig(t, store), textSource("export.csv", c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "export.csv") ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s %.80q: %v, want %q", c.tool, c.text, err, c.want)
		}
		if len(store.totals) != 0 || len(store.records) != 0 {
			t.Errorf("%s %.80q: something was written", c.tool, c.text)
		}
	}
}

// What is no mistake of the format: a mark of UTF-8, gzip, other times, a row of the future, an export without rows.
func TestExportsByOtherPrograms(t *testing.T) {
	const head = "session_id,url_path,event_type,created_at\n"
	for _, c := range []struct {
		text string
		want RowsSummary
	}{
		{head, RowsSummary{}},
		{"\ufeff" + head + "s,/,1,2026-03-01 10:00:00\n", RowsSummary{Rows: 1, Pages: 1, Days: 1}},
		{string(gzipped(t, strings.TrimSpace(head), "s,/,1,2026-03-01 10:00:00")), RowsSummary{Rows: 1, Pages: 1, Days: 1}},
		{head + "s,/,1,2026-03-01T10:00:00.123Z\r\ns,/,1,2026-03-01 11:00:00.5+00\r\n", RowsSummary{Rows: 2, Pages: 2, Days: 1}},
		{head + "s,/,1,2027-03-01 10:00:00\n", RowsSummary{Rows: 1, Dropped: map[string]int{DropFuture: 1}}},
		{head + ",/,1,2026-03-01 10:00:00\n", RowsSummary{Rows: 1, Dropped: map[string]int{DropSession: 1}}},
	} {
		c.want.Site = "example.com"
		if c.want.Dropped == nil {
			c.want.Dropped = map[string]int{}
		}
		sum, err := ImportUmami(t.Context(), rowsConfig(t, newStore()), textSource("export.csv", c.text))
		if diff := cmp.Diff(c.want, sum); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got)\n%s", c.text, err, diff)
		}
	}
}

// Names of browsers, systems and places as exports have them.
func TestNamesOfExports(t *testing.T) {
	for _, c := range []struct {
		text, name, version string
		parts               int
	}{
		{"Firefox 128", "Firefox", "128", 1},
		{"Firefox 128.0.1", "Firefox", "128", 1},
		{"Samsung Internet 25.0", "Samsung Internet", "25", 1},
		{"Windows 10", "Windows", "10", 2},
		{"Windows XP", "Windows", "", 2},
		{"Windows Server 2003", "Windows", "", 2},
		{"macOS 14.5.1", "macOS", "14.5", 2},
		{"Linux", "Linux", "", 2},
		{"Chrome OS", "Chrome OS", "", 2},
		{"", "", "", 2},
		{"X 1234567.8", "X 1234567.8", "", 2},
		{"iOS 17", "iOS", "17", 2},
	} {
		if name, version := nameAndVersion(c.text, c.parts); name != c.name || version != c.version {
			t.Errorf("%q is %q, %q", c.text, name, version)
		}
	}
	for code, want := range map[string][2]string{
		"US": {"US"}, "US-TX": {"US", "US-TX"}, "GB-ENG": {"GB", "GB-ENG"}, "": {}, "us": {}, "USA": {}, "US-": {"US"},
		"US-texas": {"US"}, "NL-NH-1": {"NL"},
	} {
		if country, region := place(code); country != want[0] || region != want[1] {
			t.Errorf("%q is %q, %q", code, country, region)
		}
	}
}

// FuzzGoatCounter and FuzzUmami: whatever a file holds, it is refused and nothing is written, or each row is counted
// or has a reason why not, twice is once, and no guarded cell is small.
func FuzzGoatCounter(f *testing.F) { fuzzRows(f, "goatcounter") }

func FuzzUmami(f *testing.F) { fuzzRows(f, "umami") }

func fuzzRows(f *testing.F, tool string) {
	text, err := os.ReadFile(rowsExports[tool].file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("2Path,Event,Session,Bot,Date,Referrer,Referrer scheme\n/#,false,s,0,2026-03-01T10:00:00Z,http://[::1,h\n")
	f.Add("session_id,url_path,event_type,created_at,event_name\ns,//x,2,2026-03-01 10:00:00,engagement\n")
	f.Fuzz(func(t *testing.T, text string) {
		store := newStore()
		sum, err := rowsExports[tool].run(t.Context(), rowsConfig(t, store), textSource("x", text))
		if err != nil {
			if len(store.totals) > 0 {
				t.Error("a refused export was counted")
			}
			return
		}
		dropped := 0
		for _, n := range sum.Dropped {
			dropped += n
		}
		views, events := int64(0), int64(0)
		for cell, sums := range store.totals {
			if cell.Cube == schema.CubeTraffic {
				views, events = views+sums[schema.Pageviews], events+sums[schema.CustomEvents]
			}
		}
		if sum.Rows != sum.Pages+sum.Events+dropped || views != int64(sum.Pages) || events != int64(sum.Events) {
			t.Errorf("%+v, %d page views, %d events", sum, views, events)
		}
		checkGuarded(t, store)
		calls := store.calls
		if again, err := rowsExports[tool].run(t.Context(), rowsConfig(t, store), textSource("x", text)); err != nil ||
			calls > 0 && (!again.Before || store.calls != calls+1) {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// sameVisits is the same made-up visits as lines of a log, of an export of GoatCounter's and of one of Umami's.
func sameVisits(seed uint64) (log, goat, um []string) {
	r := rand.New(rand.NewPCG(seed, 77))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	type visitor struct {
		name string
		at   time.Time
	}
	var visitors []*visitor
	start := time.Date(2026, 3, 27, 20, 0, 0, 0, time.UTC) // the clock changes on the 29th
	for i := range 40 {
		visitors = append(visitors, &visitor{fmt.Sprint(i), start.Add(time.Duration(r.IntN(48*3600)) * time.Second)})
	}
	type row struct {
		at               time.Time
		log, goat, umami string
	}
	var rows []row
	for range 600 {
		v := visitors[r.IntN(len(visitors))]
		v.at = v.at.Add(time.Duration(1+r.IntN(3000)) * time.Second)
		path, query := pick("/", "/a", "/b/c", "/d"), pick("", "", "", "utm_source=news&utm_campaign=may")
		domain := pick("", "", "www.google.com", "news.example.net", "example.com")
		at, target, referrer := v.at, path, ""
		if query != "" {
			target += "?" + query
		}
		if domain != "" {
			referrer = domain + "/x"
		}
		rows = append(rows, row{
			at, fmt.Sprintf(`198.51.100.%s - - [%s] "GET %s HTTP/1.1" 200 5 "%s" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) `+
				`Gecko/20100101 Firefox/128.0"`, v.name, at.Format(timeLayout), target, strings.TrimSuffix("https://"+referrer, "https://")),
			fmt.Sprintf("%s,,false,,Firefox 128,Linux,session-%s,0,%s,h,,,false,%s", target, v.name, referrer, at.Format(time.RFC3339)),
			fmt.Sprintf("session-%s,example.com,%s,%s,%s,%s,1,%s", v.name, path, query, domain,
				strings.TrimPrefix(referrer, domain), at.Format(time.DateTime)),
		})
	}
	slices.SortFunc(rows, func(a, b row) int { return a.at.Compare(b.at) })
	for _, row := range rows {
		log = append(log, row.log)
	}
	// Rows of the same second stay in their order.
	shuffled := slices.Clone(rows)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	bySecond := map[int64][]row{}
	for _, row := range rows {
		bySecond[row.at.Unix()] = append(bySecond[row.at.Unix()], row)
	}
	goat = []string{"2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Referrer scheme,Screen size," +
		"Location,FirstVisit,Date"}
	um = []string{"session_id,hostname,url_path,url_query,referrer_domain,referrer_path,event_type,created_at"}
	for _, s := range shuffled {
		next := bySecond[s.at.Unix()][0]
		bySecond[s.at.Unix()] = bySecond[s.at.Unix()][1:]
		goat, um = append(goat, next.goat), append(um, next.umami)
	}
	return log, goat, um
}

func rowsConfig(t testing.TB, store Store, counted ...schema.Day) RowsConfig {
	t.Helper()
	return RowsConfig{
		Site: schema.Site{ID: 1, Domain: "example.com", Timezone: "UTC"}, Steps: testSteps(t), Store: store, Now: testNow,
		Counted: func(context.Context, schema.Day, schema.Day) ([]schema.Day, error) { return counted, nil },
	}
}

func exportFile(t testing.TB, tool string) Source {
	t.Helper()
	return File(filepath.FromSlash(rowsExports[tool].file))
}

func textSource(name, text string) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// ofCube are the totals of one cube.
func ofCube(s *memStore, id schema.CubeID) map[schema.Cell]schema.Deltas {
	cells := map[schema.Cell]schema.Deltas{}
	for cell, sums := range s.totals {
		if cell.Cube == id {
			cells[cell] = sums
		}
	}
	return cells
}

// daysOf are the days of totals, in UTC.
func daysOf(s *memStore) (days []schema.Day) {
	for cell := range s.totals {
		days = append(days, schema.Day(cell.Time/86400))
	}
	return days
}
