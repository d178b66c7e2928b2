package stats

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// statement is SQL with the values of its parameters. No value that came from outside is in the text.
type statement struct {
	SQL    string            `json:"sql"`
	Params map[string]string `json:"params"`
}

// writer writes the statements of a question.
type writer struct {
	params map[string]string
	values int // number of parameters f0, f1, …
}

func newWriter() *writer { return &writer{params: map[string]string{}} }

// value makes a parameter of a filter's value and returns its place in the text.
func (w *writer) value(v string) string {
	name := "f" + strconv.Itoa(w.values)
	w.values++
	w.params[name] = v
	return "{" + name + ":String}"
}

func (w *writer) number(name, kind string, v int64) string {
	w.params[name] = strconv.FormatInt(v, 10)
	return "{" + name + ":" + kind + "}"
}

// rows is the statement for the answer's rows, and its layout, by which they are read.
func (p *plan) rows(order []Order) (statement, *layout) {
	w := newWriter()
	l := p.layout(w, order)
	columns := p.dimensionColumns(w)
	for _, c := range l.columns {
		columns = append(columns, c.String())
	}
	for i, flag := range l.flags {
		columns = append(columns, flag+" AS joined"+strconv.Itoa(i))
	}
	sql := "SELECT\n    " + strings.Join(columns, ",\n    ") + "\n" + p.from(w) + p.groups(w, l)
	if p.groupTotal(GroupConversionRate) != nil {
		sql = p.share(w, l, sql)
	}
	if len(p.query.Dimensions) > 0 {
		sql += "ORDER BY " + p.orderBy(order) + "\n"
	}
	return statement{strings.TrimSuffix(sql+p.limit(w), "\n"), w.params}, l
}

// limit is LIMIT, as far as it can leave out anything: there is one row without dimensions.
func (p *plan) limit(w *writer) string {
	if len(p.query.Dimensions) == 0 && p.page.Offset == 0 {
		return ""
	}
	limit := "LIMIT " + w.number("limit", "UInt64", int64(p.page.Limit))
	if p.page.Offset > 0 {
		limit += " OFFSET " + w.number("offset", "UInt64", int64(p.page.Offset))
	}
	return limit
}

// groupTotal is the question for the totals by group of which the metric is a share, or nil.
func (p *plan) groupTotal(m Metric) *plan {
	if total := p.totals[m]; total != nil && len(total.query.Dimensions) > 0 {
		return total
	}
	return nil
}

// share puts beside each row the total of its group.
func (p *plan) share(w *writer, l *layout, rows string) string {
	total := p.totals[GroupConversionRate]
	var columns, on []string
	for i, name := range p.query.Dimensions {
		columns = append(columns, "d"+strconv.Itoa(i))
		if j := slices.Index(total.query.Dimensions, name); j >= 0 {
			on = append(on, fmt.Sprintf("d%d = g%d", i, j))
		}
	}
	for i, m := range p.query.Metrics {
		column := "m" + strconv.Itoa(i)
		if m == GroupConversionRate {
			column = fmt.Sprintf("round(ifNotFinite(100 * n%d / total, nan), 2) AS m%d", i, i)
		}
		columns = append(columns, column)
	}
	for i := range l.flags {
		columns = append(columns, "joined"+strconv.Itoa(i))
	}
	var groups, keys []string
	for i, name := range total.query.Dimensions {
		groups = append(groups, total.dimensionColumn(w, name)+" AS g"+strconv.Itoa(i))
		keys = append(keys, "g"+strconv.Itoa(i))
	}
	groups = append(groups, total.sum(total.formula(Visitors).num)+" AS total")
	return "SELECT\n    " + strings.Join(columns, ",\n    ") + "\nFROM (\n" + rows + ") AS parts\nLEFT JOIN (\nSELECT\n    " +
		strings.Join(groups, ",\n    ") + "\n" + total.from(w) + "GROUP BY " + strings.Join(keys, ", ") + "\n) AS wholes ON " +
		strings.Join(on, " AND ") + "\n"
}

// count is the statement for the number of rows.
func (p *plan) count() statement {
	w := newWriter()
	columns := p.dimensionColumns(w)
	sql := "SELECT toInt64(count()) FROM (\nSELECT\n    " + strings.Join(columns, ",\n    ") + "\n" + p.from(w) +
		p.groups(w, &layout{}) + ")"
	return statement{sql, w.params}
}

// size is the statement for the number of counters among which the answer's are.
func (p *plan) size() statement {
	w := newWriter()
	cubes := "cube = '" + p.cube.Name + "'"
	if p.goals != nil && p.goals.pageCube != nil {
		cubes = fmt.Sprintf("cube IN ('%s', '%s')", p.cube.Name, p.goals.pageCube.Name)
	}
	return statement{"SELECT toInt64(count())\n" + p.scope(w, cubes), w.params}
}

// dimensionColumns are the columns d0, d1, … in the question's order, without those that are named here.
func (p *plan) dimensionColumns(w *writer) []string {
	var columns []string
	for i, name := range p.query.Dimensions {
		if p.codeOf(i) < 0 {
			columns = append(columns, p.dimensionColumn(w, name)+" AS d"+strconv.Itoa(i))
		}
	}
	return columns
}

