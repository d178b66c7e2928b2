package consent

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/schema"
)

func TestConfigOfASite(t *testing.T) {
	w := newWorld(t)
	rec := w.send("GET", "/v1/consent/config?site=EXAMPLE.com&lang=en-GB", "")
	if rec.Header().Get("Cache-Control") != configMaxAge || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", rec.Header())
	}
	var c publicConfig
	if err := json.Unmarshal(rec.Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if !c.Enabled || c.Lang != "en" || c.NoticeID != w.notice || c.Texts["title"] != "May we?" || len(c.Purposes) != 4 || c.ValidDays != 182 ||
		c.Manager != "auto" || c.GPC != "deny" || c.TCF.Mode != "publisher" || c.Purposes[0].Text != "e" || c.Purposes[0].RetentionDays != 396 {
		t.Errorf("%+v", c)
	}
	// The own prompt: its nonce proves the click.
	p := &person{w: w, site: "example.com", notice: c.NoticeID}
	own := change(p.choice("accept_all", "events"), object{"lang": "en", "ui": "own", "proof": object{"scheme": "own", "id": c.Nonce}})
	for off, status := range map[time.Duration]int{0: 201, 23 * time.Hour: 201, 25 * time.Hour: 422} {
		w.clock.add(off)
		w.must("POST", "/v1/consent/events", own, status)
		w.clock.add(-off)
	}
	w.refused("POST", "/v1/consent/events", change(own, object{"lang": "nl"}), 422, codeProofMismatch)
	w.must("PUT", "/v1/sites/example.com/consent", `{}`, 200)
	off := map[string]any{"site": "example.com", "enabled": false}
	if out := w.must("GET", "/v1/consent/config?site=example.com", "", 200); !reflect.DeepEqual(out, off) {
		t.Errorf("of a site that has it off: %v", out)
	}
	w.refused("GET", "/v1/consent/config?site=example.net", "", 404, codeNoticeUnknown)
}

// TestTheSameChoiceAgain: the same state twice is one event of the ledger (A6).
func TestTheSameChoiceAgain(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	again := func(body string, status int, state State) {
		t.Helper()
		out := w.must("POST", "/v1/consent/events", body, status)
		if out["state"] != string(state) || out["record_id"] != p.record || out["cid"] != p.cid {
			t.Errorf("%v", out)
		}
		p.took(out)
		if status, code := p.collects(p.view("/a")); status != 202 {
			t.Errorf("with the new token: %d %s", status, code)
		}
	}
	again(p.choice("save", "events"), 200, Given)
	w.clock.add(time.Hour)
	again(p.choice("save", "events"), 200, Given)
	again(p.choice("renew", "events"), 201, Renewed)
	again(change(p.choice("save", "events"), object{"proof": object{"scheme": "klaro", "id": "2"}}), 201, Renewed)
	again(change(p.choice("save", "events", "journeys"), object{"proof": object{"scheme": "klaro", "id": "2"}}), 201, Given)
	if got := p.states(); !slices.Equal(got, []State{Given, Renewed, Renewed, Given}) {
		t.Errorf("states %v", got)
	}
	events, err := w.ledger.history(subjectKey{1, p.ref})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.Seq != i+1 || i > 0 && e.Prev != events[i-1].EventID || e.RecordID != events[0].EventID || e.PagePath != "/prijzen" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer())
	w.refused("POST", "/v1/consent/events", p.choice("save", "events"), 410, codeWithdrawn)
}

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	nobody := &person{w: w, site: "example.com", notice: w.notice}
	body := nobody.choice("save", "events")
	const key = "Idempotency-Key: 0123456789abcdef"
	var all sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		all.Go(func() { answers[i] = w.send("POST", "/v1/consent/events", body, key).Body.String() })
	}
	all.Wait()
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("one key, two answers:\n%s\n%s", a, answers[0])
		}
	}
	if n := w.subjects(); n != 1 {
		t.Errorf("%d subjects", n)
	}
	w.refused("POST", "/v1/consent/events", nobody.choice("save", "journeys"), 409, codeIdempotency, key)
	w.refused("POST", "/v1/consent/events", body, 400, codeMalformed, "Idempotency-Key: short")
	// What failed is not remembered.
	const other = "Idempotency-Key: fedcba9876543210"
	w.faults.set("write log")
	w.refused("POST", "/v1/consent/events", body, 503, codeUnavailable, other)
	w.faults.set("")
	w.must("POST", "/v1/consent/events", body, 201, other)
	w.clock.add(answerLife + time.Second)
	w.must("POST", "/v1/consent/events", nobody.choice("save", "journeys"), 201, key)
}

