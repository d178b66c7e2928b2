package aggregate

import (
	"math/rand/v2"
	"testing"

	"turf/schema"
)

// The attributes fit into a tuple and come out of it again, whatever words a day can have of their dimensions.
func TestAttrsInATuple(t *testing.T) {
	for _, dim := range []schema.Dimension{schema.Device, schema.ScreenWidth, schema.Browser, schema.OS} {
		if largest := schema.Dimensions[dim].LimitPerDay + 1; largest > maxShortWord { // 0 is "", 1 is Other
			t.Errorf("words of %s go to %d, and only those up to %d have room", dim, largest, maxShortWord)
		}
	}
	r := rand.New(rand.NewPCG(1, 5))
	for range 1000 {
		var a attrs
		for i, dim := range attrDims {
			a[i] = word(r.IntN(schema.Dimensions[dim].LimitPerDay + 2))
			if r.IntN(3) == 0 {
				a[i] = word(schema.Dimensions[dim].LimitPerDay + 1)
			}
		}
		tuple := a.pack()
		if got := tuple.attrs(); got != a {
			t.Fatalf("%v came out as %v", a, got)
		}
	}
}
