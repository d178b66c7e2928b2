package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"turf/aggregate"
	"turf/schema"
	"turf/schema/clickhouse"
)

// rowTables are tables with a row an event and a row a visit, in the shape in which Plausible keeps them: the same
// columns that are asked here, its sorting keys and its types. There are no rows that replace others (of sign -1),
// which saves work.
var rowTables = []string{
	`CREATE TABLE events (
		timestamp DateTime('UTC') CODEC(Delta(4), LZ4), name LowCardinality(String), site_id UInt64, user_id UInt64,
		session_id UInt64, pathname String CODEC(ZSTD(3)), scroll_depth UInt8, engagement_time UInt32, ` + rowAttributes + `)
	ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp)
	PRIMARY KEY (site_id, toDate(timestamp), name, user_id)
	ORDER BY (site_id, toDate(timestamp), name, user_id, timestamp)`,
	`CREATE TABLE sessions (
		session_id UInt64, sign Int8, site_id UInt64, user_id UInt64, start DateTime('UTC') CODEC(Delta(4), LZ4),
		timestamp DateTime('UTC') CODEC(Delta(4), LZ4), is_bounce UInt8, pageviews Int32, events Int32, duration UInt32,
		entry_page String CODEC(ZSTD(3)), exit_page String CODEC(ZSTD(3)), ` + rowAttributes + `)
	ENGINE = VersionedCollapsingMergeTree(sign, events) PARTITION BY toYYYYMM(start)
	ORDER BY (site_id, toDate(start), user_id, session_id)`,
}

const rowAttributes = `
		hostname String CODEC(ZSTD(3)), referrer String CODEC(ZSTD(3)), source String CODEC(ZSTD(3)),
		channel LowCardinality(String),
		utm_source String CODEC(ZSTD(3)), utm_medium String CODEC(ZSTD(3)), utm_campaign String CODEC(ZSTD(3)),
		utm_content String CODEC(ZSTD(3)), utm_term String CODEC(ZSTD(3)),
		country LowCardinality(FixedString(2)), region LowCardinality(String), city UInt32,
		device LowCardinality(String), browser LowCardinality(String), browser_version LowCardinality(String),
		os LowCardinality(String), os_version LowCardinality(String)`

// insertBytes is when a block of rows is sent.
const insertBytes = 48 << 20

// store is a database of the engine with the counters and the rows of the same events.
type store struct {
	db       *clickhouse.DB
	engine   http.RoundTripper
	name     string
	pool     *pool
	withRows bool

	batches          int
	pageviews, cells int // loaded; cells before the database has summed anything
	events, sessions []byte
	waiting          []schema.Row
}

const questionTimeout = 5 * time.Minute

