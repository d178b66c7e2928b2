package aggregate

import "turf/schema"

// MaxProps is how many properties of an event are counted; ingest takes no more.
const MaxProps = 30

// countEvent counts a custom event and its properties; a page view's properties go under the name "pageview".
func (s *step) countEvent() {
	name := s.ev.Values[schema.EventName]
	if s.isView {
		name = "pageview"
	}
	event := s.d.word(schema.EventName, name)
	if !s.isView {
		s.countNamed(event, 0)
	}
	s.countProps(event, 0)
	if key := s.revenueKey(); key != "" {
		event = s.d.word(schema.EventName, key)
		s.countNamed(event, s.ev.Revenue.Minor)
		s.countProps(event, s.ev.Revenue.Minor)
	}
}

// revenueKey is the name under which the event's amount is counted, or "".
func (s *step) revenueKey() string {
	m := &s.ev.Revenue
	if s.isView || m.Currency == "" || m.Minor > schema.MaxMoneyMinor || m.Minor < -schema.MaxMoneyMinor {
		return ""
	}
	if r := s.d.declared.revenue[s.ev.Values[schema.EventName]]; r.currency == m.Currency {
		return r.key
	}
	return ""
}

// countProps counts the event's properties under its name, with its amount.
func (s *step) countProps(event word, revenue int64) {
	for _, p := range s.ev.Props[:min(len(s.ev.Props), MaxProps)] {
		prop, value := s.d.word(schema.Prop, p.Name), s.d.word(schema.PropValue, p.Value)
		f, _ := s.slots(seenProp, uint64(event)<<32|uint64(prop)<<16|uint64(value), 0)
		d := s.named(f, revenue)
		s.emit(&cellKey{cube: schema.CubeEventProps, values: values(event, prop, value)}, s.hour, &d)
	}
}

// named are the counts of an event, or of a goal that is counted like one, in a cell in which f says what is new.
func (s *step) named(f fresh, revenue int64) schema.Deltas {
	d := s.deltas(f)
	d[schema.Events], d[schema.Revenue] = 1, revenue
	return d
}

// countNamed counts what has the name of an event, alone and crossed. Place and device are the visitor's, so what is new about
// the event is new in those crosses too.
func (s *step) countNamed(event word, revenue int64) {
	src, at := &s.source, &s.attrs
	f, earlier := s.slots(seenEvent, uint64(event), 0)
	d := s.named(f, revenue)
	s.emit(&cellKey{cube: schema.CubeEvents, values: values(event)}, s.hour, &d)
	s.emit(&cellKey{cube: schema.CubeEventPlaces, values: values(event, at[0])}, s.hour, &d)
	s.emit(&cellKey{cube: schema.CubeEventDevices, values: values(event, at[3], at[4], at[6])}, s.hour, &d)
	if s.v.has(flagMulti) {
		d[schema.Visitors] = number(s.newFrom(seenEventFrom, uint64(event), earlier))
	}
	s.emit(&cellKey{cube: schema.CubeEventSources, values: values(event, src[0], src[1], src[2])}, s.hour, &d)
	f, _ = s.slots(seenEventPage, s.pageValue(s.page), uint64(event))
	d = s.named(f, revenue)
	s.emit(&cellKey{cube: schema.CubeEventPages, values: values(event, s.page.host, s.page.path)}, s.hour, &d)
	s.countNamedInSegments(event, revenue)
}
