package dashboard

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"turf/schema"
	"turf/schema/clickhouse"
)

// funnelCounts is what other.example (UTC) counted of the funnel Buy; KEY stands for it.
const funnelCounts = `
traffic 2026-03-28T08 visitors=12 visits=12
funnel_steps 2026-03-28 funnel=KEY step=1 bucket=0 visitors=4
funnel_steps 2026-03-30 funnel=KEY step=1 bucket=0 visitors=8
funnel_steps 2026-03-30 funnel=KEY step=2 bucket=4 visitors=5
funnel_steps 2026-03-30 funnel=KEY step=2 bucket=64 visitors=1
funnel_steps 2026-03-30 funnel=KEY step=3 bucket=64 visitors=2
funnel_steps 2026-03-31 funnel=KEY step=1 bucket=0 visitors=1
funnel_steps 2026-03-31 funnel=0123456789abcdef step=1 bucket=0 visitors=100
`

// newFunnels is a world in which other.example has two funnels and example.com none.
func newFunnels(t *testing.T) *world {
	var db *clickhouse.DB
	var sites *clickhouse.Sites
	w := newWorld(t, func(c *Config) { db, sites = c.Stats.Runner.(*clickhouse.DB), c.Sites.(*clickhouse.Sites) })
	site, err := sites.Set(t.Context(), "other.example", func(s *schema.Site) error {
		s.Funnels = []schema.Funnel{
			{Name: "Buy", Steps: []schema.FunnelStep{{Page: "/pricing*"}, {Event: "Signup"}, {Event: "Purchase"}}, WindowSec: 3600},
			{Name: "Größe & mehr; 50%", Steps: []schema.FunnelStep{{Page: "/"}, {Page: "/b"}}},
		}
		return nil
	})
	must(t, err)
	writeCounts(t, db, "funnels", strings.ReplaceAll(funnelCounts, "KEY", site.Funnels[0].Key()))
	return w
}

func askFunnels(params ...string) string {
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Set(params[i], params[i+1])
	}
	return "GET " + funnelsPath + "?" + values.Encode()
}

