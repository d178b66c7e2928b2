package ingest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"turf/ingest/tracker"
	"turf/schema"
)

// sitesWith are testSites, with settings for example.com.
func sitesWith(settings *schema.Settings) func(string) (schema.Site, bool) {
	return func(domain string) (schema.Site, bool) {
		site, ok := testSites(domain)
		if site.ID == 1 {
			site.Settings = settings
		}
		return site, ok
	}
}

// Which settings are refused, and what is said of them.
func TestCheckSettings(t *testing.T) {
	many := func(n int, format string) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf(format, i))
		}
		return list
	}
	for name, tt := range map[string]struct {
		s    schema.Settings
		want string // "" for right, else a part of the error
	}{
		"none": {},
		"all": {s: schema.Settings{
			Profile: "strict", ExcludeAddresses: []string{"192.0.2.1", "2001:db8::/32", "::ffff:192.0.2.0/120", "10.1.2.3/8"},
			ExcludeCountries: []string{"NL", "BE"}, ExcludePages: []string{"/admin/**", "/login", "/a#/b/*"},
			Hostnames: []string{"example.com", "*.example.com", "localhost:3000", "münchen.example"},
			FoldPaths: []string{"/orders/*", "/#/users/*"},
			KeepQuery: []string{"page", "lang"}, ScriptParts: []string{"outbound-links", "404", "vitals"},
			Buttons: []string{"menu", "Buy now", "Größe 42", "menu/1"},
		}},
		"full": {s: schema.Settings{
			ExcludeAddresses: many(100, "192.0.2.%d"), ExcludePages: many(100, "/%d"), KeepQuery: many(20, "q%d"),
			Buttons: many(100, "button %d"),
		}},
		"profile":              {schema.Settings{Profile: "loose"}, `profile is "loose" and must be standard or strict`},
		"address":              {schema.Settings{ExcludeAddresses: []string{"192.0.2"}}, `exclude_addresses "192.0.2" is no address`},
		"address with a port":  {schema.Settings{ExcludeAddresses: []string{"192.0.2.1:80"}}, "no address"},
		"address with a zone":  {schema.Settings{ExcludeAddresses: []string{"fe80::1%eth0"}}, "no address"},
		"too many addresses":   {schema.Settings{ExcludeAddresses: many(101, "192.0.2.%d")}, "exclude_addresses can have at most 100"},
		"country in lower":     {schema.Settings{ExcludeCountries: []string{"nl"}}, `"nl" is no country's code`},
		"country by name":      {schema.Settings{ExcludeCountries: []string{"Netherlands"}}, "is no country's code"},
		"page":                 {schema.Settings{ExcludePages: []string{"admin/*"}}, "exclude_pages \"admin/*\" must begin with a slash"},
		"page as it came":      {schema.Settings{ExcludePages: []string{"/a//b"}}, "must be written as the path is shown: /a/b"},
		"too many pages":       {schema.Settings{ExcludePages: many(101, "/%d")}, "exclude_pages can have at most 100"},
		"fold without a star":  {schema.Settings{FoldPaths: []string{"/orders"}}, "fold_paths \"/orders\" must have a star"},
		"hostname with scheme": {schema.Settings{Hostnames: []string{"https://example.com"}}, "hostnames"},
		"hostname with www":    {schema.Settings{Hostnames: []string{"www.example.com"}}, "without www."},
		"hostname in capitals": {schema.Settings{Hostnames: []string{"Example.com"}}, "in lower case"},
		"hostname, empty":      {schema.Settings{Hostnames: []string{""}}, "is no host"},
		"hostname, long":       {schema.Settings{Hostnames: []string{strings.Repeat("a", 300)}}, "at most 256 bytes"},
		"parameter":            {schema.Settings{KeepQuery: []string{"a b"}}, `"a b" is no name of a parameter`},
		"parameter, personal":  {schema.Settings{KeepQuery: []string{"ann@example.org"}}, "is no name"},
		"too many parameters":  {schema.Settings{KeepQuery: many(21, "q%d")}, "keep_query can have at most 20"},
		"part":                 {schema.Settings{ScriptParts: []string{"cookies"}}, `"cookies" is no part of the script; there are 404, clicks, `},
		"button":               {schema.Settings{Buttons: []string{""}}, `buttons "" is no name of a button`},
		"button, personal":     {schema.Settings{Buttons: []string{"mail ann@example.org"}}, "is not what would be counted"},
		"button with space":    {schema.Settings{Buttons: []string{" menu"}}, "is not what would be counted"},
		"button, long":         {schema.Settings{Buttons: []string{strings.Repeat("ab ", 200)}}, "is not what would be counted"},
		"button (other)":       {schema.Settings{Buttons: []string{schema.Other}}, "is not what would be counted"},
		"button, twice":        {schema.Settings{Buttons: []string{"menu", "buy", "menu"}}, `buttons "menu" is named twice`},
		"too many buttons":     {schema.Settings{Buttons: many(101, "b%d")}, "buttons can have at most 100"},
	} {
		err := CheckSettings(&tt.s)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || invalidField(err) == "") {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if err := CheckSettings(nil); err != nil {
		t.Error(err)
	}
}

