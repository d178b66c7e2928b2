package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard"
	"turf/ingest"
	"turf/ingest/consent"
	optin "turf/ingest/tracker/consent"
	"turf/schema"
	"turf/schema/clickhouse"
)

// The opt-in path in the running program: its ledger and rows (openConsents), its routes (server.registerConsents), and the
// audit that holds the rows against the ledger (auditRows).

const (
	// auditHour is when the rows are held against the ledger each day, of UTC.
	auditHour = 3
	// maxSuspects is how many people and purposes with rows outside their consent an audit looks at closely.
	maxSuspects = 1000
	// exportPattern is the name of an export while it is written and fetched.
	exportPattern = "consent-export-*.tmp"
)

// openConsents opens the ledger and the rows of the opt-in path, once. It may be called by many goroutines.
func (in *instance) openConsents(log *slog.Logger) (*consent.Ledger, error) {
	in.consents.Lock()
	defer in.consents.Unlock()
	if in.ledger != nil {
		return in.ledger, nil
	}
	var ledger *consent.Ledger
	rows := clickhouse.NewConsented(in.db, func(site schema.SiteID, purpose string) (days int) {
		return ledger.Retention(site, purpose)
	})
	ledger, err := consent.Open(consent.Config{
		Dir: filepath.Join(in.dir, consentDir), Store: rows, Logger: log, Build: "turf " + version(),
	})
	if err != nil {
		return nil, err
	}
	in.ledger, in.consented = ledger, rows
	return ledger, nil
}

// usedConsents is openConsents where the opt-in path was ever used, else nil.
func (in *instance) usedConsents() (*consent.Ledger, error) {
	_, err := os.Stat(filepath.Join(in.dir, consentDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return in.openConsents(nil)
}

// registerConsents adds the endpoints and the script of the opt-in path. What is left of exports that were not fetched goes.
func (s *server) registerConsents(e *echo.Echo, board *dashboard.Dashboard) error {
	ledger, err := s.in.openConsents(s.log)
	if err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(s.in.dir, exportPattern))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("remove old exports: %w", err)
	}
	steps, err := ingest.NewSteps(s.in.sites.ByDomain, s.lookups.agents, s.lookups.geo, s.lookups.centres)
	if err != nil {
		return err
	}
	endpoints, err := consent.NewServer(consent.ServerConfig{
		Ledger:    ledger,
		Describer: ingest.NewDescriber(steps, s.opts.trustedProxies, s.opts.allHints, s.opts.limits.RequestsPerSec),
		Sites:     s.in.sites.ByDomain, Site: s.in.sites.ByID, Logger: s.log,
		Keeping:   &consent.Keeping{HourDays: s.in.retentionDays, DayDays: s.in.retentionDays},
		Authorize: func(r *http.Request, site schema.SiteID, _ consent.Role) bool { return board.MayManage(r, site) },
	})
	if err != nil {
		return err
	}
	endpoints.Register(e)
	scripts := optin.Handler(func(domain string) (optin.Options, bool) {
		site, ok := s.in.sites.ByDomain(domain)
		if !ok {
			return optin.Options{}, false
		}
		return scriptOptions(&site, ledger.Settings(site.ID))
	})
	// The collector has the other names below /js/.
	e.Match([]string{http.MethodGet, http.MethodHead}, "/js/turf-consent*", echo.WrapHandler(scripts))
	return nil
}

// scriptOptions is what the second script of a site is made of. ok is false where its opt-in path is off.
func scriptOptions(site *schema.Site, set consent.Settings) (o optin.Options, ok bool) {
	if !set.On || set.Audience == consent.AudienceChildren {
		return o, false
	}
	o = optin.Options{Parts: optin.All, Settings: optin.Settings{Domain: site.Domain}}
	if part, known := optin.PartNamed(set.Manager); known {
		o.Parts, o.Settings.Consent = part, set.Manager
	}
	if set.TCFVendor != 0 {
		o.Settings.Vendor = strconv.Itoa(set.TCFVendor)
	}
	if set.WeakProof {
		o.Settings.Weak = "yes"
	}
	return o, true
}

// audit is what holding the rows against the ledger found.
type audit struct {
	Used         bool // there is a ledger
	Rows, People uint64
	Broken       []string // in words
}

func (a *audit) broken(format string, args ...any) {
	a.Broken = append(a.Broken, fmt.Sprintf(format, args...))
}

