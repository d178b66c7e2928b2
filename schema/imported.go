package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// DaySpan is the days from First to Last, both of them included. As JSON it is a pair of dates.
type DaySpan struct{ First, Last Day }

// String is "2026-01-01 to 2026-01-31", or the one day.
func (s DaySpan) String() string {
	if s.First == s.Last {
		return s.First.String()
	}
	return s.First.String() + " to " + s.Last.String()
}

// MarshalJSON writes ["2026-01-01","2026-01-31"].
func (s DaySpan) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]string{s.First.String(), s.Last.String()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *DaySpan) UnmarshalJSON(b []byte) (err error) {
	var pair [2]string
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if s.First, err = ParseDay(pair[0]); err != nil {
		return err
	}
	s.Last, err = ParseDay(pair[1])
	return err
}

// AddDay adds a day that is not before the last one of spans.
func AddDay(spans []DaySpan, d Day) []DaySpan {
	if n := len(spans); n > 0 && spans[n-1].Last >= d-1 {
		spans[n-1].Last = max(spans[n-1].Last, d)
		return spans
	}
	return append(spans, DaySpan{d, d})
}

// UniteDays are the days of all spans, in order: no two of what it returns touch or share a day. It changes nothing in spans.
func UniteDays(spans []DaySpan) []DaySpan {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b DaySpan) int { return int(a.First - b.First) })
	var united []DaySpan
	for _, s := range spans {
		if n := len(united); n > 0 && s.First <= united[n-1].Last+1 {
			united[n-1].Last = max(united[n-1].Last, s.Last)
			continue
		}
		united = append(united, s)
	}
	return united
}

// CommonDays are the days that are in a span of both, in order.
func CommonDays(a, b []DaySpan) []DaySpan {
	var common []DaySpan
	for _, x := range a {
		for _, y := range b {
			if x.First <= y.Last && x.Last >= y.First {
				common = append(common, DaySpan{max(x.First, y.First), min(x.Last, y.Last)})
			}
		}
	}
	return UniteDays(common)
}

// WithoutDays are the days of spans that are not in taken, in order. No two of taken may share a day, and they are in order.
func WithoutDays(spans, taken []DaySpan) []DaySpan {
	var rest []DaySpan
	for _, s := range UniteDays(spans) {
		for _, t := range taken {
			if t.Last < s.First || t.First > s.Last {
				continue
			}
			if t.First > s.First {
				rest = append(rest, DaySpan{s.First, t.First - 1})
			}
			s.First = t.Last + 1
		}
		if s.First <= s.Last {
			rest = append(rest, s)
		}
	}
	return rest
}

// Imported says what an import told of some days of a site. What it did not tell is not known of these days: the counters have no
// rows of it, or rows of 0, and an answer that reads them as such would be wrong (P7).
//
// The names of cubes, metrics and dimensions are those of the catalogue at the time of the import. What came to the catalogue later was
// not told.
type Imported struct {
	Source string    `json:"source,omitempty"` // the tool, such as "plausible"; "": it is not known any more
	Days   []DaySpan `json:"days"`             // in order, none touches another
	// Hours: what happened is in its hour. Else all of a day is in the day's first.
	Hours bool `json:"hours,omitempty"`
	// Running: the import has not come to its end, so that it is not known how much of the days is there.
	Running bool   `json:"-"`
	Told    []Told `json:"told"`
}

// Told is what an import told of a cube and, if the cube has hours, of its twin. One cube may have several: of the counters of a page,
// those of the page itself and those of the visits that began on it can come from tables with other dimensions.
type Told struct {
	Cube    string   `json:"cube"`
	Metrics []string `json:"metrics"`
	// Without are dimensions of the cube that were not told: all that was counted has one value there, which says nothing.
	Without []string `json:"without,omitempty"`
	// Only are dimensions of which no other values were told, such as the properties that a tool has a column for.
	Only map[string][]string `json:"only,omitempty"`
}

// Tells reports whether the metric of the cube is known by the dimensions that are asked for. named are the values of a dimension of
// which alone the question is; nil: it is of any.
func (im *Imported) Tells(c *Cube, m Metric, asked []Dimension, named func(Dimension) []string) bool {
	return slices.ContainsFunc(im.Told, func(t Told) bool {
		return t.IsOf(c) && slices.Contains(t.Metrics, m.String()) && t.covers(c, asked, named)
	})
}

// IsOf reports whether it was told of the cube.
func (t *Told) IsOf(c *Cube) bool {
	hours, isTwin := CubeByID(c.TwinOf)
	return t.Cube == c.Name || isTwin && t.Cube == hours.Name
}

func (t *Told) covers(c *Cube, asked []Dimension, named func(Dimension) []string) bool {
	for _, d := range asked {
		if c.Has(d) && slices.Contains(t.Without, d.String()) {
			return false
		}
	}
	for _, d := range c.Dimensions {
		only, limited := t.Only[d.String()]
		if !limited {
			continue
		}
		values := named(d)
		other := func(v string) bool { return !slices.Contains(only, v) }
		if len(values) == 0 || slices.ContainsFunc(values, other) {
			return false
		}
	}
	return true
}

// SourceTitle is the name of the tool for people.
func (im *Imported) SourceTitle() string {
	if im.Running {
		ended := *im
		ended.Running = false
		return ended.SourceTitle() + " by an import that did not come to its end (give its command again)"
	}
	switch im.Source {
	case "":
		return "a tool that was not noted then (give the command of the import again)"
	case "plausible":
		return "Plausible"
	case "ga4":
		return "Google Analytics"
	case "matomo":
		return "Matomo"
	case "umami":
		return "Umami"
	case "goatcounter":
		return "GoatCounter"
	case "log":
		return "a web server's log"
	}
	return im.Source
}

// MergeImported joins those that tell the same, so that a question has fewer to look at.
func MergeImported(all []Imported) []Imported {
	var merged []Imported
	index := map[string]int{}
	for _, im := range all {
		key := fmt.Sprint(im.Source, im.Hours, im.Running, im.Told)
		i, ok := index[key]
		if !ok {
			i = len(merged)
			index[key] = i
			merged = append(merged, im)
			continue
		}
		merged[i].Days = slices.Concat(merged[i].Days, im.Days)
	}
	for i := range merged {
		merged[i].Days = UniteDays(merged[i].Days)
	}
	return merged
}

// ListDays names the days for people: "2026-01-01 to 2026-01-31 and 2026-03-02", the first few of many.
func ListDays(spans []DaySpan) string {
	const most = 3
	var words []string
	for i, s := range spans {
		if i == most {
			n := 0
			for _, s := range spans[most:] {
				n += int(s.Last-s.First) + 1
			}
			words = append(words, fmt.Sprintf("%d more days", n))
			break
		}
		words = append(words, s.String())
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}
