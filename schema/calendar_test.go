package schema

import (
	"testing"
	"time"
	_ "time/tzdata"
)

// The first instant of a day, where midnight is missing, doubled or plain.
func TestDayStart(t *testing.T) {
	for _, c := range []struct{ zone, day, want string }{
		{"UTC", "2026-03-01", "2026-03-01T00:00:00Z"},
		{"Europe/Amsterdam", "2026-03-29", "2026-03-28T23:00:00Z"},
		{"Europe/Amsterdam", "2026-03-30", "2026-03-29T22:00:00Z"},
		{"Asia/Kathmandu", "2026-03-01", "2026-02-28T18:15:00Z"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"}, // midnight skipped: the day begins at 01:00
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"},    // midnight twice: the first
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},      // the 30th did not exist
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
	} {
		loc, err := LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ParseDay(c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Start(loc).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s starts at %s, want %s", c.day, c.zone, got, c.want)
		}
	}
}

// Every instant of a year lies in exactly one day, and days have 23, 24 or 25 hours (Lord Howe: 23.5 and 24.5).
func TestDaysCoverTheYear(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Amsterdam", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"} {
		loc, err := LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for d := Date(2025, 12, 31); d < Date(2027, 1, 2); d++ {
			start, next := d.Start(loc), (d + 1).Start(loc)
			if DayOf(start, loc) != d || DayOf(next.Add(-time.Second), loc) != d || DayOf(start.Add(-time.Second), loc) != d-1 {
				t.Fatalf("%s: %s is not the day from %s to %s", zone, d, start, next)
			}
			if h := next.Sub(start); h < 23*time.Hour || h > 25*time.Hour {
				t.Fatalf("%s: %s has %s", zone, d, h)
			}
		}
	}
}

func TestHourStart(t *testing.T) {
	for _, c := range []struct{ zone, at, want string }{
		{"UTC", "2026-03-01T10:59:59Z", "2026-03-01T10:00:00Z"},
		{"Asia/Kathmandu", "2026-03-01T10:20:00Z", "2026-03-01T10:15:00Z"},
		{"Asia/Kathmandu", "2026-03-01T10:10:00Z", "2026-03-01T09:15:00Z"},
		{"Asia/Kolkata", "2026-03-01T10:10:00Z", "2026-03-01T09:30:00Z"},
	} {
		loc, err := LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(HourStart(at, loc), 0).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("the hour of %s in %s starts at %s, want %s", c.at, c.zone, got, c.want)
		}
	}
}
