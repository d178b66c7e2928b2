package reports

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"turf/schema"
)

// MaxJourneySteps is how many steps after (or before) the anchor a journey has at most.
const MaxJourneySteps = 8

const defaultJourneySteps = 4

// JourneysQuestion asks where people went from a page or event, or how they came to it: from their first event in the period
// that fits the anchor, or to the last one.
type JourneysQuestion struct {
	Common
	Anchor    Match  `json:"anchor"`              // empty: anything, so that a journey from it is from the first event
	Direction string `json:"direction,omitempty"` // from (default) or to
	Steps     int    `json:"steps,omitempty"`     // 1 to 8; 0 is 4
	Count     string `json:"count,omitempty"`     // CountPeople (default) or CountSessions
	Show      string `json:"show,omitempty"`      // both (default), pages or events
	Top       int    `json:"top,omitempty"`       // how many are named at each step; 0 is 10
	// Repeats keeps the same page or event twice in a row apart, which is otherwise one step.
	Repeats bool `json:"repeats,omitempty"`
}

// PathsQuestion asks for the most frequent journeys as a whole.
type PathsQuestion struct{ JourneysQuestion }

func (q *JourneysQuestion) check() error {
	if err := q.Common.check(); err != nil {
		return err
	}
	setDefault(&q.Direction, "from")
	setDefault(&q.Count, CountPeople)
	setDefault(&q.Show, "both")
	if q.Steps == 0 {
		q.Steps = defaultJourneySteps
	}
	if err := checkTop(&q.Top); err != nil {
		return err
	}
	switch {
	case q.Direction != "from" && q.Direction != "to":
		return invalid("direction", "%q is not known; use from or to", q.Direction)
	case q.Count != CountPeople && q.Count != CountSessions:
		return invalid("count", "%q is not known; use %s or %s", q.Count, CountPeople, CountSessions)
	case !slices.Contains([]string{"both", "pages", "events"}, q.Show):
		return invalid("show", "%q is not known; use both, pages or events", q.Show)
	case q.Steps < 1 || q.Steps > MaxJourneySteps:
		return invalid("steps", "it is from 1 to %d", MaxJourneySteps)
	}
	return q.Anchor.check("anchor", true)
}

// JourneysAnswer is a flow: nodes at each step, and edges from each step to the next.
type JourneysAnswer struct {
	Period   Period        `json:"period"`
	Coverage *Coverage     `json:"coverage"`
	Total    int64         `json:"total"` // people or sessions with the anchor
	Nodes    []JourneyNode `json:"nodes"`
	Edges    []JourneyEdge `json:"edges"`
}

// JourneyNode is a page or event at a step; 0 is the anchor. What is not among the first, and what fewer than k did, is
// "(other)". "(exit)" is where somebody did nothing more; before an anchor it is "(entry)".
type JourneyNode struct {
	Step     int      `json:"step"`
	Name     string   `json:"name"`
	Count    int64    `json:"count"`
	Weighted *float64 `json:"weighted,omitempty"`
}