// dimensionColumn is the SQL of a dimension.
func (p *plan) dimensionColumn(w *writer, name string) string {
	switch {
	case isTime(name) && p.interval == timeHour:
		return "toInt64(toUnixTimestamp(time))"
	case isTime(name):
		w.params["starts"] = "[" + joinStarts(p.span.buckets(p.interval)) + "]"
		return "roundDown(toUnixTimestamp(time), {starts:Array(UInt32)})"
	case name == goalDimension:
		return p.goals.column(w)
	}
	a, _, _ := attributeOf(name)
	return w.column(&a)
}

// codeOf is the dimension of codes that says which name each row has of a dimension of names, or -1. It must be another one of the
// question, and come first, so that names have no part in the order. The names are given here then: as a parameter of the statement
// the names of all regions are 90 KB, which cost as much as all else in it.
func (p *plan) codeOf(i int) int {
	name := p.query.Dimensions[i]
	a, _, _ := attributeOf(name)
	if isTime(name) || !a.isNamed() || p.groupTotal(GroupConversionRate) != nil ||
		slices.ContainsFunc(p.deciding(p.query.order()), func(o Order) bool { return o.Name == name }) {
		return -1
	}
	return slices.IndexFunc(p.query.Dimensions[:i], func(other string) bool {
		code, _, ok := attributeOf(other)
		return ok && code.dim == a.dim && code.expr == ""
	})
}

// column is the SQL of a dimension's value, with the parameters that it needs.
func (w *writer) column(a *attribute) string {
	switch a.expr {
	case countryNameExpr:
		w.params["country_codes"], w.params["country_names"] = nameLists(a.expr)
	case regionNameExpr:
		w.params["region_codes"], w.params["region_names"] = nameLists(a.expr)
	}
	return a.column()
}

// metricColumn is the SQL of a metric. A division by zero is not a number (nan).
func (p *plan) metricColumn(w *writer, m Metric) string {
	f := p.formula(m)
	if p.totals[m] != nil && p.groupTotal(m) == nil {
		return fmt.Sprintf("round(ifNotFinite(100 * %s / %s, nan), 2)", p.sum(f.num), p.allVisitors(w, m))
	}
	if p.role == vitalRole {
		return f.vitalColumn()
	}
	if f.share != "" {
		return percentileColumn(f.share)
	}
	if isRevenue(m) {
		return p.revenueColumn(m)
	}
	if !f.ratio {
		return p.counted(m, f)
	}
	scale := ""
	if f.scale != 1 {
		scale = strconv.FormatFloat(f.scale, 'f', -1, 64) + " * "
	}
	return fmt.Sprintf("round(ifNotFinite(%s%s / %s, nan), %d)", scale, p.sum(f.num), p.sum(f.den), f.digits)
}

// allVisitors is the SQL of the number of visitors of which the metric is a share in all rows.
func (p *plan) allVisitors(w *writer, m Metric) string {
	total := p.totals[m]
	from := strings.Join(strings.Fields(total.from(w)), " ")
	return fmt.Sprintf("(SELECT %s %s)", total.sum(total.formula(Visitors).num), from)
}

// counted is the sum of a metric that is none of the ratios.
func (p *plan) counted(m Metric, f *formula) string {
	if p.carries(m) {
		return fmt.Sprintf("sum(%s + if(time = %d, %s - %s, 0))", f.num, instant(p.span.From), schema.VisitsHour, schema.Visits)
	}
	return p.sum(f.num)
}

// percentileColumn is the middle of the bucket in which the visit lies below which there is that share of all, in seconds. The
// rows of a bucket are summed first: until they are merged, some of them take visits away.
func percentileColumn(share string) string {
	const buckets = "sumMap([toUInt64OrZero(bucket)], [visits])"
	bucket := fmt.Sprintf("tupleElement(%s, 1)[arrayFirstIndex(n -> n >= %s * arraySum(tupleElement(%s, 2)), "+
		"arrayCumSum(tupleElement(%s, 2)))]", buckets, share, buckets, buckets)
	return fmt.Sprintf("round(ifNotFinite(%s * 1.125 / 1000 / (sum(visits) > 0), nan), 0)", bucket)
}

// joined is 1 where the row adds up more than one tuple of the dimensions. It looks at hashes of the tuples, which costs a third of
// comparing the texts: a hash is reckoned once for each value and not for each counter. That two tuples of a row have the same one
// is as likely as that 64 coins fall alike, and would leave out a warning, never change a number. uniqUpTo(1) keeps the first hash
// and stops at a second one; min and max of the tuple say it twice, and what is said costs more than what is reckoned.
func joined(open []schema.Dimension) string {
	var hash []string
	for i, d := range open {
		part := fmt.Sprintf("sipHash64(%s)", d)
		if i > 0 {
			part = fmt.Sprintf("%d * %s", 2*i+1, part) // so that values which change places give another sum
		}
		hash = append(hash, part)
	}
	return "uniqUpTo(1)(" + strings.Join(hash, " + ") + ") > 1"
}

