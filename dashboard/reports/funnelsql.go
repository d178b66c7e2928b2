package reports

import (
	"fmt"
	"strings"
	"time"
)

// The arrays of a funnel. A group's events are sorted; of each its time t in milliseconds since the period's start plus one,
// and its mask m: a bit a step that it fits, then a bit an exclusion. An event in the array of step n is an arrival: the
// code of the beginning of the chain that ends there at step n, which is the time of that beginning and its place among the
// events, so that two in one millisecond are two. 0 is no arrival, -1 forgets the arrivals before it.
const (
	placeBits = 22 // of the place in a code
	maskBits  = 32 // of the mask in a key
	noTime    = 1 << 50
)

// funnelStatement is one row a value of the breakdown: the value, the people in it, and of each step how many and weighted;
// without a breakdown also how long they took (timeColumns).
func (r *run) funnelStatement(q *FunnelQuestion, breakdown string) (string, *writer, error) {
	w, err := r.writer()
	if err != nil {
		return "", nil, err
	}
	columns, touch := []string{"'' AS value", "toInt64(0) AS people"}, ""
	if breakdown != "" {
		// The first touch is looked for in all that is kept.
		columns = []string{"toString(" + visitAttributes[breakdown] + ") AS value", "toInt64(uniqExact(person)) AS people"}
		touch = "LEFT JOIN (" + w.firstTouch(time.Time{}, r.span.to) + ") AS touch USING (person)\n"
	}
	for i := range q.Steps {
		n := fmt.Sprintf("length(d%d)", i+1)
		columns = append(columns, "toInt64(sum("+n+"))", r.sum(n))
	}
	for i := 1; i < len(q.Steps) && breakdown == ""; i++ {
		for _, f := range timeColumns {
			columns = append(columns, fmt.Sprintf("toFloat64(%s(d%d))", f, i+1))
		}
	}
	sql := "SELECT\n    " + strings.Join(columns, ",\n    ") + "\nFROM (\n" + r.conversions(w, q) + ") AS conversions\n" + touch +
		r.weighted(w) + "WHERE notEmpty(d1)\nGROUP BY value"
	return sql, w, nil
}

// timeColumns are the functions of Times, in the order of its fields.
var timeColumns = [...]string{
	"minArray", "quantileExactArray(0.25)", "quantileExactArray(0.5)", "quantileExactArray(0.75)", "quantileExactArray(0.9)",
	"maxArray", "avgArray",
}

// distributionStatement is a row a step and bucket: how many took so long. Buckets are counted from 1.
func (r *run) distributionStatement(q *FunnelQuestion) (string, *writer, error) {
	w, err := r.writer()
	if err != nil {
		return "", nil, err
	}
	var all []string
	for i := 1; i < len(q.Steps); i++ {
		all = append(all, fmt.Sprintf("arrayMap(x -> (%d, x), d%d)", i+1, i+1))
	}
	edges := make([]string, len(bucketEdges))
	for i, sec := range bucketEdges {
		edges[i] = itoa(sec * 1000)
	}
	return "SELECT toInt64(z.1) AS step, toInt64(arrayCount(e -> z.2 >= e, [" + strings.Join(edges, ", ") + "])) AS bucket, count()\n" +
		"FROM (SELECT arrayJoin(arrayConcat(" + strings.Join(all, ", ") + ")) AS z FROM (\n" + r.conversions(w, q) +
		"))\nGROUP BY step, bucket\nORDER BY step, bucket", w, nil
}

