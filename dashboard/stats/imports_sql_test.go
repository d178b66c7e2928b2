package stats

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse/clickhousetest"
)

// TestImportsOfOtherDaysCostNothing: imports of days that are not asked for, and those that tell all that is asked, leave a statement
// as it is, to the byte.
func TestImportsOfOtherDaysCostNothing(t *testing.T) {
	site := testSite
	day := func(month time.Month, day int) schema.Day { return schema.Date(2026, month, day) }
	before := schema.DaySpan{First: day(1, 1), Last: day(2, 28)}
	after := schema.DaySpan{First: day(3, 31), Last: day(4, 2)}
	inside := schema.DaySpan{First: day(3, 5), Last: day(3, 9)}
	all := []schema.Told{
		{Cube: "traffic", Metrics: []string{"visitors", "visits", "pageviews", "bounces", "duration"}},
		{Cube: "countries", Metrics: []string{"visitors"}},
	}
	for _, question := range []string{
		`"metrics":["visitors","visits","pageviews","views_per_visit","bounce_rate","visit_duration"]`,
		`"metrics":["visitors","bounce_rate"],"dimensions":["time:day"]`,
		`"metrics":["visitors","percentage"],"dimensions":["visit:country"]`,
	} {
		for _, c := range []struct {
			name    string
			imports []schema.Imported
			same    bool
		}{
			{"of other days", []schema.Imported{{Source: "ga4", Days: []schema.DaySpan{before, after}}}, true},
			{"that tells all", []schema.Imported{{Source: "ga4", Days: []schema.DaySpan{inside}, Told: all}}, true},
			{"that tells nothing", []schema.Imported{{Source: "ga4", Days: []schema.DaySpan{inside}}}, false},
		} {
			plain, imported := planOfMarch(t, &site, question), planOfMarch(t, &site, question)
			imported.lookAt(c.imports, schema.DayOf(now, time.UTC))
			want, _ := plain.rows(plain.query.order())
			got, _ := imported.rows(imported.query.order())
			if same := got.SQL == want.SQL && maps.Equal(got.Params, want.Params); same != c.same {
				t.Errorf("%s, an import %s:\n%s\n%v\nwithout it\n%s\n%v", question, c.name, got.SQL, got.Params, want.SQL, want.Params)
			}
		}
	}
}

// TestNotInDays holds the condition on days against the days themselves, also where there are many and the clocks change, and within the
// memory that a statement may have.
func TestNotInDays(t *testing.T) {
	db := clickhousetest.Empty(t)
	loc, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	const counters = 1_000_000 // hours that come again and again
	random := rand.New(rand.NewPCG(1, 2))
	first, last := schema.Date(2020, 1, 1), schema.Date(2026, 12, 31)
	hours := int((last + 1).Start(loc).Sub(first.Start(loc)).Hours())
	for _, most := range []int{1, 3, 40, 2000} { // days between two edges
		var days []schema.DaySpan
		for at := first + schema.Day(random.IntN(most)); at <= last; {
			span := schema.DaySpan{First: at, Last: min(last, at+schema.Day(random.IntN(most)))}
			days = append(days, span)
			at = span.Last + 2 + schema.Day(random.IntN(most))
		}
		w := newWriter()
		p := &plan{span: Span{From: first.Start(loc)}}
		sql := fmt.Sprintf("SELECT toInt64(toUnixTimestamp(time)) AS t FROM (SELECT toDateTime(%d + 3600 * (number %% %d), 'UTC') AS time "+
			"FROM numbers(%d)) WHERE %s GROUP BY t", first.Start(loc).Unix(), hours, counters, p.notIn(w, "days", days))
		rows, err := db.Select(t.Context(), sql, w.params)
		if err != nil {
			t.Fatalf("%d spans: %v", len(days), err)
		}
		outside := map[int64]bool{}
		for _, row := range rows {
			outside[row[0].(int64)] = true
		}
		for hour := range hours {
			at := first.Start(loc).Add(time.Duration(hour) * time.Hour)
			day := schema.DayOf(at, loc)
			in := len(schema.CommonDays(days, []schema.DaySpan{{First: day, Last: day}})) > 0
			if outside[at.Unix()] == in {
				t.Fatalf("%d spans: %v, in one of them: %v", len(days), at, in)
			}
		}
	}
}
