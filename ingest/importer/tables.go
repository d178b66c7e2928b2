package importer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// Limits of an import of tables of sums.
const (
	// MaxTableCells is how many counters the tables of one import may have.
	MaxTableCells = 4_000_000
	// maxTableCount is the largest number of a table; a day has no more.
	maxTableCount = 1 << 50
	// maxExportDays is from the first to the last day of an export: a century. More is a date that was misread.
	maxExportDays = 36_525
)

// TablesConfig is what an import of another tool's tables of sums needs.
type TablesConfig struct {
	Site  schema.Site
	Store Store
	// Steps name what the tables of Google Analytics and Matomo tell: sources, browsers and systems.
	Steps Steps
	// Channel names the channel of a source of Plausible's tables; params are the utm parameters by their names.
	Channel func(source, referrer string, params map[string]string) string
	Counted CountedDays
}

// CountedDays tells on which days of a span a site has counts. They are left out of an import of what another tool
// counted, as Plausible leaves them out: who came on such a day would count twice.
type CountedDays func(ctx context.Context, first, last schema.Day) ([]schema.Day, error)

// TablesSummary is what such an import did.
type TablesSummary struct {
	Site   string         `json:"site"`
	Tables map[string]int `json:"tables"` // rows of each
	Days   int            `json:"days"`   // that were imported
	// LeftOut is how many days had counts already.
	LeftOut int `json:"left_out,omitempty"`
	// Missing are the tables that the tool could have told and that were not among the files. What they count is not
	// known for these days.
	Missing []string `json:"missing,omitempty"`
	// Before: the same files were imported before, and nothing was added.
	Before bool `json:"before,omitempty"`
}

// tableTarget is a cube that a table is counted in.
type tableTarget struct {
	cube       schema.CubeID
	dimensions map[schema.Dimension]string // the columns
	metrics    map[schema.Metric]string
}

type (
	from    = map[schema.Dimension]string
	numbers = map[schema.Metric]string
)

// Columns that are made of others.
const (
	channelColumn  = "=channel"
	hostnameColumn = "=hostname" // of a page that is told without
	cityColumn     = "=city"
	otherColumn    = "=other"
	propColumn     = "=prop"
	valueColumn    = "=value"
)

// sumsTable is one of a tool's tables.
type sumsTable struct {
	name    string
	targets []tableTarget
}

// tables is an import of tables of sums under way.
type tables struct {
	tool string // a part of the batches' tokens
	cfg  TablesConfig
	loc  *time.Location
	// tellsOther: the rows have schema.Other for what is not told apart.
	tellsOther bool
	days       map[schema.Day]bool // that are imported; all others are left out
	cells      map[schema.Cell]*schema.Deltas
	// hosts is the hostname with the most page views of a path on a day.
	hosts map[hostKey]hostViews
	sum   TablesSummary
}

type hostKey struct {
	day  schema.Day
	path string
}

type hostViews struct {
	host  string
	views int64
}

func newTables(tool string, cfg TablesConfig) (*tables, error) {
	loc, err := cfg.Site.Location()
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", cfg.Site.Domain, err)
	}
	return &tables{
		tool: tool, cfg: cfg, loc: loc, cells: map[schema.Cell]*schema.Deltas{}, hosts: map[hostKey]hostViews{},
		sum: TablesSummary{Site: cfg.Site.Domain, Tables: map[string]int{}},
	}, nil
}

// ofAll takes the rows of all days from first to last, until begin says which of them are imported: what cannot be read is
// then found before anything is recorded.
func (t *tables) ofAll(first, last schema.Day) error {
	if err := checkSpan(first, last); err != nil {
		return err
	}
	t.days = map[schema.Day]bool{}
	for d := first; d <= last; d++ {
		t.days[d] = true
	}
	return nil
}

// begin finds which of the days are imported, once all rows were taken. The record says so before anything is counted, so that
// an import that goes on has the same days although some of them have counts by then.
func (t *tables) begin(ctx context.Context, record *Record, first, last schema.Day, tell tellDays) error {
	days, before, err := beginExport(ctx, t.cfg.Store, t.cfg.Counted, record, first, last, tell)
	t.days, t.sum.Before = days, before
	if before {
		t.sum.Tables = map[string]int{}
	} else {
		t.sum.LeftOut = int(last-first) + 1 - len(days)
	}
	maps.DeleteFunc(t.cells, func(c schema.Cell, _ *schema.Deltas) bool { return !days[schema.DayOf(time.Unix(c.Time, 0), t.loc)] })
	return err
}

