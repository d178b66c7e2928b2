package ingest

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// Who the client is, seen from a server that trusts 10.0.0.0/8 and fd00::/8.
func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	many := strings.TrimSuffix(strings.Repeat("10.0.0.9, ", 200), ", ")
	tests := map[string]struct {
		socket  string
		headers []string // "Name: value"
		want    string   // "" for none
	}{
		"socket":                         {"203.0.113.7:5000", nil, "203.0.113.7"},
		"socket, IPv6":                   {"[2001:db8::7]:5000", nil, "2001:db8::7"},
		"socket, IPv4 in IPv6":           {"[::ffff:203.0.113.7]:5000", nil, "203.0.113.7"},
		"socket with a zone":             {"[fe80::1%eth0]:5000", nil, "fe80::1"},
		"no socket":                      {"@", nil, ""},
		"stranger forges a hop":          {"203.0.113.7:5000", []string{"X-Forwarded-For: 192.0.2.1"}, "203.0.113.7"},
		"stranger forges Plausible's":    {"203.0.113.7:5000", []string{"X-Plausible-IP: 192.0.2.1"}, "203.0.113.7"},
		"stranger forges Cloudflare's":   {"203.0.113.7:5000", []string{"CF-Connecting-IP: 192.0.2.1"}, "203.0.113.7"},
		"proxy":                          {"10.0.0.1:5000", []string{"X-Forwarded-For: 192.0.2.1"}, "192.0.2.1"},
		"proxy over IPv6":                {"[fd00::1]:5000", []string{"X-Forwarded-For: 2001:db8::9"}, "2001:db8::9"},
		"proxy without a header":         {"10.0.0.1:5000", nil, "10.0.0.1"},
		"client forges a hop":            {"10.0.0.1:5000", []string{"X-Forwarded-For: 1.1.1.1, 192.0.2.1"}, "192.0.2.1"},
		"client forges a trusted hop":    {"10.0.0.1:5000", []string{"X-Forwarded-For: 1.1.1.1, 10.0.0.5, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		"two headers":                    {"10.0.0.1:5000", []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 192.0.2.1"}, "192.0.2.1"},
		"port":                           {"10.0.0.1:5000", []string{"X-Forwarded-For: 192.0.2.1:443"}, "192.0.2.1"},
		"quotes and brackets":            {"10.0.0.1:5000", []string{`X-Forwarded-For: "[2001:db8::9]:443"`}, "2001:db8::9"},
		"brackets":                       {"10.0.0.1:5000", []string{`X-Forwarded-For: [2001:db8::9]`}, "2001:db8::9"},
		"not an address":                 {"10.0.0.1:5000", []string{"X-Forwarded-For: 192.0.2.1, unknown"}, "10.0.0.1"},
		"not an address, behind a proxy": {"10.0.0.1:5000", []string{"X-Forwarded-For: 192.0.2.1, secret, 10.0.0.2"}, "10.0.0.2"},
		"empty hop":                      {"10.0.0.1:5000", []string{"X-Forwarded-For: 192.0.2.1,"}, "10.0.0.1"},
		"all trusted":                    {"10.0.0.1:5000", []string{"X-Forwarded-For: 10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"more hops than are looked at":   {"10.0.0.1:5000", []string{"X-Forwarded-For: 192.0.2.1, " + many}, "10.0.0.9"},
		"Plausible's, from a proxy":      {"10.0.0.1:5000", []string{"X-Plausible-IP: 192.0.2.1", "CF-Connecting-IP: 192.0.2.2"}, "192.0.2.1"},
		"Cloudflare's, from a proxy":     {"10.0.0.1:5000", []string{"CF-Connecting-IP: 2001:db8::2", "X-Forwarded-For: 1.1.1.1"}, "2001:db8::2"},
		"Cloudflare's, no address":       {"10.0.0.1:5000", []string{"CF-Connecting-IP: x", "X-Forwarded-For: 192.0.2.3"}, "192.0.2.3"},
		"Cloudflare's, twice":            {"10.0.0.1:5000", []string{"CF-Connecting-IP: 1.1.1.1", "CF-Connecting-IP: 1.1.1.2"}, "10.0.0.1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.socket, Header: http.Header{}}
			for _, h := range tt.headers {
				k, v, _ := strings.Cut(h, ": ")
				r.Header.Add(k, v)
			}
			var want netip.Addr
			if tt.want != "" {
				want = netip.MustParseAddr(tt.want)
			}
			if got := clientAddress(r, trusted); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got := clientAddress(r, nil); got != parseHop(tt.socket) {
				t.Errorf("without trusted proxies: got %s, want the socket's", got)
			}
		})
	}
}

// FuzzClientAddress: no header from a stranger changes the address, and what comes out is plain: no zone, not mapped.
func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:1", "1.1.1.1, 192.0.2.1", "2001:db8::1")
	f.Add("192.0.2.9:1", `"[::ffff:1.2.3.4%x]:80"`, "")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, socket, forwarded, named string) {
		r := &http.Request{RemoteAddr: socket, Header: http.Header{"X-Forwarded-For": {forwarded}, "X-Plausible-Ip": {named}}}
		got, peer := clientAddress(r, trusted), parseHop(socket)
		if !contains(trusted, peer) && got != peer {
			t.Errorf("a stranger at %q became %s", socket, got)
		}
		if got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q, %q, %q: %s is not plain", socket, forwarded, named, got)
		}
	})
}
