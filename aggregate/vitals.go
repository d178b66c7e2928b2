package aggregate

import "turf/schema"

// countVitals counts how fast a page was. It needs no more memory of the visitor: that a vital of the page was measured today is
// a bit of the page's entry on the visitor's list. Of a page that is not there, because the visitor did not view it today or the
// list was full, nothing is counted.
func (s *step) countVitals() {
	d, ev := s.d, s.ev
	p := page{d.knownWord(schema.Hostname, ev.Values[schema.Hostname]), d.knownWord(schema.Path, ev.Values[schema.Path])}
	newest, measured := -1, uint8(0)
	var e pageEntry
	for n := s.v.pages; n != 0; n = e.next {
		e.load(d.record(pagesSection, int(n-1)))
		if e.page != p {
			continue
		}
		if newest < 0 {
			newest = int(n - 1)
		}
		measured |= e.vitals
	}
	if newest < 0 {
		return
	}
	s.attrs = d.loadAttrs(s.v.attrs)
	device, had := s.attrs[3], measured
	for v := range schema.NumVitals {
		m := &ev.Vitals[v]
		if !m.Known {
			continue
		}
		bit := uint8(1) << v
		sum := schema.Deltas{schema.Visitors: number(measured&bit == 0), schema.Events: 1}
		measured |= bit
		value, name := min(m.Value, schema.Vitals[v].Max), d.word(schema.VitalName, v.String())
		for _, bucket := range [2]word{noWord, d.word(schema.Bucket, schema.LogBucket(value))} {
			s.emit(&cellKey{cube: schema.CubeVitals, values: values(p.host, p.path, device, name, bucket)}, s.hour, &sum)
		}
	}
	if measured != had {
		d.keep(pagesSection, newest)
		e.load(d.record(pagesSection, newest))
		e.vitals |= measured
		e.store(d.record(pagesSection, newest))
	}
}

// knownWord is the number of a value of a dimension under which the day has counted it, if it has.
func (d *Day) knownWord(dim schema.Dimension, value string) word {
	if value == "" {
		return noWord
	}
	if n, ok := d.words[dim].byValue[value]; ok {
		return n
	}
	return otherWord
}
