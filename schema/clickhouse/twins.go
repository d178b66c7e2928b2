package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// twinDays is how many days of a site are added up by one statement, and so are in memory at once.
const twinDays = 31

// FillTwins makes the twins of cubes of hours (see schema.Cube.TwinOf) what the hours add up to, for a site: what was counted
// before there was a twin is in no cube of days. Then hours had all that their twin keeps. It inserts the difference, so a second call
// adds nothing, and one after a call that was broken off adds what is missing. Before it, nothing may be written that has days already,
// and nothing of the site meanwhile: a batch of which only the hours are stored would be taken for one without days. It reports whether
// there was a difference. Only the twins of those names are filled: one that was filled before has what its hours no longer keep, which
// would be taken out of it.
func (db *DB) FillTwins(ctx context.Context, site *schema.Site, names []string) (changed bool, err error) {
	isNew := func(twin *schema.Cube) bool { return slices.Contains(names, twin.Name) }
	err = db.eachTwinSpan(ctx, site, isNew, func(twin, hours *schema.Cube, params map[string]string) error {
		differs, err := db.twinDiffers(ctx, twin, hours, params)
		if err != nil || !differs {
			return err
		}
		changed = true
		return db.exec(ctx, fillTwinQuery(twin, hours), params)
	})
	if err != nil {
		return changed, fmt.Errorf("add up hours by the day for site %d: %w", site.ID, err)
	}
	return changed, nil
}

// TwinDifference is a day on which a cube of days cannot be the day of its hours.
type TwinDifference struct {
	Cube *schema.Cube
	Day  schema.Day
	// Sums: what both keep is not the same.
	Sums bool
	// Few: a cell has fewer visitors or visits than one of its hours.
	Few bool
	// Many: a cell has more visitors or visits than all of its hours together, more visitors than visits, or more visitors who entered or
	// left than did so or were there. What was imported from tables of days has no hours, and can be so.
	Many bool
}

