package web

import (
	"slices"
	"testing"
)

// importedAnswer is an answer about days of which some were imported: bounces are not known, exit pages not of all days, and countries
// of none.
func importedAnswer(q question, results []result) any {
	rows := []map[string]any{}
	meta := map[string]any{}
	days := [][2]string{{"2023-01-01", "2023-01-20"}}
	for _, r := range results {
		metrics := make([]any, len(q.Metrics))
		for i, m := range q.Metrics {
			if metrics[i] = r.Metrics[i]; m == "bounce_rate" {
				metrics[i] = nil
				meta["unknown_days"] = map[string]any{m: days}
				meta["metric_warnings"] = map[string]any{m: map[string]string{"code": "not_imported", "warning": "It is not known."}}
			}
		}
		rows = append(rows, map[string]any{"metrics": metrics, "dimensions": r.Dimensions})
	}
	switch {
	case slices.Contains(q.Dimensions, "visit:exit_page"):
		meta["left_out_days"], meta["imports_warning"] = days, "Without 2023-01-01 to 2023-01-20, imported from a tool."
	case slices.Contains(q.Dimensions, "visit:country"):
		rows = rows[:0]
		meta["left_out_days"], meta["imports_warning"] = days, "Without all days, imported from a tool."
	case slices.Contains(q.Dimensions, "visit:source"):
		rows[0]["metrics"] = make([]any, len(q.Metrics))
	}
	return map[string]any{"results": rows, "meta": meta, "query": q}
}

// What is not known of imported days is a dash and never 0, a line says so, and no share is shown of visitors of other days.
func TestImportedDays(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	panel := func(name string) string { return `document.querySelector('[data-panel=` + name + `]')` }
	tb.visit("/example.com?from=2023-01-01&to=2023-01-31")
	for _, c := range []struct{ name, expression string }{
		{"a dash", `document.querySelector('[data-metric=bounce_rate] .number-value').innerText === '–'`},
		{"others stay", `document.querySelector('[data-metric=visitors][data-value="1234"]')`},
		{
			"said below the chart", `document.querySelector('.overview .missing').innerText ===
				'Bounce rate: not known of the imported days 2023-01-01 to 2023-01-20.'`,
		},
		{"the other metrics' panels say nothing", `!` + panel("devices") + `.querySelector('.missing')`},
		{
			"a null of a row",
			panel("sources") + `.querySelector('[data-value="Direct / None"] [data-number=visitors]').innerText.startsWith('–')`,
		},
		{"a number beside it", panel("sources") + `.querySelector('[data-value="Google"] .pct').innerText === '41%'`},
		{"nothing is known", panel("places") + `.querySelector('.missing').innerText.startsWith('Without all days') && !` + panel("places") +
			`.innerText.includes('No countries')`},
	} {
		t.Log(c.name)
		tb.until(c.expression)
	}
	tb.click("[data-panel=pages] [data-tab=exit]")
	tb.until(panel("pages") + `.querySelector('.missing').innerText.startsWith('Without 2023-01-01 to 2023-01-20')`)
	tb.until(panel("pages") + `.querySelector('[data-value="/thanks"] .pct').innerText === ''`)
	tb.click("[data-panel=pages] .details-button")
	tb.until(`document.querySelector('dialog .missing').innerText.startsWith('Without 2023-01-01')`)
}
