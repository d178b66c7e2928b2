package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// TestQueriesAreOfTheSameEvents holds that the two sides that are compared answer the same, and that the check would
// find out if they did not.
func TestQueriesAreOfTheSameEvents(t *testing.T) {
	const days, pageviews = 3, 20_000
	ctx := t.Context()
	engine := embeddedtest.Open(t)
	s, err := openStore(ctx, engine, embeddedtest.Database(t, engine), newPool(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.drop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	site := newQuerySite(1, bigSitePaths, visitorsADay(pageviews, days))
	site.site.Declarations = declarations()
	span := queryDayRange(days)
	if err := s.load(ctx, []*querySite{site}, span.first, days); err != nil {
		t.Fatal(err)
	}
	if off := float64(s.pageviews)/pageviews - 1; off < -0.1 || off > 0.1 {
		t.Errorf("%d page views were made where %d were wanted", s.pageviews, pageviews)
	}
	a := newAsker(s, site)
	if err := a.check(ctx, span); err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ sql, found string }{
		{"ALTER TABLE events DELETE WHERE name = 'pageview' AND pathname = '/'", "Pages"},
		{"ALTER TABLE sessions DELETE WHERE country = 'AA'", topPanel},
	} {
		if err := s.exec(ctx, change.sql+" SETTINGS mutations_sync = 1"); err != nil {
			t.Fatal(err)
		}
		if err := a.check(ctx, span); err == nil || !strings.HasPrefix(err.Error(), change.found) {
			t.Errorf("after %s: %v", change.sql, err)
		}
	}
}

// TestQueriesAskWhatThePageAsks holds that every panel can be asked for, and the whole page of any span.
func TestQueriesAskWhatThePageAsks(t *testing.T) {
	ctx := t.Context()
	engine := embeddedtest.Open(t)
	s, err := openStore(ctx, engine, embeddedtest.Database(t, engine), newPool(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.drop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	site := newQuerySite(1, smallSitePaths, smallSiteVisitors)
	site.site.Declarations = declarations()
	first := queryDayRange(2)
	if err := s.load(ctx, []*querySite{site}, first.first, 2); err != nil {
		t.Fatal(err)
	}
	before := s.total(t, "pageviews")
	if err := s.repeat(ctx, 2, first.first, 1, 3); err != nil {
		t.Fatal(err)
	}
	if after := s.total(t, "pageviews"); after != 4*before {
		t.Errorf("%d page views, repeated three times, are %d", before, after)
	}
	a := newAsker(s, site)
	if err := s.addBareSite(ctx, site.site.ID); err != nil {
		t.Fatal(err)
	}
	rows, err := s.db.Select(ctx, "SELECT site_id, uniqExact(counts.cube) AS cubes, count() = cubes FROM counts "+
		"GROUP BY site_id ORDER BY site_id", nil)
	if err != nil || len(rows) != 2 || rows[0][1] != rows[1][1] || rows[1][1].(uint64) < 15 || rows[1][2].(uint64) != 1 {
		t.Errorf("sites, their cubes, and whether each has one row: %v, %v", rows, err)
	}
	for _, p := range panels() {
		if least, err := a.ofBareSite(ctx, &p, nil); err != nil || least <= 0 {
			t.Errorf("%s of the bare site: %v ms, %v", p.name, least, err)
		}
	}
	for _, days := range []int{2, 200} {
		if _, _, err := a.dashboard(ctx, queryDayRange(days)); err != nil {
			t.Errorf("%d days: %v", days, err)
		}
	}
}

func (s *store) total(t *testing.T, metric string) int64 {
	t.Helper()
	rows, err := s.db.Select(t.Context(), "SELECT sum("+metric+") FROM counts WHERE cube = 'traffic'", nil)
	if err != nil {
		t.Fatal(err)
	}
	return rows[0][0].(int64)
}

// TestQueryTraffic holds what the loads rely on: events in the order of their times, inside their day, and the same
// day again.
func TestQueryTraffic(t *testing.T) {
	p, site := newPool(), newQuerySite(7, smallSitePaths, 500)
	d := p.makeDay(site, queryLast)
	again := p.makeDay(site, queryLast)
	if len(d.events) != len(again.events) {
		t.Fatalf("%d events, and then %d", len(d.events), len(again.events))
	}
	for i := range d.events {
		switch {
		case d.events[i] != again.events[i]:
			t.Fatalf("event %d: %v, and then %v", i, d.events[i], again.events[i])
		case i > 0 && d.events[i].sec < d.events[i-1].sec:
			t.Fatalf("event %d is earlier than the one before", i)
		}
	}
	if last := d.events[len(d.events)-1].sec; schema.DayOf(time.Unix(d.start+int64(last), 0), time.UTC) != queryLast {
		t.Errorf("the last event is at second %d", last)
	}
}
