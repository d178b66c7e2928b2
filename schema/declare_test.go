package schema

import (
	"errors"
	"path"
	"strings"
	"testing"
	"time"
)

func TestMatchPage(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true},
		{"/a", "/ab", false},
		{"/a", "/", false},
		{"/blog/*", "/blog/x", true},
		{"/blog/*", "/blog/x/y", true},
		{"/blog/*", "/blog/", true},
		{"/blog/*", "/blog", false},
		{"/blog*", "/blog", true},
		{"*", "", true},
		{"*/done", "/a/b/done", true},
		{"*/done", "/a/b/done/", false},
		{"/*/x/*", "/a/x/x/b", true},
		{"/**", "/a", true},
		{"/a*b*c", "/a-b-b-c", true},
		{"/a*b*c", "/a-c-b", false},
		{"", "", true},
		{"", "/", false},
	} {
		if got := MatchPage(c.pattern, c.path); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.path, got)
		}
	}
}

// FuzzMatchPage compares with the standard library, where a * is all but a slash.
func FuzzMatchPage(f *testing.F) {
	f.Add("/a*b", "/axb")
	f.Add("a*", "a")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern, `?[\/`) || strings.Contains(name, "/") {
			return
		}
		want, err := path.Match(pattern, name)
		if err != nil {
			return
		}
		if got := MatchPage(pattern, name); got != want {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
	})
}

func TestCheckGoals(t *testing.T) {
	long := strings.Repeat("a", MaxValueBytes)
	many := make([]Goal, MaxGoals+1)
	for _, c := range []struct {
		goals []Goal
		want  string // of the error; empty: none
	}{
		{nil, ""},
		{[]Goal{{Name: "Signup", Event: "Signup"}, {Name: "Blog", Page: "/blog/*"}, {Name: "Read", Page: "/blog/*", Scroll: 50}}, ""},
		{[]Goal{{Event: "Signup"}}, "goals[0].name: it is empty"},
		{[]Goal{{Name: long, Event: "Signup"}}, "goals[0].name: it is longer than 120 bytes"},
		{[]Goal{{Name: "x"}}, "goals[0]: a goal has either an event or a page"},
		{[]Goal{{Name: "x", Event: "a", Page: "/"}}, "goals[0]: a goal has either an event or a page"},
		{[]Goal{{Name: "x", Event: "a", Scroll: 5}}, "goals[0].scroll: it goes with a page, not with an event"},
		{[]Goal{{Name: "x", Page: "/", Scroll: 101}}, "goals[0].scroll: it is 101, and must be between 1 and 100 percent"},
		{[]Goal{{Name: "x", Page: "a"}}, `goals[0].page: "a" is no path: it begins with / or *`},
		{[]Goal{{Name: "x", Page: "/" + long}}, "goals[0].page: it is longer than 501 bytes"},
		{[]Goal{{Name: "x", Event: "a\tb"}}, `goals[0].event: "a\tb" cannot be counted: use "ab"`},
		{[]Goal{{Name: "x", Event: "(other)"}}, `goals[0].event: "(other)" cannot be counted: use "other"`},
		{[]Goal{{Name: "x", Event: "pageview"}}, "goals[0].event: pageview is no custom event. Use a page"},
		{[]Goal{{Name: "x", Event: "a"}, {Name: "x", Event: "b"}}, `goals[1].name: there are two goals called "x"`},
		{[]Goal{{Name: "x", Page: "/a"}, {Name: "y", Page: "/a"}}, `goals[1]: it is the same as the goal "x"`},
		{many, "goals: there are 101, and can be 100"},
	} {
		err := (&Declarations{Goals: c.goals}).Check()
		var invalid *InvalidError
		switch {
		case err == nil && c.want != "", err != nil && err.Error() != c.want:
			t.Errorf("got %v, want %s", err, c.want)
		case err != nil && !errors.As(err, &invalid):
			t.Errorf("%T", err)
		}
	}
}

// What was declared before stays counted since then, also under another name; what is new begins now.
func TestBegan(t *testing.T) {
	then, now := time.Unix(1000, 0), time.Unix(2000, 0)
	old := Declarations{Goals: []Goal{{Name: "Blog", Page: "/blog/*", Since: then}}}
	d := Declarations{Goals: []Goal{{Name: "Our blog", Page: "/blog/*"}, {Name: "Read", Page: "/blog/*", Scroll: 50, Since: then}}}
	d.Began(&old, now)
	if !d.Goals[0].Since.Equal(then) || !d.Goals[1].Since.Equal(now) {
		t.Errorf("since %v and %v", d.Goals[0].Since, d.Goals[1].Since)
	}
}

// The name under which a goal is counted is that of no event.
func TestGoalKeys(t *testing.T) {
	for _, g := range []Goal{{Page: "/a*"}, {Page: "/a", Scroll: 50}} {
		if !g.Counted() || !IsReserved(g.Key()) || CleanValue(g.Key()) == g.Key() {
			t.Errorf("%+v is counted as %q", g, g.Key())
		}
	}
	for _, g := range []Goal{{Page: "/a"}, {Event: "a"}} {
		if g.Counted() {
			t.Errorf("%+v is counted", g)
		}
	}
}
