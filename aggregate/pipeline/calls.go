package pipeline

import (
	"context"
	"fmt"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// Salt is the salt of the day of a site in which at lies, and that day. The first call of a day draws it. Errors:
// ErrNoSite, ErrDayOver when at lies in a day that is forgotten, ErrBusy.
func (p *Pipeline) Salt(site schema.SiteID, at time.Time) (salt [16]byte, day schema.Day, err error) {
	salt, day, ok := p.salts.find(site, at.Unix())
	if ok {
		return salt, day, nil
	}
	return p.openDay(site, at)
}

func (p *Pipeline) openDay(site schema.SiteID, at time.Time) (salt [16]byte, day schema.Day, err error) {
	if !p.do(func(m *machine) { salt, day, err = m.openDay(site, at.Unix(), p.cfg.Clock().Unix()) }) {
		return salt, day, fmt.Errorf("%w: closing", ErrBusy)
	}
	return salt, day, err
}

// do runs f on the machine and returns when it has run, or false when the pipeline is closed.
func (p *Pipeline) do(f func(*machine)) bool {
	ran := make(chan struct{})
	select {
	case p.commands <- func(m *machine) { f(m); close(ran) }:
		<-ran
		return true
	case <-p.stopped:
		return false
	}
}

// Submit counts events, all or none, and returns nil when they are durable. The events are not kept after it returns.
// Errors: ErrBusy and ErrDayOver, after which none of them is counted; but should the process die while the outcome
// of a failed write is not known, they may be counted once. ctx is looked at before the events are queued; from then
// on the answer is waited for.
func (p *Pipeline) Submit(ctx context.Context, events []aggregate.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	if len(events) > MaxSubmitEvents {
		return fmt.Errorf("%d events in one call; at most %d can be", len(events), MaxSubmitEvents)
	}
	if p.closing.Load() {
		return fmt.Errorf("%w: closing", ErrBusy)
	}
	r := p.requests.Get().(*request)
	r.events = events
	select {
	case p.queue <- r:
	default:
		p.release(r)
		return fmt.Errorf("%w: %d requests wait", ErrBusy, cap(p.queue))
	}
	select {
	case err := <-r.done:
		p.release(r)
		return err
	case <-p.stopped:
	}
	select {
	case err := <-r.done:
		return err
	default:
		return fmt.Errorf("%w: closing", ErrBusy)
	}
}

// release takes a request back that nobody else holds.
func (p *Pipeline) release(r *request) {
	r.events, r.err = nil, nil
	p.requests.Put(r)
}

// Drop counts a request that was not counted, with why (a code of a closed set) and the family of the program that sent it (of a
// list; "" where none is known), both clean (schema.CleanValue). It never waits, and does not allocate but for what is
// new. What was dropped since the last flush
// is lost when the process dies: that a request was dropped is promised to nobody.
func (p *Pipeline) Drop(site schema.SiteID, at time.Time, reason, agent string) {
	p.machine.drops.add(site, at.Unix(), reason, agent)
}

// Ready is why an event would be refused now, or nil. What is wrong is tried to be put right first, as for an event.
func (p *Pipeline) Ready() error {
	var err error
	if !p.do(func(m *machine) { err = m.accepts() }) {
		return fmt.Errorf("%w: closing", ErrBusy)
	}
	return err
}

// Secrets calls salt with the salt of each open day, and key with at most maxKeys keys of visitors of all days together; it
// returns how many visitors there are. It is there for the proof that none of them is on disk: forget what it yields.
// Nothing is counted meanwhile.
func (p *Pipeline) Secrets(maxKeys int, salt func([16]byte), key func(aggregate.Key)) (visitors int) {
	p.do(func(m *machine) {
		for _, d := range m.days {
			salt(d.core.Salt())
			visitors += d.core.Visitors()
			d.core.Keys(func(k aggregate.Key) bool {
				if maxKeys <= 0 {
					return false
				}
				maxKeys--
				key(k)
				return true
			})
		}
	})
	return visitors
}

// Active is how many visitors the site had in the last five minutes.
func (p *Pipeline) Active(site schema.SiteID) int {
	n := 0
	p.do(func(m *machine) {
		now := p.cfg.Clock().Unix()
		for key, d := range m.days {
			if key.site == site {
				n += d.core.Active(now)
			}
		}
	})
	return n
}

// Flush seals what was counted and returns when the sink has taken it, or with the context's error and the reason.
func (p *Pipeline) Flush(ctx context.Context) error {
	var err error
	var last uint64
	if !p.do(func(m *machine) {
		err = m.flush(true)
		_, last, _ = p.out.state()
	}) {
		return fmt.Errorf("flush: %w: closing", ErrBusy)
	}
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := p.out.wait(ctx, last); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// Stats is the state of a pipeline.
type Stats struct {
	Days            int    // open, over all sites
	Visitors        int    // of the open days
	Events          uint64 // counted since the start
	Groups          uint64 // in so many groups
	QueuedRequests  int
	WaitingSegments int   // sealed and not taken by the sink
	JournalBytes    int64 // on disk
	// Failing is why the sink did not take the last batch it was given, or nil.
	Failing error
	// Broken is set when nothing can be counted until a restart.
	Broken error
}

// Stats returns the zero Stats when the pipeline is closed.
func (p *Pipeline) Stats() (s Stats) {
	p.do(func(m *machine) {
		s.Days, s.Events, s.Groups, s.Broken = len(m.days), m.events, m.groups, m.broken
		for _, d := range m.days {
			s.Visitors += d.core.Visitors()
		}
		s.WaitingSegments, s.JournalBytes = m.journal.Waiting()
	})
	s.QueuedRequests = len(p.queue)
	_, _, s.Failing = p.out.state()
	return s
}
