package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse/clickhousetest"
)

// TestRatiosAreAsTheEngineRounds: a ratio that is divided here is the number that the statement has where rows are ordered by it.
func TestRatiosAreAsTheEngineRounds(t *testing.T) {
	db := clickhousetest.Empty(t)
	random := rand.New(rand.NewPCG(1, 2))
	var pairs [][2]int64
	for a := range int64(40) { // with all the halves of small numbers, and divisions by zero
		for b := range int64(40) {
			pairs = append(pairs, [2]int64{a, b}, [2]int64{-a, b})
		}
	}
	for range 2000 {
		pairs = append(pairs, [2]int64{random.Int64N(1 << random.IntN(45)), random.Int64N(1 << random.IntN(40))})
	}
	var list []string
	for _, p := range pairs {
		list = append(list, fmt.Sprintf("(%d,%d)", p[0], p[1]))
	}
	const sql = "SELECT round(ifNotFinite(%s t.1 / t.2, nan), %d) FROM " +
		"(SELECT arrayJoin(CAST({pairs:Array(Tuple(Int64, Int64))}, 'Array(Tuple(Int64, Int64))')) AS t)"
	for _, kind := range []struct {
		factor string
		place
	}{
		{"", place{scale: 1, digits: 2}},
		{"", place{scale: 1}},
		{"100 *", place{scale: 100}},
		{"100 *", place{scale: 100, digits: 1}},
		{"100 *", place{scale: 100, digits: 2}},
		{"0.001 *", place{scale: 0.001}},
	} {
		kind.by = 1
		rows, err := db.Select(t.Context(), fmt.Sprintf(sql, kind.factor, kind.digits),
			map[string]string{"pairs": "[" + strings.Join(list, ",") + "]"})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range pairs {
			v, err := kind.value([]any{p[0], p[1]})
			if err != nil {
				t.Fatal(err)
			}
			got, want := v.(float64), rows[i][0].(float64)
			if got != want && !(math.IsNaN(want) && (math.IsNaN(got) || math.IsInf(got, 0))) {
				t.Fatalf("%s %d / %d with %d decimals is %v, and %v in the statement", kind.factor, p[0], p[1], kind.digits, got, want)
			}
		}
	}
}

// TestStatementsAreSmall: what the engine does for a small question is mostly reading it. So a statement has each sum once, divides
// only what orders its rows, and has no more parameters than it must.
func TestStatementsAreSmall(t *testing.T) {
	site := testSite
	const overview = `"metrics":["visitors","visits","pageviews","views_per_visit","bounce_rate","visit_duration"]`
	for _, c := range []struct {
		question       string
		sums, most     int // most: bytes
		divides, names int // names: parameters
	}{
		{overview, 5, 300, 0, 0},
		{overview + `,"dimensions":["time:day"]`, 5, 450, 0, 2},
		{overview + `,"dimensions":["visit:source"],"order_by":[["bounce_rate","desc"]]`, 6, 550, 1, 1},
		{`"metrics":["visitors"],"dimensions":["visit:country"]`, 1, 250, 0, 1},
		{`"metrics":["visitors","percentage"],"dimensions":["visit:country"]`, 2, 400, 0, 1},
	} {
		p := planOfMarch(t, &site, c.question)
		s, _ := p.rows(p.query.order())
		got := [4]int{strings.Count(s.SQL, "sum("), len(s.SQL), strings.Count(s.SQL, " / "), len(s.Params)}
		if got[0] != c.sums || got[1] > c.most || got[2] != c.divides || got[3] != c.names {
			t.Errorf("%s: %d sums, %d bytes, %d divisions and %d parameters, want %+v:\n%s", c.question, got[0], got[1], got[2], got[3], c, s.SQL)
		}
	}
}

// planOfMarch is the plan of a question about 30 days.
func planOfMarch(t *testing.T, site *schema.Site, question string) *plan {
	t.Helper()
	q, err := Parse([]byte(`{"site_id":"example.com","date_range":["2026-03-01","2026-03-30"],` + question + "}"))
	if err != nil {
		t.Fatal(err)
	}
	span, err := q.Range.Resolve(now, time.UTC, schema.Date(2026, 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := makePlan(q, site, span)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
