package reports_test

import (
	"fmt"
	"testing"
	"time"

	"turf/dashboard/reports"
	"turf/schema"
)

// Clicks on elements, those that were never clicked, and rage and dead clicks; fewer than five people are not told.
func TestClicks(t *testing.T) {
	w := newWorld(t)
	first := schema.DayOf(w.now, w.loc) - 10
	var events []schema.ConsentedEvent
	do := func(person int, name, path, el string) {
		events = append(events, schema.ConsentedEvent{
			Person: schema.PersonRef{3, byte(person)}, Name: name, Path: path, Props: map[string]string{"el": el},
			Time: first.Start(w.loc).Add(time.Duration(len(events)) * time.Second),
		})
	}
	for p := range 10 {
		do(p, "$seen", "/a", "#buy")
		do(p, "$seen", "/a", "#ignored")
		if p < 6 {
			do(p, "$click", "/a", "#buy")
			do(p, "$click", "/a", "#buy")
		}
		if p < 2 {
			do(p, "$rage", "/a", "#buy")
			do(p, "$dead", "/b", "img")
		}
	}
	w.add(events)
	for _, tt := range []struct{ page, by, only, want string }{
		{"", "", "", "/a #buy seen 10 clicks 12 by 6 rage 2 by few dead 0 for 0 rate 60 never false; " +
			"/b img seen 0 clicks 0 by 0 rage 0 by 0 dead 2 for few rate - never false; " +
			"/a #ignored seen 10 clicks 0 by 0 rage 0 by 0 dead 0 for 0 rate 0 never true; "},
		{"", "", "never", "/a #ignored seen 10 clicks 0 by 0 rage 0 by 0 dead 0 for 0 rate 0 never true; "},
		{"/b*", "", "", "/b img seen 0 clicks 0 by 0 rage 0 by 0 dead 2 for few rate - never false; "},
		{"", "", "dead", "/b img seen 0 clicks 0 by 0 rage 0 by 0 dead 2 for few rate - never false; "},
		{"/a", "page", "rage", "/a  seen 10 clicks 12 by 6 rage 2 by few dead 0 for 0 rate 60 never false; "},
	} {
		q := &reports.ClicksQuestion{Page: tt.page, By: tt.by, Only: tt.only}
		q.Range = days(first, first)
		a, err := w.engine.Clicks(t.Context(), &w.site, q)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		people := func(n *int64) string {
			if n == nil {
				return "few"
			}
			return fmt.Sprint(*n)
		}
		for _, e := range a.Elements {
			rate := "-"
			if e.Rate != nil {
				rate = fmt.Sprint(*e.Rate)
			}
			got += fmt.Sprintf("%s %s seen %s clicks %d by %s rage %d by %s dead %d for %s rate %s never %v; ", e.Page, e.Element,
				people(e.SeenBy), e.Clicks, people(e.ClickedBy), e.RageClicks, people(e.RagedBy), e.DeadClicks, people(e.DeadFor), rate,
				e.NeverClicked)
		}
		if got != tt.want {
			t.Errorf("%+v: got\n%s\nwant\n%s", tt, got, tt.want)
		}
	}
}

// A heatmap is of one page, kind and class of widths, and there only with five clicks or more.
func TestHeat(t *testing.T) {
	w := newWorld(t)
	day := schema.DayOf(w.now, w.loc) - 10
	cell := func(host, path, kind string, day schema.Day, width uint16, x uint8, y uint16, n int64) schema.HeatCell {
		return schema.HeatCell{
			Site: w.site.ID, Day: day, Hostname: host, Path: path, Kind: kind, Width: width, X: x, Y: y, Count: n,
		}
	}
	for range 2 {
		err := w.store.WriteHeat(t.Context(), "", []schema.HeatCell{
			cell("a.example", "/", schema.HeatClick, day, 320, 5, 7, 2), cell("b.example", "/", schema.HeatClick, day+1, 320, 5, 7, 3),
			cell("a.example", "/", schema.HeatClick, day, 320, 99, 1999, 1), cell("a.example", "/", schema.HeatClick, day, 640, 1, 1, 1),
			cell("a.example", "/b", schema.HeatClick, day, 320, 1, 1, 9), cell("a.example", "/", schema.HeatRage, day, 320, 1, 1, 9),
			cell("a.example", "/", schema.HeatClick, day+2, 320, 1, 1, 9),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	wide := 640
	for _, tt := range []struct {
		q    reports.HeatQuestion
		want string
	}{
		{reports.HeatQuestion{Page: "/"}, "320 [{320 12} {640 2}] [{5 7 10} {99 1999 2}]"},
		{reports.HeatQuestion{Page: "/", Hostname: "a.example"}, "320 [{320 6} {640 2}] [{5 7 4} {99 1999 2}]"},
		{reports.HeatQuestion{Page: "/", Width: &wide}, "640 [{320 12} {640 2}] []"}, // fewer than five
		{reports.HeatQuestion{Page: "/", Kind: schema.HeatRage}, "320 [{320 18}] [{1 1 18}]"},
		{reports.HeatQuestion{Page: "/none"}, "0 [] []"},
	} {
		tt.q.Range = days(day, day+1)
		a, err := w.engine.Heat(t.Context(), &w.site, &tt.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(a.Width, a.Widths, a.Cells); got != tt.want {
			t.Errorf("%s: %s, want %s", dump(tt.q), got, tt.want)
		}
	}
}
