package ingest

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// client is who sent a hit. It is never printed or marshalled, at no depth and by no verb: see redacted.
type client struct {
	redacted
	who **identity
}

func newClient(id *identity) client { return client{who: &id} }

func (c client) id() *identity { return *c.who }

// identity is what is known of a client. This is the only place where an address and a user agent are kept, for as
// long as the hit is on its way.
type identity struct {
	redacted
	addr  netip.Addr // as parseHop gives it; the zero Addr where there is none
	name  string     // of a log whose server looked names up: the name in the place of the address; else ""
	agent string     // at most MaxUserAgentBytes
	// noAgent: the log does not hold user agents, so it tells nothing that there is none.
	noAgent bool
	// signals and objects are what the headers tell beside; zero where the sender of the hit is not its visitor's
	// browser.
	signals Signals
	objects bool // Global Privacy Control or Do Not Track
}

// hit is a request on its way through the steps. Its event is what leaves.
type hit struct {
	redacted
	client client
	body   *body
	domain string // which of the body's domains this hit is for
	at     time.Time
	// site is filled by the first step; whoever knows it already sets it.
	site  schema.Site
	rules *rules // of the site; nil where it has none
	// salt and day make the visitor's key where no Counter does: in an import and in an explanation.
	salt *[16]byte
	day  schema.Day

	agent AgentInfo
	query url.Values
	event aggregate.Event
	// dropped is for what is told of a step.
	dropped DropReason
}

// Steps are what is made of a hit, one after the other: the same for live hits, lines of logs and explanations. It
// may be used by many goroutines.
type Steps struct {
	sites   func(domain string) (schema.Site, bool)
	agents  *Agents
	geo     *Geo
	zones   zones
	sources *Sources
	// languages are those that are named.
	languages languages
	counter   Counter // nil where hits bring their salt
	rules     rulesCache
	centres   *Networks // those of data centres
	// rate holds visitors to a rate of page views; nil where hits do not come as they happen.
	rate *limiter
}

// step is one of Steps. It passes the hit on, or drops it. Errors are those of Counter.Salt.
type step struct {
	name string
	run  func(s *Steps, h *hit) (DropReason, error)
	tell func(h *hit) string // what it made of the hit, for people
}

// steps is the way of a hit, all of it.
var steps = [...]step{
	{"site", (*Steps).findSite, tellSite},
	{"objection", (*Steps).heedObjection, tellObjection},
	{"robots", (*Steps).dropRobots, tellRobots},
	{"network", (*Steps).dropNetwork, tellNetwork},
	{"place", (*Steps).findPlace, tellPlace},
	{"device", (*Steps).nameDevice, tellDevice},
	{"url", (*Steps).cleanPage, tellPage},
	{"page", (*Steps).choosePage, tellPage},
	{"event", (*Steps).cleanEvent, tellEvent},
	{"source", (*Steps).findSource, tellSource},
	{"visitor", (*Steps).makeKey, tellVisitor},
	{"rate", (*Steps).limitRate, tellRate},
}

