package stats

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"turf/ingest"
	"turf/ingest/importer"
	"turf/schema"
)

// TestEveryPairOfImportedDays: a week is counted, and two of its days are as if they had been imported from each of the tools: of these
// the store has what the tool tells, by what the importer recorded of a real import, and nonsense in all else. Every number that is
// answered is what the naive reckoning finds over the days that the answer says it is about, and what it says it does not know is null.
func TestEveryPairOfImportedDays(t *testing.T) {
	visitors, sample := 150, 29
	switch {
	case os.Getenv(longVariable) != "":
		visitors, sample = 1000, 1
	case testing.Short():
		visitors, sample = 100, 31
	}
	for tool, imported := range importsOfAllTools(t) {
		t.Run(tool, func(t *testing.T) {
			week := makeWeek(1, visitors)
			imported.Days = []schema.DaySpan{{First: week.first + 2, Last: week.first + 2}, {First: week.first + 4, Last: week.first + 4}}
			days := map[int]bool{2: true, 4: true}
			e := countWeekAs(t, week, 1, func(day int, sums map[schema.Cell]schema.Deltas) map[schema.Cell]schema.Deltas {
				if !days[day] {
					return sums
				}
				return asImported(&imported, sums, (week.first + schema.Day(day)).Start(week.loc).Unix())
			})
			e.Imports = func(schema.SiteID) ([]schema.Imported, error) { return []schema.Imported{imported}, nil }
			c := &importedComparison{comparison: comparison{t: t, engine: e, naive: newReckoner(week), joined: map[string]*deviation{}}}
			for i, q := range c.questions(false) {
				if i%sample == 0 {
					c.compareImported(q)
				}
			}
			t.Logf("%d questions; %d rows compared, %d metrics of rows not known, %d answers without some days, %d differ", c.asked, c.values,
				c.nulls, c.left, c.failures)
			if c.asked < 100 || c.nulls == 0 && !imported.Hours || c.left == 0 || c.left == c.asked {
				t.Error("the test is of too little")
			}
		})
	}
}

type importedComparison struct {
	comparison
	nulls, left int
}

// compareImported holds an answer against the reckoning of the days that it is about.
func (c *importedComparison) compareImported(q *asked) {
	c.asked++
	answer, err := c.engine.Answer(c.t.Context(), &c.naive.week.site, &q.Query)
	if err != nil {
		c.fail("%s: %v", q.text(), err)
		return
	}
	naive := *c.naive
	naive.skip = map[uint8]bool{}
	for _, s := range answer.Meta.LeftOutDays {
		for d := s.First; d <= s.Last; d++ {
			naive.skip[uint8(d-c.naive.week.first)] = true
		}
	}
	if (len(naive.skip) > 0) != (answer.Meta.ImportsSkipReason != "") || (len(naive.skip) > 0) != (answer.Meta.ImportsWarning != "") {
		c.fail("%s: %d days are left out: %+v", q.text(), len(naive.skip), answer.Meta)
	}
	if len(naive.skip) > 0 {
		c.left++
	}
	one := comparison{t: c.t, engine: c.engine, naive: &naive, joined: map[string]*deviation{}}
	want := naive.reckon(&q.Query, q.plan.interval, q.span)
	if len(q.Dimensions) == 0 && len(want) == 0 {
		want[rowKey{}] = &group{}
	}
	got := rowsOf(q.Dimensions, answer)
	c.nothingReadsZero(q, &naive, got)
	for i, m := range q.Metrics {
		known, wanted := maps.Clone(got), maps.Clone(want)
		for row := range got {
			if c.unknown(q, m, row, &answer.Meta, &naive) {
				if c.nulls++; got[row][i] != nil {
					c.fail("%s, row %v: %s is %v and is not known", q.text(), row, m, got[row][i])
				}
				delete(known, row)
				delete(wanted, row)
			}
		}
		joined := strings.Contains(answer.Meta.MetricWarnings[m].Warning, joinedWarning.Warning)
		if days := answer.Meta.UnknownDays[m]; len(days) > 0 && isMeasuredMean(m) {
			wanted = c.reckonWithout(q, naive.skip, days) // of the days on which it was measured
		}
		one.compareMetric(q, i, m, known, wanted, one.totals(q, m), joined)
	}
	c.values += one.values
	c.failures += one.failures
	for row := range got {
		if want[row] == nil && !(len(q.Dimensions) == 1 && row.time != "") { // by time alone, all that is not known has a row
			c.fail("%s: there is a row %v: %v", q.text(), row, got[row])
		}
	}
}

// reckonWithout reckons without some more days.
func (c *importedComparison) reckonWithout(q *asked, skip map[uint8]bool, more []schema.DaySpan) map[rowKey]*group {
	naive := *c.naive
	naive.skip = maps.Clone(skip)
	for _, s := range more {
		for d := s.First; d <= s.Last; d++ {
			naive.skip[uint8(d-naive.week.first)] = true
		}
	}
	return naive.reckon(&q.Query, q.plan.interval, q.span)
}

