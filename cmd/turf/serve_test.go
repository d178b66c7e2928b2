package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"turf/schema/embedded"
	"turf/schema/embedded/embeddedtest"
)

// greet starts a server as people do and returns what it prints.
func greet(t *testing.T, in *installation, args ...string) string {
	t.Helper()
	p, stdout := in.begin(append([]string{"--json=false"}, args...)...)
	text, r := "", bufio.NewReader(stdout)
	for !strings.HasSuffix(text, "\n\n") || strings.Count(text, "\n\n") < 2 {
		line, err := r.ReadString('\n')
		if text += line; err != nil {
			t.Fatalf("%v; said %q\n%s", err, text, in.logs)
		}
	}
	p.url = regexp.MustCompile(`at (http://\S+)`).FindStringSubmatch(text)[1]
	in.last = p
	return text
}

func TestServeSaysWhatToDo(t *testing.T) {
	in := install(t)
	text := greet(t, in, "--listen", "127.0.0.1:0")
	if !strings.Contains(text, "site add example.com --timezone Europe/Amsterdam --data "+in.dir) {
		t.Errorf("without a site it says:\n%s", text)
	}
	in.last.stop()

	text = greet(t, in, "--listen", "127.0.0.1:0", "--first-site", "shop.example", "--first-timezone", "Europe/Amsterdam")
	for _, want := range []string{
		"Dashboard    " + in.last.url + "/shop.example\n",
		`<script defer data-domain="shop.example" src="` + in.last.url + `/js/turf.js"></script>`,
		"turf import log --site shop.example --data " + in.dir + " /var/log/nginx/access.log*\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	for _, path := range []string{"/shop.example", "/js/turf.js", "/api/sites"} {
		if status, body := in.last.get(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	in.last.stop()
}

// The dashboard is open to this machine only, and only until somebody has a password or a proxy is trusted.
func TestWhoMaySeeTheDashboard(t *testing.T) {
	in := install(t)
	for _, c := range []struct {
		name   string
		before func()
		args   []string
		status int
		hint   bool
	}{
		{"loopback", nil, []string{"--listen", "127.0.0.1:0"}, http.StatusOK, false},
		{"behind a proxy", nil, []string{"--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"}, http.StatusUnauthorized, true},
		{"all addresses", nil, []string{"--listen", "0.0.0.0:0"}, http.StatusUnauthorized, true},
		{"all addresses, IPv6 too", nil, []string{"--listen", ":0"}, http.StatusUnauthorized, true},
		{"loopback, with a user", func() {
			if r := in.turf("grass is green\n", "user", "add", "ada", "--password-stdin"); r.status != 0 {
				t.Fatal(r.stderr)
			}
		}, []string{"--listen", "127.0.0.1:0"}, http.StatusUnauthorized, false},
		{"all addresses, with a user", nil, []string{"--listen", ":0"}, http.StatusUnauthorized, false},
	} {
		if c.before != nil {
			c.before()
		}
		text := greet(t, in, append(c.args, "--first-site", "example.com")...)
		if status, body := in.last.get("/api/sites"); status != c.status {
			t.Errorf("%s: /api/sites answers %d %s, want %d", c.name, status, body, c.status)
		}
		if strings.Contains(text, "user add NAME") != c.hint {
			t.Errorf("%s: it says\n%s", c.name, text)
		}
		in.last.stop()
	}
	server := in.serve()
	login := func(password string) int {
		body := strings.NewReader(`{"name":"ada","password":"` + password + `"}`)
		res, err := server.client.Post(server.url+"/api/login", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := answer(t, res)
		return status
	}
	if wrong, right := login("grass is blue"), login("grass is green"); wrong != http.StatusUnauthorized || right != http.StatusOK {
		t.Errorf("signing in answers %d with a wrong password and %d with the right one", wrong, right)
	}
}

// What is in the data directory is its owner's alone, and a path that is too long for a socket works as well.
func TestDataDirectory(t *testing.T) {
	in := install(t)
	in.dir = filepath.Join(in.dir, strings.Repeat("a-long-name-", 12))
	server := in.serve("--first-site", "example.com")
	for name, want := range map[string]os.FileMode{"": 0o700 | os.ModeDir, "turf.lock": 0o600, socketFile: 0o600 | os.ModeSocket} {
		info, err := os.Stat(filepath.Join(in.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%q has the mode %v, want %v", name, info.Mode(), want)
		}
	}
	var sites []struct{ Site string }
	in.must(&sites, "site", "list")
	if len(sites) != 1 || sites[0].Site != "example.com" {
		t.Errorf("site list: %v", sites)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", server.cmd.Process.Pid)); err == nil &&
		!regexp.MustCompile(`Max core file size +0 +0 `).Match(status) {
		t.Errorf("a core dump could be written:\n%s", status)
	}
	server.kill()
	in.must(&sites, "site", "list") // with the socket of the dead server still there
	if len(sites) != 1 {
		t.Errorf("after a kill: site list: %v", sites)
	}
}

// A request that was under way when the server is told to stop is answered, and counts.
func TestShutdownAnswersWhatWasAsked(t *testing.T) {
	in := install(t)
	in.must(nil, "site", "add", "example.com", "--timezone", quietZone())
	key := in.key("example.com")
	server := in.serve()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"n":"pageview","d":"example.com","u":"https://example.com/late"}`
	head := fmt.Sprintf("POST /api/event HTTP/1.1\r\nHost: turf\r\nUser-Agent: %s\r\nContent-Length: %d\r\n\r\n", firefox, len(body))
	if _, err := io.WriteString(conn, head+body[:20]); err != nil {
		t.Fatal(err)
	}
	// The server has the connection once it has answered another one that came later.
	server.awaitHealth(http.StatusOK)
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of listening", func() (string, bool) {
		c, err := net.Dial("tcp", conn.RemoteAddr().String())
		if err == nil {
			_ = c.Close()
		}
		return fmt.Sprint(err), err != nil
	})
	if _, err := io.WriteString(conn, body[20:]); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, text := answer(t, res); status != http.StatusAccepted {
		t.Errorf("the request under way was answered %d %s", status, text)
	}
	server.stop()
	in.serve().awaitPageviews(key, 1)
}

// awaitPageviews waits until today's page views are so many.
func (p *process) awaitPageviews(key string, want float64) {
	p.t.Helper()
	eventually(p.t, fmt.Sprint(want, " page views"), func() (string, bool) {
		got := p.query(key, map[string]any{"site_id": "example.com", "metrics": []string{"pageviews"}, "date_range": "day"})
		return fmt.Sprint(got), len(got[""]) == 1 && got[""][0] == want
	})
}

// databaseServer is a ClickHouse server whose answers come from an engine in the test's process, and which can be away.
type databaseServer struct {
	*httptest.Server
	away atomic.Bool
}

func newDatabaseServer(t *testing.T) *databaseServer {
	t.Helper()
	engine, err := embedded.Open(embedded.Config{Library: embeddedtest.Library(t), Dir: filepath.Join(t.TempDir(), "engine")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &databaseServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.away.Load() {
			panic(http.ErrAbortHandler)
		}
		settings := r.URL.Query()
		settings.Del("readonly") // the engine's connections would keep it
		r.URL.RawQuery = settings.Encode()
		res, err := engine.RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		for name, values := range res.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body) // the client has gone
	}))
	t.Cleanup(s.Server.Close)
	return s
}

// With the database away events are accepted, questions are not answered, and all is there when it comes back.
func TestDatabaseAway(t *testing.T) {
	in := install(t)
	db := newDatabaseServer(t)
	where := []string{"--clickhouse", db.URL + "/turf"}
	in.must(nil, append(where, "site", "add", "example.com", "--timezone", quietZone())...)
	server := in.serve(where...)
	var made struct{ Key string }
	in.must(&made, "key", "add", "--site", "example.com")
	server.mustSend(visit{Domain: "example.com", URL: "https://example.com/before"})
	server.awaitPageviews(made.Key, 1)

	db.away.Store(true)
	server.awaitHealth(http.StatusServiceUnavailable)
	for range 3 {
		server.mustSend(visit{Domain: "example.com", URL: "https://example.com/away"})
	}
	status, body := server.ask(made.Key, map[string]any{
		"site_id": "example.com", "metrics": []string{"pageviews"}, "date_range": "day",
	})
	if status != http.StatusServiceUnavailable || strings.Contains(body, db.URL) {
		t.Errorf("a question is answered %d %s, want 503 without the database's address", status, body)
	}
	if status, body := server.get(livePath); status != http.StatusOK {
		t.Errorf("%s: %d %s", livePath, status, body)
	}
	server.kill()

	// A server that starts meanwhile waits for it.
	next, stdout := in.begin(append(where, "--listen", "127.0.0.1:0")...)
	go io.Copy(io.Discard, stdout)
	eventually(t, "a word about it in the log", func() (string, bool) {
		return "", strings.Contains(in.logs.String(), "the database is away")
	})
	next.stop()

	db.away.Store(false)
	back := in.serve(where...)
	back.awaitPageviews(made.Key, 4)
}

// A server whose database is away answers 503 to all that needs it, and stops when it is told to.
func TestStartWithoutDatabase(t *testing.T) {
	in := install(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p, _ := in.begin("--listen", address, "--clickhouse", "clickhouse://127.0.0.1:1/turf")
	p.url = "http://" + address
	eventually(t, "the port", func() (string, bool) {
		res, err := p.client.Get(p.url + livePath)
		if err != nil {
			return err.Error(), false
		}
		status, body := answer(t, res)
		return body, status == http.StatusOK
	})
	res, err := p.send(visit{Domain: "example.com", URL: "https://example.com/"})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := answer(t, res); status != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("an event is answered %d %s, Retry-After %q", status, body, res.Header.Get("Retry-After"))
	}
	if status, body := p.get(healthPath); status != http.StatusServiceUnavailable {
		t.Errorf("%s: %d %s", healthPath, status, body)
	}
	p.stop()
}

// TestIdle holds the memory of a server at rest, with its opt-in path on, and shows its work and how long it takes to start.
func TestIdle(t *testing.T) {
	const (
		maxMemoryBytes = 350 << 20
		maxCPU         = 0.05 // loosely: the goal is 0.01, on a machine that does nothing else
	)
	in := install(t)
	in.must(nil, "site", "add", "example.com")
	in.optIn("example.com")
	began := time.Now()
	server := in.serve("--flush-interval", "2s")
	t.Logf("started in %.2f s", time.Since(began).Seconds())
	server.mustSend(visit{Domain: "example.com", URL: "https://example.com/"})
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("skipped: no /proc to read memory and time from")
	}
	pid := server.cmd.Process.Pid
	rest := 10 * time.Second
	if testing.Short() {
		rest = time.Second
	}
	time.Sleep(time.Second) // what the start left to do
	before := cpuTime(t, pid)
	time.Sleep(rest) // the measurement
	cpu := (cpuTime(t, pid) - before).Seconds() / rest.Seconds()
	memory := residentBytes(t, pid)
	t.Logf("at rest: %d MB of memory, %.2f %% of a CPU", memory>>20, 100*cpu)
	if memory > maxMemoryBytes {
		t.Errorf("%d MB of memory at rest, want at most %d", memory>>20, maxMemoryBytes>>20)
	}
	if cpu > maxCPU {
		t.Errorf("%.2f %% of a CPU at rest, want at most %.0f", 100*cpu, 100*maxCPU)
	}
}

// cpuTime is what the process has used, from its stat: user and system time in ticks of 10 ms.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	var user, system int64
	fields := strings.Fields(rest)
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no VmRSS in %s", text)
	}
	var kB int64
	if _, err := fmt.Sscan(string(m[1]), &kB); err != nil {
		t.Fatal(err)
	}
	return kB << 10
}
