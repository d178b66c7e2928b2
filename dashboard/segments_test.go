package dashboard

import (
	"net/url"
	"strings"
	"testing"

	"turf/schema"
	"turf/schema/clickhouse"
)

// segmentCounts is what other.example (UTC) counted of its segment; KEY stands for it.
const segmentCounts = `
traffic 2026-03-28T08 visitors=90 visits=99
segments 2026-03-29 segment=KEY visitors=7 visits=9 pageviews=20 custom_events=1 bounces=3
segments 2026-03-30 segment=KEY visitors=5 visits=5 pageviews=6 bounces=2
segments 2026-03-30 segment=0123456789abcdef visitors=500 visits=500
segment_places 2026-03-30 segment=KEY country=NL visitors=4 visits=4
segment_pages 2026-03-30 segment=KEY hostname=other.example path=/a visitors=3 visits=3 pageviews=4
`

// newSegments is a world in which other.example has a segment.
func newSegments(t *testing.T) (w *world, id string) {
	var db *clickhouse.DB
	var sites *clickhouse.Sites
	w = newWorld(t, func(c *Config) { db, sites = c.Stats.Runner.(*clickhouse.DB), c.Sites.(*clickhouse.Sites) })
	site, err := sites.Set(t.Context(), "other.example", func(s *schema.Site) error {
		s.Segments = []schema.Segment{{
			Name: "Mobile * search", Filter: schema.SegmentFilter{Op: "is", Column: "device", Values: []string{"Mobile"}},
		}}
		return nil
	})
	must(t, err)
	id = site.Segments[0].Key()
	writeCounts(t, db, "segments", strings.ReplaceAll(segmentCounts, "KEY", id))
	return w, id
}

func segmentScenarios(id string) []scenario {
	ask := func(name, more string, status int, want ...string) scenario {
		return scenario{
			name: name, request: "POST " + queryPath, headers: key("all"), status: status, want: want,
			body: `{"site_id":"other.example","date_range":["2026-03-29","2026-03-30"],` + more + `}`,
		}
	}
	v1 := func(kind, filters, more string, status int, want ...string) scenario {
		return scenario{
			name: "v1 " + kind + filters, headers: key("all"), status: status, want: want,
			request: "GET /api/v1/stats/" + kind + "?site_id=other.example&period=custom&date=2026-03-29,2026-03-30" + more + "&filters=" +
				url.QueryEscape(filters),
		}
	}
	const filter = `"filters":[["is","segment",["Mobile * search"]]]`
	return []scenario{
		ask("by name", `"metrics":["visitors","visits","bounce_rate"],`+filter, 200, `"metrics":[12,14,36]`, `Those of fewer are left out to protect them`, `"counted_since":{"Mobile * search":"20`),
		ask("by id", `"metrics":["visitors"],"filters":[["is","segment",["`+id+`"]]]`, 200, `"metrics":[12]`, `["is","segment",["`+id+`"]]`),
		ask("by day", `"metrics":["visitors"],"dimensions":["time:day"],`+filter, 200, `"metrics":[7]`, `"metrics":[5]`),
		ask("by country", `"metrics":["visitors"],"dimensions":["visit:country"],`+filter, 200, `{"metrics":[4],"dimensions":["NL"]}`),
		ask("by page", `"metrics":["visitors","pageviews"],"dimensions":["event:page"],`+filter, 200, `{"metrics":[3,4],"dimensions":["/a"]}`),
		ask("by two sides", `"metrics":["visitors"],"dimensions":["event:page","visit:country"],`+filter, 400, "one side of a visit at a time"),
		ask("by hour", `"metrics":["visitors"],"dimensions":["time:hour"],`+filter, 400, "kept by the day"),
		ask("not there", `"metrics":["visitors"],"filters":[["is","segment",["x"]]]`, 400, `\"x\" is not a segment of this site. Its segments are Mobile * search`),
		v1("aggregate", "segment==Mobile * search", "&metrics=visitors,visits", 200, `"visitors":{"value":12}`, `"visits":{"value":14}`),
		v1("breakdown", "segment=="+id, "&property=visit:country", 200, `{"country":"NL","visitors":4}`),
		v1("timeseries", "segment==Mobile * search", "", 200, `{"date":"2026-03-29","visitors":7}`),
		v1("aggregate", "segment!=Mobile * search", "", 400, "segment can be filtered by with is"),
		v1("aggregate", "segment==Mobile * search;visit:country==NL;event:page==/", "", 400, "one side of a visit at a time"),
		{
			name: "no segments", request: "POST " + queryPath, headers: key("all"), status: 400,
			want: []string{"this site has no segments. Declare one first"},
			body: `{"site_id":"example.com","metrics":["visitors"],"date_range":"7d","filters":[["is","segment",["x"]]]}`,
		},
	}
}

func TestSegments(t *testing.T) {
	w, id := newSegments(t)
	w.run(t, segmentScenarios(id))
	w.run(t, []scenario{
		{
			name: "the page knows them by name", request: "GET /api/sites", as: "ada", status: 200,
			want: []string{`"segments":["Mobile * search"]}`},
		},
		{
			name: "what they go with", request: "GET /api/combinations", as: "ada", status: 200,
			want: []string{`{"grain":"day","dimensions":["visit:country","visit:country_name","segment"]}`},
		},
		{name: "not its own", request: "DELETE /api/v1/sites/segments/" + id + "?site_id=other.example", headers: key("site"), status: 404},
		{
			name: "take back", request: "DELETE /api/v1/sites/segments/" + id, headers: key("sites"), body: "site_id=other.example", status: 200,
			want: []string{`{"deleted":true}`},
		},
		{
			name: "gone", request: "GET /api/v1/sites/segments?site_id=other.example", headers: key("sites"), status: 200,
			want: []string{`"segments":[]`},
		},
		{
			name: "declared again, it knows what it counted", request: "PUT /api/v1/sites/segments", status: 200,
			headers: with(key("sites"), "Content-Type", "application/json"), want: []string{`{"id":"` + id + `","name":"Phones"`},
			body: `{"site_id":"other.example","name":"Phones","filters":[["is","visit:device",["Mobile"]]]}`,
		},
		{
			name: "as before", request: "POST " + queryPath, headers: key("all"), status: 200, want: []string{`"metrics":[12]`, `"counted_since":{"Phones":"20`},
			body: `{"site_id":"other.example","metrics":["visitors"],"date_range":"7d","filters":[["is","segment",["Phones"]]]}`,
		},
	})
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

// What is asked and answered has the form that is described.
func TestOpenAPISegments(t *testing.T) {
	w, id := newSegments(t)
	w.asDescribed(t, segmentScenarios(id), 200, 400)
}
