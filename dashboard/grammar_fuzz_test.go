package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse"
)

// longVariable names the environment variable that makes the tests as long as they are meant to be, which takes some minutes.
const longVariable = "TURF_LONG"

// The marks of the sites: each value that example.com counted has the first in it, those of the others the second, and their numbers
// are odd ones.
const (
	markOfOne   = "aardvark"
	markOfOther = "buffalo"
	otherNumber = 7_654_321
)

// TestGrammar asks thousands of questions of the grammar of v2 and v1, whole and broken, with the key of one site and as a user: none
// is answered 5xx, none finds anything of the other site, and every statement is a sum over the counters of the site that was asked
// about, with a deadline.
func TestGrammar(t *testing.T) {
	questions := 1_500
	switch {
	case os.Getenv(longVariable) != "":
		questions = 20_000
	case testing.Short():
		questions = 150
	}
	a := newAsker(t)
	for _, body := range onceBroken {
		a.ask(t, queryPath, body, true)
	}
	g := newGrammar(11)
	statuses := map[int]int{}
	for i := range questions {
		path, body := queryPath, ""
		if g.chance(3) {
			path = g.v1()
			if g.chance(5) {
				head, query, _ := strings.Cut(path, "?")
				path = head + "?" + g.mutate(query)
			}
		} else if body = g.v2(); g.chance(6) {
			body = g.mutate(body)
		}
		statuses[a.ask(t, path, body, i%4 == 0)]++
	}
	t.Logf("%d questions by status: %v; %d statements, the longest took %v", questions, statuses, a.watch.statements, a.watch.longest)
	few := statuses[200] < questions/5 || statuses[400] < questions/5
	if few || !testing.Short() && statuses[401] == 0 { // one in a hundred is 401: of few questions it can be none
		t.Errorf("the grammar makes too few of some kind: %v", statuses)
	}
}

// onceBroken are questions that were answered 503: buckets of time before what the table can hold.
var onceBroken = []string{
	`{"site_id":"example.com","metrics":["visits"],"date_range":["1970-01-01","2020-01-01"],"dimensions":["time:month"]}`,
	`{"site_id":"example.com","metrics":["visits"],"date_range":["1971-01-01T00:00:00+01:00","1980-01-01T01:00:00+01:00"],` +
		`"dimensions":["time:month"],"include":{"comparisons":{"mode":"previous_period"}}}`,
}

// FuzzAPI puts anything into the API: it starts from questions of the grammar. The properties are those of TestGrammar.
func FuzzAPI(f *testing.F) {
	g := newGrammar(12)
	for _, body := range onceBroken {
		f.Add(byte(0), body)
	}
	for range 30 {
		f.Add(byte(0), g.v2())
		head, query, _ := strings.Cut(g.v1(), "?")
		for i, path := range fuzzedPaths {
			if path == head {
				f.Add(byte(i), query)
			}
		}
	}
	a := newAsker(f)
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		if strings.Contains(strings.ToLower(text), markOfOther) || strings.Contains(text, "other.example") ||
			strings.Contains(text, "third.example") {
			t.Skip()
		}
		if path := fuzzedPaths[int(kind)%len(fuzzedPaths)]; path != queryPath {
			a.ask(t, path+"?"+text, "", true)
		} else {
			a.ask(t, path, text, true)
		}
	})
}

var fuzzedPaths = []string{queryPath, aggregatePath, timeseriesPath, breakdownPath, funnelsPath, realtimePath}

// TestQuestionTimeout: a question that takes longer than the store may is ended there, and the answer says what to do.
func TestQuestionTimeout(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Stats.Runner = endless{c.Stats.Runner.(*clickhouse.DB)} })
	status, text := w.ask(t, scenario{
		request: "POST " + queryPath, headers: key("one"), body: question("example.com"),
	})
	if status != http.StatusGatewayTimeout || !strings.Contains(text, "Ask for fewer days") || !strings.Contains(text, "Retry-After") {
		t.Errorf("status %d: %s", status, text)
	}
}

// endless runs, for any question, one that would take days, and gives it half a second.
type endless struct{ db *clickhouse.DB }

