package ingest

import "fmt"

// DropReason says why a hit is not counted. The set is closed. The zero value is Passed.
type DropReason uint8

const (
	// Passed means that the hit is counted.
	Passed DropReason = iota
	DropUnknownSite
	// DropObjection: the visitor's browser objects, and the site's profile is strict.
	DropObjection
	// The agent is that of a robot.
	DropRobot
	DropAIRobot
	// What else tells that no person looks at the page: see robotSign.
	DropPrefetch
	DropWebdriver
	DropHeadless
	DropNoHints
	DropOtherHints
	DropNoLanguage
	// Where the hit comes from.
	DropAddress
	DropDataCenter
	DropCountry
	// What page it is of, and from where.
	DropURL
	DropHostname
	DropPage
	DropSpam
	// DropRate: so many pages a minute are no person's.
	DropRate
	numDropReasons
)

// dropReasons is the table of all reasons: the code that is answered in a header, and a sentence for people.
var dropReasons = [numDropReasons]struct{ code, sentence string }{
	Passed:          {"", "The hit is counted."},
	DropUnknownSite: {"unknown_site", "No site of this name is counted here: add it, or correct data-domain in the script tag."},
	DropObjection: {
		"objection", "The browser sends Global Privacy Control or Do Not Track, and the site's profile is strict.",
	},
	DropRobot:      {"robot", "The user agent is that of a robot or of a program, not of a person's browser."},
	DropAIRobot:    {"ai_robot", "The user agent is that of a robot that reads pages for a language model."},
	DropPrefetch:   {"prefetch", "The browser fetched the page in advance; nobody looks at it yet."},
	DropWebdriver:  {"webdriver", "The browser says that a program drives it."},
	DropHeadless:   {"headless", "The browser says that it has no window."},
	DropNoHints:    {"no_hints", "The user agent is Chrome's, but headers that Chrome always sends over https are missing."},
	DropOtherHints: {"other_hints", "The user agent and the client hints are of different browsers."},
	DropNoLanguage: {"no_language", "There is no Accept-Language, which every browser sends."},
	DropAddress:    {"address", "The address is one that the site's settings exclude."},
	DropDataCenter: {"datacenter", "The address is in the list of data centres: a server sent the hit, or a service in between."},
	DropCountry:    {"country", "The country is one that the site's settings exclude."},
	DropURL:        {"url", "The URL is not the address of a page, such as https://example.com/path."},
	DropHostname:   {"hostname", "The page's host is not among those that the site's settings allow."},
	DropPage:       {"page", "The page is one that the site's settings exclude."},
	DropSpam:       {"spam", "The page before is on the list of referrer spam: nobody comes from there."},
	DropRate:       {"rate", "This visitor looks at more pages a minute than a person can."},
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
