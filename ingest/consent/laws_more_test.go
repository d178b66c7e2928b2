package consent

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"turf/schema"
)

// The laws L11 to L18, each as the reference states it.

// TestL11NoImplicitGrants: implied, opt-out, scroll, login and "continue browsing" are refused.
func TestL11NoImplicitGrants(t *testing.T) {
	w := newWorld(t)
	nobody := &person{w: w, site: "example.com", notice: w.notice}
	good := nobody.choice("accept_all", "events")
	for _, c := range []struct {
		name   string
		fields object
		status int
		code   string
	}{
		{"implied", object{"action": "implied"}, 422, codeImplicit},
		{"scroll", object{"action": "scroll"}, 422, codeImplicit},
		{"login", object{"action": "login"}, 422, codeImplicit},
		{"continue", object{"action": "continue"}, 422, codeImplicit},
		{"region", object{"action": "region"}, 422, codeImplicit},
		{"timeout", object{"action": "timeout"}, 422, codeImplicit},
		{"the manager calls it implicit", object{"proof": object{"scheme": "cookiebot", "method": "implicit"}}, 422, codeImplicit},
		{"explicit false", object{"explicit": false}, 422, codeNotExplicit},
		{"explicit left out", object{"explicit": nil}, 422, codeNotExplicit},
		{"explicit as text", object{"explicit": "true"}, 400, codeMalformed},
		{"Global Privacy Control", object{"gpc": true}, 422, codeNotExplicit},
		{"no proof", object{"proof": nil}, 400, codeMalformed},
		{"weak proof", object{"proof": object{"scheme": "gcm"}}, 422, codeProofMismatch},
		{"own prompt without nonce", object{"proof": object{"scheme": "own", "id": "x"}}, 422, codeProofMismatch},
		{"no purpose", object{"purposes": object{"events": false}}, 400, codeMalformed},
		{"recordings", object{"purposes": object{"replay": true}}, 400, codeMalformed},
		{"another language than was shown", object{"lang": "fr"}, 400, codeMalformed},
	} {
		w.refused("POST", "/v1/consent/events", change(good, c.fields), c.status, c.code)
		if n := w.subjects(); n != 0 {
			t.Fatalf("%s: there is a subject", c.name)
		}
	}
	w.refused("POST", "/v1/consent/events", good, 422, codeNotExplicit, "Sec-GPC: 1")
	w.must("POST", "/v1/consent/events", good, 201, "Sec-GPC: 0")

	// What a site's owner may allow.
	w.must("PUT", "/v1/sites/example.com/consent", `{"on":true,"weak_proof":true,"explicit_over_gpc":true}`, 200)
	w.must("POST", "/v1/consent/events", good, 201, "Sec-GPC: 1")
	w.must("POST", "/v1/consent/events", change(good, object{"proof": object{"scheme": "gcm"}}), 201)
}

// TestL12IdentifyNeedsAccountLink: a no-op without it; a keyed hash with it, whose key goes with the person; nothing
// spreads.
func TestL12IdentifyNeedsAccountLink(t *testing.T) {
	w := newWorld(t)
	const user = "anna-4711"
	without, phone, laptop, other := w.agree("events"), w.agree("events", "account_link"), w.agree("account_link"), w.agree("account_link")
	for _, p := range []*person{without, phone, laptop, phone} { // the phone twice
		w.must("POST", "/v1/x/identify", `{"user":"`+user+`"}`, 204, p.bearer())
	}
	w.must("POST", "/v1/x/identify", `{"user":"somebody else"}`, 204, other.bearer())
	for p, want := range map[*person][]State{without: {Given}, phone: {Given, Linked}, laptop: {Given, Linked}} {
		if got := p.states(); !slices.Equal(got, want) {
			t.Errorf("states %v, want %v", got, want)
		}
	}
	if contains(t, w.dir, []byte(user)) {
		t.Error("the user's id is in a file")
	}
	links := func(p *person) []linked { return p.subject().links }
	a, b := links(phone)[0].Link, links(laptop)[0].Link
	if a.Account == b.Account || a.Key == b.Key || !a.matches(user) || a.matches("anna-4712") {
		t.Error("the hashes of one user at two browsers can be told to be of one user, or are not of the user")
	}

	// Consent on one device does not spread: the laptop agreed to no events.
	if status, code := laptop.collects(laptop.view("/a")); status != 403 || code != codePurposeNotGranted {
		t.Errorf("%d %s", status, code)
	}
	// The account's withdrawal ends all that are linked to it, and no other.
	w.restart()
	if n := w.must("POST", "/v1/sites/example.com/accounts/withdraw", `{"user":"`+user+`"}`, 200)["subjects"]; n != float64(2) {
		t.Errorf("%v subjects, want 2", n)
	}
	w.refused("GET", "/v1/consent/state", "", 410, codeWithdrawn, phone.bearer())
	w.refused("GET", "/v1/consent/state", "", 410, codeWithdrawn, laptop.bearer())
	w.must("GET", "/v1/consent/state", "", 200, without.bearer())
	w.must("GET", "/v1/consent/state", "", 200, other.bearer())
	// The keys are gone, and nothing can be linked again.
	w.erased(phone)
	w.erased(laptop)
	for _, secret := range []string{a.Key, b.Key, a.Account} {
		if contains(t, w.dir, []byte(secret)) {
			t.Error("a link is still in a file")
		}
	}
	w.verify()
	// Giving account_link up alone ends the link too.
	other.took(w.must("POST", "/v1/consent/events", other.choice("save", "events"), 201))
	if n := w.must("POST", "/v1/sites/example.com/accounts/withdraw", `{"user":"somebody else"}`, 200)["subjects"]; n != float64(0) {
		t.Errorf("%v subjects are still linked after account_link was given up", n)
	}
}

