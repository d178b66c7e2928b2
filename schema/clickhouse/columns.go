package clickhouse

import (
	"context"
	"fmt"
	"strings"

	client "github.com/ClickHouse/clickhouse-go/v2"

	"turf/schema"
)

// addColumns adds to counts what the catalogue has and the table has not, in one statement: a new dimension must
// become part of the sorting key as it is added, or rows that differ in nothing else would be summed.
func (db *DB) addColumns(ctx context.Context) error {
	table := db.local("counts")
	have, err := db.columnTypes(ctx, table)
	if err != nil {
		return err
	}
	key, err := db.tableProperty(ctx, table, "sorting_key")
	if err != nil {
		return err
	}
	plan, err := planColumns(countsColumns(), have, key)
	if err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	if plan == "" {
		return nil
	}
	for _, sql := range db.alterCounts(plan) {
		if err := db.exec(ctx, sql, nil); err != nil {
			return fmt.Errorf("add columns to counts: %w", err)
		}
	}
	return nil
}

// checkCounts finds fault with a table counts that is there and that no version of this program made.
func (db *DB) checkCounts(ctx context.Context) error {
	table := db.local("counts")
	have, err := db.columnTypes(ctx, table)
	if err != nil || len(have) == 0 {
		return err
	}
	key, err := db.tableProperty(ctx, table, "sorting_key")
	if err != nil {
		return err
	}
	if _, err := planColumns(countsColumns(), have, key); err != nil {
		return fmt.Errorf("table %s: %w", table, err)
	}
	return nil
}

const newOrder = ", MODIFY ORDER BY"

// alterCounts makes the changes in the table that holds the rows and, in a cluster, in the one over it, which has no
// key.
func (db *DB) alterCounts(changes string) []string {
	list := []string{"ALTER TABLE " + db.local("counts") + db.onCluster() + " " + changes}
	if db.config.Cluster != "" {
		changes, _, _ = strings.Cut(changes, newOrder)
		list = append(list, "ALTER TABLE counts"+db.onCluster()+" "+changes)
	}
	return list
}

// planColumns is the list of changes that makes the columns that a table has those that are wanted, empty when it has
// all.
func planColumns(want []client.ColumnNameAndType, have map[string]string, sortingKey string) (string, error) {
	var changes []string
	inKey := map[string]bool{}
	for name := range strings.SplitSeq(sortingKey, ", ") {
		inKey[name] = true
	}
	newKey := sortingKey
	for i, c := range want {
		typ, exists := have[c.Name]
		isKey := c.Type != metricType
		switch {
		case exists && typ != c.Type:
			return "", fmt.Errorf("column %s is %s and should be %s: this program did not make it", c.Name, typ, c.Type)
		case exists && isKey && !inKey[c.Name]:
			return "", fmt.Errorf("column %s should be part of the sorting key (%s)", c.Name, sortingKey)
		case exists && !isKey && inKey[c.Name]:
			return "", fmt.Errorf("column %s should not be part of the sorting key (%s)", c.Name, sortingKey)
		case exists:
			continue
		case i < len(keyColumns):
			return "", fmt.Errorf("column %s is missing", c.Name)
		}
		changes = append(changes, "ADD COLUMN IF NOT EXISTS "+columnDefinition(c.Name, c.Type))
		if isKey {
			newKey += ", " + c.Name
		}
	}
	plan := strings.Join(changes, ", ")
	if newKey != sortingKey {
		plan += newOrder + " (" + newKey + ")"
	}
	return plan, nil
}

// columnTypes are the columns of a table.
func (db *DB) columnTypes(ctx context.Context, table string) (map[string]string, error) {
	rows, err := db.Select(ctx,
		"SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
		map[string]string{"table": table})
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", table, err)
	}
	types := make(map[string]string, len(rows))
	for _, row := range rows {
		types[row[0].(string)] = row[1].(string)
	}
	return types, nil
}

// tableProperty is a column of system.tables.
func (db *DB) tableProperty(ctx context.Context, table, property string) (string, error) {
	rows, err := db.Select(ctx,
		"SELECT "+property+" FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
		map[string]string{"table": table})
	if err != nil {
		return "", fmt.Errorf("read the %s of %s: %w", property, table, err)
	}
	if len(rows) != 1 {
		return "", fmt.Errorf("read the %s of %s: there is no such table", property, table)
	}
	return rows[0][0].(string), nil
}

// columnCodec is how a column of counts is compressed, as ClickHouse writes it. Most metrics of most rows are small numbers, of
// which T64 keeps the low bits only. Measured on small sites (100 visitors a day): 24 bytes a page view, where LZ4 for dimensions and
// ZSTD(1) alone for metrics took a third more; higher levels of ZSTD save nothing, and T64's form 'bit' takes 4 % more.
func columnCodec(typ string) string {
	if typ == metricType {
		return "CODEC(T64, ZSTD(1))"
	}
	return "CODEC(ZSTD(1))"
}

// setCodecs makes the codecs of the table what they are to be. Parts that are there keep theirs until they are merged.
func (db *DB) setCodecs(ctx context.Context) error {
	table := db.local("counts")
	rows, err := db.Select(ctx,
		"SELECT name, compression_codec FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
		map[string]string{"table": table})
	if err != nil {
		return fmt.Errorf("read the codecs of %s: %w", table, err)
	}
	have := make(map[string]string, len(rows))
	for _, row := range rows {
		have[row[0].(string)] = row[1].(string)
	}
	var changes []string
	for _, c := range countsColumns()[len(keyColumns):] {
		if codec := columnCodec(c.Type); have[c.Name] != codec {
			changes = append(changes, "MODIFY COLUMN "+c.Name+" "+codec)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	sql := "ALTER TABLE " + table + db.onCluster() + " " + strings.Join(changes, ", ")
	if err := db.exec(ctx, sql, nil); err != nil {
		return fmt.Errorf("set the codecs: %w", err)
	}
	return nil
}

// setRetention makes the table's TTL what the configuration says. It looks first: a change of TTL rewrites old parts.
func (db *DB) setRetention(ctx context.Context) error {
	table := db.local("counts")
	now, err := db.tableProperty(ctx, table, "engine_full")
	if err != nil {
		return err
	}
	_, now, _ = strings.Cut(now, " TTL ")
	now, _, _ = strings.Cut(now, " SETTINGS ")
	want := retention(db.config.HourlyRetentionDays, db.config.DailyRetentionDays)
	change := " MODIFY TTL " + want
	switch {
	case now == want:
		return nil
	case want == "":
		change = " REMOVE TTL"
	}
	if err := db.exec(ctx, "ALTER TABLE "+table+db.onCluster()+change, nil); err != nil {
		return fmt.Errorf("set the retention: %w", err)
	}
	return nil
}

// retention is a TTL as ClickHouse writes it, by which it is known again. Days of 0 are for ever.
func retention(hourlyDays, dailyDays int) string {
	days := [...]int{schema.Hourly: hourlyDays, schema.Daily: dailyDays}
	var rules []string
	for grain, n := range days {
		if n == 0 {
			continue
		}
		var cubes []string
		for _, c := range schema.Cubes {
			if int(c.Grain) == grain {
				cubes = append(cubes, "'"+c.Name+"'")
			}
		}
		rules = append(rules, fmt.Sprintf("time + toIntervalDay(%d) WHERE cube IN (%s)", n, strings.Join(cubes, ", ")))
	}
	return strings.Join(rules, ", ")
}
