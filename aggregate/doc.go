// Package aggregate is the deterministic core: it decides what an event changes in the counters.
//
// A [Day] is the visitor table of one site and one of its local days. [Day.Count] takes one [Event], [Day.Increments] tells what
// the events of a group add; the visitor's key does not leave. All that a Day knows lies in its [Memory], which the driver
// (package pipeline) keeps in a memory-backed file, so that a killed process finds its visitors again. What a group of
// events changed can be undone until the driver knows that the group's increments are durable:
//
//	day.Begin(n)                // the driver's number of the group, larger than any before
//	err = day.Count(&ev)        // for each event of the group
//	incs = day.Increments(incs) // append them to the journal; when that failed:
//	day.Rollback()
//
// After a restart the driver compares [Day.Group] with the last group that the journal holds and calls Rollback when the
// memory is ahead.
//
// The package has no clock, no randomness, no I/O and no goroutine; one goroutine at a time may use a Day. Time comes in
// with the event and never runs backward: an event earlier than the last one counts at the time of the last one.
//
// # What is new
//
// Visitors, visits and pages are counted exactly, which needs to know what is new: for the day, for the hour, for the visit.
// A visitor has a record (64 bytes), a list of pages (16 bytes each) and entries in the set of what was seen (8 bytes
// each). Three facts keep that set small:
// place and device belong to the visitor (those of the day's first event), so a cell that crosses them is new when the rest
// is; a visitor's events are cut into slots, a new one for each visit and each hour, and an entry names the slot, so that one
// entry a page tells all three; and the first source of the day needs no entry, since the record holds it.
package aggregate
