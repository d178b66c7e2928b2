package stats

import (
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"turf/schema"
)

// Limits of a span of time.
const (
	MaxRangeDays   = 5000 // of "<n>d"
	MaxRangeMonths = 100  // of "<n>mo"
	// MaxSpanDays is the longest span between two dates, 54 years.
	MaxSpanDays = 20_000
	// minYear and maxYear are those that the table's DateTime can hold in every zone: 1970 began before 0 east of Greenwich.
	minYear = 1971
	maxYear = 2105
)

var relativePattern = regexp.MustCompile(`^([1-9][0-9]{0,3})(d|mo)$`)

const rangeKinds = `"day", "24h", "7d", "28d", "30d", "91d", "month", "6mo", "12mo", "year", "all", ` +
	`["2026-01-01","2026-01-31"] or two instants such as "2026-01-31T10:00:00+01:00"`

func parseRange(raw json.RawMessage) (DateRange, error) {
	if name, err := decode[string]("date_range", "a name", raw); err == nil {
		if _, _, err := relative(name); err != nil {
			return DateRange{}, err
		}
		return DateRange{Name: name}, nil
	}
	pair, err := decode[[]string]("date_range", rangeKinds, raw)
	if err != nil {
		return DateRange{}, err
	}
	if len(pair) != 2 {
		return DateRange{}, invalid("date_range", "%s is expected, not %s", rangeKinds, excerpt(raw))
	}
	first, err1 := schema.ParseDay(pair[0])
	last, err2 := schema.ParseDay(pair[1])
	if err1 == nil && err2 == nil {
		return DateRange{First: first, Last: last}, checkYears(first, last)
	}
	from, err1 := time.Parse(time.RFC3339, pair[0])
	to, err2 := time.Parse(time.RFC3339, pair[1])
	if err1 != nil || err2 != nil {
		return DateRange{}, invalid("date_range", "%s is expected, not %s", rangeKinds, excerpt(raw))
	}
	if from.Nanosecond() != 0 || to.Nanosecond() != 0 {
		return DateRange{}, invalid("date_range", "instants are given in whole seconds")
	}
	return DateRange{From: from, To: to}, checkYears(schema.DayOf(from, time.UTC), schema.DayOf(to, time.UTC))
}

func checkYears(first, last schema.Day) error {
	y1, _, _ := first.Civil()
	y2, _, _ := last.Civil()
	switch {
	case last < first:
		return invalid("date_range", "it ends before it begins")
	case y1 < minYear || y2 > maxYear:
		return invalid("date_range", "years are from %d to %d", minYear, maxYear)
	case int(last-first) >= MaxSpanDays:
		return invalid("date_range", "it is longer than %d days", MaxSpanDays)
	}
	return nil
}

// relative takes a name apart: "30d" is 30 and "d", "all" is 0 and "all".
func relative(name string) (n int, unit string, err error) {
	switch name {
	case "day", "24h", "month", "year", "all":
		return 0, name, nil
	}
	m := relativePattern.FindStringSubmatch(name)
	if m == nil {
		return 0, "", invalid("date_range", "%q is not known. Use %s", excerpt([]byte(name)), rangeKinds)
	}
	if n, err = strconv.Atoi(m[1]); err != nil {
		return 0, "", invalid("date_range", "%q is not a number", m[1])
	}
	if m[2] == "d" && n > MaxRangeDays || m[2] == "mo" && n > MaxRangeMonths {
		return 0, "", invalid("date_range", "at most %dd or %dmo can be asked for", MaxRangeDays, MaxRangeMonths)
	}
	return n, m[2], nil
}

// Span is a span of time of a site: whole hours of its clock, from From up to but not including To. It is not empty.
type Span struct {
	From, To time.Time // in the site's time zone
	// First and Last are the days in which it begins and ends.
	First, Last schema.Day
	// WholeDays: it begins and ends with a day.
	WholeDays bool
}

// Resolve finds the span that is meant at the time now in the time zone loc. first is the first day of data, for "all".
func (r DateRange) Resolve(now time.Time, loc *time.Location, first schema.Day) (Span, error) {
	if !r.From.IsZero() {
		return r.resolveInstants(loc)
	}
	if r.Name == "" {
		return daySpan(r.First, r.Last, loc)
	}
	n, unit, err := relative(r.Name)
	if err != nil {
		return Span{}, err
	}
	today := schema.DayOf(now, loc)
	y, m, _ := today.Civil()
	switch unit {
	case "d": // complete days: today is not among them
		return daySpan(today-schema.Day(n), today-1, loc)
	case "mo": // complete months
		return daySpan(schema.Date(y, m-time.Month(n), 1), schema.Date(y, m, 1)-1, loc)
	case "month":
		return daySpan(schema.Date(y, m, 1), schema.Date(y, m+1, 1)-1, loc)
	case "year":
		return daySpan(schema.Date(y, time.January, 1), schema.Date(y+1, time.January, 1)-1, loc)
	case "all":
		return daySpan(max(min(first, today), today-MaxSpanDays+1), today, loc)
	case "24h": // the hour that it is and the 23 before
		from := schema.HourStart(now.Add(-23*time.Hour), loc)
		return newSpan(time.Unix(from, 0), time.Unix(schema.HourStart(now, loc)+3600, 0), loc), nil
	}
	return daySpan(today, today, loc)
}

func daySpan(first, last schema.Day, loc *time.Location) (Span, error) {
	if err := checkYears(first, last); err != nil {
		return Span{}, err
	}
	s := Span{From: first.Start(loc), To: (last + 1).Start(loc), First: first, Last: last, WholeDays: true}
	if !s.From.Before(s.To) {
		return Span{}, invalid("date_range", "%s never was in the time zone %s", first, loc)
	}
	return s, nil
}

func newSpan(from, to time.Time, loc *time.Location) Span {
	s := Span{From: from.In(loc), To: to.In(loc), First: schema.DayOf(from, loc), Last: schema.DayOf(to.Add(-time.Second), loc)}
	s.WholeDays = s.From.Equal(s.First.Start(loc)) && s.To.Equal((s.Last + 1).Start(loc))
	return s
}

// resolveInstants takes spans whose ends are those of hours of the site's clock. The last second of an hour, as 23:59:59, is its
// end too.
func (r DateRange) resolveInstants(loc *time.Location) (Span, error) {
	to := r.To
	if next := to.Add(time.Second); startsBucket(next, loc) {
		to = next
	}
	if !startsBucket(r.From, loc) || !startsBucket(to, loc) {
		return Span{}, invalid("date_range", "it must begin and end with an hour of the site's clock (%s): the finest time that is "+
			"kept is an hour", loc)
	}
	if !r.From.Before(to) {
		return Span{}, invalid("date_range", "it ends before it begins")
	}
	s := newSpan(r.From, to, loc)
	return s, checkYears(s.First, s.Last)
}

// startsBucket reports whether an hour or a day of the site begins at t.
func startsBucket(t time.Time, loc *time.Location) bool {
	return schema.HourStart(t, loc) == t.Unix() || schema.DayOf(t, loc).Start(loc).Equal(t)
}

// asked is the span as Plausible writes it in the answer: with the last second that is in it.
func (s Span) asked() DateRange { return DateRange{From: s.From, To: s.To.Add(-time.Second)} }