// What settings make of a page view of https://www.example.com/a from 203.0.113.7.
func TestSettingsOfSite(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    schema.Settings
		url  string // "" for that above
		drop DropReason
		path string // "" for /a
	}{
		{name: "none"},
		{name: "the address", s: schema.Settings{ExcludeAddresses: []string{"198.51.100.1", "203.0.113.7"}}, drop: DropAddress},
		{name: "the network", s: schema.Settings{ExcludeAddresses: []string{"203.0.113.0/29"}}, drop: DropAddress},
		{name: "the network, as IPv6", s: schema.Settings{ExcludeAddresses: []string{"::ffff:203.0.113.0/120"}}, drop: DropAddress},
		{name: "another network", s: schema.Settings{ExcludeAddresses: []string{"203.0.113.8/29", "2001:db8::/32"}}},
		{name: "another country", s: schema.Settings{ExcludeCountries: []string{"NL"}}}, // the address's is not known
		{name: "the page", s: schema.Settings{ExcludePages: []string{"/b", "/a"}}, drop: DropPage},
		{name: "another page", s: schema.Settings{ExcludePages: []string{"/a/*", "/"}}},
		{name: "pages below", s: schema.Settings{ExcludePages: []string{"/admin/**"}}, url: "https://example.com/admin/users/1", drop: DropPage},
		{name: "excluded before it is folded", s: schema.Settings{ExcludePages: []string{"/o/5"}, FoldPaths: []string{"/o/*"}}, url: "https://example.com/o/5", drop: DropPage},
		{name: "the host", s: schema.Settings{Hostnames: []string{"shop.example.com", "example.com"}}},
		{name: "another host", s: schema.Settings{Hostnames: []string{"shop.example.com"}}, drop: DropHostname},
		{name: "hosts below", s: schema.Settings{Hostnames: []string{"*.example.com"}}, url: "https://a.b.example.com/a"},
		{name: "not the host itself", s: schema.Settings{Hostnames: []string{"*.example.com"}}, drop: DropHostname},
		{name: "a host that ends alike", s: schema.Settings{Hostnames: []string{"*.example.com"}}, url: "https://badexample.com/a", drop: DropHostname},
		{name: "no host", s: schema.Settings{Hostnames: []string{"example.com"}}, url: "/a", drop: DropHostname},
		{name: "fold", s: schema.Settings{FoldPaths: []string{"/orders/*"}}, url: "https://example.com/orders/5", path: "/orders/*"},
		{name: "fold, not", s: schema.Settings{FoldPaths: []string{"/orders/*"}}, url: "https://example.com/orders/5/x", path: "/orders/5/x"},
		{name: "query", s: schema.Settings{KeepQuery: []string{"page", "lang"}}, url: "https://example.com/a?x=1&page=2&lang=nl&page=3", path: "/a?lang=nl&page=2"},
		{name: "query, folded", s: schema.Settings{KeepQuery: []string{"page"}, FoldPaths: []string{"/*"}}, url: "https://example.com/a?page=2", path: "/*?page=2"},
		{name: "query, personal", s: schema.Settings{KeepQuery: []string{"q"}}, url: "https://example.com/a?q=ann%40example.org", path: "/a?q=:id"},
		{name: "query, empty", s: schema.Settings{KeepQuery: []string{"q"}}, url: "https://example.com/a?q=", path: "/a"},
		{name: "query, signs", s: schema.Settings{KeepQuery: []string{"q"}}, url: "https://example.com/a?q=1%262%3D3%23%25", path: "/a?q=1%262%3D3%23%25"},
		{name: "query before the fragment", s: schema.Settings{KeepQuery: []string{"q"}}, url: "https://example.com/a?q=1#/b", path: "/a?q=1#/b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := NewSteps(sitesWith(&tt.s), testAgents(t), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.counter = &recorder{}
			h := testHit(func(h *hit) {
				h.body = &body{name: "pageview", url: "https://www.example.com/a", hash: true}
				if tt.url != "" {
					h.body.url = tt.url
				}
			})
			if drop, err := s.run(h); drop != tt.drop || err != nil {
				t.Fatalf("dropped for %q, %v; want %q", drop, err, tt.drop)
			}
			if want := cmp.Or(tt.path, "/a"); tt.drop == Passed && h.event.Values[schema.Path] != want {
				t.Errorf("path %q, want %q", h.event.Values[schema.Path], want)
			}
		})
	}
}

