package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// exchange is a question of the page and what the server really answers to it; package dashboard writes and holds them.
type exchange struct {
	Report   string
	Question map[string]any
	Status   int
	Answer   json.RawMessage
}

// recordedExchanges are all exchanges, by the name of their file.
func recordedExchanges(t *testing.T) map[string]exchange {
	t.Helper()
	files, err := filepath.Glob("testdata/people/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	recorded := map[string]exchange{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e exchange
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		e.Question["site_id"] = "example.com" // the name is all that differs
		recorded[strings.TrimSuffix(filepath.Base(file), ".json")] = e
	}
	return recorded
}

// report answers just the questions that are recorded, and refuses any other in words that name it.
func (a *cannedAPI) report(r *http.Request) (int, any) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 400, map[string]string{"error": err.Error()}
	}
	if a.noReports {
		return 404, map[string]string{"error": "The opt-in path is off on this server."}
	}
	var question map[string]any
	if err := json.Unmarshal(body, &question); err != nil {
		return 400, map[string]string{"error": err.Error()}
	}
	report := strings.TrimPrefix(r.URL.Path, "/api/v1/reports/")
	for _, e := range a.exchanges {
		if e.Report == report && reflect.DeepEqual(e.Question, question) {
			return e.Status, e.Answer
		}
	}
	return 400, map[string]string{"error": fmt.Sprintf("not recorded: %s %s", report, body)}
}

// people opens a report of the page about the day of the exchanges.
func (tb *tab) people(more string) {
	tb.T.Helper()
	tb.visit("/example.com?tab=people&from=2026-03-30&to=2026-03-30" + more)
}

// set fills a field or a select as the browser does when somebody chooses.
func (tb *tab) set(selector, value string) {
	tb.T.Helper()
	tb.until("document.querySelector(`" + selector + "`)")
	eval[any](tb, "(() => { const e = document.querySelector(`"+selector+"`); e.value = `"+value+"`; "+
		"e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true })); })()")
}

// shows waits until each of the expressions is true of the page.
func (tb *tab) shows(expressions ...string) {
	tb.T.Helper()
	for _, e := range expressions {
		tb.until(e)
	}
}

// choose gives a file to a field, as a person does in the browser's own window.
func (tb *tab) choose(selector, path string) {
	tb.T.Helper()
	tb.until("document.querySelector(`" + selector + "`)")
	tb.do(chromedp.SetUploadFiles(selector, []string{path}))
}

// requests are the addresses to which the page began a request in the course of do. The page's icon is left out: the browser
// asks for it again after each change of the address, whenever it comes to it. What only tells of requests that have ended, as
// the page's own list of resources, would hold earlier ones too, and miss one that is under way.
func (tb *tab) requests(do func()) []string {
	tb.T.Helper()
	icon := eval[string](tb, `document.querySelector('link[rel=icon]').href`)
	ctx, stop := context.WithCancel(tb.Context())
	defer stop()
	var mu sync.Mutex
	var urls []string
	// Events come before the answer to whatever is asked of the page after them.
	err := chromedp.Listen(ctx, func(event any) {
		e, ok := event.(*network.EventRequestWillBeSent)
		if !ok || e.Request.URL == icon || strings.HasPrefix(e.Request.URL, "data:") {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		urls = append(urls, e.Request.URL)
	})
	if err != nil {
		tb.T.Fatal(err)
	}
	do()
	mu.Lock()
	defer mu.Unlock()
	return urls
}

// writePicture writes a blank picture of so many pixels.
func writePicture(path string, width, height int) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make a picture: %w", err)
	}
	return errors.Join(png.Encode(f, image.NewGray(image.Rect(0, 0, width, height))), f.Close())
}

func openPeople(t *testing.T) *tab {
	api := &cannedAPI{signedIn: true, exchanges: recordedExchanges(t)}
	return open(t, api.serve(t))
}

const (
	covered = `document.querySelector('[data-coverage]').innerText.startsWith('18 consented of 40 counted (45 %)')`
	rows    = `document.querySelectorAll('.numbers-table tbody tr').length`
)

// cell is an expression of what stands in a cell of a row.
func cell(row, number string) string {
	return fmt.Sprintf("document.querySelector(`.numbers-table [data-value=\"%s\"] [data-number=%s]`).innerText.trim()", row, number)
}