func checkSpan(first, last schema.Day) error {
	if first > last || last-first > maxExportDays {
		return fmt.Errorf("the days are from %s to %s, which cannot be", first, last)
	}
	return nil
}

// tellDays says what an export tells of the days that are imported of it.
type tellDays func(days map[schema.Day]bool) []schema.Imported

// beginExport finds which days of an export from first to last are imported, and records them. record has the site,
// and the hash and size of the export; the record of the same export from before takes its place. before: that one
// came to its end. What tell says of the days is recorded with them; of an export that was imported before that was done, now.
func beginExport(
	ctx context.Context, store Store, counted CountedDays, record *Record, first, last schema.Day, tell tellDays,
) (days map[schema.Day]bool, before bool, err error) {
	if err := checkSpan(first, last); err != nil {
		return nil, false, err
	}
	known, err := store.Imports(ctx, record.Site)
	if err != nil {
		return nil, false, fmt.Errorf("read what was imported before: %w", err)
	}
	days = map[schema.Day]bool{}
	if i := slices.IndexFunc(known, func(r Record) bool { return r.SHA256 == record.SHA256 }); i >= 0 {
		*record = known[i]
		for text := range record.Days {
			d, err := schema.ParseDay(text)
			if err != nil {
				return nil, false, fmt.Errorf("read the record of the import: %w", err)
			}
			days[d] = true
		}
		if record.Tells == nil {
			record.Tells = tell(days)
			if err := store.PutImport(ctx, *record); err != nil {
				return nil, false, fmt.Errorf("record the import: %w", err)
			}
		}
		return days, record.Running == "", nil
	}
	have, err := counted(ctx, first, last)
	if err != nil {
		return nil, false, fmt.Errorf("find the days that have counts: %w", err)
	}
	record.Days = map[string]string{}
	for d := first; d <= last; d++ {
		if !slices.Contains(have, d) {
			days[d], record.Days[d.String()] = true, record.SHA256
		}
	}
	record.Running, record.Tells = record.SHA256, tell(days)
	if err := store.PutImport(ctx, *record); err != nil {
		return nil, false, fmt.Errorf("record the import: %w", err)
	}
	return days, false, nil
}

// finish counts what was read, and records that the import came to its end.
func (t *tables) finish(ctx context.Context, record Record) error {
	t.guard()
	t.addTwins()
	if err := t.write(ctx, record.SHA256); err != nil {
		return err
	}
	return endExport(ctx, t.cfg.Store, record)
}

func endExport(ctx context.Context, store Store, record Record) error {
	record.Running = ""
	if err := store.PutImport(ctx, record); err != nil {
		return fmt.Errorf("record the import: %w", err)
	}
	return nil
}

// row counts a row of a table on a day.
func (t *tables) row(table *sumsTable, day schema.Day, row map[string]string) error {
	t.sum.Tables[table.name]++
	if !t.days[day] {
		return nil
	}
	for i := range table.targets {
		target := &table.targets[i]
		if target.cube == schema.CubeEventProps && row["link_url"] == "" && row["path"] == "" {
			continue
		}
		cube, ok := schema.CubeByID(target.cube)
		if !ok {
			return fmt.Errorf("BUG: there is no cube %d", target.cube)
		}
		cell := schema.Cell{Site: t.cfg.Site.ID, Cube: target.cube, Time: day.Start(t.loc).Unix()}
		for i, d := range cube.Dimensions {
			cell.Values[i] = t.value(day, row, target, d)
		}
		sums := t.cells[cell]
		if sums == nil {
			if len(t.cells) >= MaxTableCells {
				return fmt.Errorf("the tables have more than %d counters; import fewer days at a time", MaxTableCells)
			}
			sums = new(schema.Deltas)
			t.cells[cell] = sums
		}
		for m, column := range target.metrics {
			n, err := count(row[column])
			if err != nil {
				return fmt.Errorf("%s is %q", column, row[column])
			}
			sums[m] += n
		}
	}
	return nil
}

