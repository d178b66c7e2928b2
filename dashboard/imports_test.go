package dashboard

import (
	"testing"

	"turf/schema"
)

// imported makes the day of newPeople one that was imported, by an import that told the totals and sources.
func imported(t *testing.T, running bool) func(*Config) {
	day, err := schema.ParseDay("2026-03-30")
	must(t, err)
	return func(c *Config) {
		c.Stats.Imports = func(schema.SiteID) ([]schema.Imported, error) {
			return []schema.Imported{{Source: "ga4", Running: running, Days: []schema.DaySpan{{First: day, Last: day}}, Told: []schema.Told{
				{Cube: "traffic", Metrics: []string{"visitors"}}, {Cube: "sources", Metrics: []string{"visitors"}},
			}}}, nil
		}
	}
}

// Answers about imported days are as the description says, in both APIs; how many were counted of those who consented is not known while
// an import goes on.
func TestAnswersOfImportedDays(t *testing.T) {
	const api = `"site_id":"other.example","date_range":["2026-03-29","2026-03-30"]`
	w := newPeople(t, imported(t, false))
	ask := func(name, body string, want ...string) scenario {
		return scenario{name: name, request: "POST " + queryPath, headers: key("all"), body: `{` + api + body + `}`, status: 200, want: want}
	}
	all := []scenario{
		ask("not known of a day", `,"metrics":["visitors","bounce_rate"]`, `[40,null]`,
			`"unknown_days":{"bounce_rate":[["2026-03-30","2026-03-30"]]}`, `"code":"not_imported"`),
		ask("nothing is known of a day", `,"metrics":["visitors"],"dimensions":["event:page"],"include":{"imports":true}`, `"results":[]`,
			`"imports_included":false`, `"imports_skip_reason":"unsupported_query"`, `"left_out_days":[["2026-03-30","2026-03-30"]]`),
		ask("without imports", `,"metrics":["visitors"],"include":{"imports":false}`, `[0]`, `"imports_included":false`),
		{
			name: "v1", headers: key("all"), status: 200,
			request: "GET /api/v1/stats/timeseries?site_id=other.example&period=custom&date=2026-03-29,2026-03-30&metrics=pageviews",
			want:    []string{`{"date":"2026-03-29","pageviews":0},{"date":"2026-03-30","pageviews":null}`, `"warning":`},
		},
	}
	w.asDescribed(t, all, 200)
	w.run(t, all)
	request, body := aboutPeople("funnel", buySteps)
	w.run(t, []scenario{{name: "counted", request: request, body: body, headers: key("all"), status: 200, want: []string{`"counted":40`}}})

	w = newPeople(t, imported(t, true))
	w.run(t, []scenario{{
		name: "while an import goes on", request: request, body: body, headers: key("all"), status: 200,
		want: []string{`"counted":null`, `"text":"18 consented"`},
	}})
}
