package aggregate

import (
	"fmt"
	"strings"
)

// State is all that a day knows, but for the number of its last group: the records of every section, the clock, and what lies
// on the heap. Two days with the same State do the same from here on.
func (d *Day) State() string {
	var s strings.Builder
	fmt.Fprintf(&s, "clock %d\n", le.Uint64(d.b[clockAt:]))
	for sec := range d.sections {
		if sec == undoSection || sec == wordsSection {
			continue
		}
		fmt.Fprintf(&s, "section %d: %d\n", sec, d.len(sec))
		for i := range d.len(sec) {
			s.Write(d.record(sec, i))
		}
	}
	for i := range d.words {
		fmt.Fprintf(&s, "%q\n", d.words[i].values)
	}
	fmt.Fprintln(&s, d.active, d.cubeCells, d.visitors.used, d.seen.used, d.tuples.used, d.cells.used,
		d.chains.used, d.members.used)
	return s.String()
}
