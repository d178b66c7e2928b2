package clickhouse

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// Column is a column of a table of the database.
type Column struct {
	Table string
	Name  string
	Type  string
}

// Schema lists the columns of all tables of the database, in the order of tables and of columns in them.
func (db *DB) Schema(ctx context.Context) ([]Column, error) {
	rows, err := db.Select(ctx,
		"SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position", nil)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	columns := make([]Column, len(rows))
	for i, row := range rows {
		columns[i] = Column{row[0].(string), row[1].(string), row[2].(string)}
	}
	return columns, nil
}

// SmallCell is a cell of a guarded cube that names something guarded with too few visitors.
type SmallCell struct {
	Cell     schema.Cell
	Visitors int64
}

// SmallCells finds the cells of a site in a guarded cube, whose bucket starts in [from, to), that have fewer than k visitors and a
// guarded dimension other than schema.Other, or no parent that stands for them: at most limit of them, in the order of time. A cell
// whose sums are all zero does not exist.
func (db *DB) SmallCells(
	ctx context.Context, site schema.SiteID, cube *schema.Cube, from, to time.Time, k, limit int,
) ([]SmallCell, error) {
	if len(cube.Guarded) == 0 {
		return nil, nil
	}
	rows, err := db.Select(ctx, smallCellsQuery(cube), map[string]string{
		"site":  strconv.FormatUint(uint64(site), 10),
		"cube":  cube.Name,
		"from":  fmt.Sprintf("%010d", from.Unix()), // ten digits, or it could be read as a year
		"to":    fmt.Sprintf("%010d", to.Unix()),
		"other": schema.Other,
		"k":     strconv.Itoa(k),
		"limit": strconv.Itoa(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("find small cells of %s: %w", cube.Name, err)
	}
	cells := make([]SmallCell, len(rows))
	for i, row := range rows {
		cell := schema.Cell{Site: site, Cube: cube.ID, Time: row[0].(time.Time).Unix()}
		for j := range cube.Dimensions {
			cell.Values[j] = row[2+j].(string)
		}
		cells[i] = SmallCell{cell, row[1].(int64)}
	}
	return cells, nil
}

func smallCellsQuery(cube *schema.Cube) string {
	var dimensions, named, sums []string
	for _, d := range cube.Dimensions {
		dimensions = append(dimensions, d.String())
	}
	if cube.Withheld { // no cell is a parent
		named = append(named, "{other:String} != ''")
	}
	for _, d := range cube.Guarded {
		named = append(named, d.String()+" != {other:String}")
	}
	for m := range schema.NumMetrics {
		sums = append(sums, "sum("+m.String()+") != 0")
	}
	columns := strings.Join(dimensions, ", ")
	return `SELECT time, sum(counts.visitors) AS small, ` + columns + `
		FROM counts
		WHERE site_id = {site:UInt32} AND cube = {cube:String}
			AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
			AND (` + strings.Join(named, " OR ") + `)
		GROUP BY time, ` + columns + `
		HAVING small < {k:Int64} AND (` + strings.Join(sums, " OR ") + `)
		ORDER BY time, ` + columns + `
		LIMIT {limit:UInt64}`
}

// DropSite deletes the counters of a site and waits until no question finds them. It rewrites parts, so it can take a
// while; the old files are removed some minutes later.
func (db *DB) DropSite(ctx context.Context, id schema.SiteID) error {
	sql := "ALTER TABLE " + db.local("counts") + db.onCluster() +
		" DELETE WHERE site_id = {site:UInt32} SETTINGS mutations_sync = 2"
	if err := db.exec(ctx, sql, map[string]string{"site": strconv.FormatUint(uint64(id), 10)}); err != nil {
		return fmt.Errorf("delete the counters of site %d: %w", id, err)
	}
	return nil
}
