// Command bench measures Turf: what an event costs from the request to the disk, and what is left of it there.
//
// Machines differ and are seldom quiet, so where a number is a claim it stands beside a baseline that was measured in the same
// run, in turns with it. Times of the core are those of the processor, not of the clock on the wall.
//
//	bench -turf bin/turf [-json FILE] [core] [memory] [journal] [ingest] [visible] [start] [disk] [queries] [consented]
//
// Without a name all parts run but queries and consented, which take longest. scripts/bench builds both programs and calls it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// figure is one measured number.
type figure struct {
	Part  string  `json:"part"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Goal is what the number should be: at most or at least this. Without one there is none.
	AtMost  *float64 `json:"at_most,omitempty"`
	AtLeast *float64 `json:"at_least,omitempty"`
	OK      *bool    `json:"ok,omitempty"`
}

// bench is one run.
type bench struct {
	turf    string // the program
	dir     string // for data, on a disk; removed in the end
	memory  string // a directory in memory for visitor tables; removed in the end
	short   bool
	full    bool // the sizes of the goals, where a part is smaller by itself
	out     io.Writer
	figures []figure
}

type part struct {
	name  string
	run   func(*bench) error
	alone bool // runs only when it is named
}

var parts = []part{
	{name: "core", run: (*bench).core},
	{name: "memory", run: (*bench).memoryOfVisitors},
	{name: "journal", run: (*bench).journal},
	{name: "ingest", run: (*bench).ingest},
	{name: "visible", run: (*bench).visible},
	{name: "start", run: (*bench).start},
	{name: "disk", run: (*bench).disk},
	{name: "queries", run: (*bench).queries, alone: true},
	{name: "consented", run: (*bench).consented, alone: true},
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == bareCommand:
		exit(serveBare(os.Args[2]))
	case len(os.Args) == 4 && os.Args[1] == syncedCommand:
		exit(serveSynced(os.Args[2], os.Args[3]))
	}
	exit(run(os.Args[1:]))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	b := &bench{out: os.Stdout}
	jsonFile := flags.String("json", "", "write the figures to this `FILE`, too")
	flags.StringVar(&b.turf, "turf", "bin/turf", "the turf program")
	flags.BoolVar(&b.short, "short", false, "a tenth of the work: to see that it runs")
	flags.BoolVar(&b.full, "full", false, "queries: as many page views as its goals name; half an hour or more")
	profile := flags.String("cpuprofile", "", "write a profile of this program (core, memory, journal) to a `FILE`")
	parent := flags.String("dir", "", "a `DIR`ectory on the disk to measure (default: the system's for temporary files)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(*parent, "turf-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.memory, err = os.MkdirTemp("/dev/shm", "turf-bench-"); err != nil {
		b.memory, err = os.MkdirTemp(b.dir, "memory-")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.memory)) }()
	go b.removeWhenInterrupted()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for _, name := range flags.Args() {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	for _, p := range parts {
		if flags.NArg() == 0 && p.alone || flags.NArg() > 0 && !slices.Contains(flags.Args(), p.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s …\n", p.name)
		if err := p.run(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return b.print(*jsonFile)
}

// removeWhenInterrupted leaves nothing behind after Ctrl-C; the servers get it too, being of one process group.
func (b *bench) removeWhenInterrupted() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
	_, _ = os.RemoveAll(b.dir), os.RemoveAll(b.memory)
	os.Exit(130)
}

// add keeps a figure without a goal.
func (b *bench) add(part, name string, value float64, unit string) {
	b.figures = append(b.figures, figure{Part: part, Name: name, Value: value, Unit: unit})
}

func (b *bench) atMost(part, name string, value float64, unit string, goal float64) {
	ok := value <= goal
	b.figures = append(b.figures, figure{Part: part, Name: name, Value: value, Unit: unit, AtMost: &goal, OK: &ok})
}

func (b *bench) atLeast(part, name string, value float64, unit string, goal float64) {
	ok := value >= goal
	b.figures = append(b.figures, figure{Part: part, Name: name, Value: value, Unit: unit, AtLeast: &goal, OK: &ok})
}

// scaled is n, or a tenth of it in a short run.
func (b *bench) scaled(n int) int {
	if b.short {
		return max(n/10, 1)
	}
	return n
}

// print writes the table, and as its last line the same as JSON. A missed goal is told and is no error: machines differ.
func (b *bench) print(jsonFile string) error {
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\tmeasured\tunit\tgoal\t\n")
	for i, f := range b.figures {
		if i == 0 || b.figures[i-1].Part != f.Part {
			fmt.Fprintf(w, "%s\t\t\t\t\n", f.Part)
		}
		goal, verdict := "", ""
		switch {
		case f.AtMost != nil:
			goal = "≤ " + number(*f.AtMost)
		case f.AtLeast != nil:
			goal = "≥ " + number(*f.AtLeast)
		}
		if f.OK != nil {
			verdict = map[bool]string{true: "met", false: "MISSED"}[*f.OK]
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", f.Name, number(f.Value), f.Unit, goal, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{
		"go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cpus": runtime.NumCPU(), "figures": b.figures,
	})
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if jsonFile != "" {
		if err := os.WriteFile(jsonFile, text, 0o644); err != nil {
			return err
		}
	}
	_, err = b.out.Write(text)
	return err
}

// number has three significant digits, and spaces between thousands.
func number(v float64) string {
	if v != 0 && v < 100 && v > -100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	var out strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(c)
	}
	return out.String()
}
