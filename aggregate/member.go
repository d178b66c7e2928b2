package aggregate

import "turf/schema"

// LimitMembersPerDay is how many records of [member] a day can have.
const LimitMembersPerDay = 100_000_000

// segments is a set of segments, a bit for each of the keys that the day has seen.
type segments uint64

const _ = uint(64 - schema.MaxSegmentsPerDay) // there is room for so many

// segmentsOf is the set of the one whose key is w; none for a key that came after MaxSegmentsPerDay, all of which share a word.
func segmentsOf(w word) segments {
	if w <= otherWord {
		return 0
	}
	return 1 << (w - otherWord - 1)
}

// What a record of a member is about.
const (
	memberVisitor = iota + 1 // the visitor
	memberPage               // the visitor on a page
	memberSource             // the visitor from a source: only of visitors with several
	memberEvent              // the visitor with an event or goal
)

// member is which segments a visitor was in: today, and in the visit that began with a slot. One record tells of all segments, so
// that they cost memory by the visitor and not by the segment.
type member struct {
	hash         uint64 // of the visitor and what it is about
	today, visit segments
	visitSlot    uint16
}

const memberBytes = 32

func (m *member) load(b []byte) {
	_ = b[memberBytes-1]
	m.hash, m.today, m.visit = le.Uint64(b), segments(le.Uint64(b[8:])), segments(le.Uint64(b[16:]))
	m.visitSlot = le.Uint16(b[24:])
}

func (m *member) store(b []byte) {
	_ = b[memberBytes-1]
	le.PutUint64(b, m.hash)
	le.PutUint64(b[8:], uint64(m.today))
	le.PutUint64(b[16:], uint64(m.visit))
	le.PutUint16(b[24:], m.visitSlot)
}

// enter notes that the visitor is in the event's segments with a value, and tells in which of them that is new today, and in the visit.
func (s *step) enter(what int, value uint64) (newToday, newVisit segments) {
	d := s.d
	m := member{hash: s.hash(what, value, 0)}
	i := d.findMember(m.hash)
	if i >= 0 {
		m.load(d.record(membersSection, i))
	} else {
		i = d.addMember(m.hash)
	}
	if m.visitSlot != s.v.visitSlot {
		m.visit, m.visitSlot = 0, s.v.visitSlot
	}
	newToday, newVisit = s.in&^m.today, s.in&^m.visit
	if newToday|newVisit != 0 {
		d.keep(membersSection, i)
		m.today, m.visit = m.today|s.in, m.visit|s.in
		m.store(d.record(membersSection, i))
	}
	return newToday, newVisit
}

// keepFirstSource notes in which segments the visitor was so far, when a second source comes: all of that was from the first.
func (s *step) keepFirstSource() {
	d := s.d
	i := d.findMember(s.hash(memberVisitor, 0, 0))
	if i < 0 {
		return
	}
	var m member
	m.load(d.record(membersSection, i))
	m.hash, m.visit = s.hash(memberSource, sourceValue(&s.first), 0), 0
	m.store(d.record(membersSection, d.addMember(m.hash)))
}

// addMember appends a record, for which there must be room, and returns its number.
func (d *Day) addMember(hash uint64) int {
	rec, i := d.add(membersSection)
	le.PutUint64(rec, hash)
	d.members.put(hash, i, d.memberHash)
	return i
}

func (d *Day) memberHash(i int) uint64 { return le.Uint64(d.record(membersSection, i)) }

// findMember is the number of the record, or −1.
func (d *Day) findMember(h uint64) int {
	if d.members.used == 0 {
		return -1
	}
	for probe := h; ; probe++ {
		n := d.members.at(probe)
		if n == 0 {
			return -1
		}
		if d.memberHash(int(n-1)) == h {
			return int(n - 1)
		}
	}
}
