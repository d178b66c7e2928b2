package dashboard

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/labstack/echo/v4"

	"turf/dashboard/stats"
	"turf/schema"
)

// described is the description, as the server serves it.
func described(t *testing.T, w *world) (*openapi3.T, routers.Router) {
	t.Helper()
	status, text := w.ask(t, scenario{request: "GET " + openAPIPath})
	head, body, _ := strings.Cut(text, "\r\n\n") // see ask
	if status != http.StatusOK || !strings.Contains(head, "Content-Type: application/yaml") {
		t.Fatalf("status %d, %s", status, head)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(body))
	must(t, err)
	must(t, doc.Validate(t.Context()))
	router, err := gorillamux.NewRouter(doc)
	must(t, err)
	return doc, router
}

// TestOpenAPIRoutes: what is described is served, and what programs can call is described.
func TestOpenAPIRoutes(t *testing.T) {
	w := newWorld(t, nil)
	doc, _ := described(t, w)
	var inDoc, served []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			inDoc = append(inDoc, method+" "+path)
		}
	}
	d, err := New(Config{
		Sites: noSites{}, Stats: &stats.Engine{}, Access: w.access, Active: func(schema.SiteID) int { return 0 },
	})
	must(t, err)
	e := echo.New()
	d.Register(e)
	refused := regexp.MustCompile(`^(CONNECT|HEAD|OPTIONS|PATCH|PROPFIND|REPORT|TRACE|echo_route_any) `)
	param := regexp.MustCompile(`:(\w+)`)
	pages := []string{ // the page's own
		"/api/me", "/api/sites", "/api/combinations", pagePropertiesPath, "/api/login", "/api/logout", pageGuestsPath, invitationPath,
		"/share/:site", "/", "/*",
	}
	for _, r := range e.Routes() {
		name := r.Method + " " + r.Path
		if refused.MatchString(name) || slices.Contains(pages, r.Path) {
			continue
		}
		status, _ := w.ask(t, scenario{request: name, headers: key("all")})
		if status != http.StatusMethodNotAllowed {
			served = append(served, param.ReplaceAllString(name, "{$1}"))
		}
	}
	slices.Sort(inDoc)
	slices.Sort(served)
	if served = slices.Compact(served); !slices.Equal(inDoc, served) {
		t.Errorf("described: %v\nserved: %v", inDoc, served)
	}
}

// TestOpenAPINames: the metrics and dimensions of the description are those that a question may have.
func TestOpenAPINames(t *testing.T) {
	w := newWorld(t, nil)
	doc, _ := described(t, w)
	enum := func(s *openapi3.SchemaRef) (names []string) {
		for _, v := range s.Value.Enum {
			names = append(names, v.(string))
		}
		return names
	}
	schemas := doc.Components.Schemas
	var dimensions []string
	for _, s := range slices.Concat(schemas["Dimension"].Value.AnyOf, schemas["Property"].Value.AnyOf) {
		dimensions = append(dimensions, enum(s)...)
	}
	for _, c := range []struct {
		question string
		names    []string
	}{
		{`{"site_id":"example.com","metrics":["nothing"],"date_range":"7d"}`, enum(schemas["Metric"])},
		{`{"site_id":"example.com","metrics":["visitors"],"date_range":"7d","dimensions":["nothing"]}`, dimensions},
	} {
		_, text := w.ask(t, scenario{request: "POST " + queryPath, headers: key("all"), body: c.question})
		_, list, _ := strings.Cut(text, ". Use ")
		for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return strings.ContainsRune(" ,\"}\n", r) }) {
			if name == "or" || strings.HasPrefix(name, "event:props:") {
				continue
			}
			if !slices.Contains(c.names, name) {
				t.Errorf("%s may be asked for and is not described", name)
			}
			c.names = slices.DeleteFunc(c.names, func(s string) bool { return s == name })
		}
		if len(c.names) > 0 {
			t.Errorf("described, but not to be asked for: %v", c.names)
		}
	}
}

// TestOpenAPIAnswers asks all questions of the other tests. What the description refuses, the server refuses; what
// the server answers has the form that is described, errors included.
func TestOpenAPIAnswers(t *testing.T) {
	w := newReadSide(t)
	_, router := described(t, w)
	questions := documentationExamples()
	for _, lines := range []map[string][]asked{questionLines(), labelLines(), refusalLines(), v1Lines()} {
		for _, line := range slices.Sorted(maps.Keys(lines)) {
			questions = append(questions, lines[line]...)
		}
	}
	questions = append(questions, asked{question: `{"metrics":["visitors"],"date_range":"7d","dimensions":["visit:source"],` +
		`"include":{"explain":true,"total_rows":true}}`}, asked{question: "aggregate?site_id=other.example&explain=1"})
	answered := map[int]int{}
	for _, s := range sitesScenarios() {
		if s.name != "too long" { // the client of the test sends it as one piece, which the description does not know
			answered[w.validate(t, router, s)]++
		}
	}
	for i, a := range questions {
		s := a.scenario()
		s.headers, s.as = nil, "ada" // who may ask as often as she likes
		switch i % 40 {              // so that each of the other statuses comes too
		case 5:
			s.as = ""
		case 6:
			s.headers = key("busy")
		case 7:
			s.headers = map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
		}
		answered[w.validate(t, router, s)]++
	}
	for _, status := range []int{200, 400, 401, 403, 404, 413, 429} {
		if answered[status] == 0 {
			t.Errorf("no question was answered with %d", status)
		}
	}
}

// asDescribed asks what the scenarios ask, and holds all to the description. Each of the statuses is among the answers.
func (w *world) asDescribed(t *testing.T, scenarios []scenario, statuses ...int) {
	t.Helper()
	_, router := described(t, w)
	answered := map[int]int{}
	for _, s := range scenarios {
		answered[w.validate(t, router, s)]++
	}
	for _, status := range statuses {
		if answered[status] == 0 {
			t.Errorf("no question was answered with %d", status)
		}
	}
}

// validate asks, holds request and answer to the description, and returns the status.
func (w *world) validate(t *testing.T, router routers.Router, s scenario) int {
	t.Helper()
	status, text := w.ask(t, s)
	head, body, _ := strings.Cut(text, "\r\n\n") // see ask
	method, path, _ := strings.Cut(s.request, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, strings.ReplaceAll(path, ";", "%3B"), strings.NewReader(s.body))
	if err != nil {
		return status // no URL
	}
	req.Header.Set("Content-Type", cmp.Or(s.headers["Content-Type"], "application/json"))
	route, params, err := router.FindRoute(req)
	if err != nil {
		if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d, but %v", s.request, status, err)
		}
		return status
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil && status < 400 {
		t.Errorf("%s %s: status %d, but it is not as described: %v", s.request, s.body, status, err)
	}
	header := http.Header{}
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Options: options,
	}
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("%s %s: the answer is not as described: %v\n%s", s.request, s.body, err, body)
	}
	var echoed struct{ Query json.RawMessage }
	if status == http.StatusOK && json.Unmarshal([]byte(body), &echoed) == nil && echoed.Query != nil {
		if again, _ := w.ask(t, scenario{request: s.request, as: "ada", body: string(echoed.Query)}); again != 200 {
			t.Errorf("the echo of %s cannot be asked again: status %d", s.body, again)
		}
	}
	return status
}
