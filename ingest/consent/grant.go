package consent

import (
	"encoding/base64"
	"errors"
	"time"

	"turf/schema"
)

// granted is what a choice led to.
type granted struct {
	cid      string
	event    *Event // nil where nothing was logged
	record   string
	state    State
	purposes map[string]bool
	until    time.Time
	token    string
	expires  time.Time
	storage  bool
	signed   []byte // checkpoint
	logged   bool
	now      time.Time
}

// choose takes a choice. Choices for nothing, of nobody who is known, are counted and nil is returned.
func (l *Ledger) choose(site *schema.Site, c *choice, page string) (*granted, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	st := l.st.site(site.ID)
	settings, now := st.settings, stampOf(l.cfg.Now())
	err := l.checkNotice(st, c, now)
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if !c.grants() {
		return l.refuseAll(site, c)
	}
	if !settings.active() {
		return nil, problem(codePurposeNotGranted, "the site has its opt-in path off")
	}
	out := &granted{cid: c.CID}
	var key subjectKey
	var removed uint8
	if c.CID != "" {
		cid, _ := parseCID(c.CID)
		key = subjectKey{site.ID, l.keys.Load().ref(site.ID, cid)}
		removed = l.removes(key, c)
		// A new set is effective before its answer, as a withdrawal is.
		if removed != 0 {
			if err := l.do(func() error { _, _, _, err := l.decide(site, c, key, page); return err }); err != nil {
				return nil, err
			}
			l.bar(key, removed)
		}
	}
	err = l.do(func() error { return l.grant(site, c, key, page, out) })
	if err != nil && removed != 0 && !errors.Is(err, ErrUnavailable) {
		l.unbar(key, removed)
	}
	if err != nil {
		return nil, err
	}
	if out.logged {
		l.count(site, c.NoticeID, countAccepted, now)
	}
	return out, nil
}

// checkNotice reports whether a choice is for a notice that can be chosen under. Called with the mutex.
func (l *Ledger) checkNotice(st *siteState, c *choice, now time.Time) error {
	if st.settings.Audience == AudienceChildren {
		return problem(codeChildDirected, "nothing is asked and nothing is kept here")
	}
	n := st.notice(c.NoticeID)
	if n == nil || n.Notice.ValidFrom.After(now) {
		return problem(codeNoticeUnknown, "the site has no such notice")
	}
	over := !n.Notice.ValidTo.IsZero() && !n.Notice.ValidTo.After(now)
	if (over || !st.supersededAt(n.Notice.Version, now).IsZero()) && c.grants() {
		p := problem(codeSuperseded, "ask again with the current notice")
		if current := st.current(now); current != nil {
			p.NoticeID = current.ID
		}
		return p
	}
	if _, ok := n.Notice.Texts[c.Lang]; !ok && c.grants() {
		return malformed("lang must be the language in which the notice was shown")
	}
	return nil
}

// refuseAll takes a choice for nothing: a number where nobody is known, else a withdrawal.
func (l *Ledger) refuseAll(site *schema.Site, c *choice) (*granted, error) {
	now := l.cfg.Now()
	switch {
	case c.Action == actionShown:
		l.count(site, c.NoticeID, countShown, now)
		return nil, nil
	case c.Action == actionDismiss:
		l.count(site, c.NoticeID, countDismissed, now)
		return nil, nil
	case c.Action == actionAcceptAll || c.Action == actionRenew:
		return nil, malformed("a grant names at least one purpose")
	}
	l.count(site, c.NoticeID, countRefused, now)
	if c.CID == "" {
		return nil, nil
	}
	cid, _ := parseCID(c.CID)
	key := subjectKey{site.ID, l.keys.Load().ref(site.ID, cid)}
	if _, err := l.withdraw(key, eraseRows, c.Action); err != nil {
		return nil, err
	}
	return &granted{cid: c.CID, state: Withdrawn, now: now}, nil
}

