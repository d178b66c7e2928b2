package ingest

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Limits are how much is taken. 0 is the default, a negative number no limit.
type Limits struct {
	// RequestsPerSec is for one address (IPv6: one /64). Addresses that are not on the public internet have no limit:
	// behind them stands a proxy that is not named as trusted, or the operator.
	RequestsPerSec int
	// SiteEventsPerSec is for one site.
	SiteEventsPerSec int
	// VisitorPageviewsPerMin is for one visitor, who may have a minute's worth at once. What is beyond it is dropped,
	// not refused: it is a robot's. Visitors whose address is not on the public internet have no limit, nor have
	// those that the holder of a key names.
	VisitorPageviewsPerMin int
}

// The defaults are far above what people do, also many behind one address, and keep one sender from taking it all.
const (
	DefaultRequestsPerSec   = 200
	DefaultSiteEventsPerSec = 100_000
	// DefaultVisitorPageviewsPerMin leaves room for what looks like one visitor and is many: a classroom of the same
	// computers, or the phones of a model behind one address of a mobile network.
	DefaultVisitorPageviewsPerMin = 300
)

// The size of a limiter.
const (
	burstSec     = 5       // so many seconds' worth can come at once, of an address or a site
	limiterWays  = 4       // places that a key can take
	limiterSlots = 1 << 16 // keys that are remembered: 1 MB
	limiterLocks = 64
)

func (l Limits) withDefaults() Limits {
	if l.RequestsPerSec == 0 {
		l.RequestsPerSec = DefaultRequestsPerSec
	}
	if l.SiteEventsPerSec == 0 {
		l.SiteEventsPerSec = DefaultSiteEventsPerSec
	}
	if l.VisitorPageviewsPerMin == 0 {
		l.VisitorPageviewsPerMin = DefaultVisitorPageviewsPerMin
	}
	return l
}

// limiter holds each key to a rate, by the generic cell rate algorithm: a key has one number, the time at which all
// that it sent would be worked off at the rate. It never grows: a new key takes the place of the one of its set that
// is worked off first, which forgets nothing as long as that is in the past. Keys are kept as keyed hashes.
type limiter struct {
	seed  maphash.Seed
	cost  int64 // nanoseconds that one of a key's requests takes; 0 for no limit
	burst int64 // nanoseconds that a key can be ahead
	locks [limiterLocks]sync.Mutex
	slots [][limiterWays]limiterSlot
}

type limiterSlot struct {
	hash uint64
	done int64 // Unix nanoseconds
}

// newLimiter holds to a rate a second; a negative one is no limit.
func newLimiter(perSec int) *limiter { return newRate(perSec, time.Second, burstSec*time.Second) }

// newRate holds to so many in a period, of which as many as fit into burst can come at once; a negative rate is no
// limit.
func newRate(most int, period, burst time.Duration) *limiter {
	if most <= 0 {
		return &limiter{}
	}
	return &limiter{
		seed: maphash.MakeSeed(), cost: int64(period) / int64(most), burst: int64(burst),
		slots: make([][limiterWays]limiterSlot, limiterSlots/limiterWays),
	}
}

// allow counts one of the key's requests and reports whether it is within the rate. One that is not costs nothing.
func (l *limiter) allow(key uint64, now time.Time) bool {
	if l.cost == 0 {
		return true
	}
	hash := maphash.Comparable(l.seed, key)
	set, at := hash%uint64(len(l.slots)), now.UnixNano()
	lock := &l.locks[set%limiterLocks]
	lock.Lock()
	defer lock.Unlock()
	ways := &l.slots[set]
	slot := &ways[0]
	for i := range ways {
		if ways[i].hash == hash {
			slot = &ways[i]
			break
		}
		if ways[i].done < slot.done {
			slot = &ways[i]
		}
	}
	if slot.hash != hash {
		*slot = limiterSlot{hash: hash}
	}
	done := max(slot.done, at) + l.cost
	if done-at > l.burst {
		return false
	}
	slot.done = done
	return true
}

// allowClient is allow for an address.
func (l *limiter) allowClient(a netip.Addr, now time.Time) bool {
	if !locatable(a) {
		return true
	}
	b := a.As16() // of IPv4: mapped into IPv6, whose last 8 bytes differ
	if a.Is4() {
		return l.allow(binary.BigEndian.Uint64(b[8:]), now)
	}
	return l.allow(binary.BigEndian.Uint64(b[:8]), now)
}
