package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Coverage says how much of the audience a report is about: n consented of N counted.
type Coverage struct {
	// People is how many people have an event in the period. Nobody else is in the report.
	People int64 `json:"people"`
	// Consented is n: people of each day, added up over the days, as the counting path counts its visitors.
	Consented int64 `json:"consented"`
	// Counted is N: visitors of each day, added up. nil: it is not known.
	Counted *int64 `json:"counted"`
	// Percent is n of N. It can exceed 100, since a visitor with two addresses is two people of a day, and the other way round.
	Percent *float64 `json:"percent"`
	// Text says it for people.
	Text string `json:"text"`
	// Weighting says how numbers were weighted, when that was asked for.
	Weighting *Weighting `json:"weighting,omitempty"`
}

// coverage asks both paths, each by itself.
func (r *run) coverage() (*Coverage, error) {
	w := newWriter(r.site.ID)
	days := "uniqExact(" + w.day(r.span.loc) + ")"
	if r.span.last-r.span.first < 64 { // a bit a day is half of the work
		days = "bitCount(groupBitOr(bitShiftLeft(toUInt64(1), " + w.day(r.span.loc) + " - " + itoa(int64(r.span.first)) + ")))"
	}
	sql := "SELECT count(), sum(days)\nFROM (SELECT person, " + days + " AS days\n" +
		w.events(r.span.from, r.span.to) + "GROUP BY person)"
	rows, err := r.rows("the coverage", sql, w)
	if err != nil {
		return nil, err
	}
	c := &Coverage{People: toInt(rows[0][0]), Consented: toInt(rows[0][1])}
	c.Text = fmt.Sprintf("%d consented", c.Consented)
	if r.Counted == nil {
		return c, nil
	}
	counts, err := r.Counted(r.ctx, r.site, r.ask.Range.DateRange, "")
	if err != nil {
		return nil, fmt.Errorf("ask how many were counted: %w", err)
	}
	if len(counts) == 0 {
		return c, nil // not known: see Counted
	}
	var total int64
	for _, n := range counts {
		total += n.Visitors
	}
	c.Counted, c.Percent = &total, percent(float64(c.Consented), float64(total))
	c.Text += fmt.Sprintf(" of %d counted", total)
	if c.Percent != nil {
		c.Text += fmt.Sprintf(" (%g %%)", *c.Percent)
	}
	return c, nil
}

// The margins to which people are weighted.
var margins = [...]string{"source", "device", "country"}

// MaxMarginValues is how many values of a margin are weighted by themselves; the rest is one.
const MaxMarginValues = 30

// Weighting says how numbers were weighted.
type Weighting struct {
	By []string `json:"by"`
	// Converged: the weighted people fit all margins within a thousandth. If not, some value has visitors and nobody who consented.
	Converged bool `json:"converged"`
	// Largest is the largest weight of a person, where 1 is the mean: far above that, few people speak for many.
	Largest float64 `json:"largest_weight"`
}

// factors are a person's weight: the product of one factor a margin, by the value.
type factors struct {
	values    [len(margins)][]string // named ones; the last factor is that of all others
	factor    [len(margins)][]float64
	converged bool
	largest   float64
}

func (f *factors) about() *Weighting {
	return &Weighting{By: margins[:], Converged: f.converged, Largest: *rounded(f.largest)}
}

// sql is a person's weight, from columns called as the margins.
func (f *factors) sql(w *writer) string {
	var parts []string
	for m, name := range margins {
		last := len(f.values[m])
		numbers := make([]string, last)
		for i := range numbers {
			numbers[i] = fmt.Sprintf("%.15e", f.factor[m][i]) // with an exponent, so that it is a Float64
		}
		rest := fmt.Sprintf("toFloat64(%.15e)", f.factor[m][last])
		if last == 0 {
			parts = append(parts, rest)
			continue
		}
		parts = append(parts, "transform(toString("+name+"), ["+w.values(f.values[m])+"], ["+
			strings.Join(numbers, ", ")+"], "+rest+")")
	}
	return strings.Join(parts, " * ")
}