func TestPeopleFunnel(t *testing.T) {
	tb := openPeople(t)
	tb.people("")
	tb.shows(`document.querySelector('.none').innerText === 'Choose two to eight steps and press Show.'`,
		`document.querySelector('.builder [type=submit]').disabled`)
	field := func(step int) string { return fmt.Sprintf(`[aria-label^="Step %d: "]:is(input)`, step) }
	tb.write(field(1), "/pricing")
	tb.set(`select[aria-label="Step 2: what it is"]`, "event")
	tb.write(field(2), "Signup")
	tb.click("[data-add=step]")
	tb.set(`select[aria-label="Step 3: what it is"]`, "event")
	tb.write(field(3), "Purchase")
	tb.set("[name=breakdown]", "visit:source")
	for _, name := range []string{"next", "distribution", "compare"} {
		tb.click(".builder [name=" + name + "]")
	}
	tb.click(".builder [type=submit]")
	tb.shows(covered, `!document.querySelector('[data-weighting]')`,
		cell("Signup", "count")+` === '8'`, cell("Signup", "conversion")+` === '44.4%'`, cell("Signup", "lost")+` === '10'`,
		cell("Purchase", "went-on")+` === '75%'`, cell("Purchase", "time")+` === '2m'`, cell("Purchase", "before")+` === '0 (–)'`,
		`document.querySelector('[data-value=Signup] .meter-fill').style.width === '44.44%'`,
		`document.querySelector('[data-group=Google]').innerText.match(/9.4.3/s)`,
		`document.querySelector('[data-next="Visit /docs"]').innerText.match(/5.*50%/s)`,
		`document.querySelector('.answer .note').innerText.includes('may still go on')`,
		`new URLSearchParams(location.search).get('ask').includes('"Purchase"')`)

	// Weighted, the same question gives other numbers; Back gives the plain ones.
	tb.click("[name=weight]")
	tb.shows(`document.querySelector('[data-weighting]').innerText.includes('by source, device, country')`,
		cell("Signup", "conversion")+` !== '44.4%'`, `location.search.includes('weight=1')`)
	eval[any](tb, `history.back()`)
	tb.shows(cell("Signup", "conversion")+` === '44.4%'`, `document.querySelector('[name=weight]').checked === false`)
}

