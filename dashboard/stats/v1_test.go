package stats_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"turf/dashboard/stats"
)

// TestV1Answers runs the scripts of testdata/v1 through the real engine. They are those of TestAnswers, but a
// question is that of the stats API v1: "aggregate", "timeseries" or "breakdown", and the parameters as a URL has
// them (+ is a space), with spaces between.
func TestV1Answers(t *testing.T) { runScripts(t, "testdata/v1/*.txt", (*script).runV1) }

func (s *script) runV1(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	update := flag.Lookup("update").Value.String() == "true"
	var written []string
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		command, want, _ := strings.Cut(block+"\n", "\n----\n")
		want = strings.TrimSpace(want)
		command = strings.TrimSpace(command)
		lines := slices.DeleteFunc(strings.Split(command, "\n"), func(l string) bool { return strings.HasPrefix(l, "#") })
		fields := strings.Fields(strings.Join(lines, " "))
		switch fields[0] {
		case "zone":
			s.site.Timezone = fields[1]
		case "now":
			if s.now, err = time.Parse(time.RFC3339, fields[1]); err != nil {
				s.t.Fatal(err)
			}
		case "load":
			s.load("v1-"+string(rune('a'+i)), lines[1:])
		case "import":
			s.imports(lines[1:])
		case "goal":
			for _, line := range lines {
				s.goal(strings.TrimPrefix(line, "goal "))
			}
		default:
			got := s.askV1(fields[0], fields[1:])
			block = command + "\n----\n" + got
			if got != want && !update {
				s.t.Errorf("%s\ngot:\n%s\nwant:\n%s", command, got, want)
			}
		}
		written = append(written, block)
	}
	if update {
		if err := os.WriteFile(file, []byte(strings.Join(written, "\n\n")+"\n"), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

// askV1 is the answer, a row a line.
func (s *script) askV1(kind string, fields []string) string {
	params, err := url.ParseQuery(strings.ReplaceAll(strings.Join(fields, "&"), ";", "%3B"))
	if err != nil {
		s.t.Fatal(err)
	}
	engine := s.engine()
	ask := map[string]func() (*stats.V1Answer, error){
		"aggregate":  func() (*stats.V1Answer, error) { return engine.V1Aggregate(s.t.Context(), &s.site, params) },
		"timeseries": func() (*stats.V1Answer, error) { return engine.V1Timeseries(s.t.Context(), &s.site, params) },
		"breakdown":  func() (*stats.V1Answer, error) { return engine.V1Breakdown(s.t.Context(), &s.site, params) },
	}[kind]
	if ask == nil {
		s.t.Fatalf("unknown command %q", kind)
	}
	answer, err := ask()
	if err != nil {
		// What may be asked for instead is a matter of the planner's tests.
		text, _, _ := strings.Cut(err.Error(), ". Use time, ")
		text, _, _ = strings.Cut(text, ". Use visitors, ")
		return "error: " + text
	}
	var lines []string
	if rows, ok := answer.Results.([]map[string]any); ok {
		for _, row := range rows {
			lines = append(lines, s.json(row))
		}
	} else {
		lines = append(lines, s.json(answer.Results))
	}
	if answer.Explain != nil {
		lines = append(lines, fmt.Sprintf("cube %s, %d rows. %s", answer.Explain.Cube, answer.Explain.Rows, answer.Explain.Why))
	}
	if answer.Warning != "" {
		about, _, _ := strings.Cut(answer.Warning, ":")
		lines = append(lines, "warning about "+about)
	}
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n")
}
