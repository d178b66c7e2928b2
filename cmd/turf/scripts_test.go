package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the scenarios in testdata/script. Beside testscript's own commands there are:
//
//	serve [FLAG…]           starts a server on the directory data, and sets $URL
//	stop                    stops it
//	get PATH STATUS [TEXT…] asks the server; the answer must have the status and contain the texts
//	post FILE STATUS [TEXT…]
//	                        sends the event in the file; "dropped for REASON" is part of the answer
//	post-by AGENT FILE STATUS [TEXT…]
//	                        is post of another visitor, whose user agent has AGENT in it
//	send KEY-FILE FILE STATUS [TEXT…]
//	                        is post with a key
//	query KEY-FILE FILE STATUS [TEXT…]
//	                        asks the question in FILE, with the key that KEY-FILE ("key add --json") holds, until the answer is so
//
// and the condition system-library: the engine is installed where CHDB_LIB_PATH and HOME play no part.
func TestScripts(t *testing.T) {
	bin := turfBinary(t)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			for _, kv := range environment(tb) {
				name, value, _ := strings.Cut(kv, "=")
				if name != "PATH" && name != "HOME" && name != "XDG_CACHE_HOME" && name != "CHDB_LIB_PATH" && name != "RUNTIME_DIRECTORY" {
					continue
				}
				if name == "PATH" {
					value = filepath.Dir(bin) + string(filepath.ListSeparator) + value
				}
				env.Setenv(name, value)
			}
			env.Values[scriptKey{}] = &script{in: &installation{
				t: tb, bin: bin, dir: filepath.Join(env.WorkDir, "data"), env: env.Vars, logs: &safeBuffer{},
			}}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "system-library" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			found, err := filepath.Glob("/usr/*/libchdb.*")
			return len(found) > 0, err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": scriptServe, "stop": scriptStop, "get": scriptGet, "post": scriptPost, "send": scriptSend, "query": scriptQuery,
			"sites": scriptSites, "post-by": scriptPostBy,
		},
	})
}

type scriptKey struct{}

// script is what a script has running.
type script struct {
	in     *installation
	server *process
}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	s := scriptOf(ts)
	s.server = s.in.serve(args...)
	ts.Setenv("URL", s.server.url)
	ts.Defer(s.server.stop)
}

func scriptStop(ts *testscript.TestScript, _ bool, _ []string) { scriptOf(ts).server.stop() }

func scriptGet(ts *testscript.TestScript, _ bool, args []string) {
	status, body := scriptOf(ts).server.get(args[0])
	expect(ts, status, body, args[1], args[2:])
}

func scriptPost(ts *testscript.TestScript, _ bool, args []string) { sendFile(ts, "", firefox, args) }

func scriptPostBy(ts *testscript.TestScript, _ bool, args []string) {
	sendFile(ts, "", firefox+" "+args[0], args[1:])
}

func scriptSend(ts *testscript.TestScript, _ bool, args []string) {
	sendFile(ts, keyIn(ts, args[0]), firefox, args[1:])
}

func sendFile(ts *testscript.TestScript, key, agent string, args []string) {
	p := scriptOf(ts).server
	req, err := http.NewRequest(http.MethodPost, p.url+"/api/event", strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	req.Header.Set("User-Agent", agent)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := p.client.Do(req)
	ts.Check(err)
	status, body := answer(p.t, res)
	if reason := res.Header.Get("X-Turf-Dropped"); reason != "" {
		body += " dropped for " + reason
	}
	expect(ts, status, body, args[1], args[2:])
}

// keyIn is the key in a file that "key add --json" made.
func keyIn(ts *testscript.TestScript, file string) string {
	_, rest, _ := strings.Cut(ts.ReadFile(file), `"key":"`)
	key, _, _ := strings.Cut(rest, `"`)
	return key
}

func scriptQuery(ts *testscript.TestScript, _ bool, args []string) {
	p := scriptOf(ts).server
	key := keyIn(ts, args[0])
	question := ts.ReadFile(args[1])
	req, err := http.NewRequest(http.MethodPost, p.url+"/api/v2/query", nil)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+key)
	var status int
	body := ""
	for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		req := req.Clone(req.Context())
		req.Body = io.NopCloser(strings.NewReader(question))
		res, err := p.client.Do(req)
		ts.Check(err)
		if status, body = answer(p.t, res); matches(status, body, args[2], args[3:]) {
			return
		}
	}
	expect(ts, status, body, args[2], args[3:])
}

func expect(ts *testscript.TestScript, status int, body, want string, texts []string) {
	if !matches(status, body, want, texts) {
		ts.Fatalf("answered %d %s; want %s and %q", status, body, want, texts)
	}
}

func matches(status int, body, want string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(body, text) {
			return false
		}
	}
	return fmt.Sprint(status) == want
}
