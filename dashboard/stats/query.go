package stats

import (
	"encoding/json"
	"time"

	"turf/schema"
)

// Limits of a question.
const (
	MaxBodyBytes        = 64 << 10
	MaxDimensions       = 6
	MaxFilterDepth      = 8
	MaxFilterValues     = 200 // of all filters together
	MaxFilterValueBytes = 2000
	MaxLimit            = 10_000
	MaxOffset           = 1_000_000_000
)

// Query is a question as it was asked.
type Query struct {
	Site       string     `json:"site_id"` // domain of the site
	Metrics    []Metric   `json:"metrics"`
	Range      DateRange  `json:"date_range"`
	Filters    []Filter   `json:"filters"` // all of them must hold
	Dimensions []string   `json:"dimensions"`
	Order      []Order    `json:"order_by"` // empty: time, then the first metric, the largest first
	Include    Include    `json:"include"`
	Pagination Pagination `json:"pagination"`

	also []schema.SiteID // sites that are added up with the one that is asked about
}

// Pagination is which of the rows are answered.
type Pagination struct {
	Offset int `json:"offset"`
	Limit  int `json:"limit"`
}

// Include asks for more than the rows.
type Include struct {
	// Imports false leaves imported days out, whole. true, and nil: they are in as far as they are known.
	Imports    *bool `json:"imports,omitempty"`
	TimeLabels bool  `json:"time_labels,omitempty"`
	TotalRows  bool  `json:"total_rows,omitempty"`
	// Comparisons asks for the same numbers of another span too; nil: no.
	Comparisons *Comparisons `json:"comparisons,omitempty"`
	// Explain is our own: the cube and the SQL.
	Explain bool `json:"explain,omitempty"`
}

// Order is one key by which the rows are sorted.
type Order struct {
	Name       string // a metric or dimension of the question
	Descending bool
}

// MarshalJSON writes ["name","asc"].
func (o Order) MarshalJSON() ([]byte, error) {
	direction := "asc"
	if o.Descending {
		direction = "desc"
	}
	return json.Marshal([2]string{o.Name, direction})
}

// Op is what a filter does.
type Op string

// The filters' operators.
const (
	Is          Op = "is"
	IsNot       Op = "is_not"
	Contains    Op = "contains"
	ContainsNot Op = "contains_not"
	Matches     Op = "matches"
	MatchesNot  Op = "matches_not"
	And         Op = "and"
	Or          Op = "or"
	Not         Op = "not"
)

// negated reports whether the operator of a leaf holds for values that are not named.
func (op Op) negated() bool { return op == IsNot || op == ContainsNot || op == MatchesNot }

// Filter is a tree: leaves compare a dimension, And and Or have children, Not has one.
type Filter struct {
	Op        Op
	Dimension string   // of a leaf
	Values    []string // of a leaf; at least one, any of them
	FoldCase  bool     // of a leaf: upper and lower case are the same
	Children  []Filter
}

// MarshalJSON writes the filter as it is on the wire.
func (f Filter) MarshalJSON() ([]byte, error) {
	switch {
	case f.Op == Not:
		return json.Marshal([]any{f.Op, f.Children[0]})
	case f.Op == And || f.Op == Or:
		return json.Marshal([]any{f.Op, f.Children})
	case f.FoldCase:
		return json.Marshal([]any{f.Op, f.Dimension, f.Values, map[string]bool{"case_sensitive": false}})
	}
	return json.Marshal([]any{f.Op, f.Dimension, f.Values})
}

// walk calls do for each leaf below the filters.
func walk(filters []Filter, do func(*Filter)) {
	for i := range filters {
		if filters[i].Dimension != "" {
			do(&filters[i])
		}
		walk(filters[i].Children, do)
	}
}

// DateRange is a span of time as it was asked for: by name, by days, or by instants.
type DateRange struct {
	Name        string // as "7d"; empty for the others
	First, Last schema.Day
	// From and To are not zero when the span was given in instants.
	From, To time.Time
}

// MarshalJSON writes the range as it is on the wire.
func (r DateRange) MarshalJSON() ([]byte, error) {
	switch {
	case r.Name != "":
		return json.Marshal(r.Name)
	case !r.From.IsZero():
		return json.Marshal([2]string{r.From.Format(instantFormat), r.To.Format(instantFormat)})
	}
	return json.Marshal([2]string{r.First.String(), r.Last.String()})
}

// instantFormat writes the offset in full, also for UTC.
const instantFormat = "2006-01-02T15:04:05-07:00"
