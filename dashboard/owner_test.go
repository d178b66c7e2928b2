package dashboard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"turf/schema"
)

// Who may change a site: a key of the scope sites, for its own site; who signed in, from the page itself; on a server for this
// machine alone, this machine.
func TestMayManage(t *testing.T) {
	var cfg Config
	w := newWorld(t, func(c *Config) { cfg = *c })
	share, _, err := w.access.AddShare(t.Context(), 1, "look")
	must(t, err)
	for _, c := range []struct {
		name   string
		as     string // a cookie, or a Bearer token
		origin string // Sec-Fetch-Site
		open   bool
		sites  [2]bool // may change site 1, site 2
	}{
		{"nobody", "", "same-origin", false, [2]bool{}},
		{"a key of all sites", "Bearer " + w.sitesKey, "", false, [2]bool{true, true}},
		{"the same, from a page elsewhere", "Bearer " + w.sitesKey, "cross-site", false, [2]bool{true, true}},
		{"a key of one site", "Bearer " + w.siteKey, "", false, [2]bool{true, false}},
		{"a key that asks questions", "Bearer " + w.allKey, "", false, [2]bool{}},
		{"a key that is none, on this machine", "Bearer turf_none", "", true, [2]bool{}},
		{"who signed in", cookieName + "=" + w.session(), "same-origin", false, [2]bool{true, true}},
		{"the same, typed", cookieName + "=" + w.session(), "none", false, [2]bool{true, true}},
		{"the same, from a page elsewhere", cookieName + "=" + w.session(), "cross-site", false, [2]bool{}},
		{"the same, from a page beside it", cookieName + "=" + w.session(), "same-site", false, [2]bool{}},
		{"a link to a site", shareCookie(cookieName) + "=" + share, "same-origin", false, [2]bool{}},
		{"this machine", "", "same-origin", true, [2]bool{true, true}},
		{"this machine, from a page elsewhere", "", "cross-site", true, [2]bool{}},
	} {
		cfg.Open = c.open
		d, err := New(cfg)
		must(t, err)
		for site, want := range c.sites {
			for _, method := range []string{http.MethodGet, http.MethodPut} {
				r := httptest.NewRequest(method, "http://localhost:8080/v1/sites/example.com/consent", nil)
				r.RemoteAddr = "127.0.0.1:4711"
				if strings.HasPrefix(c.as, "Bearer ") {
					r.Header.Set("Authorization", c.as)
				} else if c.as != "" {
					r.Header.Set("Cookie", c.as)
				}
				if c.origin != "" {
					r.Header.Set("Sec-Fetch-Site", c.origin)
				}
				if got := d.MayManage(r, schema.SiteID(site+1)); got != want {
					t.Errorf("%s: %s of site %d: %v, want %v", c.name, method, site+1, got, want)
				}
			}
		}
	}
}
