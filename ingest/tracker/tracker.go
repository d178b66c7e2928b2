// Package tracker is the tracking script: its one source (src/turf.ts), the pieces it is minified into (dist,
// committed and embedded, so that building Turf needs Go only), and the handler that puts a script together from the
// pieces a page asks for.
//
// After a change of the source run "go generate ./ingest/tracker".
package tracker

//go:generate go run ./build

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed dist/parts.json
var partsJSON []byte

// Part is a set of the script's parts.
type Part uint32

// The parts. A script with none of them counts page views, also those of pages that change without loading, and takes
// events from code with properties and revenue.
const (
	// Engagement sends scroll depth and the time a page had attention when the page is left or hidden.
	Engagement Part = 1 << iota
	// Hash counts each change of the address's fragment as a page.
	Hash
	// Local counts on the owner's own machine (localhost, file:) and in driven browsers too.
	Local
	// Manual counts no page view by itself.
	Manual
	// Compat finds its tag where the browser does not say which one runs, as in modules.
	Compat
	// Exclusions obeys data-include and data-exclude.
	Exclusions
	// Mask replaces the parts of paths that data-mask names before they leave the page.
	Mask
	// Props sends the tag's event-* attributes (data-prop-* on our own tags) as properties of each event.
	Props
	// Outbound counts clicks on links to other hosts.
	Outbound
	// Downloads counts clicks on links to files.
	Downloads
	// Forms counts forms that were sent.
	Forms
	// NotFound counts pages that were answered 404.
	NotFound
	// Tagged counts clicks on, and sending of, elements that name an event in their markup.
	Tagged
	// Clicks counts clicks on elements with data-turf-click.
	Clicks
	// OptOut gives visitors turf.optOut() and turf.optIn(), and obeys them.
	OptOut
	// GPC sends nothing where the browser says Global Privacy Control.
	GPC
	// DNT sends nothing where the browser says Do Not Track.
	DNT
	// Strict stores nothing in the browser and reads nothing from it but the address and the referrer: no engagement,
	// no time zone, no screen, no flag of a visitor who objects (turf.optOut() then holds for the page), no look at GPC and DNT (the server
	// sees both).
	Strict
	// Once keeps a second tag on the page, or a tag that runs again, from counting again.
	Once
	// Vitals sends how fast the page was: LCP, INP, CLS, TTFB, FCP.
	Vitals
	// Timezone sends the browser's time zone with page views: the country is told from it where there is no database of places.
	Timezone
	// Screen sends the width of the screen with page views.
	Screen
	numParts = iota
)

// Default are the parts of /js/turf.js.
const Default = Engagement | OptOut | GPC | DNT | Once

// strictWithout are the parts that read what the browser knows beside the address and the referrer.
const strictWithout = Engagement | GPC | DNT | NotFound | Vitals | Timezone | Screen

// conditions are the parts' names in the source, by their bit.
var conditions = [numParts]string{
	"engagement", "hash", "local", "manual", "compat", "exclusions", "mask", "props", "outbound", "downloads",
	"forms", "notfound",
	"tagged", "clicks", "optout", "gpc", "dnt", "strict", "once", "vitals", "timezone", "screen",
}

// Flavour is whose tag the script is for.
type Flavour uint8

// The flavours.
const (
	// Turf is our own: the function turf(), attributes data-turf-*.
	Turf Flavour = iota
	// Plausible is for the tags of Plausible's older scripts: the function plausible(), class names plausible-event-*.
	Plausible
	// PlausibleInit is for its newer ones, which wait for plausible.init(…). The options of that call override the
	// parts.
	PlausibleInit
)

// flavours are the flavours' names in the built form.
var flavours = [...]string{Turf: "turf", Plausible: "legacy", PlausibleInit: "init"}

// Options is what a script is made of. The zero value is the smallest script of our own.
type Options struct {
	Flavour Flavour
	Parts   Part
	// Domain is the site that events are for where the tag has no data-domain; "" is then the page's host.
	Domain string
	// Endpoint is where events are posted; "" takes the tag's data-api, and without that /api/event of the script's
	// own host.
	Endpoint string
}

// Pieces are a minified script in parts, in their order, as package build writes them; see Piece there.
type Pieces []struct {
	If   []string `json:"if"`
	Text string   `json:"text"`
}

// Join is the script of the pieces whose conditions hold where the terms in has are true. placeholders are pairs: what stands in
// the script, and what takes its place.
func (pieces Pieces) Join(has map[string]bool, placeholders ...string) []byte {
	var out strings.Builder
	for _, p := range pieces {
		if holds(p.If, has) {
			out.WriteString(p.Text)
		}
	}
	// Where a piece ended, a statement's semicolon may have stayed before a bracket.
	return []byte(strings.NewReplacer(placeholders...).Replace(strings.ReplaceAll(out.String(), ";}", "}")))
}

// assembler puts scripts together. It does not change after it was made.
type assembler map[string]Pieces

func newAssembler() assembler {
	var a assembler
	if err := json.Unmarshal(partsJSON, &a); err != nil {
		panic(fmt.Sprintf("BUG: the built script is not embedded: %v", err))
	}
	return a
}

// Script is the text of the script that o describes.
func Script(o Options) []byte { return newAssembler().script(o) }

func (a assembler) script(o Options) []byte { return a.scriptTo(DefaultEndpoint, o) }

// scriptTo is a script that posts to another path on its own host.
func (a assembler) scriptTo(path string, o Options) []byte {
	has := map[string]bool{"domain": o.Domain != "", "endpoint": o.Endpoint != ""}
	if o.Parts&Strict != 0 {
		o.Parts &^= strictWithout
	}
	for i, name := range conditions {
		has[name] = o.Parts&(1<<i) != 0
	}
	tag := "document.currentScript"
	if o.Parts&Compat != 0 {
		tag = `(document.currentScript||document.querySelector("script[data-domain]"))`
	}
	return a[flavours[o.Flavour]].Join(has,
		"TAG_ELEMENT", tag, "EVENT_PATH", quote(path), "DOMAIN_TEXT", quote(o.Domain), "ENDPOINT_TEXT", quote(o.Endpoint),
		"CONFIG_JSON", config(o.Parts))
}

// holds reports whether each of the conditions has a term that is true.
func holds(conditions []string, has map[string]bool) bool {
	for _, c := range conditions {
		met := false
		for term := range strings.SplitSeq(c, "|") {
			name, negated := strings.CutPrefix(term, "!")
			met = met || has[name] != negated
		}
		if !met {
			return false
		}
	}
	return true
}

// quote writes a string as JavaScript. JSON's escapes are JavaScript's; "<" is escaped, so no text can end a script
// element.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("BUG: a string has no JSON: %v", err))
	}
	return string(text)
}

// configured are the options of plausible.init that a site's settings decide.
var configured = []struct {
	name string
	part Part
}{
	{"hashBasedRouting", Hash},
	{"outboundLinks", Outbound},
	{"fileDownloads", Downloads},
	{"formSubmissions", Forms},
	{"captureOnLocalhost", Local},
}

// config is the object of options that plausible.init's own are laid over.
func config(parts Part) string {
	var out strings.Builder
	for _, c := range configured {
		if parts&c.part != 0 {
			fmt.Fprintf(&out, ",%s:1", c.name)
		}
	}
	if parts&Manual != 0 {
		out.WriteString(",autoCapturePageviews:!1")
	}
	return "{" + strings.TrimPrefix(out.String(), ",") + "}"
}
