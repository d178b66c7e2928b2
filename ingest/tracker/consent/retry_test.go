package consent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"turf/ingest"
	optin "turf/ingest/consent"
	"turf/ingest/tracker/browsertest"
	"turf/schema"
)

// P6: the collector keeps a batch and its answer is lost, twice. The script sends it again, and it is kept once, heat cells
// included.
func TestLostAnswers(t *testing.T) {
	tab := browsertest.Open(t)
	s, c := newSite(t), newCollector(t)
	s.real = c
	s.head, s.tag = `<script src="/fake/manual"></script>`, tagOf("turf-consent.manual.js", `data-consent="manual"`)
	s.body = `<button id="buy">Buy</button>`
	s.open(tab, "/page")
	tab.Run(`await act('accept')`)
	until := func(true func() bool) {
		s.until(tab, func() bool { tab.Run(flush); return true() })
	}
	until(func() bool { return c.stored("pageview") == 1 })
	before := len(c.answered())
	c.cut(2)
	tab.Run(sequence + `turf('Lost'); turf('Lost too'); clickAt('#buy', 3, 2)`)
	until(func() bool { return len(c.answered()) > before })
	tab.Run(`turf('Next')`)
	until(func() bool { return c.stored("Next") == 1 })
	for name, want := range map[string]int{"pageview": 1, "Lost": 1, "Lost too": 1, "$click": 3, "$rage": 1, "Next": 1} {
		if got := c.stored(name); got != want {
			t.Errorf("%d rows of %s, want %d", got, name, want)
		}
	}
	if clicks := c.clicks(schema.HeatClick); clicks != 3 {
		t.Errorf("%d clicks in the heat cells, want 3", clicks)
	}
	lost, answered := c.cutOff(), c.answered()
	known := func(b sentBatch) bool { return b.id == lost[0].id }
	if len(lost) != 2 || !known(lost[1]) || !slices.ContainsFunc(answered, known) {
		t.Errorf("lost were %v, answered %v", lost, answered)
	}
	for _, b := range answered {
		if b.id == lost[0].id && b.text != lost[0].text {
			t.Errorf("the batch changed from\n%s to\n%s", lost[0].text, b.text)
		}
	}
	last := answered[len(answered)-1]
	if len(last.id) < 16 || last.id == lost[0].id {
		t.Errorf("the next batch has the id %q, the one before %q", last.id, lost[0].id)
	}
}

// A batch that is refused for what it is goes away; the next one is sent.
func TestRefusedBatches(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, ``)
	for _, status := range []int{400, 404, 413, 422} {
		s.forget()
		s.set(func(c call) (int, any) {
			if c.path == "/v1/x/events" && slices.ContainsFunc(c.body["events"].([]any), func(e any) bool {
				return e.(map[string]any)["n"] == "Bad"
			}) {
				return status, map[string]string{"code": "malformed"}
			}
			return 0, nil
		})
		tab.Run(`turf('Bad');` + flush)
		s.wait(t, "/v1/x/events", 1)
		tab.Run(`turf('Good')`)
		s.sent(tab, "Good /page?x=1")
		if got := s.events("$seen"); !slices.Equal(got, []string{"Bad /page?x=1", "Good /page?x=1"}) {
			t.Errorf("%d: sent were %q", status, got)
		}
	}
}

// A token that cannot be renewed for a while is no refusal: the same batch is sent again when it can.
func TestTokenLater(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, ``)
	renewals := 0
	s.set(func(c call) (int, any) {
		switch {
		case c.path == "/v1/x/events" && renewals < 2:
			return 401, map[string]string{"code": "token_invalid"}
		case c.path == "/v1/consent/state":
			if renewals++; renewals < 2 {
				return 503, map[string]string{"code": "ledger_unavailable"}
			}
		}
		return 0, nil
	})
	s.forget()
	tab.Run(`turf('Later')`)
	// Refused, and refused again with the token that could not be renewed; the third has the new one.
	s.until(tab, func() bool { tab.Run(flush); return len(s.all("/v1/x/events")) > 2 })
	if n := len(s.all("/v1/consent/state")); n != 2 {
		t.Errorf("%d renewals", n)
	}
	ids := map[any]bool{}
	for _, c := range s.all("/v1/x/events") {
		if ids[c.body["id"]] = true; c.body["token"] != "token-1" {
			t.Errorf("sent with the token %v", c.body["token"])
		}
	}
	if len(ids) != 1 || browsertest.Eval[string](tab, `ours()`) != "turf_id" {
		t.Errorf("batches %v", ids)
	}
}

