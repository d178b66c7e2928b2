package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"turf/dashboard/stats"
	"turf/schema"
)

// countersPath is where the page "What Turf keeps" is served. COUNTERS.md is the same without the settings of a server.
const countersPath = "/api/counters.md"

// counters answers with the page, to everybody: it names no site. With site_id it has that site's k of today too, and is for those who
// may read the site.
func (d *Dashboard) counters(c echo.Context) error {
	kept := stats.Kept{Server: true, RetentionDays: d.RetentionDays}
	if domain := c.QueryParam("site_id"); domain != "" {
		site, err := d.reads(c.Response(), c.Request(), domain, nil)
		if err != nil {
			return d.answer(c, nil, err)
		}
		loc, err := site.Location()
		if err != nil {
			return d.answer(c, nil, err)
		}
		kept.Site, kept.K = site.Domain, site.K(schema.DayOf(d.Stats.Now(), loc))
	}
	allowOrigins(c.Response())
	c.Response().Header().Set("X-Content-Type-Options", "nosniff")
	return c.Blob(http.StatusOK, "text/markdown; charset=utf-8", []byte(stats.Counters(kept)))
}
