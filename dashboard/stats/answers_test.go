package stats_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"turf/aggregate"
	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/clickhouse/clickhousetest"
	"turf/schema/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// TestAnswers runs the scripts of testdata/answers through the real engine. A script is blocks of lines:
//
//	zone ZONE              of the site
//	now TIME
//	load                   then a counter a line: CUBE TIME dimension=value… metric=number…
//	goal NAME event=…      of the site; or page=…, and with scroll=…, currency=… or since=… A name's space is written with _
//	funnel NAME STEP…      of the site: a path or the name of an event, and window=SECONDS or since=…
//	segment NAME SINCE FILTERS  of the site, as segments are declared; a name's space is written with _
//	count DAY              then an event a line: TIME VISITOR view|do|engage|vitals WHAT [field=value…], counted by the core (k is 2)
//	ask QUESTION           then ----, a line for each row, and what meta says
//	follow NAME RANGE      asks for a funnel: then ----, a line for each step: visitors, dropoff, percentages, median, p90
func TestAnswers(t *testing.T) { runScripts(t, "testdata/answers/*.txt", (*script).run) }

// runScripts runs each file of the pattern through the real engine, as a site of its own.
func runScripts(t *testing.T, pattern string, run func(s *script, file string)) {
	t.Helper()
	db := clickhousetest.Empty(t)
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for i, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := script{t: t, db: db, site: schema.Site{ID: schema.SiteID(i + 1), Domain: "example.com", Timezone: "UTC"}}
			run(&s, file)
		})
	}
}

type script struct {
	t    *testing.T
	db   *clickhouse.DB
	site schema.Site
	now  time.Time
	// imported is what was imported into the site.
	imported []schema.Imported
}

func (s *script) run(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	var written []string
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		command, want, isQuestion := strings.Cut(block, "\n----\n")
		lines := slices.DeleteFunc(strings.Split(command, "\n"), func(l string) bool { return strings.HasPrefix(l, "#") })
		name, argument, _ := strings.Cut(lines[0], " ")
		switch name {
		case "zone":
			s.site.Timezone = argument
		case "now":
			if s.now, err = time.Parse(time.RFC3339, argument); err != nil {
				s.t.Fatal(err)
			}
		case "load":
			s.load(strconv.Itoa(i), lines[1:])
		case "import":
			s.imports(lines[1:])
		case "goal":
			for _, line := range lines {
				s.goal(strings.TrimPrefix(line, "goal "))
			}
		case "funnel":
			for _, line := range lines {
				s.funnel(strings.TrimPrefix(line, "funnel "))
			}
		case "segment":
			for _, line := range lines {
				s.segment(strings.TrimPrefix(line, "segment "))
			}
		case "count":
			s.count(strconv.Itoa(i), argument, lines[1:])
		case "ask", "follow":
			ask := map[string]func(string) string{"ask": s.ask, "follow": s.follow}[name]
			got := ask(strings.TrimPrefix(strings.Join(lines, "\n"), name+" "))
			block = command + "\n----\n" + got
			if update := flag.Lookup("update"); got != want && update.Value.String() != "true" {
				s.t.Errorf("%s\ngot:\n%s\nwant:\n%s", command, got, want)
			}
		default:
			s.t.Fatalf("%s: unknown command %q (question: %v)", file, name, isQuestion)
		}
		written = append(written, block)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(strings.Join(written, "\n\n")+"\n"), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *script) load(token string, lines []string) {
	batch := schema.Batch{Token: fmt.Sprintf("%d-%s", s.site.ID, token)}
	for _, line := range lines {
		row := s.row(line)
		cube := &schema.Cubes[row.Cell.Cube-1]
		if twin := cube.Twin(); twin != nil {
			batch.Rows = append(batch.Rows, s.twin(row, twin))
			row.Sums.Keep(cube)
		}
		batch.Rows = append(batch.Rows, row)
	}
	slices.SortFunc(batch.Rows, func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
	if err := s.db.Write(s.t.Context(), batch); err != nil {
		s.t.Fatal(err)
	}
}

// twin is what an hour adds to the twin of its cube.
func (s *script) twin(row schema.Row, twin *schema.Cube) schema.Row {
	loc, err := s.site.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	row.Cell.Cube, row.Cell.Time = twin.ID, schema.DayOf(time.Unix(row.Cell.Time, 0), loc).Start(loc).Unix()
	row.Sums.Keep(twin)
	return row
}

// goal reads "Read page=/docs* scroll=50 since=2026-09-07T12:00:00Z".
func (s *script) goal(line string) {
	fields := strings.Fields(line)
	g := schema.Goal{Name: strings.ReplaceAll(fields[0], "_", " ")}
	for _, field := range fields[1:] {
		var err error
		switch name, value, _ := strings.Cut(field, "="); name {
		case "event":
			g.Event = value
		case "page":
			g.Page = value
		case "scroll":
			g.Scroll, err = strconv.Atoi(value)
		case "currency":
			g.Currency = value
		case "since":
			g.Since, err = time.Parse(time.RFC3339, value)
			g.CurrencySince = g.Since
		default:
			err = fmt.Errorf("no field %s", name)
		}
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
	}
	s.site.Goals = append(s.site.Goals, g)
	if err := s.site.Check(); err != nil {
		s.t.Fatal(err)
	}
}

// funnel reads "Checkout /cart* Pay window=600".
func (s *script) funnel(line string) {
	fields := strings.Fields(line)
	f := schema.Funnel{Name: fields[0]}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		var err error
		switch {
		case name == "window":
			f.WindowSec, err = strconv.Atoi(value)
		case name == "since":
			f.Since, err = time.Parse(time.RFC3339, value)
		case strings.HasPrefix(name, "/"):
			f.Steps = append(f.Steps, schema.FunnelStep{Page: name})
		default:
			f.Steps = append(f.Steps, schema.FunnelStep{Event: name})
		}
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
	}
	s.site.Funnels = append(s.site.Funnels, f)
	if err := s.site.Check(); err != nil {
		s.t.Fatal(err)
	}
}

