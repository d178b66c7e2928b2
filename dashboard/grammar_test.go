package dashboard

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"turf/dashboard/stats"
	"turf/schema"
)

// grammar makes questions of the stats API from random numbers: most are in order, some nearly.
type grammar struct {
	r    *rand.Rand
	sets []stats.Combination
}

func newGrammar(seed uint64) *grammar {
	return &grammar{rand.New(rand.NewPCG(seed, 7)), stats.Combinations()}
}

func pick[T any](g *grammar, all ...T) T { return all[g.r.IntN(len(all))] }

// chance is true once in n times.
func (g *grammar) chance(n int) bool { return g.r.IntN(n) == 0 }

var (
	grammarMetrics = []string{
		"events", "visits", "visitors", "pageviews", "bounce_rate", "visit_duration", "views_per_visit", "percentage", "exit_rate",
		"time_on_page", "scroll_depth", "conversion_rate", "group_conversion_rate", "total_revenue", "average_revenue",
		"time_on_page_p50", "time_on_page_p75", "time_on_page_p90", "drops",
	}
	grammarOthers = []string{
		"event:goal", "event:next_page", "event:props:prop", "event:props:x", "event:props:", "drop:reason", "drop:agent", "visit:name",
		"segment", "time:minute", "",
	}
	grammarTimes     = []string{"time", "time:hour", "time:day", "time:week", "time:month"}
	grammarOperators = []string{"is", "is_not", "contains", "contains_not", "matches", "matches_not"}
	grammarRanges    = []any{
		"day", "24h", "7d", "28d", "30d", "91d", "month", "6mo", "12mo", "year", "all", "5000d", "100mo",
		[]string{"2026-03-29", "2026-03-31"},
		[]string{"2026-03-31", "2026-03-31"},
		[]string{"2026-03-29", "2026-03-29"},
		[]string{"2026-03-30T00:00:00+02:00", "2026-03-31T12:00:00+02:00"},
	}
	grammarOddRanges = []any{
		"0d", "never",
		[]string{"2026-03-31", "2026-03-01"},
		[]string{"1970-01-01", "2020-01-01"},
		[]string{"2106-01-01", "2106-02-01"},
		[]string{"2026-02-30", "2026-03-01"},
		[]string{"2026-03-30T00:00:00Z", "2026-03-30T00:00:00Z"},
		[]string{"2026-03-30T00:30:00+02:00", "2026-03-31T12:00:00+02:00"},
		[]string{},
		nil, 7,
	}
	// What stands in the tables of the database, and of no use there but as text.
	grammarTexts = []string{
		"", "(not set)", "Direct / None", "(other)", "(none)", "NL", "nl", "Netherlands", "NL-NH", "2759794", "/", "*", "a", "é", "\x00",
		"'", `\`, "' OR site_id = 2 --", "{site:UInt32}", "{f0:String}", "aardvark", "aardvark1", "AARDVARK", "\t", "\x1f", "|", ";", "%",
		"revenue\tEUR\taardvark", "page\t/aardvark",
	}
	grammarPatterns = []string{
		"^a", "a.*k$", "(", "[a-", "(?i)AARD", ".*", "(a|b){1,200}", "(a{1,900}){1,900}", `\pL+`, `\C`, "(?P<x>a)", "(?s).", `a\z`, "x*", "^$",
		"(((((((((a*)*)*)*)*)*)*)*)*)*b", `\Q'\E`, "(?-u)a", "a{,3}", `\b`, `\x{10FFFF}`,
	}
)

// dimensions are some that can be asked for together, most often.
func (g *grammar) dimensions() []string {
	set := pick(g, g.sets...).Dimensions
	names := append([]string{}, set...)
	g.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:min(g.r.IntN(4), len(names))]
	if g.chance(12) {
		names = append(names, pick(g, pick(g, g.sets...).Dimensions...))
	}
	if g.chance(10) {
		names = append(names, pick(g, grammarOthers...))
	}
	return names
}

