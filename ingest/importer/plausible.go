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
	"regexp"
	"slices"
	"time"

	"turf/schema"
)

// visitNumbers are the metrics that most tables have. Events are not told by these tables, so they are the page
// views.
var visitNumbers = numbers{
	schema.Visitors: "visitors", schema.Visits: "visits", schema.Pageviews: "pageviews", schema.Events: "pageviews",
	schema.Bounces: "bounces", schema.Duration: "visit_duration",
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
		schema.Visitors: "visitors", schema.Visits: "visits", schema.Pageviews: "pageviews", schema.Events: "pageviews",
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

var plausibleFile = regexp.MustCompile(`^imported_([a-z_]+)_(\d{8})_(\d{8})\.csv$`)

// plausible is one import under way.
type plausible struct {
	*tables
	files map[string][]string // names, by table
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
	p := &plausible{tables: t, files: map[string][]string{}}
	record := Record{Site: cfg.Site.ID}
	first, last, err := p.identifyFiles(files, &record)
	if err != nil {
		return p.sum, err
	}
	if err := p.begin(ctx, &record, first, last); err != nil || p.sum.Before {
		return p.sum, err
	}
	for _, table := range plausibleTables {
		for _, name := range p.files[table.name] {
			if err := p.readFile(ctx, files, name, &table); err != nil {
				return p.sum, fmt.Errorf("%s: %w", name, err)
			}
		}
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
		if !slices.ContainsFunc(plausibleTables, func(t sumsTable) bool { return t.name == table }) {
			return 0, 0, fmt.Errorf("imported_%s is no table of Plausible's that is known here", table)
		}
	}
	if len(p.files) == 0 {
		return 0, 0, errors.New("there are no tables of Plausible's, such as imported_visitors_20260101_20260131.csv")
	}
	record.SHA256 = hex.EncodeToString(h.Sum(nil))
	return first, last, nil
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
