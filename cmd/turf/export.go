package main

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"turf/ingest/importer"
	"turf/schema"
)

// plausibleFormat is the format of Plausible's CSV import: a file a table, a row a day and value.
const plausibleFormat = "plausible-csv"

// exportDays is how many days of a table are read at once: at most so many times schema.LimitCellsPerDay rows.
const exportDays = 10

// exportTable is a table of Plausible's CSV import. Plausible takes files without some of the columns; those that
// are not here are of combinations that are not counted.
type exportTable struct {
	name    string
	columns []string // after date
	// query reads the columns by day, of {site:UInt32} from {from:Int64} to {to:Int64}, with the days of {zone:String}.
	query string
}

// exportWhere is the span of a table's rows.
const exportWhere = ` AND site_id = {site:UInt32} AND time >= toDateTime({from:Int64}, 'UTC')
  AND time < toDateTime({to:Int64}, 'UTC')`

// exportQuery is the statement of a table that is one cube grouped by dimensions.
func exportQuery(cube string, dimensions, metrics []string) string {
	columns := slices.Concat([]string{"toString(toDate(time, {zone:String})) AS date"}, dimensions)
	var sums, counted []string
	for _, m := range metrics {
		sums = append(sums, "toInt64(sum("+m+"))")
		counted = append(counted, "sum("+m+") != 0")
	}
	groups := []string{"date"}
	for i := range dimensions {
		groups = append(groups, strconv.Itoa(i+2))
	}
	by := strings.Join(groups, ", ")
	return "SELECT " + strings.Join(slices.Concat(columns, sums), ", ") +
		"\nFROM counts WHERE cube = '" + cube + "'" + exportWhere +
		"\nGROUP BY " + by + " HAVING " + strings.Join(counted, " OR ") + " ORDER BY " + by
}

// eventsQuery gives the rows of an event by the property that Plausible's table has a column for, or by its name
// alone where it had no such property in the days that are read.
const eventsQuery = `SELECT toString(toDate(time, {zone:String})) AS date, event, if(prop = 'url', value, '') AS link_url,
    if(prop = 'path', value, '') AS path, toInt64(sum(visitors)), toInt64(sum(events))
FROM counts WHERE (cube = 'event_props' AND (event, prop) IN (('Outbound Link: Click', 'url'), ('File Download', 'url'),
    ('Cloaked Link: Click', 'url'), ('404', 'path'), ('Form: Submission', 'path'))
  OR cube = 'events' AND event NOT IN (
    SELECT event FROM counts WHERE cube = 'event_props' AND (event, prop) IN (('Outbound Link: Click', 'url'),
      ('File Download', 'url'), ('Cloaked Link: Click', 'url'), ('404', 'path'), ('Form: Submission', 'path'))` + exportWhere + `))` +
	exportWhere + `
GROUP BY date, event, link_url, path HAVING sum(events) != 0 ORDER BY date, event, link_url, path`

// exportTables are Plausible's ten.
var exportTables = []exportTable{
	{
		"imported_visitors",
		[]string{"visitors", "pageviews", "bounces", "visits", "visit_duration"},
		exportQuery("traffic_daily", nil, []string{"visitors", "pageviews", "bounces", "visits", "duration"}),
	},
	{
		"imported_sources",
		[]string{"source", "utm_campaign", "pageviews", "visitors", "visits", "visit_duration", "bounces"},
		exportQuery("sources_daily", []string{"source", "campaign"},
			[]string{"pageviews", "visitors", "visits", "duration", "bounces"}),
	},
	{
		"imported_pages",
		[]string{"hostname", "page", "visits", "visitors", "pageviews"},
		exportQuery("pages_daily", []string{"hostname", "path"}, []string{"visits", "visitors", "pageviews"}),
	},
	{
		"imported_entry_pages",
		[]string{"entry_page", "visitors", "entrances", "visit_duration", "bounces"},
		exportQuery("pages_daily", []string{"path"}, []string{"entry_visitors", "entries", "duration", "bounces"}),
	},
	{
		"imported_exit_pages",
		[]string{"exit_page", "visitors", "exits"},
		exportQuery("pages_daily", []string{"path"}, []string{"exit_visitors", "exits"}),
	},
	{"imported_custom_events", []string{"name", "link_url", "path", "visitors", "events"}, eventsQuery},
	{
		"imported_locations",
		[]string{"country", "region", "city", "visitors", "visits", "visit_duration", "bounces", "pageviews"},
		exportQuery("places", []string{"country", "region", "toString(toUInt64OrZero(splitByChar(':', toString(city))[1]))"},
			[]string{"visitors", "visits", "duration", "bounces", "pageviews"}),
	},
	{
		"imported_devices",
		[]string{"device", "visitors", "visits", "visit_duration", "bounces", "pageviews"},
		exportQuery("devices_daily", []string{"device"}, []string{"visitors", "visits", "duration", "bounces", "pageviews"}),
	},
	{
		"imported_browsers",
		[]string{"browser", "browser_version", "visitors", "visits", "visit_duration", "bounces", "pageviews"},
		exportQuery("browsers", []string{"browser", "browser_version"},
			[]string{"visitors", "visits", "duration", "bounces", "pageviews"}),
	},
	{
		"imported_operating_systems",
		[]string{
			"operating_system", "operating_system_version", "visitors", "visits", "visit_duration", "bounces", "pageviews",
		},
		exportQuery("systems", []string{"os", "os_version"},
			[]string{"visitors", "visits", "duration", "bounces", "pageviews"}),
	},
}