// v2 is the body of a question of v2.
func (g *grammar) v2() string {
	names := g.dimensions()
	cut := g.r.IntN(len(names) + 1)
	dimensions, filtered := names[:cut:cut], names[cut:]
	if g.chance(3) {
		dimensions = append(dimensions, pick(g, grammarTimes...))
	}
	q := map[string]any{"site_id": g.site(), "date_range": g.dateRange()}
	metrics := []string{}
	for range 1 + g.r.IntN(2)*g.r.IntN(2)*g.r.IntN(3) {
		metrics = append(metrics, g.metric())
	}
	q["metrics"] = metrics
	if len(dimensions) > 0 || g.chance(9) {
		q["dimensions"] = dimensions
	}
	if len(filtered) > 0 || g.chance(9) {
		filters := []any{}
		for range 1 + g.r.IntN(2) {
			filters = append(filters, g.filter(filtered, 1+g.r.IntN(3)))
		}
		q["filters"] = filters
	}
	if g.chance(3) {
		q["include"] = g.include()
	}
	if g.chance(4) {
		q["order_by"] = []any{[]any{pick(g, append(metrics, dimensions...)...), pick(g, "asc", "desc", "desc", "asc", "desc", "up")}}
	}
	if g.chance(4) {
		q["pagination"] = map[string]any{"limit": pick(g, 1, 10, 100, 5, 10_000, 10_001), "offset": pick(g, 0, 1, 2, 3, 1_000_000_000, -1)}
	}
	text, err := json.Marshal(q)
	if err != nil {
		panic("BUG: a question of the grammar: " + err.Error())
	}
	return string(text)
}

// metric is most often one that goes with everything.
func (g *grammar) metric() string {
	if g.chance(3) {
		return pick(g, grammarMetrics...)
	}
	return pick(g, "events", "visits", "visits", "visitors", "pageviews")
}

func (g *grammar) dateRange() any {
	if g.chance(15) {
		return pick(g, grammarOddRanges...)
	}
	return pick(g, grammarRanges...)
}

// site is the site of a question, seldom another.
func (g *grammar) site() string {
	if g.r.IntN(15) > 0 {
		return "example.com"
	}
	return pick(g, "other.example", "example.com,other.example", "third.example,example.com", "example.com,third.example",
		"", ",", "example.com,", "EXAMPLE.COM", "example.com' OR 1=1 --", strings.Repeat("example.com,", 60))
}

func (g *grammar) include() map[string]any {
	all := map[string]any{
		"imports": true, "time_labels": pick[any](g, true, false, true, "yes"), "total_rows": true, "explain": true, "nothing": true,
		"comparisons": pick[any](g, map[string]any{"mode": "previous_period"}, map[string]any{"mode": "year_over_year"},
			map[string]any{"mode": "custom", "date_range": g.dateRange()}),
	}
	include := map[string]any{}
	for range 1 + g.r.IntN(2) {
		key := pick(g, "imports", "time_labels", "total_rows", "explain", "comparisons", "comparisons", "total_rows")
		if g.chance(20) {
			key = "nothing"
		}
		include[key] = all[key]
	}
	return include
}

// filter is a tree over the dimensions.
func (g *grammar) filter(names []string, depth int) any {
	if depth > 1 {
		switch g.r.IntN(3) {
		case 0:
			return []any{"not", g.filter(names, depth-1)}
		default:
			var children []any
			for range 1 + g.r.IntN(3) {
				children = append(children, g.filter(names, depth-1))
			}
			return []any{pick(g, "and", "or"), children}
		}
	}
	name := "visit:source"
	if len(names) > 0 {
		name = pick(g, names...)
	}
	op := pick(g, grammarOperators...)
	if g.chance(60) {
		op = pick(g, "has_done", "equals", "")
	}
	values := []any{}
	for range 1 + g.r.IntN(3) {
		values = append(values, g.value(op))
	}
	leaf := []any{op, name, values}
	if g.chance(4) {
		leaf = append(leaf, map[string]any{"case_sensitive": g.chance(2)})
	}
	return leaf
}

