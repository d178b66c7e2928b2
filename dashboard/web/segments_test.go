package web

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSegments: the page of a site with segments offers them as a filter, and greys out what is not counted of them.
func TestSegments(t *testing.T) {
	api := &cannedAPI{signedIn: true}
	tb := open(t, api.serve(t))
	tb.visit("/example.com")
	tb.until(numbersShown)
	tb.until(`document.querySelectorAll('.segment-select option').length === 3`)
	eval[any](tb, `(() => { const s = document.querySelector('.segment-select'); s.value = 'Dutch & mobile';
		s.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	tb.until(`location.search === '?segment=Dutch+%26+mobile' &&
		document.querySelector('[data-filter=segment]').innerText.includes('Dutch & mobile') && !document.querySelector('.segment-select')`)
	tb.until(`!document.querySelector('[data-filter=segment] .operator')`) // who is not in it is not counted
	tb.until(`document.querySelectorAll('.number').length === 3 && document.querySelectorAll('[data-panel=pages] .row').length === 9`)
	tb.until(`document.querySelector('[data-panel=pages] [data-tab=entry]').matches('.off') &&
		document.querySelector('[data-panel=places].off .refusal').innerText.includes('Country is not counted together with segment')`)
	tb.wait("the question for the pages of the segment", func() bool { return api.asked("event:page", `"is" "segment" ["Dutch & mobile"]`) })
	if api.asked("visit:country", `"is" "segment" ["Dutch & mobile"]`) {
		t.Error("what the server refuses was asked for")
	}
	tb.click(`[data-panel=pages] [data-value="/pricing"] .pick`)
	tb.until(`location.search === '?segment=Dutch+%26+mobile&page=/pricing' && document.querySelector('[data-panel=sources].off')`)
	tb.click("[data-filter=segment] .remove")
	tb.until(`location.search === '?page=/pricing' && document.querySelectorAll('.segment-select option').length === 3`)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.until(`innerWidth === 360 && document.documentElement.scrollWidth <= 360`)

	// A site without segments offers none, and no address makes one that is turned round.
	tb.visit("/example.com?segment.not=Readers")
	tb.until(numbersShown + ` && !document.querySelector('[data-filter]')`)
	tb.visit("/odd.example")
	tb.until(`document.querySelector('[role=alert]') && !document.querySelector('.segment-select')`)
}

func TestSegmentsAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no axe-core")
	}
	tb := open(t, (&cannedAPI{signedIn: true}).serve(t))
	for _, theme := range []string{"light", "dark"} {
		tb.visit("/example.com?page=/pricing")
		eval[any](tb, `localStorage.setItem('turf-theme', '`+theme+`')`)
		tb.do(chromedp.Reload())
		tb.until(`document.querySelector('.segment-select')`)
		tb.audit("segments, "+theme, string(axe))
	}
}
