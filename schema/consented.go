package schema

import "time"

// PersonRef names a person who gave consent, for one site: a keyed hash of an id that did not exist before the consent. The
// counting path never sees one (P8).
type PersonRef [16]byte

// ConsentedEvent is one event of a person who gave consent. It exists only on the opt-in path, in tables of its own.
type ConsentedEvent struct {
	Site    SiteID
	Person  PersonRef
	Session uint64 // random, from the browser's tab; means nothing without the person
	// Time is when it happened, to the millisecond, by the server's clock. Seq orders a person's events of one millisecond; no
	// two events of a person have the same Time and Seq. Reports take a person's events in the order of (Time, Seq).
	Time time.Time
	Seq  uint32
	// Received is when the collector had it: never before the grant, never after the withdrawal.
	Received time.Time
	Purpose  string // id of the purpose it is kept for, such as "events"; its retention follows from it

	Name     string // "pageview", a custom event, or one of the script's own, which begin with "$" ("$click")
	Hostname string
	Path     string // clean, as on the counting path
	Props    map[string]string

	// Of the visit, by the rules of the counting path.
	Channel, Source, Campaign, Referrer string
	Country, Device, Browser, OS        string
}

// The kinds of HeatCell.
const (
	HeatClick  = "click"
	HeatRage   = "rage"   // clicks of somebody who clicked the same spot in anger
	HeatDead   = "dead"   // clicks that nothing answered
	HeatScroll = "scroll" // how far a page was seen; X is 0
)

// The grid of heat cells. Widths are classes, so that a page's layouts are told apart and people are not.
const (
	HeatXBins     = 100 // hundredths of the viewport's width
	HeatYBinPx    = 16  // pixels of the document's height
	MaxHeatYBins  = 2000
	HeatWidthStep = 160 // pixels of the viewport's width in one class
	MaxHeatWidth  = 3840
)

// HeatCell is a number of clicks in one cell of a page's grid. Where somebody clicked is never kept for a person: only these
// sums are.
type HeatCell struct {
	Site     SiteID
	Day      Day
	Hostname string
	Path     string
	Kind     string // HeatClick, …
	Width    uint16 // lower end of the class, pixels
	X        uint8  // 0 … HeatXBins-1
	Y        uint16 // 0 … MaxHeatYBins-1
	Count    int64
}
