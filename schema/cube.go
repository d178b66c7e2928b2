package schema

import "slices"

// Grain is the width of a cube's time buckets.
type Grain uint8

const (
	Hourly Grain = iota // an hour of the site's own day
	Daily               // a day of the site's time zone
)

// String is the grain's name.
func (g Grain) String() string { return [...]string{"hour", "day"}[g] }

// CubeID names a cube. It is stored in the journal and may never be given to another cube.
type CubeID uint8

// Cube is one set of dimensions that are counted together: a grouping set.
type Cube struct {
	ID         CubeID
	Name       string // value of the column cube
	Grain      Grain
	Dimensions []Dimension // at most MaxCubeDimensions
	// Guarded dimensions read Other until at least k visitors of the day are in the cell (P4). All of them at once: the cell
	// with every guarded dimension set to Other is the parent.
	Guarded []Dimension
	// Withheld cells have no parent: until at least k visitors of the day are in one it is in memory only, and one that comes after
	// LimitCellsPerDay is not counted.
	Withheld bool
	// Folded dimensions read Other in cells that come after LimitCellsPerDay. It contains Guarded.
	Folded []Dimension
	// TwinOf is the cube of hours that a cube of days counts by the day, with the same dimensions: its twin. 0: of none. The hours keep only
	// what is asked by the hour; of that, days have the sums.
	TwinOf CubeID
}

// MaxCubeDimensions is the number of dimensions a cube can have.
const MaxCubeDimensions = 6

// LimitCellsPerDay is how many distinct cells (buckets of time aside) a cube that folds can have for a site and day. A cell
// that comes later is counted with its folded dimensions set to Other.
const LimitCellsPerDay = 50_000

// The cubes.
const (
	CubeTraffic CubeID = iota + 1
	CubePages
	CubeSources
	CubeReferrers
	CubeCampaigns
	CubeCountries
	CubeRegions
	CubePlaces
	CubeDevices
	CubeBrowsers
	CubeSystems
	CubePageSources
	CubePagePlaces
	CubePageDevices
	CubeSourcePlaces
	CubeSourceDevices
	CubePlaceDevices
	CubeEvents
	CubeEventProps
	CubeEventPages
	CubeEventSources
	CubeEventPlaces
	CubeEventDevices
	CubePageTimes
	CubeDrops
	CubeFunnelSteps
	CubeTransitions
	CubeSegments
	CubeSegmentPages
	CubeSegmentSources
	CubeSegmentPlaces
	CubeSegmentDevices
	CubeSegmentEvents
	CubeVitals
	CubePagesDaily
	CubeLanguages
	CubeScreens
	CubeSourcesDaily
	CubeTrafficDaily
	CubeDevicesDaily
	numCubes
)

// NumCubes is one more than the largest CubeID.
const NumCubes = int(numCubes)

