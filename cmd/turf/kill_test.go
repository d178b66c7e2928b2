package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turf/schema"
)

const (
	killSites    = 10 // sites take only so many pages a day
	killVisitors = 40
	killWorkers  = 4
	// killRoundEvents keeps the pages of a site below their limit: 50 rounds over 10 sites.
	killRoundEvents = 1500
)

// hammer is what a test sends while the server is killed. Event number n is on a page of its own; its site and its visitor follow
// from n.
type hammer struct {
	round atomic.Int64
	next  atomic.Int64 // number of the next event
	limit atomic.Int64 // the last one of the round

	mu    sync.Mutex
	sent  map[int64]killed
	acked map[int64]bool
}

// killed is where an event belongs.
type killed struct {
	site    int64
	visitor int64
}

// event makes the next event, or returns false when the round has had enough.
func (h *hammer) event() (n int64, v visit, ok bool) {
	n = h.next.Add(1)
	if n > h.limit.Load() {
		return 0, v, false
	}
	k := killed{site: h.round.Load() % killSites, visitor: n * 7 % killVisitors}
	h.mu.Lock()
	h.sent[n] = k
	h.mu.Unlock()
	domain := fmt.Sprintf("site%d.example", k.site)
	return n, visit{URL: "https://" + domain + "/" + word(n), Domain: domain, address: fmt.Sprintf("10.1.1.%d", k.visitor+1)}, true
}

// word is a number in letters, which no rule of cleaning takes for an id.
func word(n int64) string {
	b := []byte("page")
	for _, digit := range fmt.Sprintf("%07d", n) {
		b = append(b, '-', byte('a'+digit-'0'))
	}
	return string(b)
}

// TestKillMinus9 kills the real program at random moments, under load and while it starts, and starts it again on the same data:
// every event that was answered 202 is counted once, every other at most once, and the visitors are exact.
func TestKillMinus9(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	in := install(t)
	zone := quietZone()
	for i := range killSites {
		in.must(nil, "site", "add", fmt.Sprintf("site%d.example", i), "--timezone", zone)
	}
	h := &hammer{sent: map[int64]killed{}, acked: map[int64]bool{}}
	for round := range rounds {
		h.round.Store(int64(round))
		h.limit.Store(h.next.Load() + killRoundEvents)
		if round%7 == 6 {
			p, _ := in.begin("--listen", "127.0.0.1:0")
			time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond) // the random moment
			p.kill()
			continue
		}
		h.run(in.launch("--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"))
	}
	// A server that is stopped and not killed has sent all that waited.
	in.serve().stop()
	h.verdict(t, in)
	if text := in.logs.String(); strings.Contains(text, "forgotten by a restart") {
		t.Errorf("visitors were lost:\n%s", text)
	}
}

// run sends events until the server is killed at a random moment.
func (h *hammer) run(p *process) {
	var wg sync.WaitGroup
	acks := make(chan struct{}, killRoundEvents)
	for range killWorkers {
		wg.Go(func() {
			for {
				n, v, ok := h.event()
				if !ok {
					return
				}
				res, err := p.send(v)
				if err != nil {
					return // it was killed
				}
				_ = res.Body.Close()
				if res.StatusCode == http.StatusAccepted {
					h.mu.Lock()
					h.acked[n] = true
					h.mu.Unlock()
					acks <- struct{}{}
				}
			}
		})
	}
	for range 1 + rand.IntN(killRoundEvents/2) {
		select {
		case <-acks:
		case <-time.After(waitTimeout):
			p.t.Errorf("nothing is acknowledged\n%s", p.logs)
		}
	}
	time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	p.kill()
	wg.Wait()
	p.client.CloseIdleConnections()
}

// verdict compares what was sent with the counters.
func (h *hammer) verdict(t *testing.T, in *installation) {
	t.Helper()
	numbers := map[string]int64{}
	for n := range h.sent {
		numbers["/"+word(n)] = n
	}
	sites := map[schema.SiteID]int64{}
	for i := range killSites {
		sites[schema.SiteID(i+1)] = int64(i) // in the order in which they were added
	}
	counted, visitors := map[int64]int64{}, map[int64]map[int64]bool{}
	for _, row := range in.sql("SELECT site_id, path, sum(pageviews) FROM counts WHERE cube = 'pages' GROUP BY site_id, path") {
		site := sites[schema.SiteID(row[0].(uint64))]
		n, known := numbers[row[1].(string)]
		if !known || h.sent[n].site != site {
			t.Fatalf("site %d has the page %s, which nobody sent", site, row[1])
		}
		counted[n] += row[2].(int64)
		if visitors[site] == nil {
			visitors[site] = map[int64]bool{}
		}
		visitors[site][h.sent[n].visitor] = true
	}
	for n, times := range counted {
		if times != 1 {
			t.Errorf("event %d is counted %d times; acknowledged: %v", n, times, h.acked[n])
		}
	}
	for n := range h.acked {
		if counted[n] == 0 {
			t.Errorf("event %d was acknowledged and is not counted", n)
		}
	}
	for _, row := range in.sql("SELECT site_id, sum(visitors), sum(pageviews) FROM counts WHERE cube = 'traffic_daily' GROUP BY site_id") {
		site := sites[schema.SiteID(row[0].(uint64))]
		if got, want := row[1].(int64), int64(len(visitors[site])); got != want {
			t.Errorf("site %d has %d visitors, want %d", site, got, want)
		}
	}
	t.Logf("%d sent, %d acknowledged, %d counted", len(h.sent), len(h.acked), len(counted))
}

// quietZone is a time zone in which it is about noon, so that no test meets midnight.
func quietZone() string {
	offset := 12 - time.Now().UTC().Hour()
	if offset == 0 {
		return "UTC"
	}
	return fmt.Sprintf("Etc/GMT%+d", -offset) // the signs of these names are the other way round
}