// TestL13ExpiryIsAskedAtEachBatch, by the server's clock, whether or not a job has run.
func TestL13ExpiryIsAskedAtEachBatch(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	granted := w.clock.Now()
	until := granted.AddDate(0, 0, 182)
	w.clock.add(24*time.Hour - time.Second)
	if status, code := p.collects(p.view("/a")); status != 202 {
		t.Fatal(status, code)
	}
	w.clock.add(time.Second)
	if status, code := p.collects(p.view("/a")); status != 401 || code != codeTokenInvalid {
		t.Fatalf("a token of 24 h: %d %s", status, code)
	}
	p.renew()
	w.clock.add(until.Sub(w.clock.Now()) - time.Millisecond)
	p.renew()
	if status, code := p.collects(p.view("/a")); status != 401 && status != 202 {
		t.Fatalf("a millisecond before the end: %d %s", status, code)
	}
	w.clock.add(time.Millisecond)
	w.refused("GET", "/v1/consent/state", "", 410, codeExpired, p.bearer())
	if status, code := p.collects(p.view("/a")); status != 401 && status != 403 {
		t.Fatalf("after the end: %d %s", status, code)
	}
	// Even a token that would still be good opens nothing.
	l := w.ledger
	forged := token{key: subjectKey{1, p.ref}, purposes: 1, issued: w.clock.Now(), expires: w.clock.Now().Add(time.Hour)}
	p.token = forged.sign(l.keys.Load().tokens[0])
	if status, code := p.collects(p.view("/a")); status != 403 || code != codeExpired {
		t.Fatalf("after the end, with a good token: %d %s", status, code)
	}
	if got := p.states(); len(got) != 1 {
		t.Fatalf("a job ran: %v", got)
	}
	w.refused("POST", "/v1/consent/events", p.choice("renew", "events"), 410, codeExpired)
	w.sweep()
	if got := p.states(); !slices.Equal(got, []State{Given, Expired}) {
		t.Errorf("states %v", got)
	}
}

// TestL14ChildDirectedSites have no opt-in path.
func TestL14ChildDirectedSites(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	w.must("PUT", "/v1/sites/example.com/consent", `{"on":true,"audience":"child-directed"}`, 200)
	if out := w.must("GET", "/v1/consent/config?site=example.com&lang=nl", "", 200); out["enabled"] != false || out["notice_id"] != nil {
		t.Errorf("the configuration is %v", out)
	}
	nobody := &person{w: w, site: "example.com", notice: w.notice}
	w.refused("POST", "/v1/consent/events", nobody.choice("accept_all", "events"), 422, codeChildDirected)
	w.refused("POST", "/v1/consent/events", nobody.choice("shown"), 422, codeChildDirected)
	if status, code := p.collects(p.view("/a")); status != 422 || code != codeChildDirected {
		t.Errorf("%d %s", status, code)
	}
	w.refused("PUT", "/v1/sites/example.com/consent", `{"audience":"adults"}`, 400, codeMalformed)
	w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer()) // one can always leave
}

