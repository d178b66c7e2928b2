package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"turf/schema"
)

// maxDropKinds is how many kinds of dropped requests (site, reason, agent, quarter of an hour) wait for the next flush at the most.
// Those that come later go under schema.Other.
const maxDropKinds = 10_000

// quarterSec is the grain in which drops wait: the hours of all zones begin at a quarter.
const quarterSec = 15 * 60

// dropBook keeps how many requests were dropped until they are flushed. Its methods may be called by many goroutines.
type dropBook struct {
	mu     sync.Mutex
	counts map[dropKind]int64
	agents map[siteAgent]struct{} // that have a name of their own since epoch
	perDay map[schema.SiteID]int  // how many of them a site has
	epoch  int64                  // UTC day of agents
}

type dropKind struct {
	site          schema.SiteID
	quarter       int64 // Unix seconds
	reason, agent string
}

type siteAgent struct {
	site  schema.SiteID
	agent string
}

func newDropBook() *dropBook {
	return &dropBook{
		counts: map[dropKind]int64{}, agents: map[siteAgent]struct{}{}, perDay: map[schema.SiteID]int{},
	}
}

// add notes a dropped request. Once warm it does not allocate.
func (b *dropBook) add(site schema.SiteID, at int64, reason, agent string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if day := at / 86400; day != b.epoch {
		b.epoch = day
		clear(b.agents)
		clear(b.perDay)
	}
	if _, known := b.agents[siteAgent{site, agent}]; !known {
		if b.perDay[site] < schema.Dimensions[schema.Agent].LimitPerDay {
			b.perDay[site]++
			b.agents[siteAgent{site, agent}] = struct{}{}
		} else {
			agent = schema.Other
		}
	}
	kind := dropKind{site, at - at%quarterSec, reason, agent}
	if _, known := b.counts[kind]; !known && len(b.counts) >= maxDropKinds {
		kind.reason, kind.agent = schema.Other, schema.Other
	}
	b.counts[kind]++
}

// take empties the book. The order is always the same.
func (b *dropBook) take() (kinds []dropKind, counts []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for kind := range b.counts {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b dropKind) int {
		return cmp.Or(cmp.Compare(a.site, b.site), cmp.Compare(a.quarter, b.quarter), cmp.Compare(a.reason, b.reason),
			cmp.Compare(a.agent, b.agent))
	})
	for _, kind := range kinds {
		counts = append(counts, b.counts[kind])
	}
	clear(b.counts)
	return kinds, counts
}

// putBack notes again what was taken.
func (b *dropBook) putBack(kinds []dropKind, counts []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, kind := range kinds {
		b.counts[kind] += counts[i]
	}
}

// cellKey is a hash of the cell of a drop.
func cellKey(c *schema.Cell) uint64 {
	h := xxhash.New()
	_, _ = fmt.Fprintf(h, "%d %d %q %q", c.Site, c.Time, c.Values[0], c.Values[1]) // a hash takes all
	return h.Sum64()
}

// countDrops appends the dropped requests to the journal as a group. When that fails they are noted again: also when it is not known
// whether it did, because nothing is written before it is known that such a group does not count, and a process that dies first
// forgets them. Those of sites that are no more are given up.
func (m *machine) countDrops() error {
	kinds, counts := m.drops.take()
	var incs []schema.Increment
	for i, kind := range kinds {
		site, ok := m.sites(kind.site)
		if !ok {
			continue
		}
		loc, err := site.Location()
		if err != nil {
			continue
		}
		cell := schema.Cell{
			Site: kind.site, Cube: schema.CubeDrops, Time: schema.HourStart(time.Unix(kind.quarter, 0), loc),
		}
		cell.Values[0], cell.Values[1] = kind.reason, kind.agent
		incs = append(incs, schema.Increment{Key: cellKey(&cell), Cell: cell, Delta: schema.Deltas{schema.Events: counts[i]}})
	}
	if len(incs) == 0 {
		return nil
	}
	m.group++
	if err := m.append(m.group, incs); err != nil {
		m.drops.putBack(kinds, counts)
		return err
	}
	m.groups++
	return nil
}
