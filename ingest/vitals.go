package ingest

import (
	"fmt"
	"math"
	"strings"

	"turf/aggregate"
	"turf/schema"
)

// vitalNames is "lcp, inp, …".
func vitalNames() string {
	names := make([]string, schema.NumVitals)
	for v := range schema.NumVitals {
		names[v] = v.String()
	}
	return strings.Join(names, ", ")
}

// readVitals reads web vitals, an object of numbers: {"lcp": 1200, "cls": 12}, in milliseconds and, of cls, thousandths. Fractions are
// cut; what is too large counts as the largest; what is no number from 0 on, or has another name, is as if it were not there. Anything
// but an object tells of no vitals at all.
func (b *body) readVitals(j *jsonReader) error {
	if j.peek() != '{' {
		return j.skip(1)
	}
	b.measured, b.vitals = true, [schema.NumVitals]aggregate.Measurement{}
	return j.object(func(key string) error {
		n, ok, err := j.number()
		for v := range schema.NumVitals {
			if info := &schema.Vitals[v]; ok && info.Name == key {
				b.vitals[v] = aggregate.Measurement{Known: true, Value: int64(math.Min(n, float64(info.Max)))}
			}
		}
		return err
	})
}

// tellVitals is ", lcp 1200, …".
func tellVitals(h *hit) string {
	var text strings.Builder
	for v, m := range h.event.Vitals {
		if m.Known {
			fmt.Fprintf(&text, ", %s %d", schema.Vital(v), m.Value)
		}
	}
	return text.String()
}
