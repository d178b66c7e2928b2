package schema

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Declarations are what a site's owner wants to have counted ahead of time. They are part of the site's document, may change at any
// time, and hold from the next event on. Check says whether they are in order.
type Declarations struct {
	Goals    []Goal    `json:"goals,omitempty"`
	Funnels  []Funnel  `json:"funnels,omitempty"`
	Segments []Segment `json:"segments,omitempty"`
}

// MaxGoals is how many goals a site can have.
const MaxGoals = 100

// InvalidError is a mistake in what somebody declared.
type InvalidError struct {
	Field  string // where it is, as goals[2].page
	Reason string // what is wrong and what to do
}

// Error says both.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

func invalid(field, format string, args ...any) error {
	return &InvalidError{field, fmt.Sprintf(format, args...)}
}

// Goal is something that visitors should do: a custom event, the view of a page, or to read a page to some depth.
type Goal struct {
	Name  string `json:"name"`            // as it is shown; no two goals of a site share one
	Event string `json:"event,omitempty"` // the custom event's name; either this or Page
	// Page is the path of the page. A * in it stands for any characters, also none.
	Page string `json:"page,omitempty"`
	// Scroll is how much of the page must be seen, 1 to 100 percent. 0: its view is enough.
	Scroll int `json:"scroll,omitempty"`
	// Currency is that of the amounts that the events of a goal carry (ISO 4217, such as EUR). They are added up; amounts in
	// another are not counted. Only of an event.
	Currency string `json:"currency,omitempty"`
	// CurrencySince is since when they are. [Declarations.Began] sets it.
	CurrencySince time.Time `json:"currency_since,omitzero"`
	// Since is when the goal was declared. [Declarations.Began] sets it.
	Since time.Time `json:"since"`
}

// reserved stands in the names of what is counted like an event and is none. CleanValue leaves it in no value, so no event has
// such a name.
const reserved = "\t"

// IsReserved reports whether the event of that name is a goal that was declared, and not an event that was sent.
func IsReserved(event string) bool { return strings.Contains(event, reserved) }

// Key says what the goal is, whatever it is called: two goals of one key are the same. It is the name under which the goal is
// counted as an event, if it is ([Goal.Counted]); that of a custom event is the event's.
func (g *Goal) Key() string {
	switch {
	case g.Event != "":
		return g.Event
	case g.Scroll > 0:
		return fmt.Sprintf("scroll%s%d%s%s", reserved, g.Scroll, reserved, g.Page)
	}
	return PageKey(g.Page)
}

// DefaultName is the name of a goal to which nobody gives one.
func (g *Goal) DefaultName() string {
	name := g.Event
	switch {
	case g.Scroll > 0:
		name = fmt.Sprintf("Scroll %d%% of %s", g.Scroll, g.Page)
	case g.Page != "":
		name = "Visit " + g.Page
	}
	return strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], "")
}

// PageKey is the key of the goal that is the view of a page.
func PageKey(path string) string { return "page" + reserved + path }

// RevenueKey is the name under which the events of the goal that carry an amount are counted once more, with the amount. It has the
// currency in it, so that nothing is ever added up in two. Empty: the goal has no currency.
func (g *Goal) RevenueKey() string {
	if g.Currency == "" {
		return ""
	}
	return revenuePrefix + g.Currency + reserved + g.Event
}

// revenuePrefix begins the names under which amounts are counted.
const revenuePrefix = "revenue" + reserved

// IsRevenue reports whether the event of that name is a goal's with its amounts.
func IsRevenue(event string) bool { return strings.HasPrefix(event, revenuePrefix) }

// Exact reports whether the goal is the view of one page, which the counters of pages answer, also for the time before the goal
// was declared.
func (g *Goal) Exact() bool { return g.Page != "" && g.Scroll == 0 && !strings.Contains(g.Page, "*") }

// Counted reports whether the goal is counted because it was declared, and only from then on: it is neither an event, which is
// counted anyhow, nor [Goal.Exact].
func (g *Goal) Counted() bool { return g.Event == "" && !g.Exact() }

