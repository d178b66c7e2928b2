package stats

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"turf/schema"
)

// Kept is what an installation or a site decides of the counters. The zero value is what holds unless it is changed.
type Kept struct {
	// Server: it is what a running server keeps, so nothing is left to its installation.
	Server bool
	// RetentionDays is for how many days counters are kept; 0 is for ever.
	RetentionDays int
	// Site is the name of the site of which K is; empty: of any.
	Site string
	// K is the least number of visitors of the day in a guarded cell; 0 is schema.DefaultK.
	K int
}

// Counters is the page "What Turf keeps", as Markdown: all that is kept of visitors who were not asked, and what can be asked of it. It
// is made of the catalogue and of the planner's own tables alone, so a cube, metric or dimension that is added is on it.
func Counters(k Kept) string { return countersOf(schema.Cubes, k) }

// countersPage is the page as it is written.
type countersPage struct {
	strings.Builder
	cubes    []schema.Cube
	together []Combination // the planner's, of these cubes
	kept     Kept
}

func countersOf(cubes []schema.Cube, k Kept) string {
	p := &countersPage{cubes: cubes, together: combinationsOf(cubes), kept: k}
	p.intro()
	p.cubeTable()
	p.answersTable()
	p.dimensionTable()
	p.metricTable()
	p.matrix()
	p.sets()
	return p.String()
}

func (p *countersPage) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// heads begins a table.
func (p *countersPage) heads(names ...string) {
	p.row(names...)
	p.f("|%s\n", strings.Repeat("---|", len(names)))
}

func (p *countersPage) row(cells ...string) {
	for _, c := range cells {
		p.f("| %s ", strings.ReplaceAll(c, "|", `\|`))
	}
	p.f("|\n")
}

func (p *countersPage) intro() {
	k, whose := p.kept.K, "unless a site says otherwise"
	if k == 0 {
		k = schema.DefaultK
	}
	if p.kept.Site != "" {
		whose = "at " + p.kept.Site + ", today"
	}
	how := "for ever"
	switch {
	case p.kept.RetentionDays > 0:
		how = fmt.Sprintf("for %d days, and deleted then", p.kept.RetentionDays)
	case !p.kept.Server:
		how += ", unless the installation says otherwise (`--retention-days`)"
	}
	p.f(`# What Turf keeps

This is all that the counting path stores of visits. The tables below are made from the catalogue from which the database, the
writer and the planner are made, and say what those do. What people gave their consent to is elsewhere, in tables of its own.

All counters are in one table, %[1]scounts%[1]s. A row is a *cell* of a *cube*: the site, the cube, the start of an hour or a day of the
site's own time zone, a value of each of the cube's dimensions, and sums. No column holds an address, a user agent, an id of a
visitor, visit or device, a hash of one, or the time of a single event; the finest time is an hour.

- **k is %[2]d** %[3]s. A guarded value appears from k visitors of the day in its cell on, and reads %[1]s%[4]s%[1]s until
  then; a withheld cell is in no table before. Totals are exact.
- **Rows are kept** %[5]s.
- A value has at most %[6]d bytes. A cube that folds has at most %[7]s cells of a site and day; in those that come later, the folded
  dimensions read %[1]s%[4]s%[1]s, and withheld ones are not counted.
`, "`", k, whose, schema.Other, how, schema.MaxValueBytes, thousands(strconv.Itoa(schema.LimitCellsPerDay)))
}

// cubeTable says what each cube is of and what protects it.
func (p *countersPage) cubeTable() {
	p.f("\n## The cubes\n\nA cube is crossed over at most two sides of a visit, so that no two counters can be joined on a person.\n\n")
	p.heads("cube", "by", "dimensions", "sides of a visit", "guarded by k", "folded past the limit", "")
	for i := range p.cubes {
		c := &p.cubes[i]
		var sides, notes []string
		for a := range schema.NumVisitAspects {
			if c.HasAspect(a) {
				sides = append(sides, a.String())
			}
		}
		if c.Has(schema.SegmentKey) {
			notes = append(notes, "and those that the segment's filter names")
		}
		if c.Withheld {
			notes = append(notes, "withheld below k")
		}
		if hours := p.hoursOf(c); hours != nil {
			notes = append(notes, "what "+code(hours.Name)+" has by the hour and more")
		}
		p.row(code(c.Name), c.Grain.String(), columns(c.Dimensions), strings.Join(sides, " × "), columns(c.Guarded),
			columns(c.Folded), strings.Join(notes, "; "))
	}
}

