package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func leaf(op, column string, values ...string) SegmentFilter {
	return SegmentFilter{Op: op, Column: column, Values: values}
}

func TestCheckSegments(t *testing.T) {
	country := leaf("is", "country", "NL")
	deep, wide := country, SegmentFilter{Op: "or"}
	for range MaxSegmentDepth - 1 {
		deep = SegmentFilter{Op: "not", Of: []SegmentFilter{deep}}
	}
	for i := range MaxSegmentLeaves {
		wide.Of = append(wide.Of, leaf("is", "country", fmt.Sprint(i)))
	}
	values := make([]string, MaxSegmentValues)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	long := strings.Repeat("a", MaxValueBytes)
	many := make([]Segment, MaxSegments+1)
	for i := range many {
		many[i] = Segment{fmt.Sprint(i), leaf("is", "path", fmt.Sprint(i)), time.Time{}}
	}
	one := func(f SegmentFilter) []Segment { return []Segment{{"a", f, time.Time{}}} }
	for _, c := range []struct {
		segments []Segment
		want     string // the message; empty: it is in order
	}{
		{one(country), ""},
		{one(deep), ""},
		{one(wide), ""},
		{one(leaf("is_not", "event", values...)), ""},
		{one(SegmentFilter{Op: "is", Column: "source", Empty: true}), ""},
		{one(SegmentFilter{Op: "matches", Column: "value", Prop: "plan", Values: []string{"^pro"}, FoldCase: true}), ""},
		{one(leaf("contains_not", "entry_path", "/a")), ""},
		{one(leaf("is", "city", "1")), ""},
		{many[:MaxSegments], ""},
		{many, "segments: there are 21, and can be 20"},
		{[]Segment{{"", country, time.Time{}}}, "segments[0].name: "},
		{[]Segment{{"a", country, time.Time{}}, {"a", leaf("is", "country", "BE"), time.Time{}}}, `there are two segments called "a"`},
		{[]Segment{{"a", country, time.Time{}}, {"b", country, time.Time{}}}, `it is the same as the segment "a"`},
		{one(SegmentFilter{Op: "not", Of: []SegmentFilter{deep}}), "nested more than 8 deep"},
		{one(SegmentFilter{Op: "or", Of: []SegmentFilter{wide, country}}), "segments[0].filter.of[1]: a segment compares at most 20 times"},
		{one(leaf("is", "event", append(values, "x")...)), "at most 50 values"},
		{one(leaf("is", "event", slices.Repeat([]string{long}, 17)...)), "at most 8192 bytes together"},
		{one(leaf("is", "event", long+"a")), "at most 512 bytes"},
		{one(leaf("is", "event", "\xff")), "UTF-8"},
		{one(SegmentFilter{Op: "and"}), "and needs at least one branch"},
		{one(SegmentFilter{Op: "not", Of: []SegmentFilter{country, country}}), "not has one branch"},
		{one(SegmentFilter{}), `"" is not known`},
		{one(leaf("and_not", "country", "NL")), `"and_not" is not known`},
		{one(leaf("is", "prop", "a")), `"prop" is not known`},
		{one(leaf("is", "reason", "a")), `"reason" is not known`},
		{one(leaf("is", "segment", "a")), `"segment" is not known`},
		{one(leaf("is", "value", "a")), "goes with the column value"},
		{one(SegmentFilter{Op: "is", Column: "path", Prop: "a", Values: []string{"b"}}), "goes with the column value"},
		{one(leaf("is", "path")), "at least one is required"},
		{one(leaf("matches", "path", "(")), "is not a regular expression"},
		{one(leaf("matches", "path", "(a{100}){100}")), "is not a regular expression"},
		{one(leaf("matches", "path", "[^/]{900}b{900}")), "too large"},
	} {
		d := Declarations{Segments: c.segments}
		err := d.Check()
		var invalid *InvalidError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%.200v: %v", c.segments, err)
		case c.want != "" && (!errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%.200v: %v, want %q", c.segments, err, c.want)
		}
	}
}

