package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/schema"
)

// sharedLog is a real log of 10,000 lines, which is not part of the repository.
const sharedLog = "../../../shared/data/access.log.gz"

// zones are those of the sites into which logs are imported.
var zones = []string{"Europe/Amsterdam", "UTC", "Asia/Kathmandu"}

func TestImportOfARealLog(t *testing.T) {
	f, err := os.Open(sharedLog)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("skipped: ../shared/data/access.log.gz is not there; TestImportOfAMadeLog does the same with a log of its own")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	testImport(t, sharedLog, string(text))
}

func TestImportOfAMadeLog(t *testing.T) {
	text := madeLog(rand.New(rand.NewPCG(3, 5)))
	name := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	testImport(t, name, text)
}

// madeLog has 4,000 lines over the days in March 2024 in which Amsterdam's clock was put forward: visitors with pauses of seconds
// to hours, robots, assets, errors, redirects, lines out of order, and addresses that are shared.
func madeLog(r *rand.Rand) string {
	agents := []string{
		firefox, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
			"Version/18.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/8.5.0",
	}
	pages := []string{
		"/", "/about", "/docs/", "/docs/start?x=1", "/blog?utm_source=news", "/style.css", "/logo.PNG", "/user/ada@example.org",
	}
	statuses := []int{200, 200, 200, 200, 304, 301, 404, 500}
	start := time.Date(2024, 3, 29, 20, 0, 0, 0, time.UTC)
	type visitor struct {
		address, agent string
		at             time.Duration
	}
	visitors := make([]visitor, 150)
	for i := range visitors {
		visitors[i] = visitor{
			fmt.Sprintf("198.51.100.%d", r.IntN(60)), agents[r.IntN(len(agents))],
			time.Duration(r.IntN(72*3600)) * time.Second,
		}
	}
	pauses := []time.Duration{0, 5 * time.Second, time.Minute, 29 * time.Minute, 30 * time.Minute, 31 * time.Minute, 5 * time.Hour}
	var lines []string
	for range 4000 {
		v := &visitors[r.IntN(len(visitors))]
		if v.at += pauses[r.IntN(len(pauses))]; v.at > 90*time.Hour {
			v.at = time.Duration(r.IntN(72*3600)) * time.Second
		}
		method := "GET"
		if r.IntN(50) == 0 {
			method = "POST"
		}
		at := start.Add(v.at)
		line := fmt.Sprintf("|%s - - [%s] \"%s %s HTTP/1.1\" %d 12 \"-\" \"%s\"\n", v.address,
			at.Format("02/Jan/2006:15:04:05 -0700"), method, pages[r.IntN(len(pages))], statuses[r.IntN(len(statuses))], v.agent)
		lines = append(lines, at.Format(time.DateTime)+line)
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:19], b[:19]) })
	// Lines that are swapped over some hours.
	for range 300 {
		i := r.IntN(len(lines) - 100)
		j := i + r.IntN(100)
		if lines[i][:19] != lines[j][:19] {
			lines[i], lines[j] = lines[j], lines[i]
		}
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l[20:])
	}
	return b.String()
}

// imported is the last line that turf import log prints.
type imported struct {
	Lines, Pages, Counted int
	Dropped               map[string]int
	Seconds               float64
}

// testImport imports the log twice into sites of three zones, through a running server, and compares with the naive reckoning.
func testImport(t *testing.T, name, text string) {
	in := install(t)
	server := in.serve()
	kept := views(t, text)
	ids := map[string]schema.SiteID{}
	for i, zone := range zones {
		domain := fmt.Sprintf("zone%d.example", i)
		var site schema.Site
		in.must(&site, "site", "add", domain, "--timezone", zone)
		ids[zone] = site.ID
		key := in.key(domain)
		for _, again := range []bool{false, true} {
			var sum imported
			in.must(&sum, "import", "log", "--site", domain, name)
			dropped := 0
			for _, n := range sum.Dropped {
				dropped += n
			}
			want := len(kept)
			if again {
				want = 0
			}
			if sum.Lines != strings.Count(text, "\n") || sum.Pages != len(kept) || sum.Counted != want || sum.Lines != sum.Pages+dropped {
				t.Errorf("%s, again %v: %+v, want %d pages", zone, again, sum, len(kept))
			}
			t.Logf("%s, again %v: %d lines in %.2f s", zone, again, sum.Lines, sum.Seconds)
			compareAnswers(t, server, key, domain, reckon(t, kept, zone))
		}
	}
	server.stop()
	for _, zone := range zones {
		compareBounces(t, in, ids[zone], reckon(t, kept, zone))
	}
}

