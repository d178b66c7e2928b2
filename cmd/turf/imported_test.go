package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exportedQuestions are those that the ten tables of an export can tell.
var exportedQuestions = []string{
	"visitors,visits,pageviews,bounce_rate,visit_duration,views_per_visit by time:day", "events by time:day", "events",
	"bounce_rate by time:week",
	"visitors,visits,pageviews by event:page", "visitors by event:page,event:hostname", "visits,bounce_rate by event:page",
	"visits,bounce_rate,visit_duration by visit:entry_page", "visitors by visit:entry_page", "visitors,visits by visit:exit_page",
	"visits by visit:source", "pageviews by visit:source", "visits by visit:source,visit:utm_campaign",
	"visitors,pageviews by visit:country", "visitors by visit:region", "visitors,visits by visit:device", "visitors by visit:browser",
	"visitors by visit:browser_version", "visitors by visit:os", "visitors by visit:os_version", "visitors,events by event:name",
}

// TestImportsKeepWhatIsNotKnown: an import of each tool, moved to another site by an export, gives the same answers there, and what was
// not known stays unknown: it is null, or its days are left out, and never 0.
func TestImportsKeepWhatIsNotKnown(t *testing.T) {
	in := install(t)
	in.serve()
	for _, c := range []struct {
		tool, zone, from string
		leftOut          []string // the questions of which nothing is known of some days
	}{
		{
			"ga4", "Europe/Amsterdam", "ga4/*.json",
			[]string{
				"visitors,visits by visit:exit_page", "visitors by visit:region", "visitors by visit:browser_version",
				"visitors by visit:os_version",
			},
		},
		{
			"matomo", "Europe/Amsterdam", "matomo/*.json",
			[]string{
				"events by time:day", "events", "pageviews by visit:source", // on a day with downloads
				"visitors by visit:region", "visitors by visit:browser_version", "visitors by visit:os_version", "visitors,events by event:name",
			},
		},
		{
			"umami", "UTC", "umami/*.csv",
			[]string{"visitors by visit:browser_version", "visitors by visit:os_version"},
		},
		{
			"goatcounter", "UTC", "goatcounter/*.csv", []string{"visitors,visits by visit:device", "visits by visit:source,visit:utm_campaign"},
		},
	} {
		t.Run(c.tool, func(t *testing.T) {
			in.t = t
			from, to := c.tool+".example", "again."+c.tool+".example"
			in.must(nil, "site", "add", from, "--timezone", c.zone)
			in.must(nil, "site", "add", to, "--timezone", c.zone)
			files, err := filepath.Glob(toolExports + c.from)
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			in.must(nil, append([]string{"import", c.tool, "--site", from}, files...)...)
			folder := filepath.Join(t.TempDir(), "export")
			in.must(nil, "export", "--site", from, "--output", folder)
			in.must(nil, "import", "plausible", "--site", to, folder)
			for _, question := range exportedQuestions {
				first, second := in.answer(from, question), in.answer(to, question)
				if want := slices.Contains(c.leftOut, question); want != (len(first.Meta.LeftOutDays) > 0) {
					t.Errorf("%s: days are left out: %v", question, first.Meta.LeftOutDays)
				}
				if diff := cmp.Diff(first.Results, second.Results); diff != "" {
					t.Errorf("%s, at first and when it was imported again:\n%s", question, diff)
				}
				if diff := cmp.Diff(first.Meta.UnknownDays, second.Meta.UnknownDays); diff != "" {
					t.Errorf("%s, unknown at first and when it was imported again:\n%s", question, diff)
				}
				if len(first.Meta.LeftOutDays) != len(second.Meta.LeftOutDays) {
					t.Errorf("%s: %v are left out, and %v when it was imported again", question, first.Meta.LeftOutDays, second.Meta.LeftOutDays)
				}
			}
			for _, question := range []string{"visitors by event:page,visit:country", "pageviews by time:hour", "events by event:props:plan"} {
				if got := in.answer(to, question); len(got.Meta.LeftOutDays) == 0 {
					t.Errorf("%s: %v", question, got.Results)
				}
			}
		})
	}
}

// shownAnswer is what of an answer is compared.
type shownAnswer struct {
	Results []struct {
		Metrics, Dimensions []any
	}
	Meta struct {
		LeftOutDays [][2]string            `json:"left_out_days"`
		UnknownDays map[string][][2]string `json:"unknown_days"`
	}
}