// findWeights rakes the people of the period to the counted margins.
func (r *run) findWeights() (*factors, error) {
	if r.Counted == nil {
		return nil, invalid("weight", "there are no counted visitors to weight by")
	}
	f := &factors{}
	var targets [len(margins)][]float64
	for m, name := range margins {
		counts, err := r.Counted(r.ctx, r.site, r.ask.Range.DateRange, "visit:"+name)
		if err != nil {
			return nil, fmt.Errorf("ask for the counted visitors by %s: %w", name, err)
		}
		f.values[m], targets[m] = topMargin(counts)
	}
	w := newWriter(r.site.ID)
	var columns []string
	for m, name := range margins {
		column := "toInt64(0)"
		if len(f.values[m]) > 0 {
			// Its place among the named ones, from 1; 0 is another.
			column = "toInt64(indexOf([" + w.values(f.values[m]) + "], toString(" + name + ")))"
		}
		columns = append(columns, column+" AS m"+itoa(int64(m)))
	}
	rows, err := r.rows("the weights", "SELECT "+strings.Join(columns, ", ")+", count() FROM (\n"+
		w.firstTouch(r.span.from, r.span.to)+") GROUP BY m0, m1, m2 ORDER BY m0, m1, m2", w)
	if err != nil {
		return nil, err
	}
	strata := make([]stratum, len(rows))
	for i, row := range rows {
		strata[i].people = toFloat(row[len(margins)])
		for m := range margins {
			place := int(toInt(row[m])) - 1
			if place < 0 {
				place = len(f.values[m])
			}
			strata[i].value[m] = place
		}
	}
	f.factor, f.converged = rake(strata, targets)
	for i := range strata {
		f.largest = max(f.largest, strata[i].weight(&f.factor))
	}
	return f, nil
}

// topMargin are the largest values and how many visitors they have; the last number is that of all others.
func topMargin(counts []Count) (values []string, visitors []float64) {
	counts = slices.Clone(counts)
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Visitors, a.Visitors), strings.Compare(a.Value, b.Value))
	})
	rest := 0.0
	for i, c := range counts {
		if i >= MaxMarginValues || c.Visitors <= 0 || c.Value == other {
			rest += float64(max(c.Visitors, 0))
			continue
		}
		values, visitors = append(values, c.Value), append(visitors, float64(c.Visitors))
	}
	return values, append(visitors, rest)
}

// stratum is the people who share a value of each margin.
type stratum struct {
	value  [len(margins)]int // place in the margin
	people float64
}

func (s *stratum) weight(f *[len(margins)][]float64) float64 {
	weight := 1.0
	for m, at := range s.value {
		weight *= f[m][at]
	}
	return weight
}

const (
	maxRakeRounds = 100
	rakeTolerance = 1e-3 // of a margin
)

// rake finds factors for which the weighted people have the margins of the targets: iterative proportional fitting. Targets
// are taken as shares, so that the weights of all people add up to their number. A value that nobody has is left out of its
// margin: nobody can speak for it, and the fit is then not converged.
func rake(strata []stratum, targets [len(margins)][]float64) (factor [len(margins)][]float64, converged bool) {
	people := 0.0
	for i := range strata {
		people += strata[i].people
	}
	var want [len(margins)][]float64
	complete := true
	for m := range margins {
		factor[m] = slices.Repeat([]float64{1}, len(targets[m]))
		var whole bool
		want[m], whole = wanted(strata, m, targets[m], people)
		complete = complete && whole
	}
	for range maxRakeRounds {
		worst := 0.0
		for m := range margins {
			if want[m] == nil {
				continue
			}
			for at, have := range weightedMargin(strata, m, &factor) {
				if have == 0 || want[m][at] == 0 {
					continue
				}
				worst = max(worst, math.Abs(have/want[m][at]-1))
				factor[m][at] *= want[m][at] / have
			}
		}
		if worst < rakeTolerance {
			return factor, complete
		}
	}
	return factor, false
}

// wanted are the targets of a margin as numbers of the people there are. Where the counters know nothing about a value that
// people have, it keeps the people it has. whole: no value with visitors is without people.
func wanted(strata []stratum, m int, targets []float64, people float64) (want []float64, whole bool) {
	have := make([]float64, len(targets))
	for i := range strata {
		have[strata[i].value[m]] += strata[i].people
	}
	whole = true
	total, kept := 0.0, 0.0
	for at, t := range targets {
		switch {
		case t > 0 && have[at] > 0:
			total += t
		case t > 0:
			whole = false
		default:
			kept += have[at]
		}
	}
	if total == 0 {
		return nil, whole
	}
	want = make([]float64, len(targets))
	for at, t := range targets {
		switch {
		case t > 0 && have[at] > 0:
			want[at] = t / total * (people - kept)
		case t <= 0:
			want[at] = have[at]
		}
	}
	return want, whole
}

func weightedMargin(strata []stratum, m int, factor *[len(margins)][]float64) []float64 {
	sums := make([]float64, len(factor[m]))
	for i := range strata {
		sums[strata[i].value[m]] += strata[i].people * strata[i].weight(factor)
	}
	return sums
}

// rounded is a number with two decimals.
func rounded(v float64) *float64 {
	v = math.Round(v*100) / 100
	return &v
}

// percent is n of all with two decimals, or nil where there are none.
func percent(n, all float64) *float64 {
	if all == 0 {
		return nil
	}
	return rounded(100 * n / all)
}
