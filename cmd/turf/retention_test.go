package main

import (
	"strings"
	"testing"

	"turf/schema/embedded/embeddedtest"
)

// What --retention-days says is what the database is told, for hours and days alike; without it counters have no end.
func TestRetentionDays(t *testing.T) {
	embeddedtest.Library(t)
	dir := t.TempDir()
	for _, tt := range []struct {
		days int
		want string
	}{{0, ""}, {761, "toIntervalDay(761)"}, {90, "toIntervalDay(90)"}, {0, ""}} {
		in, err := openInstance(t.Context(), instanceConfig{dir: dir, clickhouse: embeddedEngine, retentionDays: tt.days})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := in.db.Select(t.Context(), "SELECT engine_full FROM system.tables WHERE name = 'counts'", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, ttl, _ := strings.Cut(rows[0][0].(string), " TTL ")
		if n := strings.Count(ttl, "toIntervalDay"); tt.want == "" && n != 0 || tt.want != "" && strings.Count(ttl, tt.want) != 2 {
			t.Errorf("%d days: the table has the TTL %q", tt.days, ttl)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
