package ingest

import (
	"sync"

	"turf/schema"
)

// maxDropCells is how many counters drops has; what comes after them is counted under the family schema.Other.
const maxDropCells = 10_000

// dropCell is a counter of dropped hits.
type dropCell struct {
	site   schema.SiteID // 0: no site of ours
	reason DropReason
	family string // of the agent: the robot's or the browser's name, never the agent itself
}

// drops counts in memory what was dropped. The zero value is ready. It may be used by many goroutines.
type drops struct {
	mu     sync.Mutex
	counts map[dropCell]uint64
}

func (d *drops) add(site schema.SiteID, reason DropReason, agent AgentInfo) {
	cell := dropCell{site, reason, agent.Robot}
	if cell.family == "" {
		cell.family = agent.Browser
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counts == nil {
		d.counts = map[dropCell]uint64{}
	}
	if _, known := d.counts[cell]; !known && len(d.counts) >= maxDropCells {
		cell.family = schema.Other
	}
	d.counts[cell]++
}
