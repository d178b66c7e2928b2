package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"turf/ingest/tracker/browsertest"
)

const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"

// newShop is a web site of another origin, with Turf's tag on each page and a button that changes the page without loading one.
func newShop(t *testing.T, tag string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,">%s</head><body>
			<h1>%s</h1><a id="pricing" href="/pricing" data-turf-click="pricing">Pricing</a>
			<button onclick="history.pushState(null, '', '/cart'); document.querySelector('h1').textContent = '/cart'">Cart</button>
			<button id="buy" data-turf-click="buy" onclick="turf('Purchase', {props: {plan: 'pro'}})">Buy</button></body></html>`, tag, r.URL.Path)
	}))
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	return "http://shop.test:" + port
}

// TestBrowserToDashboard opens pages with the tag in a real browser, and the dashboard shows the numbers.
func TestBrowserToDashboard(t *testing.T) {
	in := install(t)
	in.must(nil, "site", "add", "shop.test", "--timezone", quietZone())
	server := in.serve("--flush-interval", "2s") // as in use
	shop := newShop(t, `<script defer data-domain="shop.test" src="`+server.url+`/js/turf.js"></script>`)

	tab := browsertest.Open(t)
	asChrome(t, tab)
	tab.Visit(shop + "/?utm_source=newsletter&utm_medium=email")
	tab.Click("#pricing")
	tab.Until(`document.querySelector('h1').textContent === '/pricing' && document.readyState === 'complete'`)
	tab.Click("button")
	tab.Until(`document.querySelector('h1').textContent === '/cart'`)
	tab.Click("#buy")
	tab.Do(chromedp.NavigateBack()) // from /cart to /pricing, in the same document
	tab.Until(`location.pathname === '/pricing'`)

	last := time.Now()
	board := tab.Another()
	board.Visit(server.url + "/shop.test?period=day")
	for _, want := range []string{
		`document.querySelector('[data-metric=visitors][data-value="1"]')`,
		`document.querySelector('[data-metric=visits][data-value="1"]')`,
		`document.querySelector('[data-metric=pageviews][data-value="4"]')`,
		`document.querySelector('[data-metric=bounce_rate][data-value="0"]')`,
		`document.querySelector('[data-panel=pages] [data-value="/"]')`,
		`document.querySelector('[data-panel=pages] [data-value="/pricing"]')`,
		`document.querySelector('[data-panel=pages] [data-value="/cart"]')`,
		`document.querySelector('[data-panel=events] [data-value="Purchase"]')`,
		`document.querySelector('[data-current="1"]')`,
	} {
		board.Until(want)
	}
	t.Logf("the dashboard showed it %.1f s after the last page", time.Since(last).Seconds())
	notBlank(t, board)
	board.Until(`document.querySelectorAll('[role=alert], .refusal').length === 0`)

	key := in.key("shop.test")
	compareRows(t, "pages", server.query(key, map[string]any{
		"site_id": "shop.test", "metrics": []string{"pageviews"}, "date_range": "day", "dimensions": []string{"event:page"},
	}), rows{"/": {1}, "/pricing": {2}, "/cart": {1}})
	compareRows(t, "sources", server.query(key, map[string]any{
		"site_id": "shop.test", "metrics": []string{"visits"}, "date_range": "day",
		"dimensions": []string{"visit:channel"},
	}), rows{"Email": {1}})
	compareRows(t, "tags", server.query(key, map[string]any{
		"site_id": "shop.test", "metrics": []string{"visits"}, "date_range": "day",
		"dimensions": []string{"visit:utm_source", "visit:utm_medium"},
	}), rows{"newsletter|email": {1}})
	compareRows(t, "browsers", server.query(key, map[string]any{
		"site_id": "shop.test", "metrics": []string{"visitors"}, "date_range": "day", "dimensions": []string{"visit:browser"},
	}), rows{"Chrome": {1}})
	compareRows(t, "events", server.query(key, map[string]any{
		"site_id": "shop.test", "metrics": []string{"events"}, "date_range": "day",
		"dimensions": []string{"event:name", "event:props:plan"}, "filters": []any{[]any{"is", "event:name", []string{"Purchase"}}},
	}), rows{"Purchase|pro": {1}})
}

// asChrome takes from a browser what says that it is headless: a robot.
func asChrome(t *testing.T, tab *browsertest.Tab) {
	t.Helper()
	params := emulation.SetUserAgentOverrideParams{UserAgent: chrome}
	if _, err := chromedp.Call(tab.Context(), emulation.SetUserAgentOverride, params); err != nil {
		t.Fatal(err)
	}
}

// TestVitalsToDashboard opens a page that tells how fast it was, and the dashboard shows it; it is no event, and a bounce stays one.
func TestVitalsToDashboard(t *testing.T) {
	in := install(t)
	in.must(nil, "site", "add", "shop.test", "--timezone", quietZone())
	server := in.serve()
	shop := newShop(t, `<script defer data-domain="shop.test" src="`+server.url+`/js/turf.vitals.js"></script>`)
	tab := browsertest.Open(t)
	asChrome(t, tab)
	tab.Visit(shop + "/pricing")
	tab.Run(`await new Promise(requestAnimationFrame); await new Promise((done) => setTimeout(done, 100))`)
	board := tab.Another() // which hides the page
	board.Visit(server.url + "/shop.test?period=day")
	board.Until(`document.querySelector('.vitals summary').innerText.match(/LCP [0-9.]+m?s .*CLS 0.0 .good/)`)
	board.Click(".vitals summary")
	board.Until(`document.querySelector('.vitals [data-value="/pricing"]')`)

	key := in.key("shop.test")
	ask := func(dimensions []string, metrics ...string) rows {
		return server.query(key, map[string]any{"site_id": "shop.test", "metrics": metrics, "date_range": "day", "dimensions": dimensions})
	}
	compareRows(t, "measurements", ask([]string{"event:page"}, "lcp_views", "fcp_views", "ttfb_views", "cls_views"),
		rows{"/pricing": {1, 1, 1, 1}})
	compareRows(t, "one visitor's device is hidden", ask([]string{"visit:device"}, "lcp_views"), rows{"(other)": {1}})
	compareRows(t, "visits", ask([]string{"visit:device"}, "visits", "events", "bounce_rate"), rows{"Desktop": {1, 1, 100}})
	if events := ask([]string{"event:name"}, "events"); len(events) > 0 {
		t.Errorf("counted as events: %v", events)
	}
	in.must(nil, "verify")
}

// notBlank looks at a picture of the page: it has a background, and more than a line of what is on it, all over.
func notBlank(t *testing.T, tab *browsertest.Tab) {
	t.Helper()
	shot, err := chromedp.Run(tab.Context(), chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	bounds := picture.Bounds()
	for i := range 3 {
		height := bounds.Dy() / 3
		part := image.Rect(bounds.Min.X, bounds.Min.Y+i*height, bounds.Max.X, bounds.Min.Y+(i+1)*height)
		colours := map[[3]uint32]int{}
		for y := part.Min.Y; y < part.Max.Y; y++ {
			for x := part.Min.X; x < part.Max.X; x++ {
				r, g, b, _ := picture.At(x, y).RGBA()
				colours[[3]uint32{r, g, b}]++
			}
		}
		most := 0
		for _, n := range colours {
			most = max(most, n)
		}
		if all := part.Dx() * part.Dy(); len(colours) < 20 || most > all*995/1000 {
			t.Errorf("third %d of the page is nearly blank: %d colours, one in %d of %d points", i+1, len(colours), most, all)
		}
	}
}
