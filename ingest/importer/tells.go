package importer

import (
	"maps"
	"reflect"
	"slices"

	"turf/schema"
)

// What an import tells is recorded with it ([Record.Tells]), so that an answer never takes what is not known of its days for 0. It is
// derived here, from the tables by which the imports count and from the columns that are there.

// tablesHave reports whether a table was told of a day, with the column; "" asks for the table alone.
type tablesHave func(table, column string, day schema.Day) bool

// tellTables is what tables of sums tell of the days, those of which they tell the same together.
func tellTables(source string, order []sumsTable, days map[schema.Day]bool, have tablesHave) []schema.Imported {
	var all []schema.Imported
	index := map[string]int{}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		there := signature(order, day, have)
		i, ok := index[there]
		if !ok {
			i = len(all)
			index[there] = i
			told := toldOf(order, func(table, column string) bool { return have(table, column, day) })
			all = append(all, schema.Imported{Source: source, Told: told})
		}
		all[i].Days = schema.AddDay(all[i].Days, day)
	}
	return all
}

// signature is which of the columns that matter are there on a day, a byte each.
func signature(order []sumsTable, day schema.Day, have tablesHave) string {
	var there []byte
	add := func(table, column string) {
		if have(table, column, day) {
			there = append(there, '1')
		} else {
			there = append(there, '0')
		}
	}
	for i := range order {
		add(order[i].name, "")
		for _, target := range order[i].targets {
			for m := range schema.NumMetrics {
				add(order[i].name, target.metrics[m])
			}
			for d := range schema.NumDimensions {
				add(order[i].name, target.dimensions[d])
			}
		}
	}
	return string(there)
}

// toldOf is what the tables that are there tell.
func toldOf(order []sumsTable, has func(table, column string) bool) []schema.Told {
	told := []schema.Told{}
	for i := range order {
		table := &order[i]
		if !has(table.name, "") {
			continue
		}
		for j := range table.targets {
			target := &table.targets[j]
			cube, _ := schema.CubeByID(target.cube)
			t := schema.Told{Cube: cube.Name}
			if target.dimensions[schema.Prop] == propColumn {
				t.Only = plausibleProps
			}
			for m := range schema.NumMetrics {
				column, ok := target.metrics[m]
				if ok && has(table.name, column) && !target.standsIn(m) {
					t.Metrics = append(t.Metrics, m.String())
				}
			}
			for _, d := range cube.Dimensions {
				if !toldDimension(table.name, target.dimensions[d], has) {
					t.Without = append(t.Without, d.String())
				}
			}
			same := func(o schema.Told) bool { return reflect.DeepEqual(o, t) } // several tables tell of sources
			if t.Metrics == nil || slices.ContainsFunc(told, same) {
				continue
			}
			told = append(told, t)
		}
	}
	return told
}

// standsIn reports whether the target counts visits by the column of visitors, for want of its own, and some came twice. That is not told.
func (t *tableTarget) standsIn(m schema.Metric) bool {
	return m == schema.Visits && t.metrics[m] == t.metrics[schema.Visitors]
}

// toldDimension reports whether the column, from which a dimension is read, tells it.
func toldDimension(table, column string, has func(table, column string) bool) bool {
	needs := []string{column}
	switch column {
	case "", otherColumn, hostnameColumn:
		return false // hostnameColumn is a guess where a path is on several hosts
	case channelColumn:
		needs = []string{"source", "referrer", "utm_source", "utm_medium", "utm_campaign"}
	case cityColumn:
		needs = []string{"city"}
	case propColumn, valueColumn:
		needs = []string{"link_url", "path"}
	}
	return !slices.ContainsFunc(needs, func(c string) bool { return !has(table, c) })
}

// toldMetrics are the metrics that follow from page views and custom events with their times, as the core counts them of rows and logs.
// How long a page was looked at, and amounts of money, no tool's rows tell.
var toldMetrics = []schema.Metric{
	schema.Visitors, schema.VisitorsHour, schema.Visits, schema.VisitsHour, schema.Pageviews, schema.Events, schema.CustomEvents,
	schema.Bounces, schema.Duration, schema.Entries, schema.Exits, schema.EntryVisitors, schema.ExitVisitors,
}

// rowsTold is what events tell of which the given dimensions are known. customEvents: they are not page views alone.
func rowsTold(known []schema.Dimension, customEvents bool) []schema.Told {
	told := []schema.Told{}
	for i := range schema.Cubes {
		cube := &schema.Cubes[i]
		events := cube.HasAspect(schema.EventAspect)
		if !cube.OfVisits() && !cube.HasAspect(schema.NextAspect) || events && !customEvents || cube.TwinOf != 0 {
			continue
		}
		twin := cube.Twin()
		t := schema.Told{Cube: cube.Name}
		for _, m := range toldMetrics {
			if (cube.Keeps(m) || twin != nil && twin.Keeps(m)) && (m != schema.CustomEvents || customEvents) {
				t.Metrics = append(t.Metrics, m.String())
			}
		}
		for _, d := range cube.Dimensions {
			if !slices.Contains(known, d) && d != schema.NextPath {
				t.Without = append(t.Without, d.String())
			}
		}
		told = append(told, t)
	}
	return told
}

