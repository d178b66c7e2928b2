package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of segments.
const (
	MaxSegments          = 20 // of a site
	MaxSegmentsPerDay    = 64 // different ones, that were declared at some time of a site's day
	MaxSegmentLeaves     = 20 // comparisons of one filter
	MaxSegmentValues     = 50 // of all comparisons of one filter together
	MaxSegmentValueBytes = 8 << 10
	MaxSegmentDepth      = 8
	// maxPatternSteps is how large a regular expression may be, in instructions of the machine that runs it: what it costs to look
	// at one value is at most this times the value's length.
	maxPatternSteps = 1000
)

// Segment is a filter that is counted ahead of time: an event is in it when the filter holds for what the event says, the source of
// its visit, and the place and device of its visitor. A visit or visitor is in it with the events that are. Counted are the segment
// alone and crossed with the core of one aspect (the cubes from CubeSegments on), so also what no counter crosses can be asked for.
//
// What is promised. A filter may name more aspects than a counter crosses (P3), and may fit one single person. Therefore every counter of a
// segment, the segment's own total too, appears only when at least k visitors of the day are in it, whatever the filter names.
// Until then it is kept in memory and is nowhere in the store: under a parent, it would be told by the parent when the site has one
// segment. So the sums of a segment's crosses can be smaller than its total, and a day with fewer than k visitors counts as none.
// How many visitors a segment has is still exact on each day that shows it.
//
// What is not promised. k protects against reading a counter, not against subtracting two of them. Whoever declares a segment, and
// the same one without the visitors of something rare, can learn by the difference what the rest did, also of one person, as by two
// questions whose filters differ by one value. That is why segments are few, are declared in the open, in the document of the site,
// and count only from then on; a site that must not allow it has to give nobody the right to declare.
//
// A site that declares and removes more than MaxSegmentsPerDay different segments on one day has the later ones counted from the next
// day on.
type Segment struct {
	Name   string        `json:"name"` // as it is shown; no two segments of a site share one
	Filter SegmentFilter `json:"filter"`
	// Since is when the segment was declared. [Declarations.Began] sets it.
	Since time.Time `json:"since"`
}

// SegmentFilter is a tree. Leaves compare a value; "and" and "or" have branches, "not" has one.
type SegmentFilter struct {
	// Op is is, contains or matches, each also with _not after it, of a leaf; else and, or, not.
	Op string          `json:"op"`
	Of []SegmentFilter `json:"of,omitempty"` // the branches

	// Column is what a leaf compares: that of a dimension of a visit, or entry_hostname, entry_path, city_name. The values of city are
	// then its id, and without ids its name.
	Column string   `json:"column,omitempty"`
	Prop   string   `json:"prop,omitempty"`   // of the column value: the name of the property
	Values []string `json:"values,omitempty"` // any of them; of matches, regular expressions (RE2)
	// Empty says that the leaf, before _not, holds of a missing value too.
	Empty    bool `json:"empty,omitempty"`
	FoldCase bool `json:"fold_case,omitempty"` // upper and lower case are the same
}

// SegmentColumn is what a leaf compares.
type SegmentColumn struct {
	Dimension Dimension
	Entry     bool // of the page by which the visit entered
	cut       func(string) string
}

// segmentColumn finds what a column of a leaf is, or false.
func segmentColumn(name string) (SegmentColumn, bool) {
	switch name {
	case "entry_hostname":
		return SegmentColumn{Dimension: Hostname, Entry: true}, true
	case "entry_path":
		return SegmentColumn{Dimension: Path, Entry: true}, true
	case "city_name":
		return SegmentColumn{Dimension: City, cut: cityName}, true
	case City.String():
		return SegmentColumn{Dimension: City, cut: cityID}, true
	}
	i := slices.IndexFunc(Dimensions[:], func(d DimensionInfo) bool { return d.Column == name && d.Aspect < NumVisitAspects })
	return SegmentColumn{Dimension: Dimension(i)}, i >= 0 && Dimension(i) != Prop
}

// A city is stored as its id, a colon and its name, or without an id as a colon and its name.
func cityID(city string) string {
	id, name, _ := strings.Cut(city, ":")
	if id == "" {
		return name
	}
	return id
}

func cityName(city string) string {
	_, name, _ := strings.Cut(city, ":")
	return name
}

// isLeaf reports whether the operator compares a value.
func (f *SegmentFilter) isLeaf() bool { return f.Op != "and" && f.Op != "or" && f.Op != "not" }

// Negated reports whether the leaf holds for the values that it does not name.
func (f *SegmentFilter) Negated() bool { return strings.HasSuffix(f.Op, "_not") }

// OfVisits reports whether the filter holds for all events of a visit or for none: it names nothing but the visit's source and the
// visitor's place and device. Then bounces and durations are those of the segment's visits.
func (f *SegmentFilter) OfVisits() bool {
	if !f.isLeaf() {
		return !slices.ContainsFunc(f.Of, func(b SegmentFilter) bool { return !b.OfVisits() })
	}
	c, _ := segmentColumn(f.Column)
	aspect := Dimensions[c.Dimension].Aspect
	return aspect == SourceAspect || aspect == PlaceAspect || aspect == DeviceAspect
}

