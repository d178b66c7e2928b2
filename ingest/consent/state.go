package consent

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"turf/schema"
)

// subjectKey names a subject: a person at a site.
type subjectKey struct {
	site schema.SiteID
	ref  schema.PersonRef
}

// subject is what the newest event says of a person, and the gate of the person's batches. Guarded by Ledger.mu.
type subject struct {
	key        subjectKey
	domain     string
	record     string
	seq        int
	state      State
	since      [numPurposes]time.Time // from when each purpose is granted without a break; zero: it is not
	notice     *Notice
	noticeID   string
	lang       string
	gpc        bool
	validUntil time.Time
	ended      time.Time // zero while it is given
	lastEvent  string
	received   time.Time // of the newest event
	proof      string    // what is the same when the same choice is told again
	leaves     []leafID  // whose payloads are there
	// erase is what the withdrawal asked to be erased, by is that event; "" when nothing is to do.
	erase, by string
	asked     string   // what was ever asked to be erased
	links     []linked // under account_link; they end with the consent

	// The gate.
	barred  uint8         // purposes, as bits, of which nothing more may come in
	inside  int           // batches that are being written
	drained chan struct{} // closed when inside becomes 0; nil where nobody waits
	// doubt is when a batch failed that the database may still write: what is erased before it can have done so is
	// erased again.
	doubt   time.Time
	lastRow time.Time // the latest time at which a batch came in
	visit   visit     // the newest
}

// visit is what is known of a person's newest session since the start of the process.
type visit struct {
	session                             uint64
	channel, source, campaign, referrer string
}

// leafID is a leaf and its event's id.
type leafID struct {
	leaf int64
	id   [16]byte
}

// linked is a link to a user's id.
type linked struct {
	leafID
	Link
}

// given reports whether the newest event lets anything be kept, leaving the time aside.
func (s *subject) given() bool { return s.state == Given || s.state == Renewed }

func (s *subject) bits() (bits uint8) {
	for i, since := range s.since {
		if !since.IsZero() {
			bits |= 1 << i
		}
	}
	return bits
}

// siteState is what the ledger knows of a site. Guarded by Ledger.mu.
type siteState struct {
	settings Settings
	notices  []noticeDoc // by version
	purposes []Purpose   // in the order of their registration
	linked   map[schema.PersonRef]*subject
}

// state is what follows from the log and the payloads that are there. Guarded by Ledger.mu; changed only by apply.
type state struct {
	sites    map[schema.SiteID]*siteState
	subjects map[subjectKey]*subject
	records  map[[16]byte]*subject
	events   map[[16]byte]int64 // event_id → leaf, of payloads that are there
	offsets  map[int64]place    // leaf → where its payload lies
	torn     map[int64]place    // payloads that can only be read again if a tombstone says that they are to be erased
	owner    map[int64]*subject // leaf → whose payload it is
	erasing  map[subjectKey]bool
	keys     []keyDoc
	keyLeaf  int64   // of the newest
	dead     []place // payloads that have a tombstone and are still in the file
}

func newState() *state {
	return &state{
		sites: map[schema.SiteID]*siteState{}, subjects: map[subjectKey]*subject{}, records: map[[16]byte]*subject{},
		events: map[[16]byte]int64{}, offsets: map[int64]place{}, torn: map[int64]place{}, owner: map[int64]*subject{},
		erasing: map[subjectKey]bool{},
	}
}

func (st *state) site(id schema.SiteID) *siteState {
	s := st.sites[id]
	if s == nil {
		s = &siteState{linked: map[schema.PersonRef]*subject{}}
		st.sites[id] = s
	}
	return s
}

// notice finds a notice of a site by its id.
func (s *siteState) notice(id string) *noticeDoc {
	for i := range s.notices {
		if s.notices[i].ID == id {
			return &s.notices[i]
		}
	}
	return nil
}

// current is the newest notice that holds at a time, or nil.
func (s *siteState) current(now time.Time) *noticeDoc {
	for i := len(s.notices) - 1; i >= 0; i-- {
		n := &s.notices[i].Notice
		if !n.ValidFrom.After(now) && (n.ValidTo.IsZero() || n.ValidTo.After(now)) {
			return &s.notices[i]
		}
	}
	return nil
}

// supersededAt is when a material newer version than version began to hold, if that is not after now; else zero.
func (s *siteState) supersededAt(version int, now time.Time) (at time.Time) {
	for i := range s.notices {
		n := &s.notices[i].Notice
		if n.Version > version && n.Material && !n.ValidFrom.After(now) && (at.IsZero() || n.ValidFrom.Before(at)) {
			at = n.ValidFrom
		}
	}
	return at
}

// standing is what a subject's consent is worth at a time: Given, or why it is not.
func (st *state) standing(s *subject, now time.Time) State {
	switch {
	case s.state == Withdrawn:
		return Withdrawn
	case !s.given():
		return s.state
	case !s.validUntil.After(now):
		return Expired
	case !st.site(s.key.site).supersededAt(s.notice.Version, now).IsZero():
		return Superseded
	}
	return Given
}

// The first bytes of a leaf say what it is.
const (
	leafEvent    = "v1\x00" // then the commitment
	leafNotice   = "n1\x00" // then the canonical document, as for all below
	leafPurpose  = "p1\x00"
	leafSettings = "s1\x00"
	leafTomb     = "t1\x00"
	leafErased   = "d1\x00"
	leafKey      = "k1\x00"
	leafKind     = 3 // bytes
)

