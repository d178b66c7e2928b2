package pipeline

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"turf/schema"
)

// saltBook is what Salt reads without a lock: the days that are open, by site. The owner of the machine writes it.
type saltBook struct {
	mu     sync.Mutex // of writers
	shards [256]atomic.Pointer[map[schema.SiteID]*siteSalts]
}

type siteSalts struct {
	open atomic.Pointer[[]*daySalt] // never written after it was stored
}

// daySalt is the salt of a day that is open. Start and end are the day's first second and the one after its last,
// Unix seconds.
type daySalt struct {
	day        schema.Day
	start, end int64
	lo, hi     atomic.Uint64
	gone       atomic.Bool
}

// find is the salt of the day in which at lies, if that is open.
func (b *saltBook) find(site schema.SiteID, at int64) (salt [16]byte, day schema.Day, ok bool) {
	s := b.site(site)
	if s == nil {
		return salt, 0, false
	}
	for _, d := range *s.open.Load() {
		if d.start <= at && at < d.end {
			binary.LittleEndian.PutUint64(salt[:], d.lo.Load())
			binary.LittleEndian.PutUint64(salt[8:], d.hi.Load())
			if d.gone.Load() { // what was read may be half of it
				return [16]byte{}, 0, false
			}
			return salt, d.day, true
		}
	}
	return salt, 0, false
}

func (b *saltBook) site(site schema.SiteID) *siteSalts {
	if m := b.shards[site%256].Load(); m != nil {
		return (*m)[site]
	}
	return nil
}

func (b *saltBook) put(site schema.SiteID, day schema.Day, start, end int64, salt [16]byte) {
	d := &daySalt{day: day, start: start, end: end}
	d.lo.Store(binary.LittleEndian.Uint64(salt[:]))
	d.hi.Store(binary.LittleEndian.Uint64(salt[8:]))
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.site(site)
	if s == nil {
		s = &siteSalts{}
		s.open.Store(&[]*daySalt{})
		shard := &b.shards[site%256]
		next := map[schema.SiteID]*siteSalts{site: s}
		if old := shard.Load(); old != nil {
			for k, v := range *old {
				next[k] = v
			}
		}
		defer shard.Store(&next)
	}
	open := append([]*daySalt{d}, *s.open.Load()...) // the newest day is asked for most
	s.open.Store(&open)
}

// drop overwrites a salt.
func (b *saltBook) drop(site schema.SiteID, day schema.Day) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.site(site)
	if s == nil {
		return
	}
	var rest []*daySalt
	for _, d := range *s.open.Load() {
		if d.day != day {
			rest = append(rest, d)
			continue
		}
		d.gone.Store(true)
		d.lo.Store(0)
		d.hi.Store(0)
	}
	s.open.Store(&rest)
}
