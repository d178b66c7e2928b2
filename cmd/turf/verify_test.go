package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"turf/aggregate/pipeline"
	"turf/schema"
	"turf/schema/embedded/embeddedtest"
)

// breach is something that may not be there: what puts it there, and what verify is to say of which promise.
type breach struct {
	name, promise, says string
	plant               func(*verified)
}

// verified is an instance on which promises are broken one after another.
type verified struct {
	t    *testing.T
	in   *instance
	site schema.Site
	salt [16]byte
	n    int
}

// row stores a counter of today as if the core had made it: visitors under the values of a cube, later into its bucket.
func (v *verified) row(id schema.CubeID, visitors int64, later time.Duration, values ...string) {
	v.t.Helper()
	v.n++
	cell := schema.Cell{Site: v.site.ID, Cube: id, Time: schema.DayOf(time.Now(), time.UTC).Start(time.UTC).Add(later).Unix()}
	copy(cell.Values[:], values)
	row := schema.Row{Cell: cell, Sums: schema.Deltas{schema.Visitors: visitors, schema.Events: visitors}}
	batch := schema.Batch{Token: "planted-" + hex.EncodeToString([]byte{byte(v.n)}), Rows: []schema.Row{row}}
	if err := v.in.db.Write(v.t.Context(), batch); err != nil {
		v.t.Fatal(err)
	}
}

// days stores what yesterday's cells of a page of their own have by the day, and by hours one after another.
func (v *verified) days(day schema.Deltas, hours ...schema.Deltas) {
	v.t.Helper()
	v.n++
	start := schema.DayOf(time.Now(), time.UTC) - 1
	cell := schema.Cell{Site: v.site.ID, Time: start.Start(time.UTC).Unix()}
	cell.Values[0], cell.Values[1] = "example.com", fmt.Sprint("/", v.n)
	var rows []schema.Row
	for i, sums := range hours {
		cell.Cube = schema.CubePages
		rows = append(rows, schema.Row{Cell: cell, Sums: sums})
		rows[i].Cell.Time += int64(i) * 3600
	}
	cell.Cube = schema.CubePagesDaily
	rows = append(rows, schema.Row{Cell: cell, Sums: day})
	if err := v.in.db.Write(v.t.Context(), schema.Batch{Token: fmt.Sprint("days-", v.n), Rows: rows}); err != nil {
		v.t.Fatal(err)
	}
}

// sql runs a statement that Turf itself has no way to run.
func (v *verified) sql(text string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, "http://engine/", strings.NewReader(text))
	if err != nil {
		v.t.Fatal(err)
	}
	res, err := v.in.engine.RoundTrip(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	if said, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("status %d: %s %v", res.StatusCode, said, err)
	}
}