func isMeasuredMean(m Metric) bool { return m == TimeOnPage || m == ScrollDepth || isPercentile(m) }

// nothingReadsZero: by time alone, each bucket of a day that is left out has a row, of nulls.
func (c *importedComparison) nothingReadsZero(q *asked, naive *reckoner, got map[rowKey][]any) {
	if len(q.Dimensions) != 1 || q.plan.interval == "" {
		return
	}
	for day := range naive.skip {
		date := (naive.week.first + schema.Day(day)).String()
		found := false
		for row, metrics := range got {
			if !strings.HasPrefix(row.time, date) {
				continue
			}
			found = true
			if slices.ContainsFunc(metrics, func(v any) bool { return v != nil }) {
				c.fail("%s, row %v: %v", q.text(), row, metrics)
			}
		}
		if !found {
			c.fail("%s: %s has no row, so that it seems to be 0", q.text(), date)
		}
	}
}

// unknown reports whether the answer says that the metric is not known in a row.
func (c *importedComparison) unknown(q *asked, m Metric, row rowKey, meta *Meta, naive *reckoner) bool {
	measured := isMeasuredMean(m)
	if row.time == "" {
		all := len(meta.LeftOutDays) > 0
		for d := q.span.First; d <= q.span.Last; d++ {
			all = all && naive.skip[uint8(d-naive.week.first)]
		}
		return all || !measured && len(meta.UnknownDays[m]) > 0
	}
	day, err := schema.ParseDay(row.time[:len(time.DateOnly)])
	if err != nil {
		c.t.Fatal(err)
	}
	in := func(s schema.DaySpan) bool { return s.First <= day && day <= s.Last }
	if m == Percentage || m == ConversionRate {
		return len(meta.UnknownDays[m]) > 0 || slices.ContainsFunc(meta.LeftOutDays, in)
	}
	return slices.ContainsFunc(meta.LeftOutDays, in) || !measured && slices.ContainsFunc(meta.UnknownDays[m], in)
}

// nonsense is what the store has of what was not told.
const nonsense = 1_000_000

// asImported is what is in the store of a day's counts when they come from an import: what it told, and nonsense in all other metrics.
func asImported(im *schema.Imported, sums map[schema.Cell]schema.Deltas, start int64) map[schema.Cell]schema.Deltas {
	made := map[schema.Cell]schema.Deltas{}
	for cell, all := range sums {
		cube, _ := schema.CubeByID(cell.Cube)
		if slices.ContainsFunc(cell.Values[:], func(v string) bool { return strings.Contains(v, "\t") }) {
			continue // of what is declared: no import counts it
		}
		var poison schema.Deltas
		for m := range poison {
			// What browsers measure, no import writes: means of it are of the other days.
			measured := schema.Metric(m) >= schema.EngagedSeconds && schema.Metric(m) <= schema.Scroll100
			if cube.Keeps(schema.Metric(m)) && all[m] != 0 && !measured {
				poison[m] = nonsense
			}
		}
		if !im.Hours {
			cell.Time = start
		}
		for i := range im.Told {
			told := &im.Told[i]
			if !told.IsOf(cube) {
				continue
			}
			under, only := cell, true
			for i, d := range cube.Dimensions {
				if slices.Contains(told.Without, d.String()) {
					under.Values[i] = schema.Other
				}
				if values, ok := told.Only[d.String()]; ok && !slices.Contains(values, cell.Values[i]) {
					only = false
				}
			}
			if !only {
				continue
			}
			d := made[under]
			for m := range d {
				if slices.Contains(told.Metrics, schema.Metric(m).String()) {
					d[m] += all[m]
					poison[m] = 0
				}
			}
			made[under] = d
		}
		if toldWithAll(im, cube) {
			d := made[cell]
			d.Add(&poison)
			made[cell] = d
		}
	}
	return made
}

// toldWithAll reports whether the cube is told, with all dimensions by all that tells of it: so that nonsense in it is in cells that
// are there. A cube that is not told has no rows.
func toldWithAll(im *schema.Imported, cube *schema.Cube) bool {
	found := false
	for _, t := range im.Told {
		if t.IsOf(cube) {
			found = true
			if len(t.Without) > 0 || len(t.Only) > 0 {
				return false
			}
		}
	}
	return found
}

