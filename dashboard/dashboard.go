// Package dashboard is what people and programs read: the stats API, the page, and signing in to it.
//
//	POST /api/v2/query                           a question of package stats; Plausible's stats API v2
//	GET  /api/v1/stats/realtime/visitors         visitors of the last five minutes, a bare integer
//	GET  /api/v1/stats/{aggregate,timeseries,breakdown}  Plausible's older stats API v1
//	GET  /api/stats/funnels                      a site's funnels, and how many visitors took their steps; our own
//	GET  /api/stats/buttons                      how often a site's buttons were clicked, and which never; our own
//	POST /api/v1/reports/{funnel,retention,…}    a question of package reports, over people who consented; our own
//	…    /api/v1/sites…                          Plausible's Sites API: sites and their goals, and our own segments
//	GET  /api/openapi.yaml                       what of this programs may call
//	GET  /api/counters.md                        what is kept, and what can be asked of it
//	GET  /api/me, /api/sites                     for the page: who is looking, and at what there is to look
//	GET  /api/combinations                       for the page: which dimensions can be asked for together
//	GET  /api/properties                         for the page: the names of the properties of a site's events
//	POST /api/login, /api/logout                 for the page
//	…    /api/guests                             for the page: who may look at a site; to those who see all sites
//	POST /api/invitation                         for the page: a guest who was invited chooses a password
//	GET  /share/DOMAIN?auth=TOKEN                a link to one site for whoever has it
//	GET  everything else                         the page of package web; not below /api/ and /js/
//
// # Who may ask
//
// A request with a Bearer token is answered by that API key alone, from anywhere, also from pages of other origins
// (CORS, as Plausible's). A request without one is the page's: it needs the cookie of a session, and must not come
// from another origin. Whoever opened a link to a site sees that site, and can do no more than look. A guest sees the sites to which
// he was invited, and as an editor also what changes them. The Sites API is answered to keys of the scope sites; what it tells of
// sites, goals, segments and properties also to keys that read. With Config.Open, requests of this very machine need no cookie: those
// from a loopback address,
// under a loopback name (a page that has its own name point to this machine is not let in), and that no proxy passed
// on.
//
// # Errors
//
// They are {"error": "…"} with Plausible's statuses: 400 for a question that cannot be answered, 401 without a valid
// key or session, 403 from another origin, 404, 413, 429 with Retry-After, 503 with Retry-After when the store does
// not answer, and 504 when it takes longer than QuestionTimeout. What went wrong inside is logged and not told.
package dashboard

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/reports"
	"turf/dashboard/stats"
	"turf/dashboard/web"
	"turf/schema"
)

// Config has what a Dashboard needs. All but Reports, Provision, Open, ClientAddr, PlaceNote, RetentionDays and Log is
// required.
type Config struct {
	// Sites are the sites of the installation; List is in the order in which they are shown.
	Sites interface {
		ByDomain(domain string) (schema.Site, bool)
		List() []schema.Site
	}
	Stats  *stats.Engine
	Access *access.Access
	// Reports answers over the events of people who consented. nil: the opt-in path is off, and asking is answered 404. Without
	// its Counted, Stats is asked.
	Reports *reports.Engine
	// Provision makes and changes sites for the Sites API. nil: it does nothing.
	Provision Provision
	// Active is how many visitors the site had in the last five minutes. It is called by many goroutines.
	Active func(schema.SiteID) int
	// Open lets requests of this machine in without a password. It is for a server that listens on loopback only.
	Open bool
	// ClientAddr is who sent a request, for the limit on tries to sign in. nil: the address of the socket.
	ClientAddr func(*http.Request) netip.Addr
	// PlaceNote says where the places come from and how old that is, as the licence of the database asks. Empty:
	// nothing.
	PlaceNote string
	// RetentionDays is for how many days counters are kept; 0 is for ever.
	RetentionDays int
	// Log takes what went wrong inside. nil: slog.Default().
	Log *slog.Logger
}

// Dashboard answers people and programs. Its methods may be called by many goroutines.
type Dashboard struct {
	Config
	page        http.Handler
	crossOrigin *http.CrossOriginProtection
}

// New makes a Dashboard.
func New(cfg Config) (*Dashboard, error) {
	if cfg.Sites == nil || cfg.Stats == nil || cfg.Access == nil || cfg.Active == nil {
		return nil, errors.New("BUG: the dashboard needs Sites, Stats, Access and Active")
	}
	if cfg.ClientAddr == nil {
		cfg.ClientAddr = socketAddr
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Reports = withCounted(cfg.Reports, cfg.Stats)
	return &Dashboard{Config: cfg, page: web.Handler(), crossOrigin: http.NewCrossOriginProtection()}, nil
}

// Paths of the API that programs may call with a key.
const (
	queryPath    = "/api/v2/query"
	realtimePath = "/api/v1/stats/realtime/visitors"
)

// Register adds the routes. Those that others register for the same server win over the page.
func (d *Dashboard) Register(e *echo.Echo) {
	d.route(e, http.MethodPost, queryPath, d.query)
	d.route(e, http.MethodGet, realtimePath, d.realtime)
	d.route(e, http.MethodGet, "/api/me", d.me)
	d.route(e, http.MethodGet, "/api/sites", d.sites)
	d.route(e, http.MethodGet, "/api/combinations", d.combinations)
	d.route(e, http.MethodGet, pagePropertiesPath, d.properties)
	d.route(e, http.MethodPost, "/api/login", d.login)
	d.route(e, http.MethodPost, "/api/logout", d.logout)
	d.registerV1(e)
	d.registerFunnels(e)
	d.registerButtons(e)
	d.registerReports(e)
	d.registerSites(e)
	d.registerGuests(e)
	e.GET(sharePrefix+":site", d.share)
	d.registerOpenAPI(e)
	e.GET(countersPath, d.counters)
	e.OPTIONS(countersPath, preflight)
	e.OPTIONS(queryPath, preflight)
	e.OPTIONS(realtimePath, preflight)
	e.Any("/", d.other)
	e.Any("/*", d.other)
}

// endpoint answers a request with something that becomes JSON.
type endpoint func(w http.ResponseWriter, r *http.Request) (any, error)

// route adds an endpoint and refuses all other methods on its path.
func (d *Dashboard) route(e *echo.Echo, method, path string, do endpoint) {
	e.Any(path, func(c echo.Context) error {
		c.Response().Header().Set("Allow", method)
		return d.answer(c, nil, &httpError{http.StatusMethodNotAllowed, "Only " + method + " is answered here."})
	})
	e.Add(method, path, func(c echo.Context) error {
		body, err := do(c.Response(), c.Request())
		return d.answer(c, body, err)
	})
}

// other is the page, but not where an address of the API or of the script is wrong.
func (d *Dashboard) other(c echo.Context) error {
	if path := c.Request().URL.Path; below(path, "/api") || below(path, "/js") {
		return d.answer(c, nil, &httpError{http.StatusNotFound, "There is nothing at this address of the API."})
	}
	d.page.ServeHTTP(c.Response(), c.Request())
	return nil
}

func below(path, folder string) bool {
	return path == folder || len(path) > len(folder) && path[:len(folder)] == folder && path[len(folder)] == '/'
}
