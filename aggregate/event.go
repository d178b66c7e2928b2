package aggregate

import "turf/schema"

// Key names a visitor for one day of one site: a keyed hash whose key, the salt, is forgotten with the day. It never leaves
// memory. The zero Key is not a visitor.
type Key [2]uint64

// Kind is what an event is.
type Kind uint8

const (
	// Pageview is a page that was shown.
	Pageview Kind = iota
	// Custom is an event that the site named (Values[schema.EventName]).
	Custom
	// Engagement says that the visitor was still there, how long the page (Values[schema.Hostname] and Path) was looked at since
	// the last time and how much of it was seen. It goes on with a visit and never begins one.
	Engagement
	// Vitals tells how fast a page was that the visitor viewed today. It changes nothing about the visitor's visits.
	Vitals
)

// ScrollUnknown is the scroll depth that the browser did not tell.
const ScrollUnknown = 255

// MaxEngagedMS is the longest time that one engagement can tell of: a day. More is cut.
const MaxEngagedMS = 24 * 60 * 60 * 1000

// Event is what is left of a request after ingest: no address, no user agent, nothing that could be kept.
// It lives in memory until the core has counted it.
type Event struct {
	Site schema.SiteID
	// Time is when the request was read, in Unix seconds.
	Time int64
	// Day is the day of the site whose salt made Visitor. Time lies in it, but for requests under way at midnight.
	Day     schema.Day
	Visitor Key
	Kind    Kind
	// Passive: a custom event that does not end a bounce (Plausible's interactive:false).
	Passive bool
	// ScrollDepth, of an Engagement, is the largest part of the page that was seen so far, 0 to 100 percent, or ScrollUnknown. More
	// than 100 counts as 100.
	ScrollDepth uint8
	// EngagedMS, of an Engagement, is for how many milliseconds the page was looked at since the last Engagement; 0 to MaxEngagedMS.
	EngagedMS int64
	// Vitals, of an event of that kind, are what was measured; more than the largest number of a vital counts as that.
	Vitals [schema.NumVitals]Measurement
	// Values are the dimensions, clean (schema.CleanValue), "" where there is none, and schema.Other for a language that has no name
	// here. Prop and PropValue are not used: see Props.
	// The source's dimensions count for the event that begins a visit, place and device for the one that begins the visitor's
	// day, and are ignored in later ones.
	Values [schema.NumDimensions]string
	// Revenue, of a custom event, is counted when the event is a goal of the same currency. The zero value is none.
	Revenue schema.Money
	// Props are the properties of a custom event or page view, clean.
	Props []Prop
}

// Measurement is a number from 0 on that may not have been measured.
type Measurement struct {
	Known bool
	Value int64
}

// Prop is a property of an event.
type Prop struct{ Name, Value string }
