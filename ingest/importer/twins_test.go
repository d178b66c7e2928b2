package importer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

// Whatever is imported, the cubes of days that have twins of hours have the sums of those, in what both keep: of logs, of exports of rows
// and of tables of sums. And the hours have nothing that they do not keep.
func TestImportsCountDaysAndHoursAlike(t *testing.T) {
	const zone = "Europe/Amsterdam"
	loc, err := schema.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func(store *memStore) error{
		"log": func(store *memStore) error {
			mustRun(t, testConfig(t, store, zone), source("access.log", logOf(1, 500)...))
			return nil
		},
		"ga4": func(store *memStore) error {
			cfg := reportsConfig(t, store)
			cfg.Site.Timezone = zone
			_, err := ImportGA4(t.Context(), cfg, reportFiles(t, "ga4"))
			return err
		},
		"matomo": func(store *memStore) error {
			cfg := reportsConfig(t, store)
			cfg.Site.Timezone = zone
			_, err := ImportMatomo(t.Context(), cfg, reportFiles(t, "matomo"))
			return err
		},
	} {
		store := newStore()
		if err := run(store); err != nil {
			t.Fatal(name, err)
		}
		want := map[schema.Cell]schema.Deltas{}
		for cell, sums := range ofCube(store, schema.CubePages) {
			cell.Cube, cell.Time = schema.CubePagesDaily, schema.DayOf(time.Unix(cell.Time, 0), loc).Start(loc).Unix()
			if kept := sums; !keepOf(&kept, schema.CubePages) {
				t.Errorf("%s: hours have %v", name, sums)
			}
			day := want[cell]
			sums[schema.VisitorsHour], sums[schema.VisitsHour] = 0, 0
			day.Add(&sums)
			want[cell] = day
		}
		for cell, sums := range want {
			if sums.IsZero() {
				delete(want, cell)
			}
		}
		got := ofCube(store, schema.CubePagesDaily)
		for cell, sums := range got {
			if name != "matomo" && sums[schema.Visitors] == 0 && sums[schema.Pageviews] > 0 {
				t.Errorf("%s: no visitors by the day: %v %v", name, cell, sums)
			}
			keepOf(&sums, schema.CubePages)
			if got[cell] = sums; sums.IsZero() {
				delete(got, cell)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s: %d cells; (-hours +days)\n%.2000s", name, len(want), diff)
		}
	}
}

// keepOf sets to 0 what the cube does not keep, and reports whether that was so before.
func keepOf(d *schema.Deltas, id schema.CubeID) bool {
	before := *d
	d.Keep(&schema.Cubes[id-1])
	return *d == before
}
