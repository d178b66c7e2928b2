package ingest

import (
	"net/netip"
	"testing"
	"time"
)

// 10 a second, 5 seconds' worth at once.
func TestLimiter(t *testing.T) {
	l, now := newLimiter(10), noon
	run := func(key uint64, times int) (allowed int) {
		for range times {
			if l.allow(key, now) {
				allowed++
			}
		}
		return allowed
	}
	for i, step := range []struct {
		wait  time.Duration
		key   uint64
		times int
		want  int
	}{
		{0, 1, 60, 50},                    // the burst
		{0, 2, 60, 50},                    // of each key
		{0, 1, 5, 0},                      // then no more
		{100 * time.Millisecond, 1, 5, 1}, // one every tenth of a second
		{time.Second, 1, 50, 10},
		{time.Hour, 1, 60, 50}, // and the burst again, not more
		{-time.Hour, 1, 5, 0},  // the clock was set back: nothing is given away
	} {
		now = now.Add(step.wait)
		if got := run(step.key, step.times); got != step.want {
			t.Errorf("step %d: %d allowed, want %d", i, got, step.want)
		}
	}
	if l := newLimiter(-1); !l.allow(1, now) || l.slots != nil {
		t.Error("no limit is a limit")
	}
}

// A million keys take no more room than one, and a key that is over its rate is not forgotten for them unless all of its set are.
func TestLimiterIsBounded(t *testing.T) {
	l, now := newLimiter(1), noon
	for range 5 {
		l.allow(0, now)
	}
	if l.allow(0, now) {
		t.Fatal("not over the rate")
	}
	size := len(l.slots)
	for key := range uint64(1_000_000) {
		l.allow(key+1, now)
	}
	if len(l.slots) != size {
		t.Error("the limiter has grown")
	}
	if l.allow(0, now) {
		t.Error("the key was forgotten")
	}
}

// An address of IPv6 is its /64; addresses that are not on the public internet have no limit.
func TestLimitClient(t *testing.T) {
	l := newLimiter(1)
	burst := func(address string) (allowed int) {
		for range 10 {
			if l.allowClient(netip.MustParseAddr(address), noon) {
				allowed++
			}
		}
		return allowed
	}
	for _, step := range []struct {
		address string
		want    int
	}{
		{"198.51.100.7", 5},
		{"198.51.100.8", 5},
		{"2001:db8:1:1::1", 5},
		{"2001:db8:1:1:ffff::2", 0},
		{"2001:db8:1:2::1", 5},
		{"127.0.0.1", 10},
		{"::1", 10},
		{"10.0.0.1", 10},
		{"100.64.0.1", 10},
	} {
		if got := burst(step.address); got != step.want {
			t.Errorf("%s: %d allowed, want %d", step.address, got, step.want)
		}
	}
	if !l.allowClient(netip.Addr{}, noon) {
		t.Error("no address has a limit")
	}
}

func TestLimiterAllocatesNothing(t *testing.T) {
	l, a := newLimiter(10), netip.MustParseAddr("198.51.100.7")
	if n := testing.AllocsPerRun(100, func() { l.allowClient(a, noon) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
