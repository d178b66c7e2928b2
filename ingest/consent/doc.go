// Package consent is the opt-in path: a ledger of what people agreed to, the gate that asks it, and the way of the
// events that are kept because somebody agreed. It shares nothing with the counting path but the site's number and the
// rules by which a page, a source and a device are named (ingest.Describer).
//
// The ledger is an append-only log of leaves under a Merkle tree. What a person agreed to lies beside it as a payload;
// the leaf is a salted commitment to it. An erased payload is gone from its file, and the log and its proofs stay as
// they were. FORMAT.md describes the files, WIRE.md what is said over HTTP.
//
// # Who owns what
//
// One goroutine, Ledger.run, writes: every change is a function that it runs (Ledger.do). It appends to the files,
// syncs them, and only then changes the state in memory, under the mutex that readers take. A batch of events enters
// through the gate (Ledger.enter) and leaves when its rows are written; a withdrawal first bars the gate, then waits
// until those inside have left, and is then written and answered. So nothing that was accepted comes after the answer.
//
// # No proof, no consent
//
// A ledger that cannot append grants nothing (ErrUnavailable). A withdrawal that cannot be written holds in memory all
// the same, and its sender is told to send it again.
package consent
