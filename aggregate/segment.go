package aggregate

import "turf/schema"

// declaredSegment is a segment in the form in which the core needs it.
type declaredSegment struct {
	key      string
	root     segmentNode
	ofVisits bool // the filter holds for all of a visit or for none
}

// segmentNode is a node of a filter: a leaf, by its place in Declared.leaves, or a branch.
type segmentNode struct {
	op   nodeOp
	leaf int
	of   []segmentNode
}

type nodeOp uint8

const (
	leafNode    nodeOp = iota
	notLeafNode        // a leaf that holds where its test does not
	andNode
	orNode
	notNode
)

// segmentLeaf is a comparison and where its value is found.
type segmentLeaf struct {
	test *schema.SegmentTest
	from leafFrom
	at   int    // which of the tuple's words
	prop string // name of the property
	// ofView is what holds of the name of a page view, and of an engagement, which tells more of one. They have the name under which
	// the properties of page views are counted.
	ofView bool
}

type leafFrom uint8

const (
	fromHost leafFrom = iota
	fromPath
	fromEntryHost
	fromEntryPath
	fromEvent
	fromProp
	fromSource
	fromAttrs
)

// declareSegment adds a segment to what is declared.
func (x *Declared) declareSegment(from *schema.Segment) {
	s := declaredSegment{key: from.Key(), ofVisits: from.Filter.OfVisits()}
	s.root = x.segmentNode(&from.Filter)
	x.segments = append(x.segments, s)
	x.bytes += wordHeader + len(s.key)
}

func (x *Declared) segmentNode(f *schema.SegmentFilter) segmentNode {
	branches := map[string]nodeOp{"and": andNode, "or": orNode, "not": notNode}
	if op, ok := branches[f.Op]; ok {
		n := segmentNode{op: op}
		for i := range f.Of {
			n.of = append(n.of, x.segmentNode(&f.Of[i]))
		}
		return n
	}
	test, err := f.Test()
	if err != nil {
		panic("BUG: a segment was not checked: " + err.Error())
	}
	x.leaves = append(x.leaves, newSegmentLeaf(test, f.Prop))
	n := segmentNode{leaf: len(x.leaves) - 1}
	if f.Negated() {
		n.op = notLeafNode
	}
	return n
}

func newSegmentLeaf(test *schema.SegmentTest, prop string) segmentLeaf {
	l := segmentLeaf{test: test, prop: prop, ofView: test.Holds("pageview")}
	switch dim := test.Dimension; {
	case dim == schema.Hostname && test.Entry:
		l.from = fromEntryHost
	case dim == schema.Path && test.Entry:
		l.from = fromEntryPath
	case dim == schema.Hostname:
		l.from = fromHost
	case dim == schema.Path:
		l.from = fromPath
	case dim == schema.EventName:
		l.from = fromEvent
	case dim == schema.PropValue:
		l.from = fromProp
	}
	for i := range sourceDims {
		if sourceDims[i] == test.Dimension {
			l.from, l.at = fromSource, i
		}
	}
	for i := range attrDims {
		if attrDims[i] == test.Dimension {
			l.from, l.at = fromAttrs, i
		}
	}
	return l
}

// findSegments finds the segments that the event is in.
func (s *step) findSegments() {
	d := s.d
	declared := d.declared.segments
	if len(declared) == 0 {
		return
	}
	if d.segmentWords == nil {
		for i := range declared {
			d.segmentWords = append(d.segmentWords, d.word(schema.SegmentKey, declared[i].key))
		}
	}
	s.entry = s.v.entry
	if !s.v.has(flagEntry) && s.isView {
		s.entry = s.page
	}
	for i := range declared {
		if w := d.segmentWords[i]; w != otherWord && s.holds(&declared[i].root) {
			s.in |= segmentsOf(w)
		}
	}
}

func (s *step) holds(n *segmentNode) bool {
	switch n.op {
	case leafNode:
		return s.leafHolds(n.leaf)
	case notLeafNode:
		return !s.leafHolds(n.leaf)
	case notNode:
		return !s.holds(&n.of[0])
	case andNode:
		for i := range n.of {
			if !s.holds(&n.of[i]) {
				return false
			}
		}
		return true
	}
	for i := range n.of {
		if s.holds(&n.of[i]) {
			return true
		}
	}
	return false
}

func (s *step) leafHolds(i int) bool {
	l, values := &s.d.declared.leaves[i], &s.ev.Values
	switch l.from {
	case fromHost:
		return s.wordHolds(i, s.page.host, values[schema.Hostname])
	case fromPath:
		return s.wordHolds(i, s.page.path, values[schema.Path])
	case fromEntryHost:
		return s.wordHolds(i, s.entry.host, schema.Other)
	case fromEntryPath:
		return s.wordHolds(i, s.entry.path, schema.Other)
	case fromSource:
		return s.wordHolds(i, s.source[l.at], schema.Other)
	case fromAttrs:
		return s.wordHolds(i, s.attrs[l.at], schema.Other)
	case fromProp:
		for _, p := range s.ev.Props[:min(len(s.ev.Props), MaxProps)] {
			if p.Name == l.prop {
				return l.test.Holds(p.Value)
			}
		}
		return l.test.Holds("")
	}
	if s.ev.Kind != Custom {
		return l.ofView
	}
	name := values[schema.EventName]
	return s.wordHolds(i, s.d.word(schema.EventName, name), name)
}

