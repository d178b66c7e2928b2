package aggregate

import (
	"math/bits"

	"turf/schema"
)

// word numbers a value of a dimension within its day: 0 is "", 1 is schema.Other.
type word uint16

const (
	noWord    word = 0
	otherWord word = 1
)

// page is a hostname and a path.
type page struct{ host, path word }

// tuple is the words of a source (sourceDims), or those of a place and device in as little room (see attrs).
type tuple [8]word

// attrs are the words of a place and device (attrDims).
type attrs [10]word

var (
	sourceDims = [8]schema.Dimension{
		schema.Channel, schema.Source, schema.Campaign, schema.Referrer,
		schema.UTMSource, schema.UTMMedium, schema.UTMContent, schema.UTMTerm,
	}
	attrDims = [10]schema.Dimension{
		schema.Country, schema.Region, schema.City, schema.Device,
		schema.Browser, schema.BrowserVersion, schema.OS, schema.OSVersion,
		schema.Language, schema.ScreenWidth,
	}
)

// maxShortWord is the largest word of the dimensions that share one of a tuple's words with another: device and screen, browser and
// system. They have so few values a day.
const maxShortWord = 0xff

// pack makes a tuple of the attributes, which takes no more room than a source.
func (a *attrs) pack() tuple {
	return tuple{a[0], a[1], a[2], a[3] | a[9]<<8, a[4] | a[6]<<8, a[5], a[7], a[8]}
}

func (t *tuple) attrs() attrs {
	return attrs{
		t[0], t[1], t[2], t[3] & maxShortWord, t[4] & maxShortWord, t[5], t[4] >> 8, t[6],
		t[7], t[3] >> 8,
	}
}

const tupleBytes = 16

func (t *tuple) load(b []byte) {
	for i := range t {
		t[i] = word(le.Uint16(b[2*i:]))
	}
}

func (t *tuple) store(b []byte) {
	for i, w := range t {
		le.PutUint16(b[2*i:], uint16(w))
	}
}

// sameSource reports whether channel, source and campaign are the same.
func (t *tuple) sameSource(o *tuple) bool { return t[0] == o[0] && t[1] == o[1] && t[2] == o[2] }

// Flags of a visitor.
const (
	flagBounce     = 1 << iota // the visit is a bounce so far
	flagEntry                  // the visit has had a page view
	flagFirstEntry             // the first visit of the day had a page view: firstEntry is set
	flagMulti                  // the visitor had visits from more than one source
	viewsShift     = iota
	visitsShift    = viewsShift + 2
)

// visitor is what is known of a visitor of the day, with the visit that is or was last open.
type visitor struct {
	key                     Key
	last, start             uint32 // seconds since the day began: last event; first event of the visit
	source, firstSource     uint32 // numbers of tuples: of the visit, of the day's first visit
	attrs                   uint32 // number of the tuple of place and device
	entry, exit, firstEntry page
	slot                    uint16 // slot of the last event
	visitSlot, hourSlot     uint16 // first slots of the visit and of the hour
	multiSlot               uint16 // first slot with a second source
	lastHour, startHour     uint8  // numbers of buckets of the day
	views, visits           uint8  // page views of the visit and visits of the day, counted up to 2
	flags                   uint8
	listed                  uint8  // how many pages are on the list
	pages                   uint32 // 1 + the newest record of the list of pages, 0: there is none
}

const visitorBytes = 64

func (v *visitor) load(b []byte) {
	_ = b[visitorBytes-1]
	v.key = Key{le.Uint64(b), le.Uint64(b[8:])}
	v.last, v.start = le.Uint32(b[16:]), le.Uint32(b[20:])
	v.source, v.firstSource, v.attrs = le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[32:])
	v.entry, v.exit, v.firstEntry = loadPage(b[36:]), loadPage(b[40:]), loadPage(b[44:])
	v.slot, v.visitSlot = le.Uint16(b[48:]), le.Uint16(b[50:])
	v.hourSlot, v.multiSlot = le.Uint16(b[52:]), le.Uint16(b[54:])
	v.lastHour, v.startHour = b[56], b[57]
	v.flags, v.views, v.visits = b[58]&(1<<viewsShift-1), b[58]>>viewsShift&3, b[58]>>visitsShift
	v.listed, v.pages = b[59], le.Uint32(b[60:])
}

func (v *visitor) store(b []byte) {
	_ = b[visitorBytes-1]
	le.PutUint64(b, v.key[0])
	le.PutUint64(b[8:], v.key[1])
	le.PutUint32(b[16:], v.last)
	le.PutUint32(b[20:], v.start)
	le.PutUint32(b[24:], v.source)
	le.PutUint32(b[28:], v.firstSource)
	le.PutUint32(b[32:], v.attrs)
	v.entry.store(b[36:])
	v.exit.store(b[40:])
	v.firstEntry.store(b[44:])
	le.PutUint16(b[48:], v.slot)
	le.PutUint16(b[50:], v.visitSlot)
	le.PutUint16(b[52:], v.hourSlot)
	le.PutUint16(b[54:], v.multiSlot)
	b[56], b[57] = v.lastHour, v.startHour
	b[58] = v.flags | v.views<<viewsShift | v.visits<<visitsShift
	b[59] = v.listed
	le.PutUint32(b[60:], v.pages)
}

func (v *visitor) has(flag uint8) bool { return v.flags&flag != 0 }