// apply changes the state as a leaf says. event is nil for other leaves, and where its payload is gone; at is where
// that lies.
func (st *state) apply(n int64, leaf []byte, event *Event, at place) error {
	if len(leaf) < leafKind {
		return fmt.Errorf("leaf %d is too short", n)
	}
	doc := leaf[leafKind:]
	switch string(leaf[:leafKind]) {
	case leafEvent:
		if event == nil {
			return nil
		}
		return st.applyEvent(n, event, at)
	case leafNotice:
		return read(doc, func(d *noticeDoc) { s := st.site(d.SiteID); s.notices = append(s.notices, *d) })
	case leafPurpose:
		return read(doc, func(d *purposeDoc) { s := st.site(d.SiteID); s.purposes = append(s.purposes, d.Purpose) })
	case leafSettings:
		return read(doc, func(d *settingsDoc) { st.site(d.SiteID).settings = d.Settings })
	case leafTomb:
		return read(doc, func(d *tombstone) { st.bury(d) })
	case leafErased:
		return read(doc, func(d *erasedDoc) { st.erased(d) })
	case leafKey:
		return read(doc, func(d *keyDoc) { st.keys, st.keyLeaf = append(st.keys, *d), n })
	}
	return fmt.Errorf("leaf %d is of no known kind", n)
}

// read reads a document and gives it to take.
func read[T any](text []byte, take func(*T)) error {
	var d T
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("read a document of the log: %w", err)
	}
	take(&d)
	return nil
}

func (st *state) applyEvent(n int64, e *Event, at place) error {
	ref, ok := parseRef(e.Ref)
	id, idOK := idBytes(e.EventID)
	record, recordOK := idBytes(e.RecordID)
	if !ok || !idOK || !recordOK {
		return fmt.Errorf("leaf %d: an id of the event is wrong", n)
	}
	key := subjectKey{e.SiteID, ref}
	s := st.subjects[key]
	if s == nil {
		s = &subject{key: key, domain: e.Site, record: e.RecordID}
		st.subjects[key], st.records[record] = s, s
	}
	st.events[id], st.offsets[n], st.owner[n] = n, at, s
	s.leaves = append(s.leaves, leafID{n, id})
	s.seq, s.lastEvent, s.received = e.Seq, e.EventID, e.ReceivedAt
	if e.State == Linked {
		s.links = append(s.links, linked{leafID{n, id}, e.Link})
		st.site(key.site).linked[ref] = s
		return nil
	}
	s.state = e.State
	if !s.given() {
		if s.ended.IsZero() {
			s.ended = e.ReceivedAt
		}
		s.erase, s.by, s.asked = e.Erase, e.EventID, e.Erase
		s.since = [numPurposes]time.Time{}
		if s.erase != "" {
			st.erasing[key] = true
		}
		delete(st.site(key.site).linked, ref)
		return nil
	}
	s.grant(e)
	found := st.site(key.site).notice(e.NoticeID)
	if found == nil {
		return fmt.Errorf("leaf %d: the notice of the event is not in the log", n)
	}
	s.notice, s.noticeID, s.lang = &found.Notice, e.NoticeID, e.Lang
	return nil
}

// grant takes over what an event gives.
func (s *subject) grant(e *Event) {
	for i, id := range purposeIDs {
		granted := false
		for at, yes := range e.Purposes {
			p, _, _ := splitPurpose(at)
			granted = granted || p == id && yes
		}
		switch {
		case !granted:
			s.since[i] = time.Time{}
		case s.since[i].IsZero():
			s.since[i] = e.ReceivedAt
		}
	}
	s.validUntil, s.gpc, s.ended, s.barred = e.ValidUntil, e.GPC, time.Time{}, 0
	s.proof = proofIdentity(&e.Proof)
}

func proofIdentity(p *Proof) string {
	if p.Scheme == "" {
		return ""
	}
	return p.Scheme + "\x00" + p.ID + "\x00" + p.String + "\x00" + p.Created
}

// bury takes a payload out of the state. A subject without payloads is forgotten.
func (st *state) bury(d *tombstone) {
	if at, torn := st.torn[d.Leaf]; torn {
		st.dead = append(st.dead, at) // its erasure was interrupted
		delete(st.torn, d.Leaf)
	}
	id, ok := idBytes(d.EventID)
	at, there := st.offsets[d.Leaf]
	if !ok || !there {
		return // its payload is gone already
	}
	st.dead = append(st.dead, at)
	delete(st.offsets, d.Leaf)
	delete(st.events, id)
	if s := st.owner[d.Leaf]; s != nil {
		key := s.key
		delete(st.owner, d.Leaf)
		s.leaves = slices.DeleteFunc(s.leaves, func(l leafID) bool { return l.leaf == d.Leaf })
		s.links = slices.DeleteFunc(s.links, func(l linked) bool { return l.leaf == d.Leaf })
		if len(s.leaves) == 0 {
			record, _ := idBytes(s.record)
			delete(st.records, record)
			delete(st.subjects, key)
			delete(st.site(key.site).linked, key.ref)
			delete(st.erasing, key)
		}
	}
}

// erased ends the job of a withdrawal.
func (st *state) erased(d *erasedDoc) {
	for key := range st.erasing {
		if s := st.subjects[key]; s != nil && s.by == d.EventID {
			s.erase = ""
			delete(st.erasing, key)
		}
	}
}
