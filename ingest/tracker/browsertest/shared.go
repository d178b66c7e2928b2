package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// closeTimeout is how long a browser may take to close.
const closeTimeout = 20 * time.Second

// Shared is one browser for all tests of a package, which is faster than one for each: the first that needs it starts it, and
// TestMain closes it. Pages may see that it is driven. The zero value is ready; it may be used by many goroutines.
type Shared struct {
	once  sync.Once
	ctx   context.Context
	stop  context.CancelFunc
	dir   string
	agent string
	err   error
}

// Open is the function Open, but for a tab with nothing in its storage in the shared browser.
func (s *Shared) Open(t *testing.T) *Tab {
	t.Helper()
	path := chromium(t)
	s.once.Do(func() { s.err = s.start(path) })
	if s.err != nil {
		t.Fatal("start the browser: ", s.err)
	}
	return newTab(t, s.ctx, s.agent, chromedp.WithNewBrowserContext())
}

func (s *Shared) start(path string) (err error) {
	if s.agent, err = agentOf(path); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "turf-chromium-test-"); err != nil {
		return fmt.Errorf("make a folder for the browser: %w", err)
	}
	options := append(optionsOf(path, s.agent, s.dir), chromedp.Flag("lang", "en-US"))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	s.stop = stop
	s.ctx, _ = chromedp.NewContext(ctx)
	return chromedp.Do(s.ctx)
}

// Main runs the tests and closes the browser; it is the whole of a TestMain.
func (s *Shared) Main(m *testing.M) {
	status := m.Run()
	if err := s.close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the browser:", err)
		status = 1
	}
	os.Exit(status)
}

func (s *Shared) close() error {
	if s.stop == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, closeTimeout)
	defer cancel()
	err := chromedp.Cancel(ctx)
	s.stop()
	return errors.Join(err, os.RemoveAll(s.dir))
}
