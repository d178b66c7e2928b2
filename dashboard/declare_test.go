package dashboard

import (
	"regexp"
	"strings"
	"testing"
)

// declarations are requests that declare something of example.com, and how the lists begin in which it then is.
var declarations = []struct{ path, body, list string }{
	{goalsPath, `{"site_id":"example.com","goal_type":"page","page_path":"/thanks"}`, `{"goals":[{"id":"`},
	{segmentsPath, `{"site_id":"example.com","name":"Phones","filters":[["is","visit:device",["Mobile"]]]}`, `"segments":[{"id":"`},
	{
		siteFunnelsPath, `{"site_id":"example.com","name":"Buy","steps":[{"page":"/pricing"},{"event":"Buy"}],"window_sec":3600}`,
		`{"funnels":[{"id":"`,
	},
}

// TestPageDeclares: what a key of the scope sites can declare, the page of who may change the site can too, and nobody else's.
func TestPageDeclares(t *testing.T) {
	w := newWorld(t, nil)
	for name, role := range map[string]string{"eve": "editor", "vic": "viewer"} {
		w.follow(t, w.invite(t, "example.com", name+"@example.org", role), name)
	}
	id := regexp.MustCompile(`"id":"(\w+)"`)
	for _, d := range declarations {
		list := "GET " + d.path + "?site_id="
		elsewhere := strings.Replace(d.body, "example.com", "other.example", 1)
		cross := map[string]string{"Sec-Fetch-Site": "cross-site"}
		w.run(t, []scenario{
			{name: "nobody", request: "PUT " + d.path, body: d.body, status: 401, want: []string{"Missing API key"}},
			{
				name: "a guest who looks", request: "PUT " + d.path, as: "vic", body: d.body, status: 403,
				want: []string{"Only who may change this site"},
			},
			{name: "lists it neither", request: list + "example.com", as: "vic", status: 403},
			{name: "an editor elsewhere", request: "PUT " + d.path, as: "eve", body: elsewhere, status: 404},
			{name: "another page", request: "PUT " + d.path, as: "ada", headers: cross, body: d.body, status: 403},
			{name: "no site", request: "PUT " + d.path, as: "ada", body: "{}", status: 400, want: []string{"site_id: is required"}},
			{name: "an unknown site", request: list + "no.example", as: "ada", status: 404},
			{name: "an editor", request: "PUT " + d.path, as: "eve", body: d.body, status: 200, want: []string{`"domain":"example.com"`}},
			{name: "again", request: "PUT " + d.path, as: "ada", body: d.body, status: 200},
			{name: "listed", request: list + "example.com", as: "eve", status: 200, want: []string{d.list}},
			{name: "for keys that read", request: list + "example.com", headers: key("one"), status: 200, want: []string{d.list}},
			{name: "not elsewhere", request: list + "other.example", as: "ada", status: 200, not: []string{d.list}},
		})
		_, text := w.ask(t, scenario{request: list + "example.com", as: "eve"})
		ids := id.FindAllStringSubmatch(text, -1)
		if len(ids) != 1 {
			t.Fatalf("%s: declared twice and listed as %s", d.path, text)
		}
		remove := "DELETE " + d.path + "/" + ids[0][1]
		ofSite := `{"site_id":"example.com"}`
		w.run(t, []scenario{
			{name: "kept from who looks", request: remove, as: "vic", body: ofSite, status: 403},
			{name: "kept from another page", request: remove, as: "eve", headers: cross, body: ofSite, status: 403},
			{name: "taken back", request: remove, as: "eve", body: ofSite, status: 200, want: []string{`{"deleted":true}`}},
			{name: "gone", request: remove, as: "eve", body: ofSite, status: 404, want: []string{"could not be found"}},
		})
	}
	w.run(t, []scenario{
		// What is no declaration wants a key.
		{name: "sites", request: "GET " + sitesPath, as: "ada", status: 401, want: []string{"Missing API key"}},
		{name: "links", request: "GET " + sharesPath + "?site_id=example.com", as: "ada", status: 401},
	})
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

// funnelDeclarations are requests about the funnels of example.com in the Sites API.
func funnelDeclarations() []scenario {
	json := with(key("sites"), "Content-Type", "application/json")
	put := func(name, more string, status int, want ...string) scenario {
		return scenario{
			name: name, request: "PUT " + siteFunnelsPath, headers: json, status: status, want: want,
			body: `{"site_id":"example.com",` + more + `}`,
		}
	}
	const steps = `"steps":[{"page":"/pricing"},{"event":"Buy"}]`
	return []scenario{
		put("declare", `"name":"Buy",`+steps, 200,
			`"name":"Buy","steps":[{"page":"/pricing"},{"event":"Buy"}],"window_sec":0,"counted_since":"20`),
		put("by another name", `"name":"Purchase",`+steps, 200, `"name":"Buy"`),
		put("with a window", `"name":"Fast",`+steps+`,"window_sec":1800`, 200, `"window_sec":1800`),
		{
			name: "as a form", request: "PUT " + siteFunnelsPath,
			headers: with(key("sites"), "Content-Type", "application/x-www-form-urlencoded"),
			body:    "site_id=example.com&name=Read&window_sec=60&steps=" + `%5B%7B%22page%22%3A%22%2Fa%22%7D%2C%7B%22page%22%3A%22%2Fb%22%7D%5D`,
			status:  200, want: []string{`"steps":[{"page":"/a"},{"page":"/b"}],"window_sec":60`},
		},
		put("the same name", `"name":"Buy","steps":[{"page":"/x"},{"page":"/y"}]`, 400, `there are two funnels called \"Buy\"`),
		put("no name", steps, 400, "name: is required"),
		put("no steps", `"name":"None"`, 400, "steps: is required"),
		put("one step", `"name":"One","steps":[{"page":"/x"}]`, 400, "there are 1, and must be 2 to 8"),
		put("a step that is both", `"name":"Both","steps":[{"page":"/x","event":"y"},{"page":"/z"}]`, 400, "either an event or a page"),
		put("steps of another kind", `"name":"Other","steps":[{"click":"/x"},{"page":"/z"}]`, 400, "they are a list such as"),
		put("steps that are words", `"name":"Words","steps":"pricing then buy"`, 400, "they are a list such as"),
		put("no number", `"name":"Soon",`+steps+`,"window_sec":"soon"`, 400, "whole number of seconds"),
		put("too long", `"name":"Long",`+steps+`,"window_sec":86401`, 400, "must be between 1 and 86400 seconds"),
		{
			name: "list", request: "GET " + siteFunnelsPath + "?site_id=example.com&limit=2", headers: key("one"), status: 200,
			want: []string{`"name":"Buy"`, `"name":"Fast"`, `"meta":{"after":"Fast"`}, not: []string{`"name":"Read"`},
		},
	}
}

func TestFunnelsOfSites(t *testing.T) {
	newWorld(t, nil).run(t, funnelDeclarations())
}

// What is asked and answered has the form that is described.
func TestOpenAPIFunnelsOfSites(t *testing.T) {
	newWorld(t, nil).asDescribed(t, funnelDeclarations(), 200, 400)
}
