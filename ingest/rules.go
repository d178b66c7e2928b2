package ingest

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"turf/ingest/tracker"
	"turf/schema"
)

// rules are a site's settings, ready for use. nil are those of a site that has none: its hits pay nothing.
type rules struct {
	strict    bool
	networks  []netip.Prefix
	countries []string
	pages     PathPatterns
	hosts     []string // patterns
	fold      PathPatterns
	query     []string // sorted
	parts     tracker.Part
}

// CheckSettings reports what is wrong with a site's settings: an *InvalidError, whose Field is the name in the
// document.
func CheckSettings(s *schema.Settings) error {
	_, err := newRules(s)
	return err
}

func newRules(s *schema.Settings) (*rules, error) {
	if s == nil {
		return nil, nil
	}
	r := &rules{strict: s.IsStrict(), countries: s.ExcludeCountries, hosts: s.Hostnames}
	r.query = slices.Sorted(slices.Values(s.KeepQuery))
	if s.Profile != "" && s.Profile != schema.ProfileStandard && s.Profile != schema.ProfileStrict {
		return nil, &InvalidError{
			"profile", fmt.Sprintf("is %q and must be %s or %s", s.Profile, schema.ProfileStandard, schema.ProfileStrict),
		}
	}
	var err error
	if r.networks, err = readNetworks("exclude_addresses", s.ExcludeAddresses); err != nil {
		return nil, err
	}
	if r.pages, err = newPathPatterns("exclude_pages", s.ExcludePages, false); err != nil {
		return nil, err
	}
	if r.fold, err = newPathPatterns("fold_paths", s.FoldPaths, true); err != nil {
		return nil, err
	}
	for _, check := range []error{
		checkList("exclude_countries", s.ExcludeCountries, schema.MaxExclusions, wrongCountry),
		checkList("hostnames", s.Hostnames, schema.MaxExclusions, wrongHost),
		checkList("keep_query", s.KeepQuery, schema.MaxKeptQueries, wrongParameter),
		checkList("script_parts", s.ScriptParts, schema.MaxExclusions, wrongPart),
		checkList("buttons", s.Buttons, schema.MaxButtons, wrongButton(s.Buttons)),
	} {
		if check != nil {
			return nil, check
		}
	}
	for _, name := range s.ScriptParts {
		part, _ := tracker.PartNamed(name)
		r.parts |= part
	}
	return r, nil
}

// checkList checks each entry with wrong, which says what is wrong with it or "".
func checkList(field string, list []string, most int, wrong func(string) string) error {
	if len(list) > most {
		return &InvalidError{field, "can have at most " + strconv.Itoa(most) + " entries"}
	}
	for _, entry := range list {
		if reason := wrong(entry); reason != "" {
			return &InvalidError{field, fmt.Sprintf("%q %s", entry, reason)}
		}
	}
	return nil
}

func wrongCountry(code string) string {
	if !isCountry(code) {
		return "is no country's code of two capital letters, such as NL"
	}
	return ""
}

// wrongHost says what is wrong with a pattern of hosts. Hosts are compared as they are counted.
func wrongHost(pattern string) string {
	if len(pattern) > schema.MaxPatternBytes {
		return "must have at most " + strconv.Itoa(schema.MaxPatternBytes) + " bytes"
	}
	plain := strings.ReplaceAll(pattern, "*", "x")
	switch host, err := cleanHost(plain); {
	case pattern == "" || err != nil:
		return "is no host, such as example.com or *.example.com"
	case host != plain:
		return "must be written as hosts are counted: in lower case, without www. and the usual port"
	}
	return ""
}

// wrongParameter says what is wrong with a parameter's name. Names that would have to be escaped, or hold personal
// data themselves, are refused.
func wrongParameter(name string) string {
	if name == "" || len(name) > schema.MaxPatternBytes || url.QueryEscape(name) != name || cleanText(name) != name {
		return "is no name of a parameter, such as page"
	}
	return ""
}

func wrongPart(name string) string {
	if _, ok := tracker.PartNamed(name); !ok {
		return "is no part of the script; there are " + strings.Join(tracker.PartNames(), ", ")
	}
	return ""
}