// count reads a number; a missing one is 0.
func count(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && (n < 0 || n > maxTableCount) {
		err = strconv.ErrRange
	}
	return n, err
}

// value is what a dimension reads in a row.
func (t *tables) value(day schema.Day, row map[string]string, target *tableTarget, d schema.Dimension) string {
	switch column := target.dimensions[d]; column {
	case otherColumn:
		return schema.Other
	case channelColumn:
		return schema.CleanValue(t.cfg.Channel(row["source"], row["referrer"], map[string]string{
			"utm_source": row["utm_source"], "utm_medium": row["utm_medium"], "utm_campaign": row["utm_campaign"],
		}))
	case hostnameColumn:
		return schema.CleanValue(t.hosts[hostKey{day, row[target.dimensions[schema.Path]]}].host)
	case cityColumn:
		switch city := row["city"]; {
		case city != "" && city != "0":
			return schema.CleanValue(city + ":" + city)
		case row["region"] == schema.Other && t.tellsOther: // the table has numbers of cities only
			return schema.Other
		}
		return ""
	case propColumn:
		if row["link_url"] != "" {
			return "url"
		}
		return "path"
	case valueColumn:
		if row["link_url"] != "" {
			return schema.CleanValue(row["link_url"])
		}
		return schema.CleanValue(row["path"])
	default:
		if row[column] == schema.Other && t.tellsOther {
			return schema.Other
		}
		return schema.CleanValue(row[column])
	}
}

// host remembers on which hostname a path was seen most.
func (t *tables) host(day schema.Day, path, host, pageviews string) {
	views, _ := count(pageviews) // the row was counted, so it is a number
	k := hostKey{day, strings.Clone(path)}
	if had, ok := t.hosts[k]; !ok || views > had.views {
		t.hosts[k] = hostViews{strings.Clone(host), views}
	}
}

// guard counts guarded cells with too few visitors under (other).
func (t *tables) guard() {
	for cell, sums := range t.cells {
		k := t.cfg.Site.K(schema.DayOf(time.Unix(cell.Time, 0), t.loc))
		parent, ok := cell.Parent()
		if !ok || sums[schema.Visitors] >= int64(k) {
			continue
		}
		delete(t.cells, cell)
		if t.cells[parent] == nil {
			t.cells[parent] = new(schema.Deltas)
		}
		t.cells[parent].Add(sums)
	}
}

// addTwins counts what the tables tell of a cube of hours in its twin, too. They tell it by the day, and of some of it the hours keep
// nothing: see write.
func (t *tables) addTwins() {
	added := map[schema.Cell]*schema.Deltas{}
	for cell, sums := range t.cells {
		if twin := schema.Cubes[cell.Cube-1].Twin(); twin != nil {
			cell.Cube = twin.ID
			added[cell] = sums
		}
	}
	maps.Copy(t.cells, added)
}

// write sends a batch a day, or several of MaxBatchRows. Their tokens and their order follow from the tables alone.
func (t *tables) write(ctx context.Context, sha string) error {
	byDay := map[int64][]schema.Row{}
	for cell, sums := range t.cells {
		row := schema.Row{Cell: cell, Sums: *sums}
		row.Sums.Keep(&schema.Cubes[cell.Cube-1])
		if !row.Sums.IsZero() {
			byDay[cell.Time] = append(byDay[cell.Time], row)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(byDay)) {
		token := fmt.Sprintf("%s-%d-%s-%d", t.tool, t.cfg.Site.ID, sha, at)
		if err := writeDay(ctx, t.cfg.Store, token, byDay[at]); err != nil {
			return fmt.Errorf("write the counts of %s: %w", schema.DayOf(time.Unix(at, 0), t.loc), err)
		}
		t.sum.Days++
	}
	return nil
}

// writeDay sends the rows of a day in their order, in batches of MaxBatchRows.
func writeDay(ctx context.Context, store Store, token string, rows []schema.Row) error {
	slices.SortFunc(rows, func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
	part := 0
	for some := range slices.Chunk(rows, MaxBatchRows) {
		if err := store.Write(ctx, schema.Batch{Token: fmt.Sprintf("%s-%d", token, part), Rows: some}); err != nil {
			return err
		}
		part++
	}
	return nil
}
