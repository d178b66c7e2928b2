package importer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/schema"
)

// shownMetrics are those that lines of totals have, in their order.
var shownMetrics = []schema.Metric{
	schema.Visitors, schema.Visits, schema.Pageviews, schema.Events, schema.Bounces, schema.Duration,
	schema.Entries, schema.Exits,
}

// linesOf are the totals of the days of a zone: "pages_daily 2026-03-01 example.com|/a: visitors 2, visits 3". What is 0 is
// left out. Events are page views and custom events, as in questions.
func linesOf(s *memStore, loc *time.Location) []string {
	days := map[string]schema.Deltas{}
	for cell, sums := range s.totals {
		cube, _ := schema.CubeByID(cell.Cube)
		name := cube.Name + " " + time.Unix(cell.Time, 0).In(loc).Format(time.DateOnly)
		if n := len(cube.Dimensions); n > 0 {
			name += " " + strings.Join(cell.Values[:n], "|")
		}
		if cube.Keeps(schema.CustomEvents) {
			sums[schema.Events] += sums[schema.Pageviews] + sums[schema.CustomEvents]
		}
		d := days[name]
		d.Add(&sums)
		days[name] = d
	}
	var lines []string
	for name, sums := range days {
		var words []string
		for _, m := range shownMetrics {
			if sums[m] != 0 {
				words = append(words, fmt.Sprintf("%s %d", m, sums[m]))
			}
		}
		lines = append(lines, name+": "+strings.Join(words, ", "))
	}
	slices.Sort(lines)
	return lines
}

// wantLines holds totals to lines, one each; zeros in them may be written or left out. Of a cube and day of which one
// line is wanted, others may be there.
func wantLines(t testing.TB, s *memStore, site schema.Site, want string) {
	t.Helper()
	loc, err := site.Location()
	if err != nil {
		t.Fatal(err)
	}
	got := linesOf(s, loc)
	for line := range strings.Lines(strings.TrimSpace(want)) {
		name, words, _ := strings.Cut(strings.TrimSpace(line), ": ")
		kept := slices.DeleteFunc(strings.Split(words, ", "), func(w string) bool { return strings.HasSuffix(w, " 0") })
		line = name + ": " + strings.Join(kept, ", ")
		if !slices.Contains(got, line) {
			t.Errorf("want %s", line)
			for _, l := range got {
				if strings.HasPrefix(l, strings.Join(strings.Fields(line)[:2], " ")) {
					t.Log("have", l)
				}
			}
		}
	}
}

// checkGuarded looks for guarded cells with fewer visitors than k.
func checkGuarded(t testing.TB, s *memStore) {
	t.Helper()
	for cell, sums := range s.totals {
		cube, _ := schema.CubeByID(cell.Cube)
		for i, d := range cube.Dimensions {
			if slices.Contains(cube.Guarded, d) && cell.Values[i] != schema.Other && sums[schema.Visitors] < schema.DefaultK {
				t.Errorf("%s %q has %d visitors", cube.Name, cell.Values, sums[schema.Visitors])
			}
		}
	}
}