// withoutEventPages takes out of what is told on which pages events were.
func withoutEventPages(t *schema.Told) {
	cube := &schema.Cubes[slices.IndexFunc(schema.Cubes, func(c schema.Cube) bool { return c.Name == t.Cube })]
	switch {
	case !cube.HasAspect(schema.PageAspect) || !cube.OfVisits():
	case cube.HasAspect(schema.EventAspect):
		t.Without = append(t.Without, schema.Hostname.String(), schema.Path.String())
	default:
		t.Metrics = slices.DeleteFunc(t.Metrics, func(m string) bool { return m == schema.CustomEvents.String() })
	}
}

// logDimensions is what a line of a log tells of a page view: without bare also its referrer and its agent.
func logDimensions(bare bool) []schema.Dimension {
	known := []schema.Dimension{
		schema.Hostname, schema.Path, schema.Campaign, schema.UTMSource, schema.UTMMedium, schema.UTMContent, schema.UTMTerm,
		schema.Country, schema.Region, schema.City,
	}
	if bare {
		return known
	}
	return append(known, schema.Channel, schema.Source, schema.Referrer, schema.Device, schema.Browser, schema.BrowserVersion, schema.OS,
		schema.OSVersion)
}

func logTold(bare bool) []schema.Told { return rowsTold(logDimensions(bare), false) }

// toldBefore is what every import told before [Record.Tells] was there and of which it is not known any more which tool it was of.
var toldBefore = []schema.Told{{Cube: schema.Cubes[schema.CubeTraffic-1].Name, Metrics: []string{
	schema.Visitors.String(), schema.Visits.String(), schema.Pageviews.String(), schema.Bounces.String(), schema.Duration.String(),
}}}

// Imported is what of the site's days the import tells.
func (r *Record) Imported() ([]schema.Imported, error) {
	days, err := r.daySpans()
	if err != nil || len(days) == 0 {
		return nil, err
	}
	isLog := r.Digests != nil
	tells := slices.Clone(r.Tells)
	switch {
	case tells == nil && isLog:
		tells = []schema.Imported{{Source: logSource, Hours: true, Told: logTold(false)}}
	case tells == nil:
		tells = []schema.Imported{{Told: toldBefore}}
	}
	for i := range tells {
		if isLog {
			tells[i].Days = days // each is recorded once it is counted
			continue
		}
		if tells[i].Days == nil {
			tells[i].Days = days
		}
		tells[i].Running = r.Running != ""
	}
	return tells, nil
}

// logSource is the source of what is imported from logs.
const logSource = "log"

// daySpans are the days of the record, in order.
func (r *Record) daySpans() ([]schema.DaySpan, error) {
	var days []schema.Day
	for text := range r.Days {
		d, err := schema.ParseDay(text)
		if err != nil {
			return nil, err
		}
		days = append(days, d)
	}
	slices.Sort(days)
	var spans []schema.DaySpan
	for _, d := range days {
		spans = schema.AddDay(spans, d)
	}
	return spans, nil
}

// EarlierFile is the file of an export of Turf's that says what is not known of its days: a list of schema.Imported, in JSON. Without it,
// what was not known when it was exported would read 0 where it is imported again.
const EarlierFile = "turf_imports.json"

// limitTold takes out of what an export tells what was not known of its days to the site that it is from.
func limitTold(tells, earlier []schema.Imported) []schema.Imported {
	for i := range earlier {
		var limited []schema.Imported
		for _, im := range tells {
			days := schema.CommonDays(im.Days, earlier[i].Days)
			if rest := schema.WithoutDays(im.Days, days); len(rest) > 0 {
				limited = append(limited, schema.Imported{Source: im.Source, Hours: im.Hours, Days: rest, Told: im.Told})
			}
			if len(days) > 0 {
				limited = append(limited, schema.Imported{
					Source: im.Source, Hours: im.Hours, Days: days, Told: toldByBoth(im.Told, earlier[i].Told),
				})
			}
		}
		tells = limited
	}
	return schema.MergeImported(tells)
}

// toldByBoth is what is in a and in b.
func toldByBoth(a, b []schema.Told) []schema.Told {
	both := []schema.Told{}
	for i := range a {
		for j := range b {
			if hoursName(a[i].Cube) != hoursName(b[j].Cube) {
				continue
			}
			t := schema.Told{Cube: a[i].Cube, Without: slices.Clone(a[i].Without), Only: a[i].Only}
			for _, m := range a[i].Metrics {
				if slices.Contains(b[j].Metrics, m) {
					t.Metrics = append(t.Metrics, m)
				}
			}
			for _, d := range b[j].Without {
				if !slices.Contains(t.Without, d) {
					t.Without = append(t.Without, d)
				}
			}
			if t.Only == nil {
				t.Only = b[j].Only // one tool has such dimensions, so that both have the same
			}
			if t.Metrics != nil {
				both = append(both, t)
			}
		}
	}
	return both
}

// hoursName is the name of the cube of hours whose twin the named cube is, or that name: a version before told of twins apart.
func hoursName(name string) string {
	for i := range schema.Cubes {
		if hours, isTwin := schema.CubeByID(schema.Cubes[i].TwinOf); isTwin && schema.Cubes[i].Name == name {
			return hours.Name
		}
	}
	return name
}
