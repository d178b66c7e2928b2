package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testCentres is a list of two networks.
func testCentres(t testing.TB) *Networks {
	t.Helper()
	list, err := parseNetworks([]byte("198.51.100.0/24\n2001:db8:1::/48\n"))
	if err != nil {
		t.Fatal(err)
	}
	n := &Networks{}
	n.list.Store(list)
	return n
}

func TestParseNetworks(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		ranges     string // "first-last …"
		bad        string
	}{
		{name: "empty"},
		{name: "comments", text: "# nothing\n\n  \t\n#192.0.2.0/24\n"},
		{
			name: "in order", text: "192.0.2.0/24\r\n10.0.0.0/8 # ten\n  2001:db8::/32  \n192.0.2.1",
			ranges: "10.0.0.0-10.255.255.255 192.0.2.0-192.0.2.255 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		},
		{
			name: "one inside another", text: "10.1.0.0/16\n10.0.0.0/8\n10.255.255.255\n11.0.0.0/32",
			ranges: "10.0.0.0-10.255.255.255 11.0.0.0-11.0.0.0",
		},
		{name: "everything", text: "::/0\n0.0.0.0/0", ranges: "0.0.0.0-255.255.255.255 ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{name: "IPv4 as IPv6", text: "::ffff:192.0.2.0/120", ranges: "192.0.2.0-192.0.2.255"},
		{
			name: "ranges", text: "192.0.2.5-192.0.2.77\n2001:db8::1 - 2001:db8::9 # nine\n192.0.2.70-192.0.2.70",
			ranges: "192.0.2.5-192.0.2.77 2001:db8::1-2001:db8::9",
		},
		{name: "a range that ends before it begins", text: "192.0.2.9-192.0.2.1", bad: "line 1"},
		{name: "a range from one kind of address to the other", text: "192.0.2.9-2001:db8::1", bad: "line 1"},
		{name: "a range of networks", text: "192.0.2.0/25-192.0.2.128/25", bad: "line 1"},
		{name: "bits beyond the network", text: "192.0.2.77/24", ranges: "192.0.2.0-192.0.2.255"},
		{name: "a name", text: "192.0.2.0/24\nexample.com", bad: `line 2: "example.com" is no network`},
		{name: "a list with commas", text: "192.0.2.0/24,192.0.3.0/24", bad: "line 1"},
		{name: "a long line", text: strings.Repeat("x", 100_000), bad: "too long"},
	} {
		list, err := parseNetworks([]byte(tt.text))
		if (err != nil) != (tt.bad != "") || err != nil && !strings.Contains(err.Error(), tt.bad) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.bad)
		}
		if err != nil {
			continue
		}
		var got []string
		for _, r := range list.ranges {
			got = append(got, r.first.String()+"-"+r.last.String())
		}
		if strings.Join(got, " ") != tt.ranges {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.ranges)
		}
	}
}

