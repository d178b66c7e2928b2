package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/ingest/tracker/browsertest"
)

// optInNotice is a notice of the purposes that are registered, in the form of turf consent notice add.
const optInNotice = `{"default_lang": "en", "purposes": ["events@1", "journeys@1", "heatmap@1", "account_link@1"],
 "lang": {"en": {"title": "May we measure?", "body": "We would like to know how our site is used.",
   "purposes": {"events": "Pages and clicks.", "journeys": "What belongs together.", "heatmap": "Where people click.",
     "account_link": "Your account."},
   "accept": "Accept", "reject": "Reject", "save": "Save", "privacy": "Privacy choices"}},
 "controller": {"name": "Example B.V.", "contact": "privacy@example.com"}, "storage_locations": ["NL"], "jurisdiction": "NL",
 "withdrawal_method": "the link at the foot of each page", "rights_url": "https://example.com/privacy",
 "authority": "Autoriteit Persoonsgegevens"}`

// optIn turns the opt-in path of a site on, as its owner does, and returns the notice's id. where are further flags.
func (in *installation) optIn(domain string, where ...string) (notice string) {
	in.t.Helper()
	turf := func(v any, args ...string) {
		in.t.Helper()
		in.must(v, append(append([]string{"consent"}, args...), append(where, "--site", domain)...)...)
	}
	for _, id := range []string{"events", "journeys", "heatmap", "account_link"} {
		turf(nil, "purpose", "add", "--id", id, "--category", "pages seen", "--retention-days", "396")
	}
	file := filepath.Join(in.t.TempDir(), "notice.json")
	if err := os.WriteFile(file, []byte(optInNotice), 0o600); err != nil {
		in.t.Fatal(err)
	}
	var added struct {
		NoticeID string `json:"notice_id"`
	}
	turf(&added, "notice", "add", file)
	turf(nil, "on")
	return added.NoticeID
}

// seen is a request that passed a front, and its answer.
type seen struct {
	method, path, body, cookie string
	status                     int
	answer                     string
}

// front is a server between the browser and Turf that changes nothing and remembers all.
type front struct {
	url  string
	mu   sync.Mutex
	seen []seen
}

func newFront(t *testing.T, server string) *front {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(res *http.Response) error {
			body, err := io.ReadAll(res.Body)
			res.Body = io.NopCloser(bytes.NewReader(body))
			req := res.Request
			sent := req.Context().Value(sentKey{}).([]byte)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.seen = append(f.seen, seen{
				req.Method, req.URL.Path, string(sent), req.Header.Get("Cookie"), res.StatusCode, string(body),
			})
			return err
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the browser went away
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sentKey{}, body)))
	}))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

// sentKey is where a request's context has its body.
type sentKey struct{}

// String leaves out scripts, which are compressed.
func (s seen) String() string {
	if strings.HasPrefix(s.path, "/js/") {
		s.answer = "…"
	}
	return fmt.Sprintf("%s %s %s: %d %s\n", s.method, s.path, s.body, s.status, s.answer)
}

// all are the requests to a path so far ("": all) but for preflights, and forget begins anew.
func (f *front) all(path string) (found []seen) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.seen {
		if (path == "" || s.path == path) && s.method != http.MethodOptions {
			found = append(found, s)
		}
	}
	return found
}

func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = nil
}

// await waits for a request to a path.
func (f *front) await(t *testing.T, path string) seen {
	t.Helper()
	eventually(t, path, func() (string, bool) { return fmt.Sprint(f.all("")), len(f.all(path)) > 0 })
	return f.all(path)[0]
}

// only reports a request to another path than these, and anything that names somebody.
func (f *front) only(t *testing.T, when string, paths ...string) {
	t.Helper()
	for _, s := range f.all("") {
		if !slices.Contains(paths, s.method+" "+s.path) {
			t.Errorf("%s the browser asked for %s %s", when, s.method, s.path)
		}
		if s.cookie != "" || strings.Contains(s.body, `"cid"`) || strings.Contains(s.body, `"token"`) {
			t.Errorf("%s %s %s has an id: cookie %q, body %s", when, s.method, s.path, s.cookie, s.body)
		}
	}
}

// storedJS is the names of all that the page's origin has stored in the browser.
const storedJS = `(async () => [document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage),
	...(await indexedDB.databases()).map((d) => d.name)].filter(Boolean).join(' '))()`

