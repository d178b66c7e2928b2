package schema

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The catalogue keeps P3 and P4 by construction: no cube over more than two aspects, fine dimensions only inside their own
// aspect, and every place or device that is crossed, and every region, city and version, guarded, on days only.
func TestCatalogueKeepsThePromises(t *testing.T) {
	for i, c := range Cubes {
		if int(c.ID) != i+1 {
			t.Errorf("%s: entry %d has ID %d", c.Name, i, c.ID)
		}
		if len(c.Dimensions) > MaxCubeDimensions {
			t.Errorf("%s: %d dimensions", c.Name, len(c.Dimensions))
		}
		aspects := 0
		for a := range NumVisitAspects {
			if c.HasAspect(a) {
				aspects++
			}
		}
		if aspects > 2 {
			t.Errorf("%s crosses %d aspects (P3)", c.Name, aspects)
		}
		for _, d := range c.Dimensions {
			info := Dimensions[d]
			if aspects == 2 && !info.Core && info.Aspect < NumVisitAspects {
				t.Errorf("%s crosses the fine dimension %s", c.Name, d)
			}
			personal := info.Aspect == PlaceAspect || info.Aspect == DeviceAspect
			if personal && (aspects == 2 || !info.Core) && !slices.Contains(c.Guarded, d) {
				t.Errorf("%s does not guard %s (P4)", c.Name, d)
			}
		}
		if c.Has(NextPath) && !slices.Contains(c.Guarded, NextPath) {
			t.Errorf("%s does not guard the pair of pages", c.Name)
		}
		if segment := c.Has(SegmentKey); segment != c.Withheld || segment && (aspects > 1 || len(c.Guarded) != len(c.Dimensions)) {
			t.Errorf("%s does not keep what is promised of segments", c.Name)
		}
		for _, d := range c.Dimensions {
			if c.Has(SegmentKey) && d != SegmentKey && !Dimensions[d].Core {
				t.Errorf("%s crosses segments with the fine dimension %s", c.Name, d)
			}
		}
		for _, d := range c.Guarded {
			if !slices.Contains(c.Folded, d) {
				t.Errorf("%s guards %s but does not fold it", c.Name, d)
			}
		}
		if len(c.Guarded) > 0 && c.Grain != Daily {
			t.Errorf("%s is guarded and not daily", c.Name)
		}
	}
}

// A twin has the cells of a cube of hours, and the sums of all that its hours keep but of what only hours have. What it has besides means
// nothing of a part of a day, or is asked of it alone.
func TestTwinsHaveTheSumsOfHours(t *testing.T) {
	ofPages := []Metric{Visitors, Visits, EntryVisitors, ExitVisitors, Scroll25, Scroll50, Scroll75, Scroll100}
	twins := 0
	for i := range Cubes {
		twin := &Cubes[i]
		if twin.TwinOf == 0 {
			continue
		}
		twins++
		hours, ok := CubeByID(twin.TwinOf)
		if !ok || hours.Twin() != twin || hours.Grain != Hourly || twin.Grain != Daily || !slices.Equal(hours.Dimensions, twin.Dimensions) {
			t.Errorf("%s is no twin of %d", twin.Name, twin.TwinOf)
			continue
		}
		// What folds comes after so many cells of the day, whatever their hours are: of both the same ones.
		if !slices.Equal(twin.Folded, hours.Folded) || len(twin.Guarded)+len(hours.Guarded) > 0 {
			t.Errorf("%s and %s could differ in what they fold or guard", twin.Name, hours.Name)
		}
		byDay := []Metric{Visitors}
		if hours.HasAspect(PageAspect) {
			byDay = ofPages
		}
		for m := range NumMetrics {
			if want := !Metrics[m].HourOnly && (hours.Keeps(m) || slices.Contains(byDay, m)); twin.Keeps(m) != want {
				t.Errorf("%s keeps %s: %v, want %v", twin.Name, m, !want, want)
			}
			if hours.Keeps(m) && slices.Contains(byDay, m) {
				t.Errorf("%s keeps %s, which is asked of days only", hours.Name, m)
			}
		}
	}
	if twins == 0 {
		t.Error("there is no twin")
	}
}

// The counts of kinds of metrics are those of the table.
func TestMetricKinds(t *testing.T) {
	wide, hours := 0, 0
	for _, m := range Metrics {
		if m.Wide {
			wide++
		}
		if m.HourOnly {
			hours++
		}
	}
	if wide != NumWideMetrics || hours != NumHourMetrics {
		t.Errorf("%d wide metrics and %d of hours", wide, hours)
	}
}

