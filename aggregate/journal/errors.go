package journal

import (
	"errors"
	"fmt"
)

// ErrFull says that a limit or the disk is full. Nothing was changed; it passes when the database takes segments again.
var ErrFull = errors.New("journal is full")

// ErrUncertain says that nobody knows whether the group is on disk. It is settled, as not counted, once
// [Journal.Settle] returns nil; until then its effects in memory must neither be undone nor built upon. Should the
// process die before that, the next Open tells by [Recovered.Last] whether the group counts.
var ErrUncertain = errors.New("outcome of the write is not known yet")

// CorruptError says that a segment holds, or has lost, data that cannot be read and was acknowledged.
type CorruptError struct {
	Path    string // of the segment
	Segment uint64
	Offset  int64 // bytes from the start of the segment
	Reason  string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("journal segment %s is damaged at byte %d: %s; nothing was changed. "+
		"Put the file back from a copy, or salvage the journal to keep all that can still be read",
		e.Path, e.Offset, e.Reason)
}
