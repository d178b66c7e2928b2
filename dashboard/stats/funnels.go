package stats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"turf/schema"
)

// FunnelAnswer is how many visitors took the steps of a funnel. Everybody counts on each day anew, as everywhere; the rules are
// those of [schema.Funnel].
type FunnelAnswer struct {
	Name      string             `json:"name"`
	WindowSec int                `json:"window_sec"` // 0: the whole day
	DateRange DateRange          `json:"date_range"` // as instants of the site's time zone
	Steps     []FunnelStepAnswer `json:"steps"`
	// CountedSince is when the funnel was declared, if that lies inside the span: before, nothing was counted.
	CountedSince string `json:"counted_since,omitempty"`
	// LeftOutDays were imported: no import tells the steps of a funnel, so the numbers are those of the other days.
	LeftOutDays []schema.DaySpan `json:"left_out_days,omitempty"`
}

// FunnelStepAnswer is a step.
type FunnelStepAnswer struct {
	Step     schema.FunnelStep `json:"step"`
	Label    string            `json:"label"` // for people
	Visitors int64             `json:"visitors"`
	// Dropoff is how many of the step before did not reach this one.
	Dropoff int64 `json:"dropoff"`
	// FromPrevious and FromFirst are the visitors as a percentage of those of the step before and of the first, with two
	// decimals; nil where nobody was there.
	FromPrevious *float64 `json:"conversion_from_previous"`
	FromFirst    *float64 `json:"conversion_from_first"`
	// MedianSec is the time in seconds from the first step to this one that half of the visitors needed at the most, within an
	// eighth (see Engagement in the package's documentation). nil for the first step, and where nobody came.
	MedianSec *float64 `json:"median_time"`
	P90Sec    *float64 `json:"p90_time"`
}

// Funnel answers a question about a funnel of the site, by its name. The question's mistakes are *InvalidError.
func (e *Engine) Funnel(ctx context.Context, site *schema.Site, name string, r DateRange) (*FunnelAnswer, error) {
	f, err := findFunnel(site, name)
	if err != nil {
		return nil, err
	}
	span, err := e.span(ctx, site, r)
	if err != nil {
		return nil, err
	}
	if !span.WholeDays {
		return nil, invalid("date_range", "a funnel is counted by the day, and the date_range begins or ends inside one. Ask for whole days")
	}
	left, err := e.imported(site.ID, span, "the steps of a funnel")
	if err != nil {
		return nil, err
	}
	sql := funnelStatement(site.ID, f, span)
	rows, err := e.Runner.Select(ctx, sql.SQL, sql.Params)
	if err != nil {
		return nil, fmt.Errorf("ask for the funnel %s: %w", f.Key(), err)
	}
	times, err := funnelTimes(f, rows)
	if err != nil {
		return nil, fmt.Errorf("read the rows of the funnel %s: %w", f.Key(), err)
	}
	answer := &FunnelAnswer{Name: f.Name, WindowSec: f.WindowSec, DateRange: span.asked(), LeftOutDays: left}
	if f.Since.After(span.From) {
		answer.CountedSince = f.Since.In(span.From.Location()).Format(instantFormat)
	}
	for i, step := range f.Steps {
		s := FunnelStepAnswer{Step: step, Label: step.String(), Visitors: times[i].visitors()}
		if i > 0 {
			before, first := answer.Steps[i-1].Visitors, answer.Steps[0].Visitors
			s.Dropoff = before - s.Visitors
			s.FromPrevious, s.FromFirst = percent(s.Visitors, before), percent(s.Visitors, first)
			s.MedianSec, s.P90Sec = times[i].percentile(50), times[i].percentile(90)
		}
		answer.Steps = append(answer.Steps, s)
	}
	return answer, nil
}

func findFunnel(site *schema.Site, name string) (*schema.Funnel, error) {
	var names []string
	for i := range site.Funnels {
		if site.Funnels[i].Name == name {
			return &site.Funnels[i], nil
		}
		names = append(names, site.Funnels[i].Name)
	}
	if len(names) == 0 {
		return nil, invalid("funnel", "this site has no funnels. Declare one first")
	}
	return nil, invalid("funnel", "%q is not a funnel of this site. Its funnels are %s", name, enumerate(names))
}

// span is what the range means now.
func (e *Engine) span(ctx context.Context, site *schema.Site, r DateRange) (Span, error) {
	loc, err := site.Location()
	if err != nil {
		return Span{}, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	now := e.Now()
	first := schema.DayOf(now, loc)
	if r.Name == "all" {
		if first, err = e.firstDay(ctx, site.ID, first, loc); err != nil {
			return Span{}, err
		}
	}
	return r.Resolve(now, loc, first)
}

func funnelStatement(site schema.SiteID, f *schema.Funnel, span Span) statement {
	w := newWriter()
	sql := "SELECT step, bucket, sum(visitors) AS n\nFROM counts\nWHERE site_id = " + w.number("site", "UInt32", int64(site)) +
		" AND cube = 'funnel_steps'\n  AND time >= toDateTime(" + w.number("from", "Int64", span.From.Unix()) +
		", 'UTC') AND time < toDateTime(" + w.number("to", "Int64", span.To.Unix()) + ", 'UTC')\n  AND funnel = " +
		w.value(f.Key()) + "\nGROUP BY step, bucket\nHAVING n != 0\nORDER BY step, bucket\n"
	return statement{sql, w.params}
}

// histogram is how many visitors needed how long.
type histogram []histogramBucket

type histogramBucket struct{ startSec, visitors int64 }

// funnelTimes are the histograms of the funnel's steps.
func funnelTimes(f *schema.Funnel, rows [][]any) ([]histogram, error) {
	times := make([]histogram, len(f.Steps))
	for _, row := range rows {
		if len(row) != 3 || reflectValue(row[0]).Kind() != reflect.String || reflectValue(row[1]).Kind() != reflect.String {
			return nil, errors.New("a step, a bucket and a number were expected")
		}
		step, err := strconv.Atoi(reflectValue(row[0]).String())
		if err != nil || step < 1 || step > len(times) {
			return nil, fmt.Errorf("%q is no step", reflectValue(row[0]).String())
		}
		bucket, err := strconv.ParseInt(reflectValue(row[1]).String(), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("a bucket: %w", err)
		}
		n, err := toInt(row[2])
		if err != nil {
			return nil, err
		}
		times[step-1] = append(times[step-1], histogramBucket{bucket, n})
	}
	for _, h := range times {
		slices.SortFunc(h, func(a, b histogramBucket) int { return cmp.Compare(a.startSec, b.startSec) })
	}
	return times, nil
}

func (h histogram) visitors() (n int64) {
	for _, b := range h {
		n += b.visitors
	}
	return n
}

// percentile is the middle of the bucket in which that visitor lies of a hundred, the fastest first.
func (h histogram) percentile(p int64) *float64 {
	all, n := h.visitors(), int64(0)
	for _, b := range h {
		n += b.visitors
		if all > 0 && 100*n >= p*all {
			middle := float64(b.startSec)
			if b.startSec >= 8 { // buckets before are a second wide
				middle *= 1.125
			}
			middle = float64(int64(middle + 0.5))
			return &middle
		}
	}
	return nil
}

// percent is n of all, with two decimals, or nil when there are none.
func percent(n, all int64) *float64 {
	if all == 0 {
		return nil
	}
	p := float64(int64(float64(n)/float64(all)*10_000+0.5)) / 100
	return &p
}
