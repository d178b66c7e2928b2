package consent

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"turf/schema"
)

// The laws L2 to L6, each as the reference states it. L1 stands in model_test.go, L7 to L10 in laws_notice_test.go,
// the others in laws_more_test.go.

// TestL2NothingFromBeforeTheGrant: no row with a time before the grant; the whole batch is refused.
func TestL2NothingFromBeforeTheGrant(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	granted := w.clock.Now()
	w.clock.add(10 * time.Second)
	at := func(d time.Duration) object {
		return object{"n": "pageview", "u": "https://example.com/a", "t": granted.Add(d).UnixMilli(), "q": 1, "s": "00000000000000ab"}
	}
	for _, before := range []time.Duration{-time.Hour, -time.Second, -3 * time.Millisecond} {
		if status, code := p.collects(p.batch(at(time.Second), at(before))); status != 422 || code != codeEventBeforeConsent {
			t.Errorf("%v before the grant: %d %s", before, status, code)
		}
	}
	if rows := w.store.all(); len(rows) != 0 {
		t.Fatalf("%d rows of refused batches", len(rows))
	}
	if status, code := p.collects(p.batch(at(0), at(time.Second), at(time.Hour))); status != 202 {
		t.Fatal(status, code)
	}
	for _, r := range w.store.all() {
		if r.Time.Before(granted) || r.Time.After(r.Received) {
			t.Errorf("a row of %v, granted at %v, received at %v", r.Time, granted, r.Received)
		}
	}

	// A purpose that was granted later has its own beginning.
	w.clock.add(time.Minute)
	p.took(w.must("POST", "/v1/consent/events", p.choice("save", "events", "journeys"), 201))
	old := at(time.Second)
	old["v"] = "journeys"
	if status, code := p.collects(p.batch(old)); status != 422 || code != codeEventBeforeConsent {
		t.Errorf("an event from before the purpose was granted: %d %s", status, code)
	}

	// A browser's clock that is wrong moves its events with it.
	skew := 3 * time.Hour
	body := jsonText(object{"now": w.clock.Now().Add(skew).UnixMilli(), "events": []object{
		{"n": "pageview", "u": "https://example.com/late", "t": w.clock.Now().Add(skew - time.Second).UnixMilli(), "q": 1, "s": "00000000000000ab"},
	}})
	if status, code := p.collects(body); status != 202 {
		t.Fatal(status, code)
	}
	rows := w.store.all()
	if last := rows[len(rows)-1]; !last.Time.Equal(w.clock.Now().Add(-time.Second)) {
		t.Errorf("the row is of %v, want a second before %v", last.Time, w.clock.Now())
	}
}

// TestL3WithdrawalIsEffectiveBeforeItsAnswer: 8 collectors send 1,000 racing batches; none is written after the
// answer.
func TestL3WithdrawalIsEffectiveBeforeItsAnswer(t *testing.T) {
	const collectors, batches = 8, 1000
	for _, way := range []string{"withdraw", "reject", "erase", "fewer purposes"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t)
			p := w.agree("events", "journeys")
			var answered atomic.Bool
			var sent, begun, accepted, late atomic.Int64
			w.store.before = func([]schema.ConsentedEvent) {
				begun.Add(1)
				for range 50 { // a slow store: batches are inside when the withdrawal comes
					if answered.Load() {
						late.Add(1)
					}
				}
			}
			body := p.view("/a")
			var all sync.WaitGroup
			for range collectors {
				all.Go(func() {
					// At least so many, and on until some came after the answer, however slow the machine.
					for n, rest := 0, batches/collectors/10; n < batches/collectors || rest > 0; n++ {
						after := answered.Load()
						if after {
							rest--
						}
						sent.Add(1)
						status, _ := p.collects(body)
						if status == http.StatusAccepted {
							accepted.Add(1)
							if after {
								late.Add(1)
							}
						}
					}
				})
			}
			w.until("some batches are in", func() bool { return begun.Load() > batches/20 })
			switch way {
			case "withdraw":
				w.must("POST", "/v1/consent/withdraw", jsonText(object{"site": p.site, "cid": p.cid, "erase": false}), 204)
			case "reject":
				w.must("POST", "/v1/consent/events", p.choice("reject_all"), 200)
			case "erase":
				w.must("DELETE", "/v1/subjects/"+p.cid+"?site="+p.site, "", 202)
			case "fewer purposes":
				w.must("POST", "/v1/consent/events", p.choice("save", "journeys"), 201)
			}
			answered.Store(true)
			all.Wait()
			if late.Load() > 0 {
				t.Errorf("%d batches came in after the answer", late.Load())
			}
			if n := accepted.Load(); n == 0 || n == sent.Load() || sent.Load() < batches {
				t.Errorf("%d of %d batches were accepted: nothing raced", n, sent.Load())
			}
			t.Logf("%d of %d batches were in before the answer", accepted.Load(), sent.Load())
		})
	}
}

