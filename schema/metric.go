package schema

// Metric is one summed number of a cell. All are sums of signed 64-bit integers, so increments commute. Its number is stored in the
// journal and may never be given to another metric.
type Metric uint8

const (
	// Visitors counts visitors whose first event of the site's day in this cell it is: the sum over a whole day's buckets is
	// exact, the sum over a part of a day means nothing and is never asked. In the cube of vitals: whose first measurement of the day,
	// of this page and vital, is in this cell.
	Visitors Metric = iota
	// VisitorsHour counts visitors who are new in this cell in this hour. Only in cubes of hours.
	VisitorsHour
	// Visits counts visits that began (cubes of visit dimensions), or visits in which this page or event came up for the first
	// time (cubes with a page or an event). Bucket: where that happened.
	Visits
	// VisitsHour counts visits that were active in this cell in this hour. Only in cubes of hours.
	VisitsHour
	// Pageviews counts page views, in the bucket of their own time.
	Pageviews
	// Events counts, in the bucket of their own time, the events of which a cube is: those of a name, or what is counted like them; in the
	// cube of drops, requests; in that of transitions, how often it was gone from page to page; in that of vitals, measurements. Where
	// page views are kept, there is CustomEvents instead.
	Events
	// Bounces is +1 when a visit begins and −1 when it stops being a bounce, both in the bucket of the visit's start. In cubes
	// with a page: on the page the visit entered by.
	Bounces
	// Duration is the sum of seconds between first and last event of visits that are no bounces, in the bucket of the visit's
	// start. In cubes with a page: on the page the visit entered by.
	Duration
	// Entries counts visits whose first page view was here; Exits those whose last one is. Bucket: the visit's start. Only in
	// cubes with a page.
	Entries
	Exits
	// EntryVisitors counts the day's visitors who had a visit that entered here; ExitVisitors those with a visit whose last page
	// this is. Only in cubes with a page; exact over whole days.
	EntryVisitors
	ExitVisitors
	// EngagedSeconds is for how many seconds the page was looked at, as the browser tells: of each visit, rounded to whole ones. This
	// and all that follow to Scroll100 belong to the bucket of the visit's start; only in cubes with a page.
	EngagedSeconds
	// EngagedVisits counts visits of which the browser told how long they looked at this page.
	EngagedVisits
	// ScrollPercent is the sum, over the visits of which the browser told it, of the largest part of the page that was seen, in percent.
	ScrollPercent
	// UnscrolledVisits counts visits of which the browser told how long they looked at this page and not how much of it they saw. They are
	// few: those of which it told that are EngagedVisits less these.
	UnscrolledVisits
	// Scroll25 counts those that saw at least a quarter of it, and so on. Only in the cube of pages by the day.
	Scroll25
	Scroll50
	Scroll75
	Scroll100
	// Revenue is the sum of the amounts of events, in minor units of a currency. Only under the names of [Goal.RevenueKey], in cubes
	// with an event.
	Revenue
	// CustomEvents counts events that are no page views, in the bucket of their own time. Only in cubes that keep page views.
	CustomEvents
	NumMetrics
)

// MetricInfo says what is fixed about a metric.
type MetricInfo struct {
	Column string
	// WholeDays: sums mean something over whole days of the site only.
	WholeDays bool
	// HourOnly: kept only in cubes of hours.
	HourOnly bool
	// PageOnly: kept only in cubes that have a page and no event.
	PageOnly bool
	// EventOnly: kept only in cubes that have an event.
	EventOnly bool
	// PageDays: kept only in the cube of pages by the day. No question is about less of it or crosses it.
	PageDays bool
	// Wide: the sum over some hundred visitors can be more than 32 bits hold.
	Wide bool
}

// Metrics is the table of all metrics, indexed by Metric.
var Metrics = [NumMetrics]MetricInfo{
	Visitors:         {Column: "visitors", WholeDays: true},
	VisitorsHour:     {Column: "visitors_hour", HourOnly: true},
	Visits:           {Column: "visits"},
	VisitsHour:       {Column: "visits_hour", HourOnly: true},
	Pageviews:        {Column: "pageviews"},
	Events:           {Column: "events"},
	Bounces:          {Column: "bounces"},
	Duration:         {Column: "duration"},
	Entries:          {Column: "entries", PageOnly: true},
	Exits:            {Column: "exits", PageOnly: true},
	EntryVisitors:    {Column: "entry_visitors", WholeDays: true, PageOnly: true},
	ExitVisitors:     {Column: "exit_visitors", WholeDays: true, PageOnly: true},
	EngagedSeconds:   {Column: "engaged_seconds", PageOnly: true, Wide: true},
	EngagedVisits:    {Column: "engaged_visits", PageOnly: true},
	ScrollPercent:    {Column: "scroll_percent", PageOnly: true},
	UnscrolledVisits: {Column: "unscrolled_visits", PageOnly: true},
	Scroll25:         {Column: "scroll_25", PageOnly: true, PageDays: true},
	Scroll50:         {Column: "scroll_50", PageOnly: true, PageDays: true},
	Scroll75:         {Column: "scroll_75", PageOnly: true, PageDays: true},
	Scroll100:        {Column: "scroll_100", PageOnly: true, PageDays: true},
	Revenue:          {Column: "revenue", EventOnly: true, Wide: true},
	CustomEvents:     {Column: "custom_events"},
}

// How many of the metrics are wide, and how many are kept only in cubes of hours.
const (
	NumWideMetrics = 2
	NumHourMetrics = 2
)

// String is the metric's column name.
func (m Metric) String() string { return Metrics[m].Column }

// Deltas is what an increment adds to each metric of a cell, indexed by Metric. The zero value adds nothing.
type Deltas [NumMetrics]int64

// Add adds o to d.
func (d *Deltas) Add(o *Deltas) {
	for m := range d {
		d[m] += o[m]
	}
}

// IsZero reports whether nothing is added.
func (d *Deltas) IsZero() bool { return *d == Deltas{} }

// Keep sets to 0 what the cube does not keep.
func (d *Deltas) Keep(c *Cube) {
	for m := range NumMetrics {
		if !c.Keeps(m) {
			d[m] = 0
		}
	}
}

// Negated returns −d.
func (d *Deltas) Negated() Deltas {
	var n Deltas
	for m := range d {
		n[m] = -d[m]
	}
	return n
}
