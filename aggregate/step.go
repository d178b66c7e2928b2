package aggregate

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"turf/schema"
)

// What an entry of the set of what was seen is about.
const (
	seenPage      = iota + 1 // page, slot: only when the list of pages is full
	seenPageFrom             // page, source: only of visitors with several sources
	seenEvent                // event, slot
	seenProp                 // event, property, value, slot
	seenSource               // source
	seenSourceIn             // source, hour: only of visitors with several sources
	seenReferrer             // source, referrer
	seenCampaign             // the utm tags
	seenEntry                // page entered by
	seenEntryFrom            // page entered by, source
	seenExit                 // last page of a visit that is over
	seenExitFrom             // the same, with the visit's source
	seenEventFrom            // event, source: only of visitors with several sources
	seenEventPage            // event, page, slot
	seenFunnel               // funnel: names a chain
	seenNext                 // path, next path: only where the list of pages does not tell
)

// What one step can need at the most.
const (
	maxSeenStep  = 20 + 2*MaxProps
	maxWordStep  = (int(schema.NumDimensions) + 2*MaxProps) * (wordHeader + schema.MaxValueBytes)
	maxCellsStep = 62 + 2*MaxProps
	maxPagesStep = 2
	maxUndoStep  = 2 + 2*maxCellsStep + maxPagesStep
)

// needs is how many records one step can add to each section at the most.
type needs [numSections]int

// stepNeeds are those of a site without declarations.
var stepNeeds = needs{
	visitorsSection: 1, seenSection: maxSeenStep, tuplesSection: 2, cellsSection: maxCellsStep,
	hiddenSection: maxCellsStep, pagesSection: maxPagesStep, wordsSection: maxWordStep, undoSection: maxUndoStep,
	membersSection: 1,
}

// step is one event on its way through the counters.
type step struct {
	d  *Day
	ev *Event
	v  visitor

	now             int64
	hour            int
	source, first   tuple // of the visit, of the day's first visit
	attrs           attrs
	page            page
	isView, isEvent bool
	in              segments // of the event
	entry           page     // by which the visit entered, with the event; set where there are segments

	newVisitor, newVisit, newHour bool
	bounce, duration              int64 // what the visit's bounces and duration change by

	pages    *[maxPageSums]pageSums
	numPages int
}

// fresh says in what something is seen for the first time.
type fresh struct{ today, hour, visit, visitHour bool }

var newFresh = fresh{true, true, true, true}

// Step counts an event: it appends to out the increments that the event causes, each cell once. An error wraps ErrFull, and then
// nothing has changed. Once warm it allocates nothing but what out needs to grow. Where only the sum of a group matters, Count and
// Increments do less.
func (d *Day) Step(ev *Event, out []schema.Increment) ([]schema.Increment, error) {
	if err := d.Count(ev); err != nil {
		return out, err
	}
	return d.Increments(out), nil
}

// Count counts an event; Increments tells what the events of a group add. An error wraps ErrFull, and then nothing has changed. Once
// warm it allocates nothing.
func (d *Day) Count(ev *Event) error {
	if err := d.room(); err != nil {
		return fmt.Errorf("count an event on %s of site %d: %w", d.cfg.Day, d.cfg.Site, err)
	}
	s := step{d: d, ev: ev, pages: &d.pageSums}
	clock := int64(le.Uint64(d.b[clockAt:]))
	s.now = max(clock, min(ev.Time, d.end-1))
	s.hour = d.hour(s.now)
	i := d.find(ev.Visitor)
	if i >= 0 {
		s.v.load(d.record(visitorsSection, i))
	}
	if ev.Kind == Vitals {
		if i >= 0 {
			s.countVitals()
		}
		return nil
	}
	since := s.now - d.start - int64(s.v.last)
	s.newVisitor = i < 0
	s.newVisit = s.newVisitor || since > IdleSec
	if ev.Kind == Engagement && s.newVisit {
		return nil // nobody is there whose visit could go on
	}
	le.PutUint64(d.b[clockAt:], uint64(s.now))
	if i >= 0 {
		d.keep(visitorsSection, i)
		d.active[s.v.last/60]--
	}
	s.count(since)
	s.store(i)
	d.active[s.v.last/60]++
	return nil
}

// room makes sure that the step that follows cannot fail half way.
func (d *Day) room() error {
	if d.len(visitorsSection) >= LimitVisitorsPerDay || d.len(seenSection) >= LimitSeenPerDay-d.need[seenSection] ||
		d.len(tuplesSection) >= LimitTuplesPerDay-2 || d.len(chainsSection) >= LimitChainsPerDay-schema.MaxFunnels ||
		d.len(membersSection) >= LimitMembersPerDay-d.need[membersSection] {
		return ErrFull
	}
	for sec, n := range d.need {
		if err := d.reserveMore(sec, n); err != nil {
			return err
		}
	}
	return nil
}

