package dashboard

import "testing"

func TestPageProperties(t *testing.T) {
	w := newButtons(t, false)
	const ask = "GET " + pagePropertiesPath + "?site_id="
	w.run(t, []scenario{
		{name: "by their names", request: ask + "other.example", as: "ada", status: 200, want: []string{`["element","page","plan"]`}},
		{name: "none", request: ask + "example.com", as: "ada", status: 200, want: []string{"[]"}},
		{name: "no site", request: "GET " + pagePropertiesPath, as: "ada", status: 400, want: []string{"site_id: is required"}},
		{name: "no such site", request: ask + "x.example", as: "ada", status: 404},
		{name: "to nobody", request: ask + "other.example", status: 401, not: []string{"element"}},
		{name: "to a key of another site", request: ask + "other.example", headers: key("one"), status: 401, not: []string{"element"}},
		{name: "to post", request: "POST " + pagePropertiesPath, as: "ada", status: 405, want: []string{"Allow: GET"}},
	})
}
