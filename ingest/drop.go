package ingest

import "fmt"

// DropReason says why a hit is not counted. The set is closed. The zero value is Passed.
type DropReason uint8

const (
	// Passed means that the hit is counted.
	Passed DropReason = iota
	DropUnknownSite
	DropRobot
	DropURL
	numDropReasons
)

// dropReasons is the table of all reasons: the code that is answered in a header, and a sentence for people.
var dropReasons = [numDropReasons]struct{ code, sentence string }{
	Passed:          {"", "The hit is counted."},
	DropUnknownSite: {"unknown_site", "No site of this name is counted here: add it, or correct data-domain in the script tag."},
	DropRobot:       {"robot", "The user agent is that of a robot or of a program, not of a person's browser."},
	DropURL:         {"url", "The URL is not the address of a page, such as https://example.com/path."},
}

// String is the reason's code, as in the header x-turf-dropped; "" for Passed.
func (d DropReason) String() string { return dropReasons[d].code }

// Sentence says for people what the reason means.
func (d DropReason) Sentence() string { return dropReasons[d].sentence }

// MarshalText gives the code.
func (d DropReason) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a code.
func (d *DropReason) UnmarshalText(text []byte) error {
	for r, info := range dropReasons {
		if info.code == string(text) {
			*d = DropReason(r)
			return nil
		}
	}
	return fmt.Errorf("%q is no reason to drop a hit", text)
}