// wrongButton says what is wrong with a button's name in the list. Names are compared as clicks are counted.
func wrongButton(list []string) func(string) string {
	seen := make(map[string]bool, len(list))
	return func(name string) string {
		switch {
		case name == "" || cleanText(name) != name:
			return "is no name of a button: it is not what would be counted of data-turf-click"
		case seen[name]:
			return "is named twice"
		}
		seen[name] = true
		return ""
	}
}

// readNetworks reads addresses and networks.
func readNetworks(field string, list []string) ([]netip.Prefix, error) {
	if len(list) > schema.MaxExclusions {
		return nil, &InvalidError{field, "can have at most " + strconv.Itoa(schema.MaxExclusions) + " entries"}
	}
	var networks []netip.Prefix
	for _, text := range list {
		network, ok := parseNetwork(text)
		if !ok {
			return nil, &InvalidError{field, fmt.Sprintf("%q is no address, and no network such as 192.0.2.0/24", text)}
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// parseNetwork reads an address, which is a network of one, or a network. IPv4 written as IPv6 becomes IPv4, as
// addresses do.
func parseNetwork(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), true
}

// allowsHost reports whether pages of a host, which is cleaned, are counted.
func (r *rules) allowsHost(host string) bool {
	for _, pattern := range r.hosts {
		if matchPath(pattern, host) {
			return true
		}
	}
	return len(r.hosts) == 0
}

// pagePath is the path under which a page is counted: folded, and with the parameters of the query that are kept, in
// the order of their names, each with its first value. A parameter for which there is no room is left out, with those
// after it.
func (r *rules) pagePath(path string, query url.Values) string {
	path = r.fold.Fold(path)
	if len(r.query) == 0 || len(query) == 0 {
		return path
	}
	page, fragment, hash := strings.Cut(path, "#")
	room := schema.MaxValueBytes - len(path)
	kept := make([]byte, 0, 64)
	for _, name := range r.query {
		value := cleanText(query.Get(name))
		if value == "" {
			continue
		}
		before := len(kept)
		kept = append(kept, "?&"[min(len(kept), 1)])
		kept = append(append(kept, name...), '=')
		for i := range len(value) {
			if strings.IndexByte("%&#+?=", value[i]) >= 0 {
				kept = escape(kept, value[i])
			} else {
				kept = append(kept, value[i])
			}
		}
		if len(kept) > room {
			kept = kept[:before]
			break
		}
	}
	if hash {
		return page + string(kept) + "#" + fragment
	}
	return page + string(kept)
}

// compiledSites is how many sites' rules are kept. Those of a site with all lists full take some 50 kB, most sites'
// under 1 kB.
const compiledSites = 1 << 10

// rulesCache keeps the rules of sites, each until its settings change or a site with the same end of its number takes
// its place. The zero value is ready. It may be used by many goroutines.
type rulesCache [compiledSites]atomic.Pointer[cachedRules]

type cachedRules struct {
	from  *schema.Settings // held, so that no others can lie at the same place in memory
	rules *rules
}

// of is the rules of a site. It allocates only when the settings are new.
func (c *rulesCache) of(site *schema.Site) (*rules, error) {
	if site.Settings == nil {
		return nil, nil
	}
	slot := &c[site.ID%compiledSites]
	if kept := slot.Load(); kept != nil && kept.from == site.Settings {
		return kept.rules, nil
	}
	made, err := newRules(site.Settings)
	if err != nil {
		// Not wrapped: it is no mistake of who sent the event.
		return nil, fmt.Errorf("settings of the site %s: %v", site.Domain, err)
	}
	slot.Store(&cachedRules{site.Settings, made})
	return made, nil
}

// script is what the script of a site is made of, whose name is id. A site that is not known, or whose settings
// cannot be read, has none of its own.
func (s *Steps) script(id string) (tracker.Options, bool) {
	site, known := s.sites(strings.ToLower(id))
	if !known {
		return tracker.Options{}, false
	}
	r, err := s.rules.of(&site)
	if err != nil {
		return tracker.Options{}, false
	}
	o := tracker.Options{Parts: tracker.Default, Domain: site.Domain}
	if r != nil {
		o.Parts |= r.parts
		if r.strict {
			o.Parts |= tracker.Strict
		}
	}
	return o, true
}