func (e endless) Select(ctx context.Context, _ string, _ map[string]string) ([][]any, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("the question has no deadline")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second/2)
	defer cancel()
	return e.db.Select(ctx, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", nil)
}

// asker asks questions of a world with three sites and checks every answer.
type asker struct {
	w     *world
	watch *watch
}

func newAsker(t testing.TB) *asker {
	a := &asker{}
	a.w = newWorld(t, func(c *Config) {
		db := c.Stats.Runner.(*clickhouse.DB)
		sites := c.Sites.(*clickhouse.Sites)
		fillMarks(t, db, sites)
		a.watch = &watch{t: t, db: db}
		c.Stats.Runner = a.watch
		records, err := clickhouse.OpenRecords(t.Context(), db)
		must(t, err)
		t.Cleanup(records.Close)
		c.Access = access.New(access.Config{Records: records, Now: c.Stats.Now, KeyRequestsPerHour: 1 << 30})
	})
	return a
}

// fillMarks counts something for all sites in every cube, on three days, with goals and a funnel.
func fillMarks(t testing.TB, db *clickhouse.DB, sites *clickhouse.Sites) {
	t.Helper()
	_, err := sites.Add(t.Context(), "third.example", "Europe/Amsterdam") // can be added up with example.com
	must(t, err)
	for i, domain := range []string{"example.com", "other.example", "third.example"} {
		mark, n := []string{markOfOne, markOfOther, markOfOther}[i], []int64{5, otherNumber, otherNumber}[i]
		site, err := sites.Set(t.Context(), domain, func(s *schema.Site) error {
			s.Goals = []schema.Goal{
				{Name: mark, Event: mark, Currency: "EUR"},
				{Name: mark + " page", Page: "/" + mark},
				{Name: mark + " pages", Page: "/" + mark + "*"},
				{Name: mark + " read", Page: "/" + mark, Scroll: 50},
			}
			s.Funnels = []schema.Funnel{{Name: mark, Steps: []schema.FunnelStep{{Page: "/" + mark}, {Event: mark}}}}
			return nil
		})
		must(t, err)
		loc, err := site.Location()
		must(t, err)
		batch := schema.Batch{Token: "marks " + domain}
		for c := range schema.Cubes {
			for day := range schema.Day(3) {
				cell := schema.Cell{Site: site.ID, Cube: schema.Cubes[c].ID, Time: (schema.Date(2026, 3, 29) + day).Start(loc).Unix()}
				for _, value := range []string{mark, mark + "1", ""} {
					batch.Rows = append(batch.Rows, markedRow(&schema.Cubes[c], cell, value, n+int64(len(batch.Rows)%7)))
				}
			}
		}
		must(t, db.Write(t.Context(), sorted(batch)))
	}
}

// markedRow is a row with the value in all dimensions and the number in all metrics.
func markedRow(c *schema.Cube, cell schema.Cell, value string, n int64) schema.Row {
	row := schema.Row{Cell: cell}
	for i, d := range c.Dimensions {
		row.Cell.Values[i] = value
		switch {
		case d == schema.Bucket:
			row.Cell.Values[i] = schema.LogBucket(1000 * int64(len(value)))
		case d == schema.Step:
			row.Cell.Values[i] = "1"
		case d == schema.Path && value != "":
			row.Cell.Values[i] = "/" + value
		case d == schema.Prop:
			row.Cell.Values[i] = "prop"
		}
	}
	for m := range schema.NumMetrics {
		if c.Keeps(m) {
			row.Sums[m] = n
		}
	}
	return row
}

// sorted is the batch in canonical order, with one row a cell.
func sorted(b schema.Batch) schema.Batch {
	sums := map[schema.Cell]schema.Deltas{}
	for _, r := range b.Rows {
		sums[r.Cell] = r.Sums
	}
	b.Rows = b.Rows[:0]
	for cell, d := range sums {
		b.Rows = append(b.Rows, schema.Row{Cell: cell, Sums: d})
	}
	sortRows(b.Rows)
	return b
}