// exportRequest asks for a few days of a table.
type exportRequest struct {
	Site        string
	Table       string
	First, Last schema.Day
}

// readExport is the action: the rows of the table, as they are in the file.
func readExport(ctx context.Context, in *instance, req exportRequest) ([][]string, error) {
	site, ok := in.sites.ByDomain(req.Site)
	i := slices.IndexFunc(exportTables, func(t exportTable) bool { return t.name == req.Table })
	if !ok || i < 0 || req.Last-req.First >= exportDays {
		return nil, fmt.Errorf("there is no site %s, no table %s, or there are more than %d days", req.Site, req.Table,
			exportDays)
	}
	loc, err := site.Location()
	if err != nil {
		return nil, err
	}
	found, err := in.db.Select(ctx, exportTables[i].query, map[string]string{
		"site": strconv.FormatUint(uint64(site.ID), 10), "zone": site.Timezone,
		"from": strconv.FormatInt(req.First.Start(loc).Unix(), 10),
		"to":   strconv.FormatInt((req.Last + 1).Start(loc).Unix(), 10),
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", req.Table, err)
	}
	rows := make([][]string, len(found))
	for i, row := range found {
		for _, v := range row {
			rows[i] = append(rows[i], fmt.Sprint(v))
		}
	}
	return rows, nil
}

func (a *app) exportCommand() *cobra.Command {
	var site, span, format, output string
	cmd := &cobra.Command{
		Use:   "export --output FILE.zip|DIR [--site DOMAIN] [--range RANGE]",
		Short: "Write the counts as files that other tools read",
		Long: `Writes the counts of a site as the ten CSV tables that Plausible imports: visitors, sources, pages, entry and exit pages,
custom events, locations, devices, browsers and operating systems, by day. --output is a new file that ends in .zip, or a
folder.

Hours and combinations, such as pages by country, have no place in these tables. Nor has what is counted apart here: sources
are written with their campaign, without referrer and the other utm parameters. A visitor of two campaigns of one source, or
of two hostnames of one path, is written once for each. What is not known of days that were imported is 0 or missing in the
tables; turf_imports.json says what that is, so that turf import plausible takes none of it for a number.`,
		Example: `  turf export --output example.com.zip
  turf export --site example.com --range 2026-01-01,2026-03-31 --output quarter/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != plausibleFormat {
				return fmt.Errorf("--format: %q is not known; use %s", format, plausibleFormat)
			}
			return a.with(cmd.Context(), func(be backend) error {
				return a.export(cmd.Context(), be, site, span, output)
			})
		},
	}
	cmd.Flags().StringVar(&site, "site", "", "`DOMAIN` of the site")
	cmd.Flags().StringVar(&span, "range", "all", "`RANGE` of whole days, as in turf query")
	cmd.Flags().StringVar(&format, "format", plausibleFormat, plausibleFormat)
	cmd.Flags().StringVar(&output, "output", "", "`FILE`.zip or folder")
	_ = cmd.MarkFlagRequired("output") // fails for an unknown flag only
	return cmd
}

func (a *app) export(ctx context.Context, be backend, domain, span, output string) error {
	site, err := onlySite(ctx, be, domain)
	if err != nil {
		return err
	}
	all, err := countedDays(ctx, be, site, span)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("nothing was counted on %s in this time", site)
	}
	first, last := all[0], all[len(all)-1]
	out, err := newExportOutput(output)
	if err != nil {
		return err
	}
	suffix := strings.ReplaceAll("_"+first.String()+"_"+last.String()+".csv", "-", "")
	counts := map[string]int{}
	for _, table := range exportTables {
		w, err := out.create(table.name + suffix)
		if err == nil {
			counts[table.name], err = writeTableCSV(ctx, be, w, &table, site, all)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("export %s: %w", table.name, err), out.abandon())
		}
	}
	if err := writeEarlier(ctx, be, out, site, first, last); err != nil {
		return errors.Join(fmt.Errorf("export %s: %w", importer.EarlierFile, err), out.abandon())
	}
	if err := out.finish(); err != nil {
		return fmt.Errorf("export to %s: %w", output, err)
	}
	text := ""
	for _, table := range exportTables {
		text += fmt.Sprintf("%-28s %d rows\n", table.name, counts[table.name])
	}
	return a.print(map[string]any{"site": site, "first": first.String(), "last": last.String(), "rows": counts}, text)
}

// writeEarlier adds the file that says what is not known of days that were imported, where there are any.
func writeEarlier(ctx context.Context, be backend, out *exportOutput, domain string, first, last schema.Day) error {
	site, err := findSite(ctx, be, domain)
	if err != nil {
		return err
	}
	records, err := importStore{be}.Imports(ctx, site.ID)
	if err != nil {
		return err
	}
	var all []schema.Imported
	for i := range records {
		some, err := records[i].Imported()
		if err != nil {
			return err
		}
		for _, im := range some {
			if im.Running {
				im.Told = nil
			}
			if im.Source == "umami" { // its cities have names, and the table has numbers
				im.Told = withoutCity(im.Told)
			}
			if im.Days = schema.CommonDays(im.Days, []schema.DaySpan{{First: first, Last: last}}); len(im.Days) > 0 {
				all = append(all, im)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	w, err := out.create(importer.EarlierFile)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", " ")
	return encoder.Encode(schema.MergeImported(all))
}

// withoutCity is what was told but for cities.
func withoutCity(told []schema.Told) []schema.Told {
	told = slices.Clone(told)
	for i := range told {
		t := &told[i]
		if city := schema.City.String(); t.Cube == schema.Cubes[schema.CubePlaces-1].Name && !slices.Contains(t.Without, city) {
			t.Without = append(slices.Clone(t.Without), city)
		}
	}
	return told
}

// countedDays are the days of a range on which something was counted, in order.
func countedDays(ctx context.Context, be backend, site, span string) ([]schema.Day, error) {
	if span == "24h" {
		return nil, errors.New("--range: an export is of whole days")
	}
	question, err := json.Marshal(map[string]any{
		"site_id": site, "metrics": []string{"pageviews", "events"}, "date_range": dateRange(span),
		"dimensions": []string{"time:day"},
	})
	if err != nil {
		return nil, err
	}
	var answer queried
	if err := be.call(ctx, "query", json.RawMessage(question), &answer); err != nil {
		return nil, err
	}
	var days []schema.Day
	for _, r := range answer.Results {
		// A day whose page views are not known is being imported; one on which there was none is there where its events are not known.
		if views, events := string(r.Metrics[0]), string(r.Metrics[1]); views == "0" && (events == "0" || events == "null") {
			continue
		}
		d, err := schema.ParseDay(string(r.Dimensions[0]))
		if err != nil {
			return nil, fmt.Errorf("read the days that have counts: %w", err)
		}
		days = append(days, d)
	}
	return days, nil
}

func writeTableCSV(
	ctx context.Context, be backend, w io.Writer, table *exportTable, site string, days []schema.Day,
) (rows int, err error) {
	c := csv.NewWriter(w)
	if err := c.Write(append([]string{"date"}, table.columns...)); err != nil {
		return 0, err
	}
	for len(days) > 0 {
		first, n := days[0], 1
		for n < len(days) && days[n] < first+exportDays {
			n++
		}
		req := exportRequest{site, table.name, first, days[n-1]}
		days = days[n:]
		var some [][]string
		if err := be.call(ctx, "export/read", req, &some); err != nil {
			return rows, err
		}
		if err := c.WriteAll(some); err != nil {
			return rows, err
		}
		rows += len(some)
	}
	c.Flush()
	return rows, c.Error()
}

// exportOutput is where the files of an export go: a zip, or a folder.
type exportOutput struct {
	path string
	file *os.File    // of a zip, under another name until it is whole
	zip  *zip.Writer // nil for a folder
	open *os.File    // of a folder
}

func newExportOutput(path string) (*exportOutput, error) {
	if !strings.HasSuffix(path, ".zip") {
		if err := os.MkdirAll(path, 0o777); err != nil {
			return nil, fmt.Errorf("make the folder of the export: %w", err)
		}
		return &exportOutput{path: path}, nil
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is a file %s already", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("make the file of the export: %w", err)
	}
	return &exportOutput{path: path, file: file, zip: zip.NewWriter(file)}, nil
}

// create begins a file, which ends the one before. In a zip it has no time, so that the same counts give the same
// bytes.
func (o *exportOutput) create(name string) (io.Writer, error) {
	if o.zip != nil {
		return o.zip.Create(name)
	}
	if err := o.closeOpen(); err != nil {
		return nil, err
	}
	var err error
	o.open, err = os.OpenFile(filepath.Join(o.path, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	return o.open, err
}

func (o *exportOutput) closeOpen() error {
	if o.open == nil {
		return nil
	}
	err := o.open.Close()
	o.open = nil
	return err
}

func (o *exportOutput) finish() error {
	if o.zip == nil {
		return o.closeOpen()
	}
	if err := errors.Join(o.zip.Close(), o.file.Chmod(0o644), o.file.Sync(), o.file.Close()); err != nil {
		return errors.Join(err, os.Remove(o.file.Name()))
	}
	return os.Rename(o.file.Name(), o.path)
}

// abandon leaves no zip that is not whole.
func (o *exportOutput) abandon() error {
	if o.zip == nil {
		return o.closeOpen()
	}
	return errors.Join(o.file.Close(), os.Remove(o.file.Name()))
}
