package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// The limits of funnels.
const (
	MaxFunnels     = 20 // of a site
	MinFunnelSteps = 2
	MaxFunnelSteps = 8
	// MaxFunnelWindowSec is the longest window of a funnel: a day.
	MaxFunnelWindowSec = 24 * 60 * 60
)

// Funnel is a row of steps that visitors should take one after another on one day.
//
// A visitor has reached step n when n events of the day, each later than the one before, fit the steps 1 to n, and the last of
// them came at most WindowSec seconds after the first. Other events may lie between them. Where several rows of events would do,
// the one with the latest beginning counts. One event is one step at the most, also where it fits several; of two events in one
// second, the one that arrived first came first. Each visitor counts once a day and step.
type Funnel struct {
	Name  string       `json:"name"` // as it is shown; no two funnels of a site share one
	Steps []FunnelStep `json:"steps"`
	// WindowSec is how long a visitor has for all steps together, in seconds. 0: the whole day.
	WindowSec int `json:"window_sec,omitempty"`
	// Since is when the funnel was declared. [Declarations.Began] sets it.
	Since time.Time `json:"since"`
}

// FunnelStep is a step: a custom event, or the view of a page.
type FunnelStep struct {
	Event string `json:"event,omitempty"`
	Page  string `json:"page,omitempty"` // path; a * in it stands for any characters, also none
}

// String is the step as it is shown where it has no other name.
func (s FunnelStep) String() string {
	if s.Event != "" {
		return s.Event
	}
	return "Visit " + s.Page
}

// Key says what the funnel is, whatever it is called: two funnels of one key are the same. It is the value of the dimension
// [FunnelKey].
func (f *Funnel) Key() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d\n", f.WindowSec) // a hash takes all
	for _, s := range f.Steps {
		_, _ = fmt.Fprintf(h, "%s\t%s\n", s.Event, s.Page) // no value has a tab or a line's end
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (d *Declarations) checkFunnels() error {
	if len(d.Funnels) > MaxFunnels {
		return invalid("funnels", "there are %d, and can be %d", len(d.Funnels), MaxFunnels)
	}
	for i := range d.Funnels {
		f, field := &d.Funnels[i], fmt.Sprintf("funnels[%d]", i)
		if err := f.check(field); err != nil {
			return err
		}
		for j := range d.Funnels[:i] {
			other := &d.Funnels[j]
			if other.Name == f.Name {
				return invalid(field+".name", "there are two funnels called %q", f.Name)
			}
			if other.Key() == f.Key() {
				return invalid(field, "it is the same as the funnel %q", other.Name)
			}
		}
	}
	return nil
}

func (f *Funnel) check(field string) error {
	if err := checkName(field+".name", f.Name); err != nil {
		return err
	}
	if n := len(f.Steps); n < MinFunnelSteps || n > MaxFunnelSteps {
		return invalid(field+".steps", "there are %d, and must be %d to %d", n, MinFunnelSteps, MaxFunnelSteps)
	}
	if f.WindowSec < 0 || f.WindowSec > MaxFunnelWindowSec {
		return invalid(field+".window_sec", "it is %d, and must be between 1 and %d seconds, or 0 for the whole day", f.WindowSec,
			MaxFunnelWindowSec)
	}
	for i, s := range f.Steps {
		if err := s.check(fmt.Sprintf("%s.steps[%d]", field, i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *FunnelStep) check(field string) error {
	switch {
	case (s.Event == "") == (s.Page == ""):
		return invalid(field, "a step has either an event or a page")
	case s.Event != "":
		return checkEvent(field+".event", s.Event)
	}
	return checkPage(field+".page", s.Page)
}