func (s *step) store(i int) {
	d := s.d
	s.v.last = uint32(s.now - d.start)
	s.v.lastHour = uint8(s.hour)
	if i >= 0 {
		s.v.store(d.record(visitorsSection, i))
		return
	}
	rec, i := d.add(visitorsSection)
	s.v.store(rec)
	d.visitors.put(s.v.key[0], i, d.visitorHash)
}

// count is the step's order: who, which visit, which page, then the counters.
func (s *step) count(since int64) {
	s.isView = s.ev.Kind == Pageview
	s.isEvent = s.ev.Kind != Engagement
	s.page = page{s.d.word(schema.Hostname, s.ev.Values[schema.Hostname]), s.d.word(schema.Path, s.ev.Values[schema.Path])}
	s.newHour = s.newVisitor || int(s.v.lastHour) != s.hour
	if s.newVisitor {
		s.beginVisitor()
	}
	s.nextSlot()
	if s.newVisit {
		s.beginVisit()
	} else {
		s.source, s.first = s.d.loadTuple(s.v.source), s.d.loadTuple(s.v.firstSource)
	}
	s.attrs = s.d.loadAttrs(s.v.attrs)
	s.goOn(since)
	s.findSegments()
	s.countVisit()
	if s.isEvent {
		s.countPage()
	}
	if s.isView {
		s.countView()
		s.countGoals()
	}
	s.countStart()
	switch {
	case s.ev.Kind == Custom || s.isView && len(s.ev.Props) > 0:
		s.countEvent()
	case s.ev.Kind == Engagement:
		s.countEngagement()
	}
	s.emitPages()
	s.countSegments()
	s.countFunnels()
}

// words numbers the event's values of the dimensions.
func (s *step) words(dims []schema.Dimension, words []word) {
	for i, dim := range dims {
		words[i] = s.d.word(dim, s.ev.Values[dim])
	}
}

func (s *step) beginVisitor() {
	var a attrs
	s.words(attrDims[:], a[:])
	t := a.pack()
	s.v = visitor{key: s.ev.Visitor, attrs: s.d.tuple(&t)}
}

// nextSlot opens a new slot for a new visit or a new hour.
func (s *step) nextSlot() {
	if s.newVisitor {
		return
	}
	if s.newVisit || s.newHour {
		s.v.slot++
	}
	if s.newVisit {
		s.v.visitSlot = s.v.slot
	}
	if s.newHour {
		s.v.hourSlot = s.v.slot
	}
}

// beginVisit closes the visit before and opens the next.
func (s *step) beginVisit() {
	v := &s.v
	if v.visits > 0 && v.has(flagEntry) {
		before := s.d.loadTuple(v.source)
		s.d.see(s.hash(seenExit, s.pageValue(v.exit), 0))
		s.d.see(s.hash(seenExitFrom, s.pageValue(v.exit), sourceValue(&before)))
	}
	s.words(sourceDims[:], s.source[:])
	v.source = s.d.tuple(&s.source)
	if v.visits == 0 {
		v.firstSource = v.source
	}
	s.first = s.d.loadTuple(v.firstSource)
	if !v.has(flagMulti) && !s.source.sameSource(&s.first) {
		v.flags |= flagMulti
		v.multiSlot = v.slot
		if !s.newHour {
			s.d.see(s.hash(seenSourceIn, sourceValue(&s.first), uint64(s.hour)))
		}
		s.keepFirstSource()
	}
	v.visits = min(v.visits+1, 2)
	v.start = uint32(s.now - s.d.start)
	v.startHour = uint8(s.hour)
	v.views = 0
	v.entry, v.exit = page{}, page{}
	v.flags &^= flagBounce | flagEntry
}

// goOn works out what the event does to the visit's bounce and duration.
func (s *step) goOn(since int64) {
	v := &s.v
	if s.isView && v.views < 2 {
		v.views++
	}
	ends := v.views >= 2 || s.ev.Kind == Custom && !s.ev.Passive
	switch {
	case s.newVisit && !ends:
		s.bounce = 1
		v.flags |= flagBounce
	case s.newVisit:
	case v.has(flagBounce) && ends:
		s.bounce = -1
		s.duration = s.now - s.d.start - int64(v.start)
		v.flags &^= flagBounce
	case !v.has(flagBounce):
		s.duration = since
	}
}