// A country that a site excludes is dropped where the file of places knows it.
func TestExcludedCountry(t *testing.T) {
	geo := openGeo(t, writeGeo(t, geoFile(t, "GeoLite2-Country", 6, networks{
		"81.2.69.0/24": countryRecord("GB"), "89.160.20.0/24": countryRecord("SE"),
	})))
	s, err := NewSteps(sitesWith(&schema.Settings{ExcludeCountries: []string{"GB"}}), testAgents(t), geo, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.counter = &recorder{}
	for address, want := range map[string]DropReason{"81.2.69.160": DropCountry, "89.160.20.112": Passed, "203.0.113.7": Passed} {
		h := testHit(func(h *hit) { h.client = testClient(address, chromeAgent) })
		if drop, err := s.run(h); drop != want || err != nil {
			t.Errorf("%s: dropped for %q, %v; want %q", address, drop, err, want)
		}
	}
}

// Settings hold from the next event on, cost nothing once they are known, and take no more room however many sites
// have some.
func TestRulesCache(t *testing.T) {
	var c rulesCache
	site := schema.Site{ID: 7, Domain: "example.com", Settings: &schema.Settings{ExcludePages: []string{"/a"}}}
	excluded := func(path string) bool {
		r, err := c.of(&site)
		if err != nil {
			t.Fatal(err)
		}
		_, ok := r.pages.match(path)
		return ok
	}
	if !excluded("/a") || excluded("/b") {
		t.Error("/a is not excluded, or /b is")
	}
	site.Settings = &schema.Settings{ExcludePages: []string{"/b"}}
	if excluded("/a") || !excluded("/b") {
		t.Error("the settings of before hold")
	}
	other := schema.Site{ID: 7 + compiledSites, Settings: &schema.Settings{ExcludePages: []string{"/c"}}}
	if r, err := c.of(&other); err != nil || !slices.Equal(r.pages.patterns, []pathPattern{{"/c", "/c"}}) {
		t.Errorf("%v, %v", r, err)
	}
	if !excluded("/b") || excluded("/c") {
		t.Error("the settings of another site hold")
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.of(&site) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	site.Settings = nil
	if r, err := c.of(&site); r != nil || err != nil {
		t.Errorf("without settings: %v, %v", r, err)
	}
	site.Settings = &schema.Settings{Profile: "of a later version"}
	if _, err := c.of(&site); err == nil {
		t.Error("settings that are not understood are taken")
	}
}

// Settings that are not understood count nothing: what is to be left out is not known.
func TestDamagedSettings(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Sites = sitesWith(&schema.Settings{Profile: "of a later version"}) })
	if r := s.post(t, pageview); r.status != http.StatusServiceUnavailable || len(s.counter.take()) != 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(t, http.MethodGet, "/js/turf-example.com.js", ""); r.status != http.StatusNotFound {
		t.Errorf("script: %d", r.status)
	}
	s.acceptOne(t, `{"n":"x","u":"https://shop.example.org/"}`)
}

