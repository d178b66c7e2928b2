package consent

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"turf/schema"
)

// clock is the time of a test, of UTC milliseconds.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// memory is a Store in memory. It remembers no tokens: what is given twice is there twice.
type memory struct {
	mu     sync.Mutex
	rows   []schema.ConsentedEvent
	cells  []schema.HeatCell
	tokens []string                      // of the writes that were tried
	fail   error                         // of Erase and of writes
	cold   error                         // of WriteHeat alone
	before func([]schema.ConsentedEvent) // called by WriteEvents first
	erased map[schema.PersonRef]int
}

func (m *memory) WriteEvents(_ context.Context, token string, events []schema.ConsentedEvent) error {
	if m.before != nil {
		m.before(events)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens = append(m.tokens, token)
	if m.fail != nil {
		return m.fail
	}
	m.rows = append(m.rows, events...)
	return nil
}

func (m *memory) WriteHeat(_ context.Context, token string, cells []schema.HeatCell) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens = append(m.tokens, token)
	if err := errors.Join(m.fail, m.cold); err != nil {
		return err
	}
	m.cells = append(m.cells, cells...)
	return nil
}

func (m *memory) Erase(_ context.Context, site schema.SiteID, person schema.PersonRef) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	kept := m.rows[:0]
	for _, r := range m.rows {
		if r.Site != site || r.Person != person {
			kept = append(kept, r)
		}
	}
	clear(m.rows[len(kept):])
	m.rows = kept
	if m.erased == nil {
		m.erased = map[schema.PersonRef]int{}
	}
	m.erased[person]++
	return nil
}

func (m *memory) Export(_ context.Context, site schema.SiteID, person schema.PersonRef, each func(schema.ConsentedEvent) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.Site == site && r.Person == person {
			if err := each(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) setFail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) all() []schema.ConsentedEvent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]schema.ConsentedEvent{}, m.rows...)
}

// faults makes file operations fail whose text contains a word.
type faults struct {
	mu   sync.Mutex
	word string
}

func (f *faults) set(word string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.word = word
}

func (f *faults) fail(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.word != "" && strings.Contains(op, f.word) {
		return errors.New("the disk is full")
	}
	return nil
}

// What tests look at of the state.

func (w *world) subjects() int {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return len(w.ledger.st.subjects)
}

func (w *world) keys() []keyDoc {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return slices.Clone(w.ledger.st.keys)
}

// notices are those of the first site.
func (w *world) notices() []noticeDoc {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return slices.Clone(w.ledger.st.site(1).notices)
}

func (w *world) events() map[[16]byte]int64 {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return maps.Clone(w.ledger.st.events)
}

// subject is a copy of what the ledger knows of a person, or nil.
func (p *person) subject() *subject {
	site, _ := bySiteName(p.site)
	p.w.ledger.mu.Lock()
	defer p.w.ledger.mu.Unlock()
	s := p.w.ledger.st.subjects[subjectKey{site.ID, p.ref}]
	if s == nil {
		return nil
	}
	at := *s
	at.leaves, at.links = slices.Clone(s.leaves), slices.Clone(s.links)
	return &at
}

func (m *memory) erasures(p schema.PersonRef) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.erased[p]
}
