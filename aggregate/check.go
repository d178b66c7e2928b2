package aggregate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"turf/schema"
)

// What is in memory may come from a process that died, from another version or from a broken machine. A Day that cannot make
// sense of it refuses it at Open or Rollback, and its driver begins the day anew; it never fails later. A number that is wrong
// and still makes sense cannot be told from a right one.

func (d *Day) damaged(err error) error {
	return fmt.Errorf("open day %s of site %d: the memory is damaged: %w", d.cfg.Day, d.cfg.Site, err)
}

// checkSections makes sure that every record of every section lies in the memory, and finds out how much room there is.
func (d *Day) checkSections() error {
	used, chunks := le.Uint64(d.b[usedAt:]), [][2]uint64{{0, headerBytes}} // first byte, and the one after the last
	if used < headerBytes || used > uint64(len(d.b)) {
		return fmt.Errorf("%d bytes are in use of %d", used, len(d.b))
	}
	for i := range d.sections {
		s := &d.sections[i]
		s.room = 0
		for c := range s.chunks(d.b) {
			at, size := le.Uint64(d.b[s.at+16+8*c:]), uint64(s.size*s.chunkRecords(c))
			if at > used || size > used-at {
				return fmt.Errorf("a part of section %d lies outside", i)
			}
			chunks = append(chunks, [2]uint64{at, at + size})
			s.room += s.chunkRecords(c)
		}
		n, saved := le.Uint64(d.b[s.at:]), le.Uint64(d.b[s.at+8:])
		if n > uint64(s.room) || i != undoSection && saved > n {
			return fmt.Errorf("section %d has room for %d records and says that it has %d, %d of them saved", i, s.room, n, saved)
		}
	}
	slices.SortFunc(chunks, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	for i := range chunks[1:] {
		if chunks[i][1] > chunks[i+1][0] {
			return errors.New("two parts lie in one place")
		}
	}
	return errors.Join(d.checkUndo(), d.checkClock())
}

func (d *Day) checkUndo() error {
	for i := range d.len(undoSection) {
		u := d.record(undoSection, i)
		sec, rec := le.Uint32(u), le.Uint32(u[4:])
		if sec >= numSections || sec == undoSection || int(rec) >= d.sections[sec].saved(d.b) {
			return errors.New("the undo list names a record that is not there")
		}
	}
	return nil
}

func (d *Day) checkClock() error {
	if k := le.Uint64(d.b[kAt:]); k < 1 || k > schema.MaxK {
		return fmt.Errorf("k is %d", k)
	}
	for _, at := range [2]int{clockAt, savedClockAt} {
		if t := int64(le.Uint64(d.b[at:])); t < d.start || t > max(d.start, d.end) {
			return errors.New("the clock is not in the day")
		}
	}
	return nil
}

// checkRecords makes sure that what the records name is there. The words must have been rebuilt.
func (d *Day) checkRecords() error {
	asSource, asAttrs := make([]bool, d.len(tuplesSection)), make([]bool, d.len(tuplesSection))
	for i := range asSource {
		t, a := d.loadTuple(uint32(i)), d.loadAttrs(uint32(i))
		asSource[i], asAttrs[i] = d.known(sourceDims[:], t[:]), d.known(attrDims[:], a[:])
	}
	n := uint32(len(asSource))
	pageDims := [2]schema.Dimension{schema.Hostname, schema.Path}
	for i := range d.len(visitorsSection) {
		var v visitor
		v.load(d.record(visitorsSection, i))
		ok := int64(v.last) <= d.end-d.start && int(v.lastHour) < len(d.hours) && int(v.startHour) < len(d.hours) &&
			v.source < n && v.firstSource < n && v.attrs < n &&
			asSource[v.source] && asSource[v.firstSource] && asAttrs[v.attrs]
		for _, p := range [3]page{v.entry, v.exit, v.firstEntry} {
			ok = ok && d.known(pageDims[:], []word{p.host, p.path})
		}
		// A visitor who is being made may have no key yet; it is undone.
		noKey := v.key == Key{} && i < d.sections[visitorsSection].saved(d.b)
		if !ok || noKey || int(v.pages) > d.len(pagesSection) {
			return errors.New("a visitor's record makes no sense")
		}
	}
	for i := range d.len(pagesSection) {
		var e pageEntry
		e.load(d.record(pagesSection, i))
		// The next one is older, so that no list goes round.
		if int(e.next) > i || !d.known(pageDims[:], []word{e.page.host, e.page.path}) {
			return errors.New("a record of a visitor's pages makes no sense")
		}
	}
	for i := range d.len(chainsSection) {
		var c chain
		c.load(d.record(chainsSection, i))
		ok := c.reached <= schema.MaxFunnelSteps
		for _, t := range c.starts {
			ok = ok && int64(t) <= d.end-d.start
		}
		if !ok {
			return errors.New("a record of a funnel makes no sense")
		}
	}
	for i := range d.len(membersSection) {
		var m member
		m.load(d.record(membersSection, i))
		if m.visit&^m.today != 0 {
			return errors.New("a record of segments makes no sense")
		}
	}
	return d.checkCells()
}

func (d *Day) checkCells() error {
	for i := range d.len(cellsSection) {
		rec := d.record(cellsSection, i)
		k, hidden := loadCellKey(rec), d.hidden(rec)
		ok := int(k.cube) < schema.NumCubes && rec[cellStateAt] <= cellVisible && d.known(plans[k.cube].words, k.values[:]) &&
			hidden < d.len(hiddenSection)
		// A cell that is being made may not have the place of its sums yet; it is undone.
		if !ok || i < d.sections[cellsSection].saved(d.b) && plans[k.cube].guards && hidden < 0 {
			return errors.New("a cell's record makes no sense")
		}
	}
	return nil
}

// known reports whether each word is one of its dimension.
func (d *Day) known(dims []schema.Dimension, words []word) bool {
	for i, dim := range dims {
		if int(words[i]) >= len(d.words[dim].values) {
			return false
		}
	}
	return true
}
