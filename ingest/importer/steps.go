package importer

import (
	"time"

	"turf/aggregate"
	"turf/ingest"
	"turf/schema"
)

// Steps make events of lines: the same that live hits take.
type Steps struct{ steps *ingest.Steps }

// NewSteps makes the steps of an import. They need not know sites.
func NewSteps(steps *ingest.Steps) Steps { return Steps{steps} }

// event takes a line that is a page through the steps. drop is why there is no event, "" for none. The event's strings may be parts of
// the line.
func (s Steps) event(site *schema.Site, b *buffer, l *line, target string, ev *aggregate.Event) (drop string, err error) {
	reason, err := s.steps.Page(&ingest.LoggedPage{
		Site: site, Time: time.Unix(l.time, 0), Day: b.day, Salt: &b.salt,
		Client: l.host, UserAgent: l.agent, NoAgents: !l.combined, Target: target, Referrer: l.referer,
	}, ev)
	return reason.String(), err
}

// told takes an event of another tool's export through the steps; see event.
func (s Steps) told(t *ingest.ToldEvent, b *buffer, ev *aggregate.Event) (drop string, err error) {
	t.Day, t.Salt = b.day, &b.salt
	reason, err := s.steps.Told(t, ev)
	return reason.String(), err
}