// nextStatement is a row a step and event: how many came to that step and no further and did that next, within the window.
func (r *run) nextStatement(q *FunnelQuestion) (string, *writer, error) {
	w, err := r.writer()
	if err != nil {
		return "", nil, err
	}
	keys, session := "person", "toUInt64(0) AS session"
	if q.Count == CountSessions {
		keys, session = "person, session", "session"
	}
	until := r.span.to.Add(2 * time.Duration(q.WindowSec) * time.Second)
	later := fmt.Sprintf("at > lastAt AND at <= lastAt + bitShiftLeft(toUInt128(%d), 32)", q.WindowSec*1000)
	stopped := "SELECT person, session, level, lastAt FROM (\n" + r.conversions(w, q) +
		fmt.Sprintf(") WHERE level BETWEEN 1 AND %d", len(q.Steps)-1)
	return "SELECT node, toInt64(uniqExact(person)) AS people, toInt64(count()), " + r.sum("1") + ", toInt64(level) AS step\nFROM (\n" +
		"SELECT person, session, any(level) AS level, argMinIf(node, at, " + later + ") AS node\nFROM (" + stopped + ") AS stopped\n" +
		"LEFT JOIN (\nSELECT person, " + session + ", " + nodeColumn + " AS node, " + order + " AS at\n" +
		w.events(r.span.from, until) + "  AND " + ownEvent + ") AS events USING (" + keys + ")\nGROUP BY person, session) AS nexts\n" +
		r.weighted(w) + "GROUP BY level, node", w, nil
}

// nodeColumn is an event as it stands in lists and flows.
const nodeColumn = "if(name = 'pageview', concat('Visit ', path), toString(name))"

// conversions is the subquery of what is counted: a row a person or session with arrays d1, d2, …: for each time that step
// n was reached, the milliseconds that it took. level is the last step that was reached, at the key of the event there.
func (r *run) conversions(w *writer, q *FunnelQuestion) string {
	arrivals := r.arrivals(w, q)
	columns := []string{"person", "session", "k"}
	for i := range q.Steps {
		columns = append(columns, durations(q, i+1)+fmt.Sprintf(" AS d%d", i+1), reached(q, i+1)+fmt.Sprintf(" AS at%d", i+1))
	}
	var level []string
	for i := range q.Steps {
		level = append(level, fmt.Sprintf("notEmpty(d%d)", i+1))
	}
	columns = append(columns, strings.Join(level, " + ")+" AS level")
	if q.Order != AnyOrder && q.Count != CountTotals {
		columns = append(columns, lastAt(q)+" AS lastAt")
	}
	sql := "SELECT " + strings.Join(columns, ",\n    ") + "\nFROM (\n" + arrivals + ")\n"
	if len(q.Hold) == 0 || q.Count == CountTotals {
		return sql
	}
	// Of the groups of held values, the one that was first at a step counts for it.
	columns = []string{"person", "session"}
	for i := range q.Steps {
		n := i + 1
		columns = append(columns, fmt.Sprintf("argMinIf(d%d, (at%d, d%d), notEmpty(d%d)) AS best%d", n, n, n, n, n))
	}
	outer := []string{"person", "session"}
	if q.Order != AnyOrder {
		columns = append(columns, "argMin(tuple(level, lastAt), (-toInt64(level), lastAt)) AS furthest")
		outer = append(outer, "furthest.1 AS level", "furthest.2 AS lastAt")
	}
	for i := range q.Steps {
		outer = append(outer, fmt.Sprintf("best%d AS d%d", i+1, i+1))
	}
	return "SELECT " + strings.Join(outer, ", ") + "\nFROM (\nSELECT " + strings.Join(columns, ",\n    ") +
		"\nFROM (\n" + sql + ")\nGROUP BY person, session)\n"
}

// lastAt is the key of the event at which the last step was reached.
func lastAt(q *FunnelQuestion) string {
	places := make([]string, len(q.Steps))
	for i := range q.Steps {
		places[i] = fmt.Sprintf("at%d", i+1)
	}
	return "[" + strings.Join(places, ", ") + "][greatest(level, 1)]"
}

