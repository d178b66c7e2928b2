// Package importer makes counts of the logs that a web server wrote before Turf was there, by the same steps and the same core
// as a live hit.
//
// A log is read twice: once for its identity (the hash of its content), once for its lines. Page views wait in memory, as events
// without address or agent, until their day of the site is over: until a line was read that is more than [MaxDisorder] later
// than the day. Then the day is counted with a salt of its own, its increments are summed into one batch, and salt and
// visitors are forgotten.
//
// What a log has added to the totals is recorded by day (see [Record]), so that the same log adds nothing the second time, an
// interrupted import goes on where it was, and a log that has grown since adds what is new: the counts of its day as it is now
// less the counts of the day as it was, which the core gives again for the same lines. A log that shares its beginning with another
// one and is not that one grown is refused.
package importer

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"turf/aggregate"
	"turf/schema"
)

const (
	// MaxDisorder is how far a line may be behind the latest line before it, in seconds.
	MaxDisorder = 86400
	// MaxWaitingPages is how many page views can wait for the end of their day; one takes 136 bytes.
	MaxWaitingPages = 4_000_000
	// MaxBatchRows is the size of a batch above which a day is sent in parts.
	MaxBatchRows = 100_000
	// MaxFiles is how many logs can be imported together.
	MaxFiles = 1000
	// shownBroken is how many broken lines are shown.
	shownBroken = 5
	// reportEvery is the number of lines between two reports of progress.
	reportEvery = 500
)

// Config is what an import needs.
type Config struct {
	Site   schema.Site
	Format Format
	Steps  Steps
	Store  Store
	Now    time.Time
	// Report is called every few lines; nil for none.
	Report func(Progress)
}

// Progress is how far an import has come.
type Progress struct {
	Lines      int
	Pages      int
	Dropped    map[string]int // not to be changed or kept
	Bytes      int64          // read, of decompressed content
	TotalBytes int64
}

// Summary is what an import did. Lines = Pages + the sum of Dropped.
type Summary struct {
	Site    string         `json:"site"`
	Lines   int            `json:"lines"`
	Pages   int            `json:"pages"`   // page views in the logs
	Counted int            `json:"counted"` // of these, those that were not in the totals yet
	Dropped map[string]int `json:"dropped"` // lines by the reason why they are no page view
	Days    int            `json:"days"`    // days to which something was added
	Broken  []BrokenLine   `json:"broken,omitempty"`
}

// BrokenLine says where a line is that could not be read, and why; it holds nothing of the line.
type BrokenLine struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Run imports the logs together and returns when all that they say is in the totals. After an error, or when ctx is done,
// the same call goes on.
func Run(ctx context.Context, cfg Config, sources []Source) (Summary, error) {
	loc, err := cfg.Site.Location()
	if err != nil {
		return Summary{}, fmt.Errorf("site %s: %w", cfg.Site.Domain, err)
	}
	if len(sources) == 0 || len(sources) > MaxFiles {
		return Summary{}, fmt.Errorf("import 1 to %d logs at a time, not %d", MaxFiles, len(sources))
	}
	im := &imports{cfg: cfg, loc: loc}
	if err := im.identify(ctx, sources); err != nil {
		return Summary{}, err
	}
	if err := im.finishEarlier(ctx); err != nil {
		return Summary{}, err
	}
	return im.run(ctx)
}

// imports is one import under way.
type imports struct {
	cfg   Config
	loc   *time.Location
	name  string // of the import: from the content of all its logs
	logs  []*log
	days  map[schema.Day]*buffer
	next  int64 // Unix seconds: when the first of days ends
	sum   Summary
	total int64 // bytes of all logs
	wait  int   // hits in days
	read  int64 // bytes
	bare  bool  // a line told neither referrer nor agent
}

// log is one of the logs.
type log struct {
	Source
	identity
	record   Record
	prefixes []Record // earlier imports of a beginning of this log, or of all of it; shortest first
	lines    lines
	latest   int64 // Unix seconds: the latest time read
	done     bool
}

// identify reads all logs once and names the import.
func (im *imports) identify(ctx context.Context, sources []Source) error {
	known, err := im.cfg.Store.Imports(ctx, im.cfg.Site.ID)
	if err != nil {
		return fmt.Errorf("read what was imported before: %w", err)
	}
	for _, s := range sources {
		l := &log{Source: s}
		if l.identity, l.prefixes, err = s.identify(ctx, known); err != nil {
			return err
		}
		if l.overlaps(known) {
			return fmt.Errorf("%s begins like a log that was imported before, but is not that log grown: it may be a part of it, "+
				"or have been changed, and its lines would be counted twice", s.Name)
		}
		if slices.ContainsFunc(im.logs, func(o *log) bool { return o.sha256 == l.sha256 }) {
			return fmt.Errorf("%s was given twice, or two of the logs have the same content", s.Name)
		}
		im.logs = append(im.logs, l)
		im.total += l.bytes
	}
	im.setName()
	return nil
}

