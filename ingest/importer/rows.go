package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"turf/aggregate"
	"turf/ingest"
	"turf/schema"
)

// Limits of an import of an export that has a row an event.
const (
	// MaxExportRows is how many rows of one export can be counted. They wait in memory, since exports are not sorted
	// by time; one takes 136 bytes.
	MaxExportRows = 4_000_000
	// MaxRowBytes is the longest row of an export.
	MaxRowBytes = 1 << 20
	// rowReportEvery is the number of rows between two reports of progress.
	rowReportEvery = 10_000
)

// The reasons for which a row is not counted, beside those of a log and of package ingest.
const (
	DropRobot   = "robot"   // that tool took it for a robot's
	DropSession = "session" // it does not say whose it is
	DropKind    = "kind"    // neither a page view nor a custom event
	DropCounted = "counted" // the day has counts already
)

// firstExportYear is before any of the tools was there.
const firstExportYear = 2000

// RowsConfig is what an import of an export that has a row an event needs.
type RowsConfig struct {
	Site    schema.Site
	Steps   Steps
	Store   Store
	Now     time.Time
	Counted CountedDays
	// Report is called every few rows; nil for none.
	Report func(Progress)
}

// RowsSummary is what such an import did. Rows = Pages + Events + the sum of Dropped.
type RowsSummary struct {
	Site    string         `json:"site"`
	Rows    int            `json:"rows"`
	Pages   int            `json:"pages"`              // page views that are in the totals
	Events  int            `json:"events"`             // custom events that are in the totals
	Dropped map[string]int `json:"dropped"`            // rows by the reason why they are not
	Days    int            `json:"days"`               // that were imported
	LeftOut int            `json:"left_out,omitempty"` // days of the export that had counts already
	// Before: the same export was imported before, and nothing was added.
	Before bool `json:"before,omitempty"`
}

// rowsTool is a tool whose export has a row an event.
type rowsTool struct {
	name string
	// tells are the dimensions that a row tells, with the column from which; "": it always does.
	tells from
	// eventsNoPage: an event does not tell on which page it was.
	eventsNoPage bool
	// head finds fault with the names of the columns.
	head func(columns []string) error
	// read fills ev with what a row tells, and returns the reason why it is not to be counted, or "". host is that of
	// the site. An error means that the row is not of the format; it says nothing of what is in it.
	read func(row *exportRow, host string, ev *ingest.ToldEvent) (drop string, err error)
}

// exportRow is a row of a CSV file with a head.
type exportRow struct {
	index  map[string]int // of the columns
	fields []string
	// website is the first that was read: Umami's exports name it in each row.
	website string
}

// has reports whether there is such a column.
func (r *exportRow) has(column string) bool { _, ok := r.index[column]; return ok }

// get is the field of a column, "" where there is no such column.
func (r *exportRow) get(column string) string {
	if i, ok := r.index[column]; ok {
		return r.fields[i]
	}
	return ""
}

// rows is the import of an export under way.
type rows struct {
	cfg  RowsConfig
	tool *rowsTool
	loc  *time.Location
	host string
	days map[schema.Day]*buffer
	hits int
	sum  RowsSummary
	row  exportRow
	told ingest.ToldEvent
}

// ImportGoatCounter counts the page views and events of GoatCounter's CSV export, format version 2
// (goatcounter.com/help/export). See importRows for what holds of all exports of rows.
//
// The export does not say on which page an event was, nor with what kind of device anybody came: these are unknown. A
// referrer that GoatCounter kept as a name ("Hacker News") or took from a campaign's parameter is the name of the
// source.
func ImportGoatCounter(ctx context.Context, cfg RowsConfig, s Source) (RowsSummary, error) {
	return importRows(ctx, cfg, &goatCounter, s)
}

// ImportUmami counts the page views and events of website_event.csv, as Umami's export of data has it, or a dump of
// the table of that name (with the columns of its sessions). See importRows for what holds of all exports of rows.
func ImportUmami(ctx context.Context, cfg RowsConfig, s Source) (RowsSummary, error) {
	return importRows(ctx, cfg, &umami, s)
}