// Lookups agree with a list of prefixes that is gone through, for the addresses at and around the ends of each.
func TestNetworksContain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var prefixes []netip.Prefix
	var text strings.Builder
	for range 300 {
		addr := netip.AddrFrom4([4]byte{byte(r.IntN(4)), byte(r.IntN(4)), byte(r.IntN(256)), byte(r.IntN(256))})
		if r.IntN(2) == 0 {
			addr = netip.AddrFrom16([16]byte{0x20, 1, byte(r.IntN(4)), byte(r.IntN(256)), 15: byte(r.IntN(4))})
		}
		p := netip.PrefixFrom(addr, addr.BitLen()-r.IntN(addr.BitLen()/2)).Masked()
		prefixes = append(prefixes, p)
		fmt.Fprintln(&text, p)
	}
	list, err := parseNetworks([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	n := &Networks{}
	n.list.Store(list)
	for _, p := range prefixes {
		first, last := p.Addr(), lastAddress(p)
		for _, a := range []netip.Addr{first, last, first.Prev(), last.Next(), netip.AddrFrom16(first.As16())} {
			if want := a.IsValid() && contains(prefixes, a.Unmap()); n.Contains(a) != want {
				t.Errorf("%s: %t", a, !want)
			}
		}
	}
	if n.Contains(netip.Addr{}) || (*Networks)(nil).Contains(prefixes[0].Addr()) {
		t.Error("no address, or no list, is in a network")
	}
	a := prefixes[0].Addr()
	if n := testing.AllocsPerRun(100, func() { n.Contains(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A changed file is taken over within a minute; one that cannot be used leaves the old list.
func TestNetworksReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "networks")
	write := func(text string) { replace(t, path, []byte(text)) }
	if _, err := OpenNetworks(path, nil); err == nil {
		t.Error("a file that is not there is opened")
	}
	write("192.0.2.0/24\n")
	synctest.Test(t, func(t *testing.T) {
		var problems atomic.Int64
		n, err := OpenNetworks(path, func(string) { problems.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		for _, step := range []struct {
			text    string // "": the file is removed
			has     string
			problem int64 // how many were told so far
		}{
			{"192.0.2.0/24\n", "192.0.2.1", 0},
			{"198.51.100.0/24\n198.51.101.0/24", "198.51.100.1", 0},
			{"nonsense", "198.51.100.1", 1},
			{"nonsense", "198.51.100.1", 1},
			{"", "198.51.100.1", 2},
			{"2001:db8::/32", "2001:db8::1", 2},
		} {
			if step.text == "" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(step.text)
			}
			time.Sleep(fileCheckInterval + time.Second)
			synctest.Wait()
			if !n.Contains(netip.MustParseAddr(step.has)) || problems.Load() != step.problem {
				t.Errorf("%q: %s is not in the list, or %d problems were told", step.text, step.has, problems.Load())
			}
		}
	})
}

// FuzzParseNetworks: whatever the file holds, what is read is in order and does not touch, and has the ends of each
// network.
func FuzzParseNetworks(f *testing.F) {
	f.Add("192.0.2.0/24\n10.0.0.0/8 # ten\n2001:db8::/32\n::ffff:1.2.3.4/100")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseNetworks([]byte(text))
		if err != nil {
			return
		}
		for i, r := range list.ranges {
			if r.first.Compare(r.last) > 0 || r.first.BitLen() != r.last.BitLen() || i > 0 && list.ranges[i-1].last.Compare(r.first) >= 0 {
				t.Errorf("range %d: %v", i, list.ranges)
			}
			if !list.contains(r.first) || !list.contains(r.last) {
				t.Errorf("%v is not contained", r)
			}
		}
	})
}

// defaultCentresVersion is the version of the list that scripts/datacenters makes.
const defaultCentresVersion = "2.3.2026061719"

// The list that scripts/datacenters makes has servers and not homes, nor the ways out of relays, behind which people are.
func TestDefaultCentres(t *testing.T) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	path := filepath.Join(cache, "turf", "datacenters-"+defaultCentresVersion, "networks.txt")
	list, err := readNetworkFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there: run scripts/datacenters", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		// Amazon twice, Google Cloud, Azure, DigitalOcean
		"52.95.110.1": true, "3.120.0.1": true, "34.90.10.1": true, "20.50.2.1": true, "159.89.1.1": true,
		"95.216.10.1": true, "2a01:4f8::1": true, "51.68.1.1": true, // Hetzner ×2, OVH
		"73.0.0.1": false, "84.128.0.1": false, "86.80.1.1": false, "2a02:a400::1": false, // Comcast, Deutsche Telekom, KPN ×2
		"104.28.1.1": false, "172.224.224.1": false, "146.75.168.1": false, // iCloud Private Relay: by Cloudflare, Akamai, Fastly
		"8.8.8.8": false, "192.0.2.1": false,
	} {
		if got := list.contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %t, want %t", addr, got, want)
		}
	}
}
