package main

import (
	"slices"
	"testing"

	"turf/schema"
)

// P3 is about the sides of a visit: what else a counter is divided by is none of them.
func TestAspectsOf(t *testing.T) {
	cube := func(id schema.CubeID) *schema.Cube {
		c, ok := schema.CubeByID(id)
		if !ok {
			t.Fatalf("there is no cube %d", id)
		}
		return c
	}
	for _, c := range []struct {
		cube *schema.Cube
		want []string
	}{
		{cube(schema.CubePageSources), []string{"page", "source"}},
		{cube(schema.CubePageTimes), []string{"page"}},
		{cube(schema.CubeTransitions), []string{"page"}},
		{cube(schema.CubeFunnelSteps), nil},
		{cube(schema.CubeDrops), nil},
		{cube(schema.CubeSegments), nil},
		{cube(schema.CubeSegmentDevices), []string{"device"}},
		{
			&schema.Cube{Name: "too wide", Dimensions: []schema.Dimension{schema.Path, schema.Country, schema.Browser, schema.NextPath}},
			[]string{"page", "place", "device"},
		},
	} {
		if got := aspectsOf(c.cube); !slices.Equal(got, c.want) {
			t.Errorf("%s crosses %v, want %v", c.cube.Name, got, c.want)
		}
	}
}
