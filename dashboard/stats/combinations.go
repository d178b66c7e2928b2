package stats

import (
	"slices"

	"turf/schema"
)

// Combination is a set of dimensions on the wire that can be asked for and filtered by together, in any part of it.
type Combination struct {
	Grain      string   `json:"grain"` // hour: also with time:hour and over parts of a day; day: over whole days only
	Dimensions []string `json:"dimensions"`
}

// Combinations are all sets that are in no other one of the same grain; a set of names is answered by the planner exactly when it is
// in one of them. Two things are left out: properties of events, whose names are those of a site, and the metrics, of which some
// need a dimension to be there or not.
func Combinations() []Combination { return combinationsOf(schema.Cubes) }

func combinationsOf(cubes []schema.Cube) []Combination {
	var all []Combination
	for i := range cubes {
		c := &cubes[i]
		if !c.OfVisits() && !c.HasAspect(schema.SegmentAspect) || c.TwinOf != 0 { // what a twin has is told of its hours
			continue
		}
		for _, names := range readings(c) {
			all = append(all, Combination{c.Grain.String(), names})
			if c.Grain == schema.Hourly {
				all = append(all, Combination{schema.Daily.String(), names})
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(c Combination) bool {
		for i := range all {
			larger := len(all[i].Dimensions) > len(c.Dimensions) && all[i].Grain == c.Grain
			if larger && !slices.ContainsFunc(c.Dimensions, func(name string) bool { return !slices.Contains(all[i].Dimensions, name) }) {
				return true
			}
		}
		return len(c.Dimensions) == 0
	})
}

// readings are the names of a cube's dimensions in each of its readings, see the package's documentation.
func readings(c *schema.Cube) [][]string {
	events := []string{""}
	if c.HasAspect(schema.EventAspect) {
		events = []string{"event:name", goalDimension}
	}
	var sets [][]string
	for _, r := range pageRoles(c) {
		for _, event := range events {
			var names []string
			for i := range attributes {
				a := &attributes[i]
				if c.Has(a.dim) && (a.role == visitRole || a.role == r || a.name == event) {
					names = append(names, a.name)
				}
			}
			if c.HasAspect(schema.SegmentAspect) {
				names = append(names, segmentDimension)
			}
			sets = append(sets, names)
		}
	}
	return sets
}

// pageRoles are the readings of a cube by which pages it has, the one of visits where it has none.
func pageRoles(c *schema.Cube) []role {
	switch {
	case c.HasAspect(schema.PageAspect) && (c.HasAspect(schema.EventAspect) || c.HasAspect(schema.SegmentAspect)):
		return []role{pageRole}
	case c.HasAspect(schema.PageAspect):
		return []role{pageRole, entryRole, exitRole}
	}
	return []role{visitRole}
}
