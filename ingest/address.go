package ingest

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many entries of X-Forwarded-For are looked at, from the right.
const maxHops = 64

// addressHeaders are headers in which a trusted proxy can name the client, before X-Forwarded-For: Plausible's, and that of
// Cloudflare. A proxy that passes them on from its clients must not be trusted.
var addressHeaders = [...]string{"X-Plausible-Ip", "Cf-Connecting-Ip"}

// ClientAddr is the address that the collector takes for the client's; the zero Addr when the socket has none.
func (c *Collector) ClientAddr(r *http.Request) netip.Addr {
	return clientAddress(r, c.cfg.TrustedProxies)
}

// clientAddress is the address the request came from: the socket's, or, where that is a trusted proxy, the one in the first of
// addressHeaders that has one, or the right-most hop of X-Forwarded-For that is no trusted proxy. What stands left of that hop was
// written by the client and is not looked at. A hop that is no address ends the walk at the proxy that told of it. The result is
// the zero Addr when the socket has no address.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addr := parseHop(r.RemoteAddr)
	if len(trusted) == 0 || !contains(trusted, addr) {
		return addr
	}
	for _, name := range addressHeaders {
		if values := r.Header[name]; len(values) == 1 {
			if named := parseHop(strings.TrimSpace(values[0])); named.IsValid() {
				return named
			}
		}
	}
	return forwardedAddress(addr, r.Header["X-Forwarded-For"], trusted)
}

// forwardedAddress walks X-Forwarded-For from the right, beginning at the proxy addr.
func forwardedAddress(addr netip.Addr, lists []string, trusted []netip.Prefix) netip.Addr {
	hops := 0
	for i := len(lists) - 1; i >= 0; i-- {
		for list, more := lists[i], true; more; {
			var hop string
			if comma := strings.LastIndexByte(list, ','); comma >= 0 {
				list, hop = list[:comma], list[comma+1:]
			} else {
				hop, more = list, false
			}
			next := parseHop(strings.TrimSpace(hop))
			if hops++; !next.IsValid() || hops > maxHops {
				return addr
			}
			if addr = next; !contains(trusted, addr) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads an address with or without port, brackets and quotes, as proxies write them. The result has no zone and is not
// an IPv4 address mapped into IPv6; it is the zero Addr for anything else.
func parseHop(s string) netip.Addr {
	s = strings.Trim(s, `"`)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plainAddr(ap.Addr())
	}
	if len(s) > 1 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return plainAddr(addr)
}

func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