// hoursOf is the cube whose twin c is, or nil.
func (p *countersPage) hoursOf(c *schema.Cube) *schema.Cube {
	i := slices.IndexFunc(p.cubes, func(o schema.Cube) bool { return c.TwinOf != 0 && o.ID == c.TwinOf })
	if i < 0 {
		return nil
	}
	return &p.cubes[i]
}

// answersTable says which sums a cube has, and which metrics of the API are read from them.
func (p *countersPage) answersTable() {
	p.f("\n## What each cube counts and answers\n\nMetrics of the API are listed by the reading of the cube that they take. Shares of "+
		"visitors (%s) go wherever both numbers of visitors are answered. Of segments, metrics of whole visits are answered where the filter "+
		"names only what holds for a whole visit. Of %s, what is asked by the hour or of a part of a day is answered, and the rest by the "+
		"cube of days that has it.\n\n", codes(shares()), codes(p.withTwins()))
	p.heads("cube", "sums", "answers")
	for i := range p.cubes {
		c := &p.cubes[i]
		var sums, answers []string
		for m := range schema.NumMetrics {
			if c.Keeps(m) {
				sums = append(sums, m.String())
			}
		}
		for _, r := range rolesOf(c) {
			if names := metricsOf(c, r); len(names) > 0 {
				answers = append(answers, "by "+r.String()+": "+codes(names))
			}
		}
		if c.HasAspect(schema.FunnelAspect) {
			answers = append(answers, "the steps of funnels")
		}
		p.row(code(c.Name), codes(sums), strings.Join(answers, "; "))
	}
}

// withTwins are the cubes of hours that have a twin of days.
func (p *countersPage) withTwins() (names []string) {
	for i := range p.cubes {
		if hours := p.hoursOf(&p.cubes[i]); hours != nil {
			names = append(names, hours.Name)
		}
	}
	return names
}

func shares() (names []string) {
	for _, m := range allMetrics {
		if isShare(m) {
			names = append(names, string(m))
		}
	}
	return names
}

// rolesOf are the readings that questions can take of a cube.
func rolesOf(c *schema.Cube) []role {
	switch {
	case c.HasAspect(schema.FunnelAspect):
		return nil
	case c.HasAspect(schema.DropAspect):
		return []role{dropRole}
	case c.Has(schema.VitalName):
		return []role{vitalRole}
	case c.HasAspect(schema.EventAspect):
		return []role{eventRole}
	case c.HasAspect(schema.MeasureAspect), c.HasAspect(schema.NextAspect):
		return []role{pageRole}
	}
	return pageRoles(c)
}

// metricsOf are the metrics of the API that are read from the cube in a role. Shares aside: they are of two questions.
func metricsOf(c *schema.Cube, r role) (names []string) {
	for _, m := range allMetrics {
		f := formulas[m][r]
		if r == vitalRole {
			f = vitalFormulas[m]
		}
		if f != nil && c.Twin() != nil { // which answers all that is not asked by the hour
			f = f.byHour()
		}
		if f == nil || !f.keptBy(c) || m == ExitRate && c.Twin() != nil || isPercentile(m) != (c.Has(schema.Bucket) && r == pageRole) ||
			isRevenue(m) && (c.HasAspect(schema.SegmentAspect) || c.Has(schema.Prop)) {
			continue
		}
		names = append(names, string(m))
	}
	return names
}

// dimensionTable says of each column of values what it is called, how many it can have, and what keeps the promises.
func (p *countersPage) dimensionTable() {
	p.f("\n## The dimensions\n\nA *core* dimension may be crossed with one other side; a *fine* one is counted inside its own side only.\n\n")
	p.heads("column", "is", "side", "", "in questions", "values a site and day", "only from k visitors on in")
	for d := range schema.NumDimensions {
		info := schema.Dimensions[d]
		var guarded []string
		for i := range p.cubes {
			if slices.Contains(p.cubes[i].Guarded, d) {
				guarded = append(guarded, p.cubes[i].Name)
			}
		}
		kind := "fine"
		if info.Core {
			kind = "core"
		}
		if info.Aspect >= schema.NumVisitAspects {
			kind = "no side of a visit"
		}
		p.row(code(info.Column), info.Title, info.Aspect.String(), kind, codes(wireNames(d)),
			thousands(strconv.Itoa(info.LimitPerDay)), codes(guarded))
	}
}

