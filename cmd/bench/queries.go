package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/embedded"
)

// How the questions are asked.
const (
	queryDays     = 30
	queryMonths   = 12 // of queryDays each
	queryRounds   = 4  // of the same question to counters and to rows; of each the fastest counts: a shared machine can only be slower
	countersTries = 10 // in a round; rows are asked once
	pageTries     = 9  // of the whole page, of which the median counts, after one that does not
	// browserConnections is how many questions a browser has under way at once.
	browserConnections = 6
	queryMemoryBytes   = 4 << 30 // of the engine: the rows' questions are not to fail for want of it
	smallSiteVisitors  = 100     // a day
)

// queryLast is the last of the days.
var queryLast = schema.Date(2026, 6, 30)

func queryDayRange(days int) span { return span{queryLast - schema.Day(days) + 1, queryLast} }

// queryScale is how much there is of everything.
type queryScale struct {
	pageviews  [3]int // of one site in queryDays; the second one is compared with the rows
	smallSites int
}

func (b *bench) queryScale() queryScale {
	switch {
	case b.full:
		return queryScale{[3]int{2_000_000, 20_000_000, 60_000_000}, 1000}
	case b.short:
		return queryScale{[3]int{20_000, 200_000, 600_000}, 10}
	}
	return queryScale{[3]int{200_000, 2_000_000, 6_000_000}, 100}
}

// queries compares the counters with tables of rows in the same engine, filled from the same events: the times of
// what the dashboard asks, and the bytes on disk. The goals are those of the full size.
func (b *bench) queries() (err error) {
	ctx := context.Background()
	engine, err := embedded.Open(embedded.Config{Dir: filepath.Join(b.dir, "engine"), MaxMemoryBytes: queryMemoryBytes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	scale, pool := b.queryScale(), newPool()
	for i, n := range scale.pageviews {
		s, err := openStore(ctx, engine, fmt.Sprint("large_", i), pool, i < 2)
		if err != nil {
			return err
		}
		err = b.largeSite(ctx, s, n, i == 1)
		if err := errors.Join(err, s.drop(ctx)); err != nil {
			return fmt.Errorf("%s page views: %w", number(float64(n)), err)
		}
	}
	s, err := openStore(ctx, engine, "small", pool, true)
	if err != nil {
		return err
	}
	return errors.Join(b.smallSites(ctx, s, scale.smallSites), s.drop(ctx))
}

// fullGoal adds a figure whose goal is one of the full size only.
func (b *bench) fullGoal(name string, value float64, unit string, atLeast bool, goal float64) {
	switch {
	case !b.full:
		b.add("queries", name, value, unit)
	case atLeast:
		b.atLeast("queries", name, value, unit, goal)
	default:
		b.atMost("queries", name, value, unit, goal)
	}
}

// progress tells on the way what takes so long.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: %s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// largeSite loads one site and measures it; all of it where it is the one to compare.
func (b *bench) largeSite(ctx context.Context, s *store, pageviews int, compare bool) error {
	site := newQuerySite(1, bigSitePaths, visitorsADay(pageviews, queryDays))
	site.site.Declarations = declarations()
	days := queryDayRange(queryDays)
	if err := s.load(ctx, []*querySite{site}, days.first, queryDays); err != nil {
		return err
	}
	title := number(float64(s.pageviews)) + " page views: "
	progress("%s%d rows of counters", title, s.cells)
	a := newAsker(s, site)
	if s.withRows {
		if err := a.check(ctx, days); err != nil {
			return err
		}
		if err := b.compareBytes(ctx, s, title, compare); err != nil {
			return err
		}
	}
	b.add("queries", title+"counters", float64(s.cells), "")
	if compare {
		if err := s.addBareSite(ctx, site.site.ID); err != nil {
			return err
		}
	}
	if err := b.allPanels(ctx, a, title, compare); err != nil {
		return err
	}
	if !compare {
		return nil
	}
	if err := b.filteredPanels(ctx, a); err != nil {
		return err
	}
	repeated := 1
	for _, goal := range []struct {
		months int
		ms     float64
	}{{1, 100}, {queryMonths, 300}} {
		// What the page compares with is there for the month; the twelve months have nothing before them.
		if err := s.repeat(ctx, queryDays, days.first, repeated, max(goal.months-1, 1)); err != nil {
			return err
		}
		repeated = max(goal.months, 2)
		took, cpu, err := a.dashboard(ctx, queryDayRange(goal.months*queryDays))
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%swhole dashboard, %d days", title, goal.months*queryDays)
		progress("%s: %s ms, processor %s ms", name, number(took), number(cpu))
		b.fullGoal(name, took, "ms", false, goal.ms)
		b.add("queries", name+", processor", cpu, "ms")
	}
	return nil
}

func newAsker(s *store, site *querySite) *asker {
	now := (queryLast + 1).Start(time.UTC).Add(-time.Minute)
	return &asker{store: s, engine: &stats.Engine{Runner: s.db, Now: func() time.Time { return now }}, site: site}
}

// compareBytes compares what is on disk.
func (b *bench) compareBytes(ctx context.Context, s *store, title string, claim bool) error {
	counters, err := s.bytesOnDisk(ctx, "counts")
	if err != nil {
		return err
	}
	rows, err := s.bytesOnDisk(ctx, "events", "sessions")
	if err != nil {
		return err
	}
	each := float64(s.pageviews)
	name := fmt.Sprintf("%sbytes of counters against rows (%s B and %s B a page view)", title,
		number(float64(counters)/each), number(float64(rows)/each))
	if !claim {
		b.add("queries", name, float64(counters)/float64(rows), "×")
		return nil
	}
	b.fullGoal(name, float64(counters)/float64(rows), "×", false, 0.5)
	return nil
}

// times are those of several tries, in milliseconds.
func times(tries int, ask func() error) (took []float64, err error) {
	for range tries {
		from := time.Now()
		if err := ask(); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(from).Microseconds())/1000)
	}
	return took, nil
}