// removes is which of a subject's purposes a choice ends, as bits.
func (l *Ledger) removes(key subjectKey, c *choice) uint8 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.st.subjects[key]; s != nil {
		return s.bits() &^ c.bits()
	}
	return 0
}

// decide checks a choice that grants against the state as it is now. It returns the subject, nil for a new one, and
// the event to be logged, nil for none; storage is whether the person may be remembered on the terminal. Called by
// run.
func (l *Ledger) decide(
	site *schema.Site, c *choice, key subjectKey, page string,
) (s *subject, e *Event, storage bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := stampOf(l.cfg.Now())
	st := l.st.site(site.ID)
	if err := l.checkNotice(st, c, now); err != nil {
		return nil, nil, false, err
	}
	n := st.notice(c.NoticeID)
	proof, storage, err := c.checkGrant(&terms{site, &st.settings, n, l.keys.Load(), now})
	if err != nil {
		return nil, nil, false, err
	}
	e = &Event{
		EventID: newID(now), Site: site.Domain, SiteID: site.ID, Seq: 1, State: Given, Type: typeExplicit,
		Purposes: map[string]bool{}, NoticeID: n.ID, Lang: c.Lang,
		Method: Method{c.Adapter.Name, c.Adapter.Version, c.UI, c.Action}, Proof: proof, GPC: c.GPC,
		OccurredAt: stampOf(c.OccurredAt.Time), ReceivedAt: now, PagePath: page, Build: l.cfg.Build,
	}
	if off := now.Sub(e.OccurredAt); off > maxClockOff || off < -maxClockOff {
		e.OccurredAt, e.Clock = now, "replaced"
	}
	for _, at := range n.Notice.Purposes {
		id, _, _ := splitPurpose(at)
		e.Purposes[at] = c.Purposes[id]
	}
	e.ValidUntil = e.OccurredAt.AddDate(0, 0, st.settings.validDays())
	if to := n.Notice.ValidTo; !to.IsZero() && to.Before(e.ValidUntil) {
		e.ValidUntil = stampOf(to)
	}
	e.RecordID = e.EventID
	if key != (subjectKey{}) {
		s = l.st.subjects[key]
	}
	if s == nil {
		if len(l.st.subjects) >= l.cfg.MaxSubjects {
			return nil, nil, false, ErrUnavailable
		}
		return nil, e, storage, nil
	}
	s, e, err = l.again(s, e, c, now)
	return s, e, storage, err
}

// again is decide for a subject that there is. Called with the mutex.
func (l *Ledger) again(s *subject, e *Event, c *choice, now time.Time) (*subject, *Event, error) {
	if err := l.refusal(s, now); err != nil {
		var p *Problem
		if errors.As(err, &p) && p.Code != codeSuperseded {
			return nil, nil, gone(err)
		}
	}
	same := s.bits() == c.bits() && s.noticeID == e.NoticeID
	if same && c.Action != actionRenew && s.proof == proofIdentity(&e.Proof) {
		return s, nil, nil
	}
	if s.seq >= maxSubjectEvents {
		return nil, nil, problem(codeTooMany, "the consent was changed too often")
	}
	if same {
		e.State = Renewed
	}
	s.follow(e)
	return s, e, nil
}

// follow makes an event the subject's next one. Called with the mutex.
func (s *subject) follow(e *Event) {
	e.Site, e.SiteID, e.RecordID, e.Ref = s.domain, s.key.site, s.record, refText(s.key.ref)
	e.Seq, e.Prev = s.seq+1, s.lastEvent
	// After every row that came in, so that none stands behind its consent's end.
	if after := s.lastRow.Add(time.Millisecond); !s.lastRow.IsZero() && e.ReceivedAt.Before(after) {
		e.ReceivedAt = after
	}
	if e.ReceivedAt.Before(s.received) {
		e.ReceivedAt = s.received
	}
}