// Cubes is the catalogue, in the order of CubeID.
var Cubes = []Cube{
	{ID: CubeTraffic, Name: "traffic", Grain: Hourly},
	{ID: CubePages, Name: "pages", Grain: Hourly, Dimensions: dims(Hostname, Path)},
	{ID: CubeSources, Name: "sources", Grain: Hourly, Dimensions: dims(Channel, Source, Campaign), Folded: dims(Campaign)},
	{ID: CubeReferrers, Name: "referrers", Grain: Daily, Dimensions: dims(Source, Referrer), Folded: dims(Referrer)},
	{
		ID: CubeCampaigns, Name: "campaigns", Grain: Daily,
		Dimensions: dims(UTMSource, UTMMedium, Campaign, UTMContent, UTMTerm),
		Folded:     dims(UTMSource, UTMMedium, Campaign, UTMContent, UTMTerm),
	},
	{ID: CubeCountries, Name: "countries", Grain: Hourly, Dimensions: dims(Country)},
	{
		ID: CubeRegions, Name: "regions", Grain: Daily,
		Dimensions: dims(Country, Region), Guarded: dims(Region), Folded: dims(Region),
	},
	{
		ID: CubePlaces, Name: "places", Grain: Daily,
		Dimensions: dims(Country, Region, City), Guarded: dims(Region, City), Folded: dims(Region, City),
	},
	{ID: CubeDevices, Name: "devices", Grain: Hourly, Dimensions: dims(Device, Browser, OS)},
	{
		ID: CubeBrowsers, Name: "browsers", Grain: Daily,
		Dimensions: dims(Browser, BrowserVersion), Guarded: dims(BrowserVersion), Folded: dims(BrowserVersion),
	},
	{
		ID: CubeSystems, Name: "systems", Grain: Daily,
		Dimensions: dims(OS, OSVersion), Guarded: dims(OSVersion), Folded: dims(OSVersion),
	},
	{
		ID: CubePageSources, Name: "page_sources", Grain: Daily,
		Dimensions: dims(Hostname, Path, Channel, Source, Campaign), Folded: dims(Channel, Source, Campaign),
	},
	{
		ID: CubePagePlaces, Name: "page_places", Grain: Daily,
		Dimensions: dims(Hostname, Path, Country), Guarded: dims(Country), Folded: dims(Country),
	},
	{
		ID: CubePageDevices, Name: "page_devices", Grain: Daily,
		Dimensions: dims(Hostname, Path, Device, Browser, OS),
		Guarded:    dims(Device, Browser, OS), Folded: dims(Device, Browser, OS),
	},
	{
		ID: CubeSourcePlaces, Name: "source_places", Grain: Daily,
		Dimensions: dims(Channel, Source, Campaign, Country), Guarded: dims(Country), Folded: dims(Country),
	},
	{
		ID: CubeSourceDevices, Name: "source_devices", Grain: Daily,
		Dimensions: dims(Channel, Source, Campaign, Device, Browser, OS),
		Guarded:    dims(Device, Browser, OS), Folded: dims(Device, Browser, OS),
	},
	{
		ID: CubePlaceDevices, Name: "place_devices", Grain: Daily,
		Dimensions: dims(Country, Device, Browser, OS),
		Guarded:    dims(Country, Device, Browser, OS), Folded: dims(Country, Device, Browser, OS),
	},
	{ID: CubeEvents, Name: "events", Grain: Hourly, Dimensions: dims(EventName)},
	{
		ID: CubeEventProps, Name: "event_props", Grain: Daily,
		Dimensions: dims(EventName, Prop, PropValue), Folded: dims(PropValue),
	},
	{
		ID: CubeEventPages, Name: "event_pages", Grain: Daily,
		Dimensions: dims(EventName, Hostname, Path), Folded: dims(Hostname, Path),
	},
	{
		ID: CubeEventSources, Name: "event_sources", Grain: Daily,
		Dimensions: dims(EventName, Channel, Source, Campaign), Folded: dims(Channel, Source, Campaign),
	},
	{
		ID: CubeEventPlaces, Name: "event_places", Grain: Daily,
		Dimensions: dims(EventName, Country), Guarded: dims(Country), Folded: dims(Country),
	},
	{
		ID: CubeEventDevices, Name: "event_devices", Grain: Daily,
		Dimensions: dims(EventName, Device, Browser, OS),
		Guarded:    dims(Device, Browser, OS), Folded: dims(Device, Browser, OS),
	},
	// How long visits looked at a page, in milliseconds.
	{
		ID: CubePageTimes, Name: "page_times", Grain: Daily,
		Dimensions: dims(Hostname, Path, Bucket), Folded: dims(Hostname, Path),
	},
	// Requests that were not counted.
	{ID: CubeDrops, Name: "drops", Grain: Hourly, Dimensions: dims(DropReason, Agent)},
	// Visitors who reached a step of a funnel, by the seconds since they began. Nobody outside decides how many values it has.
	{ID: CubeFunnelSteps, Name: "funnel_steps", Grain: Daily, Dimensions: dims(FunnelKey, Step, Bucket)},
	// From which page visits went to which. A pair of pages tells more of a visitor than a page does, so it is guarded.
	{
		ID: CubeTransitions, Name: "transitions", Grain: Daily,
		Dimensions: dims(Path, NextPath), Guarded: dims(NextPath), Folded: dims(NextPath),
	},
	// What was declared as a segment, alone and with the core of one aspect. A segment's filter can name all aspects, so the key
	// stands for more than one already: at most one more is crossed with it, no fine dimension, and nothing appears below k visitors.
	segmentCube(CubeSegments, "segments"),
	segmentCube(CubeSegmentPages, "segment_pages", Hostname, Path),
	segmentCube(CubeSegmentSources, "segment_sources", Channel, Source, Campaign),
	segmentCube(CubeSegmentPlaces, "segment_places", Country),
	segmentCube(CubeSegmentDevices, "segment_devices", Device, Browser, OS),
	segmentCube(CubeSegmentEvents, "segment_events", EventName),
	// The web vitals of page views. The cell with the bucket "" holds all measurements of its page, device and vital: it tells how
	// many of them the k rule keeps from the histogram of a device.
	{
		ID: CubeVitals, Name: "vitals", Grain: Daily,
		Dimensions: dims(Hostname, Path, Device, VitalName, Bucket), Guarded: dims(Device), Folded: dims(Hostname, Path, Device),
	},
	// Most questions about pages want days, of which a site with many pages has far fewer rows than hours, and its pages' hours have few
	// visitors each.
	{ID: CubePagesDaily, Name: "pages_daily", Grain: Daily, Dimensions: dims(Hostname, Path), TwinOf: CubePages},
	{ID: CubeLanguages, Name: "languages", Grain: Daily, Dimensions: dims(Language), Guarded: dims(Language), Folded: dims(Language)},
	{
		ID: CubeScreens, Name: "screens", Grain: Daily,
		Dimensions: dims(ScreenWidth), Guarded: dims(ScreenWidth), Folded: dims(ScreenWidth),
	},
	// For the same reason: a site with many sources has a tenth of the hours' rows.
	{
		ID: CubeSourcesDaily, Name: "sources_daily", Grain: Daily, Dimensions: dims(Channel, Source, Campaign), Folded: dims(Campaign),
		TwinOf: CubeSources,
	},
	// What a dashboard asks first, and the most: 30 rows of a month in the place of 720. A site has a third of the rows of devices, too.
	{ID: CubeTrafficDaily, Name: "traffic_daily", Grain: Daily, TwinOf: CubeTraffic},
	{ID: CubeDevicesDaily, Name: "devices_daily", Grain: Daily, Dimensions: dims(Device, Browser, OS), TwinOf: CubeDevices},
}

