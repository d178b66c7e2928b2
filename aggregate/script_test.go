package aggregate_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turf/aggregate"
	"turf/schema"
)

var update = flag.Bool("update", false, "write what the scripts in testdata answer into them")

// TestScripts runs the specification in testdata. A line is a command; the indented lines below it are its answer. Text after
// " # " is a remark, and so is a line that begins with #.
//
//	day DATE ZONE [k=N]              opens a day with empty memory; k is 1 unless said otherwise
//	TIME WHO page PATH [KEY=VALUE…]  a page view of the visitor WHO, a name
//	TIME WHO event NAME [passive] [KEY=VALUE…]
//	TIME WHO engagement
//	many N EVENT                     the event for i = 1 … N: {} is i, {/60} is i divided by 60, {%60} is the rest
//	undo                             undoes the last event: its group was lost before it was durable
//	reopen                           opens the memory again, as after a restart
//	forget                           goes on with empty memory, as after a loss of it; what was counted stays
//	active TIME                      answers how many visitors are there
//	visitors                         answers how many visitors the memory knows
//	sums CUBE[:VALUE] [METRIC…]      answers the sums of the cube's cells; with VALUE those that have it in their name
//	last CUBE[:VALUE] [METRIC…]      answers what the last event added
//
// TIME is the site's clock (10:00, 10:00:30), with an offset where the clock shows a time twice (02:30+02:00), or the time
// since the day began (+1:30). KEY is a dimension's column; in= is country,region,city; from= is channel,source,campaign,
// referrer; on= is device,browser,browser version,os,os version; page= is the path of an event; +NAME= is a property.
//
// After every event no guarded cell shows fewer than k visitors; after every line the cubes add up to the same.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScript(t, file) })
	}
}

func runScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t}
	var got strings.Builder
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for s.line = 1; lines.Scan(); s.line++ {
		line := lines.Text()
		if strings.HasPrefix(line, "    ") {
			continue // an answer, written anew below
		}
		got.WriteString(line + "\n")
		command, _, _ := strings.Cut(line, " # ")
		if fields := strings.Fields(command); len(fields) > 0 && !strings.HasPrefix(line, "#") {
			for _, answer := range s.run(fields) {
				got.WriteString("    " + answer + "\n")
			}
			if bad := s.shown.disagreement(); bad != "" {
				s.fatalf("%s", bad)
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("%s: −want +got\n%s", file, diff)
	}
}

// script is a script that runs.
type script struct {
	t     *testing.T
	line  int
	cfg   aggregate.Config
	mem   *aggregate.HeapMemory
	day   *aggregate.Day
	group uint64
	last  []schema.Increment
	sums  map[schema.Cell]schema.Deltas
	shown cells
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("line %d: %s", s.line, fmt.Sprintf(format, args...))
}

func (s *script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.fatalf("%v", err)
	}
}

// run does a command and returns its answer.
func (s *script) run(f []string) []string {
	switch f[0] {
	case "day":
		s.newDay(f[1:])
	case "many":
		n, err := strconv.Atoi(f[1])
		s.must(err)
		event := strings.Join(f[2:], " ")
		for i := range n {
			s.event(strings.Fields(numberPattern.ReplaceAllStringFunc(event, func(p string) string { return numbered(p, i+1) })))
		}
	case "undo":
		s.must(s.day.Rollback())
		for i := range s.last {
			d := s.last[i].Delta.Negated()
			s.count(&schema.Increment{Cell: s.last[i].Cell, Delta: d})
		}
		s.last = nil
	case "reopen":
		s.open()
	case "forget":
		s.mem = &aggregate.HeapMemory{}
		s.shown = newCells() // the store shows each visitor again as another one
		s.open()
	case "active":
		return []string{strconv.Itoa(s.day.Active(s.time(f[1])))}
	case "visitors":
		return []string{strconv.Itoa(s.day.Visitors())}
	case "sums":
		return s.show(s.sums, f[1:])
	case "last":
		last := map[schema.Cell]schema.Deltas{}
		for i := range s.last {
			d := last[s.last[i].Cell]
			d.Add(&s.last[i].Delta)
			last[s.last[i].Cell] = d
		}
		return s.show(last, f[1:])
	default:
		s.event(f)
	}
	return nil
}

var numberPattern = regexp.MustCompile(`\{[/%]?[0-9]*\}`)

func numbered(pattern string, i int) string {
	by, err := strconv.Atoi(strings.Trim(pattern, "{}/%"))
	switch {
	case err == nil && pattern[1] == '/':
		i /= by
	case err == nil:
		i %= by
	}
	return strconv.Itoa(i)
}

func (s *script) newDay(f []string) {
	day, err := schema.ParseDay(f[0])
	s.must(err)
	loc, err := schema.LoadLocation(f[1])
	s.must(err)
	s.cfg = aggregate.Config{Site: 1, Day: day, Location: loc, K: 1}
	for _, o := range f[2:] {
		s.cfg.K, err = strconv.Atoi(strings.TrimPrefix(o, "k="))
		s.must(err)
	}
	s.mem, s.group, s.last = &aggregate.HeapMemory{}, 0, nil
	s.sums, s.shown = map[schema.Cell]schema.Deltas{}, newCells()
	s.open()
}