// TestImportThatIsKilled kills an import, or the server that it writes to, at random moments; the same command goes on, and the
// totals are those of one import.
func TestImportThatIsKilled(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	text := madeLog(rand.New(rand.NewPCG(8, 9)))
	name := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in := install(t)
	in.must(nil, "site", "add", "example.com", "--timezone", "Europe/Amsterdam")
	in.must(nil, "site", "add", "whole.example", "--timezone", "Europe/Amsterdam")
	server := in.serve()
	began := time.Now()
	in.must(nil, "import", "log", "--site", "whole.example", name)
	took := time.Since(began)
	for round := range rounds {
		server = in.killImport(server, rand.N(took*6/10+1), round%3 == 2, "log", name)
	}
	var sum imported
	in.must(&sum, "import", "log", "--site", "example.com", name)
	kept := views(t, text)
	if sum.Pages != len(kept) {
		t.Errorf("%+v, want %d pages", sum, len(kept))
	}
	t.Logf("the last import counted %d of %d pages", sum.Counted, sum.Pages)
	compareAnswers(t, server, in.key("example.com"), "example.com", reckon(t, kept, "Europe/Amsterdam"))
}

// killImport kills an import into example.com after that long, and the server that it writes to before it when both is true.
// It returns the server that runs then.
func (in *installation) killImport(server *process, after time.Duration, both bool, kind, name string) *process {
	in.t.Helper()
	cmd := exec.Command(in.bin, "import", kind, "--site", "example.com", "--data", in.dir, name)
	cmd.Env = in.env
	if err := cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	time.Sleep(after) // the random moment
	if both {
		server.kill()
	}
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()         // likewise
	if both {
		server = in.serve()
	}
	return server
}

func compareAnswers(t *testing.T, p *process, key, domain string, days map[string]*tally) {
	t.Helper()
	span := slices.Sorted(maps.Keys(days))
	ask := func(metrics, dimensions []string) rows {
		return p.query(key, map[string]any{
			"site_id": domain, "metrics": metrics, "date_range": []string{span[0], span[len(span)-1]},
			"dimensions": append([]string{"time:day"}, dimensions...), "pagination": map[string]int{"limit": 10_000},
		})
	}
	totals, pages := rows{}, rows{}
	entries, exits := rows{}, rows{}
	for day, d := range days {
		totals[day] = []float64{float64(d.visitors), float64(d.visits), float64(d.pageviews)}
		for page, n := range d.pages {
			pages[day+"|"+page] = []float64{float64(d.readers[page]), float64(n)}
		}
		for page, n := range d.entries {
			entries[day+"|"+page] = []float64{float64(n)}
		}
		for page, n := range d.exits {
			exits[day+"|"+page] = []float64{float64(n)}
		}
	}
	for _, c := range []struct {
		what      string
		got, want rows
	}{
		{"totals", ask([]string{"visitors", "visits", "pageviews"}, nil), totals},
		{"pages", ask([]string{"visitors", "pageviews"}, []string{"event:page"}), pages},
		{"entry pages", ask([]string{"visits"}, []string{"visit:entry_page"}), entries},
		{"exit pages", ask([]string{"visits"}, []string{"visit:exit_page"}), exits},
	} {
		compareRows(t, domain+", "+c.what, c.got, c.want)
	}
}

func compareRows(t *testing.T, what string, got, want rows) {
	t.Helper()
	wrong := 0
	for name, w := range want {
		if g := got[name]; !slices.Equal(g, w) {
			if wrong++; wrong < 10 {
				t.Errorf("%s: %s: %v, want %v", what, name, g, w)
			}
		}
	}
	for name, g := range got {
		if want[name] == nil && wrong < 10 {
			t.Errorf("%s: %s: %v, want nothing", what, name, g)
		}
	}
	if len(want) == 0 {
		t.Errorf("%s: nothing to compare", what)
	}
}

// compareBounces reads the counters themselves, since answers round the bounce rate.
func compareBounces(t *testing.T, in *installation, id schema.SiteID, days map[string]*tally) {
	t.Helper()
	bounces := 0
	for _, d := range days {
		bounces += d.bounces
	}
	got := in.sql(fmt.Sprintf("SELECT sum(bounces) FROM counts WHERE cube = 'traffic' AND site_id = %d", id))
	if n := got[0][0].(int64); n != int64(bounces) {
		t.Errorf("site %d: %d bounces, want %d", id, n, bounces)
	}
}

// sql asks the database of an installation on which no server runs.
func (in *installation) sql(query string) [][]any {
	in.t.Helper()
	opened, err := openInstance(context.Background(), instanceConfig{dir: in.dir, clickhouse: embeddedEngine})
	if err != nil {
		in.t.Fatal(err)
	}
	rows, err := opened.db.Select(context.Background(), query, nil)
	if err := errors.Join(err, opened.Close()); err != nil {
		in.t.Fatal(err)
	}
	return rows
}
