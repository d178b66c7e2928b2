package reports

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Raking gives each margin its target, keeps the number of people, and leaves equal shares alone.
func TestRake(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var sizes [len(margins)]int
		var targets [len(margins)][]float64
		for m := range margins {
			sizes[m] = 1 + r.IntN(4)
			for range sizes[m] {
				targets[m] = append(targets[m], 10+float64(r.IntN(100)))
			}
		}
		var strata []stratum
		people := 0.0
		for a := range sizes[0] {
			for b := range sizes[1] {
				for c := range sizes[2] {
					n := 1 + float64(r.IntN(50))
					strata = append(strata, stratum{[3]int{a, b, c}, n})
					people += n
				}
			}
		}
		factor, converged := rake(strata, targets)
		if !converged {
			t.Fatalf("seed %d: every stratum has people, but no fit", seed)
		}
		for m := range margins {
			total := 0.0
			for _, v := range targets[m] {
				total += v
			}
			sum := 0.0
			for at, have := range weightedMargin(strata, m, &factor) {
				sum += have
				if want := targets[m][at] / total * people; math.Abs(have/want-1) > 2*rakeTolerance {
					t.Errorf("seed %d, margin %d, value %d: %g, want %g", seed, m, at, have, want)
				}
			}
			if math.Abs(sum/people-1) > rakeTolerance {
				t.Errorf("seed %d: the weights add up to %g, want %g", seed, sum, people)
			}
		}
	}
}

func TestRakeCannotInventPeople(t *testing.T) {
	tests := []struct {
		name      string
		strata    []stratum
		targets   [len(margins)][]float64
		converged bool
		weights   string
	}{
		{
			"as it is counted, all weigh 1",
			[]stratum{{[3]int{0, 0, 0}, 10}, {[3]int{1, 0, 0}, 30}},
			[3][]float64{{100, 300}, {400}, {400}},
			true, "[1 1]",
		},
		{
			"nobody from the second source consented",
			[]stratum{{[3]int{0, 0, 0}, 10}},
			[3][]float64{{100, 300}, {400}, {400}},
			false, "[1]",
		},
		{
			"the counters know nothing of a source that people have: they keep their weight",
			[]stratum{{[3]int{0, 0, 0}, 10}, {[3]int{1, 0, 0}, 30}},
			[3][]float64{{100, 0}, {400}, {400}},
			true, "[1 1]",
		},
		{"nothing was counted", []stratum{{[3]int{0, 0, 0}, 10}}, [3][]float64{{0}, {0}, {0}}, true, "[1]"},
		{"nobody consented", nil, [3][]float64{{10}, {10}, {10}}, false, "[]"},
		{
			"twice the visitors from one source",
			[]stratum{{[3]int{0, 0, 0}, 10}, {[3]int{1, 0, 0}, 10}},
			[3][]float64{{200, 100}, {300}, {300}},
			true, "[1.33 0.67]",
		},
	}
	for _, tt := range tests {
		factor, converged := rake(tt.strata, tt.targets)
		weights := []float64{}
		for i := range tt.strata {
			weights = append(weights, *rounded(tt.strata[i].weight(&factor)))
		}
		if fmt.Sprint(weights) != tt.weights || converged != tt.converged {
			t.Errorf("%s: weights %v, converged %v, want %s, %v", tt.name, weights, converged, tt.weights, tt.converged)
		}
	}
}

// Folding names the largest groups of k people or more, keeps the sum, and leaves no small rest to be subtracted.
func TestFold(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		var groups []group
		var sum int64
		for i := range r.IntN(8) {
			g := group{value: fmt.Sprint("v", i), people: int64(1 + r.IntN(12))}
			if r.IntN(10) == 0 {
				g.value = other
			}
			groups, sum = append(groups, g), sum+g.people
		}
		top, k := 1+r.IntN(5), 5
		folded := fold(groups, top, k)
		for i, g := range folded {
			sum -= g.people
			isRest := g.value == other
			if isRest != (i == len(folded)-1 && isRest) || !isRest && i >= top {
				t.Errorf("seed %d: group %d of %d is %q", seed, i, len(folded), g.value)
			}
			if g.people < int64(k) && len(folded) > 1 {
				t.Errorf("seed %d: a group has %d people", seed, g.people)
			}
		}
		if sum != 0 {
			t.Errorf("seed %d: %d people are lost", seed, sum)
		}
	}
}
