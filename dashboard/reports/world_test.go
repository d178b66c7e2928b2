package reports_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/clickhouse/clickhousetest"
	"turf/schema/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// world is a database with events of one site after another, and the same events in memory for the naive reckonings.
type world struct {
	t      *testing.T
	db     *clickhouse.DB
	store  *clickhouse.Consented
	engine *reports.Engine
	site   schema.Site
	loc    *time.Location
	now    time.Time
	events []schema.ConsentedEvent // in the order of person, time and seq
	counts map[string][]reports.Count
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := clickhousetest.Empty(t)
	// Kept for long, so that the dates of tests do not expire.
	w := &world{t: t, db: db, store: clickhouse.NewConsented(db, nil), counts: map[string][]reports.Count{}}
	w.now = time.Now().UTC()
	w.engine = &reports.Engine{
		Runner: db,
		Now:    func() time.Time { return w.now },
		Counted: func(_ context.Context, _ *schema.Site, _ stats.DateRange, dimension string) ([]reports.Count, error) {
			return w.counts[dimension], nil
		},
	}
	w.next("UTC")
	return w
}

// next is a new, empty site in that time zone.
func (w *world) next(zone string) {
	w.t.Helper()
	loc, err := schema.LoadLocation(zone)
	if err != nil {
		w.t.Fatal(err)
	}
	w.loc, w.events = loc, nil
	w.site = schema.Site{ID: w.site.ID + 1, Domain: fmt.Sprintf("site%d.example", w.site.ID+1), Timezone: zone}
}

// add stores events of the site, in any order. Seq is set so that no two of a person are at the same place.
func (w *world) add(events []schema.ConsentedEvent) {
	w.t.Helper()
	seqs := map[string]uint32{}
	for i := range events {
		e := &events[i]
		at := fmt.Sprint(e.Person, e.Time.UnixMilli())
		seqs[at]++
		e.Site, e.Seq, e.Received, e.Purpose = w.site.ID, 1<<32-1-seqs[at]*7, time.Now().UTC(), "events"
		setDefault(&e.Hostname, "a.example")
	}
	if err := w.store.WriteEvents(w.t.Context(), "", events); err != nil {
		w.t.Fatal(err)
	}
	w.events = append(w.events, events...)
	slices.SortFunc(w.events, func(a, b schema.ConsentedEvent) int {
		return cmp.Or(slices.Compare(a.Person[:], b.Person[:]), a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq))
	})
}

func setDefault(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

// byPerson are the events of each person, in order.
func (w *world) byPerson() (people [][]schema.ConsentedEvent) {
	for i, e := range w.events {
		if i == 0 || e.Person != w.events[i-1].Person {
			people = append(people, nil)
		}
		people[len(people)-1] = append(people[len(people)-1], e)
	}
	return people
}

// random adds events of a few people in a few days around a midnight: few different times, so that many are equal, and few
// different names, so that chains happen. Times are drawn around midnights of the site and around clock changes in the span.
func (w *world) random(r *rand.Rand, first schema.Day, days, people, each int) {
	var events []schema.ConsentedEvent
	for p := range people {
		sources := [...]string{"Google", "", "Bing", "(other)"}
		source, country := sources[r.IntN(len(sources))], [...]string{"NL", "BE", ""}[r.IntN(3)]
		for range 1 + r.IntN(each) {
			at := (first + schema.Day(r.IntN(days))).Start(w.loc)
			switch r.IntN(4) {
			case 0:
				at = at.Add(time.Duration(r.IntN(5)-2) * time.Millisecond) // midnight and beside it
			case 1:
				at = at.Add(time.Duration(r.IntN(24)) * time.Hour)
			default:
				at = at.Add(time.Duration(r.IntN(6)) * 500 * time.Millisecond)
			}
			if r.IntN(4) == 0 {
				source = sources[r.IntN(len(sources))]
			}
			e := schema.ConsentedEvent{
				Person: schema.PersonRef{1, byte(p), byte(p >> 8)}, Session: uint64(r.IntN(3)), Time: at.UTC(), Source: source, Country: country,
				Device: [...]string{"Mobile", "Desktop"}[p%2], Channel: "Channel " + source,
			}
			switch r.IntN(5) {
			case 0:
				e.Name, e.Path = "$click", "/a"
			case 1:
				e.Name, e.Path = "buy", "/a"
			default:
				e.Name, e.Path = "pageview", [...]string{"/a", "/b", "/b/c", "/d_x"}[r.IntN(4)]
			}
			if r.IntN(3) > 0 {
				e.Props = map[string]string{"plan": [...]string{"x", "y"}[r.IntN(2)]}
			}
			events = append(events, e)
		}
	}
	w.add(events)
}

// matches is the naive reading of a match.
func matches(m *reports.Match, e *schema.ConsentedEvent) bool {
	switch {
	case m.Event != "" && e.Name != m.Event:
		return false
	case m.Page != "" && (e.Name != "pageview" || !schema.MatchPage(m.Page, e.Path)):
		return false
	case m.Event == "" && m.Page == "" && strings.HasPrefix(e.Name, "$"):
		return false
	}
	for _, c := range m.Props {
		if !meets(&c, e) {
			return false
		}
	}
	return true
}

func meets(c *reports.Condition, e *schema.ConsentedEvent) bool {
	v := attribute(c.Name, e)
	named := slices.ContainsFunc(c.Values, func(s string) bool {
		if strings.HasPrefix(c.Op, "contains") {
			return strings.Contains(v, s)
		}
		return v == s || v == "" && (s == "(not set)" || s == "Direct / None")
	})
	return named != strings.HasSuffix(c.Op, "not")
}

func attribute(name string, e *schema.ConsentedEvent) string {
	switch name {
	case "visit:source":
		return e.Source
	case "visit:country":
		return e.Country
	case "visit:device":
		return e.Device
	case "visit:channel":
		return e.Channel
	case "event:hostname":
		return e.Hostname
	}
	return e.Props[strings.TrimPrefix(name, "event:props:")]
}

func days(first, last schema.Day) reports.Range {
	return reports.Range{DateRange: stats.DateRange{First: first, Last: last}}
}
