package reports

import (
	"context"
	"slices"
	"strings"

	"turf/schema"
)

// HeatQuestion asks for a page's heatmap: sums of clicks by place, in which nobody is.
type HeatQuestion struct {
	Range    Range  `json:"date_range"`
	Hostname string `json:"hostname,omitempty"` // empty: all
	Page     string `json:"page"`
	Kind     string `json:"kind,omitempty"` // click (default), rage, dead or scroll
	// Width is the lower end of a class of the viewport's width, in pixels; nil: the class with the most clicks.
	Width *int `json:"width,omitempty"`
}

func (q *HeatQuestion) common() *Common { return &Common{Range: q.Range, K: DefaultK} }

var heatKinds = []string{schema.HeatClick, schema.HeatRage, schema.HeatDead, schema.HeatScroll}

func (q *HeatQuestion) check() error {
	setDefault(&q.Kind, schema.HeatClick)
	switch {
	case q.Range.isZero():
		return invalid("date_range", "is required")
	case !strings.HasPrefix(q.Page, "/") || len(q.Page) > MaxValueBytes:
		return invalid("page", "the path of one page is expected, of at most %d bytes", MaxValueBytes)
	case len(q.Hostname) > MaxValueBytes:
		return invalid("hostname", "it is longer than %d bytes", MaxValueBytes)
	case !slices.Contains(heatKinds, q.Kind):
		return invalid("kind", "%q is not known; use %s", q.Kind, strings.Join(heatKinds, ", "))
	case q.Width != nil && (*q.Width < 0 || *q.Width > schema.MaxHeatWidth):
		return invalid("width", "it is from 0 to %d", schema.MaxHeatWidth)
	}
	return nil
}

// HeatAnswer is a heatmap of one class of widths.
type HeatAnswer struct {
	Period   Period      `json:"period"`
	Coverage *Coverage   `json:"coverage"`
	Kind     string      `json:"kind"`
	Widths   []HeatWidth `json:"widths"` // the classes there are
	Width    int         `json:"width"`
	// Cells are empty when there are fewer than DefaultK clicks altogether.
	Cells []HeatPlace `json:"cells"`
	// XBins and YBinPx say what the places of cells are.
	XBins  int `json:"x_bins"`
	YBinPx int `json:"y_bin_px"`
}

// HeatWidth is how many clicks a class of widths has.
type HeatWidth struct {
	Width int   `json:"width"`
	Count int64 `json:"count"`
}

// HeatPlace is a cell: hundredths of the width, and steps of YBinPx down the page.
type HeatPlace struct {
	X     int   `json:"x"`
	Y     int   `json:"y"`
	Count int64 `json:"count"`
}

// Heat answers a page's heatmap. The question's mistakes are *InvalidError.
func (e *Engine) Heat(ctx context.Context, site *schema.Site, q *HeatQuestion) (*HeatAnswer, error) {
	r, coverage, err := e.start(ctx, site, q)
	if err != nil {
		return nil, err
	}
	answer := &HeatAnswer{
		Period: r.span.period(), Coverage: coverage, Kind: q.Kind, Widths: []HeatWidth{}, Cells: []HeatPlace{},
		XBins: schema.HeatXBins, YBinPx: schema.HeatYBinPx,
	}
	w, where := r.heat(q)
	rows, err := r.rows("the widths of a heatmap",
		"SELECT toInt64(width) AS class, toInt64(sum(clicks)) AS n\n"+where+"GROUP BY class\nHAVING n > 0\nORDER BY n DESC, class", w)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		answer.Widths = append(answer.Widths, HeatWidth{int(toInt(row[0])), toInt(row[1])})
	}
	if len(answer.Widths) > 0 {
		answer.Width = answer.Widths[0].Width
	}
	if q.Width != nil {
		answer.Width = *q.Width
	}
	at := slices.IndexFunc(answer.Widths, func(w HeatWidth) bool { return w.Width == answer.Width })
	if at < 0 || answer.Widths[at].Count < DefaultK {
		return answer, nil
	}
	w, where = r.heat(q)
	rows, err = r.rows("the cells of a heatmap", "SELECT toInt64(x) AS column, toInt64(y) AS line, toInt64(sum(clicks)) AS n\n"+where+
		"  AND width = "+itoa(int64(answer.Width))+"\nGROUP BY column, line\nHAVING n > 0\nORDER BY line, column", w)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		answer.Cells = append(answer.Cells, HeatPlace{int(toInt(row[0])), int(toInt(row[1])), toInt(row[2])})
	}
	return answer, nil
}

// heat is the clause for the cells of a page.
func (r *run) heat(q *HeatQuestion) (*writer, string) {
	w := newWriter(r.site.ID)
	w.params["site"] = itoa(int64(r.site.ID))
	where := "FROM consented_heat\nWHERE site_id = {site:UInt32} AND path = " + w.value(q.Page) + " AND kind = " + w.value(q.Kind) +
		"\n  AND day BETWEEN toDate(" + w.value(r.span.first.String()) + ") AND toDate(" + w.value(r.span.last.String()) + ")\n"
	if q.Hostname != "" {
		where += "  AND hostname = " + w.value(q.Hostname) + "\n"
	}
	return w, where
}
