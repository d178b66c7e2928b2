package stats

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"turf/schema"
)

// What is declared is shown in the words in which it was declared, or in others that mean the same.
func TestParseSegment(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{`[["is","visit:country",["NL","BE"]]]`, ""},
		{`["is","visit:country",["NL"]]`, `[["is","visit:country",["NL"]]]`},
		{`[["is","visit:country_name",["Netherlands","UK"]]]`, `[["is","visit:country",["NL","GB"]]]`},
		{`[["is","visit:region_name",["(not set)"]]]`, `[["is","visit:region",["(not set)"]]]`},
		{`[["is","visit:city",[2759794]],["contains","visit:city_name",["dam"]]]`, `[["is","visit:city",["2759794"]],["contains","visit:city_name",["dam"]]]`},
		{`[["is_not","visit:source",["Google","Direct / None"]]]`, ""},
		{`[["is","visit:source",["direct / none"],{"case_sensitive":false}]]`, `[["is","visit:source",["Direct / None"],{"case_sensitive":false}]]`},
		{`[["contains","visit:source",["Dir"]]]`, ""},
		{`[["matches_not","event:page",["^/docs/[0-9]+$"],{"case_sensitive":false}],["is","event:hostname",["a.example"]]]`, ""},
		{`[["or",[["is","event:name",["Signup"]],["not",["is","event:props:plan",["pro","(none)"]]]]]]`, ""},
		{`[["is","visit:entry_page",["/"]],["is","visit:entry_page_hostname",["a.example"]]]`, ""},
		{`[["and",[["is","visit:utm_source",["a"]],["is","visit:utm_campaign",["b"]]]]]`, `[["is","visit:utm_source",["a"]],["is","visit:utm_campaign",["b"]]]`},
		{`[["is","visit:browser_version",["1"]],["is","visit:os_version",["1"]],["is","visit:channel",["Email"]]]`, ""},
	} {
		filter, err := ParseSegment([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		text, err := json.Marshal(SegmentFilters(&filter))
		if err != nil {
			t.Fatal(err)
		}
		if c.out == "" {
			c.out = c.in
		}
		if string(text) != c.out {
			t.Errorf("%s is shown as %s, want %s", c.in, text, c.out)
		}
		again, err := ParseSegment(text)
		one, two := schema.Segment{Filter: filter}, schema.Segment{Filter: again}
		if err != nil || one.Key() != two.Key() {
			t.Errorf("%s is not the same segment again: %v", text, err)
		}
		d := schema.Declarations{Segments: []schema.Segment{{Name: "x", Filter: filter}}}
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", c.in, err)
		}
	}
}

// All dimensions on the wire can be in a segment, and are shown as themselves, but for those of which it says why not.
func TestSegmentDimensions(t *testing.T) {
	for _, a := range attributes {
		filter, err := ParseSegment([]byte(`["is","` + a.name + `",["NL"]]`))
		if why := notInSegments[a.name]; why != "" {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v, want: %s", a.name, err, why)
			}
			continue
		}
		if err != nil {
			if !a.isNamed() {
				t.Errorf("%s: %v", a.name, err)
			}
			continue
		}
		if shown := segmentAttribute(&filter); shown.name != a.name && !a.isNamed() {
			t.Errorf("%s is shown as %q", a.name, shown.name)
		}
	}
}

func TestParseSegmentRefuses(t *testing.T) {
	for in, want := range map[string]string{
		``:                                 "a list of filters",
		`{}`:                               "a list of filters",
		`[]`:                               "at least one",
		`[["is","event:goal",["Signup"]]]`: "event:goal cannot be in a segment",
		`[["is","visit:exit_page",["/"]]]`: "where a visit will end is not known",
		`[["is","segment",["Other"]]]`:     "a segment is not made of others",
		`[["is","time",["x"]]]`:            "time cannot be filtered by",
		`[["contains","visit:country_name",["N"]]]`: "with is and is_not",
		`[["matches","event:page",["("]]]`:          "regular expression",
		`[["has_done","event:page",["/"]]]`:         "is not available",
		`[["is","visit:country",["Holland"]]]`:      "is not a country",
	} {
		_, err := ParseSegment([]byte(in))
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}
