package ingest

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/dchest/siphash"

	"turf/aggregate"
	"turf/schema"
)

// The function is SipHash-2-4 with 128 bits: the first vectors of the reference implementation (vectors_sip128, key 00 01 … 0f).
func TestSipHashVectors(t *testing.T) {
	k0, k1 := uint64(0x0706050403020100), uint64(0x0f0e0d0c0b0a0908)
	for i, want := range []string{
		"a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45", "8177228da4a45dc7fca38bdef60affe4",
	} {
		a, b := siphash.Hash128(k0, k1, []byte{0, 1, 2}[:i])
		got := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)
		if hex.EncodeToString(got) != want {
			t.Errorf("%d bytes: %x, want %s", i, got, want)
		}
	}
}

// Keys under the salt 00 01 … 0f, reckoned by a program of its own (Python) from the definition of the key.
func TestVisitorKeyVectors(t *testing.T) {
	salt := [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	tests := map[string]struct {
		site                 schema.SiteID
		address, name, agent string
		want                 aggregate.Key
	}{
		"IPv4":         {1, "203.0.113.7", "", firefoxAgent, aggregate.Key{0x4aaf9da422fd86f3, 0x4574bc7d4ace206e}},
		"other site":   {2, "203.0.113.7", "", firefoxAgent, aggregate.Key{0x54c1cb3cb5cc8f30, 0x0844491a20110bce}},
		"IPv6":         {1, "2001:db8:1:2:3:4:5:6", "", firefoxAgent, aggregate.Key{0x34a8ae71fcbc5bcb, 0x5b509fe3b7b4343c}},
		"no agent":     {1, "203.0.113.7", "", "", aggregate.Key{0x2b05c99db5bcaecd, 0x6f010d82a5da6889}},
		"no address":   {1, "", "", firefoxAgent, aggregate.Key{0xb7783fb0de0ee39c, 0xc8e562f4fc7d2525}},
		"host name":    {1, "", "host.example", firefoxAgent, aggregate.Key{0xff1d99a960f31533, 0xdb636e6dbe3b4f34}},
		"longer agent": {1<<32 - 1, "203.0.113.7", "", strings.Repeat("x", 2000), aggregate.Key{0x411580df431bd0a4, 0x328516e5723c7406}},
	}
	for name, tt := range tests {
		c := newClient(&identity{name: tt.name, agent: tt.agent})
		if tt.address != "" {
			c.id().addr = netip.MustParseAddr(tt.address)
		}
		if got := visitorKey(&salt, tt.site, c); got != tt.want {
			t.Errorf("%s: %#x, want %#x", name, got, tt.want)
		}
	}
}

// Who is the same visitor and who is not.
func TestVisitorKeyTellsApart(t *testing.T) {
	salt := [16]byte{1}
	key := func(site schema.SiteID, address, agent string) aggregate.Key {
		return visitorKey(&salt, site, testClient(address, agent))
	}
	me := key(1, "2001:db8:0:1::5", "a")
	if key(1, "2001:db8:0:1:ffff::6", "a") != me {
		t.Error("two addresses of one /64 are two visitors")
	}
	other := [16]byte{2}
	for name, got := range map[string]aggregate.Key{
		"site":     key(2, "2001:db8:0:1::5", "a"),
		"network":  key(1, "2001:db8:0:2::5", "a"),
		"agent":    key(1, "2001:db8:0:1::5", "b"),
		"salt":     visitorKey(&other, 1, testClient("2001:db8:0:1::5", "a")),
		"no agent": key(1, "2001:db8:0:1::5", ""),
	} {
		if got == me {
			t.Errorf("another %s is the same visitor", name)
		}
	}
}

func TestVisitorKeyAllocatesNothing(t *testing.T) {
	salt, c := [16]byte{1}, testClient("203.0.113.7", chromeAgent)
	if n := testing.AllocsPerRun(100, func() { visitorKey(&salt, 1, c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