// Key says what the segment is, whatever it is called: two segments of one key are the same. It is the value of the dimension
// [SegmentKey], and the segment's id.
func (s *Segment) Key() string {
	text, err := json.Marshal(s.Filter)
	if err != nil {
		panic("BUG: a filter cannot be written as JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func (d *Declarations) checkSegments() error {
	if len(d.Segments) > MaxSegments {
		return invalid("segments", "there are %d, and can be %d", len(d.Segments), MaxSegments)
	}
	for i := range d.Segments {
		s, field := &d.Segments[i], fmt.Sprintf("segments[%d]", i)
		if err := s.check(field); err != nil {
			return err
		}
		for j := range d.Segments[:i] {
			other := &d.Segments[j]
			if other.Name == s.Name {
				return invalid(field+".name", "there are two segments called %q", s.Name)
			}
			if other.Key() == s.Key() {
				return invalid(field, "it is the same as the segment %q", other.Name)
			}
		}
	}
	return nil
}

func (s *Segment) check(field string) error {
	if err := checkName(field+".name", s.Name); err != nil {
		return err
	}
	var n segmentSize
	return s.Filter.check(field+".filter", 1, &n)
}

// segmentSize is how much of a filter was looked at.
type segmentSize struct{ leaves, values, bytes int }

func (f *SegmentFilter) check(field string, depth int, n *segmentSize) error {
	switch {
	case depth > MaxSegmentDepth:
		return invalid(field, "it is nested more than %d deep", MaxSegmentDepth)
	case f.isLeaf():
		return f.checkLeaf(field, n)
	case f.Op == "not" && len(f.Of) != 1:
		return invalid(field, "not has one branch")
	case len(f.Of) == 0:
		return invalid(field, "%s needs at least one branch", f.Op)
	}
	for i := range f.Of {
		if err := f.Of[i].check(fmt.Sprintf("%s.of[%d]", field, i), depth+1, n); err != nil {
			return err
		}
	}
	return nil
}

func (f *SegmentFilter) checkLeaf(field string, n *segmentSize) error {
	n.leaves++
	n.values += len(f.Values)
	for _, v := range f.Values {
		n.bytes += len(v)
	}
	column, known := segmentColumn(f.Column)
	switch {
	case !slices.Contains([]string{"is", "contains", "matches"}, strings.TrimSuffix(f.Op, "_not")):
		return invalid(field+".op", "%q is not known", f.Op)
	case !known:
		return invalid(field+".column", "%q is not known", f.Column)
	case (column.Dimension == PropValue) != (f.Prop != ""):
		return invalid(field+".prop", "it goes with the column value, and only with that")
	case len(f.Values) == 0 && !f.Empty:
		return invalid(field+".values", "at least one is required")
	case n.leaves > MaxSegmentLeaves:
		return invalid(field, "a segment compares at most %d times", MaxSegmentLeaves)
	case n.values > MaxSegmentValues:
		return invalid(field+".values", "a segment has at most %d values", MaxSegmentValues)
	case n.bytes > MaxSegmentValueBytes:
		return invalid(field+".values", "the values of a segment have at most %d bytes together", MaxSegmentValueBytes)
	}
	for _, v := range append([]string{f.Prop}, f.Values...) {
		if len(v) > MaxValueBytes || !utf8.ValidString(v) {
			return invalid(field+".values", "a value is UTF-8 of at most %d bytes", MaxValueBytes)
		}
	}
	_, err := f.Test()
	if err != nil {
		return invalid(field+".values", "%v", err)
	}
	return nil
}

// SegmentTest is a leaf, without its _not, in the form in which it is asked about many values. It never changes.
type SegmentTest struct {
	SegmentColumn
	values   []string
	contains bool
	patterns []*regexp.Regexp // instead of values
	fold     bool
	empty    bool
}

// Test makes it of a leaf. The error says which regular expression is none, or is too large.
func (f *SegmentFilter) Test() (*SegmentTest, error) {
	column, _ := segmentColumn(f.Column)
	t := &SegmentTest{SegmentColumn: column, empty: f.Empty, fold: f.FoldCase}
	op := strings.TrimSuffix(f.Op, "_not")
	if op == "is" || op == "contains" && !f.FoldCase {
		t.values, t.contains = f.Values, op == "contains"
		return t, nil
	}
	for _, v := range f.Values {
		if op == "contains" {
			v = regexp.QuoteMeta(v)
		}
		if f.FoldCase {
			v = "(?i)" + v
		}
		re, err := segmentPattern(v)
		if err != nil {
			return nil, err
		}
		t.patterns = append(t.patterns, re)
	}
	return t, nil
}

// segmentPattern compiles a regular expression that is not too large.
func segmentPattern(pattern string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression (RE2): %w", pattern, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > maxPatternSteps {
		return nil, fmt.Errorf("the regular expression %q is too large: its repetitions written out, it has more than %d steps", pattern,
			maxPatternSteps)
	}
	return regexp.Compile(pattern)
}

// Holds reports whether the leaf holds of a value of the dimension, "" for a missing one.
func (t *SegmentTest) Holds(value string) bool {
	if t.cut != nil {
		value = t.cut(value)
	}
	if value == "" {
		return t.empty
	}
	for _, re := range t.patterns {
		if re.MatchString(value) {
			return true
		}
	}
	for _, v := range t.values {
		if v == value || t.contains && strings.Contains(value, v) || t.fold && strings.EqualFold(v, value) {
			return true
		}
	}
	return false
}
