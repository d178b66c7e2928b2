package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
)

// Paths of the Sites API, Plausible's for making and changing sites. It is answered to keys of the scope "sites" only.
const (
	sitesPath       = "/api/v1/sites"
	sitePath        = sitesPath + "/:site_id"
	customPropsPath = sitesPath + "/custom-props"
	customPropPath  = customPropsPath + "/:property"
	sharesPath      = sitesPath + "/shared-links"
	teamsPath       = sitesPath + "/teams"
	guestsPath      = sitesPath + "/guests"
	guestPath       = guestsPath + "/:email"
)

// Limits of the Sites API.
const (
	MaxSitesBytes     = 16 << 10 // of a request
	DefaultSitesLimit = 100      // of a list
	MaxSitesLimit     = 1000
)

// Provision makes and changes sites. Its methods are called by many goroutines. Set's error is a *schema.InvalidError where what
// was declared is wrong. Remove stops counting a site and deletes its counts.
type Provision interface {
	Add(ctx context.Context, domain, timezone string) (schema.Site, error)
	Set(ctx context.Context, domain string, change func(*schema.Site) error) (schema.Site, error)
	Remove(ctx context.Context, domain string) (schema.Site, error)
}

// provisioning is a request of the Sites API.
type provisioning struct {
	ctx    context.Context
	r      *http.Request
	only   schema.SiteID     // the only site that the key is for, or access.AllSites
	fields map[string]string // of the body and the address; what is in an object of the body as "object.field"
}

// readsSites are the lists and the site that a key may also read that only reads. Who has access, and by which links, it may not.
var readsSites = []string{sitesPath, sitePath, goalsPath, segmentsPath, siteFunnelsPath, customPropsPath, teamsPath}

func (d *Dashboard) registerSites(e *echo.Echo) {
	for path, methods := range map[string]map[string]func(*provisioning) (any, error){
		sitesPath:       {http.MethodGet: d.listSites, http.MethodPost: d.createSite},
		sitePath:        {http.MethodGet: d.readSite, http.MethodPut: d.updateSite, http.MethodDelete: d.deleteSite},
		goalsPath:       {http.MethodGet: d.listGoals, http.MethodPut: d.putGoal},
		goalPath:        {http.MethodDelete: d.deleteGoal},
		segmentsPath:    {http.MethodGet: d.listSegments, http.MethodPut: d.putSegment},
		segmentPath:     {http.MethodDelete: d.deleteSegment},
		siteFunnelsPath: {http.MethodGet: d.listFunnels, http.MethodPut: d.putFunnel},
		siteFunnelPath:  {http.MethodDelete: d.deleteFunnel},
		customPropsPath: {http.MethodGet: d.listProps, http.MethodPut: d.putProp},
		customPropPath:  {http.MethodDelete: d.deleteProp},
		sharesPath:      {http.MethodGet: d.listShares, http.MethodPut: d.putShare, http.MethodDelete: d.deleteShare},
		teamsPath:       {http.MethodGet: d.listTeams},
		guestsPath:      {http.MethodGet: d.listGuests, http.MethodPut: d.putGuest},
		guestPath:       {http.MethodDelete: d.deleteGuest},
	} {
		var allowed []string
		for method := range methods {
			allowed = append(allowed, method)
		}
		slices.Sort(allowed)
		allow := strings.Join(allowed, ", ")
		e.Any(path, func(c echo.Context) error {
			c.Response().Header().Set("Allow", allow)
			return d.answer(c, nil, &httpError{http.StatusMethodNotAllowed, "Only " + allow + " is answered here."})
		})
		for method, do := range methods {
			reads := method == http.MethodGet && slices.Contains(readsSites, path)
			ofPage := slices.Contains(declared, path)
			e.Add(method, path, func(c echo.Context) error {
				p, cancel, err := d.provisioning(c, reads, ofPage)
				if err != nil {
					return d.answer(c, nil, err)
				}
				defer cancel()
				body, err := do(p)
				return d.answer(c, body, mistake(err))
			})
		}
	}
}

// mistake makes an answer for who asked of what is wrong with a declaration.
func mistake(err error) error {
	if invalid := new(schema.InvalidError); errors.As(err, &invalid) {
		return &httpError{http.StatusBadRequest, invalid.Error()}
	}
	if invalid := new(access.InvalidGuestError); errors.As(err, &invalid) {
		return &httpError{http.StatusBadRequest, invalid.Error()}
	}
	return err
}

