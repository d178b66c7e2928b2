package reports

import (
	"context"
	"fmt"
	"strings"

	"turf/schema"
)

// PeopleQuestion asks who the people of a cohort are: how many, and by an attribute.
type PeopleQuestion struct {
	Common
	// By is an attribute; empty: only how many. What is known of a visit is that of a person's first event in the period. Of a
	// property, each value counts who has it, so that a person can be in several rows.
	By  string `json:"by,omitempty"`
	Top int    `json:"top,omitempty"`
}

func (q *PeopleQuestion) check() error {
	if err := q.Common.check(); err != nil {
		return err
	}
	if q.By != "" {
		if err := checkAttribute("by", q.By); err != nil {
			return err
		}
	}
	return checkTop(&q.Top)
}

// PeopleAnswer is how many people there are.
type PeopleAnswer struct {
	Period   Period    `json:"period"`
	Coverage *Coverage `json:"coverage"`
	// Size is nil when there are fewer than k people, but some.
	Size     *int64   `json:"size"`
	SizeText string   `json:"size_text"` // for people
	Weighted *float64 `json:"weighted,omitempty"`
	Rows     []Ranked `json:"rows,omitempty"`
}

// People answers how large a cohort is, and what its people have. The question's mistakes are *InvalidError.
func (e *Engine) People(ctx context.Context, site *schema.Site, q *PeopleQuestion) (*PeopleAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	rows, err := r.peopleRows("''", "")
	if err != nil {
		return nil, err
	}
	answer := &PeopleAnswer{Period: r.span.period(), Coverage: coverage}
	var size int64
	for _, row := range rows {
		size, answer.Weighted = toInt(row[1]), r.share(toFloat(row[3]))
	}
	if size > 0 && size < int64(q.K) {
		answer.SizeText, answer.Weighted = fmt.Sprintf("fewer than %d", q.K), nil
		return answer, nil
	}
	answer.Size, answer.SizeText = &size, fmt.Sprint(size)
	if q.By == "" {
		return answer, nil
	}
	if rows, err = r.peopleRows("", q.By); err != nil {
		return nil, err
	}
	answer.Rows = r.rank(rows, q.Top, size, func(v string) string { return shown(q.By, v) })
	return answer, nil
}

// peopleRows is a row a value, for rank: how many people, again as what is counted, and weighted. Of several values of a
// property, a person has each.
func (r *run) peopleRows(value, by string) ([][]any, error) {
	w, err := r.writer()
	if err != nil {
		return nil, err
	}
	from := w.events(r.span.from, r.span.to)
	sql := "SELECT person, " + value + " AS value\n" + from + "GROUP BY person"
	if by != "" {
		value = w.attribute(by)
		sql = "SELECT person, toString(argMin(" + value + ", " + order + ")) AS value\n" + from + "GROUP BY person"
		if strings.HasPrefix(by, propPrefix) {
			sql = "SELECT person, " + value + " AS value\n" + from + "  AND value != ''\nGROUP BY person, value"
		}
	}
	return r.rows("the people", "SELECT value, toInt64(count()) AS n, n, "+r.sum("1")+"\nFROM (\n"+sql+") AS people\n"+r.weighted(w)+
		"GROUP BY value", w)
}