// MatchPage reports whether a path is one that the pattern means: a * stands for any characters, also none.
func MatchPage(pattern, path string) bool {
	star, mark := -1, 0 // the last * that was met, and the place in path up to which it has taken
	p, i := 0, 0
	for i < len(path) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == path[i]:
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Check says what is wrong with the declarations. The error is an *InvalidError.
func (d *Declarations) Check() error {
	if len(d.Goals) > MaxGoals {
		return invalid("goals", "there are %d, and can be %d", len(d.Goals), MaxGoals)
	}
	for i := range d.Goals {
		field := fmt.Sprintf("goals[%d]", i)
		if err := d.Goals[i].check(field); err != nil {
			return err
		}
		for _, other := range d.Goals[:i] {
			if other.Name == d.Goals[i].Name {
				return invalid(field+".name", "there are two goals called %q", other.Name)
			}
			if other.Key() == d.Goals[i].Key() {
				return invalid(field, "it is the same as the goal %q", other.Name)
			}
		}
	}
	if err := d.checkFunnels(); err != nil {
		return err
	}
	return d.checkSegments()
}

func (g *Goal) check(field string) error {
	if err := checkName(field+".name", g.Name); err != nil {
		return err
	}
	switch {
	case (g.Event == "") == (g.Page == ""):
		return invalid(field, "a goal has either an event or a page")
	case g.Event == "" && g.Currency != "":
		return invalid(field+".currency", "it goes with an event, not with a page")
	case g.Currency != "" && len(g.Event) > MaxValueBytes-len(revenuePrefix+"EUR"+reserved):
		return invalid(field+".event", "it is longer than %d bytes, and has a currency", MaxValueBytes-len(revenuePrefix+"EUR"+reserved))
	case g.Event != "" && g.Scroll != 0:
		return invalid(field+".scroll", "it goes with a page, not with an event")
	case g.Scroll < 0 || g.Scroll > 100:
		return invalid(field+".scroll", "it is %d, and must be between 1 and 100 percent", g.Scroll)
	case g.Event != "":
		if _, ok := CurrencyDigits(g.Currency); g.Currency != "" && !ok {
			return invalid(field+".currency", "%q is no currency: use a code such as EUR (ISO 4217)", g.Currency)
		}
		return checkEvent(field+".event", g.Event)
	}
	return checkPage(field+".page", g.Page)
}

// checkEvent checks the name of a custom event.
func checkEvent(field, name string) error {
	if name == "pageview" || name == "engagement" {
		return invalid(field, "%s is no custom event. Use a page", name)
	}
	return checkValue(field, name)
}

// checkPage checks the pattern of a page.
func checkPage(field, page string) error {
	if !strings.HasPrefix(page, "/") && !strings.HasPrefix(page, "*") {
		return invalid(field, "%q is no path: it begins with / or *", page)
	}
	if len(page) > MaxValueBytes-len("scroll\t100\t") {
		return invalid(field, "it is longer than %d bytes", MaxValueBytes-len("scroll\t100\t"))
	}
	return checkValue(field, page)
}

// maxNameBytes is the longest name of something declared.
const maxNameBytes = 120

func checkName(field, name string) error {
	switch {
	case name == "":
		return invalid(field, "it is empty")
	case len(name) > maxNameBytes:
		return invalid(field, "it is longer than %d bytes", maxNameBytes)
	}
	return checkValue(field, name)
}

// checkValue refuses what cannot be a dimension's value.
func checkValue(field, v string) error {
	if clean := CleanValue(v); clean != v {
		return invalid(field, "%q cannot be counted: use %q", v, clean)
	}
	return nil
}

// Began sets since when each thing is counted: what was in old stays as it was there, all else begins now.
func (d *Declarations) Began(old *Declarations, now time.Time) {
	for i := range d.Goals {
		g := &d.Goals[i]
		g.Since, g.CurrencySince = now, time.Time{}
		if g.Currency != "" {
			g.CurrencySince = now
		}
		for j := range old.Goals {
			o := &old.Goals[j]
			if o.Key() != g.Key() {
				continue
			}
			g.Since = o.Since
			if o.Currency == g.Currency {
				g.CurrencySince = o.CurrencySince
			}
		}
	}
	for i := range d.Funnels {
		f := &d.Funnels[i]
		f.Since = now
		for j := range old.Funnels {
			if old.Funnels[j].Key() == f.Key() {
				f.Since = old.Funnels[j].Since
			}
		}
	}
	for i := range d.Segments {
		s := &d.Segments[i]
		s.Since = now
		for j := range old.Segments {
			if old.Segments[j].Key() == s.Key() {
				s.Since = old.Segments[j].Since
			}
		}
	}
}

// Same reports whether both are the same declarations in the same memory. It looks no further.
func (d *Declarations) Same(o *Declarations) bool {
	return same(d.Goals, o.Goals) && same(d.Funnels, o.Funnels) && same(d.Segments, o.Segments)
}

func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Clone is a copy that shares nothing but the filters of segments, which nobody changes.
func (d *Declarations) Clone() Declarations {
	c := Declarations{Goals: slices.Clone(d.Goals), Funnels: slices.Clone(d.Funnels), Segments: slices.Clone(d.Segments)}
	for i := range c.Funnels {
		c.Funnels[i].Steps = slices.Clone(c.Funnels[i].Steps)
	}
	return c
}
