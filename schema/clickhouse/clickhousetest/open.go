// Package clickhousetest gives tests the counting store.
package clickhousetest

import (
	"testing"

	"turf/schema/clickhouse"
	"turf/schema/embedded/embeddedtest"
)

// Open opens a database and makes its tables. It is closed when the test ends.
func Open(t testing.TB, config clickhouse.Config) *clickhouse.DB {
	t.Helper()
	db, err := clickhouse.Open(t.Context(), config)
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

// Empty is an empty database of the embedded engine, for one test.
func Empty(t testing.TB) *clickhouse.DB {
	t.Helper()
	engine := embeddedtest.Open(t)
	return Open(t, clickhouse.Config{Transport: engine, Database: embeddedtest.Database(t, engine)})
}
