package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"turf/aggregate"
	"turf/ingest/tracker"
	"turf/schema"
)

// Errors of a Counter.
var (
	// ErrBusy says that nothing was counted and that the client may come again in some seconds.
	ErrBusy = errors.New("busy, try again later")
	// ErrDayOver says that nothing was counted because the day of the salt is forgotten: take a fresh one.
	ErrDayOver = errors.New("the day of the event is over")
	// ErrNoSite says that there is no such site any more.
	ErrNoSite = errors.New("no such site")
)

// Counter counts events. Its methods are called by many goroutines.
type Counter interface {
	// Salt is the salt of the site's day in which at lies, and that day. Errors wrap ErrBusy, ErrDayOver or
	// ErrNoSite.
	Salt(site schema.SiteID, at time.Time) (salt [16]byte, day schema.Day, err error)
	// Submit counts all events or none, and returns nil when they can no longer be lost. It keeps neither the events
	// nor their strings. Errors wrap ErrBusy or ErrDayOver.
	Submit(ctx context.Context, events []aggregate.Event) error
}

// Config is what a Collector needs. Sites, Counter and Agents are required.
type Config struct {
	// Sites finds a site by its name, in lower case. It is called for each event and does not allocate.
	Sites   func(domain string) (schema.Site, bool)
	Counter Counter
	Agents  *Agents
	Geo     *Geo // nil knows no place
	// DataCenters are the networks whose hits are dropped; nil for none.
	DataCenters *Networks
	// TrustedProxies are the networks of proxies that are believed about the client's address (see clientAddress).
	TrustedProxies []netip.Prefix
	// DebugRequests answers requests with the header X-Debug-Request: true with the address that would be used, and
	// counts nothing. It tells strangers how the proxies are set up, so it is for the time of setting up.
	DebugRequests bool
	// AllHints: no proxy on the way leaves client hints out, so that a Chrome without them is a robot (see
	// readSignals).
	AllHints bool
	Limits   Limits
	// IngestKey reports whether a key lets its owner send events of a site for visitors whose address and agent it
	// names. nil: no key does. It is called for each such event.
	IngestKey func(key string, site schema.SiteID) bool
	// Dropped is told of each hit of a site that was dropped: when, the reason's code, and the name of the robot or
	// browser, of a list. nil: nobody is. It does not wait.
	Dropped func(site schema.SiteID, at time.Time, reason, agent string)
	// Scripts knows what the script of a site is made of, by the site's name or by the id in its tag. nil: a site's
	// name is the id, and its settings say which parts it has beside those of tracker.Default.
	Scripts func(id string) (tracker.Options, bool)
	// ScriptPath is a path at which the scripts are too, and an endpoint "event" to which those then post: for owners who
	// do not want /js and /api/event in their pages. "" for none. It has to pass CheckScriptPath.
	ScriptPath string
	Now        func() time.Time // nil: time.Now
	Logger     *slog.Logger     // nil: silent; told of errors of the Counter that are not those above
}

// maxScriptPathBytes is the length of Config.ScriptPath.
const maxScriptPathBytes = 100

// maxTries is how often a hit is tried whose salt was forgotten between Salt and Submit: at midnight, twice.
const maxTries = 3

// Collector answers the requests of browsers and servers that send events. It has no state but its limits: many may
// run side by side.
type Collector struct {
	cfg     Config
	steps   *Steps
	clients *limiter
	events  *limiter
	pool    sync.Pool // of *request
}

