package consent

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"turf/schema"
)

// TestL1RowsNeedAGrant runs 10,000 random operations and then looks at every row that was ever written, also those
// that were erased since: each must lie within a consent to its purpose, as the events in the ledger's files tell it
// and nothing else.
func TestL1RowsNeedAGrant(t *testing.T) {
	operations := 10_000
	if testing.Short() {
		operations = 1_000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &modelRun{world: newWorld(t), rand: rand.New(rand.NewPCG(seed, 1)), proof: map[string]bool{}}
	m.store.before = m.wrote
	for i := range operations {
		m.clock.add(time.Duration(m.rand.IntN(2000)) * time.Millisecond)
		m.step()
		if i%(operations/4) == operations/8 {
			m.restart()
		}
		if t.Failed() {
			t.Fatalf("at operation %d", i)
		}
	}
	m.audit()
	t.Logf("%d rows written, %d refused, %d people, %d leaves", len(m.written), m.refusals, len(m.people), m.ledger.size())
	if len(m.written) < operations/20 || m.refusals < operations/20 {
		t.Error("the run says little: too few rows, or too few refusals")
	}
	m.checkpoint()
	m.verify()
}

// modelRun is a random run. What it expects of the gate it reckons from its own notes.
type modelRun struct {
	*world
	rand     *rand.Rand
	people   []*modelPerson
	mu       sync.Mutex
	written  []schema.ConsentedEvent
	refusals int
	proof    map[string]bool // events of the ledger that were seen, for those that are erased later
	history  []Event
}

// modelPerson is what the run knows of a person.
type modelPerson struct {
	*person
	granted map[string]bool
	over    bool
	until   time.Time
	version int // of the notice
}

func (m *modelRun) wrote(rows []schema.ConsentedEvent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.written = append(m.written, rows...)
}

var modelPurposes = []string{PurposeEvents, PurposeJourneys, PurposeHeatmap}

func (m *modelRun) step() {
	switch n := m.rand.IntN(1000); {
	case n < 60 || len(m.people) == 0:
		m.join()
	case n < 120:
		m.again()
	case n < 160:
		p := m.one()
		m.note()
		m.must("POST", "/v1/consent/withdraw", fmt.Sprintf(`{"erase":%v}`, n%2 == 0), 204, p.bearer())
		p.over = true
	case n < 165:
		p := m.one()
		m.note()
		m.must("DELETE", "/v1/subjects/"+p.cid+"?site="+p.site, "", 202)
		p.over = true
	case n < 167:
		m.clock.add(time.Duration(m.rand.IntN(40*24)) * time.Hour)
	case n < 168:
		m.notice = m.addNotice("example.com", m.rand.IntN(3) == 0)
	case n < 170:
		m.note()
		m.sweep()
	default:
		m.sendBatch()
	}
}

func (m *modelRun) one() *modelPerson {
	// The newest are the likeliest: the old ones have withdrawn.
	last := len(m.people) - 1
	return m.people[max(0, last-m.rand.IntN(min(last+1, 40)))]
}

func (m *modelRun) some() (purposes []string) {
	for _, p := range modelPurposes {
		if m.rand.IntN(2) == 0 {
			purposes = append(purposes, p)
		}
	}
	if len(purposes) == 0 {
		return modelPurposes[:1]
	}
	return purposes
}

func (m *modelRun) join() {
	p := &modelPerson{person: &person{w: m.world, site: "example.com", notice: m.notice}}
	m.chose(p, m.some(), 201)
	m.people = append(m.people, p)
}

func (m *modelRun) chose(p *modelPerson, purposes []string, status int) {
	p.notice = m.notice
	out := m.must("POST", "/v1/consent/events", p.choice("renew", purposes...), status)
	p.took(out)
	p.granted, p.over = map[string]bool{}, false
	for _, id := range purposes {
		p.granted[id] = true
	}
	until, err := time.Parse(time.RFC3339Nano, out["valid_until"].(string))
	if err != nil {
		m.t.Fatal(err)
	}
	p.until, p.version = until, len(m.notices())
}

// given is what the run expects of a person's consent.
func (m *modelRun) given(p *modelPerson) bool {
	if p.over || !p.until.After(m.clock.Now()) {
		return false
	}
	for _, n := range m.notices()[p.version:] {
		if n.Notice.Material {
			return false
		}
	}
	return true
}

func (m *modelRun) again() {
	p := m.one()
	if s := p.subject(); p.over || !p.until.After(m.clock.Now()) || s == nil || !s.given() {
		return
	}
	m.chose(p, m.some(), 201)
}

func (m *modelRun) sendBatch() {
	p := m.one()
	events, may := []object{}, m.given(p)
	for range 1 + m.rand.IntN(4) {
		purpose := modelPurposes[m.rand.IntN(len(modelPurposes))]
		if m.rand.IntN(3) > 0 {
			for id := range p.granted {
				purpose = id
			}
		}
		may = may && p.granted[purpose]
		events = append(events, object{
			"n": "pageview", "u": "https://example.com/a", "t": m.clock.Now().UnixMilli(), "q": len(events), "s": "00000000000000ab", "v": purpose,
		})
	}
	if may {
		p.renew()
	}
	status, code := p.collects(p.batch(events...))
	if (status == 202) != may {
		m.t.Errorf("a batch was answered %d %s; expected to be let in: %v", status, code, may)
	}
	if status != 202 {
		m.refusals++
	}
}

// note keeps the events that are in the files now, before some are erased.
func (m *modelRun) note() {
	for id, leaf := range m.events() {
		if text := idText(id); !m.proof[text] {
			e, err := m.ledger.event(leaf)
			if err != nil {
				m.t.Fatal(err)
			}
			if e == nil {
				continue // erased since: it was noted before its person asked
			}
			m.proof[text] = true
			m.history = append(m.history, *e)
		}
	}
}

// audit looks for a grant of each row among the events, by nothing but their fields.
func (m *modelRun) audit() {
	m.note()
	for _, r := range m.written {
		if n := m.grantsOf(&r); n != 1 {
			m.t.Errorf("a row of %v, received at %v for %s, has %d consents", r.Time, r.Received, r.Purpose, n)
		}
	}
}

// grantsOf counts the events of a row's person that let the row be: the newest one before it, if that is a grant.
func (m *modelRun) grantsOf(r *schema.ConsentedEvent) (n int) {
	var newest *Event
	for i := range m.history {
		e := &m.history[i]
		if e.Ref != refText(r.Person) || e.State == Linked || e.ReceivedAt.After(r.Received) {
			continue
		}
		if newest == nil || e.Seq > newest.Seq {
			newest = e
		}
	}
	if newest == nil || newest.State != Given && newest.State != Renewed {
		return 0
	}
	if !r.Received.Before(newest.ValidUntil) || r.Time.Before(newest.ReceivedAt) && newest.State == Given && newest.Seq == 1 {
		return 0
	}
	agreed := 0
	for _, d := range m.notices() { // in the order of their versions
		if d.ID == newest.NoticeID {
			agreed = d.Notice.Version
		} else if agreed > 0 && d.Notice.Material && !d.Notice.ValidFrom.After(r.Received) {
			return 0
		}
	}
	for at, yes := range newest.Purposes {
		if id, _, _ := splitPurpose(at); id == r.Purpose && yes {
			n++
		}
	}
	return n
}