// segment reads `Dutch_readers 2026-09-07T12:00:00Z [["is","visit:country",["NL"]]]`.
func (s *script) segment(line string) {
	fields := strings.SplitN(line, " ", 3)
	filter, err := stats.ParseSegment([]byte(fields[2]))
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	since, err := time.Parse(time.RFC3339, fields[1])
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	name := strings.ReplaceAll(fields[0], "_", " ")
	s.site.Segments = append(s.site.Segments, schema.Segment{Name: name, Filter: filter, Since: since})
	if err := s.site.Check(); err != nil {
		s.t.Fatal(err)
	}
}

// follow reads `Checkout "7d"`.
func (s *script) follow(question string) string {
	name, span, _ := strings.Cut(question, " ")
	q, err := stats.Parse([]byte(`{"site_id":"example.com","metrics":["visitors"],"date_range":` + span + `}`))
	if err != nil {
		return "error: " + err.Error()
	}
	engine := s.engine()
	answer, err := engine.Funnel(s.t.Context(), &s.site, name, q.Range)
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	for _, step := range answer.Steps {
		lines = append(lines, step.Label+" "+s.json([]any{
			step.Visitors, step.Dropoff, step.FromPrevious, step.FromFirst, step.MedianSec, step.P90Sec,
		}))
	}
	if answer.CountedSince != "" {
		lines = append(lines, "counted since "+answer.CountedSince)
	}
	if answer.LeftOutDays != nil {
		lines = append(lines, "without "+s.json(answer.LeftOutDays))
	}
	return strings.Join(lines, "\n")
}

