package reports

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"turf/schema"
)

// MaxFeatures is how many features a question can have.
const MaxFeatures = 50

// AdoptionQuestion asks which share of the active people used features. Active is who has any event of their own in a unit.
type AdoptionQuestion struct {
	Common
	Features []Match `json:"features"`
	Unit     string  `json:"unit,omitempty"` // day (default), week or month
}

func (q *AdoptionQuestion) check() error {
	if err := q.Common.check(); err != nil {
		return err
	}
	setDefault(&q.Unit, Daily)
	if _, ok := maxOffsets[q.Unit]; !ok {
		return invalid("unit", "%q is not known; use day, week or month", q.Unit)
	}
	if len(q.Features) == 0 || len(q.Features) > MaxFeatures {
		return invalid("features", "there are %d, and can be 1 to %d", len(q.Features), MaxFeatures)
	}
	for i := range q.Features {
		if err := q.Features[i].check(fmt.Sprintf("features[%d]", i), false); err != nil {
			return err
		}
	}
	return nil
}

// AdoptionAnswer is how features are used.
type AdoptionAnswer struct {
	Period   Period    `json:"period"`
	Coverage *Coverage `json:"coverage"`
	Unit     string    `json:"unit"`
	// Active is how many people were active in the period, and Units in each unit.
	Active int64          `json:"active"`
	Units  []AdoptionUnit `json:"units"`
	// Features in the order of the question.
	Features   []FeatureAnswer `json:"features"`
	Stickiness Stickiness      `json:"stickiness"`
}

// AdoptionUnit is a day, week or month. The first and the last may be cut by the period.
type AdoptionUnit struct {
	Start      string `json:"start"`
	Active     int64  `json:"active"`
	Incomplete bool   `json:"incomplete,omitempty"` // it is not over, or the period holds only a part of it
}

// FeatureAnswer is the use of a feature.
type FeatureAnswer struct {
	Label string `json:"label"`
	Uses  int64  `json:"uses"`
	// People is nil when fewer than k people used it, but some.
	People          *int64   `json:"people"`
	Percent         *float64 `json:"percent"` // of the active people of the period
	PercentWeighted *float64 `json:"percent_weighted,omitempty"`
	// Never: it was declared, and nobody used it in the period.
	Never bool `json:"never,omitempty"`
	// Core: it is among the fewest features that make 80 % of all uses.
	Core bool `json:"core,omitempty"`
	// ByUnit is the share of the active people in each unit, in percent; nil where nobody was active, or fewer than k.
	ByUnit []*float64 `json:"by_unit"`
}

// Stickiness are the means over the days of the period: who was active on the day, in the 7 days and in the 30 days up to it,
// and one as a share of the other.
type Stickiness struct {
	DAU      *float64 `json:"dau"`
	WAU      *float64 `json:"wau"`
	MAU      *float64 `json:"mau"`
	DAUByWAU *float64 `json:"dau_wau"`
	DAUByMAU *float64 `json:"dau_mau"`
	WAUByMAU *float64 `json:"wau_mau"`
}

// Adoption answers how features are used. The question's mistakes are *InvalidError.
func (e *Engine) Adoption(ctx context.Context, site *schema.Site, q *AdoptionQuestion) (*AdoptionAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	answer := &AdoptionAnswer{Period: r.span.period(), Coverage: coverage, Unit: q.Unit}
	for i := range q.Features {
		answer.Features = append(answer.Features, FeatureAnswer{Label: q.Features[i].String()})
	}
	for _, fill := range []func(*AdoptionQuestion, *AdoptionAnswer) error{r.fillFeatures, r.fillUnits, r.fillStickiness} {
		if err := fill(q, answer); err != nil {
			return nil, err
		}
	}
	markCore(answer.Features)
	return answer, nil
}

// use is the subquery of what each person did, in each unit when that is asked for: bits, a feature each, and uses.
func (r *run) use(w *writer, q *AdoptionQuestion, unit string) string {
	var bits []string
	columns, groups := []string{"person"}, "person"
	if unit != "" {
		columns, groups = append(columns, w.unit(unit, r.span.loc)+" AS u"), "person, u"
	}
	own := ownEvent
	for i := range q.Features {
		m := w.match(&q.Features[i])
		bits = append(bits, fmt.Sprintf("bitShiftLeft(toUInt64(%s), %d)", m, i))
		own += " OR " + m
		if unit == "" {
			columns = append(columns, fmt.Sprintf("countIf(%s) AS uses%d", m, i))
		}
	}
	columns = append(columns, "groupBitOr("+strings.Join(bits, " + ")+") AS used")
	return "SELECT " + strings.Join(columns, ", ") + "\n" + w.events(r.span.from, r.span.to) + "  AND (" + own + ")\nGROUP BY " + groups
}

func (r *run) fillFeatures(q *AdoptionQuestion, answer *AdoptionAnswer) error {
	w, err := r.writer()
	if err != nil {
		return err
	}
	columns := []string{"toInt64(count())", r.sum("1")}
	for i := range q.Features {
		columns = append(columns, fmt.Sprintf("toInt64(sum(uses%d)), toInt64(countIf(bitTest(used, %d)))", i, i),
			r.sum(fmt.Sprintf("bitTest(used, %d)", i)))
	}
	rows, err := r.rows("the use of features",
		"SELECT "+strings.Join(columns, ",\n    ")+"\nFROM (\n"+r.use(w, q, "")+") AS people\n"+r.weighted(w), w)
	if err != nil {
		return err
	}
	row := rows[0]
	answer.Active = toInt(row[0])
	for i := range answer.Features {
		f := &answer.Features[i]
		people := toInt(row[3+3*i])
		f.Uses, f.Never = toInt(row[2+3*i]), people == 0
		if people == 0 || people >= int64(q.K) {
			f.People, f.Percent = &people, percent(float64(people), float64(answer.Active))
			if r.weights != nil {
				f.PercentWeighted = percent(toFloat(row[4+3*i]), toFloat(row[1]))
			}
		}
	}
	return nil
}

