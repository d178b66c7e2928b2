package schema

import (
	"fmt"
	"time"
)

// Day is a date of some calendar, as days since 1970-01-01. It knows no time zone.
type Day int32

const dayFormat = "2006-01-02"

// DayOf is the date that a clock in loc shows at t.
func DayOf(t time.Time, loc *time.Location) Day {
	y, m, d := t.In(loc).Date()
	return Date(y, m, d)
}

// Date is the day y-m-d, normalised as time.Date does.
func Date(y int, m time.Month, d int) Day {
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(dayFormat, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a date such as 2026-01-31", s)
	}
	return Day(t.Unix() / 86400), nil
}

// String is YYYY-MM-DD.
func (d Day) String() string { return d.utc().Format(dayFormat) }

// Civil is the year, month and day of the month.
func (d Day) Civil() (int, time.Month, int) { return d.utc().Date() }

func (d Day) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Start is the first instant at which a clock in loc shows the date d. Where a change of the clock skips midnight, that is
// the instant of the change; where it repeats midnight, the first of the two. (A date that a zone skipped altogether, such as
// 2011-12-30 in Apia, is empty: it starts when the next one does.)
func (d Day) Start(loc *time.Location) time.Time {
	y, m, dd := d.Civil()
	noon := time.Date(y, m, dd, 12, 0, 0, 0, time.UTC).Unix()
	// No zone is further than 26 h from UTC in either direction, so the day starts inside this span.
	lo, hi := noon-40*3600, noon+40*3600
	for lo < hi {
		mid := lo + (hi-lo)/2
		if DayOf(time.Unix(mid, 0), loc) >= d {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return time.Unix(lo, 0).In(loc)
}

// HourStart is the start of the hour of loc's clock in which t lies, as Unix seconds: t less the minutes and seconds that the
// clock shows. Where the clock was changed inside that hour it is still the same number for all instants of one run of the clock.
func HourStart(t time.Time, loc *time.Location) int64 {
	t = t.In(loc)
	return t.Unix() - int64(t.Minute()*60+t.Second())
}