// person is a browser that agreed, as the answer to its grant says.
type person struct {
	CID   string `json:"cid"`
	Token string `json:"token"`
}

// choiceText is the body of a choice in the consent manager of a site of one's own.
func choiceText(domain, notice string, purposes ...string) string {
	granted := map[string]bool{}
	for _, p := range purposes {
		granted[p] = true
	}
	text, err := json.Marshal(map[string]any{
		"site": domain, "notice_id": notice, "lang": "en", "purposes": granted, "action": "save", "explicit": true,
		"adapter": "manual", "ui": "api", "proof": map[string]string{"scheme": "manual"}, "page": "https://" + domain + "/",
	})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(text)
}

// optInCall sends a request of the opt-in path and returns status and body; an error is that of the network.
func (p *process) optInCall(method, path, token, body string) (status int, text string, err error) {
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("User-Agent", firefox)
	if token != "" {
		req.Header.Set("Authorization", "Consent "+token)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

// mustCall is optInCall for what must be answered with a status.
func (p *process) mustCall(method, path, token, body string, want int) string {
	p.t.Helper()
	status, text, err := p.optInCall(method, path, token, body)
	if err != nil || status != want {
		p.t.Fatalf("%s %s: %d %s %v, want %d", method, path, status, text, err, want)
	}
	return text
}

// agree lets somebody new agree.
func (p *process) agree(domain, notice string, purposes ...string) (who person) {
	p.t.Helper()
	text := p.mustCall(http.MethodPost, "/v1/consent/events", "", choiceText(domain, notice, purposes...), http.StatusCreated)
	if err := json.Unmarshal([]byte(text), &who); err != nil {
		p.t.Fatal(err)
	}
	return who
}

// pageBatch is a batch of a page view.
func pageBatch(url string) string {
	now := time.Now().UnixMilli()
	return fmt.Sprintf(`{"now":%d,"events":[{"n":"pageview","u":%q,"t":%d,"q":1,"s":"00c0ffee00c0ffee"}]}`, now, url, now)
}

// export is what a person reads of itself: the lines of each type.
func (p *process) export(domain, cid string) map[string][]map[string]any {
	p.t.Helper()
	status, text, err := p.optInCall(http.MethodGet, "/v1/subjects/"+cid+"/export?site="+domain, "", "")
	if err != nil || status != http.StatusOK && status != http.StatusGone {
		p.t.Fatal(status, text, err)
	}
	lines := map[string][]map[string]any{}
	for line := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			p.t.Fatalf("%q: %v", line, err)
		}
		kind, _ := v["type"].(string)
		lines[kind] = append(lines[kind], v)
	}
	return lines
}

// refOf is how a person is named at rest, by its own export.
func refOf(t *testing.T, lines map[string][]map[string]any) []byte {
	t.Helper()
	text, _ := lines["consent"][0]["event"].(map[string]any)["ref"].(string)
	ref, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "b64:"))
	if err != nil || len(ref) != 16 {
		t.Fatalf("ref %q: %v", text, err)
	}
	return ref
}