// count takes a day's events through the core and writes what it counts.
func (s *script) count(token, date string, lines []string) {
	day, err := schema.ParseDay(date)
	if err != nil {
		s.t.Fatal(err)
	}
	loc, err := s.site.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	core, err := aggregate.Open(aggregate.Config{Site: s.site.ID, Day: day, Location: loc, K: 2}, &aggregate.HeapMemory{})
	if err != nil {
		s.t.Fatal(err)
	}
	core.Declare(aggregate.Declare(&s.site.Declarations))
	core.Begin(1)
	var incs []schema.Increment
	for _, line := range lines {
		if incs, err = core.Step(s.event(day, loc, line), incs); err != nil {
			s.t.Fatal(err)
		}
	}
	sums := map[schema.Cell]schema.Deltas{}
	for _, inc := range incs {
		d := sums[inc.Cell]
		d.Add(&inc.Delta)
		sums[inc.Cell] = d
	}
	batch := schema.Batch{Token: fmt.Sprintf("%d-%s", s.site.ID, token)}
	for cell, d := range sums {
		if !d.IsZero() {
			batch.Rows = append(batch.Rows, schema.Row{Cell: cell, Sums: d})
		}
	}
	slices.SortFunc(batch.Rows, func(a, b schema.Row) int { return a.Cell.Compare(&b.Cell) })
	if err := s.db.Write(s.t.Context(), batch); err != nil {
		s.t.Fatal(err)
	}
}

// event reads "09:00:10 ann view /a source=Google", "… do Buy path=/a props:plan=pro EUR=9.50", "… engage /a ms=9000 scroll=50".
func (s *script) event(day schema.Day, loc *time.Location, line string) *aggregate.Event {
	f := strings.Fields(line)
	at, err := time.ParseInLocation("2006-01-02 15:04:05", day.String()+" "+f[0], loc)
	if err != nil || len(f) < 4 {
		s.t.Fatalf("%s: %v", line, err)
	}
	key := aggregate.Key{1, 1}
	for _, c := range []byte(f[1]) {
		key[0] = key[0]*31 + uint64(c)
	}
	e := &aggregate.Event{Site: s.site.ID, Day: day, Time: at.Unix(), Visitor: key, ScrollDepth: aggregate.ScrollUnknown}
	e.Values[schema.Hostname], e.Values[schema.Path] = "a.example", f[3]
	switch f[2] {
	case "do":
		e.Kind = aggregate.Custom
		e.Values[schema.EventName], e.Values[schema.Path] = f[3], "/"
	case "engage":
		e.Kind = aggregate.Engagement
	case "vitals":
		e.Kind = aggregate.Vitals
	}
	for _, field := range f[4:] {
		name, value, _ := strings.Cut(field, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		if prop, ok := strings.CutPrefix(name, "props:"); ok {
			e.Props = append(e.Props, aggregate.Prop{Name: prop, Value: value})
			continue
		}
		v := slices.IndexFunc(schema.Vitals[:], func(v schema.VitalInfo) bool { return v.Name == name })
		d := slices.IndexFunc(schema.Dimensions[:], func(d schema.DimensionInfo) bool { return d.Column == name })
		switch {
		case slices.Contains([]string{"EUR", "USD", "JPY"}, name):
			e.Revenue, _ = schema.ParseMoney(name, value)
		case v >= 0:
			e.Vitals[v] = aggregate.Measurement{Known: true, Value: n}
		case name == "ms":
			e.EngagedMS = n
		case name == "scroll":
			e.ScrollDepth = uint8(n)
		case d < 0:
			s.t.Fatalf("%s: no dimension %s", line, name)
		default:
			e.Values[d] = value
		}
	}
	return e
}

// row reads "pages 2026-03-29T14 hostname=a.example path=/ visitors=3". A value with a space is written with _. A cube of hours also takes
// what its twin keeps.
func (s *script) row(line string) schema.Row {
	fields := strings.Fields(line)
	i := slices.IndexFunc(schema.Cubes, func(c schema.Cube) bool { return c.Name == fields[0] })
	if i < 0 {
		s.t.Fatalf("no such cube: %s", line)
	}
	cube := &schema.Cubes[i]
	row := schema.Row{Cell: schema.Cell{Site: s.site.ID, Cube: cube.ID, Time: s.time(fields[1])}}
	for _, field := range fields[2:] {
		name, value, _ := strings.Cut(field, "=")
		if d := slices.IndexFunc(cube.Dimensions, func(d schema.Dimension) bool { return d.String() == name }); d >= 0 {
			row.Cell.Values[d] = strings.ReplaceAll(value, "_", " ")
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		m := slices.IndexFunc(schema.Metrics[:], func(m schema.MetricInfo) bool { return m.Column == name })
		twin := cube.Twin()
		if err != nil || m < 0 || !cube.Keeps(schema.Metric(m)) && (twin == nil || !twin.Keeps(schema.Metric(m))) {
			s.t.Fatalf("cube %s keeps no %s", cube.Name, field)
		}
		row.Sums[m] = n
	}
	return row
}

// time reads a day, an hour of the site's clock, or an instant.
func (s *script) time(text string) int64 {
	loc, err := s.site.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	if d, err := schema.ParseDay(text); err == nil {
		return d.Start(loc).Unix()
	}
	if t, err := time.ParseInLocation("2006-01-02T15", text, loc); err == nil {
		return t.Unix()
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		s.t.Fatal(err)
	}
	return t.Unix()
}

func (s *script) ask(question string) string {
	q, err := stats.Parse([]byte(question))
	if err != nil {
		return "error: " + err.Error()
	}
	engine := s.engine()
	answer, err := engine.Answer(s.t.Context(), &s.site, q)
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	for _, r := range answer.Results {
		line := s.json(r.Dimensions) + " " + s.json(r.Metrics)
		if c := r.Comparison; c != nil {
			line += " was " + s.json(c.Dimensions) + " " + s.json(c.Metrics) + " change " + s.json(c.Change)
		}
		lines = append(lines, line)
	}
	for m, w := range answer.Meta.MetricWarnings {
		w.Warning = ""
		answer.Meta.MetricWarnings[m] = w
	}
	if answer.Meta.Explain != nil {
		x := answer.Meta.Explain
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("cube %s, %d rows. %s", x.Cube, x.Rows, x.Why)))
		answer.Meta.Explain = nil
	}
	if meta := s.json(answer.Meta); meta != "{}" {
		lines = append(lines, strings.ReplaceAll(meta, `,"warning":""`, ""))
	}
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n")
}

