package consent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"turf/ingest"
)

// TestTicks is what happens with time: a checkpoint each minute when the log has grown, once a day when it has not;
// ended consents are logged each hour.
func TestTicks(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	tick := func() (checkpoints int64) {
		t.Helper()
		if err := w.ledger.do(func() error { return w.ledger.tick(w.clock.Now()) }); err != nil {
			t.Fatal(err)
		}
		return w.verify().Checkpoints
	}
	first := tick()
	for _, c := range []struct {
		after time.Duration
		grows bool
		more  int64
	}{
		{time.Second, true, 0},
		{58 * time.Second, false, 0},
		{time.Second, false, 1},
		{time.Hour, false, 0},
		{time.Minute, true, 1},
		{24*time.Hour - time.Second, false, 0},
		{time.Second, false, 1},
	} {
		w.clock.add(c.after)
		if c.grows {
			w.agree("events")
		}
		now := tick()
		if now-first != c.more {
			t.Errorf("after %v: %d checkpoints more, want %d", c.after, now-first, c.more)
		}
		first = now
	}
	w.clock.add(200 * 24 * time.Hour)
	tick()
	if got := p.states(); !slices.Equal(got, []State{Given, Expired}) {
		t.Errorf("states %v", got)
	}
}

// TestL18AKeyMustBeHandedOver: who can write the files but does not have the old key is found.
func TestL18AKeyMustBeHandedOver(t *testing.T) {
	w := newSmallWorld(t)
	w.agree("events")
	w.checkpoint()
	next, err := w.ledger.keys.Load().rotated()
	if err != nil {
		t.Fatal(err)
	}
	next.Signers = next.Signers[1:] // without the old one
	err = w.ledger.do(func() error {
		if err := w.ledger.useKeys(next); err != nil {
			return err
		}
		vkey, err := verifierOf(next.Signers[0], next.Origin)
		if err != nil {
			return err
		}
		e, err := plain(leafKey, keyDoc{vkey, w.clock.Now()})
		if err != nil {
			return err
		}
		if err := w.ledger.commit(e); err != nil {
			return err
		}
		return w.ledger.checkpoint(w.clock.Now(), true)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(w.dir); err == nil || !strings.Contains(err.Error(), "not of this log") {
		t.Errorf("a key that no older one vouches for: %v", err)
	}
}

// TestLimits are those that a sender meets.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	agents, err := ingest.NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := ingest.NewSteps(bySiteName, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.server.cfg.Describer = ingest.NewDescriber(steps, nil, false, 0)
	nobody := &person{w: w, site: "example.com", notice: w.notice}
	body, taken := nobody.choice("shown"), 0
	for range 2 * ingest.SeldomPerMin {
		switch rec := w.send("POST", "/v1/consent/events", body); rec.Code {
		case 202:
			taken++
		case 429:
			if rec.Header().Get("Retry-After") == "" {
				t.Fatal("no Retry-After")
			}
		default:
			t.Fatal(rec.Code, rec.Body)
		}
		w.clock.add(time.Millisecond)
	}
	if taken < ingest.SeldomPerMin || taken > ingest.SeldomPerMin+10 {
		t.Errorf("%d choices of one address were taken in a second, want %d", taken, ingest.SeldomPerMin)
	}
	w.server.cfg.Describer = ingest.NewDescriber(steps, nil, false, -1)
	w.ledger.cfg.MaxSubjects = 2
	p := w.agree("events")
	w.agree("events")
	w.refused("POST", "/v1/consent/events", nobody.choice("save", "events"), 503, codeUnavailable)
	w.must("POST", "/v1/consent/events", p.choice("renew", "events"), 201) // who is there may stay
	for range maxSubjectEvents - 2 {
		w.must("POST", "/v1/consent/events", p.choice("renew", "events"), 201)
	}
	w.refused("POST", "/v1/consent/events", p.choice("renew", "events"), 429, codeTooMany)
	w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer())
}

// TestASweepOfMany: all that have ended are logged, some at a time.
func TestASweepOfMany(t *testing.T) {
	w := newSmallWorld(t)
	const people = sweepBatch + 20
	for range people {
		w.agree("events")
	}
	w.clock.add(200 * 24 * time.Hour)
	before := w.ledger.size()
	w.sweep()
	if n := w.ledger.size() - before; n != people {
		t.Errorf("%d leaves, want one of each of %d people", n, people)
	}
	w.sweep()
	if n := w.ledger.size() - before; n != people {
		t.Errorf("a second sweep logged %d more", n-people)
	}
	w.clock.add(time.Duration(days(defaultProof, 0)) * 24 * time.Hour)
	w.sweep()
	if n := w.subjects(); n != 0 {
		t.Errorf("%d people are still known after their proofs have gone", n)
	}
	if r := w.verify(); r.Erased != 2*people || r.Events != 0 {
		t.Errorf("%+v", r)
	}
}