// TestL4WithdrawingTakesNoMoreThanGranting is the server's share: one request each, without login, confirmation or a
// body to be filled in, also with a token that has expired, and as a beacon.
func TestL4WithdrawingTakesNoMoreThanGranting(t *testing.T) {
	for _, way := range []struct {
		name string
		send func(w *world, p *person)
	}{
		{"by token", func(w *world, p *person) { w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer()) }},
		{"by an expired token", func(w *world, p *person) {
			w.clock.add(40 * 24 * time.Hour)
			w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer())
		}},
		{"by cid", func(w *world, p *person) {
			w.must("POST", "/v1/consent/withdraw", `{"site":"example.com","cid":"`+p.cid+`"}`, 204)
		}},
		{"by beacon", func(w *world, p *person) {
			w.must("POST", "/v1/consent/withdraw", `{"token":"`+p.token+`"}`, 204, "Content-Type: text/plain;charset=UTF-8")
		}},
		{"in the consent manager", func(w *world, p *person) {
			w.must("POST", "/v1/consent/events", p.choice("reject_all"), 200)
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.agree("events")
			way.send(w, p)
			if got := p.states(); !slices.Equal(got, []State{Given, Withdrawn}) {
				t.Errorf("states %v", got)
			}
			way.send(w, p)
			if got := p.states(); len(got) != 2 {
				t.Errorf("a second withdrawal was logged: %v", got)
			}
			w.refused("GET", "/v1/consent/state", "", 410, codeWithdrawn, p.bearer())
		})
	}
}

// TestL5LogOnlyGrows: every checkpoint is consistent with every earlier one, over restarts too, and leaves are proven
// in them.
func TestL5LogOnlyGrows(t *testing.T) {
	w := newWorld(t)
	var signed []checkpoint
	var people []*person
	for i := range 12 {
		people = append(people, w.agree("events"))
		if i%4 == 3 {
			w.must("POST", "/v1/consent/withdraw", "", 204, people[i-2].bearer())
			w.restart()
		}
		w.clock.add(2 * time.Minute)
		w.checkpoint()
		signed = append(signed, w.opened(w.must200("/v1/log/checkpoint")))
	}
	for i, old := range signed {
		for _, c := range signed[i:] {
			rec := w.send("GET", "/v1/log/consistency?from="+itoa(old.size)+"&to="+itoa(c.size), "")
			var out struct{ Path []string }
			if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
				t.Fatal(err)
			}
			proof, err := parseHashes(out.Path)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(proof, c.size, c.root, old.size, old.root); err != nil {
				t.Errorf("%d to %d: %v", old.size, c.size, err)
			}
		}
	}
	for _, p := range people {
		var in inclusion
		if err := json.Unmarshal([]byte(w.must200("/v1/consent/proof/"+p.event)), &in); err != nil {
			t.Fatal(err)
		}
		c := w.opened(in.Checkpoint)
		path, err := parseHashes(in.Path)
		if err != nil {
			t.Fatal(err)
		}
		leaf := unbase64(t, in.Leaf)
		if err := tlog.CheckRecord(path, c.size, c.root, in.LeafIndex, tlog.RecordHash(leaf)); err != nil {
			t.Error(err)
		}
		leaf[5] ^= 1
		if tlog.CheckRecord(path, c.size, c.root, in.LeafIndex, tlog.RecordHash(leaf)) == nil {
			t.Error("the proof is good for another leaf")
		}
	}
	w.tiles(signed[len(signed)-1])
	if r := w.verify(); r.Checkpoints < 12 {
		t.Errorf("%+v", r)
	}
}

