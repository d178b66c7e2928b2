package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"turf/dashboard/reports"
	"turf/dashboard/stats"
	"turf/schema"
)

// reportsPath is where the reports over the events of people who consented are asked for; our own.
const reportsPath = "/api/v1/reports/"

// errNoReports is the answer where there is no opt-in path.
var errNoReports = &httpError{
	http.StatusNotFound, "The opt-in path is off on this server, so no events of people who consented are kept, and there are no " +
		"reports over them. What is counted without consent is at " + queryPath + ".",
}

// report answers a question without its site_id, in JSON. The errors of a question are *stats.InvalidError.
type report struct {
	name string
	// read reads the question strictly, and returns how it is answered.
	read func(question []byte) (ask func(context.Context, *reports.Engine, *schema.Site) (any, error), err error)
}

// reportOf ties a question's parser to the method that answers it.
func reportOf[Q, A any](
	name string, parse func([]byte) (Q, error), answer func(*reports.Engine, context.Context, *schema.Site, Q) (A, error),
) report {
	return report{name, func(question []byte) (func(context.Context, *reports.Engine, *schema.Site) (any, error), error) {
		q, err := parse(question)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, e *reports.Engine, site *schema.Site) (any, error) {
			return answer(e, ctx, site, q)
		}, nil
	}}
}

// reportTable is which reports there are, by the last part of their paths.
func reportTable() []report {
	return []report{
		reportOf("funnel", reports.ParseFunnel, (*reports.Engine).Funnel),
		reportOf("retention", reports.ParseRetention, (*reports.Engine).Retention),
		reportOf("journeys", reports.ParseJourneys, (*reports.Engine).Journeys),
		reportOf("paths", reports.ParsePaths, (*reports.Engine).Paths),
		reportOf("cohort", reports.ParsePeople, (*reports.Engine).People),
		reportOf("adoption", reports.ParseAdoption, (*reports.Engine).Adoption),
		reportOf("clicks", reports.ParseClicks, (*reports.Engine).Clicks),
		reportOf("heatmap", reports.ParseHeat, (*reports.Engine).Heat),
	}
}

// registerReports adds the routes of the reports. Who may ask, the limits and the errors are those of the stats API.
func (d *Dashboard) registerReports(e *echo.Echo) {
	for _, r := range reportTable() {
		path := reportsPath + r.name
		d.route(e, http.MethodPost, path, d.reportEndpoint(r))
		e.OPTIONS(path, preflight)
	}
}

func (d *Dashboard) reportEndpoint(r report) endpoint {
	return func(w http.ResponseWriter, req *http.Request) (any, error) {
		body, err := readBody(w, req, reports.MaxBodyBytes)
		if err != nil {
			return nil, err
		}
		domain, question, err := takeSite(body)
		var ask func(context.Context, *reports.Engine, *schema.Site) (any, error)
		if err == nil && d.Reports != nil {
			ask, err = r.read(question)
		}
		site, v, err := d.reader(w, req, domain, err)
		switch {
		case err != nil:
			return nil, err
		case v.shared != 0:
			return nil, errOnlyNumbers
		case d.Reports == nil:
			return nil, errNoReports
		}
		ctx, cancel := context.WithTimeout(req.Context(), QuestionTimeout)
		defer cancel()
		return ask(ctx, d.Reports, &site)
	}
}

// errOnlyNumbers answers who came by a shared link: it shows the page's numbers, and no reports about people.
var errOnlyNumbers = &httpError{
	http.StatusForbidden, "A shared link shows the numbers of a site, not the reports about people. Sign in, or send a key.",
}

// takeSite takes the site_id out of a question, for the reports know of no domains. What is no JSON object is left to them:
// they say what is wrong with it.
func takeSite(body []byte) (domain string, question []byte, err error) {
	var keys map[string]json.RawMessage
	if !utf8.Valid(body) || json.Unmarshal(body, &keys) != nil || keys == nil {
		return "", body, nil
	}
	raw, ok := keys["site_id"]
	if !ok {
		return "", nil, &stats.InvalidError{Field: "site_id", Reason: "is required"}
	}
	if err := json.Unmarshal(raw, &domain); err != nil || domain == "" {
		return "", nil, &stats.InvalidError{Field: "site_id", Reason: "the domain of a site is expected"}
	}
	delete(keys, "site_id")
	question, err = json.Marshal(keys)
	if err != nil {
		return "", nil, fmt.Errorf("BUG: write the keys of a question: %w", err)
	}
	return domain, question, nil
}

// withCounted is the engine that asks the counting path how many visitors there were, unless it asks somebody else already.
// It is the only thing that the two paths have in common, and no statement of either reads the tables of both (P8).
func withCounted(e *reports.Engine, counter *stats.Engine) *reports.Engine {
	if e == nil || e.Counted != nil {
		return e
	}
	with := *e
	with.Counted = func(ctx context.Context, site *schema.Site, r stats.DateRange, dimension string) ([]reports.Count, error) {
		return counted(ctx, counter, site, r, dimension)
	}
	return &with
}

// counted asks for the visitors of a period: of all, or by a dimension; see [reports.Counted].
func counted(
	ctx context.Context, e *stats.Engine, site *schema.Site, r stats.DateRange, dimension string,
) ([]reports.Count, error) {
	loc, err := site.Location()
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	// "all" is all that consented events can be kept for, and not all that was ever counted.
	span, err := r.Resolve(e.Now(), loc, schema.DayOf(e.Now(), loc)-reports.MaxSpanDays+1)
	if err != nil {
		return nil, fmt.Errorf("the days that were counted: %w", err)
	}
	ask := map[string]any{
		"site_id": site.Domain, "metrics": []string{"visitors"}, "date_range": stats.DateRange{First: span.First, Last: span.Last},
	}
	if dimension != "" {
		ask["dimensions"] = []string{dimension}
	}
	text, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("BUG: write a question: %w", err)
	}
	q, err := stats.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("BUG: ask for visitors by %q: %w", dimension, err)
	}
	answer, err := e.Answer(ctx, site, q)
	if err != nil {
		return nil, fmt.Errorf("ask for visitors by %q: %w", dimension, err)
	}
	if dimension == "" && len(answer.Meta.LeftOutDays) > 0 {
		return nil, nil // an import of some of the days has not come to its end
	}
	counts := make([]reports.Count, 0, len(answer.Results))
	for _, row := range answer.Results {
		c := reports.Count{}
		if dimension != "" {
			c.Value = missingAsEmpty(fmt.Sprint(row.Dimensions[0]))
		}
		if row.Metrics[0] == nil {
			continue
		}
		n, ok := row.Metrics[0].(int64)
		if !ok {
			return nil, fmt.Errorf("BUG: visitors are %T", row.Metrics[0])
		}
		c.Visitors = n
		counts = append(counts, c)
	}
	return counts, nil
}

// missingAsEmpty is a value as the store of events has it: what is missing there is the empty text.
func missingAsEmpty(value string) string {
	if value == "(not set)" || value == "Direct / None" {
		return ""
	}
	return value
}
