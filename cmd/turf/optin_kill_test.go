package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	consentWorkers = 4
	// consentRoundGrants is how many grants a round waits for at most before the server is killed.
	consentRoundGrants = 60
)

// consentHammer is what browsers do while the server is killed, and what was answered.
type consentHammer struct {
	mu        sync.Mutex
	granted   []person        // answered 201
	asked     map[string]bool // withdrawals that were sent, by cid
	withdrawn map[string]bool // and answered 204
	events    map[string]int  // events that were answered 202, by cid
}

// TestConsentKillMinus9 kills the real program at random moments while people agree, send events and withdraw: no grant and no
// withdrawal that was answered is lost, no accepted event of whoever still agrees is, and the ledger proves itself. Then the site
// is removed, with all that is kept of them.
func TestConsentKillMinus9(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	in := install(t)
	in.must(nil, "site", "add", "example.com", "--timezone", quietZone())
	notice := in.optIn("example.com")
	h := &consentHammer{asked: map[string]bool{}, withdrawn: map[string]bool{}, events: map[string]int{}}
	for range rounds {
		h.run(in.launch("--address-requests-per-sec", "-1"), notice)
	}
	server := in.serve("--address-requests-per-sec", "-1")
	h.verdict(t, server)
	var v verification
	in.must(&v, "verify")
	in.must(nil, "site", "remove", "example.com", "--yes")
	server.stop()
	in.must(nil, "consent", "verify")
	if rows := in.sql("SELECT count() FROM consented_events"); rows[0][0] != uint64(0) {
		t.Errorf("%v rows are left of a site that was removed", rows[0][0])
	}
	payloads, err := os.ReadFile(filepath.Join(in.dir, consentDir, "payloads"))
	if err != nil || bytes.Contains(payloads, []byte("event_id")) {
		t.Errorf("proofs are left of a site that was removed, or %v", err)
	}
	t.Logf("%d grants and %d withdrawals were answered", len(h.granted), len(h.withdrawn))
	if len(h.granted) < rounds || len(h.withdrawn) == 0 {
		t.Error("the run says little")
	}
}

// run lets people agree, look at pages and withdraw until the server is killed at a random moment.
func (h *consentHammer) run(p *process, notice string) {
	acks := make(chan struct{}, 10*consentRoundGrants)
	var wg sync.WaitGroup
	for range consentWorkers {
		wg.Go(func() {
			for h.one(p, notice) {
				select {
				case acks <- struct{}{}:
				default: // it is killed any moment
				}
			}
		})
	}
	for range 1 + rand.IntN(consentRoundGrants) {
		select {
		case <-acks:
		case <-time.After(waitTimeout):
			p.t.Errorf("nothing is granted\n%s", p.logs)
		}
	}
	time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond) // the random moment
	p.kill()
	wg.Wait()
	p.client.CloseIdleConnections()
}

// one is a person who agrees, sees a page, and perhaps withdraws. It returns false when the server is gone.
func (h *consentHammer) one(p *process, notice string) bool {
	status, text, err := p.optInCall(http.MethodPost, "/v1/consent/events", "", choiceText("example.com", notice, "events"))
	if err != nil {
		return false
	}
	var who person
	if err := json.Unmarshal([]byte(text), &who); status != http.StatusCreated || err != nil {
		p.t.Errorf("a grant is answered %d %s %v", status, text, err)
		return false
	}
	h.mu.Lock()
	h.granted = append(h.granted, who)
	h.mu.Unlock()
	status, text, err = p.optInCall(http.MethodPost, "/v1/x/events", who.Token, pageBatch("https://example.com/a"))
	if err != nil {
		return false
	}
	if status != http.StatusAccepted {
		p.t.Errorf("a batch is answered %d %s", status, text)
	}
	h.mu.Lock()
	h.events[who.CID]++
	withdraws := len(h.granted)%2 == 0
	if withdraws {
		h.asked[who.CID] = true
	}
	h.mu.Unlock()
	if !withdraws {
		return true
	}
	status, text, err = p.optInCall(http.MethodPost, "/v1/consent/withdraw", who.Token, "")
	if err != nil {
		return false
	}
	if status != http.StatusNoContent {
		p.t.Errorf("a withdrawal is answered %d %s", status, text)
	}
	h.mu.Lock()
	h.withdrawn[who.CID] = true
	h.mu.Unlock()
	return true
}

// verdict compares what was answered with what the server knows.
func (h *consentHammer) verdict(t *testing.T, p *process) {
	t.Helper()
	for _, who := range h.granted {
		status, text, err := p.optInCall(http.MethodGet, "/v1/consent/state", who.Token, "")
		switch {
		case err != nil:
			t.Fatal(err)
		case h.withdrawn[who.CID] && status != http.StatusGone:
			t.Errorf("a consent whose withdrawal was answered is %d %s", status, text)
		case !h.asked[who.CID] && status != http.StatusOK:
			t.Errorf("a consent that was answered is %d %s", status, text)
		case status != http.StatusOK && status != http.StatusGone:
			t.Errorf("a consent is %d %s", status, text)
		}
		if status != http.StatusOK {
			continue
		}
		// An event that was sent and not answered may be there.
		if rows := len(p.export("example.com", who.CID)["event"]); rows < h.events[who.CID] || rows > 1 {
			t.Errorf("%d events of a person, %d were accepted", rows, h.events[who.CID])
		}
	}
}
