package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turf/ingest/importer"
	"turf/schema"
)

// sameForExports is what help says of all exports of other tools.
const sameForExports = `
Days on which the site has counts already are left out, so that nobody counts twice: start with the tool that
has the longest history, and export whole days. The same export counts once, however often it is imported; an
import that was interrupted goes on when the same command is given again. A file that is not of the format is
refused with its line, and nothing of it is counted.`

// rowsImport is a tool whose export has a row an event.
type rowsImport struct {
	use, short, long, example string
	entry                     string // of a zip; "" where the export is none
	run                       func(context.Context, importer.RowsConfig, importer.Source) (importer.RowsSummary, error)
}

var rowsImports = []rowsImport{
	{
		use: "goatcounter --site DOMAIN FILE.csv[.gz]", short: "Count what a CSV export of GoatCounter says",
		long: `Counts the page views and events in a CSV export of GoatCounter (Settings, Export; format version 2).
GoatCounter has it for the time that "Individual pageviews" was switched on in its settings; its JSON export
holds neither page views nor visitors of the site, only visits by page, and cannot be counted.

A session of GoatCounter's is a visitor of its day; visits are counted anew, by the same rules as live ones.
The session numbers are read in memory and forgotten. On which page an event was, with what kind of device a
visitor came, and on which hostname, is not in the export: events have no page, devices no kind, and pages the
host of the site.
`, example: "  turf import goatcounter --site example.com goatcounter-export.csv.gz",
		run: importer.ImportGoatCounter,
	},
	{
		use: "umami --site DOMAIN FILE.zip|website_event.csv[.gz]", short: "Count what an export of Umami says",
		long: `Counts the page views and events in an export of Umami (Settings, Data, Export: a zip with website_event.csv).
Who runs Umami can write that file from the database:

  \copy (SELECT e.*, s.browser, s.os, s.device, s.country, s.region, s.city
         FROM website_event e JOIN session s USING (session_id)
         WHERE e.website_id = '…') TO 'website_event.csv' CSV HEADER

A session of Umami's is a visitor of its day; visits are counted anew, by the same rules as live ones. The
session ids are read in memory and forgotten. Versions of browsers and the properties of events are not in
this file: they stay unknown.
`, example: "  turf import umami --site example.com export.zip", entry: "website_event.csv",
		run: importer.ImportUmami,
	},
}

type reportsRun func(context.Context, importer.TablesConfig, []importer.Source) (importer.TablesSummary, error)

// reportsImport is a tool whose reports are imported.
type reportsImport struct {
	use, short, long, example string
	run                       reportsRun
}

