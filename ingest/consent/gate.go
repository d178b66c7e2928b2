package consent

import (
	"context"
	"time"

	"turf/schema"
)

// pass lets one batch of events in. Give it back with leave when its rows are written, or will never be.
type pass struct {
	subject  *subject
	received time.Time              // of all its rows
	since    [numPurposes]time.Time // copies: the subject is not read outside the mutex
	until    time.Time
}

// enter lets a batch of purposes (as bits) in, or says why it may not. What it lets in is written before a withdrawal
// is answered.
func (l *Ledger) enter(key subjectKey, purposes uint8, gpc bool) (pass, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := stampOf(l.cfg.Now())
	site := l.st.site(key.site)
	s := l.st.subjects[key]
	switch {
	case site.settings.Audience == AudienceChildren:
		return pass{}, problem(codeChildDirected, "the site is directed at children")
	case s == nil:
		return pass{}, problem(codeErased, "nothing is known of this consent")
	}
	if err := l.refusal(s, now); err != nil {
		return pass{}, err
	}
	switch {
	case !site.settings.On:
		return pass{}, problem(codePurposeNotGranted, "the site has its opt-in path off")
	case gpc && !site.settings.ExplicitOverGPC:
		return pass{}, problem(codePurposeNotGranted, "the browser sends Global Privacy Control")
	case s.barred&s.bits() == s.bits():
		return pass{}, problem(codeWithdrawn, "the consent is being withdrawn")
	case purposes&^(s.bits()&^s.barred) != 0:
		return pass{}, problem(codePurposeNotGranted, "a purpose of the batch is not granted")
	}
	if now.Before(s.received) {
		now = s.received // the clock went back
	}
	if now.After(s.lastRow) {
		s.lastRow = now
	}
	s.inside++
	return pass{s, now, s.since, s.validUntil}, nil
}

// refusal is why a subject's consent lets nothing in at a time; nil when it does. Called with the mutex.
func (l *Ledger) refusal(s *subject, now time.Time) error {
	switch l.st.standing(s, now) {
	case Withdrawn:
		return problem(codeWithdrawn, "the consent was withdrawn")
	case Expired:
		return problem(codeExpired, "the consent has expired")
	case Superseded:
		p := problem(codeSuperseded, "the notice has a material new version")
		if n := l.st.site(s.key.site).current(now); n != nil {
			p.NoticeID = n.ID
		}
		return p
	case Given:
		return nil
	}
	return problem(codeWithdrawn, "the consent has ended")
}

// leave says that the batch is written.
func (l *Ledger) leave(p pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := p.subject
	if s.inside--; s.inside == 0 && s.drained != nil {
		close(s.drained)
		s.drained = nil
	}
}

// doubted says that the batch failed, and that the database may write it all the same, later.
func (l *Ledger) doubted(p pass) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.subject.doubt = l.cfg.Now()
}

// settled reports whether nothing of a subject can still come into the database.
func (l *Ledger) settled(key subjectKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.st.subjects[key]
	return s == nil || s.doubt.IsZero() || !l.cfg.Now().Before(s.doubt.Add(eraseRetry))
}

// bar lets no batches of purposes (as bits) in any more, and waits until those inside have left: they do within
// storeTimeout.
func (l *Ledger) bar(key subjectKey, purposes uint8) {
	l.mu.Lock()
	s := l.st.subjects[key]
	if s == nil {
		l.mu.Unlock()
		return
	}
	s.barred |= purposes
	var drained chan struct{}
	if s.inside > 0 {
		if s.drained == nil {
			s.drained = make(chan struct{})
		}
		drained = s.drained
	}
	l.mu.Unlock()
	if drained != nil {
		<-drained
	}
}

// unbar takes a bar back, of a change that was refused for what it said.
func (l *Ledger) unbar(key subjectKey, purposes uint8) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.st.subjects[key]; s != nil && s.given() {
		s.barred &^= purposes
	}
}

// attribute is where a visit came from: what its first event said since the process began.
func (l *Ledger) attribute(s *subject, v visit) visit {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.visit.session != v.session || v.session == 0 {
		s.visit = v
	}
	return s.visit
}

// eraser does the jobs of withdrawals until all are done.
func (l *Ledger) eraser() {
	defer l.tasks.Done()
	retry := time.NewTicker(eraseRetry)
	defer retry.Stop()
	for {
		for _, job := range l.jobs() {
			if err := l.erase(l.ctx, job); err != nil && l.ctx.Err() == nil {
				l.cfg.Logger.Error("erase a person who withdrew: it is tried again", "site", job.key.site, "err", err)
			}
		}
		select {
		case <-l.ctx.Done():
			return
		case <-l.wake:
		case <-retry.C:
		}
	}
}

// wakeEraser lets the eraser look for jobs.
func (l *Ledger) wakeEraser() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// eraseJob is what a withdrawal asked for.
type eraseJob struct {
	key subjectKey
	by  string // event_id of the withdrawal
	how string
}

func (l *Ledger) jobs() (jobs []eraseJob) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.st.erasing {
		if s := l.st.subjects[key]; s != nil && s.erase != "" {
			jobs = append(jobs, eraseJob{key, s.by, s.erase})
		}
	}
	return jobs
}

// erase takes away the rows, and then the payloads that go with them: of a whole subject, all.
func (l *Ledger) erase(ctx context.Context, job eraseJob) error {
	settled := l.settled(job.key)
	if err := l.cfg.Store.Erase(ctx, job.key.site, job.key.ref); err != nil {
		return err
	}
	if !settled {
		return nil // it is done once more
	}
	return l.do(func() error {
		now := stampOf(l.cfg.Now())
		done, err := plain(leafErased, erasedDoc{job.by, now})
		if err != nil {
			return err
		}
		entries := []entry{done}
		l.mu.Lock()
		tombs, err := l.tombs(job, now)
		l.mu.Unlock()
		if err != nil {
			return err
		}
		if err := l.commit(append(entries, tombs...)...); err != nil {
			return err
		}
		return l.bury()
	})
}

// tombs are the tombstones of a job. Called with the mutex.
func (l *Ledger) tombs(job eraseJob, now time.Time) ([]entry, error) {
	s := l.st.subjects[job.key]
	if s == nil || s.by != job.by {
		return nil, nil
	}
	if job.how != eraseSubject {
		return nil, nil
	}
	return tombsOf(s.leaves, groundArt17, now)
}

// tombsOf are the tombstones of payloads.
func tombsOf(leaves []leafID, ground string, now time.Time) (entries []entry, err error) {
	for _, l := range leaves {
		e, err := plain(leafTomb, tombstone{idText(l.id), l.leaf, now, ground})
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Erased reports whether nothing is left to be erased of a person.
func (l *Ledger) Erased(site schema.SiteID, person schema.PersonRef) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.st.erasing[subjectKey{site, person}]
}
