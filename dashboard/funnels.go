package dashboard

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"turf/dashboard/stats"
	"turf/schema"
)

// funnelsPath is our own: Plausible's stats API has no funnels.
const funnelsPath = "/api/stats/funnels"

// registerFunnels adds the route of funnels. Who may ask, and the errors, are those of the stats API.
func (d *Dashboard) registerFunnels(e *echo.Echo) {
	d.route(e, http.MethodGet, funnelsPath, d.funnels)
	e.OPTIONS(funnelsPath, preflight)
}

// funnelList are the funnels of a site, in the order in which they were declared; never null.
type funnelList struct {
	Funnels []schema.Funnel `json:"funnels"`
}

// funnels answers about the funnel that is named, or lists those of the site.
func (d *Dashboard) funnels(w http.ResponseWriter, r *http.Request) (any, error) {
	q, err := parseFunnelQuestion(r)
	site, err := d.reads(w, r, q.site, err)
	if err != nil {
		return nil, err
	}
	if !q.named {
		return funnelList{append([]schema.Funnel{}, site.Funnels...)}, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), QuestionTimeout)
	defer cancel()
	return d.Stats.Funnel(ctx, &site, q.funnel, q.span)
}

// funnelQuestion is what is asked; the zero value is what could not be read.
type funnelQuestion struct {
	site, funnel string
	named        bool // not the list, but one funnel
	span         stats.DateRange
}

func parseFunnelQuestion(r *http.Request) (funnelQuestion, error) {
	params, err := v1Params(r)
	if err != nil {
		return funnelQuestion{}, err
	}
	q := funnelQuestion{site: params.Get("site_id"), funnel: params.Get("funnel"), named: params.Has("funnel")}
	if !q.named {
		return q, nil
	}
	if q.span, err = spanOf(params); err != nil {
		return funnelQuestion{}, err
	}
	return q, nil
}

// spanOf is the date_range of a question, which has to be there.
func spanOf(params url.Values) (stats.DateRange, error) {
	if !params.Has("date_range") {
		return stats.DateRange{}, &stats.InvalidError{Field: "date_range", Reason: "is required"}
	}
	return stats.ParseRange(params.Get("date_range"))
}

func funnelNames(site *schema.Site) []string {
	var names []string
	for i := range site.Funnels {
		names = append(names, site.Funnels[i].Name)
	}
	return names
}
