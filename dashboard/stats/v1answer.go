package stats

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"

	"turf/schema"
)

// V1Answer is an answer of the stats API v1.
type V1Answer struct {
	// Results is an object for an aggregate, and a list of objects otherwise.
	Results any `json:"results"`
	// Warning says what is to be known about the numbers, as meta.metric_warnings does in v2.
	Warning string       `json:"warning,omitempty"`
	Explain *Explanation `json:"explain,omitempty"`
}

// V1Value is the value of a metric of an aggregate.
type V1Value struct {
	Value any `json:"value"` // int64, float64 or nil
	// V1Comparison is there when the previous period was asked for.
	*V1Comparison
}

// V1Comparison is how a metric was in the period before.
type V1Comparison struct {
	// Change is in percent of the value before, and in percentage points for the bounce rate; nil where that is not
	// defined.
	Change any `json:"change"`
	Value  any `json:"comparison_value"`
}

// v1Question reads the question about a site.
func (e *Engine) v1Question(site *schema.Site, params url.Values) (*v1, error) {
	loc, err := site.Location()
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	return parseV1(params, e.Now(), loc, site.Goals)
}

// V1Aggregate answers GET /api/v1/stats/aggregate. The question's mistakes are *InvalidError, as in all three.
func (e *Engine) V1Aggregate(ctx context.Context, site *schema.Site, params url.Values) (*V1Answer, error) {
	v, err := e.v1Question(site, params)
	if err != nil {
		return nil, err
	}
	compare, err := v.parseCompare()
	if err != nil {
		return nil, err
	}
	now, err := e.v1Ask(ctx, site, v, nil, Pagination{Limit: 1})
	if err != nil {
		return nil, err
	}
	results := map[string]V1Value{}
	for i, name := range v.metrics {
		results[name] = V1Value{Value: now.Results[0].Metrics[i]}
	}
	if !compare {
		return v1Answer(results, now), nil
	}
	v.previous()
	before, err := e.v1Ask(ctx, site, v, nil, Pagination{Limit: 1})
	if err != nil {
		return nil, err
	}
	partial := len(now.Meta.LeftOutDays)+len(before.Meta.LeftOutDays) > 0
	for i, name := range v.metrics {
		value, old := now.Results[0].Metrics[i], before.Results[0].Metrics[i]
		c := &V1Comparison{Value: old}
		if !partial {
			c.Change = change(Metric(name), old, value)
		}
		results[name] = V1Value{value, c}
	}
	if before.Meta.ImportsWarning != "" {
		now.Meta.ImportsWarning = strings.TrimSpace(now.Meta.ImportsWarning + " Of the days before: " + before.Meta.ImportsWarning)
	}
	for m, w := range before.Meta.MetricWarnings {
		if w.Code == notImportedCode {
			now.warn(m, w)
		}
	}
	return v1Answer(results, now), nil
}

// v1Ask answers the question in the form of v2.
func (e *Engine) v1Ask(
	ctx context.Context, site *schema.Site, v *v1, dimensions []string, page Pagination,
) (*Answer, error) {
	q, err := v.query(dimensions, page)
	if err != nil {
		return nil, err
	}
	answer, err := e.Answer(ctx, site, q)
	if err != nil {
		return nil, err
	}
	if len(dimensions) == 0 && len(answer.Results) != 1 {
		return nil, fmt.Errorf("BUG: %d rows of an aggregate", len(answer.Results))
	}
	return answer, nil
}

// warn adds a warning that the answer does not have.
func (a *Answer) warn(m Metric, w Warning) {
	if a.Meta.MetricWarnings == nil {
		a.Meta.MetricWarnings = map[Metric]Warning{}
	}
	if had, ok := a.Meta.MetricWarnings[m]; ok {
		w = Warning{had.Code, had.Warning + " " + w.Warning}
	}
	a.Meta.MetricWarnings[m] = w
}

func v1Answer(results any, from *Answer) *V1Answer {
	a := &V1Answer{Results: results, Explain: from.Meta.Explain}
	var warnings []string
	if from.Meta.ImportsWarning != "" {
		warnings = append(warnings, from.Meta.ImportsWarning)
	}
	for _, m := range slices.Sorted(maps.Keys(from.Meta.MetricWarnings)) {
		warnings = append(warnings, string(m)+": "+from.Meta.MetricWarnings[m].Warning)
	}
	a.Warning = strings.Join(warnings, " ")
	return a
}

// change is how far a metric went from old to now.
func change(m Metric, old, now any) any {
	before, ok1 := number(old)
	after, ok2 := number(now)
	switch {
	case !ok1 || !ok2:
		return nil
	case m == BounceRate && before > 0:
		return math.Round(after - before)
	case m == BounceRate:
		return nil
	case before == 0 && after == 0:
		return 0
	case before == 0:
		return 100
	}
	return math.Round((after - before) / before * 100)
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// V1Timeseries answers GET /api/v1/stats/timeseries: a row for each bucket of time, also where nothing was counted.
func (e *Engine) V1Timeseries(ctx context.Context, site *schema.Site, params url.Values) (*V1Answer, error) {
	v, err := e.v1Question(site, params)
	if err != nil {
		return nil, err
	}
	if err := v.parseInterval(); err != nil {
		return nil, err
	}
	answer, err := e.v1Ask(ctx, site, v, []string{v.interval}, Pagination{Limit: MaxLimit})
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]any, 0, len(answer.Meta.TimeLabels))
	left := answer.Results // in the order of time
	for _, label := range answer.Meta.TimeLabels {
		row := map[string]any{"date": label}
		found := len(left) > 0 && left[0].Dimensions[0] == label
		for i, name := range v.metrics {
			row[name] = nothingCounted(Metric(name))
			if found {
				row[name] = left[0].Metrics[i]
			}
		}
		if found {
			left = left[1:]
		}
		rows = append(rows, row)
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("BUG: the bucket %s has no label", left[0].Dimensions[0])
	}
	return v1Answer(rows, answer), nil
}

// nothingCounted is a metric's value where there is nothing: sums are 0, all else is not defined.
func nothingCounted(m Metric) any {
	switch m {
	case Visitors, Visits, Pageviews, Events:
		return 0
	}
	return nil
}

// V1Breakdown answers GET /api/v1/stats/breakdown: a row for each value of a property, those with the most of the
// first metric first.
func (e *Engine) V1Breakdown(ctx context.Context, site *schema.Site, params url.Values) (*V1Answer, error) {
	v, err := e.v1Question(site, params)
	if err != nil {
		return nil, err
	}
	page, err := v.parsePage()
	if err != nil {
		return nil, err
	}
	asked := len(v.filters)
	dimensions, keys, err := v.parseProperty()
	if err != nil {
		return nil, err
	}
	answer, err := e.v1Ask(ctx, site, v, dimensions, page)
	if err != nil {
		return nil, err
	}
	if asked == 0 { // nobody filtered by what is hidden: the only filter is ours, and the row (other) is there
		maps.DeleteFunc(answer.Meta.MetricWarnings, func(_ Metric, w Warning) bool { return w == hiddenWarning })
	}
	rows := make([]map[string]any, 0, len(answer.Results))
	for _, r := range answer.Results {
		row := map[string]any{}
		for i, name := range v.metrics {
			row[name] = r.Metrics[i]
		}
		for i, key := range keys { // a property may have the name of a metric
			row[key] = r.Dimensions[i]
		}
		rows = append(rows, row)
	}
	return v1Answer(rows, answer), nil
}
