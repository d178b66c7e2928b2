package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"turf/dashboard/stats"
	"turf/schema"
)

// Paths of Plausible's stats API v1, the older one. Its fourth is realtimePath.
const (
	aggregatePath  = "/api/v1/stats/aggregate"
	timeseriesPath = "/api/v1/stats/timeseries"
	breakdownPath  = "/api/v1/stats/breakdown"
)

// registerV1 adds the routes of the stats API v1. Who may ask, and the errors, are those of v2.
func (d *Dashboard) registerV1(e *echo.Echo) {
	d.routeV1(e, aggregatePath, d.Stats.V1Aggregate)
	d.routeV1(e, timeseriesPath, d.Stats.V1Timeseries)
	d.routeV1(e, breakdownPath, d.Stats.V1Breakdown)
}

// v1Answerer is one of the Engine's methods for v1.
type v1Answerer func(ctx context.Context, site *schema.Site, params url.Values) (*stats.V1Answer, error)

func (d *Dashboard) routeV1(e *echo.Echo, path string, ask v1Answerer) {
	d.route(e, http.MethodGet, path, func(w http.ResponseWriter, r *http.Request) (any, error) {
		params, err := v1Params(r)
		site, err := d.reads(w, r, params.Get("site_id"), err)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(r.Context(), QuestionTimeout)
		defer cancel()
		return ask(ctx, &site, params)
	})
	e.OPTIONS(path, preflight)
}

// v1Params reads the parameters of a question; they are never nil.
func v1Params(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > stats.MaxBodyBytes {
		return url.Values{}, &httpError{http.StatusRequestEntityTooLarge, "The question is too long."}
	}
	// A ; is no separator here but part of a filter, and not all clients write it as %3B.
	params, err := url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B"))
	switch {
	case err != nil:
		return url.Values{}, &stats.InvalidError{Reason: "The parameters of the question are not written as those of a URL"}
	case params.Get("site_id") == "":
		return url.Values{}, &stats.InvalidError{Field: "site_id", Reason: "is required"}
	}
	return params, nil
}