// NewSteps makes the steps for hits that bring their salt: those of an import or an explanation. sites finds a site
// by its name and may be nil where hits bring their site too. geo and centres, the networks of data centres, may be
// nil.
func NewSteps(
	sites func(domain string) (schema.Site, bool), agents *Agents, geo *Geo, centres *Networks,
) (*Steps, error) {
	if agents == nil {
		return nil, errors.New("BUG: steps without a list of agents")
	}
	sources, err := NewSources()
	if err != nil {
		return nil, fmt.Errorf("read the lists of sources: %w", err)
	}
	s := &Steps{sites: sites, agents: agents, geo: geo, centres: centres, sources: sources, languages: newLanguages()}
	if geo == nil { // else nobody looks at them
		if s.zones, err = newZones(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// run takes a hit through all steps, or to the one that drops it. The event is good only when it passed.
func (s *Steps) run(h *hit) (DropReason, error) {
	for i := range steps {
		if drop, err := steps[i].run(s, h); drop != Passed || err != nil {
			return drop, err
		}
	}
	return Passed, nil
}

// findSite finds the site by its name, in any case.
func (s *Steps) findSite(h *hit) (DropReason, error) {
	if h.site.ID == 0 {
		domain, ok := strings.ToLower(h.domain), false
		if s.sites != nil {
			h.site, ok = s.sites(domain)
			// The host of a URL may have a port that is not part of the site's name.
			if host, _, hasPort := strings.Cut(domain, ":"); !ok && hasPort {
				h.site, ok = s.sites(host)
			}
		}
		if !ok {
			return DropUnknownSite, nil
		}
	}
	h.event.Site, h.event.Time = h.site.ID, h.at.Unix()
	var err error
	h.rules, err = s.rules.of(&h.site)
	return Passed, err
}

// heedObjection drops what a browser sends that objects, where the site's profile says that this is an objection.
func (s *Steps) heedObjection(h *hit) (DropReason, error) {
	if h.rules != nil && h.rules.strict && h.client.id().objects {
		return DropObjection, nil
	}
	return Passed, nil
}

// dropRobots drops what the user agent or the other headers tell to be no person's browser.
func (s *Steps) dropRobots(h *hit) (DropReason, error) {
	id := h.client.id()
	if id.noAgent {
		return Passed, nil
	}
	if h.agent = s.agents.LookupWithHints(id.agent, id.signals.Hints); h.agent.Robot == "" {
		if signed := signedAgent(id.signals.SignatureAgent); signed.Robot != "" {
			h.agent = signed
		}
	}
	id.signals.Webdriver = h.body.webdriver
	sign := robotSign(id.agent, &h.agent, &id.signals)
	switch {
	case h.agent.Robot == "", sign == DropHeadless:
		return sign, nil
	case h.agent.AI:
		return DropAIRobot, nil
	}
	return DropRobot, nil
}

// dropNetwork drops what comes from an address that the site excludes, or from a data centre.
func (s *Steps) dropNetwork(h *hit) (DropReason, error) {
	addr := h.client.id().addr
	if h.rules != nil && contains(h.rules.networks, addr) {
		return DropAddress, nil
	}
	if s.centres.Contains(addr) {
		return DropDataCenter, nil
	}
	return Passed, nil
}

// findPlace looks the address up, and drops what comes from a country that the site excludes. Without a database of places
// the country is that of the browser's time zone, unless the site reads nothing from its visitors' browsers.
func (s *Steps) findPlace(h *hit) (DropReason, error) {
	p, v := s.geo.Lookup(h.client.id().addr), &h.event.Values
	if s.geo == nil && (h.rules == nil || !h.rules.strict) {
		p.Country = s.zones[h.body.zone]
	}
	v[schema.Country], v[schema.Region], v[schema.City] = p.Country, p.Region, p.City
	if h.rules != nil && p.Country != "" && slices.Contains(h.rules.countries, p.Country) {
		return DropCountry, nil
	}
	return Passed, nil
}

// nameDevice takes over what the user agent says of browser, system and device, the first of the languages that the browser asks for,
// which every request tells, and the class of the screen, unless the site reads nothing from its visitors' browsers.
func (s *Steps) nameDevice(h *hit) (DropReason, error) {
	a, v := &h.agent, &h.event.Values
	v[schema.Device], v[schema.Browser], v[schema.OS] = a.Device, a.Browser, a.OS
	v[schema.BrowserVersion], v[schema.OSVersion] = a.BrowserVersion, a.OSVersion
	v[schema.Language] = s.languages.first(h.client.id().signals.AcceptLanguage)
	if h.rules == nil || !h.rules.strict {
		v[schema.ScreenWidth] = h.body.screen
	}
	return Passed, nil
}

// cleanPage makes hostname and path of the URL.
func (s *Steps) cleanPage(h *hit) (DropReason, error) {
	host, path, query, err := cleanURL(h.body.url, h.body.hash)
	if err != nil {
		return DropURL, nil
	}
	h.query = query
	h.event.Values[schema.Hostname], h.event.Values[schema.Path] = host, path
	return Passed, nil
}

// choosePage drops pages that the site does not count, and counts several as one where its settings say so.
func (s *Steps) choosePage(h *hit) (DropReason, error) {
	if h.rules == nil {
		return Passed, nil
	}
	v := &h.event.Values
	if !h.rules.allowsHost(v[schema.Hostname]) {
		return DropHostname, nil
	}
	if _, excluded := h.rules.pages.match(v[schema.Path]); excluded {
		return DropPage, nil
	}
	v[schema.Path] = h.rules.pagePath(v[schema.Path], h.query)
	return Passed, nil
}

// cleanEvent takes over what kind of event it is, its name and its properties. A 404 says at which path.
func (s *Steps) cleanEvent(h *hit) (DropReason, error) {
	ev := &h.event
	if ev.Kind = h.body.kind(); ev.Kind == aggregate.Engagement {
		ev.ScrollDepth, ev.EngagedMS = aggregate.ScrollUnknown, h.body.engagedMS
		if h.body.scroll > 0 {
			ev.ScrollDepth = h.body.scroll - 1
		}
		return Passed, nil
	}
	if ev.Kind == aggregate.Vitals {
		ev.Vitals = h.body.vitals
		return Passed, nil
	}
	for _, p := range h.body.props {
		if name, value := cleanText(p.Name), cleanText(p.Value); name != "" && value != "" {
			ev.Props = setProp(ev.Props, name, value)
		}
	}
	if ev.Kind == aggregate.Custom {
		ev.Passive, ev.Revenue = h.body.passive, h.body.revenue
		ev.Values[schema.EventName] = cleanText(h.body.name)
		if h.body.name == nameNotFound && !hasProp(ev.Props, propPath) {
			ev.Props = setProp(ev.Props, propPath, schema.CleanValue(ev.Values[schema.Path]))
		}
	}
	return Passed, nil
}

// findSource attributes the visit that the event may begin, and drops what says that it comes from where nobody comes
// from.
func (s *Steps) findSource(h *hit) (DropReason, error) {
	if k := h.event.Kind; k == aggregate.Engagement || k == aggregate.Vitals {
		return Passed, nil // it never begins one
	}
	v := &h.event.Values
	a, spam := s.sources.attribute(v[schema.Hostname], h.query, h.body.referrer)
	if spam {
		return DropSpam, nil
	}
	v[schema.Channel], v[schema.Source], v[schema.Campaign], v[schema.Referrer] = a.Channel, a.Source, a.Campaign, a.Referrer
	v[schema.UTMSource], v[schema.UTMMedium] = a.UTMSource, a.UTMMedium
	v[schema.UTMContent], v[schema.UTMTerm] = a.UTMContent, a.UTMTerm
	return Passed, nil
}

// makeKey makes the visitor's key, with the salt of the site's day. It is the last that reads address and agent.
func (s *Steps) makeKey(h *hit) (DropReason, error) {
	var salt [16]byte
	if h.salt != nil {
		salt, h.event.Day = *h.salt, h.day
	} else {
		var err error
		if salt, h.event.Day, err = s.counter.Salt(h.site.ID, h.at); errors.Is(err, ErrNoSite) {
			return DropUnknownSite, nil // it was removed this instant
		} else if err != nil {
			return Passed, fmt.Errorf("salt of site %d: %w", h.site.ID, err)
		}
	}
	h.event.Visitor = visitorKey(&salt, h.site.ID, h.client)
	return Passed, nil
}

// limitRate drops the page views of a visitor who looks at more of them than a person can. It keeps nothing of the
// visitor but a hash of the key, with a key of its own, in memory: when the day's salt is gone, nobody can make it
// again.
func (s *Steps) limitRate(h *hit) (DropReason, error) {
	if s.rate == nil || h.event.Kind != aggregate.Pageview || h.body.namesVisitor() || !locatable(h.client.id().addr) {
		return Passed, nil
	}
	if !s.rate.allow(h.event.Visitor[0]^h.event.Visitor[1], h.at) {
		return DropRate, nil
	}
	return Passed, nil
}
