package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"turf/aggregate"
	"turf/schema"
)

// The traffic of the comparison with rows: visitors who come once or twice a day, by one of some ways, and look at a
// few pages, of which some are seen often and most seldom. The visits are known as they are made, so no session has
// to be reckoned from events.

// How many distinct values there are.
const (
	bigSitePaths   = 3000
	smallSitePaths = 60
	queryArrivals  = 340
	queryCountries = 80
	queryPlaces    = 2000 // cities, of all countries
	queryDevices   = 120  // with their versions
	maxVisitPages  = 20
)

// pageviewsAVisitor is about how many page views a visitor of these has on a day.
const pageviewsAVisitor = 3.2

// visitorsADay is how many visitors make so many page views in so many days.
func visitorsADay(pageviews, days int) int {
	return int(float64(pageviews) / float64(days) / pageviewsAVisitor)
}

// The values of the site's goals.
const (
	goalEvent = "Signup"
	goalPage  = "/pricing"
)

// arrival is a way by which a visit comes.
type arrival struct {
	channel, source, referrer, campaign, utmSource, utmMedium, utmContent, utmTerm string
}

// place is where a visitor is.
type place struct {
	country, region, city string
	cityNumber            uint32 // what stands for the city in the table of rows
}

// device is with what a visitor comes.
type device struct{ device, browser, browserVersion, os, osVersion string }

// pool is what visitors are made of, and how frequent each of it is.
type pool struct {
	arrivals []arrival
	places   []place
	devices  []device

	arrivalOf, placeOf, deviceOf ranks
}

// ranks draws numbers of which the first are frequent and the last are rare, as the words of a text are.
type ranks []uint16

const ranksSize = 1 << 16

func newRanks(n int, steep float64) ranks {
	total := 0.0
	for i := range n {
		total += math.Pow(float64(i+1), -steep)
	}
	r, sum := make(ranks, 0, ranksSize), 0.0
	for i := range n {
		sum += math.Pow(float64(i+1), -steep)
		for len(r) < int(sum/total*ranksSize) {
			r = append(r, uint16(i))
		}
	}
	for len(r) < ranksSize {
		r = append(r, 0)
	}
	return r
}

func (r ranks) draw(rng *rand.Rand) int { return int(r[rng.Uint64()%ranksSize]) }

func newPool() *pool {
	p := &pool{
		arrivalOf: newRanks(queryArrivals, 1), placeOf: newRanks(queryPlaces, 1), deviceOf: newRanks(queryDevices, 1),
	}
	channels := []string{"Organic Search", "Organic Social", "Referral", "Email"}
	for i := range queryArrivals {
		source := fmt.Sprintf("Source %d", i%60)
		switch {
		case i%3 == 0 && i < 60:
			p.arrivals = append(p.arrivals, arrival{channel: "Direct"})
		case i%8 == 7:
			p.arrivals = append(p.arrivals, arrival{
				channel: "Paid Search", source: source, campaign: fmt.Sprintf("campaign-%d", i/8),
				utmSource: source, utmMedium: "cpc", utmContent: fmt.Sprintf("ad-%d", i%16), utmTerm: fmt.Sprintf("term-%d", i%40),
			})
		default:
			referrer := fmt.Sprintf("source-%d.example/threads/%d", i%60, i/60)
			p.arrivals = append(p.arrivals, arrival{channel: channels[i%60%len(channels)], source: source, referrer: referrer})
		}
	}
	for i := range queryPlaces {
		country := fmt.Sprintf("%c%c", 'A'+i%queryCountries/26, 'A'+i%queryCountries%26)
		region := fmt.Sprintf("%s-%d", country, i/queryCountries%10)
		number := uint32(1_000_000 + 37*i)
		p.places = append(p.places, place{country, region, fmt.Sprint(number), number})
	}
	browsers := []string{"Chrome", "Safari", "Firefox", "Edge", "Samsung Browser", "Opera"}
	systems := []string{"Windows", "iOS", "Android", "macOS", "Linux"}
	kinds := []string{"Desktop", "Mobile", "Tablet", "Desktop", "Mobile"}
	for i := range queryDevices {
		p.devices = append(p.devices, device{
			kinds[i%5], browsers[i%6], fmt.Sprint(100 + i/6%20), systems[i%5], fmt.Sprint(10 + i/30),
		})
	}
	return p
}

// querySite is a site with its pages.
type querySite struct {
	site     schema.Site
	paths    []string
	pathOf   ranks
	visitors int // a day
}

func newQuerySite(id schema.SiteID, paths, visitors int) *querySite {
	s := &querySite{
		site:   schema.Site{ID: id, Domain: fmt.Sprintf("site-%d.example", id), Timezone: "UTC"},
		pathOf: newRanks(paths, 1), visitors: visitors,
	}
	for i := range paths {
		path := fmt.Sprintf("/articles/%d/a-title-of-some-words-%d", i%12, uint64(id-1)*7919+uint64(i))
		switch i {
		case 0:
			path = "/"
		case 8:
			path = goalPage
		}
		s.paths = append(s.paths, path)
	}
	return s
}

// queryVisit is a visit, as the table of sessions has it.
type queryVisit struct {
	user, session          uint64
	visitor                uint32 // number in the day
	start, end             uint32 // seconds of the day; end is that of the last sign of life
	entry, exit            uint16 // paths
	pageviews, events      uint16
	arrival, place, device uint16
}

