// Package pipeline runs the core: one goroutine owns the days of all sites, a second one sends batches to the store.
//
// An event goes in with [Pipeline.Submit], which answers when what it adds is durable, and not before. The order of
// things in a group of requests is what promise P6 rests on:
//
//  1. Begin on each day that is touched, so that what follows can be undone.
//  2. Count each event: the visitor table changes. Then Increments: what the group adds.
//  3. Append to the journal. Now the group counts, also should the process die.
//  4. Answer the requests.
//
// When 3 fails, the tables are rolled back and the requests are told to come again ([ErrBusy]). When nobody knows
// whether it failed (journal.ErrUncertain), the requests are told the same, and the tables wait until it is known.
// After a kill, a table whose group is newer than the journal's last is rolled back. So table and journal always tell
// of the same events.
//
// Sealed segments go to the [Sink] in their order, again and again until it takes them, and are deleted after that.
// The sink drops a batch whose token it has.
//
// What decides is in machine and outbox.step: no goroutine, no clock. The simulation drives those; [Pipeline] is a
// shell of goroutines around them.
//
// # Memory
//
// The visitor tables and salts lie in files of a memory-backed file system, one a site and day, mapped shared: a
// process that is killed leaves them to the next. Where there is none they lie in plain memory, and a restart forgets
// who was there ([Pipeline.Restarted]). A day is over at the site's midnight; requests under way are still let in for
// LateSec, then the salt and the table are overwritten and removed.
package pipeline
