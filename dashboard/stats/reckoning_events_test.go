package stats

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// madeWeek is a week of events of one site, by day and in the order of time. Its days are those of the site's zone, and its clock goes
// forward on one of them.
type madeWeek struct {
	site  schema.Site
	loc   *time.Location
	first schema.Day
	days  [weekDays][]*aggregate.Event
}

const weekDays = 7

// visitorOfWeek is somebody who comes on some of the days.
type visitorOfWeek struct {
	id     uint64
	fixed  [schema.NumDimensions]string // place and device
	source int                          // by which the visitor comes most often
}

// makeWeek makes the events of so many visitors: most come on one day or two and once a day, by one source; some come again on the
// day, a part of them by another source, or by another campaign of the same; some are there at midnight.
func makeWeek(seed uint64, visitors int) *madeWeek {
	r := rand.New(rand.NewPCG(seed, 3))
	w := &madeWeek{site: weekSite(), first: schema.Date(2026, time.March, 26)}
	w.loc, _ = w.site.Location()
	for id := range visitors {
		v := visitorOfWeek{id: uint64(id) + 1, fixed: madePlaceAndDevice(r), source: skewed(r, len(madeSources))}
		for day := range schema.Day(weekDays) {
			if r.IntN(weekDays) == 0 || int(day) == id%weekDays {
				w.visitsOfDay(r, &v, w.first+day)
			}
		}
	}
	for i := range w.days {
		slices.SortStableFunc(w.days[i], func(a, b *aggregate.Event) int { return cmp.Compare(a.Time, b.Time) })
	}
	return w
}

