package ingest

import (
	"encoding/binary"

	"github.com/dchest/siphash"

	"turf/aggregate"
	"turf/schema"
)

const (
	// MaxUserAgentBytes is where a user agent is cut before anything looks at it.
	MaxUserAgentBytes = 1024
	// networkBytes is how much of an IPv6 address names the network: the rest changes within a day on the same device.
	networkBytes = 8
	maxKeyBytes  = 4 + 1 + networkBytes + 2 + MaxUserAgentBytes + maxHostBytes
)

// visitorKey is SipHash-2-4-128, keyed with the salt of the site's day, over site, address and user agent. Each part of variable
// length but the last has its length before it, so no two visitors have the same input. IPv6 addresses are cut to their /64. A name in
// the place of the address comes last, cut at maxHostBytes. Allocates nothing.
func visitorKey(salt *[16]byte, site schema.SiteID, c client) aggregate.Key {
	var space [maxKeyBytes]byte
	who := c.id()
	b := binary.LittleEndian.AppendUint32(space[:0], uint32(site))
	name := ""
	switch {
	case who.addr.Is4():
		a := who.addr.As4()
		b = append(append(b, byte(len(a))), a[:]...)
	case who.addr.Is6():
		a := who.addr.As16()
		b = append(append(b, networkBytes), a[:networkBytes]...)
	default:
		b = append(b, 0)
		name = who.name[:min(len(who.name), maxHostBytes)]
	}
	agent := cutAgent(who.agent)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(agent)))
	b = append(append(b, agent...), name...)
	k0, k1 := binary.LittleEndian.Uint64(salt[:8]), binary.LittleEndian.Uint64(salt[8:])
	var key aggregate.Key
	key[0], key[1] = siphash.Hash128(k0, k1, b)
	if key == (aggregate.Key{}) {
		key[0] = 1 // the zero Key is no visitor
	}
	return key
}

// cutAgent is at most the first MaxUserAgentBytes of a user agent.
func cutAgent(agent string) string { return agent[:min(len(agent), MaxUserAgentBytes)] }
