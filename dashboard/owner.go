package dashboard

import (
	"net/http"

	"turf/dashboard/access"
	"turf/schema"
)

// MayManage reports whether a request comes from somebody who may change a site: with a key of the scope sites, or from the page of
// somebody who signed in and sees all sites, or is this one's guest as an editor. A link to a site is for looking only. A request
// without a key must not come from a page of another origin, also where it only reads: the answer may be one that any page can read.
func (d *Dashboard) MayManage(r *http.Request, site schema.SiteID) bool {
	if key, ok := bearer(r); ok {
		only, err := d.Access.CheckSitesKey(key)
		return err == nil && (only == access.AllSites || only == site)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	v, err := d.viewer(r)
	if err != nil {
		return false
	}
	role, looks, err := d.roleOf(v, site)
	return err == nil && looks && v.manages(role)
}

// manages reports whether the viewer, who looks at a site in that role, may change it.
func (v viewer) manages(role access.Role) bool { return v.ownsAll() || role == access.RoleEditor }