// The builder asks what it shows, keeps what goes together, and says what the server refuses.
func TestPeopleFunnelBuilder(t *testing.T) {
	tb := openPeople(t)
	ask := func(question string) {
		tb.people("&ask=" + strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D").Replace(question))
	}
	ask(`{"steps":[{"page":"/pricing"},{"event":"Signup"}],"order":"strict"}`)
	tb.shows(covered, cell("Signup", "count")+` === '8'`, `document.querySelector('[name=order]').value === 'strict'`)

	tb.set("[name=order]", "ordered")
	tb.set("[name=window]", "2")
	tb.set("[name=unit]", "hour")
	tb.set("[name=count]", "sessions")
	tb.click("[data-add=hold]")
	tb.set("[name=hold]", "visit:country")
	tb.click("[data-add=exclusion]")
	tb.shows(`document.querySelector('.builder [type=submit]').disabled`) // it names nothing yet
	tb.set(`select[aria-label="Not between the steps 1: what it is"]`, "page")
	tb.write(`[aria-label="Not between the steps 1: path"]`, "/docs")
	tb.click(".builder [type=submit]")
	tb.shows(cell("Signup", "count")+` === '8'`, `document.querySelector('thead .num').innerText === 'Sessions'`)

	ask(`{"steps":[{"page":"/pricing"},{"event":"Signup"}],"order":"strict"}`)
	tb.shows(covered)
	tb.set("[name=order]", "ordered")
	tb.click(`[aria-label="+ where: a condition on Step 2"]`)
	tb.set(`select[aria-label="Step 2: condition 1"]`, "visit:source")
	tb.write(`[aria-label^="Step 2: values 1"]`, "Google, Bing")
	// What is typed stands when the page is drawn anew, as it is when suggestions come.
	eval[any](tb, `dispatchEvent(new PopStateEvent('popstate'))`)
	tb.click(".builder [type=submit]")
	tb.shows(cell("Signup", "count") + ` === '4'`)

	ask(`{"steps":[{"page":"pricing"},{"event":"Signup"}]}`)
	tb.shows(`document.querySelector('.refusal').innerText.includes('is not a path')`)
	ask(`[7`) // nothing that can be read is nothing asked
	tb.shows(`document.querySelector('.none').innerText.includes('Choose two to eight steps')`)
}

func TestPeopleRetention(t *testing.T) {
	tb := openPeople(t)
	tb.people("")
	tb.click("[data-report=retention]")
	tb.shows(covered, `location.search.includes('report=retention')`,
		`document.querySelector('[data-cohort="2026-03-30"]').innerText.match(/^30 Mar 2026\s+18\s+100%\s+0%\*/) ||
			document.querySelector('[data-cohort="2026-03-30"]').innerText.match(/^Mar 30, 2026\s+18\s+100%\s+0%\*/)`,
		`document.querySelectorAll('[data-cohort="2026-03-30"] .incomplete').length === 1`,
		`document.querySelector('.curve svg').getAttribute('aria-label') === 'Day 0: 100%'`)
	tb.click("[name=weight]")
	tb.shows(`document.querySelector('[data-weighting]')`)
	tb.click("[name=weight]")
	tb.shows(`!document.querySelector('[data-weighting]')`)
	tb.set(`select[aria-label="Began with: what it is"]`, "page")
	tb.write(`[aria-label="Began with: path"]`, "/pricing")
	tb.set("[name=mode]", "brackets")
	tb.write("[name=brackets]", "0, 3-1")
	tb.shows(`document.querySelector('.builder [type=submit]').disabled`)
	tb.write("[name=brackets]", "0, 1-3")
	tb.click(".builder [type=submit]")
	tb.shows(`[...document.querySelectorAll('thead th')].map((h) => h.innerText).join() === 'Began,People,Day 0,Days 1–3'`)
}

func TestPeopleJourneys(t *testing.T) {
	tb := openPeople(t)
	tb.people("&report=journeys")
	tb.shows(covered, `document.querySelector('[data-edge="0 Visit /pricing Signup"]').innerText.match(/8\s+44%/)`,
		`document.querySelector('[data-node="0 Visit /pricing"] text').textContent === '/pricing 18'`,
		`document.querySelectorAll('.flow .band').length === `+rows)
	tb.click(".paths summary")
	tb.shows(`document.querySelector('[data-path="Visit /pricing → Signup → Purchase"]').innerText.match(/6\s+33.3%/)`)
	tb.click(".cohort summary")
	tb.click("[data-add=rule]")
	tb.write(`[aria-label="Rule 1: name"]`, "Signup")
	tb.click(".cohort [type=submit]")
	tb.shows(`document.querySelector('.cohort summary').innerText.match(/Only who did: Signup.*8 people/)`,
		`document.querySelector('[data-edge="0 Visit /pricing Signup"]').innerText.match(/8\s+100%/)`)
	tb.people(`&report=journeys&ask={"anchor":{"event":"Purchase"},"direction":"to","steps":2}`)
	tb.shows(`document.querySelector('[data-edge="0 Purchase Signup"]')`,
		`document.querySelector('[data-node="0 Purchase"] rect').getAttribute('x') === '380'`)
}

func TestPeopleAdoption(t *testing.T) {
	tb := openPeople(t)
	tb.people("&report=adoption")
	tb.write(`[aria-label="Feature 1: name"]`, "Signup")
	tb.click("[data-add=feature]")
	tb.set(`select[aria-label="Feature 2: what it is"]`, "event")
	tb.write(`[aria-label="Feature 2: name"]`, "Export")
	tb.click(".builder [type=submit]")
	tb.shows(covered, `document.querySelector('[data-figure=active]').innerText === '18'`,
		`document.querySelector('[data-figure=dau_mau]').innerText === '100%'`,
		cell("Signup", "share")+` === '44.4%'`, cell("Export", "people")+` === '0'`,
		`document.querySelector('[data-never]').innerText.endsWith(': Export.')`)
}

func TestPeopleClicks(t *testing.T) {
	tb := openPeople(t)
	tb.people("&report=clicks")
	tb.shows(covered, cell("button#buy", "clicks")+` === '6'`, cell("button#buy", "seen")+` === '18'`, cell("img.hero", "dead")+` === '6'`,
		`document.querySelector('[data-value="a.terms"]').innerText.includes('never clicked')`,
		`!document.querySelector('[name=weight]')`) // clicks are of nobody
	tb.set("[name=only]", "never")
	tb.click(".builder [type=submit]")
	tb.shows(rows + ` === 1 && document.querySelector('[data-value="a.terms"]')`)

	tb.visit("/example.com?tab=people&report=clicks&from=2026-03-29&to=2026-03-29")
	tb.shows(`document.querySelector('[data-coverage]').innerText.startsWith('0 consented of 0 counted')`,
		`document.querySelector('[data-nobody]').innerText.startsWith('Nobody who consented came')`,
		`document.querySelector('.answer .none').innerText === 'No such clicks in these days.'`)
}

func TestPeopleHeatmap(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "page.png")
	text := filepath.Join(t.TempDir(), "page.txt")
	if err := errors.Join(writePicture(picture, 1280, 900), os.WriteFile(text, []byte("no picture"), 0o600)); err != nil {
		t.Fatal(err)
	}
	tb := openPeople(t)
	tb.people("&report=heatmap")
	tb.shows(`document.querySelector('.answer .none').innerText.includes('Fewer than 5 clicks are kept of /')`)
	// Until the next page's answer is there, that of this one stands under its own name.
	eval[any](tb, `void new MutationObserver(() => {
		if (document.querySelector('.answer .none')?.innerText.includes('of /pricing')) document.body.dataset.wrongName = '';
	}).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true })`)
	tb.set("[name=page]", "/pricing")
	tb.click(".builder [type=submit]")
	tb.shows(covered, `document.querySelectorAll('.heat rect').length === 2 && document.body.dataset.wrongName === undefined`,
		`document.querySelector('[data-spot="680 160"]').innerText.match(/50%\s+160 px\s+9/)`,
		`document.querySelector('select[name=width]').selectedOptions[0].text === '1280–1439 px (11)'`)

	// Another width of the window is another map.
	tb.set("select[name=width]", "320")
	tb.shows(`document.querySelectorAll('.heat rect').length === 1 && location.search.includes('320')`)
	tb.set("select[name=width]", "1280")
	tb.shows(`document.querySelectorAll('.heat rect').length === 2`)

	// The picture is shown below the cells, in the page's own measure, and goes nowhere.
	asked := tb.requests(func() {
		tb.choose("[name=picture]", picture)
		tb.shows(`document.querySelector('.heat img').complete && document.querySelector('.heat img').naturalWidth === 1280`,
			`document.querySelector('.heat img').src.startsWith('data:image/png;base64,')`,
			`document.querySelector('.heat svg').getAttribute('viewBox') === '0 0 1280 900'`,
			`Math.abs(document.querySelector('.heat img').getBoundingClientRect().height -
				document.querySelector('.heat svg').getBoundingClientRect().height) < 1`)
	})
	if len(asked) > 0 {
		t.Errorf("requests when a picture was chosen: %q", asked)
	}
	tb.set("[name=kind]", "scroll")
	tb.click(".builder [type=submit]")
	tb.shows(`document.querySelectorAll('.heat.scroll rect').length === 2`,
		`document.querySelector('[data-spot="0 800"]').innerText.match(/800–1,600 px\s+6/)`)
	tb.choose("[name=picture]", text)
	tb.shows(`document.querySelector('.answer [role=alert]').innerText.includes('no picture')`)
}

