// Package journal keeps increments of counters on disk from the moment a request is answered until the database has
// taken them. It knows nothing of events; what it holds are sums of cells.
//
// A journal is a directory of numbered segments (FORMAT.md has the bytes). The newest one takes groups: what a group
// of requests adds, durable as a whole or not at all. Sealing a segment opens the next one and makes the old one a
// batch: one row a cell, in canonical order, with a token that names it for ever. The batch that is made while
// running and the one that is made again from the file after a crash are equal, byte for byte, because both come from
// the same table of sums.
//
// # The rules that make it right
//
//   - A segment is born whole: it is written under another name, synced, renamed, and its directory is synced, before
//     it takes its first group. So a segment whose header cannot be read is damaged, never half-born.
//   - The header of a segment holds the number of the last group that counts before it. Groups with larger numbers in
//     older segments were given up (their Append failed) and are ignored; groups that are missing up to that number
//     are damage.
//   - A segment is deleted only when a newer one is durable, so the number of the last group outlives the groups.
//   - Nothing is ever appended to a segment that was found at start, and each start draws a random number that
//     becomes part of the token. So no token is ever given to two batches, not even when a backup of the directory is
//     put back.
//   - After a failed sync nobody knows what is on disk, so the segment is not used again.
//
// # Damage
//
// A damaged record at the very end of the newest segment is a torn write of a group that nobody was told about; it is
// cut. Damage anywhere else means that acknowledged data cannot be read: [Open] changes nothing and returns a
// [*CorruptError], so that the owner can put the file back from a copy. [Salvage] is the way on when there is none:
// it keeps what can be read.
package journal
