package stats

import (
	"testing"

	"turf/schema/clickhouse"
	"turf/schema/embedded/embeddedtest"
)

// OpenDB is an empty database of the engine, for one test of this package or its stats_test.
func OpenDB(t testing.TB) *clickhouse.DB {
	t.Helper()
	engine := embeddedtest.Open(t)
	db, err := clickhouse.Open(t.Context(), clickhouse.Config{Transport: engine, Database: embeddedtest.Database(t, engine)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}