// countVisit counts what belongs to the visit and not to a page or an event. Bounce and duration go to the bucket in which the
// visit began.
func (s *step) countVisit() {
	base := s.deltas(fresh{s.newVisitor, s.newHour, s.newVisit, s.newVisit || s.newHour})
	start := schema.Deltas{schema.Bounces: s.bounce, schema.Duration: s.duration}
	if base.IsZero() && start.IsZero() {
		return
	}
	sameHour := int(s.v.startHour) == s.hour
	fromToday := s.newVisitor || s.newVisit && s.newSource()
	fromHour := s.newHour
	if s.v.has(flagMulti) {
		fromHour = s.d.see(s.hash(seenSourceIn, sourceValue(&s.source), uint64(s.hour)))
	}
	whole := base // with what belongs to the bucket in which the visit began
	whole.Add(&start)
	const visitors = 1<<schema.Visitors | 1<<schema.VisitorsHour
	setBase, setStart, setWhole := nonZero(&base)&^visitors, nonZero(&start), nonZero(&whole)&^visitors
	for _, cell := range s.visitCells() {
		d, set := &whole, setWhole
		if !sameHour && plans[cell.cube()].hourly {
			d, set = &base, setBase
			s.emitKey(cell, int(s.v.startHour), &start, setStart)
		}
		d[schema.Visitors], d[schema.VisitorsHour] = number(s.newVisitor), number(s.newHour)
		switch cell.cube() {
		case schema.CubeSources, schema.CubeSourcePlaces, schema.CubeSourceDevices:
			d[schema.Visitors], d[schema.VisitorsHour] = number(fromToday), number(fromHour)
		case schema.CubeReferrers:
			d[schema.Visitors] = number(s.newVisitor || s.newVisit && s.newReferrer())
		case schema.CubeCampaigns:
			d[schema.Visitors] = number(s.newVisitor || s.newVisit && s.newCampaign())
		}
		set |= uint64(d[schema.Visitors])<<schema.Visitors | uint64(d[schema.VisitorsHour])<<schema.VisitorsHour
		s.emitKey(cell, s.hour, d, set)
	}
}

// countStart counts what the event changed about its visit on the page by which it entered, in the bucket in which it began.
func (s *step) countStart() {
	if s.v.has(flagEntry) {
		d := schema.Deltas{schema.Bounces: s.bounce, schema.Duration: s.duration}
		s.addPage(s.v.entry, int(s.v.startHour), &d, &d)
	}
}

// countPage counts the page of a page view or custom event.
func (s *step) countPage() {
	f, earlier := s.pageSlots()
	d := s.deltas(f)
	from := d
	if s.v.has(flagMulti) {
		from[schema.Visitors] = number(s.newFrom(seenPageFrom, s.pageValue(s.page), earlier))
	}
	s.addPage(s.page, s.hour, &d, &from)
}

// countView counts the visit's entry and exit.
func (s *step) countView() {
	v := &s.v
	start := int(v.startHour)
	var d, from schema.Deltas
	if !v.has(flagEntry) {
		d[schema.Entries], d[schema.Exits] = 1, 1
		from = d
		d[schema.EntryVisitors], from[schema.EntryVisitors] = s.newEntry()
		d[schema.ExitVisitors], from[schema.ExitVisitors] = s.exitVisitors(s.page)
		v.flags |= flagEntry
		v.entry, v.exit = s.page, s.page
		// What the visit brought with it from before it had a page.
		d[schema.Bounces] = number(v.has(flagBounce)) - s.bounce
		if !v.has(flagBounce) {
			d[schema.Duration] = s.now - s.d.start - int64(v.start) - s.duration
		}
		from[schema.Bounces], from[schema.Duration] = d[schema.Bounces], d[schema.Duration]
		s.addPage(s.page, start, &d, &from)
		return
	}
	if s.page == v.exit {
		return
	}
	s.countTransition()
	d[schema.Exits] = 1
	from = d
	d[schema.ExitVisitors], from[schema.ExitVisitors] = s.exitVisitors(s.page)
	s.addPage(s.page, start, &d, &from)
	d, from = schema.Deltas{schema.Exits: -1}, schema.Deltas{schema.Exits: -1}
	was, wasFrom := s.exitVisitors(v.exit)
	d[schema.ExitVisitors], from[schema.ExitVisitors] = -was, -wasFrom
	s.addPage(v.exit, start, &d, &from)
	v.exit = s.page
}