func funnelScenarios() []scenario {
	all := key("all")
	other := func(params ...string) string { return askFunnels(append(params, "site_id", "other.example")...) }
	buy := other("funnel", "Buy", "date_range", "7d")
	const pricing = `{"step":{"page":"/pricing*"},"label":"Visit /pricing*",`
	return []scenario{
		{
			name: "the list", request: other(), headers: all, status: 200, want: []string{
				`{"funnels":[{"name":"Buy","steps":[{"page":"/pricing*"},{"event":"Signup"},{"event":"Purchase"}],"window_sec":3600,"since":"`,
				`{"name":"Größe & mehr; 50%","steps":[{"page":"/"},{"page":"/b"}],"since":"`,
			},
		},
		{name: "no funnels", request: askFunnels("site_id", "example.com"), headers: all, status: 200, want: []string{"\n{\"funnels\":[]}\n"}},
		{
			name: "a funnel", request: buy, headers: all, status: 200, want: []string{
				`{"name":"Buy","window_sec":3600,"date_range":["2026-03-24T00:00:00+00:00","2026-03-30T23:59:59+00:00"],"steps":[` +
					pricing + `"visitors":12,"dropoff":0,"conversion_from_previous":null,"conversion_from_first":null,` +
					`"median_time":null,"p90_time":null},` +
					`{"step":{"event":"Signup"},"label":"Signup","visitors":6,"dropoff":6,"conversion_from_previous":50,` +
					`"conversion_from_first":50,"median_time":4,"p90_time":72},` +
					`{"step":{"event":"Purchase"},"label":"Purchase","visitors":2,"dropoff":4,"conversion_from_previous":33.33,` +
					`"conversion_from_first":16.67,"median_time":72,"p90_time":72}]`,
			},
		},
		{
			name: "a day", request: other("funnel", "Buy", "date_range", "2026-03-31"), headers: all, status: 200,
			want: []string{pricing + `"visitors":1,`, `"label":"Signup","visitors":0,"dropoff":1,"conversion_from_previous":0,`},
		},
		{
			name: "all", request: other("funnel", "Buy", "date_range", "all"), headers: all, status: 200,
			want: []string{`"date_range":["2026-03-28T00:00:00+00:00"`, pricing + `"visitors":13,`},
		},
		{
			name: "two days", request: other("funnel", "Buy", "date_range", "2026-03-28,2026-03-29"), headers: all, status: 200,
			want: []string{pricing + `"visitors":4,`},
		},
		{
			name: "nobody came, a name of many characters", request: other("funnel", "Größe & mehr; 50%", "date_range", "30d"),
			headers: all, status: 200, want: []string{`"window_sec":0,`, `"visitors":0,"dropoff":0,"conversion_from_previous":null,`},
		},
		{name: "to her who signed in", request: buy, as: "ada", status: 200, want: []string{pricing}},

		{name: "no site", request: "GET " + funnelsPath, headers: all, status: 400, want: []string{"site_id: is required"}},
		{name: "no date", request: other("funnel", "Buy"), headers: all, status: 400, want: []string{"date_range: is required"}},
		{name: "no date, no key", request: other("funnel", "Buy"), status: 401, not: []string{"date_range"}},
		{
			name: "no date, a wrong key", request: other("funnel", "Buy"), headers: map[string]string{"Authorization": "Bearer turf_x"},
			status: 401, not: []string{"date_range"},
		},
		{name: "a wrong date", request: other("funnel", "Buy", "date_range", "7"), headers: all, status: 400, want: []string{"is not known"}},
		{
			name: "hours", request: other("funnel", "Buy", "date_range", "24h"), headers: all, status: 400,
			want: []string{"a funnel is counted by the day", "whole days"},
		},
		{
			name: "no such funnel", request: other("funnel", "buy", "date_range", "7d"), headers: all, status: 400,
			want: []string{`\"buy\" is not a funnel of this site. Its funnels are Buy and Größe & mehr; 50%`},
		},
		{name: "no name", request: other("funnel", "", "date_range", "7d"), headers: all, status: 400, want: []string{"is not a funnel"}},
		{
			name: "of a site without funnels", request: askFunnels("site_id", "example.com", "funnel", "Buy", "date_range", "7d"),
			headers: all, status: 400, want: []string{"this site has no funnels. Declare one first"},
		},
		{name: "not a URL's parameters", request: buy + "&x=%zz", headers: all, status: 400, want: []string{"parameters"}},
		{name: "too long", request: buy + "&x=" + strings.Repeat("a", 70_000), headers: all, status: 413, want: []string{"too long"}},

		{name: "no key", request: buy, status: 401, want: []string{"Missing API key"}, not: []string{"Buy"}},
		{name: "a key of another site", request: buy, headers: key("one"), status: 401, not: []string{"Buy", "funnel"}},
		{name: "a key that is revoked", request: buy, headers: key("revoked"), status: 401},
		{name: "a key that changes sites", request: buy, headers: key("sites"), status: 401, not: []string{"Buy"}},
		{
			name: "a key that asked too often", request: askFunnels("site_id", "example.com"), headers: key("busy"), status: 429,
			want: []string{"Retry-After: 3600"},
		},
		{name: "no such site", request: askFunnels("site_id", "x.example"), as: "ada", status: 404},
		{
			name: "a page of another origin with the reader's cookie", request: buy, as: "ada", status: 200,
			headers: map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
			want:    []string{"Cross-Origin-Resource-Policy: same-origin"}, not: []string{"Access-Control-Allow-Origin"},
		},
		{name: "to post", request: "POST " + funnelsPath, headers: all, status: 405, want: []string{"Allow: GET"}},
	}
}

func TestFunnels(t *testing.T) {
	w := newFunnels(t)
	w.run(t, funnelScenarios())
	w.run(t, []scenario{
		{
			name: "a page of another origin asks first", request: "OPTIONS " + funnelsPath, status: 204,
			headers: map[string]string{"Origin": "https://app.example"}, want: []string{"Access-Control-Allow-Origin: *"},
		},
		{
			name: "the page knows them by name", request: "GET /api/sites", as: "ada", status: 200, want: []string{
				`{"site":"example.com","timezone":"Europe/Amsterdam"},`, `"funnels":["Buy","Größe & mehr; 50%"]}`,
			},
		},
	})
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

// What is asked and answered has the form that is described.
func TestOpenAPIFunnels(t *testing.T) {
	w := newFunnels(t)
	w.asDescribed(t, funnelScenarios(), 200, 400, 401, 404, 413, 429)
}

// A store that is away is an error of the server, and its message is not shown.
func TestFunnelsWithoutTheStore(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		_, err := c.Sites.(*clickhouse.Sites).Set(t.Context(), "example.com", func(s *schema.Site) error {
			s.Funnels = []schema.Funnel{{Name: "Buy", Steps: []schema.FunnelStep{{Page: "/"}, {Event: "Buy"}}}}
			return nil
		})
		must(t, err)
		c.Stats.Runner = runnerFunc(func(context.Context) error { return errors.New("the cable is out") })
	})
	w.run(t, []scenario{{
		name: "away", request: askFunnels("site_id", "example.com", "funnel", "Buy", "date_range", "7d"), headers: key("one"),
		status: 503, want: []string{"Retry-After: 5"}, not: []string{"the cable is out"},
	}})
}
