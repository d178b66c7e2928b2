package dashboard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/schema"
	"turf/schema/clickhouse"
)

// peopleCounts is what other.example (UTC) counted of everybody, beside those who consented.
const peopleCounts = `
traffic 2026-03-30T08 visitors=40 visits=44
sources 2026-03-30T08 channel=Direct visitors=10 visits=10
sources 2026-03-30T08 channel=Organic_Search source=Google visitors=30 visits=30
devices 2026-03-30T08 device=Desktop browser=Firefox os=Linux visitors=20 visits=20
devices 2026-03-30T08 device=Mobile browser=Firefox os=Android visitors=20 visits=20
countries 2026-03-30T08 country=EE visitors=40 visits=40
`

// newPeople is a world in which 18 people of other.example consented: on one morning all saw /pricing; a minute later 8 signed
// up, of whom 6 bought, 5 did nothing more, and 5 went to /docs. All saw a button and a link; 6 clicked on the button, nobody
// on the link, and 6 on a picture that did nothing. Half came by Google and half directly, about half of each on a phone.
func newPeople(t *testing.T, change func(*Config)) *world {
	var db *clickhouse.DB
	w := newWorld(t, func(c *Config) {
		db = c.Stats.Runner.(*clickhouse.DB)
		c.Reports = &reports.Engine{Runner: db, Now: c.Stats.Now}
		if change != nil {
			change(c)
		}
	})
	writeCounts(t, db, "people", peopleCounts)
	store := clickhouse.NewConsented(db, nil)
	must(t, store.WriteEvents(t.Context(), "", peopleEvents(t)))
	day, err := schema.ParseDay("2026-03-30")
	must(t, err)
	must(t, store.WriteHeat(t.Context(), "", []schema.HeatCell{
		{Site: 2, Day: day, Hostname: "a", Path: "/pricing", Kind: schema.HeatClick, Width: 1280, X: 50, Y: 10, Count: 9},
		{Site: 2, Day: day, Hostname: "a", Path: "/pricing", Kind: schema.HeatClick, Width: 1280, X: 20, Y: 3, Count: 2},
		{Site: 2, Day: day, Hostname: "a", Path: "/pricing", Kind: schema.HeatClick, Width: 320, X: 10, Y: 40, Count: 5},
		{Site: 2, Day: day, Hostname: "a", Path: "/pricing", Kind: schema.HeatScroll, Width: 1280, Y: 49, Count: 12},
		{Site: 2, Day: day, Hostname: "a", Path: "/pricing", Kind: schema.HeatScroll, Width: 1280, Y: 99, Count: 6},
	}))
	return w
}

func peopleEvents(t *testing.T) (events []schema.ConsentedEvent) {
	start, err := time.Parse(time.RFC3339, "2026-03-30T08:00:00Z")
	must(t, err)
	for i := range 18 {
		e := schema.ConsentedEvent{
			Site: 2, Person: schema.PersonRef{1, byte(i)}, Session: 1, Time: start, Received: time.Now().UTC(), Purpose: "events",
			Name: "pageview", Hostname: "a", Path: "/pricing", Channel: "Direct", Device: "Mobile", Country: "EE",
		}
		if i%2 == 1 {
			e.Channel, e.Source = "Organic Search", "Google"
		}
		if i%4 < 2 {
			e.Device = "Desktop"
		}
		add := func(name, el string) {
			e.Name, e.Seq, e.Props = name, e.Seq+1, nil
			if el != "" {
				e.Props = map[string]string{"el": el}
			}
			events = append(events, e)
		}
		add("pageview", "")
		add("$seen", "button#buy")
		add("$seen", "a.terms")
		if i < 6 {
			add("$click", "button#buy")
			add("$click", "img.hero")
			add("$dead", "img.hero")
		}
		e.Time = start.Add(time.Minute)
		if i < 8 {
			add("Signup", "")
		}
		if i < 6 {
			e.Time = start.Add(2 * time.Minute)
			add("Purchase", "")
		}
		if i >= 13 {
			e.Path = "/docs"
			add("pageview", "")
		}
	}
	return events
}