// provisioning lets in who may and reads the fields. reads: a key that only reads will do. ofPage: without a key, so will the page
// of who may change the site.
func (d *Dashboard) provisioning(c echo.Context, reads, ofPage bool) (*provisioning, context.CancelFunc, error) {
	r := c.Request()
	p := &provisioning{r: r, only: access.AllSites}
	key, keyed := bearer(r)
	var v viewer
	var err error
	switch {
	case keyed:
		p.only, err = d.siteOfKey(key, reads)
	case ofPage:
		v, err = d.viewer(r)
	default:
		err = errNobody
	}
	if errors.Is(err, errNobody) {
		err = errNoSitesKey
	}
	if err != nil {
		return nil, nil, err
	}
	if d.Provision == nil {
		return nil, nil, &httpError{http.StatusNotFound, "This server does not change sites."}
	}
	if p.fields, err = readFields(c.Response(), r); err != nil {
		return nil, nil, err
	}
	for i, name := range c.ParamNames() {
		value, err := url.PathUnescape(c.ParamValues()[i])
		if err != nil {
			return nil, nil, &httpError{http.StatusBadRequest, "The address is not written as a URL."}
		}
		p.fields[name] = value
	}
	if !keyed {
		if err := d.mayDeclare(p, v); err != nil {
			return nil, nil, err
		}
	}
	var cancel context.CancelFunc
	p.ctx, cancel = context.WithTimeout(r.Context(), QuestionTimeout)
	return p, cancel, nil
}

var (
	errNoSitesKey = &httpError{
		http.StatusUnauthorized, "Missing API key. Send one of the scope sites as a Bearer token (turf key add --scope sites).",
	}
	errWrongSitesKey = &httpError{http.StatusUnauthorized, "Invalid API key. The Sites API needs one of the scope sites."}
)

// siteOfKey is the only site that a key is for, or access.AllSites.
func (d *Dashboard) siteOfKey(key string, reads bool) (schema.SiteID, error) {
	only, err := d.Access.CheckSitesKey(key)
	if reads && errors.Is(err, access.ErrInvalidKey) {
		only, err = d.Access.CheckReadingKey(key)
	}
	if errors.Is(err, access.ErrInvalidKey) {
		err = errWrongSitesKey
	}
	return only, err
}

// site is the site of the request, which the key may change.
func (d *Dashboard) site(p *provisioning) (schema.Site, error) {
	domain := p.fields["site_id"]
	if domain == "" {
		return schema.Site{}, &stats.InvalidError{Field: "site_id", Reason: "is required"}
	}
	site, ok := d.Sites.ByDomain(domain)
	if !ok || p.only != access.AllSites && p.only != site.ID {
		return schema.Site{}, errNotThere
	}
	return site, nil
}

var errNotThere = &httpError{http.StatusNotFound, "Site could not be found: there is none, or it is not this key's."}

// siteAnswer is a site on the wire.
type siteAnswer struct {
	Domain     string    `json:"domain"`
	Timezone   string    `json:"timezone"`
	Properties *[]string `json:"custom_properties,omitempty"`

	Script map[string]any `json:"tracker_script_configuration,omitempty"`
}

// tellSite is all that is told of one site.
func (d *Dashboard) tellSite(ctx context.Context, site *schema.Site) (any, error) {
	props, err := d.Stats.Properties(ctx, site)
	return siteAnswer{site.Domain, site.Timezone, &props, scriptAnswer(site)}, err
}

// pageMeta says where in a list a page lies: Plausible's form.
type pageMeta struct {
	After  *string `json:"after"`
	Before *string `json:"before"`
	Limit  int     `json:"limit"`
}