func (s *script) open() {
	var err error
	s.day, err = aggregate.Open(s.cfg, s.mem)
	s.must(err)
}

// event counts an event as a group of its own.
func (s *script) event(f []string) {
	if len(f) < 3 {
		s.fatalf("not a command: %v", f)
	}
	ev := aggregate.Event{Site: 1, Day: s.cfg.Day, Time: s.time(f[0])}
	for _, c := range f[1] { // any name is a key
		ev.Visitor[0] = ev.Visitor[0]*31 + uint64(c)
		ev.Visitor[1]++
	}
	rest := f[3:]
	switch {
	case f[2] == "page" && len(rest) > 0:
		ev.Values[schema.Path], rest = rest[0], rest[1:]
	case f[2] == "event" && len(rest) > 0:
		ev.Kind, ev.Values[schema.EventName], rest = aggregate.Custom, rest[0], rest[1:]
	case f[2] == "engagement":
		ev.Kind = aggregate.Engagement
	default:
		s.fatalf("not an event: %v", f)
	}
	for _, o := range rest {
		s.option(&ev, o)
	}
	s.group++
	s.day.Begin(s.group)
	incs, err := s.day.Step(&ev, nil)
	s.must(err)
	s.last = incs
	for i := range incs {
		s.count(&incs[i])
	}
	if bad := s.shown.broken(incs, s.cfg.K); bad != "" {
		s.fatalf("%s", bad)
	}
}

var shorthands = map[string][]schema.Dimension{
	"in":   {schema.Country, schema.Region, schema.City},
	"from": {schema.Channel, schema.Source, schema.Campaign, schema.Referrer},
	"on":   {schema.Device, schema.Browser, schema.BrowserVersion, schema.OS, schema.OSVersion},
	"page": {schema.Path},
	"with": {schema.Language, schema.ScreenWidth},
}

func (s *script) option(ev *aggregate.Event, o string) {
	if o == "passive" {
		ev.Passive = true
		return
	}
	key, value, ok := strings.Cut(o, "=")
	if !ok {
		s.fatalf("%q is not KEY=VALUE", o)
	}
	if prop, ok := strings.CutPrefix(key, "+"); ok {
		ev.Props = append(ev.Props, aggregate.Prop{Name: prop, Value: value})
		return
	}
	switch n, err := strconv.ParseUint(value, 10, 32); key {
	case "looked": // milliseconds
		s.must(err)
		ev.EngagedMS = int64(n)
		return
	case "scrolled": // percent
		s.must(err)
		ev.ScrollDepth = uint8(n)
		return
	}
	if dims, ok := shorthands[key]; ok {
		for i, v := range strings.Split(value, ",") {
			ev.Values[dims[i]] = v
		}
		return
	}
	for d := range schema.NumDimensions {
		if d.String() == key {
			ev.Values[d] = value
			return
		}
	}
	s.fatalf("there is no dimension %q", key)
}

func (s *script) count(inc *schema.Increment) {
	d := s.sums[inc.Cell]
	d.Add(&inc.Delta)
	s.sums[inc.Cell] = d
	s.shown.add(inc)
}

// time is Unix seconds.
func (s *script) time(word string) int64 {
	if since, ok := strings.CutPrefix(word, "+"); ok {
		h, m, _ := strings.Cut(since, ":")
		d, err := time.ParseDuration(h + "h" + m + "m")
		s.must(err)
		return s.cfg.Day.Start(s.cfg.Location).Add(d).Unix()
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if at, err := time.ParseInLocation("2006-01-02 "+layout, s.cfg.Day.String()+" "+word, s.cfg.Location); err == nil {
			return at.Unix()
		}
		if at, err := time.Parse("2006-01-02 "+layout+"-07:00", s.cfg.Day.String()+" "+word); err == nil {
			return at.Unix()
		}
	}
	s.fatalf("%q is not a time", word)
	return 0
}

// show writes a cell and bucket a line: the time on the clock for cubes of hours, the values, the metrics that are not zero.
func (s *script) show(sums map[schema.Cell]schema.Deltas, f []string) (lines []string) {
	name, value, _ := strings.Cut(f[0], ":")
	i := slices.IndexFunc(schema.Cubes, func(c schema.Cube) bool { return c.Name == name })
	if i < 0 {
		s.fatalf("there is no cube %q", name)
	}
	cube, all := &schema.Cubes[i], []schema.Cell{}
	for cell := range sums {
		if cell.Cube == cube.ID {
			all = append(all, cell)
		}
	}
	slices.SortFunc(all, func(a, b schema.Cell) int { return a.Compare(&b) })
	for _, cell := range all {
		label := strings.Join(cell.Values[:len(cube.Dimensions)], ",")
		if cube.Grain == schema.Hourly {
			label = strings.TrimSpace(s.clock(cell.Time) + " " + label)
		}
		if metrics := metricsOf(sums[cell], f[1:]); metrics != "" && strings.Contains(label+":", value) {
			lines = append(lines, label+":"+metrics)
		}
	}
	if lines == nil {
		lines = []string{"nothing"}
	}
	return lines
}

