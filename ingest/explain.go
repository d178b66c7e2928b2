package ingest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// Question is a hit to be explained. It holds an address and a user agent: it cannot be printed or marshalled.
type Question struct {
	redacted
	Domain    string // the site; "": the host of the URL
	Name      string // of the event; "": pageview
	URL       string
	UserAgent string
	Referrer  string
	Address   netip.Addr  // the zero Addr for none
	Header    http.Header // other headers of the browser that matter; nil for none
	At        time.Time
}

// Outcome is what a step made of a hit. It holds nothing of the address or the agent but what is counted of them.
type Outcome struct {
	Step    string     `json:"step"`
	Outcome string     `json:"outcome"`
	Dropped DropReason `json:"dropped,omitzero"`
}

// Explanation is what the steps make of a hit.
type Explanation struct {
	Outcomes []Outcome // to the last step, or to the one that drops the hit
	Dropped  DropReason
	// Site is where the event belongs, and Event is what would be counted; both are nil when the hit is dropped. The visitor's
	// key is made with a salt that nobody else has, so it says nothing.
	Site  *schema.Site
	Event *aggregate.Event
}

// Explain takes a hit through the steps without counting it and tells what each makes of it. An *InvalidError says what is wrong
// with the hit itself.
func (s *Steps) Explain(q *Question) (*Explanation, error) {
	b := body{name: q.Name, url: q.URL, domain: q.Domain, referrer: q.Referrer, engaged: true}
	if b.name == "" {
		b.name = namePageview
	}
	if err := b.validate(); err != nil {
		return nil, err
	}
	h := hit{
		client: newClient(&identity{
			addr: plainAddr(q.Address), agent: cutAgent(q.UserAgent),
			signals: readSignals(q.Header, false), objects: objects(q.Header),
		}),
		body: &b, domain: b.domain, at: q.At, salt: new([16]byte),
	}
	_, _ = rand.Read(h.salt[:]) // never fails
	if s.sites != nil {
		if site, ok := s.sites(strings.ToLower(b.domain)); ok {
			loc, err := site.Location()
			if err != nil {
				return nil, fmt.Errorf("site %s: %w", site.Domain, err)
			}
			h.day = schema.DayOf(q.At, loc)
		}
	}
	e := &Explanation{}
	for _, step := range steps {
		drop, err := step.run(s, &h)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", step.name, err)
		}
		h.dropped = drop
		out := Outcome{Step: step.name, Outcome: step.tell(&h), Dropped: drop}
		if drop != Passed {
			out.Outcome = strings.TrimPrefix(out.Outcome+". "+drop.Sentence(), ". ")
			e.Outcomes, e.Dropped = append(e.Outcomes, out), drop
			return e, nil
		}
		e.Outcomes = append(e.Outcomes, out)
	}
	e.Site, e.Event = &h.site, &h.event
	return e, nil
}
