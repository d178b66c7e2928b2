package dashboard

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSitesAPI: sites are made, changed and removed as with Plausible's.
func TestSitesAPI(t *testing.T) { newWorld(t, nil).run(t, sitesScenarios()) }

// sitesScenarios are to be asked in this order.
func sitesScenarios() []scenario {
	json := with(key("sites"), "Content-Type", "application/json")
	form := with(key("sites"), "Content-Type", "application/x-www-form-urlencoded")
	parts := with(key("sites"), "Content-Type", "multipart/form-data; boundary=b")
	part := func(pairs ...string) string {
		var b strings.Builder
		for i := 0; i < len(pairs); i += 2 {
			b.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + pairs[i] + "\"\r\n\r\n" + pairs[i+1] + "\r\n")
		}
		return b.String() + "--b--\r\n"
	}
	return []scenario{
		{name: "no key", request: "GET /api/v1/sites", status: 401, want: []string{"Missing API key"}},
		{name: "a key that reads", request: "GET /api/v1/sites", headers: key("all"), status: 200, want: []string{`"sites":[{"domain":"example.com"`, `"domain":"other.example"`}},
		{name: "a key that reads one", request: "GET /api/v1/sites", headers: key("one"), status: 200, want: []string{`"sites":[{"domain":"example.com"`}, not: []string{"other.example"}},
		{name: "a key that reads no other", request: "GET /api/v1/sites/other.example", headers: key("one"), status: 404},
		{
			name: "a key that reads does not change", request: "PUT /api/v1/sites/example.com", headers: key("all"), body: "domain=x.example",
			status: 401, want: []string{"scope sites"},
		},
		{
			name: "a key that reads does not see links", request: "GET /api/v1/sites/shared-links?site_id=example.com", headers: key("all"),
			status: 401,
		},
		{name: "a key that is revoked", request: "GET /api/v1/sites", headers: key("revoked"), status: 401},
		{name: "a session", request: "GET /api/v1/sites", as: "ada", status: 401},
		{
			name: "a key that changes sites does not read", request: "POST " + queryPath, headers: key("sites"),
			body: question("example.com"), status: 401,
		},
		{
			name: "list", request: "GET /api/v1/sites", headers: key("sites"), status: 200,
			want: []string{`{"meta":{"after":null,"before":null,"limit":100},"sites":[{"domain":"example.com","timezone":"Europe/Amsterdam"}`},
		},
		{
			name: "its own only", request: "GET /api/v1/sites", headers: key("site"), status: 200,
			want: []string{`"sites":[{"domain":"example.com","timezone":"Europe/Amsterdam"}]`}, not: []string{"other.example"},
		},
		{
			name: "first page", request: "GET /api/v1/sites?limit=1", headers: key("sites"), status: 200,
			want: []string{`{"after":"example.com","before":null,"limit":1}`}, not: []string{"other.example"},
		},
		{
			name: "second page", request: "GET /api/v1/sites?limit=1&after=example.com", headers: key("sites"), status: 200,
			want: []string{`{"after":null,"before":"other.example","limit":1}`, `"sites":[{"domain":"other.example"`},
		},
		{
			name: "back", request: "GET /api/v1/sites?limit=1&before=other.example", headers: key("sites"), status: 200,
			want: []string{`"sites":[{"domain":"example.com"`}, not: []string{`"domain":"other.example"`},
		},
		{
			name: "limit", request: "GET /api/v1/sites?limit=0", headers: key("sites"), status: 400,
			want: []string{"limit: it is a number from 1 to 1000"},
		},

		{
			name: "create", request: "POST /api/v1/sites", headers: json, status: 200,
			body: `{"domain":"https://www.New.example/","timezone":"Europe/London","tracker_script_configuration":{"hash_based_routing":true}}`,
			want: []string{`{"domain":"new.example","timezone":"Europe/London","custom_properties":[],"tracker_script_configuration":{`, `"hash_based_routing":true`},
		},
		{
			name: "again", request: "POST /api/v1/sites", headers: form, body: "domain=new.example", status: 400,
			want: []string{"domain: has already been taken"},
		},
		{name: "no name", request: "POST /api/v1/sites", headers: json, body: `{}`, status: 400, want: []string{"domain: "}},
		{
			name: "no zone", request: "POST /api/v1/sites", headers: form, body: "domain=a.example&timezone=Mars",
			status: 400, want: []string{"timezone: "},
		},
		{name: "no JSON", request: "POST /api/v1/sites", headers: json, body: `{"domain":`, status: 400, want: []string{"neither JSON nor a form"}},
		{name: "too long", request: "POST /api/v1/sites", headers: json, body: strings.Repeat(" ", MaxSitesBytes+1), status: 413},
		{name: "other letters", request: "POST /api/v1/sites", headers: json, body: `{"domain":"до.101домен.рф/pages"}`, status: 200, want: []string{`"domain":"до.101домен.рф/pages"`, `"id":null`}},
		{name: "not so", request: "POST /api/v1/sites", headers: json, body: `{"domain":"h&llo.example"}`, status: 400, want: []string{"domain: "}},
		{name: "nor so", request: "POST /api/v1/sites", headers: json, body: `{"domain":"quero:café.example"}`, status: 400, want: []string{"domain: "}},
		{name: "not with a key for one", request: "POST /api/v1/sites", headers: key("site"), body: "domain=a.example", status: 403},
		{name: "below a path", request: "POST /api/v1/sites", headers: parts, body: part("domain", "new.example/blog"), status: 200},
		{name: "read one below a path", request: "GET /api/v1/sites/new.example%2Fblog", headers: key("sites"), status: 200, want: []string{`"domain":"new.example/blog"`}},
		{name: "not its own", request: "GET /api/v1/sites/new.example", headers: key("site"), status: 404, want: []string{"could not be found"}},
		{
			name: "other method", request: "POST /api/v1/sites/new.example", headers: key("sites"), status: 405,
			want: []string{"Allow: DELETE, GET, PUT"},
		},

		{
			name: "goal", request: "PUT /api/v1/sites/goals", headers: json, status: 200,
			body: `{"site_id":"new.example","goal_type":"event","event_name":"Signup"}`,
			want: []string{`"display_name":"Signup","goal_type":"event","event_name":"Signup","page_path":null`, `"domain":"new.example"`},
		},
		{
			name: "of a page", request: "PUT /api/v1/sites/goals", headers: parts, status: 200,
			body: part("site_id", "new.example", "goal_type", "page", "page_path", "/blog/*", "scroll_threshold", "50"),
			want: []string{`"display_name":"Scroll 50% of /blog/*"`, `"page_path":"/blog/*","scroll_threshold":50`, `"counted_since":"20`},
		},
		{
			name: "again, by another name", request: "PUT /api/v1/sites/goals", headers: json, status: 200,
			body: `{"site_id":"new.example","goal_type":"event","event_name":"Signup","display_name":"Sign up"}`,
			want: []string{`"display_name":"Signup"`},
		},
		{
			name: "goals", request: "GET /api/v1/sites/goals?site_id=new.example", headers: key("sites"), status: 200,
			want: []string{`"goals":[{"id":"`, `"Scroll 50% of /blog/*"`, `"Signup"`},
		},
		{
			name: "wrong goal", request: "PUT /api/v1/sites/goals", headers: json, status: 400,
			body: `{"site_id":"new.example","goal_type":"page","page_path":"blog"}`, want: []string{"begins with /"},
		},
		{
			name: "goal with a property", request: "PUT /api/v1/sites/goals", headers: json, status: 400,
			body: `{"site_id":"new.example","goal_type":"event","event_name":"Buy","custom_props":{"plan":"pro"}}`, want: []string{"custom_props: goals are not counted by"},
		},
		{
			name: "the same in a form", request: "PUT /api/v1/sites/goals",
			headers: form, body: "site_id=new.example&goal_type=event&event_name=Buy&custom_props[plan]=pro",
			status: 400, want: []string{"custom_props: "},
		},
		{
			name: "goal with amounts", request: "PUT /api/v1/sites/goals", headers: json, status: 200,
			body: `{"site_id":"new.example","goal_type":"event","event_name":"Buy","custom_props":{},"currency":"EUR"}`, want: []string{`"display_name":"Buy"`, `"currency":"EUR"`},
		},
		{name: "goal with no currency", request: "PUT /api/v1/sites/goals", headers: json, body: `{"site_id":"new.example","goal_type":"event","event_name":"Buy2","currency":"euro"}`, status: 400, want: []string{"currency"}},
		{name: "no goal", request: "PUT /api/v1/sites/goals", headers: json, body: `{"site_id":"new.example","goal_type":"wish"}`, status: 400, want: []string{"goal_type: it is event or page"}},
		{name: "no site", request: "GET /api/v1/sites/goals", headers: key("sites"), status: 400, want: []string{"site_id: is required"}},
		{name: "unknown goal", request: "DELETE /api/v1/sites/goals/7", headers: json, body: `{"site_id":"new.example"}`, status: 404, want: []string{"Goal could not be found"}},

		{
			name: "segment", request: "PUT /api/v1/sites/segments", headers: json, status: 200,
			body: `{"site_id":"new.example","name":"Dutch","filters":[["is","visit:country_name",["Netherlands"]],["not",["is","event:page",["/"]]]]}`,
			want: []string{
				`{"id":"`, `"name":"Dutch","filters":[["is","visit:country",["NL"]],["not",["is","event:page",["/"]]]],"counted_since":"20`,
				`"domain":"new.example"`,
			},
		},
		{
			name: "segment of a form", request: "PUT /api/v1/sites/segments", headers: parts, status: 200,
			body: part("site_id", "new.example", "name", "Search", "filters", `["is","visit:channel",["Organic Search"]]`),
			want: []string{`"name":"Search","filters":[["is","visit:channel",["Organic Search"]]]`},
		},
		{
			name: "segment again, by another name", request: "PUT /api/v1/sites/segments", headers: json, status: 200,
			body: `{"site_id":"new.example","name":"Found","filters":[["is","visit:channel",["Organic Search"]]]}`, want: []string{`"name":"Search"`},
		},
		{
			name: "segment of a name that is taken", request: "PUT /api/v1/sites/segments", headers: json, status: 400,
			body: `{"site_id":"new.example","name":"Search","filters":[["is","visit:channel",["Email"]]]}`, want: []string{`there are two segments called`},
		},
		{
			name: "segments", request: "GET /api/v1/sites/segments?site_id=new.example&limit=1", headers: key("sites"), status: 200,
			want: []string{`"segments":[{"id":"`, `"name":"Dutch"`, `"after":"Dutch"`}, not: []string{`"name":"Search"`},
		},
		{
			name: "wrong segment", request: "PUT /api/v1/sites/segments", headers: json, status: 400,
			body: `{"site_id":"new.example","name":"x","filters":[["is","event:goal",["Signup"]]]}`, want: []string{"event:goal cannot be in a segment"},
		},
		{
			name: "large segment", request: "PUT /api/v1/sites/segments", headers: json, status: 400,
			body: `{"site_id":"new.example","name":"x","filters":[["is","event:page",[` + strings.Repeat(`"/a",`, 50) + `"/b"]]]}`,
			want: []string{"a segment has at most 50 values"},
		},
		{name: "segment of nothing", request: "PUT /api/v1/sites/segments", headers: json, body: `{"site_id":"new.example","name":"x"}`, status: 400, want: []string{"filters: is required"}},
		{name: "segment without a name", request: "PUT /api/v1/sites/segments", headers: json, body: `{"site_id":"new.example","filters":[["is","visit:os",["iOS"]]]}`, status: 400, want: []string{"name: is required"}},
		{
			name: "segment of another's site", request: "PUT /api/v1/sites/segments", headers: key("site"), status: 404,
			body: "site_id=new.example&name=x",
		},
		{name: "unknown segment", request: "DELETE /api/v1/sites/segments/7", headers: json, body: `{"site_id":"new.example"}`, status: 404, want: []string{"Segment could not be found"}},
		{name: "segments, with a key that reads", request: "GET /api/v1/sites/segments?site_id=new.example", headers: key("all"), status: 200},

		{name: "property", request: "PUT /api/v1/sites/custom-props", headers: json, body: `{"site_id":"new.example","property":"plan"}`, status: 200, want: []string{`{"created":true}`}},
		{name: "properties", request: "GET /api/v1/sites/custom-props?site_id=new.example", headers: key("sites"), status: 200, want: []string{`"custom_properties":[]`}},
		{
			name: "no property", request: "DELETE /api/v1/sites/custom-props/plan?site_id=new.example",
			headers: key("sites"), status: 400, want: []string{"none can be taken away"},
		},
		{
			name: "teams", request: "GET /api/v1/sites/teams", headers: key("sites"), status: 200,
			want: []string{`"meta":{"after":null,"before":null,"limit":100},"teams":[{"id":"00000000-0000-4000-8000-000000000001","name":"All sites","api_available":true}]`},
		},
		{
			name: "sites of the team", request: "GET /api/v1/sites?team_id=00000000-0000-4000-8000-000000000001", headers: key("sites"),
			status: 200, want: []string{"example.com"},
		},
		{name: "sites of another team", request: "GET /api/v1/sites?team_id=7", headers: key("sites"), status: 200, want: []string{`"sites":[]`}},
		{name: "create in another team", request: "POST /api/v1/sites", headers: form, body: "domain=t.example&team_id=7", status: 403},

		{name: "nothing to change", request: "PUT /api/v1/sites/new.example", headers: json, body: `{"foo":"bar"}`, status: 400, want: []string{"send domain or tracker_script_configuration"}},
		{name: "no change", request: "PUT /api/v1/sites/new.example", headers: json, body: `{"domain":"new.example"}`, status: 200, want: []string{`"domain":"new.example"`}},
		{name: "another zone", request: "PUT /api/v1/sites/new.example", headers: json, body: `{"timezone":"UTC"}`, status: 400, want: []string{"timezone: what was counted lies in the days of Europe/London"}},
		{name: "a name that is taken", request: "PUT /api/v1/sites/new.example", headers: json, body: `{"domain":"example.com"}`, status: 400, want: []string{"domain: has already been taken"}},
		{name: "no name", request: "PUT /api/v1/sites/new.example", headers: json, body: `{"domain":""}`, status: 400, want: []string{"domain: "}},
		{name: "rename another's", request: "PUT /api/v1/sites/new.example", headers: key("site"), body: "domain=b.example", status: 404},
		{
			name: "rename", request: "PUT /api/v1/sites/new.example", headers: parts, body: part("domain", "newer.example"), status: 200,
			want: []string{`{"domain":"newer.example","timezone":"Europe/London"`, `"id":"pa-newer.example"`, `"hash_based_routing":true`},
		},
		{name: "by its old name", request: "GET /api/v1/sites/new.example", headers: key("sites"), status: 200, want: []string{`{"domain":"newer.example"`}},
		{name: "its goals, by its old name", request: "GET /api/v1/sites/goals?site_id=new.example", headers: key("sites"), status: 200, want: []string{`"Signup"`}},
		{name: "its old name is free", request: "POST /api/v1/sites", headers: form, body: "domain=new.example", status: 200, want: []string{`{"domain":"new.example","timezone":"UTC"`}},
		{name: "and then another's", request: "GET /api/v1/sites/goals?site_id=new.example", headers: key("sites"), status: 200, not: []string{`"Signup"`}},

		{name: "remove", request: "DELETE /api/v1/sites/new.example", headers: key("sites"), status: 200, want: []string{`{"deleted":true}`}},
		{name: "removed", request: "DELETE /api/v1/sites/nobody.example", headers: key("sites"), status: 404},
		{name: "remove by an old name", request: "DELETE /api/v1/sites/new.example", headers: key("sites"), status: 200},
		{name: "all removed", request: "GET /api/v1/sites/newer.example", headers: key("sites"), status: 404},
	}
}

