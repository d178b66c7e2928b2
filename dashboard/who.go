package dashboard

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
)

// viewer is who looks at the page.
type viewer struct {
	open   bool          // nobody was asked
	user   string        // who signed in
	guest  bool          // the user sees only the sites of which he is a guest
	shared schema.SiteID // the only site of whoever came by a link; 0 for all others
}

// ownsAll reports whether the viewer may do everything with all sites.
func (v viewer) ownsAll() bool { return v.open || v.user != "" && !v.guest }

// roleOf reports whether the viewer may look at a site, and as what a guest may; "" for all others.
func (d *Dashboard) roleOf(v viewer, site schema.SiteID) (access.Role, bool, error) {
	if v.guest {
		return d.Access.GuestRole(v.user, site)
	}
	return "", v.shared == 0 || v.shared == site, nil
}

var (
	errNobody = &httpError{
		http.StatusUnauthorized, "Missing API key. Send one as a Bearer token (Authorization: Bearer <key>), or sign in.",
	}
	errOtherOrigin = &httpError{http.StatusForbidden, "Requests from pages of other origins need an API key."}
)

// viewer finds out who looks at the page. It is an *httpError when nobody may.
func (d *Dashboard) viewer(r *http.Request) (viewer, error) {
	if err := d.crossOrigin.Check(r); err != nil {
		return viewer{}, errOtherOrigin
	}
	if d.Open && fromHere(r) {
		return viewer{open: true}, nil
	}
	session, ok, err := d.Access.Session(token(r))
	if err != nil {
		return viewer{}, err
	}
	if ok {
		return viewer{user: session.User, guest: session.Guest}, nil
	}
	share, ok, err := d.Access.Share(shareToken(r))
	if err != nil {
		return viewer{}, err
	}
	if !ok {
		return viewer{}, errNobody
	}
	return viewer{shared: share.Site}, nil
}

// passedOnHeaders are set by proxies and by nobody else.
var passedOnHeaders = []string{
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-Ip",
	"X-Plausible-Ip", "Cf-Connecting-Ip",
}

// fromHere reports whether the request comes from this machine, and was meant for it. The Host must be a loopback
// name, or a page of any origin could have its own name point to this machine and read the answers as its own (DNS
// rebinding); so must be what the browser names as the page that asks. A request that a proxy passed on may come from
// anywhere: some proxies say so in a header, and nginx speaks HTTP/1.0 to the server behind it unless told otherwise. One that
// hides all of this cannot be told; whoever sets up a proxy makes a user first, and says --trusted-proxy.
func fromHere(r *http.Request) bool {
	for _, name := range passedOnHeaders {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	for _, name := range []string{"Origin", "Referer"} {
		if page := r.Header.Get(name); page != "" {
			u, err := url.Parse(page)
			if err != nil || u.Host != "" && !isLoopbackHost(u.Host) {
				return false
			}
		}
	}
	return r.ProtoAtLeast(1, 1) && socketAddr(r).IsLoopback() && isLoopbackHost(r.Host)
}

// isLoopbackHost reads a Host header: localhost, a name below it, or a loopback address, with a port or without.
func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true // browsers resolve both to loopback themselves (RFC 6761)
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// socketAddr is the address that the connection came from.
func socketAddr(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr().Unmap()
}

// reads finds the site of a question and checks that the asker may read it. A key's request is counted. When the
// question could not be read, its error is given as broken, and returned to whoever is known.
func (d *Dashboard) reads(w http.ResponseWriter, r *http.Request, domain string, broken error) (schema.Site, error) {
	site, _, err := d.reader(w, r, domain, broken)
	return site, err
}

// readsNamed is reads for the site that the address names as site_id.
func (d *Dashboard) readsNamed(w http.ResponseWriter, r *http.Request) (schema.Site, error) {
	var missing error
	domain := r.URL.Query().Get("site_id")
	if domain == "" {
		missing = &stats.InvalidError{Field: "site_id", Reason: "is required"}
	}
	return d.reads(w, r, domain, missing)
}

// reader is reads that also tells who asks; the zero viewer is somebody with a key.
func (d *Dashboard) reader(
	w http.ResponseWriter, r *http.Request, domain string, broken error,
) (schema.Site, viewer, error) {
	site, known := d.Sites.ByDomain(domain)
	if key, ok := bearer(r); ok {
		allowOrigins(w)
		return site, viewer{}, d.keyReads(key, site.ID, broken)
	}
	v, err := d.viewer(r)
	if err != nil {
		return schema.Site{}, v, err
	}
	if broken != nil {
		return schema.Site{}, v, broken
	}
	_, may, err := d.roleOf(v, site.ID)
	if err != nil {
		return schema.Site{}, v, err
	}
	if !known || !may {
		return schema.Site{}, v, &httpError{http.StatusNotFound, "There is no site " + domain + " here."}
	}
	return site, v, nil
}

// bearer is the API key of a request. Another scheme is somebody else's, such as the password of a proxy in front.
func bearer(r *http.Request) (key string, ok bool) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(key), strings.EqualFold(scheme, "Bearer")
}

// keyReads checks and counts a key for a site; 0 is a site that is not known.
func (d *Dashboard) keyReads(key string, site schema.SiteID, broken error) error {
	err := d.Access.CheckKey(key, site)
	switch {
	case broken == nil:
		return err
	case err == nil:
		return broken
	case !errors.Is(err, access.ErrInvalidKey):
		return err
	}
	// A question that cannot be read has no site, so all that can be said of the key is whether there is such a key.
	if _, ok, keyErr := d.Access.KeySite(key); keyErr != nil || !ok {
		return errors.Join(err, keyErr)
	}
	return broken
}

// Plausible's stats API may be called by pages of any origin; so may ours, with a key.
func allowOrigins(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
}

// preflightAge is how long a browser may remember the answer to a preflight.
const preflightAge = "86400" // a day, in seconds

// preflight lets a browser send a key. Without one, the answer to the request itself is not shown to another origin.
func preflight(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", preflightAge)
	return c.NoContent(http.StatusNoContent)
}

// Names of the cookie. Over TLS the prefix makes the browser refuse it from any other host, a parent domain included.
const (
	cookieName       = "turf_session"
	secureCookieName = "__Host-turf_session"
)

// isSecure reports whether the browser speaks TLS. Whoever lies about it in the header loses no more than the cookie.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// token is the session's secret that the browser sent, or empty.
func token(r *http.Request) string {
	c, err := r.Cookie(newCookie(r, "", time.Time{}).Name)
	if err != nil {
		return ""
	}
	return c.Value
}

// shareToken is the secret of the link by which somebody came, or empty.
func shareToken(r *http.Request) string {
	c, err := r.Cookie(shareCookie(newCookie(r, "", time.Time{}).Name))
	if err != nil {
		return ""
	}
	return c.Value
}

// newCookie is the cookie of a session. One that ends before now is removed by the browser.
func newCookie(r *http.Request, value string, ends time.Time) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName, Value: value, Path: "/", Expires: ends, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if isSecure(r) {
		c.Name, c.Secure = secureCookieName, true
	}
	return c
}
