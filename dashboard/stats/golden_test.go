package stats

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is the time at which all questions of the golden files are asked: a Tuesday afternoon in Amsterdam.
var now = time.Date(2026, time.March, 31, 13, 37, 0, 0, time.UTC)

// testSite is the site that all questions of the golden files are about.
var testSite = schema.Site{
	ID: 7, Domain: "example.com", Timezone: "Europe/Amsterdam",
	Declarations: schema.Declarations{Goals: []schema.Goal{
		{Name: "Signup", Event: "Signup"},
		{Name: "Visit /thanks", Page: "/thanks"},
		{Name: "Blog", Page: "/blog/*", Since: time.Date(2026, time.March, 25, 12, 0, 0, 0, time.UTC)},
		{Name: "Read", Page: "/docs*", Scroll: 50},
	}, Segments: testSegments},
}

// testSegments are one of events, declared inside the last seven days, and one of visits.
var testSegments = []schema.Segment{
	{
		Name: "Dutch readers", Since: time.Date(2026, time.March, 25, 12, 0, 0, 0, time.UTC),
		Filter: schema.SegmentFilter{Op: "and", Of: []schema.SegmentFilter{
			{Op: "is", Column: "country", Values: []string{"NL"}}, {Op: "contains", Column: "path", Values: []string{"/docs"}},
		}},
	},
	{
		Name: "Mobile search", Filter: schema.SegmentFilter{Op: "and", Of: []schema.SegmentFilter{
			{Op: "is", Column: "device", Values: []string{"Mobile"}}, {Op: "is", Column: "channel", Values: []string{"Organic Search"}},
		}},
	},
}

// shop is the site of the questions about amounts.
var shop = schema.Site{
	ID: 7, Domain: "example.com", Timezone: "Europe/Amsterdam",
	Declarations: schema.Declarations{Goals: []schema.Goal{
		{Name: "Purchase", Event: "Purchase", Currency: "EUR", CurrencySince: time.Date(2026, time.March, 25, 12, 0, 0, 0, time.UTC)},
		{Name: "Donation", Event: "Donate", Currency: "USD"},
		{Name: "Gift", Event: "Gift", Currency: "EUR"},
		{Name: "Signup", Event: "Signup"},
		{Name: "Thanks", Page: "/thanks"},
	}},
}

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// cases takes a golden file apart: comments, a question, "----", what comes of it, a blank line.
func cases(t testing.TB, file string) (questions, outcomes []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		question, outcome, found := strings.Cut(block+"\n", "----\n")
		if !found {
			t.Fatalf("%s: no ---- after %s", file, block)
		}
		questions, outcomes = append(questions, question), append(outcomes, strings.TrimSpace(outcome))
	}
	return questions, outcomes
}

// withoutComments drops the lines that begin with #.
func withoutComments(s string) string {
	lines := slices.DeleteFunc(strings.Split(s, "\n"), func(line string) bool { return strings.HasPrefix(line, "#") })
	return strings.Join(lines, "\n")
}

// compile is what becomes of a question: SQL with parameters, or the error.
func compile(t *testing.T, site *schema.Site, question string) string {
	q, err := Parse([]byte(question))
	if err != nil {
		return "parse error: " + err.Error()
	}
	span, err := q.Range.Resolve(now, location(t, "Europe/Amsterdam"), schema.Date(2025, time.November, 20))
	if err != nil {
		return "error: " + err.Error()
	}
	p, err := makePlan(q, site, span)
	if err != nil {
		return "error: " + err.Error()
	}
	rows, _ := p.rows(q.order())
	var b strings.Builder
	fmt.Fprintln(&b, rows.SQL)
	for _, name := range slices.Sorted(maps.Keys(rows.Params)) {
		value := rows.Params[name]
		if len(value) > 60 {
			value = value[:60] + "…"
		}
		if name != "limit" && name != "offset" {
			fmt.Fprintf(&b, "-- %s = %q\n", name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.since)) {
		fmt.Fprintf(&b, "-- %s is counted since %s\n", name, p.since[name])
	}
	for _, m := range slices.Sorted(maps.Keys(p.warnings)) {
		fmt.Fprintf(&b, "-- warning: %s %s\n", m, p.warnings[m].Code)
	}
	return strings.TrimSpace(b.String())
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/sql/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			questions, outcomes := cases(t, file)
			var written bytes.Buffer
			site := &testSite
			if filepath.Base(file) == "revenue.txt" {
				site = &shop
			}
			for i, question := range questions {
				got := compile(t, site, withoutComments(question))
				fmt.Fprintf(&written, "%s----\n%s\n\n", question, got)
				if got != outcomes[i] && !*update {
					t.Errorf("%s\ngot:\n%s\n\nwant:\n%s", question, got, outcomes[i])
				}
			}
			if *update {
				if err := os.WriteFile(file, bytes.TrimSuffix(written.Bytes(), []byte("\n")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