func TestSitesAPIDeletesAGoal(t *testing.T) {
	w := newReadSide(t)
	_, text := w.ask(t, scenario{request: "GET /api/v1/sites/goals?site_id=other.example", headers: key("sites")})
	m := regexp.MustCompile(`"id":"(\d+)","display_name":"Signup"`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal(text)
	}
	w.run(t, []scenario{
		{name: "not its own", request: "DELETE /api/v1/sites/goals/" + m[1] + "?site_id=other.example", headers: key("site"), status: 404},
		{
			name: "goal", request: "DELETE /api/v1/sites/goals/" + m[1], headers: key("sites"), body: "site_id=other.example", status: 200,
			want: []string{`{"deleted":true}`},
		},
		{
			name: "gone", request: "GET /api/v1/sites/goals?site_id=other.example", headers: key("sites"), status: 200,
			want: []string{"/register"}, not: []string{`"Signup"`},
		},
		{
			name: "properties", request: "GET /api/v1/sites/other.example", headers: key("sites"), status: 200,
			want: []string{`{"domain":"other.example","timezone":"UTC","custom_properties":["member"],"tracker_script_configuration":{`},
		},
	})
}

// TestShare: a link lets whoever has it look at its site, and do nothing else, until it is removed.
func TestShare(t *testing.T) {
	w := newWorld(t, nil)
	json := with(key("sites"), "Content-Type", "application/json")
	put := scenario{request: "PUT /api/v1/sites/shared-links", headers: json, body: `{"site_id":"example.com","name":"board"}`}
	status, text := w.ask(t, put)
	m := regexp.MustCompile(`"url":"http://[^/]+(/share/example.com\?auth=([a-z0-9]{20,}))"`).FindStringSubmatch(text)
	if status != 200 || m == nil {
		t.Fatal(status, text)
	}
	for _, doc := range slices.Collect(func(yield func(string) bool) {
		for id, doc := range w.records.Docs("share") {
			if !yield(id + string(doc)) {
				return
			}
		}
	}) {
		if strings.Contains(doc, m[2]) {
			t.Error("the token is stored")
		}
	}
	guest := map[string]string{"Cookie": "turf_share=" + m[2]}
	w.run(t, []scenario{
		{
			name: "its name is taken", request: put.request, headers: json, body: put.body, status: 400,
			want: []string{"name: there is a link of this name"},
		},
		{name: "it has a name", request: put.request, headers: json, body: `{"site_id":"example.com"}`, status: 400, want: []string{"name: "}},
		{name: "list", request: "GET /api/v1/sites/shared-links?site_id=example.com", headers: key("sites"), status: 200, want: []string{`"shared_links":[{"name":"board"`}, not: []string{m[2]}},
		{name: "who is looking", request: "GET /api/me", headers: guest, status: 200, want: []string{`{"shared":true}`}},
		{name: "at what", request: "GET /api/sites", headers: guest, status: 200, want: []string{"example.com"}, not: []string{"other.example"}},
		{name: "its numbers", request: "POST " + queryPath, headers: guest, body: question("example.com"), status: 200, want: []string{`"metrics":[81,181]`}},
		{name: "others' numbers", request: "POST " + queryPath, headers: guest, body: question("other.example"), status: 404},
		{name: "what there is not", request: "POST " + queryPath, headers: guest, body: question("no.example"), status: 404},
		{
			name: "reports about people", request: "POST " + reportsPath + "funnel", headers: guest, status: 403,
			body: `{"site_id":"example.com","date_range":"7d","steps":[{"page":"/"},{"page":"/pay"}]}`,
			want: []string{"A shared link shows the numbers"},
		},
		{name: "change", request: "GET /api/v1/sites", headers: guest, status: 401},
		{name: "from another page", request: "POST " + queryPath, headers: with(guest, "Sec-Fetch-Site",
			"cross-site"), body: question("example.com"), status: 403},
		{name: "a wrong token", request: "GET /api/me", headers: map[string]string{"Cookie": "turf_share=" + m[2] + "a"}, status: 401},
		{name: "a wrong link", request: "GET " + m[1] + "a", status: 404, want: []string{"not valid"}, not: []string{"Set-Cookie"}},
	})
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(w.url + m[1])
	must(t, err)
	res.Body.Close()
	cookie := res.Header.Get("Set-Cookie")
	if res.StatusCode != 303 || res.Header.Get("Location") != "/example.com" ||
		!strings.HasPrefix(cookie, "turf_share="+m[2]+"; Path=/") || !strings.Contains(cookie, "HttpOnly; SameSite=Lax") ||
		res.Header.Get("Referrer-Policy") != "no-referrer" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the link: %d %v", res.StatusCode, res.Header)
	}
	w.run(t, []scenario{
		{name: "remove", request: "DELETE /api/v1/sites/shared-links", headers: json, body: put.body, status: 200},
		{name: "again", request: "DELETE /api/v1/sites/shared-links", headers: json, body: put.body, status: 404},
		{name: "removed", request: "POST " + queryPath, headers: guest, body: question("example.com"), status: 401},
	})
}

// A server without Provision changes nothing.
func TestSitesAPIOff(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Provision = nil })
	w.run(t, []scenario{{
		name: "off", request: "GET /api/v1/sites", headers: key("sites"), status: 404,
		want: []string{"does not change sites"},
	}})
}
