package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"turf/dashboard/stats"
	"turf/ingest/importer"
	"turf/schema"
	"turf/schema/clickhouse"
)

// importedDays says what was imported into the sites: of the documents in memory, which are read once for each state of them. Its
// methods may be called by many goroutines.
type importedDays struct {
	records *clickhouse.Records

	mu    sync.Mutex // guards what follows
	sites map[schema.SiteID]importedSite
}

// importedSite is made of a site's documents as they were.
type importedSite struct {
	from []clickhouse.Record
	all  []schema.Imported
}

// of is what was imported into a site. It must not be changed.
func (d *importedDays) of(site schema.SiteID) ([]schema.Imported, error) {
	now := d.records.All(importKind(site))
	if len(now) == 0 {
		return nil, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.sites[site]; sameRecords(known.from, now) {
		return known.all, nil
	}
	var all []schema.Imported
	for i := range now {
		var r importer.Record
		err := json.Unmarshal(now[i].Doc, &r)
		var some []schema.Imported
		if err == nil {
			some, err = r.Imported()
		}
		if err != nil {
			return nil, fmt.Errorf("read the record of the import %s: %w", now[i].ID, err)
		}
		all = append(all, some...)
	}
	all = schema.MergeImported(all)
	if d.sites == nil {
		d.sites = map[schema.SiteID]importedSite{}
	}
	d.sites[site] = importedSite{now, all}
	return all, nil
}

// sameRecords reports whether two lists hold the same versions of the same documents.
func sameRecords(a, b []clickhouse.Record) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 0 || &a[0] == &b[0] {
		return true
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Version != b[i].Version {
			return false
		}
	}
	return true
}

// stats is the engine that answers questions about the counters.
func (in *instance) stats() *stats.Engine {
	return &stats.Engine{Runner: in.db, Now: time.Now, Imports: in.imported.of}
}
