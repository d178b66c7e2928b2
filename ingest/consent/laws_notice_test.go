package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/ingest"
	"turf/schema"
)

// The laws L7 to L10, each as the reference states it.

// TestL7ReceiptIsWhatWasShown: byte for byte, in the language that was shown, with the notice's hash.
func TestL7ReceiptIsWhatWasShown(t *testing.T) {
	w := newWorld(t)
	for _, lang := range []string{"nl", "en"} {
		var config publicConfig
		if err := json.Unmarshal([]byte(w.must200("/v1/consent/config?site=example.com&lang="+lang)), &config); err != nil {
			t.Fatal(err)
		}
		p := &person{w: w, site: "example.com", notice: config.NoticeID}
		p.took(w.must("POST", "/v1/consent/events", change(p.choice("accept_all", "events"), object{"lang": lang}), 201))
		w.addNotice("example.com", false) // a newer one does not change the old receipt
		var receipt struct {
			Language      string
			PrivacyNotice struct {
				ID       string `json:"notice_id"`
				Text     Text
				Document json.RawMessage
			} `json:"privacy_notice"`
		}
		text := w.must200("/v1/consent/receipt/" + p.record + "?cid=" + p.cid)
		if err := json.Unmarshal([]byte(text), &receipt); err != nil {
			t.Fatal(err)
		}
		shown, n := config.Texts, receipt.PrivacyNotice
		if receipt.Language != lang || n.Text.Title != shown["title"] || n.Text.Body != shown["body"] || n.Text.Accept != shown["accept"] {
			t.Errorf("shown %v, on the receipt %q in %s", shown, n.Text, receipt.Language)
		}
		document, err := canonicalText(n.Document)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(document)
		if want := "sha256:" + hex.EncodeToString(sum[:]); n.ID != want || config.NoticeID != want {
			t.Errorf("the document's hash is %s, its id %s, shown was %s", want, n.ID, config.NoticeID)
		}
	}
}

// TestL8NoticesNeverChange: no way to change one; a material new version supersedes at its valid_from, a typo does
// not.
func TestL8NoticesNeverChange(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"notices", "purposes", "notices/" + w.notice, "purposes/events"} {
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			w.refused(method, "/v1/sites/example.com/"+path, `{}`, 405, codeMethod)
		}
	}
	p := w.agree("events")
	if typo := w.addNotice("example.com", false); typo == w.notice {
		t.Fatal("two versions have one id")
	}
	if status, code := p.collects(p.view("/a")); status != 202 {
		t.Fatalf("after a typo: %d %s", status, code)
	}
	newest := w.addNoticeAt("example.com", true, w.clock.Now().Add(time.Hour))
	w.clock.add(time.Hour - time.Millisecond)
	if status, code := p.collects(p.view("/a")); status != 202 {
		t.Fatalf("before valid_from: %d %s", status, code)
	}
	w.clock.add(time.Millisecond)
	if status, code := p.collects(p.view("/a")); status != 409 || code != codeSuperseded {
		t.Fatalf("at valid_from: %d %s", status, code)
	}
	w.refused("GET", "/v1/consent/state", "", 410, codeSuperseded, p.bearer())
	out := w.refused("POST", "/v1/consent/events", p.choice("save", "events"), 409, codeSuperseded)
	if out["notice_id"] != newest {
		t.Errorf("the current notice is %v, want %s", out["notice_id"], newest)
	}
	w.sweep()
	if got := p.states(); !slices.Equal(got, []State{Given, Superseded}) {
		t.Errorf("states %v", got)
	}
	asked := &person{w: w, site: p.site, notice: newest}
	asked.took(w.must("POST", "/v1/consent/events", asked.choice("save", "events"), 201))
	if status, code := asked.collects(asked.view("/a")); status != 202 {
		t.Errorf("under the new notice: %d %s", status, code)
	}
	w.refused("POST", "/v1/consent/events", change(p.choice("save", "events"), object{"notice_id": "sha256:00"}), 404, codeNoticeUnknown)
}