func TestSegmentHolds(t *testing.T) {
	for _, c := range []struct {
		leaf  SegmentFilter
		holds []string
		not   []string
	}{
		{leaf("is", "path", "/a", "/b"), []string{"/a", "/b"}, []string{"", "/", "/A"}},
		{SegmentFilter{Op: "is", Column: "path", Values: []string{"/É"}, FoldCase: true}, []string{"/é", "/É"}, []string{"/e"}},
		{SegmentFilter{Op: "is", Column: "source", Values: []string{"x"}, Empty: true}, []string{"", "x"}, []string{"y"}},
		{leaf("contains", "path", "/a", "z"), []string{"/a", "/b/a", "z"}, []string{"", "/A"}},
		{SegmentFilter{Op: "contains", Column: "path", Values: []string{"a.c"}, FoldCase: true}, []string{"xA.Cx"}, []string{"abc", ""}},
		{leaf("matches", "path", "^/[0-9]+$"), []string{"/12"}, []string{"/", "", "/1a"}},
		{leaf("is", "city", "2759794"), []string{"2759794:Amsterdam"}, []string{"", ":2759795", "1:2759794"}},
		{leaf("is", "city", "Amsterdam"), []string{":Amsterdam"}, []string{"1:Amsterdam"}},
		{leaf("is", "city_name", "Amsterdam"), []string{"2759794:Amsterdam", ":Amsterdam"}, []string{"", "1:Utrecht"}},
		{SegmentFilter{Op: "is", Column: "city_name", Empty: true}, []string{""}, []string{"1:Utrecht"}},
	} {
		test, err := c.leaf.Test()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.holds {
			if !test.Holds(v) {
				t.Errorf("%v does not hold of %q", c.leaf, v)
			}
		}
		for _, v := range c.not {
			if test.Holds(v) {
				t.Errorf("%v holds of %q", c.leaf, v)
			}
		}
	}
}

// A segment that is declared again, or called something else, is counted since the first time; one with another filter is another.
func TestSegmentsBegan(t *testing.T) {
	then, now := time.Unix(1, 0), time.Unix(2, 0)
	old := Declarations{Segments: []Segment{{"a", leaf("is", "country", "NL"), then}, {"b", leaf("is", "country", "BE"), then}}}
	d := Declarations{Segments: []Segment{{"b", leaf("is", "country", "NL"), time.Time{}}, {"a", leaf("is", "country", "DE"), then}}}
	d.Began(&old, now)
	if !d.Segments[0].Since.Equal(then) || !d.Segments[1].Since.Equal(now) {
		t.Errorf("counted since %v and %v", d.Segments[0].Since, d.Segments[1].Since)
	}
	c := d.Clone()
	if !d.Same(&d) || c.Same(&d) {
		t.Error("the segments of a clone are those of the other")
	}
}

// What stands in documents and in the store may never change.
func TestSegmentKey(t *testing.T) {
	s := Segment{Filter: SegmentFilter{Op: "and", Of: []SegmentFilter{
		{Op: "is_not", Column: "value", Prop: "plan", Values: []string{"<pro>", "é"}, Empty: true, FoldCase: true},
		leaf("matches", "path", "^/a"),
	}}}
	if got, want := s.Key(), "07e1b3d3d1282403"; got != want {
		t.Errorf("the key is %s, was %s", got, want)
	}
}

func TestSegmentOfVisits(t *testing.T) {
	visit, event := leaf("is", "utm_term", "a"), leaf("is", "hostname", "a")
	for _, c := range []struct {
		filter SegmentFilter
		want   bool
	}{
		{visit, true},
		{leaf("is", "os_version", "a"), true},
		{leaf("is", "city_name", "a"), true},
		{event, false},
		{leaf("is", "event", "a"), false},
		{leaf("is", "entry_path", "a"), false},
		{SegmentFilter{Op: "or", Of: []SegmentFilter{visit, visit}}, true},
		{SegmentFilter{Op: "or", Of: []SegmentFilter{visit, {Op: "not", Of: []SegmentFilter{event}}}}, false},
	} {
		if got := c.filter.OfVisits(); got != c.want {
			t.Errorf("%v is of visits: %v", c.filter, got)
		}
	}
}
