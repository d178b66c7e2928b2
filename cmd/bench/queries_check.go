package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"turf/dashboard/stats"
	"turf/schema"
)

// asker asks both sides about a site.
type asker struct {
	store  *store
	engine *stats.Engine
	site   *querySite
}

// errRefused says that the counters do not answer such a question, and the page does not ask it.
var errRefused = errors.New("not asked")

// counters asks the counters.
func (a *asker) counters(ctx context.Context, p *panel, s span, f *rowFilter) (*stats.Answer, error) {
	body, err := p.question(a.site, s, f)
	if err != nil {
		return nil, err
	}
	q, err := stats.Parse(body)
	if err != nil {
		return nil, err
	}
	answer, err := a.engine.Answer(ctx, &a.site.site, q)
	var invalid *stats.InvalidError
	if errors.As(err, &invalid) {
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	}
	return answer, err
}

// rows asks the tables of rows.
func (a *asker) rows(ctx context.Context, p *panel, s span, f *rowFilter, exact bool) ([][]any, error) {
	return a.store.db.Select(ctx, p.rows.sql(a.site, s, f, exact), nil)
}

// joinedError is how much larger than the true number one may be that says of itself that it is an upper limit: of
// these visitors an eighth come twice, by another way each time, which is much.
const joinedError = 0.05

// check compares each answer without a filter with that of the rows, which count users one by one. Both have seen the
// same events, so all must be equal, but where the counters say that they are an upper limit or hide small groups.
func (a *asker) check(ctx context.Context, s span) error {
	for _, p := range panels() {
		if p.name == goalsPanel && len(a.site.site.Goals) == 0 {
			continue
		}
		answer, err := a.counters(ctx, &p, s, nil)
		if err != nil {
			return fmt.Errorf("ask for %s: %w", p.name, err)
		}
		rows, err := a.rows(ctx, &p, s, nil, true)
		if err != nil {
			return fmt.Errorf("ask the rows for %s: %w", p.name, err)
		}
		if err := p.equal(answer, rows); err != nil {
			return fmt.Errorf("%s: counters and rows differ: %w", p.name, err)
		}
	}
	return nil
}

// equal compares an answer with what the rows have of each key.
func (p *panel) equal(answer *stats.Answer, rows [][]any) error {
	if len(answer.Results) == 0 || len(answer.Results) > len(rows) {
		return fmt.Errorf("%d rows, not %d", len(answer.Results), len(rows))
	}
	truth, keys := map[string][]any{}, 0
	if len(p.dimensions) > 0 {
		keys = 1
	}
	for _, row := range rows {
		key := ""
		if keys > 0 {
			key = fmt.Sprint(row[0])
		}
		truth[key] = row[keys:]
	}
	for _, r := range answer.Results {
		key := ""
		if keys > 0 {
			key = fmt.Sprint(r.Dimensions[0])
		}
		if p.hidden && key == schema.Other {
			continue
		}
		values, ok := truth[key]
		if !ok { // a value that is missing has a name
			values, ok = truth[""], strings.HasPrefix(key, "Direct") || key == "(not set)"
		}
		if !ok || len(values) != len(r.Metrics) {
			return fmt.Errorf("the rows have no %q", key)
		}
		for i, m := range r.Metrics {
			_, joined := answer.Meta.MetricWarnings[stats.Metric(p.metrics[i])]
			if err := sameNumber(m, values[i], joined, p.hidden); err != nil {
				return fmt.Errorf("%s of %q: %w", p.metrics[i], key, err)
			}
		}
	}
	return nil
}

// sameNumber says how a number of the counters differs from that of the rows.
func sameNumber(got, want any, joined, hidden bool) error {
	a, err := strconv.ParseFloat(fmt.Sprint(got), 64)
	if err != nil {
		return err
	}
	b, err := strconv.ParseFloat(fmt.Sprint(want), 64)
	if err != nil {
		return err
	}
	switch {
	case a == b:
	case joined && a > b && a <= b*(1+joinedError):
	case hidden && a < b:
	default:
		return fmt.Errorf("%v, not %v", got, want)
	}
	return nil
}
