package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
)

// sums are the number of rows that are left when equal cells are one, and the sums of all metrics.
func sums(t *testing.T, db *clickhouse.DB) string {
	t.Helper()
	var columns []string
	for m := range schema.NumMetrics {
		columns = append(columns, fmt.Sprintf("sum(%s)", m))
	}
	return fmt.Sprint(query(t, db, "SELECT "+strings.Join(columns, ", ")+" FROM counts", nil)[0])
}

// months are rows of one cell in each of so many months.
func months(n int, sums [3]int64) []schema.Row {
	var rows []schema.Row
	for i := range n {
		rows = append(rows, row(1, schema.CubeTraffic, time.Date(2015, time.Month(1+i), 2, 3, 0, 0, 0, time.UTC), sums))
	}
	return rows
}

func TestWriteFillsTheColumnsOfTheCube(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		var rows []schema.Row
		for _, cube := range schema.Cubes {
			r := schema.Row{Cell: schema.Cell{Site: math.MaxUint32, Cube: cube.ID, Time: noon.Unix()}}
			for i, d := range cube.Dimensions {
				r.Cell.Values[i] = cube.Name + " é " + d.String()
			}
			for m := range schema.NumMetrics {
				r.Sums[m] = int64(cube.ID)*100 - int64(m)*1000
			}
			rows = append(rows, r)
		}
		// One batch has all columns, the others have those of a cube.
		write(t, db, schema.Batch{Token: "node-1", Rows: rows[:len(rows)/2]})
		for i, r := range rows[len(rows)/2:] {
			write(t, db, schema.Batch{Token: fmt.Sprint("node-", 2+i), Rows: []schema.Row{r}})
		}
		columns := "site_id, cube, time"
		for _, d := range schema.Dimensions {
			columns += ", " + d.Column
		}
		for _, m := range schema.Metrics {
			columns += ", " + m.Column
		}
		for _, cube := range schema.Cubes {
			want := []any{uint64(math.MaxUint32), cube.Name, noon}
			for d := range schema.NumDimensions {
				if cube.Has(d) {
					want = append(want, cube.Name+" é "+d.String())
				} else {
					want = append(want, "")
				}
			}
			for m := range schema.NumMetrics {
				want = append(want, int64(cube.ID)*100-int64(m)*1000)
			}
			got := query(t, db, "SELECT "+columns+" FROM counts WHERE cube = {cube:String}",
				map[string]string{"cube": cube.Name})
			if fmt.Sprint(got) != fmt.Sprint([][]any{want}) {
				t.Errorf("cube %s: got\n%v\nwant\n%v", cube.Name, got, want)
			}
		}
	})
}

func TestWriteOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		batch := schema.Batch{Token: "a-1", Rows: months(3, [3]int64{1, 2, 3})}
		write(t, db, batch)
		want := sums(t, db)
		write(t, db, batch)
		if got := sums(t, db); got != want {
			t.Errorf("written twice: %s, once: %s", got, want)
		}
		again := open(t, config)
		write(t, again, batch)
		if got := sums(t, db); got != want {
			t.Errorf("written again by another connection: %s, once: %s", got, want)
		}
		batch.Token = "a-2"
		write(t, db, batch)
		if got := one[int64](t, db, "SELECT sum(pageviews) FROM counts"); got != 18 {
			t.Errorf("two batches of 9 pageviews: %d", got)
		}
		// Batches that carry nothing, or add up to nothing.
		write(t, db, schema.Batch{})
		write(t, db, schema.Batch{Token: "a-3"})
		if got := one[int64](t, db, "SELECT sum(pageviews) FROM counts"); got != 18 {
			t.Errorf("after empty batches: %d", got)
		}
	})
}

// What a crash between two partitions leaves is some of the batch's months, with their tokens.
func TestWriteAfterHalf(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		rows := months(5, [3]int64{1, 2, 3})
		write(t, db, schema.Batch{Token: "half", Rows: rows[1:3]})
		for range 2 {
			write(t, db, schema.Batch{Token: "half", Rows: rows})
			if got := sums(t, db); !strings.HasPrefix(got, "[5 0 10 0 15 ") {
				t.Errorf("sums: %s", got)
			}
		}
	})
}

func TestWriteManyMonths(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		batch := schema.Batch{Token: "log", Rows: months(110, [3]int64{1, 1, 1})}
		write(t, db, batch)
		write(t, db, batch)
		if got := one[int64](t, db, "SELECT sum(visits) FROM counts"); got != 110 {
			t.Errorf("%d visits, want 110", got)
		}
	})
}

