package access

import (
	"sync"
	"time"
)

// maxLimited is how many keys or addresses are counted at once. Beyond it the oldest count is forgotten: an attacker
// with that many addresses gets tries back, and memory does not grow.
const maxLimited = 10_000

// limits counts what is done in the name of somebody: at most so much in a period that begins with the first time.
type limits struct {
	most   int
	period time.Duration

	mu     sync.Mutex
	counts map[string]*count
}

type count struct {
	since time.Time
	n     int
}

func newLimits(most int, period time.Duration) *limits {
	return &limits{most: most, period: period, counts: map[string]*count{}}
}

// take counts one time, or returns a *LimitError.
func (l *limits) take(name string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[name]
	if c == nil || now.Sub(c.since) >= l.period || now.Before(c.since) {
		if c == nil && len(l.counts) >= maxLimited {
			l.forget(now)
		}
		c = &count{since: now}
		l.counts[name] = c
	}
	if c.n >= l.most {
		return &LimitError{l.most, l.period, l.period - now.Sub(c.since)}
	}
	c.n++
	return nil
}

// forget drops what is over, and the oldest in any case.
func (l *limits) forget(now time.Time) {
	oldest, least := "", now
	for name, c := range l.counts {
		if now.Sub(c.since) >= l.period {
			delete(l.counts, name)
		} else if !c.since.After(least) {
			oldest, least = name, c.since
		}
	}
	delete(l.counts, oldest)
}

// clear forgets one name.
func (l *limits) clear(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, name)
}