// Where there is no opt-in path the page says so, in the server's words.
func TestPeopleOff(t *testing.T) {
	api := &cannedAPI{signedIn: true, noReports: true}
	tb := open(t, api.serve(t))
	tb.people("&report=clicks")
	tb.shows(`document.querySelector('.refusal').innerText.includes('The opt-in path is off on this server.')`)
}

// axe-core finds nothing to complain about in any report, in either theme, on a wide and a narrow screen.
func TestPeopleAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	tb := openPeople(t)
	const funnel = `&ask={"steps":[{"page":"/pricing"},{"event":"Signup"},{"event":"Purchase"}],"breakdown":"visit:source",` +
		`"next":true,"distribution":true,"compare":"previous_period"}`
	for _, c := range []struct{ name, more string }{
		{"a funnel", funnel},
		{"weighted", funnel + "&weight=1"},
		{"retention", "&report=retention"},
		{"journeys", "&report=journeys"},
		{"adoption", `&report=adoption&ask={"features":[{"event":"Signup"},{"event":"Export"}]}`},
		{"clicks", "&report=clicks"},
		{"a heatmap", `&report=heatmap&ask={"page":"/pricing"}`},
	} {
		for _, theme := range []string{"light", "dark"} {
			tb.people(c.more)
			eval[any](tb, `localStorage.setItem('turf-theme', '`+theme+`')`)
			tb.do(chromedp.Reload())
			tb.until(covered)
			tb.audit(c.name+", "+theme, string(axe))
		}
		tb.do(chromedp.EmulateViewport(360, 740))
		tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)
		tb.audit(c.name+", narrow", string(axe))
		tb.do(chromedp.EmulateViewport(1280, 900))
		tb.until(`innerWidth === 1280`)
	}
	tb.people("")
	tb.until(`document.querySelector('.answer, .none')`)
	tb.audit("nothing asked", string(axe))
}
