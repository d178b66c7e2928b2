package ingest

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// networks is what a database of a test holds: network → record.
type networks map[string]mmdbtype.Map

func geoFile(t *testing.T, typ string, ipVersion int, nets networks) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: typ, IPVersion: ipVersion, RecordSize: 24, BuildEpoch: 1_700_000_000, IncludeReservedNetworks: true,
		Description: map[string]string{"en": "made for a test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for cidr, rec := range nets {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, rec); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeGeo(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "places.mmdb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openGeo(t *testing.T, path string) *Geo {
	t.Helper()
	g, err := OpenGeo(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func countryRecord(code string) mmdbtype.Map {
	return mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
}

// cityRecord is of MaxMind's shape; id 0 leaves the id out, as DB-IP does.
func cityRecord(country, region string, id uint32, city string) mmdbtype.Map {
	names := mmdbtype.Map{"en": mmdbtype.String(city), "de": mmdbtype.String("anders")}
	c := mmdbtype.Map{"names": names}
	if id != 0 {
		c["geoname_id"] = mmdbtype.Uint32(id)
	}
	rec := countryRecord(country)
	rec["city"] = c
	rec["subdivisions"] = mmdbtype.Slice{
		mmdbtype.Map{"iso_code": mmdbtype.String(region)}, mmdbtype.Map{"iso_code": mmdbtype.String("SUB")},
	}
	return rec
}

func TestGeoLookup(t *testing.T) {
	amsterdam := cityRecord("NL", "NH", 2759794, "Amsterdam")
	for _, tt := range []struct {
		name, typ, network string
		rec                mmdbtype.Map
		addr               string
		want               Place
	}{
		{"country", "GeoLite2-Country", "81.2.69.0/24", countryRecord("GB"), "81.2.69.142", Place{Country: "GB"}},
		{"country v6", "GeoIP2-Country", "2a02:a450::/32", countryRecord("NL"), "2a02:a450::1", Place{Country: "NL"}},
		{"v4 in v6", "GeoIP2-Country", "81.2.69.0/24", countryRecord("GB"), "::ffff:81.2.69.1", Place{Country: "GB"}},
		{"not in the file", "GeoLite2-Country", "81.2.69.0/24", countryRecord("GB"), "81.2.70.1", Place{}},
		{"city", "GeoLite2-City", "145.97.0.0/16", amsterdam, "145.97.39.155", Place{"NL", "NL-NH", "2759794:Amsterdam"}},
		{"enterprise", "GeoIP2-Enterprise", "145.97.0.0/16", amsterdam, "145.97.0.1", Place{"NL", "NL-NH", "2759794:Amsterdam"}},
		{
			"DB-IP city without an id", "DBIP-City-Lite", "145.97.0.0/16", cityRecord("NL", "", 0, "Amsterdam (Centrum)"),
			"145.97.0.1",
			Place{"NL", "", ":Amsterdam"},
		},
		{
			"region with its country", "GeoLite2-City", "145.97.0.0/16", cityRecord("NL", "NL-NH", 1, "X"),
			"145.97.0.1",
			Place{"NL", "NL-NH", "1:X"},
		},
		{
			"region of no form", "GeoLite2-City", "145.97.0.0/16", cityRecord("NL", "North Holland", 0, ""),
			"145.97.0.1",
			Place{Country: "NL"},
		},
		{
			"type that geoip2 refuses", "Acme-City", "145.97.0.0/16", amsterdam,
			"145.97.0.1",
			Place{"NL", "NL-NH", "2759794:Amsterdam"},
		},
		{
			"flat fields", "city ipvAll", "145.97.0.0/16",
			mmdbtype.Map{"country_code": mmdbtype.String("NL"), "city": mmdbtype.String("Amsterdam"), "state1": mmdbtype.String("North Holland")},
			"145.97.0.1",
			Place{"NL", "", ":Amsterdam"},
		},
		{
			"country as text", "ipinfo country.mmdb", "145.97.0.0/16",
			mmdbtype.Map{"country": mmdbtype.String("NL")},
			"145.97.0.1",
			Place{Country: "NL"},
		},
		{"no country", "GeoLite2-Country", "81.2.69.0/24", countryRecord("XX"), "81.2.69.142", Place{}},
		{"lower case", "GeoLite2-Country", "81.2.69.0/24", countryRecord("gb"), "81.2.69.142", Place{}},
		{"private", "GeoLite2-Country", "10.0.0.0/8", countryRecord("GB"), "10.1.2.3", Place{}},
		{"carrier's NAT", "GeoLite2-Country", "100.64.0.0/10", countryRecord("GB"), "100.64.0.1", Place{}},
		{"loopback", "GeoLite2-Country", "127.0.0.0/8", countryRecord("GB"), "127.0.0.1", Place{}},
		{"loopback v6", "GeoLite2-Country", "::/64", countryRecord("GB"), "::1", Place{}},
		{"link-local with a zone", "GeoLite2-Country", "fe80::/10", countryRecord("GB"), "fe80::1%eth0", Place{}},
		{"unique local", "GeoLite2-Country", "fc00::/7", countryRecord("GB"), "fd00::1", Place{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := openGeo(t, writeGeo(t, geoFile(t, tt.typ, 6, networks{tt.network: tt.rec})))
			if got := g.Lookup(netip.MustParseAddr(tt.addr)); got != tt.want {
				t.Errorf("Lookup(%s) = %+v, want %+v", tt.addr, got, tt.want)
			}
			if n := g.Info().Failed; n != 0 {
				t.Errorf("%d lookups failed", n)
			}
		})
	}
}

func TestGeoOfOneVersionOnly(t *testing.T) {
	g := openGeo(t, writeGeo(t, geoFile(t, "GeoLite2-Country", 4, networks{"81.2.69.0/24": countryRecord("GB")})))
	for addr, want := range map[string]string{"81.2.69.1": "GB", "2a02:a450::1": ""} {
		if got := g.Lookup(netip.MustParseAddr(addr)).Country; got != want {
			t.Errorf("Lookup(%s) = %q, want %q", addr, got, want)
		}
	}
	if n := g.Info().Failed; n != 0 {
		t.Errorf("%d lookups failed", n)
	}
}

func TestNilGeo(t *testing.T) {
	var g *Geo
	if got := g.Lookup(netip.MustParseAddr("8.8.8.8")); got != (Place{}) {
		t.Errorf("a nil Geo knows %+v", got)
	}
	if got := g.Info(); got != (GeoInfo{}) {
		t.Errorf("a nil Geo has %+v", got)
	}
	g.Close()
}

func TestGeoZeroAddr(t *testing.T) {
	g := openGeo(t, writeGeo(t, geoFile(t, "GeoLite2-Country", 6, networks{"81.2.69.0/24": countryRecord("GB")})))
	if got := g.Lookup(netip.Addr{}); got != (Place{}) {
		t.Errorf("the zero address is in %+v", got)
	}
}

func TestOpenGeoRefuses(t *testing.T) {
	country := geoFile(t, "GeoLite2-Country", 6, networks{"81.2.69.0/24": countryRecord("GB")})
	asn := mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(1)}
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no MaxMind database"},
		{"text", []byte("not a database"), "no MaxMind database"},
		{"cut", country[:len(country)-200], "no MaxMind database"},
		{"networks only", geoFile(t, "GeoLite2-ASN", 6, networks{"81.2.69.0/24": asn}), "holds no places"},
		{"unknown type without a country", geoFile(t, "Acme", 6, networks{"81.2.69.0/24": asn}), "no country was found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := OpenGeo(writeGeo(t, tt.data))
			if err == nil {
				g.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
	if _, err := OpenGeo(filepath.Join(t.TempDir(), "none.mmdb")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestGeoReload(t *testing.T) {
	before := geoFile(t, "GeoLite2-Country", 6, networks{"81.2.69.0/24": countryRecord("GB")})
	after := geoFile(t, "GeoLite2-Country", 6, networks{"81.2.69.0/24": countryRecord("IE"), "1.1.1.0/24": countryRecord("AU")})
	path := writeGeo(t, before)
	addr := netip.MustParseAddr("81.2.69.1")
	synctest.Test(t, func(t *testing.T) {
		g := openGeo(t, path)
		step := func(what, country string, problem bool) {
			t.Helper()
			time.Sleep(fileCheckInterval + time.Second)
			synctest.Wait()
			if got := g.Lookup(addr).Country; got != country {
				t.Errorf("%s: country %q, want %q", what, got, country)
			}
			if got := g.Info().Problem; (got != "") != problem {
				t.Errorf("%s: problem %q", what, got)
			}
		}
		step("nothing changed", "GB", false)
		replace(t, path, after[:len(after)/2])
		step("half a file", "GB", true)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		step("no file", "GB", true)
		replace(t, path, after)
		step("a new file", "IE", false)
		replace(t, path, before)
		step("the old one again", "GB", false)
	})
}

func replace(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDefaultGeo looks a few well-known networks up in the database that scripts/geo fetches.
func TestDefaultGeo(t *testing.T) {
	path := DefaultGeoPath()
	if path == "" {
		t.Skip("the default country database is not there; run scripts/geo")
	}
	g := openGeo(t, path)
	for addr, want := range map[string]string{
		"8.8.8.8": "US", "2001:4860:4860::8888": "US", "193.0.6.139": "NL", "2001:67c:2e8:22::c100:68b": "NL", "202.12.29.1": "AU",
	} {
		if got := g.Lookup(netip.MustParseAddr(addr)).Country; got != want {
			t.Errorf("Lookup(%s) = %q, want %q", addr, got, want)
		}
	}
	info := g.Info()
	if info.Type != "GeoLite2-Country" || info.Path != path || info.BuildDate.Year() < 2026 ||
		!strings.Contains(info.Description, "CC BY 4.0") {
		t.Errorf("Info() = %+v", info)
	}
}

// TestGeoVersion holds that scripts/geo and DefaultGeoPath speak of the same version.
func TestGeoVersion(t *testing.T) {
	script, err := os.ReadFile("../scripts/geo")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "\nversion="+defaultGeoVersion+" ") {
		t.Errorf("scripts/geo does not fetch version %s", defaultGeoVersion)
	}
}

func BenchmarkGeoLookup(b *testing.B) {
	path := DefaultGeoPath()
	if path == "" {
		b.Skip("the default country database is not there; run scripts/geo")
	}
	g, err := OpenGeo(path)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	addr := netip.MustParseAddr("145.97.39.155")
	b.ReportAllocs()
	for b.Loop() {
		g.Lookup(addr)
	}
}
