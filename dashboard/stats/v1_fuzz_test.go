package stats

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/schema"
)

// FuzzV1Filters: what is written as a filter of v1 is read as it was meant.
func FuzzV1Filters(f *testing.F) {
	f.Add("Google", "a|b", true)
	f.Add("", `\|`, false)
	f.Add("==", "!=~", true)
	f.Fuzz(func(t *testing.T, first, second string, negated bool) {
		values := []string{strings.TrimSpace(first), strings.TrimSpace(second)}
		text := []string{values[0], values[1]}
		for i, v := range values {
			// A \ before | or at the end cannot be written, nor a ; and * is no text.
			if strings.ContainsAny(v, ";*") || strings.Contains(v, `\|`) || strings.HasSuffix(v, `\`) {
				t.Skip()
			}
			text[i] = strings.ReplaceAll(v, "|", `\|`)
		}
		op, want := "==", Is
		if negated {
			op, want = "!=", IsNot
		}
		got, err := V1Filters("visit:utm_source" + op + strings.Join(text, "|"))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].Op != want || got[0].Dimension != "visit:utm_source" ||
			!slices.Equal(got[0].Values, values) {
			t.Errorf("%q: %+v", text, got)
		}
	})
}

// FuzzV1 puts anything into the parameters: it becomes a question that can be planned or refused, and all mistakes
// are the asker's.
func FuzzV1(f *testing.F) {
	for _, seed := range []string{
		"period=7d&metrics=visitors,pageviews&filters=visit:source==Google%3Bvisit:country==NL|BE",
		"period=custom&date=2026-01-01,2026-03-01&interval=month", "period=day&property=visit:city&limit=3&page=2",
		"filters=event:goal==Visit /a*&metrics=events", "property=event:goal&filters=event:goal==Signup|B", "date=0000-00-00",
	} {
		f.Add(seed)
	}
	site := schema.Site{ID: 7, Domain: "example.com", Timezone: "Europe/Amsterdam"}
	e := Engine{Runner: stopped{}, Now: func() time.Time { return now }}
	loc := location(f, site.Timezone)
	f.Fuzz(func(t *testing.T, raw string) {
		params, err := url.ParseQuery(raw)
		if err != nil {
			t.Skip()
		}
		for _, ask := range []func(context.Context, *schema.Site, url.Values) (*V1Answer, error){
			e.V1Aggregate, e.V1Timeseries, e.V1Breakdown,
		} {
			_, err := ask(t.Context(), &site, params)
			mistake(t, err)
		}
		v, err := parseV1(params, now, loc, nil)
		if err != nil {
			return
		}
		days := v.last - v.first
		if v.previous(); v.last-v.first > days || v.last < v.first {
			t.Errorf("the period before has the days %s to %s", v.first, v.last)
		}
	})
}

// stopped is a store that is reached by what could be planned, and by nothing else.
type stopped struct{}

var errStopped = errors.New("planned")

func (stopped) Select(context.Context, string, map[string]string) ([][]any, error) {
	return nil, errStopped
}

// mistake holds an error to be the asker's, or that of the store.
func mistake(t *testing.T, err error) {
	t.Helper()
	var invalid *InvalidError
	if !errors.As(err, &invalid) && !errors.Is(err, errStopped) {
		t.Errorf("%T: %v", err, err)
	}
}

// A period relative to a date that is none of a calendar's edges: the days that v1 means.
func TestV1Periods(t *testing.T) {
	for query, want := range map[string]string{
		"":                             "2026-03-01 2026-03-30",
		"period=day":                   "2026-03-31 2026-03-31",
		"period=7d":                    "2026-03-24 2026-03-30",
		"period=month":                 "2026-03-01 2026-03-31",
		"period=6mo":                   "2025-10-01 2026-03-31",
		"period=12mo":                  "2025-04-01 2026-03-31",
		"period=6mo&date=today":        "2025-10-01 2026-03-31",
		"date=2026-03-31":              "2026-03-01 2026-03-30",
		"period=month&date=2024-02-29": "2024-02-01 2024-02-29",
		"period=12mo&date=2024-02-29":  "2023-03-01 2024-02-29",
		"period=custom&date=2024-02-29,2024-03-01":          "2024-02-29 2024-03-01",
		"period=custom&date=%202024-02-29%20,%202024-03-01": "2024-02-29 2024-03-01",
	} {
		params, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseV1(params, now, location(t, "Europe/Amsterdam"), nil)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := v.first.String() + " " + v.last.String(); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// Days are those of the site's clock.
	night := time.Date(2026, time.March, 31, 23, 0, 0, 0, time.UTC)
	v, err := parseV1(url.Values{"period": {"day"}}, night, location(t, "Asia/Tokyo"), nil)
	if err != nil || v.first.String() != "2026-04-01" {
		t.Errorf("%v %v", v, err)
	}
}
