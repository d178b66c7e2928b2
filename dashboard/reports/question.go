package reports

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"turf/dashboard/stats"
	"turf/schema"
)

// Limits of questions.
const (
	// MaxSpanDays is the longest period, 25 months: nothing is kept for longer.
	MaxSpanDays = 761
	// DefaultK is how many people a row of a breakdown needs before it is named, unless the question asks for more.
	DefaultK = 5
	// MaxK is the largest k that can be asked for.
	MaxK = 1000

	MaxConditions  = 5   // on properties, of one match
	MaxValues      = 50  // of one condition
	MaxValueBytes  = 512 // of a value, a name or a page
	MaxCohortRules = 8
	MaxTop         = 50 // of what is named before the rest is one row
	defaultTop     = 10
)

// Common is what all questions about people have.
type Common struct {
	// Range is the period, in whole days of the site: "30d", "month", ["2026-01-01","2026-01-31"], as in the stats API.
	Range Range `json:"date_range"`
	// Cohort leaves only the people who are in it.
	Cohort *Cohort `json:"cohort,omitempty"`
	// Weight asks for numbers that are weighted to all counted visitors, beside the plain ones.
	Weight bool `json:"weight,omitempty"`
	// K is how many people a named row of a breakdown needs: at least DefaultK, which 0 stands for.
	K int `json:"k,omitempty"`
}

func (c *Common) common() *Common { return c }

func (c *Common) check() error {
	if c.K == 0 {
		c.K = DefaultK
	}
	if c.K < DefaultK || c.K > MaxK {
		return invalid("k", "it is from %d to %d", DefaultK, MaxK)
	}
	if c.Range.isZero() {
		return invalid("date_range", "is required")
	}
	return c.Cohort.check("cohort")
}

// Range is a period as it was asked for.
type Range struct{ stats.DateRange }

func (r *Range) isZero() bool { return r.DateRange == stats.DateRange{} }

// UnmarshalJSON reads a name, a date, or two dates. The error is an *InvalidError.
func (r *Range) UnmarshalJSON(raw []byte) error {
	var text string
	var pair []string
	switch {
	case json.Unmarshal(raw, &text) == nil:
	case json.Unmarshal(raw, &pair) == nil && len(pair) == 2:
		text = pair[0] + "," + pair[1]
	default:
		return invalid("date_range", `a name such as "30d" or two dates such as ["2026-01-01","2026-01-31"] are expected`)
	}
	parsed, err := stats.ParseRange(text)
	if err != nil {
		return invalid("date_range", "%s", strings.TrimPrefix(err.Error(), "date_range: "))
	}
	r.DateRange = parsed
	return nil
}

// Match is a kind of event: the view of a page, a custom event, or either. All of what it says must hold.
type Match struct {
	Event string `json:"event,omitempty"` // name; "pageview" is the view of any page
	Page  string `json:"page,omitempty"`  // path of the page viewed; a * stands for any characters, also none
	// Props are conditions on properties and on the visit.
	Props []Condition `json:"props,omitempty"`
	// Name is how it is shown. Empty: what it says.
	Name string `json:"name,omitempty"`
}

// Any is every event but the script's own.
func (m *Match) any() bool { return m.Event == "" && m.Page == "" }

// String is the match as it is shown.
func (m *Match) String() string {
	switch {
	case m.Name != "":
		return m.Name
	case m.Page != "":
		return "Visit " + m.Page
	case m.Event != "":
		return m.Event
	}
	return "Anything"
}

// check checks a match that must name an event or a page, unless anything will do.
func (m *Match) check(field string, orAny bool) error {
	switch {
	case m.Event != "" && m.Page != "":
		return invalid(field, "it names an event and a page; name one of them")
	case m.any() && !orAny:
		return invalid(field, `name an event ("event") or a page ("page")`)
	case m.Page != "" && !strings.HasPrefix(m.Page, "/") && !strings.HasPrefix(m.Page, "*"):
		return invalid(field+".page", "%q is not a path; a path begins with / or *", m.Page)
	case len(m.Props) > MaxConditions:
		return invalid(field+".props", "there are %d, and can be %d", len(m.Props), MaxConditions)
	}
	for _, text := range []string{m.Event, m.Page, m.Name} {
		if len(text) > MaxValueBytes {
			return invalid(field, "a text is longer than %d bytes", MaxValueBytes)
		}
	}
	for i := range m.Props {
		if err := m.Props[i].check(fmt.Sprintf("%s.props[%d]", field, i)); err != nil {
			return err
		}
	}
	return nil
}

// Condition compares a property of an event, or what is known of its visit. A property that an event has not is the empty text.
type Condition struct {
	Name   string   `json:"name"` // see [Attribute]
	Op     string   `json:"op"`   // is, is_not, contains or contains_not; empty is is
	Values []string `json:"values"`
}

var operators = []string{"is", "is_not", "contains", "contains_not"}

func (c *Condition) check(field string) error {
	if c.Op == "" {
		c.Op = "is"
	}
	if err := checkAttribute(field+".name", c.Name); err != nil {
		return err
	}
	switch {
	case !slices.Contains(operators, c.Op):
		return invalid(field+".op", "%q is not known; use %s", c.Op, strings.Join(operators, ", "))
	case len(c.Values) == 0 || len(c.Values) > MaxValues:
		return invalid(field+".values", "there are %d, and can be 1 to %d", len(c.Values), MaxValues)
	}
	for _, v := range c.Values {
		if len(v) > MaxValueBytes {
			return invalid(field+".values", "a value is longer than %d bytes", MaxValueBytes)
		}
	}
	return nil
}

// propPrefix begins the name of a property, as in the stats API.
const propPrefix = "event:props:"

// visitAttributes are the names of what is known of a visit, with their columns.
var visitAttributes = map[string]string{
	"visit:channel": "channel", "visit:source": "source", "visit:utm_campaign": "campaign", "visit:referrer": "referrer",
	"visit:country": "country", "visit:device": "device", "visit:browser": "browser", "visit:os": "os",
	"event:hostname": "hostname", "event:page": "path",
}

// checkAttribute refuses what is neither an attribute of the visit nor a property.
func checkAttribute(field, name string) error {
	if _, ok := visitAttributes[name]; ok {
		return nil
	}
	if prop, ok := strings.CutPrefix(name, propPrefix); ok && prop != "" && len(prop) <= MaxValueBytes {
		return nil
	}
	known := make([]string, 0, len(visitAttributes))
	for n := range visitAttributes {
		known = append(known, n)
	}
	slices.Sort(known)
	return invalid(field, "%q is not known. Use %s or %sNAME", name, strings.Join(known, ", "), propPrefix)
}

// shown is the value of an attribute as it is shown.
func shown(attribute, value string) string {
	switch {
	case value != "":
		return value
	case attribute == "visit:source" || attribute == "visit:referrer":
		return "Direct / None"
	}
	return notSet
}

const notSet = "(not set)"

// other is the row of all that is not named: what is beyond the first, and what fewer than k people are in.
const other = schema.Other
