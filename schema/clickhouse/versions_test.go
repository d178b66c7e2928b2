package clickhouse

import (
	"testing"
	"time"

	"turf/schema/embedded/embeddedtest"
)

// Versions grow whatever the clock does, also against what another process wrote that was not read yet.
func TestVersionsGrow(t *testing.T) {
	engine := embeddedtest.Open(t)
	db, err := Open(t.Context(), Config{Transport: engine, Database: embeddedtest.Scratch(t, engine)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var two [2]*Records
	for i := range two {
		if two[i], err = OpenRecords(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		defer two[i].Close()
	}
	start := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	last := uint64(0)
	for i, step := range []time.Duration{0, 0, -time.Hour, -24 * time.Hour, time.Hour, -56 * 365 * 24 * time.Hour, 0} {
		r := two[i%2]
		r.mu.Lock()
		r.now = func() time.Time { return start.Add(step) }
		r.mu.Unlock()
		if err := r.Put(t.Context(), "key", "a", []byte{'0' + byte(i)}); err != nil {
			t.Fatal(err)
		}
		version := r.All("key")[0].Version
		if version <= last {
			t.Errorf("clock %v: version %d after %d", step, version, last)
		}
		last = version
	}
	for _, r := range two {
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if doc, _ := r.Get("key", "a"); string(doc) != "6" {
			t.Errorf("document %s, want the last one", doc)
		}
	}
}
