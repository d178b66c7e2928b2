package ingest

import (
	"testing"
	"time"
	_ "time/tzdata"

	"turf/schema"
)

func TestZones(t *testing.T) {
	z, err := newZones()
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]string{
		"Europe/Amsterdam": "NL",
		"America/New_York": "US",
		"Asia/Calcutta":    "IN", // browsers go on using the old name
		"Europe/Kiev":      "UA",
		"Africa/Asmera":    "ER", // a link to Kenya's zone
		"America/Virgin":   "VI", // a link to Puerto Rico's
		"UTC":              "",
		"Etc/GMT+1":        "",
		"Local":            "",
		"":                 "",
	} {
		if got := z[zone]; got != want {
			t.Errorf("%q is in %q, want %q", zone, got, want)
		}
	}
	for zone := range z {
		if _, err := time.LoadLocation(zone); err != nil {
			t.Errorf("%s is no time zone: %v", zone, err)
		}
	}
	if len(z) < 500 {
		t.Errorf("%d zones", len(z))
	}
}

// Without a database of places the country is that of the browser's time zone; a strict site does not ask the browser.
func TestPlaceOfZone(t *testing.T) {
	for _, tt := range []struct {
		name, zone string
		settings   schema.Settings
		want       string
		drop       DropReason
	}{
		{"zone", `"Europe/Amsterdam"`, schema.Settings{}, "NL", Passed},
		{"no list has it", `"Mars/Olympus"`, schema.Settings{}, "", Passed},
		{"no text", `31`, schema.Settings{}, "", Passed},
		{"strict", `"Europe/Amsterdam"`, schema.Settings{Profile: schema.ProfileStrict}, "", Passed},
		{"excluded", `"Europe/Amsterdam"`, schema.Settings{ExcludeCountries: []string{"NL"}}, "NL", DropCountry},
	} {
		s := testSteps(t, &recorder{})
		s.sites = func(domain string) (schema.Site, bool) {
			return schema.Site{ID: 1, Domain: domain, Timezone: "UTC", Settings: &tt.settings}, true
		}
		h := testHit(func(h *hit) {
			h.body = &body{}
			text := `{"n":"pageview","u":"https://example.com/","d":"example.com","tz":` + tt.zone + `}`
			if err := h.body.parse(text); err != nil {
				t.Fatal(err)
			}
		})
		drop, err := s.run(h)
		if got := h.event.Values[schema.Country]; got != tt.want || drop != tt.drop || err != nil {
			t.Errorf("%s: in %q, dropped for %q, %v; want %q, %q", tt.name, got, drop, err, tt.want, tt.drop)
		}
	}
}