// suspect is a person with rows of a purpose that do not all lie in what the ledger knows.
type suspect struct {
	site schema.SiteID
	clickhouse.PersonRows
	granted []clickhouse.Interval
}

// auditRows looks for rows that no grant of the ledger lets be (L1), and for events from before the grant (L2). Nothing that
// names a person is in what it says.
func (in *instance) auditRows(ctx context.Context) (found audit, err error) {
	sites, err := in.db.Select(ctx, "SELECT DISTINCT site_id FROM consented_events", nil)
	if err != nil {
		return found, err
	}
	ledger, err := in.usedConsents()
	if err != nil {
		return found, err
	}
	if ledger == nil {
		if len(sites) > 0 {
			found.broken("there are events of people and no ledger of consents")
		}
		return found, nil
	}
	found.Used = true
	var suspects []suspect
	for _, row := range sites {
		id := schema.SiteID(row[0].(uint64))
		err := in.consented.Persons(ctx, id, func(p clickhouse.PersonRows) error {
			found.Rows += p.Rows
			found.People++
			granted, err := ledger.Granted(id, p.Person, p.Purpose)
			if err != nil || len(suspects) >= maxSuspects {
				return err
			}
			s := suspect{id, p, nil}
			for _, g := range granted {
				s.granted = append(s.granted, clickhouse.Interval{From: g.From, To: g.To})
			}
			if !s.inside() {
				suspects = append(suspects, s)
			}
			return nil
		})
		if err != nil {
			return found, err
		}
	}
	// Who withdrew meanwhile has no rows any more, so the rows are asked again.
	for i := range suspects {
		if err := in.auditSuspect(ctx, &suspects[i], &found); err != nil {
			return found, err
		}
	}
	return found, nil
}

// inside reports whether all rows lie in one grant.
func (s *suspect) inside() bool {
	for _, g := range s.granted {
		if !s.First.Before(g.From) && s.Last.Before(g.To) && !s.FirstTime.Before(g.From) {
			return true
		}
	}
	return false
}

func (in *instance) auditSuspect(ctx context.Context, s *suspect, found *audit) error {
	n, err := in.consented.RowsOutside(ctx, s.site, s.Person, s.Purpose, s.granted)
	if err != nil {
		return err
	}
	if n > 0 {
		found.broken("site %d: %d events of a person for %s lie in no consent", s.site, n, s.Purpose)
	}
	if len(s.granted) > 0 && s.FirstTime.Before(s.granted[0].From) {
		found.broken("site %d: a person's first event for %s is older than the consent", s.site, s.Purpose)
	}
	return nil
}

// verifyConsents: P8.
func (in *instance) verifyConsents(ctx context.Context, p *promise) error {
	found, err := in.auditRows(ctx)
	if err != nil {
		return err
	}
	for _, b := range found.Broken {
		p.broken("%s", b)
	}
	if !found.Used {
		p.looked("the opt-in path was never used: no ledger and no events of people")
		return nil
	}
	p.looked("%d events of people who consented, of %d people and purposes, each held against the ledger", found.Rows, found.People)
	return nil
}

// auditor holds the rows against the ledger once a night, until the context ends.
func (s *server) auditor(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(nextAudit(time.Now()))):
		}
		found, err := s.in.auditRows(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Error("the events of people who consented could not be held against the ledger", "error", err)
		case len(found.Broken) > 0:
			s.log.Error("there are events that no consent lets be: see turf verify", "found", len(found.Broken), "first", found.Broken[0])
		}
	}
}

// nextAudit is the next time at which it is auditHour.
func nextAudit(now time.Time) time.Time {
	now = now.UTC()
	at := time.Date(now.Year(), now.Month(), now.Day(), auditHour, 0, 0, 0, time.UTC)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// removeConsents ends the opt-in path of a site: its rows, and the proofs of its consents. After an error it is called again.
func (in *instance) removeConsents(ctx context.Context, site schema.SiteID) error {
	ledger, err := in.usedConsents()
	if err != nil || ledger == nil {
		return err
	}
	return ledger.RemoveSite(site, func() error { return in.consented.RemoveSite(ctx, site) })
}

// plainly is an error without the code that programs read.
func plainly(err error) error {
	if p := new(consent.Problem); errors.As(err, &p) {
		return errors.New(cmp.Or(p.Detail, p.Title))
	}
	return err
}
