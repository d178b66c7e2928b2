package aggregate

import (
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"turf/schema"
)

// ErrFull says that the day can take no more: a limit below was reached, or the memory could not grow. The event that met it
// was not counted and nothing was changed.
var ErrFull = errors.New("the visitor table of the site's day is full")

// Limits of a day.
const (
	LimitVisitorsPerDay = 50_000_000
	LimitSeenPerDay     = 500_000_000
	LimitTuplesPerDay   = 50_000_000
)

// IdleSec is how long a visit lasts after its last event, in seconds (Plausible's and everybody's 30 minutes).
const IdleSec = 30 * 60

// ActiveSec is how long a visitor counts as being there now, in seconds.
const ActiveSec = 5 * 60

// Config says which day a Day is.
type Config struct {
	Site     schema.SiteID
	Day      schema.Day
	Location *time.Location
	// K is how many visitors a guarded cell needs to be shown. At least 1. A day keeps the K it began with.
	K int
	// Salt is the key of the day's visitor keys. It is used when the memory is empty and ignored when it is not.
	Salt [16]byte
}

// The memory begins with a header of headerBytes; numbers are little-endian.
const (
	headerBytes  = 8192
	magic        = 0x3559_4144_4652_5554 // "TURFDAY5"
	magicAt      = 0
	siteAt       = 8
	dayAt        = 12
	saltAt       = 16
	kAt          = 32
	groupAt      = 40
	clockAt      = 48
	savedClockAt = 56
	usedAt       = 64
	sectionsAt   = 128
)

// The sections.
const (
	visitorsSection = iota
	seenSection
	tuplesSection
	cellsSection
	hiddenSection // sums of hidden cells
	pagesSection  // pages of visitors
	chainsSection // how far visitors are in funnels
	wordsSection  // bytes: dimension, length, value
	undoSection
	membersSection // which segments visitors were in
	numSections
)

const undoBytes = 8 + max(visitorBytes, hiddenBytes) // section, record, old bytes of a record

var sections = [numSections]section{
	visitorsSection: {size: visitorBytes, first: 2},
	seenSection:     {size: 8, first: 4},
	tuplesSection:   {size: tupleBytes, first: 2},
	cellsSection:    {size: cellBytes, first: 2},
	hiddenSection:   {size: hiddenBytes, first: 2},
	pagesSection:    {size: pageBytes, first: 4},
	chainsSection:   {size: chainBytes, first: 2},
	wordsSection:    {size: 1, first: 8},
	undoSection:     {size: undoBytes, first: 2},
	membersSection:  {size: memberBytes, first: 2},
}

// Day is the visitor table of one site and local day. See the package's documentation.
type Day struct {
	cfg      Config
	mem      Memory
	b        []byte // mem's bytes
	sections [numSections]section
	start    int64    // first instant of the day, Unix seconds
	end      int64    // first instant of the next
	hours    []bucket // the hours of the day's clock

	visitors, seen, tuples, cells, chains, members index

	words     [schema.NumDimensions]words
	cubeCells [schema.NumCubes]int  // cells a cube has
	active    []uint32              // by minute of the day: visitors whose last event was in it
	lastHour  int                   // where the last search of hours ended
	sums      sums                  // what the open group adds
	pageSums  [maxPageSums]pageSums // space of a step

	declared    *Declared
	pageMatches []*pageMatch // by the number of a path; nil where nobody has looked
	otherMatch  pageMatch    // of the last path that has no number
	leafWords   [][]uint8    // by the place of a leaf and the number of a word: what is known of it

	segmentWords []word // of the declared segments; nil where they have not been numbered
	need         needs
}

// bucket is an hour of the day: the time that names it and the first instant in it.
type bucket struct{ name, first int64 }

