package dashboard

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateExchanges = flag.Bool("update", false, "write the exchanges of the page of reports anew")

// exchangesDir is where the tests of package web find what the server really answers to what the page asks.
const exchangesDir = "web/testdata/people"

// pageQuestions are what the page asks in those tests, in its words, about the 30th unless they say otherwise; by the name of
// the file.
func pageQuestions() []struct{ name, report, question string } {
	const (
		steps  = `"steps":[{"page":"/pricing"},{"event":"Signup"},{"event":"Purchase"}],"window_sec":604800,"count":"people"`
		all    = steps + `,"order":"ordered","breakdown":"visit:source","next":true,"distribution":true,"compare":"previous_period"`
		anyone = `"birth":{},"return":{},"unit":"day","mode":"on","offsets":7`
		flow   = `"steps":4,"count":"people","show":"both","top":8`
		tools  = `"features":[{"event":"Signup"},{"event":"Export"}],"unit":"day"`
	)
	return []struct{ name, report, question string }{
		{"funnel", "funnel", all},
		{"funnel-weighted", "funnel", all + `,"weight":true`},
		{"funnel-built", "funnel", `"steps":[{"page":"/pricing"},{"event":"Signup"}],"order":"ordered","window_sec":7200,"count":"sessions",` +
			`"hold":["visit:country"],"exclude":[{"page":"/docs","after":1,"before":2}]`},
		{"funnel-where", "funnel", `"steps":[{"page":"/pricing"},{"event":"Signup","props":[{"name":"visit:source","op":"is",` +
			`"values":["Google","Bing"]}]}],"order":"ordered","window_sec":604800,"count":"people"`},
		{"funnel-strict", "funnel", `"steps":[{"page":"/pricing"},{"event":"Signup"}],"order":"strict","window_sec":604800,"count":"people"`},
		{"funnel-wrong", "funnel", `"steps":[{"page":"pricing"},{"event":"Signup"}],"order":"ordered","window_sec":604800,"count":"people"`},
		{"retention", "retention", anyone},
		{"retention-weighted", "retention", anyone + `,"weight":true`},
		{"retention-brackets", "retention", `"birth":{"page":"/pricing"},"return":{},"unit":"day","mode":"brackets","brackets":[[0,0],[1,3]]`},
		{"journeys", "journeys", `"anchor":{},"direction":"from",` + flow},
		{"journeys-cohort", "journeys", `"anchor":{},"direction":"from",` + flow +
			`,"cohort":{"rules":[{"did":{"event":"Signup"},"at_least":1}]}`},
		{"paths", "paths", `"anchor":{},"direction":"from",` + flow},
		{"journeys-to", "journeys", `"anchor":{"event":"Purchase"},"direction":"to","steps":2,"count":"people","show":"both","top":8`},
		{"cohort", "cohort", `"cohort":{"rules":[{"did":{"event":"Signup"},"at_least":1}]}`},
		{"adoption", "adoption", tools},
		{"clicks", "clicks", `"by":"element"`},
		{"clicks-nobody", "clicks", `"by":"element","date_range":["2026-03-29","2026-03-29"]`}, // the later one counts
		{"clicks-never", "clicks", `"by":"element","only":"never"`},
		{"heatmap-nothing", "heatmap", `"page":"/","kind":"click"`},
		{"heatmap", "heatmap", `"page":"/pricing","kind":"click"`},
		{"heatmap-narrow", "heatmap", `"page":"/pricing","kind":"click","width":320`},
		{"heatmap-wide", "heatmap", `"page":"/pricing","kind":"click","width":1280`},
		{"heatmap-scroll", "heatmap", `"page":"/pricing","kind":"scroll"`},
	}
}

// TestPageExchanges: what the page is tested with is what the server answers.
func TestPageExchanges(t *testing.T) {
	w := newPeople(t, nil)
	for _, q := range pageQuestions() {
		request, body := aboutPeople(q.report, q.question)
		status, text := w.ask(t, scenario{request: request, as: "ada", body: body})
		_, answer, _ := strings.Cut(text, "\r\n\n") // see ask
		if want := map[bool]int{true: http.StatusBadRequest, false: http.StatusOK}[q.name == "funnel-wrong"]; status != want {
			t.Errorf("%s: status %d, want %d: %s", q.name, status, want, answer)
		}
		var asked map[string]any
		must(t, json.Unmarshal([]byte(body), &asked))
		exchange, err := json.MarshalIndent(map[string]any{
			"report": q.report, "question": asked, "status": status, "answer": json.RawMessage(answer),
		}, "", " ")
		must(t, err)
		exchange = append(exchange, '\n')
		path := filepath.Join(exchangesDir, q.name+".json")
		if *updateExchanges {
			must(t, os.WriteFile(path, exchange, 0o644))
			continue
		}
		recorded, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Equal(recorded, exchange) {
			t.Errorf("%s is not what the server answers; write it with -update:\n%s", path, exchange)
		}
	}
}