// ask sends a question and checks the answer. byKey: with the key of example.com; else as a user, who may read all sites.
func (a *asker) ask(t *testing.T, path, body string, byKey bool) int {
	t.Helper()
	method := http.MethodGet
	if path == queryPath {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, a.w.url, strings.NewReader(body))
	must(t, err)
	req.URL.Path, req.URL.RawQuery, _ = strings.Cut(path, "?")
	req.URL.RawQuery = onlyVisible(req.URL.RawQuery)
	byOther := strings.Contains(path+body, "other.example") || strings.Contains(path+body, "third.example")
	if byKey {
		req.Header.Set("Authorization", "Bearer "+a.w.oneKey)
	} else {
		req.AddCookie(&http.Cookie{Name: cookieName, Value: a.w.sessions["ada"]})
	}
	a.watch.allow(byKey || !byOther)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	must(t, err)
	switch res.StatusCode {
	case 200, 400, 401, 404, 413, 429:
	default:
		t.Fatalf("status %d: %s\n%s\n%s", res.StatusCode, describe(path, body), answer, a.w.log.String())
	}
	if err := a.watch.take(); err != nil {
		t.Fatalf("%s: %v", describe(path, body), err)
	}
	if (byKey || !byOther) && (strings.Contains(string(answer), markOfOther) || strings.Contains(string(answer), "765432")) {
		t.Fatalf("%s: the answer has something of the other site:\n%s", describe(path, body), answer)
	}
	if strings.Contains(string(answer), "DB::") || strings.Contains(string(answer), "goroutine") {
		t.Fatalf("%s: the answer tells of the inside:\n%s", describe(path, body), answer)
	}
	return res.StatusCode
}

// onlyVisible writes what cannot stand in the first line of a request with %.
func onlyVisible(query string) string {
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c >= 0x7f || c == '#' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// watch looks at each statement on its way to the store.
type watch struct {
	t  testing.TB
	db *clickhouse.DB

	mu         sync.Mutex
	onlyOne    bool // the statements of now may read the first site only
	err        error
	statements int
	longest    time.Duration
}

var (
	fromTable = regexp.MustCompile(`\bFROM\s+(\w+)`)
	// The sites are numbers, or the one is a parameter.
	ofSite = regexp.MustCompile(`FROM counts\s+(?:PRE)?WHERE site_id (?:= (\{site:UInt32\}|\d+)|IN \((\d+(?:, \d+)*)\)) AND `)
	ofSums = regexp.MustCompile(`\b(sum|sumMap|count|min|max)\(`)
)

func (w *watch) Select(ctx context.Context, query string, params map[string]string) ([][]any, error) {
	w.mu.Lock()
	onlyOne := w.onlyOne
	w.mu.Unlock()
	err := checkStatement(query, params, onlyOne)
	deadline, ok := ctx.Deadline()
	if left := time.Until(deadline); err == nil && (!ok || left > QuestionTimeout) {
		err = fmt.Errorf("it may take %v (a deadline: %v)", left, ok)
	}
	start := time.Now()
	rows, selectErr := w.db.Select(ctx, query, params)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statements, w.longest = w.statements+1, max(w.longest, time.Since(start))
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%w:\n%s\n%v", err, query, params)
	}
	return rows, selectErr
}

// checkStatement says what is wrong with a statement: it reads sums, of the counters of the site, and nothing else.
func checkStatement(query string, params map[string]string, onlyOne bool) error {
	tables, sites := fromTable.FindAllStringSubmatch(query, -1), ofSite.FindAllStringSubmatch(query, -1)
	switch {
	case len(tables) == 0 || len(sites) != len(tables):
		return errors.New("not everything is of one site")
	case !ofSums.MatchString(query):
		return errors.New("it is not summed")
	case onlyOne && slices.ContainsFunc(sites, func(m []string) bool { return isOther(m[1]+m[2], params) }):
		return errors.New("it is of another site")
	case strings.Contains(query, markOfOne):
		return errors.New("what was asked is in the text")
	}
	return nil
}

// isOther reports whether what a statement names is not the first site alone.
func isOther(sites string, params map[string]string) bool {
	return sites != "1" && (sites != "{site:UInt32}" || params["site"] != "1")
}

func (w *watch) allow(onlyOne bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onlyOne = onlyOne
}

// take returns what was wrong with a statement since the last call.
func (w *watch) take() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.err
	w.err = nil
	return err
}

var _ stats.Runner = (*watch)(nil)
