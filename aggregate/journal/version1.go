package journal

import (
	"math"

	"turf/schema"
)

// fromVersion1 makes the sums of a cell of a segment of format version 1 what they are today. There, schema.EngagedSeconds has
// milliseconds, schema.UnscrolledVisits the other ones, and schema.Events counts page views, too, in cubes that keep them. What hours do
// not keep any more is left where it is: a segment of before there was their twin has it nowhere else. So is a row that adds nothing now:
// the program that wrote the segment may have stored a part of the batch, which is cut at the same places again.
func fromVersion1(d *schema.Deltas, id schema.CubeID) {
	d[schema.UnscrolledVisits] = d[schema.EngagedVisits] - d[schema.UnscrolledVisits]
	d[schema.EngagedSeconds] = int64(math.RoundToEven(float64(d[schema.EngagedSeconds]) / 1000))
	if c, ok := schema.CubeByID(id); ok && c.Keeps(schema.CustomEvents) {
		d[schema.CustomEvents] = d[schema.Events] - d[schema.Pageviews]
		d[schema.Events] = 0
	}
}
