package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
)

func TestStatsAPI(t *testing.T) {
	w := newWorld(t, nil)
	ours, theirs := question("example.com"), question("other.example")
	const query = "POST /api/v2/query"
	w.run(t, []scenario{
		{name: "the key of the site", request: query, headers: key("one"), body: ours, status: 200, want: []string{
			"Content-Type: application/json", "Cache-Control: no-store", "X-Content-Type-Options: nosniff",
			"\n" + `{"results":[{"metrics":[81,181],"dimensions":[]}],"meta":{},"query":{"site_id":"example.com",`,
			`"date_range":["2026-03-30T00:00:00+02:00","2026-03-31T23:59:59+02:00"]`,
		}},
		{
			name: "the key of all sites", request: query, headers: key("all"), body: theirs, status: 200,
			want: []string{"[0,0]"},
		},
		{
			name: "scheme in small letters", request: query, headers: map[string]string{"Authorization": "bearer {one}"},
			body: ours, status: 200,
		},
		{name: "no key", request: query, body: ours, status: 401, want: []string{"Missing API key", "Bearer"}},
		{
			name: "empty key", request: query, headers: map[string]string{"Authorization": "Bearer"}, body: ours, status: 401,
			want: []string{"Invalid API key or site ID"},
		},
		{
			name: "wrong key", request: query, headers: map[string]string{"Authorization": "Bearer turf_x"}, body: ours,
			status: 401, want: []string{"Invalid API key or site ID"}, not: []string{"turf_x"},
		},
		{name: "key in the address", request: "POST /api/v2/query?key={one}", body: ours, status: 401},
		{name: "revoked key", request: query, headers: key("revoked"), body: ours, status: 401},
		{
			name: "another site's", request: query, headers: key("one"), body: theirs, status: 401,
			want: []string{"Invalid API key or site ID"},
		},
		{
			name: "no such site", request: query, headers: key("all"), body: question("nobody.example"), status: 401,
			want: []string{"Invalid API key or site ID"},
		},
		{
			name: "too many requests", request: query, headers: key("busy"), body: ours, status: 429,
			want: []string{"Retry-After: 3600", "limited to 100 requests per hour"},
		},
		{name: "too many broken requests", request: query, headers: key("busy"), body: "{", status: 429},
		{
			name: "broken question", request: query, headers: key("one"), body: "{", status: 400,
			want: []string{"a JSON object is expected"},
		},
		{
			name: "broken question, wrong key", request: query, headers: map[string]string{"Authorization": "Bearer turf_x"},
			body: "{", status: 401, not: []string{"JSON object"},
		},
		{
			name: "no site", request: query, headers: key("one"), body: `{"metrics":["visitors"],"date_range":"day"}`,
			status: 400, want: []string{"site_id: is required"},
		},
		{
			name: "unknown key of the question", request: query, headers: key("one"),
			body: strings.Replace(ours, "}", `,"colour":1}`, 1), status: 400, want: []string{`Unknown key \"colour\"`},
		},
		{
			name: "three aspects", request: query, headers: key("one"), body: strings.Replace(ours, "}",
				`,"dimensions":["event:page","visit:source","visit:country"]}`, 1), status: 400,
			want: []string{"event:page", "visit:source", "visit:country"},
		},
		{
			name: "too long", request: query, headers: key("one"), body: strings.Repeat(" ", stats.MaxBodyBytes) + ours,
			status: 413, want: []string{"longer than 65536 bytes"},
		},
		{name: "too long, nobody", request: query, body: strings.Repeat(" ", stats.MaxBodyBytes+1), status: 413},
		{name: "wrong method", request: "GET /api/v2/query", headers: key("one"), status: 405, want: []string{"Allow: POST"}},
		{
			name: "visitors now", request: "GET /api/v1/stats/realtime/visitors?site_id=example.com", headers: key("one"),
			status: 200, want: []string{"\n21\n"},
		},
		{
			name: "visitors now, no site", request: "GET /api/v1/stats/realtime/visitors", headers: key("one"), status: 400,
			want: []string{"site_id: is required"},
		},
		{
			name: "visitors now, another site's", request: "GET /api/v1/stats/realtime/visitors?site_id=other.example",
			headers: key("one"), status: 401,
		},
		{name: "visitors now, nobody", request: "GET /api/v1/stats/realtime/visitors?site_id=example.com", status: 401},
		{
			name: "no such thing", request: "GET /api/v2/nothing", status: 404,
			want: []string{"There is nothing at this address"},
		},
		{name: "no such thing to post to", request: "POST /api/v2/nothing", status: 404},
		{name: "the API itself", request: "GET /api", status: 404},
	})
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

// A page of another origin may use a key, never the reader's cookie or the open door.
func TestOtherOrigins(t *testing.T) {
	foreign := map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
	old := map[string]string{"Origin": "https://evil.example"} // browsers before 2023
	ours := question("example.com")
	const query = "POST /api/v2/query"
	const allowed = "Access-Control-Allow-Origin: *"
	for _, open := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.Open = open })
		w.run(t, []scenario{
			{
				name: "asks first", request: "OPTIONS /api/v2/query", headers: foreign, status: 204,
				want: []string{allowed, "Access-Control-Allow-Headers: Authorization, Content-Type"}, not: []string{"Credentials"},
			},
			{
				name: "has a key", request: query, body: ours, status: 200, want: []string{allowed, "[81,181]"},
				headers: with(foreign, "Authorization", "Bearer {one}"),
			},
			{
				name: "has a wrong key", request: query, body: ours, status: 401, want: []string{allowed},
				headers: with(foreign, "Authorization", "Bearer turf_x"), as: "ada", not: []string{"[81,181]"},
			},
			{name: "has no key", request: query, headers: foreign, body: ours, status: 403, not: []string{allowed, "81"}},
			{
				name: "with the reader's cookie", request: query, as: "ada", headers: foreign, body: ours, status: 403,
				not: []string{allowed, "81"},
			},
			{name: "old browser", request: query, as: "ada", headers: old, body: ours, status: 403, not: []string{allowed}},
			{
				name: "same site, another host", request: query, as: "ada", body: ours, status: 403,
				headers: map[string]string{"Sec-Fetch-Site": "same-site"},
			},
			{name: "signs the reader out", request: "POST /api/logout", as: "ada", headers: foreign, status: 403},
			{
				name: "signs the reader in", request: "POST /api/login", headers: foreign, status: 403,
				body: `{"name":"ada","password":"` + password + `"}`, not: []string{"Set-Cookie"},
			},
			{
				name: "the page's own", request: query, as: "ada", headers: map[string]string{"Sec-Fetch-Site": "same-origin"},
				body: ours, status: 200, not: []string{allowed},
			},
			{
				name: "reads without asking", request: "GET /api/sites", as: "ada", headers: foreign, status: 200,
				want: []string{"Cross-Origin-Resource-Policy: same-origin"}, not: []string{allowed},
			},
		})
	}
}