// idCanaries are the forms of what the server knows, or must not know, of a person's browser. The numbers of erased events
// are not among them: a tombstone in the log names each, so that whoever has a receipt can see that it was erased.
func idCanaries(t *testing.T, who person, ref []byte, session string) (unknown, atRest []canary) {
	t.Helper()
	cid, err := base64.RawURLEncoding.DecodeString(who.CID)
	if err != nil {
		t.Fatal(err)
	}
	unknown = []canary{newCanary("the id of the browser", cid), newCanary("the id of the browser as text", []byte(who.CID))}
	unknown = append(unknown, newCanary("the token", []byte(who.Token)))
	atRest = []canary{newCanary("the person's reference", ref)}
	n, err := strconv.ParseUint(session, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return unknown, append(atRest, newCanary("the visit", binary.LittleEndian.AppendUint64(nil, n)))
}

// found is where canaries are in the files below a directory.
func found(t *testing.T, dir string, canaries ...canary) (places []string) {
	t.Helper()
	for _, c := range canaries {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // the database merges and drops files
			}
			if text, err := os.ReadFile(path); err == nil && c.in(text) {
				places = append(places, c.what+" in "+strings.TrimPrefix(path, dir))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return places
}

// browserShop is a shop with the tags of both scripts, and a server with the opt-in path of shop.test on.
func browserShop(t *testing.T, second string) (in *installation, server *process, f *front, shop string, tab *browsertest.Tab) {
	t.Helper()
	in = install(t)
	in.must(nil, "site", "add", "shop.test", "--timezone", quietZone())
	server = in.serve()
	in.optIn("shop.test")
	f = newFront(t, server.url)
	const tag = `<script defer data-domain="shop.test" src="%s/js/turf.js"></script><script defer data-domain="shop.test" %s></script>`
	shop = newShop(t, fmt.Sprintf(tag, f.url, fmt.Sprintf(second, f.url)))
	return in, server, f, shop, browsertest.Open(t)
}

// TestNothingBeforeConsent: before an answer and after a refusal the browser's storage, cookies and requests show nothing but
// the counting path's (must hold 3).
func TestNothingBeforeConsent(t *testing.T) {
	in, server, f, shop, tab := browserShop(t, `data-consent="manual" src="%s/js/turf-consent.js"`)
	counting := []string{"GET /js/turf.js", "GET /js/turf-consent.js", "POST /api/event"}
	look := func(when string) {
		t.Helper()
		tab.Run(`await turf.state()`)
		f.await(t, "/api/event")
		f.only(t, when, counting...)
		if stored := browsertest.Eval[string](tab, storedJS); stored != "" {
			t.Errorf("%s the browser has stored %s", when, stored)
		}
	}
	tab.Visit(shop + "/")
	look("before an answer")
	tab.Click("#buy")
	tab.Run(`turf.identify('ada'); await turf.consent(false)`)
	look("at a refusal")
	f.forget()
	tab.Visit(shop + "/pricing")
	look("after a refusal")
	tab.Click("#buy")
	look("after a refusal")

	key := in.key("shop.test")
	eventually(t, "the page views", func() (string, bool) {
		got := server.query(key, map[string]any{"site_id": "shop.test", "metrics": []string{"pageviews"}, "date_range": "day"})
		return fmt.Sprint(got), len(got[""]) == 1 && got[""][0] == 2
	})
	var status consentStatus
	in.must(&status, "consent", "status")
	if status.Holding != 0 || len(status.Choices) != 0 {
		t.Errorf("of a refusal the server knows %+v", status)
	}
	server.stop()
	if rows := in.sql("SELECT count() FROM consented_events"); rows[0][0] != uint64(0) {
		t.Errorf("%v rows of somebody who said no", rows[0][0])
	}
}

// TestConsentInTheBrowser goes the whole way: our prompt, a grant in one click, events in a report beside all counted, a
// withdrawal in one click that is effective before its answer, and an erasure after which no table, part or file has the person.
func TestConsentInTheBrowser(t *testing.T) {
	in, server, f, shop, tab := browserShop(t, `data-consent="own" src="%s/js/turf-consent.own.js"`)
	who := agreeAndBuy(t, server, f, shop, tab)
	reported(t, in, server)
	lines := server.export("shop.test", who.CID)
	var batch struct{ Events []struct{ S string } }
	if err := json.Unmarshal([]byte(f.await(t, "/v1/x/events").body), &batch); err != nil {
		t.Fatal(err)
	}
	unknown, atRest := idCanaries(t, who, refOf(t, lines), batch.Events[0].S)
	if places := found(t, in.dir, unknown...); places != nil {
		t.Errorf("files hold the id of the browser or its token: %q", places)
	}
	if found(t, in.dir, atRest[0]) == nil {
		t.Error("the person's reference is in no file, so looking for it says nothing")
	}

	withdrawInBrowser(t, server, f, tab, who)

	// Art. 17: what is left is a log that proves that something was there.
	var done erasedPerson
	in.must(&done, "consent", "erase", who.CID)
	if !done.Erased {
		t.Error("the erasure is not done")
	}
	server.mustCall(http.MethodGet, "/v1/subjects/"+who.CID+"/export?site=shop.test", "", "", http.StatusGone)
	for _, when := range []string{"while the server runs", "when it has stopped"} {
		if places := found(t, in.dir, append(unknown, atRest...)...); places != nil {
			t.Errorf("%s files hold the person: %q", when, places)
		}
		server.stop()
	}
	if rows := in.sql("SELECT count() FROM consented_events"); rows[0][0] != uint64(0) {
		t.Errorf("%v rows are left", rows[0][0])
	}
	in.must(nil, "consent", "verify")
	in.must(nil, "verify")
}

// agreeAndBuy accepts our prompt, and sees to it that what is done from then on is kept.
func agreeAndBuy(t *testing.T, server *process, f *front, shop string, tab *browsertest.Tab) (who person) {
	t.Helper()
	tab.Visit(shop + "/?utm_source=news")
	tab.Until(`document.querySelector('#turf-consent')`)
	if stored := browsertest.Eval[string](tab, storedJS); stored != "" {
		t.Errorf("before an answer the browser has stored %s", stored)
	}
	f.only(t, "before an answer", "GET /js/turf.js", "GET /js/turf-consent.own.js", "POST /api/event", "GET /v1/consent/config",
		"POST /v1/consent/events")
	tab.Click("#turf-consent button")
	eventually(t, "the grant", func() (string, bool) {
		choices := f.all("/v1/consent/events")
		for _, c := range choices { // one says that the prompt was shown
			if err := json.Unmarshal([]byte(c.answer), &who); err != nil {
				t.Fatal(err)
			}
		}
		return fmt.Sprint(choices), who.CID != ""
	})
	tab.Until(`localStorage.turf_id`)
	f.await(t, "/v1/x/events") // what measures is loaded, and knows the page
	tab.Click("#pricing")
	tab.Until(`document.querySelector('h1').textContent === '/pricing' && document.readyState === 'complete'`)
	tab.Click("#buy")
	var pages []string
	eventually(t, "both pages and the purchase", func() (string, bool) {
		pages = nil
		for _, e := range server.export("shop.test", who.CID)["event"] {
			if e["name"] == "pageview" || e["name"] == "Purchase" {
				pages = append(pages, fmt.Sprint(e["name"], " ", e["path"], " from ", e["source"]))
			}
		}
		return fmt.Sprint(pages, f.all("/v1/x/events")), len(pages) == 3
	})
	if want := []string{"pageview / from news", "pageview /pricing from news", "Purchase /pricing from news"}; !slices.Equal(pages, want) {
		t.Errorf("the events are %q, want %q", pages, want)
	}
	return who
}

// withdrawInBrowser withdraws in one click, and sees to it that nothing more comes in from the answer on.
func withdrawInBrowser(t *testing.T, server *process, f *front, tab *browsertest.Tab, who person) {
	t.Helper()
	f.forget()
	withdraw := `[...document.querySelectorAll('body > button')].find((b) => b.textContent == 'Withdraw consent')`
	tab.Until(withdraw)
	tab.Run(withdraw + `.click()`)
	if got := f.await(t, "/v1/consent/withdraw"); got.status != http.StatusNoContent {
		t.Errorf("the withdrawal is answered %d %s", got.status, got.answer)
	}
	server.mustCall(http.MethodPost, "/v1/x/events", who.Token, pageBatch("https://shop.test/late"), http.StatusForbidden)
	tab.Until(`!localStorage.turf_id`)
	if stored := browsertest.Eval[string](tab, storedJS); stored != "turf_choice" {
		t.Errorf("after the withdrawal the browser has stored %s", stored)
	}
	eventually(t, "the rows are erased", func() (string, bool) {
		rows := server.export("shop.test", who.CID)["event"]
		return fmt.Sprint(rows), len(rows) == 0
	})
}

// reported asks for a funnel: one person went from the first page to the second, of one who was counted.
func reported(t *testing.T, in *installation, server *process) {
	t.Helper()
	key := in.key("shop.test")
	question := `{"site_id":"shop.test","date_range":"day","steps":[{"page":"/"},{"page":"/pricing"},{"event":"Purchase"}]}`
	var a struct {
		Coverage struct{ Consented, Counted int64 }
		Steps    []struct{ Count int64 }
	}
	eventually(t, "the report", func() (string, bool) {
		req, err := http.NewRequest(http.MethodPost, server.url+"/api/v1/reports/funnel", strings.NewReader(question))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := server.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		status, body := answer(t, res)
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(body, err)
		}
		return body, status == http.StatusOK && a.Coverage.Consented == 1 && a.Coverage.Counted == 1 && len(a.Steps) == 3 && a.Steps[2].Count == 1
	})
}
