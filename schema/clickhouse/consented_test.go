package clickhouse_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/embedded/embeddedtest"
)

// What was written comes back as it was, in the order of time, whatever the texts are.
func TestConsentedEventsComeBack(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		store := clickhouse.NewConsented(open(t, config), nil)
		events := someEvents(t, 1, person(1), 50)
		odd := events[7]
		odd.Time, odd.Path, odd.Props = odd.Time.Add(-time.Hour), "/'\\\x00\n…", map[string]string{"": "'", "a\tb": "\xff\x00"}
		events = append(events, odd)
		others := someEvents(t, 1, person(2), 5)
		for range 2 { // an answer that was lost
			writeEvents(t, store, slices.Concat(others, events))
		}
		writeEvents(t, store, nil)
		slices.SortStableFunc(events, func(a, b schema.ConsentedEvent) int { return a.Time.Compare(b.Time) })
		if got := export(t, store, 1, person(1)); !reflect.DeepEqual(got, events) {
			t.Errorf("got\n%v\nwant\n%v", got, events)
		}
		if got := export(t, store, 2, person(1)); len(got) != 0 {
			t.Errorf("another site has %d events of the person", len(got))
		}
		stop := errors.New("stop")
		err := store.Export(t.Context(), 1, person(1), func(schema.ConsentedEvent) error { return stop })
		if !errors.Is(err, stop) {
			t.Errorf("an error of the caller became %v", err)
		}
	})
}

