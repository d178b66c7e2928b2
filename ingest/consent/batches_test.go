package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/schema"
)

// TestWhatIsDroppedOfABatch: what is not as it should be is counted, and the rest of its batch is kept.
func TestWhatIsDroppedOfABatch(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events", "heatmap")
	event := object{
		"n": "pageview", "u": "https://example.com/a", "t": w.clock.Now().UnixMilli(), "q": 1, "s": "00000000000000ab",
	}
	cell := object{"u": "https://example.com/a", "k": "click", "w": 1, "x": 1, "y": 1, "n": 1}
	many := object{}
	for i := range 100 {
		many[fmt.Sprint("p", i)] = "x"
	}
	for _, c := range []struct {
		name  string
		event object // changes of an event
		cell  object // changes of a cell
	}{
		{name: "no session", event: object{"s": "ab"}},
		{name: "a session that is no number", event: object{"s": "00000000000000xy"}},
		{name: "no time", event: object{"t": 0}},
		{name: "a time beyond any clock", event: object{"t": int64(1) << 60}},
		{name: "a time that is no number", event: object{"t": "now"}},
		{name: "no name", event: object{"n": ""}},
		{name: "no URL", event: object{"u": ""}},
		{name: "a URL of a document", event: object{"u": "data:text/html,x"}},
		{name: "a URL that is too long", event: object{"u": "https://example.com/" + strings.Repeat("x", 9000)}},
		{name: "a name of the counting path", event: object{"n": "engagement"}},
		{name: "a name that is too long", event: object{"n": strings.Repeat("x", 200)}},
		{name: "a property that is too long", event: object{"p": object{"a": strings.Repeat("x", 3000)}}},
		{name: "a property that is no text", event: object{"p": object{"a": 1}}},
		{name: "too many properties", event: object{"p": many}},
		{name: "a number below zero", event: object{"q": -1}},
		{name: "a cell of an unknown kind", cell: object{"k": "move"}},
		{name: "a cell right of the grid", cell: object{"x": 100}},
		{name: "a cell left of the grid", cell: object{"x": -1}},
		{name: "a cell below the grid", cell: object{"y": 2000}},
		{name: "a cell of nothing", cell: object{"n": 0}},
		{name: "a cell of too much", cell: object{"n": 1001}},
		{name: "a cell of no width", cell: object{"w": -1}},
		{name: "a cell of half a click", cell: object{"n": 0.5}},
		{name: "a cell of no page", cell: object{"u": "data:x"}},
	} {
		events, heat := []object{event}, []object{cell}
		if c.event != nil {
			events = []object{merged(event, c.event), event}
		}
		if c.cell != nil {
			heat = []object{merged(cell, c.cell), cell}
		}
		was, wasCells := len(w.store.all()), len(w.store.cells)
		body := jsonText(object{"events": events, "heat": heat})
		if out := p.kept(body); out != (batchAnswer{2, 1}) {
			t.Errorf("%s: %+v", c.name, out)
		}
		if n, m := len(w.store.all())-was, len(w.store.cells)-wasCells; n != 1 || m != 1 {
			t.Errorf("%s: %d rows and %d cells", c.name, n, m)
		}
	}
	if out := p.kept(`{"events":[null,7,{"v":1}]}`); out != (batchAnswer{0, 3}) {
		t.Errorf("nothing but rubbish: %+v", out)
	}
}

