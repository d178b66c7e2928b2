package clickhouse_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
)

// Days that were counted before a cube of days was there are filled from the hours, exactly once however often it is
// done and wherever it was broken off, by the days of the site's own zone.
func TestFillTwins(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		var batch schema.Batch
		want := map[schema.SiteID]map[string]int64{}
		sites := []schema.Site{
			{ID: 1, Domain: "ams.example", Timezone: "Europe/Amsterdam"}, // 29 March has 23 hours
			{ID: 2, Domain: "ktm.example", Timezone: "Asia/Kathmandu"},
			{ID: 3, Domain: "scl.example", Timezone: "America/Santiago"}, // some midnights are skipped
			{ID: 4, Domain: "none.example", Timezone: "UTC"},
		}
		batch.Token = "before"
		for _, site := range sites[:3] {
			loc, err := site.Location()
			if err != nil {
				t.Fatal(err)
			}
			want[site.ID] = map[string]int64{}
			from := time.Date(2025, 8, 20, 0, 0, 0, 0, time.UTC)
			for i := range int64(90) { // some hours apart, over months and changes of the clock
				at := time.Unix(schema.HourStart(from.Add(time.Duration(i)*59*time.Hour), loc), 0)
				day := schema.DayOf(at, loc)
				start := day.Start(loc).Unix()
				r := row(site.ID, schema.CubePages, time.Unix(max(at.Unix(), start), 0), [3]int64{i + 1, i + 1, 1}, "a.example", fmt.Sprint("/", i%3))
				r.Sums[schema.VisitorsHour], r.Sums[schema.VisitsHour] = i+1, i+1
				batch.Rows = append(batch.Rows, r)
				want[site.ID][fmt.Sprint(start, " /", i%3)] += i + 1
			}
		}
		write(t, db, batch)
		check := func(when string) {
			t.Helper()
			for _, site := range sites {
				got := daily(t, db, site.ID)
				if fmt.Sprint(got) != fmt.Sprint(want[site.ID]) {
					t.Errorf("%s, site %s: %v, want %v", when, site.Domain, got, want[site.ID])
				}
			}
		}
		fill := func(site *schema.Site, want bool) {
			t.Helper()
			if changed, err := db.FillTwins(t.Context(), site, []string{"pages_daily"}); err != nil || changed != want {
				t.Errorf("fill %s: %v, %v", site.Domain, changed, err)
			}
		}
		for i := range sites {
			fill(&sites[i], i < 3)
		}
		check("filled")
		for i := range sites {
			fill(&sites[i], false)
		}
		check("filled again")

		// As if it had been broken off, or more had been counted than the hours say.
		statement(t, config, "ALTER TABLE counts DELETE WHERE cube = 'pages_daily' AND path = '/1' SETTINGS mutations_sync = 2")
		extra := row(1, schema.CubePagesDaily, time.Date(2025, 9, 1, 22, 0, 0, 0, time.UTC), [3]int64{5, 5, 5}, "a.example", "/more")
		write(t, db, schema.Batch{Token: "extra", Rows: []schema.Row{extra}})
		differ, err := db.TwinDifferences(t.Context(), &sites[0], noon, schema.DayOf(noon, time.UTC))
		if err != nil || len(differ) == 0 {
			t.Errorf("%d differences, %v", len(differ), err)
		}
		for i := range sites {
			fill(&sites[i], i < 3)
		}
		check("filled once more")
		if differ, err = db.TwinDifferences(t.Context(), &sites[0], noon, schema.DayOf(noon, time.UTC)); err != nil || len(differ) > 0 {
			t.Errorf("differences are left: %v, %v", differ, err)
		}
	})
}

// Each twin of the catalogue is filled with what its hours add up to, whatever its dimensions are.
func TestFillEveryTwin(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) { fillEveryTwin(t, open(t, config)) })
}

func fillEveryTwin(t *testing.T, db *clickhouse.DB) {
	t.Helper()
	site := &schema.Site{ID: 1, Domain: "one.example", Timezone: "UTC"}
	batch := schema.Batch{Token: "hours"}
	var names []string
	for i := range schema.Cubes {
		twin := &schema.Cubes[i]
		if twin.TwinOf == 0 {
			continue
		}
		names = append(names, twin.Name)
		for hour := range 3 {
			at := time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC)
			values := []string{"a", "b", "c"}[:len(twin.Dimensions)]
			r := row(site.ID, twin.TwinOf, at, [3]int64{2, 4, 6}, values...)
			r.Sums[schema.VisitorsHour], r.Sums[schema.VisitsHour] = 2, 4
			batch.Rows = append(batch.Rows, r)
		}
	}
	write(t, db, batch)
	if changed, err := db.FillTwins(t.Context(), site, names); err != nil || !changed {
		t.Fatalf("filled: %v, %v", changed, err)
	}
	got := query(t, db, "SELECT cube, sum(visitors), sum(visits), sum(pageviews), uniqExact(time) FROM counts "+
		"WHERE cube IN ('"+strings.Join(names, "', '")+"') GROUP BY 1", nil)
	if len(got) != len(names) {
		t.Errorf("of %v there are %v", names, got)
	}
	for _, r := range got {
		if fmt.Sprint(r[1:]) != "[6 12 18 1]" {
			t.Errorf("%v", r)
		}
	}
	if differ, err := db.TwinDifferences(t.Context(), site, noon, schema.DayOf(noon, time.UTC)); err != nil || len(differ) > 0 {
		t.Errorf("they differ: %v, %v", differ, err)
	}
}

// daily is the visitors by start of the day and path.
func daily(t *testing.T, db *clickhouse.DB, site schema.SiteID) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for _, r := range query(t, db, "SELECT toInt64(toUnixTimestamp(time)), path, sum(visitors), sum(visitors_hour) FROM counts "+
		"WHERE site_id = {site:UInt32} AND cube = 'pages_daily' GROUP BY time, path HAVING sum(visitors) != 0",
		map[string]string{"site": fmt.Sprint(site)}) {
		got[fmt.Sprint(r[0], " ", r[1])] = r[2].(int64)
		if r[3].(int64) != 0 {
			t.Errorf("a day has visitors of an hour: %v", r)
		}
	}
	return got
}
