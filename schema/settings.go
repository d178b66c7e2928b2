package schema

import (
	"fmt"
	"slices"
	"strings"
)

// The profiles of a site.
const (
	// ProfileStandard, also written "", counts everybody who does not object.
	ProfileStandard = "standard"
	// ProfileStrict takes a browser's signal Global Privacy Control or Do Not Track for an objection, and gives the
	// site's pages a script that stores nothing in the browser and reads nothing from it.
	ProfileStrict = "strict"
)

// The limits of a site's settings.
const (
	MaxExclusions  = 100 // addresses, countries, pages, hostnames, folded paths: of each
	MaxKeptQueries = 20  // parameters of the query
	MaxButtons     = 100
	// MaxPatternBytes is the longest pattern of a path or hostname, and the longest name of a parameter.
	MaxPatternBytes = 256
)

// Settings are what the owner of a site wants of how it is counted. They hold from the next event on; what was
// counted stays. Package ingest says what is right (CheckSettings). Each change makes new Settings: those that a Site
// points to are never changed.
type Settings struct {
	Profile string `json:"profile,omitempty"`

	// ExcludeAddresses are addresses and networks whose visitors are not counted.
	ExcludeAddresses []string `json:"exclude_addresses,omitempty"`
	// ExcludeCountries are countries whose visitors are not counted (ISO 3166-1 alpha-2, such as NL).
	ExcludeCountries []string `json:"exclude_countries,omitempty"`
	// ExcludePages are patterns of paths that are not counted; "*" stands for what is between slashes, "**" for
	// anything.
	ExcludePages []string `json:"exclude_pages,omitempty"`
	// Hostnames are the only hosts whose pages are counted; "*" stands for anything. None: all are.
	Hostnames []string `json:"hostnames,omitempty"`
	// FoldPaths are patterns of paths each of which is counted as one page, the first that fits.
	FoldPaths []string `json:"fold_paths,omitempty"`
	// KeepQuery are the parameters of the query that tell pages apart; all others are dropped.
	KeepQuery []string `json:"keep_query,omitempty"`
	// ScriptParts are the parts that the site's own script has beside those of turf.js.
	ScriptParts []string `json:"script_parts,omitempty"`
	// Buttons are the names in data-turf-click that the site's pages have, so that those that nobody clicks on are known too. Clicks on
	// others are counted as well.
	Buttons []string `json:"buttons,omitempty"`
}

// ClicksPart is the part of the script that sends the clicks on Buttons.
const ClicksPart = "clicks"

// ButtonsHint says what may be missing where no click on a button of the site is counted; "" where its settings say that clicks are
// sent, or name no buttons.
func (s *Site) ButtonsHint() string {
	if s.Settings == nil || len(s.Settings.Buttons) == 0 || slices.Contains(s.Settings.ScriptParts, ClicksPart) {
		return ""
	}
	parts := strings.Join(append(slices.Clone(s.Settings.ScriptParts), ClicksPart), ",")
	return fmt.Sprintf("Clicks on buttons are sent by the script's part %s, which the site's own script /js/turf-%s.js does not have: "+
		"turf site set %s --script-parts %s. A tag may name the part itself, as turf.%s.js", ClicksPart, s.Domain, s.Domain, parts, ClicksPart)
}

// IsStrict reports whether the site has the strict profile; nil has not.
func (s *Settings) IsStrict() bool { return s != nil && s.Profile == ProfileStrict }
