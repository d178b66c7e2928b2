package dashboard

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"turf/dashboard/stats"
)

// buttonsPath is our own: Plausible knows of no buttons.
const buttonsPath = "/api/stats/buttons"

// registerButtons adds the route of buttons. Who may ask, and the errors, are those of the stats API.
func (d *Dashboard) registerButtons(e *echo.Echo) {
	d.route(e, http.MethodGet, buttonsPath, d.buttons)
	e.OPTIONS(buttonsPath, preflight)
}

// buttons answers how often the buttons of a site were clicked, those that its owner declared and others.
func (d *Dashboard) buttons(w http.ResponseWriter, r *http.Request) (any, error) {
	params, err := v1Params(r)
	var span stats.DateRange
	if err == nil {
		span, err = spanOf(params)
	}
	site, err := d.reads(w, r, params.Get("site_id"), err)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), QuestionTimeout)
	defer cancel()
	return d.Stats.Buttons(ctx, &site, span)
}
