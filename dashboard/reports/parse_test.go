package reports_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/schema"
)

// What is wrong with a question is said by the key and the reason.
func TestParseRefuses(t *testing.T) {
	const two = `"date_range":"30d","steps":[{"page":"/a"},{"event":"b"}]`
	tests := []struct{ kind, body, want string }{
		{"funnel", `[]`, "object"},
		{"funnel", `{`, "A JSON object is expected"},
		{"funnel", `{} {}`, "Something follows"},
		{"funnel", `{"stepz":[]}`, `Unknown key "stepz"`},
		{"funnel", `{"steps":5}`, "steps: a list is expected, not a number"},
		{"funnel", `{"steps":[{"page":"/a"},{"event":"b"}]}`, "date_range: is required"},
		{"funnel", `{"date_range":"soon","steps":[]}`, `date_range: "soon" is not known`},
		{"funnel", `{"date_range":["2026-02-01","2026-01-01"]}`, "date_range: it ends before it begins"},
		{"funnel", `{"date_range":7}`, "date_range: a name such as"},
		{"funnel", `{"date_range":"7d","steps":[{"page":"/a"}]}`, "steps: there are 1, and can be 2 to 8"},
		{"funnel", `{"date_range":"7d","steps":[{"page":"/a"},{}]}`, "steps[1]: name an event"},
		{"funnel", `{"date_range":"7d","steps":[{"page":"/a"},{"page":"/b","event":"b"}]}`, "steps[1]: it names an event and a page"},
		{"funnel", `{"date_range":"7d","steps":[{"page":"a"},{"event":"b"}]}`, `steps[0].page: "a" is not a path`},
		{"funnel", `{` + two + `,"order":"random"}`, "order: "},
		{"funnel", `{` + two + `,"count":"all"}`, "count: "},
		{"funnel", `{` + two + `,"order":"any_order","count":"totals"}`, "count: in any order nothing begins a second time"},
		{"funnel", `{` + two + `,"order":"strict","exclude":[{"event":"x"}]}`, "exclude: only steps that are ordered"},
		{"funnel", `{` + two + `,"exclude":[{"event":"x","after":2}]}`, "exclude[0]: it lies between two of the 2 steps"},
		{"funnel", `{` + two + `,"exclude":[{}]}`, "exclude[0]: name an event"},
		{"funnel", `{` + two + `,"window_sec":-1}`, "window_sec: it is from 1 to 31622400"},
		{"funnel", `{` + two + `,"window_sec":1e10}`, "window_sec: a whole number is expected"},
		{"funnel", `{` + two + `,"hold":["plan"]}`, `hold[0]: "plan" is not known`},
		{"funnel", `{` + two + `,"hold":["event:page","event:page","event:page","event:page"]}`, "hold: there are 4"},
		{"funnel", `{` + two + `,"breakdown":"visit:browser"}`, "breakdown: "},
		{"funnel", `{` + two + `,"k":2}`, "k: it is from 5 to 1000"},
		{"funnel", `{` + two + `,"top":51}`, "top: it is from 1 to 50"},
		{"funnel", `{` + two + `,"next":true,"count":"totals"}`, "next: "},
		{"funnel", `{` + two + `,"compare":"last_year"}`, "compare: "},
		{"funnel", `{` + two + `,"cohort":{"rules":[]}}`, "cohort.rules: there are 0"},
		{"funnel", `{` + two + `,"cohort":{"rules":[{}]}}`, "cohort.rules[0]: a rule has one of"},
		{"funnel", `{` + two + `,"cohort":{"rules":[{"did":{},"at_least":3,"at_most":2}]}}`, "at_least is more than at_most"},
		{"funnel", `{` + two + `,"cohort":{"rules":[{"has":{"name":"event:props:","values":["a"]}}]}}`, "is not known. Use"},
		{"funnel", `{` + two + `,"cohort":{"rules":[{"has":{"name":"visit:os","values":[]}}]}}`, "has.values: there are 0"},
		{"funnel", `{` + two + `,"cohort":{"rules":[{"has":{"name":"visit:os","op":"like","values":["a"]}}]}}`, `has.op: "like"`},
		{"retention", `{"date_range":"7d","unit":"year"}`, "unit: "},
		{"retention", `{"date_range":"7d","mode":"brackets"}`, "brackets: "},
		{"retention", `{"date_range":"7d","mode":"brackets","brackets":[[3,1]]}`, "brackets[0]: "},
		{"retention", `{"date_range":"7d","offsets":91}`, "offsets: it is from 1 to 90 days"},
		{"journeys", `{"date_range":"7d","steps":9}`, "steps: it is from 1 to 8"},
		{"journeys", `{"date_range":"7d","direction":"around"}`, "direction: "},
		{"paths", `{"date_range":"7d","show":"clicks"}`, "show: "},
		{"people", `{"date_range":"7d","by":"plan"}`, `by: "plan" is not known`},
		{"adoption", `{"date_range":"7d","features":[]}`, "features: there are 0"},
		{"clicks", `{"date_range":"7d","weight":true}`, "weight: "},
		{"clicks", `{"date_range":"7d","only":"some"}`, "only: "},
		{"heat", `{"date_range":"7d"}`, "page: "},
		{"heat", `{"date_range":"7d","page":"/","kind":"eyes"}`, "kind: "},
		{"heat", `{"date_range":"7d","page":"/` + strings.Repeat("x", 600) + `"}`, "page: "},
		{"heat", strings.Repeat(" ", reports.MaxBodyBytes+1), "longer than 65536 bytes"},
		{"heat", "{\"page\":\"\xff\"}", "not valid UTF-8"},
	}
	for _, tt := range tests {
		_, err := parseAs(tt.kind, []byte(tt.body))
		var ours *reports.InvalidError
		if !errors.As(err, &ours) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %.200s: %v, want %q", tt.kind, tt.body, err, tt.want)
		}
	}
}

