package stats

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// Limits of the stats API v1, which are Plausible's.
const (
	DefaultV1Limit = 100
	MaxV1Limit     = 1000
)

// v1 is a question of the stats API v1, the older one, which most programs that read Plausible still ask. It comes
// as parameters of a URL. It becomes a [Query] and is answered like one: this file only knows the older spelling.
//
//	period     day, 7d, 30d (default), month, 6mo, 12mo, or custom with date=FIRST,LAST
//	date       the day to which the period is relative; today where it is missing
//	metrics    names with commas between; visitors where it is missing
//	filters    see [V1Filters]
//	compare    previous_period, of an aggregate
//	interval   day or month (or date, which is day), of a timeseries
//	property   the dimension of a breakdown, with limit (1 to 1000) and page (from 1)
//	explain    1: say how the answer was found; our own
//
// An empty parameter is a missing one. with_imported=false leaves imported days out; else they are in, as in v2.
// Parameters that are not known are ignored, as Plausible does.
type v1 struct {
	params url.Values
	today  schema.Day

	first, last schema.Day
	interval    string // of a timeseries: a time dimension
	metrics     []string
	filters     []Filter
	goal        goalKind      // of the filter by goal
	goals       []schema.Goal // that the site has declared
}

// v1Periods are the periods that are relative to a date.
const v1Periods = "day, 7d, 30d, month, 6mo, 12mo or custom"

// parseV1 reads what all three kinds of questions have; goals are those that the site has declared. Its errors are *InvalidError.
func parseV1(params url.Values, now time.Time, loc *time.Location, goals []schema.Goal) (*v1, error) {
	v := &v1{params: params, today: schema.DayOf(now, loc), goals: goals}
	if err := v.parsePeriod(); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(v.param("metrics", string(Visitors)), ",") {
		v.metrics = append(v.metrics, strings.TrimSpace(name))
	}
	var err error
	if v.filters, err = V1Filters(params.Get("filters")); err != nil {
		return nil, err
	}
	return v, v.translateGoals()
}

// param is the value of a parameter, or fallback where it is missing.
func (v *v1) param(name, fallback string) string {
	if s := v.params.Get(name); s != "" {
		return s
	}
	return fallback
}

func (v *v1) parsePeriod() error {
	period := v.param("period", "30d")
	if period == "custom" {
		return v.parseCustom()
	}
	date := v.today
	if s := v.param("date", "today"); s != "today" {
		var err error
		if date, err = schema.ParseDay(s); err != nil {
			return invalid("date", "%q is not a date such as 2026-01-31", excerpt([]byte(s)))
		}
	}
	y, m, _ := date.Civil()
	switch period {
	case "day":
		v.first, v.last = date, date
	case "7d": // complete days: the date is not among them
		v.first, v.last = date-7, date-1
	case "30d":
		v.first, v.last = date-30, date-1
	case "month":
		v.first, v.last = schema.Date(y, m, 1), schema.Date(y, m+1, 1)-1
	case "6mo": // unlike v2's, the last of the months is that of the date
		v.first, v.last = schema.Date(y, m-5, 1), schema.Date(y, m+1, 1)-1
	case "12mo":
		v.first, v.last = schema.Date(y, m-11, 1), schema.Date(y, m+1, 1)-1
	default:
		return invalid("period", "%q is not known. Use %s", excerpt([]byte(period)), v1Periods)
	}
	return checkYears(v.first, v.last)
}

func (v *v1) parseCustom() error {
	from, to, found := strings.Cut(v.params.Get("date"), ",")
	first, err1 := schema.ParseDay(strings.TrimSpace(from))
	last, err2 := schema.ParseDay(strings.TrimSpace(to))
	if !found || err1 != nil || err2 != nil {
		return invalid("date", "period=custom needs two dates, such as date=2026-01-01,2026-01-31")
	}
	v.first, v.last = first, last
	return checkYears(first, last)
}

// parseInterval finds the time dimension of a timeseries.
func (v *v1) parseInterval() error {
	fallback := "day"
	switch v.params.Get("period") {
	case "6mo", "12mo":
		fallback = "month"
	case "day":
		fallback = "hour"
	}
	switch given := v.params.Get("interval"); given {
	case "":
		v.interval = "time:" + fallback
	case "day", "date": // older clients say date
		v.interval = timeDay
	case "month":
		v.interval = timeMonth
	default:
		return invalid("interval", "%q is not known. Use day or month", excerpt([]byte(given)))
	}
	return nil
}

