package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// The load of the comparison of servers.
const (
	loadConnections = 256
	loadPipelined   = 2
	maxVisitsRound  = 1000 // of one connection; more are counted as the first ones again
	loadRequests    = 20_000
	roundTime       = 3 * time.Second
	rounds          = 5
)

// minIngestRatio is the goal: requests a second of the collector against those of the bare server.
const minIngestRatio = 0.65

// side is one of the servers that are compared.
type side struct {
	name     string
	server   *process
	rates    []float64 // requests a second, by round
	requests int
	cpu      time.Duration
}

// ingest compares the collector, as it is served, with two baselines under the same load, in turns: a bare server, and one that
// does nothing but sync what it was sent before it answers.
func (b *bench) ingest() (err error) {
	sides, err := b.sides()
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.server.stop())
		}
	}()
	if err != nil {
		return err
	}
	all := requests(loadRequests)
	n := rounds
	if b.short {
		n = 1
	}
	for round := range n + 1 {
		for _, s := range sides {
			if err := s.round(all, round); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	b.compare(sides)
	if err := b.causes(sides[:3], all, n+1); err != nil {
		return err
	}
	return b.steps()
}

// sides starts the servers and pauses them. The first is the bare server, the second the one that syncs, the third the collector.
func (b *bench) sides() (sides []*side, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	add := func(name string, p *process, err error) error {
		if err != nil {
			return err
		}
		sides = append(sides, &side{name: name, server: p})
		return p.pause()
	}
	p, _, err := b.serve(self, func(addr string) []string { return []string{bareCommand, addr} })
	if err := add("bare server", p, err); err != nil {
		return sides, err
	}
	p, _, err = b.serve(self, func(addr string) []string {
		return []string{syncedCommand, addr, filepath.Join(b.dir, "synced")}
	})
	if err := add("synced server", p, err); err != nil {
		return sides, err
	}
	for i, variant := range [][]string{
		{"collector", "--journal-sync", "batch"},
		{"collector, sync=os", "--journal-sync", "os"},
		{"collector, a batch a minute", "--flush-interval", "1m"}, // so that the database has nothing to do meanwhile
	} {
		dir, err := b.newData(fmt.Sprint("ingest-", i))
		if err != nil {
			return sides, err
		}
		p, _, err := b.serveTurf(dir, variant[1:]...)
		if err := add(variant[0], p, err); err != nil {
			return sides, err
		}
	}
	return sides, nil
}

// compare tells what each side reached, and the collectors against the baselines.
func (b *bench) compare(sides []*side) {
	for _, s := range sides {
		b.add("ingest", s.name, median(s.rates), "requests/s")
		b.add("ingest", s.name+": processor", s.cpuEach(), "µs/request")
	}
	bare, synced, collector := sides[0], sides[1], sides[2]
	b.atLeast("ingest", "collector against bare server", collector.against(bare), "×", minIngestRatio)
	b.add("ingest", "collector against synced server", collector.against(synced), "×")
	b.add("ingest", "synced server against bare server", synced.against(bare), "×")
	for _, s := range sides[3:] {
		b.add("ingest", s.name+", against bare server", s.against(bare), "×")
	}
	for _, s := range sides[2:] {
		b.add("ingest", s.name+", against bare server by processor time", bare.cpuEach()/s.cpuEach(), "×")
		b.add("ingest", s.name+", against synced server by processor time", synced.cpuEach()/s.cpuEach(), "×")
	}
}

var benchmarkLine = regexp.MustCompile(`(?m)^BenchmarkHit/(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op\s+\d+ B/op\s+(\d+) allocs/op`)

// steps runs the benchmark of the steps of a hit, and takes the quickest of some runs of each.
func (b *bench) steps() error {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkHit$", "-benchtime", "100ms", "-count", "3", "./ingest").
		CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmark of the steps: %w: %s", err, out)
	}
	ns, allocs, names := map[string]float64{}, map[string]float64{}, []string{}
	for _, m := range benchmarkLine.FindAllStringSubmatch(string(out), -1) {
		took, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return err
		}
		if before, ok := ns[m[1]]; !ok {
			names, ns[m[1]] = append(names, m[1]), took
		} else {
			ns[m[1]] = min(before, took)
		}
		if allocs[m[1]], err = strconv.ParseFloat(m[3], 64); err != nil {
			return err
		}
	}
	total, allocsTotal := 0.0, 0.0
	for _, name := range names {
		b.add("ingest", fmt.Sprintf("step %s (%v allocations)", name, allocs[name]), ns[name], "ns")
		total, allocsTotal = total+ns[name], allocsTotal+allocs[name]
	}
	b.add("ingest", "all steps of a hit", total, "ns")
	b.add("ingest", "allocations of all steps", allocsTotal, "")
	return nil
}

// against is the median over the rounds of the rate against that of another side in the same round.
func (s *side) against(o *side) float64 {
	ratios := make([]float64, len(s.rates))
	for i := range ratios {
		ratios[i] = s.rates[i] / o.rates[i]
	}
	return median(ratios)
}

// cpuEach is the processor time of a request in µs, all that the server does meanwhile included.
func (s *side) cpuEach() float64 { return float64(s.cpu.Microseconds()) / float64(s.requests) }

// round lets the side's server run, alone, and puts it under load.
func (s *side) round(all []hit, number int) error {
	rate, total, cpu, err := s.run(all, number, roundTime)
	if err == nil && number > 0 { // the first one warms up
		s.rates, s.requests, s.cpu = append(s.rates, rate), s.requests+total, s.cpu+cpu
	}
	return err
}

// run puts the side's server, alone, under load for a while. It returns the requests a second, how many there were, and what they
// took of the processor.
func (s *side) run(all []hit, round int, during time.Duration) (rate float64, total int, cpu time.Duration, err error) {
	if err := s.server.resume(); err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, s.server.pause()) }()
	before, err := s.server.cpu()
	if err != nil {
		return 0, 0, 0, err
	}
	l := load{
		addr: s.server.addr, requests: all, round: round, connections: loadConnections, pipelined: loadPipelined, time: during,
	}
	if rate, total, err = l.run(); err != nil {
		return 0, 0, 0, err
	}
	after, err := s.server.cpu()
	return rate, total, after - before, err
}
