package reports

import (
	"context"
	"slices"

	"turf/schema"
)

// The script's own events about clicks. Their property el names the element.
const (
	clickEvent = "$click" // somebody clicked on it
	seenEvent  = "$seen"  // it was on the screen
	rageEvent  = "$rage"  // somebody clicked the same spot in anger
	deadEvent  = "$dead"  // nothing answered a click
)

// MaxElements is how many rows of clicks are answered.
const MaxElements = 1000

// ClicksQuestion asks what was clicked on, and what never was.
type ClicksQuestion struct {
	Common
	Page string `json:"page,omitempty"` // path; a * stands for any characters. Empty: all pages
	// By is element (default) or page.
	By string `json:"by,omitempty"`
	// Only leaves rows: never (seen, never clicked), rage or dead. Empty: all.
	Only string `json:"only,omitempty"`
}

func (q *ClicksQuestion) check() error {
	if err := q.Common.check(); err != nil {
		return err
	}
	setDefault(&q.By, "element")
	switch {
	case q.By != "element" && q.By != "page":
		return invalid("by", "%q is not known; use element or page", q.By)
	case !slices.Contains([]string{"", "never", "rage", "dead"}, q.Only):
		return invalid("only", "%q is not known; use never, rage or dead", q.Only)
	case len(q.Page) > MaxValueBytes:
		return invalid("page", "it is longer than %d bytes", MaxValueBytes)
	case q.Weight:
		return invalid("weight", "clicks are numbers of clicks, and are not weighted")
	}
	return nil
}

// ClicksAnswer is what was clicked on, the most first.
type ClicksAnswer struct {
	Period   Period    `json:"period"`
	Coverage *Coverage `json:"coverage"`
	Elements []Element `json:"elements"`
	Cut      bool      `json:"cut,omitempty"` // there are more than MaxElements
}

// Element is an element of a page, or all of a page. Numbers of people are nil when they are fewer than k, but some.
type Element struct {
	Page         string `json:"page"`
	Element      string `json:"element,omitempty"`
	SeenBy       *int64 `json:"seen_by"`
	Clicks       int64  `json:"clicks"`
	ClickedBy    *int64 `json:"clicked_by"`
	RageClicks   int64  `json:"rage_clicks"`
	RagedBy      *int64 `json:"raged_by"`
	DeadClicks   int64  `json:"dead_clicks"`
	DeadFor      *int64 `json:"dead_for"`
	NeverClicked bool   `json:"never_clicked,omitempty"`
	// Rate is the share of those who saw it who clicked on it, in percent; nil where it was not told who saw it.
	Rate *float64 `json:"click_rate"`
}

// Clicks answers what was clicked on. The question's mistakes are *InvalidError.
func (e *Engine) Clicks(ctx context.Context, site *schema.Site, q *ClicksQuestion) (*ClicksAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	w, err := r.writer()
	if err != nil {
		return nil, err
	}
	element, page, having := "props['el']", "1", "1"
	if q.By == "page" {
		element = "''"
	}
	if q.Page != "" {
		page = "path LIKE " + w.value(likePattern(q.Page))
	}
	if q.Only != "" {
		having = map[string]string{"never": "seen > 0 AND clicks = 0", "rage": "rages > 0", "dead": "deads > 0"}[q.Only]
	}
	rows, err := r.rows("the clicks", "SELECT toString(path) AS page, "+element+" AS element,\n"+
		"    toInt64(uniqExactIf(person, name = '"+seenEvent+"')) AS seen,\n"+
		"    toInt64(countIf(name = '"+clickEvent+"')) AS clicks, toInt64(uniqExactIf(person, name = '"+clickEvent+"')) AS clickers,\n"+
		"    toInt64(countIf(name = '"+rageEvent+"')) AS rages, toInt64(uniqExactIf(person, name = '"+rageEvent+"')) AS raging,\n"+
		"    toInt64(countIf(name = '"+deadEvent+"')) AS deads, toInt64(uniqExactIf(person, name = '"+deadEvent+"')) AS stuck,\n"+
		// Who saw it and who clicked on it without that being told
		"    toInt64(uniqExactIf(person, name IN ('"+seenEvent+"', '"+clickEvent+"'))) AS met\n"+
		w.events(r.span.from, r.span.to)+"  AND name IN ('"+seenEvent+"', '"+clickEvent+"', '"+rageEvent+"', '"+deadEvent+"') AND "+page+
		"\nGROUP BY page, element\nHAVING "+having+"\nORDER BY clicks DESC, rages DESC, deads DESC, seen DESC, page, element\nLIMIT "+
		itoa(MaxElements+1), w)
	if err != nil {
		return nil, err
	}
	answer := &ClicksAnswer{Period: r.span.period(), Coverage: coverage, Elements: []Element{}}
	if answer.Cut = len(rows) > MaxElements; answer.Cut {
		rows = rows[:MaxElements]
	}
	for _, row := range rows {
		answer.Elements = append(answer.Elements, r.element(row))
	}
	return answer, nil
}

func (r *run) element(row []any) Element {
	people := func(i int) *int64 {
		n := toInt(row[i])
		if n > 0 && n < int64(r.ask.K) {
			return nil
		}
		return &n
	}
	e := Element{
		Page: row[0].(string), Element: row[1].(string), SeenBy: people(2), Clicks: toInt(row[3]), ClickedBy: people(4),
		RageClicks: toInt(row[5]), RagedBy: people(6), DeadClicks: toInt(row[7]), DeadFor: people(8),
	}
	seen := toInt(row[2])
	e.NeverClicked = seen > 0 && e.Clicks == 0
	if seen > 0 && e.SeenBy != nil && e.ClickedBy != nil {
		e.Rate = percent(float64(*e.ClickedBy), float64(toInt(row[9])))
	}
	return e
}
