package stats

import (
	"os"
	"slices"
	"strings"
	"testing"

	"turf/schema"
)

// countersFile is the page as it is committed. `go test ./dashboard/stats -run TestCountersPage -update` writes it.
const countersFile = "../COUNTERS.md"

// TestCountersPage: the committed page is the one that the catalogue gives.
func TestCountersPage(t *testing.T) {
	want := Counters(Kept{})
	if *update {
		if err := os.WriteFile(countersFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(countersFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the catalogue says; write it anew with -update", countersFile)
	}
}

// TestCountersFollowTheCatalogue: a cube that is added to the catalogue is on the page, with all that follows from it.
func TestCountersFollowTheCatalogue(t *testing.T) {
	added := schema.Cube{
		ID: schema.CubeID(schema.NumCubes), Name: "country_events", Grain: schema.Daily,
		Dimensions: []schema.Dimension{schema.Path, schema.Language}, Guarded: []schema.Dimension{schema.Language},
		Folded: []schema.Dimension{schema.Language},
	}
	before, after := Counters(Kept{}), countersOf(append(slices.Clone(schema.Cubes), added), Kept{})
	for _, line := range []string{
		"| `country_events` | day | `path`, `language` | page × device | `language` | `language` |  |",
		"by entry page: `visitors`, `visits`, `bounce_rate`, `visit_duration`",
		"`languages`, `country_events` |",
		"| day | `event:page`, `visit:language` |",
	} {
		if !strings.Contains(after, line) {
			t.Errorf("the page with one more cube has no %q", line)
		}
	}
	if strings.Contains(before, "country_events") || strings.Contains(before, "| day | `event:page`, `visit:language` |") {
		t.Error("the page has the cube before it is there")
	}
	page, language := "event:page", "visit:language"
	if got := finest(combinationsOf(schema.Cubes), page, language); got != "·" {
		t.Errorf("%s and %s without the cube: %s", page, language, got)
	}
	if got := finest(combinationsOf(append(slices.Clone(schema.Cubes), added)), page, language); got != "d" {
		t.Errorf("%s and %s with the cube: %s", page, language, got)
	}
}

// TestCountersAreComplete: each cube, dimension and metric of the catalogue has its line, each name of a question is named, and each cube
// answers something.
func TestCountersAreComplete(t *testing.T) {
	page := Counters(Kept{})
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		if strings.Count(page, "\n| `"+c.Name+"` | ") < 2 {
			t.Errorf("%s has not two lines", c.Name)
		}
		if strings.Contains(page, "\n| `"+c.Name+"` |  |") {
			t.Errorf("%s counts nothing", c.Name)
		}
		answers := 0
		for _, r := range rolesOf(c) {
			answers += len(metricsOf(c, r))
		}
		if answers == 0 && !c.HasAspect(schema.FunnelAspect) {
			t.Errorf("%s answers nothing", c.Name)
		}
	}
	for _, d := range schema.Dimensions {
		if !strings.Contains(page, "\n| `"+d.Column+"` | "+d.Title+" | ") {
			t.Errorf("the dimension %s is not there", d.Column)
		}
	}
	for _, m := range schema.Metrics {
		if !strings.Contains(page, "\n| `"+m.Column+"` | "+schema.MetricTexts[m.Column]+" | ") {
			t.Errorf("the sum %s is not there", m.Column)
		}
	}
	for _, a := range attributes {
		if !strings.Contains(page, "`"+a.name+"`") {
			t.Errorf("%s is not there", a.name)
		}
	}
	for _, m := range allMetrics {
		if !strings.Contains(page, "`"+string(m)+"`") {
			t.Errorf("the metric %s is not there", m)
		}
	}
}

// TestCountersAnswerWhatTheyPromise: the planner reads a metric from a cube exactly when the page says that the cube answers it.
func TestCountersAnswerWhatTheyPromise(t *testing.T) {
	site := testSite
	span, err := DateRange{First: 20000, Last: 20000}.Resolve(now, location(t, site.Timezone), 0)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		for _, r := range rolesOf(c) {
			names := metricsOf(c, r)
			for _, m := range allMetrics {
				// Shares are of two questions, amounts of goals, and segments depend on their filter.
				if isShare(m) || isRevenue(m) || c.HasAspect(schema.SegmentAspect) {
					continue
				}
				q := &Query{Metrics: []Metric{m}, Dimensions: askAll(c, r), Pagination: Pagination{Limit: 1}}
				if c.Twin() != nil { // whole days are its twin's
					q.Dimensions = append(q.Dimensions, timeHour)
				}
				p, err := makePlan(q, &site, span)
				reads := err == nil && p.cube.ID == c.ID
				if promised := slices.Contains(names, string(m)); promised != reads {
					t.Errorf("%s by %s, %s of %v: promised %v, planner %v", c.Name, r, m, q.Dimensions, promised, err)
				}
				checked++
			}
		}
	}
	t.Logf("%d metrics of cubes", checked)
}

// askAll names each dimension of the cube once, so that the question leaves nothing open.
func askAll(c *schema.Cube, r role) (names []string) {
	for _, d := range c.Dimensions {
		i := slices.IndexFunc(attributes, func(a attribute) bool {
			return a.dim == d && (a.role == visitRole || a.role == r || a.role == pageRole && (r == eventRole || r == vitalRole))
		})
		switch {
		case i >= 0:
			names = append(names, attributes[i].name)
		case d == schema.PropValue:
			names = append(names, propPrefix+"plan")
		}
	}
	return names
}

// TestCountersOfSettings: the page of a server says its own settings.
func TestCountersOfSettings(t *testing.T) {
	for _, c := range []struct {
		kept Kept
		want []string
	}{
		{Kept{}, []string{"**k is 3** unless a site", "for ever, unless the installation"}},
		{Kept{Server: true}, []string{"**Rows are kept** for ever.\n"}},
		{Kept{RetentionDays: 761, Site: "example.com", K: 7}, []string{"**k is 7** at example.com, today", "for 761 days"}},
	} {
		page := Counters(c.kept)
		for _, want := range c.want {
			if !strings.Contains(page, want) {
				t.Errorf("the page of %+v has no %q", c.kept, want)
			}
		}
	}
}
