package clickhouse

import (
	"context"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"turf/schema"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is a file that was never changed once it was released: what is to be different goes into a new one.
type migration struct {
	number     int
	name       string
	statements []string
}

var migrationName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.sql$`)

// migrations are the files with the numbers 0, 1, 2, …, for this database.
func (db *DB) migrations() ([]migration, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	list := make([]migration, len(entries))
	for i, entry := range entries {
		m := migrationName.FindStringSubmatch(entry.Name())
		if m == nil {
			return nil, fmt.Errorf("BUG: migration %s is not called 0001_name.sql", entry.Name())
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || number != i {
			return nil, fmt.Errorf("BUG: migration %s has not the number %d", entry.Name(), i)
		}
		sql, err := db.render(entry.Name())
		if err != nil {
			return nil, err
		}
		list[i] = migration{number, m[2], statements(sql)}
	}
	return list, nil
}

func (db *DB) render(file string) (string, error) {
	t, err := template.ParseFS(migrationFiles, "migrations/"+file)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, migrationText{db}); err != nil {
		return "", err
	}
	return b.String(), nil
}

// statements cuts a file at the semicolons that end a line, and leaves out comments.
func statements(sql string) []string {
	var list []string
	var b strings.Builder
	for line := range strings.Lines(sql) {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(text, "--"):
		case strings.HasSuffix(text, ";"):
			b.WriteString(strings.TrimSuffix(strings.TrimRight(line, "\n"), ";"))
			list = append(list, b.String())
			b.Reset()
		default:
			b.WriteString(line)
		}
	}
	if b.Len() > 0 {
		list = append(list, b.String())
	}
	return list
}

// migrationText is what the marks in a migration stand for.
type migrationText struct{ db *DB }

// Cluster is the quoted name of the cluster, empty without one.
func (t migrationText) Cluster() string {
	if t.db.config.Cluster == "" {
		return ""
	}
	return quoteName(t.db.config.Cluster)
}

// Database is the quoted name of the database.
func (t migrationText) Database() string { return quoteName(t.db.config.Database) }

// Local is the table that holds the rows on each server.
func (t migrationText) Local(table string) string { return t.db.local(table) + t.db.onCluster() }

// Everywhere is a table that is made on each server.
func (t migrationText) Everywhere(table string) string { return table + t.db.onCluster() }

// Engine is the engine of a table that is sharded in a cluster.
func (t migrationText) Engine(name string) string {
	if t.db.config.Cluster == "" {
		return name
	}
	return "Replicated" + name
}

// WholeEngine is the engine of a table that is whole on each server of a cluster: all are replicas of one another.
func (t migrationText) WholeEngine(name, table, params string) string {
	if t.db.config.Cluster == "" {
		return name + "(" + params + ")"
	}
	return fmt.Sprintf("Replicated%s('/clickhouse/tables/{database}/%s', '{shard}_{replica}', %s)", name, table, params)
}

// RememberInserts is the setting by which a table remembers the tokens of inserts. Replicas forget by time too: after
// 30 days.
func (t migrationText) RememberInserts() string {
	if t.db.config.Cluster == "" {
		return fmt.Sprintf("non_replicated_deduplication_window = %d", DeduplicationWindow)
	}
	return fmt.Sprintf("replicated_deduplication_window = %d, replicated_deduplication_window_seconds = 2592000",
		DeduplicationWindow)
}

// KeepNothing are the settings of a table whose old parts vanish at once: what replaces them is on the disk by then.
func (migrationText) KeepNothing() string {
	return "old_parts_lifetime = 0, merge_tree_clear_old_parts_interval_seconds = 1, cleanup_delay_period = 1, " +
		"max_cleanup_delay_period = 2, cleanup_delay_period_random_add = 0, " +
		"fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, " +
		"min_compressed_bytes_to_fsync_after_merge = 1"
}

// HeatRetentionDays is after how many days heat cells are deleted.
func (migrationText) HeatRetentionDays() int { return HeatRetentionDays }

// CatalogueColumns defines the columns of dimensions and metrics.
func (migrationText) CatalogueColumns() string {
	var defs []string
	for _, c := range countsColumns()[len(keyColumns):] {
		defs = append(defs, columnDefinition(c.Name, c.Type))
	}
	return strings.Join(defs, ",\n    ")
}

// CubesOfViews lists the cubes that keep page views, as strings.
func (migrationText) CubesOfViews() string {
	var names []string
	for i := range schema.Cubes {
		if c := &schema.Cubes[i]; c.Keeps(schema.Pageviews) {
			names = append(names, "'"+c.Name+"'")
		}
	}
	return strings.Join(names, ", ")
}

// DimensionNames lists the columns of dimensions.
func (migrationText) DimensionNames() string { return strings.Join(dimensionNames(), ", ") }

func dimensionNames() []string {
	var names []string
	for _, d := range schema.Dimensions {
		names = append(names, d.Column)
	}
	return names
}

// columnDefinition is a column of counts in a DDL statement.
func columnDefinition(name, typ string) string { return name + " " + typ + " " + columnCodec(typ) }

// Migrate brings the tables up to date: it applies the migrations that were not, adds columns for what is new in the
// catalogue, and sets codecs and retention. When everything is so already, it only looks. It may be run by several processes
// at once.
func (db *DB) Migrate(ctx context.Context) error {
	list, err := db.migrations()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := db.apply(ctx, list[0]); err != nil {
		return err
	}
	rows, err := db.Select(ctx, "SELECT DISTINCT number FROM migrations", nil)
	if err != nil {
		return fmt.Errorf("migrate: read what was applied: %w", err)
	}
	applied := make([]int, len(rows))
	for i, row := range rows {
		applied[i] = int(row[0].(uint64))
	}
	if newest := slices.Max(append(applied, 0)); newest >= len(list) {
		return fmt.Errorf("migrate: the database was made by a newer version, whose migration %d is not known here: "+
			"use that version", newest)
	}
	list = slices.DeleteFunc(list[1:], func(m migration) bool { return slices.Contains(applied, m.number) })
	if len(list) > 0 {
		if err := db.checkCounts(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
	for _, m := range list {
		if err := db.apply(ctx, m); err != nil {
			return err
		}
		err := db.exec(ctx, "INSERT INTO migrations SELECT {number:UInt32}, {name:String}, now('UTC')",
			map[string]string{"number": strconv.Itoa(m.number), "name": m.name})
		if err != nil {
			return fmt.Errorf("migrate: note that %d (%s) is applied: %w", m.number, m.name, err)
		}
	}
	if err := db.addColumns(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := db.setCodecs(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := db.setRetention(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// apply runs the statements, each of which does nothing when it was run before: a migration that was broken off is
// run again. Parts that are being rewritten, as after it was broken off, are waited for before the table is altered: it would be refused.
func (db *DB) apply(ctx context.Context, m migration) error {
	for _, sql := range m.statements {
		var err error
		if strings.HasPrefix(sql, "ALTER ") {
			err = db.waitForMutations(ctx)
		}
		if err == nil {
			err = db.exec(ctx, sql, nil)
		}
		if err == nil && strings.Contains(sql, " UPDATE ") {
			err = db.waitForMutations(ctx)
		}
		if err != nil {
			return fmt.Errorf("migrate: %d (%s): %w", m.number, m.name, err)
		}
	}
	return nil
}

// mutationPoll is the time between two looks at mutations that are not done.
const mutationPoll = 100 * time.Millisecond

// waitForMutations returns when all parts of counts are rewritten, on all servers, however long it takes: a statement that waits for
// that would be given up after a while.
func (db *DB) waitForMutations(ctx context.Context) error {
	from := "system.mutations"
	if db.config.Cluster != "" {
		from = "clusterAllReplicas(" + quoteName(db.config.Cluster) + ", system.mutations)"
	}
	for {
		rows, err := db.Select(ctx, "SELECT count(), max(latest_fail_reason) FROM "+from+
			" WHERE database = currentDatabase() AND table = {table:String} AND is_done = 0", map[string]string{"table": db.local("counts")})
		if err != nil {
			return fmt.Errorf("read what is rewritten: %w", err)
		}
		if rows[0][0].(uint64) == 0 {
			return nil
		}
		if reason := rows[0][1].(string); reason != "" {
			return fmt.Errorf("rewrite counts: %s", reason)
		}
		select {
		case <-time.After(mutationPoll):
		case <-ctx.Done():
			return fmt.Errorf("wait until counts is rewritten: %w", ctx.Err())
		}
	}
}
