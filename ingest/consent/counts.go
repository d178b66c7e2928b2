package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"sync"
	"time"

	"turf/schema"
)

// What is counted of choices, without anybody's id: a number a site, day, notice and action.
const (
	countShown     = "shown"
	countAccepted  = "accepted"
	countRefused   = "refused"
	countDismissed = "dismissed"
	countWithdrawn = "withdrawn"
)

const (
	countsFile    = "counts.json"
	maxCounts     = 200_000 // rows; the oldest days go first
	countsEvery   = 10 * time.Second
	countKeepDays = 25 * 31
)

// Count is how often a notice led to an action on a day of the site.
type Count struct {
	Site     schema.SiteID `json:"site"`
	Day      schema.Day    `json:"day"`
	NoticeID string        `json:"notice_id"`
	Action   string        `json:"action"`
	Count    int64         `json:"count"`
}

type countKey struct {
	site   schema.SiteID
	day    schema.Day
	notice string
	action string
}

// counts are the ledger's own counters. What was counted within countsEvery before a crash is lost.
type counts struct {
	mu      sync.Mutex
	rows    map[countKey]int64
	dirty   bool
	written time.Time
}

func readCounts(dir *os.Root) (*counts, error) {
	c := &counts{rows: map[countKey]int64{}}
	text, err := dir.ReadFile(countsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	var rows []Count
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("read %s: %w", countsFile, err)
	}
	for _, r := range rows {
		c.rows[countKey{r.Site, r.Day, r.NoticeID, r.Action}] += r.Count
	}
	return c, nil
}

// count adds one. A site whose time zone cannot be read has the days of UTC.
func (l *Ledger) count(site *schema.Site, notice, action string, now time.Time) {
	loc, err := site.Location()
	if err != nil {
		loc = time.UTC
	}
	c, day := l.counts, schema.DayOf(now, loc)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[countKey{site.ID, day, notice, action}]++
	c.dirty = true
	if len(c.rows) > maxCounts {
		c.forget(day)
	}
}

// forget takes the oldest day away, and all that are too old.
func (c *counts) forget(today schema.Day) {
	oldest := today
	for k := range c.rows {
		oldest = min(oldest, k.day)
	}
	for k := range c.rows {
		if k.day <= oldest || k.day < today-countKeepDays {
			delete(c.rows, k)
		}
	}
}

// Counts are the counters of a site, from a day to another, by day, notice and action.
func (l *Ledger) Counts(site schema.SiteID, from, to schema.Day) []Count {
	l.counts.mu.Lock()
	defer l.counts.mu.Unlock()
	rows := []Count{}
	for k, n := range l.counts.rows {
		if k.site == site && from <= k.day && k.day <= to {
			rows = append(rows, Count{k.site, k.day, k.notice, k.action, n})
		}
	}
	sortCounts(rows)
	return rows
}

func sortCounts(rows []Count) {
	sort.Slice(rows, func(i, j int) bool {
		a, b := &rows[i], &rows[j]
		if a.Site != b.Site {
			return a.Site < b.Site
		}
		if a.Day != b.Day {
			return a.Day < b.Day
		}
		return a.NoticeID+a.Action < b.NoticeID+b.Action
	})
}

// writeCounts writes the counters where they have changed: not more often than countsEvery, but for the last time.
func (l *Ledger) writeCounts() error {
	c, now := l.counts, l.cfg.Now()
	c.mu.Lock()
	// A clock that went back does not hold them up.
	if now.Before(c.written) {
		c.written = time.Time{}
	}
	if !c.dirty || l.ctx.Err() == nil && now.Sub(c.written) < countsEvery {
		c.mu.Unlock()
		return nil
	}
	rows := make([]Count, 0, len(c.rows))
	for k, n := range c.rows {
		rows = append(rows, Count{k.site, k.day, k.notice, k.action, n})
	}
	c.dirty, c.written = false, now
	c.mu.Unlock()
	sortCounts(rows)
	text, err := json.Marshal(rows)
	if err == nil {
		err = writeWhole(l.dir, countsFile, text)
	}
	if err != nil {
		c.mu.Lock()
		c.dirty = true
		c.mu.Unlock()
		return fmt.Errorf("write the counters: %w", err)
	}
	return nil
}
