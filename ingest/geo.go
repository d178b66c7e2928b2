package ingest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oschwald/geoip2-golang"
	"github.com/oschwald/maxminddb-golang"

	"turf/schema"
)

// defaultGeoVersion is the version of the country database that scripts/geo fetches.
const defaultGeoVersion = "2.3.2026061719"

// maxGeoFileBytes is the largest database that is opened. The largest city files are a quarter of that.
const maxGeoFileBytes = 512 << 20

// DefaultGeoPath is where scripts/geo put the default country database, or "" when it is not there.
func DefaultGeoPath() string {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "" // no home: nothing can have been fetched
		}
		cache = filepath.Join(home, ".cache")
	}
	path := filepath.Join(cache, "turf", "geo-"+defaultGeoVersion, "country.mmdb")
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}

// Place is where an address is, as far as the database knows. Each field may be "".
type Place struct {
	Country string // ISO 3166-1 alpha-2, such as "NL"
	Region  string // ISO 3166-2, such as "NL-NH"
	City    string // "<GeoNames id>:<English name>", such as "2759794:Amsterdam"; the id is missing where the file has none
}

// GeoInfo says which database is in use.
type GeoInfo struct {
	Type        string // the type that stands in the file
	Description string // what the file says about itself, in English; for the default file that is its attribution
	BuildDate   time.Time
	Path        string
	Failed      uint64 // lookups that the file could not answer because it is damaged
	Problem     string // why the last change of the file was not taken over; "" when all is well
}

// Geo looks addresses up in a database of places (MaxMind, DB-IP, or of the same shape), and takes a new version of the file
// over within a minute of its arrival. It may be used by several goroutines. A nil *Geo knows no place.
//
// The file is read into memory as a whole, not mapped: the collector then survives a file that is overwritten in place, and
// no old version has to be kept open for lookups still under way. The price is its size in memory (8 MB for the default).
type Geo struct {
	path    string
	db      atomic.Pointer[geoDB]
	failed  atomic.Uint64
	problem atomic.Pointer[string]
	watch   fileWatch
}

// OpenGeo opens the database and keeps watch over its file until Close.
func OpenGeo(path string) (*Geo, error) {
	db, err := readGeo(path)
	if err != nil {
		return nil, err
	}
	g := &Geo{path: path}
	g.db.Store(db)
	g.watch = watchFile(g.reload)
	return g, nil
}

// Close ends the watch over the file and waits for its end. Lookups still work.
func (g *Geo) Close() {
	if g == nil {
		return
	}
	g.watch.Close()
}

// Info says what is in use; the zero value for a nil *Geo.
func (g *Geo) Info() GeoInfo {
	if g == nil {
		return GeoInfo{}
	}
	meta := g.db.Load().meta
	info := GeoInfo{
		Type: meta.DatabaseType, Description: meta.Description["en"], Path: g.path,
		BuildDate: time.Unix(int64(meta.BuildEpoch), 0).UTC(), Failed: g.failed.Load(),
	}
	if p := g.problem.Load(); p != nil {
		info.Problem = *p
	}
	return info
}

// Lookup says where addr is: the empty Place for what is not on the public internet or not in the file.
func (g *Geo) Lookup(addr netip.Addr) Place {
	if g == nil {
		return Place{}
	}
	addr = addr.Unmap().WithZone("")
	if !locatable(addr) {
		return Place{}
	}
	db := g.db.Load()
	if db.meta.IPVersion == 4 && !addr.Is4() {
		return Place{}
	}
	p, err := db.place(addr.AsSlice())
	if err != nil {
		g.failed.Add(1)
		return Place{}
	}
	return p
}

// reload takes a changed file over. A file that cannot be used (half copied, say) leaves the old one in use and is tried
// again the next time.
func (g *Geo) reload() {
	stamp, err := stampOf(g.path)
	if err == nil && stamp == g.db.Load().stamp {
		g.problem.Store(nil)
		return
	}
	db, err := readGeo(g.path)
	if err != nil {
		text := err.Error()
		g.problem.Store(&text)
		return
	}
	g.db.Store(db)
	g.problem.Store(nil)
}

// cgnat is the range of carrier-grade NAT (RFC 6598), which netip does not count as private.
var cgnat = netip.MustParsePrefix("100.64.0.0/10")

func locatable(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !cgnat.Contains(a)
}

// geoDB is one version of the file.
type geoDB struct {
	lookup  func(net.IP) (Place, error)
	records *maxminddb.Reader // finds the record of an address
	known   [geoKnown]atomic.Pointer[knownPlace]
	meta    maxminddb.Metadata
	stamp   fileStamp
}

