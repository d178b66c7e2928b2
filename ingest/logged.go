package ingest

import (
	"strings"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// LoggedPage is a page view that a web server wrote into its log. It holds an address and a user agent: it cannot be printed or
// marshalled, and whoever fills it forgets it after use.
type LoggedPage struct {
	redacted
	Site *schema.Site
	Time time.Time
	Day  schema.Day // of the site, in which Time lies
	Salt *[16]byte  // of that day
	// Client is the address, or the name where the server looked it up.
	Client    string
	UserAgent string
	NoAgents  bool   // the log does not hold user agents; else a page view without one is a robot's
	Target    string // path and query, as they were asked for
	Referrer  string
}

// Page takes a page view of a log through the steps. The event is good only when it passed; its strings may be parts of the page's
// strings.
func (s *Steps) Page(p *LoggedPage, ev *aggregate.Event) (DropReason, error) {
	id := identity{addr: parseHop(p.Client), agent: cutAgent(p.UserAgent), noAgent: p.NoAgents}
	if !id.addr.IsValid() {
		id.name = p.Client
	}
	host, _, _ := strings.Cut(p.Site.Domain, "/") // the site may be a part of a host
	b := body{name: namePageview, url: "https://" + host + p.Target, referrer: p.Referrer}
	h := hit{client: newClient(&id), body: &b, at: p.Time, site: *p.Site, salt: p.Salt, day: p.Day}
	drop, err := s.run(&h)
	*ev = h.event
	return drop, err
}
