package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse/clickhousetest"
)

// vitalsK is the k of script.count.
const vitalsK = 2

// measured is what was measured of a page, or of a page and device: the values, and by bucket who told of it first there.
type measured struct {
	values []float64
	first  map[string]map[string]int // bucket, visitor: how often; 0 where the visitor told of the page before
	views  map[string]int            // bucket: measurements
}

// Percentiles lie within an eighth of the true ones of the measurements themselves. By device they are null where the k rule hides
// more than a tenth, by the test's own reckoning, and else their rank is off by at most a tenth.
func TestVitalsAgainstMeasurements(t *testing.T) {
	db := clickhousetest.Empty(t)
	nulls, numbers := 0, 0
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 8))
		s := script{t: t, db: db, now: time.Date(2026, 9, 8, 12, 0, 0, 0, time.UTC)}
		s.site = schema.Site{ID: schema.SiteID(seed + 1), Domain: "example.com", Timezone: "UTC"}
		all, lines := randomMeasurements(r, 20+r.IntN(400))
		s.count("vitals", "2026-09-07", lines)
		for _, dimensions := range [][]string{{"event:page"}, {"event:page", "visit:device"}} {
			for _, row := range s.vitals(dimensions) {
				key, byDevice := row.Dimensions[0].(string), len(dimensions) == 2
				if byDevice {
					if key += " " + row.Dimensions[1].(string); row.Dimensions[1] == schema.Other {
						continue
					}
				}
				m := all[key]
				hidden := 0
				for bucket, visitors := range m.first {
					if byDevice && len(visitors) < vitalsK {
						hidden += m.views[bucket]
					}
				}
				if views := row.Metrics[3].(int64); views != int64(len(m.values)) {
					t.Errorf("seed %d, %s: %d page views, want %d", seed, key, views, len(m.values))
				}
				wantNull := float64(hidden) > 0.1*float64(len(m.values))
				for i, share := range []float64{0.5, 0.75, 0.9} {
					got, isNumber := row.Metrics[i].(float64)
					if isNumber == wantNull {
						t.Fatalf("seed %d, %s: %v with %d of %d hidden", seed, key, row.Metrics[i], hidden, len(m.values))
					}
					if !isNumber {
						nulls++
						continue
					}
					numbers++
					off := float64(hidden) / float64(len(m.values))
					least, most := quantile(m.values, share-off)*0.875-0.5, quantile(m.values, share+off)*1.125+0.5
					if got < least || got > most {
						t.Errorf("seed %d, %s: %v, want %.1f to %.1f for %v", seed, key, got, least, most, share)
					}
				}
			}
		}
	}
	t.Logf("%d percentiles, %d null", numbers, nulls)
	if nulls == 0 || numbers < 50 {
		t.Error("too few of a kind: the test tests nothing")
	}
}

// vitals asks for the percentiles of LCP and the number of measurements.
func (s *script) vitals(dimensions []string) []stats.Result {
	s.t.Helper()
	engine := stats.Engine{Runner: s.db, Now: func() time.Time { return s.now }}
	answer, err := engine.Answer(s.t.Context(), &s.site, &stats.Query{
		Site: "example.com", Metrics: []stats.Metric{"lcp_p50", "lcp_p75", "lcp_p90", "lcp_views"},
		Range: stats.DateRange{Name: "7d"}, Dimensions: dimensions, Pagination: stats.Pagination{Limit: 100},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.Results
}

// randomMeasurements are a day of visitors who look at pages, some of them again, as lines for script.count, and what was measured by
// page and by page and device.
func randomMeasurements(r *rand.Rand, visitors int) (all map[string]*measured, lines []string) {
	all = map[string]*measured{}
	add := func(key, visitor string, again bool, value int64) {
		if all[key] == nil {
			all[key] = &measured{first: map[string]map[string]int{}, views: map[string]int{}}
		}
		m, bucket := all[key], schema.LogBucket(value)
		m.values = append(m.values, float64(value))
		m.views[bucket]++
		if m.first[bucket] == nil {
			m.first[bucket] = map[string]int{}
		}
		if !again {
			m.first[bucket][visitor]++
		}
	}
	for i := range visitors {
		visitor, device := fmt.Sprintf("v%04d", i), []string{"Desktop", "Desktop", "Mobile", "Tablet"}[r.IntN(4)]
		seen := map[string]bool{}
		for view := range 1 + r.IntN(4) {
			page := fmt.Sprint("/", r.IntN(3))
			value := int64(math.Exp(6 + r.NormFloat64()*[]float64{0.2, 0.7}[i%2]))
			at := time.Date(2026, 9, 7, 0, 0, i, 0, time.UTC).Add(time.Duration(view) * time.Minute).Format(time.TimeOnly)
			lines = append(lines, fmt.Sprintf("%s %s view %s device=%s", at, visitor, page, device),
				fmt.Sprintf("%s %s vitals %s lcp=%d", at, visitor, page, value))
			add(page, visitor, seen[page], value)
			add(page+" "+device, visitor, seen[page], value)
			seen[page] = true
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:len(time.TimeOnly)], b[:len(time.TimeOnly)]) })
	return all, lines
}

// quantile is the least value at or below which there is that share of all.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	i := int(math.Ceil(min(max(share, 0), 1)*float64(len(sorted)) - 1e-9))
	return sorted[max(i, 1)-1]
}