func TestPageAndSessions(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.PlaceNote = "IP geolocation by Somebody, March 2026" })
	tls := map[string]string{"X-Forwarded-Proto": "https"}
	signIn := `{"name":"ada","password":"` + password + `"}`
	w.run(t, []scenario{
		{
			name: "the page", request: "GET /", status: 200,
			want: []string{"text/html", `<div id="app">`, "Content-Security-Policy"},
		},
		{name: "the page of a site", request: "GET /example.com?period=30d", status: 200, want: []string{`<div id="app">`}},
		{
			name: "the page of a site in a folder", request: "GET /example.com/blog", status: 200,
			want: []string{`<div id="app">`},
		},
		{
			name: "a site whose name begins like the API", request: "GET /api.example.com", status: 200,
			want: []string{`<div id="app">`},
		},
		{name: "posting to the page", request: "POST /x", status: 405, want: []string{"Allow: GET"}},
		{name: "the script", request: "GET /js/turf.js", status: 200, want: []string{"the script"}},
		{
			name: "no such script", request: "GET /js/nothing.js", status: 404,
			want: []string{"There is nothing at"}, not: []string{"<div"},
		},
		{name: "counting", request: "POST /api/event", status: 202},
		{name: "nobody", request: "GET /api/me", status: 401},
		{name: "nobody's sites", request: "GET /api/sites", status: 401, not: []string{"example.com"}},
		{name: "ended session", request: "GET /api/me", as: "ended", status: 401},
		{name: "a key is no session", request: "GET /api/sites", headers: key("all"), status: 401},
		{
			name: "ada", request: "GET /api/me", as: "ada", status: 200,
			want: []string{`{"user":"ada","place_note":"IP geolocation by Somebody, March 2026"}`},
		},
		{name: "ada's sites", request: "GET /api/sites", as: "ada", status: 200, want: []string{
			`[{"site":"example.com","timezone":"Europe/Amsterdam"},{"site":"other.example","timezone":"UTC"}]`,
		}},
		{
			name: "ada behind a proxy with a password of its own", request: "GET /api/me", as: "ada", status: 200,
			headers: map[string]string{"Authorization": "Basic YWRhOmFkYQ=="},
		},
		{
			name: "ada asks", request: "POST /api/v2/query", as: "ada", body: question("example.com"), status: 200,
			want: []string{"[81,181]"},
		},
		{
			name: "ada asks for no such site", request: "POST /api/v2/query", as: "ada", body: question("nobody.example"),
			status: 404, want: []string{"There is no site nobody.example here"},
		},
		{name: "ada asks wrongly", request: "POST /api/v2/query", as: "ada", body: "[]", status: 400},
		{
			name: "the open cookie does not count over TLS", request: "GET /api/me", status: 401,
			headers: with(tls, "Cookie", cookieName+"="+w.sessions["ada"]),
		},
		{name: "ada over TLS", request: "GET /api/me", as: "ada", headers: tls, status: 200},

		{
			name: "wrong password", request: "POST /api/login", body: `{"name":"ada","password":"correct mule"}`, status: 401,
			want: []string{"Wrong name or password"}, not: []string{"Set-Cookie"},
		},
		{
			name: "unknown user", request: "POST /api/login", body: `{"name":"bob","password":"correct mule"}`, status: 401,
			want: []string{"Wrong name or password"},
		},
		{name: "no JSON", request: "POST /api/login", body: "name=ada", status: 400},
		{
			name: "long password", request: "POST /api/login", status: 413,
			body: `{"name":"ada","password":"` + strings.Repeat("x", MaxLoginBytes) + `"}`,
		},
		{
			name: "right password", request: "POST /api/login", body: signIn, status: 200,
			want: []string{`{"user":"ada"}`, "Set-Cookie: turf_session=", "HttpOnly", "SameSite=Lax", "Path=/"},
			not:  []string{"Secure"},
		},
		{
			name: "right password over TLS", request: "POST /api/login", headers: tls, body: signIn, status: 200,
			want: []string{"Set-Cookie: __Host-turf_session=", "HttpOnly", "Secure", "SameSite=Lax"}, not: []string{"Domain"},
		},
		{
			name: "signing out", request: "POST /api/logout", as: "ada", status: 200,
			want: []string{"Set-Cookie: turf_session=;", "1970"},
		},
		{name: "signed out", request: "GET /api/me", as: "ada", status: 401},
		{name: "signing out again", request: "POST /api/logout", as: "ada", status: 200},
	})
	for range access.LoginTries {
		w.ask(t, scenario{request: "POST /api/login", body: `{"name":"ada","password":"correct mule"}`})
	}
	w.run(t, []scenario{{
		name: "too many tries", request: "POST /api/login", body: signIn, status: 429,
		want: []string{"Retry-After: 300", "Too many tries. Wait 5m0s"},
	}})
	w.clock.Add(int64(access.LoginPeriod.Seconds()))
	w.run(t, []scenario{{name: "after a while", request: "POST /api/login", body: signIn, status: 200}})
}

