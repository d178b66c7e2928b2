package ingest

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed data/zones.txt
var zonesText string

// zones is the country of each time zone that a browser can name. It stands in for the database of places where there is none:
// a site's country is then as right as the clocks of its visitors.
type zones map[string]string

// newZones reads the list that is built in.
func newZones() (zones, error) {
	z := make(zones)
	for line := range strings.Lines(zonesText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		country, names, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !isCountry(country) || names == "" {
			return nil, fmt.Errorf("list of time zones: cannot read %q", line)
		}
		for _, name := range strings.Fields(names) {
			if z[name] != "" {
				return nil, fmt.Errorf("list of time zones: %s is there twice", name)
			}
			z[name] = country
		}
	}
	return z, nil
}
