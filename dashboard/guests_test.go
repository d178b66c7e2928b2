package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/reports"
	"turf/schema"
)

var invitationURL = regexp.MustCompile(`"invitation_url":"http://[^/]+/#invitation=([a-z0-9]{39})"`)

// guestsScenarios are the Sites API's guests, to be asked in this order.
func guestsScenarios() []scenario {
	send := with(key("sites"), "Content-Type", "application/json")
	form := with(key("sites"), "Content-Type", "application/x-www-form-urlencoded")
	parts := with(key("sites"), "Content-Type", "multipart/form-data; boundary=b")
	const path = "/api/v1/sites/guests"
	return []scenario{
		{name: "none", request: "GET " + path + "?site_id=example.com", headers: key("sites"), status: 200, want: []string{`{"guests":[],"meta":{"after":null,"before":null,"limit":100}}`}},
		{name: "no site", request: "GET " + path, headers: key("sites"), status: 400, want: []string{"site_id: is required"}},
		{name: "unknown site", request: "GET " + path + "?site_id=no.example", headers: key("sites"), status: 404},
		{name: "no key", request: "GET " + path + "?site_id=example.com", status: 401},
		{name: "a key that reads", request: "GET " + path + "?site_id=example.com", headers: key("all"), status: 401},
		{name: "another site's key", request: "GET " + path + "?site_id=other.example", headers: key("site"), status: 404},
		{name: "other method", request: "POST " + path, headers: key("sites"), status: 405, want: []string{"Allow: GET, PUT"}},

		{name: "no email", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","role":"viewer"}`, status: 400, want: []string{"email: "}},
		{name: "no address", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","email":"alice@","role":"viewer"}`, status: 400, want: []string{"email: "}},
		{name: "no name", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","email":"a b@example.org","role":"viewer"}`, status: 400, want: []string{"email: "}},
		{name: "no role", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","email":"alice@example.org"}`, status: 400, want: []string{"role: it is viewer or editor"}},
		{name: "wrong role", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","email":"alice@example.org","role":"owner"}`, status: 400, want: []string{"role: it is viewer or editor"}},
		{name: "who sees all sites", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","email":"boss@example.org","role":"viewer"}`, status: 400, want: []string{"sees all sites already"}},
		{
			name: "to another's site", request: "PUT " + path,
			headers: key("site"), body: "site_id=other.example&email=alice@example.org&role=viewer",
			status: 404,
		},

		{
			name: "invite", request: "PUT " + path, headers: parts, status: 200,
			body: "--b\r\nContent-Disposition: form-data; name=\"site_id\"\r\n\r\nexample.com\r\n--b\r\n" +
				"Content-Disposition: form-data; name=\"role\"\r\n\r\nviewer\r\n--b\r\n" +
				"Content-Disposition: form-data; name=\"email\"\r\n\r\nAlice@Example.org\r\n--b--\r\n",
			want: []string{`{"email":"alice@example.org","role":"viewer","accepted":false,"invitation_url":"http://`, `"invitation_ends":"2026-04-07T13:37:00Z"`},
		},
		{
			name: "again", request: "PUT " + path, headers: form, body: "site_id=example.com&email=alice%40example.org&role=viewer", status: 200,
			want: []string{`{"email":"alice@example.org","role":"viewer","accepted":false}`},
		},
		{
			name: "as an editor", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","email":"alice@example.org","role":"editor"}`, status: 200,
			want: []string{`{"email":"alice@example.org","role":"editor","accepted":false}`},
		},
		{name: "another", request: "PUT " + path, headers: send, body: `{"site_id":"example.com","email":"bob@example.org","role":"viewer"}`, status: 200},
		{name: "to another site", request: "PUT " + path, headers: send, body: `{"site_id":"other.example","email":"alice@example.org","role":"viewer"}`, status: 200},
		{
			name: "list", request: "GET " + path + "?site_id=example.com", headers: key("site"), status: 200,
			want: []string{`"guests":[{"email":"alice@example.org","role":"editor","accepted":false},{"email":"bob@example.org","role":"viewer","accepted":false}]`},
			not:  []string{"invitation"},
		},
		{
			name: "first page", request: "GET " + path + "?site_id=example.com&limit=1", headers: key("sites"), status: 200,
			want: []string{`"after":"alice@example.org","before":null,"limit":1`}, not: []string{"bob"},
		},
		{
			name: "second page", request: "GET " + path + "?site_id=example.com&limit=1&after=alice@example.org", headers: key("sites"), status: 200,
			want: []string{`"after":null,"before":"bob@example.org","limit":1`, `"guests":[{"email":"bob@example.org"`}, not: []string{"alice"},
		},

		{
			name: "remove, of several sites", request: "DELETE " + path + "/alice@example.org", headers: key("sites"),
			status: 400, want: []string{"site_id: is required"},
		},
		{name: "remove, with a key for one site", request: "DELETE " + path + "/Alice%40Example.org", headers: key("site"), status: 200, want: []string{`{"deleted":true}`}},
		{
			name: "remove again", request: "DELETE " + path + "/alice@example.org?site_id=example.com", headers: key("sites"),
			status: 404, want: []string{"Guest could not be found"},
		},
		{name: "remove another's", request: "DELETE " + path + "/alice@example.org", headers: key("site"), status: 404},
		{name: "remove from a site", request: "DELETE " + path + "/bob@example.org", headers: form, body: "site_id=example.com", status: 200},
		{name: "remove from the only site", request: "DELETE " + path + "/alice@example.org", headers: key("sites"), status: 200},
		{name: "remove nobody", request: "DELETE " + path + "/nobody@example.org", headers: key("sites"), status: 404},
		{name: "none any more", request: "GET " + path + "?site_id=example.com", headers: key("sites"), status: 200, want: []string{`"guests":[]`}},
	}
}

// TestSitesAPIGuests: guests are listed, invited and removed as with Plausible, and the answers are as described.
func TestSitesAPIGuests(t *testing.T) {
	w := newWorld(t, nil)
	must(t, w.access.AddUser(t.Context(), "boss@example.org", password))
	w.run(t, guestsScenarios())
	w = newWorld(t, nil)
	must(t, w.access.AddUser(t.Context(), "boss@example.org", password))
	w.asDescribed(t, guestsScenarios(), 200, 400, 401, 404)
}

// invite makes a guest of a site and returns the token of the link; "" where none is told.
func (w *world) invite(t *testing.T, site, email, role string) string {
	t.Helper()
	body := fmt.Sprintf(`{"site_id":%q,"email":%q,"role":%q}`, site, email, role)
	headers := with(key("sites"), "Content-Type", "application/json")
	status, text := w.ask(t, scenario{request: "PUT /api/v1/sites/guests", headers: headers, body: body})
	if status != 200 {
		t.Fatal(status, text)
	}
	if m := invitationURL.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// follow follows the link of an invitation, and keeps the session under the name.
func (w *world) follow(t *testing.T, token, name string) {
	t.Helper()
	body := fmt.Sprintf(`{"token":%q,"password":%q}`, token, guestPassword)
	status, text := w.ask(t, scenario{request: "POST " + invitationPath, body: body})
	m := regexp.MustCompile(`Set-Cookie: turf_session=([^;]+); Path=/; Expires=[^;]+; HttpOnly; SameSite=Lax`).FindStringSubmatch(text)
	if status != 200 || m == nil {
		t.Fatal(status, text)
	}
	w.sessions[name] = m[1]
}

const guestPassword = "staple and horse"

// TestInvitation: whoever has the link chooses the guest's password, once and while the invitation holds. It is not stored, and never
// gives anybody another password.
func TestInvitation(t *testing.T) {
	w := newWorld(t, nil)
	token := w.invite(t, "example.com", "Alice@Example.org", "viewer")
	for _, kind := range []string{"guest", "invitation"} {
		for id, doc := range w.records.Docs(kind) {
			if strings.Contains(id+string(doc), token) {
				t.Errorf("a document %s has the token", kind)
			}
		}
	}
	follow := func(token, rest string) string { return `{"token":"` + token + `"` + rest + `}` }
	w.run(t, []scenario{
		{name: "who it is", request: "POST " + invitationPath, body: follow(token, ""), status: 200, want: []string{`{"user":"alice@example.org"}`}, not: []string{"Set-Cookie"}},
		{name: "a wrong token", request: "POST " + invitationPath, body: follow("x"+token[1:], `,"password":"`+guestPassword+`"`), status: 404, not: []string{"Set-Cookie"}},
		{name: "no token", request: "POST " + invitationPath, body: `{}`, status: 404},
		{name: "no JSON", request: "POST " + invitationPath, body: `?`, status: 400},
		{name: "a short password", request: "POST " + invitationPath, body: follow(token, `,"password":"1234567"`), status: 400, want: []string{"password: the password is too short"}},
		{name: "an empty password", request: "POST " + invitationPath, body: follow(token, `,"password":""`), status: 400},
		{
			name: "from another page", request: "POST " + invitationPath, headers: map[string]string{"Sec-Fetch-Site": "cross-site"},
			body: follow(token, `,"password":"`+guestPassword+`"`), status: 403, not: []string{"Set-Cookie"},
		},
		{name: "another method", request: "GET " + invitationPath, status: 405},
		{name: "not yet", request: "POST /api/login", body: `{"name":"alice@example.org","password":"` + guestPassword + `"}`, status: 401},
	})
	if t.Failed() {
		return
	}
	second := w.invite(t, "other.example", "alice@example.org", "editor") // before she has a password
	w.follow(t, token, "alice")
	w.run(t, []scenario{
		{name: "signed in", request: "GET /api/me", as: "alice", status: 200, want: []string{`{"user":"alice@example.org","guest":true}`}},
		{name: "a second time", request: "POST " + invitationPath, body: follow(token, `,"password":"another horse"`), status: 404, want: []string{"followed already"}},
		{name: "by the other link", request: "POST " + invitationPath, body: follow(second, `,"password":"another horse"`), status: 404},
		{name: "both sites", request: "GET /api/sites", as: "alice", status: 200, want: []string{`"site":"example.com","timezone":"Europe/Amsterdam","role":"viewer"`, `"site":"other.example","timezone":"UTC","role":"editor"`}},
		{name: "the password holds", request: "POST /api/login", body: `{"name":"alice@example.org","password":"` + guestPassword + `"}`, status: 200},
		{name: "however the name is written", request: "POST /api/login", body: `{"name":"Alice@example.ORG","password":"` + guestPassword + `"}`, status: 200, want: []string{`{"user":"alice@example.org"}`}},
		{name: "accepted", request: "GET /api/v1/sites/guests?site_id=example.com", headers: key("sites"), status: 200, want: []string{`"role":"viewer","accepted":true`}},
		{
			name: "of a new site", request: "DELETE /api/v1/sites/guests/alice@example.org?site_id=other.example", headers: key("sites"),
			status: 200,
		},
	})
	if token := w.invite(t, "other.example", "alice@example.org", "viewer"); token != "" {
		t.Error("who has a password is sent a link to choose one")
	}

	// Past its time, and after the guest was removed, a link is worth nothing; then there is a new one.
	late := w.invite(t, "example.com", "late@example.org", "viewer")
	gone := w.invite(t, "example.com", "gone@example.org", "viewer")
	must(t, w.access.RemoveGuest(t.Context(), 1, "gone@example.org"))
	w.clock.Add(int64(access.InvitationLifetime/time.Second) - 1)
	w.run(t, []scenario{
		{name: "just in time", request: "POST " + invitationPath, body: follow(late, ""), status: 200},
		{name: "removed", request: "POST " + invitationPath, body: follow(gone, ""), status: 404},
	})
	w.clock.Add(1)
	w.run(t, []scenario{{name: "too late", request: "POST " + invitationPath, body: follow(late, `,"password":"`+guestPassword+`"`), status: 404}})
	if again := w.invite(t, "example.com", "late@example.org", "viewer"); again == "" || again == late {
		t.Errorf("after its time: %q", again)
	}
	if again := w.invite(t, "example.com", "gone@example.org", "viewer"); again == "" {
		t.Error("after the guest was removed there is no new link")
	}
}

// TestGuestSeesOnlyItsSites: at every door a guest sees the sites to which somebody invited him, and no other, as if it were not there;
// and changes nothing as a viewer.
func TestGuestSeesOnlyItsSites(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Reports = &reports.Engine{Runner: cfg.Stats.Runner, Now: cfg.Stats.Now} })
	w.follow(t, w.invite(t, "example.com", "v@example.org", "viewer"), "viewer")
	w.follow(t, w.invite(t, "example.com", "e@example.org", "editor"), "editor")
	w.follow(t, w.invite(t, "other.example", "o@example.org", "editor"), "other")
	cohort := func(site string) string { return `{"site_id":"` + site + `","date_range":"7d"}` }
	var scenarios []scenario
	for _, as := range []string{"viewer", "editor"} {
		for _, site := range []string{"example.com", "other.example", "no.example"} {
			status, alike := 200, []string(nil)
			if site != "example.com" {
				status, alike = 404, []string{`{"error":"There is no site ` + site + ` here."}`}
			}
			for name, s := range map[string]scenario{
				"query":      {request: "POST " + queryPath, body: question(site)},
				"roll-up":    {request: "POST " + queryPath, body: question("example.com," + site)},
				"realtime":   {request: "GET " + realtimePath + "?site_id=" + site},
				"aggregate":  {request: "GET /api/v1/stats/aggregate?site_id=" + site},
				"timeseries": {request: "GET /api/v1/stats/timeseries?site_id=" + site},
				"breakdown":  {request: "GET /api/v1/stats/breakdown?property=visit:source&site_id=" + site},
				"funnels":    {request: "GET /api/stats/funnels?site_id=" + site},
				"buttons":    {request: "GET /api/stats/buttons?date_range=7d&site_id=" + site},
				"people":     {request: "POST " + reportsPath + "cohort", body: cohort(site)},
			} {
				s.name, s.as, s.status, s.want = as+" "+name+" "+site, as, status, alike
				if name == "roll-up" && site == "example.com" {
					continue // twice the same site
				}
				scenarios = append(scenarios, s)
			}
		}
		scenarios = append(scenarios,
			scenario{name: as + " which sites", request: "GET /api/sites", as: as, status: 200, want: []string{`[{"site":"example.com"`, `"role":"` + as + `"`}, not: []string{"other.example"}},
			scenario{name: as + " the Sites API", request: "GET /api/v1/sites", as: as, status: 401},
			scenario{name: as + " removes the site", request: "DELETE /api/v1/sites/example.com", as: as, status: 401},
			scenario{name: as + " who else", request: "GET " + pageGuestsPath + "?site=example.com", as: as, status: 403},
			scenario{
				name: as + " who else there", request: "GET " + pageGuestsPath + "?site=other.example", as: as,
				status: 404, want: []string{"There is no site other.example here."},
			},
			scenario{name: as + " invites", request: "POST " + pageGuestsPath, as: as, body: `{"site":"example.com","email":"x@example.org","role":"viewer"}`, status: 403},
			scenario{name: as + " becomes more", request: "POST " + pageGuestsPath, as: as, body: `{"site":"other.example","email":"v@example.org","role":"editor"}`, status: 404},
			scenario{name: as + " removes", request: "DELETE " + pageGuestsPath, as: as, body: `{"site":"example.com","email":"e@example.org"}`, status: 403},
		)
	}
	w.run(t, scenarios)

	d, err := New(Config{Sites: w.sites, Stats: w.engine, Access: w.access, Active: func(schema.SiteID) int { return 0 }})
	must(t, err)
	for as, want := range map[string][]bool{
		"ada": {true, true}, "viewer": {false, false}, "editor": {true, false}, "other": {false, true}, "ended": {false, false},
	} {
		for i, site := range []schema.SiteID{1, 2} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://turf.example/", nil)
			must(t, err)
			r.AddCookie(&http.Cookie{Name: cookieName, Value: w.sessions[as]})
			if may := d.MayManage(r, site); may != want[i] {
				t.Errorf("%s may change site %d: %v", as, site, may)
			}
		}
	}

	// Whoever is removed sees nothing from the next request on, and goes on to be signed in.
	must(t, w.access.RemoveGuest(t.Context(), 1, "v@example.org"))
	w.run(t, []scenario{
		{name: "removed", request: "POST " + queryPath, as: "viewer", body: question("example.com"), status: 404},
		{name: "no site any more", request: "GET /api/sites", as: "viewer", status: 200, want: []string{"\n[]\n"}},
	})
}

// TestEveryDoorKeepsGuestsOut asks every route there is for a site to which a guest was not invited, by every name under which routes
// take one. A new route that answers is a door that nobody watches.
func TestEveryDoorKeepsGuestsOut(t *testing.T) {
	w := newWorld(t, nil)
	w.follow(t, w.invite(t, "example.com", "v@example.org", "viewer"), "viewer")
	d, err := New(Config{Sites: w.sites, Stats: w.engine, Access: w.access, Active: func(schema.SiteID) int { return 0 }})
	must(t, err)
	e := echo.New()
	d.Register(e)
	// What has nothing of a site, or only of those that the guest sees.
	open := []string{
		"GET /api/me", "GET /api/sites", "GET /api/combinations", "POST /api/logout", "GET /api/openapi.yaml",
		"GET /", "GET /*", "HEAD /", "HEAD /*",
	}
	asked := 0
	for _, r := range e.Routes() {
		name := r.Method + " " + r.Path
		if strings.HasPrefix(name, "OPTIONS ") || r.Method == echo.RouteNotFound || slices.Contains(open, name) {
			continue
		}
		path := strings.NewReplacer(":site_id", "other.example", ":site", "other.example", ":email", "v@example.org", ":goal_id", "1",
			":segment_id", "1", ":funnel_id", "1", ":property", "plan", "*", "").Replace(r.Path)
		body := `{"site_id":"other.example","site":"other.example","email":"v@example.org","role":"editor"}`
		if path == queryPath {
			body = question("other.example")
		}
		status, text := w.ask(t, scenario{
			request: name[:len(r.Method)+1] + path + "?site_id=other.example&site=other.example&property=visit:source&date_range=7d", as: "viewer",
			body: body,
		})
		asked++
		// A question that is not understood closes no door; of the reports, whose questions differ, one door serves all.
		if status < 400 || status >= 500 || status == 400 && !strings.HasPrefix(path, reportsPath) && path != "/api/login" {
			t.Errorf("%s is answered with %d: %s", name, status, text)
		}
	}
	if asked < 40 {
		t.Errorf("only %d routes were asked", asked)
	}
}

// TestPageOfGuests: who sees all sites sees who may look at one, and invites and removes, from the page itself only.
func TestPageOfGuests(t *testing.T) {
	w := newWorld(t, nil)
	w.invite(t, "other.example", "elsewhere@example.org", "viewer")
	_, _, err := w.access.AddShare(t.Context(), 1, "board")
	must(t, err)
	alice := `{"site":"example.com","email":"alice@example.org","role":"viewer"}`
	w.run(t, []scenario{
		{name: "none", request: "GET " + pageGuestsPath + "?site=example.com", as: "ada", status: 200, want: []string{`{"users":["ada"],"guests":[],"links":["board"]}`}},
		{name: "nobody", request: "GET " + pageGuestsPath + "?site=example.com", status: 401},
		{name: "with a key that changes sites", request: "GET " + pageGuestsPath + "?site=example.com", headers: key("sites"), status: 401},
		{name: "no site", request: "GET " + pageGuestsPath + "?site=no.example", as: "ada", status: 404},
		{name: "invite", request: "POST " + pageGuestsPath, as: "ada", body: alice, status: 200, want: []string{`"email":"alice@example.org","role":"viewer","accepted":false,"invitation_url":"http://`}},
		{
			name: "wrong role", request: "POST " + pageGuestsPath, as: "ada", body: strings.Replace(alice, "viewer", "boss", 1),
			status: 400, want: []string{"role: it is viewer or editor"},
		},
		{
			name: "from another page", request: "POST " + pageGuestsPath, as: "ada",
			headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, body: alice,
			status: 403,
		},
		{name: "no JSON", request: "POST " + pageGuestsPath, as: "ada", body: `{"site":"example.com",`, status: 404},
		{name: "too long", request: "POST " + pageGuestsPath, as: "ada", body: strings.Repeat(" ", MaxGuestBytes+1), status: 413},
		{name: "listed", request: "GET " + pageGuestsPath + "?site=example.com", as: "ada", status: 200, want: []string{`"guests":[{"email":"alice@example.org"`}, not: []string{"elsewhere"}},
		{name: "other method", request: "PUT " + pageGuestsPath, as: "ada", status: 405, want: []string{"Allow: DELETE, GET, POST"}},
		{
			name: "remove from another page", request: "DELETE " + pageGuestsPath, as: "ada",
			headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, body: alice,
			status: 403,
		},
		{name: "remove", request: "DELETE " + pageGuestsPath, as: "ada", body: alice, status: 200, want: []string{`{"deleted":true}`}},
		{name: "remove again", request: "DELETE " + pageGuestsPath, as: "ada", body: alice, status: 404},
	})
}

// A guest's account is no more after a new password than before, and no reason to ask everybody for one.
func TestGuestStaysGuest(t *testing.T) {
	w := newWorld(t, nil)
	w.follow(t, w.invite(t, "example.com", "v@example.org", "viewer"), "viewer")
	must(t, w.access.AddUser(t.Context(), "v@example.org", password))
	token, session, err := w.access.Login(t.Context(), "v@example.org", password, netip.MustParseAddr("127.0.0.1"))
	must(t, err)
	w.sessions["new"] = token
	if !session.Guest {
		t.Error("a new password makes a user of all sites of a guest")
	}
	w.run(t, []scenario{
		{name: "the old session is over", request: "GET /api/me", as: "viewer", status: 401},
		{name: "others' numbers", request: "POST " + queryPath, as: "new", body: question("other.example"), status: 404},
	})
	var told struct{ Guest bool }
	_, text := w.ask(t, scenario{request: "GET /api/me", as: "new"})
	_, body, _ := strings.Cut(text, "\r\n\n") // see ask
	if must(t, json.Unmarshal([]byte(body), &told)); !told.Guest {
		t.Error(text)
	}
}
