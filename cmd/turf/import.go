package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"turf/ingest/importer"
	"turf/schema"
)

func (a *app) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Count what happened before Turf was there",
	}
	cmd.AddCommand(a.importLogCommand(), a.importPlausibleCommand())
	cmd.AddCommand(a.importToolCommands()...)
	return cmd
}

func (a *app) importLogCommand() *cobra.Command {
	var domain, format string
	cmd := &cobra.Command{
		Use:   "log --site DOMAIN [--format combined|common] FILE…",
		Short: "Count the page views in a web server's log",
		Long: `Counts the page views in the access logs of a web server (Apache, nginx and others; combined or common format). A FILE may
be compressed by gzip; - is standard input. Logs that belong together, such as access.log and access.log.1, are best given
together: a visitor who is in more than one of them is then counted once. Their order does not matter.

A page view is a GET with status 2xx or 304 whose path does not end in the extension of a static asset (below). Robots are left
out, as they are live. The times are those of the log; lines may be out of order by less than a day. Addresses and user agents
are read in memory, counted like those of live visitors, and forgotten.

The same log counts once, however often it is imported. A log that has grown since adds what is new. An import that was
interrupted goes on where it was when the same command is given again.

Extensions of static assets:
` + wrap(importer.AssetExtensions, 100),
		Example: `  turf import log --site example.com /var/log/nginx/access.log*
  zcat old.gz | turf import log --site example.com --json -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importLog(cmd.Context(), domain, format, args)
		},
	}
	cmd.Flags().StringVar(&domain, "site", "", "`DOMAIN` of the site whose log it is")
	cmd.Flags().StringVar(&format, "format", "auto", "combined, common, or auto: each line for what it looks like")
	a.lookupFlags(cmd)
	_ = cmd.MarkFlagRequired("site") // fails for an unknown flag only
	return cmd
}

// wrap sets words in lines of at most width columns.
func wrap(words []string, width int) string {
	var b strings.Builder
	column := 0
	for _, w := range words {
		if column > 0 && column+1+len(w) > width {
			b.WriteByte('\n')
			column = 0
		}
		if column > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += len(w)
	}
	return b.String()
}

func (a *app) importLog(ctx context.Context, domain, formatName string, files []string) error {
	format, err := importer.ParseFormat(formatName)
	if err != nil {
		return err
	}
	sources, err := a.sources(files)
	if err != nil {
		return err
	}
	return a.withImport(ctx, domain, func(be backend, site schema.Site, steps importer.Steps) error {
		p := newProgress(a.stderr)
		start := time.Now()
		sum, err := importer.Run(ctx, importer.Config{
			Site: site, Format: format, Steps: steps, Store: importStore{be}, Now: start, Report: p.report,
		}, sources)
		p.end()
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted after %d lines; the same command goes on where it was", sum.Lines)
			}
			return fmt.Errorf("import into %s: %w", site.Domain, err)
		}
		return a.printImport(sum, time.Since(start))
	})
}

// sources opens nothing yet, but reads standard input.
func (a *app) sources(files []string) ([]importer.Source, error) {
	var sources []importer.Source
	for _, name := range files {
		if name == "-" {
			s, err := importer.Stdin(a.stdin)
			if err != nil {
				return nil, err
			}
			sources = append(sources, s)
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		if info.IsDir() {
			return nil, fmt.Errorf("%s is a directory; name the logs in it", name)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no plain file and cannot be read twice; give it on standard input, as -", name)
		}
		sources = append(sources, importer.File(name))
	}
	return sources, nil
}

func (a *app) printImport(sum importer.Summary, took time.Duration) error {
	if a.json {
		return json.NewEncoder(a.stdout).Encode(struct {
			importer.Summary
			Seconds float64 `json:"seconds"`
		}{sum, took.Seconds()})
	}
	var b strings.Builder
	for _, l := range sum.Broken {
		fmt.Fprintf(&b, "%s:%d: %s\n", l.File, l.Line, l.Reason)
	}
	if n := sum.Dropped[importer.DropBroken] - len(sum.Broken); n > 0 {
		fmt.Fprintf(&b, "… and %d more broken lines\n", n)
	}
	fmt.Fprintf(&b, "%d lines, %d page views of %s in %.1f s\n", sum.Lines, sum.Pages, sum.Site, took.Seconds())
	if len(sum.Dropped) > 0 {
		fmt.Fprintf(&b, "left out: %s\n", droppedText(sum.Dropped))
	}
	switch {
	case sum.Counted < sum.Pages:
		fmt.Fprintf(&b, "%d of the page views had been imported before; %d are new\n", sum.Pages-sum.Counted, sum.Counted)
	case sum.Pages == 0:
		fmt.Fprintln(&b, "nothing to count: is it the log of the right server?")
	}
	if sum.Dropped[importer.DropUnsorted] > 0 {
		fmt.Fprintln(&b, "unsorted lines are more than a day behind another line: sort the log by time to have them counted")
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// droppedText is "12 asset, 3 robot", in the order of the names.
func droppedText(dropped map[string]int) string {
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		words = append(words, fmt.Sprintf("%d %s", dropped[reason], reason))
	}
	return strings.Join(words, ", ")
}

// progress shows how far an import is: as a bar on a terminal, as plain lines elsewhere.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where w is no terminal
	start time.Time
	last  time.Time
}

// plainEvery is the time between two plain lines of progress, barEvery between two drawings of the bar.
const (
	plainEvery = 5 * time.Second
	barEvery   = 100 * time.Millisecond
)

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, start: time.Now(), last: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(20), progressbar.OptionShowBytes(true),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(barEvery), progressbar.OptionClearOnFinish())
	}
	return p
}

func (p *progress) report(now importer.Progress) {
	every := plainEvery
	if p.bar != nil {
		every = barEvery
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	elapsed := p.last.Sub(p.start).Seconds()
	text := fmt.Sprintf("%d lines, %d pages, %.0f lines/s", now.Lines, now.Pages, float64(now.Lines)/elapsed)
	if len(now.Dropped) > 0 {
		text += ", left out: " + droppedText(now.Dropped)
	}
	if p.bar != nil {
		p.bar.ChangeMax64(max(now.TotalBytes, 1))
		p.bar.Describe(text)
		_ = p.bar.Set64(now.Bytes) // fails when the bar cannot be drawn
		return
	}
	if now.TotalBytes == 0 { // it is not known
		fmt.Fprintln(p.w, text)
		return
	}
	left := time.Duration(0)
	if now.Bytes > 0 {
		left = time.Duration(elapsed * float64(now.TotalBytes-now.Bytes) / float64(now.Bytes) * float64(time.Second))
	}
	fmt.Fprintf(p.w, "%s, about %s left\n", text, left.Round(time.Second))
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// importStore sends the counts of an import to the backend.
type importStore struct{ backend }

func (s importStore) Imports(ctx context.Context, site schema.SiteID) ([]importer.Record, error) {
	var records []importer.Record
	return records, s.call(ctx, "import/list", site, &records)
}

func (s importStore) PutImport(ctx context.Context, r importer.Record) error {
	return s.call(ctx, "import/put", r, nil)
}

func (s importStore) Write(ctx context.Context, b schema.Batch) error {
	return s.call(ctx, "import/write", b, nil)
}
