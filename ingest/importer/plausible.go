package importer

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// Limits of an import of Plausible's tables.
const (
	// MaxPlausibleCells is how many counters the tables of one import may have.
	MaxPlausibleCells = 4_000_000
	// maxPlausibleCount is the largest number of a table; a day has no more.
	maxPlausibleCount = 1 << 50
)

// PlausibleConfig is what an import of Plausible's tables needs.
type PlausibleConfig struct {
	Site  schema.Site
	Store Store
	// Channel names the channel of a source; params are the utm parameters by their names.
	Channel func(source, referrer string, params map[string]string) string
	// Counted are the days on which the site has counts. They are left out, as Plausible leaves them out: who came
	// on such a day would count twice.
	Counted func(ctx context.Context, first, last schema.Day) ([]schema.Day, error)
}

// PlausibleSummary is what such an import did.
type PlausibleSummary struct {
	Site   string         `json:"site"`
	Tables map[string]int `json:"tables"` // rows of each
	Days   int            `json:"days"`   // that were imported
	// LeftOut is how many days had counts already.
	LeftOut int `json:"left_out,omitempty"`
	// Before: the same files were imported before, and nothing was added.
	Before bool `json:"before,omitempty"`
}

// plausibleTarget is a cube that a table is counted in.
type plausibleTarget struct {
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

// visitNumbers are the metrics that most tables have. Events are not told by these tables, so they are the page
// views.
var visitNumbers = numbers{
	schema.Visitors: "visitors", schema.Visits: "visits", schema.Pageviews: "pageviews", schema.Events: "pageviews",
	schema.Bounces: "bounces", schema.Duration: "visit_duration",
}

// plausibleTable is one of the ten.
type plausibleTable struct {
	name    string
	targets []plausibleTarget
}

// plausibleTables says in which cubes each table is counted, in the order in which they are read: the pages before
// those that need their hostnames.
var plausibleTables = []plausibleTable{
	{"visitors", []plausibleTarget{{schema.CubeTraffic, nil, visitNumbers}}},
	{"sources", []plausibleTarget{
		{schema.CubeSources, from{
			schema.Channel: channelColumn, schema.Source: "source", schema.Campaign: "utm_campaign",
		}, visitNumbers},
		{schema.CubeReferrers, from{schema.Source: "source", schema.Referrer: "referrer"}, visitNumbers},
		{schema.CubeCampaigns, from{
			schema.UTMSource: "utm_source", schema.UTMMedium: "utm_medium", schema.Campaign: "utm_campaign",
			schema.UTMContent: "utm_content", schema.UTMTerm: "utm_term",
		}, visitNumbers},
	}},
	{"pages", []plausibleTarget{{schema.CubePages, from{schema.Hostname: "hostname", schema.Path: "page"}, numbers{
		schema.Visitors: "visitors", schema.Visits: "visits", schema.Pageviews: "pageviews", schema.Events: "pageviews",
	}}}},
	{"entry_pages", []plausibleTarget{{schema.CubePages, from{
		schema.Hostname: hostnameColumn, schema.Path: "entry_page",
	}, numbers{
		schema.EntryVisitors: "visitors", schema.Entries: "entrances", schema.Bounces: "bounces",
		schema.Duration: "visit_duration",
	}}}},
	{"exit_pages", []plausibleTarget{{schema.CubePages, from{
		schema.Hostname: hostnameColumn, schema.Path: "exit_page",
	}, numbers{
		schema.ExitVisitors: "visitors", schema.Exits: "exits",
	}}}},
	{"custom_events", []plausibleTarget{
		{schema.CubeTraffic, nil, numbers{schema.Events: "events"}},
		{schema.CubeEvents, from{schema.EventName: "name"}, numbers{
			schema.Visitors: "visitors", schema.Visits: "visitors", schema.Events: "events",
		}},
		{schema.CubeEventProps, from{
			schema.EventName: "name", schema.Prop: propColumn, schema.PropValue: valueColumn,
		}, numbers{
			schema.Visitors: "visitors", schema.Visits: "visitors", schema.Events: "events",
		}},
	}},
	{"locations", []plausibleTarget{
		{schema.CubeCountries, from{schema.Country: "country"}, visitNumbers},
		{schema.CubeRegions, from{schema.Country: "country", schema.Region: "region"}, visitNumbers},
		{schema.CubePlaces, from{schema.Country: "country", schema.Region: "region", schema.City: cityColumn}, visitNumbers},
	}},
	// Which browsers a kind of device had is not told.
	{"devices", []plausibleTarget{{schema.CubeDevices, from{
		schema.Device: "device", schema.Browser: otherColumn, schema.OS: otherColumn,
	}, visitNumbers}}},
	{"browsers", []plausibleTarget{{schema.CubeBrowsers, from{
		schema.Browser: "browser", schema.BrowserVersion: "browser_version",
	}, visitNumbers}}},
	{"operating_systems", []plausibleTarget{{schema.CubeSystems, from{
		schema.OS: "operating_system", schema.OSVersion: "operating_system_version",
	}, visitNumbers}}},
}

var plausibleFile = regexp.MustCompile(`^imported_([a-z_]+)_(\d{8})_(\d{8})\.csv$`)

// plausible is one import under way.
type plausible struct {
	cfg   PlausibleConfig
	loc   *time.Location
	files map[string][]string // names, by table
	days  map[schema.Day]bool // that are imported; all others are left out
	cells map[schema.Cell]*schema.Deltas
	// hosts is the hostname with the most page views of a path on a day.
	hosts map[hostKey]hostViews
	sum   PlausibleSummary
}

type hostKey struct {
	day  schema.Day
	path string
}

type hostViews struct {
	host  string
	views int64
}

// ImportPlausible counts the tables of Plausible's CSV export that lie in files. The same tables count once,
// however often they are imported; after an error, the same call goes on.
//
// What the tables do not tell is not made up. The browsers and systems of a kind of device read (other), a city has
// its number for a name, visits by event are its visitors, and the visitors of what several rows tell of one day (a
// source by its referrers) are their sum. Guarded values with fewer visitors than the site's k are counted under
// (other).
func ImportPlausible(ctx context.Context, cfg PlausibleConfig, files fs.FS) (PlausibleSummary, error) {
	loc, err := cfg.Site.Location()
	if err != nil {
		return PlausibleSummary{}, fmt.Errorf("site %s: %w", cfg.Site.Domain, err)
	}
	p := &plausible{
		cfg: cfg, loc: loc, files: map[string][]string{}, cells: map[schema.Cell]*schema.Deltas{},
		hosts: map[hostKey]hostViews{}, sum: PlausibleSummary{Site: cfg.Site.Domain, Tables: map[string]int{}},
	}
	record, err := p.identify(ctx, files)
	if err != nil || p.sum.Before {
		return p.sum, err
	}
	for _, table := range plausibleTables {
		for _, name := range p.files[table.name] {
			if err := p.readFile(ctx, files, name, &table); err != nil {
				return p.sum, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	p.guard()
	if err := p.write(ctx, record.SHA256); err != nil {
		return p.sum, err
	}
	record.Running = ""
	if err := cfg.Store.PutImport(ctx, record); err != nil {
		return p.sum, fmt.Errorf("record the import: %w", err)
	}
	return p.sum, nil
}

// identify finds the tables, and which of their days are imported. The record says so before anything is counted,
// so that an import that goes on has the same days although some of them have counts by then.
func (p *plausible) identify(ctx context.Context, files fs.FS) (Record, error) {
	record := Record{Site: p.cfg.Site.ID, Days: map[string]string{}}
	first, last, err := p.identifyFiles(files, &record)
	if err != nil {
		return record, err
	}
	known, err := p.cfg.Store.Imports(ctx, p.cfg.Site.ID)
	if err != nil {
		return record, fmt.Errorf("read what was imported before: %w", err)
	}
	if i := slices.IndexFunc(known, func(r Record) bool { return r.SHA256 == record.SHA256 }); i >= 0 {
		record, p.sum.Before = known[i], known[i].Running == ""
	} else {
		counted, err := p.cfg.Counted(ctx, first, last)
		if err != nil {
			return record, fmt.Errorf("find the days that have counts: %w", err)
		}
		for d := first; d <= last; d++ {
			if !slices.Contains(counted, d) {
				record.Days[d.String()] = record.SHA256
			}
		}
		p.sum.LeftOut = int(last-first) + 1 - len(record.Days)
		record.Running = record.SHA256
		if err := p.cfg.Store.PutImport(ctx, record); err != nil {
			return record, fmt.Errorf("record the import: %w", err)
		}
	}
	p.days = map[schema.Day]bool{}
	for text := range record.Days {
		d, err := schema.ParseDay(text)
		if err != nil {
			return record, fmt.Errorf("read the record of the import: %w", err)
		}
		p.days[d] = true
	}
	return record, nil
}

// identifyFiles finds the tables, their first and last day, and the hash of what they say.
func (p *plausible) identifyFiles(files fs.FS, record *Record) (first, last schema.Day, err error) {
	names, err := fs.Glob(files, "*.csv")
	if err != nil {
		return 0, 0, err
	}
	h := sha256.New()
	for _, name := range names { // in their order
		m := plausibleFile.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		from, err1 := time.Parse("20060102", m[2])
		to, err2 := time.Parse("20060102", m[3])
		if err1 != nil || err2 != nil || to.Before(from) {
			return 0, 0, fmt.Errorf("%s: the name does not end in two dates", name)
		}
		a, b := schema.DayOf(from, time.UTC), schema.DayOf(to, time.UTC)
		if len(p.files) == 0 {
			first, last = a, b
		}
		first, last = min(first, a), max(last, b)
		p.files[m[1]] = append(p.files[m[1]], name)
		f, err := files.Open(name)
		if err != nil {
			return 0, 0, err
		}
		io.WriteString(h, name+"\n")
		n, err := io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", name, err)
		}
		record.Bytes += n
	}
	for table := range p.files {
		if !slices.ContainsFunc(plausibleTables, func(t plausibleTable) bool { return t.name == table }) {
			return 0, 0, fmt.Errorf("imported_%s is no table of Plausible's that is known here", table)
		}
	}
	if len(p.files) == 0 {
		return 0, 0, errors.New("there are no tables of Plausible's, such as imported_visitors_20260101_20260131.csv")
	}
	record.SHA256 = hex.EncodeToString(h.Sum(nil))
	return first, last, nil
}

func (p *plausible) readFile(ctx context.Context, files fs.FS, name string, table *plausibleTable) error {
	f, err := files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	head = slices.Clone(head)
	if !slices.Contains(head, "date") {
		return errors.New("there is no column date")
	}
	row := map[string]string{}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for i, name := range head {
			row[name] = fields[i]
		}
		line, _ := r.FieldPos(0)
		if err := p.row(table, row); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// row counts a row of a table.
func (p *plausible) row(table *plausibleTable, row map[string]string) error {
	day, err := schema.ParseDay(row["date"])
	if err != nil {
		return fmt.Errorf("the date is %q", row["date"])
	}
	p.sum.Tables[table.name]++
	if !p.days[day] {
		return nil
	}
	for i := range table.targets {
		t := &table.targets[i]
		if t.cube == schema.CubeEventProps && row["link_url"] == "" && row["path"] == "" {
			continue
		}
		cube, ok := schema.CubeByID(t.cube)
		if !ok {
			return fmt.Errorf("BUG: there is no cube %d", t.cube)
		}
		cell := schema.Cell{Site: p.cfg.Site.ID, Cube: t.cube, Time: day.Start(p.loc).Unix()}
		for i, d := range cube.Dimensions {
			cell.Values[i] = schema.CleanValue(p.value(day, row, t, d))
		}
		sums := p.cells[cell]
		if sums == nil {
			if len(p.cells) >= MaxPlausibleCells {
				return fmt.Errorf("the tables have more than %d counters; import fewer days at a time", MaxPlausibleCells)
			}
			sums = new(schema.Deltas)
			p.cells[cell] = sums
		}
		for m, column := range t.metrics {
			n, err := count(row[column])
			if err != nil {
				return fmt.Errorf("%s is %q", column, row[column])
			}
			sums[m] += n
		}
	}
	if table.name == "pages" {
		p.host(day, row)
	}
	return nil
}

// count reads a number; a missing one is 0.
func count(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && (n < 0 || n > maxPlausibleCount) {
		err = strconv.ErrRange
	}
	return n, err
}

// value is what a dimension reads in a row.
func (p *plausible) value(day schema.Day, row map[string]string, t *plausibleTarget, d schema.Dimension) string {
	switch column := t.dimensions[d]; column {
	case channelColumn:
		return p.cfg.Channel(row["source"], row["referrer"], map[string]string{
			"utm_source": row["utm_source"], "utm_medium": row["utm_medium"], "utm_campaign": row["utm_campaign"],
		})
	case hostnameColumn:
		return p.hosts[hostKey{day, row[t.dimensions[schema.Path]]}].host
	case cityColumn:
		if city := row["city"]; city != "" && city != "0" {
			return city + ":" + city
		}
		return ""
	case otherColumn:
		return schema.Other
	case propColumn:
		if row["link_url"] != "" {
			return "url"
		}
		return "path"
	case valueColumn:
		if row["link_url"] != "" {
			return row["link_url"]
		}
		return row["path"]
	default:
		return row[column]
	}
}

// host remembers on which hostname a path was seen most.
func (p *plausible) host(day schema.Day, row map[string]string) {
	views, _ := count(row["pageviews"])
	k := hostKey{day, strings.Clone(row["page"])}
	if had, ok := p.hosts[k]; !ok || views > had.views {
		p.hosts[k] = hostViews{strings.Clone(row["hostname"]), views}
	}
}

// guard counts guarded cells with too few visitors under (other).
func (p *plausible) guard() {
	for cell, sums := range p.cells {
		k := p.cfg.Site.K(schema.DayOf(time.Unix(cell.Time, 0), p.loc))
		parent, ok := cell.Parent()
		if !ok || sums[schema.Visitors] >= int64(k) {
			continue
		}
		delete(p.cells, cell)
		if p.cells[parent] == nil {
			p.cells[parent] = new(schema.Deltas)
		}
		p.cells[parent].Add(sums)
	}
}

// write sends a batch a day, or several of MaxBatchRows. Their tokens and their order follow from the tables alone.
func (p *plausible) write(ctx context.Context, sha string) error {
	byDay := map[int64][]schema.Row{}
	for cell, sums := range p.cells {
		if !sums.IsZero() {
			byDay[cell.Time] = append(byDay[cell.Time], schema.Row{Cell: cell, Sums: *sums})
		}
	}
	for _, t := range slices.Sorted(maps.Keys(byDay)) {
		rows := byDay[t]
		slices.SortFunc(rows, func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
		part := 0
		for some := range slices.Chunk(rows, MaxBatchRows) {
			token := fmt.Sprintf("plausible-%d-%s-%d-%d", p.cfg.Site.ID, sha, t, part)
			if err := p.cfg.Store.Write(ctx, schema.Batch{Token: token, Rows: some}); err != nil {
				return fmt.Errorf("write the counts of %s: %w", schema.DayOf(time.Unix(t, 0), p.loc), err)
			}
			part++
		}
		p.sum.Days++
	}
	return nil
}
