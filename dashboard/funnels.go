package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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

// Paths of funnels in the Sites API; our own, as what is asked about them.
const (
	siteFunnelsPath = sitesPath + "/funnels"
	siteFunnelPath  = siteFunnelsPath + "/:funnel_id"
)

// funnelAnswer is a funnel on the wire of the Sites API.
type funnelAnswer struct {
	ID        string              `json:"id"`
	Name      string              `json:"name"`
	Steps     []schema.FunnelStep `json:"steps"`
	WindowSec int                 `json:"window_sec"` // 0: the whole day
	Since     time.Time           `json:"counted_since"`
	Domain    string              `json:"domain,omitempty"`
}

func tellFunnel(f *schema.Funnel) funnelAnswer {
	return funnelAnswer{ID: f.Key(), Name: f.Name, Steps: f.Steps, WindowSec: f.WindowSec, Since: f.Since}
}

func (d *Dashboard) listFunnels(p *provisioning) (any, error) {
	return listDeclared(d, p, "funnels", funnelsOf, tellFunnel, func(f *funnelAnswer) string { return f.Name })
}

// readFunnel reads the funnel that is to be there.
func (p *provisioning) readFunnel() (schema.Funnel, error) {
	f := schema.Funnel{Name: p.fields["name"]}
	for _, name := range []string{"name", "steps"} {
		if p.fields[name] == "" {
			return f, &stats.InvalidError{Field: name, Reason: "is required"}
		}
	}
	steps := json.NewDecoder(strings.NewReader(p.fields["steps"]))
	steps.DisallowUnknownFields()
	if err := steps.Decode(&f.Steps); err != nil {
		return f, &stats.InvalidError{Field: "steps", Reason: `they are a list such as [{"page": "/pricing"}, {"event": "Signup"}]`}
	}
	if s := p.fields["window_sec"]; s != "" {
		var err error
		if f.WindowSec, err = strconv.Atoi(s); err != nil {
			return f, &stats.InvalidError{Field: "window_sec", Reason: "it is a whole number of seconds, or 0 for the whole day"}
		}
	}
	return f, nil
}

// putFunnel declares a funnel, or finds it: declaring it again is no mistake.
func (d *Dashboard) putFunnel(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	funnel, err := p.readFunnel()
	if err != nil {
		return nil, err
	}
	site, funnel, err = declare(d, p, &site, funnelsOf, funnel, func(f *schema.Funnel) bool { return f.Key() == funnel.Key() })
	if err != nil {
		return nil, err
	}
	told := tellFunnel(&funnel)
	told.Domain = site.Domain
	return told, nil
}

func (d *Dashboard) deleteFunnel(p *provisioning) (any, error) {
	return takeBack(d, p, "Funnel", funnelsOf, func(f *schema.Funnel) bool { return f.Key() == p.fields["funnel_id"] })
}

func funnelsOf(s *schema.Site) *[]schema.Funnel { return &s.Funnels }

func funnelNames(site *schema.Site) []string {
	var names []string
	for i := range site.Funnels {
		names = append(names, site.Funnels[i].Name)
	}
	return names
}
