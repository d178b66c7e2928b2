package dashboard

import (
	"strings"
	"testing"

	"turf/schema"
	"turf/schema/clickhouse"
)

// TestRollUp: several sites of one time zone are added up for who may read them all.
func TestRollUp(t *testing.T) {
	var db *clickhouse.DB
	var sites *clickhouse.Sites
	w := newWorld(t, func(c *Config) { db, sites = c.Stats.Runner.(*clickhouse.DB), c.Sites.(*clickhouse.Sites) })
	third, err := sites.Add(t.Context(), "third.example", "UTC")
	must(t, err)
	batch := schema.Batch{Token: "roll-up"}
	for _, fields := range [][]string{
		{"traffic_daily", "2026-03-29", "visitors=5", "visits=6", "pageviews=7"},
		{"traffic_daily", "2026-03-30", "visitors=1", "visits=1", "pageviews=1"},
	} {
		batch.Rows = append(batch.Rows, countedRow(t, fields))
	}
	other := countedRow(t, []string{"traffic_daily", "2026-03-30", "visitors=10", "visits=20", "pageviews=30"})
	other.Cell.Site = third.ID
	must(t, db.Write(t.Context(), schema.Batch{Token: batch.Token, Rows: append(batch.Rows, other)}))

	ask := func(site, more string) scenario {
		return scenario{
			name: site + more, request: "POST " + queryPath, headers: key("all"), status: 200,
			body: `{"site_id":"` + site + `","metrics":["visitors","pageviews"]` + more + `}`,
		}
	}
	with := func(s scenario, status int, want ...string) scenario {
		s.status, s.want = status, want
		return s
	}
	const days, both = `,"date_range":["2026-03-29","2026-03-30"]`, "other.example,third.example"
	one := with(ask(both, days+" "), 401)
	one.headers = key("one")
	w.run(t, []scenario{
		with(ask("other.example", days), 200, `"metrics":[6,8]`),
		with(ask(both, days), 200, `"metrics":[16,38]`, `"site_id":"other.example,third.example"`),
		with(ask("third.example, other.example", days), 200, `"metrics":[16,38]`),
		with(ask(both, `,"date_range":"all"`), 200, `"metrics":[16,38]`, `["2026-03-29T00:00:00+00:00"`),
		with(ask("third.example,other.example", `,"date_range":"all","dimensions":["time:day"]`), 200,
			`{"metrics":[5,7],"dimensions":["2026-03-29"]},{"metrics":[11,31],"dimensions":["2026-03-30"]}`),
		with(ask(both, days+`,"include":{"comparisons":{"mode":"previous_period"},"total_rows":true}`), 200, `"metrics":[16,38]`),
		with(ask("other.example,example.com", days), 400, "the days of other.example are those of UTC"),
		with(ask("other.example,other.example", days), 400, "other.example is named twice"),
		with(ask("other.example,", days), 401),
		with(ask("other.example,fourth.example", days), 401), // that a site is not there is not told to a key
		with(ask(both, days+`,"dimensions":["event:goal"]`), 400, "event:goal is of one site"),
		with(ask(both, days+`,"filters":[["is","segment",["x"]]]`), 400, "segment is of one site"),
		one,
	})
	explained := ask(both, days)
	explained.request += "?explain=1"
	_, text := w.ask(t, explained)
	if !strings.Contains(text, `"explain":{"cube":"traffic_daily","grain":"day","rows":3,"sql":"SELECT`) {
		t.Errorf("explained: %s", text)
	}
}