// overlaps reports whether one of the known logs has lines of this one and is no beginning of it.
func (l *log) overlaps(known []Record) bool {
	is := func(r Record) func(Record) bool { return func(p Record) bool { return p.SHA256 == r.SHA256 } }
	if slices.ContainsFunc(l.prefixes, func(p Record) bool { return p.SHA256 == l.sha256 }) {
		return false // it is known itself
	}
	return slices.ContainsFunc(known, func(r Record) bool {
		return r.Head != "" && r.Head == l.head && !slices.ContainsFunc(l.prefixes, is(r))
	})
}

func (im *imports) setName() {
	var hashes []string
	for _, l := range im.logs {
		hashes = append(hashes, l.sha256)
		l.record = Record{
			Site: im.cfg.Site.ID, SHA256: l.sha256, Bytes: l.bytes, Head: l.head,
			Days: map[string]string{}, Digests: map[string]string{},
		}
		if n := len(l.prefixes); n > 0 && l.prefixes[n-1].SHA256 == l.sha256 {
			l.record = l.prefixes[n-1]
			l.record.Days, l.record.Digests = maps.Clone(l.record.Days), maps.Clone(l.record.Digests)
			if l.record.Digests == nil {
				l.record.Digests = map[string]string{}
			}
		}
	}
	im.name = hashes[0]
	if len(hashes) > 1 {
		slices.Sort(hashes)
		h := sha256.New()
		for _, s := range hashes {
			io.WriteString(h, s+"\n")
		}
		im.name = hex.EncodeToString(h.Sum(nil))
	}
}

// finishEarlier finishes imports of these logs that began and did not end, since it is not known what of their last day is in the
// totals until its batch is sent again.
func (im *imports) finishEarlier(ctx context.Context) error {
	for _, l := range im.logs {
		for i, p := range l.prefixes {
			if p.Running == "" || p.Running == im.name {
				continue
			}
			if p.Running != p.SHA256 {
				return fmt.Errorf("%s was being imported together with other logs and that did not end; "+
					"import the same logs once more, then this", l.Name)
			}
			earlier := &imports{cfg: im.cfg, loc: im.loc, total: p.Bytes, logs: []*log{{
				Source: l.Source, identity: identity{p.Bytes, p.SHA256, p.Head}, prefixes: l.prefixes[:i+1],
			}}}
			earlier.setName()
			if _, err := earlier.run(ctx); err != nil {
				return fmt.Errorf("finish the import of %s that did not end: %w", l.Name, err)
			}
			l.prefixes[i] = earlier.logs[0].record
		}
	}
	im.setName()
	return nil
}

func (im *imports) run(ctx context.Context) (Summary, error) {
	im.sum = Summary{Site: im.cfg.Site.Domain, Dropped: map[string]int{}}
	im.days, im.next = map[schema.Day]*buffer{}, math.MaxInt64
	defer func() {
		for _, b := range im.days {
			b.forget()
		}
	}()
	for _, l := range im.logs {
		r, err := l.open()
		if err != nil {
			return im.sum, err
		}
		defer r.Close()
		l.lines.r = bufio.NewReaderSize(io.LimitReader(r, l.bytes), readBufferBytes)
		l.latest = math.MinInt64
		if l.record.Running != im.name {
			l.record.Running = im.name
			if err := im.put(ctx, l); err != nil {
				return im.sum, err
			}
		}
	}
	if err := im.readAll(ctx); err != nil {
		return im.sum, err
	}
	for _, l := range im.logs {
		l.record.Running = ""
		if err := im.put(ctx, l); err != nil {
			return im.sum, err
		}
	}
	im.report()
	return im.sum, nil
}

func (im *imports) put(ctx context.Context, l *log) error {
	l.record.Tells = []schema.Imported{{Source: logSource, Hours: true, Told: logTold(im.bare)}}
	if err := im.cfg.Store.PutImport(ctx, l.record); err != nil {
		return fmt.Errorf("record what was imported of %s: %w", l.Name, err)
	}
	return nil
}

// readAll reads the lines of all logs, always from the one that is furthest behind, and counts the days that are over.
func (im *imports) readAll(ctx context.Context) error {
	for {
		var l *log
		for _, o := range im.logs {
			if !o.done && (l == nil || o.latest < l.latest) {
				l = o
			}
		}
		if l == nil {
			return im.closeUntil(ctx, math.MaxInt64)
		}
		// The logs that are done hold nobody up, and the others are not behind this one.
		if l.latest > im.next && l.latest-MaxDisorder > im.next { // neither can overflow
			if err := im.closeUntil(ctx, l.latest-MaxDisorder); err != nil {
				return err
			}
		}
		if err := im.readLine(l); err != nil {
			return err
		}
		if im.sum.Lines%reportEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			im.report()
		}
	}
}

func (im *imports) report() {
	if im.cfg.Report == nil {
		return
	}
	im.cfg.Report(Progress{
		Lines: im.sum.Lines, Pages: im.sum.Pages, Dropped: im.sum.Dropped, Bytes: im.read, TotalBytes: im.total,
	})
}