// aboutPeople is a question for a report about other.example on the 30th.
func aboutPeople(report, rest string) (request, body string) {
	if rest != "" {
		rest = "," + rest
	}
	return "POST " + reportsPath + report, fmt.Sprintf(`{"site_id":"other.example","date_range":["2026-03-30","2026-03-30"]%s}`, rest)
}

const buySteps = `"steps":[{"page":"/pricing"},{"event":"Signup"},{"event":"Purchase"}]`

func peopleScenarios() []scenario {
	all := key("all")
	ask := func(name, report, rest string, status int, want ...string) scenario {
		request, body := aboutPeople(report, rest)
		return scenario{name: name, request: request, headers: all, body: body, status: status, want: want}
	}
	as := func(s scenario, name string, status int, headers map[string]string, who string) scenario {
		s.name, s.status, s.headers, s.as, s.want = name, status, headers, who, nil
		return s
	}
	const coverage = `{"period":["2026-03-30","2026-03-30"],"coverage":{"people":18,"consented":18,"counted":40,"percent":45,` +
		`"text":"18 consented of 40 counted (45 %)"`
	funnel := ask(
		"a funnel", "funnel", buySteps, 200, coverage+`},"count":"people"`,
		`{"label":"Visit /pricing","count":18,"dropoff":0,"conversion_from_previous":null,"conversion_from_first":null}`,
		`{"label":"Signup","count":8,"dropoff":10,"conversion_from_previous":44.44,"conversion_from_first":44.44,`,
		`"count":6,"dropoff":2,"conversion_from_previous":75,"conversion_from_first":33.33,`, `"p50":120`,
	)
	return []scenario{
		funnel,
		ask("all of a funnel", "funnel", buySteps+`,"order":"strict","window_sec":3600,"hold":["visit:country"],"count":"sessions",`+
			`"breakdown":"visit:source","distribution":true,"next":true,"compare":"previous_period"`, 200,
			`"groups":[`, `"value":"Direct / None"`, `"distribution":[`, `"next":[`, `{"value":"Visit /docs","count":5,`, `"before":{`),
		ask("without exclusions", "funnel", buySteps+`,"exclude":[{"event":"Signup","after":1,"before":3}]`, 200, `"count":18`),
		ask("weighted", "funnel", buySteps+`,"weight":true`, 200,
			`"weighting":{"by":["source","device","country"],"converged":true,`, `"conversion_from_first_weighted":`),
		ask("retention", "retention", `"birth":{"page":"/pricing"},"unit":"day","offsets":2`, 200, coverage,
			`{"start":"2026-03-30","size":18,"values":[{"count":18,"percent":100}`),
		ask("retention in brackets, weighted", "retention", `"mode":"brackets","brackets":[[0,1],[2,6]],"weight":true`, 200,
			`"slots":[[0,1],[2,6]]`, `"incomplete":true`),
		ask("journeys", "journeys", `"anchor":{"page":"/pricing"},"steps":3`, 200, `"total":18`,
			`{"step":0,"from":"Visit /pricing","to":"Signup","count":8}`, `"to":"(exit)"`),
		ask("journeys of nobody", "journeys", `"anchor":{"page":"/nowhere"}`, 200, `"total":0`),
		ask("paths", "paths", `"count":"sessions"`, 200, `{"nodes":["Visit /pricing","Signup","Purchase"],"count":6,"percent":`),
		ask("a cohort", "cohort", `"by":"visit:source","cohort":{"rules":[{"did":{"event":"Signup"},"at_least":1}]}`, 200, `"size":8`,
			coverage),
		ask("a small cohort", "cohort", `"cohort":{"rules":[{"did":{"event":"Signup"}},{"did":{"event":"Purchase"},"at_most":0}]}`,
			200, `"size":null,"size_text":"fewer than 5"`),
		ask("adoption", "adoption", `"features":[{"event":"Signup"},{"event":"Export"}],"unit":"day"`, 200, `"active":18`,
			`"people":8,"percent":44.44`, `"label":"Export","uses":0,"people":0,"percent":0,"never":true`),
		ask("clicks", "clicks", `"page":"/pric*"`, 200, `{"page":"/pricing","element":"button#buy","seen_by":18,"clicks":6,"clicked_by":6,`,
			`"element":"a.terms","seen_by":18,"clicks":0,`, `"never_clicked":true`, `"click_rate":33.33`),
		ask("a heatmap", "heatmap", `"page":"/pricing"`, 200, coverage, `"widths":[{"width":1280,"count":11},{"width":320,"count":5}],"width":1280,`,
			`"cells":[{"x":20,"y":3,"count":2},{"x":50,"y":10,"count":9}],"x_bins":100,"y_bin_px":16}`),
		ask("a heatmap of nothing", "heatmap", `"page":"/nowhere","kind":"scroll","width":320`, 200, `"cells":[]`),
		{
			name: "a named range", request: "POST " + reportsPath + "funnel", headers: all, status: 200, want: []string{`"counted":40`},
			body: `{"site_id":"other.example","date_range":"all",` + buySteps + `}`,
		},
		{
			name: "nobody", request: "POST " + reportsPath + "funnel", headers: all, status: 200,
			body: `{"site_id":"example.com","date_range":["2026-03-30","2026-03-30"],` + buySteps + `}`,
			want: []string{`"text":"0 consented of 40 counted (0 %)"`, `"count":0`},
		},

		ask("an unknown key", "funnel", buySteps+`,"colour":"red"`, 400, `Unknown key`, `colour`),
		ask("too few steps", "funnel", `"steps":[{"page":"/"}]`, 400, `steps: there are 1, and can be 2 to 8`),
		ask("hours", "clicks", `"date_range":"24h"`, 400, `ask for whole days`),
		{
			name: "no site", request: funnel.request, headers: all, body: `{"date_range":"7d"}`, status: 400,
			want: []string{"site_id: is required"},
		},
		{
			name: "a site that is no text", request: funnel.request, headers: all, body: `{"site_id":7}`, status: 400,
			want: []string{"site_id: "},
		},
		{name: "no JSON", request: funnel.request, headers: all, body: `{"site_id":`, status: 400, want: []string{"JSON"}},
		{name: "no object", request: funnel.request, headers: all, body: `null`, status: 400},
		{name: "no UTF-8", request: funnel.request, headers: all, body: "{\"site_id\":\"\xff\"}", status: 400, want: []string{"UTF-8"}},
		{name: "too long", request: funnel.request, headers: all, body: strings.Repeat(" ", 70_000), status: 413},
		ask("no such report", "wishes", "", 404),
		as(funnel, "to her who signed in", 200, nil, "ada"),
		as(funnel, "no key", 401, nil, ""),
		as(funnel, "a key of another site", 401, key("one"), ""),
		as(funnel, "a key that is revoked", 401, key("revoked"), ""),
		as(funnel, "a key that changes sites", 401, key("sites"), ""),
		{
			name: "nobody learns what is wrong", request: funnel.request, body: `{"site_id":"other.example"}`, status: 401,
			not: []string{"date_range"},
		},
		{
			name: "a key that asked too often", request: funnel.request, headers: key("busy"), status: 429, want: []string{"Retry-After: 3600"},
			body: `{"site_id":"example.com","date_range":"7d",` + buySteps + `}`,
		},
		{
			name: "no such site", request: funnel.request, as: "ada", status: 404, want: []string{"no site x.example"},
			body: `{"site_id":"x.example","date_range":"7d",` + buySteps + `}`,
		},
		as(funnel, "a page of another origin with the reader's cookie", 403,
			map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, "ada"),
	}
}