// arrivals is the subquery of the arrays: a row a group of events that belong together.
func (r *run) arrivals(w *writer, q *FunnelQuestion) string {
	window := q.WindowSec * 1000
	columns := []string{
		"person", "session", "k",
		"arrayMap(x -> toInt64(bitShiftRight(x, 64)) - " + itoa(r.span.from.UnixMilli()-1) + ", k) AS t",
		"arrayMap(x -> toUInt32(bitAnd(x, 4294967295)), k) AS m",
	}
	limit := itoa(r.span.to.UnixMilli() - r.span.from.UnixMilli() + 1)
	if q.Order == AnyOrder {
		columns = append(columns, anyOrder(q, window, limit)...)
	} else {
		columns = append(columns, inOrder(q, window, limit)...)
	}
	return "SELECT " + strings.Join(columns, ",\n    ") + "\nFROM (\n" + r.chains(w, q) + ")\n"
}

// inOrder are the arrays a1, a2, … of arrivals, each made of the one before.
func inOrder(q *FunnelQuestion, window int64, limit string) []string {
	columns := make([]string, len(q.Steps))
	for i := range q.Steps {
		forget := "0"
		if mask := exclusionMask(q, func(x *Exclusion) bool { return x.After <= i+1 && i+1 < x.Before }); mask != 0 {
			forget = fmt.Sprintf("if(bitAnd(m, %d) != 0, -1, 0)", mask)
		}
		if i == 0 {
			columns[i] = fmt.Sprintf("arrayMap((t, m, p) -> if(bitTest(m, 0) AND t < %s, toInt64(t * %d + p), toInt64(%s)), "+
				"t, m, arrayEnumerate(k)) AS a1", limit, 1<<placeBits, forget)
			continue
		}
		also := ""
		if mask := exclusionMask(q, func(x *Exclusion) bool { return x.After < i+1 && i+1 < x.Before }); mask != 0 {
			also = fmt.Sprintf(" AND bitAnd(m, %d) = 0", mask) // it would itself lie between
		}
		before := fmt.Sprintf("arrayFill(x -> x != 0, a%d)", i) // the last arrival up to here
		if q.Order == Strict {
			before = fmt.Sprintf("a%d", i)
		}
		columns[i] = fmt.Sprintf("arrayMap((t, m, c) -> if(bitTest(m, %d) AND c > 0 AND t - bitShiftRight(c, %d) <= %d%s, "+
			"c, toInt64(%s)), t, m, arrayPushFront(arrayPopBack(%s), toInt64(0))) AS a%d",
			i, placeBits, window, also, forget, before, i+1)
	}
	return columns
}

// exclusionMask are the bits of the exclusions that are meant.
func exclusionMask(q *FunnelQuestion, meant func(*Exclusion) bool) (mask uint32) {
	for i := range q.Exclude {
		if meant(&q.Exclude[i]) {
			mask |= 1 << (MaxSteps + i)
		}
	}
	return mask
}

// anyOrder are arrays a1, a2, …: for each event, in how many milliseconds from it n steps were done, or noTime.
func anyOrder(q *FunnelQuestion, window int64, limit string) []string {
	var columns, names, waits, ns []string
	for i := range q.Steps {
		columns = append(columns, fmt.Sprintf(
			"arrayReverseFill(x -> x != 0, arrayMap((t, m) -> if(bitTest(m, %d), t, toInt64(0)), t, m)) AS n%d", i, i+1))
		names, ns = append(names, fmt.Sprintf("x%d", i+1)), append(ns, fmt.Sprintf("n%d", i+1))
		waits = append(waits, fmt.Sprintf("if(x%d = 0, toInt64(%d), x%d - t)", i+1, noTime, i+1))
	}
	columns = append(columns, "arrayMap((t, "+strings.Join(names, ", ")+") -> if(t < "+limit+", arraySort(["+
		strings.Join(waits, ", ")+"]), emptyArrayInt64()), t, "+strings.Join(ns, ", ")+") AS q")
	for i := range q.Steps {
		columns = append(columns, fmt.Sprintf(
			"arrayMap(x -> if(notEmpty(x) AND x[%d] <= %d, x[%d], toInt64(%d)), q) AS a%d", i+1, window, i+1, noTime, i+1))
	}
	return columns
}

