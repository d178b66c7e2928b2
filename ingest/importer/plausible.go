package importer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"turf/schema"
)

// visitNumbers are the metrics that most tables have. Custom events are not told by these tables.
var visitNumbers = numbers{
	schema.Visitors: "visitors", schema.Visits: "visits", schema.Pageviews: "pageviews", schema.Bounces: "bounces",
	schema.Duration: "visit_duration",
}

// plausibleProps are the events whose properties the table of custom events has, in a column of their own, and those properties.
var plausibleProps = map[string][]string{
	schema.EventName.String(): {
		"Outbound Link: Click", "Cloaked Link: Click", "File Download", "404", "Form: Submission",
	},
	schema.Prop.String(): {"url", "path"},
}

// plausibleTables says in which cubes each table is counted, in the order in which they are read: the pages before
// those that need their hostnames.
var plausibleTables = []sumsTable{
	{"visitors", []tableTarget{{schema.CubeTraffic, nil, visitNumbers}}},
	{"sources", []tableTarget{
		{schema.CubeSources, from{
			schema.Channel: channelColumn, schema.Source: "source", schema.Campaign: "utm_campaign",
		}, visitNumbers},
		{schema.CubeReferrers, from{schema.Source: "source", schema.Referrer: "referrer"}, visitNumbers},
		{schema.CubeCampaigns, from{
			schema.UTMSource: "utm_source", schema.UTMMedium: "utm_medium", schema.Campaign: "utm_campaign",
			schema.UTMContent: "utm_content", schema.UTMTerm: "utm_term",
		}, visitNumbers},
	}},
	{"pages", []tableTarget{{schema.CubePages, from{schema.Hostname: "hostname", schema.Path: "page"}, numbers{
		schema.Visitors: "visitors", schema.Visits: "visits", schema.Pageviews: "pageviews",
	}}}},
	{"entry_pages", []tableTarget{{schema.CubePages, from{
		schema.Hostname: hostnameColumn, schema.Path: "entry_page",
	}, numbers{
		schema.EntryVisitors: "visitors", schema.Entries: "entrances", schema.Bounces: "bounces",
		schema.Duration: "visit_duration",
	}}}},
	{"exit_pages", []tableTarget{{schema.CubePages, from{
		schema.Hostname: hostnameColumn, schema.Path: "exit_page",
	}, numbers{
		schema.ExitVisitors: "visitors", schema.Exits: "exits",
	}}}},
	{"custom_events", []tableTarget{
		{schema.CubeTraffic, nil, numbers{schema.CustomEvents: "events"}},
		{schema.CubeEvents, from{schema.EventName: "name"}, numbers{
			schema.Visitors: "visitors", schema.Visits: "visitors", schema.Events: "events",
		}},
		{schema.CubeEventProps, from{
			schema.EventName: "name", schema.Prop: propColumn, schema.PropValue: valueColumn,
		}, numbers{
			schema.Visitors: "visitors", schema.Visits: "visitors", schema.Events: "events",
		}},
	}},
	{"locations", []tableTarget{
		{schema.CubeCountries, from{schema.Country: "country"}, visitNumbers},
		{schema.CubeRegions, from{schema.Country: "country", schema.Region: "region"}, visitNumbers},
		{schema.CubePlaces, from{schema.Country: "country", schema.Region: "region", schema.City: cityColumn}, visitNumbers},
	}},
	// Which browsers a kind of device had is not told.
	{"devices", []tableTarget{{schema.CubeDevices, from{
		schema.Device: "device", schema.Browser: otherColumn, schema.OS: otherColumn,
	}, visitNumbers}}},
	{"browsers", []tableTarget{{schema.CubeBrowsers, from{
		schema.Browser: "browser", schema.BrowserVersion: "browser_version",
	}, visitNumbers}}},
	{"operating_systems", []tableTarget{{schema.CubeSystems, from{
		schema.OS: "operating_system", schema.OSVersion: "operating_system_version",
	}, visitNumbers}}},
}

// maxHeadBytes is the longest head of a table.
const maxHeadBytes = 4 << 10

var plausibleFile = regexp.MustCompile(`^imported_([a-z_]+)_(\d{8})_(\d{8})\.csv$`)

// plausible is one import under way.
type plausible struct {
	*tables
	files map[string][]plausibleTable // by table
	// earlier is what was imported into the site from which an export of Turf's is.
	earlier []schema.Imported
}

// plausibleTable is a file of a table.
type plausibleTable struct {
	name        string
	first, last schema.Day
	columns     []string
}