// weekSite is the site of the week, with goals of every kind that were declared long before it.
func weekSite() schema.Site {
	s := schema.Site{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"}
	s.Goals = []schema.Goal{
		{Name: "Signup", Event: "Signup"},
		{Name: "Buy", Event: "Purchase", Currency: "EUR"},
		{Name: "Pricing", Page: "/pricing"},
		{Name: "Blog", Page: "/blog/*"},
		{Name: "Read docs", Page: "/docs*", Scroll: 60},
	}
	return s
}

// madeSources are the sources by which visits begin, the most frequent first: two channels share a source, one source has two
// campaigns.
var madeSources = [][schema.NumDimensions]string{
	{},
	madeSource("Organic Search", "Google", "", "google.com"),
	madeSource("Direct", "", "", ""),
	madeSource("Organic Social", "Hacker News", "", "news.ycombinator.com/item"),
	madeSource("Paid Search", "Google", "spring", "google.com", "google", "cpc", "hero", "web analytics"),
	madeSource("Organic Search", "DuckDuckGo", "", "duckduckgo.com"),
	madeSource("Email", "newsletter", "march", "", "newsletter", "email", "top"),
	madeSource("Paid Search", "Google", "brand", "", "google", "cpc", "", "turf"),
	madeSource("Referral", "github.com", "", "github.com/example/example"),
	madeSource("Referral", "github.com", "", "github.com/awesome/list"),
	madeSource("Organic Search", "Bing", "", "bing.com"),
	madeSource("Email", "newsletter", "april", "", "newsletter", "email", "foot"),
	madeSource("Organic Social", "Mastodon", "", "mastodon.social"),
}

func madeSource(channel, source, campaign, referrer string, utm ...string) (v [schema.NumDimensions]string) {
	v[schema.Channel], v[schema.Source], v[schema.Campaign], v[schema.Referrer] = channel, source, campaign, referrer
	for i, value := range utm {
		v[[]schema.Dimension{schema.UTMSource, schema.UTMMedium, schema.UTMContent, schema.UTMTerm}[i]] = value
	}
	return v
}

// madePlaces have the country's code, the region's and the city as it is stored; see placeNames.
var madePlaces = [][3]string{
	{"NL", "NL-NH", "2759794:Amsterdam"},
	{"NL", "NL-UT", "2745912:Utrecht"},
	{"NL", "NL-NH", "2755003:Haarlem"},
	{"DE", "DE-BE", "2950159:Berlin"},
	{"DE", "", ""},
	{"US", "US-CA", ":Fresno"},
	{"JP", "JP-13", "1850147:Tokyo"},
	{"", "", ""},
}

// placeNames are the English names of the codes.
var placeNames = map[string]string{
	"NL": "Netherlands", "DE": "Germany", "US": "United States", "JP": "Japan",
	"NL-NH": "North Holland", "NL-UT": "Utrecht", "DE-BE": "Berlin", "US-CA": "California", "JP-13": "Tokyo",
}

var madeDevices = [][5]string{
	{"Desktop", "Chrome", "139", "Windows", "11"},
	{"Mobile", "Safari", "18.5", "iOS", "18.5"},
	{"Mobile", "Chrome", "139", "Android", "15"},
	{"Desktop", "Firefox", "141", "Linux", ""},
	{"Desktop", "Safari", "18.4", "macOS", "15"},
	{"Desktop", "Chrome", "138", "Windows", "10"},
	{"Tablet", "Safari", "18.5", "iOS", "17"},
	{"Desktop", "", "", "", ""},
}

// madeLanguages and madeScreens are as frequent as they are early; few visitors speak the last ones.
var (
	madeLanguages = []string{"nl", "en", "de", "", "ja", "fr", "pl", schema.Other, "fy"}
	madeScreens   = []string{"1920-2559", "360-479", "1440-1919", "", "768-1023", "2560+", "0-359"}
)

func madePlaceAndDevice(r *rand.Rand) (v [schema.NumDimensions]string) {
	p, d := madePlaces[skewed(r, len(madePlaces))], madeDevices[skewed(r, len(madeDevices))]
	v[schema.Country], v[schema.Region], v[schema.City] = p[0], p[1], p[2]
	v[schema.Device], v[schema.Browser], v[schema.BrowserVersion], v[schema.OS], v[schema.OSVersion] = d[0], d[1], d[2], d[3], d[4]
	v[schema.Language] = madeLanguages[skewed(r, len(madeLanguages))]
	v[schema.ScreenWidth] = madeScreens[skewed(r, len(madeScreens))]
	return v
}

// skewed is a number below n of which the small ones are more frequent.
func skewed(r *rand.Rand, n int) int {
	return int(float64(n) * r.Float64() * r.Float64() * r.Float64())
}

// visitsOfDay makes the visits that begin on the day; what comes after midnight is on the next.
func (w *madeWeek) visitsOfDay(r *rand.Rand, v *visitorOfWeek, day schema.Day) {
	start, end := day.Start(w.loc).Unix(), (day + 1).Start(w.loc).Unix()
	at := start + r.Int64N(end-start)
	if r.IntN(25) == 0 {
		at = end - 1 - r.Int64N(1200) // is there at midnight
	}
	source := v.source
	if r.IntN(4) == 0 {
		source = skewed(r, len(madeSources))
	}
	for {
		at = w.visit(r, v, source, at)
		if r.IntN(5) > 0 {
			return
		}
		at += r.Int64N(6 * 3600)
		if r.IntN(12) == 0 {
			source = skewed(r, len(madeSources))
		}
	}
}

// visit makes some page views with what is done on them, beginning at a time, and returns the time at which it ends. It may be two
// visits: the pauses can be long.
func (w *madeWeek) visit(r *rand.Rand, v *visitorOfWeek, source int, at int64) int64 {
	for {
		tags := source
		if r.IntN(30) == 0 {
			tags = skewed(r, len(madeSources)) // in the middle of a visit, where it changes nothing
		}
		page := w.event(v, tags, at, aggregate.Pageview)
		page.Values[schema.Hostname] = []string{"example.com", "example.com", "example.com", "shop.example.com"}[int(v.id)%4]
		page.Values[schema.Path] = madePath(r)
		if r.IntN(40) == 0 { // another host, with a start page and pages of its own
			page.Values[schema.Hostname] = "docs.example.com"
			if page.Values[schema.Path] != "/" {
				page.Values[schema.Path] = fmt.Sprint("/manual/", 1+r.IntN(20))
			}
		}
		if r.IntN(10) == 0 {
			page.Props = []aggregate.Prop{{Name: "author", Value: []string{"ada", "bob"}[r.IntN(2)]}}
		}
		w.add(page)
		if r.IntN(7) == 0 {
			at += r.Int64N(60)
			w.add(w.custom(r, page, at))
		}
		for range r.IntN(3) {
			at += r.Int64N(90)
			e := *page
			e.Time, e.Kind, e.Props = at, aggregate.Engagement, nil
			e.EngagedMS, e.ScrollDepth = r.Int64N(1<<r.IntN(18)), uint8(r.IntN(101))
			if r.IntN(5) == 0 {
				e.ScrollDepth = aggregate.ScrollUnknown
			}
			w.add(&e)
		}
		if r.IntN(5) < 2 {
			return at
		}
		at += 5 + r.Int64N(400)
		if r.IntN(20) == 0 {
			at += r.Int64N(2400)
		}
	}
}

func madePath(r *rand.Rand) string {
	n := skewed(r, 80)
	switch n {
	case 0:
		return "/"
	case 1:
		return "/pricing"
	}
	return fmt.Sprintf("/%s/%d", []string{"blog", "docs", "product"}[n%3], n)
}

// custom is an event on the page.
func (w *madeWeek) custom(r *rand.Rand, page *aggregate.Event, at int64) *aggregate.Event {
	e := *page
	e.Time, e.Kind, e.Props = at, aggregate.Custom, nil
	switch name := []string{"Signup", "Purchase", "Purchase", "Download", "Search"}[r.IntN(5)]; name {
	case "Purchase":
		e.Revenue = schema.Money{Currency: []string{"EUR", "EUR", "EUR", "USD", ""}[r.IntN(5)], Minor: r.Int64N(20_000)}
		e.Props = []aggregate.Prop{{Name: "plan", Value: []string{"team", "pro", "solo"}[skewed(r, 3)]}}
		e.Values[schema.EventName] = name
	case "Signup":
		e.Props = []aggregate.Prop{{Name: "plan", Value: []string{"solo", "free"}[r.IntN(2)]}}
		if r.IntN(8) == 0 {
			e.Props = append(e.Props, aggregate.Prop{Name: "author", Value: "ada"})
		}
		e.Values[schema.EventName] = name
	case "Download":
		e.Passive = true
		e.Values[schema.EventName] = name
	default:
		e.Values[schema.EventName] = name
	}
	return &e
}

func (w *madeWeek) event(v *visitorOfWeek, source int, at int64, kind aggregate.Kind) *aggregate.Event {
	e := &aggregate.Event{
		Site: w.site.ID, Time: at, Visitor: aggregate.Key{v.id, 7}, Kind: kind, Values: v.fixed, ScrollDepth: aggregate.ScrollUnknown,
	}
	for d, value := range madeSources[source] {
		if schema.Dimensions[d].Aspect == schema.SourceAspect {
			e.Values[d] = value
		}
	}
	return e
}

// add puts an event on its day; what comes after the week is left out.
func (w *madeWeek) add(e *aggregate.Event) {
	e.Day = schema.DayOf(time.Unix(e.Time, 0), w.loc)
	if day := e.Day - w.first; day < weekDays {
		w.days[day] = append(w.days[day], e)
	}
}
