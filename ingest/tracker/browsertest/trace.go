package browsertest

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// Span is something that a thread of the browser did, as its trace tells. Times are microseconds.
type Span struct {
	Name string `json:"name"`
	// Process and Thread say where it was done. Pages have their main threads.
	Process int64 `json:"pid"`
	Thread  int64 `json:"tid"`
	// Start and Length are by the clock, Busy is the processor's time of the thread.
	Start  float64 `json:"ts"`
	Length float64 `json:"dur"`
	Busy   float64 `json:"tdur"`
	Args   struct {
		Data struct {
			URL string `json:"url"` // of the script, where it is one's work
		} `json:"data"`
	} `json:"args"`
}

// Inside reports whether the span was done in the course of another one.
func (s *Span) Inside(o *Span) bool {
	return s.Process == o.Process && s.Thread == o.Thread && s.Start >= o.Start && s.Start+s.Length <= o.Start+o.Length
}

// Trace is what the browser did, scripts, style and layout, while do ran.
func (tab *Tab) Trace(do func()) []Span {
	tab.T.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserTimeout)
	defer cancel()
	var mu sync.Mutex
	var spans []Span
	done := make(chan bool, 1) // whether something was lost
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			mu.Lock()
			defer mu.Unlock()
			for _, text := range e.Value {
				var s Span
				if json.Unmarshal(text, &s) == nil && s.Length > 0 { // others have arguments of other kinds
					spans = append(spans, s)
				}
			}
		case *tracing.EventTracingComplete:
			done <- e.DataLossOccurred
		}
	})
	if err != nil {
		tab.T.Fatal(err)
	}
	config := &tracing.TraceConfig{IncludedCategories: []string{"devtools.timeline"}}
	if _, err := chromedp.Call(ctx, tracing.Start, tracing.StartParams{TraceConfig: config}); err != nil {
		tab.T.Fatal(err)
	}
	do()
	if _, err := chromedp.Call(ctx, tracing.End, cdp.Empty{}); err != nil {
		tab.T.Fatal(err)
	}
	select {
	case lost := <-done:
		if lost {
			tab.T.Fatal("a part of the trace was lost")
		}
	case <-time.After(waitTimeout):
		tab.T.Fatal("the trace never came")
	}
	mu.Lock()
	defer mu.Unlock()
	return spans
}
