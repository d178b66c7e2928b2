// Package clickhouse keeps the counters and the small documents of an installation in ClickHouse. It is the only
// package that speaks SQL to the database, and it speaks the same SQL to all of them: the engine inside the process
// (schema/embedded, as Config.Transport), a server, a cluster.
//
//	db, err := clickhouse.Open(ctx, clickhouse.Config{URL: "clickhouse://turf:secret@db:9000/turf"})
//	err = db.Migrate(ctx)                        // tables and columns follow the catalogue in package schema
//	err = db.Write(ctx, batch)                   // once, however often it is called with the same token
//	rows, err := db.Select(ctx, sql, params)     // reads only; what users typed is only ever in params
//
//	records, err := clickhouse.OpenRecords(ctx, db)  // documents, held in memory
//	sites, err := clickhouse.OpenSites(records)      // the documents that are sites
//
// # Tables
//
// counts holds one row a counter, records one row a version of a document, migrations the files of this folder that
// were applied. In a cluster counts is a Distributed table over counts_local; records and migrations are whole on
// every server.
//
// consented_events and consented_heat are the opt-in path's: [Consented] writes, exports and erases, dashboard/reports asks.
// They are sharded by site as counts is, and no statement reads them together with it.
//
// # Batches
//
// A batch is one insert, one block, with the batch's token as insert_deduplication_token: each partition (month)
// takes all of its rows at once or none, and takes them only once. So a batch that failed, or whose answer was lost,
// is sent again until it is acknowledged. A table remembers its last DeduplicationWindow parts of inserts; a batch of
// n months is n of them.
//
// # Days beside hours
//
// Most questions are about days. So traffic, pages, sources and devices, which are kept by the hour, are kept by the day as well, in
// the cubes traffic_daily, pages_daily, sources_daily and devices_daily: their twins (schema.Cube.TwinOf). A question reads one of them.
// Both are written by the same batch. The hours keep what is asked by the hour or of a part of a day, and not the visitors of the day,
// nor the visits of a page. FillTwins adds up what was counted before there was a twin, when hours kept all. TwinDifferences finds where
// they differ: in what both keep; and visitors and visits of a day are at least those of each hour, and at most those of all hours
// together.
// Collectors that share a database are all to be stopped for the upgrade that brings a twin.
//
// # Errors
//
// Errors say what was tried and wrap the cause: errors.As finds ClickHouse's own *Exception with its code.
package clickhouse