// TestABatchThatComesAgain is kept once, and answered alike.
func TestABatchThatComesAgain(t *testing.T) {
	w := newWorld(t)
	p, other := w.agree("events", "heatmap"), w.agree("events", "heatmap")
	body := p.visits("0123456789abcdef", 2, 1)
	want := batchAnswer{3, 0}
	if out := p.kept(body); out != want {
		t.Fatalf("%+v", out)
	}
	holds := func(when string, rows, cells int) {
		t.Helper()
		if n, m := len(w.store.all()), len(w.store.cells); n != rows || m != cells {
			t.Errorf("%s: %d rows and %d cells, want %d and %d", when, n, m, rows, cells)
		}
	}
	for _, after := range []time.Duration{0, time.Second, 9 * time.Minute} {
		w.clock.add(after)
		p.renew() // another token
		again := change(body, object{"now": w.clock.Now().UnixMilli()})
		if out := p.kept(again); out != want {
			t.Errorf("%v later: %+v", after, out)
		}
		holds(after.String()+" later", 2, 1)
	}
	for name, changed := range map[string]object{
		"another event": {"events": []object{}}, "no heat": {"heat": []object{}},
	} {
		if status, code := p.collects(change(body, changed)); status != 400 || code != codeMalformed {
			t.Errorf("the id with %s: %d %s", name, status, code)
		}
	}
	holds("another batch under the id", 2, 1)
	other.kept(body)
	holds("another person's of the same id", 4, 2)
	p.kept(change(body, object{"id": "0123456789abcdeg"}))
	holds("another id", 6, 3)
	for range 2 {
		p.kept(change(body, object{"id": nil}))
	}
	holds("twice without an id", 10, 5)
	w.must("POST", "/v1/consent/withdraw", jsonText(object{"site": p.site, "cid": p.cid, "erase": true}), 204)
	w.erased(p)
	if status, code := p.collects(body); status != 403 || code != codeWithdrawn {
		t.Errorf("after the withdrawal: %d %s", status, code)
	}
	if n := len(slices.DeleteFunc(w.store.all(), func(e schema.ConsentedEvent) bool { return e.Person != p.ref })); n != 0 {
		t.Errorf("%d rows of who has withdrawn", n)
	}
}

// TestABatchAfterFewerPurposes: what was answered under a purpose is not answered again without it.
func TestABatchAfterFewerPurposes(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events", "journeys", "heatmap")
	body := p.visits("0123456789abcdef", 1, 1)
	p.kept(body)
	p.took(w.must("POST", "/v1/consent/events", p.choice("save", "journeys"), 201))
	if status, code := p.collects(body); status != 403 || code != codePurposeNotGranted {
		t.Errorf("%d %s", status, code)
	}
}

// TestABatchThatFailed: the next try writes what is missing, by the clocks of the first.
func TestABatchThatFailed(t *testing.T) {
	gone := errors.New("the answer did not come")
	for _, c := range []struct {
		name       string
		fail, cold error
		tokens     int // writes that were tried: rows, and cells if the rows were written
	}{
		{"the rows", gone, nil, 1 + 2},
		{"the cells", nil, gone, 2 + 1},
	} {
		w := newWorld(t)
		p := w.agree("events", "heatmap")
		w.clock.add(time.Minute)
		first := w.clock.Now()
		body := p.visits("0123456789abcdef", 1, 1)
		w.store.fail, w.store.cold = c.fail, c.cold
		if status, code := p.collects(body); status != 503 || code != codeUnavailable {
			t.Errorf("%s: %d %s", c.name, status, code)
		}
		w.store.fail, w.store.cold = nil, nil
		w.clock.add(time.Minute)
		again := change(body, object{"now": w.clock.Now().UnixMilli() - 7}) // it was on its way for 7 ms more
		for range 2 {
			if out := p.kept(again); out != (batchAnswer{2, 0}) {
				t.Errorf("%s, again: %+v", c.name, out)
			}
		}
		rows := w.store.all()
		if len(rows) != 1 || len(w.store.cells) != 1 {
			t.Fatalf("%s: %d rows and %d cells", c.name, len(rows), len(w.store.cells))
		}
		if !rows[0].Received.Equal(first) || !rows[0].Time.Equal(first) {
			t.Errorf("%s: received %v, time %v, want %v", c.name, rows[0].Received, rows[0].Time, first)
		}
		if tokens := w.store.tokens; len(tokens) != c.tokens || len(slices.Compact(tokens)) != 1 || tokens[0] == "" {
			t.Errorf("%s: the store was given %q", c.name, w.store.tokens)
		}
	}
}

