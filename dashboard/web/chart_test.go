package web

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// bouncesByDay answers questions for the bounce rates of days: 40, and 60 before March 2024, but for those that are in rates. Of a day
// whose rate is nil there is no row; of the unknown one there is one with null, as of an imported day.
func bouncesByDay(rates map[string]any, unknown string) func(question) any {
	return func(q question) any {
		days, ok := q.Range.([]any)
		if !ok || !slices.Equal(q.Dimensions, []string{"time:day"}) || !slices.Contains(q.Metrics, "bounce_rate") {
			return nil
		}
		results, meta := []result{}, map[string]any{}
		for label := fmt.Sprint(days[0]); label <= fmt.Sprint(days[1]); label = nextDay(label) {
			rate, special := rates[label]
			if special && rate == nil {
				continue
			}
			r := result{Dimensions: []any{label}}
			for _, m := range q.Metrics {
				switch {
				case m != "bounce_rate":
					r.Metrics = append(r.Metrics, metricOf(m, 100))
				case label == unknown:
					r.Metrics = append(r.Metrics, nil)
					meta["unknown_days"] = map[string]any{m: [][2]string{{label, label}}}
				case special:
					r.Metrics = append(r.Metrics, rate)
				case label < "2024-03":
					r.Metrics = append(r.Metrics, 60)
				default:
					r.Metrics = append(r.Metrics, 40)
				}
			}
			results = append(results, r)
		}
		return map[string]any{"results": results, "meta": meta, "query": q}
	}
}

func nextDay(label string) string {
	day, err := time.Parse(time.DateOnly, label)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return day.AddDate(0, 0, 1).Format(time.DateOnly)
}

// inkAt is how many pixels near the middle of a bucket have a colour of the page. %[1]d is the bucket's place, %[2]s the colour.
const inkAt = `(() => {
	const c = document.querySelector('.chart canvas'), over = document.querySelector('.chart .u-over').getBoundingClientRect();
	const box = c.getBoundingClientRect(), scale = c.width / box.width;
	const last = document.querySelectorAll('.chart tbody tr').length - 1;
	const x = Math.round((over.x - box.x + over.width * %[1]d / last) * scale);
	const hex = getComputedStyle(document.documentElement).getPropertyValue('%[2]s').trim();
	const want = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
	const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	copy.canvas.width = 3;
	copy.canvas.height = c.height;
	copy.drawImage(c, 1 - x, 0);
	const d = copy.getImageData(0, 0, 3, c.height).data;
	let n = 0;
	for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 120 && want.every((v, j) => Math.abs(v - d[i + j]) < 12)) n++;
	return n; })()`

// A day without a rate is a gap in its line, and in that of the days before; a rate between two gaps is a dot. Why there is none, the
// window at the cursor and the table say.
func TestChartHasGaps(t *testing.T) {
	const unknown = "2024-03-13"
	api := &cannedAPI{signedIn: true, answers: bouncesByDay(map[string]any{
		"2024-03-11": nil, "2024-03-12": 30, // of 40 days from 2024-03-01 on
		"2024-02-04": nil, "2024-02-05": 80, "2024-02-06": nil, // of those before, from 2024-01-21 on
	}, unknown)}
	tb := open(t, api.serve(t))
	tb.visit("/example.com?from=2024-03-01&to=2024-04-09&by=day&metric=bounce_rate")
	tb.until(`document.querySelectorAll('.chart tbody tr').length === 40 && document.querySelector('.chart[aria-busy=false] canvas')`)
	for _, c := range []struct {
		day   int
		color string
		drawn bool
	}{
		{9, "--turf", true},
		{10, "--turf", false},
		{11, "--turf", true},
		{12, "--turf", false},
		{13, "--turf", true},
		{13, "--before", true},
		{14, "--before", false},
		{15, "--before", true},
		{16, "--before", false},
		{17, "--before", true},
	} {
		t.Logf("day %d in %s", c.day, c.color)
		tb.until(fmt.Sprintf(inkAt+" > 0 === %[3]t", c.day, c.color, c.drawn))
	}
	tb.until(`((days) => days[9] === '40%' && days[10] === 'nothing counted' && days[11] === '30%' && days[12] === 'not known')(
		[...document.querySelectorAll('.chart tbody td')].map((td) => td.innerText))`)

	at := func(day int) (x, y float64) {
		box := eval[[]float64](tb, `(() => { const o = document.querySelector('.chart .u-over'); o.scrollIntoView({ block: 'center', behavior: 'instant' });
			const r = o.getBoundingClientRect(); return [r.x, r.y + r.height / 2, r.width]; })()`)
		return box[0] + box[2]*float64(day)/39, box[1]
	}
	for _, c := range []struct {
		day         int
		now, before string
	}{
		{9, "40%", "60% ·"},
		{10, "nothing counted", "60% ·"},
		{12, "not known", "60% ·"},
		{14, "40%", "nothing counted ·"},
	} {
		x, y := at(c.day)
		tb.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
		tb.until(fmt.Sprintf(`document.querySelector('.tip-now')?.innerText.startsWith(%q) &&
			document.querySelector('.tip-before').innerText.startsWith(%q)`, c.now, c.before))
	}
}

// In the small lines of the list of sites too, a day whose neighbours are not known is a dot.
func TestSparkHasGaps(t *testing.T) {
	api := &cannedAPI{signedIn: true, answers: func(q question) any {
		days, ok := q.Range.([]any)
		if !ok || q.Site != "example.com" {
			return nil
		}
		results, label := []result{}, fmt.Sprint(days[0])
		for i := range 30 {
			var visitors any // of an imported day that tells nothing
			if i == 3 || i >= 20 {
				visitors = 100 + i
			}
			results = append(results, result{Dimensions: []any{label}, Metrics: []any{visitors}})
			label = nextDay(label)
		}
		return map[string]any{"results": results, "query": q}
	}}
	tb := open(t, api.serve(t))
	tb.visit("/")
	tb.until(`document.querySelectorAll('.site-card:has([href="/example.com"]) .spark-line').length === 2`)
	tb.until(`(() => { const dot = document.querySelector('.spark-dot'), box = dot.getBBox({ stroke: true });
		return getComputedStyle(dot).strokeLinecap === 'round' && dot.getTotalLength() === 0 && box.x > 20 && box.x < 30; })()`)
}