// ImportPlausible counts the tables of Plausible's CSV export that lie in files. The same tables count once,
// however often they are imported; after an error, the same call goes on.
//
// What the tables do not tell is not made up. The browsers and systems of a kind of device read (other), a city has
// its number for a name, visits by event are its visitors, and the visitors of what several rows tell of one day (a
// source by its referrers) are their sum. Guarded values with fewer visitors than the site's k are counted under
// (other).
func ImportPlausible(ctx context.Context, cfg TablesConfig, files fs.FS) (TablesSummary, error) {
	t, err := newTables("plausible", cfg)
	if err != nil {
		return TablesSummary{}, err
	}
	t.tellsOther = true // in exports of Turf's, and of what Plausible has from Google
	p := &plausible{tables: t, files: map[string][]plausibleTable{}}
	record := Record{Site: cfg.Site.ID}
	first, last, err := p.identifyFiles(files, &record)
	if err != nil {
		return p.sum, err
	}
	if err := p.ofAll(first, last); err != nil {
		return p.sum, err
	}
	for _, table := range plausibleTables {
		if p.files[table.name] == nil {
			p.sum.Missing = append(p.sum.Missing, table.name)
		}
		for _, f := range p.files[table.name] {
			if err := p.readFile(ctx, files, f.name, &table); err != nil {
				return p.sum, fmt.Errorf("%s: %w", f.name, err)
			}
		}
	}
	tell := func(days map[schema.Day]bool) []schema.Imported {
		return limitTold(tellTables(p.tool, plausibleTables, days, p.have), p.earlier)
	}
	if err := p.begin(ctx, &record, first, last, tell); err != nil || p.sum.Before {
		return p.sum, err
	}
	return p.sum, p.finish(ctx, record)
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
		table := plausibleTable{name: name, first: a, last: b}
		io.WriteString(h, name+"\n")
		n, err := table.identify(files, h)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
		p.files[m[1]] = append(p.files[m[1]], table)
		record.Bytes += n
	}
	for table := range p.files {
		if !slices.ContainsFunc(plausibleTables, func(t sumsTable) bool { return t.name == table }) {
			return 0, 0, fmt.Errorf("imported_%s is no table of Plausible's that is known here", table)
		}
	}
	if len(p.files) == 0 {
		return 0, 0, errors.New("there are no tables of Plausible's, such as imported_visitors_20260101_20260131.csv")
	}
	if err := p.readEarlier(files, h); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", EarlierFile, err)
	}
	record.SHA256 = hex.EncodeToString(h.Sum(nil))
	return first, last, nil
}

// readEarlier reads EarlierFile, if there is one.
func (p *plausible) readEarlier(files fs.FS, h io.Writer) error {
	f, err := files.Open(EarlierFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	io.WriteString(h, EarlierFile+"\n")
	content, err := io.ReadAll(io.LimitReader(io.TeeReader(f, h), MaxReportBytes))
	if err != nil {
		return err
	}
	return decodeJSON(content, &p.earlier)
}

// identify reads the file once, adds it to h, and finds its columns.
func (t *plausibleTable) identify(files fs.FS, h io.Writer) (size int64, err error) {
	f, err := files.Open(t.name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	all := io.TeeReader(f, h)
	var head bytes.Buffer
	if size, err = io.CopyN(&head, all, maxHeadBytes); err != nil && err != io.EOF {
		return 0, err
	}
	rest, err := io.Copy(io.Discard, all)
	if err != nil {
		return 0, err
	}
	if t.columns, err = csv.NewReader(&head).Read(); err != nil {
		return 0, fmt.Errorf("read the head: %w", err)
	}
	return size + rest, nil
}

// have reports whether a file of the table is of the day and has the column.
func (p *plausible) have(table, column string, day schema.Day) bool {
	return slices.ContainsFunc(p.files[table], func(t plausibleTable) bool {
		return t.first <= day && day <= t.last && (column == "" || slices.Contains(t.columns, column))
	})
}

func (p *plausible) readFile(ctx context.Context, files fs.FS, name string, table *sumsTable) error {
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
		if err := p.dated(table, row); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// dated counts a row of a table on the day that it names.
func (p *plausible) dated(table *sumsTable, row map[string]string) error {
	day, err := schema.ParseDay(row["date"])
	if err != nil {
		return fmt.Errorf("the date is %q", row["date"])
	}
	if err := p.row(table, day, row); err != nil {
		return err
	}
	if table.name == "pages" && p.days[day] {
		p.host(day, row["page"], row["hostname"], row["pageviews"])
	}
	return nil
}
