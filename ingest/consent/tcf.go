package consent

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// The limits of consent strings.
const (
	maxStringBytes = 8 << 10
	maxVendor      = 1<<16 - 1
	maxSegments    = 8
	tcfPurposes    = 24
)

// errConsentString is what no consent string is.
var errConsentString = errors.New("the consent string cannot be read")

// bitReader reads a consent string bit by bit. Once it is read beyond the end, bad is set and all reads as zero.
type bitReader struct {
	b   []byte
	at  int // bit
	bad bool
}

// newBits reads base64url without padding, six bits a character, as both the TC and the GPP encoders write it: some
// cut the text where no whole byte ends.
func newBits(text string) (*bitReader, error) {
	if len(text) == 0 || len(text) > maxStringBytes || strings.ContainsAny(text, "\r\n") {
		return nil, errConsentString
	}
	text = strings.TrimRight(text, "=")
	for len(text)%4 != 0 {
		text += "A" // zeros, which no field needs
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, errConsentString
	}
	return &bitReader{b: b}, nil
}

func (r *bitReader) bit() bool {
	if r.at >= 8*len(r.b) {
		r.bad = true
		return false
	}
	set := r.b[r.at/8]&(0x80>>(r.at%8)) != 0
	r.at++
	return set
}

func (r *bitReader) int(bits int) (n int64) {
	for range bits {
		n <<= 1
		if r.bit() {
			n |= 1
		}
	}
	return n
}

func (r *bitReader) skip(bits int) { r.at += bits }

// tcString is what matters here of a TC string.
type tcString struct {
	created, updated time.Time
	cmp              int
	purposes         uint32 // consents, bit 0 is purpose 1
	publisher        uint32 // the publisher's own, of the publisher TC segment
	hasPublisher     bool
	vendors          []vendorRange
}

type vendorRange struct{ from, to int }

func (t *tcString) vendor(id int) bool {
	for _, r := range t.vendors {
		if r.from <= id && id <= r.to {
			return true
		}
	}
	return false
}

// purpose reports whether the bits have a purpose's consent.
func purposeSet(bits uint32, purpose int) bool { return bits&(1<<(purpose-1)) != 0 }

// parseTC decodes a TC string of TCF 2: its core and, where it is there, the publisher TC segment.
func parseTC(text string) (t tcString, err error) {
	if len(text) > maxStringBytes {
		return t, errConsentString
	}
	segments := strings.SplitN(text, ".", maxSegments)
	core, err := newBits(segments[0])
	if err != nil {
		return t, err
	}
	if core.int(6) != 2 {
		return t, errConsentString
	}
	t.created = time.UnixMilli(core.int(36) * 100).UTC()
	t.updated = time.UnixMilli(core.int(36) * 100).UTC()
	t.cmp = int(core.int(12))
	// Version of the CMP, screen, language, vendor list, policy, scope, texts, special features.
	core.skip(12 + 6 + 12 + 12 + 6 + 1 + 1 + 12)
	t.purposes = reversed(core.int(tcfPurposes))
	core.skip(tcfPurposes + 1 + 12) // legitimate interests, treatment of purpose 1, country
	t.vendors = core.vendors()
	if core.bad {
		return t, errConsentString
	}
	for _, s := range segments[1:] {
		r, err := newBits(s)
		if err != nil {
			return t, err
		}
		if r.int(3) != 3 {
			continue
		}
		if t.hasPublisher {
			return t, errConsentString // which of the two?
		}
		t.hasPublisher, t.publisher = true, reversed(r.int(tcfPurposes))
		r.skip(tcfPurposes)
		if r.int(6); r.bad {
			return t, errConsentString
		}
	}
	return t, nil
}

// reversed makes the first bit that was read the lowest.
func reversed(n int64) (bits uint32) {
	for i := range tcfPurposes {
		if n&(1<<(tcfPurposes-1-i)) != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// vendors reads a section of vendors: a bit each, or ranges.
func (r *bitReader) vendors() (out []vendorRange) {
	most := int(r.int(16))
	if !r.bit() {
		for id := 1; id <= most && !r.bad; id++ {
			if !r.bit() {
				continue
			}
			if n := len(out); n > 0 && out[n-1].to == id-1 {
				out[n-1].to = id
			} else {
				out = append(out, vendorRange{id, id})
			}
		}
		return out
	}
	for n := r.int(12); n > 0 && !r.bad; n-- {
		isRange := r.bit()
		v := vendorRange{from: int(r.int(16))}
		if v.to = v.from; isRange {
			v.to = int(r.int(16))
		}
		if v.from < 1 || v.to < v.from || v.to > most {
			r.bad = true
		}
		out = append(out, v)
	}
	return out
}
