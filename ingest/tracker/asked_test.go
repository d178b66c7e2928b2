package tracker_test

import (
	"testing"

	"turf/ingest/tracker/browsertest"
)

// What the browser tells of itself, where that was asked for: with page views only, and not of who objects or to a strict script.
func TestTimezoneAndScreen(t *testing.T) {
	tab := browsertest.Open(t)
	zone := browsertest.Eval[string](tab, `Intl.DateTimeFormat().resolvedOptions().timeZone`)
	width := browsertest.Eval[float64](tab, `screen.width`)
	if zone == "" || width == 0 {
		t.Fatalf("the browser has no time zone or screen: %q, %v", zone, width)
	}
	for _, c := range []struct {
		script string
		tz, w  any
	}{
		{script: "turf.js"},
		{script: "turf.timezone.js", tz: zone},
		{script: "turf.screen.js", w: width},
		{script: "turf.timezone.screen.exclusions.js", tz: zone, w: width},
		{script: "script.timezone.screen.js", tz: zone, w: width},
		{script: "turf.timezone.screen.strict.js"},
	} {
		s := newSite(t, tagOf(c.script), "")
		tab.T = t
		s.visit(tab, "/a")
		tab.Run(`history.pushState({}, '', '/b'); await (window.turf || plausible)('Event')`)
		s.Same(t, []string{"pageview /a", "pageview /b", "Event /b"}, engagement)
		for _, e := range s.Events(engagement) {
			tz, w := c.tz, c.w
			if e.Name != "pageview" {
				tz, w = nil, nil
			}
			if e.Body["tz"] != tz || e.Body["w"] != w {
				t.Errorf("%s: %v, want tz %v and w %v", c.script, e.Body, tz, w)
			}
		}
	}
}

// Who objects is not asked: neither the time zone nor the screen is read.
func TestObjectorIsNotAsked(t *testing.T) {
	tab := browsertest.Open(t)
	before(t, tab, `window.asked = []; Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})
		const options = Intl.DateTimeFormat.prototype.resolvedOptions; const width = screen.width
		Intl.DateTimeFormat.prototype.resolvedOptions = function () { asked.push('zone'); return options.call(this) }
		Object.defineProperty(Screen.prototype, 'width', {get() { asked.push('screen'); return width }})`)
	s := newSite(t, tagOf("turf.timezone.screen.js"), "")
	tab.Visit(s.base + "/a")
	tab.Until(`window.turf?.call`)
	tab.Run(`history.pushState({}, '', '/b'); await turf('Event')`)
	if asked := browsertest.Eval[[]string](tab, `asked`); len(asked) > 0 {
		t.Errorf("%v was read", asked)
	}
	if read := browsertest.Eval[int](tab, `Intl.DateTimeFormat().resolvedOptions() && screen.width && asked.length`); read != 2 {
		t.Error("the test does not see what is read")
	}
	s.end(tab)
	s.Same(t, []string{"end /"})
}