// What can only be seen with the site and the time at hand.
func TestEngineRefuses(t *testing.T) {
	e := &reports.Engine{Now: func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }}
	site := &schema.Site{ID: 1, Domain: "a.example", Timezone: "UTC"}
	for _, tt := range []struct{ body, want string }{
		{`{"date_range":"24h"}`, "date_range: it begins or ends inside a day"},
		{`{"date_range":"800d"}`, "date_range: it is longer than 761 days"},
	} {
		q, err := reports.ParsePeople([]byte(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		var ours *reports.InvalidError
		if _, err = e.People(context.Background(), site, q); !errors.As(err, &ours) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.body, err, tt.want)
		}
	}
}

func parseAs(kind string, body []byte) (any, error) {
	switch kind {
	case "funnel":
		return reports.ParseFunnel(body)
	case "retention":
		return reports.ParseRetention(body)
	case "journeys":
		return reports.ParseJourneys(body)
	case "paths":
		return reports.ParsePaths(body)
	case "people":
		return reports.ParsePeople(body)
	case "adoption":
		return reports.ParseAdoption(body)
	case "clicks":
		return reports.ParseClicks(body)
	}
	return reports.ParseHeat(body)
}

var kinds = []string{"funnel", "retention", "journeys", "paths", "people", "adoption", "clicks", "heat"}

// What is accepted, its JSON form says again; what is refused, is refused with an *InvalidError.
func FuzzParse(f *testing.F) {
	for kind, body := range []string{
		`{"date_range":"30d","steps":[{"page":"/a*"},{"event":"b","props":[{"name":"visit:os","values":["Linux"]}]}],"window_sec":60,
			"exclude":[{"event":"x","after":1,"before":2}],"hold":["event:props:plan"],"breakdown":"visit:source","next":true}`,
		`{"date_range":["2026-01-01","2026-01-31"],"mode":"brackets","brackets":[[0,0],[1,3]],"weight":true}`,
		`{"date_range":"month","anchor":{"page":"/"},"direction":"to","steps":8}`,
		`{"date_range":"2026-01-01","cohort":{"any":true,"rules":[{"did":{"event":"x"},"at_least":2},{"first_seen":"7d","not":true}]}}`,
		`{"date_range":"year","by":"visit:country"}`,
		`{"date_range":"6mo","features":[{"event":"a","name":"A"}],"unit":"week"}`,
		`{"date_range":"7d","only":"never","page":"/a"}`,
		`{"date_range":"7d","page":"/","width":320}`,
	} {
		f.Add(uint8(kind), []byte(body))
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		name := kinds[int(kind)%len(kinds)]
		q, err := parseAs(name, body)
		if err != nil {
			if ours := (*reports.InvalidError)(nil); !errors.As(err, &ours) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseAs(name, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if said, err := json.Marshal(again); err != nil || !bytes.Equal(said, text) {
			t.Fatalf("%v\n%s\n%s", err, text, said)
		}
	})
}
