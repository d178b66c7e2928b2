package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cannedAPI answers as the server does, with fixed numbers. It may be used by many goroutines.
type cannedAPI struct {
	mu        sync.Mutex
	questions []question
	signedIn  bool                // questions are answered
	exchanges map[string]exchange // of the reports over people who consented; see people_test.go
	noReports bool                // the opt-in path is off
	shared    bool                // whoever looks came by a link
	away      int                 // the status of all answers about numbers, while it is not 0
	scale     float64             // all visitors are so many times as many, unless it is 0
	answers   func(question) any  // instead of the canned answers, unless it is nil or says nil
	held      chan struct{}       // questions are answered once it is closed, unless it is nil
	waiting   atomic.Int32        // how many questions came while they were held
}

// question is what the page asks; see Plausible's stats API v2.
type question struct {
	Site       string              `json:"site_id"`
	Metrics    []string            `json:"metrics"`
	Range      any                 `json:"date_range"`
	Dimensions []string            `json:"dimensions"`
	Filters    [][]json.RawMessage `json:"filters"`
	Pagination struct {
		Limit  int `json:"limit"`
		Offset int `json:"offset"`
	} `json:"pagination"`
}

type result struct {
	Metrics    []any `json:"metrics"`
	Dimensions []any `json:"dimensions"`
}

// combinations are canned: a part of what the server says.
var combinations = []map[string]any{
	{"grain": "day", "dimensions": []string{"event:page", "visit:source", "visit:channel", "visit:utm_campaign"}},
	{"grain": "day", "dimensions": []string{"event:page", "visit:country"}},
	{"grain": "day", "dimensions": []string{"event:page", "event:goal"}},
	{"grain": "day", "dimensions": []string{"visit:entry_page"}},
	{"grain": "day", "dimensions": []string{"visit:exit_page"}},
	{"grain": "day", "dimensions": []string{"visit:source", "visit:referrer"}},
	{"grain": "day", "dimensions": []string{"visit:country", "visit:region", "visit:city"}},
	{"grain": "day", "dimensions": []string{"visit:source", "visit:device", "visit:browser", "visit:os"}},
	{"grain": "day", "dimensions": []string{
		"visit:utm_campaign", "visit:utm_source", "visit:utm_medium", "visit:utm_content", "visit:utm_term",
	}},
	{"grain": "day", "dimensions": []string{"visit:browser", "visit:browser_version"}},
	{"grain": "day", "dimensions": []string{"visit:os", "visit:os_version"}},
	{"grain": "day", "dimensions": []string{"event:name", "visit:source"}},
	{"grain": "day", "dimensions": []string{"event:page", "segment"}},
	{"grain": "day", "dimensions": []string{"visit:source", "visit:channel", "visit:utm_campaign", "segment"}},
	{"grain": "hour", "dimensions": []string{"event:page"}},
}

// names are of codes that are canned values.
var names = map[string]string{"2759794": "Amsterdam", "NL-NH": "North Holland"}

const placeNote = "IP geolocation by Somebody (https://places.example/free), March 2026."

const refusal = `event:page and visit:channel are not counted together; remove one`

// values are the canned rows: each value's number of visitors.
var values = map[string][]struct {
	name     string
	visitors float64
}{
	"event:page": {
		{"/", 900},
		{"/pricing", 420},
		{"/docs", 300},
		{"/blog", 200},
		{"/about", 90},
		{"/a", 80},
		{"/b", 70},
		{"/c", 60},
		{"/d", 50},
		{"/e", 40},
		{"/f", 30},
	},
	"visit:entry_page":      {{"/", 700}},
	"visit:source":          {{"Direct / None", 600}, {"Google", 500}},
	"visit:channel":         {{"Direct", 600}, {"Organic Search", 500}},
	"visit:country":         {{"NL", 800}, {"(other)", 300}, {"DE", 134}},
	"visit:city":            {{"2759794", 400}},
	"visit:region":          {{"NL-NH", 410}, {"(other)", 20}},
	"visit:exit_page":       {{"/thanks", 333}},
	"visit:utm_campaign":    {{"spring", 44}},
	"visit:utm_medium":      {{"email", 40}, {"cpc", 4}},
	"visit:browser_version": {{"145", 500}, {"144", 200}},
	"visit:browser":         {{"Firefox", 700}},
	"event:name":            {{"Signup", 33}},
	"event:goal":            {{"Sign up", 30}, {"Read an article", 12}},
	"event:next_page":       {{"/signup", 210}, {"(other)", 12}},
	"event:props:plan":      {{"(other)", 9}, {"pro", 8}, {"(not set)", 2}},
	"drop:reason":           {{"robot", 1000}, {"datacenter", 200}, {"headless", 30}, {"ai_robot", 4}},
	"drop:agent":            {{"GPTBot", 600}, {"(not set)", 34}},
}