// durations is the array of how long it took each time that step n was reached.
func durations(q *FunnelQuestion, n int) string {
	switch {
	case q.Order == AnyOrder:
		return fmt.Sprintf("if(at%d.1 = %d, emptyArrayInt64(), [at%d.2])", n, noTime, n)
	case q.Count == CountTotals:
		// The first arrival of each beginning. Beginnings of arrivals never go back, so equal ones follow each other.
		isNew := fmt.Sprintf("arrayMap((a, b) -> a > 0 AND a != b, a%d, arrayPushFront(arrayPopBack("+
			"arrayFill(x -> x > 0, arrayMap(x -> greatest(x, 0), a%d))), toInt64(0)))", n, n)
		return fmt.Sprintf("arrayMap((a, t) -> t - bitShiftRight(a, %d), arrayFilter((a, isNew) -> isNew, a%d, %s), "+
			"arrayFilter((t, isNew) -> isNew, t, %s))", placeBits, n, isNew, isNew)
	}
	return fmt.Sprintf("if(arrayFirstIndex(x -> x > 0, a%d) AS i%d = 0, emptyArrayInt64(), [t[i%d] - bitShiftRight(a%d[i%d], %d)])",
		n, n, n, n, n, placeBits)
}

// reached is the key of the event at which step n was first reached; in any order, the time of it and how long it took.
func reached(q *FunnelQuestion, n int) string {
	switch {
	case q.Order == AnyOrder:
		return fmt.Sprintf("arraySort(arrayMap((t, a) -> if(a = %d, (toInt64(%d), a), (t + a, a)), t, a%d))[1]", noTime, noTime, n)
	case q.Count == CountTotals:
		return "toUInt8(0)"
	}
	return fmt.Sprintf("bitShiftRight(k[i%d], %d)", n, maskBits)
}

// chains is the subquery of the sorted keys: a row a person, session and held values.
func (r *run) chains(w *writer, q *FunnelQuestion) string {
	var mask, hold, held, names []string
	for i := range q.Steps {
		mask = append(mask, fmt.Sprintf("toUInt32(%s) * %d", w.match(&q.Steps[i]), 1<<i))
	}
	for i := range q.Exclude {
		mask = append(mask, fmt.Sprintf("toUInt32(%s) * %d", w.match(&q.Exclude[i].Match), 1<<(MaxSteps+i)))
	}
	session, groups := "toUInt64(0) AS session", []string{"person"}
	if q.Count == CountSessions {
		session, groups = "session", []string{"person", "session"}
	}
	for i, name := range q.Hold {
		h := fmt.Sprintf("h%d", i)
		hold = append(hold, w.attribute(name)+" AS "+h)
		held, names = append(held, h+" != ''"), append(names, h)
	}
	wanted := "mask != 0"
	if q.Order == Strict {
		wanted = "(mask != 0 OR " + ownEvent + ")"
	}
	until := r.span.to.Add(time.Duration(q.WindowSec) * time.Second).Add(time.Millisecond)
	inner := "SELECT " + strings.Join(append([]string{
		"person", session, strings.Join(mask, " + ") + " AS mask",
		"bitShiftLeft(toUInt128(toUnixTimestamp64Milli(time)), 64) + toUInt128(bitShiftLeft(toUInt64(seq), 32) + mask) AS key",
	}, hold...), ",\n    ") + "\n" + w.events(r.span.from, until) + "  AND " + strings.Join(append([]string{wanted}, held...), " AND ") + "\n"
	groups = append(groups, names...)
	selected := "person, session"
	if q.Count != CountSessions {
		selected = "person, toUInt64(0) AS session"
		inner = strings.Replace(inner, "toUInt64(0) AS session,\n    ", "", 1)
	}
	return "SELECT " + selected + ", arraySort(groupArray(key)) AS k\nFROM (\n" + inner + ")\nGROUP BY " + strings.Join(groups, ", ") + "\n"
}
