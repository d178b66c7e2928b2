package clickhouse

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// twinDays is how many days of a site are added up by one statement, and so are in memory at once.
const twinDays = 31

// FillTwins makes the twins of cubes of hours (see schema.Cube.TwinOf) what the hours add up to, for a site: what was counted
// before there was a twin is in no cube of days. It inserts the difference, so a second call adds nothing, and one after a call
// that was broken off adds what is missing. Nothing of the site may be written meanwhile: a batch of which only the hours are
// stored would be taken for one without days. It reports whether there was a difference.
func (db *DB) FillTwins(ctx context.Context, site *schema.Site) (changed bool, err error) {
	err = db.eachTwinSpan(ctx, site, func(twin, hours *schema.Cube, params map[string]string) error {
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

// TwinDifference is a day on which a cube of days is not what the hours add up to.
type TwinDifference struct {
	Cube *schema.Cube
	Day  schema.Day
}

// TwinDifferences compares the twins of a site with their hours, for days before until that still have all their hours.
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
	err = db.eachTwinSpan(ctx, site, func(twin, hours *schema.Cube, params map[string]string) error {
		rows, err := db.Select(ctx, "SELECT DISTINCT day FROM ("+twinQuery(twin, hours)+") ORDER BY day", params)
		for _, row := range rows {
			if day := schema.DayOf(row[0].(time.Time), loc); day >= kept && day < until {
				found = append(found, TwinDifference{twin, day})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("compare days with their hours for site %d: %w", site.ID, err)
	}
	return found, nil
}

// eachTwinSpan calls f for each twin and up to twinDays days of the site of which it or its hours have rows.
func (db *DB) eachTwinSpan(
	ctx context.Context, site *schema.Site, f func(twin, hours *schema.Cube, params map[string]string) error,
) error {
	loc, err := site.Location()
	if err != nil {
		return err
	}
	for i := range schema.Cubes {
		twin := &schema.Cubes[i]
		hours, ok := schema.CubeByID(twin.TwinOf)
		if !ok {
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
	rows, err := db.Select(ctx, "SELECT count() FROM ("+twinQuery(twin, hours)+")", params)
	if err != nil {
		return false, err
	}
	return rows[0][0].(uint64) > 0, nil
}

// twinQuery gives the cells of the twin that are not the sums of the hours, and what they lack. Both are read by one statement,
// so that they are of one moment.
func twinQuery(twin, hours *schema.Cube) string {
	var names, sums, differs []string
	for _, d := range twin.Dimensions {
		names = append(names, d.String())
	}
	for m := range schema.NumMetrics {
		if twin.Keeps(m) {
			sums = append(sums, fmt.Sprintf("sum(sign * %s)", m))
			differs = append(differs, sums[len(sums)-1]+" != 0")
		}
	}
	key := "day, " + strings.Join(names, ", ")
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
	var columns []string
	for _, d := range twin.Dimensions {
		columns = append(columns, d.String())
	}
	for m := range schema.NumMetrics {
		if twin.Keeps(m) {
			columns = append(columns, m.String())
		}
	}
	// The same difference may be right to insert twice, so nothing is left out for having been inserted before.
	return fmt.Sprintf("INSERT INTO counts (site_id, cube, time, %s)\n"+
		"SELECT toUInt32({site:UInt32}), '%s', * FROM (%s)\n"+
		"SETTINGS insert_deduplicate = 0, distributed_foreground_insert = 1, max_partitions_per_insert_block = 0",
		strings.Join(columns, ", "), twin.Name, twinQuery(twin, hours))
}