// leafKnown is what is known of a leaf and a word.
const (
	leafUnknown = iota
	leafFalse
	leafTrue
)

// wordHolds asks the leaf once about each word of its dimension. The word Other stands for many values: raw is the event's own, or
// Other where that is not known any more.
func (s *step) wordHolds(leaf int, w word, raw string) bool {
	d := s.d
	test := d.declared.leaves[leaf].test
	if w == otherWord {
		return test.Holds(raw)
	}
	for len(d.leafWords) <= leaf {
		d.leafWords = append(d.leafWords, nil)
	}
	known := d.leafWords[leaf]
	for len(known) <= int(w) {
		known = append(known, leafUnknown)
	}
	d.leafWords[leaf] = known
	if known[w] == leafUnknown {
		known[w] = leafFalse
		if test.Holds(d.words[test.Dimension].values[w]) {
			known[w] = leafTrue
		}
	}
	return known[w] == leafTrue
}

// What a segment can need in a step, and once more for each event or goal that is counted in it; and what all segments need together.
const (
	segmentCells      = 5
	segmentNamedCells = 1
	segmentMembers    = 3
)

// countSegments counts the event in the segments that it is in.
func (s *step) countSegments() {
	switch {
	case s.in == 0:
		return
	case !s.isEvent:
		s.goOnInSegments()
		return
	}
	newToday, newVisit := s.enter(memberVisitor, 0)
	pageToday, pageVisit := s.enter(memberPage, s.pageValue(s.page))
	fromToday := newToday
	if s.v.has(flagMulti) {
		fromToday, _ = s.enter(memberSource, sourceValue(&s.source))
	}
	src := &s.source
	for i, key := range s.d.segmentWords {
		bit := segmentsOf(key)
		if s.in&bit == 0 {
			continue
		}
		d := s.deltas(fresh{today: newToday&bit != 0, visit: newVisit&bit != 0})
		if s.d.declared.segments[i].ofVisits {
			s.addVisit(&d, newVisit&bit != 0)
		}
		set := nonZero(&d)
		s.emitVisitorIn(key, &d, set)
		d[schema.Visitors] = number(fromToday&bit != 0)
		s.emitKey(pack(schema.CubeSegmentSources, key, src[0], src[1], src[2], 0, 0), s.hour, &d, nonZero(&d))
		d = s.deltas(fresh{today: pageToday&bit != 0, visit: pageVisit&bit != 0})
		s.emitKey(pack(schema.CubeSegmentPages, key, s.page.host, s.page.path, 0, 0, 0), s.hour, &d, nonZero(&d))
	}
}

// emitVisitorIn counts in the cells of a segment that tell of the visitor: alone, by place and by device.
func (s *step) emitVisitorIn(segment word, d *schema.Deltas, set uint64) {
	at := &s.attrs
	s.emitKey(pack(schema.CubeSegments, segment, 0, 0, 0, 0, 0), s.hour, d, set)
	s.emitKey(pack(schema.CubeSegmentPlaces, segment, at[0], 0, 0, 0, 0), s.hour, d, set)
	s.emitKey(pack(schema.CubeSegmentDevices, segment, at[3], at[4], at[6], 0, 0), s.hour, d, set)
}

// addVisit adds what the event does to its visit's bounce and duration. What the visit was before it came into the segment, which may
// have been declared since it began, comes with it.
func (s *step) addVisit(d *schema.Deltas, isNew bool) {
	switch {
	case !isNew:
		d[schema.Bounces], d[schema.Duration] = s.bounce, s.duration
	case s.v.has(flagBounce):
		d[schema.Bounces] = 1
	default:
		d[schema.Duration] = s.now - s.d.start - int64(s.v.start)
	}
}

// goOnInSegments counts that the visit goes on without an event, in the segments that it is in as a whole.
func (s *step) goOnInSegments() {
	i := s.d.findMember(s.hash(memberVisitor, 0, 0))
	if i < 0 {
		return // it began before the segments were declared, and had no event since
	}
	var m member
	m.load(s.d.record(membersSection, i))
	if m.visitSlot != s.v.visitSlot {
		return
	}
	src := &s.source
	d := schema.Deltas{schema.Bounces: s.bounce, schema.Duration: s.duration}
	set := nonZero(&d)
	for i, key := range s.d.segmentWords {
		if s.in&m.visit&segmentsOf(key) == 0 || !s.d.declared.segments[i].ofVisits {
			continue
		}
		s.emitVisitorIn(key, &d, set)
		s.emitKey(pack(schema.CubeSegmentSources, key, src[0], src[1], src[2], 0, 0), s.hour, &d, set)
	}
}

// countNamedInSegments counts what has the name of an event in the segments that the event is in.
func (s *step) countNamedInSegments(event word, revenue int64) {
	if s.in == 0 {
		return
	}
	today, visit := s.enter(memberEvent, uint64(event))
	for _, key := range s.d.segmentWords {
		bit := segmentsOf(key)
		if s.in&bit == 0 {
			continue
		}
		d := s.named(fresh{today: today&bit != 0, visit: visit&bit != 0}, revenue)
		s.emitKey(pack(schema.CubeSegmentEvents, key, event, 0, 0, 0, 0), s.hour, &d, nonZero(&d))
	}
}