func TestReports(t *testing.T) {
	w := newPeople(t, nil)
	w.run(t, peopleScenarios())
	w.run(t, []scenario{
		{name: "to read", request: "GET " + reportsPath + "funnel", headers: key("all"), status: 405, want: []string{"Allow: POST"}},
		{
			name: "a page of another origin asks first", request: "OPTIONS " + reportsPath + "heatmap", status: 204,
			headers: map[string]string{"Origin": "https://app.example"}, want: []string{"Access-Control-Allow-Origin: *"},
		},
	})
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

// Without the opt-in path there is nothing to ask, for those who may ask.
func TestReportsOff(t *testing.T) {
	w := newPeople(t, func(c *Config) { c.Reports = nil })
	for _, r := range reportTable() {
		request, body := aboutPeople(r.name, "")
		w.run(t, []scenario{
			{name: r.name, request: request, headers: key("all"), body: body, status: 404, want: []string{"The opt-in path is off"}},
			{name: r.name + " without a key", request: request, body: body, status: 401, not: []string{"opt-in"}},
		})
	}
}

// A store that is away is an error of the server, whichever of the two it is, and its message is not shown.
func TestReportsWithoutTheStore(t *testing.T) {
	away := runnerFunc(func(context.Context) error { return errors.New("the cable is out") })
	late := runnerFunc(func(context.Context) error { return context.DeadlineExceeded })
	request, body := aboutPeople("funnel", buySteps)
	for name, c := range map[string]struct {
		change func(*Config)
		status int
	}{
		"the events away":   {func(c *Config) { c.Reports.Runner = away }, 503},
		"the events slow":   {func(c *Config) { c.Reports.Runner = late }, 504},
		"the counters away": {func(c *Config) { c.Stats.Runner = away }, 503},
	} {
		w := newPeople(t, c.change)
		w.run(t, []scenario{{
			name: name, request: request, body: body, headers: key("all"), status: c.status,
			want: []string{"Retry-After: 5"}, not: []string{"the cable is out"},
		}})
	}
}

// What is asked and answered has the form that is described.
func TestOpenAPIReports(t *testing.T) {
	w := newPeople(t, nil)
	_, router := described(t, w)
	answered := map[int]int{}
	for _, s := range peopleScenarios() {
		if s.name == "too long" || s.name == "no UTF-8" { // no JSON, which the description need not know
			continue
		}
		answered[w.validate(t, router, s)]++
	}
	for _, status := range []int{200, 400, 401, 403, 404, 429} {
		if answered[status] == 0 {
			t.Errorf("no question was answered with %d", status)
		}
	}
}

// No statement reads the tables of both paths, and each path is asked by its own (P8).
func TestReportsJoinNothing(t *testing.T) {
	var db *clickhouse.DB
	var asked []string
	w := newPeople(t, func(c *Config) {
		db = c.Stats.Runner.(*clickhouse.DB)
		runner := statementsOf{db, &asked}
		c.Reports.Runner, c.Stats.Runner = runner, runner
	})
	request, body := aboutPeople("funnel", buySteps+`,"weight":true,"next":true`)
	w.run(t, []scenario{{name: "weighted", request: request, body: body, as: "ada", status: 200}})
	consented, counts := 0, 0
	for _, sql := range asked {
		of := strings.Contains(sql, "FROM consented_")
		ours := strings.Contains(sql, "FROM counts")
		if of == ours {
			t.Errorf("reads both stores, or none: %s", sql)
		}
		if of {
			consented++
		} else {
			counts++
		}
	}
	if consented < 3 || counts < 4 { // coverage, weights, the funnel; of all and by each margin
		t.Errorf("%d statements over events, %d over counters", consented, counts)
	}
}

// statementsOf writes down what is asked, one question at a time.
type statementsOf struct {
	*clickhouse.DB
	asked *[]string
}

func (s statementsOf) Select(ctx context.Context, sql string, params map[string]string) ([][]any, error) {
	*s.asked = append(*s.asked, sql)
	return s.DB.Select(ctx, sql, params)
}
