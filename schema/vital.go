package schema

// Vital is one of the web vitals: how fast or steady a page was in one page view, as the browser measures it.
type Vital uint8

// The vitals.
const (
	LCP  Vital = iota // until the largest thing was painted
	INP               // from an interaction to the next paint: the worst but for outliers
	CLS               // how much of the page moved by itself
	TTFB              // until the first byte of the answer
	FCP               // until the first thing was painted
	NumVitals
)

// VitalInfo says what is fixed about a vital. Its numbers are milliseconds; those of CLS are thousandths.
type VitalInfo struct {
	Name  string // on the wire and in the cube
	Title string // for people
	// Max is what larger numbers count as.
	Max int64
	// Good and Poor are the bounds of Google's ratings (https://web.dev/articles/vitals and the article of each vital): up to Good a
	// page is good, above Poor it is poor, between them it needs improvement. They are meant for the 75th percentile.
	Good, Poor int64
}

// The largest numbers that are told apart.
const (
	MaxVitalMS       = 60_000
	MaxCLSThousandth = 10_000
)

// Vitals is the table of all vitals, indexed by Vital.
var Vitals = [NumVitals]VitalInfo{
	LCP:  {"lcp", "largest contentful paint", MaxVitalMS, 2500, 4000},
	INP:  {"inp", "interaction to next paint", MaxVitalMS, 200, 500},
	CLS:  {"cls", "cumulative layout shift", MaxCLSThousandth, 100, 250},
	TTFB: {"ttfb", "time to first byte", MaxVitalMS, 800, 1800},
	FCP:  {"fcp", "first contentful paint", MaxVitalMS, 1800, 3000},
}

// String is the vital's name.
func (v Vital) String() string { return Vitals[v].Name }