func (g *grammar) value(op string) any {
	switch {
	case g.chance(3):
		return markOfOne
	case strings.HasPrefix(op, "matches") && !g.chance(3):
		return pick(g, grammarPatterns...)
	case g.chance(40):
		return pick[any](g, 1, 1.5, nil, true, []string{}, strings.Repeat("a", 2001))
	}
	return pick(g, grammarTexts...)
}

// v1 is a question of v1, or about a funnel: the path and its parameters.
func (g *grammar) v1() string {
	path := pick(g, aggregatePath, timeseriesPath, breakdownPath, breakdownPath, funnelsPath, realtimePath)
	q := url.Values{"site_id": {g.site()}}
	metrics := []string{}
	for range 1 + g.r.IntN(2)*g.r.IntN(3) {
		metrics = append(metrics, g.metric())
	}
	q.Set("metrics", strings.Join(metrics, ","))
	names := g.dimensions()
	name := func() string { return pick(g, append(names, "visit:source")...) }
	for key, value := range map[string]string{
		"period": pick(g, "day", "7d", "30d", "month", "6mo", "12mo"), "property": name(),
		"date":    pick(g, "2026-03-31", "2026-03-30", "today", "2024-02-29"),
		"compare": pick(g, "previous_period", "false"), "interval": pick(g, "day", "month", "date", "hour"),
		"limit": pick(g, "1", "10", "1000"), "page": pick(g, "1", "1", "2"), "explain": "1",
		"filters": name() + pick(g, "==", "!=", "~", "!~", "=") + pick(g, markOfOne, pick(g, grammarTexts...)) +
			pick(g, "", "", "|b", `\|*`, ";event:goal==aardvark"),
		"funnel": pick(g, "aardvark", "x"), "date_range": pick(g, "7d", "all", "2026-03-29,2026-03-31"),
	} {
		if g.r.IntN(5) < 2 || key == "property" && path == breakdownPath {
			q.Set(key, value)
		}
	}
	if g.chance(6) {
		q.Set("period", "custom")
		q.Set("date", pick(g, "2026-03-29,2026-03-31", "0000-00-00", ",", "1970-01-01,1971-01-01"))
	}
	if g.chance(15) {
		q.Set(pick(g, "period", "limit", "page", "compare", "interval", "metrics", "property"), pick(g, "x", "1000001", "", ","))
	}
	return path + "?" + q.Encode()
}

// mutate breaks a text in one to three places.
func (g *grammar) mutate(text string) string {
	b := []byte(text)
	for range 1 + g.r.IntN(3) {
		at := g.r.IntN(len(b) + 1)
		switch rest := len(b) - at; g.r.IntN(5) {
		case 0:
			b = append(b[:at], b[min(at+1+g.r.IntN(4), len(b)):]...)
		case 1:
			b = append(b[:at:at], append([]byte{byte(g.r.IntN(256))}, b[at:]...)...)
		case 2:
			more := pick(g, `"`, `[`, `]`, `{`, `}`, `,`, `null`, `[[]]`, `%`, `&`, `;`, `\u0000`, `1e999`, `"is"`, strings.Repeat("[", 300))
			b = append(b[:at:at], append([]byte(more), b[at:]...)...)
		case 3:
			if rest > 0 {
				b[at] ^= 1 << g.r.IntN(8)
			}
		case 4:
			n := min(rest, g.r.IntN(30))
			b = append(b[:at+n:at+n], b[at:]...)
		}
	}
	return string(b)
}

// describe is for messages.
func describe(path, body string) string { return fmt.Sprintf("%q %q", path, body) }

func sortRows(rows []schema.Row) {
	slices.SortFunc(rows, func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
}