// NewCollector makes a Collector. Nothing runs until requests come; there is nothing to close.
func NewCollector(cfg Config) (*Collector, error) {
	if cfg.Sites == nil || cfg.Counter == nil {
		return nil, errors.New("BUG: a collector without sites or counter")
	}
	steps, err := NewSteps(cfg.Sites, cfg.Agents, cfg.Geo, cfg.DataCenters)
	if err != nil {
		return nil, err
	}
	limits := cfg.Limits.withDefaults()
	steps.counter, steps.rate = cfg.Counter, newRate(limits.VisitorPageviewsPerMin, time.Minute, time.Minute)
	if cfg.Scripts == nil {
		cfg.Scripts = steps.script
	}
	if cfg.Dropped == nil {
		cfg.Dropped = func(schema.SiteID, time.Time, string, string) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Collector{
		cfg: cfg, steps: steps,
		clients: newLimiter(limits.RequestsPerSec),
		events:  newLimiter(limits.SiteEventsPerSec),
		pool:    sync.Pool{New: func() any { return newRequest() }},
	}, nil
}

// Register adds the collector's routes: the events, and the scripts that send them.
func (c *Collector) Register(e *echo.Echo) {
	e.POST("/api/event", c.postEvent)
	e.OPTIONS("/api/event", c.preflight)
	e.GET("/api/pixel.gif", c.getPixel)
	reads := []string{http.MethodGet, http.MethodHead}
	e.Match(reads, "/js/*", echo.WrapHandler(tracker.Handler(c.cfg.Scripts)))
	if at := c.cfg.ScriptPath; at != "" {
		e.POST(at+"/event", c.postEvent)
		e.OPTIONS(at+"/event", c.preflight)
		e.Match(reads, at+"/*", echo.WrapHandler(tracker.HandlerTo(at+"/event", c.cfg.Scripts)))
	}
}

// scriptPath is what ScriptPath can be: one or more parts of letters, digits, "-" and "_".
var scriptPath = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)+$`)

// CheckScriptPath is an *InvalidError where Config.ScriptPath cannot be path.
func CheckScriptPath(path string) error {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case len(path) > maxScriptPathBytes || !scriptPath.MatchString(path):
		return &InvalidError{"script path", `must be like /numbers, with letters, digits, "-" and "_"`}
	case slices.Contains(takenPaths[:], first):
		return &InvalidError{"script path", "must not begin with /" + first + ", where other things are"}
	}
	return nil
}

// takenPaths are the first parts of paths at which a server has something else.
var takenPaths = [...]string{"api", "js", "assets", "share"}

// postEvent takes one event of a browser. The type of its content is not looked at: trackers send JSON as text/plain,
// since a browser would ask for permission first (CORS) if it were called JSON.
func (c *Collector) postEvent(ec echo.Context) error {
	allowAnyOrigin(ec)
	hr := ec.Request()
	addr := clientAddress(hr, c.cfg.TrustedProxies)
	if c.cfg.DebugRequests && hr.Header.Get("X-Debug-Request") == "true" {
		return ec.String(http.StatusOK, addr.String())
	}
	if !c.clients.allowClient(addr, c.cfg.Now()) {
		return c.answer(ec, errTooManyRequests, nil)
	}
	r := c.begin(hr, addr)
	defer c.end(r)
	if err := r.read(hr); err != nil {
		return c.answer(ec, err, r)
	}
	ctx := context.WithoutCancel(hr.Context()) // the client may be gone: the event has come all the same
	key, hasKey := bearer(hr)
	if isBatch(r.buf) {
		return c.answer(ec, c.countBatch(ctx, r, key), r)
	}
	r.body.keyed = hasKey
	if err := r.body.parse(string(r.buf)); err != nil {
		return c.answer(ec, err, r)
	}
	if r.body.namesVisitor() {
		return c.answer(ec, c.countKeyed(ctx, r, key, []body{r.body}), r)
	}
	return c.answer(ec, c.count(ctx, r, func(now time.Time) error { return c.step(r, now) }), r)
}

// begin takes space for a request, and the request's headers into it. Give it back with end.
func (c *Collector) begin(hr *http.Request, addr netip.Addr) *request {
	r := c.pool.Get().(*request)
	*r.client.id() = identity{
		addr: addr, agent: cutAgent(hr.UserAgent()),
		signals: readSignals(hr.Header, c.cfg.AllHints), objects: objects(hr.Header),
	}
	return r
}

func (c *Collector) end(r *request) {
	r.forget()
	c.pool.Put(r)
}

// count takes the request's events through the steps, with work, and counts them.
func (c *Collector) count(ctx context.Context, r *request, work func(now time.Time) error) (err error) {
	for range maxTries {
		now := c.cfg.Now()
		r.begin()
		if err = work(now); err == nil {
			err = c.submit(ctx, r, now)
		}
		if !errors.Is(err, ErrDayOver) {
			return err
		}
	}
	return err
}

// step takes the event in r.body through the steps, once for each of its sites.
func (c *Collector) step(r *request, now time.Time) error {
	r.first = len(r.events)
	for domain := range strings.SplitSeq(r.body.domain, ",") {
		if domain = strings.TrimSpace(domain); domain == "" {
			continue
		}
		drop, err := c.steps.run(r.newHit(domain, now))
		if err != nil {
			return err
		}
		r.passed(drop)
		if drop != Passed && r.hit.site.ID != 0 {
			c.cfg.Dropped(r.hit.site.ID, now, drop.String(), cmp.Or(r.hit.agent.Robot, r.hit.agent.Browser))
		}
	}
	return nil
}

func (c *Collector) submit(ctx context.Context, r *request, now time.Time) error {
	for i := range r.events {
		if !c.events.allow(uint64(r.events[i].Site), now) {
			return errTooManyEvents
		}
	}
	if len(r.events) == 0 {
		return nil
	}
	if err := c.cfg.Counter.Submit(ctx, r.events); err != nil {
		return fmt.Errorf("count an event: %w", err)
	}
	return nil
}