// page is a part of a list that ascends by name: at most limit after a name, or before one.
func page[T any](p *provisioning, all []T, name func(*T) string) ([]T, pageMeta, error) {
	limit := DefaultSitesLimit
	if s := p.fields["limit"]; s != "" {
		var err error
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > MaxSitesLimit {
			return nil, pageMeta{}, &stats.InvalidError{Field: "limit", Reason: fmt.Sprintf("it is a number from 1 to %d", MaxSitesLimit)}
		}
	}
	meta := pageMeta{Limit: limit}
	first, last := 0, len(all) // of what is asked for
	if after := p.fields["after"]; after != "" {
		for first < len(all) && name(&all[first]) <= after {
			first++
		}
	}
	if before := p.fields["before"]; before != "" {
		for last > first && name(&all[last-1]) >= before {
			last--
		}
		first = max(first, last-limit)
	}
	last = min(last, first+limit)
	if last < len(all) && last > first {
		meta.After = new(name(&all[last-1]))
	}
	if first > 0 && last > first {
		meta.Before = new(name(&all[first]))
	}
	return append([]T{}, all[first:last]...), meta, nil
}

func (d *Dashboard) listSites(p *provisioning) (any, error) {
	var all []siteAnswer
	team := p.fields["team_id"]
	for _, s := range d.Sites.List() {
		if team != "" && team != theTeam.ID {
			break // of a team that there is not
		}
		if p.only == access.AllSites || p.only == s.ID {
			all = append(all, siteAnswer{Domain: s.Domain, Timezone: s.Timezone})
		}
	}
	sites, meta, err := page(p, all, func(s *siteAnswer) string { return s.Domain })
	return map[string]any{"sites": sites, "meta": meta}, err
}

func (d *Dashboard) createSite(p *provisioning) (any, error) {
	if p.only != access.AllSites {
		return nil, &httpError{http.StatusForbidden, "This key is for one site and cannot add others."}
	}
	if team := p.fields["team_id"]; team != "" && team != theTeam.ID {
		return nil, &httpError{http.StatusForbidden, "There is no such team here to add a site to."}
	}
	domain, err := d.freeDomain(p.fields["domain"])
	if err != nil {
		return nil, err
	}
	zone := p.fields["timezone"]
	if zone == "" {
		zone = "UTC"
	}
	if _, err := schema.LoadLocation(zone); err != nil {
		return nil, &stats.InvalidError{Field: "timezone", Reason: err.Error()}
	}
	script, _, err := p.readScript()
	if err != nil {
		return nil, err
	}
	site, err := d.Provision.Add(p.ctx, domain, zone)
	if err == nil && len(script) > 0 {
		site, err = d.Provision.Set(p.ctx, domain, func(s *schema.Site) error {
			setScript(s, script)
			return nil
		})
	}
	return siteAnswer{site.Domain, site.Timezone, &[]string{}, scriptAnswer(&site)}, err
}

// freeDomain is the name that a site shall have. One that another site had before is free.
func (d *Dashboard) freeDomain(text string) (string, error) {
	domain, err := schema.CleanDomain(text)
	if err != nil {
		return "", &stats.InvalidError{Field: "domain", Reason: err.Error()}
	}
	if site, ok := d.Sites.ByDomain(domain); ok && site.Domain == domain {
		return "", &stats.InvalidError{Field: "domain", Reason: "has already been taken"}
	}
	return domain, nil
}

func (d *Dashboard) readSite(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	return d.tellSite(p.ctx, &site)
}

// updateSite changes a site's name, and what its script does, or neither. Its time zone is for ever. What is as it was is no change.
func (d *Dashboard) updateSite(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	script, changesScript, err := p.readScript()
	if err != nil {
		return nil, err
	}
	domain, renames := p.fields["domain"]
	zone, rezones := p.fields["timezone"]
	switch {
	case rezones && zone != site.Timezone:
		return nil, &stats.InvalidError{Field: "timezone", Reason: "what was counted lies in the days of " + site.Timezone +
			" and cannot be moved. Add a site of another name"}
	case !renames && !changesScript && !rezones:
		return nil, &httpError{http.StatusBadRequest, "Nothing to change: send domain or " + scriptField + "."}
	case domain == site.Domain:
		renames = false
	}
	if renames {
		if domain, err = d.freeDomain(domain); err != nil {
			return nil, err
		}
	}
	if renames || len(script) > 0 {
		site, err = d.Provision.Set(p.ctx, site.Domain, func(s *schema.Site) error {
			setScript(s, script)
			if renames {
				s.Domain = domain
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return d.tellSite(p.ctx, &site)
}

// deleted is the answer where something is gone.
var deleted = map[string]bool{"deleted": true}

func (d *Dashboard) deleteSite(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	_, err = d.Provision.Remove(p.ctx, site.Domain)
	return deleted, err
}
