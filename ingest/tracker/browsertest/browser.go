// Package browsertest drives a real Chromium in tests, and records what trackers post. Nothing that ships imports it.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

const (
	// browserTimeout is how long a test may use one browser; each step has its own, shorter limit.
	browserTimeout = 10 * time.Minute
	// waitTimeout is how long anything awaited may take, on a busy machine.
	waitTimeout = 60 * time.Second
	// pollInterval is how often a condition in the page is looked at.
	pollInterval = 20 * time.Millisecond
)

// names are the names under which Chromium may be installed.
var names = []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"}

// Tab is a browser's tab that a test drives; it has the focus when it was opened last. One goroutine uses it.
type Tab struct {
	T   *testing.T
	ctx context.Context
	// Agent is the user agent of the browser: that of Chrome with a window.
	Agent string
	// quiet is whether what the page writes to the console is no error.
	mu    sync.Mutex
	quiet bool
}

// Open starts a browser of its own with one tab. Every host name leads to this machine, so pages may be at
// http://shop.test:PORT; names below localhost are secure contexts too. Pages cannot see that they are driven. The
// test is skipped where there is no Chromium; it fails when a page writes an error to its console, unless Quiet was
// called.
func Open(t *testing.T) *Tab {
	t.Helper()
	path := chromium(t)
	agent, err := agentOf(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), browserTimeout)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, append(optionsOf(path, agent, t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"), chromedp.Flag("enable-automation", false),
		chromedp.Flag("disable-blink-features", "AutomationControlled"),
		// A tab that is not shown has to be hidden, as a visitor's is.
		chromedp.Flag("disable-backgrounding-occluded-windows", false),
		chromedp.Flag("disable-renderer-backgrounding", false))...)
	t.Cleanup(stop)
	return newTab(t, ctx, agent)
}

// chromium is where Chromium is. The test is skipped where it is not, and with -short.
func chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no browser")
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed (scripts/setup tests), so no page can be looked at")
	return ""
}

// optionsOf are those of every browser; dir is where it keeps what it stores.
func optionsOf(path, agent, dir string) []chromedp.ExecAllocatorOption {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.UserAgent(agent),
		chromedp.UserDataDir(dir), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(waitTimeout))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses to run as root
	}
	return options
}

// agentOf is the user agent that a browser with a window has; a headless one's says what it is, as a robot's. It is set
// for the whole browser, since what is set for a tab is not in what a page sends when it is left. Its version is the
// browser's own, which is also in the client hints.
func agentOf(path string) (string, error) {
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	major := regexp.MustCompile(`\d+`).Find(out)
	if major == nil {
		return "", fmt.Errorf("%s --version says %q", path, out)
	}
	return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%s.0.0.0 Safari/537.36",
		major), nil
}

func newTab(t *testing.T, parent context.Context, agent string, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	tab := &Tab{T: t, Agent: agent, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // starts the browser, which is to outlive the time limits of steps
		t.Fatal(err)
	}
	tab.Do(chromedp.EmulateViewport(1280, 900))
	if _, err := chromedp.Call(ctx, page.BringToFront, cdp.Empty{}); err != nil { // else it has no focus
		t.Fatal(err)
	}
	tab.watchConsole()
	return tab
}

// Another opens a second tab of the same browser, in front of this one.
func (tab *Tab) Another() *Tab {
	tab.T.Helper()
	return newTab(tab.T, tab.ctx, tab.Agent, chromedp.WithNewWindow(false))
}

// Front brings the tab to the front; the one that was there is hidden.
func (tab *Tab) Front() {
	tab.T.Helper()
	params := target.ActivateTargetParams{TargetID: chromedp.FromContext(tab.ctx).Target.TargetID}
	if _, err := chromedp.CallBrowser(tab.ctx, target.ActivateTarget, params); err != nil {
		tab.T.Fatal(err)
	}
}

// Close closes the tab as a visitor would.
func (tab *Tab) Close() {
	tab.T.Helper()
	params := target.CloseTargetParams{TargetID: chromedp.FromContext(tab.ctx).Target.TargetID}
	if _, err := chromedp.CallBrowser(tab.ctx, target.CloseTarget, params); err != nil {
		tab.T.Fatal(err)
	}
}

// Quiet lets the page write errors to its console from now on.
func (tab *Tab) Quiet() {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.quiet = true
}

func (tab *Tab) watchConsole() {
	ctx, stop := context.WithCancel(tab.ctx)
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	tab.T.Cleanup(func() {
		stop()
		<-done
	})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return // the test is over
			}
			tab.mu.Lock()
			quiet := tab.quiet
			tab.mu.Unlock()
			if m.Source != "network" && !quiet {
				tab.T.Errorf("console: %s (%s)", m, m.URL)
			}
		}
	}()
}

// Context is that of the tab, for what this package has no word for.
func (tab *Tab) Context() context.Context { return tab.ctx }

// Do takes the steps, one after the other, each of which ends within waitTimeout.
func (tab *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	tab.T.Helper()
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(tab.ctx, waitTimeout)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			tab.T.Fatalf("step %d: %v", i+1, err)
		}
	}
}

// Visit loads a page and waits for it.
func (tab *Tab) Visit(url string) {
	tab.T.Helper()
	tab.Do(chromedp.Navigate(url))
}

// Click clicks on the first element that a CSS selector finds.
func (tab *Tab) Click(selector string) {
	tab.T.Helper()
	tab.Do(chromedp.Click(chromedp.CSS(selector)))
}

// Run evaluates JavaScript, waits for its promise, and forgets the value.
func (tab *Tab) Run(script string) {
	tab.T.Helper()
	Eval[any](tab, "(async () => {"+script+"\n})().then(() => null)")
}

// Eval is the value of a JavaScript expression, or of the promise that it is.
func Eval[V any](tab *Tab, expression string) V {
	tab.T.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, waitTimeout)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[V](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tab.T.Fatalf("%s: %v", expression, err)
	}
	return v
}

// pageText is what there is to read, for messages.
const pageText = `location.href + '\n' + (document.body?.innerText ?? '')`

// Until waits for a JavaScript expression to be true; one that throws is not true yet. It asks from here, because a page's policy
// may allow no eval inside it.
func (tab *Tab) Until(expression string) {
	tab.T.Helper()
	tab.Wait(expression, func() bool {
		return Eval[bool](tab, "(() => { try { return Boolean("+expression+"); } catch { return false; } })()")
	})
}

// Wait waits until something is true, which may be outside the page.
func (tab *Tab) Wait(what string, is func() bool) {
	tab.T.Helper()
	for deadline := time.Now().Add(waitTimeout); !is(); tab.Do(chromedp.Sleep(pollInterval)) {
		if time.Now().After(deadline) {
			tab.T.Fatalf("never came: %s\nthe page: %s", what, Eval[string](tab, pageText))
		}
	}
}