// metricOf is the canned value of a metric where there are so many visitors. Money is an object, and those who signed up paid nothing.
func metricOf(metric string, visitors float64) any {
	switch metric {
	case "total_revenue":
		if visitors == 30 {
			return nil
		}
		return map[string]any{"value": visitors * 9.5, "currency": "EUR", "short": "€…", "long": "€…"}
	case "visits":
		return visitors + 100
	case "pageviews", "events":
		return visitors * 3
	case "views_per_visit":
		return 2.5
	case "bounce_rate":
		return 42
	case "visit_duration", "time_on_page":
		return 75
	case "conversion_rate", "group_conversion_rate":
		return 2.5
	case "lcp_p75":
		return 1920
	case "inp_p75":
		return 240
	case "cls_p75":
		return 0.304
	}
	return visitors
}

// serve starts a server with the page and the canned answers.
func (a *cannedAPI) serve(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", Handler())
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		status, body := a.answer(r)
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func (a *cannedAPI) answer(r *http.Request) (int, any) {
	if a.held != nil && r.URL.Path == "/api/v2/query" {
		a.waiting.Add(1)
		<-a.held
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away != 0 && (r.URL.Path == "/api/v2/query" || strings.Contains(r.URL.Path, "/stats/")) {
		return a.away, map[string]string{"error": "The database does not answer."}
	}
	if r.URL.Path == "/api/login" {
		var in struct{ Name, Password string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Password != "grass" {
			return 401, map[string]string{"error": "wrong name or password"}
		}
		a.signedIn = true
		return 200, map[string]bool{"ok": true}
	}
	if r.URL.Path == "/api/logout" {
		a.signedIn = false
		return 200, map[string]bool{"ok": true}
	}
	if !a.signedIn {
		return 401, map[string]string{"error": "sign in first"}
	}
	if strings.HasPrefix(r.URL.Path, "/api/v1/reports/") {
		return a.report(r)
	}
	switch r.URL.Path {
	case "/api/me":
		if a.shared {
			return 200, map[string]bool{"shared": true}
		}
		return 200, map[string]string{"user": "ada", "place_note": placeNote}
	case "/api/sites":
		return 200, []map[string]any{
			{
				"site": "example.com", "timezone": "Europe/Amsterdam", "goals": 2, "funnels": []string{"Checkout", "Reading"},
				"segments": []string{"Dutch & mobile", "Readers"}, "buttons": 3,
			},
			{"site": "new.example", "timezone": "Asia/Kathmandu"},
			{"site": "odd.example", "timezone": "Mars/Olympus_Mons"},
		}
	case "/api/combinations":
		return 200, combinations
	case "/api/properties":
		if r.URL.Query().Get("site_id") != "example.com" {
			return 200, []string{}
		}
		return 200, []string{"plan", "url"}
	case "/api/stats/buttons":
		return a.buttons(r)
	case "/api/stats/funnels":
		return a.funnel(r)
	case "/api/v1/stats/realtime/visitors":
		return 200, map[string]int{"example.com": 7}[r.URL.Query().Get("site_id")]
	case "/api/v2/query":
		var q question
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			return 400, map[string]string{"error": err.Error()}
		}
		a.questions = append(a.questions, q)
		if a.answers != nil {
			if answer := a.answers(q); answer != nil {
				return 200, answer
			}
		}
		return a.query(q)
	}
	return 404, map[string]string{"error": "not here"}
}

func (a *cannedAPI) query(q question) (int, any) {
	byPage := slices.ContainsFunc(q.Filters, func(f []json.RawMessage) bool { return string(f[1]) == `"event:page"` })
	if byPage && slices.Contains(q.Dimensions, "visit:channel") {
		return 400, map[string]string{"error": refusal}
	}
	results := []result{}
	add := func(visitors float64, dimensions ...any) {
		if q.Site == "new.example" {
			visitors = 0
		}
		if a.scale != 0 {
			visitors *= a.scale
		}
		r := result{Dimensions: append([]any{}, dimensions...)}
		for _, m := range q.Metrics {
			r.Metrics = append(r.Metrics, metricOf(m, visitors))
		}
		results = append(results, r)
	}
	switch {
	case len(q.Dimensions) == 0:
		add(1234)
		if q.Site == "new.example" {
			none := slices.Repeat([]any{0}, len(q.Metrics))
			results = []result{{Metrics: none, Dimensions: []any{}}}
		}
	case strings.HasPrefix(q.Dimensions[0], "time:") && q.Site != "new.example":
		labels, err := timeLabels(q)
		if err != nil {
			return 400, map[string]string{"error": err.Error()}
		}
		for i, label := range labels {
			add(float64(100+50*i), label)
		}
	case q.Site != "new.example":
		for _, v := range values[q.Dimensions[0]] {
			if q.Pagination.Limit != 0 && len(results) >= q.Pagination.Limit {
				continue
			}
			dimensions := []any{v.name}
			if n, err := strconv.Atoi(v.name); err == nil {
				dimensions[0] = n // the id of a city
			}
			if len(q.Dimensions) > 1 {
				dimensions = append(dimensions, cmp.Or(names[v.name], v.name))
			}
			add(v.visitors, dimensions...)
		}
	}
	meta := map[string]any{}
	if slices.Contains(q.Dimensions, "visit:channel") || strings.Contains(fmt.Sprintf("%s", q.Filters), "visit:channel") {
		warning := map[string]string{"code": "joined_tuples", "warning": "added up"}
		meta["metric_warnings"] = map[string]any{"visitors": warning}
	}
	if days, ok := q.Range.([]any); ok && fmt.Sprint(days[0]) >= "2022-12-01" && fmt.Sprint(days[0]) < "2024" {
		return 200, importedAnswer(q, results)
	}
	return 200, map[string]any{"results": results, "meta": meta, "query": q}
}

// timeLabels are those of the last five buckets of the days that were asked for, as the server writes them.
func timeLabels(q question) ([]string, error) {
	days, ok := q.Range.([]any)
	if !ok || len(days) != 2 {
		return nil, fmt.Errorf("date_range %v", q.Range)
	}
	last, err := time.Parse("2006-01-02", fmt.Sprint(days[1]))
	if err != nil {
		return nil, err
	}
	var labels []string
	for i := range 5 {
		switch q.Dimensions[0] {
		case "time:hour":
			labels = append(labels, last.Add(time.Duration(i)*time.Hour).Format(time.DateTime))
		case "time:day":
			labels = append(labels, last.AddDate(0, 0, i-4).Format(time.DateOnly))
		case "time:week":
			monday := last.AddDate(0, 0, -(int(last.Weekday())+6)%7)
			labels = append(labels, monday.AddDate(0, 0, 7*(i-4)).Format(time.DateOnly))
		case "time:month":
			labels = append(labels, last.AddDate(0, i-4, 1-last.Day()).Format(time.DateOnly))
		}
	}
	return labels, nil
}

// asked reports whether a question with this dimension and exactly this filter ("" for none) came in.
func (a *cannedAPI) asked(dimension, filter string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.questions, func(q question) bool {
		got := ""
		for _, f := range q.Filters {
			for _, part := range f {
				got += fmt.Sprintf("%s ", part)
			}
		}
		return slices.Contains(q.Dimensions, dimension) && strings.TrimSpace(got) == filter
	})
}

// set changes what is answered from now on.
func (a *cannedAPI) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// askedFor reports whether a question about just these days came in.
func (a *cannedAPI) askedFor(from, to string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.questions, func(q question) bool {
		days, _ := q.Range.([]any)
		return len(days) == 2 && days[0] == from && days[1] == to
	})
}

// askedMetric reports whether a question with this metric came in that had at least so many filters and, unless it is "", the dimension.
func (a *cannedAPI) askedMetric(metric, dimension string, filters int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.questions, func(q question) bool {
		return slices.Contains(q.Metrics, metric) && len(q.Filters) >= filters && (dimension == "" || slices.Contains(q.Dimensions, dimension))
	})
}
