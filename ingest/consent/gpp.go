package consent

import (
	"strconv"
	"strings"
)

// maxGPPSection is the highest number of a section.
const maxGPPSection = 255

// gppTCF is the number of the section that is a TC string of the EU.
const gppTCF = 2

// gppUSP is the number of the section that is a US privacy string, in the clear.
const gppUSP = 6

// usOptOuts is where sections of US states say that somebody opts out, as bits of their first segment. The fields are
// two bits wide; 1 is an opt-out. The layouts are those of the Global Privacy Platform's sections.
var usOptOuts = map[int][]int{
	7:  {18, 20, 22}, // usnat: sale, sharing, targeted advertising
	8:  {12, 14},     // usca: sale, sharing
	9:  {12, 14},     // usva: sale, targeted advertising, as all below
	10: {12, 14},     // usco
	11: {14, 16},     // usut
	12: {12, 14},     // usct
	13: {12, 14},     // usfl
	14: {12, 14},     // usmt
	15: {12, 14},     // usor
	16: {12, 14},     // ustx
	17: {12, 14},     // usde
	18: {14, 16},     // usia
	19: {12, 14},     // usne
	20: {12, 14},     // usnh
	21: {12, 14},     // usnj
	22: {12, 14},     // ustn
	23: {12, 14},     // usmn
	24: {16, 18},     // usmd
	25: {16, 18},     // usin
	26: {16, 18},     // usky
	27: {16, 18},     // usri
}

// gppString is what matters here of a GPP string.
type gppString struct {
	tc    tcString
	hasTC bool
	// denies is why it denies, or "".
	denies string
}

// parseGPP decodes a GPP string: the header, the section of the EU, and the opt-outs of the US sections.
func parseGPP(text string) (g gppString, err error) {
	if len(text) > maxStringBytes {
		return g, errConsentString
	}
	parts := strings.Split(text, "~")
	ids, err := gppSections(parts[0])
	if err != nil {
		return g, err
	}
	if len(ids) != len(parts)-1 {
		return g, errConsentString
	}
	for i, id := range ids {
		section := parts[i+1]
		switch {
		case id == gppTCF:
			if g.tc, err = parseTC(section); err != nil {
				return g, err
			}
			g.hasTC = true
		case id == gppUSP:
			// "1YNN": version, notice, opt-out of sale, agreement.
			if len(section) != 4 || section[0] != '1' {
				return g, errConsentString
			}
			if section[2] == 'Y' {
				g.denies = "the US privacy string opts out"
			}
		default:
			out, known, err := usOptsOut(id, section)
			if err != nil {
				return g, err
			}
			if !known {
				g.denies = "section " + strconv.Itoa(id) + " is not known here"
			} else if out {
				g.denies = "section " + strconv.Itoa(id) + " opts out"
			}
		}
	}
	return g, nil
}

// usOptsOut reports whether a section of the US opts out, or has Global Privacy Control.
func usOptsOut(id int, section string) (out, known bool, err error) {
	fields, known := usOptOuts[id]
	if !known {
		return false, false, nil
	}
	segments := strings.SplitN(section, ".", maxSegments)
	core, err := newBits(segments[0])
	if err != nil {
		return false, true, err
	}
	for _, at := range fields {
		core.at = at
		out = out || core.int(2) == 1
	}
	for _, s := range segments[1:] {
		r, err := newBits(s)
		if err != nil {
			return false, true, err
		}
		if r.int(2) == 1 && r.bit() {
			out = true // the segment of Global Privacy Control
		}
	}
	if core.bad {
		return false, true, errConsentString
	}
	return out, true, nil
}

// gppSections are the numbers of the sections, of the header: a Fibonacci-coded range of integers.
func gppSections(header string) (ids []int, err error) {
	r, err := newBits(header)
	if err != nil {
		return nil, err
	}
	if r.int(6) != 3 || r.int(6) != 1 {
		return nil, errConsentString
	}
	last := 0
	for n := r.int(12); n > 0; n-- {
		isRange := r.bit()
		from := last + r.fibonacci()
		to := from
		if isRange {
			to = from + r.fibonacci()
		}
		if r.bad || from <= last || to < from || to > maxGPPSection {
			return nil, errConsentString
		}
		for id := from; id <= to; id++ {
			ids = append(ids, id)
		}
		last = to
	}
	if r.bad {
		return nil, errConsentString
	}
	return ids, nil
}

// fibonacci reads a number in Fibonacci code: the sum of the numbers 1, 2, 3, 5, … whose bits are set, until a second
// 1 in a row.
func (r *bitReader) fibonacci() (n int) {
	previous := false
	for a, b := 1, 2; !r.bad && b < 1<<20; a, b = b, a+b {
		set := r.bit()
		if set && previous {
			return n
		}
		if set {
			n += a
		}
		previous = set
	}
	r.bad = true
	return 0
}