// TestL15ProofsAreKeptAndThenGo: while the consent holds and 24 months after its end, then a tombstone.
func TestL15ProofsAreKeptAndThenGo(t *testing.T) {
	w := newWorld(t)
	w.must("PUT", "/v1/sites/example.com/consent", `{"on":true,"valid_months":13}`, 200)
	gone, given := w.agree("events"), w.agree("events")
	w.must("POST", "/v1/consent/withdraw", "", 204, gone.bearer())
	w.erased(gone)
	end := w.clock.Now()
	w.clock.add(365 * 24 * time.Hour)
	w.sweep()
	if len(gone.states()) != 2 || len(given.states()) != 1 {
		t.Fatalf("after a year: %v, %v", gone.states(), given.states())
	}
	keep := time.Duration(days(24, 0)) * 24 * time.Hour
	w.clock.add(end.Add(keep - time.Second).Sub(w.clock.Now()))
	w.sweep()
	if len(gone.states()) != 2 {
		t.Fatal("the proof went too early")
	}
	w.clock.add(time.Second)
	w.sweep()
	if len(gone.states()) != 0 || contains(t, w.dir, []byte(refText(gone.ref))) {
		t.Errorf("the proof is still there: %v", gone.states())
	}
	if got := given.states(); !slices.Equal(got, []State{Given, Expired}) {
		t.Errorf("somebody else's is %v", got)
	}
	w.checkpoint()
	if r := w.verify(); r.Erased != 2 {
		t.Errorf("%+v", r)
	}
	log, err := os.ReadFile(w.dir + "/" + logFile)
	if err != nil || strings.Count(string(log), `"ground":"retention"`) != 2 {
		t.Errorf("the tombstones do not say why: %v", err)
	}
	w.refused("PUT", "/v1/sites/example.com/consent", `{"on":true,"proof_months":61}`, 400, codeMalformed)
}

// TestL16WithdrawalErasesWhatWasCollected, by default, also when the database is away and the process is restarted.
func TestL16WithdrawalErasesWhatWasCollected(t *testing.T) {
	w := newWorld(t)
	keeps, goes := w.agree("events"), w.agree("events")
	for _, p := range []*person{keeps, goes} {
		if status, code := p.collects(p.view("/a")); status != 202 {
			t.Fatal(status, code)
		}
	}
	w.store.setFail(errors.New("the database is away"))
	w.must("POST", "/v1/consent/withdraw", `{"erase":false}`, 204, keeps.bearer())
	w.must("POST", "/v1/consent/withdraw", "", 204, goes.bearer())
	if w.ledger.Erased(1, goes.ref) || !w.ledger.Erased(1, keeps.ref) {
		t.Fatal("the job is not there, or for the wrong person")
	}
	w.restart()
	if w.ledger.Erased(1, goes.ref) {
		t.Fatal("the job did not outlive the process")
	}
	w.store.setFail(nil)
	w.ledger.wakeEraser()
	w.erased(goes)
	rows := w.store.all()
	if len(rows) != 1 || rows[0].Person != keeps.ref {
		t.Errorf("rows left: %v", rows)
	}
	if len(goes.states()) != 2 {
		t.Errorf("the proof went with the rows: %v", goes.states())
	}
	w.restart()
	if n := w.store.erasures(goes.ref); n != 1 || !w.ledger.Erased(1, goes.ref) {
		t.Errorf("erased %d times", n)
	}
	// Who kept the rows may still have them erased.
	w.must("POST", "/v1/consent/withdraw", "", 204, keeps.bearer())
	w.erased(keeps)
	if rows := w.store.all(); len(rows) != 0 {
		t.Errorf("rows left: %v", rows)
	}
}