// TestBatchesThatAreRefused: nothing of them is written.
func TestBatchesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	p, strangers := w.agree("events"), newWorld(t).agree("events")
	now := w.clock.Now().UnixMilli()
	event := object{"n": "pageview", "u": "https://example.com/a", "t": now, "q": 1, "s": "00000000000000ab"}
	with := func(fields object) string {
		e := object{}
		for k, v := range event {
			e[k] = v
		}
		for k, v := range fields {
			e[k] = v
		}
		return jsonText(object{"events": []object{event, e}})
	}
	many := make([]object, maxBatchEvents+1)
	for i := range many {
		many[i] = event
	}
	cell := func(fields string) string {
		return `{"heat":[{"u":"https://example.com/a","k":"click","w":1280,"x":1,"y":1,"n":1` + fields + `}]}`
	}
	for _, c := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"no JSON", `{`, 400, codeMalformed},
		{"empty", `{}`, 400, codeMalformed},
		{"too many", jsonText(object{"events": many}), 413, codeTooLarge},
		{"too large", `{"events":"` + strings.Repeat("x", maxBatchBytes) + `"}`, 413, codeTooLarge},
		{"a purpose that is not granted", with(object{"v": "journeys"}), 403, codePurposeNotGranted},
		{"a heat cell without its purpose", cell(""), 403, codePurposeNotGranted},
		{"account_link is no purpose of events", with(object{"v": "account_link"}), 400, codeMalformed},
		{"an unknown purpose", with(object{"v": "replay"}), 400, codeMalformed},
		{"from before the consent", with(object{"t": now - 1000}), 422, codeEventBeforeConsent},
		{"from before the consent, and malformed", with(object{"t": now - 1000, "s": "ab", "u": ""}), 422, codeEventBeforeConsent},
		{"a clock beyond any", change(with(nil), object{"now": int64(1) << 60}), 400, codeMalformed},
		{"a clock before any", change(with(nil), object{"now": -1}), 400, codeMalformed},
		{"an id that is too short", change(with(nil), object{"id": "0123456789abcde"}), 400, codeMalformed},
		{"an id that is none", change(with(nil), object{"id": "0123456789abcdef/"}), 400, codeMalformed},
	} {
		if status, code := p.collects(c.body); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, code, c.status, c.code)
		}
	}
	for name, token := range map[string]string{
		"none": "", "text": "x", "a stranger's": strangers.token, "a changed one": p.token[:len(p.token)-8] + "AAAAAAAA",
	} {
		q := *p
		q.token = token
		if status, code := q.collects(p.view("/a")); status != 401 || code != codeTokenInvalid {
			t.Errorf("token %s: %d %s", name, status, code)
		}
	}
	if rec := w.send("POST", "/v1/x/events", p.view("/a"), p.bearer(), "Sec-GPC: 1"); rec.Code != 403 {
		t.Errorf("with Global Privacy Control: %d", rec.Code)
	}
	if n := len(w.store.all()); n != 0 {
		t.Errorf("%d rows of refused batches", n)
	}
	if rec := w.send("POST", "/v1/x/events", p.view("/a"), p.bearer(), "User-Agent: Googlebot/2.1"); rec.Code != 202 || !strings.Contains(rec.Body.String(), `"dropped":1`) {
		t.Errorf("a robot: %d %s", rec.Code, rec.Body)
	}
}

func TestHeatCells(t *testing.T) {
	w := newWorld(t)
	p := w.agree("heatmap")
	body := `{"heat":[{"u":"https://www.example.com/a?x=1#y","k":"click","w":1439,"x":99,"y":1999,"n":3},{"u":"https://example.com/a","k":"scroll","w":60000,"x":5,"y":7,"n":1}]}`
	if status, code := p.collects(body); status != 202 {
		t.Fatal(status, code)
	}
	day := schema.DayOf(w.clock.Now(), time.UTC)
	want := []schema.HeatCell{
		{Site: 1, Day: day, Hostname: "example.com", Path: "/a", Kind: "click", Width: 1280, X: 99, Y: 1999, Count: 3},
		{Site: 1, Day: day, Hostname: "example.com", Path: "/a", Kind: "scroll", Width: 3840, Y: 7, Count: 1},
	}
	if !reflect.DeepEqual(w.store.cells, want) {
		t.Errorf("%+v", w.store.cells)
	}
}