// TestL9NothingIdentifyingBeforeConsent is the server's share: what it gives out before a grant is the same for
// everybody, and a refusal leaves nobody.
func TestL9NothingIdentifyingBeforeConsent(t *testing.T) {
	w := newWorld(t)
	first := w.send("GET", "/v1/consent/config?site=example.com&lang=nl", "")
	second := w.send("GET", "/v1/consent/config?site=example.com&lang=nl", "", "User-Agent: other", "X-Forwarded-For: 198.51.100.7")
	if first.Body.String() != second.Body.String() {
		t.Error("two visitors were told different things")
	}
	size := w.ledger.size()
	nobody := &person{w: w, site: "example.com", notice: w.notice}
	for _, action := range []string{"shown", "dismiss", "reject_all", "save"} {
		rec := w.send("POST", "/v1/consent/events", nobody.choice(action))
		if rec.Code != 202 || strings.TrimSpace(rec.Body.String()) != `{"state":"COUNTED"}` {
			t.Errorf("%s: %d %s", action, rec.Code, rec.Body)
		}
		if rec.Header().Get("Set-Cookie") != "" || rec.Header().Get("ETag") != "" {
			t.Errorf("%s: %v", action, rec.Header())
		}
	}
	if w.ledger.size() != size || w.subjects() != 0 {
		t.Error("a refusal is in the ledger")
	}
	day := schema.DayOf(w.clock.Now(), time.UTC)
	got := map[string]int64{}
	for _, c := range w.ledger.Counts(1, day, day) {
		got[c.Action] = c.Count
	}
	if want := map[string]int64{countShown: 1, countDismissed: 1, countRefused: 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	w.restart()
	if n := len(w.ledger.Counts(1, day, day)); n != 3 {
		t.Errorf("%d counters after a restart", n)
	}
}

// TestL10BothPathsNameThingsAlike: the description of a consented event is that of the counting path, and no visitor's
// key is in it.
func TestL10BothPathsNameThingsAlike(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	agents, err := ingest.NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := ingest.NewSteps(bySiteName, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, url, referrer string }{
		{"pageview", "https://www.example.com/a/anna@example.com?utm_source=news&utm_campaign=x", "https://www.google.com/search"},
		{"pageview", "https://example.com/order/123456789", "https://example.com/a"},
		{"Signup", "https://example.com/%20x", "https://mail.example.net/?token=1"},
	} {
		agent := "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
			"Version/17.2 Mobile/15E148 Safari/604.1"
		e, err := steps.Explain(&ingest.Question{
			Name: c.name, URL: c.url, Referrer: c.referrer, UserAgent: agent, Address: netip.MustParseAddr("192.0.2.1"), At: w.clock.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
		session := "00000000000000" + hex.EncodeToString([]byte{byte(len(c.url))})
		w.must("POST", "/v1/x/events", p.batch(object{"n": c.name, "u": c.url, "r": c.referrer, "t": w.clock.Now().UnixMilli(), "s": session}),
			202, p.bearer(), "User-Agent: "+agent)
		rows := w.store.all()
		r, v := rows[len(rows)-1], e.Event.Values
		got := []string{r.Hostname, r.Path, r.Channel, r.Source, r.Campaign, r.Referrer, r.Country, r.Device, r.Browser, r.OS}
		want := []string{
			v[schema.Hostname], v[schema.Path], v[schema.Channel], v[schema.Source], v[schema.Campaign], v[schema.Referrer],
			v[schema.Country], v[schema.Device], v[schema.Browser], v[schema.OS],
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%q on the opt-in path\n%q on the counting path", c.url, got, want)
		}
	}
	for _, described := range []any{ingest.Description{}, schema.ConsentedEvent{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(described)) {
			if f.Name == "Visitor" || f.Name == "Salt" || f.Name == "Address" || f.Name == "UserAgent" {
				t.Errorf("%T has a field %s", described, f.Name)
			}
		}
	}
}
