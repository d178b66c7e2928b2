package stats

import (
	"math"
	"regexp"
	"strings"

	"turf/aggregate"
	"turf/schema"
)

// The naive reckoning answers questions from the raw events, by the definitions of the metrics alone. It groups each day's events by
// visitor and by visit, writes down one fact for each thing that counts somewhere, and goes through all of them for each question.
// It shares no code with the core, the cubes or the SQL.

// fact is something that happened in a visit. Facts of a visitor's day follow one another, and so do those of a visit.
type fact struct {
	visitor, visit int32 // numbers of the visitor's day and of the visit; neither is in two days
	hour           int32 // since the week began
	day            uint8
	here           bool // the visitor and the visit were here; else the fact only adds to the sums
	values         [schema.NumDimensions]uint8
	sums           [numSums]int32
}

// What facts add up to.
const (
	viewsSum  = iota
	eventsSum // page views and custom events
	begunSum  // visits that began, or that entered or left here
	bouncesSum
	durationSum       // seconds, of visits that are no bounces
	leftSum           // visits that ended here
	engagedSum        // milliseconds
	engagedSecondsSum // of each visit and page, to the nearest one
	engagedVisitsSum
	scrollSum // percent
	scrollVisitsSum
	amountSum // minor units
	amountsSum
	numSums
)

// Lists of facts, by what a question is about.
const (
	visitFacts = iota
	pageFacts
	entryFacts
	exitFacts
	eventFacts
	propFacts
	goalFacts
	goalPropFacts
	nextFacts
	numFacts
)

// reckoner has all facts of a week.
type reckoner struct {
	skip     map[uint8]bool // days that are left out
	week     *madeWeek
	start    int64 // Unix seconds
	facts    [numFacts][]fact
	values   [schema.NumDimensions][]string
	numbers  [schema.NumDimensions]map[string]uint8
	visitors int32
	visits   int32
	several  struct{ sources, campaigns int } // visitors' days with several sources, and with several campaigns of one source
}

func newReckoner(w *madeWeek) *reckoner {
	k := &reckoner{week: w, start: w.first.Start(w.loc).Unix()}
	for d := range k.numbers {
		k.numbers[d] = map[string]uint8{}
	}
	for day := range w.days {
		byVisitor := map[aggregate.Key][]*aggregate.Event{}
		var order []aggregate.Key
		for _, e := range w.days[day] {
			if byVisitor[e.Visitor] == nil {
				order = append(order, e.Visitor)
			}
			byVisitor[e.Visitor] = append(byVisitor[e.Visitor], e)
		}
		for _, key := range order {
			k.visitorDay(uint8(day), visitsOf(byVisitor[key]))
		}
	}
	return k
}

// visitsOf cuts the events of a visitor's day into visits: after a pause of more than 30 minutes the next begins, unless it were with
// an engagement.
func visitsOf(events []*aggregate.Event) (visits [][]*aggregate.Event) {
	last := int64(math.MinInt64 / 2)
	for _, e := range events {
		switch {
		case e.Time-last <= 30*60:
			visits[len(visits)-1] = append(visits[len(visits)-1], e)
		case e.Kind == aggregate.Engagement:
			continue
		default:
			visits = append(visits, []*aggregate.Event{e})
		}
		last = e.Time
	}
	return visits
}

func (k *reckoner) visitorDay(day uint8, visits [][]*aggregate.Event) {
	if len(visits) == 0 {
		return
	}
	k.visitors++
	campaigns := map[[2]string]map[string]bool{}
	for _, events := range visits {
		k.visits++
		first := events[0]
		k.visit(day, events, func(e *aggregate.Event, name string) (v [schema.NumDimensions]uint8) {
			for d := range schema.NumDimensions {
				value := e.Values[d]
				switch schema.Dimensions[d].Aspect {
				case schema.SourceAspect:
					value = first.Values[d]
				case schema.PlaceAspect, schema.DeviceAspect:
					value = visits[0][0].Values[d]
				}
				v[d] = k.number(d, value)
			}
			v[schema.EventName] = k.number(schema.EventName, name)
			return v
		})
		source := [2]string{first.Values[schema.Channel], first.Values[schema.Source]}
		if campaigns[source] == nil {
			campaigns[source] = map[string]bool{}
		}
		campaigns[source][first.Values[schema.Campaign]] = true
	}
	if len(campaigns) > 1 {
		k.several.sources++
	}
	for _, of := range campaigns {
		if len(of) > 1 {
			k.several.campaigns++
			break
		}
	}
}

// number numbers a value of a dimension.
func (k *reckoner) number(d schema.Dimension, value string) uint8 {
	n, ok := k.numbers[d][value]
	if !ok {
		n = uint8(len(k.values[d]))
		k.numbers[d][value] = n
		k.values[d] = append(k.values[d], value)
		if len(k.values[d]) > math.MaxUint8 {
			panic("too many values of " + d.String())
		}
	}
	return n
}

// valuesOf are the values of an event under a name.
type valuesOf func(e *aggregate.Event, name string) [schema.NumDimensions]uint8

func (k *reckoner) add(list int, day uint8, at int64, here bool, values [schema.NumDimensions]uint8, sums map[int]int64) {
	f := fact{
		visitor: k.visitors, visit: k.visits, hour: int32((at - k.start) / 3600), day: day, here: here, values: values,
	}
	for s, n := range sums {
		f.sums[s] = int32(n)
	}
	k.facts[list] = append(k.facts[list], f)
}

// page is a page of a visit.
type page struct{ host, path string }

func pageOf(e *aggregate.Event) page { return page{e.Values[schema.Hostname], e.Values[schema.Path]} }

