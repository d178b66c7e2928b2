package dashboard

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/clickhouse/clickhousetest"
	"turf/schema/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const password = "correct horse battery"

// world is a server with everything real: the engine, the documents in it, keys, users, and HTTP over a socket.
type world struct {
	t        testing.TB
	url      string
	records  *clickhouse.Records
	access   *access.Access
	sites    *clickhouse.Sites
	engine   *stats.Engine
	clock    atomic.Int64 // Unix seconds
	log      strings.Builder
	sitesKey string // changes all sites
	siteKey  string // changes example.com
	oneKey   string // reads example.com
	allKey   string // reads all sites
	busyKey  string // has no request left in this hour
	revoked  string
	sessions map[string]string // a session's token by the name of its state
}

func (w *world) now() time.Time { return time.Unix(w.clock.Load(), 0).UTC() }

const (
	testKeyRequests = 100
	testNow         = "2026-03-31T13:37:00Z"
)

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	db := clickhousetest.Empty(t)
	records, err := clickhouse.OpenRecords(t.Context(), db)
	must(t, err)
	t.Cleanup(records.Close)
	sites, err := clickhouse.OpenSites(records)
	must(t, err)
	start, err := time.Parse(time.RFC3339, testNow)
	must(t, err)

	w := &world{t: t, records: records, sites: sites, sessions: map[string]string{}}
	w.clock.Store(start.Unix())
	w.engine = &stats.Engine{Runner: db, Now: w.now}
	w.access = access.New(access.Config{Records: records, Now: w.now, KeyRequestsPerHour: testKeyRequests})
	cfg := Config{
		Sites: sites, Provision: sites,
		Stats:  w.engine,
		Access: w.access,
		Active: func(id schema.SiteID) int { return map[schema.SiteID]int{1: 21}[id] },
		Log:    slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	w.fill(db, sites)
	if change != nil {
		change(&cfg)
	}
	d, err := New(cfg)
	must(t, err)
	e := echo.New()
	d.Register(e)
	e.POST("/api/event", func(c echo.Context) error { return c.String(http.StatusAccepted, "ok") })
	e.GET("/js/turf.js", func(c echo.Context) error { return c.String(http.StatusOK, "the script") })
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// fill writes two sites, one of them with two days of numbers, and who may read them.
func (w *world) fill(db *clickhouse.DB, sites *clickhouse.Sites) {
	t, ctx := w.t, w.t.Context()
	one, err := sites.Add(ctx, "example.com", "Europe/Amsterdam")
	must(t, err)
	_, err = sites.Add(ctx, "other.example", "UTC")
	must(t, err)
	loc, err := one.Location()
	must(t, err)
	batch := schema.Batch{Token: "test"}
	for i, day := range []string{"2026-03-30", "2026-03-31"} {
		d, err := schema.ParseDay(day)
		must(t, err)
		row := schema.Row{Cell: schema.Cell{Site: one.ID, Cube: cube(t, "traffic_daily"), Time: d.Start(loc).Unix()}}
		for name, n := range map[string]int64{"visitors": 40, "visits": 50, "pageviews": 90, "bounces": 10} {
			m := slices.IndexFunc(schema.Metrics[:], func(m schema.MetricInfo) bool { return m.Column == name })
			row.Sums[m] = n + int64(i)
		}
		batch.Rows = append(batch.Rows, row)
	}
	must(t, db.Write(ctx, batch))

	w.sitesKey, _, err = w.access.AddScopedKey(ctx, access.ScopeSites, access.AllSites, "sites")
	must(t, err)
	w.siteKey, _, err = w.access.AddScopedKey(ctx, access.ScopeSites, one.ID, "site")
	must(t, err)
	w.oneKey, _, err = w.access.AddKey(ctx, one.ID, "one")
	must(t, err)
	w.allKey, _, err = w.access.AddKey(ctx, access.AllSites, "all")
	must(t, err)
	w.busyKey, _, err = w.access.AddKey(ctx, one.ID, "busy")
	must(t, err)
	for range testKeyRequests {
		must(t, w.access.CheckKey(w.busyKey, one.ID))
	}
	w.revoked, _, err = w.access.AddKey(ctx, one.ID, "revoked")
	must(t, err)
	_, err = w.access.RevokeKey(ctx, w.revoked)
	must(t, err)
	must(t, w.access.AddUser(ctx, "ada", password))
	w.sessions["ended"] = w.session()
	must(t, w.access.Logout(ctx, w.sessions["ended"]))
	w.sessions["ada"] = w.session()
}

func (w *world) session() string {
	token, _, err := w.access.Login(w.t.Context(), "ada", password, netip.MustParseAddr("127.0.0.1"))
	must(w.t, err)
	return token
}

func cube(t testing.TB, name string) schema.CubeID {
	i := slices.IndexFunc(schema.Cubes, func(c schema.Cube) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no cube %s", name)
	}
	return schema.Cubes[i].ID
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scenario is a request and what its answer must and must not contain.
type scenario struct {
	name    string
	request string            // "POST /path"
	as      string            // a session by its name, or ""
	headers map[string]string // Host is one of them; {one}, {all} … stand for keys
	body    string

	status int
	want   []string // in the answer, its headers written as "Name: value" lines before its body
	not    []string
}

func (w *world) run(t *testing.T, scenarios []scenario) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			status, text := w.ask(t, s)
			if status != s.status {
				t.Errorf("status %d, want %d", status, s.status)
			}
			for _, want := range s.want {
				if !strings.Contains(text, want) {
					t.Errorf("lacks %q", want)
				}
			}
			for _, not := range append(s.not, password, w.oneKey, w.allKey, "goroutine", "SELECT", "DB::") {
				if strings.Contains(text, not) {
					t.Errorf("contains %q", not)
				}
			}
			if status >= 400 && strings.Contains(s.request, " /api") && !strings.Contains(text, `{"error":"`) {
				t.Error("does not say what is wrong")
			}
			if t.Failed() {
				t.Logf("%s\n%s", s.request, text)
			}
		})
	}
}

// ask sends the request and writes down the answer with its headers.
func (w *world) ask(t *testing.T, s scenario) (status int, text string) {
	t.Helper()
	method, path, _ := strings.Cut(s.request, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(s.body))
	must(t, err)
	keys := strings.NewReplacer("{one}", w.oneKey, "{all}", w.allKey, "{busy}", w.busyKey, "{revoked}", w.revoked,
		"{sites}", w.sitesKey, "{site}", w.siteKey)
	for name, value := range s.headers {
		req.Header.Set(name, keys.Replace(value))
	}
	if host := s.headers["Host"]; host != "" {
		req.Host = host
	}
	if s.as != "" {
		name := cookieName
		if s.headers["X-Forwarded-Proto"] == "https" {
			name = secureCookieName
		}
		req.AddCookie(&http.Cookie{Name: name, Value: w.sessions[s.as]})
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	var out strings.Builder
	must(t, res.Header.Write(&out))
	return res.StatusCode, out.String() + "\n" + string(body)
}

func question(site string) string {
	return fmt.Sprintf(`{"site_id":%q,"metrics":["visitors","pageviews"],"date_range":["2026-03-30","2026-03-31"]}`, site)
}

func key(name string) map[string]string {
	return map[string]string{"Authorization": "Bearer {" + name + "}"}
}

// with is the headers and one more.
func with(headers map[string]string, name, value string) map[string]string {
	all := map[string]string{name: value}
	for n, v := range headers {
		all[n] = v
	}
	return all
}
