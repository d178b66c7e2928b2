// Package consent is the script of the opt-in path in the browser: its source (src), the pieces it is minified into (dist,
// committed and embedded), and the handler that puts it together with the adapters a site needs.
//
// It is a second script beside the tracking script, loaded only by sites that have the opt-in path on. It listens to the
// site's consent manager; what measures is a module of its own that is loaded after a grant is in the ledger.
//
// After a change of the source run "go generate ./ingest/tracker".
package consent

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"turf/ingest/tracker"
)

//go:embed dist/parts.json
var partsJSON []byte

//go:embed dist/measure.js
var measureJS []byte

//go:embed dist/test.js
var testJS []byte

// Part is a set of the script's adapters. A script with none of them takes what turf.consent(…) says.
type Part uint32

// The adapters.
const (
	Cookiebot Part = 1 << iota
	// Usercentrics is both of its interfaces, V2 and V3.
	Usercentrics
	OneTrust
	// CC3 is CookieConsent v3 (npm vanilla-cookieconsent).
	CC3
	Klaro
	Didomi
	// Complianz is also the WP Consent API.
	Complianz
	CookieYes
	// Osano is the hosted one, and the older cookieconsent.
	Osano
	TCF
	GPP
	// GCM is Google Consent Mode.
	GCM
	// Own is the own prompt, for sites without a manager.
	Own
	numParts = iota
)

// All are all adapters, as in turf-consent.js.
const All = 1<<numParts - 1

// names are the adapters' names, by their bit: in the source, in a script's name and in data-consent.
var names = [numParts]string{
	"cookiebot", "usercentrics", "onetrust", "cc3", "klaro", "didomi", "complianz", "cookieyes", "osano", "tcf", "gpp", "gcm",
	"own",
}

// aliases are further names of data-consent, each an adapter of the part.
var aliases = map[string]Part{"wpconsent": Complianz, "cookieconsent": Osano, "manual": 0}

// Settings are a site's own, which the tag's attributes of the same names (data-category) override. Empty ones are left
// to the script.
type Settings struct {
	// Domain is the site's name; "" is the page's host.
	Domain string `json:"domain,omitempty"`
	// API is the origin of the opt-in path's endpoints; "" is the script's.
	API string `json:"api,omitempty"`
	// Consent are the managers to listen to, separated by commas; "" are all that are found.
	Consent string `json:"consent,omitempty"`
	// Category is what the manager calls the category (service, group, purpose) of statistics; "" is its usual name.
	Category string `json:"category,omitempty"`
	// The same for one purpose. AccountLink is never granted by a manager without it.
	CategoryEvents      string `json:"categoryEvents,omitempty"`
	CategoryJourneys    string `json:"categoryJourneys,omitempty"`
	CategoryHeatmap     string `json:"categoryHeatmap,omitempty"`
	CategoryStorage     string `json:"categoryStorage,omitempty"`
	CategoryAccountLink string `json:"categoryAccount_link,omitempty"`
	// Vendor is the id of a TCF vendor whose consent is asked for in place of the publisher's own.
	Vendor string `json:"vendor,omitempty"`
	// Weak is not empty where the site takes Google Consent Mode, which keeps no record, for proof enough.
	Weak string `json:"weak,omitempty"`
	// Link and Unlink are the texts of the own prompt's link: before and after a grant.
	Link   string `json:"link,omitempty"`
	Unlink string `json:"unlink,omitempty"`
}

// Options is what a script is made of.
type Options struct {
	Parts    Part
	Settings Settings
}

// moduleOptions stand for a module that the script loads when it is needed: after a grant, or for the owner's test.
type moduleOptions struct{ name string }

// missing tells whoever put the tag on a page what is wrong with it.
const missing = `No such script. These are here:
  turf-consent.js                          with all adapters
  turf-consent.<adapter>[.<adapter>…].js   with these
  turf-consent@<domain>.js                 with those of the site's settings
The adapters: cookiebot usercentrics onetrust cc3 klaro didomi complianz cookieyes osano tcf gpp gcm own manual
`

const (
	// maxNameBytes is the longest name of a script that is looked at; the longest that means something is shorter.
	maxNameBytes = 300
	measureName  = "turf-consent.measure.js"
	testName     = "turf-consent.test.js"
)

// scriptName is the name of a script: adapters after dots, or a site after "@".
var scriptName = regexp.MustCompile(`^turf-consent(?:@([A-Za-z0-9_.-]{1,253})|((?:\.[a-z0-9]+)*))\.js$`)

// IsScript reports whether a request for this name is for Handler and not for the tracking script's.
func IsScript(name string) bool { return len(name) <= maxNameBytes && scriptName.MatchString(name) }

// Handler serves the scripts whose names IsScript knows, as tracker.Handler does its own; mount it beside that. site gives
// the settings of a site with the opt-in path on; nil knows no site.
func Handler(site func(domain string) (Options, bool)) http.Handler {
	if site == nil {
		site = func(string) (Options, bool) { return Options{}, false }
	}
	pieces := readPieces()
	return tracker.Serve(
		func(name string) (any, bool, bool) {
			if name == measureName || name == testName {
				return moduleOptions{name}, false, true
			}
			o, perSite, ok := resolve(name, site)
			return o, perSite, ok
		},
		func(o any) []byte {
			switch o := o.(type) {
			case Options:
				return join(pieces, o)
			case moduleOptions:
				if o.name == testName {
					return testJS
				}
			}
			return measureJS
		},
		missing)
}

// resolve finds what a script's name stands for.
func resolve(name string, site func(domain string) (Options, bool)) (o Options, perSite, ok bool) {
	if len(name) > maxNameBytes {
		return Options{}, false, false
	}
	m := scriptName.FindStringSubmatch(name)
	switch {
	case m == nil:
		return Options{}, false, false
	case m[1] != "":
		o, ok = site(m[1])
		return o, true, ok
	case m[2] == "":
		return Options{Parts: All}, false, true
	}
	for adapter := range strings.SplitSeq(m[2][1:], ".") {
		part, known := PartNamed(adapter)
		if !known {
			return Options{}, false, false
		}
		o.Parts |= part
	}
	return o, false, true
}

// PartNamed is the part that has the adapter of this name, as in data-consent; ok is false where there is none. That of
// "manual", which every script has, is 0.
func PartNamed(adapter string) (part Part, ok bool) {
	if i := slices.Index(names[:], adapter); i >= 0 {
		return 1 << i, true
	}
	part, ok = aliases[adapter]
	return part, ok
}

func readPieces() tracker.Pieces {
	var pieces tracker.Pieces
	if err := json.Unmarshal(partsJSON, &pieces); err != nil {
		panic(fmt.Sprintf("BUG: the built script is not embedded: %v", err))
	}
	return pieces
}

// Script is the text of the script that o describes.
func Script(o Options) []byte { return join(readPieces(), o) }

// join puts the script that o describes together.
func join(pieces tracker.Pieces, o Options) []byte {
	has := map[string]bool{"once": true}
	for i, name := range names {
		has[name] = o.Parts&(1<<i) != 0
	}
	settings, err := json.Marshal(o.Settings) // escapes "<", so no text can end a script element
	if err != nil {
		panic(fmt.Sprintf("BUG: settings have no JSON: %v", err))
	}
	return pieces.Join(has, "TAG_ELEMENT", "document.currentScript", "SETTINGS_JSON", string(settings))
}