func TestConsentedRefuses(t *testing.T) {
	store := clickhouse.NewConsented(open(t, engineConfig(t)), func(_ schema.SiteID, purpose string) int {
		return map[string]int{"ages": 10_000}[purpose]
	})
	for _, tt := range []struct {
		name   string
		change func(*schema.ConsentedEvent)
		want   string
	}{
		{"nobody", func(e *schema.ConsentedEvent) { e.Person = schema.PersonRef{} }, "event 1: it is of no person"},
		{"no purpose", func(e *schema.ConsentedEvent) { e.Purpose = "" }, "event 1: it has no purpose"},
		{"no name", func(e *schema.ConsentedEvent) { e.Name = "" }, "event 1: it has no name"},
		{"no time", func(e *schema.ConsentedEvent) { e.Time = time.Time{} }, "the time 0001-01-01T00:00:00Z"},
		{"kept for ever", func(e *schema.ConsentedEvent) { e.Purpose = "ages" }, "a retention of 10000 days"},
	} {
		events := someEvents(t, 1, person(1), 3)
		tt.change(&events[1])
		if err := store.WriteEvents(t.Context(), "", events); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	err := store.WriteHeat(t.Context(), "", []schema.HeatCell{{Site: 1, X: schema.HeatXBins}})
	if err == nil || !strings.Contains(err.Error(), "outside of the grid") {
		t.Errorf("a cell outside: %v", err)
	}
	if got := export(t, store, 1, person(1)); len(got) != 0 {
		t.Errorf("%d events are stored", len(got))
	}
}

// L6 and L16: after Erase no file of the engine has the person: neither in a part, an old part, a mutation nor a log.
func TestL6NoFileHasAnErasedPerson(t *testing.T) {
	engine := embeddedtest.Open(t)
	config := clickhouse.Config{Transport: engine, Database: embeddedtest.Scratch(t, engine)}
	dir := engineDir(t, config)
	store := clickhouse.NewConsented(open(t, config), nil)
	gone, stays := randomPerson(t), randomPerson(t)
	for range 4 { // several parts, months and merges
		writeEvents(t, store, slices.Concat(someEvents(t, 1, gone, 20), someEvents(t, 1, stays, 20), someEvents(t, 2, stays, 5)))
	}
	export(t, store, 1, gone)
	statement(t, config, "OPTIMIZE TABLE consented_events FINAL")
	writeEvents(t, store, someEvents(t, 1, gone, 3))
	if found := grep(t, dir, gone); len(found) == 0 {
		t.Fatal("the person is in no file before: the search finds nothing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for range 2 { // who is erased already is erased
		if err := store.Erase(ctx, 1, gone); err != nil {
			t.Fatal(err)
		}
		if found := grep(t, dir, gone); len(found) > 0 {
			t.Fatalf("the erased person is in %q", found)
		}
	}
	if got := export(t, store, 1, gone); len(got) != 0 {
		t.Errorf("%d events are left", len(got))
	}
	if got := len(export(t, store, 1, stays)); got != 80 {
		t.Errorf("of the other person %d events are left", got)
	}
	if err := store.RemoveSite(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if n, m := len(export(t, store, 1, stays)), len(export(t, store, 2, stays)); n != 0 || m != 20 {
		t.Errorf("after the site was removed %d and %d events are left, want 0 and 20", n, m)
	}
}

// L16: an event goes when the retention of its purpose is over.
func TestL16Retention(t *testing.T) {
	config := engineConfig(t)
	store := clickhouse.NewConsented(open(t, config), func(site schema.SiteID, purpose string) int {
		return map[string]int{"short": 3, "long": 30}[purpose]
	})
	now := time.Now().UTC().Truncate(time.Millisecond)
	var events []schema.ConsentedEvent
	for i, c := range []struct {
		purpose string
		days    int
	}{{"short", 2}, {"short", 4}, {"long", 29}, {"long", 31}, {"events", 394}, {"events", 396}} {
		e := someEvents(t, 1, person(1), 1)[0]
		e.Time, e.Received = now.AddDate(0, 0, -c.days), now.AddDate(0, 0, -c.days)
		e.Purpose, e.Name, e.Seq = c.purpose, fmt.Sprint(c.purpose, " ", c.days), uint32(i)
		events = append(events, e)
	}
	writeEvents(t, store, events)
	statement(t, config, "OPTIMIZE TABLE consented_events FINAL")
	var left []string
	for _, e := range export(t, store, 1, person(1)) {
		left = append(left, e.Name)
	}
	if got := strings.Join(left, ", "); got != "events 394, long 29, short 2" {
		t.Errorf("left: %s", got)
	}
}

// What the audit of L1 asks.
func TestConsentedAudit(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		store := clickhouse.NewConsented(open(t, config), nil)
		var events []schema.ConsentedEvent
		at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
		for i, minute := range []int{0, 1, 5, 9, 10} {
			e := someEvents(t, 1, person(1), 1)[0]
			e.Time, e.Received, e.Seq = at(minute-1), at(minute), uint32(i)
			events = append(events, e)
		}
		events[4].Person, events[3].Purpose = person(2), "journeys"
		writeEvents(t, store, events)
		var got []string
		err := store.Persons(t.Context(), 1, func(p clickhouse.PersonRows) error {
			got = append(got, fmt.Sprintf("%d %s %d %s-%s %s", p.Person[0], p.Purpose, p.Rows, p.First.Format("04"), p.Last.Format("04"),
				p.FirstTime.Format("04")))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"1 events 3 00-05 59", "1 journeys 1 09-09 08", "2 events 1 10-10 09"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, tt := range []struct {
			granted []clickhouse.Interval
			want    uint64
		}{
			{nil, 3},
			{[]clickhouse.Interval{{From: at(0)}}, 0},
			{[]clickhouse.Interval{{From: at(1)}}, 1},
			{[]clickhouse.Interval{{From: at(0), To: at(5)}}, 1}, // not at the withdrawal itself
			{[]clickhouse.Interval{{From: at(0), To: at(1)}, {From: at(5), To: at(6)}}, 1},
		} {
			n, err := store.RowsOutside(t.Context(), 1, person(1), "events", tt.granted)
			if err != nil || n != tt.want {
				t.Errorf("outside of %v: %d, %v, want %d", tt.granted, n, err, tt.want)
			}
		}
	})
}

func TestHeatAddsUp(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		store := clickhouse.NewConsented(db, nil)
		cell := schema.HeatCell{
			Site: 1, Day: schema.DayOf(time.Now(), time.UTC), Hostname: "a.example", Path: "/", Kind: schema.HeatClick, Width: 320,
			X: 5, Y: 7, Count: 2,
		}
		other := cell
		other.Y = 8
		for range 3 { // the same cells again are more clicks
			if err := store.WriteHeat(t.Context(), "", []schema.HeatCell{cell, other}); err != nil {
				t.Fatal(err)
			}
		}
		const sums = "SELECT y, sum(clicks) FROM consented_heat GROUP BY y ORDER BY y"
		if got := fmt.Sprint(query(t, db, sums, nil)); got != "[[7 6] [8 6]]" {
			t.Errorf("sums %s", got)
		}
		statement(t, config, "OPTIMIZE TABLE consented_heat FINAL")
		if got := fmt.Sprint(query(t, db, "SELECT count(), sum(clicks) FROM consented_heat", nil)); got != "[[2 12]]" {
			t.Errorf("merged %s", got)
		}
	})
}

// P6: what is sent again with its token is stored once, whatever it looks like by then, also through another connection, and what
// is alike with another token is another.
func TestConsentedTokens(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		events := someEvents(t, 1, person(1), 3)
		for i := range events {
			events[i].Time = noon.Add(time.Duration(i) * time.Second)
		}
		cells := []schema.HeatCell{{
			Site: 1, Day: schema.DayOf(time.Now(), time.UTC), Hostname: "a.example", Path: "/", Kind: schema.HeatClick, Width: 320, Count: 2,
		}}
		db := open(t, config)
		for n, step := range []struct {
			token  string
			rows   int
			clicks int64
		}{
			{"one", 3, 2},
			{"one", 3, 2},
			{"two", 6, 4},
			{"one", 6, 4},
			{"two", 6, 4},
		} {
			store := clickhouse.NewConsented(open(t, config), nil)
			for i := range events { // the way of the request took longer
				events[i].Time, events[i].Received = events[i].Time.Add(7*time.Millisecond), events[i].Received.Add(time.Second)
			}
			if err := store.WriteEvents(t.Context(), step.token, events); err != nil {
				t.Fatal(err)
			}
			if err := store.WriteHeat(t.Context(), step.token, cells); err != nil {
				t.Fatal(err)
			}
			if got := len(export(t, store, 1, person(1))); got != step.rows {
				t.Errorf("step %d, token %s: %d events, want %d", n, step.token, got, step.rows)
			}
			want := fmt.Sprintf("[[%d]]", step.clicks)
			if got := fmt.Sprint(query(t, db, "SELECT sum(clicks) FROM consented_heat", nil)); got != want {
				t.Errorf("step %d, token %s: clicks %s, want %s", n, step.token, got, want)
			}
		}
	})
}

