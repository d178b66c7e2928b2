package reports

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"turf/schema"
)

// The units of retention and adoption, of the site's calendar. A week begins on Monday.
const (
	Daily   = "day"
	Weekly  = "week"
	Monthly = "month"
)

// What counts as coming back.
const (
	On        = "on"          // in that very unit
	OnOrAfter = "on_or_after" // in that unit or any later one
	Brackets  = "brackets"    // in one of the units of a bracket
)

// MaxBrackets is how many brackets can be asked for.
const MaxBrackets = 20

// maxOffsets and defaultOffsets are how many units after the first are looked at.
var (
	maxOffsets     = map[string]int{Daily: 90, Weekly: 53, Monthly: 24}
	defaultOffsets = map[string]int{Daily: 7, Weekly: 8, Monthly: 6}
)

// RetentionQuestion asks how many of those who began in a unit of time came back n units later. Somebody begins with their
// first event of all that is kept that fits Birth, and is asked about when that lies in the period.
type RetentionQuestion struct {
	Common
	Birth  Match  `json:"birth"`  // empty: anything
	Return Match  `json:"return"` // empty: anything
	Unit   string `json:"unit,omitempty"`
	Mode   string `json:"mode,omitempty"`
	// Offsets is how many units after the first are asked for (90 days, 53 weeks or 24 months at most); 0 is 7, 8 or 6.
	Offsets int `json:"offsets,omitempty"`
	// Brackets are ranges of units after the first, both ends in them.
	Brackets [][2]int `json:"brackets,omitempty"`
}

func (q *RetentionQuestion) check() error {
	if err := q.Common.check(); err != nil {
		return err
	}
	setDefault(&q.Unit, Daily)
	setDefault(&q.Mode, On)
	most, ok := maxOffsets[q.Unit]
	if q.Offsets == 0 {
		q.Offsets = defaultOffsets[q.Unit]
	}
	switch {
	case !ok:
		return invalid("unit", "%q is not known; use day, week or month", q.Unit)
	case !slices.Contains([]string{On, OnOrAfter, Brackets}, q.Mode):
		return invalid("mode", "%q is not known; use %s, %s or %s", q.Mode, On, OnOrAfter, Brackets)
	case q.Offsets < 1 || q.Offsets > most:
		return invalid("offsets", "it is from 1 to %d %ss", most, q.Unit)
	case (q.Mode == Brackets) != (len(q.Brackets) > 0):
		return invalid("brackets", "the mode brackets has some, and no other has")
	case len(q.Brackets) > MaxBrackets:
		return invalid("brackets", "there are %d, and can be %d", len(q.Brackets), MaxBrackets)
	}
	for i, b := range q.Brackets {
		if b[0] < 0 || b[1] < b[0] || b[1] > most {
			return invalid(fmt.Sprintf("brackets[%d]", i), "it is from 0 to %d %ss, and does not end before it begins", most, q.Unit)
		}
	}
	if err := q.Birth.check("birth", true); err != nil {
		return err
	}
	return q.Return.check("return", true)
}

// slots are the columns of the table: the first and the last offset of each.
func (q *RetentionQuestion) slots() [][2]int {
	if q.Mode == Brackets {
		return q.Brackets
	}
	slots := make([][2]int, q.Offsets+1)
	for i := range slots {
		slots[i] = [2]int{i, i}
	}
	return slots
}

// RetentionAnswer is a table of cohorts and the curve over all of them.
type RetentionAnswer struct {
	Period   Period            `json:"period"`
	Coverage *Coverage         `json:"coverage"`
	Unit     string            `json:"unit"`
	Mode     string            `json:"mode"`
	Slots    [][2]int          `json:"slots"` // first and last offset of each column
	Cohorts  []RetentionCohort `json:"cohorts"`
	// Curve has a value a slot, of the cohorts for which its time is over.
	Curve []CurvePoint `json:"curve"`
}

