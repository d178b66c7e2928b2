package ingest

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// ToldEvent is an event that another tool's export tells of: without address and user agent, but with what that tool
// made of them. It holds that tool's number of a session: it cannot be printed or marshalled, and whoever fills it
// forgets it after use.
type ToldEvent struct {
	redacted
	Site *schema.Site
	Time time.Time
	Day  schema.Day // of the site, in which Time lies
	Salt *[16]byte  // of that day
	// Session is what the export calls the visitor. It takes the place of address and agent in the visitor's key.
	Session string
	// Name is that of a custom event; "" for a page view.
	Name string
	// URL is that of the page, with its query. NoPage: the export does not say on which page an event was, and only
	// the host of URL is known.
	URL      string
	NoPage   bool
	Referrer string
	// Source is the name of the source where the tool kept that and no referrer; "" for none.
	Source string
	// Place and device, in the tool's names: ISO 3166 for Country and Region.
	Country, Region, City, Device          string
	Browser, BrowserVersion, OS, OSVersion string
}

// Told takes an event of an export through the steps. The event is good only when it passed; its strings may be parts
// of the told event's strings. Browsers and systems have the names of the closed list, and none where it does not have
// them.
func (s *Steps) Told(t *ToldEvent, ev *aggregate.Event) (DropReason, error) {
	b := body{name: namePageview, url: t.URL, referrer: t.Referrer}
	if t.Name != "" {
		b.name = t.Name
		if b.kind() != aggregate.Custom {
			b.name += " " // the names of what is no custom event are taken; cleaning takes the space away
		}
	}
	if t.Source != "" {
		b.url = withSource(b.url, t.Source)
	}
	h := hit{
		client: newClient(&identity{name: t.Session, noAgent: true}), body: &b, at: t.Time, site: *t.Site,
		salt: t.Salt, day: t.Day,
	}
	drop, err := s.run(&h)
	if drop == Passed && h.rules != nil && t.Country != "" && slices.Contains(h.rules.countries, t.Country) {
		drop = DropCountry
	}
	v := &h.event.Values
	v[schema.Country], v[schema.Region], v[schema.City] = t.Country, t.Region, schema.CleanValue(t.City)
	v[schema.Device] = t.Device
	v[schema.Browser], v[schema.OS] = s.BrowserName(t.Browser), s.SystemName(t.OS)
	v[schema.BrowserVersion], v[schema.OSVersion] = t.BrowserVersion, t.OSVersion
	if t.NoPage {
		v[schema.Path] = ""
	}
	*ev = h.event
	return drop, err
}

// withSource adds the name of a source to a URL as a link would: in a parameter that is no utm tag.
func withSource(raw, source string) string {
	raw, _, _ = strings.Cut(raw, "#")
	sep := "?"
	if strings.Contains(raw, "?") {
		sep = "&"
	}
	return raw + sep + "ref=" + url.QueryEscape(source)
}

// BrowserName is what a browser is called that another tool calls family, or "" where the list does not have it.
func (s *Steps) BrowserName(family string) string { return s.agents.browsers[family] }

// SystemName is what an operating system is called that another tool calls family, or "" where the list does not have
// it.
func (s *Steps) SystemName(family string) string { return s.agents.systems[family] }

// Attribute is where a visit came from, by what another tool says of it: see [Sources.Attribute].
func (s *Steps) Attribute(query url.Values, referrer string) Attribution {
	return s.sources.Attribute("", query, referrer)
}

// CleanPage is what may be kept of a page's URL that another tool tells: host and path as those of live hits, without
// what looks like personal data.
func CleanPage(raw string) (host, path string, err error) {
	host, path, _, err = cleanURL(raw, false)
	return host, path, err
}

// CleanName is what may be kept of the name of an event that another tool tells.
func CleanName(name string) string { return cleanText(name) }
