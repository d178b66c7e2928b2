package browsertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// maxBodyBytes is the largest body that is recorded.
const maxBodyBytes = 1 << 20

// Event is a posted body, and how it came.
type Event struct {
	Name, URL, Domain, Referrer string
	// Props are the properties, whichever key they came under and also where they were a string of JSON.
	Props map[string]any
	// Body is the whole body by the keys it had.
	Body map[string]any
	// Header is the request's.
	Header http.Header
}

// String is the event in one line: its name, the path and query of its page, and its properties as JSON.
func (e Event) String() string {
	line := e.Name + " " + pathOf(e.URL)
	if len(e.Props) > 0 {
		props, err := json.Marshal(e.Props)
		if err != nil {
			return line + " " + err.Error()
		}
		line += " " + string(props)
	}
	return line
}

func pathOf(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if i := strings.IndexByte(rest, '/'); ok && i >= 0 {
		return rest[i:]
	}
	return url
}

// Recorder is the handler of an event endpoint that accepts everything and remembers it. It may be used by many
// goroutines.
type Recorder struct {
	mu       sync.Mutex
	events   []Event
	problems []string
	changed  chan struct{} // closed and replaced at each event
}

// NewRecorder makes an empty recorder.
func NewRecorder() *Recorder { return &Recorder{changed: make(chan struct{})} }

func (rec *Recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Headers", "content-type")
		rec.add(Event{Name: "OPTIONS"})
		return
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		return // the client went away; what it sent did not arrive
	}
	e := Event{Header: r.Header}
	if err := json.Unmarshal(text, &e.Body); err != nil {
		rec.problem(fmt.Sprintf("posted %q: %v", text, err))
	}
	e.Name, e.URL = e.text("n", "name"), e.text("u", "url")
	e.Domain, e.Referrer = e.text("d", "domain"), e.text("r", "referrer")
	for _, key := range []string{"p", "props", "m", "meta"} {
		switch p := e.Body[key].(type) {
		case map[string]any:
			e.Props = p
		case string:
			if err := json.Unmarshal([]byte(p), &e.Props); err != nil {
				rec.problem(fmt.Sprintf("posted properties %q: %v", p, err))
			}
		}
	}
	rec.add(e)
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, "ok") //nolint:errcheck // the client may be gone
}

// text is the value of the first key that is there.
func (e *Event) text(keys ...string) string {
	for _, key := range keys {
		if v, ok := e.Body[key]; ok && v != nil {
			return fmt.Sprint(v)
		}
	}
	return ""
}

func (rec *Recorder) problem(text string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.problems = append(rec.problems, text)
}

func (rec *Recorder) add(e Event) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.events = append(rec.events, e)
	close(rec.changed)
	rec.changed = make(chan struct{})
}

// Events are the events so far, without those of the names.
func (rec *Recorder) Events(without ...string) []Event {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	var out []Event
	for _, e := range rec.events {
		if !slices.Contains(without, e.Name) {
			out = append(out, e)
		}
	}
	return out
}

// Lines are the events so far as lines (Event.String), without those of the names.
func (rec *Recorder) Lines(without ...string) []string {
	var lines []string
	for _, e := range rec.Events(without...) {
		lines = append(lines, e.String())
	}
	return lines
}

// Forget empties the recorder.
func (rec *Recorder) Forget() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.events = nil
}

// Until waits until what was recorded satisfies enough, and returns it. The test fails when it never does, and on a
// body that was no JSON.
func (rec *Recorder) Until(t *testing.T, what string, enough func([]Event) bool) []Event {
	t.Helper()
	deadline := time.After(waitTimeout)
	for {
		rec.mu.Lock()
		events, changed, problems := append([]Event(nil), rec.events...), rec.changed, rec.problems
		rec.mu.Unlock()
		for _, p := range problems {
			t.Fatal(p)
		}
		if enough(events) {
			return events
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("never came: %s; posted were\n  %s", what, strings.Join(rec.Lines(), "\n  "))
		}
	}
}

// Wait waits for an event of the name, the n-th (from 1), and returns it.
func (rec *Recorder) Wait(t *testing.T, name string, n int) Event {
	t.Helper()
	var found Event
	rec.Until(t, fmt.Sprintf("%s %d", name, n), func(events []Event) bool {
		count := 0
		for _, e := range events {
			if e.Name == name {
				if count++; count == n {
					found = e
					return true
				}
			}
		}
		return false
	})
	return found
}

// Same waits for as many events as there are lines (without those of the names), and compares them. Requests that are
// sent one right after the other may arrive in any order, so the order is not compared.
func (rec *Recorder) Same(t *testing.T, lines []string, without ...string) {
	t.Helper()
	rec.Until(t, fmt.Sprintf("%d events", len(lines)),
		func([]Event) bool { return len(rec.Events(without...)) >= len(lines) })
	got, want := rec.Lines(without...), append([]string(nil), lines...)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("posted were\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
