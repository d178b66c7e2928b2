package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/embedded/embeddedtest"
)

// A table of before migration 4 gives the same sums after it, wherever the migration was broken off, however often it is run, and for
// parts of both kinds; and what was stored before is known by its token still.
func TestUpgradeOfMetrics(t *testing.T) {
	engine := embeddedtest.Open(t)
	for _, wide := range []int{0, 1 << 30} { // all parts wide, all compact
		for stop := range 8 {
			t.Run(fmt.Sprint(wide, " bytes, after ", stop), func(t *testing.T) {
				db, err := Open(t.Context(), Config{Transport: engine, Database: embeddedtest.Scratch(t, engine)})
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				tableOfBefore(t, db, wide)
				list, err := db.migrations()
				if err != nil {
					t.Fatal(err)
				}
				cut := list[4]
				if len(cut.statements) != 7 {
					t.Fatalf("%d statements", len(cut.statements))
				}
				cut.statements = cut.statements[:stop]
				if err := db.apply(t.Context(), cut); err != nil {
					t.Fatal(err)
				}
				for again := range 2 {
					if err := db.Migrate(t.Context()); err != nil {
						t.Fatal(err)
					}
					if got := sumsOfUpgrade(t, db); got != upgraded {
						t.Fatalf("run %d:\n%s\nwant\n%s", again, got, upgraded)
					}
					exec(t, db, "ALTER TABLE migrations DELETE WHERE number = 4 SETTINGS mutations_sync = 2")
				}
				exec(t, db, "OPTIMIZE TABLE counts FINAL")
				if got := sumsOfUpgrade(t, db); got != upgraded {
					t.Fatalf("merged:\n%s\nwant\n%s", got, upgraded)
				}
				sent := schema.Batch{Token: "old-0", Rows: []schema.Row{{Cell: schema.Cell{Site: 1, Cube: schema.CubeTraffic}}}}
				sent.Rows[0].Cell.Time, sent.Rows[0].Sums[schema.Pageviews] = 1773482400, 7
				if err := db.Write(t.Context(), sent); err != nil {
					t.Fatal(err)
				}
				if got := sumsOfUpgrade(t, db); got != upgraded {
					t.Fatalf("a batch of before was stored again:\n%s", got)
				}
				have, err := db.columnTypes(t.Context(), "counts")
				if err != nil || len(have) != len(countsColumns()) {
					t.Errorf("%d columns, want %d: %v", len(have), len(countsColumns()), err)
				}
				if err := db.exec(t.Context(), insertOfBefore("later", 1), nil); err == nil {
					t.Error("an older program can insert still")
				}
			})
		}
	}
}

// A table whose parts are still being rewritten, as after a migration that was killed, would refuse to be altered: that is waited for.
func TestUpgradeWaitsForMutations(t *testing.T) {
	engine := embeddedtest.Open(t)
	db, err := Open(t.Context(), Config{Transport: engine, Database: embeddedtest.Scratch(t, engine)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tableOfBefore(t, db, 0)
	exec(t, db, "SYSTEM STOP MERGES counts")
	exec(t, db, "ALTER TABLE counts UPDATE engaged_ms = engaged_ms WHERE true SETTINGS mutations_sync = 0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := db.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("migrate in a table that is being rewritten: %v", err)
	}
	exec(t, db, "SYSTEM START MERGES counts")
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sumsOfUpgrade(t, db); got != upgraded {
		t.Errorf("%s\nwant\n%s", got, upgraded)
	}
}

// upgraded are the cube, page views, custom events, events, seconds and visits without scrolling of what tableOfBefore has. The seconds of
// each stored row are rounded apart: twice -1.501 and 0.3, and twice 3.5.
const upgraded = "[drops 0 0 14 0 0] [events 0 0 22 0 0] [page_places 12 2 0 -4 4] [pages_daily 0 0 0 8 -2] [traffic 12 10 0 0 0]"

func insertOfBefore(token string, site int) string {
	return fmt.Sprintf("INSERT INTO counts (site_id, cube, time, country, pageviews, events, engaged_ms, engaged_visits, scroll_visits) "+
		"SETTINGS insert_deduplication_token = '%s' VALUES "+
		"(%[2]d, 'traffic', 1773482400, '', 6, 11, 0, 0, 0), (%[2]d, 'drops', 1773482400, '', 0, 7, 0, 0, 0), "+
		"(%[2]d, 'events', 1773482400, '', 0, 11, 0, 0, 0), (%[2]d, 'page_places', 1773482400, 'a%[1]s', 2, 0, -1501, 5, 3), "+
		"(%[2]d, 'page_places', 1773482400, 'b%[1]s', 4, 7, 300, 1, 1), "+
		"(%[2]d, 'pages_daily', 1773482400, '%[1]s', 0, 0, 3500, 0, 1)", token, site)
}

// tableOfBefore makes the table as the version before left it, with two parts that are not merged.
func tableOfBefore(t *testing.T, db *DB, wide int) {
	t.Helper()
	columns, key := "site_id UInt32, cube LowCardinality(String), time DateTime('UTC')", "site_id, cube, time"
	for _, d := range dimensionNames() {
		columns, key = columns+", "+d+" LowCardinality(String)", key+", "+d
	}
	for m := range schema.NumMetrics {
		name := strings.NewReplacer("engaged_seconds", "engaged_ms", "unscrolled_visits", "scroll_visits").Replace(m.String())
		if m != schema.CustomEvents {
			columns += ", " + name + " Int64 CODEC(T64, ZSTD(1))"
		}
	}
	exec(t, db, fmt.Sprintf("CREATE TABLE counts (%s) ENGINE = SummingMergeTree PARTITION BY toYYYYMM(time) "+
		"PRIMARY KEY (site_id, cube, time) ORDER BY (%s) "+
		"SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = %d, min_rows_for_wide_part = %[3]d",
		columns, key, wide))
	exec(t, db, "SYSTEM STOP MERGES counts")
	for i := range 2 {
		exec(t, db, insertOfBefore(fmt.Sprint("old-", i), 1))
	}
	exec(t, db, "SYSTEM START MERGES counts")
}

func sumsOfUpgrade(t *testing.T, db *DB) string {
	t.Helper()
	rows, err := db.Select(t.Context(), "SELECT cube, sum(pageviews), sum(custom_events), sum(events), sum(engaged_seconds), "+
		"sum(unscrolled_visits) FROM counts WHERE site_id = 1 GROUP BY (cube) ORDER BY cube", nil)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(rows)
	return text[1 : len(text)-1]
}

func exec(t *testing.T, db *DB, sql string) {
	t.Helper()
	if err := db.exec(context.WithoutCancel(t.Context()), sql, nil); err != nil {
		t.Fatal(err)
	}
}