// TestAVisitKeepsItsSource: that of its first event, as long as the process remembers it.
func TestAVisitKeepsItsSource(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	now := w.clock.Now().UnixMilli()
	view := func(session, referrer string) object {
		return object{"n": "pageview", "u": "https://example.com/a", "r": referrer, "t": now, "s": session}
	}
	for _, e := range []object{
		view("00000000000000aa", "https://www.google.com/"), view("00000000000000aa", "https://example.com/b"),
		view("00000000000000bb", ""), view("00000000000000bb", "https://www.google.com/"),
	} {
		if status, code := p.collects(p.batch(e)); status != 202 {
			t.Fatal(status, code)
		}
	}
	var got []string
	for _, r := range w.store.all() {
		got = append(got, r.Source)
	}
	if got[0] != "Google" || got[1] != "Google" || got[2] == "Google" || got[2] != got[3] {
		t.Errorf("sources %v", got)
	}
}

// TestReceipts: all formats, and who may read them.
func TestReceipts(t *testing.T) {
	w := newWorld(t)
	p, other := w.agree("events"), w.agree("events")
	path := "/v1/consent/receipt/" + p.record
	for _, who := range []struct {
		name, query, header string
		status              int
	}{
		{"its subject's token", "", p.bearer(), 200},
		{"its subject's cid", "?cid=" + p.cid, "X: y", 200},
		{"the owner", "", "Authorization: " + ownerKey, 200},
		{"nobody", "", "X: y", 410},
		{"somebody else", "", other.bearer(), 410},
		{"somebody else's cid", "?cid=" + other.cid, "X: y", 410},
		{"a broken token", "", "Authorization: Consent x", 401},
	} {
		if rec := w.send("GET", path+who.query, "", who.header); rec.Code != who.status {
			t.Errorf("%s: %d %s", who.name, rec.Code, rec.Body)
		}
	}
	out := w.must("GET", path+"?format=27560-jsonld", "", 200, p.bearer())
	for _, field := range []string{
		"schema_version", "record_id", "pii_principal_id", "privacy_notice", "language", "purposes", "pii_controllers", "jurisdiction",
		"event_time", "validity_duration", "entity_id", "event_type", "event_state", "collection_method", "authority_party",
	} {
		if out[field] == nil || out[field] == "" {
			t.Errorf("the field %s of ISO/IEC TS 27560 is missing", field)
		}
	}
	if out["pii_principal_id"] != refText(p.ref) || out["event_state"] != "dpv:ConsentGiven" {
		t.Errorf("%v", out)
	}
	if out := w.must("GET", path+"?format=kantara", "", 200, p.bearer()); out["version"] != "KI-CR-v1.1.0" {
		t.Errorf("%v", out)
	}
	page := w.send("GET", path+"?format=html", "", p.bearer())
	if page.Code != 200 || !strings.Contains(page.Body.String(), "Wij willen &lt;weten&gt; wat u leest &amp; doet.") {
		t.Errorf("%d %s", page.Code, page.Body)
	}
	if strings.Contains(page.Body.String(), p.cid) {
		t.Error("the cid is on the page")
	}
	w.refused("GET", path+"?format=pdf", "", 400, codeMalformed, p.bearer())
	w.must("POST", "/v1/consent/withdraw", "", 204, p.bearer())
	if out := w.must("GET", path, "", 200, p.bearer()); out["event_state"] != "dpv:ConsentWithdrawn" {
		t.Errorf("after the withdrawal: %v", out["event_state"])
	}
}

func TestExportOfAPerson(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	for _, path := range []string{"/a", "/b"} {
		if status, code := p.collects(p.view(path)); status != 202 {
			t.Fatal(status, code)
		}
	}
	for _, way := range []string{p.cid, "self"} {
		rec := w.send("GET", "/v1/subjects/"+way+"/export?site=example.com", "", p.bearer())
		var types []string
		for line := range strings.Lines(rec.Body.String()) {
			var l struct{ Type string }
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			types = append(types, l.Type)
		}
		if !slices.Equal(types, []string{"consent", "event", "event"}) {
			t.Errorf("lines %v", types)
		}
	}
	w.refused("GET", "/v1/subjects/self/export", "", 400, codeMalformed)
	w.refused("GET", "/v1/subjects/AAAAAAAAAAAAAAAAAAAAAA/export?site=example.com", "", 410, codeErased)
	// A cid is of one site.
	w.refused("GET", "/v1/subjects/"+p.cid+"/export?site=example.org", "", 410, codeErased)
}

