package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"turf/aggregate"
	"turf/aggregate/journal"
	"turf/schema"
)

// machine is everything that decides, for one goroutine, without a clock: now is Unix seconds and never goes back by
// much.
type machine struct {
	sites   func(schema.SiteID) (schema.Site, bool)
	random  io.Reader
	tables  tables
	journal *journal.Journal
	salts   *saltBook
	out     *outbox
	drops   *dropBook

	days   map[dayKey]*day
	group  uint64 // number of the newest group begun, or tried
	events uint64 // acknowledged since start
	groups uint64 // likewise

	touched []*day // by the open group
	incs    []schema.Increment
	// stuck are the days touched by a group of which nobody knows whether it is in the journal.
	stuck []*day
	// broken is set when a table could not be rolled back: it tells of events that the journal does not know. Only a
	// restart helps, which rolls it back or forgets it.
	broken error

	// The two steps that tests replace to plant bugs.
	append   func(group uint64, incs []schema.Increment) error
	rollback func(*aggregate.Day) error
}

type dayKey struct {
	site schema.SiteID
	day  schema.Day
}

// day is an open day of a site.
type day struct {
	key        dayKey
	core       *aggregate.Day
	table      table
	start, end int64  // Unix seconds: the day's first, and the one after its last
	begun      uint64 // the last group that Begin was called with
	declared   schema.Declarations
}

// request is one call of Submit: its events count all or none.
type request struct {
	events []aggregate.Event
	err    error // the answer
	done   chan error
}

func newMachine(cfg *Config, t tables, j *journal.Journal, salts *saltBook, out *outbox) *machine {
	return &machine{
		sites: cfg.Sites, random: cfg.Random, tables: t, journal: j, salts: salts, out: out,
		drops: newDropBook(),
		days:  make(map[dayKey]*day), group: j.Last(),
		append: j.Append, rollback: (*aggregate.Day).Rollback,
	}
}

// handle counts the events of requests and sets their answers: after it, an answer of nil is durable.
func (m *machine) handle(requests []*request) {
	if err := m.accepts(); err != nil {
		for _, r := range requests {
			r.err = busy(err)
		}
		return
	}
	for _, r := range requests {
		r.err = m.admit(r)
	}
	if m.stepAll(requests) {
		m.finish(requests, m.append(m.group, m.incs))
	}
	clear(m.incs) // their strings may lie in a table that goes away
	m.incs = m.incs[:0]
	m.out.add(m.journal.Sealed())
}

// accepts is why no request can be counted now, or nil.
func (m *machine) accepts() error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.journal.Room()
}

func busy(err error) error { return fmt.Errorf("%w: %w", ErrBusy, err) }

// ready sees to it that the journal takes groups and that no group is stuck.
func (m *machine) ready() error {
	if m.broken != nil {
		return m.broken
	}
	if err := m.journal.Settle(); err != nil {
		return err
	}
	m.undo(m.stuck)
	m.stuck = nil
	if m.broken == nil && m.journal.WantsSeal() {
		if err := m.journal.Seal(); err != nil && !m.journal.Ready() {
			return err
		}
	}
	return m.broken
}

func (m *machine) undo(days []*day) {
	for _, d := range days {
		if err := m.rollback(d.core); err != nil && m.broken == nil {
			m.broken = fmt.Errorf("roll back site %d on %s: %w", d.key.site, d.key.day, err)
		}
	}
}

// admit refuses a request whose day is gone.
func (m *machine) admit(r *request) error {
	for i := range r.events {
		if m.days[dayKey{r.events[i].Site, r.events[i].Day}] == nil {
			return ErrDayOver
		}
	}
	return nil
}

// stepAll takes the requests without an error through the core as one group. Those that find the core full get an
// error and leave nothing behind. It reports whether there is a group to append.
func (m *machine) stepAll(requests []*request) bool {
	for again := true; again; {
		m.begin()
		again = false
		for _, r := range requests {
			if r.err == nil && !m.step(r) {
				m.undo(m.touched)
				again = true
				break
			}
		}
	}
	if m.broken != nil || !slices.ContainsFunc(requests, func(r *request) bool { return r.err == nil }) {
		m.undo(m.touched)
		for _, r := range requests {
			if r.err == nil {
				r.err = busy(m.broken)
			}
		}
		return false
	}
	for _, d := range m.touched {
		m.incs = d.core.Increments(m.incs)
	}
	return true
}

func (m *machine) begin() {
	m.group++
	m.touched, m.incs = m.touched[:0], m.incs[:0]
}

// step takes a request through the core. It returns false when some of its events were counted and one found the core
// full, so that the group has to be done again without it.
func (m *machine) step(r *request) (ok bool) {
	for i := range r.events {
		ev := &r.events[i]
		d := m.days[dayKey{ev.Site, ev.Day}]
		if d.begun != m.group {
			m.declare(d)
			d.core.Begin(m.group)
			d.begun = m.group
			m.touched = append(m.touched, d)
		}
		if err := d.core.Count(ev); err != nil {
			r.err = busy(err)
			return i == 0
		}
	}
	return true
}

// declare tells the core when its site's owner has declared something else. Documents do not change: new ones take their place.
func (m *machine) declare(d *day) {
	site, ok := m.sites(d.key.site)
	if !ok || site.Same(&d.declared) {
		return
	}
	d.declared = site.Declarations
	d.core.Declare(aggregate.Declare(&d.declared))
}

// finish answers the requests of the group that was appended with err.
func (m *machine) finish(requests []*request, err error) {
	switch {
	case err == nil:
		m.groups++
	case errors.Is(err, journal.ErrUncertain):
		m.stuck = slices.Clone(m.touched)
	default:
		m.undo(m.touched)
	}
	for _, r := range requests {
		switch {
		case r.err != nil:
		case err != nil:
			r.err = busy(err)
		default:
			m.events += uint64(len(r.events))
		}
	}
}

// flush seals what there is. Unless force, it lets the segment grow while many wait already.
func (m *machine) flush(force bool) error {
	err := m.ready()
	if err == nil && m.journal.Room() == nil { // else they wait on
		err = m.countDrops()
	}
	if n, _ := m.journal.Waiting(); err == nil && (force || n < coalesceSegments || m.journal.WantsSeal()) {
		err = m.journal.Seal()
	}
	m.out.add(m.journal.Sealed())
	return err
}

// tick forgets the days that are over and those of sites that are no more.
func (m *machine) tick(now int64) error {
	var over []*day
	for key, d := range m.days {
		if _, ok := m.sites(key.site); !ok || now >= d.end+LateSec {
			over = append(over, d)
		}
	}
	slices.SortFunc(over, func(a, b *day) int {
		return cmp.Or(cmp.Compare(a.key.site, b.key.site), cmp.Compare(a.key.day, b.key.day))
	})
	var errs []error
	for _, d := range over {
		errs = append(errs, m.drop(d))
	}
	return errors.Join(errs...)
}
