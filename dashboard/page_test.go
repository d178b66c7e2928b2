package dashboard

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestPageQuestions: what the page asks (web/src: metrics.ts, panels.ts, filters.ts) is answered by the real engine,
// without filters and with those that it can set. A tab's own numbers are always answered; the details and the top
// numbers fall back to visitors and visits where more is refused.
func TestPageQuestions(t *testing.T) {
	w := newWorld(t, nil)
	top := []string{"visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"}
	visit := []string{"visitors", "visits", "bounce_rate", "visit_duration"}
	page := []string{"visitors", "pageviews", "bounce_rate", "visit_duration"}
	basic := []string{"visitors", "visits"}
	values := map[string]string{
		"event:page": "/pricing", "visit:entry_page": "/", "visit:exit_page": "/", "visit:source": "Google",
		"visit:channel":  "Direct",
		"visit:referrer": "news.example/item", "visit:utm_campaign": "spring", "visit:country": "NL", "visit:region": "NL-NH",
		"visit:city": "2759794", "visit:browser": "Firefox", "visit:os": "iOS",
		"visit:device": "Mobile", "event:name": "Signup",
	}
	details := map[string][]string{
		"event:page": page, "visit:entry_page": basic, "visit:exit_page": basic, "event:name": {"visitors", "events"},
	}
	ask := func(metrics []string, dimension string, filters ...[]any) (int, string) {
		q := map[string]any{"site_id": "example.com", "metrics": metrics, "date_range": []string{"2026-03-25", "2026-03-31"}}
		if dimension != "" {
			q["dimensions"] = []string{dimension}
		}
		if dimension == "visit:utm_campaign" {
			filters = append(filters, []any{"is_not", dimension, []string{"(not set)"}})
		}
		if len(filters) > 0 {
			q["filters"] = filters
		}
		body, err := json.Marshal(q)
		must(t, err)
		return w.ask(t, scenario{request: "POST /api/v2/query", as: "ada", body: string(body)})
	}
	want := func(what string, status, got int, text string) {
		t.Helper()
		if got != status {
			t.Errorf("%s: status %d, want %d\n%s", what, got, status, text)
		}
	}
	for _, dimension := range []string{"", "time:hour", "time:day", "time:month"} {
		status, text := ask(top, dimension)
		want("top numbers by "+dimension, 200, status, text)
	}
	for dimension, value := range values {
		metrics := details[dimension]
		if metrics == nil {
			metrics = visit
		}
		status, text := ask(metrics, dimension)
		want("details of "+dimension, 200, status, text)
		search := []any{"contains", dimension, []string{"a"}, map[string]bool{"case_sensitive": false}}
		status, text = ask([]string{"visitors"}, dimension, search)
		want("search in "+dimension, 200, status, text)
		for _, op := range []string{"is", "is_not"} {
			filter := []any{op, dimension, []string{value}}
			status, text = ask(basic, "", filter)
			// All pages but one: who saw two of them would be counted twice, so that is refused in words.
			if op == "is_not" && (strings.HasPrefix(dimension, "event:") || strings.HasSuffix(dimension, "_page")) {
				want(op+" "+dimension, 400, status, text)
			} else {
				want(op+" "+dimension, 200, status, text)
			}
			if status == 400 && !strings.Contains(text, dimension) {
				t.Errorf("%s %s: the refusal does not name it:\n%s", op, dimension, text)
			}
			status, text = ask([]string{"visitors"}, dimension, filter)
			want(op+" "+dimension+" by itself", 200, status, text)
		}
	}
}