// TwinDifferences compares the twins of a site with their hours, for days before until that still have all their hours. What both keep
// has to be the same; of what is counted anew each hour, the hours are bounds.
func (db *DB) TwinDifferences(ctx context.Context, site *schema.Site, now time.Time, until schema.Day) ([]TwinDifference, error) {
	loc, err := site.Location()
	if err != nil {
		return nil, err
	}
	var found []TwinDifference
	kept := schema.Day(0)
	if n := db.config.HourlyRetentionDays; n > 0 {
		kept = schema.DayOf(now, loc) - schema.Day(n) + 1 // the hours of a day do not end at the same time
	}
	all := func(*schema.Cube) bool { return true }
	err = db.eachTwinSpan(ctx, site, all, func(twin, hours *schema.Cube, params map[string]string) error {
		rows, err := db.Select(ctx, compareTwinQuery(twin, hours), params)
		for _, row := range rows {
			if day := schema.DayOf(row[0].(time.Time), loc); day >= kept && day < until {
				found = append(found, TwinDifference{twin, day, isTrue(row[1]), isTrue(row[2]), isTrue(row[3])})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("compare days with their hours for site %d: %w", site.ID, err)
	}
	return found, nil
}

// eachTwinSpan calls f for each of the twins and up to twinDays days of the site of which it or its hours have rows.
func (db *DB) eachTwinSpan(
	ctx context.Context, site *schema.Site, wanted func(*schema.Cube) bool,
	f func(twin, hours *schema.Cube, params map[string]string) error,
) error {
	loc, err := site.Location()
	if err != nil {
		return err
	}
	for i := range schema.Cubes {
		twin := &schema.Cubes[i]
		hours, ok := schema.CubeByID(twin.TwinOf)
		if !ok || !wanted(twin) {
			continue
		}
		id := strconv.FormatUint(uint64(site.ID), 10)
		rows, err := db.Select(ctx, fmt.Sprintf("SELECT min(time), max(time), count() FROM counts "+
			"WHERE site_id = {site:UInt32} AND cube IN ('%s', '%s')", hours.Name, twin.Name), map[string]string{"site": id})
		if err != nil {
			return err
		}
		if rows[0][2].(uint64) == 0 {
			continue
		}
		first, last := schema.DayOf(rows[0][0].(time.Time), loc), schema.DayOf(rows[0][1].(time.Time), loc)
		for ; first <= last; first += twinDays {
			var starts []string
			for day := first; day <= first+twinDays; day++ { // one more: the end
				starts = append(starts, strconv.FormatInt(day.Start(loc).Unix(), 10))
			}
			params := map[string]string{
				"site": id, "days": "[" + strings.Join(starts[:twinDays], ",") + "]", "from": starts[0], "to": starts[twinDays],
			}
			if err := f(twin, hours, params); err != nil {
				return err
			}
		}
	}
	return nil
}

func (db *DB) twinDiffers(ctx context.Context, twin, hours *schema.Cube, params map[string]string) (bool, error) {
	rows, err := db.Select(ctx, "SELECT count() FROM ("+twinQuery(twin, hours, kept(twin))+")", params)
	if err != nil {
		return false, err
	}
	return rows[0][0].(uint64) > 0, nil
}

// kept are the metrics that a cube keeps.
func kept(c *schema.Cube) (metrics []schema.Metric) {
	for m := range schema.NumMetrics {
		if c.Keeps(m) {
			metrics = append(metrics, m)
		}
	}
	return metrics
}

func isTrue(v any) bool { return v.(uint64) != 0 }

// compareTwinQuery gives the days that are not those of the hours, and why: see TwinDifference. Rows of the same cell and hour have to be
// one, since the largest hour is asked for.
func compareTwinQuery(twin, hours *schema.Cube) string {
	var differ []string
	for _, m := range kept(twin) {
		if hours.Keeps(m) {
			differ = append(differ, fmt.Sprintf("sum(sign * %s) != 0", m))
		}
	}
	few, many := make([]string, 0, 2), make([]string, 0, 6)
	for _, of := range [...]struct{ day, hour schema.Metric }{
		{schema.Visitors, schema.VisitorsHour}, {schema.Visits, schema.VisitsHour},
	} {
		few = append(few, fmt.Sprintf("sumIf(%s, sign < 0) < maxIf(%s, sign > 0)", of.day, of.hour))
		many = append(many, fmt.Sprintf("sumIf(%s, sign < 0) > sumIf(%s, sign > 0)", of.day, of.hour))
	}
	for _, of := range [...]struct{ fewer, more schema.Metric }{
		{schema.Visitors, schema.Visits},
		{schema.EntryVisitors, schema.Entries},
		{schema.EntryVisitors, schema.Visitors},
		{schema.ExitVisitors, schema.Exits},
		{schema.ExitVisitors, schema.Visitors},
	} {
		if twin.Keeps(of.fewer) {
			many = append(many, fmt.Sprintf("sumIf(%s - %s, sign < 0) > 0", of.fewer, of.more))
		}
	}
	return fmt.Sprintf(`SELECT day, max(differ), max(few), max(many)
		FROM (
			SELECT day, %s AS differ, %s AS few, %s AS many
			FROM (
				SELECT *, toDateTime(roundDown(toUnixTimestamp(time), {days:Array(UInt32)}), 'UTC') AS day, if(cube = '%s', 1, -1) AS sign
				FROM counts FINAL
				WHERE site_id = {site:UInt32} AND cube IN ('%s', '%s')
					AND time >= toDateTime({from:Int64}, 'UTC') AND time < toDateTime({to:Int64}, 'UTC')
			)
			GROUP BY %s
			HAVING differ OR few OR many
		)
		GROUP BY day
		ORDER BY day`, strings.Join(differ, " OR "), strings.Join(few, " OR "), strings.Join(many, " OR "),
		hours.Name, hours.Name, twin.Name, strings.Join(twinKey(twin), ", "))
}

// twinKey are the columns of a twin's cell within a site.
func twinKey(twin *schema.Cube) []string {
	key := []string{"day"}
	for _, d := range twin.Dimensions {
		key = append(key, d.String())
	}
	return key
}

// twinQuery gives the cells of the twin that are not the sums of the hours, and what they lack of the metrics. Both are read by one
// statement, so that they are of one moment.
func twinQuery(twin, hours *schema.Cube, metrics []schema.Metric) string {
	var sums, differs []string
	for _, m := range metrics {
		sums = append(sums, fmt.Sprintf("sum(sign * %s)", m))
		differs = append(differs, sums[len(sums)-1]+" != 0")
	}
	key := strings.Join(twinKey(twin), ", ")
	return fmt.Sprintf(`SELECT %s, %s
		FROM (
			SELECT *, toDateTime(roundDown(toUnixTimestamp(time), {days:Array(UInt32)}), 'UTC') AS day, if(cube = '%s', 1, -1) AS sign
			FROM counts
			WHERE site_id = {site:UInt32} AND cube IN ('%s', '%s')
				AND time >= toDateTime({from:Int64}, 'UTC') AND time < toDateTime({to:Int64}, 'UTC')
		)
		GROUP BY %s
		HAVING %s`, key, strings.Join(sums, ", "), hours.Name, hours.Name, twin.Name, key, strings.Join(differs, " OR "))
}

func fillTwinQuery(twin, hours *schema.Cube) string {
	columns := twinKey(twin)[1:] // the day is named time
	for _, m := range kept(twin) {
		columns = append(columns, m.String())
	}
	// The same difference may be right to insert twice, so nothing is left out for having been inserted before.
	return fmt.Sprintf("INSERT INTO counts (site_id, cube, time, %s)\n"+
		"SELECT toUInt32({site:UInt32}), '%s', * FROM (%s)\n"+
		"SETTINGS insert_deduplicate = 0, distributed_foreground_insert = 1, max_partitions_per_insert_block = 0",
		strings.Join(columns, ", "), twin.Name, twinQuery(twin, hours, kept(twin)))
}
