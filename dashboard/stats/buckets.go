package stats

import (
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// MaxBuckets is the most buckets of time that a question may have; empty hours count only when they are to be labelled.
const MaxBuckets = 10_000

const hourLabelFormat = "2006-01-02 15:04:05"

// interval is the interval of a time dimension for the span.
func interval(name string, s Span) string {
	if name != timeAny {
		return name
	}
	hours := s.To.Sub(s.From).Hours()
	switch days := hours / 24; {
	case hours <= 48:
		return timeHour
	case days <= 40:
		return timeDay
	case days <= 52*7:
		return timeWeek
	}
	return timeMonth
}

// bucket is a part of a span.
type bucket struct {
	start int64 // Unix seconds
	label string
}

// buckets divides the span into days, weeks or months. None is empty, and the first begins with the span.
func (s Span) buckets(interval string) []bucket {
	loc := s.From.Location()
	var all []bucket
	for d := s.First; d <= s.Last; {
		label, next := d, d+1
		y, m, _ := d.Civil()
		switch interval {
		case timeWeek:
			// 1970-01-01 was a Thursday: that day + 3 is a multiple of 7 on Mondays.
			next = d + 7 - (d+3)%7
		case timeMonth:
			label, next = schema.Date(y, m, 1), schema.Date(y, m+1, 1)
		}
		start := max(d.Start(loc).Unix(), s.From.Unix())
		// A day that the zone skipped is none.
		if start < min(next.Start(loc).Unix(), s.To.Unix()) {
			all = append(all, bucket{start, label.String()})
		}
		d = next
	}
	return all
}

// hours are the hours of the span.
func (s Span) hours() []bucket {
	loc := s.From.Location()
	var all []bucket
	for t := s.From.Unix(); t < s.To.Unix(); {
		all = append(all, bucket{t, hourLabel(t, loc)})
		next := schema.HourStart(time.Unix(t+3600, 0), loc)
		if next <= t { // a change of the clock inside the hour
			next = t + 3600
		}
		t = next
	}
	return all
}

func hourLabel(t int64, loc *time.Location) string {
	return time.Unix(t, 0).In(loc).Format(hourLabelFormat)
}

// joinStarts is the buckets' starts, as the SQL takes them.
func joinStarts(all []bucket) string {
	var b strings.Builder
	for i, bucket := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(bucket.start, 10))
	}
	return b.String()
}
