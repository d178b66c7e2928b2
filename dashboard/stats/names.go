package stats

import (
	_ "embed"
	"strings"
	"sync"

	"turf/schema"
)

// regionList has a line for each code of ISO 3166-2: the code, a space, the English name (Unicode CLDR, see data/regions-license.txt;
// scripts/regions writes it). Codes ascend. No name has a |.
//
//go:embed data/regions.txt
var regionList string

// aliases are names of countries that filters take beside those of countries: those of ISO 3166-1 and others in common use.
var aliases = map[string]string{
	"Bolivia, Plurinational State of": "BO", "Bolivia (Plurinational State of)": "BO",
	"Bonaire, Sint Eustatius and Saba": "BQ", "Brunei Darussalam": "BN", "Burma": "MM", "Cabo Verde": "CV",
	"Congo": "CG", "Congo-Brazzaville": "CG", "Congo, Democratic Republic of the": "CD", "Congo, The Democratic Republic of the": "CD",
	"Congo - Kinshasa": "CD", "Congo - Brazzaville": "CG", "Czech Republic": "CZ", "East Timor": "TL",
	"Falkland Islands (Malvinas)": "FK", "Great Britain": "GB", "Holland": "NL", "The Netherlands": "NL",
	"Netherlands, Kingdom of the": "NL", "Holy See": "VA", "Holy See (Vatican City State)": "VA", "Hong Kong SAR China": "HK",
	"Iran, Islamic Republic of": "IR", "Iran (Islamic Republic of)": "IR", "Ivory Coast": "CI",
	"Korea, Democratic People's Republic of": "KP", "Korea, Republic of": "KR", "Lao People's Democratic Republic": "LA",
	"Macau": "MO", "Macao SAR China": "MO", "Macedonia": "MK", "Micronesia, Federated States of": "FM",
	"Moldova, Republic of": "MD", "Palestine, State of": "PS", "Palestinian Territories": "PS", "Russian Federation": "RU",
	"Saint Helena, Ascension and Tristan da Cunha": "SH", "Saint Martin (French part)": "MF", "Sint Maarten (Dutch part)": "SX",
	"Swaziland": "SZ", "Syrian Arab Republic": "SY", "Taiwan, Province of China": "TW", "Tanzania, United Republic of": "TZ",
	"Turkey": "TR", "UK": "GB", "United Kingdom of Great Britain and Northern Ireland": "GB", "United States of America": "US",
	"United States Minor Outlying Islands": "UM", "USA": "US", "Venezuela, Bolivarian Republic of": "VE",
	"Venezuela (Bolivarian Republic of)": "VE", "Viet Nam": "VN", "Virgin Islands, British": "VG", "Virgin Islands, U.S.": "VI",
}

// named yields codes and names: of countries, or of regions.
func named(expr string) func(yield func(code, name string) bool) {
	return func(yield func(code, name string) bool) {
		if expr == countryNameExpr {
			for _, c := range countries {
				if !yield(c.code, c.name) {
					return
				}
			}
			return
		}
		for line := range strings.Lines(regionList) {
			code, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if !yield(code, name) {
				return
			}
		}
	}
}

// nameLists are the codes and the names, as the SQL takes them.
func nameLists(expr string) (codes, names string) {
	var c, n []string
	for code, name := range named(expr) {
		c, n = append(c, code), append(n, name)
	}
	return strings.Join(c, "|"), strings.Join(n, "|")
}

// names are those of countries and regions by their codes, which have no code in common.
var names = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, expr := range []string{countryNameExpr, regionNameExpr} {
		for code, name := range named(expr) {
			all[code] = name
		}
	}
	return all
})

// nameOf is the name of a code, or what is shown instead of one, as the statement would give it.
func nameOf(shown any) any {
	if code, ok := shown.(string); ok && names()[code] != "" {
		return names()[code]
	}
	return shown
}

// isNamed reports whether the values on the wire are names of what is stored as codes.
func (a *attribute) isNamed() bool { return a.expr == countryNameExpr || a.expr == regionNameExpr }

// codes are the stored values of which the attribute, which is named, shows a value. None: it never shows it.
func (a *attribute) codes(value string, fold bool) []string {
	same := func(name string) bool { return name == value || fold && strings.EqualFold(name, value) }
	if value == "" || same(a.missing) {
		return []string{""}
	}
	if same(schema.Other) {
		return []string{schema.Other}
	}
	var found []string
	hasName := false // the value is a code, and something else is shown for it
	for code, name := range named(a.expr) {
		if same(name) {
			found = append(found, code)
		}
		hasName = hasName || code == value
	}
	if a.expr == countryNameExpr {
		for name, code := range aliases {
			if len(found) == 0 && same(name) {
				found = append(found, code)
			}
		}
	}
	if len(found) == 0 && !hasName && isCode(value) {
		found = append(found, value) // a code without a name is shown as it is
	}
	return found
}

// isCode reports whether v has the form of a code of a country (NL) or region (NL-NH).
func isCode(v string) bool {
	country, region, isRegion := strings.Cut(v, "-")
	others := strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	return len(country) == 2 && strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		(!isRegion || len(region) >= 1 && len(region) <= 4 && others == "")
}

// checkNames refuses names that no country or region has: the answer about them would be 0.
func (f *Filter) checkNames() error {
	a, _, _ := attributeOf(f.Dimension)
	if f.Op != Is && f.Op != IsNot || !a.isNamed() {
		return nil
	}
	for _, v := range f.Values {
		if len(a.codes(v, f.FoldCase)) > 0 {
			continue
		}
		if a.expr == countryNameExpr {
			return invalid("filters", "%q is not a country. Use an English name as Netherlands, or visit:country with two letters as NL",
				excerpt([]byte(v)))
		}
		return invalid("filters", "%q is not a region. Use an English name as North Holland, or visit:region with a code as NL-NH",
			excerpt([]byte(v)))
	}
	return nil
}
