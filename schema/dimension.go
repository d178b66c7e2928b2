package schema

// Aspect is one of the five sides from which a visit can be looked at, of which a counter crosses at most two (promise P3), or
// something that is counted and no side of a visit.
type Aspect uint8

const (
	PageAspect Aspect = iota
	SourceAspect
	PlaceAspect
	DeviceAspect
	EventAspect
	// NumVisitAspects is how many are sides of a visit.
	NumVisitAspects
	// MeasureAspect: a histogram of something that was measured.
	MeasureAspect = NumVisitAspects
	// DropAspect: a request that was not counted.
	DropAspect = MeasureAspect + 1
	// FunnelAspect: a step of a funnel.
	FunnelAspect = DropAspect + 1
	// NextAspect: what came after the page.
	NextAspect = FunnelAspect + 1
	// SegmentAspect: a segment that was declared.
	SegmentAspect = NextAspect + 1
	NumAspects    = SegmentAspect + 1
)

// String is the aspect's name as it appears in messages.
func (a Aspect) String() string {
	return [...]string{
		"page", "source", "place", "device", "event", "measure", "dropped request", "funnel", "next page",
		"segment",
	}[a]
}

// Dimension names one column by which things are counted. The zero value is Hostname.
type Dimension uint8

const (
	Hostname Dimension = iota
	Path
	Channel
	Source
	Campaign
	Referrer
	UTMSource
	UTMMedium
	UTMContent
	UTMTerm
	Country
	Region
	City
	Device
	Browser
	BrowserVersion
	OS
	OSVersion
	EventName
	Prop
	PropValue
	// Bucket is a bucket of a histogram: see LogBucket.
	Bucket
	// DropReason is why a request was not counted, Agent the family of the program that sent it.
	DropReason
	Agent
	// FunnelKey is a funnel's key ([Funnel.Key]), Step the number of one of its steps, from 1.
	FunnelKey
	Step
	// NextPath is the path of the page that was seen after the one of Path. Its values are those of Path, which they share a limit with.
	NextPath
	// SegmentKey is a segment's key ([Segment.Key]).
	SegmentKey
	// VitalName is the name of a [Vital].
	VitalName
	// Language is a language's code, ScreenWidth a class of the screen's width: see [ScreenClass].
	Language
	ScreenWidth
	NumDimensions
)

// DimensionInfo says what is fixed about a dimension.
type DimensionInfo struct {
	Column string // column of the table counts
	Title  string // for people, lower case
	Aspect Aspect
	Core   bool // may be crossed with another aspect; the others are asked only inside their own
	// LimitPerDay is how many distinct values a site can have on one of its days. What comes after them is Other.
	LimitPerDay int
}

// Dimensions is the table of all dimensions, indexed by Dimension.
var Dimensions = [NumDimensions]DimensionInfo{
	Hostname:       {"hostname", "hostname", PageAspect, true, 20},
	Path:           {"path", "page", PageAspect, true, 10_000},
	Channel:        {"channel", "channel", SourceAspect, true, 50},
	Source:         {"source", "source", SourceAspect, true, 1_000},
	Campaign:       {"campaign", "campaign", SourceAspect, true, 1_000},
	Referrer:       {"referrer", "referrer", SourceAspect, false, 2_000},
	UTMSource:      {"utm_source", "utm_source", SourceAspect, false, 1_000},
	UTMMedium:      {"utm_medium", "utm_medium", SourceAspect, false, 200},
	UTMContent:     {"utm_content", "utm_content", SourceAspect, false, 1_000},
	UTMTerm:        {"utm_term", "utm_term", SourceAspect, false, 1_000},
	Country:        {"country", "country", PlaceAspect, true, 300},
	Region:         {"region", "region", PlaceAspect, false, 5_000},
	City:           {"city", "city", PlaceAspect, false, 10_000},
	Device:         {"device", "device", DeviceAspect, true, 20},
	Browser:        {"browser", "browser", DeviceAspect, true, 200},
	BrowserVersion: {"browser_version", "browser version", DeviceAspect, false, 1_000},
	OS:             {"os", "operating system", DeviceAspect, true, 200},
	OSVersion:      {"os_version", "operating system version", DeviceAspect, false, 1_000},
	EventName:      {"event", "event", EventAspect, true, 200},
	Prop:           {"prop", "property", EventAspect, false, 300},
	PropValue:      {"value", "property value", EventAspect, false, 5_000},
	Bucket:         {"bucket", "bucket", MeasureAspect, false, NumLogBuckets},
	DropReason:     {"reason", "reason", DropAspect, false, 100},
	Agent:          {"agent", "agent", DropAspect, false, 1_000},
	FunnelKey:      {"funnel", "funnel", FunnelAspect, false, 1_000},
	Step:           {"step", "step", FunnelAspect, false, MaxFunnelSteps},
	NextPath:       {"next_path", "next page", NextAspect, false, 10_000},
	SegmentKey:     {"segment", "segment", SegmentAspect, false, MaxSegmentsPerDay},
	VitalName:      {"vital", "web vital", MeasureAspect, false, int(NumVitals)},
	Language:       {"language", "language", DeviceAspect, false, 250},
	ScreenWidth:    {"screen", "screen width", DeviceAspect, false, 20},
}

// String is the dimension's column name.
func (d Dimension) String() string { return Dimensions[d].Column }

// Other stands for what is hidden by the k rule (P4), for what came after a limit and for what is on no list of names. It cannot be a
// real value: cleaning (see [CleanValue]) never yields it.
const Other = "(other)"
