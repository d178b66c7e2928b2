package dashboard

import (
	"net/http"
	"slices"
	"strings"

	"turf/schema"
)

// declared are the paths of what a site's owner declares. The page of the site lists and changes it too, without a key.
var declared = []string{goalsPath, goalPath, segmentsPath, segmentPath, siteFunnelsPath, siteFunnelPath}

// mayDeclare lets the page of the request's site in, where who looks at it may change the site, and at no other site.
func (d *Dashboard) mayDeclare(p *provisioning, v viewer) error {
	site, err := d.site(p)
	if err != nil {
		return err
	}
	p.only = site.ID
	role, looks, err := d.roleOf(v, site.ID)
	switch {
	case err != nil:
		return err
	case !looks:
		return errNotThere
	case !v.manages(role):
		return &httpError{http.StatusForbidden, "Only who may change this site declares what is counted of it."}
	}
	return nil
}

// listDeclared is a list of the site, by name, as tell has each of it on the wire, under what it is called there.
func listDeclared[T, A any](
	d *Dashboard, p *provisioning, called string, list func(*schema.Site) *[]T, tell func(*T) A, name func(*A) string,
) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	var all []A
	for _, item := range *list(&site) {
		all = append(all, tell(&item))
	}
	slices.SortFunc(all, func(x, y A) int { return strings.Compare(name(&x), name(&y)) })
	part, meta, err := page(p, all, name)
	return map[string]any{called: part, "meta": meta}, err
}

// declare adds what is declared to a list of the site, or finds it there: declaring it again is no mistake. It returns the site, and
// the declaration as it stands there.
func declare[T any](
	d *Dashboard, p *provisioning, site *schema.Site, list func(*schema.Site) *[]T, item T, same func(*T) bool,
) (schema.Site, T, error) {
	is := func(t T) bool { return same(&t) }
	now := *site
	if !slices.ContainsFunc(*list(&now), is) {
		var err error
		now, err = d.Provision.Set(p.ctx, site.Domain, func(s *schema.Site) error {
			if all := list(s); !slices.ContainsFunc(*all, is) {
				*all = append(*all, item)
			}
			return nil
		})
		if err != nil {
			return now, item, err
		}
	}
	all := *list(&now)
	return now, all[slices.IndexFunc(all, is)], nil
}

// takeBack takes what was declared off a list of the site. What was counted of it stays.
func takeBack[T any](d *Dashboard, p *provisioning, what string, list func(*schema.Site) *[]T, is func(*T) bool) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	it := func(t T) bool { return is(&t) }
	if !slices.ContainsFunc(*list(&site), it) {
		return nil, &httpError{http.StatusNotFound, what + " could not be found."}
	}
	_, err = d.Provision.Set(p.ctx, site.Domain, func(s *schema.Site) error {
		all := list(s)
		*all = slices.DeleteFunc(*all, it)
		return nil
	})
	return deleted, err
}