// Open formats empty memory for the day that cfg names, or finds the day that is in it. It undoes nothing: see Group.
func Open(cfg Config, mem Memory) (*Day, error) {
	if cfg.K < 1 {
		return nil, fmt.Errorf("open day %s of site %d: k is %d and must be at least 1", cfg.Day, cfg.Site, cfg.K)
	}
	d := &Day{cfg: cfg, mem: mem, b: mem.Bytes(), sections: sections}
	d.Declare(nothingDeclared)
	at := sectionsAt
	for i := range d.sections {
		d.sections[i].at = at
		at += sectionHeader
	}
	d.setCalendar()
	if len(d.b) < headerBytes || le.Uint64(d.b[magicAt:]) == 0 {
		if err := d.format(); err != nil {
			return nil, err
		}
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := d.checkSections(); err != nil {
		return nil, d.damaged(err)
	}
	return d, d.rebuild()
}

func (d *Day) format() error {
	b, err := d.mem.Grow(headerBytes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	d.b = b
	le.PutUint32(b[siteAt:], uint32(d.cfg.Site))
	le.PutUint32(b[dayAt:], uint32(d.cfg.Day))
	copy(b[saltAt:], d.cfg.Salt[:])
	le.PutUint64(b[kAt:], uint64(d.cfg.K))
	le.PutUint64(b[clockAt:], uint64(d.start))
	le.PutUint64(b[savedClockAt:], uint64(d.start))
	le.PutUint64(b[usedAt:], headerBytes)
	le.PutUint64(b[magicAt:], magic) // last: a day half formatted is formatted again
	return nil
}

func (d *Day) check() error {
	switch {
	case le.Uint64(d.b[magicAt:]) != magic:
		return fmt.Errorf("open day %s of site %d: the memory holds something else", d.cfg.Day, d.cfg.Site)
	case le.Uint32(d.b[siteAt:]) != uint32(d.cfg.Site) || le.Uint32(d.b[dayAt:]) != uint32(d.cfg.Day):
		return fmt.Errorf("open day %s of site %d: the memory holds day %s of site %d", d.cfg.Day, d.cfg.Site,
			schema.Day(int32(le.Uint32(d.b[dayAt:]))), le.Uint32(d.b[siteAt:]))
	}
	d.cfg.K = int(le.Uint64(d.b[kAt:]))
	d.cfg.Salt = [16]byte{}
	return nil
}

// setCalendar works out the day's bounds and the hours of its clock.
func (d *Day) setCalendar() {
	d.start = d.cfg.Day.Start(d.cfg.Location).Unix()
	d.end = (d.cfg.Day + 1).Start(d.cfg.Location).Unix()
	name := func(t int64) int64 { return schema.HourStart(time.Unix(t, 0), d.cfg.Location) }
	for t := d.start; t < d.end; {
		n := name(t)
		d.hours = append(d.hours, bucket{name: max(n, d.start), first: t})
		lo, hi := t+1, min(n+3600, d.end)
		for lo < hi { // the first instant after t that another bucket holds
			if mid := lo + (hi-lo)/2; name(mid) != n {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		t = lo
	}
	if len(d.hours) == 0 { // a date that the zone skipped
		d.hours = []bucket{{d.start, d.start}}
	}
}

// Salt is the key of the day's visitor keys.
func (d *Day) Salt() (salt [16]byte) {
	copy(salt[:], d.b[saltAt:])
	return salt
}

// Visitors is how many visitors the day has had.
func (d *Day) Visitors() int { return d.len(visitorsSection) }

// Keys calls yield with each visitor's key until it answers false. It is there for the proof that no key is on disk.
func (d *Day) Keys(yield func(Key) bool) {
	for i := range d.len(visitorsSection) {
		if !yield(d.visitorKey(i)) {
			return
		}
	}
}

// Active is how many visitors had an event in the last ActiveSec seconds, minutes counted whole.
func (d *Day) Active(now int64) int {
	n := 0
	last := int(now-d.start) / 60
	for m := max(last-ActiveSec/60+1, 0); m <= last && m < len(d.active); m++ {
		n += int(d.active[m])
	}
	return n
}

// Group is the number of the last group that began in this memory, 0 if none did.
func (d *Day) Group() uint64 { return le.Uint64(d.b[groupAt:]) }

// Begin opens a group: Rollback goes back to this point. Number must be larger than that of any group before.
func (d *Day) Begin(number uint64) {
	d.sums.empty()
	for i := range d.sections {
		d.sections[i].setSaved(d.b, d.len(i))
	}
	d.sections[undoSection].setLen(d.b, 0)
	copy(d.b[savedClockAt:savedClockAt+8], d.b[clockAt:])
	le.PutUint64(d.b[groupAt:], number) // last: until here the group before is the last one
}

// Rollback undoes everything since the last Begin.
func (d *Day) Rollback() error {
	d.sums.empty()
	for i := d.len(undoSection) - 1; i >= 0; i-- {
		u := d.record(undoSection, i)
		sec, rec := int(le.Uint32(u)), int(le.Uint32(u[4:]))
		copy(d.record(sec, rec), u[8:])
	}
	for i := range d.sections {
		if i != undoSection {
			d.sections[i].setLen(d.b, d.sections[i].saved(d.b))
		}
	}
	copy(d.b[clockAt:clockAt+8], d.b[savedClockAt:])
	d.sections[undoSection].setLen(d.b, 0)
	return d.rebuild()
}

func (d *Day) len(sec int) int              { return d.sections[sec].len(d.b) }
func (d *Day) record(sec, i int) []byte     { return d.sections[sec].record(d.b, i) }
func (d *Day) visitorHash(i int) uint64     { return le.Uint64(d.record(visitorsSection, i)) }
func (d *Day) seenHash(i int) uint64        { return le.Uint64(d.record(seenSection, i)) }
func (d *Day) tupleHash(i int) uint64       { return xxhash.Sum64(d.record(tuplesSection, i)) }
func (d *Day) cellHash(i int) uint64        { return loadPacked(d.record(cellsSection, i)).hash() }
func (d *Day) reserveMore(sec, n int) error { return d.reserve(sec, d.len(sec)+n) }
func (d *Day) visitorKey(i int) Key {
	b := d.record(visitorsSection, i)
	return Key{le.Uint64(b), le.Uint64(b[8:])}
}

// add appends a record of zeros, for which there must be room, and returns its bytes and number. It is zero before it counts,
// so that a process which dies here leaves no record that makes no sense.
func (d *Day) add(sec int) ([]byte, int) {
	n := d.len(sec)
	rec := d.record(sec, n)
	clear(rec)
	d.sections[sec].setLen(d.b, n+1)
	return rec, n
}

// keep puts a record on the undo list before it changes.
func (d *Day) keep(sec, i int) {
	if i >= d.sections[sec].saved(d.b) {
		return // new in this group: undone by the length
	}
	s := &d.sections[undoSection]
	n := s.len(d.b)
	u := s.record(d.b, n)
	le.PutUint32(u, uint32(sec))
	le.PutUint32(u[4:], uint32(i))
	copy(u[8:], d.record(sec, i))
	s.setLen(d.b, n+1) // after the entry is whole, before the record changes
}

// reserve makes room for n records of the section in all.
func (d *Day) reserve(sec, n int) error {
	s := &d.sections[sec]
	if n <= s.room {
		return nil
	}
	first := s.chunks(d.b)
	last, size, room := first, 0, s.room
	for ; room < n; last++ {
		if last == maxChunks {
			return ErrFull
		}
		size += s.chunkBytes(last)
		room += s.chunkRecords(last)
	}
	used := int(le.Uint64(d.b[usedAt:]))
	b, err := d.mem.Grow(used + size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	d.b = b
	for c := first; c < last; c++ {
		at := used
		used += s.chunkBytes(c)
		le.PutUint64(b[usedAt:], uint64(used)) // first: bytes are rather lost than used twice
		le.PutUint64(b[s.at+16+8*c:], uint64(at))
	}
	s.room = room
	return nil
}

// rebuild makes all that lies on the heap from what lies in the memory.
func (d *Day) rebuild() error {
	if err := d.rebuildWords(); err != nil {
		return d.damaged(err)
	}
	if err := d.checkRecords(); err != nil {
		return d.damaged(err)
	}
	d.active = make([]uint32, (d.end-d.start)/60+1)
	d.visitors.reset(d.len(visitorsSection))
	for i := range d.len(visitorsSection) {
		d.visitors.put(d.visitorHash(i), i, nil)
		d.active[le.Uint32(d.record(visitorsSection, i)[16:])/60]++
	}
	d.seen.reset(d.len(seenSection))
	for i := range d.len(seenSection) {
		d.seen.put(d.seenHash(i), i, nil)
	}
	d.tuples.reset(d.len(tuplesSection))
	for i := range d.len(tuplesSection) {
		d.tuples.put(d.tupleHash(i), i, nil)
	}
	d.cells.reset(d.len(cellsSection))
	d.chains.reset(d.len(chainsSection))
	for i := range d.len(chainsSection) {
		d.chains.put(d.chainHash(i), i, nil)
	}
	d.members.reset(d.len(membersSection))
	for i := range d.len(membersSection) {
		d.members.put(d.memberHash(i), i, nil)
	}
	d.cubeCells = [schema.NumCubes]int{}
	for i := range d.len(cellsSection) {
		d.cells.put(d.cellHash(i), i, nil)
		d.cubeCells[d.record(cellsSection, i)[0]]++
	}
	return nil
}

// tuple numbers a tuple. There must be room for it.
func (d *Day) tuple(t *tuple) uint32 {
	var b [tupleBytes]byte
	t.store(b[:])
	h := xxhash.Sum64(b[:])
	for probe := h; ; probe++ {
		n := d.tuples.at(probe)
		if n == 0 {
			break
		}
		if [tupleBytes]byte(d.record(tuplesSection, int(n-1))) == b {
			return n - 1
		}
	}
	rec, i := d.add(tuplesSection)
	copy(rec, b[:])
	d.tuples.put(h, i, d.tupleHash)
	return uint32(i)
}

func (d *Day) loadTuple(i uint32) (t tuple) {
	t.load(d.record(tuplesSection, int(i)))
	return t
}

func (d *Day) loadAttrs(i uint32) attrs {
	t := d.loadTuple(i)
	return t.attrs()
}

// find is the number of the visitor's record, or −1.
func (d *Day) find(key Key) int {
	for probe := key[0]; ; probe++ {
		n := d.visitors.at(probe)
		if n == 0 {
			return -1
		}
		if d.visitorKey(int(n-1)) == key {
			return int(n - 1)
		}
	}
}

// has reports whether h is in the set of what was seen.
func (d *Day) has(h uint64) bool {
	for probe := h; ; probe++ {
		n := d.seen.at(probe)
		if n == 0 {
			return false
		}
		if d.seenHash(int(n-1)) == h {
			return true
		}
	}
}

// see puts h into the set of what was seen, for which there must be room, and reports whether it is new there.
func (d *Day) see(h uint64) bool {
	if d.has(h) {
		return false
	}
	rec, i := d.add(seenSection)
	le.PutUint64(rec, h)
	d.seen.put(h, i, d.seenHash)
	return true
}

// hour is the number of the bucket in which t lies.
func (d *Day) hour(t int64) int {
	i := d.lastHour
	if d.hours[i].first > t {
		i = 0
	}
	for i+1 < len(d.hours) && d.hours[i+1].first <= t {
		i++
	}
	d.lastHour = i
	return i
}
