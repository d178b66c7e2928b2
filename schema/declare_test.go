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
		{[]Goal{{Name: "x", Event: "a", Currency: "EUR"}}, ""},
		{[]Goal{{Name: "x", Page: "/a", Currency: "EUR"}}, "goals[0].currency: it goes with an event, not with a page"},
		{[]Goal{{Name: "x", Event: "a", Currency: "eur"}}, `goals[0].currency: "eur" is no currency: use a code such as EUR (ISO 4217)`},
		{[]Goal{{Name: "x", Event: long, Currency: "EUR"}}, "goals[0].event: it is longer than 500 bytes, and has a currency"},
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

func TestCheckFunnels(t *testing.T) {
	a, b := FunnelStep{Page: "/a"}, FunnelStep{Event: "b"}
	many := make([]Funnel, MaxFunnels+1)
	for _, c := range []struct {
		funnels []Funnel
		want    string // of the error; empty: none
	}{
		{[]Funnel{{Name: "x", Steps: []FunnelStep{a, b}}, {Name: "y", Steps: []FunnelStep{a, b}, WindowSec: 60}}, ""},
		{[]Funnel{{Name: "x", Steps: []FunnelStep{a, a, a, a, a, a, a, a}, WindowSec: 86_400}}, ""},
		{[]Funnel{{Steps: []FunnelStep{a, b}}}, "funnels[0].name: it is empty"},
		{[]Funnel{{Name: "x", Steps: []FunnelStep{a}}}, "funnels[0].steps: there are 1, and must be 2 to 8"},
		{[]Funnel{{Name: "x", Steps: []FunnelStep{a, a, a, a, a, a, a, a, a}}}, "funnels[0].steps: there are 9, and must be 2 to 8"},
		{[]Funnel{{Name: "x", Steps: []FunnelStep{a, {}}}}, "funnels[0].steps[1]: a step has either an event or a page"},
		{[]Funnel{{Name: "x", Steps: []FunnelStep{a, {Page: "b"}}}}, `funnels[0].steps[1].page: "b" is no path: it begins with / or *`},
		{
			[]Funnel{{Name: "x", Steps: []FunnelStep{a, {Event: "pageview"}}}},
			"funnels[0].steps[1].event: pageview is no custom event. Use a page",
		},
		{
			[]Funnel{{Name: "x", Steps: []FunnelStep{a, b}, WindowSec: 86_401}},
			"funnels[0].window_sec: it is 86401, and must be between 1 and 86400 seconds, or 0 for the whole day",
		},
		{
			[]Funnel{{Name: "x", Steps: []FunnelStep{a, b}}, {Name: "x", Steps: []FunnelStep{b, a}}},
			`funnels[1].name: there are two funnels called "x"`,
		},
		{
			[]Funnel{{Name: "x", Steps: []FunnelStep{a, b}}, {Name: "y", Steps: []FunnelStep{a, b}}},
			`funnels[1]: it is the same as the funnel "x"`,
		},
		{many, "funnels: there are 21, and can be 20"},
	} {
		err := (&Declarations{Funnels: c.funnels}).Check()
		if err == nil && c.want != "" || err != nil && err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// What was declared before stays counted since then, also under another name; what is new begins now.
func TestBegan(t *testing.T) {
	then, now := time.Unix(1000, 0), time.Unix(2000, 0)
	old := Declarations{Goals: []Goal{{Name: "Blog", Page: "/blog/*", Since: then}}}
	d := Declarations{Goals: []Goal{{Name: "Our blog", Page: "/blog/*"}, {Name: "Read", Page: "/blog/*", Scroll: 50, Since: then}}}
	old.Goals = append(old.Goals, Goal{Event: "a", Currency: "EUR", CurrencySince: then, Since: then},
		Goal{Event: "b", Currency: "EUR", CurrencySince: then, Since: then})
	d.Goals = append(d.Goals, Goal{Event: "a", Currency: "EUR"}, Goal{Event: "b", Currency: "USD"}, Goal{Event: "c", Currency: "USD"})
	f := []FunnelStep{{Page: "/a"}, {Page: "/b"}}
	old.Funnels = []Funnel{{Name: "f", Steps: f, Since: then}}
	d.Funnels = []Funnel{{Name: "g", Steps: f}, {Name: "f", Steps: f, WindowSec: 60}}
	d.Began(&old, now)
	if !d.Funnels[0].Since.Equal(then) || !d.Funnels[1].Since.Equal(now) {
		t.Errorf("since %v and %v", d.Funnels[0].Since, d.Funnels[1].Since)
	}
	if c := d.Clone(); c.Same(&d) || &c.Funnels[0].Steps[0] == &d.Funnels[0].Steps[0] || c.Funnels[0].Key() != d.Funnels[0].Key() {
		t.Error("a clone shares something, or lacks it")
	}
	for i, want := range []time.Time{{}, {}, then, now, now} {
		if got := d.Goals[i].CurrencySince; !got.Equal(want) {
			t.Errorf("amounts of goal %d are counted since %v, want %v", i, got, want)
		}
	}
	if !d.Goals[0].Since.Equal(then) || !d.Goals[1].Since.Equal(now) {
		t.Errorf("since %v and %v", d.Goals[0].Since, d.Goals[1].Since)
	}
}

// Amounts are counted by currency, under the name of no event.
func TestRevenueKeys(t *testing.T) {
	g := Goal{Event: "Purchase", Currency: "EUR"}
	if key := g.RevenueKey(); !IsRevenue(key) || !IsReserved(key) || key == (&Goal{Event: "Purchase", Currency: "USD"}).RevenueKey() {
		t.Errorf("%q", key)
	}
	if (&Goal{Event: "Purchase"}).RevenueKey() != "" || IsRevenue("revenue") || IsRevenue(PageKey("/a")) {
		t.Error("amounts without a currency")
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
