package stats

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/schema"
)

func TestResolve(t *testing.T) {
	const (
		amsterdam = "Europe/Amsterdam" // clock forward on 2026-03-29, back on 2026-10-25
		kathmandu = "Asia/Kathmandu"   // +05:45
		apia      = "Pacific/Apia"     // 2011-12-30 never was
		santiago  = "America/Santiago" // the clock goes forward at midnight: 2026-09-06 begins at 01:00
	)
	first := schema.Date(2026, time.January, 15)
	tests := []struct {
		asked, now, zone string
		want             string // from, to, and whether these are whole days
	}{
		{`"day"`, "2026-03-31T13:37:00Z", amsterdam, "2026-03-31T00:00:00+02:00 2026-04-01T00:00:00+02:00 days"},
		{`"day"`, "2026-03-31T23:30:00Z", amsterdam, "2026-04-01T00:00:00+02:00 2026-04-02T00:00:00+02:00 days"},
		{`"day"`, "2026-03-31T18:14:59Z", kathmandu, "2026-03-31T00:00:00+05:45 2026-04-01T00:00:00+05:45 days"},
		{`"day"`, "2026-03-31T18:15:00Z", kathmandu, "2026-04-01T00:00:00+05:45 2026-04-02T00:00:00+05:45 days"},
		{`"day"`, "2026-03-29T12:00:00Z", amsterdam, "2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00 days"},
		{`"day"`, "2026-09-06T12:00:00Z", santiago, "2026-09-06T01:00:00-03:00 2026-09-07T00:00:00-03:00 days"},
		{`"7d"`, "2026-03-31T13:37:00Z", amsterdam, "2026-03-24T00:00:00+01:00 2026-03-31T00:00:00+02:00 days"},
		{`"28d"`, "2026-03-31T13:37:00Z", "UTC", "2026-03-03T00:00:00+00:00 2026-03-31T00:00:00+00:00 days"},
		{`"1d"`, "2026-03-31T13:37:00Z", "UTC", "2026-03-30T00:00:00+00:00 2026-03-31T00:00:00+00:00 days"},
		{`"5000d"`, "2026-03-31T13:37:00Z", "UTC", "2012-07-22T00:00:00+00:00 2026-03-31T00:00:00+00:00 days"},
		{`"month"`, "2026-02-10T00:00:00Z", "UTC", "2026-02-01T00:00:00+00:00 2026-03-01T00:00:00+00:00 days"},
		{`"6mo"`, "2026-03-31T13:37:00Z", amsterdam, "2025-09-01T00:00:00+02:00 2026-03-01T00:00:00+01:00 days"},
		{`"12mo"`, "2026-03-31T13:37:00Z", "UTC", "2025-03-01T00:00:00+00:00 2026-03-01T00:00:00+00:00 days"},
		{`"1mo"`, "2026-01-31T13:37:00Z", "UTC", "2025-12-01T00:00:00+00:00 2026-01-01T00:00:00+00:00 days"},
		{`"year"`, "2026-03-31T13:37:00Z", "UTC", "2026-01-01T00:00:00+00:00 2027-01-01T00:00:00+00:00 days"},
		{`"all"`, "2026-03-31T13:37:00Z", "UTC", "2026-01-15T00:00:00+00:00 2026-04-01T00:00:00+00:00 days"},
		{`"all"`, "2025-03-31T13:37:00Z", "UTC", "2025-03-31T00:00:00+00:00 2025-04-01T00:00:00+00:00 days"},
		{`"24h"`, "2026-03-31T13:37:00Z", "UTC", "2026-03-30T14:00:00+00:00 2026-03-31T14:00:00+00:00 hours"},
		{`"24h"`, "2026-03-31T13:37:00Z", kathmandu, "2026-03-30T20:00:00+05:45 2026-03-31T20:00:00+05:45 hours"},
		{`"24h"`, "2026-03-29T12:10:00Z", amsterdam, "2026-03-28T14:00:00+01:00 2026-03-29T15:00:00+02:00 hours"},
		{`["2026-03-28","2026-03-29"]`, "2026-03-31T13:37:00Z", amsterdam, "2026-03-28T00:00:00+01:00 2026-03-30T00:00:00+02:00 days"},
		{`["2026-10-25","2026-10-25"]`, "2026-03-31T13:37:00Z", amsterdam, "2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00 days"},
		{`["2011-12-29","2011-12-31"]`, "2026-03-31T13:37:00Z", apia, "2011-12-29T00:00:00-10:00 2012-01-01T00:00:00+14:00 days"},
		{`["2011-12-30","2011-12-30"]`, "2026-03-31T13:37:00Z", apia, "date_range: 2011-12-30 never was in the time zone Pacific/Apia"},
		{
			`["2026-03-30T00:00:00+02:00","2026-03-30T23:59:59+02:00"]`, "2026-03-31T13:37:00Z", amsterdam,
			"2026-03-30T00:00:00+02:00 2026-03-31T00:00:00+02:00 days",
		},
		{
			`["2026-03-30T10:00:00Z","2026-03-30T12:00:00Z"]`, "2026-03-31T13:37:00Z", amsterdam,
			"2026-03-30T12:00:00+02:00 2026-03-30T14:00:00+02:00 hours",
		},
		{
			`["2026-03-30T10:15:00Z","2026-03-30T12:14:59Z"]`, "2026-03-31T13:37:00Z", kathmandu,
			"2026-03-30T16:00:00+05:45 2026-03-30T18:00:00+05:45 hours",
		},
		{
			`["2026-03-30T10:00:00Z","2026-03-30T12:00:00Z"]`, "2026-03-31T13:37:00Z", kathmandu,
			"date_range: it must begin and end with an hour of the site's clock (Asia/Kathmandu): the finest time that is kept is an hour",
		},
		{`["2026-03-30T10:00:00Z","2026-03-30T10:00:00Z"]`, "2026-03-31T13:37:00Z", "UTC", "date_range: it ends before it begins"},
	}
	for _, test := range tests {
		t.Run(test.asked+" "+test.zone, func(t *testing.T) {
			r, err := parseRange(json.RawMessage(test.asked))
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, test.now)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			s, err := r.Resolve(at, location(t, test.zone), first)
			if err != nil {
				got = err.Error()
			} else {
				got = s.From.Format(instantFormat) + " " + s.To.Format(instantFormat) + map[bool]string{true: " days", false: " hours"}[s.WholeDays]
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestBuckets(t *testing.T) {
	tests := []struct {
		name, zone, first, last, interval string
		want                              string
	}{
		{"days", "UTC", "2026-02-27", "2026-03-02", timeDay, "2026-02-27 2026-02-28 2026-03-01 2026-03-02"},
		{"a day that never was", "Pacific/Apia", "2011-12-29", "2012-01-01", timeDay, "2011-12-29 2011-12-31 2012-01-01"},
		{"weeks", "UTC", "2026-03-12", "2026-03-30", timeWeek, "2026-03-12 2026-03-16 2026-03-23 2026-03-30"},
		{"a week from Monday", "UTC", "2026-03-16", "2026-03-22", timeWeek, "2026-03-16"},
		{"from Sunday", "UTC", "2026-03-15", "2026-03-16", timeWeek, "2026-03-15 2026-03-16"},
		{"months", "UTC", "2025-11-20", "2026-01-01", timeMonth, "2025-11-01 2025-12-01 2026-01-01"},
		{
			"clock forward", "Europe/Amsterdam", "2026-03-29", "2026-03-29", timeHour,
			"00 01 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
		},
		{
			"clock back", "Europe/Amsterdam", "2026-10-25", "2026-10-25", timeHour,
			"00 01 02 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
		},
		{
			"no midnight", "America/Santiago", "2026-09-06", "2026-09-06", timeHour,
			"01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
		},
		{
			"three quarters of an hour", "Asia/Kathmandu", "2026-09-06", "2026-09-06", timeHour,
			"00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := DateRange{First: day(t, test.first), Last: day(t, test.last)}.Resolve(now, location(t, test.zone), 0)
			if err != nil {
				t.Fatal(err)
			}
			all := s.hours()
			if test.interval != timeHour {
				all = s.buckets(test.interval)
			}
			var got []string
			for _, b := range all {
				label := b.label
				if test.interval == timeHour {
					label = strings.TrimSuffix(strings.TrimPrefix(b.label, test.first+" "), ":00:00")
				}
				got = append(got, label)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), test.want)
			}
			if all[0].start != s.From.Unix() || !slices.IsSortedFunc(all, func(a, b bucket) int { return int(a.start - b.start) }) {
				t.Errorf("the buckets do not begin with the span and ascend: %v", all)
			}
		})
	}
}

func day(t *testing.T, s string) schema.Day {
	t.Helper()
	d, err := schema.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