// JourneyEdge goes from a node of Step to one of the next.
type JourneyEdge struct {
	Step     int      `json:"step"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Count    int64    `json:"count"`
	Weighted *float64 `json:"weighted,omitempty"`
}

// Journeys answers where people went. The question's mistakes are *InvalidError.
func (e *Engine) Journeys(ctx context.Context, site *schema.Site, q *JourneysQuestion) (*JourneysAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	named, err := r.namedNodes(q)
	if err != nil {
		return nil, err
	}
	w, err := r.writer()
	if err != nil {
		return nil, err
	}
	end := "(exit)"
	if q.Direction == "to" {
		end = "(entry)"
	}
	rows, err := r.rows("the journeys", "SELECT toInt64(e.1) AS step, e.2 AS a, e.3 AS b, toInt64(count()), "+r.sum("1")+
		"\nFROM (SELECT person, arrayJoin(arrayMap(i -> (i, g[i], if(i < length(g), g[i + 1], '"+end+"')), range(1, least(length(g), "+
		itoa(int64(q.Steps))+") + 1))) AS e\nFROM (SELECT person, "+w.foldNodes(named)+" AS g FROM (\n"+r.paths(w, q)+"))) AS edges\n"+
		r.weighted(w)+"GROUP BY step, a, b\nORDER BY step, count() DESC, a, b", w)
	if err != nil {
		return nil, err
	}
	answer := &JourneysAnswer{Period: r.span.period(), Coverage: coverage}
	r.fillJourneys(q, rows, answer)
	return answer, nil
}

// paths is the subquery of the journeys: a row each, with its nodes p, the anchor first.
func (r *run) paths(w *writer, q *JourneysQuestion) string {
	anchor, shown := w.match(&q.Anchor), ownEvent
	switch q.Show {
	case "pages":
		shown = "name = 'pageview'"
	case "events":
		shown += " AND name != 'pageview'"
	}
	groups := "person"
	if q.Count == CountSessions {
		groups = "person, session"
	}
	part := "arraySlice(s, arrayFirstIndex(x -> x.3, s))"
	if q.Direction == "to" {
		part = "arrayReverse(arraySlice(s, 1, arrayLastIndex(x -> x.3, s)))"
	}
	nodes := "arrayMap(x -> x.2, " + part + ")"
	if !q.Repeats {
		nodes = "arrayCompact(" + nodes + ")"
	}
	return "SELECT person, arraySlice(" + nodes + ", 1, " + itoa(int64(q.Steps)+1) + ") AS p\nFROM (\nSELECT " + groups +
		", arraySort(groupArray((" + order + ", " + nodeColumn + ", " + anchor + "))) AS s\n" + w.events(r.span.from, r.span.to) +
		"  AND (" + anchor + " OR " + shown + ")\nGROUP BY " + groups + "\nHAVING countIf(" + anchor + ") > 0)\n"
}

// namedNodes are the nodes of each step that are named.
func (r *run) namedNodes(q *JourneysQuestion) ([][]string, error) {
	w, err := r.writer()
	if err != nil {
		return nil, err
	}
	// The number of all at the step stands beside each.
	rows, err := r.rows("the nodes of journeys", "SELECT toInt64(z.1) AS step, z.2 AS node, toInt64(count()) AS n, "+
		"toInt64(sum(n) OVER (PARTITION BY step)), toInt64(uniqExact(person))\n"+
		"FROM (SELECT person, arrayJoin(arrayZip(arrayEnumerate(p), p)) AS z FROM (\n"+
		r.paths(w, q)+"))\nGROUP BY step, node\nORDER BY step, n DESC, node\nLIMIT "+itoa(int64(q.Top))+" BY step", w)
	if err != nil {
		return nil, err
	}
	named := make([][]string, q.Steps+1)
	counts := make([][]int64, q.Steps+1)
	rest := make([]int64, q.Steps+1)
	for _, row := range rows {
		step, n := toInt(row[0])-1, toInt(row[2])
		if len(counts[step]) == 0 {
			rest[step] = toInt(row[3])
		}
		if toInt(row[4]) < int64(r.ask.K) { // people, not sessions
			continue
		}
		named[step], counts[step], rest[step] = append(named[step], row[1].(string)), append(counts[step], n), rest[step]-n
	}
	for step := range named {
		// The rest is not to be found by subtraction either.
		for last := len(named[step]) - 1; last >= 0 && rest[step] > 0 && rest[step] < int64(r.ask.K); last-- {
			rest[step] += counts[step][last]
			named[step] = named[step][:last]
		}
	}
	return named, nil
}

// foldNodes is the SQL of the nodes p, of which those that are not named are other.
func (w *writer) foldNodes(named [][]string) string {
	var parts []string
	for step, nodes := range named {
		if len(nodes) > 0 {
			parts = append(parts, fmt.Sprintf("i = %d AND x IN (%s), x", step+1, w.values(nodes)))
		}
	}
	if len(parts) == 0 {
		return "arrayMap(x -> " + w.value(other) + ", p)"
	}
	return "arrayMap((x, i) -> multiIf(" + strings.Join(parts, ", ") + ", " + w.value(other) + "), p, arrayEnumerate(p))"
}

// fillJourneys makes edges of the rows, and nodes of the edges: what leaves a node is what was there.
func (r *run) fillJourneys(q *JourneysQuestion, rows [][]any, answer *JourneysAnswer) {
	type place struct {
		step int
		name string
	}
	nodes := map[place]tally{}
	add := func(p place, t tally) {
		sum := nodes[p]
		nodes[p] = tally{sum.count + t.count, sum.weighted + t.weighted}
	}
	for _, row := range rows {
		e := JourneyEdge{Step: int(toInt(row[0])) - 1, From: row[1].(string), To: row[2].(string), Count: toInt(row[3])}
		t := tally{e.Count, toFloat(row[4])}
		e.Weighted = r.share(t.weighted)
		answer.Edges = append(answer.Edges, e)
		add(place{e.Step, e.From}, t)
		if e.Step == 0 {
			answer.Total += e.Count
		}
		if isEnd := e.To == "(exit)" || e.To == "(entry)"; isEnd || e.Step+1 == q.Steps {
			add(place{e.Step + 1, e.To}, t)
		}
	}
	for p, t := range nodes {
		answer.Nodes = append(answer.Nodes, JourneyNode{p.step, p.name, t.count, r.share(t.weighted)})
	}
	slices.SortFunc(answer.Nodes, func(a, b JourneyNode) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
	})
}

// PathsAnswer are the most frequent journeys.
type PathsAnswer struct {
	Period   Period    `json:"period"`
	Coverage *Coverage `json:"coverage"`
	Total    int64     `json:"total"`
	Paths    []Path    `json:"paths"`
	Other    int64     `json:"other"` // of all other paths, and those of fewer than k
}

// Path is a journey that several took: the pages and events from the anchor on, or back from it.
type Path struct {
	Nodes    []string `json:"nodes"`
	Count    int64    `json:"count"`
	Weighted *float64 `json:"weighted,omitempty"`
	Percent  *float64 `json:"percent"`
}

// pathSeparator stands in no name: clean values have no control characters.
const pathSeparator = "\x1f"

// Paths answers which journeys were the most frequent. The question's mistakes are *InvalidError.
func (e *Engine) Paths(ctx context.Context, site *schema.Site, q *PathsQuestion) (*PathsAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	w, err := r.writer()
	if err != nil {
		return nil, err
	}
	rows, err := r.rows("the paths", "SELECT path, toInt64(count()) AS n, "+r.sum("1")+
		", toInt64(sum(n) OVER ()), toInt64(uniqExact(person)) AS people\n"+
		"FROM (SELECT person, arrayStringConcat(p, "+w.value(pathSeparator)+") AS path FROM (\n"+r.paths(w, &q.JourneysQuestion)+
		")) AS paths\n"+r.weighted(w)+"GROUP BY path\nORDER BY people >= "+itoa(int64(q.K))+" DESC, n DESC, path\nLIMIT "+itoa(int64(q.Top)), w)
	if err != nil {
		return nil, err
	}
	answer := &PathsAnswer{Period: r.span.period(), Coverage: coverage, Paths: []Path{}}
	for _, row := range rows {
		n := toInt(row[1])
		if answer.Total == 0 {
			answer.Total, answer.Other = toInt(row[3]), toInt(row[3])
		}
		if toInt(row[4]) < int64(q.K) {
			break
		}
		answer.Other -= n
		answer.Paths = append(answer.Paths, Path{
			strings.Split(row[0].(string), pathSeparator), n, r.share(toFloat(row[2])), percent(float64(n), float64(answer.Total)),
		})
	}
	for last := len(answer.Paths) - 1; last >= 0 && answer.Other > 0 && answer.Other < int64(q.K); last-- {
		answer.Other += answer.Paths[last].Count
		answer.Paths = answer.Paths[:last]
	}
	return answer, nil
}