// TestABatchAcrossAGrant: a purpose that was granted anew is not kept from before.
func TestABatchAcrossAGrant(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events", "heatmap")
	w.clock.add(time.Minute)
	body := p.visits("0123456789abcdef", 0, 1)
	w.store.cold = errors.New("no")
	if status, _ := p.collects(body); status != 503 {
		t.Fatal(status)
	}
	p.took(w.must("POST", "/v1/consent/events", p.choice("save", "events"), 201))
	w.clock.add(7 * time.Minute)
	p.took(w.must("POST", "/v1/consent/events", p.choice("save", "events", "heatmap"), 201))
	w.store.cold = nil
	sent := &sentBatch{received: w.clock.Now().Add(-time.Minute), now: 1}
	pass, err := w.ledger.enter(subjectKey{1, p.ref}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	w.ledger.leave(pass)
	if sent.clocks(&batch{Now: 2}, &pass); !sent.received.Equal(w.clock.Now()) || sent.now != 2 {
		t.Errorf("the clocks are from before the grant: %v, %d", sent.received, sent.now)
	}
	if out := p.kept(body); out != (batchAnswer{1, 0}) {
		t.Errorf("%+v", out)
	}
}

// TestABatchAfterACrash: nothing is remembered, but the store is given the same token, by which it knows the batch.
func TestABatchAfterACrash(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events", "heatmap")
	body := p.visits("0123456789abcdef", 1, 1)
	p.kept(body)
	w.restart()
	w.clock.add(time.Second)
	p.kept(change(body, object{"now": w.clock.Now().UnixMilli()}))
	if tokens := w.store.tokens; len(tokens) != 4 || len(slices.Compact(tokens)) != 1 {
		t.Errorf("the store was given %q", w.store.tokens)
	}
	if text := w.store.tokens[0]; strings.Contains(text, "0123456789abcdef") || len(text) != 32 {
		t.Errorf("the token %q tells the id", text)
	}
}

// TestRacingBatches: of eight at once with one id, one is written, and all have its answer, or its error.
func TestRacingBatches(t *testing.T) {
	const senders = 8
	w := newWorld(t)
	p := w.agree("events", "heatmap")
	body := p.visits("0123456789abcdef", 3, 2)
	for _, c := range []struct {
		fail             error
		status           int
		tries, rows, all int
	}{
		{errors.New("no"), 503, 1, 0, 1},
		{nil, 202, 1, 3, 2},
		{nil, 202, 0, 3, 2}, // it is answered
	} {
		tries := 0 // guarded by there being one
		release := make(chan struct{})
		w.store.before = func([]schema.ConsentedEvent) {
			tries++
			<-release
		}
		w.store.setFail(c.fail)
		var all sync.WaitGroup
		answers := make([]string, senders)
		for i := range senders {
			all.Go(func() {
				rec := w.send("POST", "/v1/x/events", body, p.bearer())
				answers[i] = fmt.Sprint(rec.Code, " ", rec.Body)
			})
		}
		if c.tries > 0 {
			w.until("all are inside", func() bool { return p.subject().inside == senders })
		}
		close(release)
		all.Wait()
		if same := slices.Compact(answers); len(same) != 1 || !strings.HasPrefix(same[0], fmt.Sprint(c.status)) {
			t.Errorf("answers %q, want %d", same, c.status)
		}
		if n := len(w.store.all()); tries != c.tries || n != c.rows {
			t.Errorf("%d tries and %d rows, want %d and %d", tries, n, c.tries, c.rows)
		}
	}
	if n := len(w.store.cells); n != 2 {
		t.Errorf("%d cells", n)
	}
}

// TestMemoryOfBatchesIsBounded: in time, of a person and of all; what is under way is not forgotten.
func TestMemoryOfBatchesIsBounded(t *testing.T) {
	b, start := newBatches(), newClock().Now()
	one, two := subjectKey{1, schema.PersonRef{1}}, subjectKey{1, schema.PersonRef{2}}
	worked := 0
	send := func(key subjectKey, n int, now time.Time) error {
		_, err := b.once(key, &batch{ID: fmt.Sprintf("%016d", n)}, now, func(*sentBatch) (batchAnswer, error) {
			worked++
			return batchAnswer{}, nil
		})
		return err
	}
	works := func(what string, want int, key subjectKey, n int, now time.Time) {
		t.Helper()
		was := worked
		if err := send(key, n, now); err != nil || worked-was != want {
			t.Errorf("%s: worked %d times, %v; want %d", what, worked-was, err, want)
		}
	}
	works("the first", 1, one, 0, start)
	works("within its life", 0, one, 0, start.Add(batchLife))
	works("after its life", 1, one, 0, start.Add(batchLife+1))
	works("another person", 1, two, 0, start.Add(batchLife+1))
	later := start.Add(batchLife + 2)
	for n := range maxOwnBatches {
		works("one more", 1, one, n+1, later)
	}
	works("the oldest of too many", 1, one, 0, later)
	works("a newer one", 0, one, maxOwnBatches, later)
	works("a person of few", 0, two, 0, later)
	for i := range maxBatches {
		key := subjectKey{2, schema.PersonRef{byte(i), byte(i >> 8), byte(i >> 16)}}
		if err := send(key, 0, later); err != nil {
			t.Fatal(err)
		}
	}
	works("the oldest of all", 1, two, 0, later)
	if n := len(b.order); n > maxBatches || len(b.own) > n {
		t.Errorf("%d batches of %d persons are remembered", n, len(b.own))
	}

	three := subjectKey{3, schema.PersonRef{3}}
	ends := make(chan struct{})
	var all sync.WaitGroup
	begun := make(chan struct{})
	for n := range maxOwnBatches {
		all.Go(func() {
			id := fmt.Sprintf("%016d", n)
			_, _ = b.once(three, &batch{ID: id}, later, func(*sentBatch) (batchAnswer, error) { // looked at below
				begun <- struct{}{}
				<-ends
				return batchAnswer{Accepted: n}, nil
			})
		})
		<-begun
	}
	var p *Problem
	if err := send(three, maxOwnBatches, later.Add(2*batchLife)); !errors.As(err, &p) || p.Code != codeTooMany {
		t.Errorf("one more than may be under way: %v", err)
	}
	close(ends)
	all.Wait()
	works("of those that were under way", 0, three, 0, later)
}

// TestABatchThatPanics does not hold up those that come after it.
func TestABatchThatPanics(t *testing.T) {
	b, batch := newBatches(), &batch{ID: "0123456789abcdef"}
	func() {
		defer func() { _ = recover() }() // it is the test's own
		_, _ = b.once(subjectKey{}, batch, newClock().Now(), func(*sentBatch) (batchAnswer, error) { panic("BUG: a test's") })
	}()
	fine := func(*sentBatch) (batchAnswer, error) { return batchAnswer{1, 0}, nil }
	out, err := b.once(subjectKey{}, batch, newClock().Now(), fine)
	if err != nil || out.Accepted != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}

// kept is the answer to a batch that is taken.
func (p *person) kept(body string) (out batchAnswer) {
	p.w.t.Helper()
	rec := p.w.send("POST", "/v1/x/events", body, p.bearer())
	if rec.Code != 202 {
		p.w.t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		p.w.t.Fatal(err)
	}
	return out
}

// visits is a batch of page views and heat cells, now.
func (p *person) visits(id string, views, cells int) string {
	now := p.w.clock.Now().UnixMilli()
	events, heat := make([]object, views), make([]object, cells)
	for i := range events {
		events[i] = object{"n": "pageview", "u": "https://example.com/a", "t": now, "q": i, "s": "00000000000000ab"}
	}
	for i := range heat {
		heat[i] = object{"u": "https://example.com/a", "k": "click", "w": 1280, "x": i, "y": 1, "n": 1}
	}
	return jsonText(object{"id": id, "now": now, "events": events, "heat": heat})
}

func merged(a, b object) object {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}