// The list of columns that verify allows is what the migration makes.
func TestConsentedColumns(t *testing.T) {
	columns, err := open(t, engineConfig(t)).Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, seen := clickhouse.ConsentedColumns(), 0
	for _, c := range columns {
		if !strings.HasPrefix(c.Table, "consented_") {
			continue
		}
		seen++
		if want[c.Table][c.Name] != c.Type {
			t.Errorf("%s.%s is %s, listed as %q", c.Table, c.Name, c.Type, want[c.Table][c.Name])
		}
	}
	if n := len(want["consented_events"]) + len(want["consented_heat"]); seen != n {
		t.Errorf("%d columns are there, %d are listed", seen, n)
	}
}

func person(n byte) schema.PersonRef { return schema.PersonRef{n} }

func randomPerson(t *testing.T) (p schema.PersonRef) {
	t.Helper()
	for i := range p {
		p[i] = byte(1 + rand.IntN(255)) // bytes that no codec shortens
	}
	t.Logf("person %x", p)
	return p
}

// someEvents are n events of a person, over two months.
func someEvents(t *testing.T, site schema.SiteID, p schema.PersonRef, n int) []schema.ConsentedEvent {
	t.Helper()
	start := time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, -60)
	events := make([]schema.ConsentedEvent, n)
	for i := range events {
		at := start.Add(time.Duration(i)*25*time.Hour + time.Duration(rand.IntN(1000))*time.Millisecond)
		events[i] = schema.ConsentedEvent{
			Site: site, Person: p, Session: 1 << 63, Time: at, Seq: rand.Uint32(), Received: at.Add(time.Second), Purpose: "events",
			Name: "pageview", Hostname: "a.example", Path: "/a", Channel: "Direct", Source: "", Country: "NL", Device: "Mobile",
			Browser: "Firefox", OS: "Linux",
		}
		if i%2 == 0 {
			events[i].Name, events[i].Props = "$click", map[string]string{"el": "#buy"}
		}
	}
	return events
}

func writeEvents(t *testing.T, store *clickhouse.Consented, events []schema.ConsentedEvent) {
	t.Helper()
	if err := store.WriteEvents(t.Context(), "", events); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, store *clickhouse.Consented, site schema.SiteID, p schema.PersonRef) (list []schema.ConsentedEvent) {
	t.Helper()
	err := store.Export(t.Context(), site, p, func(e schema.ConsentedEvent) error {
		list = append(list, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// engineDir is the data directory of the engine: that which the engine says its database lies in.
func engineDir(t *testing.T, config clickhouse.Config) string {
	t.Helper()
	paths := query(t, open(t, config), "SELECT path FROM system.disks WHERE name = 'default'", nil)
	dir := paths[0][0].(string)
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// grep finds the files that hold the person, in bytes or in hex.
func grep(t *testing.T, dir string, p schema.PersonRef) (found []string) {
	t.Helper()
	h := hex.EncodeToString(p[:])
	needles := [][]byte{p[:], []byte(h), []byte(strings.ToUpper(h))}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a part that went away meanwhile
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, needle := range needles {
			if bytes.Contains(text, needle) {
				found = append(found, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