// While the ledger does not answer, the script waits for longer each time, and what waits is bounded.
func TestLedgerAway(t *testing.T) {
	tab := browsertest.Open(t)
	s := granted(t, tab, ``)
	s.set(func(c call) (int, any) {
		if c.path == "/v1/x/events" {
			return 503, map[string]string{"code": "ledger_unavailable"}
		}
		return 0, nil
	})
	s.forget()
	// No time passes, but it is written down how long the script would wait after a refusal; 5 s is the time of a batch.
	tab.Run(`window.waits = []; { let wait = window.setTimeout; window.setTimeout = (then, ms, ...args) => {
		if (ms >= 5000 && waits.length < 8) { if (ms > 5000) waits.push(ms); ms = 0 }
		return wait(then, ms, ...args) } }
		for (let i = 0; i < 1000; i++) turf('Away', {props: {i}})`)
	tab.Until(`waits.length == 8`)
	waits := browsertest.Eval[[]int](tab, `waits`)
	want := []int{10_000, 20_000, 40_000, 80_000, 160_000, 160_000, 160_000, 160_000}
	if got := slices.Compact(slices.Clone(waits)); !slices.Equal(got, slices.Compact(want)) {
		t.Errorf("the script waited for %v ms, want %v", waits, want)
	}
	ids := map[any]bool{}
	for _, c := range s.all("/v1/x/events") {
		ids[c.body["id"]] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d batches while none was answered: %v", len(ids), ids)
	}
	s.set(nil)
	s.forget()
	s.sent(tab, `Away /page?x=1 {"i":"999"}`)
	lines := s.events("$seen")
	if n := len(lines); n < 500 || n > 600 {
		t.Errorf("%d events were kept of 1000", n)
	}
	slices.Sort(lines)
	if n := len(lines) - len(slices.Compact(lines)); n > 0 {
		t.Errorf("%d events came twice", n)
	}
}

// collector is the real server of the opt-in path, with a store in memory that forgets no row and knows no token. It may
// keep what it is sent, and cut the connection.
type collector struct {
	http.Handler
	mu    sync.Mutex
	rows  []schema.ConsentedEvent
	cells []schema.HeatCell
	cuts  int
	lost  []sentBatch
	taken []sentBatch
}

// sentBatch is a batch's id, and what is in it.
type sentBatch struct{ id, text string }

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	ledger, err := optin.Open(optin.Config{Dir: filepath.Join(t.TempDir(), "consent"), Store: c, Build: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	agents, err := ingest.NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	site := schema.Site{ID: 1, Domain: "shop.test", Timezone: "UTC"}
	steps, err := ingest.NewSteps(func(string) (schema.Site, bool) { return site, true }, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := optin.NewServer(optin.ServerConfig{
		Ledger: ledger, Describer: ingest.NewDescriber(steps, nil, false, -1),
		Sites:     func(string) (schema.Site, bool) { return site, true },
		Site:      func(schema.SiteID) (schema.Site, bool) { return site, true },
		Authorize: func(*http.Request, schema.SiteID, optin.Role) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	server.Register(e)
	c.Handler = e
	c.own(t, http.MethodPut, "consent", `{"on":true}`)
	for _, id := range []string{"events", "journeys", "heatmap"} {
		c.own(t, http.MethodPost, "purposes", `{"id":"`+id+`","data":["pages"],"retention_days":396}`)
	}
	c.own(t, http.MethodPost, "notices", `{"default_lang":"en","lang":{"en":{"title":"May we?","body":"Measure.","accept":"Yes",
		"reject":"No","save":"Save","privacy":"Privacy","purposes":{"events":"e","journeys":"j","heatmap":"h"}}},
		"purposes":["events@1","journeys@1","heatmap@1"],"controller":{"name":"Shop","address":"Here","contact":"privacy@shop.test"},
		"jurisdiction":"NL","withdrawal_method":"the link below","storage_locations":["NL"],"rights_url":"https://shop.test/privacy",
		"authority":"Autoriteit Persoonsgegevens","material":true,"valid_from":"2020-01-01T00:00:00Z"}`)
	return c
}

// own is a request of the site's owner.
func (c *collector) own(t *testing.T, method, what, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	c.Handler.ServeHTTP(w, httptest.NewRequest(method, "/v1/sites/shop.test/"+what, strings.NewReader(body)))
	if w.Code > 299 {
		t.Fatalf("%s %s: %d %s", method, what, w.Code, w.Body)
	}
}

// cut has the next n batches kept and their answers lost.
func (c *collector) cut(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cuts = n
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/x/events" {
		c.Handler.ServeHTTP(w, r)
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<18))
	if err != nil {
		return // the client went away
	}
	var b struct {
		ID           string
		Events, Heat json.RawMessage
	}
	if err := json.Unmarshal(text, &b); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	answer := httptest.NewRecorder()
	c.Handler.ServeHTTP(answer, r)
	sent := sentBatch{b.ID, fmt.Sprintf("%s %s", b.Events, b.Heat)}
	c.mu.Lock()
	cut := c.cuts > 0
	if cut {
		c.cuts--
		c.lost = append(c.lost, sent)
	} else {
		c.taken = append(c.taken, sent)
	}
	c.mu.Unlock()
	if cut {
		panic(http.ErrAbortHandler) // closes the connection
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the browser may be gone
}

func (c *collector) answered() []sentBatch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken)
}

func (c *collector) cutOff() []sentBatch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lost)
}

// stored is how many rows have a name.
func (c *collector) stored(name string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.rows {
		if c.rows[i].Name == name {
			n++
		}
	}
	return n
}

// clicks is the sum of the cells of a kind.
func (c *collector) clicks(kind string) (n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.cells {
		if c.cells[i].Kind == kind {
			n += c.cells[i].Count
		}
	}
	return n
}

func (c *collector) WriteEvents(_ context.Context, _ string, events []schema.ConsentedEvent) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows = append(c.rows, events...)
	return nil
}

func (c *collector) WriteHeat(_ context.Context, _ string, cells []schema.HeatCell) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cells = append(c.cells, cells...)
	return nil
}

func (*collector) Erase(context.Context, schema.SiteID, schema.PersonRef) error { return nil }

func (*collector) Export(context.Context, schema.SiteID, schema.PersonRef, func(schema.ConsentedEvent) error) error {
	return nil
}