// importsOfAllTools imports a small export of each tool, and is what the importer recorded of it.
func importsOfAllTools(t *testing.T) map[string]schema.Imported {
	t.Helper()
	agents, err := ingest.NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := ingest.NewSteps(nil, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	site := schema.Site{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"}
	none := func(context.Context, schema.Day, schema.Day) ([]schema.Day, error) { return nil, nil }
	at := time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)
	all := map[string]schema.Imported{}
	done := func(tool string, store *recordStore, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		imported, err := store.record.Imported()
		if err != nil || len(imported) == 0 || imported[0].Running || imported[0].Source != tool {
			t.Fatalf("%s: %v, %v", tool, imported, err)
		}
		all[tool] = imported[0]
	}
	tables := func(store *recordStore) importer.TablesConfig {
		return importer.TablesConfig{
			Site: site, Store: store, Steps: importer.NewSteps(steps), Counted: none,
			Channel: func(string, string, map[string]string) string { return "Direct" },
		}
	}
	rows := func(store *recordStore) importer.RowsConfig {
		return importer.RowsConfig{Site: site, Store: store, Steps: importer.NewSteps(steps), Counted: none, Now: at}
	}
	store := &recordStore{}
	_, err = importer.ImportPlausible(t.Context(), tables(store), plausibleTables())
	done("plausible", store, err)
	store = &recordStore{}
	_, err = importer.ImportGA4(t.Context(), tables(store), testExports(t, "ga4/*.json"))
	done("ga4", store, err)
	store = &recordStore{}
	_, err = importer.ImportMatomo(t.Context(), tables(store), testExports(t, "matomo/*.json"))
	done("matomo", store, err)
	store = &recordStore{}
	_, err = importer.ImportUmami(t.Context(), rows(store), testExports(t, "umami/website_event.csv")[0])
	done("umami", store, err)
	store = &recordStore{}
	_, err = importer.ImportGoatCounter(t.Context(), rows(store), testExports(t, "goatcounter/export.csv")[0])
	done("goatcounter", store, err)
	store = &recordStore{}
	const line = `192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 2 "-" "Mozilla/5.0 (X11; Linux) Firefox/140.0"` + "\n"
	log := importer.Source{Name: "access.log", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(line)), nil }}
	_, err = importer.Run(t.Context(), importer.Config{
		Site: site, Format: importer.Combined, Store: store, Steps: importer.NewSteps(steps), Now: at,
	}, []importer.Source{log})
	done("log", store, err)
	return all
}

// testExports are files of the importer's tests.
func testExports(t *testing.T, pattern string) (sources []importer.Source) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "ingest", "importer", "testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	for _, f := range files {
		sources = append(sources, importer.Source{Name: f, Open: func() (io.ReadCloser, error) { return os.Open(f) }})
	}
	return sources
}

// plausibleTables are the ten tables with a row each.
func plausibleTables() fstest.MapFS {
	files := fstest.MapFS{}
	for table, columns := range map[string]string{
		"visitors": "visitors,pageviews,bounces,visits,visit_duration",
		"sources": "source,referrer,utm_source,utm_medium,utm_campaign,utm_content,utm_term,pageviews,visitors,visits," +
			"visit_duration,bounces",
		"pages":             "hostname,page,visits,visitors,pageviews",
		"entry_pages":       "entry_page,visitors,entrances,visit_duration,bounces,pageviews",
		"exit_pages":        "exit_page,visitors,visit_duration,exits,bounces,pageviews",
		"custom_events":     "name,link_url,path,visitors,events",
		"locations":         "country,region,city,visitors,visits,visit_duration,bounces,pageviews",
		"devices":           "device,visitors,visits,visit_duration,bounces,pageviews",
		"browsers":          "browser,browser_version,visitors,visits,visit_duration,bounces,pageviews",
		"operating_systems": "operating_system,operating_system_version,visitors,visits,visit_duration,bounces,pageviews",
	} {
		row := "2026-03-01" + strings.Repeat(",1", strings.Count(columns, ",")+1)
		files["imported_"+table+"_20260301_20260301.csv"] = &fstest.MapFile{Data: []byte("date," + columns + "\n" + row + "\n")}
	}
	return files
}

// recordStore keeps the record of the one import that is made with it.
type recordStore struct {
	mu     sync.Mutex
	record importer.Record
}

func (s *recordStore) Imports(context.Context, schema.SiteID) ([]importer.Record, error) {
	return nil, nil
}

func (s *recordStore) PutImport(_ context.Context, r importer.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record = r
	return nil
}

func (s *recordStore) Write(context.Context, schema.Batch) error { return nil }

// countingRunner answers each statement with no rows, and counts them.
type countingRunner int

func (r *countingRunner) Select(context.Context, string, map[string]string) ([][]any, error) {
	*r++
	return nil, nil
}

