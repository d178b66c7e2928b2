package importer

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

// exported are tables of three days.
func exported() fstest.MapFS {
	visitors, locations := "date,visitors,visits,pageviews\n", "date,country,region,city,visitors,visits\n"
	for day := 1; day <= 3; day++ {
		visitors += fmt.Sprintf("2020-02-0%d,%d,%d,%d\n", day, 10*day, 20*day, 30*day)
		locations += fmt.Sprintf("2020-02-0%d,NL,NL-NH,2759794,%d,%d\n", day, 9*day, 9*day)
		locations += fmt.Sprintf("2020-02-0%d,NL,NL-UT,2745912,1,1\n2020-02-0%d,EE,EE-37,588409,1,1\n", day, day)
	}
	return fstest.MapFS{
		"imported_visitors_20200201_20200203.csv":  {Data: []byte(visitors)},
		"imported_locations_20200201_20200203.csv": {Data: []byte(locations)},
		"readme.txt": {Data: []byte("no table")},
	}
}

func plausibleConfig(store Store, counted ...schema.Day) TablesConfig {
	return TablesConfig{
		Site: schema.Site{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"}, Store: store,
		Channel: func(string, string, map[string]string) string { return "" },
		Counted: func(context.Context, schema.Day, schema.Day) ([]schema.Day, error) { return counted, nil },
	}
}

// TestPlausibleGoesOn lets each call of the store fail, done or not; the same import again makes the totals those
// of one that never failed. Days that have counts by then are those that it counted itself.
func TestPlausibleGoesOn(t *testing.T) {
	whole := newStore()
	if _, err := ImportPlausible(t.Context(), plausibleConfig(whole), exported()); err != nil {
		t.Fatal(err)
	}
	if len(whole.totals) == 0 || whole.calls < 6 {
		t.Fatalf("%d cells in %d calls", len(whole.totals), whole.calls)
	}
	for at := 1; at <= whole.calls; at++ {
		for _, lies := range []bool{false, true} {
			store := newStore()
			store.failAt, store.lies = at, lies
			if _, err := ImportPlausible(t.Context(), plausibleConfig(store), exported()); err == nil {
				t.Fatalf("call %d failed, and the import did not say so", at)
			}
			var counted []schema.Day
			for cell := range store.totals {
				counted = append(counted, schema.Day(cell.Time/86400)+1)
			}
			for range 2 {
				if _, err := ImportPlausible(t.Context(), plausibleConfig(store, counted...), exported()); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(whole.totals, store.totals); diff != "" {
				t.Errorf("call %d failed (done: %v): -want +got\n%s", at, lies, diff)
			}
		}
	}
}

// Small places are counted under (other), and the totals stay.
func TestPlausibleGuards(t *testing.T) {
	store := newStore()
	sum, err := ImportPlausible(t.Context(), plausibleConfig(store, schema.Date(2020, 2, 2)), exported())
	if err != nil || sum.Days != 2 || sum.LeftOut != 1 || sum.Tables["locations"] != 9 {
		t.Fatal(sum, err)
	}
	var got []string
	for cell, sums := range store.totals {
		if cell.Cube == schema.CubePlaces {
			day := schema.Day((cell.Time + 3600) / 86400)
			got = append(got, fmt.Sprint(day, cell.Values[:3], sums[schema.Visitors]))
		}
	}
	slices.Sort(got)
	want := []string{
		"2020-02-01 [EE (other) (other)] 1", "2020-02-01 [NL (other) (other)] 1", "2020-02-01 [NL NL-NH 2759794:2759794] 9",
		"2020-02-03 [EE (other) (other)] 1", "2020-02-03 [NL (other) (other)] 1", "2020-02-03 [NL NL-NH 2759794:2759794] 27",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// FuzzPlausible: whatever a table holds, it is refused, or the counters hold its sums, and none that is guarded is
// small.
func FuzzPlausible(f *testing.F) {
	f.Add("date,country,region,city,visitors\n2020-02-01,NL,NL-NH,1,2\n2020-02-01,NL,,0,5\n")
	f.Add("visitors,date\n\"7\",2020-02-01\n")
	f.Add("date,visitors\n2020-02-01,99999999999999999\n")
	f.Fuzz(func(t *testing.T, text string) {
		store := newStore()
		files := fstest.MapFS{"imported_locations_20200201_20200201.csv": {Data: []byte(text)}}
		if _, err := ImportPlausible(t.Context(), plausibleConfig(store), files); err != nil {
			return
		}
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatalf("an unreadable table was imported: %v", err)
		}
		want := int64(0)
		for _, row := range rows[1:] {
			named := map[string]string{}
			for i, name := range rows[0] {
				named[name] = row[i]
			}
			if n, err := count(named["visitors"]); err == nil && named["date"] == "2020-02-01" {
				want += n
			}
		}
		for _, id := range []schema.CubeID{schema.CubeCountries, schema.CubeRegions, schema.CubePlaces} {
			got := int64(0)
			cube, _ := schema.CubeByID(id)
			for cell, sums := range store.totals {
				if cell.Cube != id {
					continue
				}
				got += sums[schema.Visitors]
				for i, d := range cube.Dimensions {
					if slices.Contains(cube.Guarded, d) && cell.Values[i] != schema.Other && sums[schema.Visitors] < schema.DefaultK {
						t.Errorf("%v has %d visitors", cell.Values, sums[schema.Visitors])
					}
				}
			}
			if got != want {
				t.Errorf("cube %s has %d visitors, and the table %d", cube.Name, got, want)
			}
		}
	})
}
