package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"time"

	"turf/dashboard/reports"
	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/embedded"
)

// The load of the opt-in path's reports: one site, 30 days, people of whom each has 50 events in a few sessions.
const (
	consentedEvents     = 1_000_000
	consentedEventsFull = 10_000_000
	consentedDays       = 30
	consentedEach       = 50  // events of a person
	consentedPages      = 200 // beside those of the funnel
	consentedTries      = 5   // of which the median counts
	consentedChunk      = 200_000
	// consentedFunnelGoalMs is what a funnel of five steps over ten million events in 30 days may take.
	consentedFunnelGoalMs = 1000
)

// consented measures reports over consented events, beside the plainest statement that has to look at every person.
func (b *bench) consented() (err error) {
	events := b.scaled(consentedEvents)
	if b.full {
		events = consentedEventsFull
	}
	ctx := context.Background()
	engine, err := embedded.Open(embedded.Config{Dir: filepath.Join(b.dir, "consented"), MaxMemoryBytes: queryMemoryBytes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	db, err := clickhouse.Open(ctx, clickhouse.Config{Transport: engine, MaxQuery: 5 * time.Minute})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	site := &schema.Site{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"}
	last := schema.DayOf(time.Now(), time.UTC) - 1
	began := time.Now()
	if err := writeConsented(ctx, clickhouse.NewConsented(db, nil), site, last, events); err != nil {
		return err
	}
	b.add("consented", "write", float64(events)/time.Since(began).Seconds(), "events/s")
	if err := waitForMerges(ctx, db); err != nil {
		return err
	}
	return b.consentedReports(ctx, db, site, last, events)
}

// writeConsented writes the events of one person after another, in chunks. A fifth of the events fit a step of the funnel.
func writeConsented(ctx context.Context, store *clickhouse.Consented, site *schema.Site, last schema.Day, events int) error {
	r := mathrand.New(mathrand.NewPCG(5, 5))
	first := (last - consentedDays + 1).Start(time.UTC)
	steps := [...]string{"/", "/pricing", "/signup"}
	chunk := make([]schema.ConsentedEvent, 0, consentedChunk)
	for n := range events {
		person := n / consentedEach
		e := schema.ConsentedEvent{Site: site.ID, Session: uint64(n / 10), Purpose: "events", Name: "pageview", Hostname: site.Domain}
		// Looks as random as a keyed hash, so that it is as hard to compress.
		binary.LittleEndian.PutUint64(e.Person[:], mathrand.New(mathrand.NewPCG(uint64(person), 1)).Uint64())
		binary.LittleEndian.PutUint64(e.Person[8:], uint64(person+1)*0x9e3779b97f4a7c15)
		e.Time = first.Add(time.Duration(r.IntN(consentedDays*86400*1000)) * time.Millisecond)
		e.Received, e.Seq = e.Time.Add(time.Second), uint32(n%100)
		e.Source, e.Channel = [...]string{"", "Google", "Bing", "news.example"}[person%4], [...]string{"Direct", "Organic Search"}[person%2]
		e.Country, e.Device = [...]string{"NL", "BE", "DE"}[person%3], [...]string{"Mobile", "Desktop"}[person%2]
		e.Browser, e.OS = "Firefox", "Linux"
		switch k := r.IntN(100); {
		case k < 15:
			e.Path = steps[k%len(steps)]
		case k < 20:
			e.Name, e.Path = [...]string{"register", "purchase"}[k%2], "/signup"
			e.Props = map[string]string{"plan": "pro"}
		default:
			e.Path = fmt.Sprint("/page/", k*r.IntN(consentedPages)%consentedPages)
		}
		if chunk = append(chunk, e); len(chunk) == cap(chunk) || n == events-1 {
			if err := store.WriteEvents(ctx, "", chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
	}
	return nil
}

// mergesQuiet is how long no merge may run before it is measured, and mergesTimeout how long that is waited for.
const (
	mergesQuiet   = 6 * time.Second
	mergesTimeout = 3 * time.Minute
)

// waitForMerges returns when the database has put away what was just written: a site gets its events over a month.
func waitForMerges(ctx context.Context, db *clickhouse.DB) error {
	ctx, cancel := context.WithTimeout(ctx, mergesTimeout)
	defer cancel()
	tick := time.NewTicker(mergesQuiet / 12)
	defer tick.Stop()
	for quiet := time.Duration(0); quiet < mergesQuiet; quiet += mergesQuiet / 12 {
		rows, err := db.Select(ctx, "SELECT count() FROM system.merges", nil)
		if err != nil {
			return fmt.Errorf("wait for merges: %w", err)
		}
		if n, ok := rows[0][0].(uint64); !ok || n > 0 {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for merges: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// consentedReports asks for a funnel, coverage and times in it, in turns with the baseline. The goal is that of two quiet
// processors and ten million events; the processor time and the baseline say how far from that a machine is.
func (b *bench) consentedReports(ctx context.Context, db *clickhouse.DB, site *schema.Site, last schema.Day, events int) error {
	e := &reports.Engine{Runner: db, Now: time.Now}
	q := &reports.FunnelQuestion{Steps: []reports.Match{
		{Page: "/"}, {Page: "/pricing"}, {Page: "/signup"}, {Event: "register"}, {Event: "purchase"},
	}}
	q.Range.DateRange = stats.DateRange{First: last - consentedDays + 1, Last: last}
	funnel := func() error {
		a, err := e.Funnel(ctx, site, q)
		if err == nil && (a.Steps[0].Count == 0 || a.Steps[4].Count == 0) {
			err = fmt.Errorf("nobody came through: %v", a.Steps)
		}
		return err
	}
	baseline := func() error {
		_, err := db.Select(ctx, "SELECT count(), max(n) FROM (SELECT person, count() AS n FROM consented_events GROUP BY person)", nil)
		return err
	}
	sides := []consentedSide{{name: "GROUP BY person", run: baseline}, {name: "funnel of 5 steps, 30 days", run: funnel}}
	for range consentedTries {
		for i := range sides {
			if err := sides[i].once(); err != nil {
				return fmt.Errorf("%s: %w", sides[i].name, err)
			}
		}
	}
	plain, answered := median(sides[0].wallMs), median(sides[1].wallMs)
	b.add("consented", "events", float64(events), "")
	b.add("consented", sides[0].name, plain, "ms")
	b.atMost("consented", sides[1].name, answered, "ms", consentedFunnelGoalMs)
	for i := range sides {
		b.add("consented", sides[i].name+", processor time", median(sides[i].processorMs), "ms")
	}
	b.add("consented", "funnel to GROUP BY person", answered/plain, "times")
	return nil
}

// consentedSide is a question and what it took each time.
type consentedSide struct {
	name                string
	run                 func() error
	wallMs, processorMs []float64
}

func (s *consentedSide) once() error {
	before, err := processTime()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.run(); err != nil {
		return err
	}
	s.wallMs = append(s.wallMs, float64(time.Since(began).Microseconds())/1000)
	after, err := processTime()
	s.processorMs = append(s.processorMs, float64((after-before).Microseconds())/1000)
	return err
}