// parseCompare reports whether the previous period is asked for too.
func (v *v1) parseCompare() (bool, error) {
	switch given := v.params.Get("compare"); given {
	case "", "false":
		return false, nil
	case "previous_period":
		return true, nil
	default:
		return false, invalid("compare", "%q is not known. Use previous_period", excerpt([]byte(given)))
	}
}

// previous moves the question to the days before: as many as the period has until today.
func (v *v1) previous() {
	if v.first <= v.today {
		v.last = min(v.last, v.today)
	}
	days := v.last - v.first + 1
	v.first, v.last = v.first-days, v.first-1
}

// query is the question in the form of v2. What is wrong with it, Parse says: there is one set of rules.
func (v *v1) query(dimensions []string, page Pagination) (*Query, error) {
	q := Query{
		Site: "-", Range: DateRange{First: v.first, Last: v.last}, Filters: append([]Filter{}, v.filters...),
		Dimensions: append([]string{}, dimensions...), Order: []Order{}, Pagination: page,
		Include: Include{TimeLabels: slices.ContainsFunc(dimensions, isTime), Explain: v.params.Get("explain") == "1"},
	}
	if v.params.Get("with_imported") == "false" {
		q.Include.Imports = new(bool)
	}
	for _, name := range v.metrics {
		q.Metrics = append(q.Metrics, v.goal.metric(Metric(name)))
	}
	if err := checkYears(v.first, v.last); err != nil {
		return nil, err
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("BUG: question of v1: %w", err)
	}
	return Parse(body)
}

// parsePage reads limit and page of a breakdown.
func (v *v1) parsePage() (Pagination, error) {
	limit, err := strconv.Atoi(v.param("limit", strconv.Itoa(DefaultV1Limit)))
	if err != nil || limit < 1 || limit > MaxV1Limit {
		return Pagination{}, invalid("limit", "it is a number from 1 to %d", MaxV1Limit)
	}
	page, err := strconv.Atoi(v.param("page", "1"))
	if err != nil || page < 1 || page > MaxOffset/MaxV1Limit {
		return Pagination{}, invalid("page", "it is a number from 1 to %d", MaxOffset/MaxV1Limit)
	}
	return Pagination{Limit: limit, Offset: (page - 1) * limit}, nil
}

// v1Together are the properties that a breakdown gives with another: a version alone says little.
var v1Together = map[string]string{
	"visit:browser_version": "visit:browser",
	"visit:os_version":      "visit:os",
}

// v1WithoutEmpty are the properties of which a breakdown does not list the missing value.
var v1WithoutEmpty = []string{
	"visit:city", "visit:country", "visit:region", "visit:utm_medium", "visit:utm_source", "visit:utm_campaign",
	"visit:utm_content", "visit:utm_term", "visit:entry_page", "visit:exit_page",
}

// parseProperty finds the dimensions of a breakdown and the keys of its rows, and filters missing values out.
func (v *v1) parseProperty() (dimensions, keys []string, err error) {
	property := v.params.Get("property")
	switch {
	case property == "":
		return nil, nil, invalid("property", "is required, such as property=visit:source")
	case isTime(property):
		return nil, nil, invalid("property", "%s is no property. Ask for a timeseries", property)
	case property == goalProperty:
		dimensions, keys, err = v.goalBreakdown()
		return dimensions, keys, err
	}
	if err := checkDimension("property", property); err != nil {
		return nil, nil, err
	}
	if with, ok := v1Together[property]; ok {
		dimensions = append(dimensions, with)
	}
	dimensions = append(dimensions, property)
	for _, name := range dimensions {
		keys = append(keys, v1Key(name))
	}
	if slices.Contains(v1WithoutEmpty, property) {
		v.filters = append(v.filters, Filter{Op: IsNot, Dimension: property, Values: []string{""}})
	}
	return dimensions, keys, nil
}

// v1Key is the key of a property's value in a row: its name without what stands before the last part.
func v1Key(property string) string {
	if prop, ok := strings.CutPrefix(property, propPrefix); ok {
		return prop
	}
	_, key, _ := strings.Cut(property, ":")
	return key
}
