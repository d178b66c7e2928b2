package stats

import (
	"errors"
	"slices"
	"testing"

	"turf/schema"
)

// TestCombinations: a set of up to three dimensions is in one of the combinations exactly when the planner answers it, as
// dimensions and as filters, by the day and by the hour, and also with a filter by a segment.
func TestCombinations(t *testing.T) {
	var names []string
	for _, a := range attributes {
		if schema.Dimensions[a.dim].Aspect < schema.NumVisitAspects {
			names = append(names, a.name)
		}
	}
	site := testSite
	span, err := DateRange{First: 20000, Last: 20000}.Resolve(now, location(t, site.Timezone), 0)
	if err != nil {
		t.Fatal(err)
	}
	answered, refused := 0, 0
	segment := Filter{Op: Is, Dimension: segmentDimension, Values: []string{"Mobile search"}}
	checkIn := func(filters []Filter, set []string) {
		named := set
		if filters != nil {
			named = append(slices.Clone(set), segmentDimension)
		}
		for _, grain := range []schema.Grain{schema.Hourly, schema.Daily} {
			in := slices.ContainsFunc(Combinations(), func(c Combination) bool {
				return c.Grain == grain.String() && !slices.ContainsFunc(named, func(n string) bool { return !slices.Contains(c.Dimensions, n) })
			})
			// Events can be asked of everything that has a page or an event, visits of all else.
			metric := Visits
			if slices.ContainsFunc(set, func(n string) bool {
				a, _, _ := attributeOf(n)
				return a.role == pageRole || a.role == eventRole
			}) {
				metric = Events
			}
			q := &Query{Metrics: []Metric{metric}, Dimensions: slices.Clone(set), Filters: filters, Pagination: Pagination{Limit: 1}}
			if grain == schema.Hourly {
				q.Dimensions = append(q.Dimensions, timeHour)
			}
			_, err := makePlan(q, &site, span)
			var invalid *InvalidError
			if err != nil && !errors.As(err, &invalid) {
				t.Fatal(err)
			}
			if (err == nil) != in {
				t.Errorf("%v by the %s: in a combination %v, planner: %v", named, grain, in, err)
			}
			if in {
				answered++
			} else {
				refused++
			}
		}
	}
	check := func(set ...string) {
		checkIn(nil, set)
		checkIn([]Filter{segment}, set)
	}
	check()
	for i := range names {
		check(names[i])
		for j := range i {
			check(names[i], names[j])
			for k := range j {
				check(names[i], names[j], names[k])
			}
		}
	}
	t.Logf("%d answered, %d refused", answered, refused)
	if answered < 300 || refused < 3000 {
		t.Error("the table is hardly used")
	}
}
