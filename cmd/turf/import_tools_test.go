package main

import (
	"archive/zip"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// toolExports are the made-up exports of the importer's tests.
const toolExports = "../../ingest/importer/testdata/"

// TestImportsOfOtherTools moves a site of each tool in through a running server, and asks for the numbers with turf
// query. The same again adds nothing, and so does another export of the same days.
func TestImportsOfOtherTools(t *testing.T) {
	in := install(t)
	server := in.serve()
	for _, c := range []struct {
		tool, zone string
		args       func(t *testing.T) []string
		said       string // by the first import
		want       map[string]string
	}{
		{
			tool: "goatcounter", zone: "UTC", said: "10 rows: 7 page views and 1 events on 2 days of goatcounter.example\n" +
				"left out: 1 robot, 1 session\n",
			args: func(t *testing.T) []string { return []string{gzipFile(t, toolExports+"goatcounter/export.csv")} },
			want: map[string]string{
				"visitors,visits,pageviews,bounce_rate,visit_duration": "4 5 7 60 84",
				"visitors by visit:source":                             "Direct / None 2, Hacker News 1, example.net 1",
				"pageviews by event:page":                              "/ 3, /a 3, /user/:id 1",
				"visitors,events by event:name":                        "signup 1 1",
				"visits,events by event:page":                          "/ 3 –, /a 3 –, (not set) 1 –, /user/:id 1 –",
			},
		},
		{
			tool: "umami", zone: "UTC", said: "7 rows: 5 page views and 1 events on 2 days of umami.example\nleft out: 1 kind\n",
			args: func(t *testing.T) []string {
				return []string{zipFiles(t, "umami-export", toolExports+"umami/website_event.csv")}
			},
			want: map[string]string{
				"visitors,visits,pageviews,bounce_rate,visit_duration": "3 4 5 75 38",
				"visits by visit:exit_page":                            "/pricing 3, / 1",
				"visitors by visit:country":                            "DE 1, NL 1, US 1",
				"visitors by visit:device":                             "Desktop 2, Mobile 1",
			},
		},
		{
			tool: "ga4", zone: "Europe/Amsterdam", said: "2 days of ga4.example\n",
			args: func(*testing.T) []string { return []string{toolExports + "ga4"} },
			want: map[string]string{
				"visitors,visits,pageviews,bounce_rate,visit_duration": "14 16 35 50 51",
				"visits by visit:channel":                              "Organic Search 10, Direct 4, (other) 1, Email 1",
				"visits by visit:entry_page":                           "/ 15, (not set) 1",
				"visitors by visit:browser":                            "Chrome 6, Microsoft Edge 4, Safari 4",
			},
		},
		{
			tool: "matomo", zone: "Europe/Amsterdam", said: "2 days of matomo.example\n" +
				"not told, and not known for these days: Referrers.getAIAssistants\n",
			args: func(t *testing.T) []string {
				files, err := filepath.Glob(toolExports + "matomo/*.json")
				if err != nil {
					t.Fatal(err)
				}
				return []string{zipFiles(t, "matomo", files...)}
			},
			want: map[string]string{
				"visitors,visits,pageviews,bounce_rate,visit_duration": "7 8 18 38 120",
				"visitors by visit:country":                            "NL 4, DE 2, (not set) 1",
				"visitors by visit:os":                                 "GNU/Linux 3, Windows 2, iOS 2",
			},
		},
	} {
		t.Run(c.tool, func(t *testing.T) {
			in.t, server.t = t, t
			domain := c.tool + ".example"
			in.must(nil, "site", "add", domain, "--timezone", c.zone)
			command := append([]string{"import", c.tool, "--site", domain}, c.args(t)...)
			for _, said := range []string{c.said, "this export was imported before; nothing is new\n"} {
				if r := in.turf("", command...); r.status != 0 || r.stdout != said {
					t.Fatalf("status %d: %q, %s, want %q", r.status, r.stdout, r.stderr, said)
				}
				got := map[string]string{}
				for question := range c.want {
					got[question] = in.asked(domain, question)
				}
				if diff := gocmp.Diff(c.want, got); diff != "" {
					t.Errorf("after %q (-want +got):\n%s", said, diff)
				}
			}
			// Another export of the same days: each has counts.
			if c.tool == "umami" {
				more := filepath.Join(t.TempDir(), "website_event.csv")
				text := readFile(t, toolExports+"umami/website_event.csv")
				if err := os.WriteFile(more, []byte(text+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if r := in.turf("", "import", "umami", "--site", domain, more); !strings.Contains(r.stdout, "left out: 2 days") {
					t.Errorf("status %d: %q, %s", r.status, r.stdout, r.stderr)
				}
				if got := in.asked(domain, "visitors,visits,pageviews,bounce_rate,visit_duration"); got != "3 4 5 75 38" {
					t.Errorf("twice counted: %s", got)
				}
			}
		})
	}
}

// TestToolImportThatIsKilled kills an import, or the server that it writes to, at random moments; the same command
// goes on, and the totals are those of one import.
func TestToolImportThatIsKilled(t *testing.T) {
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	name := filepath.Join(t.TempDir(), "export.csv")
	if err := os.WriteFile(name, []byte(madeGoatCounter(rand.New(rand.NewPCG(3, 1)))), 0o600); err != nil {
		t.Fatal(err)
	}
	in := install(t)
	in.must(nil, "site", "add", "example.com", "--timezone", "UTC")
	in.must(nil, "site", "add", "whole.example", "--timezone", "UTC")
	server := in.serve()
	began := time.Now()
	in.must(nil, "import", "goatcounter", "--site", "whole.example", name)
	took := time.Since(began)
	whole := in.asked("whole.example", "visitors,pageviews by time:day")
	for round := range rounds {
		server = in.killImport(server, rand.N(took*8/10+1), round%2 == 1, "goatcounter", name)
		// Until it has come to its end, no part of it is told: there is no row, or nothing is known of the days, or all is.
		got := in.asked("example.com", "visitors,pageviews by time:day")
		if !slices.Contains([]string{"", "2026-03-01 – –, 2026-03-02 – –, 2026-03-03 – –", whole}, got) {
			t.Errorf("an import that was killed: %s", got)
		}
	}
	in.must(nil, "import", "goatcounter", "--site", "example.com", name)
	for _, question := range []string{
		"visitors,visits,pageviews,bounce_rate,visit_duration by time:day", "visitors,visits,pageviews by event:page",
		"visitors,pageviews by visit:source", "visits by visit:entry_page", "visitors,visits by visit:country",
	} {
		want, got := in.asked("whole.example", question), in.asked("example.com", question)
		if want = strings.ReplaceAll(want, "whole.example", "example.com"); got != want || len(got) < 20 {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
}

// madeGoatCounter is an export of 12,000 page views on three days.
func madeGoatCounter(r *rand.Rand) string {
	text := "2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Referrer scheme,Screen size,Location," +
		"FirstVisit,Date\n"
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for range 12_000 {
		at = at.Add(time.Duration(r.IntN(40)) * time.Second)
		text += fmt.Sprintf("/page/%d,,false,,Firefox 128,Linux,session-%d,0,%s,h,,%s,false,%s\n", r.IntN(60), r.IntN(900),
			[]string{"", "", "www.google.com", "news.example.net/x"}[r.IntN(4)], []string{"NL", "DE", "US-CA"}[r.IntN(3)],
			at.Format(time.RFC3339))
	}
	return text
}

// What cannot be imported is refused in a sentence, with the file.
func TestRefusedImportsOfOtherTools(t *testing.T) {
	in := install(t)
	in.must(nil, "site", "add", "example.com")
	empty := t.TempDir()
	broken := filepath.Join(empty, "broken.csv")
	if err := os.WriteFile(broken, []byte("2Path,Event,Session,Bot,Date\n/,false,s,0,yesterday\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"goatcounter", "no-such.csv"}, "no-such.csv"},
		{[]string{"goatcounter", broken}, "broken.csv, line 2: column Date is no time"},
		{[]string{"goatcounter", zipFiles(t, "json-export", toolExports+"ga4/pages.json")}, "json-export.zip is no CSV file"},
		{[]string{"umami", zipFiles(t, "other", toolExports+"ga4/pages.json")}, "other.zip has no website_event.csv"},
		{[]string{"umami", broken}, "there is no column session_id"},
		{[]string{"ga4", empty}, "has no *.json"},
		{[]string{"ga4", toolExports + "ga4"}, "its days are those of Europe/Amsterdam, and the site's those of"},
		{[]string{"matomo", toolExports + "matomo/Actions.get.json"}, "there is no VisitsSummary.get.json"},
	} {
		r := in.turf("", append([]string{"import", c.args[0], "--site", "example.com"}, c.args[1:]...)...)
		if r.status == 0 || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%v: status %d, %q, want %q", c.args, r.status, r.stderr, c.want)
		}
	}
}

// asked asks "metrics by dimension" of the first days of March with turf query, and joins the answer.
func (in *installation) asked(domain, question string) string {
	in.t.Helper()
	metrics, dimension, _ := strings.Cut(question, " by ")
	args := []string{"query", "--site", domain, "--range", "2026-03-01,2026-03-03", "--metrics", metrics}
	if dimension != "" {
		args = append(args, "--by", dimension)
	}
	var answer struct {
		Results []struct {
			Metrics    []json.Number
			Dimensions []string
		}
	}
	in.must(&answer, args...)
	var rows []string
	for _, r := range answer.Results {
		words := slices.Clone(r.Dimensions)
		for _, m := range r.Metrics {
			words = append(words, cmp.Or(m.String(), "–")) // of null
		}
		rows = append(rows, strings.Join(words, " "))
	}
	return strings.Join(rows, ", ")
}

// zipFiles makes a zip of files, in a folder as exports have it.
func zipFiles(t *testing.T, name string, files ...string) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), name+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(out)
	for _, f := range files {
		w, err := z.Create(name + "/" + filepath.Base(f))
		if err == nil {
			_, err = w.Write([]byte(readFile(t, f)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func gzipFile(t *testing.T, name string) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), filepath.Base(name)+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(out)
	if _, err := z.Write([]byte(readFile(t, name))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}
