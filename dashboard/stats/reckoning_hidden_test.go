package stats

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

// TestEveryHiddenGroup: with k = 3, each guarded set of dimensions, asked for as a whole, shows the groups of at least three visitors a
// day as they are, and all others added up under (other), for each day of the week, by the naive reckoning.
func TestEveryHiddenGroup(t *testing.T) {
	const k = 3
	week := makeWeek(2, 1_500)
	e := countWeek(t, week, k)
	naive := newReckoner(week)
	rows, hidden := 0, 0
	for i := range schema.Cubes {
		cube := &schema.Cubes[i]
		// The core's oracle reckons segments, TestVitalsAgainstMeasurements vitals.
		if len(cube.Guarded) == 0 || cube.Withheld || cube.Has(schema.VitalName) {
			continue
		}
		names, list := guardedNames(cube)
		for day := range schema.Day(weekDays) {
			want, folded := naive.hiddenRows(cube, list, names, uint8(day), k)
			got := askHidden(t, e, &week.site, cube, names, week.first+day)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s on day %d: −reckoned +answered\n%s", cube.Name, day, diff)
			}
			rows, hidden = rows+len(want), hidden+folded
		}
	}
	t.Logf("%d rows are shown, and %d groups of fewer than %d visitors are under %s", rows, hidden, k, schema.Other)
	if rows < 1_000 || hidden < 1_000 {
		t.Error("hardly anything is hidden")
	}
}

// guardedNames are the names on the wire of a cube's dimensions, and the facts that it counts.
func guardedNames(c *schema.Cube) (names []string, list int) {
	switch {
	case c.HasAspect(schema.EventAspect):
		list = eventFacts
	case c.HasAspect(schema.NextAspect):
		list = nextFacts
	case c.HasAspect(schema.PageAspect):
		list = pageFacts
	}
	for _, d := range c.Dimensions {
		i := slices.IndexFunc(attributes, func(a attribute) bool {
			return a.dim == d && (a.expr == "" || d == schema.City && a.expr == cityNameExpr)
		})
		names = append(names, attributes[i].name)
	}
	return names, list
}

// hiddenRows are the rows of a day: visitors, page views and events by the values as they are shown, with one row a line.
func (k *reckoner) hiddenRows(c *schema.Cube, list int, names []string, day uint8, least int64) (rows map[string][3]int64, folded int) {
	groups := map[[schema.MaxCubeDimensions]uint8]*group{}
	for i := range k.facts[list] {
		f := &k.facts[list][i]
		if f.day != day {
			continue
		}
		var key [schema.MaxCubeDimensions]uint8
		for n, d := range c.Dimensions {
			key[n] = f.values[d]
		}
		if groups[key] == nil {
			groups[key] = &group{}
		}
		groups[key].add(f)
	}
	rows = map[string][3]int64{}
	for key, g := range groups {
		var labels []string
		for n, d := range c.Dimensions {
			label := shown(names[n:n+1], k.values[d][key[n]])
			if g.visitors < least && slices.Contains(c.Guarded, d) {
				label = schema.Other
			}
			labels = append(labels, label)
		}
		if g.visitors < least {
			folded++
		}
		row := rows[strings.Join(labels, "|")]
		for n, add := range []int64{g.visitors, g.sums[viewsSum], g.sums[eventsSum]} {
			row[n] += add
		}
		if row != [3]int64{} {
			rows[strings.Join(labels, "|")] = row
		}
	}
	return rows, folded
}

// askHidden asks for all rows of the cube on a day, with the metrics that it keeps of visitors, page views and events.
func askHidden(t *testing.T, e *Engine, site *schema.Site, c *schema.Cube, names []string, day schema.Day) map[string][3]int64 {
	t.Helper()
	metrics := []Metric{Visitors}
	at := []int{0}
	for i, m := range []Metric{Pageviews, Events} {
		q := Query{Metrics: []Metric{m}, Dimensions: names}
		span, err := DateRange{First: day, Last: day}.Resolve(e.Now(), location(t, site.Timezone), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := makePlan(&q, site, span); err == nil {
			metrics, at = append(metrics, m), append(at, i+1)
		}
	}
	rows := map[string][3]int64{}
	q := Query{
		Site: site.Domain, Metrics: metrics, Dimensions: names, Range: DateRange{First: day, Last: day},
		Pagination: Pagination{Limit: MaxLimit}, Include: Include{Explain: true},
	}
	for {
		answer, err := e.Answer(t.Context(), site, &q)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Meta.Explain.Cube != c.Name {
			t.Fatalf("%v is read from %s, not %s", names, answer.Meta.Explain.Cube, c.Name)
		}
		for _, r := range answer.Results {
			var labels []string
			for _, d := range r.Dimensions {
				labels = append(labels, fmt.Sprint(d))
			}
			var row [3]int64
			for i := range metrics {
				n, _ := plainNumber(r.Metrics[i])
				row[at[i]] = int64(n)
			}
			rows[strings.Join(labels, "|")] = row
		}
		if len(answer.Results) < q.Pagination.Limit {
			return rows
		}
		q.Pagination.Offset += q.Pagination.Limit
	}
}