// newEntry is 1 when no earlier visit of the visitor's day entered by this page, and the same for page and source.
func (s *step) newEntry() (int64, int64) {
	v := &s.v
	if v.visits == 1 {
		v.flags |= flagFirstEntry
		v.firstEntry = s.page
		return 1, 1
	}
	byFirst := v.has(flagFirstEntry) && v.firstEntry == s.page
	isNew := s.d.see(s.hash(seenEntry, s.pageValue(s.page), 0)) && !byFirst
	isNewFrom := s.d.see(s.hash(seenEntryFrom, s.pageValue(s.page), sourceValue(&s.source))) &&
		!(byFirst && s.source.sameSource(&s.first))
	return number(isNew), number(isNewFrom)
}

// exitVisitors is 1 when this visit alone makes the visitor one whose visit ended at p: no earlier visit did.
func (s *step) exitVisitors(p page) (int64, int64) {
	if s.v.visits == 1 {
		return 1, 1
	}
	return number(!s.d.has(s.hash(seenExit, s.pageValue(p), 0))),
		number(!s.d.has(s.hash(seenExitFrom, s.pageValue(p), sourceValue(&s.source))))
}

// newFrom reports whether a value is new today together with the visit's source, for a visitor with several. Before multiSlot
// all was from the first source, and earlier tells; after it there is an entry for each value and source.
func (s *step) newFrom(what int, value uint64, earlier bool) bool {
	known := earlier && s.source.sameSource(&s.first)
	return s.d.see(s.hash(what, value, sourceValue(&s.source))) && !known
}

func (s *step) newSource() bool {
	isFirst := s.source.sameSource(&s.first)
	return !isFirst && s.d.see(s.hash(seenSource, sourceValue(&s.source), 0))
}

func (s *step) newReferrer() bool {
	if s.source[1] == s.first[1] && s.source[3] == s.first[3] {
		return false
	}
	return s.d.see(s.hash(seenReferrer, uint64(s.source[1])<<16|uint64(s.source[3]), 0))
}

func (s *step) newCampaign() bool {
	a, b := s.source, s.first
	if a[2] == b[2] && [4]word(a[4:]) == [4]word(b[4:]) {
		return false
	}
	return s.d.see(s.hash(seenCampaign, uint64(a[4])<<48|uint64(a[5])<<32|uint64(a[6])<<16|uint64(a[7]), uint64(a[2])))
}

// slots says in what a value is new, from one entry a value and slot, and puts the entry of this slot. Earlier: it was seen
// before the visitor's second source came.
func (s *step) slots(what int, value, more uint64) (f fresh, earlier bool) {
	f = newFresh
	for slot := range s.v.slot {
		if s.d.has(s.hash(what, value, more<<16|uint64(slot))) {
			earlier = s.seenIn(&f, slot) || earlier
		}
	}
	if !s.d.see(s.hash(what, value, more<<16|uint64(s.v.slot))) {
		f = fresh{}
	}
	return f, earlier
}

// seenIn takes from f what is not new for a value that was seen in an earlier slot, and reports whether that was before the
// visitor's second source came.
func (s *step) seenIn(f *fresh, slot uint16) (earlier bool) {
	v := &s.v
	f.today = false
	f.visit = f.visit && slot < v.visitSlot
	f.hour = f.hour && slot < v.hourSlot
	f.visitHour = f.visitHour && slot < max(v.visitSlot, v.hourSlot)
	return v.has(flagMulti) && slot < v.multiSlot
}

// deltas are the counts of an event in a cell in which f says what is new.
func (s *step) deltas(f fresh) (d schema.Deltas) {
	d[schema.Visitors], d[schema.VisitorsHour] = number(f.today), number(f.hour)
	d[schema.Visits], d[schema.VisitsHour] = number(f.visit), number(f.visitHour)
	d[schema.Pageviews], d[schema.CustomEvents] = number(s.isView), number(s.isEvent && !s.isView)
	return d
}

// hash names a fact about the visitor in the set of what was seen.
func (s *step) hash(what int, a, b uint64) uint64 {
	var buf [40]byte
	le.PutUint64(buf[:], s.v.key[0])
	le.PutUint64(buf[8:], s.v.key[1])
	le.PutUint64(buf[16:], uint64(what))
	le.PutUint64(buf[24:], a)
	le.PutUint64(buf[32:], b)
	return xxhash.Sum64(buf[:])
}

func (s *step) pageValue(p page) uint64 { return uint64(p.host)<<16 | uint64(p.path) }

func sourceValue(t *tuple) uint64 { return uint64(t[0])<<32 | uint64(t[1])<<16 | uint64(t[2]) }

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
