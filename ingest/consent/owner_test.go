package consent

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turf/schema"
)

// TestGranted: after a random run, what Granted tells of each person who is known is what the events tell one by one,
// at the edges of every consent and in between.
func TestGranted(t *testing.T) {
	operations := 2_000
	if testing.Short() {
		operations = 300
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &modelRun{world: newWorld(t), rand: rand.New(rand.NewPCG(seed, 2)), proof: map[string]bool{}}
	for i := range operations {
		m.clock.add(time.Duration(m.rand.IntN(2000)) * time.Millisecond)
		if i%100 == 50 {
			m.notice = m.addNotice("example.com", m.rand.IntN(3) == 0)
		}
		m.step()
	}
	m.note()
	looked, inside := 0, 0
	for _, p := range m.people {
		events, err := m.ledger.history(subjectKey{1, p.ref})
		if err != nil {
			t.Fatal(err)
		}
		for _, purpose := range modelPurposes {
			granted, err := m.ledger.Granted(1, p.ref, purpose)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				for _, at := range []time.Time{e.ReceivedAt, e.OccurredAt, e.ValidUntil, e.ReceivedAt.Add(time.Hour)} {
					for _, off := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
						row := schema.ConsentedEvent{Person: p.ref, Purpose: purpose, Received: at.Add(off), Time: at.Add(off)}
						if row.Received.After(m.clock.Now()) {
							continue // nobody knows yet
						}
						want := m.grantsOf(&row) > 0
						if got := covered(granted, row.Received); got != want {
							t.Fatalf("%s at %v: granted %v, want %v, by %v", purpose, row.Received, got, want, granted)
						}
						if looked++; want {
							inside++
						}
					}
				}
			}
		}
	}
	t.Logf("%d times looked at, %d within a consent", looked, inside)
	if inside < looked/20 || inside > looked*19/20 {
		t.Error("the run says little")
	}
}

func covered(granted []Interval, at time.Time) bool {
	for _, g := range granted {
		if !at.Before(g.From) && at.Before(g.To) {
			return true
		}
	}
	return false
}

// TestRemoveSite: nothing of a removed site's people is left, in memory and in files, also after a start; other sites
// and the proofs of the log stay, and a failed removal of rows changes no proof.
func TestRemoveSite(t *testing.T) {
	w := newWorld(t)
	p, other := w.agree("events", "account_link"), w.agreeAt("example.org", "events")
	w.must("POST", "/v1/x/identify", `{"user":"ada"}`, 204, p.bearer())
	w.count(`{"site":"example.com","notice_id":"`+w.notice+`","action":"shown"}`, 202)
	away := errors.New("the database is away")
	if err := w.ledger.RemoveSite(1, func() error { return away }); !errors.Is(err, away) {
		t.Fatal(err)
	}
	if events, err := w.ledger.history(subjectKey{1, p.ref}); err != nil || len(events) != 2 {
		t.Errorf("the proofs are %d events, %v", len(events), err)
	}
	asked := 0
	if err := w.ledger.RemoveSite(1, func() error {
		if status, code := p.collects(p.view("/a")); status != 403 {
			t.Errorf("a batch while the rows are deleted: %d %s", status, code)
		}
		asked++
		return nil
	}); err != nil || asked != 1 {
		t.Fatal(err, asked)
	}
	for _, when := range []string{"at once", "after a start"} {
		if n, m := w.ledger.Holding(1), w.ledger.Holding(2); n != 0 || m != 1 {
			t.Errorf("%s: %d consents hold at the removed site, %d at the other one", when, n, m)
		}
		if rows := w.ledger.Counts(1, 0, 1<<20); len(rows) != 0 {
			t.Errorf("%s: counters %v", when, rows)
		}
		if w.ledger.Settings(1) != (Settings{}) {
			t.Errorf("%s: it is on", when)
		}
		payloads, err := os.ReadFile(filepath.Join(w.dir, payloadsFile))
		if err != nil || strings.Contains(string(payloads), refText(p.ref)) || !strings.Contains(string(payloads), refText(other.ref)) {
			t.Errorf("%s: the payloads hold the person, or not the other site's, %v", when, err)
		}
		w.refused("GET", "/v1/consent/state", "", 410, codeErased, p.bearer())
		w.must("GET", "/v1/consent/state", "", 200, other.bearer())
		w.restart()
	}
	if _, err := Verify(w.dir); err != nil {
		t.Error(err)
	}
}

