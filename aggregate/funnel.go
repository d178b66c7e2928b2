package aggregate

import (
	"github.com/cespare/xxhash/v2"

	"turf/schema"
)

// LimitChainsPerDay is how many funnels the visitors of a day can have entered, each visitor and funnel counted.
const LimitChainsPerDay = 50_000_000

// declaredFunnel is a funnel in the form in which the core needs it.
type declaredFunnel struct {
	key       string
	hash      uint64 // of key
	windowSec int64
}

// funnelMatch is which steps of a funnel something fits, a bit each, the first the lowest.
type funnelMatch struct{ funnel, steps uint8 }

// pageStep is a step that is the view of a page.
type pageStep struct {
	page         string
	funnel, step uint8
}

// chain is how far a visitor has come in a funnel: reached is the furthest step, and starts[n] when the latest row of events
// began that fits the steps up to n (from 0), in seconds since the day began plus 1; 0: there is none. What comes after the last
// step need not be known.
type chain struct {
	hash    uint64 // of the visitor and the funnel
	starts  [schema.MaxFunnelSteps - 1]uint32
	reached uint8
}

const chainBytes = 8 + 4*(schema.MaxFunnelSteps-1) + 4

func (c *chain) load(b []byte) {
	_ = b[chainBytes-1]
	c.hash = le.Uint64(b)
	for i := range c.starts {
		c.starts[i] = le.Uint32(b[8+4*i:])
	}
	c.reached = b[chainBytes-4]
}

func (c *chain) store(b []byte) {
	_ = b[chainBytes-1]
	le.PutUint64(b, c.hash)
	for i, t := range c.starts {
		le.PutUint32(b[8+4*i:], t)
	}
	b[chainBytes-4] = c.reached
}

// declareFunnel adds a funnel to what is declared.
func (x *Declared) declareFunnel(f *schema.Funnel) {
	n := uint8(len(x.funnels))
	df := declaredFunnel{key: f.Key(), windowSec: int64(f.WindowSec)}
	df.hash = xxhash.Sum64String(df.key)
	if f.WindowSec == 0 {
		df.windowSec = maxDaySec
	}
	x.funnels = append(x.funnels, df)
	// Of the words of an event, one step and one bucket; neither is longer than 20 digits.
	x.bytes += 3*wordHeader + len(df.key) + 2*20
	for i, s := range f.Steps {
		if s.Page != "" {
			x.pageSteps = append(x.pageSteps, pageStep{s.Page, n, uint8(i)})
			continue
		}
		x.events[s.Event] = true
		x.eventSteps[s.Event] = addMatch(x.eventSteps[s.Event], n, uint8(i))
	}
}

// maxDaySec is longer than any day.
const maxDaySec = 48 * 60 * 60

// addMatch adds that something fits a step. Those of one funnel come together.
func addMatch(matches []funnelMatch, funnel, step uint8) []funnelMatch {
	if n := len(matches); n > 0 && matches[n-1].funnel == funnel {
		matches[n-1].steps |= 1 << step
		return matches
	}
	return append(matches, funnelMatch{funnel, 1 << step})
}

// countFunnels moves the visitor on in the funnels that the event fits.
func (s *step) countFunnels() {
	declared := s.d.declared
	if len(declared.funnels) == 0 {
		return
	}
	var matches []funnelMatch
	switch s.ev.Kind {
	case Pageview:
		matches = s.matched().steps
	case Custom:
		matches = declared.eventSteps[s.ev.Values[schema.EventName]]
	}
	for _, m := range matches {
		s.countFunnel(&declared.funnels[m.funnel], m.steps)
	}
}

// countFunnel goes from the last step to the first, so that the event is one step of a row at the most. The row with the latest
// beginning is the one that can go on longest; none that began earlier can reach more.
func (s *step) countFunnel(f *declaredFunnel, fits uint8) {
	d := s.d
	var c chain
	i := d.findChain(s.hash(seenFunnel, f.hash, 0))
	switch {
	case i >= 0:
		d.keep(chainsSection, i)
		c.load(d.record(chainsSection, i))
	case fits&1 == 0:
		return // it begins with the first step
	default:
		c.hash = s.hash(seenFunnel, f.hash, 0)
		rec, n := d.add(chainsSection)
		le.PutUint64(rec, c.hash)
		d.chains.put(c.hash, n, d.chainHash)
		i = n
	}
	now := uint32(s.now-d.start) + 1
	for n := schema.MaxFunnelSteps - 1; n >= 0; n-- {
		if fits&(1<<n) == 0 {
			continue
		}
		start := now
		if n > 0 {
			start = c.starts[n-1]
		}
		if start == 0 || int64(now-start) > f.windowSec {
			continue
		}
		if n < len(c.starts) {
			c.starts[n] = start
		}
		if int(c.reached) <= n {
			c.reached = uint8(n + 1)
			s.emitFunnel(f, n, int64(now-start))
		}
	}
	c.store(d.record(chainsSection, i))
}

// stepNames are the values of the dimension Step.
var stepNames = [schema.MaxFunnelSteps]string{"1", "2", "3", "4", "5", "6", "7", "8"}

func (s *step) emitFunnel(f *declaredFunnel, n int, sec int64) {
	d := s.d
	k := cellKey{cube: schema.CubeFunnelSteps, values: values(d.word(schema.FunnelKey, f.key), d.word(schema.Step, stepNames[n]),
		d.word(schema.Bucket, schema.LogBucket(sec)))}
	s.emit(&k, s.hour, &schema.Deltas{schema.Visitors: 1})
}

func (d *Day) chainHash(i int) uint64 { return le.Uint64(d.record(chainsSection, i)) }

// findChain is the number of the record, or −1.
func (d *Day) findChain(h uint64) int {
	for probe := h; ; probe++ {
		n := d.chains.at(probe)
		if n == 0 {
			return -1
		}
		if d.chainHash(int(n-1)) == h {
			return int(n - 1)
		}
	}
}
