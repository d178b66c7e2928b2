package reports

import (
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// writer writes a statement. What came from outside is only ever in params.
type writer struct {
	site   schema.SiteID
	params map[string]string
	names  map[string]string // of a value that is a parameter already
	cohort string            // SQL of a condition on person; empty: none
}

func newWriter(site schema.SiteID) *writer {
	return &writer{site: site, params: map[string]string{}, names: map[string]string{}}
}

// value makes a parameter of a text and returns its place in the statement.
func (w *writer) value(v string) string {
	name, ok := w.names[v]
	if !ok {
		name = "v" + strconv.Itoa(len(w.names))
		w.names[v], w.params[name] = name, v
	}
	return "{" + name + ":String}"
}

// values are the places of several texts, with commas between.
func (w *writer) values(list []string) string {
	places := make([]string, len(list))
	for i, v := range list {
		places[i] = w.value(v)
	}
	return strings.Join(places, ", ")
}

// instant is the SQL of an instant. Milliseconds are all that is kept of times.
func (w *writer) instant(t time.Time) string {
	return "fromUnixTimestamp64Milli(toInt64(" + strconv.FormatInt(t.UnixMilli(), 10) + "), 'UTC')"
}

// during is the condition that an event lies in [from, to); a zero from is no bound.
func (w *writer) during(from, to time.Time) string {
	upper := "time < " + w.instant(to)
	if from.IsZero() {
		return upper
	}
	return "time >= " + w.instant(from) + " AND " + upper
}

// events is the clause for the site's events in [from, to), of the people in the cohort.
func (w *writer) events(from, to time.Time) string {
	w.params["site"] = strconv.FormatUint(uint64(w.site), 10)
	sql := "FROM consented_events\nWHERE site_id = {site:UInt32} AND " + w.during(from, to) + "\n"
	if w.cohort != "" {
		sql += "  AND person GLOBAL IN (\n" + w.cohort + ")\n"
	}
	return sql
}

// ownEvent is the condition for what people did, which the script's own events are not.
const ownEvent = "NOT startsWith(name, '$')"

// match is the condition that an event is of that kind.
func (w *writer) match(m *Match) string {
	var parts []string
	switch {
	case m.Page == "" && m.Event == "":
		parts = append(parts, ownEvent)
	case m.Page == "":
		parts = append(parts, "name = "+w.value(m.Event))
	case strings.Contains(m.Page, "*"):
		parts = append(parts, "name = 'pageview'", "path LIKE "+w.value(likePattern(m.Page)))
	default:
		parts = append(parts, "name = 'pageview'", "path = "+w.value(m.Page))
	}
	for i := range m.Props {
		parts = append(parts, w.condition(&m.Props[i]))
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// likeEscapes make of a pattern with * one of LIKE.
var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`)

func likePattern(page string) string { return likeEscapes.Replace(page) }

// attribute is the SQL of an attribute's value, which is a text.
func (w *writer) attribute(name string) string {
	if column, ok := visitAttributes[name]; ok {
		return column
	}
	return "props[" + w.value(strings.TrimPrefix(name, propPrefix)) + "]"
}

// condition is the SQL of a condition. The names of missing values stand for the empty text.
func (w *writer) condition(c *Condition) string {
	expr := w.attribute(c.Name)
	if c.Op == "is" || c.Op == "is_not" {
		list := make([]string, len(c.Values))
		for i, v := range c.Values {
			if list[i] = v; v == shown(c.Name, "") {
				list[i] = ""
			}
		}
		not := ""
		if c.Op == "is_not" {
			not = "NOT "
		}
		return expr + " " + not + "IN (" + w.values(list) + ")"
	}
	parts := make([]string, len(c.Values))
	for i, v := range c.Values {
		parts[i] = "position(" + expr + ", " + w.value(v) + ") > 0"
	}
	sql := "(" + strings.Join(parts, " OR ") + ")"
	if c.Op == "contains_not" {
		return "NOT " + sql
	}
	return sql
}

// order is the SQL by which a person's events are ordered: time, then seq.
const order = "bitShiftLeft(toUInt128(toUnixTimestamp64Milli(time)), 32) + seq"

// day is the SQL of the site's date at a time, as days since 1970-01-01.
func (w *writer) day(loc *time.Location) string {
	return "toInt32(toDate32(time, " + w.value(loc.String()) + "))"
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