func TestWriteLarge(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		batch := schema.Batch{Token: "large"}
		var want int64
		for i := range 100_000 {
			n := int64(i%97 + 1)
			want += n
			path := fmt.Sprintf("/page/%d", i%10_000)
			r := row(schema.SiteID(i/10_000), schema.CubePages, noon, [3]int64{n, n, n}, "example.com", path)
			batch.Rows = append(batch.Rows, r)
		}
		start := time.Now()
		write(t, db, batch)
		t.Logf("100,000 rows in %v", time.Since(start))
		const blocks = `SELECT max(max_block_number) - min(min_block_number) + 1 FROM system.parts
			WHERE database = currentDatabase() AND table = 'counts'`
		if n := one[int64](t, db, blocks); n != 1 {
			t.Errorf("the insert was %d blocks", n)
		}
		write(t, db, batch)
		if got := one[int64](t, db, "SELECT sum(visits) FROM counts"); got != want {
			t.Errorf("%d visits, want %d", got, want)
		}
		// A second batch of the same cells, half of which it takes back.
		more := schema.Batch{Token: "more", Rows: batch.Rows}
		for i := range more.Rows {
			if i%2 == 0 {
				more.Rows[i].Sums = more.Rows[i].Sums.Negated()
			}
		}
		write(t, db, more)
		before := sums(t, db)
		statement(t, config, "OPTIMIZE TABLE counts FINAL")
		if got := sums(t, db); got != before {
			t.Errorf("sums after merging: %s, before: %s", got, before)
		}
		if n := one[uint64](t, db, "SELECT count() FROM counts"); n != 50_000 {
			t.Errorf("%d rows after merging, want 50000: equal cells are one, and those without anything none", n)
		}
	})
}

func TestWriteMoreThanABlock(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		rows := make([]schema.Row, clickhouse.BlockRows+10)
		for i := range rows {
			rows[i] = row(1, schema.CubeTraffic, time.Unix(1_600_000_000+int64(i%20)*3600, 0), [3]int64{1, 1, 1})
		}
		batch := schema.Batch{Token: "b", Rows: rows}
		write(t, db, batch)
		write(t, db, batch)
		if got := one[int64](t, db, "SELECT sum(visits) FROM counts"); got != int64(len(rows)) {
			t.Errorf("%d visits, want %d", got, len(rows))
		}
	})
}

func TestWriteErrors(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		good := row(1, schema.CubeTraffic, noon, [3]int64{1, 1, 1})
		tests := []struct {
			name  string
			batch schema.Batch
			want  string
		}{
			{"no token", schema.Batch{Rows: []schema.Row{good}}, "no token"},
			{
				"no cube",
				schema.Batch{Token: "t", Rows: []schema.Row{good, row(1, 0, noon, [3]int64{})}},
				"row 1: there is no cube 0",
			},
			{
				"unknown cube",
				schema.Batch{Token: "t", Rows: []schema.Row{row(1, 250, noon, [3]int64{})}},
				"there is no cube 250",
			},
			{
				"before 1970",
				schema.Batch{Token: "t", Rows: []schema.Row{row(1, 1, time.Unix(-1, 0), [3]int64{})}},
				"not between 1970 and 2106",
			},
		}
		for _, tt := range tests {
			if err := db.Write(t.Context(), tt.batch); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		batch := schema.Batch{Token: "t", Rows: []schema.Row{good}}
		if err := db.Write(cancelled, batch); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		write(t, db, batch)
		if got := one[int64](t, db, "SELECT sum(visits) FROM counts"); got != 1 {
			t.Errorf("after the errors: %d visits, want 1", got)
		}
		statement(t, config, "DROP TABLE counts SYNC")
		err := db.Write(t.Context(), schema.Batch{Token: "u", Rows: []schema.Row{good}})
		var ex *clickhouse.Exception
		if !errors.As(err, &ex) || ex.Code != 60 {
			t.Errorf("no table: %v", err)
		}
	})
}

// A batch costs what the client's buffers cost, and not an allocation a value.
func TestWriteAllocations(t *testing.T) {
	db := open(t, engineConfig(t))
	batch := schema.Batch{}
	for i := range 10_000 {
		path := fmt.Sprintf("/page/%d", i%500)
		batch.Rows = append(batch.Rows, row(1, schema.CubePages, noon, [3]int64{1, 1, 1}, "example.com", path))
	}
	n := 0
	allocations := testing.AllocsPerRun(3, func() {
		n++
		batch.Token = fmt.Sprint("alloc-", n)
		write(t, db, batch)
	})
	t.Logf("%.2f allocations a row", allocations/10_000)
	if limit := 2 * 10_000.0; allocations > limit {
		t.Errorf("%.0f allocations for 10,000 rows, at most %.0f", allocations, limit)
	}
}