// visit writes down the facts of one visit.
func (k *reckoner) visit(day uint8, events []*aggregate.Event, values valuesOf) {
	first, last := events[0], events[len(events)-1]
	var views []*aggregate.Event
	active := false
	for _, e := range events {
		isView, counted := b2i(e.Kind == aggregate.Pageview), b2i(e.Kind != aggregate.Engagement)
		sums := map[int]int64{viewsSum: isView, eventsSum: counted}
		k.add(visitFacts, day, e.Time, true, values(e, ""), sums)
		if counted > 0 {
			k.add(pageFacts, day, e.Time, true, values(e, ""), sums)
		}
		if isView > 0 {
			if len(views) > 0 && pageOf(views[len(views)-1]) != pageOf(e) {
				v := values(views[len(views)-1], "")
				v[schema.NextPath] = k.number(schema.NextPath, e.Values[schema.Path])
				k.add(nextFacts, day, e.Time, true, v, map[int]int64{eventsSum: 1})
			}
			views = append(views, e)
			k.add(exitFacts, day, e.Time, false, values(e, ""), map[int]int64{viewsSum: 1})
		}
		active = active || e.Kind == aggregate.Custom && !e.Passive
		k.named(day, e, values)
	}
	whole := map[int]int64{begunSum: 1, durationSum: last.Time - first.Time}
	if len(views) < 2 && !active {
		whole = map[int]int64{begunSum: 1, bouncesSum: 1}
	}
	k.add(visitFacts, day, first.Time, false, values(first, ""), whole)
	if len(views) > 0 {
		entry, exit := values(views[0], ""), values(views[len(views)-1], "")
		k.add(pageFacts, day, first.Time, false, entry, whole)
		k.add(entryFacts, day, first.Time, true, entry, whole)
		k.add(exitFacts, day, first.Time, true, exit, map[int]int64{leftSum: 1})
	}
	k.engaged(day, events, values)
	k.goals(day, events, values)
}

// named writes down what a custom event counts for, and the properties of an event.
func (k *reckoner) named(day uint8, e *aggregate.Event, values valuesOf) {
	name := "pageview"
	if e.Kind == aggregate.Custom {
		name = e.Values[schema.EventName]
		k.add(eventFacts, day, e.Time, true, values(e, name), map[int]int64{eventsSum: 1})
	}
	for _, p := range e.Props {
		v := values(e, name)
		v[schema.Prop], v[schema.PropValue] = k.number(schema.Prop, p.Name), k.number(schema.PropValue, p.Value)
		k.add(propFacts, day, e.Time, true, v, map[int]int64{eventsSum: 1})
	}
}

// engaged writes down, for each page of the visit that an engagement tells of, for how long it was looked at and the largest part of
// it that was seen; it belongs to the time when the visit began.
func (k *reckoner) engaged(day uint8, events []*aggregate.Event, values valuesOf) {
	times, depths, of := map[page]int64{}, map[page]int64{}, map[page]*aggregate.Event{}
	var order []page
	for _, e := range events {
		if e.Kind != aggregate.Engagement {
			continue
		}
		p := pageOf(e)
		if of[p] == nil {
			order, of[p], depths[p] = append(order, p), e, -1
		}
		times[p] += e.EngagedMS
		if e.ScrollDepth != aggregate.ScrollUnknown {
			depths[p] = max(depths[p], int64(e.ScrollDepth))
		}
	}
	for _, p := range order {
		sums := map[int]int64{engagedSum: times[p], engagedSecondsSum: (times[p] + 500) / 1000, engagedVisitsSum: 1}
		if depths[p] >= 0 {
			sums[scrollSum], sums[scrollVisitsSum] = depths[p], 1
		}
		k.add(pageFacts, day, events[0].Time, false, values(of[p], ""), sums)
	}
}

// goals writes down each time that a goal was reached: an event of its name, a view of a page that it means, or so much of such a page
// seen in the visit for the first time. Of a goal that is the view of one page, an event on that page reaches it too, but is no view.
func (k *reckoner) goals(day uint8, events []*aggregate.Event, values valuesOf) {
	type once struct {
		goal string
		page page
	}
	read := map[once]bool{}
	for _, e := range events {
		for _, g := range k.week.site.Goals {
			sums := map[int]int64{eventsSum: 1}
			on := g.Page != "" && patternOf(g.Page).MatchString(e.Values[schema.Path])
			switch {
			case g.Event != "" && e.Kind == aggregate.Custom && e.Values[schema.EventName] == g.Event:
				if g.Currency != "" && e.Revenue.Currency == g.Currency {
					sums[amountSum], sums[amountsSum] = e.Revenue.Minor, 1
				}
				for _, p := range e.Props {
					v := values(e, g.Name)
					v[schema.Prop], v[schema.PropValue] = k.number(schema.Prop, p.Name), k.number(schema.PropValue, p.Value)
					k.add(goalPropFacts, day, e.Time, true, v, sums)
				}
			case on && g.Scroll == 0 && e.Kind == aggregate.Pageview:
			case on && g.Scroll == 0 && !strings.Contains(g.Page, "*") && e.Kind == aggregate.Custom:
				sums = nil
			case on && g.Scroll > 0 && e.Kind == aggregate.Engagement && e.ScrollDepth != aggregate.ScrollUnknown &&
				int(e.ScrollDepth) >= g.Scroll && !read[once{g.Name, pageOf(e)}]:
				read[once{g.Name, pageOf(e)}] = true
			default:
				continue
			}
			k.add(goalFacts, day, e.Time, true, values(e, g.Name), sums)
		}
	}
}

func patternOf(page string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(page), `\*`, ".*") + "$")
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