// fastest is the shortest time of several tries, in milliseconds.
func fastest(tries int, ask func() error) (float64, error) {
	took, err := times(tries, ask)
	if err != nil {
		return 0, err
	}
	return slices.Min(took), nil
}

// pair is how long counters and rows took for one question, in milliseconds; rows is 0 where there are none.
type pair struct{ counters, rows float64 }

func (p pair) ratio() float64 { return p.rows / p.counters }

func (p pair) String() string {
	return fmt.Sprintf("%s ms, rows %s ms", number(p.counters), number(p.rows))
}

// allPanels asks for the panels one after another, without a filter: how the time grows with the page views.
func (b *bench) allPanels(ctx context.Context, a *asker, title string, each bool) error {
	days, sum := queryDayRange(queryDays), pair{}
	for _, p := range panels() {
		took, err := a.both(ctx, &p, days, nil)
		if err != nil {
			return err
		}
		sum.counters, sum.rows = sum.counters+took.counters, sum.rows+took.rows
		if each {
			if err := b.panelGoal(ctx, a, &p, nil, took, 30); err != nil {
				return err
			}
		}
	}
	b.add("queries", title+"all panels one after another", sum.counters, "ms")
	if a.store.withRows {
		b.add("queries", title+"all panels one after another, rows", sum.rows, "ms")
	}
	return nil
}

// filteredPanels compares each panel under the filter with which the comparison is the worst.
func (b *bench) filteredPanels(ctx context.Context, a *asker) error {
	days := queryDayRange(queryDays)
	for _, p := range panels() {
		var worst struct {
			pair
			filter *rowFilter
		}
		for _, f := range rowFilters(a.site, a.store.pool) {
			took, err := a.both(ctx, &p, days, &f)
			if errors.Is(err, errRefused) {
				continue
			}
			if err != nil {
				return err
			}
			if worst.filter == nil || took.ratio() < worst.ratio() {
				worst.pair, worst.filter = took, &f
			}
		}
		if worst.filter != nil {
			if err := b.panelGoal(ctx, a, &p, worst.filter, worst.pair, 10); err != nil {
				return err
			}
		}
	}
	return nil
}

// panelGoal adds a panel's figure. If it misses the goal, it tells as well what could be had at the most: the same question about a
// site that has one row in each cube takes as long as the engine needs for it, and no layout of counters can be faster.
func (b *bench) panelGoal(ctx context.Context, a *asker, p *panel, f *rowFilter, took pair, goal float64) error {
	name := p.name
	if f != nil {
		name += " by " + f.name
	}
	b.fullGoal(fmt.Sprintf("%s: %s", name, took), took.ratio(), "×", true, goal)
	if !b.full || took.ratio() >= goal {
		return nil
	}
	least, err := a.ofBareSite(ctx, p, f)
	if err != nil {
		return err
	}
	name = fmt.Sprintf("%s: of a site of one row %s ms, so at the most", name, number(least))
	b.add("queries", name, took.rows/least, "×")
	return nil
}

