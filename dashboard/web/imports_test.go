package web

import (
	"fmt"
	"slices"
	"testing"
)

// importedAnswer is an answer about days of which some were imported: bounces, rates of conversion and amounts are not known, exit pages
// and events not of all days, and countries of none. What is asked of days before these is not known either.
func importedAnswer(q question, results []result) any {
	rows := []map[string]any{}
	meta, unknown, warnings := map[string]any{}, map[string]any{}, map[string]any{}
	days := [][2]string{{"2023-01-01", "2023-01-20"}}
	for _, r := range results {
		metrics := make([]any, len(q.Metrics))
		for i, m := range q.Metrics {
			metrics[i] = r.Metrics[i]
			if slices.Contains([]string{"bounce_rate", "conversion_rate", "group_conversion_rate", "total_revenue"}, m) {
				metrics[i] = nil
				unknown[m] = days
				warnings[m] = map[string]string{"code": "not_imported", "warning": "It is not known."}
			}
		}
		rows = append(rows, map[string]any{"metrics": metrics, "dimensions": r.Dimensions})
	}
	if len(unknown) > 0 {
		meta["unknown_days"], meta["metric_warnings"] = unknown, warnings
	}
	before := fmt.Sprint(q.Range) == "[2022-12-01 2022-12-31]"
	switch {
	case slices.Contains(q.Dimensions, "time:hour"):
		rows = rows[:0]
		for hour := range 24 { // the server leaves out none that is not known
			label := fmt.Sprintf("%s %02d:00:00", q.Range.([]any)[0], hour)
			rows = append(rows, map[string]any{"metrics": make([]any, len(q.Metrics)), "dimensions": []string{label}})
		}
		meta["left_out_days"], meta["imports_warning"] = days, "Not known of all hours."
	case before && len(q.Dimensions) == 0:
		meta["left_out_days"], meta["imports_warning"] = [][2]string{{"2022-12-01", "2022-12-31"}}, "Not known of all days."
	case slices.Contains(q.Dimensions, "visit:exit_page"):
		meta["left_out_days"], meta["imports_warning"] = days, "Without 2023-01-01 to 2023-01-20, imported from a tool."
	case slices.Contains(q.Dimensions, "visit:country"):
		rows = rows[:0]
		meta["left_out_days"], meta["imports_warning"] = [][2]string{{"2023-01-01", "2023-01-31"}}, "Not known of all days."
	case slices.Contains(q.Dimensions, "event:name"):
		rows = rows[:0]
		meta["left_out_days"], meta["imports_warning"] = days, "Without 2023-01-01 to 2023-01-20, imported from a tool."
	case slices.Contains(q.Dimensions, "visit:source"):
		rows[0]["metrics"] = make([]any, len(q.Metrics))
	}
	return map[string]any{"results": rows, "meta": meta, "query": q}
}

// What is not known of imported days is a dash and never 0, a line says so, and no share is shown of visitors of other days.
func TestImportedDays(t *testing.T) {
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	// The days 2023-01-01 to 2023-01-20 as people write them: the spaces around the dash are others in some versions of Chromium.
	importedDays := eval[string](tb, `new Intl.DateTimeFormat(navigator.language, { dateStyle: 'medium', timeZone: 'UTC' })
		.formatRange(Date.UTC(2023, 0, 1), Date.UTC(2023, 0, 20))`)
	panel := func(name string) string { return `document.querySelector('[data-panel=` + name + `]')` }
	tb.visit("/example.com?from=2023-01-01&to=2023-01-31")
	for _, c := range []struct{ name, expression string }{
		{"a dash", `document.querySelector('[data-metric=bounce_rate] .number-value').innerText === '–'`},
		{"others stay", `document.querySelector('[data-metric=visitors][data-value="1234"]')`},
		{
			"said below the chart", `document.querySelector('.overview .missing').innerText ===
				'Bounce rate: not known of the imported days ` + importedDays + `.'`,
		},
		{"the other metrics' panels say nothing", `!` + panel("devices") + `.querySelector('.missing')`},
		{
			"a null of a row",
			panel("sources") + `.querySelector('[data-value="Direct / None"] [data-number=visitors]').innerText.startsWith('–')`,
		},
		{"a number beside it", panel("sources") + `.querySelector('[data-value="Google"] .pct').innerText === '41%'`},
		{"nothing is known", panel("places") + `.querySelector('.missing').innerText === 'Not known of all days.' && !` + panel("places") +
			`.innerText.includes('No countries')`},
		{"nothing happened on the days that are known", panel("events") + `.querySelector('.none').innerText === 'No events in the other days' &&
			` + panel("events") + `.querySelector('.missing')`},
		{"nothing is compared with a part of a span", `!document.querySelector('[data-change]')`},
		{"no day is written as on the wire", `!/\d{4}-\d\d-\d\d/.test(document.body.innerText)`},
		{"and it is said why", `[...document.querySelectorAll('.overview .missing')].at(-1).innerText.match(/^Before, .*: Not known of all days.$/)`},
	} {
		t.Log(c.name)
		tb.until(c.expression)
	}
	tb.click("[data-panel=pages] [data-tab=exit]")
	tb.until(panel("pages") + `.querySelector('.missing').innerText === 'Without ` + importedDays + `, imported from a tool.'`)
	tb.until(panel("pages") + `.querySelector('[data-value="/thanks"]') && !` + panel("pages") + `.querySelector('.pct')`)
	tb.click("[data-panel=pages] .details-button")
	tb.until(`document.querySelector('dialog .missing').innerText.startsWith('Without ` + importedDays + `')`)
	tb.until(`!/\d{4}-\d\d-\d\d/.test(document.body.innerText)`)
	eval[any](tb, `HTMLAnchorElement.prototype.click = function () { window.file = this.download; }`)
	tb.click("dialog .download")
	tb.until(`window.file === 'example.com-exit-pages-2023-01-01-2023-01-31-without-imported-days.csv'`)

	tb.visit("/example.com?from=2023-01-05&to=2023-01-05")
	tb.until(`[...document.querySelectorAll('.overview .missing')].some((p) => p.innerText === 'By hour: Not known of all hours.')`)
	tb.until(`document.querySelector('.chart[aria-busy=false]') && !document.querySelector('.chart canvas')`) // no axis

	// Of a goal's series the rate has another name, and amounts that are not known have their place.
	tb.visit("/example.com?from=2023-01-01&to=2023-01-31&goal=Sign+up&metric=conversion_rate")
	for _, m := range []string{"conversion_rate", "total_revenue"} {
		tb.until(`document.querySelector('[data-metric=` + m + `] .number-value')?.innerText === '–'`)
	}
	tb.until(`document.querySelector('.overview .missing').innerText ===
		'Conversion rate, Revenue: not known of the imported days ` + importedDays + `.'`)
	tb.until(`document.querySelectorAll('.chart tbody td').length === 31 &&
		[...document.querySelectorAll('.chart tbody td')].every((td) => td.innerText === 'not known')`)
}
