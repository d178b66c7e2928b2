package ingest

import (
	"slices"
	"strings"
	"testing"

	"turf/schema"
)

func TestFirstLanguage(t *testing.T) {
	l := newLanguages()
	for header, want := range map[string]string{
		"en-US,en;q=0.9":                 "en",
		"nl":                             "nl",
		"NL-be, en;q=0.5":                "nl",
		" de-CH-1996 ;q=1.0, fr":         "de",
		"zh-Hant-TW,zh;q=0.9":            "zh",
		"fil-PH,fil;q=0.9":               "fil",
		"nb-NO,nb;q=0.9,no;q=0.8":        "nb",
		"iw-IL":                          "he", // Hebrew, as old versions of Android call it
		"in":                             "id",
		"tlh":                            schema.Other, // Klingon
		"xx-YY":                          schema.Other,
		"klingons,en":                    schema.Other,
		"i-klingon":                      "",
		"*":                              "",
		"":                               "",
		",en":                            "",
		"-":                              "",
		"e":                              "",
		"e1,en":                          "",
		"ann@example.org":                "",
		"en_US":                          "", // no separator of languages: nobody sends it
		"(other)":                        "",
		"a language that nobody has, en": "",
		strings.Repeat("en", 10_000):     "",
		"d\x00":                          "",
		"\xe4\xc4":                       "",
	} {
		if got := l.first(header); got != want {
			t.Errorf("%.40q: %q, want %q", header, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { l.first("pt-BR,pt;q=0.9,en-US;q=0.8") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	codes := strings.Fields(languageCodes)
	if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) ||
		len(codes) > schema.Dimensions[schema.Language].LimitPerDay {
		t.Errorf("%d codes are not sorted, not different, or more than a day has room for", len(codes))
	}
	for _, code := range codes {
		if len(code) < 2 || len(code) > maxLanguageCode {
			t.Errorf("%q is no code", code)
		}
	}
}

// FuzzFirstLanguage: whatever the header, what comes out is of the list, and no part of the header.
func FuzzFirstLanguage(f *testing.F) {
	for _, header := range []string{"en-US,en;q=0.9", "iw", "*", "", "secret-token", "KELVIN\u212a", "(other)"} {
		f.Add(header)
	}
	l := newLanguages()
	known := append(strings.Fields(languageCodes), "", schema.Other)
	f.Fuzz(func(t *testing.T, header string) {
		if got := l.first(header); !slices.Contains(known, got) {
			t.Errorf("%q: %q", header, got)
		}
	})
}

// The language is that of the header, in the strict profile too, and the screen what the page told; nothing else of either is in the
// event. A sender with a key speaks for a visitor whose languages it does not tell.
func TestLanguageAndScreen(t *testing.T) {
	const header = "Accept-Language: nl-NL,nl;q=0.9,secret;q=0.1"
	view := func(more string) string { return `{"n":"pageview","u":"https://example.com/"` + more + `}` }
	for _, tt := range []struct {
		name, body, profile string
		headers             []string
		language, screen    string
	}{
		{name: "neither", body: view("")},
		{name: "both", body: view(`,"w":393`), headers: []string{header}, language: "nl", screen: "360-479"},
		{name: "strict", body: view(`,"w":393`), headers: []string{header}, profile: schema.ProfileStrict, language: "nl"},
		{name: "wide", body: view(`,"w":1e300`), screen: "2560+"},
		{name: "with a fraction", body: view(`,"w":359.9`), screen: "0-359"},
		{name: "nothing", body: view(`,"w":0`)},
		{name: "less than nothing", body: view(`,"w":-5`)},
		{name: "text", body: view(`,"w":"393"`)},
		{name: "an object", body: view(`,"w":{"a":[1]}`)},
		{name: "the last one counts", body: view(`,"w":393,"w":null`)},
		{name: "a rare language", body: view(""), headers: []string{"Accept-Language: tlh"}, language: schema.Other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, func(c *Config) { c.Sites = sitesWith(&schema.Settings{Profile: tt.profile}) })
			ev := s.acceptOne(t, tt.body, tt.headers...)
			if l, w := ev.Values[schema.Language], ev.Values[schema.ScreenWidth]; l != tt.language || w != tt.screen {
				t.Errorf("language %q, screen %q; want %q, %q", l, w, tt.language, tt.screen)
			}
			for d, v := range ev.Values {
				if strings.Contains(v, "secret") || strings.Contains(v, "NL") || strings.Contains(v, "393") {
					t.Errorf("%s is %q", schema.Dimension(d), v)
				}
			}
		})
	}
	s := newServer(t, func(c *Config) { c.IngestKey = func(string, schema.SiteID) bool { return true } })
	keyed := `{"n":"pageview","u":"https://example.com/","ip":"203.0.113.9","ua":"` + chromeAgent + `","w":1280}`
	ev := s.acceptOne(t, keyed, "Authorization: Bearer k", header)
	if l, w := ev.Values[schema.Language], ev.Values[schema.ScreenWidth]; l != "" || w != "1024-1439" {
		t.Errorf("with a key: language %q, screen %q", l, w)
	}
}
