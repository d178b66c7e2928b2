package reports_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/schema"
)

// recorder keeps the statements that were run.
type recorder struct {
	reports.Runner
	statements []string
}

func (r *recorder) Select(ctx context.Context, sql string, params map[string]string) ([][]any, error) {
	r.statements = append(r.statements, sql)
	return r.Runner.Select(ctx, sql, params)
}

var (
	tableRead   = regexp.MustCompile(`\b(?:FROM|JOIN)\s+([a-z_]+)`)
	heatOrEvent = map[string]bool{"consented_events": true, "consented_heat": true}
)

// L10 and P8: no statement of any report reads a table of the counting path, and each is about one site. Nothing that was
// typed is in a statement.
func TestL10StatementsReadOnlyConsentedTables(t *testing.T) {
	w := newWorld(t)
	rec := &recorder{Runner: w.db}
	w.engine.Runner = rec
	w.counts["visit:source"] = []reports.Count{{Value: "typed'source", Visitors: 3}}
	const common = `"date_range":"30d","weight":true,"cohort":{"rules":[{"did":{"event":"typed'e"}},` +
		`{"has":{"name":"event:props:typed'p","op":"contains","values":["typed'v"]}},{"first_seen":"7d"}]}`
	for kind, body := range map[string]string{
		"funnel": `{` + common + `,"steps":[{"page":"/typed'*"},{"event":"typed'2"}],"hold":["event:props:typed'h"],"next":true,
			"distribution":true,"breakdown":"visit:source","compare":"previous_period","exclude":[{"event":"typed'x"}]}`,
		"retention": `{` + common + `,"birth":{"page":"/typed'"},"unit":"month"}`,
		"journeys":  `{` + common + `,"anchor":{"event":"typed'a"}}`,
		"paths":     `{` + common + `,"anchor":{"event":"typed'a"}}`,
		"people":    `{` + common + `,"by":"event:props:typed'b"}`,
		"adoption":  `{` + common + `,"features":[{"event":"typed'f"}]}`,
		"clicks":    `{"date_range":"30d","page":"/typed'"}`,
		"heat":      `{"date_range":"30d","page":"/typed'","hostname":"typed'"}`,
	} {
		before := len(rec.statements)
		if err := ask(t.Context(), w.engine, &w.site, kind, body); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if len(rec.statements) < before+2 {
			t.Errorf("%s: only %d statements were run", kind, len(rec.statements)-before)
		}
	}
	for _, sql := range rec.statements {
		for _, m := range tableRead.FindAllStringSubmatch(sql, -1) {
			if !heatOrEvent[m[1]] {
				t.Errorf("a statement reads %s:\n%s", m[1], sql)
			}
		}
		if strings.Contains(sql, "typed") || strings.Count(sql, "FROM consented_") != strings.Count(sql, "site_id = {site:UInt32}") {
			t.Errorf("a statement holds what was typed, or is not about one site:\n%s", sql)
		}
	}
}

// ask runs a question of that kind as it would come over the wire.
func ask(ctx context.Context, e *reports.Engine, site *schema.Site, kind, body string) error {
	q, err := parseAs(kind, []byte(body))
	if err != nil {
		return err
	}
	switch q := q.(type) {
	case *reports.FunnelQuestion:
		_, err = e.Funnel(ctx, site, q)
	case *reports.RetentionQuestion:
		_, err = e.Retention(ctx, site, q)
	case *reports.JourneysQuestion:
		_, err = e.Journeys(ctx, site, q)
	case *reports.PathsQuestion:
		_, err = e.Paths(ctx, site, q)
	case *reports.PeopleQuestion:
		_, err = e.People(ctx, site, q)
	case *reports.AdoptionQuestion:
		_, err = e.Adoption(ctx, site, q)
	case *reports.ClicksQuestion:
		_, err = e.Clicks(ctx, site, q)
	case *reports.HeatQuestion:
		_, err = e.Heat(ctx, site, q)
	}
	return err
}

// k counts people, also where sessions are counted: what one person did ten times is not named.
func TestKIsOfPeople(t *testing.T) {
	w := newWorld(t)
	first := schema.DayOf(w.now, w.loc) - 10
	var events []schema.ConsentedEvent
	for session := range 10 {
		for i, path := range []string{"/a", "/b"} {
			events = append(events, schema.ConsentedEvent{
				Person: schema.PersonRef{9}, Session: uint64(session), Name: "pageview", Path: path,
				Time: first.Start(w.loc).Add(time.Duration(session*60+i) * time.Second),
			})
		}
	}
	w.add(events)
	common := reports.Common{Range: days(first, first)}
	flow, err := w.engine.Journeys(t.Context(), &w.site, &reports.JourneysQuestion{Common: common, Count: reports.CountSessions})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range flow.Nodes {
		if strings.HasPrefix(n.Name, "Visit") {
			t.Errorf("node %v", n)
		}
	}
	paths, err := w.engine.Paths(t.Context(), &w.site, &reports.PathsQuestion{JourneysQuestion: reports.JourneysQuestion{
		Common: common, Count: reports.CountSessions,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths.Paths) != 0 || paths.Other != 10 {
		t.Errorf("paths %s", dump(paths))
	}
	funnel, err := w.engine.Funnel(t.Context(), &w.site, &reports.FunnelQuestion{
		Common: common, Count: reports.CountSessions, Next: true, Breakdown: "visit:source", Steps: []reports.Match{{Page: "/a"}, {Event: "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := funnel.Steps[0]; s.Count != 10 || len(s.Next) != 1 || s.Next[0].Value != "(other)" || s.Next[0].Count != 10 {
		t.Errorf("what one person did next is told: %s", dump(funnel))
	}
	if len(funnel.Groups) != 1 || funnel.Groups[0].Value != "(other)" {
		t.Errorf("the source of one person is told: %s", dump(funnel.Groups))
	}
}
