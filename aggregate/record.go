package aggregate

import "turf/schema"

// word numbers a value of a dimension within its day: 0 is "", 1 is schema.Other.
type word uint16

const (
	noWord    word = 0
	otherWord word = 1
)

// page is a hostname and a path.
type page struct{ host, path word }

// tuple is the words of a source (sourceDims) or of a place and device (attrDims).
type tuple [8]word

var (
	sourceDims = [8]schema.Dimension{
		schema.Channel, schema.Source, schema.Campaign, schema.Referrer,
		schema.UTMSource, schema.UTMMedium, schema.UTMContent, schema.UTMTerm,
	}
	attrDims = [8]schema.Dimension{
		schema.Country, schema.Region, schema.City, schema.Device,
		schema.Browser, schema.BrowserVersion, schema.OS, schema.OSVersion,
	}
)

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
)

// visitor is what is known of a visitor of the day, with the visit that is or was last open.
type visitor struct {
	key                     Key
	last, start             uint32 // seconds since the day began: last event; first event of the visit
	source, firstSource     uint32 // numbers of tuples: of the visit, of the day's first visit
	attrs                   uint32 // number of the tuple of place and device
	entry, exit, firstEntry page
	visits                  uint16
	slot                    uint16 // slot of the last event
	visitSlot, hourSlot     uint16 // first slots of the visit and of the hour
	multiSlot               uint16 // first slot with a second source
	lastHour, startHour     uint8  // numbers of buckets of the day
	views                   uint8  // page views of the visit, up to 2
	flags                   uint8
}

const visitorBytes = 64

func (v *visitor) load(b []byte) {
	_ = b[visitorBytes-1]
	v.key = Key{le.Uint64(b), le.Uint64(b[8:])}
	v.last, v.start = le.Uint32(b[16:]), le.Uint32(b[20:])
	v.source, v.firstSource, v.attrs = le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[32:])
	v.entry = page{word(le.Uint16(b[36:])), word(le.Uint16(b[38:]))}
	v.exit = page{word(le.Uint16(b[40:])), word(le.Uint16(b[42:]))}
	v.firstEntry = page{word(le.Uint16(b[44:])), word(le.Uint16(b[46:]))}
	v.visits, v.slot = le.Uint16(b[48:]), le.Uint16(b[50:])
	v.visitSlot, v.hourSlot, v.multiSlot = le.Uint16(b[52:]), le.Uint16(b[54:]), le.Uint16(b[56:])
	v.lastHour, v.startHour, v.views, v.flags = b[58], b[59], b[60], b[61]
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
	for i, w := range [6]word{
		v.entry.host, v.entry.path, v.exit.host, v.exit.path, v.firstEntry.host, v.firstEntry.path,
	} {
		le.PutUint16(b[36+2*i:], uint16(w))
	}
	for i, n := range [5]uint16{v.visits, v.slot, v.visitSlot, v.hourSlot, v.multiSlot} {
		le.PutUint16(b[48+2*i:], n)
	}
	b[58], b[59], b[60], b[61] = v.lastHour, v.startHour, v.views, v.flags
}

func (v *visitor) has(flag uint8) bool { return v.flags&flag != 0 }

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

// A cell's record: its key, its state and, while it is hidden, what was counted under its parent instead.
const (
	cellStateAt  = 1
	cellValuesAt = 2
	cellSumsAt   = cellValuesAt + 2*schema.MaxCubeDimensions + 2
	cellBytes    = cellSumsAt + 4*int(schema.NumMetrics)
)

func loadCellKey(b []byte) cellKey {
	k := cellKey{cube: schema.CubeID(b[0])}
	for i := range k.values {
		k.values[i] = word(le.Uint16(b[cellValuesAt+2*i:]))
	}
	return k
}

func storeCellKey(b []byte, k *cellKey) {
	b[0] = byte(k.cube)
	for i, w := range k.values {
		le.PutUint16(b[cellValuesAt+2*i:], uint16(w))
	}
}

func loadSums(b []byte) (d schema.Deltas) {
	for m := range d {
		d[m] = int64(int32(le.Uint32(b[cellSumsAt+4*m:])))
	}
	return d
}

func storeSums(b []byte, d *schema.Deltas) {
	for m, n := range d {
		le.PutUint32(b[cellSumsAt+4*m:], uint32(int32(n)))
	}
}
