package tracker

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxNameBytes is the longest name of a script that is looked at; the longest that means something is shorter.
const maxNameBytes = 300

// extensions are the names between the dots of a script's name, and the parts they ask for. Those of Plausible's
// older scripts work with each base; "revenue" and "pageleave" ask for what the scripts do anyway.
var extensions = map[string]Part{
	"hash": Hash, "outbound-links": Outbound, "exclusions": Exclusions, "compat": Compat, "local": Local, "manual": Manual,
	"file-downloads": Downloads, "pageview-props": Props, "tagged-events": Tagged, "revenue": 0, "pageleave": Engagement,
	// Ours.
	"form-submissions": Forms, "404": NotFound, "clicks": Clicks, "mask": Mask, "vitals": Vitals, "strict": Strict,
	"timezone": Timezone, "screen": Screen,
}

// bases are what a script's name may begin with, and what that alone stands for.
var bases = map[string]Options{
	"turf":      {Flavour: Turf, Parts: Default},
	"plausible": {Flavour: Plausible, Parts: legacyParts},
	"script":    {Flavour: Plausible, Parts: legacyParts},
	"analytics": {Flavour: Plausible, Parts: legacyParts},
	"p":         {Flavour: Plausible, Parts: legacyParts},
}

const (
	// legacyParts: Plausible's scripts of today send engagement, whatever their name; visitors may object there too.
	legacyParts = Default
	// initParts are what a script for plausible.init does for a site whose settings are not known here: what Plausible
	// turns on for a new site.
	initParts = legacyParts | Tagged | Props | Outbound | Downloads | Forms
)

// siteScript is the name of a script made for one site: ours by its domain, Plausible's by the id in its tag.
var siteScript = regexp.MustCompile(`^(turf|pa|s)-([A-Za-z0-9_.-]{1,253})\.js$`)

// resolve finds what a script's name stands for. perSite: it depends on the site's settings, so it may change soon.
func resolve(name string, site func(id string) (Options, bool)) (o Options, perSite, ok bool) {
	if len(name) > maxNameBytes {
		return Options{}, false, false
	}
	if m := siteScript.FindStringSubmatch(name); m != nil {
		o, ok = site(m[2])
		if m[1] == "turf" {
			o.Flavour = Turf
			return o, true, ok
		}
		if !ok {
			// The site is then that of the page's host, so that a tag works when only its host was changed.
			o = Options{Parts: initParts}
		}
		o.Flavour = PlausibleInit
		return o, true, true
	}
	stem, ok := strings.CutSuffix(name, ".js")
	if !ok {
		return Options{}, false, false
	}
	base, rest, more := strings.Cut(stem, ".")
	if o, ok = bases[base]; !ok {
		return Options{}, false, false
	}
	for more {
		var ext string
		ext, rest, more = strings.Cut(rest, ".")
		part, known := extensions[ext]
		if !known {
			return Options{}, false, false
		}
		o.Parts |= part
	}
	return o, false, true
}

// PartNamed is the part that an extension of a script's name asks for, such as "outbound-links"; ok is false where there is no such
// extension. That of one that every script does is 0.
func PartNamed(extension string) (part Part, ok bool) {
	part, ok = extensions[extension]
	return part, ok
}

// PartNames are the extensions that PartNamed knows, sorted.
func PartNames() []string { return slices.Sorted(maps.Keys(extensions)) }
