package ingest

import (
	"net/http"
	"strings"
)

// readSignals takes from the headers what tells a person's browser from a program. It allocates nothing.
//
// That a header is missing tells something only where the others came through. Many ways lead here on which headers
// are lost: a site's own proxy or plugin that sends on those that it knows (WordPress, Next.js, Nuxt and others), an
// app, a server that reports for its visitors. So nothing is concluded unless the three Sec-Fetch headers are there,
// with values that only a page's own request has: browsers alone send them, scripts of pages cannot set them, the
// clients of servers do not (Node sends Sec-Fetch-Mode and no other), and a proxy that chooses the headers it sends
// on does not know them. A browser that is too old for them, or a page over plain http, is believed.
//
// Client hints are left out by some proxies that pass on all else, since they tell much of a browser. So that they
// are missing tells something only where the operator says that nothing on the way does so (allHints), and the page
// is one of https.
//
// Hints that a browser sends only when asked (Accept-CH) are read, and not asked for: they would make every browser
// tell more of itself than it does now, and a page of another host would have to grant it too.
func readSignals(h http.Header, allHints bool) Signals {
	s := Signals{
		Complete:       fromPage(h),
		AcceptLanguage: first(h, "Accept-Language"),
		SecPurpose:     first(h, "Sec-Purpose"),
		Purpose:        first(h, "Purpose"),
		XMoz:           first(h, "X-Moz"),
		SignatureAgent: first(h, "Signature-Agent"),
		Hints: Hints{
			Brands: first(h, "Sec-Ch-Ua"), Mobile: first(h, "Sec-Ch-Ua-Mobile"),
			Platform:        first(h, "Sec-Ch-Ua-Platform"),
			PlatformVersion: first(h, "Sec-Ch-Ua-Platform-Version"), FormFactors: first(h, "Sec-Ch-Ua-Form-Factors"),
		},
	}
	s.AllHints = allHints && s.Complete && strings.HasPrefix(first(h, "Origin"), "https://")
	return s
}

// fromPage reports whether a browser made the request for a page: with fetch, XMLHttpRequest or sendBeacon, or for an
// image of it.
func fromPage(h http.Header) bool {
	switch first(h, "Sec-Fetch-Site") {
	case "same-origin", "same-site", "cross-site":
	default:
		return false
	}
	switch first(h, "Sec-Fetch-Mode") {
	case "cors", "no-cors", "same-origin":
	default:
		return false
	}
	switch first(h, "Sec-Fetch-Dest") {
	case "empty", "image":
		return true
	}
	return false
}

// objects reports whether the browser sends Global Privacy Control or Do Not Track.
func objects(h http.Header) bool { return first(h, "Sec-Gpc") == "1" || first(h, "Dnt") == "1" }

// first is the first value of a header whose name is in canonical form, or "".
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