func (r *run) fillUnits(q *AdoptionQuestion, answer *AdoptionAnswer) error {
	w, err := r.writer()
	if err != nil {
		return err
	}
	columns := []string{"u", "toInt64(count())"}
	for i := range q.Features {
		columns = append(columns, fmt.Sprintf("toInt64(countIf(bitTest(used, %d)))", i))
	}
	rows, err := r.rows("the use of features by "+q.Unit,
		"SELECT "+strings.Join(columns, ", ")+"\nFROM (\n"+r.use(w, q, q.Unit)+")\nGROUP BY u", w)
	if err != nil {
		return err
	}
	first, last := unitOf(q.Unit, r.span.first), unitOf(q.Unit, r.span.last)
	byUnit := map[int64][]any{}
	for _, row := range rows {
		byUnit[toInt(row[0])] = row
	}
	for u := first; u <= last; u++ {
		begins, ends := firstOf(q.Unit, u), firstOf(q.Unit, u+1)
		unit := AdoptionUnit{
			Start:      max(begins, r.span.first).String(),
			Incomplete: begins < r.span.first || ends-1 > r.span.last || ends.Start(r.span.loc).After(r.span.now),
		}
		row, ok := byUnit[u]
		if ok {
			unit.Active = toInt(row[1])
		}
		answer.Units = append(answer.Units, unit)
		for i := range answer.Features {
			var share *float64
			if ok && unit.Active >= int64(q.K) {
				share = percent(float64(toInt(row[2+i])), float64(unit.Active))
			}
			answer.Features[i].ByUnit = append(answer.Features[i].ByUnit, share)
		}
	}
	return nil
}

// coreShare is the share of uses that core features make together, of a hundred.
const coreShare = 80

func markCore(features []FeatureAnswer) {
	byUse := make([]int, len(features))
	all := int64(0)
	for i := range features {
		byUse[i] = i
		all += features[i].Uses
	}
	slices.SortStableFunc(byUse, func(a, b int) int { return cmp.Compare(features[b].Uses, features[a].Uses) })
	sum := int64(0)
	for _, i := range byUse {
		if features[i].Uses == 0 || 100*sum >= coreShare*all {
			return
		}
		features[i].Core = true
		sum += features[i].Uses
	}
}

// stickyDays are the lengths of the spans of which the active people are counted.
var stickyDays = [...]schema.Day{1, 7, 30}

// fillStickiness counts for each day who was active in the spans that end with it. A person's active days are merged into
// stretches on which they count; only where those begin and end comes back.
func (r *run) fillStickiness(_ *AdoptionQuestion, answer *AdoptionAnswer) error {
	w, err := r.writer()
	if err != nil {
		return err
	}
	longest := stickyDays[len(stickyDays)-1]
	from := (r.span.first - longest + 1).Start(r.span.loc)
	var parts []string
	for i, n := range stickyDays {
		ends := fmt.Sprintf("arrayMap((d, next) -> least(d + %d, next), ds, arrayPushBack(arrayPopFront(ds), toInt32(2000000000)))", n)
		parts = append(parts, fmt.Sprintf("arrayMap(d -> (%d, d, 1), ds), arrayMap(d -> (%d, d, -1), %s)", i, i, ends))
	}
	rows, err := r.rows("how often people come", "SELECT toInt64(z.1) AS span, toInt64(z.2) AS day, toInt64(sum(z.3))\nFROM ("+
		"SELECT arrayJoin(arrayConcat("+strings.Join(parts, ",\n    ")+")) AS z\nFROM (SELECT person, arraySort(groupUniqArray("+
		w.day(r.span.loc)+")) AS ds\n"+w.events(from, r.span.to)+"  AND "+ownEvent+"\nGROUP BY person))\nGROUP BY span, day", w)
	if err != nil {
		return err
	}
	first := r.span.first - longest + 1
	days := int(r.span.last-first) + 1
	var active [len(stickyDays)][]float64
	for i := range active {
		active[i] = make([]float64, days)
	}
	for _, row := range rows {
		if at := int(toInt(row[1]) - int64(first)); at < days {
			active[toInt(row[0])][at] += float64(toInt(row[2]))
		}
	}
	for i := range active {
		for d := 1; d < days; d++ {
			active[i][d] += active[i][d-1]
		}
		active[i] = active[i][longest-1:]
	}
	answer.Stickiness = Stickiness{
		DAU: mean(active[0], nil), WAU: mean(active[1], nil), MAU: mean(active[2], nil),
		DAUByWAU: mean(active[0], active[1]), DAUByMAU: mean(active[0], active[2]), WAUByMAU: mean(active[1], active[2]),
	}
	return nil
}

// mean is the mean of the days' numbers, or of their shares (in percent) of other numbers, over the days that have any.
func mean(numbers, of []float64) *float64 {
	sum, n := 0.0, 0.0
	for i, v := range numbers {
		if of != nil {
			if of[i] == 0 {
				continue
			}
			v *= 100 / of[i]
		}
		sum, n = sum+v, n+1
	}
	if n == 0 {
		return nil
	}
	return rounded(sum / n)
}
