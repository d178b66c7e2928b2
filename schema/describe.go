package schema

// MetricTexts say for people what each metric is the sum of, by the name of its column. What else is fixed about a metric is said by
// [Metrics], and in which cubes it is by [Cube.Keeps].
var MetricTexts = map[string]string{
	"visitors":      "visitors who are new in the cell on the site's day",
	"visitors_hour": "visitors who are new in the cell in the hour",
	"visits":        "visits that began, or that came to the page or event for the first time",
	"visits_hour":   "visits that were active in the cell in the hour",
	"pageviews":     "page views",
	"events": "events of the cell's name; of dropped requests, requests; of next pages, steps from page to page; of web vitals, " +
		"measurements",
	"bounces":           "visits that are bounces: added when a visit begins, taken back when it goes on",
	"duration":          "seconds between the first and the last event of visits that are no bounces",
	"entries":           "visits whose first page it was",
	"exits":             "visits whose last page it is",
	"entry_visitors":    "visitors of the day who had a visit that began on the page",
	"exit_visitors":     "visitors of the day who had a visit that ended on the page",
	"engaged_seconds":   "seconds for which the page was looked at, as the browser tells, each visit's rounded",
	"engaged_visits":    "visits of which the browser told how long they looked at the page",
	"scroll_percent":    "percent of the page that was seen, the most of each visit",
	"unscrolled_visits": "visits of which the browser told how long they looked at the page and not how much of it they saw",
	"scroll_25":         "visits that saw at least a quarter of the page",
	"scroll_50":         "visits that saw at least half of the page",
	"scroll_75":         "visits that saw at least three quarters of the page",
	"scroll_100":        "visits that saw all of the page",
	"custom_events":     "events that are no page views",
	"revenue":           "the smallest units of a goal's currency, such as cents",
}
