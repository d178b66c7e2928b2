package main

import (
	"archive/zip"
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"turf/ingest"
	"turf/ingest/importer"
)

func (a *app) importPlausibleCommand() *cobra.Command {
	var domain string
	cmd := &cobra.Command{
		Use:   "plausible --site DOMAIN FILE.zip|DIR",
		Short: "Count what a CSV export of Plausible says",
		Long: `Counts the tables of a CSV export of Plausible (Site settings, Imports & Exports), or of turf export: a zip or a folder with
files such as imported_visitors_20260101_20260331.csv.

Days on which the site has counts already are left out, so that nobody counts twice. The same export counts once, however
often it is imported; an import that was interrupted goes on when the same command is given again.

The tables hold sums by day: hours and combinations, such as pages by country, stay unknown for these days. Regions, cities and
versions of fewer visitors than the site's k are counted under (other).`,
		Example: "  turf import plausible --site example.com export.zip",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importPlausible(cmd.Context(), domain, args[0])
		},
	}
	cmd.Flags().StringVar(&domain, "site", "", "`DOMAIN` of the site")
	_ = cmd.MarkFlagRequired("site") // fails for an unknown flag only
	return cmd
}

func (a *app) importPlausible(ctx context.Context, domain, path string) error {
	files, done, err := openTables(path)
	if err != nil {
		return err
	}
	defer done()
	sources, err := ingest.NewSources()
	if err != nil {
		return err
	}
	return a.with(ctx, func(be backend) error {
		site, err := findSite(ctx, be, domain)
		if err != nil {
			return err
		}
		sum, err := importer.ImportPlausible(ctx, importer.TablesConfig{
			Site: site, Store: importStore{be},
			Channel: func(source, referrer string, params map[string]string) string {
				return channelOf(sources, source, referrer, params)
			},
			Counted: countedOf(be, site.Domain),
		}, files)
		if err != nil {
			return fmt.Errorf("import into %s: %w", site.Domain, err)
		}
		return a.print(sum, tablesText(&sum))
	})
}

// channelOf names the channel of a source as a live hit's is named. A source without referrer and parameters is
// taken for what was named in the address.
func channelOf(sources *ingest.Sources, source, referrer string, params map[string]string) string {
	query := url.Values{}
	for name, value := range params {
		if value != "" {
			query.Set(name, value)
		}
	}
	if referrer != "" {
		referrer = "https://" + referrer
	} else if source != "" && query.Get("utm_source") == "" {
		query.Set("utm_source", source)
	}
	return sources.Attribute("", query, referrer).Channel
}

// openTables opens a zip or a folder. done is called once it has been read.
func openTables(path string) (files fs.FS, done func(), err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open the export: %w", err)
	}
	if info.IsDir() {
		return os.DirFS(path), func() {}, nil
	}
	if !strings.HasSuffix(path, ".zip") {
		return nil, nil, fmt.Errorf("%s is neither a zip nor a folder", path)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open the export: %w", err)
	}
	return z, func() { _ = z.Close() }, nil // it was only read
}
