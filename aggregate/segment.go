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

// segments are those that an event is in, a bit each.
type segments uint32

const _ = uint(32 - schema.MaxSegments) // there is room for so many

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
		if attrDims[i] == test.Dimension {
			l.from, l.at = fromAttrs, i
		}
	}
	return l
}

// findSegments finds the segments that the event is in.
func (s *step) findSegments() {
	declared := s.d.declared.segments
	if len(declared) == 0 {
		return
	}
	s.entry = s.v.entry
	if !s.v.has(flagEntry) && s.isView {
		s.entry = s.page
	}
	for i := range declared {
		if s.holds(&declared[i].root) {
			s.in |= 1 << i
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

// What a segment can need in a step, and once more for each event or goal that is counted in it.
const (
	segmentSeen       = 3
	segmentCells      = 5
	segmentNamedSeen  = 1
	segmentNamedCells = 1
)

// countSegments counts the event in the segments that it is in.
func (s *step) countSegments() {
	if s.in == 0 {
		return
	}
	for i := range s.d.declared.segments {
		if s.in&(1<<i) == 0 {
			continue
		}
		if x := &s.d.declared.segments[i]; s.isEvent {
			s.countSegment(x)
		} else if x.ofVisits {
			s.goOnInSegment(x)
		}
	}
}

func (s *step) countSegment(x *declaredSegment) {
	src, at := &s.source, &s.attrs
	key := s.d.word(schema.SegmentKey, x.key)
	if key == otherWord {
		return // more segments were declared and removed in one day than can be told apart
	}
	f, earlier := s.slots(seenSegment, uint64(key), 0)
	d := s.deltas(f)
	if x.ofVisits {
		d[schema.Bounces], d[schema.Duration] = s.bounce, s.duration
		if f.visit { // which may have begun before the segment was declared: what it has been until now comes with it
			d[schema.Bounces], d[schema.Duration] = number(s.v.has(flagBounce)), 0
			if !s.v.has(flagBounce) {
				d[schema.Duration] = s.now - s.d.start - int64(s.v.start)
			}
		}
	}
	s.emitKey(pack(schema.CubeSegments, key, 0, 0, 0, 0, 0), s.hour, &d, nonZero(&d))
	s.emitKey(pack(schema.CubeSegmentPlaces, key, at[0], 0, 0, 0, 0), s.hour, &d, nonZero(&d))
	s.emitKey(pack(schema.CubeSegmentDevices, key, at[3], at[4], at[6], 0, 0), s.hour, &d, nonZero(&d))
	if s.v.has(flagMulti) {
		d[schema.Visitors] = number(s.newFrom(seenSegmentFrom, uint64(key), earlier))
	}
	s.emitKey(pack(schema.CubeSegmentSources, key, src[0], src[1], src[2], 0, 0), s.hour, &d, nonZero(&d))
	f, _ = s.slots(seenSegmentPage, s.pageValue(s.page), uint64(key))
	d = s.deltas(f)
	s.emitKey(pack(schema.CubeSegmentPages, key, s.page.host, s.page.path, 0, 0, 0), s.hour, &d, nonZero(&d))
}

// goOnInSegment counts that a visit of the segment goes on without an event.
func (s *step) goOnInSegment(x *declaredSegment) {
	key := s.d.word(schema.SegmentKey, x.key)
	counted := false
	for slot := s.v.visitSlot; slot <= s.v.slot && !counted; slot++ {
		counted = s.d.has(s.hash(seenSegment, uint64(key), uint64(slot)))
	}
	if !counted {
		return // it began before the segment was declared, and had no event since
	}
	src, at := &s.source, &s.attrs
	d := schema.Deltas{schema.Bounces: s.bounce, schema.Duration: s.duration}
	for _, cell := range [...]packed{
		pack(schema.CubeSegments, key, 0, 0, 0, 0, 0),
		pack(schema.CubeSegmentPlaces, key, at[0], 0, 0, 0, 0),
		pack(schema.CubeSegmentDevices, key, at[3], at[4], at[6], 0, 0),
		pack(schema.CubeSegmentSources, key, src[0], src[1], src[2], 0, 0),
	} {
		s.emitKey(cell, s.hour, &d, nonZero(&d))
	}
}

// countNamedInSegments counts what has the name of an event in the segments that the event is in.
func (s *step) countNamedInSegments(event word, revenue int64) {
	if s.in == 0 {
		return
	}
	for i := range s.d.declared.segments {
		if s.in&(1<<i) == 0 {
			continue
		}
		key := s.d.word(schema.SegmentKey, s.d.declared.segments[i].key)
		if key == otherWord {
			continue
		}
		f, _ := s.slots(seenSegmentEvent, uint64(event), uint64(key))
		d := s.named(f, revenue)
		s.emitKey(pack(schema.CubeSegmentEvents, key, event, 0, 0, 0, 0), s.hour, &d, nonZero(&d))
	}
}
