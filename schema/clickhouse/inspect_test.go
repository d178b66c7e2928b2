package clickhouse_test

import (
	"fmt"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
)

func TestSmallCells(t *testing.T) {
	day := time.Date(2026, 3, 14, 23, 0, 0, 0, time.UTC)
	cells := func(sums [3]int64, values ...string) schema.Row {
		return row(1, schema.CubePlaces, day, sums, values...)
	}
	batches := [][]schema.Row{
		{
			cells([3]int64{2, 9, 9}, "NL", schema.Other, schema.Other), // the parent may be small
			cells([3]int64{3, 3, 3}, "NL", "NL-NH", "1:Amsterdam"),
			cells([3]int64{2, 2, 2}, "NL", "NL-NH", "2:Haarlem"),
			cells([3]int64{1, 1, 1}, "NL", schema.Other, "3:Delft"), // something guarded is named
			cells([3]int64{1, 1, 1}, "BE", "", ""),                  // that the place is not known is something too
			cells([3]int64{0, 4, 4}, "DE", "DE-BE", "4:Berlin"),
			cells([3]int64{5, 5, 5}, "FR", "FR-75", "5:Paris"),
			row(2, schema.CubePlaces, day, [3]int64{1, 1, 1}, "NL", "NL-NH", "1:Amsterdam"),
			row(1, schema.CubePlaces, day.AddDate(0, 0, 1), [3]int64{1, 1, 1}, "NL", "NL-NH", "1:Amsterdam"),
			row(1, schema.CubeRegions, day, [3]int64{1, 1, 1}, "NL", "NL-NH"),
		},
		{
			cells([3]int64{1, 1, 1}, "NL", "NL-NH", "2:Haarlem"),  // two batches make it large enough
			cells([3]int64{-5, -5, -5}, "FR", "FR-75", "5:Paris"), // taken back altogether: not there
		},
	}
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		for i, rows := range batches {
			write(t, db, schema.Batch{Token: fmt.Sprint("b-", i), Rows: rows})
		}
		find := func(cube schema.CubeID, from, to time.Time, k, limit int) (list []string) {
			t.Helper()
			c, _ := schema.CubeByID(cube)
			small, err := db.SmallCells(t.Context(), 1, c, from, to, k, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range small {
				if s.Cell.Site != 1 || s.Cell.Cube != cube {
					t.Errorf("cell %v", s.Cell)
				}
				at := time.Unix(s.Cell.Time, 0).UTC().Format("02/15")
				list = append(list, fmt.Sprintf("%s %q %d", at, s.Cell.Values[:len(c.Dimensions)], s.Visitors))
			}
			return list
		}
		for _, tt := range []struct {
			name string
			got  []string
			want string
		}{
			{
				"the day", find(schema.CubePlaces, day, day.AddDate(0, 0, 1), 3, 10),
				`[14/23 ["BE" "" ""] 1 14/23 ["DE" "DE-BE" "4:Berlin"] 0 14/23 ["NL" "(other)" "3:Delft"] 1]`,
			},
			{"at most one", find(schema.CubePlaces, day, day.AddDate(0, 0, 1), 3, 1), `[14/23 ["BE" "" ""] 1]`},
			{
				"the day after", find(schema.CubePlaces, day.Add(time.Second), day.AddDate(0, 0, 2), 2, 10),
				`[15/23 ["NL" "NL-NH" "1:Amsterdam"] 1]`,
			},
			{"another cube", find(schema.CubeRegions, day, day.AddDate(0, 0, 2), 2, 10), `[14/23 ["NL" "NL-NH"] 1]`},
			{"no guarded cube", find(schema.CubePages, day, day.AddDate(0, 0, 2), 100, 10), "[]"},
		} {
			if got := fmt.Sprint(tt.got); got != tt.want {
				t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
			}
		}
	})
}

func TestDropSite(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		for i := range 3 {
			write(t, db, numbered(i))
		}
		if err := db.DropSite(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(query(t, db, "SELECT site_id, sum(visits) FROM counts GROUP BY site_id ORDER BY site_id", nil))
		if got != "[[1 400] [3 400]]" {
			t.Errorf("left: %s", got)
		}
		if err := db.DropSite(t.Context(), 99); err != nil {
			t.Errorf("a site without counters: %v", err)
		}
	})
}
