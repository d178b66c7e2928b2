package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
)

// Paths of the Sites API, Plausible's for making and changing sites. It is answered to keys of the scope "sites" only.
const (
	sitesPath       = "/api/v1/sites"
	sitePath        = sitesPath + "/:site_id"
	goalsPath       = sitesPath + "/goals"
	goalPath        = goalsPath + "/:goal_id"
	customPropsPath = sitesPath + "/custom-props"
	customPropPath  = customPropsPath + "/:property"
	sharesPath      = sitesPath + "/shared-links"
	teamsPath       = sitesPath + "/teams"
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
	only   schema.SiteID     // the only site that the key may change, or access.AllSites
	fields map[string]string // of the body and the address
}

func (d *Dashboard) registerSites(e *echo.Echo) {
	for path, methods := range map[string]map[string]func(*provisioning) (any, error){
		sitesPath:       {http.MethodGet: d.listSites, http.MethodPost: d.createSite},
		sitePath:        {http.MethodGet: d.readSite, http.MethodPut: d.updateSite, http.MethodDelete: d.deleteSite},
		goalsPath:       {http.MethodGet: d.listGoals, http.MethodPut: d.putGoal},
		goalPath:        {http.MethodDelete: d.deleteGoal},
		segmentsPath:    {http.MethodGet: d.listSegments, http.MethodPut: d.putSegment},
		segmentPath:     {http.MethodDelete: d.deleteSegment},
		customPropsPath: {http.MethodGet: d.listProps, http.MethodPut: d.putProp},
		customPropPath:  {http.MethodDelete: d.deleteProp},
		sharesPath:      {http.MethodGet: d.listShares, http.MethodPut: d.putShare, http.MethodDelete: d.deleteShare},
		teamsPath:       {http.MethodGet: d.listTeams},
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
			e.Add(method, path, func(c echo.Context) error {
				p, cancel, err := d.provisioning(c)
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
	return err
}

// provisioning checks the key and reads the fields.
func (d *Dashboard) provisioning(c echo.Context) (*provisioning, context.CancelFunc, error) {
	r := c.Request()
	key, ok := bearer(r)
	if !ok {
		return nil, nil, &httpError{
			http.StatusUnauthorized, "Missing API key. Send one of the scope sites as a Bearer token (turf key add --scope sites).",
		}
	}
	only, err := d.Access.CheckSitesKey(key)
	if errors.Is(err, access.ErrInvalidKey) {
		return nil, nil, &httpError{http.StatusUnauthorized, "Invalid API key. The Sites API needs one of the scope sites."}
	}
	if err != nil {
		return nil, nil, err
	}
	if d.Provision == nil {
		return nil, nil, &httpError{http.StatusNotFound, "This server does not change sites."}
	}
	fields, err := readFields(c.Response(), r)
	if err != nil {
		return nil, nil, err
	}
	for i, name := range c.ParamNames() {
		value, err := url.PathUnescape(c.ParamValues()[i])
		if err != nil {
			return nil, nil, &httpError{http.StatusBadRequest, "The address is not written as a URL."}
		}
		fields[name] = value
	}
	ctx, cancel := context.WithTimeout(r.Context(), QuestionTimeout)
	return &provisioning{ctx, r, only, fields}, cancel, nil
}

// readFields reads what was sent: as JSON, as a form, as a form in parts, or in the address.
func readFields(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	fields := map[string]string{}
	take := func(values url.Values) {
		for name := range values {
			fields[name] = values.Get(name)
		}
	}
	take(r.URL.Query())
	body, err := readBody(w, r, MaxSitesBytes)
	if err != nil {
		return nil, err
	}
	unread := &httpError{http.StatusBadRequest, "What was sent is neither JSON nor a form."}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch body = bytes.TrimSpace(body); {
	case len(body) == 0:
	case kind == "multipart/form-data":
		form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(MaxSitesBytes)
		if err != nil {
			return nil, unread
		}
		take(form.Value)
		return fields, form.RemoveAll()
	case body[0] == '{':
		var object map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&object); err != nil {
			return nil, unread
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, unread
		}
		for name, v := range object {
			switch v.(type) {
			case string, json.Number, bool:
				fields[name] = fmt.Sprint(v)
			case []any: // such as filters
				text, err := json.Marshal(v)
				if err != nil {
					return nil, unread
				}
				fields[name] = string(text)
			}
		}
	default:
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, unread
		}
		take(values)
	}
	return fields, nil
}

// site is the site of the request, which the key may change.
func (d *Dashboard) site(p *provisioning) (schema.Site, error) {
	domain := p.fields["site_id"]
	if domain == "" {
		return schema.Site{}, &stats.InvalidError{Field: "site_id", Reason: "is required"}
	}
	site, ok := d.Sites.ByDomain(domain)
	if !ok || p.only != access.AllSites && p.only != site.ID {
		return schema.Site{}, &httpError{http.StatusNotFound, "Site could not be found: there is none, or it is not this key's."}
	}
	return site, nil
}

// siteAnswer is a site on the wire.
type siteAnswer struct {
	Domain     string    `json:"domain"`
	Timezone   string    `json:"timezone"`
	Properties *[]string `json:"custom_properties,omitempty"`
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
	for _, s := range d.Sites.List() {
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
	domain, err := schema.CleanDomain(p.fields["domain"])
	if err != nil {
		return nil, &stats.InvalidError{Field: "domain", Reason: err.Error()}
	}
	zone := p.fields["timezone"]
	if zone == "" {
		zone = "UTC"
	}
	if _, err := schema.LoadLocation(zone); err != nil {
		return nil, &stats.InvalidError{Field: "timezone", Reason: err.Error()}
	}
	if _, ok := d.Sites.ByDomain(domain); ok {
		return nil, &stats.InvalidError{Field: "domain", Reason: "has already been taken"}
	}
	site, err := d.Provision.Add(p.ctx, domain, zone)
	return siteAnswer{site.Domain, site.Timezone, &[]string{}}, err
}

func (d *Dashboard) readSite(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	props, err := d.Stats.Properties(p.ctx, &site)
	return siteAnswer{site.Domain, site.Timezone, &props}, err
}

// updateSite changes nothing: a site's name and time zone are for ever. What is as it was is no change.
func (d *Dashboard) updateSite(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	if domain, ok := p.fields["domain"]; ok && domain != site.Domain {
		return nil, &stats.InvalidError{Field: "domain", Reason: "a site keeps its name. Add one of the new name"}
	}
	if zone, ok := p.fields["timezone"]; ok && zone != site.Timezone {
		return nil, &stats.InvalidError{Field: "timezone", Reason: "what was counted lies in the days of " + site.Timezone +
			" and cannot be moved. Add a site of another name"}
	}
	return d.readSite(p)
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

// goalAnswer is a goal on the wire. scroll_threshold is how much of the page must be seen, in percent; -1: a view is enough.
type goalAnswer struct {
	ID     string            `json:"id"`
	Name   string            `json:"display_name"`
	Type   string            `json:"goal_type"` // event or page
	Event  *string           `json:"event_name"`
	Page   *string           `json:"page_path"`
	Scroll int               `json:"scroll_threshold"`
	Props  map[string]string `json:"custom_props"`
	Since  *time.Time        `json:"counted_since,omitempty"` // our own; missing where it is always counted
	Domain string            `json:"domain,omitempty"`
}

func tellGoal(g *schema.Goal) goalAnswer {
	id := fnv.New64a()
	io.WriteString(id, g.Key()) //nolint:errcheck // it never fails
	a := goalAnswer{
		ID: strconv.FormatUint(id.Sum64(), 10), Name: g.Name, Type: "event", Event: &g.Event, Scroll: -1, Props: map[string]string{},
	}
	if g.Page != "" {
		a.Type, a.Event, a.Page = "page", nil, &g.Page
	}
	if g.Scroll > 0 {
		a.Scroll = g.Scroll
	}
	if g.Counted() {
		a.Since = &g.Since
	}
	return a
}

func (d *Dashboard) listGoals(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	var all []goalAnswer
	for i := range site.Goals {
		all = append(all, tellGoal(&site.Goals[i]))
	}
	slices.SortFunc(all, func(x, y goalAnswer) int { return strings.Compare(x.Name, y.Name) })
	goals, meta, err := page(p, all, func(g *goalAnswer) string { return g.Name })
	return map[string]any{"goals": goals, "meta": meta}, err
}

// readGoal reads the goal that is to be there.
func (p *provisioning) readGoal() (schema.Goal, error) {
	g := schema.Goal{Name: p.fields["display_name"]}
	switch p.fields["goal_type"] {
	case "event":
		if g.Event = p.fields["event_name"]; g.Event == "" {
			return g, &stats.InvalidError{Field: "event_name", Reason: "is required"}
		}
	case "page":
		if g.Page = p.fields["page_path"]; g.Page == "" {
			return g, &stats.InvalidError{Field: "page_path", Reason: "is required"}
		}
		if s := p.fields["scroll_threshold"]; s != "" && s != "-1" {
			var err error
			if g.Scroll, err = strconv.Atoi(s); err != nil {
				return g, &stats.InvalidError{Field: "scroll_threshold", Reason: "it is a number from 1 to 100"}
			}
		}
	default:
		return g, &stats.InvalidError{Field: "goal_type", Reason: "it is event or page"}
	}
	if g.Name == "" {
		g.Name = g.DefaultName()
	}
	return g, nil
}

// putGoal declares a goal, or finds it: declaring it again is no mistake.
func (d *Dashboard) putGoal(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	goal, err := p.readGoal()
	if err != nil {
		return nil, err
	}
	same := func(g schema.Goal) bool { return g.Key() == goal.Key() }
	if !slices.ContainsFunc(site.Goals, same) {
		site, err = d.Provision.Set(p.ctx, site.Domain, func(s *schema.Site) error {
			if !slices.ContainsFunc(s.Goals, same) {
				s.Goals = append(s.Goals, goal)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	told := tellGoal(&site.Goals[slices.IndexFunc(site.Goals, same)])
	told.Domain = site.Domain
	return told, nil
}

func (d *Dashboard) deleteGoal(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	is := func(g schema.Goal) bool { return tellGoal(&g).ID == p.fields["goal_id"] }
	if !slices.ContainsFunc(site.Goals, is) {
		return nil, &httpError{http.StatusNotFound, "Goal could not be found."}
	}
	_, err = d.Provision.Set(p.ctx, site.Domain, func(s *schema.Site) error {
		s.Goals = slices.DeleteFunc(s.Goals, is)
		return nil
	})
	return deleted, err
}