// A site's own script has the parts of its settings, and those that every script has.
func TestScriptOfSettings(t *testing.T) {
	has := func(settings *schema.Settings, name string) (text string) {
		s := newServer(t, func(c *Config) { c.Sites = sitesWith(settings) })
		r := s.do(t, http.MethodGet, name, "")
		if r.status != http.StatusOK {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
		return r.body
	}
	const outbound = "Outbound Link: Click"
	if part, ok := tracker.PartNamed(schema.ClicksPart); !ok || part != tracker.Clicks {
		t.Errorf("%s is not the part that sends clicks", schema.ClicksPart)
	}
	settings := &schema.Settings{ScriptParts: []string{"outbound-links"}}
	for _, name := range []string{"/js/turf-example.com.js", "/js/turf-EXAMPLE.com.js", "/js/turf-www.example.com.js"} {
		if !strings.Contains(has(settings, name), outbound) || strings.Contains(has(nil, name), outbound) {
			t.Errorf("%s does not follow the settings", name)
		}
	}
	if text := has(settings, "/js/pa-example.com.js"); !strings.Contains(text, "outboundLinks") || strings.Contains(text, "fileDownloads:1") {
		t.Errorf("/js/pa-example.com.js: %.300s", text)
	}
	if text := has(nil, "/js/turf-EXAMPLE.com.js"); !strings.Contains(text, `"example.com"`) {
		t.Errorf("a tag without data-domain counts for the page's host: %.300s", text)
	}
	strict := has(&schema.Settings{Profile: "strict"}, "/js/turf-example.com.js")
	if strings.Contains(strict, "localStorage") || !strings.Contains(has(nil, "/js/turf-example.com.js"), "localStorage") {
		t.Error("the strict profile's script stores something")
	}
}

// FuzzPagePath: what is kept of a query is clean, fits, and is the same for the parameters in any order.
func FuzzPagePath(f *testing.F) {
	r, err := newRules(&schema.Settings{KeepQuery: []string{"q", "page"}, FoldPaths: []string{"/orders/*"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("https://example.com/orders/5?q=a&page=2#/x", "b")
	f.Add("https://example.com/a?page=ann@example.org&q=%2540", "%C3%")
	f.Add("/"+strings.Repeat("shop/", 90)+"?page=1&q="+strings.Repeat("two words ", 20), "@")
	f.Fuzz(func(t *testing.T, raw, value string) {
		_, path, query, err := cleanURL(raw, true)
		if err != nil {
			return
		}
		first := r.pagePath(path, query)
		if schema.CleanValue(first) != first || len(first) > schema.MaxValueBytes || first[0] != '/' {
			t.Errorf("%q is not clean", first)
		}
		one := r.pagePath("/a", url.Values{"q": {value}, "page": {"1"}})
		if other := r.pagePath("/a", url.Values{"page": {"1"}, "q": {value}, "z": {"2"}}); one != other {
			t.Errorf("%q and %q", one, other)
		}
		for i := range len(one) {
			if one[i] == '@' && i > 0 && i < len(one)-1 && isLetter(one[i-1]) && isLetter(one[i+1]) {
				t.Errorf("%q holds what looks like an e-mail address", one)
			}
		}
	})
}

// Data centres' networks, from a file.
func TestDataCenter(t *testing.T) {
	centres := &Networks{}
	list, err := parseNetworks([]byte("198.51.100.0/24\n2001:db8:1::/48 # a comment\n"))
	if err != nil {
		t.Fatal(err)
	}
	centres.list.Store(list)
	proxy := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s := newServer(t, func(c *Config) { c.DataCenters, c.TrustedProxies = centres, proxy })
	for address, want := range map[string]string{
		"198.51.100.7": "datacenter", "2001:db8:1::7": "datacenter", "::ffff:198.51.100.7": "datacenter", "198.51.101.7": "", "2001:db8:2::7": "",
	} {
		if got := s.post(t, pageview, "X-Forwarded-For: "+address).header.Get("X-Turf-Dropped"); got != want {
			t.Errorf("%s: dropped for %q, want %q", address, got, want)
		}
	}
}
