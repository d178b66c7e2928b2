package ingest

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"turf/aggregate"
	"turf/schema"
)

// Description is what may be kept of a hit beside its time: all by the rules of the counting path, and no visitor's
// key.
type Description struct {
	Name           string // of the event, clean; "pageview" for a page view
	Hostname, Path string
	Props          map[string]string // nil for none
	// Of the visit that the hit begins, if it begins one.
	Channel, Source, Campaign, Referrer string
	Country, Device, Browser, OS        string
}

// Sighting is a hit as the script of the opt-in path tells it. Its strings may hold personal data.
type Sighting struct {
	redacted
	Name, URL, Referrer string
	Props               map[string]string
	At                  time.Time
}

// Describer describes hits for the opt-in path, by the same steps as those that are counted, but for three: an
// objection and a visitor's key are matters of the counting path, and so is the rate of page views. It never makes a
// visitor's key. It may be used by many goroutines.
type Describer struct {
	steps    *Steps
	proxies  []netip.Prefix
	allHints bool
	clients  *limiter
	seldom   *limiter
}

// NewDescriber makes a Describer. proxies and allHints are as in Config; requestsPerSec is what Allow lets one address
// send, as in Limits; negative: no limit, of AllowSeldom neither.
func NewDescriber(steps *Steps, proxies []netip.Prefix, allHints bool, requestsPerSec int) *Describer {
	seldom := SeldomPerMin
	if requestsPerSec < 0 {
		seldom = -1
	}
	if requestsPerSec == 0 {
		requestsPerSec = DefaultRequestsPerSec
	}
	return &Describer{
		steps, proxies, allHints, newLimiter(requestsPerSec), newRate(seldom, time.Minute, time.Minute),
	}
}

// SeldomPerMin is how often one address may do what a browser does once in a while, such as choosing: an office or a
// school behind one address stays below it, and who fills the ledger does not.
const SeldomPerMin = 300

// Allow counts a request of its address and reports whether it is within the rate.
func (d *Describer) Allow(hr *http.Request, now time.Time) bool {
	return d.clients.allowClient(clientAddress(hr, d.proxies), now)
}

// AllowSeldom is Allow for what a browser does once in a while: SeldomPerMin.
func (d *Describer) AllowSeldom(hr *http.Request, now time.Time) bool {
	return d.seldom.allowClient(clientAddress(hr, d.proxies), now)
}

// undescribed are the steps that a Describer leaves out.
var undescribed = []string{"objection", "visitor", "rate"}

// Describe describes a hit of the request's sender. The description is good only when the hit passed. An *InvalidError
// says what is wrong with the hit.
func (d *Describer) Describe(hr *http.Request, site *schema.Site, s *Sighting) (Description, DropReason, error) {
	b := body{name: s.Name, url: s.URL, domain: site.Domain, referrer: cutReferrer(s.Referrer)}
	if b.name == nameEngagement {
		return Description{}, Passed, &InvalidError{"name", "is one of the counting path's own"}
	}
	if err := b.validate(); err != nil {
		return Description{}, Passed, err
	}
	for name, value := range s.Props {
		switch {
		case len(s.Props) > maxProps:
			return Description{}, Passed, &InvalidError{"props", fmt.Sprintf("can be at most %d", maxProps)}
		case len(name) > maxPropNameBytes || len(value) > maxPropBytes:
			return Description{}, Passed, &InvalidError{"props", "are too long"}
		}
		b.props = append(b.props, aggregate.Prop{Name: name, Value: value})
	}
	slices.SortFunc(b.props, func(x, y aggregate.Prop) int { return strings.Compare(x.Name, y.Name) })
	h := hit{
		client: newClient(&identity{
			addr: clientAddress(hr, d.proxies), agent: cutAgent(hr.UserAgent()),
			signals: readSignals(hr.Header, d.allHints),
		}),
		body: &b, at: s.At, site: *site,
	}
	for i := range steps {
		if slices.Contains(undescribed, steps[i].name) {
			continue
		}
		if drop, err := steps[i].run(d.steps, &h); drop != Passed || err != nil {
			return Description{}, drop, err
		}
	}
	return h.description(), Passed, nil
}

func (h *hit) description() Description {
	v := &h.event.Values
	d := Description{
		Name: v[schema.EventName], Hostname: v[schema.Hostname], Path: v[schema.Path],
		Channel: v[schema.Channel], Source: v[schema.Source], Campaign: v[schema.Campaign], Referrer: v[schema.Referrer],
		Country: v[schema.Country], Device: v[schema.Device], Browser: v[schema.Browser], OS: v[schema.OS],
	}
	if h.event.Kind == aggregate.Pageview {
		d.Name = namePageview
	}
	if len(h.event.Props) > 0 {
		d.Props = make(map[string]string, len(h.event.Props))
		for _, p := range h.event.Props {
			d.Props[p.Name] = p.Value
		}
	}
	return d
}

// CleanPage is the page under which a URL is counted at a site. ok is false where it is not counted at all.
func (d *Describer) CleanPage(site *schema.Site, url string) (hostname, path string, ok bool) {
	if len(url) > maxURLBytes || !utf8.ValidString(url) {
		return "", "", false
	}
	h := hit{body: &body{url: url}, site: *site}
	var err error
	if h.rules, err = d.steps.rules.of(site); err != nil {
		return "", "", false
	}
	if drop, _ := d.steps.cleanPage(&h); drop != Passed {
		return "", "", false
	}
	if drop, _ := d.steps.choosePage(&h); drop != Passed {
		return "", "", false
	}
	return h.event.Values[schema.Hostname], h.event.Values[schema.Path], true
}
