package schema

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDaySpans holds what is done with spans against sets of days.
func TestDaySpans(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	some := func() (spans []DaySpan) {
		for range r.IntN(6) {
			first := Day(r.IntN(30))
			spans = append(spans, DaySpan{first, first + Day(r.IntN(5))})
		}
		return spans
	}
	for range 2000 {
		a, b := some(), some()
		kept := slices.Clone(a)
		inA, inB := daysIn(a), daysIn(b)
		both, rest := map[Day]bool{}, map[Day]bool{}
		for d := range inA {
			if inB[d] {
				both[d] = true
			} else {
				rest[d] = true
			}
		}
		for _, c := range []struct {
			name string
			got  []DaySpan
			want map[Day]bool
		}{
			{"UniteDays", UniteDays(a), inA},
			{"CommonDays", CommonDays(a, b), both},
			{"WithoutDays", WithoutDays(a, UniteDays(b)), rest},
			{"AddDay", addAll(inA), inA},
		} {
			if !maps.Equal(daysIn(c.got), c.want) {
				t.Fatalf("%s of %v and %v: %v", c.name, a, b, c.got)
			}
			for i, s := range c.got {
				if s.First > s.Last || i > 0 && s.First <= c.got[i-1].Last+b2d(c.name != "WithoutDays") {
					t.Fatalf("%s of %v and %v is not in order: %v", c.name, a, b, c.got)
				}
			}
		}
		if !slices.Equal(a, kept) {
			t.Fatalf("%v became %v", kept, a)
		}
	}
}

// b2d is by how many days spans may not touch.
func b2d(apart bool) Day {
	if apart {
		return 1
	}
	return 0
}

func daysIn(spans []DaySpan) map[Day]bool {
	days := map[Day]bool{}
	for _, s := range spans {
		for d := s.First; d <= s.Last; d++ {
			days[d] = true
		}
	}
	return days
}

func addAll(days map[Day]bool) (spans []DaySpan) {
	for _, d := range slices.Sorted(maps.Keys(days)) {
		spans = AddDay(spans, d)
	}
	return spans
}

func TestDaySpansInText(t *testing.T) {
	day := Date(2026, 1, 30)
	spans := []DaySpan{{day, day + 2}, {day + 4, day + 4}, {day + 6, day + 7}, {day + 9, day + 12}, {day + 14, day + 14}}
	for n, want := range map[int]string{
		0: "", 1: "2026-01-30 to 2026-02-01", 2: "2026-01-30 to 2026-02-01 and 2026-02-03",
		3: "2026-01-30 to 2026-02-01, 2026-02-03 and 2026-02-05 to 2026-02-06",
		5: "2026-01-30 to 2026-02-01, 2026-02-03, 2026-02-05 to 2026-02-06 and 5 more days",
	} {
		if got := ListDays(spans[:n]); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	text, err := json.Marshal(spans[:2])
	if err != nil || string(text) != `[["2026-01-30","2026-02-01"],["2026-02-03","2026-02-03"]]` {
		t.Fatalf("%s, %v", text, err)
	}
	var back []DaySpan
	if err := json.Unmarshal(text, &back); err != nil || !slices.Equal(back, spans[:2]) {
		t.Errorf("%v, %v", back, err)
	}
	for _, broken := range []string{`["2026-01-30","x"]`, `["x","2026-01-30"]`, `["2026-01-30"]`, `7`} {
		if err := json.Unmarshal([]byte(broken), new(DaySpan)); err == nil {
			t.Errorf("%s was read", broken)
		}
	}
}

// What several imports tell alike is one: a site with a thousand logs has no thousand things to look at.
func TestMergeImported(t *testing.T) {
	log := func(first, last Day) Imported {
		return Imported{Source: "log", Hours: true, Days: []DaySpan{{first, last}}, Told: []Told{{Cube: "traffic", Metrics: []string{"visits"}}}}
	}
	running := log(9, 9)
	running.Running = true
	got := MergeImported([]Imported{log(4, 5), running, log(1, 3), log(7, 7)})
	if len(got) != 2 || !slices.Equal(got[0].Days, []DaySpan{{1, 5}, {7, 7}}) || !got[1].Running {
		t.Errorf("%v", got)
	}
}
