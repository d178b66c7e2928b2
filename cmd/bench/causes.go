package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	causesSampleHz = 1000 // of the processor's time
	// causesTime is long enough to have several batches and merges of the database in it.
	causesTime = 10 * time.Second
	// causesTries is how often perf may fail, as it does when a thread ends while it is told of all threads.
	causesTries = 3
	// minCauseShare is below what a cause is not told.
	minCauseShare = 0.002
)

// cause is a reason for which a server uses the processor. A sample is of the first cause that has a function of its stack: by
// the beginning of its name, or by the end of the line, where its library stands.
type cause struct {
	name      string
	functions []string
}

// causes are what is told apart of a request, the more special ones first.
var causes = []cause{
	{"garbage collector", []string{
		"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.gcStart", "runtime.bgsweep", "runtime.bgscavenge",
		"runtime.deductSweepCredit", "runtime.wbBufFlush",
	}},
	{"database: rows, the client and the engine", []string{
		"turf/aggregate/pipeline.(*Pipeline).send", "turf/schema/", "github.com/ClickHouse/", "/libchdb.so)",
	}},
	{"net/http: to notice when the client goes away", []string{
		"net/http.(*connReader).backgroundRead", "net/http.(*connReader).startBackgroundRead",
		"net/http.(*connReader).abortPendingRead", "net/http.registerOnHitEOF",
	}},
	{"sync", []string{"turf/aggregate/journal.osFile.Sync"}},
	{"journal: summing and writing increments", []string{"turf/aggregate/journal."}},
	{"core", []string{"turf/aggregate."}},
	{"scheduling: the queue of a group, and wakes", []string{
		"turf/aggregate/pipeline.", "main.(*synced).", "main.serveSynced", "runtime.sysmon", "runtime.mcall", "runtime.park_m",
		"runtime.schedule", "runtime.mstart",
	}},
	{"steps of a hit, and parsing its body", []string{
		"turf/ingest.(*Steps).", "turf/ingest.(*body).", "turf/ingest.(*request).read",
	}},
	{"collector: limits, headers, answer", []string{"turf/ingest."}},
	{"net/http: writing the answer", []string{"net/http.(*response).finishRequest"}},
	{"net/http: reading the request, and the rest", []string{"net/http."}},
}

const (
	causeEngine = "database: threads of the engine" // of those it has named
	causeOther  = "other"
)

// causes tells where the processor time of a request goes, by samples of the stacks of each server in a round of its own, which
// counts for nothing else. It needs perf, of Linux; without it, it says so.
func (b *bench) causes(sides []*side, all []hit, round int) error {
	perf, err := exec.LookPath("perf")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: without perf there is no table of where the time of a request goes")
		return nil
	}
	for _, s := range sides {
		file := filepath.Join(b.dir, "perf.data")
		var each float64
		for range causesTries {
			if each, err = s.sample(perf, file, all, round, b.scaled(int(causesTime.Seconds()))); err == nil {
				break
			}
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: no table of where the time of a request goes: %v\n", err)
			return nil
		}
		out, err := exec.Command(perf, "script", "-i", file, "-F", "comm,ip,sym,dso").Output()
		if err != nil {
			return fmt.Errorf("read samples of %s: %w", s.name, err)
		}
		counts, total, err := countCauses(bytes.NewReader(out), filepath.Base(s.server.program))
		if err != nil {
			return fmt.Errorf("read samples of %s: %w", s.name, err)
		}
		for _, c := range causeNames() {
			if share := float64(counts[c]) / float64(total); share >= minCauseShare {
				b.add("ingest", s.name+": "+c, share*each, "µs/request")
			}
		}
	}
	return nil
}

// sample puts the side under load for some seconds and samples its stacks meanwhile. It returns the processor time of a request, in
// µs.
func (s *side) sample(perf, file string, all []hit, round, seconds int) (each float64, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, perf, "record", "-N", "-e", "cpu-clock", "-F", strconv.Itoa(causesSampleHz), "-g",
		"-o", file, "-p", strconv.Itoa(s.server.cmd.Process.Pid), "--", "sleep", strconv.Itoa(seconds))
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_, total, cpu, err := s.run(all, round, time.Duration(seconds)*time.Second)
	if err != nil {
		cancel()
	}
	if werr := cmd.Wait(); werr != nil {
		err = errors.Join(err, fmt.Errorf("perf: %w: %s", werr, log.Bytes()))
	}
	return float64(cpu.Microseconds()) / float64(max(total, 1)), err
}

// causeNames are the names of all causes, in the order in which they are told.
func causeNames() []string {
	names := []string{}
	for i := range causes {
		names = append(names, causes[len(causes)-1-i].name)
	}
	return append(names, causeEngine, causeOther)
}

// countCauses reads what perf script prints: of each sample the name of its thread, its stack from the innermost function out, a
// line each, and an empty line. Threads of another name than the program's are the engine's.
func countCauses(r io.Reader, program string) (counts map[string]int, total int, err error) {
	counts = map[string]int{}
	var thread string
	var stack []string
	end := func() {
		if thread == "" {
			return
		}
		counts[causeOf(thread, program, stack)]++
		total++
		thread, stack = "", stack[:0]
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "":
			end()
		case thread == "":
			thread = line
		default:
			_, function, _ := strings.Cut(line, " ") // after the address
			stack = append(stack, function)
		}
	}
	end()
	if total == 0 && lines.Err() == nil {
		return nil, 0, errors.New("there are no samples")
	}
	return counts, total, lines.Err()
}

// maxThreadName is where Linux cuts the name of a thread.
const maxThreadName = 15

func causeOf(thread, program string, stack []string) string {
	if thread != program[:min(len(program), maxThreadName)] {
		return causeEngine
	}
	for _, c := range causes {
		for _, function := range stack {
			for _, name := range c.functions {
				if strings.HasPrefix(function, name) || strings.HasSuffix(function, name) {
					return c.name
				}
			}
		}
	}
	return causeOther
}
