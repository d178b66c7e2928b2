package ingest

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"turf/schema"
)

// appScheme is the scheme of the referrers that Android gives for apps: android-app://PACKAGE/…
const appScheme = "android-app"

// referrer is what is looked at of a page's referrer.
type referrer struct {
	host  string // cleaned; of an app its package
	path  string // not cleaned
	app   bool
	valid bool // it names a page or an app that could be a source
}

// readReferrer takes a referrer apart. Only web pages and Android apps have a place that can be named; what an
// address stands for cannot (it may be somebody's home).
func readReferrer(raw string) referrer {
	if raw == "" {
		return referrer{}
	}
	u, err := splitURL(raw)
	if err != nil {
		return referrer{}
	}
	if strings.EqualFold(u.scheme, appScheme) {
		id := strings.ToLower(u.authority)
		return referrer{host: id, app: true, valid: isAppID(id)}
	}
	if !strings.EqualFold(u.scheme, "https") && !strings.EqualFold(u.scheme, "http") {
		return referrer{}
	}
	host, err := cleanHost(u.authority)
	if err != nil || host == noHost || isAddressHost(host) {
		return referrer{}
	}
	return referrer{host: host, path: u.path, valid: true}
}

// isAppID reports whether s is like the package of an Android app: letters, digits and underscores in at least two
// parts.
func isAppID(s string) bool {
	if len(s) > maxHostBytes || strings.Count(s, ".") == 0 || strings.Contains(s, "..") || isToken(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(isLetter(c) || isDigit(c) || c == '_' || c == '.' && i > 0 && i < len(s)-1) {
			return false
		}
	}
	return true
}

// isAddressHost reports whether a cleaned host is an address of the internet protocol.
func isAddressHost(host string) bool {
	if host[0] == '[' {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	if last := name[len(name)-1:]; !isDigit(last[0]) {
		return false // every top-level domain ends with a letter
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// isOwnHost reports whether a referrer's host is the page's own, or that of the machine on which somebody builds the
// site.
func isOwnHost(host, pageHost string) bool {
	if host == pageHost {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// text is the referrer as it may be kept: host and path, without a slash at the end.
func (r referrer) text() string {
	if r.app {
		return appScheme + "://" + r.host
	}
	path := strings.TrimRight(cleanPath(r.path), "/")
	if path == "" {
		return r.host
	}
	return schema.CleanValue(r.host + path)
}

// source is the name of a referrer that the list of sources does not know.
func (r referrer) source() string {
	if r.app {
		return appScheme + "://" + r.host
	}
	name, _, _ := strings.Cut(r.host, ":")
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name // a public suffix itself, or a name of an inner network
	}
	return domain
}
