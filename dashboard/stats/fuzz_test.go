package stats

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"turf/schema"
)

// placeholders is all that a statement may hold of what was asked.
var placeholders = regexp.MustCompile(`\{[a-z_0-9]+:(String|UInt64|Array\(UInt32\))\}`)

// FuzzQuery: reading and compiling never panics and fails only with the asker's error; what is accepted says itself again; every
// parameter of the SQL has a place and every place a parameter.
func FuzzQuery(f *testing.F) {
	files, err := filepath.Glob("testdata/sql/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		questions, _ := cases(f, file)
		for _, question := range questions {
			f.Add([]byte(withoutComments(question)))
		}
	}
	loc := location(f, "Europe/Amsterdam")
	f.Fuzz(func(t *testing.T, body []byte) {
		var invalid *InvalidError
		q, err := Parse(body)
		if err != nil {
			if !errors.As(err, &invalid) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		checkPrint(t, q)
		span, err := q.Range.Resolve(now, loc, schema.Day(20_000))
		if err != nil {
			if !errors.As(err, &invalid) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if !span.From.Before(span.To) {
			t.Fatalf("empty span %v", span)
		}
		p, err := makePlan(q, &testSite, span)
		if err != nil {
			if !errors.As(err, &invalid) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		rows, _ := p.rows(q.order())
		checkPlaces(t, rows)
		checkPlaces(t, p.count())
		// The answer's echo is a question for the same span.
		echo := p.echo(q.order())
		checkPrint(t, &echo)
		again, err := echo.Range.Resolve(now, loc, 0)
		if err != nil || again != span {
			t.Fatalf("the echo means %v (%v), not %v", again, err, span)
		}
	})
}

// checkPrint: what is printed is read as the same question.
func checkPrint(t *testing.T, q *Query) {
	t.Helper()
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > MaxBodyBytes {
		return // the printed form escapes what need not be escaped
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	twice, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(twice) {
		t.Fatalf("printed as %s\nand then as %s", text, twice)
	}
	// Instants compare by what they mean.
	plain := *q
	again.Range, plain.Range = DateRange{}, DateRange{}
	if diff := cmp.Diff(&plain, again, cmp.AllowUnexported(Query{})); diff != "" {
		t.Fatal(diff)
	}
}

func checkPlaces(t *testing.T, s statement) {
	t.Helper()
	places := map[string]bool{}
	for _, place := range placeholders.FindAllString(s.SQL, -1) {
		name, _, _ := strings.Cut(place[1:], ":")
		places[name] = true
		if _, ok := s.Params[name]; !ok {
			t.Fatalf("%s has no value in\n%s", place, s.SQL)
		}
	}
	for name := range s.Params {
		if !places[name] {
			t.Fatalf("%s has no place in\n%s", name, s.SQL)
		}
	}
}

// TestHostileValues: no text of a question gets into the SQL, whatever it is.
func TestHostileValues(t *testing.T) {
	hostile := []string{
		`'`, `\`, `\'`, "''; DROP TABLE counts; --", "{f0:String}", "{site:UInt32}", "`", "\x00", "\n", "--", "/*", "%", "é",
		"${x}", "Direct' OR '1'='1",
	}
	templates := []string{
		`{"site_id":"a","metrics":["events"],"date_range":"7d","filters":[["is","visit:source",[V]]]}`,
		`{"site_id":"a","metrics":["events"],"date_range":"7d","filters":[["contains","visit:country_name",[V],{"case_sensitive":false}]]}`,
		`{"site_id":"a","metrics":["events"],"date_range":"7d","filters":[["is_not","visit:city_name",[V],{"case_sensitive":false}]]}`,
		`{"site_id":"a","metrics":["events","percentage"],"date_range":"7d","dimensions":["visit:country"],"filters":[["is","visit:city",[V]]]}`,
		`{"site_id":"a","metrics":["events"],"date_range":"7d","dimensions":[P]}`,
		`{"site_id":V,"metrics":["events"],"date_range":"7d"}`,
	}
	for _, template := range templates {
		plain := compiled(t, template, "x")
		for _, value := range hostile {
			got := compiled(t, template, value)
			if got != "" && got != plain {
				t.Errorf("%q changes the SQL of %s:\n%s", value, template, got)
			}
		}
	}
}

// compiled is the SQL of a template, "" when the value is refused.
func compiled(t *testing.T, template, value string) string {
	t.Helper()
	v, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	prop, err := json.Marshal(propPrefix + value)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Parse([]byte(strings.NewReplacer("V", string(v), "P", string(prop)).Replace(template)))
	if err != nil {
		t.Fatalf("%s with %q: %v", template, value, err)
	}
	span, err := q.Range.Resolve(now, location(t, "UTC"), 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := makePlan(q, &testSite, span)
	if err != nil {
		if value == "x" {
			t.Fatal(err)
		}
		return ""
	}
	s, _ := p.rows(q.order())
	checkPlaces(t, s)
	return s.SQL
}