// TestL17ClocksThatAreWrong: a time more than 24 h from the server's is replaced and flagged.
func TestL17ClocksThatAreWrong(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		off      time.Duration
		replaced bool
	}{
		{0, false},
		{-24 * time.Hour, false},
		{24 * time.Hour, false},
		{-24*time.Hour - time.Millisecond, true},
		{24*time.Hour + time.Millisecond, true},
		{-20 * 365 * 24 * time.Hour, true},
	} {
		p := &person{w: w, site: "example.com", notice: w.notice}
		now := w.clock.Now()
		p.took(w.must("POST", "/v1/consent/events", change(p.choice("save", "events"), object{"occurred_at": now.Add(c.off)}), 201))
		events, err := w.ledger.history(subjectKey{1, p.ref})
		if err != nil {
			t.Fatal(err)
		}
		e, want := events[0], now.Add(c.off)
		if c.replaced {
			want = now
		}
		if !e.OccurredAt.Equal(want) || (e.Clock == "replaced") != c.replaced {
			t.Errorf("%v off: occurred at %v, clock %q", c.off, e.OccurredAt, e.Clock)
		}
		if until := want.AddDate(0, 0, 182); !e.ValidUntil.Equal(until) {
			t.Errorf("%v off: valid until %v, want %v", c.off, e.ValidUntil, until)
		}
	}
}

// TestL18KeysRotate: each checkpoint has a signature that leads back to the first key; old ones stay verifiable.
func TestL18KeysRotate(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	first := w.keys()[0].Key
	var old []string
	for range 3 {
		w.clock.add(time.Minute)
		w.agree("events")
		w.checkpoint()
		old = append(old, string(w.ledger.Checkpoint()))
		if err := w.ledger.RotateKeys(); err != nil {
			t.Fatal(err)
		}
		handover := string(w.ledger.Checkpoint())
		if n := strings.Count(handover, "\n— "); n != 2 {
			t.Errorf("%d signatures when the key is handed over", n)
		}
		if n := len(w.ledger.keys.Load().Signers); n != 1 {
			t.Errorf("%d secret keys are kept", n)
		}
		w.clock.add(time.Minute)
		w.agree("events")
		w.checkpoint()
		w.restart()
	}
	if n := len(w.keys()); n != 4 {
		t.Fatalf("%d keys in the log", n)
	}
	for _, signed := range old {
		w.opened(signed)
	}
	newest := w.keys()[3].Key
	if v, err := note.NewVerifier(newest); err != nil {
		t.Fatal(err)
	} else if _, err := note.Open(w.ledger.Checkpoint(), note.VerifierList(v)); err != nil {
		t.Errorf("the newest checkpoint is not signed by the newest key: %v", err)
	}
	if _, err := Verify(w.dir, first); err != nil {
		t.Error(err)
	}
	if _, err := Verify(w.dir, newest); err == nil {
		t.Error("a ledger that does not begin with the pinned key was accepted")
	}
	p.renew() // a token of the key before the last three
	if status, code := p.collects(p.view("/a")); status != 202 {
		t.Errorf("%d %s", status, code)
	}
}

// TestL18AStrangersKeyIsFound: a log that was written again, with a key of its own under the same name, is not the one
// that was pinned.
func TestL18AStrangersKeyIsFound(t *testing.T) {
	w := newSmallWorld(t)
	w.agree("events")
	w.checkpoint()
	signed := append([]byte{}, w.ledger.Checkpoint()...)
	other := newSmallWorld(t)
	if _, _, err := openCheckpoint(signed, mustVerifiers(t, other.keys())...); err == nil {
		t.Error("another log's key opens the checkpoint")
	}
}

func mustVerifiers(t *testing.T, keys []keyDoc) []note.Verifier {
	t.Helper()
	v, err := verifiers(keys)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestL16WhatComesLateIsErasedToo: a batch that failed can still be written by the database, after the erasure.
func TestL16WhatComesLateIsErasedToo(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	var late []schema.ConsentedEvent
	w.store.before = func(rows []schema.ConsentedEvent) { late = rows }
	w.store.setFail(errors.New("the answer did not come"))
	if status, code := p.collects(p.view("/a")); status != 503 || code != codeUnavailable {
		t.Fatal(status, code)
	}
	w.store.setFail(nil)
	w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer())
	w.until("the first erasure", func() bool { return w.store.erasures(p.ref) > 0 })
	w.store.before = nil
	if err := w.store.WriteEvents(t.Context(), "", late); err != nil {
		t.Fatal(err)
	}
	if w.ledger.Erased(1, p.ref) {
		t.Fatal("the job is done although something may still come")
	}
	w.clock.add(eraseRetry)
	w.ledger.wakeEraser()
	w.erased(p)
	if rows := w.store.all(); len(rows) != 0 {
		t.Errorf("rows left: %v", rows)
	}
}