// answer asks "metrics by dimensions" of the first days of March.
func (in *installation) answer(domain, question string) (answer shownAnswer) {
	in.t.Helper()
	metrics, dimensions, _ := strings.Cut(question, " by ")
	args := []string{"query", "--site", domain, "--range", "2026-03-01,2026-03-03", "--metrics", metrics}
	if dimensions != "" {
		args = append(args, "--by", dimensions)
	}
	in.must(&answer, args...)
	return answer
}

// TestImportBesideOwnDays: a site with days of an import and days that were counted here, asked in the ways of the command line and of
// both APIs; and what was imported goes with the site.
func TestImportBesideOwnDays(t *testing.T) {
	in := install(t)
	server := in.serve()
	in.must(nil, "site", "add", "example.com", "--timezone", "Europe/Amsterdam")
	files, err := filepath.Glob(toolExports + "ga4/*.json")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "access.log")
	const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	const line = `192.0.2.%d - - [%02d/Mar/2026:10:0%d:03 +0000] "GET %s HTTP/1.1" 200 2 "-" "` + agent + `"` + "\n"
	text := ""
	for i, path := range []string{"/", "/a", "/b"} {
		text += fmt.Sprintf(line, 1, 10, i, path) + fmt.Sprintf(line, 2, 11, i, path)
	}
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in.must(nil, append([]string{"import", "ga4", "--site", "example.com"}, files...)...)
	in.must(nil, "import", "log", "--site", "example.com", log)

	const span = "2026-03-01,2026-03-11"
	for _, c := range []struct{ by, metrics, format, stdout, stderr string }{
		{"", "visitors,pageviews", "csv", "visitors,pageviews\n16,41\n", ""},
		// What Google tells and the log does not is null, and what neither tells is left out.
		{
			"", "visitors,events", "csv", "visitors,events\n16,\n",
			"note: events: It is not known of 2026-03-10 to 2026-03-11, imported from a web server's log",
		},
		{
			"visit:exit_page", "visits", "csv", "visit:exit_page,visits\n/b,2\n",
			"note: Without 2026-03-01 to 2026-03-02, imported from Google Analytics",
		},
		{"visit:screen", "visitors", "table", "visit:screen  visitors\nnothing is known\n", "Google Analytics and a web server's log"},
	} {
		args := []string{"query", "--site", "example.com", "--range", span, "--metrics", c.metrics, "--format", c.format}
		if c.by != "" {
			args = append(args, "--by", c.by)
		}
		r := in.turf("", args...)
		if r.status != 0 || r.stdout != c.stdout || !strings.Contains(r.stderr, c.stderr) || c.stderr == "" && r.stderr != "" {
			t.Errorf("%v: status %d\n%s%swant\n%s%s", args, r.status, r.stdout, r.stderr, c.stdout, c.stderr)
		}
	}
	r := in.turf("", "query", "--site", "example.com", "--range", "2026-03-01,2026-03-04", "--metrics", "visits", "--by", "time:day",
		"--filter", "visit:exit_page==/b", "--format", "bar")
	if !strings.Contains(r.stdout, "2026-03-01  –\n2026-03-02  –\n2026-03-03  0\n") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	_, body := server.get("/api/v1/stats/aggregate?site_id=example.com&period=custom&date=" + span + "&metrics=visitors,events")
	var v1 struct {
		Results map[string]struct{ Value any }
		Warning string
	}
	if err := json.Unmarshal([]byte(body), &v1); err != nil || v1.Results["events"].Value != nil || v1.Results["visitors"].Value != 16.0 ||
		!strings.Contains(v1.Warning, "events: It is not known of 2026-03-10 to 2026-03-11") {
		t.Errorf("%s, %v", body, err)
	}

	// Another site of the name has none of it.
	in.must(nil, "site", "remove", "example.com", "--yes")
	in.must(nil, "site", "add", "example.com", "--timezone", "Europe/Amsterdam")
	if got := in.answer("example.com", "visits by visit:exit_page"); len(got.Results) != 0 || len(got.Meta.LeftOutDays) != 0 {
		t.Errorf("of the site that was removed: %+v", got)
	}
}