var reportsImports = []reportsImport{
	{
		use: "ga4 --site DOMAIN FILE.json|DIR|FILE.zip…", short: "Count what reports of Google Analytics 4 say",
		long: `Counts reports of Google Analytics 4 as its Data API answers them (runReport or batchRunReports, saved as
JSON; any names of files). A report has the dimension date and those of one line below, and at least its
metrics:

  (date alone, needed)                                   USERS sessions screenPageViews VISITS
  sessionSource, sessionMedium, sessionCampaignName      the same
  sessionManualSource, sessionManualMedium, sessionManualCampaignName,
    sessionManualAdContent, sessionManualTerm            the same
  countryId · deviceCategory · browser · operatingSystem the same, each by itself
  hostName, pagePath                                     USERS sessions screenPageViews
  landingPage                                            USERS sessions VISITS
  eventName                                              USERS sessions eventCount

with USERS = totalUsers and VISITS = engagedSessions averageSessionDuration, such as

  {"dateRanges": [{"startDate": "2025-01-01", "endDate": "2025-12-31"}], "limit": 250000,
   "dimensions": [{"name": "date"}, {"name": "countryId"}],
   "metrics": [{"name": "totalUsers"}, {"name": "sessions"}, {"name": "screenPageViews"},
               {"name": "engagedSessions"}, {"name": "averageSessionDuration"}]}

A report that is sampled, that lacks rows or that Google withholds rows of is refused, and one of another time
zone than the site's. The numbers are Google's: it estimates users, and counts a session that is not engaged
as a bounce. Exit pages, regions, cities, versions, hours and combinations, such as pages by country, are not
in these reports and stay unknown for these days. Give all reports at once.
`, example: "  turf import ga4 --site example.com reports/",
		run: importer.ImportGA4,
	},
	{
		use: "matomo --site DOMAIN METHOD.json…|DIR|FILE.zip", short: "Count what reports of Matomo say",
		long: `Counts reports of Matomo's Reporting API, saved as JSON in files that are called after their methods, such as
VisitsSummary.get.json: each the answer for period=day and a range of dates of at least two days.

  VisitsSummary.get, Actions.get                    needed: the totals
  Actions.getPageUrls                               with flat=1, and no other with it
  Referrers.getReferrerType, .getSearchEngines, .getSocials, .getWebsites, .getCampaigns, and .getAIAssistants where
    Matomo has it                                   all of them or none
  UserCountry.getCountry, DevicesDetection.getType, DevicesDetection.getBrowsers, DevicesDetection.getOsFamilies

  for m in VisitsSummary.get Actions.get "Actions.getPageUrls&flat=1" …; do
    curl -o "${m%%&*}.json" "https://matomo.example.com/index.php?module=API&format=JSON&idSite=1&period=day" \
      -d "date=2025-01-01,2025-12-31&filter_limit=-1&token_auth=…&method=$m"
  done

The visits of a report must be those of the day, and the page views those of its pages; else rows are missing,
and it is refused. The site's time zone must be that of the site in Matomo. Page views by source, place and
device are known for days without downloads, outlinks and searches, which Matomo adds to them. Regions,
cities, versions, hours, events, campaigns' sources and combinations, such as pages by country, stay unknown
for these days. Give all reports at once.
`, example: "  turf import matomo --site example.com reports/",
		run: importer.ImportMatomo,
	},
}

// importToolCommands are the imports of other tools' exports but Plausible's.
func (a *app) importToolCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, tool := range rowsImports {
		all = append(all, a.toolCommand(tool.use, tool.short, tool.long, tool.example, cobra.ExactArgs(1),
			func(ctx context.Context, domain string, args []string) error {
				return a.importRows(ctx, &tool, domain, args[0])
			}))
	}
	for _, tool := range reportsImports {
		all = append(all, a.toolCommand(tool.use, tool.short, tool.long, tool.example, cobra.MinimumNArgs(1),
			func(ctx context.Context, domain string, args []string) error {
				return a.importReports(ctx, &tool, domain, args)
			}))
	}
	return all
}

func (a *app) toolCommand(
	use, short, long, example string, args cobra.PositionalArgs, run func(context.Context, string, []string) error,
) *cobra.Command {
	var domain string
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long + sameForExports, Example: example, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), domain, args) },
	}
	cmd.Flags().StringVar(&domain, "site", "", "`DOMAIN` of the site")
	a.lookupFlags(cmd)
	_ = cmd.MarkFlagRequired("site") // fails for an unknown flag only
	return cmd
}

func (a *app) importRows(ctx context.Context, tool *rowsImport, domain, name string) error {
	sources, done, err := exportFiles([]string{name}, tool.entry)
	if err != nil {
		return err
	}
	defer done()
	if len(sources) != 1 {
		return fmt.Errorf("%s holds %d files; give one", name, len(sources))
	}
	return a.withImport(ctx, domain, func(be backend, site schema.Site, steps importer.Steps) error {
		p := newProgress(a.stderr)
		sum, err := tool.run(ctx, importer.RowsConfig{
			Site: site, Steps: steps, Store: importStore{be}, Now: time.Now(), Counted: countedOf(be, site.Domain),
			Report: p.report,
		}, sources[0])
		p.end()
		if err != nil {
			return importError(ctx, site.Domain, err)
		}
		return a.print(sum, rowsText(&sum))
	})
}

