package journal

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"

	"turf/schema"
)

// The sizes of the format; FORMAT.md describes it.
const (
	magic            = "TURFSEG" // the version follows
	version          = 2
	headerBytes      = 48
	recordHeadBytes  = 20
	maxGroupBytes    = 128 << 20 // payload of one record
	minRowBytes      = 2         // of an increment in a payload
	minCellBytes     = 4         // of a definition in a payload
	flagUnsynced     = 1 << 0    // written with SyncOS: the newest segment can have holes after a loss of power
	flagSalvaged     = 1 << 1    // rewritten by Salvage: groups can be missing
	flagDoubt        = 1 << 2    // the sync of the segment before failed (SyncOS): groups can be missing there
	knownFlags       = flagUnsynced | flagSalvaged | flagDoubt
	limitMetricsMask = 1 << schema.NumMetrics
	// limitMetricsMask1 is that of version 1, which had a metric less.
	limitMetricsMask1 = 1 << schema.CustomEvents
)

// header is the start of a segment.
type header struct {
	node   [8]byte // of the directory
	run    [8]byte // of the start that made the segment
	number uint64
	before uint64 // number of the last group that counts in older segments
	flags  uint32
	// version1: it is of format version 1, see fromVersion1.
	version1 bool
}

// token names the segment's batch for ever.
func (h *header) token() string {
	return fmt.Sprintf("%s-%s-%d", hex.EncodeToString(h.node[:]), hex.EncodeToString(h.run[:]), h.number)
}

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func (h *header) version() byte {
	if h.version1 {
		return 1
	}
	return version
}

func (h *header) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = append(b, h.version())
	b = append(b, h.node[:]...)
	b = append(b, h.run[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.number)
	b = binary.LittleEndian.AppendUint64(b, h.before)
	b = binary.LittleEndian.AppendUint32(b, h.flags)
	return binary.LittleEndian.AppendUint32(b, castagnoli(b[start:]))
}

// decodeHeader returns the reason when b does not start with a header.
func decodeHeader(b []byte) (h header, reason string) {
	if len(b) < headerBytes {
		return h, "shorter than a header"
	}
	if string(b[:len(magic)]) != magic {
		return h, "not a journal segment"
	}
	if binary.LittleEndian.Uint32(b[44:]) != castagnoli(b[:44]) {
		return h, "checksum of the header is wrong"
	}
	h.version1 = b[len(magic)] == 1
	if b[len(magic)] != h.version() {
		return h, fmt.Sprintf("format version %d is not known to this program", b[len(magic)])
	}
	copy(h.node[:], b[8:])
	copy(h.run[:], b[16:])
	h.number = binary.LittleEndian.Uint64(b[24:])
	h.before = binary.LittleEndian.Uint64(b[32:])
	h.flags = binary.LittleEndian.Uint32(b[40:])
	if h.flags&^knownFlags != 0 {
		return h, "a flag is not known to this program"
	}
	return h, ""
}

// fillRecordHead writes the head of the record whose payload is rec[recordHeadBytes:].
func fillRecordHead(rec []byte, group uint64) {
	binary.LittleEndian.PutUint32(rec[0:], uint32(len(rec)-recordHeadBytes))
	binary.LittleEndian.PutUint64(rec[4:], group)
	binary.LittleEndian.PutUint32(rec[12:], castagnoli(rec[recordHeadBytes:]))
	binary.LittleEndian.PutUint32(rec[16:], castagnoli(rec[:16]))
}

// splitRecord returns the record at the start of b, or the reason why there is none.
func splitRecord(b []byte) (group uint64, payload []byte, reason string) {
	if len(b) < recordHeadBytes {
		return 0, nil, "record is cut off in its head"
	}
	if binary.LittleEndian.Uint32(b[16:]) != castagnoli(b[:16]) {
		return 0, nil, "checksum of the record's head is wrong"
	}
	n := binary.LittleEndian.Uint32(b)
	if n > maxGroupBytes {
		return 0, nil, "record is too long"
	}
	if int(n) > len(b)-recordHeadBytes {
		return 0, nil, "record is cut off"
	}
	payload = b[recordHeadBytes : recordHeadBytes+int(n)]
	if binary.LittleEndian.Uint32(b[12:]) != castagnoli(payload) {
		return 0, nil, "checksum of the record is wrong"
	}
	return binary.LittleEndian.Uint64(b[4:]), payload, ""
}

// appendCell is the definition of a cell. Equal cells have equal definitions and no others do.
func appendCell(b []byte, c *schema.Cell) []byte {
	b = binary.AppendUvarint(b, uint64(c.Site))
	b = append(b, byte(c.Cube))
	b = binary.AppendVarint(b, c.Time)
	n := len(c.Values)
	for n > 0 && c.Values[n-1] == "" {
		n--
	}
	b = append(b, byte(n))
	for _, v := range c.Values[:n] {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	return b
}

// appendDeltas is a mask of the metrics that are not zero and their values.
func appendDeltas(b []byte, d *schema.Deltas) []byte {
	mask := uint64(0)
	for m, v := range d {
		if v != 0 {
			mask |= 1 << m
		}
	}
	b = binary.AppendUvarint(b, mask)
	for _, v := range d {
		if v != 0 {
			b = binary.AppendVarint(b, v)
		}
	}
	return b
}

// parser reads a payload. Once something is wrong, bad is set and everything reads as zero.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 || n > 1 && p.b[n-1] == 0 { // the second: a longer form than needed
		p.fail()
		return 0
	}
	p.b = p.b[n:]
	return v
}

func (p *parser) varint() int64 {
	u := p.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (p *parser) byte() byte {
	if len(p.b) == 0 {
		p.fail()
		return 0
	}
	v := p.b[0]
	p.b = p.b[1:]
	return v
}

func (p *parser) string() string {
	n := p.uvarint()
	if n > uint64(len(p.b)) {
		p.fail()
		return ""
	}
	v := string(p.b[:n])
	p.b = p.b[n:]
	return v
}

func (p *parser) fail() { p.bad, p.b = true, nil }

func (p *parser) cell() (c schema.Cell) {
	site := p.uvarint()
	if site > 1<<32-1 {
		p.fail()
	}
	c.Site = schema.SiteID(site)
	c.Cube = schema.CubeID(p.byte())
	c.Time = p.varint()
	n := int(p.byte())
	if n > len(c.Values) {
		p.fail()
		return c
	}
	for i := range n {
		c.Values[i] = p.string()
	}
	if n > 0 && c.Values[n-1] == "" {
		p.fail()
	}
	return c
}

// deltas reads what an increment adds. limit is larger than every mask of metrics.
func (p *parser) deltas(d *schema.Deltas, limit uint64) {
	mask := p.uvarint()
	if mask >= limit {
		p.fail()
		return
	}
	for m := range d {
		if mask&(1<<m) == 0 {
			d[m] = 0
			continue
		}
		if d[m] = p.varint(); d[m] == 0 {
			p.fail()
		}
	}
}