// Each metric is described, and nothing else is.
func TestMetricTexts(t *testing.T) {
	for _, m := range Metrics {
		if MetricTexts[m.Column] == "" {
			t.Errorf("%s has no text in MetricTexts", m.Column)
		}
	}
	if len(MetricTexts) != len(Metrics) {
		t.Errorf("%d texts of %d metrics", len(MetricTexts), len(Metrics))
	}
}

// A number lies in the last bucket that does not begin after it, and a bucket is at most a quarter wide.
func TestLogBucket(t *testing.T) {
	for i := range NumLogBuckets - 1 {
		start, err := strconv.ParseInt(logBuckets[i], 10, 64)
		next, err2 := strconv.ParseInt(logBuckets[i+1], 10, 64)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		for _, n := range []int64{start, next - 1} {
			if got := LogBucket(n); got != logBuckets[i] {
				t.Errorf("%d is in bucket %s, want %s", n, got, logBuckets[i])
			}
		}
		if start >= 4 && 4*(next-start) > start {
			t.Errorf("bucket %d is %d wide", start, next-start)
		}
	}
	for n, want := range map[int64]string{-1: "0", 1000: "896", math.MaxInt64: logBuckets[NumLogBuckets-1]} {
		if got := LogBucket(n); got != want {
			t.Errorf("%d is in bucket %s, want %s", n, got, want)
		}
	}
}

func TestCleanValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"  a b\t":                "a b",
		"a\x00b\r\nc\u0085":      "abc",
		"a\xffb":                 "ab",
		"(other)":                "other",
		" (other)\x01 ":          "other",
		strings.Repeat("é", 400): strings.Repeat("é", 256),
	} {
		if got := CleanValue(in); got != want {
			t.Errorf("CleanValue(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanValue(f *testing.F) {
	f.Add("a\x00 b")
	f.Add("\xff(other)")
	f.Fuzz(func(t *testing.T, s string) {
		got := CleanValue(s)
		if len(got) > MaxValueBytes || !utf8.ValidString(got) || got == Other || strings.ContainsFunc(got, isControl) {
			t.Errorf("CleanValue(%q) = %q", s, got)
		}
		if again := CleanValue(got); again != got {
			t.Errorf("cleaning %q twice gives %q", got, again)
		}
	})
}

func TestCleanDomain(t *testing.T) {
	for in, want := range map[string]string{
		"Example.com": "example.com", "https://www.example.com/": "example.com", "shop.example.co.uk": "shop.example.co.uk",
		"localhost:3000": "localhost:3000", "example.com/blog": "example.com/blog",
	} {
		if got, err := CleanDomain(in); err != nil || got != want {
			t.Errorf("CleanDomain(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "a b", "exa mple.com", "x@y.z", "-", "a,b", strings.Repeat("a", 300)} {
		if got, err := CleanDomain(in); err == nil {
			t.Errorf("CleanDomain(%q) = %q, want an error", in, got)
		}
	}
}

func TestSiteK(t *testing.T) {
	s := Site{Guards: []Guard{{From: 10, K: 5}, {From: 20, K: 1}}}
	for d, want := range map[Day]int{9: DefaultK, 10: 5, 19: 5, 20: 1, 99: 1} {
		if got := s.K(d); got != want {
			t.Errorf("K(%d) = %d, want %d", d, got, want)
		}
	}
}

func TestCellParent(t *testing.T) {
	for _, c := range []struct {
		cube CubeID
		in   []string
		want []string // nil: there is none
	}{
		{CubePagePlaces, []string{"example.com", "/", "NL"}, []string{"example.com", "/", Other}},
		{CubePlaces, []string{"NL", "NL-NH", "1:A"}, []string{"NL", Other, Other}},
		{CubePlaces, []string{"NL", Other, Other}, nil},
		{CubePages, []string{"example.com", "/"}, nil},
		{CubeSegmentPlaces, []string{"0123456789abcdef", "NL"}, nil},
		{0, nil, nil},
	} {
		cell := Cell{Site: 1, Cube: c.cube, Time: 2}
		want := cell
		copy(cell.Values[:], c.in)
		copy(want.Values[:], c.want)
		if got, ok := cell.Parent(); ok != (c.want != nil) || ok && got != want {
			t.Errorf("the parent of %v is %v, %v", cell, got, ok)
		}
	}
}

// Where page views are kept, events that are none are kept beside them, so that events are the sum of both; elsewhere events are kept, or
// nothing of both is.
func TestEventsAreKeptOnce(t *testing.T) {
	for i := range Cubes {
		c := &Cubes[i]
		if c.Keeps(CustomEvents) != c.Keeps(Pageviews) || c.Keeps(Events) && c.Keeps(CustomEvents) {
			t.Errorf("%s: page views %v, custom events %v, events %v", c.Name, c.Keeps(Pageviews), c.Keeps(CustomEvents), c.Keeps(Events))
		}
	}
}
