package consent

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/mod/sumdb/tlog"

	"turf/ingest"
	"turf/schema"
)

var testSites = []schema.Site{
	{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"},
	{ID: 2, Domain: "example.org", Timezone: "UTC"},
}

const ownerKey = "Bearer owner"

// world is a ledger with its server, for a test.
type world struct {
	t      *testing.T
	dir    string
	clock  *clock
	store  *memory
	faults *faults
	ledger *Ledger
	server *Server
	echo   *echo.Echo
	notice string // the id of the site's first
}

// newWorld has a site with its opt-in path on, two purposes' versions and a notice in two languages.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, testSites...)
}

// newSmallWorld has one site, and little in its ledger.
func newSmallWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, testSites[0])
}

func newWorldOf(t *testing.T, sites ...schema.Site) *world {
	t.Helper()
	w := &world{
		t: t, dir: filepath.Join(t.TempDir(), "consent"), clock: newClock(), store: &memory{}, faults: &faults{},
	}
	w.open()
	for _, s := range sites {
		w.must("PUT", "/v1/sites/"+s.Domain+"/consent", `{"on":true}`, 200)
		for _, p := range []string{"events", "journeys", "heatmap", "account_link"} {
			w.must("POST", "/v1/sites/"+s.Domain+"/purposes", `{"id":"`+p+`","data":["pages"],"retention_days":396}`, 201)
		}
		id := w.addNotice(s.Domain, true)
		if w.notice == "" {
			w.notice = id
		}
	}
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	w.ledger, err = Open(Config{Dir: w.dir, Store: w.store, Now: w.clock.Now, Build: "turf-test", still: true, fault: w.faults.fail})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.ledger.Close() }) // of one that a test has closed: an error that says nothing
	agents, err := ingest.NewAgents()
	if err != nil {
		w.t.Fatal(err)
	}
	steps, err := ingest.NewSteps(bySiteName, agents, nil, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server, err = NewServer(ServerConfig{
		Ledger: w.ledger, Describer: ingest.NewDescriber(steps, nil, false, -1), Sites: bySiteName,
		Site: func(id schema.SiteID) (schema.Site, bool) {
			for _, s := range testSites {
				if s.ID == id {
					return s, true
				}
			}
			return schema.Site{}, false
		},
		Authorize: func(r *http.Request, _ schema.SiteID, _ Role) bool { return r.Header.Get("Authorization") == ownerKey },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.echo = echo.New()
	w.server.Register(w.echo)
}

// restart closes the ledger and opens it again.
func (w *world) restart() {
	w.t.Helper()
	if err := w.ledger.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func bySiteName(domain string) (schema.Site, bool) {
	for _, s := range testSites {
		if s.Domain == domain {
			return s, true
		}
	}
	return schema.Site{}, false
}

func (w *world) addNotice(site string, material bool) string {
	w.t.Helper()
	return w.addNoticeAt(site, material, w.clock.Now())
}

func (w *world) addNoticeAt(site string, material bool, from time.Time) string {
	w.t.Helper()
	texts := func(title, body string) object {
		return object{
			"title": title, "body": body, "accept": "Ja", "reject": "Nee", "save": "Bewaar", "privacy": "Privacy",
			"purposes": object{"events": "e", "journeys": "j", "heatmap": "h", "account_link": "a"},
		}
	}
	n := object{
		"default_lang": "nl",
		"lang": object{
			"nl": texts("Mogen wij meten?", "Wij willen <weten> wat u leest & doet."), "en": texts("May we?", "We would like to."),
		},
		"purposes":     []string{"events@1", "journeys@1", "heatmap@1", "account_link@1"},
		"controller":   object{"name": "Example B.V.", "address": "Amsterdam", "contact": "privacy@example.com"},
		"jurisdiction": "NL", "withdrawal_method": "the link at the foot of each page", "storage_locations": []string{"NL"},
		"rights_url": "https://example.com/privacy", "authority": "Autoriteit Persoonsgegevens", "material": material, "valid_from": from,
	}
	text, err := json.Marshal(n)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.must("POST", "/v1/sites/"+site+"/notices", string(text), 201)["notice_id"].(string)
}

// person is a browser of somebody who agreed.
type person struct {
	w                  *world
	site, notice       string
	cid, token, record string
	event              string
	ref                schema.PersonRef
}

// agree lets somebody new agree to purposes.
func (w *world) agree(purposes ...string) *person {
	w.t.Helper()
	p := &person{w: w, site: "example.com", notice: w.notice}
	p.took(w.must("POST", "/v1/consent/events", p.choice("save", purposes...), 201))
	return p
}

func (p *person) took(out map[string]any) {
	p.cid, p.token, p.record = out["cid"].(string), out["token"].(string), out["record_id"].(string)
	p.event, _ = out["event_id"].(string)
	if strings.HasPrefix(p.cid, "-") {
		p.w.t.Errorf("the id %s is no argument of a command", p.cid)
	}
	cid, _ := parseCID(p.cid)
	site, _ := bySiteName(p.site)
	p.ref = p.w.ledger.keys.Load().ref(site.ID, cid)
}

// choice is the body of a choice.
func (p *person) choice(action string, purposes ...string) string {
	c := object{
		"site": p.site, "notice_id": p.notice, "lang": "nl", "action": action, "explicit": true, "adapter": "klaro", "ui": "cmp",
		"proof": object{"scheme": "klaro"}, "occurred_at": p.w.clock.Now(), "page": "https://example.com/prijzen?x=1",
	}
	chosen := object{}
	for _, id := range purposes {
		chosen[id] = true
	}
	c["purposes"] = chosen
	if p.cid != "" {
		c["cid"] = p.cid
	}
	return jsonText(c)
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(text)
}

// change changes the fields of a JSON object; nil takes one away.
func change(text string, fields object) string {
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic("BUG: " + err.Error())
	}
	for k, v := range fields {
		if v == nil {
			delete(o, k)
		} else {
			o[k] = v
		}
	}
	return jsonText(o)
}

// view is a batch of one page view, now.
func (p *person) view(path string) string {
	return p.batch(object{"n": "pageview", "u": "https://example.com" + path, "t": p.w.clock.Now().UnixMilli(), "q": 1, "s": "00000000000000ab"})
}

func (p *person) batch(events ...object) string {
	return jsonText(object{"now": p.w.clock.Now().UnixMilli(), "events": events})
}

// send sends a request with headers as "Name: value".
func (w *world) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0")
	if strings.HasPrefix(path, "/v1/sites/") || strings.HasPrefix(path, "/v1/audit/") {
		r.Header.Set("Authorization", ownerKey)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	return rec
}

// must sends a request that is answered with a status and gives the answer's JSON, if it has any.
func (w *world) must(method, path, body string, status int, headers ...string) map[string]any {
	w.t.Helper()
	rec := w.send(method, path, body, headers...)
	if rec.Code != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, rec.Code, rec.Body, status)
	}
	var out map[string]any
	if strings.Contains(rec.Header().Get("Content-Type"), "json") && !strings.Contains(rec.Header().Get("Content-Type"), "ndjson") {
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, rec.Body)
		}
	}
	return out
}

