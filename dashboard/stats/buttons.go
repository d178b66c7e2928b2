package stats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"turf/schema"
)

// The event and its property that the script's part schema.ClicksPart sends.
const (
	clickEvent = "Click"
	clickProp  = "element"
)

// MaxUndeclaredButtons is how many buttons are listed that the site did not declare.
const MaxUndeclaredButtons = 100

// ButtonsAnswer is how often the buttons of a site were clicked: elements with data-turf-click, by what it says.
type ButtonsAnswer struct {
	DateRange DateRange `json:"date_range"` // as instants of the site's time zone
	// Declared are those of the site's settings, Undeclared the others that were clicked, the most first; never nil.
	Declared   []Button `json:"declared"`
	Undeclared []Button `json:"undeclared"`
	// More says that more were clicked than MaxUndeclaredButtons that are not declared.
	More bool `json:"more_undeclared,omitempty"`
	// Untold is how many clicks at the most came after a limit of the day (schema.Dimensions): on which button is not known.
	Untold int64 `json:"untold_clicks,omitempty"`
	// Hint says what may be missing where no click was counted.
	Hint string `json:"hint,omitempty"`
	// LeftOutDays were imported: no import tells clicks on buttons, so the numbers are those of the other days, and no button is said never
	// to have been clicked.
	LeftOutDays []schema.DaySpan `json:"left_out_days,omitempty"`
}

// Button is a button. Everybody counts on each day anew, as everywhere.
type Button struct {
	Element  string `json:"element"`
	Clicks   int64  `json:"clicks"`
	Visitors int64  `json:"visitors"` // who clicked
	// Never says that nobody clicked on it. It is false where that is not known: see Untold and LeftOutDays.
	Never bool `json:"never_clicked"`
}

// Buttons answers how often the site's buttons were clicked. The question's mistakes are *InvalidError.
func (e *Engine) Buttons(ctx context.Context, site *schema.Site, r DateRange) (*ButtonsAnswer, error) {
	span, err := e.span(ctx, site, r)
	if err != nil {
		return nil, err
	}
	if !span.WholeDays {
		return nil, invalid("date_range", "clicks are counted by the day, and the date_range begins or ends inside one. Ask for whole days")
	}
	left, err := e.imported(site.ID, span, "clicks on buttons")
	if err != nil {
		return nil, err
	}
	var declared []string
	if site.Settings != nil {
		declared = site.Settings.Buttons
	}
	sql := buttonsStatement(site.ID, declared, span)
	rows, err := e.Runner.Select(ctx, sql.SQL, sql.Params)
	if err != nil {
		return nil, fmt.Errorf("ask for the clicks on buttons: %w", err)
	}
	answer := &ButtonsAnswer{DateRange: span.asked(), Declared: []Button{}, Undeclared: []Button{}, LeftOutDays: left}
	if err := answer.read(rows, declared); err != nil {
		return nil, fmt.Errorf("read the clicks on buttons: %w", err)
	}
	if len(rows) == 0 {
		answer.Hint = site.ButtonsHint()
	}
	return answer, nil
}

// buttonsStatement asks for the buttons that were clicked: those that are declared, what came after a limit as schema.Other, and one more
// than MaxUndeclaredButtons. An event, a property or a value may have come after the limit of its dimension.
func buttonsStatement(site schema.SiteID, declared []string, span Span) statement {
	w := newWriter()
	click, prop, other := w.value(clickEvent), w.value(clickProp), w.value(schema.Other)
	w.params["declared"] = strings.Join(declared, unit)
	limit := int64(len(declared) + 1 + MaxUndeclaredButtons + 1)
	sql := fmt.Sprintf("SELECT if(event = %s AND prop = %s, toString(value), %s) AS name, sum(events) AS clicks, sum(visitors) AS people\n",
		click, prop, other) +
		"FROM counts\nWHERE site_id = " + w.number("site", "UInt32", int64(site)) + " AND cube = 'event_props'\n" +
		"  AND time >= toDateTime(" + w.number("from", "Int64", span.From.Unix()) + ", 'UTC') AND time < toDateTime(" +
		w.number("to", "Int64", span.To.Unix()) + ", 'UTC')\n" +
		fmt.Sprintf("  AND event IN (%s, %s) AND prop IN (%s, %s)\n", click, other, prop, other) +
		"GROUP BY name\nHAVING clicks > 0\n" +
		fmt.Sprintf("ORDER BY has(splitByChar('\\x1f', {declared:String}), name) OR name = %s DESC, clicks DESC, name\n", other) +
		"LIMIT " + w.number("limit", "UInt64", limit)
	return statement{sql, w.params}
}

// read takes over the rows.
func (a *ButtonsAnswer) read(rows [][]any, declared []string) error {
	clicked := map[string]Button{}
	for _, row := range rows {
		if len(row) != 3 || reflectValue(row[0]).Kind() != reflect.String {
			return errors.New("a name and two numbers were expected")
		}
		b := Button{Element: reflectValue(row[0]).String()}
		var err error
		if b.Clicks, err = toInt(row[1]); err != nil {
			return err
		}
		if b.Visitors, err = toInt(row[2]); err != nil {
			return err
		}
		switch {
		case b.Element == schema.Other:
			a.Untold = b.Clicks
		case slices.Contains(declared, b.Element):
			clicked[b.Element] = b
		case len(a.Undeclared) == MaxUndeclaredButtons:
			a.More = true
		default:
			a.Undeclared = append(a.Undeclared, b)
		}
	}
	for _, name := range declared {
		b, ok := clicked[name]
		if !ok {
			b = Button{Element: name, Never: a.Untold == 0 && len(a.LeftOutDays) == 0}
		}
		a.Declared = append(a.Declared, b)
	}
	slices.SortStableFunc(a.Declared, func(x, y Button) int { return cmp.Compare(y.Clicks, x.Clicks) })
	return nil
}