// Without a password there is only who sits at this machine and means it.
func TestOpen(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Open = true })
	port := w.url[strings.LastIndex(w.url, ":"):]
	ask := func(name string, status int, headers map[string]string) []scenario {
		return []scenario{
			{name: name, request: "GET /api/me", headers: headers, status: status},
			{name: name + ", sites", request: "GET /api/sites", headers: headers, status: status},
			{
				name: name + ", query", request: "POST /api/v2/query", headers: headers, status: status,
				body: question("example.com"),
			},
			{
				name: name + ", now", request: "GET /api/v1/stats/realtime/visitors?site_id=example.com", headers: headers,
				status: status,
			},
		}
	}
	for _, host := range []string{
		"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "turf.localhost", "[::1]",
		"127.9.9.9",
	} {
		w.run(t, ask(host, 200, map[string]string{"Host": host + port}))
	}
	for _, host := range []string{
		"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost",
		"192.0.2.1", "0.0.0.0", "[2001:db8::1]",
	} {
		w.run(t, ask(host, 401, map[string]string{"Host": host + port}))
	}
	for name, value := range map[string]string{
		"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Real-IP": "192.0.2.1", "Via": "1.1 proxy",
		"X-Forwarded-Host": "stats.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443",
		"CF-Connecting-IP": "192.0.2.1", "X-Plausible-IP": "192.0.2.1", "Referer": "https://stats.example.com/example.com",
	} {
		w.run(t, ask("passed on with "+name, 401, map[string]string{name: value}))
	}
	w.run(t, []scenario{
		{name: "said so", request: "GET /api/me", status: 200, want: []string{`{"open":true}`}},
		{
			name: "a key must be right nevertheless", request: "POST /api/v2/query", body: question("example.com"), status: 401,
			headers: map[string]string{"Authorization": "Bearer turf_x"},
		},
		{
			name: "under another name with a session", request: "GET /api/me", as: "ada", status: 200,
			headers: map[string]string{"Host": "stats.example.com"}, want: []string{`{"user":"ada"}`},
		},
		{
			name: "under another name with a key", request: "POST /api/v2/query", body: question("example.com"), status: 200,
			headers: with(key("one"), "Host", "stats.example.com"),
		},
	})
	if answer := rawRequest(t, strings.TrimPrefix(w.url, "http://"), "GET /api/me HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"); !strings.Contains(answer, " 401 ") {
		t.Errorf("nginx passed on, as it does unless told otherwise: %s", answer)
	}
	nobody := func(schema.SiteID) int { return 0 }
	d, err := New(Config{Open: true, Sites: noSites{}, Stats: &stats.Engine{}, Access: w.access, Active: nobody})
	must(t, err)
	for peer, open := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "192.0.2.1:1": false, "@": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/api/me", nil)
		r.RemoteAddr = peer
		if _, err := d.viewer(r); (err == nil) != open {
			t.Errorf("from %s: %v", peer, err)
		}
	}
}

