package dashboard

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse"
)

// TestCounters: the page is for everybody, with what the server and, for those who may read it, the site has set.
func TestCounters(t *testing.T) {
	var sites *clickhouse.Sites
	w := newWorld(t, func(c *Config) {
		sites = c.Sites.(*clickhouse.Sites)
		c.RetentionDays = 761
	})
	_, err := sites.Set(t.Context(), "example.com", func(s *schema.Site) error {
		s.Guards = []schema.Guard{{From: 0, K: 7}}
		return nil
	})
	must(t, err)
	page, one := "GET "+countersPath, "GET "+countersPath+"?site_id=example.com"
	scenarios := []scenario{
		{
			name: "nobody", request: page, status: 200,
			want: []string{
				"Content-Type: text/markdown; charset=utf-8", "# What Turf keeps", "**k is 3** unless a site", "for 761 days",
				"| `page_sources` |",
			},
			not: []string{"example.com", "other.example"},
		},
		{name: "of a site, nobody", request: one, status: 401, not: []string{"What Turf keeps"}},
		{name: "of a site", request: one, headers: key("one"), status: 200, want: []string{"**k is 7** at example.com, today", "for 761 days"}},
		{name: "of another site", request: "GET " + countersPath + "?site_id=other.example", headers: key("one"), status: 401},
		{name: "of a site that nobody has", request: "GET " + countersPath + "?site_id=none.example", as: "ada", status: 404},
	}
	w.run(t, scenarios)
	openapi3filter.RegisterBodyDecoder("text/markdown", openapi3filter.RegisteredBodyDecoder("text/plain"))
	t.Cleanup(func() { openapi3filter.UnregisterBodyDecoder("text/markdown") })
	w.asDescribed(t, scenarios, 200, 401, 404)
	_, text := w.ask(t, scenario{request: page})
	if !strings.HasSuffix(text, stats.Counters(stats.Kept{Server: true, RetentionDays: 761})) {
		t.Error("the page is not that of the catalogue")
	}
}