// importRows counts an export that has a row an event. The rows are events of the core, as live hits and lines of logs
// are: a session of the export is a visitor, for one day of the site and in memory only, and visits are counted anew.
// The same export counts once, however often it is imported; days on which the site has counts are left out; after an
// error, or when ctx is done, the same call goes on. A row that is not of the format is an error that names its line,
// and then nothing is counted.
func importRows(ctx context.Context, cfg RowsConfig, tool *rowsTool, s Source) (RowsSummary, error) {
	loc, err := cfg.Site.Location()
	if err != nil {
		return RowsSummary{}, fmt.Errorf("site %s: %w", cfg.Site.Domain, err)
	}
	host, _, _ := strings.Cut(cfg.Site.Domain, "/") // the site may be a part of a host
	r := &rows{
		cfg: cfg, tool: tool, loc: loc, host: host, days: map[schema.Day]*buffer{},
		sum: RowsSummary{Site: cfg.Site.Domain, Dropped: map[string]int{}},
	}
	defer func() {
		for _, b := range r.days {
			b.forget()
		}
	}()
	record := Record{Site: cfg.Site.ID}
	if err := r.readAll(ctx, s, &record); err != nil {
		return r.sum, err
	}
	if len(r.days) == 0 {
		return r.sum, nil
	}
	all := slices.Sorted(maps.Keys(r.days))
	days, before, err := beginExport(ctx, cfg.Store, cfg.Counted, &record, all[0], all[len(all)-1], r.tell)
	if err != nil {
		return r.sum, err
	}
	r.sum.Before = before
	for _, day := range all {
		switch {
		case !days[day]:
			r.sum.LeftOut++
			r.leaveOut(r.days[day], DropCounted)
		case before:
			r.sum.Days++
		default:
			if err := r.count(ctx, record.SHA256, r.days[day]); err != nil {
				return r.sum, err
			}
		}
		r.days[day].forget()
		delete(r.days, day)
	}
	if before {
		return r.sum, nil
	}
	return r.sum, endExport(ctx, cfg.Store, record)
}

// tell is what the export tells of the days, which is the same for all of them.
func (r *rows) tell(map[schema.Day]bool) []schema.Imported {
	var known []schema.Dimension
	for d := range schema.NumDimensions {
		if column, ok := r.tool.tells[d]; ok && (column == "" || r.row.has(column)) {
			known = append(known, d)
		}
	}
	told := rowsTold(known, true)
	for i := range told {
		t := &told[i]
		if r.tool.eventsNoPage {
			withoutEventPages(t)
		}
	}
	return []schema.Imported{{Source: r.tool.name, Hours: true, Told: told}}
}

// leaveOut takes the hits of a day out of the summary.
func (r *rows) leaveOut(b *buffer, why string) {
	for i := range b.hits {
		r.sum.Dropped[why]++
		if b.hits[i].values[schema.EventName] == 0 {
			r.sum.Pages--
		} else {
			r.sum.Events--
		}
	}
}

// count adds a day to the totals.
func (r *rows) count(ctx context.Context, sha string, b *buffer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	site := &r.cfg.Site
	sums, full, err := b.sums(site.ID, r.loc, site.K(b.day), false)
	if err != nil {
		return err
	}
	if full > 0 {
		return fmt.Errorf("%s has more visitors or pages than a day of a site can have", b.day)
	}
	token := fmt.Sprintf("%s-%d-%s-%s", r.tool.name, site.ID, sha, b.day)
	if err := writeDay(ctx, r.cfg.Store, token, sums); err != nil {
		return fmt.Errorf("write the counts of %s: %w", b.day, err)
	}
	r.sum.Days++
	return nil
}