// wireNames are the names of a dimension in questions.
func wireNames(d schema.Dimension) (names []string) {
	for i := range attributes {
		if attributes[i].dim == d {
			names = append(names, attributes[i].name)
		}
	}
	switch d {
	case schema.Prop, schema.PropValue:
		names = append(names, propPrefix+"NAME")
	case schema.SegmentKey:
		names = append(names, segmentDimension)
	}
	return names
}

// metricTable says what each column of sums is.
func (p *countersPage) metricTable() {
	p.f("\n## The sums\n\nEach is a sum of whole numbers over all in the cell. A cell of dimensions that are not guarded may be of " +
		"one visitor: it then says that somebody was there, and not who.\n\n")
	p.heads("column", "counts", "")
	for m := range schema.NumMetrics {
		info := schema.Metrics[m]
		var notes []string
		for _, n := range []struct {
			is   bool
			text string
		}{
			{info.WholeDays, "means something over whole days only"},
			{info.HourOnly, "kept by the hour only"},
			{info.PageOnly, "kept by page only"},
			{info.EventOnly, "kept by event only"},
			{info.PageDays, "kept in `pages_daily` only"},
		} {
			if n.is {
				notes = append(notes, n.text)
			}
		}
		p.row(code(info.Column), schema.MetricTexts[info.Column], strings.Join(notes, "; "))
	}
}

// matrix says of each two names whether they can be asked together. Names that go with the same others share a line.
func (p *countersPage) matrix() {
	all := p.together
	var groups [][]string
	for _, name := range namesIn(all) {
		i := slices.IndexFunc(groups, func(g []string) bool { return alike(all, g[0], name) })
		if i < 0 {
			groups = append(groups, []string{name})
			continue
		}
		groups[i] = append(groups[i], name)
	}
	p.f("\n## What can be combined\n\nIn one question, as dimensions or filters: **h** by the hour and by the day, **d** by whole days "+
		"only, · not together. The planner and the page have the same table, at `/api/combinations`. `%sNAME` goes with %s only.\n\n",
		propPrefix, codes(p.withProps()))
	if apart := apartFrom(all); len(apart) > 0 {
		p.f("Only with the dimensions of their own cubes above: %s.\n\n", codes(apart))
	}
	heads := []string{"", ""}
	for i := range groups {
		heads = append(heads, fmt.Sprint(i+1))
	}
	p.heads(heads...)
	for i, g := range groups {
		cells := []string{fmt.Sprint(i + 1), codes(g)}
		for _, o := range groups {
			cells = append(cells, finest(all, g[0], o[len(o)-1]))
		}
		p.row(cells...)
	}
}

// withProps are the names that go with a property of events.
func (p *countersPage) withProps() (names []string) {
	for i := range p.cubes {
		for _, d := range p.cubes[i].Dimensions {
			if !p.cubes[i].Has(schema.PropValue) || d == schema.Prop || d == schema.PropValue {
				continue
			}
			for _, name := range wireNames(d) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

func namesIn(all []Combination) (names []string) {
	for _, c := range all {
		for _, name := range c.Dimensions {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// apartFrom are the names that are in no combination.
func apartFrom(all []Combination) (names []string) {
	in := namesIn(all)
	for i := range attributes {
		if name := attributes[i].name; !slices.Contains(in, name) {
			names = append(names, name)
		}
	}
	return names
}

// alike reports whether two names go with each other and with the same others.
func alike(all []Combination, a, b string) bool {
	same := func(c Combination) bool { return slices.Contains(c.Dimensions, a) == slices.Contains(c.Dimensions, b) }
	return !slices.ContainsFunc(all, func(c Combination) bool { return !same(c) })
}

// finest is the finest time by which both can be asked.
func finest(all []Combination, a, b string) string {
	found := "·"
	for _, c := range all {
		if !slices.Contains(c.Dimensions, a) || !slices.Contains(c.Dimensions, b) {
			continue
		}
		if c.Grain == schema.Hourly.String() {
			return "h"
		}
		found = "d"
	}
	return found
}

// sets are the combinations in full: three names of which each two go together need not go together.
func (p *countersPage) sets() {
	p.f("\nThree and more can be asked together when one of these sets has all of them:\n\n")
	p.heads("by", "together")
	for _, c := range p.together {
		p.row(c.Grain, codes(c.Dimensions))
	}
}

func code(s string) string { return "`" + s + "`" }

func codes(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = code(n)
	}
	return strings.Join(quoted, ", ")
}

func columns(dims []schema.Dimension) string {
	names := make([]string, len(dims))
	for i, d := range dims {
		names[i] = d.String()
	}
	return codes(names)
}