type noSites struct{}

func (noSites) ByDomain(string) (schema.Site, bool) { return schema.Site{}, false }
func (noSites) List() []schema.Site                 { return nil }

// Without Open nobody gets in from loopback either.
func TestNotOpen(t *testing.T) {
	newWorld(t, nil).run(t, []scenario{
		{name: "me", request: "GET /api/me", status: 401},
		{name: "query", request: "POST /api/v2/query", body: question("example.com"), status: 401},
	})
}

// runnerFunc is a store that fails in its own way.
type runnerFunc func(ctx context.Context) error

func (f runnerFunc) Select(ctx context.Context, _ string, _ map[string]string) ([][]any, error) {
	return nil, f(ctx)
}

func TestStoreFails(t *testing.T) {
	const inside = "connect to 10.1.2.3"
	for _, c := range []struct {
		name    string
		err     error
		status  int
		message string
	}{
		{"away", errors.New(inside), 503, "try again in a while"},
		{"slow", fmt.Errorf("%s: %w", inside, context.DeadlineExceeded), 504, "takes longer than 30s"},
	} {
		w := newWorld(t, func(cfg *Config) {
			cfg.Stats = &stats.Engine{Runner: runnerFunc(func(context.Context) error { return c.err }), Now: time.Now}
		})
		w.run(t, []scenario{{
			name: c.name, request: "POST /api/v2/query", headers: key("one"), body: question("example.com"),
			status: c.status, want: []string{"Retry-After: 5", c.message}, not: []string{inside},
		}})
		if logged := strings.Contains(w.log.String(), inside); logged != (c.status == 503) {
			t.Errorf("%s: logged: %q", c.name, w.log.String())
		}
	}
}

// A question is ended when who asked has gone, and after QuestionTimeout in any case.
func TestQuestionEnds(t *testing.T) {
	ended := make(chan time.Duration, 1)
	started := make(chan struct{})
	w := newWorld(t, func(cfg *Config) {
		cfg.Stats = &stats.Engine{Now: time.Now, Runner: runnerFunc(func(ctx context.Context) error {
			deadline, ok := ctx.Deadline()
			if !ok {
				t.Error("a question has no end")
			}
			close(started)
			<-ctx.Done()
			ended <- time.Until(deadline)
			return ctx.Err()
		})}
	})
	ctx, cancel := context.WithCancel(t.Context())
	body := strings.NewReader(question("example.com"))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/api/v2/query", body)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+w.oneKey)
	go func() {
		<-started
		cancel()
	}()
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
		t.Error("answered")
	}
	if left := <-ended; left <= 0 || left > QuestionTimeout {
		t.Errorf("%v were left", left)
	}
	if w.log.Len() > 0 {
		t.Errorf("logged:\n%s", w.log.String())
	}
}

// Nothing that lets anybody in is in the documents, in text.
func TestDocumentsHoldNoSecret(t *testing.T) {
	w := newWorld(t, nil)
	var all strings.Builder
	for _, kind := range []string{"key", "user", "session", "site"} {
		for id, doc := range w.records.Docs(kind) {
			all.WriteString(id + " " + string(doc) + "\n")
			if !json.Valid(doc) {
				t.Errorf("%s %s is not JSON", kind, id)
			}
		}
	}
	for _, secret := range []string{w.oneKey, w.allKey, w.sitesKey, w.sessions["ada"], password, strconv.Quote(password)} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("stored: %s", secret)
		}
	}
	if n := strings.Count(all.String(), "\n"); n != 5+1+1+2 {
		t.Errorf("%d documents:\n%s", n, all.String())
	}
}

// rawRequest is the answer to what is sent as it stands.
func rawRequest(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
