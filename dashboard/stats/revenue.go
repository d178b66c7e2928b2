package stats

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"turf/schema"
)

// The metrics of the amounts that events carry: all of them, and of each event with one.
const (
	TotalRevenue   Metric = "total_revenue"
	AverageRevenue Metric = "average_revenue"
)

func isRevenue(m Metric) bool { return m == TotalRevenue || m == AverageRevenue }

// Revenue is the value of a revenue metric.
type Revenue struct {
	Value    float64 `json:"value"`
	Currency string  `json:"currency"` // ISO 4217
	Short    string  `json:"short"`    // as €1.5K
	Long     string  `json:"long"`     // as €1,500.50
}

// String is the amount as it is shown.
func (r Revenue) String() string { return r.Long }

// isRevenueRow is SQL for the rows in which the amounts of a goal are counted. They are apart from those of its events: only
// events with an amount in the goal's currency are in them.
const isRevenueRow = `startsWith(event, 'revenue\t')`

// checkRevenue finds the currencies of the question's goals. Where there is none, or where several would be added up, the metric
// is null and a warning says so.
func (p *plan) checkRevenue(m Metric) error {
	if p.goals == nil {
		return invalid("metrics", "%s needs %s as a dimension or filter", m, goalDimension)
	}
	var currencies []string
	for _, g := range p.goals.events {
		if g.Currency != "" && !slices.Contains(currencies, g.Currency) {
			currencies = append(currencies, g.Currency)
		}
	}
	switch {
	case len(currencies) == 0:
		p.warn(m, Warning{"no_revenue_goals_matching", "It is null: no goal of the question has a currency."})
		return nil
	case len(currencies) > 1 && !p.goals.grouped:
		p.warn(m, Warning{"no_single_revenue_currency", "It is null: the goals of the question have several currencies. Group by " +
			goalDimension + ", or filter by one goal."})
		return nil
	}
	p.goals.revenue = true
	if p.groupsHide() {
		p.warn(m, hiddenWarning)
	}
	p.warnCurrencySince(m)
	return nil
}

// warnCurrencySince says since when amounts are counted of goals that got their currency inside the span.
func (p *plan) warnCurrencySince(m Metric) {
	var late []string
	for _, g := range p.goals.events {
		if g.Currency == "" || !g.CurrencySince.After(p.span.From) {
			continue
		}
		if p.since == nil {
			p.since = map[string]string{}
		}
		p.since[g.Name] = g.CurrencySince.In(p.span.From.Location()).Format(instantFormat)
		late = append(late, g.Name)
	}
	if len(late) > 0 {
		p.warn(m, Warning{"counted_since", fmt.Sprintf("The amounts of %s are counted from a time inside the date_range on only: see "+
			"meta.counted_since.", enumerate(late))})
	}
}

// currency is that of a row: of its goal where the rows are goals, else the one of all. Empty: it has none.
func (p *plan) currency(goal string) string {
	for _, g := range p.goals.events {
		if p.goals.revenue && g.Currency != "" && (!p.goals.grouped || g.Name == goal) {
			return g.Currency
		}
	}
	return ""
}

// revenueColumn is the SQL of a revenue metric in minor units. Where small groups are hidden, a row without amounts may be one
// whose amounts are hidden, so it has none.
func (p *plan) revenueColumn(m Metric) string {
	counted := "sum(if(" + isRevenueRow + ", events, 0))"
	switch {
	case m == AverageRevenue:
		return "ifNotFinite(sum(revenue) / " + counted + ", nan)"
	case len(p.cube.Guarded) > 0:
		return "if(" + counted + " = 0, nan, toFloat64(sum(revenue)))"
	}
	return "toFloat64(sum(revenue))"
}

// revenueValue is a Revenue, or nil.
func (p *plan) revenueValue(goal string, v any) (any, error) {
	r := reflectValue(v)
	if r.Kind() != reflect.Float64 {
		return nil, fmt.Errorf("%T is no amount", v)
	}
	currency := p.currency(goal)
	if currency == "" || math.IsNaN(r.Float()) {
		return nil, nil
	}
	return newRevenue(currency, r.Float()), nil
}

func newRevenue(currency string, minor float64) Revenue {
	digits, _ := schema.CurrencyDigits(currency)
	value := math.Round(minor) / math.Pow10(digits)
	sign, amount := "", math.Abs(value)
	if value < 0 {
		sign = "-"
	}
	sign += symbolOf(currency)
	unit := ""
	short := amount
	for _, u := range []string{"K", "M", "B", "T"} {
		if math.Round(10*short) < 10_000 {
			break
		}
		short, unit = short/1000, u
	}
	return Revenue{
		Value: value, Currency: currency,
		Short: sign + strconv.FormatFloat(short, 'f', 1, 64) + unit,
		Long:  sign + thousands(strconv.FormatFloat(amount, 'f', digits, 64)),
	}
}

// thousands puts commas into a decimal number.
func thousands(number string) string {
	whole, fraction, hasFraction := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasFraction {
		whole += "." + fraction
	}
	return whole
}

// symbols are the signs by which currencies are known in English text.
var symbols = map[string]string{
	"AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "CN¥", "EUR": "€", "GBP": "£", "HKD": "HK$", "ILS": "₪", "INR": "₹", "JPY": "¥",
	"KRW": "₩", "MXN": "MX$", "NZD": "NZ$", "PHP": "₱", "TWD": "NT$", "USD": "$", "VND": "₫",
}

// symbolOf is the sign of a currency, or its code and a space that does not break.
func symbolOf(currency string) string {
	if s, ok := symbols[currency]; ok {
		return s
	}
	return currency + "\u00a0"
}