// queryEvent is what happened at a second of the day.
type queryEvent struct {
	sec, visit, engagedMS uint32
	path                  uint16
	kind                  aggregate.Kind
	scroll                uint8
}

// queryDay is what a site sees on a day.
type queryDay struct {
	site   *querySite
	day    schema.Day
	start  int64 // Unix seconds
	visits []queryVisit
	events []queryEvent // in the order of their times
}

const daySec = 24 * 60 * 60

// makeDay makes a day, always the same one for a site and date.
func (p *pool) makeDay(s *querySite, day schema.Day) *queryDay {
	rng := rand.New(rand.NewPCG(uint64(s.site.ID), uint64(day)))
	d := &queryDay{site: s, day: day, start: int64(day) * daySec}
	var made []queryEvent
	for visitor := range s.visitors {
		v := queryVisit{
			user: rng.Uint64(), visitor: uint32(visitor),
			place: uint16(p.placeOf.draw(rng)), device: uint16(p.deviceOf.draw(rng)),
			start: uint32(rng.IntN(daySec/2) + rng.IntN(daySec/2)),
		}
		made = d.visit(made, v, p, rng)
		last := made[len(made)-1].sec
		if again := last + aggregate.IdleSec + 60 + uint32(rng.IntN(10_000)); rng.IntN(8) == 0 && again < daySec-60 {
			v.start = again
			made = d.visit(made, v, p, rng)
		}
	}
	d.sort(made)
	return d
}

// visit appends what happens in a visit of one page or some, each of which is looked at for a while, to made.
func (d *queryDay) visit(made []queryEvent, v queryVisit, p *pool, rng *rand.Rand) []queryEvent {
	const longestSec = 240
	v.session, v.arrival = rng.Uint64(), uint16(p.arrivalOf.draw(rng))
	number, sec, pages := uint32(len(d.visits)), v.start, 1
	if rng.IntN(100) < 55 {
		for pages = 2; pages < maxVisitPages && rng.IntN(10) < 7; {
			pages++
		}
	}
	path, signsUp := uint16(0), pages > 1 && rng.IntN(30) == 0
	for n := range pages {
		if path = uint16(d.site.pathOf.draw(rng)); n == 0 {
			v.entry = path
		}
		made = append(made, queryEvent{sec: sec, visit: number, path: path, kind: aggregate.Pageview})
		v.end, v.pageviews, v.events = sec, v.pageviews+1, v.events+1 // engagement is not among them
		stay := 5 + uint32(rng.IntN(longestSec))
		if sec+stay+longestSec >= daySec {
			break // the day is nearly over
		}
		sec += stay
		v.end = sec
		made = append(made, queryEvent{
			sec: sec, visit: number, path: path, kind: aggregate.Engagement,
			scroll: uint8(20 + rng.IntN(81)), engagedMS: stay * 900,
		})
	}
	if v.exit = path; signsUp {
		made = append(made, queryEvent{sec: sec, visit: number, path: path, kind: aggregate.Custom})
		v.events++
	}
	d.visits = append(d.visits, v)
	return made
}

// sort puts the events into the order of their seconds; those of one second stay as they are.
func (d *queryDay) sort(made []queryEvent) {
	var before [daySec + 1]int
	for i := range made {
		before[made[i].sec+1]++
	}
	for i := range daySec {
		before[i+1] += before[i]
	}
	d.events = make([]queryEvent, len(made))
	for i := range made {
		d.events[before[made[i].sec]] = made[i]
		before[made[i].sec]++
	}
}

// pageviews of the day.
func (d *queryDay) pageviews() (n int) {
	for i := range d.visits {
		n += int(d.visits[i].pageviews)
	}
	return n
}

func (v *queryVisit) isBounce() bool { return v.events == 1 }

// fill makes e the event as the core gets it.
func (d *queryDay) fill(e *aggregate.Event, from *queryEvent, p *pool) {
	v := &d.visits[from.visit]
	e.Site, e.Day, e.Time, e.Kind = d.site.site.ID, d.day, d.start+int64(from.sec), from.kind
	e.Visitor = aggregate.Key{v.user, uint64(v.visitor) + 1}
	e.ScrollDepth, e.EngagedMS = from.scroll, int64(from.engagedMS)
	a, at, with, values := &p.arrivals[v.arrival], &p.places[v.place], &p.devices[v.device], &e.Values
	values[schema.Hostname], values[schema.Path] = d.site.site.Domain, d.site.paths[from.path]
	values[schema.Channel], values[schema.Source], values[schema.Referrer] = a.channel, a.source, a.referrer
	values[schema.Campaign], values[schema.UTMSource], values[schema.UTMMedium] = a.campaign, a.utmSource, a.utmMedium
	values[schema.UTMContent], values[schema.UTMTerm] = a.utmContent, a.utmTerm
	values[schema.Country], values[schema.Region], values[schema.City] = at.country, at.region, at.city
	values[schema.Device], values[schema.Browser], values[schema.OS] = with.device, with.browser, with.os
	values[schema.BrowserVersion], values[schema.OSVersion] = with.browserVersion, with.osVersion
	values[schema.EventName] = ""
	if from.kind == aggregate.Custom {
		values[schema.EventName] = goalEvent
	}
}