func loadPage(b []byte) page { return page{word(le.Uint16(b)), word(le.Uint16(b[2:]))} }

func (p page) store(b []byte) {
	le.PutUint16(b, uint16(p.host))
	le.PutUint16(b[2:], uint16(p.path))
}

// pageEntry says what a visitor did on a page in a slot. The entries of a visitor's day are a list, from the newest on.
type pageEntry struct {
	next    uint32 // 1 + the record of the next one, 0: it is the last
	page    page
	slot    uint16
	had     bool   // there was a page view or custom event
	follows bool   // it was once gone here from the next entry's page: see newTransition
	engaged bool   // the browser told how long the page was looked at; this and what follows: in the visit of the slot,
	scroll  uint8  // the largest part of the page that was seen, percent, or ScrollUnknown
	timeMS  uint32 // how long it was looked at, capped
	// vitals are those that were measured on the page, a bit each; any of the page's entries may have it.
	vitals uint8
}

// seconds is how long the page was looked at, to the nearest second.
func (e *pageEntry) seconds() int64 { return (int64(e.timeMS) + 500) / 1000 }

// unscrolled reports whether it is told how long the page was looked at, and not how much of it was seen.
func (e *pageEntry) unscrolled() bool { return e.engaged && e.scroll == ScrollUnknown }

const (
	pageBytes    = 16
	entryHad     = 1 << 8
	entryEngaged = 1 << 9
	entryFollows = 1 << 10

	entryVitals = 11 // where the bits of vitals begin
	_           = uint(16 - entryVitals - schema.NumVitals)
)

func (e *pageEntry) load(b []byte) {
	_ = b[pageBytes-1]
	e.next, e.page, e.slot = le.Uint32(b), loadPage(b[4:]), le.Uint16(b[8:])
	more := le.Uint16(b[10:])
	e.scroll, e.had, e.engaged, e.follows = uint8(more), more&entryHad != 0, more&entryEngaged != 0, more&entryFollows != 0
	e.vitals = uint8(more >> entryVitals)
	e.timeMS = le.Uint32(b[12:])
}

func (e *pageEntry) store(b []byte) {
	_ = b[pageBytes-1]
	le.PutUint32(b, e.next)
	e.page.store(b[4:])
	le.PutUint16(b[8:], e.slot)
	more := uint16(e.scroll)
	if e.had {
		more |= entryHad
	}
	if e.engaged {
		more |= entryEngaged
	}
	if e.follows {
		more |= entryFollows
	}
	more |= uint16(e.vitals) << entryVitals
	le.PutUint16(b[10:], more)
	le.PutUint32(b[12:], e.timeMS)
}

// cellKey names a cell of a daily cube within its day.
type cellKey struct {
	cube   schema.CubeID
	values [schema.MaxCubeDimensions]word
}

// States of a cell of a cube that folds.
const (
	cellHidden  = iota // guarded, fewer than k visitors so far
	cellVisible        // counted under its own name
)

// A cell's record: its key, its state and, while it is hidden, 1 + the record of what was counted under its parent instead.
const (
	cellStateAt  = 1
	cellValuesAt = 2
	cellHiddenAt = cellValuesAt + 2*schema.MaxCubeDimensions + 2
	cellBytes    = cellHiddenAt + 4
)

func loadCellKey(b []byte) cellKey {
	k := cellKey{cube: schema.CubeID(b[0])}
	for i := range k.values {
		k.values[i] = word(le.Uint16(b[cellValuesAt+2*i:]))
	}
	return k
}

// hiddenBytes is the size of the sums of a hidden cell: 8 bytes a wide metric, then 4 bytes each of the others. Only cubes of
// days hide, so metrics of hours have no place there.
const hiddenBytes = 8*schema.NumWideMetrics + 4*(int(schema.NumMetrics)-schema.NumWideMetrics-schema.NumHourMetrics)

// sumPlace is where a metric lies in the sums of a hidden cell; bytes is 0 for the metrics of hours.
type sumPlace struct{ at, bytes uint8 }

var sumPlaces = makeSumPlaces()

func makeSumPlaces() (p [schema.NumMetrics]sumPlace) {
	wide, narrow := 0, 8*schema.NumWideMetrics
	for m := range p {
		switch info := &schema.Metrics[m]; {
		case info.HourOnly:
		case info.Wide:
			p[m] = sumPlace{uint8(wide), 8}
			wide += 8
		default:
			p[m] = sumPlace{uint8(narrow), 4}
			narrow += 4
		}
	}
	return p
}

func (p sumPlace) load(b []byte) int64 {
	switch p.bytes {
	case 4:
		return int64(int32(le.Uint32(b[p.at:])))
	case 8:
		return int64(le.Uint64(b[p.at:]))
	}
	return 0
}

func loadSums(b []byte) (d schema.Deltas) {
	for m := range d {
		d[m] = sumPlaces[m].load(b)
	}
	return d
}

// addSums adds the metrics in set of d.
func addSums(b []byte, d *schema.Deltas, set uint64) {
	for ; set != 0; set &= set - 1 {
		m := bits.TrailingZeros64(set)
		switch p := sumPlaces[m]; p.bytes {
		case 4:
			le.PutUint32(b[p.at:], uint32(int64(int32(le.Uint32(b[p.at:])))+d[m]))
		case 8:
			le.PutUint64(b[p.at:], le.Uint64(b[p.at:])+uint64(d[m]))
		}
	}
}