func (a *app) importReports(ctx context.Context, tool *reportsImport, domain string, names []string) error {
	sources, done, err := exportFiles(names, "*.json")
	if err != nil {
		return err
	}
	defer done()
	return a.withImport(ctx, domain, func(be backend, site schema.Site, steps importer.Steps) error {
		sum, err := tool.run(ctx, importer.TablesConfig{
			Site: site, Steps: steps, Store: importStore{be}, Counted: countedOf(be, site.Domain),
		}, sources)
		if err != nil {
			return importError(ctx, site.Domain, err)
		}
		return a.print(sum, tablesText(&sum))
	})
}

// withImport opens what an import needs.
func (a *app) withImport(
	ctx context.Context, domain string, run func(be backend, site schema.Site, steps importer.Steps) error,
) error {
	return a.with(ctx, func(be backend) error {
		site, err := findSite(ctx, be, domain)
		if err != nil {
			return err
		}
		steps, closeSteps, err := a.importSteps()
		if err != nil {
			return err
		}
		defer closeSteps()
		return run(be, site, steps)
	})
}

func countedOf(be backend, domain string) importer.CountedDays {
	return func(ctx context.Context, first, last schema.Day) ([]schema.Day, error) {
		return countedDays(ctx, be, domain, first.String()+","+last.String())
	}
}

func importError(ctx context.Context, domain string, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted; the same command goes on where it was")
	}
	return fmt.Errorf("import into %s: %w", domain, err)
}

// rowsText is what an import of rows did, for people.
func rowsText(sum *importer.RowsSummary) string {
	if sum.Before {
		return "this export was imported before; nothing is new\n"
	}
	text := fmt.Sprintf("%d rows: %d page views and %d events on %d days of %s\n",
		sum.Rows, sum.Pages, sum.Events, sum.Days, sum.Site)
	if len(sum.Dropped) > 0 {
		text += fmt.Sprintf("left out: %s\n", droppedText(sum.Dropped))
	}
	return text + leftOutText(sum.LeftOut)
}

// tablesText is what an import of tables did, for people.
func tablesText(sum *importer.TablesSummary) string {
	if sum.Before {
		return "this export was imported before; nothing is new\n"
	}
	text := fmt.Sprintf("%d days of %s\n", sum.Days, sum.Site) + leftOutText(sum.LeftOut)
	if len(sum.Missing) > 0 {
		text += fmt.Sprintf("not told, and not known for these days: %s\n", strings.Join(sum.Missing, ", "))
	}
	return text
}

func leftOutText(days int) string {
	if days == 0 {
		return ""
	}
	return fmt.Sprintf("left out: %d days that have counts already\n", days)
}

// exportFiles are the files with these names, and those in zips and folders among them that have the pattern in the
// place of their name. done is called once they have been read.
func exportFiles(names []string, pattern string) (sources []importer.Source, done func(), err error) {
	var open []io.Closer
	done = func() {
		for _, c := range open {
			_ = c.Close() // it was only read
		}
	}
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case err != nil:
			err = fmt.Errorf("open the export: %w", err)
		case info.IsDir() || strings.HasSuffix(name, ".zip"):
			if pattern == "" {
				err = fmt.Errorf("%s is no CSV file", name)
				break
			}
			var files fs.FS
			var closeFiles func()
			if files, closeFiles, err = openTables(name); err == nil {
				open = append(open, closer(closeFiles))
				sources, err = addEntries(sources, name, files, pattern)
			}
		case !info.Mode().IsRegular():
			err = fmt.Errorf("%s is no plain file", name)
		default:
			sources = append(sources, importer.File(name))
		}
		if err != nil {
			done()
			return nil, nil, err
		}
	}
	return sources, done, nil
}

type closer func()

func (c closer) Close() error { c(); return nil }

// addEntries adds the files of a zip or folder whose names fit.
func addEntries(sources []importer.Source, name string, files fs.FS, pattern string) ([]importer.Source, error) {
	var found []string
	err := fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ok, err := path.Match(pattern, path.Base(p)); err != nil {
			return err
		} else if ok && d.Type().IsRegular() {
			found = append(found, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no %s", name, pattern)
	}
	slices.Sort(found)
	for _, p := range found {
		sources = append(sources, importer.Source{
			Name: filepath.Join(name, p), Open: func() (io.ReadCloser, error) { return files.Open(p) },
		})
	}
	return sources, nil
}