// refused sends a request that is refused with a status and code.
func (w *world) refused(method, path, body string, status int, code string, headers ...string) map[string]any {
	w.t.Helper()
	out := w.must(method, path, body, status, headers...)
	if out["code"] != code || out["status"] != float64(status) {
		w.t.Fatalf("%s %s: %v, want the code %s", method, path, out, code)
	}
	return out
}

func (p *person) bearer() string { return "Authorization: " + tokenScheme + " " + p.token }

// collects sends a batch and returns the status and the problem's code.
func (p *person) collects(body string) (int, string) {
	rec := p.w.send("POST", "/v1/x/events", body, p.bearer())
	var out struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(rec.Body.Bytes(), &out) // an answer that is no JSON has no code
	return rec.Code, out.Code
}

// renew takes a fresh token.
func (p *person) renew() {
	p.w.t.Helper()
	p.token = p.w.must("GET", "/v1/consent/state", "", 200, p.bearer())["token"].(string)
}

// sweep does now what the ledger does each hour.
func (w *world) sweep() {
	w.t.Helper()
	if err := w.ledger.do(func() error { return w.ledger.sweep(w.clock.Now()) }); err != nil {
		w.t.Fatal(err)
	}
}

// checkpoint signs the log now.
func (w *world) checkpoint() {
	w.t.Helper()
	if err := w.ledger.do(func() error { return w.ledger.checkpoint(w.clock.Now(), true) }); err != nil {
		w.t.Fatal(err)
	}
}

// erased waits until nothing of a person is left to erase.
func (w *world) erased(p *person) {
	w.t.Helper()
	site, _ := bySiteName(p.site)
	w.until("the person is erased", func() bool { return w.ledger.Erased(site.ID, p.ref) })
}

// until waits for what must come.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// states are the states of a person's events, in their order.
func (p *person) states() (out []State) {
	p.w.t.Helper()
	site, _ := bySiteName(p.site)
	events, err := p.w.ledger.history(subjectKey{site.ID, p.ref})
	if err != nil {
		p.w.t.Fatal(err)
	}
	for _, e := range events {
		out = append(out, e.State)
	}
	return out
}

// verify checks the ledger's directory while it is open: nothing is being written.
func (w *world) verify() *Report {
	w.t.Helper()
	r, err := Verify(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// must200 is the body of an answer.
func (w *world) must200(path string) string {
	w.t.Helper()
	rec := w.send("GET", path, "")
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s: %d %s", path, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// opened checks a checkpoint with the keys of the log.
func (w *world) opened(signed string) checkpoint {
	w.t.Helper()
	w.ledger.mu.Lock()
	known, err := verifiers(w.ledger.st.keys)
	w.ledger.mu.Unlock()
	if err != nil {
		w.t.Fatal(err)
	}
	c, _, err := openCheckpoint([]byte(signed), known...)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// tiles reckons the root from the tiles that are served.
func (w *world) tiles(c checkpoint) {
	w.t.Helper()
	reader := tlog.TileHashReader(tlog.Tree{N: c.size, Hash: c.root}, tileReader{w})
	for n := range c.size {
		if _, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)}); err != nil {
			w.t.Errorf("tile of leaf %d: %v", n, err)
		}
	}
	for _, path := range []string{"8/0/x001/000", "8/0/900", "7/0/000", "8/data/000", "x"} {
		w.refused("GET", "/v1/log/tile/"+path, "", 404, codeNotFound)
	}
}

type tileReader struct{ w *world }

func (tileReader) Height() int { return tileHeight }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		out[i] = []byte(r.w.must200("/v1/log/" + t.Path()))
	}
	return out, nil
}

func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func unbase64(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
