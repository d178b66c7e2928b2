package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/aggregate"
	"turf/ingest"
	"turf/ingest/importer"
	"turf/schema"
)

// A separate, naive reckoning of a log: it shares the rules with the core, but no code. Only what a page is called and who is a
// robot are asked of ingest.

// tally is what a day of a site comes to.
type tally struct {
	pageviews, visits, visitors, bounces int
	pages, entries, exits                map[string]int // page views; visits that began, and that ended, on a page
	readers                              map[string]int // visitors of a page
}

// view is a page view of the log.
type view struct {
	at   time.Time
	who  string
	page string
}

var naiveLine = regexp.MustCompile(`^(\S+) \S+ .*? \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d+) \S+ "([^"]*)" "(.*)"$`)

// views are the lines that are kept, in the order of their times.
func views(t *testing.T, log string) []view {
	t.Helper()
	agents, err := ingest.NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := ingest.NewSteps(nil, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var kept []view
	for text := range strings.Lines(log) {
		m := naiveLine.FindStringSubmatch(strings.TrimRight(text, "\r\n"))
		if m == nil || m[3] != "GET" || m[5][0] != '2' && m[5] != "304" {
			continue
		}
		path, _, _ := strings.Cut(m[4], "?")
		if dot := strings.LastIndexByte(path, '.'); dot > strings.LastIndexByte(path, '/') &&
			slices.Contains(importer.AssetExtensions, strings.ToLower(path[dot+1:])) {
			continue
		}
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[2])
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var ev aggregate.Event
		drop, err := steps.Page(&ingest.LoggedPage{
			Site: &schema.Site{ID: 1, Domain: "example.com", Timezone: "UTC"}, Time: at, Salt: new([16]byte),
			Client: m[1], UserAgent: m[7], Target: m[4], Referrer: m[6],
		}, &ev)
		if err != nil {
			t.Fatal(err)
		}
		if drop == ingest.Passed {
			kept = append(kept, view{at, m[1] + " " + m[7], strings.Clone(ev.Values[schema.Path])})
		}
	}
	slices.SortStableFunc(kept, func(a, b view) int { return a.at.Compare(b.at) })
	return kept
}

// reckon counts the views by the days of a zone.
func reckon(t *testing.T, kept []view, zone string) map[string]*tally {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	byVisitor := map[string][]view{} // by day and visitor
	for _, v := range kept {
		key := v.at.In(loc).Format(time.DateOnly) + " " + v.who
		byVisitor[key] = append(byVisitor[key], v)
	}
	days := map[string]*tally{}
	for key, seen := range byVisitor {
		day := key[:len(time.DateOnly)]
		d := days[day]
		if d == nil {
			d = &tally{pages: map[string]int{}, entries: map[string]int{}, exits: map[string]int{}, readers: map[string]int{}}
			days[day] = d
		}
		d.visitors++
		read := map[string]bool{}
		for from := 0; from < len(seen); {
			to := from + 1
			for to < len(seen) && seen[to].at.Sub(seen[to-1].at) <= 30*time.Minute {
				to++
			}
			d.visits++
			d.entries[seen[from].page]++
			d.exits[seen[to-1].page]++
			if to-from == 1 {
				d.bounces++
			}
			for _, v := range seen[from:to] {
				d.pageviews++
				d.pages[v.page]++
				read[v.page] = true
			}
			from = to
		}
		for page := range read {
			d.readers[page]++
		}
	}
	return days
}
