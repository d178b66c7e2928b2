// Package embedded is ClickHouse inside the process: libchdb, bound without cgo, behind an [http.RoundTripper] that
// answers the HTTP requests of clickhouse-go. So the one client speaks to it as to a server:
//
//	engine, err := embedded.Open(embedded.Config{Dir: dir})
//	db, err := clickhouse.Open(&clickhouse.Options{
//		Protocol:      clickhouse.HTTP,
//		Addr:          []string{"embedded"}, // a name only: nothing is dialled
//		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine, nil },
//	})
//
// # What the library asks for
//
// One process holds one engine, on one directory: [Open] refuses a second one while the first is open (the library
// would quietly go on with the first directory). After [Engine.Close] another may be opened; the library's authors know
// of crashes when that is done many times, so a program opens one and keeps it.
//
// Its signal handlers are turned off before anything else, or a fault that the Go runtime would handle ends the
// process.
//
// A connection carries one statement at a time. The engine keeps a small pool, and one connection more that kills
// cancelled queries and keeps the engine up (the library shuts down when its last connection closes).
//
// # What a request may hold
//
// What clickhouse-go sends over HTTP: a statement with database, settings and param_x in the URL; or an insert whose
// statement is in the URL and whose data is the body. The statement sees its settings and no later one does; SET and
// USE have no effect beyond their own request, as on a server. Sessions, external tables and compression (pointless
// inside a process) are refused with ClickHouse's code 36.
//
// An insert is read whole before the database sees any of it, so a client that fails half-way inserts nothing. It is
// one block (a test holds this for 100,000 rows): in each partition all of its rows appear at once or not at all. With
// a setting insert_deduplication_token, and a table with non_replicated_deduplication_window, it can be sent again
// after any failure, also a kill at any instant (see repair.go): what is stored already is left out, partition by
// partition.
//
// Errors of the database come with status, X-ClickHouse-Exception-Code and text as a server sends them, so that
// clickhouse-go makes its *proto.Exception of them.
package embedded
