package clickhouse_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
)

func TestMigrateTwice(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		const made = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
		before := fmt.Sprint(query(t, db, made, nil))
		applied := query(t, db, "SELECT number, name FROM migrations ORDER BY number", nil)
		if got := fmt.Sprint(applied); got != "[[1 counts] [2 records] [3 consented] [4 metrics]]" {
			t.Errorf("applied: %s", got)
		}
		for range 2 {
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprint(query(t, db, made, nil)); got != before {
			t.Errorf("migrated again:\n%s\nbefore:\n%s", got, before)
		}
		if n := one[uint64](t, db, "SELECT count() FROM migrations"); n != 4 {
			t.Errorf("%d migrations are noted", n)
		}
	})
}

func TestMigrateAtOnce(t *testing.T) {
	config := engineConfig(t)
	db, err := clickhouse.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	write(t, db, numbered(0))
}

func TestMigrateCreatesTheDatabase(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		config.Database += "-new"
		db := open(t, config)
		write(t, db, numbered(0))
		if got := one[int64](t, db, "SELECT sum(visits) FROM counts"); got != 400 {
			t.Errorf("%d visits", got)
		}
	})
}

// oldCounts makes the tables as a program with fewer dimensions and metrics would have, with a row in it.
func oldCounts(t *testing.T, config clickhouse.Config, dimensions []schema.Dimension, metrics []schema.Metric) {
	t.Helper()
	columns, key := "site_id UInt32, cube LowCardinality(String), time DateTime('UTC')", "site_id, cube, time"
	for _, d := range dimensions {
		columns += ", " + d.String() + " LowCardinality(String)"
		key += ", " + d.String()
	}
	for _, m := range metrics {
		columns += ", " + m.String() + " Int64"
	}
	statement(t, config, "CREATE TABLE counts ("+columns+") ENGINE = SummingMergeTree PARTITION BY toYYYYMM(time) "+
		"PRIMARY KEY (site_id, cube, time) ORDER BY ("+key+") SETTINGS non_replicated_deduplication_window = 10000")
	statement(t, config, "INSERT INTO counts (site_id, cube, time, visits) VALUES (1, 'places', '2026-03-14 00:00:00', 5)")
}