// ofBareSite is how long the question takes of the bare site, in milliseconds.
func (a *asker) ofBareSite(ctx context.Context, p *panel, f *rowFilter) (float64, error) {
	site := *a.site
	site.site.ID = bareSite
	bare := asker{store: a.store, engine: a.engine, site: &site}
	return fastest(queryRounds*countersTries, func() error {
		_, err := bare.counters(ctx, p, queryDayRange(queryDays), f)
		return err
	})
}

// both asks the counters and, where there are any, the rows, in rounds, so that what disturbs the machine for a while is on both
// sides or on none.
func (a *asker) both(ctx context.Context, p *panel, s span, f *rowFilter) (pair, error) {
	took := pair{math.Inf(1), math.Inf(1)}
	for range queryRounds {
		counters, err := fastest(countersTries, func() error {
			_, err := a.counters(ctx, p, s, f)
			return err
		})
		if err != nil {
			return pair{}, err
		}
		took.counters = min(took.counters, counters)
		if !a.store.withRows {
			continue
		}
		rows, err := fastest(1, func() error {
			_, err := a.rows(ctx, p, s, f, false)
			return err
		})
		if err != nil {
			return pair{}, err
		}
		took.rows = min(took.rows, rows)
	}
	if !a.store.withRows {
		took.rows = 0
		return took, nil
	}
	by := ""
	if f != nil {
		by = " by " + f.name
	}
	progress("%s%s: %s", p.name, by, took)
	return took, nil
}

// dashboard is how long it takes until all is there that the page asks for as it opens, and how much of the
// processors that takes, both in milliseconds.
func (a *asker) dashboard(ctx context.Context, s span) (took, cpu float64, err error) {
	asks, err := a.page(s)
	if err != nil {
		return 0, 0, err
	}
	before, err := processTime()
	if err != nil {
		return 0, 0, err
	}
	each, err := times(1+pageTries, func() error {
		var all sync.WaitGroup
		next, errs := make(chan func(context.Context) error), make([]error, browserConnections)
		for i := range browserConnections {
			all.Go(func() {
				for ask := range next {
					errs[i] = errors.Join(errs[i], ask(ctx))
				}
			})
		}
		for _, ask := range asks {
			next <- ask
		}
		close(next)
		all.Wait()
		return errors.Join(errs...)
	})
	if err != nil {
		return 0, 0, err
	}
	after, err := processTime()
	return median(each[1:]), float64((after - before).Microseconds()) / 1000 / (pageTries + 1), err
}

// processTime is the processor time of this process, and so of the engine.
func processTime() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// page is what the page asks as it opens: the overview and that of the span before, the first tab of each panel, the
// funnel, and what was not counted.
func (a *asker) page(s span) ([]func(context.Context) error, error) {
	drops := panel{name: "Not counted", metrics: []string{"drops"}, dimensions: []string{"drop:reason"}}
	asks := []func(context.Context) error{}
	add := func(p panel, s span) {
		if slices.Contains(p.dimensions, "time:day") && s.last-s.first > 92 {
			p.dimensions = []string{"time:month"}
		}
		asks = append(asks, func(ctx context.Context) error {
			_, err := a.counters(ctx, &p, s, nil)
			return err
		})
	}
	for _, p := range panels() {
		if p.name == topPanel || p.name == chartPanel {
			add(p, s.before())
		}
		if !p.details {
			add(p, s)
		}
	}
	add(drops, s)
	funnel := a.site.site.Funnels[0].Name
	body, err := drops.question(a.site, s, nil)
	if err != nil {
		return nil, err
	}
	q, err := stats.Parse(body) // for its dates
	if err != nil {
		return nil, err
	}
	return append(asks, func(ctx context.Context) error {
		_, err := a.engine.Funnel(ctx, &a.site.site, funnel, q.Range)
		return err
	}), nil
}

// smallSites compares the bytes of many sites that have few visitors.
func (b *bench) smallSites(ctx context.Context, s *store, n int) error {
	var sites []*querySite
	for i := range n {
		sites = append(sites, newQuerySite(schema.SiteID(i+1), smallSitePaths, smallSiteVisitors))
	}
	days := queryDayRange(queryDays)
	if err := s.load(ctx, sites, days.first, queryDays); err != nil {
		return err
	}
	title := fmt.Sprintf("%d sites of %d visitors a day: ", n, smallSiteVisitors)
	progress("%s%d rows of counters", title, s.cells)
	if err := newAsker(s, sites[0]).check(ctx, days); err != nil {
		return err
	}
	return b.compareBytes(ctx, s, title, true)
}

// drop makes room for the next one.
func (s *store) drop(ctx context.Context) error {
	err := s.exec(ctx, "DROP DATABASE "+s.name)
	return errors.Join(err, s.db.Close())
}