func metricsOf(d schema.Deltas, only []string) (text string) {
	for m, n := range d {
		if name := schema.Metric(m).String(); n != 0 && (len(only) == 0 || slices.Contains(only, name)) {
			text += fmt.Sprintf(" %s %+d", name, n)
		}
	}
	return text
}

// clock is the time of a bucket as the site's clock shows it, with the offset on days on which the clock changes.
func (s *script) clock(at int64) string {
	start, end := s.cfg.Day.Start(s.cfg.Location), (s.cfg.Day + 1).Start(s.cfg.Location)
	if end.Sub(start) == 24*time.Hour {
		return time.Unix(at, 0).In(s.cfg.Location).Format("15:04")
	}
	return time.Unix(at, 0).In(s.cfg.Location).Format("15:04-07:00")
}

// cells are the sums of cells over the whole day, for the rules that hold after every step.
type cells struct {
	sums   map[schema.Cell]schema.Deltas // the time is 0
	totals map[schema.CubeID]schema.Deltas
}

func newCells() cells {
	return cells{map[schema.Cell]schema.Deltas{}, map[schema.CubeID]schema.Deltas{}}
}

func (c cells) add(inc *schema.Increment) {
	cell := inc.Cell
	cell.Time = 0
	d := c.sums[cell]
	d.Add(&inc.Delta)
	c.sums[cell] = d
	d = c.totals[cell.Cube]
	d.Add(&inc.Delta)
	c.totals[cell.Cube] = d
}

// broken looks at the cells that were added to and says which rule is broken, or "".
func (c cells) broken(incs []schema.Increment, k int) string {
	for i := range incs {
		cell := incs[i].Cell
		cell.Time = 0
		cube, _ := schema.CubeByID(cell.Cube)
		d := c.sums[cell]
		for i, dim := range cube.Dimensions {
			if slices.Contains(cube.Guarded, dim) && cell.Values[i] != schema.Other &&
				!d.IsZero() && d[schema.Visitors] < int64(k) {
				return fmt.Sprintf("%s shows %v with %d visitors, k is %d", cube.Name, cell.Values, d[schema.Visitors], k)
			}
		}
	}
	return ""
}

// sharedTotals is which cubes add up to the same as another in what they share: those of the visit to the traffic, those with
// a page to the pages.
var sharedTotals = []struct {
	like    schema.CubeID
	cubes   []schema.CubeID
	metrics []schema.Metric
}{
	{
		schema.CubeTrafficDaily,
		[]schema.CubeID{
			schema.CubeTraffic, schema.CubeSources, schema.CubeReferrers, schema.CubeCampaigns, schema.CubeCountries, schema.CubeRegions,
			schema.CubePlaces, schema.CubeDevices, schema.CubeBrowsers, schema.CubeSystems, schema.CubeLanguages,
			schema.CubeScreens, schema.CubeSourcesDaily, schema.CubeDevicesDaily, schema.CubeSourcePlaces,
			schema.CubeSourceDevices, schema.CubePlaceDevices,
		},
		[]schema.Metric{schema.Visits, schema.Pageviews, schema.CustomEvents, schema.Bounces, schema.Duration},
	},
	{
		schema.CubePagesDaily,
		[]schema.CubeID{schema.CubePageSources, schema.CubePagePlaces, schema.CubePageDevices},
		[]schema.Metric{
			schema.Visits, schema.Pageviews, schema.CustomEvents, schema.Bounces, schema.Duration, schema.Entries, schema.Exits,
			schema.EngagedSeconds, schema.EngagedVisits, schema.ScrollPercent, schema.UnscrolledVisits,
		},
	},
	{
		schema.CubePagesDaily,
		[]schema.CubeID{schema.CubePages},
		[]schema.Metric{
			schema.Pageviews, schema.CustomEvents, schema.Bounces, schema.Duration, schema.Entries, schema.Exits,
			schema.EngagedSeconds, schema.EngagedVisits, schema.ScrollPercent, schema.UnscrolledVisits,
		},
	},
}

// disagreement says which cubes do not add up to the same, or "".
func (c cells) disagreement() string {
	for _, s := range sharedTotals {
		want := c.totals[s.like]
		for _, id := range s.cubes {
			got := c.totals[id]
			for _, m := range s.metrics {
				if got[m] != want[m] {
					cube, _ := schema.CubeByID(id)
					return fmt.Sprintf("%s has %d %s in all, not %d", cube.Name, got[m], m, want[m])
				}
			}
		}
	}
	return ""
}
