package dashboard

import (
	"encoding/json"
	"strings"
	"testing"

	"turf/schema"
)

// TestSitesScriptConfiguration: what a site's own script does is read and changed by the names of Plausible's switches; what is not
// named stays, other parts of Turf's included, and one mistake changes nothing.
func TestSitesScriptConfiguration(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		_, err := cfg.Provision.Set(t.Context(), "example.com", func(s *schema.Site) error {
			s.Settings = &schema.Settings{ScriptParts: []string{"404", "clicks"}, Profile: schema.ProfileStrict}
			return nil
		})
		must(t, err)
	})
	inUse, _ := w.sites.ByDomain("example.com") // by the collector, at this moment
	send := with(key("sites"), "Content-Type", "application/json")
	form := with(key("sites"), "Content-Type", "application/x-www-form-urlencoded")
	for _, c := range []struct {
		name, request, body string
		headers             map[string]string
		status              int
		on                  string // the switches that are true then, with spaces between
		wrong               string
	}{
		{"read", "GET", "", key("one"), 200, "track_404_pages", ""},
		{"change one, and one that is so", "PUT", `{"tracker_script_configuration":{"form_submissions":true,"track_404_pages":true}}`, send, 200, "form_submissions track_404_pages", ""},
		{
			"change several", "PUT", `{"tracker_script_configuration":{"track_404_pages":false,"revenue_tracking":"true","pageview_props":1,
				"installation_type":"wordpress","id":"pa-other","later":true}}`, send, 200, "form_submissions pageview_props revenue_tracking", "",
		},
		{
			"as a form", "PUT", "tracker_script_configuration[form_submissions]=false&tracker_script_configuration%5Btagged_events%5D=true",
			form, 200, "pageview_props revenue_tracking tagged_events", "",
		},
		{
			"nothing in it", "PUT", `{"tracker_script_configuration":{"installation_type":null}}`, send, 200,
			"pageview_props revenue_tracking tagged_events", "",
		},
		{
			"an invalid switch", "PUT", `{"domain":"x.example","tracker_script_configuration":{"form_submissions":"often","hash_based_routing":true}}`,
			send, 400, "", "tracker_script_configuration.form_submissions: is invalid",
		},
		{
			"an invalid type", "PUT", `{"tracker_script_configuration":{"installation_type":"pigeon","hash_based_routing":true}}`,
			send, 400, "", "tracker_script_configuration.installation_type: is invalid",
		},
		{"no object", "PUT", `{"tracker_script_configuration":true}`, send, 400, "", "tracker_script_configuration: is invalid"},
		{"a key that reads", "PUT", `{"tracker_script_configuration":{"hash_based_routing":true}}`, key("all"), 401, "", "scope sites"},
		{"another site's key", "PUT", `{"tracker_script_configuration":{"hash_based_routing":true}}`, key("site"), 404, "", "could not be found"},
		{"all as it was", "GET", "", key("sites"), 200, "pageview_props revenue_tracking tagged_events", ""},
		{"all off", "PUT", `{"tracker_script_configuration":{"pageview_props":false,"revenue_tracking":false,"tagged_events":0}}`, send, 200, "", ""},
	} {
		site := "example.com"
		if c.name == "another site's key" {
			site = "other.example"
		}
		status, text := w.ask(t, scenario{request: c.request + " /api/v1/sites/" + site, headers: c.headers, body: c.body})
		if status != c.status || !strings.Contains(text, c.wrong) {
			t.Errorf("%s: status %d, want %d with %q: %s", c.name, status, c.status, c.wrong, text)
		}
		if status != 200 {
			continue
		}
		var told struct {
			Script map[string]any `json:"tracker_script_configuration"`
		}
		_, body, _ := strings.Cut(text, "\r\n\n") // see ask
		must(t, json.Unmarshal([]byte(body), &told))
		if told.Script["id"] != "pa-example.com" || told.Script["installation_type"] != nil || len(told.Script) != len(scriptParts)+2 {
			t.Errorf("%s: %v", c.name, told.Script)
		}
		for _, s := range scriptParts {
			if want := strings.Contains(" "+c.on+" ", " "+s.field+" "); told.Script[s.field] != want {
				t.Errorf("%s: %s is %v", c.name, s.field, told.Script[s.field])
			}
		}
	}
	w.run(t, []scenario{
		{
			name: "created with it", request: "POST /api/v1/sites", headers: send, status: 200,
			body: `{"domain":"c.example/blog","tracker_script_configuration":{"outbound_links":true,"file_downloads":true}}`,
			want: []string{`"outbound_links":true`, `"file_downloads":true`, `"form_submissions":false`, `"id":null`},
		},
		{
			name: "not created with a wrong one", request: "POST /api/v1/sites", headers: send, status: 400,
			body: `{"domain":"d.example","tracker_script_configuration":{"outbound_links":"x"}}`, want: []string{"outbound_links: is invalid"},
		},
		{name: "so it is not there", request: "GET /api/v1/sites/d.example", headers: key("sites"), status: 404},
	})
	if got := inUse.Settings.ScriptParts; strings.Join(got, " ") != "404 clicks" {
		t.Errorf("the settings in use were changed: %v", got)
	}
	site, ok := w.sites.ByDomain("example.com")
	if !ok || strings.Join(site.Settings.ScriptParts, " ") != "clicks" || !site.Settings.IsStrict() {
		t.Errorf("Turf's own parts: %+v", site.Settings)
	}
}