// RetentionCohort is who began in a unit.
type RetentionCohort struct {
	Start string `json:"start"` // first day of the unit
	// Size is how many began; nil when they are fewer than k, but some, and then the values are nil too.
	Size   *int64          `json:"size"`
	Small  bool            `json:"small,omitempty"`
	Values []RetentionCell `json:"values"`
}

// RetentionCell is how many of a cohort came back. Count is nil when the time has not begun, or the cohort is small.
type RetentionCell struct {
	Count           *int64   `json:"count"`
	Percent         *float64 `json:"percent"`
	PercentWeighted *float64 `json:"percent_weighted,omitempty"`
	Incomplete      bool     `json:"incomplete,omitempty"` // the time is not over, so that more may come
}

// CurvePoint is the share of all cohorts whose time is over.
type CurvePoint struct {
	People          int64    `json:"people"` // who are in those cohorts
	Count           int64    `json:"count"`
	Percent         *float64 `json:"percent"`
	PercentWeighted *float64 `json:"percent_weighted,omitempty"`
}

// Retention answers how many came back. The question's mistakes are *InvalidError.
func (e *Engine) Retention(ctx context.Context, site *schema.Site, q *RetentionQuestion) (*RetentionAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	sql, w, err := r.retentionStatement(q)
	if err != nil {
		return nil, err
	}
	rows, err := r.rows("the retention", sql, w)
	if err != nil {
		return nil, err
	}
	answer := &RetentionAnswer{Period: r.span.period(), Coverage: coverage, Unit: q.Unit, Mode: q.Mode, Slots: q.slots()}
	r.fillRetention(q, rows, answer)
	return answer, nil
}

// unitOf is the number of a day's unit.
func unitOf(unit string, d schema.Day) int64 {
	switch unit {
	case Weekly:
		return (int64(d) + 3) / 7 // 1970-01-01 was a Thursday
	case Monthly:
		y, m, _ := d.Civil()
		return int64(y)*12 + int64(m) - 1
	}
	return int64(d)
}

// firstOf is the first day of a unit.
func firstOf(unit string, n int64) schema.Day {
	switch unit {
	case Weekly:
		return schema.Day(n*7 - 3)
	case Monthly:
		return schema.Date(int(n/12), time.Month(n%12+1), 1)
	}
	return schema.Day(n)
}

// unit is the SQL of the number of a time's unit.
func (w *writer) unit(unit string, loc *time.Location) string {
	date := "toDate32(time, " + w.value(loc.String()) + ")"
	switch unit {
	case Weekly:
		return "intDiv(toInt64(toInt32(" + date + ")) + 3, 7)"
	case Monthly:
		return "toInt64(toYear(" + date + ")) * 12 + toMonth(" + date + ") - 1"
	}
	return "toInt64(toInt32(" + date + "))"
}

// retentionStatement is a row a cohort and slot, slot -1 being the cohort itself: how many, and weighted.
func (r *run) retentionStatement(q *RetentionQuestion) (string, *writer, error) {
	w, err := r.writer()
	if err != nil {
		return "", nil, err
	}
	birth, back := w.match(&q.Birth), w.match(&q.Return)
	// What somebody did in a unit: whether and when they began, and when they last came.
	units := "SELECT person, " + w.unit(q.Unit, r.span.loc) + " AS u, countIf(" + birth + ") > 0 AS births, minIf(" + order + ", " + birth +
		") AS birth,\n    countIf(" + back + ") > 0 AS returns, maxIf(" + order + ", " + back + ") AS latest\n" +
		w.events(time.Time{}, r.span.now.Add(time.Millisecond)) + "GROUP BY person, u\nHAVING births OR returns"
	people := "SELECT person, minIf(birth, births) AS born, argMinIf(u, birth, births) AS cohort,\n" +
		"    arraySort(arrayMap(x -> x.1 - cohort, arrayFilter(x -> x.2 >= born, groupArrayIf((u, latest), returns)))) AS offsets\n" +
		"FROM (" + units + ")\nGROUP BY person\nHAVING countIf(births) > 0 AND toInt64(bitShiftRight(born, 32)) >= " +
		itoa(r.span.from.UnixMilli()) + " AND toInt64(bitShiftRight(born, 32)) < " + itoa(r.span.to.UnixMilli())
	return "SELECT cohort, arrayJoin(arrayPushFront(" + slotsSQL(q) + ", toInt64(-1))) AS slot, toInt64(count()), " + r.sum("1") +
		"\nFROM (\n" + people + ") AS people\n" + r.weighted(w) + "GROUP BY cohort, slot", w, nil
}