func TestMigrateAddsWhatIsNew(t *testing.T) {
	tests := []struct {
		name       string
		dimensions []schema.Dimension
		metrics    []schema.Metric
	}{
		{"dimensions", []schema.Dimension{schema.Hostname, schema.Country}, allMetrics()},
		{"metrics", allDimensions(), []schema.Metric{schema.Visits, schema.Pageviews}},
		{"both", nil, []schema.Metric{schema.Visits}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, config clickhouse.Config) {
				oldCounts(t, config, tt.dimensions, tt.metrics)
				db := open(t, config)
				open(t, config) // and again
				day := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
				rows := []schema.Row{
					row(1, schema.CubePlaces, day, [3]int64{1, 1, 1}, "NL", "NL-NH", "2759794:Amsterdam"),
					row(1, schema.CubePlaces, day, [3]int64{2, 2, 2}, "NL", "NL-NH", "2755003:Haarlem"),
				}
				rows[0].Sums[schema.Exits] = 7
				for i := range 3 {
					write(t, db, schema.Batch{Token: fmt.Sprint("t-", i), Rows: rows})
				}
				statement(t, config, "OPTIMIZE TABLE counts FINAL")
				got := fmt.Sprint(query(t, db, "SELECT city, visits, exits FROM counts ORDER BY city", nil))
				if want := "[[ 5 0] [2755003:Haarlem 6 0] [2759794:Amsterdam 3 21]]"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
}

func allDimensions() (list []schema.Dimension) {
	for d := range schema.NumDimensions {
		list = append(list, d)
	}
	return list
}

func allMetrics() (list []schema.Metric) {
	for m := range schema.NumMetrics {
		list = append(list, m)
	}
	return list
}

func TestMigrateRefuses(t *testing.T) {
	tests := []struct {
		name  string
		setup []string
		want  string
	}{
		{
			"a newer database",
			[]string{
				"CREATE TABLE migrations (number UInt32, name String, applied DateTime('UTC')) ENGINE = Memory",
				"INSERT INTO migrations VALUES (1, 'counts', now()), (999, 'future', now())",
			},
			"made by a newer version, whose migration 999 is not known",
		},
		{
			"a column of another type",
			[]string{`CREATE TABLE counts (site_id UInt32, cube LowCardinality(String), time DateTime('UTC'), path String)
				ENGINE = SummingMergeTree ORDER BY (site_id, cube, time, path)`},
			"column path is String and should be LowCardinality(String)",
		},
		{
			"a dimension outside the key",
			[]string{`CREATE TABLE counts (site_id UInt32, cube LowCardinality(String), time DateTime('UTC'),
				path LowCardinality(String)) ENGINE = SummingMergeTree ORDER BY (site_id, cube, time)`},
			"column path should be part of the sorting key",
		},
		{
			"a local time",
			[]string{`CREATE TABLE counts (site_id UInt32, cube LowCardinality(String), time DateTime)
				ENGINE = SummingMergeTree ORDER BY (site_id, cube, time)`},
			"column time is DateTime and should be DateTime('UTC')",
		},
		{
			"another table",
			[]string{"CREATE TABLE counts (n Int64) ENGINE = SummingMergeTree ORDER BY n"},
			"column site_id is missing",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := engineConfig(t)
			for _, sql := range tt.setup {
				statement(t, config, sql)
			}
			db, err := clickhouse.Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRetention(t *testing.T) {
	config := engineConfig(t)
	now := time.Now().UTC().Truncate(24 * time.Hour)
	old, recent := now.AddDate(0, 0, -100), now.AddDate(0, 0, -8)
	rows := []schema.Row{
		row(1, schema.CubeTraffic, old, [3]int64{1, 1, 1}),
		row(1, schema.CubeTraffic, recent, [3]int64{2, 2, 2}),
		row(1, schema.CubePlaces, old, [3]int64{3, 3, 3}, "NL"),
		row(1, schema.CubePlaces, now.AddDate(-3, 0, 0), [3]int64{4, 4, 4}, "NL"),
	}
	left := func(hourly, daily int) string {
		t.Helper()
		config.HourlyRetentionDays, config.DailyRetentionDays = hourly, daily
		db := open(t, config)
		const mutations = "SELECT count() FROM system.mutations WHERE database = currentDatabase()"
		changed := one[uint64](t, db, mutations)
		open(t, config)
		if n := one[uint64](t, db, mutations); n != changed {
			t.Errorf("retention %d, %d: set again though it was so already", hourly, daily)
		}
		write(t, db, schema.Batch{Token: "rows", Rows: rows})
		statement(t, config, "OPTIMIZE TABLE counts FINAL")
		var list []int64
		for _, r := range query(t, db, "SELECT visits FROM counts ORDER BY visits", nil) {
			list = append(list, r[0].(int64))
		}
		return fmt.Sprint(list)
	}
	for _, tt := range []struct {
		hourly, daily int
		want          string
	}{
		{0, 0, "[1 2 3 4]"}, // for ever: an imported log of past years stays
		{90, 0, "[2 3 4]"},
		{90, 760, "[2 3]"},
		{0, 760, "[2 3]"},
		{0, 0, "[2 3]"},
	} {
		if got := left(tt.hourly, tt.daily); got != tt.want {
			t.Errorf("retention of %d and %d days leaves %s, want %s", tt.hourly, tt.daily, got, tt.want)
		}
	}
}

func TestSchema(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		columns, err := open(t, config).Schema(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tables := map[string][]string{}
		for _, c := range columns {
			tables[c.Table] = append(tables[c.Table], c.Name+" "+c.Type)
		}
		want := []string{"site_id UInt32", "cube LowCardinality(String)", "time DateTime('UTC')"}
		for d := range schema.NumDimensions {
			want = append(want, d.String()+" LowCardinality(String)")
		}
		for m := range schema.NumMetrics {
			want = append(want, m.String()+" Int64")
		}
		if len(tables) != 5 || !slices.Equal(tables["counts"], want) {
			t.Errorf("tables %v, want counts %v", tables, want)
		}
	})
}

// A table that was made with other codecs gets those of today, and only then.
func TestMigrateSetsCodecs(t *testing.T) {
	config := engineConfig(t)
	oldCounts(t, config, allDimensions(), allMetrics())
	db := open(t, config)
	const codecs = "SELECT type, compression_codec, count() FROM system.columns WHERE database = currentDatabase() " +
		"AND table = 'counts' AND name NOT IN ('site_id', 'cube', 'time') GROUP BY ALL ORDER BY type"
	want := fmt.Sprintf("[[Int64 CODEC(T64, ZSTD(1)) %d] [LowCardinality(String) CODEC(ZSTD(1)) %d]]",
		schema.NumMetrics, schema.NumDimensions)
	if got := fmt.Sprint(query(t, db, codecs, nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	const changed = "SELECT metadata_modification_time FROM system.tables WHERE database = currentDatabase() AND name = 'counts'"
	before := one[time.Time](t, db, changed)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := one[time.Time](t, db, changed); !after.Equal(before) {
		t.Errorf("the table was changed again at %v", after)
	}
	write(t, db, numbered(0))
	statement(t, config, "OPTIMIZE TABLE counts FINAL")
	if got := one[int64](t, db, "SELECT sum(visits) FROM counts"); got != 405 {
		t.Errorf("%d visits", got)
	}
}
