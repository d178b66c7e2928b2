package stats

import (
	"fmt"
	"slices"

	"turf/schema"
)

// The metrics of web vitals, our own: of each of them, as of lcp, the percentiles lcp_p50, lcp_p75 and lcp_p90 of page views, and
// lcp_views, the number of page views on which it was measured.
var vitalFormulas = makeVitalFormulas()

// vitalEndings are what the metrics' names end with, and which part of the page views lies at or below them.
var vitalEndings = []struct{ ending, share string }{{"_p50", "0.5"}, {"_p75", "0.75"}, {"_p90", "0.9"}, {"_views", ""}}

func makeVitalFormulas() map[Metric]*formula {
	all := map[Metric]*formula{}
	for v := range schema.NumVitals {
		for _, e := range vitalEndings {
			f := &formula{num: schema.Events, den: schema.Events, ratio: e.share != "", share: e.share, vital: v}
			all[Metric(v.String()+e.ending)] = f
		}
	}
	return all
}

// vitalNames are the metrics, those of a vital together.
func vitalNames() (names []Metric) {
	for v := range schema.NumVitals {
		for _, e := range vitalEndings {
			names = append(names, Metric(v.String()+e.ending))
		}
	}
	return names
}

func isVital(m Metric) bool { return vitalFormulas[m] != nil }

// maxHiddenShare is which part of a row's measurements may be missing from its histogram, because the k rule or a limit put them
// under (other), or be there too many; beyond it a percentile is null. So its rank is off by at most a tenth.
const maxHiddenShare = "0.1"

var rankWarning = Warning{"small_groups_hidden", "By device, measurements of few visitors are counted under (other) to protect them. " +
	"A percentile of which more than a tenth is hidden is null; of one that is not, the rank is off by at most that."}

// addVitals asks for the histograms of web vitals when the metrics are read from them: they are by page, device and day.
func (w *wants) addVitals(metrics []Metric) error {
	for _, m := range metrics {
		if isVital(m) != isVital(metrics[0]) {
			return invalid("metrics", "%s and %s cannot be asked for together: web vitals are kept apart. Ask for them apart", metrics[0], m)
		}
	}
	if !isVital(metrics[0]) {
		return nil
	}
	has := []schema.Dimension{schema.Hostname, schema.Path, schema.Device}
	refused := w.roles[entryRole] + w.roles[exitRole] // one of them at most
	for d, name := range w.names {
		if refused == "" && !slices.Contains(has, schema.Dimension(d)) {
			refused = name
		}
	}
	if refused != "" {
		return invalid("metrics", "%s is kept by event:page, event:hostname, visit:device and day, and not together with %s", metrics[0],
			refused)
	}
	if w.hourly != "" {
		return invalid("date_range", "%s needs hours, but web vitals are kept by the day. Ask for whole days without time:hour", w.hourly)
	}
	for _, d := range append(has, schema.VitalName, schema.Bucket) {
		if w.names[d] == "" {
			w.names[d] = string(metrics[0])
		}
	}
	return nil
}

// warnDevices warns where percentiles are by what the k rule hides.
func (p *plan) warnDevices(w *wants) {
	for _, m := range p.query.Metrics {
		if f := vitalFormulas[m]; f != nil && f.ratio && w.names[schema.Device] != "" {
			p.warn(m, rankWarning)
		}
	}
}

// vitalColumn is the SQL of a metric of a vital. A percentile is the middle of the bucket in which the page view lies below which
// there is that share of all: in milliseconds, and of cls as it is. The rows of a bucket are summed first: until they are merged,
// some of them take away.
func (f *formula) vitalColumn() string {
	of := "vital = '" + f.vital.String() + "' AND bucket"
	measured := fmt.Sprintf("sumIf(events, %s = '')", of)
	if f.share == "" {
		return measured
	}
	scale, digits := "", 0
	if f.vital == schema.CLS {
		scale, digits = " / 1000", 3
	}
	const middles = "arrayMap(b -> b + (greatest(roundToExp2(b) / 4, 1) - 1) / 2, tupleElement(h, 1))"
	bucket := fmt.Sprintf("%s[arrayFirstIndex(n -> n >= %s * arraySum(tupleElement(h, 2)), arrayCumSum(tupleElement(h, 2)))]", middles,
		f.share)
	return fmt.Sprintf("arrayMap((h, measured) -> if(measured > 0 AND abs(arraySum(tupleElement(h, 2)) - measured) <= %s * measured, "+
		"round(%s%s, %d), nan), [sumMapIf([toUInt64OrZero(bucket)], [events], %s != '')], [%s])[1]",
		maxHiddenShare, bucket, scale, digits, of, measured)
}