func openStore(ctx context.Context, engine http.RoundTripper, name string, p *pool, withRows bool) (*store, error) {
	db, err := clickhouse.Open(ctx, clickhouse.Config{Transport: engine, Database: name, MaxQuery: questionTimeout})
	if err != nil {
		return nil, err
	}
	s := &store{db: db, engine: engine, name: name, pool: p, withRows: withRows}
	if err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if !withRows {
		return s, nil
	}
	for _, sql := range rowTables {
		if err := s.exec(ctx, sql); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return s, nil
}

// tables are those of the store.
func (s *store) tables() []string {
	if s.withRows {
		return []string{"counts", "events", "sessions"}
	}
	return []string{"counts"}
}

// hurry lets a load not wait for the disk: what a power cut would take can be made again.
func (s *store) hurry(ctx context.Context) error {
	for _, table := range s.tables() {
		sql := "ALTER TABLE " + table + " MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0, " +
			"min_rows_to_fsync_after_merge = 0, min_compressed_bytes_to_fsync_after_merge = 0"
		if err := s.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a statement of this program's own, which clickhouse.DB has no door for.
func (s *store) exec(ctx context.Context, sql string) error { return s.send(ctx, "", []byte(sql)) }

func (s *store) send(ctx context.Context, insert string, body []byte) error {
	query := url.Values{"database": {s.name}}
	if insert != "" {
		query.Set("query", insert)
	}
	to := "http://embedded/?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := s.engine.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return err
}

// declarations are the goals and the funnel of the large site.
func declarations() schema.Declarations {
	return schema.Declarations{
		Goals: []schema.Goal{{Name: goalEvent, Event: goalEvent}, {Name: "Visit " + goalPage, Page: goalPage}},
		Funnels: []schema.Funnel{{
			Name: "Buy", Steps: []schema.FunnelStep{{Page: "/"}, {Page: goalPage}, {Event: goalEvent}},
		}},
	}
}

// load puts the days of the sites into the counters and, if there are any, the tables of rows, and lets both merge
// until they are as small as they get.
func (s *store) load(ctx context.Context, sites []*querySite, first schema.Day, days int) error {
	if err := s.hurry(ctx); err != nil {
		return err
	}
	for day := range days {
		for _, site := range sites {
			d := s.pool.makeDay(site, first+schema.Day(day))
			s.pageviews += d.pageviews()
			var both sync.WaitGroup
			var ofCounters, ofRows error
			both.Go(func() { ofCounters = s.count(ctx, d) })
			if s.withRows {
				both.Go(func() { ofRows = s.keep(ctx, d) })
			}
			both.Wait()
			if err := errors.Join(ofCounters, ofRows); err != nil {
				return fmt.Errorf("load %s of %s: %w", d.day, site.site.Domain, err)
			}
		}
		if err := s.write(ctx); err != nil {
			return err
		}
	}
	if err := s.sendRows(ctx, 0); err != nil {
		return err
	}
	progress("%s: %d page views loaded, %d rows of counters", s.name, s.pageviews, s.cells)
	return s.merge(ctx)
}

// merge lets the database do at once what it would do in its own time.
func (s *store) merge(ctx context.Context) error {
	for _, table := range s.tables() {
		if err := s.exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			return fmt.Errorf("merge %s: %w", table, err)
		}
	}
	return nil
}

// count lets the core count the day. What it adds to a cell in the day is one row, as if the database had been away
// all day; rows of several batches would be summed by the merges.
func (s *store) count(ctx context.Context, d *queryDay) error {
	cfg := aggregate.Config{Site: d.site.site.ID, Day: d.day, Location: time.UTC, K: schema.DefaultK}
	core, err := aggregate.Open(cfg, &aggregate.HeapMemory{})
	if err != nil {
		return err
	}
	core.Declare(aggregate.Declare(&d.site.site.Declarations))
	core.Begin(1)
	var e aggregate.Event
	for i := range d.events {
		d.fill(&e, &d.events[i], s.pool)
		if err := core.Count(&e); err != nil {
			return err
		}
	}
	first := len(s.waiting)
	for _, inc := range core.Increments(nil) {
		s.waiting = append(s.waiting, schema.Row{Cell: inc.Cell, Sums: inc.Delta})
	}
	slices.SortFunc(s.waiting[first:], func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
	if len(s.waiting) < clickhouse.BlockRows {
		return nil
	}
	return s.write(ctx)
}

// write sends the rows of counters that wait.
func (s *store) write(ctx context.Context) error {
	s.batches++
	s.cells += len(s.waiting)
	err := s.db.Write(ctx, schema.Batch{Token: fmt.Sprint("bench-", s.batches), Rows: s.waiting})
	s.waiting = s.waiting[:0]
	return err
}

// keep puts the events and visits of the day into the tables of rows.
func (s *store) keep(ctx context.Context, d *queryDay) error {
	for i := range d.events {
		e := &d.events[i]
		v, name := &d.visits[e.visit], goalEvent
		switch e.kind {
		case aggregate.Pageview:
			name = "pageview"
		case aggregate.Engagement:
			name = "engagement"
		}
		b := binary.LittleEndian.AppendUint32(s.events, uint32(d.start)+e.sec)
		b = appendText(b, name)
		b = binary.LittleEndian.AppendUint64(b, uint64(d.site.site.ID))
		b = binary.LittleEndian.AppendUint64(b, v.user)
		b = binary.LittleEndian.AppendUint64(b, v.session)
		b = appendText(b, d.site.paths[e.path])
		b = append(b, e.scroll)
		b = binary.LittleEndian.AppendUint32(b, e.engagedMS)
		s.events = s.appendAttributes(b, d, v)
		if len(s.events) >= insertBytes {
			if err := s.sendRows(ctx, insertBytes); err != nil {
				return err
			}
		}
	}
	for i := range d.visits {
		v := &d.visits[i]
		b := binary.LittleEndian.AppendUint64(s.sessions, v.session)
		b = append(b, 1)
		b = binary.LittleEndian.AppendUint64(b, uint64(d.site.site.ID))
		b = binary.LittleEndian.AppendUint64(b, v.user)
		b = binary.LittleEndian.AppendUint32(b, uint32(d.start)+v.start)
		b = binary.LittleEndian.AppendUint32(b, uint32(d.start)+v.end)
		bounce, duration := byte(0), v.end-v.start
		if v.isBounce() {
			bounce, duration = 1, 0
		}
		b = append(b, bounce)
		b = binary.LittleEndian.AppendUint32(b, uint32(v.pageviews))
		b = binary.LittleEndian.AppendUint32(b, uint32(v.events))
		b = binary.LittleEndian.AppendUint32(b, duration)
		b = appendText(b, d.site.paths[v.entry])
		b = appendText(b, d.site.paths[v.exit])
		s.sessions = s.appendAttributes(b, d, v)
	}
	return s.sendRows(ctx, insertBytes)
}

// appendAttributes appends rowAttributes, in their order.
func (s *store) appendAttributes(b []byte, d *queryDay, v *queryVisit) []byte {
	a, at, with := &s.pool.arrivals[v.arrival], &s.pool.places[v.place], &s.pool.devices[v.device]
	for _, text := range [...]string{
		d.site.site.Domain, a.referrer, a.source, a.channel, a.utmSource, a.utmMedium, a.campaign, a.utmContent, a.utmTerm,
	} {
		b = appendText(b, text)
	}
	b = append(b, at.country...)
	b = appendText(b, at.region)
	b = binary.LittleEndian.AppendUint32(b, at.cityNumber)
	for _, text := range [...]string{with.device, with.browser, with.browserVersion, with.os, with.osVersion} {
		b = appendText(b, text)
	}
	return b
}

// appendText appends a string as ClickHouse's format RowBinary has it.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// sendRows inserts the rows that wait where they are that many bytes.
func (s *store) sendRows(ctx context.Context, most int) error {
	for table, rows := range map[string]*[]byte{"events": &s.events, "sessions": &s.sessions} {
		if len(*rows) == 0 || len(*rows) < most {
			continue
		}
		if err := s.send(ctx, "INSERT INTO "+table+" FORMAT RowBinary", *rows); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
		*rows = (*rows)[:0]
	}
	return nil
}

// bytesOnDisk is how large the tables are, each with its index.
func (s *store) bytesOnDisk(ctx context.Context, tables ...string) (int64, error) {
	rows, err := s.db.Select(ctx, "SELECT toInt64(sum(bytes_on_disk)) FROM system.parts "+
		"WHERE active AND database = currentDatabase() AND has({tables:Array(String)}, table)",
		map[string]string{"tables": clickhouse.StringArray(tables)})
	if err != nil {
		return 0, err
	}
	return rows[0][0].(int64), nil
}

// repeat copies the counters of the days from first on to as many days before them, of which time 1 is just before. It
// copies what the page asks for without a filter, and no crosses of two sides of a visit, which are most rows. What is
// merged arrives as few parts, so nothing is merged again.
func (s *store) repeat(ctx context.Context, days int, first schema.Day, fromTime, toTime int) error {
	var cubes []string
	for i := range schema.Cubes {
		if c := &schema.Cubes[i]; aspects(c) < 2 {
			cubes = append(cubes, "'"+c.Name+"'")
		}
	}
	for n := fromTime; n <= toTime; n++ {
		sql := fmt.Sprintf("INSERT INTO counts SELECT * REPLACE (time - toIntervalDay(%d) AS time) FROM "+
			"(SELECT * FROM counts WHERE time >= toDateTime(%d, 'UTC') AND cube IN (%s))",
			days*n, first.Start(time.UTC).Unix(), strings.Join(cubes, ", "))
		if err := s.exec(ctx, sql); err != nil {
			return fmt.Errorf("repeat the days: %w", err)
		}
	}
	return nil
}

// bareSite is a site with one row in each cube.
const bareSite schema.SiteID = 1 << 20

// addBareSite makes the bare site of another one.
func (s *store) addBareSite(ctx context.Context, of schema.SiteID) error {
	sql := fmt.Sprintf("INSERT INTO counts SELECT * REPLACE (%d AS site_id) FROM counts WHERE counts.site_id = %d LIMIT 1 BY counts.cube",
		bareSite, of)
	for _, sql := range []string{sql, "OPTIMIZE TABLE counts FINAL"} {
		if err := s.exec(ctx, sql); err != nil {
			return fmt.Errorf("add a site of a row a cube: %w", err)
		}
	}
	return nil
}

// aspects is from how many sides the cube looks at visits.
func aspects(c *schema.Cube) (n int) {
	for a := range schema.NumAspects {
		if c.HasAspect(a) {
			n++
		}
	}
	return n
}