// TestL5EveryFlippedByteIsFound flips each byte of each file of a small ledger, in turn.
func TestL5EveryFlippedByteIsFound(t *testing.T) {
	w := newSmallWorld(t)
	p := w.agree("events")
	gone := w.agree("events", "journeys")
	w.must("DELETE", "/v1/subjects/"+gone.cid+"?site="+gone.site, "", 202)
	w.erased(gone)
	w.clock.add(time.Minute)
	w.checkpoint()
	w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer())
	if err := w.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	r := w.verify()
	if r.Erased != 2 || r.Events != 2 || r.Checkpoints < 2 || r.After != 0 {
		t.Fatalf("%+v", r)
	}
	total := 0
	for _, name := range []string{logFile, payloadsFile, checkpointsFile, hashesFile} {
		path := filepath.Join(w.dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		step := 1
		if testing.Short() {
			step = 17
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(text); i += step {
			if _, err := f.WriteAt([]byte{text[i] ^ 1<<(i%8)}, int64(i)); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(w.dir); err == nil {
				t.Errorf("%s: byte %d was flipped and not found", name, i)
			}
			if _, err := f.WriteAt(text[i:i+1], int64(i)); err != nil {
				t.Fatal(err)
			}
			total++
		}
		for _, cut := range []int{1, 30, len(text) - fileHeadBytes} {
			if err := f.Truncate(int64(len(text) - cut)); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(w.dir); err == nil && name != checkpointsFile {
				t.Errorf("%s: the last %d bytes are missing and it was not found", name, cut)
			}
			if _, err := f.WriteAt(text[len(text)-cut:], int64(len(text)-cut)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d bytes flipped", total)
	w.verify()
}

// TestL6ErasureLeavesNothing: after DELETE no row, no payload and no byte of a file has the person; the log still
// verifies.
func TestL6ErasureLeavesNothing(t *testing.T) {
	w := newWorld(t)
	stays := w.agree("events")
	p := w.agree("events", "account_link")
	w.must("POST", "/v1/x/identify", `{"user":"anna@example.com"}`, 204, p.bearer())
	for _, who := range []*person{p, stays} {
		if status, code := who.collects(who.view("/a")); status != 202 {
			t.Fatal(status, code)
		}
	}
	site, _ := bySiteName(p.site)
	events, err := w.ledger.history(subjectKey{site.ID, p.ref})
	if err != nil || len(events) != 2 {
		t.Fatal(len(events), err)
	}
	var secrets [][]byte
	for _, leaf := range p.subject().leaves {
		payload, err := w.ledger.payload(leaf.leaf)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, payload[:saltBytes], payload[saltBytes:])
	}
	secrets = append(secrets, []byte(refText(p.ref)), p.ref[:], []byte(p.cid), []byte(events[1].Link.Key), []byte(events[1].Link.Account))
	if !contains(t, w.dir, secrets[0]) || !contains(t, w.dir, []byte(refText(p.ref))) {
		t.Fatal("the test looks for what is not there before either")
	}

	job := w.must("DELETE", "/v1/subjects/"+p.cid+"?site="+p.site, "", 202)["job"]
	if job == "" {
		t.Error("no job")
	}
	w.erased(p)
	check := func() {
		t.Helper()
		for i, s := range secrets {
			if contains(t, w.dir, s) {
				t.Errorf("secret %d is still in a file", i)
			}
		}
		for _, r := range w.store.all() {
			if r.Person == p.ref {
				t.Error("a row has the person")
			}
		}
		w.refused("GET", "/v1/subjects/"+p.cid+"/export?site="+p.site, "", 410, codeErased)
		w.refused("GET", "/v1/consent/proof/"+p.event, "", 410, codeErased)
		w.refused("GET", "/v1/consent/receipt/"+p.record+"?cid="+p.cid, "", 410, codeErased)
		w.refused("GET", "/v1/consent/state", "", 410, codeErased, p.bearer())
		if status, code := p.collects(p.view("/a")); status != 410 || code != codeErased {
			t.Errorf("%d %s", status, code)
		}
		if r := w.verify(); r.Erased != 3 {
			t.Errorf("%+v, want 3 tombstones", r)
		}
	}
	check()
	w.restart()
	check()
	if len(w.store.all()) != 1 || len(stays.states()) != 1 {
		t.Error("somebody else was erased too")
	}
}

func contains(t *testing.T, dir string, secret []byte) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(text, secret) {
			return true
		}
	}
	return false
}

// TestL5RewrittenRecordsAreFound: what was written again with all checksums right is found by the hashes.
func TestL5RewrittenRecordsAreFound(t *testing.T) {
	for _, c := range []struct {
		file   string
		change func(data []byte) []byte
		says   string
	}{
		{payloadsFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"gpc":false`), []byte(`"gpc":true`), 1) }, "commits to"},
		{payloadsFile, func(b []byte) []byte { return append([]byte{^b[0]}, b[1:]...) }, "commits to"}, // the salt
		{payloadsFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"seq":`), []byte(` "seq":`), 1) }, "canonical"},
		{logFile, func(b []byte) []byte { return append(b[:len(b)-1:len(b)-1], ^b[len(b)-1]) }, "commits to"},
		{logFile, func([]byte) []byte { return []byte(leafErased + `{"at":"2026-11-23T10:00:00Z","event_id":"x"}`) }, "no event"},
		{checkpointsFile, func(b []byte) []byte { return bytes.Replace(b, []byte("2026-11-23"), []byte("2026-11-22"), 1) }, "signature"},
	} {
		w := newSmallWorld(t)
		w.agree("events")
		w.checkpoint()
		if err := w.ledger.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(w.dir, c.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before := lastFrame(false)(text)
		f, reason := splitFrame(text[len(before):], false)
		if reason != "" {
			t.Fatal(reason)
		}
		changed := c.change(bytes.Clone(f.data))
		if bytes.Equal(changed, f.data) {
			t.Fatalf("%s: the test changes nothing", c.file)
		}
		if err := os.WriteFile(path, appendFrame(bytes.Clone(before), f.number, f.before, changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(w.dir); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want something of %q", c.file, err, c.says)
		}
		if l, err := Open(Config{Dir: w.dir, Store: w.store, Now: w.clock.Now, still: true}); err == nil {
			_ = l.Close() // the failure is that it opened
			if c.says != "canonical" {
				t.Errorf("%s: the ledger opened", c.file)
			}
		}
	}
}

// TestL5ARewrittenLogIsFound: one that was written again, leaf and payload in accord, is not the one that was signed.
func TestL5ARewrittenLogIsFound(t *testing.T) {
	w := newSmallWorld(t)
	p := w.agree("events")
	w.checkpoint()
	leaf := p.subject().leaves[0].leaf
	if err := w.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	rewrite := func(name string, change func([]byte) []byte) []byte {
		t.Helper()
		path := filepath.Join(w.dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before := lastFrame(false)(text)
		f, _ := splitFrame(text[len(before):], false)
		data := change(bytes.Clone(f.data))
		if err := os.WriteFile(path, appendFrame(bytes.Clone(before), f.number, f.before, data), 0o600); err != nil {
			t.Fatal(err)
		}
		return data
	}
	payload := rewrite(payloadsFile, func(b []byte) []byte { return bytes.Replace(b, []byte(`"gpc":false`), []byte(`"gpc":true`), 1) })
	rewrite(logFile, func([]byte) []byte { return commitment(payload) })
	if leaf != w.ledger.size()-1 {
		t.Fatal("the test changes another leaf")
	}
	if _, err := Verify(w.dir); err == nil || !strings.Contains(err.Error(), "was signed") {
		t.Errorf("a log that was written again: %v", err)
	}
}