// grant logs a choice. Called by run.
func (l *Ledger) grant(site *schema.Site, c *choice, key subjectKey, page string, out *granted) error {
	s, e, storage, err := l.decide(site, c, key, page)
	if err != nil {
		return err
	}
	if s == nil {
		cid := newSeed()[:cidBytes]
		cid[0] &= 0x7f // so that its text does not begin with "-", which a command would take for an option
		out.cid = base64.RawURLEncoding.EncodeToString(cid)
		key = subjectKey{site.ID, l.keys.Load().ref(site.ID, cid)}
		e.Ref = refText(key.ref)
	}
	if e != nil {
		if err := l.commitEvent(e, s, c.bits()&(1<<purposeBit(PurposeAccountLink)) == 0); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s = l.st.subjects[key]; s == nil {
		return errors.New("BUG: a subject is not there after its grant")
	}
	now := l.cfg.Now()
	out.event, out.logged, out.now, out.storage = e, e != nil, now, storage
	out.describe(l, s, now)
	out.signed, err = l.sign(now)
	return err
}

// commitEvent logs an event of a subject, nil for a new one, and with unlink takes the links to users' ids away, for
// good. Called by run.
func (l *Ledger) commitEvent(e *Event, s *subject, unlink bool) error {
	sealed, err := sealed(e)
	if err != nil {
		return err
	}
	entries := []entry{sealed}
	if s != nil && unlink {
		l.mu.Lock()
		tombs, err := s.unlinked(e.ReceivedAt)
		l.mu.Unlock()
		if err != nil {
			return err
		}
		entries = append(entries, tombs...)
	}
	if err := l.commit(entries...); err != nil {
		return err
	}
	if err := l.bury(); err != nil {
		l.cfg.Logger.Error("consent ledger: it is tried again", "err", err)
	}
	return nil
}

// unlinked are the tombstones of a subject's links. Called with the mutex.
func (s *subject) unlinked(now time.Time) ([]entry, error) {
	var leaves []leafID
	for _, l := range s.links {
		leaves = append(leaves, l.leafID)
	}
	return tombsOf(leaves, groundWithdrawn, now)
}

// describe takes over what a subject's consent is. Called with the mutex.
func (g *granted) describe(l *Ledger, s *subject, now time.Time) {
	g.record, g.state, g.until = s.record, s.state, s.validUntil
	g.purposes = s.granted()
	g.token, g.expires = l.issue(s, now)
}

// granted is each purpose of the notice, and whether it is granted.
func (s *subject) granted() map[string]bool {
	out := make(map[string]bool, numPurposes)
	for i, id := range purposeIDs {
		if s.notice.version(id) > 0 {
			out[id] = !s.since[i].IsZero()
		}
	}
	return out
}

// withdraw ends a subject's consent, before it returns, and asks for what was collected to be erased. It does nothing
// where it has ended already or nobody is known. by is the event, "" where there is none.
func (l *Ledger) withdraw(key subjectKey, erase, action string) (by string, err error) {
	l.bar(key, 1<<numPurposes-1)
	err = l.do(func() error {
		l.mu.Lock()
		s := l.st.subjects[key]
		// One that has ended may still be asked to erase more than before.
		again := s != nil && !s.given() && erase != "" && s.asked != erase && s.asked != eraseSubject
		if s == nil || !s.given() && !again {
			if s != nil {
				by = s.by
			}
			l.mu.Unlock()
			return nil
		}
		now := stampOf(l.cfg.Now())
		e := &Event{
			EventID: newID(now), State: Withdrawn, Type: typeExplicit, NoticeID: s.noticeID, Lang: s.lang, GPC: s.gpc,
			Method: Method{Action: action}, OccurredAt: now, ReceivedAt: now, Build: l.cfg.Build, Erase: erase,
		}
		s.follow(e)
		l.mu.Unlock()
		by = e.EventID
		return l.commitEvent(e, s, true)
	})
	l.wakeEraser()
	return by, err
}