// segmentCube guards all its dimensions, see [Segment].
func segmentCube(id CubeID, name string, crossed ...Dimension) Cube {
	all := append(dims(SegmentKey), crossed...)
	return Cube{ID: id, Name: name, Grain: Daily, Dimensions: all, Guarded: all, Folded: all, Withheld: true}
}

func dims(d ...Dimension) []Dimension { return d }

// CubeByID returns the catalogue's entry, or false when there is none.
func CubeByID(id CubeID) (*Cube, bool) {
	if id == 0 || int(id) > len(Cubes) {
		return nil, false
	}
	return &Cubes[id-1], true
}

// Twin is the cube of days of which the cube has the hours, or nil where there is none.
func (c *Cube) Twin() *Cube {
	for i := range Cubes {
		if twin := &Cubes[i]; twin.TwinOf == c.ID {
			return twin
		}
	}
	return nil
}

// Has reports whether the cube has the dimension.
func (c *Cube) Has(d Dimension) bool { return slices.Contains(c.Dimensions, d) }

// HasAspect reports whether the cube has a dimension of the aspect.
func (c *Cube) HasAspect(a Aspect) bool {
	return slices.ContainsFunc(c.Dimensions, func(d Dimension) bool { return Dimensions[d].Aspect == a })
}

// OfVisits reports whether the cube counts by sides of visits only: it is no histogram, and not about what is counted apart.
func (c *Cube) OfVisits() bool {
	return !slices.ContainsFunc(c.Dimensions, func(d Dimension) bool { return Dimensions[d].Aspect >= NumVisitAspects })
}

// Keeps reports whether the cube keeps the metric.
func (c *Cube) Keeps(m Metric) bool {
	info := Metrics[m]
	switch {
	case c.HasAspect(DropAspect):
		return m == Events
	case m == CustomEvents:
		return c.Keeps(Pageviews)
	case m == Events && c.Keeps(Pageviews):
		return false
	case c.HasAspect(FunnelAspect):
		return m == Visitors
	case c.HasAspect(NextAspect):
		return m == Visitors || m == Events
	case c.Has(VitalName):
		return m == Visitors || m == Events
	case info.HourOnly && c.Grain != Hourly, c.Grain == Hourly && byDay(c, m) && c.Twin() != nil:
		return false
	case c.HasAspect(SegmentAspect) && (m == Bounces || m == Duration || info.PageOnly):
		return !info.PageOnly && !c.HasAspect(PageAspect) && !c.HasAspect(EventAspect)
	case c.HasAspect(MeasureAspect):
		return m == Visits
	case c.HasAspect(EventAspect):
		return m == Visitors || m == VisitorsHour || m == Visits || m == VisitsHour || m == Events || info.EventOnly
	case info.EventOnly:
		return false
	case info.PageDays:
		return c.ID == CubePagesDaily
	case info.PageOnly:
		return c.HasAspect(PageAspect)
	}
	return true
}

// byDay reports whether the metric means something over whole days only, as do the visits of a page, each of which counts where it saw
// the page first.
func byDay(c *Cube, m Metric) bool {
	return Metrics[m].WholeDays || m == Visits && c.HasAspect(PageAspect)
}