func TestOwnersOnly(t *testing.T) {
	w := newWorld(t)
	for _, r := range []struct{ method, path string }{
		{"POST", "/v1/sites/example.com/notices"},
		{"GET", "/v1/sites/example.com/notices"},
		{"POST", "/v1/sites/example.com/purposes"},
		{"GET", "/v1/sites/example.com/purposes"},
		{"GET", "/v1/sites/example.com/consent"},
		{"PUT", "/v1/sites/example.com/consent"},
		{"GET", "/v1/sites/example.com/consent/rate"},
		{"POST", "/v1/sites/example.com/accounts/withdraw"},
		{"GET", "/v1/audit/export?site=example.com&from=2026-11-01&to=2026-11-30"},
		{"GET", "/v1/sites/example.net/consent"},
	} {
		w.refused(r.method, r.path, `{}`, 403, codeForbidden, "Authorization: Bearer somebody")
	}
	w.refused("POST", "/v1/sites/example.com/notices", `{"lang":{}}`, 400, codeMalformed)
	w.refused("POST", "/v1/sites/example.com/purposes", `{"id":"replay","data":["x"],"retention_days":1}`, 400, codeMalformed)
	w.refused("POST", "/v1/sites/example.com/purposes", `{"id":"events","data":["x"],"retention_days":4000}`, 400, codeMalformed)
	w.refused("POST", "/v1/sites/example.com/notices", `"`+strings.Repeat("x", maxDocumentBytes)+`"`, 413, codeTooLarge)
	if out := w.must("POST", "/v1/sites/example.com/purposes", `{"id":"events","data":["x"],"retention_days":30}`, 201); out["version"] != float64(2) {
		t.Errorf("%v", out)
	}
	w.agree("events")
	out := w.must("GET", "/v1/sites/example.com/consent/rate?from=2026-11-23&to=2026-11-23", "", 200)
	rows := out["rows"].([]any)
	if len(rows) != 1 || rows[0].(map[string]any)["action"] != countAccepted {
		t.Errorf("%v", out)
	}
}

func TestPagesOfOtherOriginsMayAsk(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/consent/events", "/v1/consent/withdraw", "/v1/x/events", "/v1/subjects/x", "/v1/consent/state"} {
		rec := w.send("OPTIONS", path, "", "Origin: https://example.com")
		h := rec.Header()
		if rec.Code != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("%s: %d %v", path, rec.Code, h)
		}
	}
	for _, r := range []struct{ method, path string }{{"POST", "/v1/consent/events"}, {"POST", "/v1/x/events"}, {"GET", "/v1/consent/state"}} {
		rec := w.send(r.method, r.path, "")
		if rec.Header().Get("Access-Control-Allow-Origin") != "*" || rec.Header().Get("Set-Cookie") != "" ||
			rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v", r.path, rec.Code, rec.Header())
		}
	}
}

// TestRowsOfABatchAreInOrder: no two have the same time and number, whatever the browser says.
func TestRowsOfABatchAreInOrder(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	now := w.clock.Now().UnixMilli()
	var events []object
	for i, at := range []int64{now, now, now + 5, now + 7, now, now} { // later than now is now
		q := []int{3, 3, 1, 2, 4, 9}[i]
		events = append(events, object{"n": "x", "u": "https://example.com/a", "t": at, "q": q, "s": "00000000000000ab"})
	}
	events = append(events, object{"n": "\u0001", "u": "https://example.com/a", "t": now, "q": 1, "s": "00000000000000ab"})
	body := jsonText(object{"now": now, "events": events})
	if rec := w.send("POST", "/v1/x/events", body, p.bearer()); rec.Code != 202 && rec.Code != 400 {
		t.Fatal(rec.Code, rec.Body)
	}
	rows := w.store.all()
	for i := range rows {
		if rows[i].Name == "" {
			t.Error("a row without a name")
		}
		if i > 0 && (rows[i].Time.Before(rows[i-1].Time) || rows[i].Time.Equal(rows[i-1].Time) && rows[i].Seq <= rows[i-1].Seq) {
			t.Errorf("row %d: %v, %d after %v, %d", i, rows[i].Time, rows[i].Seq, rows[i-1].Time, rows[i-1].Seq)
		}
	}
	if len(rows) == 0 {
		t.Error("no rows")
	}
	if got := w.ledger.Retention(1, PurposeEvents); got != 396 {
		t.Errorf("events are kept for %d days", got)
	}
	if got := w.ledger.Retention(3, PurposeEvents); got != 0 {
		t.Errorf("of a site that has none: %d days", got)
	}
	choice := change((&person{w: w, site: "example.com", notice: w.notice}).choice("save", "events"), object{"occurred_at": "yesterday"})
	w.must("POST", "/v1/consent/events", choice, 201) // a time that is none is replaced
}
