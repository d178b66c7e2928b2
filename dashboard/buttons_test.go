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

// buttonCounts is what other.example (UTC) counted of clicks, and of what looks like them.
const buttonCounts = `
traffic 2026-03-28T08 visitors=12 visits=12
events 2026-03-28T08 event=Click visitors=6 visits=6 events=9
event_props 2026-03-28 event=Click prop=element value=Buy_now visitors=3 visits=3 events=4
event_props 2026-03-30 event=Click prop=element value=Buy_now visitors=2 visits=2 events=2
event_props 2026-03-30 event=Click prop=element value=menu visitors=5 visits=6 events=8
event_props 2026-03-30 event=Click prop=element value=old_link visitors=1 visits=1 events=1
event_props 2026-03-30 event=Click prop=page value=help visitors=9 visits=9 events=9
event_props 2026-03-30 event=Press prop=element value=help visitors=9 visits=9 events=9
event_props 2026-03-31 event=Click prop=element value=(other) visitors=1 visits=1 events=2
event_props 2026-03-31 event=(other) prop=element value=help visitors=1 visits=1 events=3
event_props 2026-03-31 event=Click prop=(other) value=help visitors=1 visits=1 events=5
event_props 2026-03-31 event=(other) prop=plan value=pro visitors=1 visits=1 events=100
`

// newButtons is a world in which other.example declares three buttons and example.com none. sent: its script sends clicks.
func newButtons(t *testing.T, sent bool) *world {
	var db *clickhouse.DB
	var sites *clickhouse.Sites
	w := newWorld(t, func(c *Config) { db, sites = c.Stats.Runner.(*clickhouse.DB), c.Sites.(*clickhouse.Sites) })
	_, err := sites.Set(t.Context(), "other.example", func(s *schema.Site) error {
		s.Settings = &schema.Settings{Buttons: []string{"help", "Buy now", "menu"}, ScriptParts: []string{"404"}}
		if sent {
			s.Settings.ScriptParts = append(s.Settings.ScriptParts, schema.ClicksPart)
		}
		return nil
	})
	must(t, err)
	writeCounts(t, db, "buttons", buttonCounts)
	return w
}

func askButtons(site, span string) string {
	return "GET " + buttonsPath + "?" + url.Values{"site_id": {site}, "date_range": {span}}.Encode()
}

func buttonScenarios() []scenario {
	all := key("all")
	week := askButtons("other.example", "7d") // until the 30th
	const (
		buy   = `{"element":"Buy now","clicks":`
		never = `{"element":"help","clicks":0,"visitors":0,"never_clicked":true}`
	)
	return []scenario{
		{
			name: "a week", request: week, headers: all, status: 200, want: []string{
				`{"date_range":["2026-03-24T00:00:00+00:00","2026-03-30T23:59:59+00:00"],"declared":[` +
					`{"element":"menu","clicks":8,"visitors":5,"never_clicked":false},` + buy + `6,"visitors":5,"never_clicked":false},` +
					never + `],"undeclared":[{"element":"old link","clicks":1,"visitors":1,"never_clicked":false}]}`,
			},
		},
		{
			name: "a day", request: askButtons("other.example", "2026-03-28"), headers: all, status: 200, want: []string{
				buy + `4,"visitors":3,"never_clicked":false},` + never + `,{"element":"menu","clicks":0,"visitors":0,"never_clicked":true}],"undeclared":[]}`,
			},
		},
		{
			name: "a day without", request: askButtons("other.example", "2026-03-29"), headers: all, status: 200,
			want: []string{never, `"undeclared":[]`, `--script-parts 404,clicks`},
		},
		{
			// What came after a limit may have been a click on the third, so it is not said that there was none.
			name: "with what cannot be told", request: askButtons("other.example", "day"), headers: all, status: 200,
			want: []string{`{"element":"help","clicks":0,"visitors":0,"never_clicked":false}`, `"undeclared":[],"untold_clicks":10}`},
		},
		{
			name: "all", request: askButtons("other.example", "all"), headers: all, status: 200,
			want: []string{`"date_range":["2026-03-28T00:00:00+00:00"`, `"untold_clicks":10`},
		},
		{
			name: "none declared", request: askButtons("example.com", "7d"), headers: all, status: 200,
			want: []string{`"declared":[],"undeclared":[]}`},
		},
		{name: "to her who signed in", request: week, as: "ada", status: 200, want: []string{never}},

		{name: "no site", request: "GET " + buttonsPath, headers: all, status: 400, want: []string{"site_id: is required"}},
		{
			name: "no date", request: "GET " + buttonsPath + "?site_id=other.example", headers: all, status: 400,
			want: []string{"date_range: is required"},
		},
		{name: "no date, no key", request: "GET " + buttonsPath + "?site_id=other.example", status: 401, not: []string{"date_range"}},
		{name: "a wrong date", request: askButtons("other.example", "7"), headers: all, status: 400, want: []string{"is not known"}},
		{name: "hours", request: askButtons("other.example", "24h"), headers: all, status: 400, want: []string{"clicks are counted by the day"}},
		{name: "too long", request: week + "&x=" + strings.Repeat("a", 70_000), headers: all, status: 413, want: []string{"too long"}},
		{name: "no key", request: week, status: 401, not: []string{"menu"}},
		{name: "a key of another site", request: week, headers: key("one"), status: 401, not: []string{"menu"}},
		{name: "a key that is revoked", request: week, headers: key("revoked"), status: 401},
		{name: "a key that changes sites", request: week, headers: key("sites"), status: 401},
		{name: "a key that asked too often", request: askButtons("example.com", "7d"), headers: key("busy"), status: 429},
		{name: "no such site", request: askButtons("x.example", "7d"), as: "ada", status: 404},
		{
			name: "a page of another origin with the reader's cookie", request: week, as: "ada", status: 200,
			headers: map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
			want:    []string{"Cross-Origin-Resource-Policy: same-origin"}, not: []string{"Access-Control-Allow-Origin"},
		},
		{name: "to post", request: "POST " + buttonsPath, headers: all, status: 405, want: []string{"Allow: GET"}},
	}
}

func TestButtons(t *testing.T) {
	w := newButtons(t, false)
	w.run(t, buttonScenarios())
	w.run(t, []scenario{
		{
			name: "a page of another origin asks first", request: "OPTIONS " + buttonsPath, status: 204,
			headers: map[string]string{"Origin": "https://app.example"}, want: []string{"Access-Control-Allow-Origin: *"},
		},
		{
			name: "the page knows where there are some", request: "GET /api/sites", as: "ada", status: 200,
			want: []string{`{"site":"example.com","timezone":"Europe/Amsterdam"},`, `"timezone":"UTC","buttons":3}`},
		},
	})
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
	w.asDescribed(t, buttonScenarios(), 200, 400, 401, 404, 413, 429)
}

// Where the site's script sends clicks, there is nothing to hint at.
func TestButtonsAreSent(t *testing.T) {
	newButtons(t, true).run(t, []scenario{{
		name: "no clicks", request: askButtons("other.example", "2026-03-29"), headers: key("all"), status: 200,
		want: []string{`"never_clicked":true`}, not: []string{"hint"},
	}})
}

// A store that is away is an error of the server, and its message is not shown.
func TestButtonsWithoutTheStore(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Stats.Runner = runnerFunc(func(context.Context) error { return errors.New("the cable is out") })
	})
	w.run(t, []scenario{{
		name: "away", request: askButtons("example.com", "7d"), headers: key("one"),
		status: 503, want: []string{"Retry-After: 5"}, not: []string{"the cable is out"},
	}})
}