// What was imported is found in memory: a question takes one statement, whatever is left out and not known.
func TestImportsTakeNoStatement(t *testing.T) {
	for _, question := range []string{
		`{"site_id":"example.com","metrics":["visitors","events"],"date_range":["2026-03-01","2026-03-31"],"dimensions":["time:day"]}`,
		`{"site_id":"example.com","metrics":["visitors","percentage"],"date_range":["2026-03-01","2026-03-31"],"dimensions":["event:page"]}`,
	} {
		q, err := Parse([]byte(question))
		if err != nil {
			t.Fatal(err)
		}
		var asked countingRunner
		asks := 0
		day, err := schema.ParseDay("2026-03-05")
		if err != nil {
			t.Fatal(err)
		}
		e := &Engine{
			Runner: &asked, Now: func() time.Time { return (day + 20).Start(time.UTC) },
			Imports: func(schema.SiteID) ([]schema.Imported, error) {
				asks++
				return []schema.Imported{{Source: "ga4", Days: []schema.DaySpan{{First: day, Last: day + 2}}}}, nil
			},
		}
		answer, err := e.Answer(t.Context(), &testSite, q)
		if err != nil || asked != 1 || asks != 1 || len(answer.Meta.LeftOutDays) != 1 {
			t.Errorf("%s: %d statements, %d looks at imports, %v, %v", question, asked, asks, answer, err)
		}
	}
}

// TestImportsOfSeveralSites: a day that is not known of one of several sites is not known of all of them together.
func TestImportsOfSeveralSites(t *testing.T) {
	day := schema.Date(2026, time.March, 5)
	var asked countingRunner
	e := &Engine{
		Runner: &asked, Now: func() time.Time { return (day + 20).Start(time.UTC) },
		Imports: func(site schema.SiteID) ([]schema.Imported, error) {
			if site == 2 {
				return []schema.Imported{{Source: "ga4", Days: []schema.DaySpan{{First: day, Last: day}}}}, nil
			}
			return nil, nil
		},
	}
	q, err := Parse([]byte(`{"site_id":"a,b","metrics":["visitors"],"date_range":["2026-03-01","2026-03-31"],"dimensions":["time:day"]}`))
	if err != nil {
		t.Fatal(err)
	}
	sites := []schema.Site{{ID: 1, Domain: "a", Timezone: "UTC"}, {ID: 2, Domain: "b", Timezone: "UTC"}}
	answer, err := e.AnswerSites(t.Context(), sites, q)
	if err != nil {
		t.Fatal(err)
	}
	if r := answer.Results; len(r) != 1 || r[0].Dimensions[0] != "2026-03-05" || r[0].Metrics[0] != nil {
		t.Errorf("%v", r)
	}
}

// Clicks on buttons are not told by any import: no button is said never to have been clicked, and a question of such days is refused.
func TestButtonsOfImportedDays(t *testing.T) {
	day := schema.Date(2026, time.March, 5)
	var asked countingRunner
	e := &Engine{
		Runner: &asked, Now: func() time.Time { return (day + 20).Start(time.UTC) },
		Imports: func(schema.SiteID) ([]schema.Imported, error) {
			return []schema.Imported{{Source: "ga4", Days: []schema.DaySpan{{First: day, Last: day + 1}}}}, nil
		},
	}
	site := schema.Site{ID: 1, Domain: "example.com", Timezone: "UTC", Settings: &schema.Settings{Buttons: []string{"help"}}}
	for _, c := range []struct {
		first, last schema.Day
		left        int
		never       bool
		refused     string
	}{
		{day - 3, day - 1, 0, true, ""},
		{day - 3, day, 1, false, ""},
		{day, day + 1, 0, false, "2026-03-05 to 2026-03-06 were imported, and no import tells clicks on buttons"},
	} {
		answer, err := e.Buttons(t.Context(), &site, DateRange{First: c.first, Last: c.last})
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s to %s: %v", c.first, c.last, err)
			}
			continue
		}
		if err != nil || len(answer.LeftOutDays) != c.left || answer.Declared[0].Never != c.never {
			t.Errorf("%s to %s: %+v, %v", c.first, c.last, answer, err)
		}
	}
}

// Hours that are not known have rows, so there may not be too many of them.
func TestTooManyHoursThatAreNotKnown(t *testing.T) {
	day := schema.Date(2024, time.March, 5)
	var asked countingRunner
	e := &Engine{Runner: &asked, Now: func() time.Time { return (day + 900).Start(time.UTC) }}
	q, err := Parse([]byte(`{"site_id":"a","metrics":["pageviews"],"date_range":["2024-01-01","2026-03-31"],"dimensions":["time:hour"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Answer(t.Context(), &testSite, q); err != nil {
		t.Error(err)
	}
	e.Imports = func(schema.SiteID) ([]schema.Imported, error) {
		return []schema.Imported{{Source: "ga4", Days: []schema.DaySpan{{First: day, Last: day + 1}}}}, nil
	}
	if _, err := e.Answer(t.Context(), &testSite, q); err == nil || !strings.Contains(err.Error(), "more than 10000 buckets") {
		t.Errorf("not refused: %v", err)
	}
}