// from is FROM and the conditions.
func (p *plan) from(w *writer) string {
	var b strings.Builder
	cube := fmt.Sprintf("cube = '%s'", p.cube.Name)
	if p.goals != nil {
		cube = p.goals.where(w, p.cube)
	}
	b.WriteString(p.scope(w, cube))
	if p.prop != "" {
		fmt.Fprintf(&b, "  AND prop = %s\n", w.value(p.prop))
	}
	if p.segment != nil {
		fmt.Fprintf(&b, "  AND segment = %s\n", w.value(p.segment.Key()))
	}
	if p.goals == nil && p.cube.Has(schema.EventName) {
		b.WriteString("  AND position(event, '\\t') = 0\n") // no goals that are counted like events
	}
	for i := range p.query.Filters {
		if f := &p.query.Filters[i]; f.Dimension != goalDimension && f.Dimension != segmentDimension {
			b.WriteString("  AND " + w.filter(f) + "\n")
		}
	}
	return b.String()
}

// scope is FROM, and which site, cube and time. Site and time are numbers that this program reckoned, and no parameters: each of
// those costs the engine as much as a tenth of reading a month of a small cube. All conditions are in PREWHERE, where the engine
// would put them by itself after a search that costs as much as three parameters.
func (p *plan) scope(w *writer, cube string) string {
	sites := fmt.Sprintf("site_id = %d", p.site.ID)
	if len(p.query.also) > 0 {
		ids := []string{strconv.FormatUint(uint64(p.site.ID), 10)}
		for _, id := range p.query.also {
			ids = append(ids, strconv.FormatUint(uint64(id), 10))
		}
		sites = "site_id IN (" + strings.Join(ids, ", ") + ")"
	}
	return fmt.Sprintf("FROM counts\nPREWHERE %s AND %s\n  AND time >= %d AND time < %d\n", sites, cube,
		instant(p.span.From), instant(p.span.To)) + p.outside(w)
}

// instant is a time as the column has it: the seconds since 1970 in 32 bits.
func instant(t time.Time) int64 { return min(max(t.Unix(), 0), math.MaxUint32) }

// groups is GROUP BY and HAVING: rows in which nothing that was asked for is counted are left out. What is a column is called by its
// name.
func (p *plan) groups(w *writer, l *layout) string {
	if len(p.query.Dimensions) == 0 {
		return ""
	}
	var keys, counted []string
	city, byCity := p.cityKey()
	for i, name := range p.query.Dimensions {
		if a, _, _ := attributeOf(name); p.codeOf(i) < 0 && !(byCity && a.dim == schema.City) {
			keys = append(keys, "d"+strconv.Itoa(i))
		}
	}
	if byCity {
		keys = append(keys, city)
	}
	for _, m := range p.query.Metrics {
		f := p.formula(m)
		sum := p.sum(f.num)
		switch {
		case isRevenue(m): // of an event without an amount it is null, and not left out
			sum = p.sum(schema.Events)
		case !f.ratio:
			sum = p.counted(m, f)
		case m != ExitRate: // a page that nobody left by is no exit page
			sum = p.sum(f.den)
		}
		if !isRevenue(m) {
			sum = p.known(w, m, sum)
		}
		if i := l.find(sum); i >= 0 {
			sum = l.columns[i].name
		}
		condition := sum + " != 0"
		if !slices.Contains(counted, condition) {
			counted = append(counted, condition)
		}
	}
	return "GROUP BY " + strings.Join(keys, ", ") + "\nHAVING " + strings.Join(counted, " OR ") + "\n"
}

// cityKey is the column of cities, for a question that has both their numbers and names: what is stored is both, and to group by it
// costs a third less than to take each counter's apart.
func (p *plan) cityKey() (string, bool) {
	has := func(expr string) bool {
		return slices.ContainsFunc(p.query.Dimensions, func(name string) bool {
			a, _, _ := attributeOf(name)
			return a.expr == expr
		})
	}
	return schema.City.String(), has(cityIDExpr) && has(cityNameExpr)
}

// orderBy has all dimensions, so that rows have one order.
func (p *plan) orderBy(order []Order) string {
	var keys, named []string
	for _, o := range p.deciding(order) {
		key := "m" + strconv.Itoa(slices.Index(p.query.Metrics, Metric(o.Name)))
		if i := slices.Index(p.query.Dimensions, o.Name); i >= 0 {
			key = "d" + strconv.Itoa(i)
		}
		named = append(named, key)
		if o.Descending {
			key += " DESC"
		}
		keys = append(keys, key)
	}
	for i := range p.query.Dimensions {
		if key := "d" + strconv.Itoa(i); !slices.Contains(named, key) && p.codeOf(i) < 0 {
			keys = append(keys, key)
		}
	}
	return strings.Join(keys, ", ")
}

// deciding is the part of the order that decides anything: rows that are alike in all dimensions are one row.
func (p *plan) deciding(order []Order) []Order {
	left := slices.Clone(p.query.Dimensions)
	for i, o := range order {
		if len(left) == 0 {
			return order[:i]
		}
		left = slices.DeleteFunc(left, func(name string) bool { return name == o.Name })
	}
	return order
}
