package main

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"turf/aggregate/pipeline"
	"turf/ingest/importer"
	"turf/schema"
)

// After an upgrade that brings a cube of days, it is filled from the hours whenever the data are opened, until nothing of before
// waits in the journal any more; from then on never again, since both are counted.
func TestCubesOfDaysAreFilledOnce(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	day := schema.DayOf(time.Now(), time.UTC).Start(time.UTC)
	written := 0
	// with opens the data and closes them.
	with := func(f func(in *instance)) {
		t.Helper()
		in, err := openInstance(ctx, instanceConfig{dir: dir, clickhouse: embeddedEngine})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		f(in)
	}
	// count is what a version counts that knows hours only.
	count := func(in *instance, visitors int64) {
		t.Helper()
		site, _ := in.sites.ByDomain("example.com")
		written++
		cell := schema.Cell{Site: site.ID, Cube: schema.CubePages, Time: day.Add(time.Duration(written) * time.Hour).Unix()}
		cell.Values[0], cell.Values[1] = "example.com", "/"
		row := schema.Row{Cell: cell, Sums: schema.Deltas{schema.Visitors: visitors}}
		if err := in.db.Write(ctx, schema.Batch{Token: fmt.Sprint("old-", written), Rows: []schema.Row{row}}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(in *instance, days int64, filled bool) {
		t.Helper()
		rows, err := in.db.Select(ctx, "SELECT sum(visitors) FROM counts WHERE cube = 'pages_daily'", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := rows[0][0].(int64); got != days || (len(in.newTwins()) == 0) != filled {
			t.Errorf("%d visitors by the day, want %d; to be filled: %v", got, days, in.newTwins())
		}
	}

	with(func(in *instance) {
		expect(in, 0, true) // nothing is there, so nothing is to be filled
		if _, err := in.sites.Add(ctx, "example.com", "UTC"); err != nil {
			t.Fatal(err)
		}
		count(in, 3)
		for _, twin := range in.records.All(twinKind) { // as the version before left it
			if err := in.records.Delete(ctx, twinKind, twin.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
	segment := filepath.Join(dir, "journal", "0000000000000001.seg")
	if err := os.Mkdir(filepath.Dir(segment), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	with(func(in *instance) {
		expect(in, 3, false)
		// What is imported now would be taken out of the days again.
		row := schema.Row{Cell: schema.Cell{Site: 1, Cube: schema.CubeTraffic, Time: day.Unix()}, Sums: schema.Deltas{schema.Visitors: 1}}
		for what, err := range map[string]error{
			"begun": fails(putImport(ctx, in, importer.Record{Site: 1, SHA256: "00"})),
			"went":  fails(writeImport(ctx, in, schema.Batch{Token: "import", Rows: []schema.Row{row}})),
		} {
			if err == nil || !strings.Contains(err.Error(), "is not in pages_daily, sources_daily, traffic_daily, devices_daily yet") {
				t.Errorf("an import %s before the days were filled: %v", what, err)
			}
		}
		count(in, 4) // what waited in the journal arrives
		if err := os.Remove(segment); err != nil {
			t.Fatal(err)
		}
		var err error
		in.pipe, err = pipeline.Open(ctx, pipeline.Config{Dir: in.dir, Sites: in.sites.ByID, Sink: in.db, Random: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		s := &server{in: in, log: slog.New(slog.DiscardHandler)}
		for range 2 {
			if err := s.fillTwins(ctx); err != nil {
				t.Fatal(err)
			}
			expect(in, 7, true)
		}
		count(in, 5)
	})
	with(func(in *instance) {
		expect(in, 7, true)
		if _, err := putImport(ctx, in, importer.Record{Site: 1, SHA256: "00"}); err != nil {
			t.Error(err)
		}
	})
}

func fails(_ nothing, err error) error { return err }

// A second twin that is new leaves alone the days of the first one, whose hours no longer have what only days keep.
func TestNewTwinLeavesFilledOnesAlone(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	day := schema.DayOf(time.Now(), time.UTC).Start(time.UTC).Unix()
	open := func(f func(in *instance)) {
		t.Helper()
		in, err := openInstance(ctx, instanceConfig{dir: dir, clickhouse: embeddedEngine})
		if err != nil {
			t.Fatal(err)
		}
		f(in)
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	open(func(in *instance) {
		site, err := in.sites.Add(ctx, "example.com", "UTC")
		if err != nil {
			t.Fatal(err)
		}
		hours := schema.Cell{Site: site.ID, Cube: schema.CubePages, Time: day}
		hours.Values[0], hours.Values[1] = "example.com", "/"
		days := hours
		days.Cube = schema.CubePagesDaily
		rows := []schema.Row{
			{Cell: hours, Sums: schema.Deltas{schema.VisitorsHour: 7}}, {Cell: days, Sums: schema.Deltas{schema.Visitors: 7}},
		}
		if err := in.db.Write(ctx, schema.Batch{Token: "both", Rows: rows}); err != nil {
			t.Fatal(err)
		}
		if err := in.records.Delete(ctx, twinKind, "sources_daily"); err != nil { // as a version left it that had pages_daily only
			t.Fatal(err)
		}
	})
	open(func(in *instance) {
		rows, err := in.db.Select(ctx, "SELECT sum(visitors) FROM counts WHERE cube = 'pages_daily'", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := rows[0][0].(int64); got != 7 {
			t.Errorf("%d visitors by the day, want 7", got)
		}
	})
}