// readLine reads the next line of a log and keeps its page view.
func (im *imports) readLine(l *log) error {
	before := l.lines.offset
	text, offset, err := l.lines.next()
	im.read += l.lines.offset - before
	if err == io.EOF {
		l.done = true
		if l.lines.offset != l.bytes {
			return fmt.Errorf("%s has become shorter while it was read", l.Name)
		}
		return nil
	}
	var parsed line
	if err == nil {
		err = parsed.parse(string(text), im.cfg.Format)
	} else if !errors.Is(err, errTooLong) {
		return fmt.Errorf("read %s: %w", l.Name, err)
	}
	im.sum.Lines++
	if err != nil {
		im.sum.Dropped[DropBroken]++
		if len(im.sum.Broken) < shownBroken {
			im.sum.Broken = append(im.sum.Broken, BrokenLine{l.Name, l.lines.number, err.Error()})
		}
		return nil
	}
	drop, err := im.keep(l, &parsed, offset)
	if err != nil {
		return err
	}
	if drop != "" {
		im.sum.Dropped[drop]++
	} else {
		im.sum.Pages++
	}
	return nil
}

// keep keeps the page view of a line until its day is over, or returns why there is none.
func (im *imports) keep(l *log, parsed *line, offset int64) (drop string, err error) {
	switch {
	case parsed.time > im.cfg.Now.Unix()+MaxDisorder:
		return DropFuture, nil
	case parsed.time+MaxDisorder < l.latest: // in this way round it cannot overflow
		return DropUnsorted, nil
	}
	l.latest = max(l.latest, parsed.time)
	target, drop := parsed.page()
	if drop != "" {
		return drop, nil
	}
	day := schema.DayOf(time.Unix(parsed.time, 0), im.loc)
	b := im.days[day]
	if b == nil {
		b = newBuffer(day, im.loc)
	}
	var ev aggregate.Event
	if drop, err = im.cfg.Steps.event(&im.cfg.Site, b, parsed, target, &ev); drop != "" || err != nil {
		return drop, err
	}
	if im.wait++; im.wait > MaxWaitingPages {
		return "", fmt.Errorf("%s: more than %d pages within two days wait to be counted; sort the log by time, "+
			"or split it into one a day", l.Name, MaxWaitingPages)
	}
	im.days[day] = b
	im.bare = im.bare || !parsed.combined
	im.next = min(im.next, b.end)
	b.add(&ev, l.counted(day, offset))
	return "", nil
}

// counted is the import that counted the line at offset, which is of that day, or "".
func (l *log) counted(day schema.Day, offset int64) string {
	for _, p := range slices.Backward(l.prefixes) {
		if name, ok := p.Days[day.String()]; ok {
			// The longest import of the day: what it did not reach is new.
			if offset < p.Bytes {
				return name
			}
			return ""
		}
	}
	return ""
}

// closeUntil counts, in their order, the days that end at or before t.
func (im *imports) closeUntil(ctx context.Context, t int64) error {
	for _, day := range slices.Sorted(maps.Keys(im.days)) {
		b := im.days[day]
		if b.end > t {
			im.next = b.end
			return nil
		}
		if err := im.closeDay(ctx, b); err != nil {
			return err
		}
		im.wait -= len(b.hits)
		delete(im.days, day)
		b.forget()
	}
	im.next = math.MaxInt64
	return nil
}

// closeDay adds a day to the totals and records that.
func (im *imports) closeDay(ctx context.Context, b *buffer) error {
	if b.allCounted() {
		return nil
	}
	site := &im.cfg.Site
	digests := b.digests()
	stale := im.isStale(b.day, b.groups, digests)
	rows, full, err := b.sums(site.ID, im.loc, site.K(b.day), stale)
	if err != nil {
		return err
	}
	im.sum.Pages -= full
	if full > 0 {
		im.sum.Dropped[DropFull] += full
	}
	for part, rows := range slices.Collect(slices.Chunk(rows, MaxBatchRows)) {
		token := fmt.Sprintf("import-%d-%s-%s", site.ID, im.name, b.day)
		if part > 0 {
			token += fmt.Sprintf("-%d", part)
		}
		if err := im.cfg.Store.Write(ctx, schema.Batch{Token: token, Rows: rows}); err != nil {
			return fmt.Errorf("write the counts of %s: %w", b.day, err)
		}
	}
	for _, h := range b.hits {
		if h.group == 0 {
			im.sum.Counted++
		}
	}
	im.sum.Days++
	digest := digestText(stale, digests)
	for _, l := range im.logs {
		if l.latest < b.day.Start(im.loc).Unix() {
			continue // it has not reached the day
		}
		l.record.Days[b.day.String()], l.record.Digests[b.day.String()] = im.name, digest
		if err := im.put(ctx, l); err != nil {
			return err
		}
	}
	return nil
}
