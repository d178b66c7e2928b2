package aggregate

import "turf/schema"

// LimitListedPages is how many entries the list of a visitor's pages can have in a day, one for each page and slot. What comes
// later is counted as all else, but for its engagement: the time and scroll depth of those pages are not.
const LimitListedPages = 250

// maxTimeMS is the longest time of one visit on one page that is counted.
const maxTimeMS = 1<<32 - 1

// pageSlots is slots for the event's page. The entries of a visitor's pages are a list from the visitor's record, which takes
// no more memory than entries in the set of what was seen and has room for what a visit did there.
func (s *step) pageSlots() (f fresh, earlier bool) {
	f = newFresh
	current, e := -1, pageEntry{}
	for n := s.v.pages; n != 0; n = e.next {
		e.load(s.d.record(pagesSection, int(n-1)))
		switch {
		case e.page != s.page:
		case e.slot == s.v.slot:
			current = int(n - 1)
		case e.had:
			earlier = s.seenIn(&f, e.slot) || earlier
		}
	}
	if s.v.listed == LimitListedPages {
		more, before := s.unlistedPage(current >= 0)
		f = fresh{f.today && more.today, f.hour && more.hour, f.visit && more.visit, f.visitHour && more.visitHour}
		earlier = earlier || before
	}
	switch {
	case current >= 0:
		e.load(s.d.record(pagesSection, current))
		if e.had {
			return fresh{}, earlier
		}
		s.d.keep(pagesSection, current)
		e.had = true
		e.store(s.d.record(pagesSection, current))
	case s.v.listed < LimitListedPages:
		s.listPage(&pageEntry{had: true})
	}
	return f, earlier
}

// unlistedPage looks in the set of what was seen for the page's entries that came when the list was full, and puts the one of
// this slot there unless it is listed.
func (s *step) unlistedPage(listed bool) (f fresh, earlier bool) {
	if !listed {
		return s.slots(seenPage, s.pageValue(s.page), 0)
	}
	f = newFresh
	for slot := range s.v.slot {
		if s.d.has(s.hash(seenPage, s.pageValue(s.page), uint64(slot))) {
			earlier = s.seenIn(&f, slot) || earlier
		}
	}
	return f, earlier
}

// listPage puts an entry of the event's page and slot on the list, which has room, and returns its number.
func (s *step) listPage(e *pageEntry) int {
	e.next, e.page, e.slot, e.scroll = s.v.pages, s.page, s.v.slot, ScrollUnknown
	rec, i := s.d.add(pagesSection)
	e.store(rec)
	s.v.pages = uint32(i + 1)
	s.v.listed++
	return i
}

// countTransition counts that the visit went from its last page to the event's.
func (s *step) countTransition() {
	from, to := s.v.exit.path, s.page.path
	var d schema.Deltas
	d[schema.Visitors], d[schema.Events] = number(s.newTransition()), 1
	s.emit(&cellKey{cube: schema.CubeTransitions, values: values(from, to)}, s.hour, &d)
}

// newTransition reports whether the visitor goes from the visit's last page to the event's for the first time today, and notes it: a
// mark on an entry of the list of pages says that it was once gone there from the page of the next entry. Whoever sees one new
// page after another has them so on the list. An entry in the set of what was seen is for the others.
func (s *step) newTransition() bool {
	d := s.d
	from, to, mark := s.v.exit.path, s.page.path, -1
	var e, older pageEntry
	for n := s.v.pages; n != 0; n = e.next {
		e.load(d.record(pagesSection, int(n-1)))
		if e.page.path != to || e.next == 0 {
			continue
		}
		older.load(d.record(pagesSection, int(e.next-1)))
		if older.page.path != from {
			continue
		}
		if e.follows {
			return false
		}
		mark = int(n - 1)
	}
	h := s.hash(seenNext, uint64(from), uint64(to))
	if mark < 0 {
		return d.see(h)
	}
	if d.has(h) {
		return false
	}
	d.keep(pagesSection, mark)
	e.load(d.record(pagesSection, mark))
	e.follows = true
	e.store(d.record(pagesSection, mark))
	return true
}

// engagedEntry is the entry that holds what the visit did on the event's page: its first there. False when there is no room.
func (s *step) engagedEntry() (int, bool) {
	found, e := -1, pageEntry{}
	for n := s.v.pages; n != 0; n = e.next {
		e.load(s.d.record(pagesSection, int(n-1)))
		if e.slot < s.v.visitSlot {
			break // of visits before
		}
		if e.page == s.page {
			found = int(n - 1)
		}
	}
	switch {
	case found >= 0:
		s.d.keep(pagesSection, found)
		return found, true
	case s.v.listed == LimitListedPages:
		return 0, false
	}
	return s.listPage(&pageEntry{}), true
}

// countEngagement counts how long a page was looked at and how much of it was seen, in the bucket in which the visit began, so
// that sums and numbers of visits go together.
func (s *step) countEngagement() {
	i, ok := s.engagedEntry()
	if !ok {
		return
	}
	var e pageEntry
	e.load(s.d.record(pagesSection, i))
	before := e
	ms := min(max(s.ev.EngagedMS, 0), MaxEngagedMS)
	e.engaged = true
	e.timeMS = uint32(min(int64(e.timeMS)+ms, maxTimeMS))
	if depth := s.ev.ScrollDepth; depth != ScrollUnknown && (e.scroll == ScrollUnknown || e.scroll < min(depth, 100)) {
		e.scroll = min(depth, 100)
	}
	e.store(s.d.record(pagesSection, i))

	var d schema.Deltas
	d[schema.EngagedSeconds], d[schema.EngagedVisits] = e.seconds()-before.seconds(), number(!before.engaged)
	d[schema.UnscrolledVisits] = number(e.unscrolled()) - number(before.unscrolled())
	scrollDeltas(&d, e.scroll, 1)
	scrollDeltas(&d, before.scroll, -1)
	s.addPage(s.page, int(s.v.startHour), &d, &d)
	s.countTime(&before, &e)
	s.countScrollGoals(before.scroll, e.scroll)
}

// scrollDeltas adds sign times the counts of a visit that saw so much of a page.
func scrollDeltas(d *schema.Deltas, depth uint8, sign int64) {
	if depth == ScrollUnknown {
		return
	}
	d[schema.ScrollPercent] += sign * int64(depth)
	d[schema.Scroll25] += sign * number(depth >= 25)
	d[schema.Scroll50] += sign * number(depth >= 50)
	d[schema.Scroll75] += sign * number(depth >= 75)
	d[schema.Scroll100] += sign * number(depth >= 100)
}

// countTime moves the visit to the bucket of the histogram in which its time on the page now lies.
func (s *step) countTime(before, after *pageEntry) {
	from, to := schema.LogBucket(int64(before.timeMS)), schema.LogBucket(int64(after.timeMS))
	if before.engaged && from == to {
		return
	}
	if before.engaged {
		s.emitTime(from, -1)
	}
	s.emitTime(to, 1)
}

func (s *step) emitTime(bucket string, visits int64) {
	k := cellKey{cube: schema.CubePageTimes, values: values(s.page.host, s.page.path, s.d.word(schema.Bucket, bucket))}
	s.emit(&k, s.hour, &schema.Deltas{schema.Visits: visits})
}
