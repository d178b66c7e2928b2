package importer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// hitsTogether is how many hits are counted before what they add is taken from the core: the core adds it up first.
const hitsTogether = 1000

// hit is one page view or custom event of a buffered day: an event whose strings are numbers in the day's dictionary.
type hit struct {
	time    int64
	visitor aggregate.Key
	group   uint32 // index into buffer.groups: the import that counted it before, 0 for none
	values  [schema.NumDimensions]uint32
}

// buffer holds the hits of one day of the site until no more can come. Nothing of it outlives the import.
type buffer struct {
	day  schema.Day
	end  int64 // Unix seconds: the start of the next day
	salt [16]byte
	hits []hit
	// words are the strings of the day, index their numbers. Number 0 is "".
	words []string
	index map[string]uint32
	// groups are the names of the imports that counted some of the hits; groups[0] is "", what is new.
	groups []string
}

func newBuffer(day schema.Day, loc *time.Location) *buffer {
	b := &buffer{
		day: day, end: (day + 1).Start(loc).Unix(),
		words: []string{""}, index: map[string]uint32{"": 0}, groups: []string{""},
	}
	rand.Read(b.salt[:])
	return b
}

// add keeps an event. counted is the import that has counted it, or "".
func (b *buffer) add(ev *aggregate.Event, counted string) {
	h := hit{time: ev.Time, visitor: ev.Visitor, group: b.group(counted)}
	for d, s := range ev.Values {
		h.values[d] = b.word(s)
	}
	b.hits = append(b.hits, h)
}

func (b *buffer) word(s string) uint32 {
	n, ok := b.index[s]
	if !ok {
		s = strings.Clone(s) // s may be a part of the line, with its address
		n = uint32(len(b.words))
		b.words = append(b.words, s)
		b.index[s] = n
	}
	return n
}

func (b *buffer) group(name string) uint32 {
	i := slices.Index(b.groups, name)
	if i < 0 {
		i = len(b.groups)
		b.groups = append(b.groups, name)
	}
	return uint32(i)
}

// allCounted reports whether one import counted all hits of the day, so that nothing changes.
func (b *buffer) allCounted() bool {
	return len(b.groups) == 2 && !slices.ContainsFunc(b.hits, func(h hit) bool { return h.group == 0 })
}

// forget overwrites the salt and the visitors.
func (b *buffer) forget() {
	clear(b.salt[:])
	clear(b.hits)
	*b = buffer{}
}

// sums counts what the day adds to the totals: all its hits together, less what earlier imports counted, each by
// itself. The core gives the same counts for the same hits whatever the salt, so what was counted before is known
// exactly. full is how many hits the core had no room for. stale: see guard.
func (b *buffer) sums(site schema.SiteID, loc *time.Location, k int, stale bool) (rows []schema.Row, full int, err error) {
	// Stable: hits of the same second stay in the order of the log.
	slices.SortStableFunc(b.hits, func(a, c hit) int { return int(a.time - c.time) })
	total := make(map[schema.Cell]schema.Deltas)
	core := counter{site: site, loc: loc, k: k, buffer: b}
	if full, err = core.count(total, false, func(*hit) bool { return true }); err != nil {
		return nil, 0, err
	}
	for g := 1; g < len(b.groups); g++ {
		if _, err := core.count(total, true, func(h *hit) bool { return h.group == uint32(g) }); err != nil {
			return nil, 0, err
		}
	}
	if stale {
		guard(total, k)
	}
	for cell, sums := range total {
		if !sums.IsZero() {
			rows = append(rows, schema.Row{Cell: cell, Sums: sums})
		}
	}
	slices.SortFunc(rows, func(a, c schema.Row) int { return a.Cell.Compare(&c.Cell) })
	return rows, full, nil
}

// counter runs hits of a day through the core.
type counter struct {
	site   schema.SiteID
	loc    *time.Location
	k      int
	buffer *buffer
}

// count adds the counts of the chosen hits to total, or takes them away.
func (c *counter) count(total map[schema.Cell]schema.Deltas, minus bool, chosen func(*hit) bool) (full int, err error) {
	b := c.buffer
	mem := &aggregate.HeapMemory{}
	defer func() { clear(mem.Bytes()) }()
	day, err := aggregate.Open(aggregate.Config{
		Site: c.site, Day: b.day, Location: c.loc, K: c.k, Salt: b.salt,
	}, mem)
	if err != nil {
		return 0, fmt.Errorf("open the day %s: %w", b.day, err)
	}
	var (
		out  []schema.Increment
		ev   aggregate.Event
		some int // hits counted since Begin
	)
	flush := func() {
		out = day.Increments(out[:0])
		for i := range out {
			delta := out[i].Delta
			if minus {
				delta = delta.Negated()
			}
			sums := total[out[i].Cell]
			sums.Add(&delta)
			total[out[i].Cell] = sums
		}
		some = 0
	}
	for i := range b.hits {
		h := &b.hits[i]
		if !chosen(h) {
			continue
		}
		if some == 0 {
			day.Begin(uint64(i) + 1)
		}
		b.event(h, &ev)
		ev.Site = c.site
		if err := day.Count(&ev); errors.Is(err, aggregate.ErrFull) {
			full++
		} else if err != nil {
			return 0, fmt.Errorf("count an event of %s: %w", b.day, err)
		}
		if some++; some == hitsTogether {
			flush()
		}
	}
	flush()
	return full, nil
}

// event is the event of a hit.
func (b *buffer) event(h *hit, ev *aggregate.Event) {
	*ev = aggregate.Event{Time: h.time, Day: b.day, Visitor: h.visitor, Kind: aggregate.Pageview}
	for d, n := range h.values {
		ev.Values[d] = b.words[n]
	}
	if ev.Values[schema.EventName] != "" {
		ev.Kind = aggregate.Custom
	}
}