func (s *script) json(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// TestGoldenRuns: the engine takes every statement of the golden files.
func TestGoldenRuns(t *testing.T) {
	db := clickhousetest.Empty(t)
	site := schema.Site{ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam"}
	site.Goals = []schema.Goal{
		{Name: "Signup", Event: "Signup"},
		{Name: "Visit /thanks", Page: "/thanks"},
		{Name: "Blog", Page: "/blog/*"},
		{Name: "Read", Page: "/docs*", Scroll: 50},
		{Name: "Purchase", Event: "Purchase", Currency: "EUR"},
		{Name: "Donation", Event: "Donate", Currency: "USD"},
		{Name: "Gift", Event: "Gift", Currency: "EUR"},
	}
	for name, filters := range map[string]string{
		"Dutch readers": `[["is","visit:country",["NL"]],["contains","event:page",["/docs"]]]`,
		"Mobile search": `[["is","visit:device",["Mobile"]],["is","visit:channel",["Organic Search"]]]`,
	} {
		filter, err := stats.ParseSegment([]byte(filters))
		if err != nil {
			t.Fatal(err)
		}
		site.Segments = append(site.Segments, schema.Segment{Name: name, Filter: filter})
	}
	e := stats.Engine{Runner: db, Now: func() time.Time { return time.Date(2026, time.March, 31, 13, 37, 0, 0, time.UTC) }}
	files, err := filepath.Glob("testdata/sql/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			q, err := stats.Parse([]byte(line))
			if err != nil {
				continue
			}
			q.Include.TotalRows = true
			if _, err := e.Answer(t.Context(), &site, q); err != nil {
				if _, refused := err.(*stats.InvalidError); !refused && !strings.HasPrefix(err.Error(), "percentage:") {
					t.Errorf("%s: %v", line, err)
				}
				continue
			}
			ran++
		}
	}
	if ran < 40 {
		t.Errorf("only %d questions ran", ran)
	}
}