// geoKnown is of how many of a file's records the places are kept, so that they are not decoded each time: all countries, or the
// largest cities.
const geoKnown = 4096

// knownPlace is the place of the record that lies at an offset in the file.
type knownPlace struct {
	at    uintptr
	place Place
}

// place is lookup, which it asks for what it does not know.
func (db *geoDB) place(ip net.IP) (Place, error) {
	at, err := db.records.LookupOffset(ip)
	if err != nil {
		return Place{}, fmt.Errorf("look up a place: %w", err)
	}
	slot := &db.known[uint64(at)*0x9e3779b97f4a7c15>>52%geoKnown]
	if k := slot.Load(); k != nil && k.at == at {
		return k.place, nil
	}
	p, err := db.lookup(ip)
	if err == nil {
		slot.Store(&knownPlace{at, p})
	}
	return p, err
}

func readGeo(path string) (*geoDB, error) {
	data, stamp, err := readWhole(path, "database of places", maxGeoFileBytes)
	if err != nil {
		return nil, err
	}
	db, err := parseGeo(data)
	if err != nil {
		return nil, fmt.Errorf("open the database of places %s: %w", path, err)
	}
	if db.records, err = maxminddb.FromBytes(data); err != nil {
		return nil, fmt.Errorf("open the database of places %s: %w", path, err)
	}
	db.stamp = stamp
	return db, nil
}

// parseGeo chooses how to read the file: by geoip2 where it knows the type, else by the names that files of other publishers
// give their fields. geoip2 refuses types it does not know, also where the data are of the same shape.
func parseGeo(data []byte) (*geoDB, error) {
	r, err := geoip2.FromBytes(data)
	var unknown geoip2.UnknownDatabaseTypeError
	switch {
	case errors.As(err, &unknown):
		return parseOtherGeo(data)
	case err != nil:
		return nil, fmt.Errorf("it is no MaxMind database or a part is missing: %w", err)
	}
	meta := r.Metadata()
	db := &geoDB{meta: meta, lookup: func(ip net.IP) (Place, error) { return cityOf(r, ip) }}
	if strings.Contains(meta.DatabaseType, "Country") {
		db.lookup = func(ip net.IP) (Place, error) { return countryOf(r, ip) }
	}
	var wrong geoip2.InvalidMethodError
	if _, err := r.City(net.IPv4(1, 1, 1, 1)); errors.As(err, &wrong) {
		return nil, fmt.Errorf("it is of type %s, which holds no places; use a Country or City database", meta.DatabaseType)
	}
	return db, nil
}

func countryOf(r *geoip2.Reader, ip net.IP) (Place, error) {
	rec, err := r.Country(ip)
	if err != nil {
		return Place{}, fmt.Errorf("look up a country: %w", err)
	}
	return makePlace(rec.Country.IsoCode, "", 0, ""), nil
}

func cityOf(r *geoip2.Reader, ip net.IP) (Place, error) {
	rec, err := r.City(ip)
	if err != nil {
		return Place{}, fmt.Errorf("look up a city: %w", err)
	}
	region := ""
	if len(rec.Subdivisions) > 0 {
		region = rec.Subdivisions[0].IsoCode // the first is the largest
	}
	return makePlace(rec.Country.IsoCode, region, uint64(rec.City.GeoNameID), rec.City.Names["en"]), nil
}

// makePlace makes a Place of what a file says, leaving out what is not of the form it should have.
func makePlace(country, region string, cityID uint64, city string) Place {
	if !isCountry(country) {
		return Place{}
	}
	p := Place{Country: country}
	region = strings.TrimPrefix(region, country+"-")
	if n := len(region); n >= 1 && n <= 3 && strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
		p.Region = country + "-" + region
	}
	if cityID == 0 {
		// DB-IP names the quarter too, "Amsterdam (Centrum)": finer than a city.
		city, _, _ = strings.Cut(city, " (")
	}
	city = schema.CleanValue(city)
	switch {
	case city == "":
	case cityID == 0:
		p.City = ":" + city
	default:
		p.City = strconv.FormatUint(cityID, 10) + ":" + city
	}
	p.City = schema.CleanValue(p.City)
	return p
}

// noCountries are codes that databases use for what is no country: unknown, Asia/Pacific, Europe, proxies, satellites.
var noCountries = [...]string{"XX", "ZZ", "AP", "EU", "UN", "AA"}

func isCountry(code string) bool {
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return false
	}
	for _, no := range noCountries {
		if code == no {
			return false
		}
	}
	return true
}