// TestRemoveSiteWaits: the rows of a site are deleted when the batch that is being written has come, and not before.
func TestRemoveSiteWaits(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	inside, release := make(chan struct{}), make(chan struct{})
	w.store.before = func([]schema.ConsentedEvent) {
		close(inside)
		<-release
	}
	var released atomic.Bool
	var tasks sync.WaitGroup
	tasks.Go(func() { p.collects(p.view("/a")) })
	<-inside
	tasks.Go(func() {
		if err := w.ledger.RemoveSite(1, func() error {
			if !released.Load() {
				t.Error("the rows are deleted while a batch is being written")
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	w.until("the site is off", func() bool { return w.ledger.Settings(1) == Settings{} })
	time.Sleep(20 * time.Millisecond) // time to do what is wrong
	released.Store(true)
	close(release)
	tasks.Wait()
}

// TestRetention: a purpose is kept as long as those agreed to whose consent holds, the shortest of it; a version that no notice
// names yet is nothing that anybody agreed to.
func TestRetention(t *testing.T) {
	w := newWorld(t)
	retention := func(want int, when string) {
		t.Helper()
		if got := w.ledger.Retention(1, PurposeEvents); got != want {
			t.Errorf("%s it is %d days, want %d", when, got, want)
		}
	}
	retention(396, "by the first notice")
	w.must("POST", "/v1/sites/example.com/purposes", `{"id":"events","data":["pages"],"retention_days":700}`, 201)
	retention(396, "with a longer version that nobody was shown")
	notices := w.ledger.Notices(1)
	next := notices[0].Notice
	next.Purposes, next.Material, next.ValidFrom = []string{"events@2", "journeys@1", "heatmap@1", "account_link@1"}, false, w.clock.Now()
	if _, _, err := w.ledger.AddNotice(&testSites[0], next); err != nil {
		t.Fatal(err)
	}
	retention(396, "while the consents of the older notice hold")
	next.Material, next.ValidFrom = true, w.clock.Now().Add(time.Hour)
	if _, _, err := w.ledger.AddNotice(&testSites[0], next); err != nil {
		t.Fatal(err)
	}
	retention(396, "before the material notice holds")
	w.clock.add(2 * time.Hour)
	retention(700, "when all are asked again")
}

// TestErase: who has the cid has all erased, and other texts are no cid.
func TestErase(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	if _, ok, err := w.ledger.Erase(1, "no cid"); ok || err != nil {
		t.Error(ok, err)
	}
	person, ok, err := w.ledger.Erase(1, p.cid)
	if !ok || err != nil || person != p.ref {
		t.Fatal(person, ok, err)
	}
	w.erased(p)
	if granted, err := w.ledger.Granted(1, p.ref, PurposeEvents); len(granted) != 0 || err != nil {
		t.Errorf("still known: %v, %v", granted, err)
	}
}

// agreeAt lets somebody new agree at a site, under its own newest notice.
func (w *world) agreeAt(domain string, purposes ...string) *person {
	w.t.Helper()
	site, _ := bySiteName(domain)
	notices := w.ledger.Notices(site.ID)
	p := &person{w: w, site: domain, notice: notices[len(notices)-1].ID}
	p.took(w.must("POST", "/v1/consent/events", p.choice("save", purposes...), 201))
	return p
}

// count sends a choice that only counts.
func (w *world) count(body string, status int) {
	w.t.Helper()
	w.must("POST", "/v1/consent/events", change(body, object{
		"lang": "nl", "explicit": true, "adapter": "own", "ui": "own", "purposes": object{},
	}), status)
}
