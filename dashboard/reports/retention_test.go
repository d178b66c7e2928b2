package reports_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/schema"
)

// Must-hold 5: retention equals the naive reckoning over random event sets, midnights and changes of the clock included.
func TestRetentionEqualsNaive(t *testing.T) {
	w := newWorld(t)
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 6))
		w.next([]string{"Europe/Amsterdam", "America/Santiago", "UTC"}[seed%3])
		// A clock change lies in the last months in both zones.
		first := schema.DayOf(w.now, w.loc) - schema.Day(5+r.IntN(150))
		w.now = time.Now().UTC().Add(-time.Duration(r.IntN(72)) * time.Hour)
		w.random(r, first, []int{4, 40}[r.IntN(2)], 25, 12)
		for range 4 {
			q := randomRetention(r, first)
			answer, err := w.engine.Retention(t.Context(), &w.site, q)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, dump(q), err)
			}
			sizes, counts := w.naiveRetention(q, answer.Slots)
			for _, c := range answer.Cohorts {
				size := sizes[c.Start]
				if c.Small != (size > 0 && size < reports.DefaultK) || !c.Small && *c.Size != size {
					t.Fatalf("seed %d, cohort %s: size %v, want %d\n%s\n%s", seed, c.Start, c.Size, size, dump(q), w.dump())
				}
				for slot, cell := range c.Values {
					key := fmt.Sprint(c.Start, " ", slot)
					if cell.Count != nil && *cell.Count != counts[key] {
						t.Fatalf("seed %d, cohort %s, slot %v: %d, want %d\n%s\n%s", seed, c.Start, answer.Slots[slot], *cell.Count, counts[key],
							dump(q), w.dump())
					}
					if cell.Count == nil && !c.Small && counts[key] > 0 {
						t.Fatalf("seed %d, cohort %s, slot %v: %d came back in a time that has not begun", seed, c.Start, slot, counts[key])
					}
				}
				delete(sizes, c.Start)
			}
			if len(sizes) > 0 {
				t.Errorf("seed %d: there are no rows for %v", seed, sizes)
			}
			w.checkCurve(q, answer)
		}
	}
}

func randomRetention(r *rand.Rand, first schema.Day) *reports.RetentionQuestion {
	q := &reports.RetentionQuestion{
		Unit: []string{reports.Daily, reports.Weekly, reports.Monthly}[r.IntN(3)],
		Mode: []string{reports.On, reports.OnOrAfter, reports.Brackets}[r.IntN(3)],
	}
	kinds := []reports.Match{{}, {Event: "buy"}, {Page: "/b*"}, {Event: "$click"}}
	q.Birth, q.Return = kinds[r.IntN(4)], kinds[r.IntN(4)]
	q.Range = days(first+schema.Day(r.IntN(2)), first+schema.Day(2+r.IntN(30)))
	if q.Mode == reports.Brackets {
		q.Brackets = [][2]int{{0, 0}, {1, 3}, {2, 7}}
	}
	return q
}

// unitStart is the first day of the unit of a day.
func unitStart(unit string, d schema.Day) schema.Day {
	y, m, _ := d.Civil()
	switch unit {
	case reports.Weekly:
		for time.Unix(int64(d)*86400, 0).UTC().Weekday() != time.Monday {
			d--
		}
	case reports.Monthly:
		d = schema.Date(y, m, 1)
	}
	return d
}

// unitsBetween counts units by walking.
func unitsBetween(unit string, from, to schema.Day) int {
	n := 0
	for d := to; d > from; n++ {
		d = unitStart(unit, d-1)
	}
	return n
}

func (w *world) naiveRetention(q *reports.RetentionQuestion, slots [][2]int) (sizes, counts map[string]int64) {
	sizes, counts = map[string]int64{}, map[string]int64{}
	for _, events := range w.byPerson() {
		born := -1
		for i := range events {
			if born < 0 && matches(&q.Birth, &events[i]) && !events[i].Time.After(w.now) {
				born = i
			}
		}
		if born < 0 {
			continue
		}
		day := schema.DayOf(events[born].Time, w.loc)
		if day < q.Range.First || day > q.Range.Last {
			continue
		}
		cohort := max(unitStart(q.Unit, day), q.Range.First).String()
		sizes[cohort]++
		offsets := map[int]bool{}
		for i := born; i < len(events); i++ {
			if matches(&q.Return, &events[i]) && !events[i].Time.After(w.now) {
				offsets[unitsBetween(q.Unit, unitStart(q.Unit, day), unitStart(q.Unit, schema.DayOf(events[i].Time, w.loc)))] = true
			}
		}
		for slot, s := range slots {
			for offset := range offsets {
				if offset >= s[0] && (q.Mode == reports.OnOrAfter || offset <= s[1]) {
					counts[fmt.Sprint(cohort, " ", slot)]++
					break
				}
			}
		}
	}
	return sizes, counts
}

// checkCurve: the curve is that of the cohorts whose time is over, and incomplete cells are those that are not.
func (w *world) checkCurve(q *reports.RetentionQuestion, a *reports.RetentionAnswer) {
	w.t.Helper()
	for slot, s := range a.Slots {
		var people, count int64
		known := true
		for _, c := range a.Cohorts {
			start, err := schema.ParseDay(c.Start)
			if err != nil {
				w.t.Fatal(err)
			}
			end := unitStart(q.Unit, start)
			for range s[1] + 1 { // to the beginning of the unit after
				next := end + 1
				for unitStart(q.Unit, next) == end {
					next++
				}
				end = next
			}
			over := !end.Start(w.loc).After(w.now)
			if c.Values[slot].Incomplete == over {
				w.t.Fatalf("cohort %s, slot %v, now %s: incomplete %v", c.Start, s, w.now, c.Values[slot].Incomplete)
			}
			known = known && !c.Small
			if over && !c.Small {
				people, count = people+*c.Size, count+*c.Values[slot].Count
			}
		}
		if p := a.Curve[slot]; known && (p.People != people || p.Count != count) {
			w.t.Fatalf("curve at %v: %d of %d, want %d of %d", s, p.Count, p.People, count, people)
		}
	}
}