func (v *verified) file(name, text string) {
	v.t.Helper()
	if err := os.WriteFile(filepath.Join(v.in.dir, name), []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// breaches are of the cubes that cross something, and of each of the places that verify looks at.
var breaches = []breach{
	{"time inside an hour", "P1", "not the start of an hour", func(v *verified) {
		v.row(schema.CubeEvents, 3, 61*time.Minute, "Signup")
	}},
	{"hour of a daily cube", "P1", "not the start of a day", func(v *verified) {
		v.row(schema.CubeFunnelSteps, 3, time.Hour, "0011223344556677", "1", "0")
	}},
	{"address of a dropped request", "P1", "agent looks like an address", func(v *verified) {
		v.row(schema.CubeDrops, 3, 0, "robot", "203.0.113.9")
	}},
	{"user agent as a next page", "P1", "next page looks like a user agent", func(v *verified) {
		v.row(schema.CubeTransitions, 3, 0, "/", "Mozilla/5.0 (X11; Linux)")
	}},
	{"document of another kind", "P1", `document of the kind "visitor"`, func(v *verified) {
		if err := v.in.records.Put(v.t.Context(), "visitor", "1", []byte(`{}`)); err != nil {
			v.t.Fatal(err)
		}
	}},
	{"day that is not the sum of its hours", "P7", "pages_daily is not the sum of its hours", func(v *verified) {
		v.days(schema.Deltas{schema.Pageviews: 4}, schema.Deltas{schema.Pageviews: 3})
	}},
	{"fewer visitors than an hour", "P7", "pages_daily has fewer visitors or visits than one of its hours", func(v *verified) {
		hour := schema.Deltas{schema.VisitorsHour: 3, schema.VisitsHour: 3}
		v.days(schema.Deltas{schema.Visitors: 2, schema.Visits: 5}, hour, hour)
	}},
	{"more visitors than all hours", "P7", "pages_daily has more visitors or visits than can be", func(v *verified) {
		hour := schema.Deltas{schema.VisitorsHour: 3, schema.VisitsHour: 4}
		v.days(schema.Deltas{schema.Visitors: 7, schema.Visits: 8}, hour, hour)
	}},
	{"more visitors than visits", "P7", "pages_daily has more visitors or visits than can be", func(v *verified) {
		v.days(schema.Deltas{schema.Visitors: 3, schema.Visits: 2}, schema.Deltas{schema.VisitorsHour: 3, schema.VisitsHour: 3})
	}},
	{"more visitors who left than visits", "P7", "pages_daily has more visitors or visits than can be", func(v *verified) {
		v.days(schema.Deltas{schema.Visitors: 3, schema.Visits: 3, schema.ExitVisitors: 2, schema.Exits: 1},
			schema.Deltas{schema.VisitorsHour: 3, schema.VisitsHour: 3, schema.Exits: 1})
	}},
	{"salt in hex", "P2", "the salt of a day that is not over (hex)", func(v *verified) {
		v.file("notes.txt", "salt "+hex.EncodeToString(v.salt[:]))
	}},
	{"user agent in a file", "P2", "what looks like a user agent", func(v *verified) {
		v.file("debug.log", "Mozilla/5.0 (X11; Linux)")
	}},
	{"event, place", "P4", "cube event_places", func(v *verified) { v.row(schema.CubeEventPlaces, 2, 0, "Signup", "NL") }},
	{"event, device", "P4", "cube event_devices", func(v *verified) {
		v.row(schema.CubeEventDevices, 2, 0, "page\t/shop*", "Mobile", schema.Other, schema.Other)
	}},
	{"page, place", "P4", "cube page_places", func(v *verified) { v.row(schema.CubePagePlaces, 1, 0, "example.com", "/", "NL") }},
	{"vital of a page, device", "P4", "cube vitals", func(v *verified) {
		v.row(schema.CubeVitals, 2, 0, "example.com", "/", "Mobile", "lcp", "2048")
	}},
	{"source, device", "P4", "cube source_devices", func(v *verified) {
		v.row(schema.CubeSourceDevices, 2, 0, "Direct", "", "", "Desktop", "Chrome", "Mac")
	}},
	{"segment", "P4", "cube segments", func(v *verified) { v.row(schema.CubeSegments, 2, 0, "0011223344556677") }},
	{"segment under a parent", "P4", "cube segments", func(v *verified) { v.row(schema.CubeSegments, 1, 0, schema.Other) }},
	{"segment, event", "P4", "cube segment_events", func(v *verified) {
		v.row(schema.CubeSegmentEvents, 2, 0, "0011223344556677", schema.Other)
	}},
	{"pair of pages", "P4", "cube transitions", func(v *verified) { v.row(schema.CubeTransitions, 2, 0, "/", "/a") }},
	{"city", "P4", "cube places", func(v *verified) { v.row(schema.CubePlaces, 2, 0, "NL", "NL-NH", "Q:Haarlem") }},
	{"language", "P4", "cube languages", func(v *verified) { v.row(schema.CubeLanguages, 2, 0, "fy") }},
	{"screen", "P4", "cube screens", func(v *verified) { v.row(schema.CubeScreens, 1, 0, "2560+") }},
	{"language beside a page", "P3", "cube pages have a value of language", func(v *verified) {
		v.insert("pages", "language", "fy")
	}},
	{"cube that nobody knows", "P3", `cube "event_page_places"`, func(v *verified) {
		v.insert("event_page_places", "event", "Signup")
	}},
	{"place beside a funnel", "P3", "cube funnel_steps have a value of country", func(v *verified) {
		v.insert("funnel_steps", "country", "NL")
	}},
	{"place beside a segment's pages", "P3", "cube segment_pages have a value of country", func(v *verified) {
		v.insert("segment_pages", "country", "NL")
	}},
	{"event of a person without a ledger", "P8", "no ledger of consents", func(v *verified) { v.person("events") }},
	{"event of a person who never agreed", "P8", "2 events of a person for journeys lie in no consent", func(v *verified) {
		if _, err := v.in.openConsents(nil); err != nil {
			v.t.Fatal(err)
		}
		v.person("journeys")
		v.person("journeys")
	}},
	{"device beside a transition", "P3", "cube transitions have a value of device", func(v *verified) {
		v.insert("transitions", "device", "Mobile")
	}},
}

// insert stores a counter that the writer would not write.
func (v *verified) insert(cube, column, value string) {
	v.sql("INSERT INTO turf.counts (site_id, cube, time, next_path, " + column + ", visitors) SELECT " +
		"1, '" + cube + "', toDateTime(toStartOfDay(now('UTC')), 'UTC'), '" + schema.Other + "', '" + value + "', 9")
}

// person stores an event of somebody whom no ledger knows.
func (v *verified) person(purpose string) {
	v.sql("INSERT INTO turf.consented_events (site_id, person, time, received, expires, purpose, name) SELECT " +
		"1, toFixedString('a person unknown', 16), now64(3), now64(3), now() + 1000, '" + purpose + "', 'pageview'")
}

// verify notices each breach that is planted, and only then; what an owner sets up is none.
func TestVerifyNoticesBreaches(t *testing.T) {
	embeddedtest.Library(t)
	v := openVerified(t)
	v.expect("", "")
	v.setUp()
	v.expect("", "")
	for _, b := range breaches {
		t.Run(b.name, func(t *testing.T) {
			v.t = t
			b.plant(v)
			v.expect(b.promise, b.says)
		})
	}
}

func openVerified(t *testing.T) *verified {
	ctx := t.Context()
	in, err := openInstance(ctx, instanceConfig{dir: t.TempDir(), clickhouse: embeddedEngine})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	v := &verified{t: t, in: in}
	if v.site, err = in.sites.Add(ctx, "example.com", "UTC"); err != nil {
		t.Fatal(err)
	}
	in.pipe, err = pipeline.Open(ctx, pipeline.Config{Dir: in.dir, Sites: in.sites.ByID, Sink: in.db, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if v.salt, _, err = in.pipe.Salt(v.site.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	return v
}

// setUp makes one of each thing that an owner can make.
func (v *verified) setUp() {
	ctx := v.t.Context()
	must := func(err error) {
		v.t.Helper()
		if err != nil {
			v.t.Fatal(err)
		}
	}
	_, _, err := v.in.access.AddKey(ctx, v.site.ID, "reports")
	must(err)
	_, _, err = v.in.access.AddShare(ctx, v.site.ID, "board")
	must(err)
	must(v.in.access.AddUser(ctx, "anna", "correct horse"))
	_, err = v.in.sites.Set(ctx, v.site.Domain, func(s *schema.Site) error {
		s.Settings = &schema.Settings{ExcludeAddresses: []string{"203.0.113.0/24"}}
		s.Goals = []schema.Goal{{Name: "Shop", Page: "/shop*"}}
		s.Funnels = []schema.Funnel{{Name: "Buy", Steps: []schema.FunnelStep{{Page: "/"}, {Event: "Signup"}}}}
		s.Segments = []schema.Segment{{Name: "NL", Filter: schema.SegmentFilter{Op: "is", Column: "country", Values: []string{"NL"}}}}
		return nil
	})
	must(err)
	v.row(schema.CubeTransitions, 3, 0, "/ok", "/enough")
	v.row(schema.CubeSegmentPages, 3, 0, "0011223344556677", "example.com", "/")
	v.row(schema.CubeVitals, 3, 0, "example.com", "/", "Mobile", "lcp", "")
	v.row(schema.CubeEventPlaces, 1, 0, "Signup", schema.Other)
	v.row(schema.CubeDrops, 1, time.Hour, "robot", "curl")
	hour := schema.Deltas{schema.VisitorsHour: 3, schema.VisitsHour: 3, schema.Pageviews: 4}
	v.days(schema.Deltas{schema.Visitors: 3, schema.Visits: 6, schema.Pageviews: 8}, hour, hour) // the same ones came again
	v.days(schema.Deltas{schema.Visitors: 6, schema.Visits: 6, schema.Pageviews: 8}, hour, hour)
}

// expect asks verify. says is a part of what it is to say of the promise; "" for nothing broken.
func (v *verified) expect(promise, says string) {
	v.t.Helper()
	got, err := verify(context.WithoutCancel(v.t.Context()), v.in, nothing{})
	if err != nil {
		v.t.Fatal(err)
	}
	if got.OK != (promise == "") {
		v.t.Errorf("ok is %v", got.OK)
	}
	found := says == ""
	for _, p := range got.Promises {
		text := strings.Join(p.Broken, "\n")
		if promise == "" && text != "" {
			v.t.Errorf("%s: %s", p.ID, text)
		}
		found = found || p.ID == promise && !p.OK && strings.Contains(text, says)
	}
	if !found {
		v.t.Errorf("nothing is said of %s like %q:\n%s", promise, says, got.text())
	}
}