// slotsSQL is the array of the slots, from 0, in which somebody with those offsets came back.
func slotsSQL(q *RetentionQuestion) string {
	switch q.Mode {
	case OnOrAfter:
		return "if(empty(offsets), emptyArrayInt64(), arrayMap(x -> toInt64(x), range(toUInt64(least(offsets[-1], " +
			itoa(int64(q.Offsets)) + ") + 1))))"
	case Brackets:
		var parts []string
		for i, b := range q.Brackets {
			parts = append(parts, fmt.Sprintf("if(arrayExists(x -> x BETWEEN %d AND %d, offsets), toInt64(%d), toInt64(-1))", b[0], b[1], i))
		}
		return "arrayFilter(x -> x >= 0, [" + strings.Join(parts, ", ") + "])"
	}
	return fmt.Sprintf("arrayFilter(x -> x <= %d, offsets)", q.Offsets)
}

// cohortTally is what was counted of a cohort: itself, and of each slot.
type cohortTally struct {
	self  tally
	slots []tally
}

func (r *run) fillRetention(q *RetentionQuestion, rows [][]any, answer *RetentionAnswer) {
	first, last := unitOf(q.Unit, r.span.first), unitOf(q.Unit, r.span.last)
	cohorts := make([]cohortTally, last-first+1)
	for i := range cohorts {
		cohorts[i].slots = make([]tally, len(answer.Slots))
	}
	for _, row := range rows {
		c := &cohorts[toInt(row[0])-first]
		t := tally{toInt(row[2]), toFloat(row[3])}
		if slot := toInt(row[1]); slot < 0 {
			c.self = t
		} else {
			c.slots[slot] = t
		}
	}
	answer.Curve = make([]CurvePoint, len(answer.Slots))
	base, came := make([]float64, len(answer.Slots)), make([]float64, len(answer.Slots)) // weighted
	for i := range cohorts {
		c, unit := &cohorts[i], first+int64(i)
		row := RetentionCohort{Start: max(firstOf(q.Unit, unit), r.span.first).String(), Values: make([]RetentionCell, len(answer.Slots))}
		if row.Small = c.self.count > 0 && c.self.count < int64(r.ask.K); !row.Small {
			row.Size = &c.self.count
		}
		for slot, offsets := range answer.Slots {
			begun := !firstOf(q.Unit, unit+int64(offsets[0])).Start(r.span.loc).After(r.span.now)
			over := !firstOf(q.Unit, unit+int64(offsets[1])+1).Start(r.span.loc).After(r.span.now)
			cell, n := &row.Values[slot], c.slots[slot]
			cell.Incomplete = !over
			if begun && !row.Small {
				cell.Count, cell.Percent = &n.count, percent(float64(n.count), float64(c.self.count))
				if r.weights != nil {
					cell.PercentWeighted = percent(n.weighted, c.self.weighted)
				}
			}
			if over {
				answer.Curve[slot].People += c.self.count
				answer.Curve[slot].Count += n.count
				base[slot], came[slot] = base[slot]+c.self.weighted, came[slot]+n.weighted
			}
		}
		answer.Cohorts = append(answer.Cohorts, row)
	}
	for slot := range answer.Curve {
		p := &answer.Curve[slot]
		p.Percent = percent(float64(p.Count), float64(p.People))
		if r.weights != nil {
			p.PercentWeighted = percent(came[slot], base[slot])
		}
	}
}
