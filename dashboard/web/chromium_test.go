package web

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	// renderTimeout is how long one thing that a test does or waits for may take, on a busy machine.
	renderTimeout = 60 * time.Second
	closeTimeout  = 20 * time.Second
	// lookEvery is how often a test looks whether the page is as it should be.
	lookEvery = 20 * time.Millisecond
)

// browsers are the names under which Chromium may be installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"}

// chromium is the browser of the test process, started by the first test that needs it. Each test has a tab and a
// storage of its own in it.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop context.CancelFunc
	dir  string
	err  error
}

var errNoChromium = errors.New("no Chromium is installed, so the page cannot be looked at")

func TestMain(m *testing.M) {
	status := m.Run()
	if err := closeChromium(); err != nil {
		fmt.Fprintln(os.Stderr, "close the browser:", err)
		status = 1
	}
	os.Exit(status)
}

func startChromium() error {
	path := ""
	for _, name := range browsers {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		return errNoChromium
	}
	var err error
	if chromium.dir, err = os.MkdirTemp("", "turf-chromium-test-"); err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
		chromedp.UserDataDir(chromium.dir), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-US"), chromedp.WSURLReadTimeout(renderTimeout))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses to run as root
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	chromium.stop = stop
	chromium.ctx, _ = chromedp.NewContext(ctx)
	return chromedp.Do(chromium.ctx) // starts it
}

func closeChromium() error {
	if chromium.stop == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(chromium.ctx, closeTimeout)
	defer cancel()
	err := chromedp.Cancel(ctx)
	chromium.stop()
	return errors.Join(err, os.RemoveAll(chromium.dir))
}

// tab is a tab that a test drives. Its methods end the test when they fail.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string
}

// pageText is what there is to read, for messages.
const pageText = `location.href + '\n' + document.body.innerText`

// open opens a tab of 1280 by 900 with nothing in its storage. The test is skipped where there is no browser.
func open(t *testing.T, server *httptest.Server) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no browser")
	}
	chromium.once.Do(func() { chromium.err = startChromium() })
	if errors.Is(chromium.err, errNoChromium) {
		t.Skip(chromium.err)
	}
	if chromium.err != nil {
		t.Fatal("start the browser: ", chromium.err)
	}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	tb := &tab{t: t, ctx: ctx, base: server.URL}
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // opens it; its life is that of this context, not of one step's
		t.Fatal("open a tab: ", err)
	}
	tb.do(chromedp.EmulateViewport(1280, 900))
	tb.watchConsole()
	return tb
}

// watchConsole fails the test on what the page writes to the console. A refused question (HTTP 400) is an answer like
// any other, though Chromium notes it as a network message.
func (tb *tab) watchConsole() {
	ctx, stop := context.WithCancel(tb.ctx)
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	tb.t.Cleanup(func() {
		stop()
		<-done
	})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return // the test is over
			}
			if m.Source != "network" {
				tb.t.Errorf("console: %s (%s)", m, m.URL)
			}
		}
	}()
}

// do takes steps, each of which ends within renderTimeout.
func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(tb.ctx, renderTimeout)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			tb.t.Fatalf("step %d: %v", i+1, err)
		}
	}
}

func (tb *tab) visit(path string) {
	tb.t.Helper()
	tb.do(chromedp.Navigate(tb.base + path))
}

// eval is the value of a JavaScript expression.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, renderTimeout)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for a JavaScript expression to be true; one that throws is not true yet. It asks from here, because the
// page's policy allows no eval inside it.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	for deadline := time.Now().Add(renderTimeout); time.Now().Before(deadline); {
		if eval[bool](tb, "(() => { try { return Boolean("+expression+"); } catch { return false; } })()") {
			return
		}
		tb.do(chromedp.Sleep(lookEvery))
	}
	tb.t.Fatalf("never came: %s\nthe page: %s", expression, eval[string](tb, pageText))
}

// wait waits until something outside the page is true.
func (tb *tab) wait(what string, is func() bool) {
	tb.t.Helper()
	for deadline := time.Now().Add(renderTimeout); !is(); tb.do(chromedp.Sleep(lookEvery)) {
		if time.Now().After(deadline) {
			tb.t.Fatalf("never came: %s", what)
		}
	}
}

// middle is where the element's middle is in the window, once it is scrolled into sight and neither covered nor
// disabled.
const middle = `(() => { const e = document.querySelector(%q); if (!e || e.disabled) return [];
	e.scrollIntoView({ block: 'center', behavior: 'instant' });
	const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
	return r.width > 0 && e.contains(document.elementFromPoint(x, y)) ? [x, y] : []; })()`

// at waits until the element can take a click and stays where it is, and returns its middle.
func (tb *tab) at(selector string) (x, y float64) {
	tb.t.Helper()
	var before []float64
	for deadline := time.Now().Add(renderTimeout); time.Now().Before(deadline); {
		now := eval[[]float64](tb, fmt.Sprintf(middle, selector))
		if len(now) == 2 && slices.Equal(now, before) {
			return now[0], now[1]
		}
		before = now
		tb.do(chromedp.Sleep(lookEvery))
	}
	tb.t.Fatalf("cannot be clicked: %s\nthe page: %s", selector, eval[string](tb, pageText))
	return 0, 0
}

func (tb *tab) click(selector string) {
	tb.t.Helper()
	x, y := tb.at(selector)
	tb.do(chromedp.MouseClickXY(x, y))
}

func (tb *tab) hover(selector string) {
	tb.t.Helper()
	x, y := tb.at(selector)
	tb.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

// write replaces what is in a field by keys, as a hand does.
func (tb *tab) write(selector, text string) {
	tb.t.Helper()
	tb.click(selector)
	eval[any](tb, "document.querySelector(`"+selector+"`).select()")
	tb.do(chromedp.KeyEvent(text))
}
