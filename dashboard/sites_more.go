package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
)

// property is the name of a property of events on the wire.
type property struct {
	Name string `json:"property"`
}

// listProps lists the properties that were counted of late: nobody has to declare them.
func (d *Dashboard) listProps(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	names, err := d.Stats.Properties(p.ctx, &site)
	if err != nil {
		return nil, err
	}
	var all []property
	for _, name := range names {
		all = append(all, property{name})
	}
	props, meta, err := page(p, all, func(p *property) string { return p.Name })
	return map[string]any{"custom_properties": props, "meta": meta}, err
}

// putProp has nothing to do: every property is counted from its first event on.
func (d *Dashboard) putProp(p *provisioning) (any, error) {
	if _, err := d.site(p); err != nil {
		return nil, err
	}
	if name := p.fields["property"]; name == "" || len(name) > stats.MaxPropNameBytes {
		return nil, &stats.InvalidError{Field: "property", Reason: "is required, and has at most 300 bytes"}
	}
	return map[string]bool{"created": true}, nil
}

func (d *Dashboard) deleteProp(p *provisioning) (any, error) {
	if _, err := d.site(p); err != nil {
		return nil, err
	}
	return nil, &stats.InvalidError{
		Field: "property", Reason: "every property is counted that events bring, so none can be taken away. Send events without it",
	}
}

// team is a team on the wire.
type team struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Available bool   `json:"api_available"`
}

// theTeam is the only one: whoever sees all sites of the installation. So what asks for teams and then for their sites finds them.
var theTeam = team{ID: "00000000-0000-4000-8000-000000000001", Name: "All sites", Available: true}

func (d *Dashboard) listTeams(p *provisioning) (any, error) {
	teams, meta, err := page(p, []team{theTeam}, func(t *team) string { return t.ID })
	return map[string]any{"teams": teams, "meta": meta}, err
}

func (d *Dashboard) listShares(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	type link struct {
		Name    string    `json:"name"`
		Created time.Time `json:"created"`
	}
	shares, err := d.Access.Shares(site.ID)
	if err != nil {
		return nil, err
	}
	var all []link
	for _, s := range shares {
		all = append(all, link{s.Name, s.Created})
	}
	links, meta, err := page(p, all, func(l *link) string { return l.Name })
	return map[string]any{"shared_links": links, "meta": meta}, err
}

// putShare makes a link, whose address is told this once: only a hash of it is stored.
func (d *Dashboard) putShare(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	token, share, err := d.Access.AddShare(p.ctx, site.ID, p.fields["name"])
	if invalid := new(access.InvalidShareError); errors.As(err, &invalid) {
		return nil, &stats.InvalidError{Field: "name", Reason: invalid.Error()}
	}
	if err != nil {
		return nil, err
	}
	address := origin(p.r) + sharePrefix + url.PathEscape(site.Domain) + "?auth=" + token
	return map[string]string{"name": share.Name, "url": address}, nil
}

// origin is the address of this server as whoever asks knows it.
func origin(r *http.Request) string {
	if isSecure(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (d *Dashboard) deleteShare(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	err = d.Access.RemoveShare(p.ctx, site.ID, p.fields["name"])
	if errors.Is(err, access.ErrShareNotFound) {
		return nil, &httpError{http.StatusNotFound, "Link could not be found."}
	}
	return deleted, err
}

// sharePrefix begins the address of a link that lets whoever has it look at one site.
const sharePrefix = "/share/"

// shareAge is how long a browser may look at a site after it opened a link.
const shareAge = 30 * 24 * time.Hour

// share takes the token of a link into a cookie and goes on to the page.
func (d *Dashboard) share(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address has the token
	h.Set("X-Content-Type-Options", "nosniff")
	token := c.QueryParam("auth")
	share, ok, err := d.Access.Share(token)
	if err != nil {
		return d.answer(c, nil, err)
	}
	sites := d.Sites.List()
	i := slices.IndexFunc(sites, func(s schema.Site) bool { return s.ID == share.Site })
	if !ok || i < 0 {
		return c.String(http.StatusNotFound, "This link is not valid, or not any more. Ask whoever gave it to you for a new one.\n")
	}
	cookie := newCookie(c.Request(), token, time.Now().Add(shareAge))
	cookie.Name = shareCookie(cookie.Name)
	http.SetCookie(c.Response(), cookie)
	return c.Redirect(http.StatusSeeOther, "/"+strings.ReplaceAll(url.PathEscape(sites[i].Domain), "%2F", "/"))
}

// shareCookie is the name of the cookie of a link, beside that of a session.
func shareCookie(session string) string { return strings.Replace(session, "session", "share", 1) }