// readAll reads the export into days, and names it in the record.
func (r *rows) readAll(ctx context.Context, s Source, record *Record) error {
	f, err := s.open()
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	io.WriteString(h, r.tool.name+"\n")
	limited := &rowLimit{r: io.TeeReader(f, h), left: MaxRowBytes}
	in := csv.NewReader(withoutBOM(limited))
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return fmt.Errorf("%s: read the names of the columns: %w", s.Name, rowError(err))
	}
	if err := r.tool.head(head); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	r.row.index = map[string]int{}
	for i, name := range head {
		r.row.index[strings.Clone(name)] = i
	}
	for {
		limited.reset()
		fields, err := in.Read()
		if err == io.EOF {
			break
		}
		if err == nil && r.sum.Rows%rowReportEvery == 0 {
			err = ctx.Err()
			r.report(limited.bytes)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, rowError(err))
		}
		r.row.fields = fields
		if err := r.keep(); err != nil {
			line, _ := in.FieldPos(0)
			return fmt.Errorf("%s, line %d: %w", s.Name, line, err)
		}
	}
	record.SHA256, record.Bytes = hex.EncodeToString(h.Sum(nil)), limited.bytes
	r.report(limited.bytes)
	return nil
}

func (r *rows) report(read int64) {
	if r.cfg.Report != nil {
		r.cfg.Report(Progress{Lines: r.sum.Rows, Pages: r.sum.Pages, Dropped: r.sum.Dropped, Bytes: read})
	}
}

// keep keeps what the row tells until its day is counted.
func (r *rows) keep() error {
	r.sum.Rows++
	r.told = ingest.ToldEvent{Site: &r.cfg.Site}
	drop, err := r.tool.read(&r.row, r.host, &r.told)
	if err != nil {
		return err
	}
	if at := r.told.Time; drop == "" && at.Unix() > r.cfg.Now.Unix()+MaxDisorder {
		drop = DropFuture
	} else if drop == "" && at.Year() < firstExportYear {
		return fmt.Errorf("the time is before the year %d", firstExportYear)
	}
	if drop == "" {
		drop, err = r.keepEvent()
	}
	if drop != "" {
		r.sum.Dropped[drop]++
	}
	return err
}

func (r *rows) keepEvent() (drop string, err error) {
	day := schema.DayOf(r.told.Time, r.loc)
	b := r.days[day]
	if b == nil {
		b = newBuffer(day, r.loc)
	}
	var ev aggregate.Event
	if drop, err := r.cfg.Steps.told(&r.told, b, &ev); drop != "" || err != nil {
		return drop, err
	}
	if r.hits++; r.hits > MaxExportRows {
		return "", fmt.Errorf("there are more than %d page views and events; import fewer at a time", MaxExportRows)
	}
	if ev.Kind == aggregate.Custom {
		if ev.Values[schema.EventName] == "" {
			return DropKind, nil
		}
		r.sum.Events++
	} else {
		r.sum.Pages++
	}
	b.add(&ev, "")
	r.days[day] = b
	return "", nil
}

// rowLimit reads at most MaxRowBytes, and what a buffer takes ahead, between two resets.
type rowLimit struct {
	r     io.Reader
	left  int
	bytes int64 // that were read
}

var errRowTooLong = fmt.Errorf("a row is longer than %d bytes: a quote may be missing at its end", MaxRowBytes)

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	l.bytes += int64(n)
	return n, err
}

func (l *rowLimit) reset() { l.left = MaxRowBytes }

// withoutBOM leaves out the mark that some programs write at the beginning of a file in UTF-8.
func withoutBOM(r io.Reader) io.Reader {
	mark := make([]byte, 3)
	n, err := io.ReadFull(r, mark)
	if err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		return r
	}
	if err != nil {
		return io.MultiReader(bytes.NewReader(mark[:n]), failed{err})
	}
	return io.MultiReader(bytes.NewReader(mark), r)
}

// failed is the rest of a file that could not be read.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) {
	if errors.Is(f.err, io.ErrUnexpectedEOF) {
		return 0, io.EOF
	}
	return 0, f.err
}

// rowError names what is wrong with a CSV file in words for people.
func rowError(err error) error {
	if err == io.EOF {
		return errors.New("the file is empty")
	}
	return err
}
