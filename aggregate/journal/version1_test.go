package journal_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"turf/aggregate/journal"
	"turf/schema"
)

// A segment of before says milliseconds where today there are seconds, and counts page views as events where today there are custom
// events only. Its batch has today's metrics, under the token and in the rows that the older program made of it: also one that adds
// nothing any more, for the batch may have been stored in part, and is cut at the same places again.
func TestVersion1(t *testing.T) {
	events := func(views, events int64) schema.Deltas {
		return schema.Deltas{schema.Visitors: 3, schema.Pageviews: views, schema.Events: events}
	}
	const looked = schema.EngagedSeconds     // in milliseconds
	const scrolled = schema.UnscrolledVisits // the other ones
	for _, c := range []struct {
		what      string
		cube      schema.CubeID
		was, want schema.Deltas
	}{
		{"page views alone", schema.CubeTraffic, events(4, 4), schema.Deltas{schema.Visitors: 3, schema.Pageviews: 4}},
		{
			"custom events", schema.CubeSources, events(4, 9),
			schema.Deltas{schema.Visitors: 3, schema.Pageviews: 4, schema.CustomEvents: 5},
		},
		{ // what was moved away because k was reached, and page views that came
			"as many taken as given", schema.CubePagePlaces,
			schema.Deltas{schema.Pageviews: 2, schema.Visitors: -1},
			schema.Deltas{schema.Pageviews: 2, schema.CustomEvents: -2, schema.Visitors: -1},
		},
		{"events of a name", schema.CubeEvents, events(0, 9), events(0, 9)},
		{"of a segment", schema.CubeSegmentPages, events(1, 1), schema.Deltas{schema.Visitors: 3, schema.Pageviews: 1}},
		{"dropped requests", schema.CubeDrops, schema.Deltas{schema.Events: 2}, schema.Deltas{schema.Events: 2}},
		{"measurements", schema.CubeVitals, events(0, 2), events(0, 2)},
		{"next pages", schema.CubeTransitions, events(0, 2), events(0, 2)},
		{"seconds", schema.CubePagesDaily, schema.Deltas{looked: 2501}, schema.Deltas{looked: 3}},
		{"halves to the even side", schema.CubePagesDaily, schema.Deltas{looked: 2500}, schema.Deltas{looked: 2}},
		{"on both sides of 0", schema.CubePagePlaces, schema.Deltas{looked: -2501}, schema.Deltas{looked: -3}},
		{
			"some did not scroll", schema.CubePageSources,
			schema.Deltas{schema.EngagedVisits: 5, scrolled: 3},
			schema.Deltas{schema.EngagedVisits: 5, schema.UnscrolledVisits: 2},
		},
		{ // a visit that was known already, of which it is told now
			"one more scrolled", schema.CubePageSources, schema.Deltas{scrolled: 1}, schema.Deltas{schema.UnscrolledVisits: -1},
		},
		{"nothing is left", schema.CubePagesDaily, schema.Deltas{looked: 400}, schema.Deltas{}},
		{ // it is in no cube of days yet if the program that wrote it had none
			"what hours do not keep", schema.CubePages,
			schema.Deltas{schema.Visitors: 2, schema.Scroll50: 1, looked: 9000},
			schema.Deltas{schema.Visitors: 2, schema.Scroll50: 1, looked: 9},
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			inc := schema.Increment{Cell: schema.Cell{Site: 1, Cube: c.cube, Time: 3600}, Delta: c.was}
			fs := newFS()
			j, _ := open(t, fs, journal.Options{})
			for group := range uint64(2) { // the sums are converted, not the groups
				if err := j.Append(group+1, []schema.Increment{inc}); err != nil {
					t.Fatal(err)
				}
				inc.Delta = schema.Deltas{}
			}
			old := asVersion1(t, fs)
			fs.Put(first, old)
			for range 2 { // the second start finds it no more the newest
				_, rec := open(t, fs, journal.Options{})
				if rec.Last != 2 || len(rec.Sealed) != 1 {
					t.Fatalf("recovered %+v", rec)
				}
				want := schema.Batch{
					Token: "0102030405060708-090a0b0c0d0e0f10-1", Rows: []schema.Row{{Cell: inc.Cell, Sums: c.want}},
				}
				if diff := cmp.Diff(want, batch(t, rec.Sealed[0])); diff != "" {
					t.Errorf("−want +got\n%s", diff)
				}
				if data, err := fs.ReadFile(first); err != nil || !slices.Equal(data, old) {
					t.Errorf("the segment was changed: %v", err)
				}
			}
		})
	}
}

// What can be read of a damaged segment of before stays one of before.
func TestVersion1Salvaged(t *testing.T) {
	fs := newFS()
	j, _ := open(t, fs, journal.Options{})
	for group := range uint64(3) {
		i := inc("/a", 10)
		i.Delta[schema.Events] = 11
		if err := j.Append(group+1, []schema.Increment{i}); err != nil {
			t.Fatal(err)
		}
	}
	old := asVersion1(t, fs)
	old[recordAt(t, old, 1)+22] ^= 1 // the second group, which defines no cell
	fs.Put(first, old)
	if _, err := journal.Salvage(fs, dir); err != nil {
		t.Fatal(err)
	}
	_, rec := open(t, fs, journal.Options{})
	rows := batch(t, rec.Sealed[0]).Rows
	want := schema.Deltas{schema.Pageviews: 20, schema.CustomEvents: 2}
	if len(rows) != 1 || rows[0].Sums != want {
		t.Errorf("rows %v", rows)
	}
}

// A metric that version 1 had not is damage there.
func TestVersion1HasNoNewMetrics(t *testing.T) {
	fs := newFS()
	j, _ := open(t, fs, journal.Options{})
	i := inc("/a", 1)
	i.Delta[schema.CustomEvents] = 1
	if err := j.Append(1, []schema.Increment{i}); err != nil {
		t.Fatal(err)
	}
	got, _ := reopen(t, [][]byte{asVersion1(t, fs), segments(t, true, 0)[1]})
	if want := "damaged: segment 1 byte 48: value of a metric is wrong"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// asVersion1 is the first segment with the header of version 1, whose records have the same form.
func asVersion1(t *testing.T, fs journal.FS) []byte {
	t.Helper()
	data, err := fs.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	data = slices.Clone(data)
	data[7] = 1
	binary.LittleEndian.PutUint32(data[44:], crc32.Checksum(data[:44], crc32.MakeTable(crc32.Castagnoli)))
	return data
}
