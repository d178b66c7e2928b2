package consent

import "time"

// sweep logs what time did: consents that have expired or whose notice has a material new version, and payloads whose
// time is over. Called by run. What a consent is worth does not wait for it: see refusal.
func (l *Ledger) sweep(now time.Time) error {
	l.findDue(now)
	for len(l.due) > 0 {
		if err := l.sweepSome(now); err != nil {
			return err
		}
	}
	return nil
}

// findDue looks for the subjects of whom there is something to log.
func (l *Ledger) findDue(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = l.due[:0]
	for key, s := range l.st.subjects {
		if l.hasEnded(s, now) || l.isOver(s, now) {
			l.due = append(l.due, key)
		}
	}
}

// hasEnded reports whether a consent that is given in the log has ended by itself. Called with the mutex.
func (l *Ledger) hasEnded(s *subject, now time.Time) bool {
	state := l.st.standing(s, now)
	return s.given() && (state == Expired || state == Superseded)
}

// isOver reports whether the proof of a consent has been kept long enough. Called with the mutex.
func (l *Ledger) isOver(s *subject, now time.Time) bool {
	settings := l.st.site(s.key.site).settings
	return !s.given() && s.erase == "" && !s.ended.Add(settings.proofFor()).After(now)
}

// sweepSome logs what is due of at most sweepBatch subjects, in one append. Called by run.
func (l *Ledger) sweepSome(now time.Time) error {
	now = stampOf(now)
	some := l.due[:min(len(l.due), sweepBatch)]
	entries, err := l.dueOf(some, now)
	if err == nil && len(entries) > 0 {
		err = l.commit(entries...)
	}
	if err == nil {
		err = l.bury()
	}
	if err != nil {
		l.due = nil // they are found again the next time
		return err
	}
	l.due = l.due[len(some):]
	return nil
}

// dueOf is what is to be logged of some subjects, as they are now.
func (l *Ledger) dueOf(keys []subjectKey, now time.Time) (entries []entry, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		s := l.st.subjects[key]
		var more []entry
		switch {
		case s == nil:
		case l.hasEnded(s, now):
			more, err = l.ended(s, now)
		case l.isOver(s, now):
			more, err = tombsOf(s.leaves, groundRetention, now)
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}

// ended is the event of a consent that has ended by itself, and the tombstones of its links. Called with the mutex.
func (l *Ledger) ended(s *subject, now time.Time) ([]entry, error) {
	state := l.st.standing(s, now)
	at := s.validUntil
	if state == Superseded {
		at = l.st.site(s.key.site).supersededAt(s.notice.Version, now)
	}
	e := &Event{
		EventID: newID(now), State: state, Type: typeAutomatic, NoticeID: s.noticeID, Lang: s.lang, GPC: s.gpc,
		OccurredAt: at, ReceivedAt: now, Build: l.cfg.Build,
	}
	s.follow(e)
	sealed, err := sealed(e)
	if err != nil {
		return nil, err
	}
	tombs, err := s.unlinked(now)
	return append([]entry{sealed}, tombs...), err
}
