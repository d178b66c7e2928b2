package ingest

import (
	"fmt"
	"net"

	"github.com/oschwald/maxminddb-golang"
)

// maxGeoProbes is how many networks of a file of unknown type are looked at for one with a country.
const maxGeoProbes = 10_000

// parseOtherGeo opens a file whose type geoip2 does not know. It is taken when some network of it has a country under one of
// the names in countryField.
func parseOtherGeo(data []byte) (*geoDB, error) {
	r, err := maxminddb.FromBytes(data)
	if err != nil {
		return nil, fmt.Errorf("it is no MaxMind database or a part is missing: %w", err)
	}
	it := r.Networks(maxminddb.SkipAliasedNetworks)
	for probes := 0; it.Next() && probes < maxGeoProbes; probes++ {
		var rec any
		if _, err := it.Network(&rec); err != nil {
			return nil, fmt.Errorf("read its networks: %w", err)
		}
		if placeFromFields(rec) != (Place{}) {
			return &geoDB{meta: r.Metadata, lookup: func(ip net.IP) (Place, error) { return otherPlaceOf(r, ip) }}, nil
		}
	}
	if err := it.Err(); err != nil {
		return nil, fmt.Errorf("read its networks: %w", err)
	}
	return nil, fmt.Errorf("it is of type %q and no country was found in it; use a Country or City database of MaxMind or DB-IP",
		r.Metadata.DatabaseType)
}

func otherPlaceOf(r *maxminddb.Reader, ip net.IP) (Place, error) {
	var rec any
	if err := r.Lookup(ip, &rec); err != nil {
		return Place{}, fmt.Errorf("look up a place: %w", err)
	}
	return placeFromFields(rec), nil
}

// placeFromFields reads MaxMind's nested fields (country.iso_code, subdivisions[0].iso_code, city.names.en) and the flat ones
// of ip-location-db and IPinfo (country_code or country, city). Flat files name regions without their ISO code, so they give
// none.
func placeFromFields(rec any) Place {
	country := geoText(geoField(rec, "country", "iso_code"))
	for _, name := range [...]string{"country_code", "country"} {
		if country == "" {
			country = geoText(geoField(rec, name))
		}
	}
	region := ""
	if list, ok := geoField(rec, "subdivisions").([]any); ok && len(list) > 0 {
		region = geoText(geoField(list[0], "iso_code"))
	}
	city := geoText(geoField(rec, "city", "names", "en"))
	if city == "" {
		city = geoText(geoField(rec, "city"))
	}
	return makePlace(country, region, geoNumber(geoField(rec, "city", "geoname_id")), city)
}

// geoField follows the names into nested maps; nil when there is nothing.
func geoField(v any, names ...string) any {
	for _, name := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func geoText(v any) string {
	s, _ := v.(string)
	return s
}

func geoNumber(v any) uint64 {
	n, _ := v.(uint64)
	return n
}
