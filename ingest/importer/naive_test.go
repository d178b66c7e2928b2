package importer

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turf/aggregate"
	"turf/schema"
)

// keptLine is a line that is a page view: all that the naive reckoning knows.
type keptLine struct {
	at      int64
	visitor string // address (IPv6: its /64) or host name, and agent
	path    string // cleaned
}

// dayNumbers are what is compared of a day.
type dayNumbers struct {
	Pageviews, Visitors, Visits, Bounces, Duration int64
	Entries, Exits, Views, PageVisitors            map[string]int64 // by path
	EntryVisitors, ExitVisitors                    map[string]int64
}

func newDayNumbers() *dayNumbers {
	m := func() map[string]int64 { return map[string]int64{} }
	return &dayNumbers{
		Entries: m(), Exits: m(), Views: m(), PageVisitors: m(), EntryVisitors: m(), ExitVisitors: m(),
	}
}

// naive reckons the days from the definitions: a visit ends after 30 minutes without a page view and at midnight. It shares nothing
// with the core, and keeps everything.
func naive(kept []keptLine, loc *time.Location) map[string]*dayNumbers {
	slices.SortStableFunc(kept, func(a, b keptLine) int { return int(a.at - b.at) })
	visitors := map[[2]string][]keptLine{} // by date and visitor
	for _, l := range kept {
		key := [2]string{time.Unix(l.at, 0).In(loc).Format(time.DateOnly), l.visitor}
		visitors[key] = append(visitors[key], l)
	}
	days := map[string]*dayNumbers{}
	for key, views := range visitors {
		d := days[key[0]]
		if d == nil {
			d = newDayNumbers()
			days[key[0]] = d
		}
		d.Visitors++
		pages, entries, exits := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for len(views) > 0 {
			n := 1
			for n < len(views) && views[n].at-views[n-1].at <= 30*60 {
				n++
			}
			visit := views[:n]
			views = views[n:]
			first, last := visit[0], visit[n-1]
			d.Visits++
			d.Pageviews += int64(n)
			if n == 1 {
				d.Bounces++
			}
			d.Duration += last.at - first.at
			d.Entries[first.path]++
			d.Exits[last.path]++
			entries[first.path], exits[last.path] = true, true
			for _, l := range visit {
				d.Views[l.path]++
				pages[l.path] = true
			}
		}
		for p := range pages {
			d.PageVisitors[p]++
		}
		for p := range entries {
			d.EntryVisitors[p]++
		}
		for p := range exits {
			d.ExitVisitors[p]++
		}
	}
	return days
}

// keep finds the lines that are page views: the same parser and steps as the import, and nothing of its core.
func keep(t *testing.T, cfg *Config, lines []string) (kept []keptLine) {
	t.Helper()
	for _, text := range lines {
		var l line
		if l.parse(text, Auto) != nil {
			continue
		}
		target, drop := l.page()
		if drop != "" {
			continue
		}
		var ev aggregate.Event
		drop, err := cfg.Steps.event(&cfg.Site, &buffer{}, &l, target, &ev)
		if err != nil {
			t.Fatal(err)
		}
		if drop != "" {
			continue
		}
		host := l.host
		if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
			host = netip.PrefixFrom(a, 64).Masked().String()
		}
		kept = append(kept, keptLine{l.time, host + "\n" + l.agent, strings.Clone(ev.Values[schema.Path])})
	}
	return kept
}

// stored reads the same numbers from what the import wrote.
func stored(s *memStore, loc *time.Location) map[string]*dayNumbers {
	days := map[string]*dayNumbers{}
	add := func(m map[string]int64, path string, n int64) {
		if m[path] += n; m[path] == 0 {
			delete(m, path)
		}
	}
	for cell, sums := range s.totals {
		name := schema.DayOf(time.Unix(cell.Time, 0), loc).String()
		if days[name] == nil {
			days[name] = newDayNumbers()
		}
		d := days[name]
		switch cell.Cube {
		case schema.CubeTrafficDaily:
			d.Pageviews += sums[schema.Pageviews]
			d.Visitors += sums[schema.Visitors]
			d.Visits += sums[schema.Visits]
			d.Bounces += sums[schema.Bounces]
			d.Duration += sums[schema.Duration]
		case schema.CubePagesDaily:
			path := cell.Values[1]
			add(d.Entries, path, sums[schema.Entries])
			add(d.Exits, path, sums[schema.Exits])
			add(d.Views, path, sums[schema.Pageviews])
			add(d.PageVisitors, path, sums[schema.Visitors])
			add(d.EntryVisitors, path, sums[schema.EntryVisitors])
			add(d.ExitVisitors, path, sums[schema.ExitVisitors])
		}
	}
	return days
}

// Must hold 3: for each day in three zones, what the import counts is what a naive reckoning counts. Twice is once.
func agreesWithNaive(t *testing.T, lines []string, wantDays int) {
	for _, zone := range []string{"Europe/Amsterdam", "UTC", "Asia/Kathmandu"} {
		t.Run(zone, func(t *testing.T) {
			loc, err := schema.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			store := newStore()
			cfg := testConfig(t, store, zone)
			sum := mustRun(t, cfg, source("access.log", lines...))
			kept := keep(t, &cfg, lines)
			want := naive(kept, loc)
			if len(want) < wantDays || sum.Pages != len(kept) || sum.Counted != len(kept) || sum.Lines != len(lines) {
				t.Errorf("%d days, %d kept; the import says %+v", len(want), len(kept), sum)
			}
			if diff := cmp.Diff(want, stored(store, loc)); diff != "" {
				t.Errorf("(-naive +import)\n%s", diff)
			}
			t.Logf("%d days: %+v", len(want), sum)
			before := maps.Clone(store.totals)
			if again := mustRun(t, cfg, source("access.log", lines...)); again.Counted != 0 || again.Days != 0 {
				t.Errorf("the second import counted %d pages of %d days", again.Counted, again.Days)
			}
			if diff := cmp.Diff(before, store.totals); diff != "" {
				t.Errorf("the second import changed the totals\n%s", diff)
			}
		})
	}
}

func TestAgreesWithNaiveReckoning(t *testing.T) {
	for seed := range uint64(4) {
		agreesWithNaive(t, logOf(seed, 1500), 4)
	}
}

// The same with the log of a real server, where it is there.
func TestRealLogAgreesWithNaiveReckoning(t *testing.T) {
	const path = "../../../shared/data/access.log.gz"
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there; TestAgreesWithNaiveReckoning tests the same on made logs", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	s := bufio.NewScanner(z)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	agreesWithNaive(t, lines, 4)
}
