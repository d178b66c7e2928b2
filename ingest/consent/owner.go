package consent

import (
	"time"

	"turf/schema"
)

// groundSite is the ground of a tombstone whose site was removed.
const groundSite = "site"

// NumberedNotice is a notice with its id.
type NumberedNotice = numbered

// Notices are all versions of a site's notice, the oldest first.
func (l *Ledger) Notices(site schema.SiteID) []NumberedNotice {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []NumberedNotice{}
	for _, n := range l.st.site(site).notices {
		out = append(out, numbered{n.ID, n.Notice})
	}
	return out
}

// Purposes are all versions of a site's purposes, in the order of their registration.
func (l *Ledger) Purposes(site schema.SiteID) []Purpose {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Purpose{}, l.st.site(site).purposes...)
}

// Holding is how many people's consent holds now at a site.
func (l *Ledger) Holding(site schema.SiteID) (people int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	for key, s := range l.st.subjects {
		if key.site == site && l.st.standing(s, now) == Given {
			people++
		}
	}
	return people
}

// Key is the key with which the log begins: who wrote it down can hold the log to it.
func (l *Ledger) Key() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.st.keys[0].Key
}

// Erase ends the consent of the person whose browser has this cid, and asks for all that is kept to be erased: rows
// and proof (Art. 17). ok is false where the cid is none. What is asked for is done when Erased says so.
func (l *Ledger) Erase(site schema.SiteID, cid string) (person schema.PersonRef, ok bool, err error) {
	id, ok := parseCID(cid)
	if !ok {
		return person, false, nil
	}
	person = l.keys.Load().ref(site, id)
	_, err = l.withdraw(subjectKey{site, person}, eraseSubject, "erase")
	return person, true, err
}

// WithdrawUser ends the consents of all browsers of a site that are linked to a user, and has their rows erased.
func (l *Ledger) WithdrawUser(site schema.SiteID, user string) (people int, err error) {
	return l.withdrawAccount(site, user)
}

// Interval is a time in which a purpose was granted, from From up to but not including To.
type Interval struct{ From, To time.Time }

// Granted is when a purpose was granted to a site by a person, by the events whose proof is kept, in the order of
// time: what an audit holds rows against (L1). A grant that goes on ends when it expires, or when a material new
// notice begins to hold.
func (l *Ledger) Granted(site schema.SiteID, person schema.PersonRef, purpose string) ([]Interval, error) {
	events, err := l.history(subjectKey{site, person})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.st.site(site)
	var all []Interval
	open := false
	end := func(at time.Time) {
		if last := &all[len(all)-1]; at.Before(last.To) {
			last.To = at
		}
		open = false
	}
	for _, e := range events {
		if e.State == Linked {
			continue
		}
		given := (e.State == Given || e.State == Renewed) && e.grants(purpose)
		if open && (!given || !e.ReceivedAt.Before(all[len(all)-1].To)) {
			end(e.ReceivedAt) // what ended by itself ended before that, at To
		}
		if !given {
			continue
		}
		until := e.ValidUntil
		if n := st.notice(e.NoticeID); n != nil {
			if at := st.supersededAt(n.Notice.Version, l.cfg.Now()); !at.IsZero() && at.Before(until) {
				until = at
			}
		}
		if open {
			all[len(all)-1].To = until
			continue
		}
		all, open = append(all, Interval{e.ReceivedAt, until}), true
	}
	return all, nil
}

// grants reports whether the event grants a purpose, in whichever version.
func (e *Event) grants(purpose string) bool {
	for at, yes := range e.Purposes {
		if id, _, _ := splitPurpose(at); id == purpose && yes {
			return true
		}
	}
	return false
}

// RemoveSite turns the opt-in path of a site off, ends all its consents, has rows delete what was collected, and
// erases the proofs; the log keeps its notices and settings, which describe nobody. After an error it is called again.
func (l *Ledger) RemoveSite(site schema.SiteID, rows func() error) error {
	if l.Settings(site) != (Settings{}) {
		if err := l.SetSettings(site, Settings{}); err != nil {
			return err
		}
	}
	for _, key := range l.people(site) {
		l.bar(key, 1<<numPurposes-1)
	}
	if err := rows(); err != nil {
		return err
	}
	for {
		n, err := 0, error(nil)
		err = l.do(func() error {
			var done error
			n, done = l.eraseSome(site)
			return done
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// people are the subjects of a site.
func (l *Ledger) people(site schema.SiteID) (keys []subjectKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.st.subjects {
		if key.site == site {
			keys = append(keys, key)
		}
	}
	return keys
}

// eraseSome erases the proofs of some people of a removed site, and its counters. It returns of how many. Called by
// run.
func (l *Ledger) eraseSome(site schema.SiteID) (people int, err error) {
	now := stampOf(l.cfg.Now())
	var entries []entry
	l.mu.Lock()
	for key, s := range l.st.subjects {
		if key.site != site {
			continue
		}
		tombs, err := tombsOf(s.leaves, groundSite, now)
		if err != nil {
			l.mu.Unlock()
			return 0, err
		}
		entries = append(entries, tombs...)
		if people++; len(entries) >= sweepBatch {
			break
		}
	}
	l.mu.Unlock()
	if people == 0 {
		l.counts.drop(site)
		return 0, nil
	}
	if err := l.commit(entries...); err != nil {
		return 0, err
	}
	return people, l.bury()
}

// drop forgets the counters of a site.
func (c *counts) drop(site schema.SiteID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.rows {
		if key.site == site {
			delete(c.rows, key)
			c.dirty = true
		}
	}
}
