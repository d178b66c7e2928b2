package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"turf/aggregate/pipeline"
	"turf/schema/embedded/embeddedtest"
)

// The tests of this package run the real program: built once, as scripts/build does it, and started as processes of their own.

// Times that a busy machine may need. Nothing is slow on purpose: they only end what hangs.
const (
	startTimeout = time.Minute
	waitTimeout  = 30 * time.Second
	stopTimeout  = time.Minute
)

// program is the built binary.
var program struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

// turfBinary is the path of the program. The test is skipped where there is no engine, which all of its commands need.
func turfBinary(t testing.TB) string {
	t.Helper()
	embeddedtest.Library(t)
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "turf-program-"); program.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program.dir+"/turf", ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("build turf: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.dir + "/turf"
}

// environment is that of the test, without settings of Turf, with a folder of the test's own for what is kept in memory.
func environment(t testing.TB) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "TURF_") || strings.HasPrefix(kv, "RUNTIME_DIRECTORY=")
	})
	memory, ok := pipeline.MemoryDir(func(string) string { return "" })
	if !ok {
		return env
	}
	dir, err := os.MkdirTemp(memory, "turf-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return append(env, "RUNTIME_DIRECTORY="+dir)
}

// installation is a data directory, on which one server after the other may run.
type installation struct {
	t   testing.TB
	bin string
	dir string
	env []string
	// logs is what all servers wrote to standard error.
	logs *safeBuffer
	last *process // that a helper started
}

func install(t testing.TB) *installation {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	return &installation{t: t, bin: turfBinary(t), dir: dir, env: environment(t), logs: &safeBuffer{}}
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// result is what a command came to.
type result struct {
	stdout, stderr string
	status         int
}

// turf runs a command on the installation, with standard input.
func (in *installation) turf(stdin string, args ...string) result {
	in.t.Helper()
	cmd := exec.Command(in.bin, append(args, "--data", in.dir)...)
	cmd.Env, cmd.Stdin = in.env, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		in.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that has to work, and reads its last line of output as JSON into v, unless that is nil.
func (in *installation) must(v any, args ...string) {
	in.t.Helper()
	if v != nil {
		args = append(args, "--json")
	}
	r := in.turf("", args...)
	if r.status != 0 {
		in.t.Fatalf("turf %s: status %d: %s", strings.Join(args, " "), r.status, r.stderr)
	}
	if v == nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), v); err != nil {
		in.t.Fatalf("turf %s printed %q: %v", strings.Join(args, " "), r.stdout, err)
	}
}

// key makes an API key of the site.
func (in *installation) key(domain string) string {
	in.t.Helper()
	var key struct{ Key string }
	in.must(&key, "key", "add", "--site", domain)
	return key.Key
}

// process is a running server.
type process struct {
	*installation
	cmd    *exec.Cmd
	url    string
	ended  chan struct{} // closed when the process has ended, which err says how
	err    error
	client *http.Client
}

// serve starts a server on a free port and returns when it has said that it works. It is stopped at the end of the test.
func (in *installation) serve(args ...string) *process {
	in.t.Helper()
	p := in.launch(args...)
	p.awaitHealth(http.StatusOK)
	return p
}

// launch starts a server and returns when it has printed its greeting.
func (in *installation) launch(args ...string) *process {
	in.t.Helper()
	p, stdout := in.begin(append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	var g greeting
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stdout)
		text, _ := r.ReadString('\n') // "" when the process ends
		line <- text
		_, _ = io.Copy(io.Discard, r)
	}()
	select {
	case text := <-line:
		if err := json.Unmarshal([]byte(text), &g); err != nil {
			in.t.Fatalf("turf serve said %q: %v\n%s", text, err, in.logs)
		}
	case <-time.After(startTimeout):
		in.t.Fatalf("turf serve did not start in %v\n%s", startTimeout, in.logs)
	}
	p.url = g.URL
	return p
}

// begin starts a server and waits for nothing.
func (in *installation) begin(args ...string) (*process, io.Reader) {
	in.t.Helper()
	cmd := exec.Command(in.bin, append([]string{"serve", "--json", "--data", in.dir, "--flush-interval", "50ms"}, args...)...)
	cmd.Env, cmd.Stderr = in.env, in.logs
	stdout, stdin, err := os.Pipe()
	if err != nil {
		in.t.Fatal(err)
	}
	cmd.Stdout = stdin
	if err := cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	_ = stdin.Close() // the process has its own
	p := &process{installation: in, cmd: cmd, ended: make(chan struct{}), client: &http.Client{Timeout: startTimeout}}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	in.t.Cleanup(func() {
		p.client.CloseIdleConnections()
		p.stop()
		_ = stdout.Close()
	})
	return p, stdout
}

// stop ends the server as a supervisor does, and sees to it that it ends well.
func (p *process) stop() {
	p.t.Helper()
	p.end(syscall.SIGTERM)
	if p.err != nil && !p.killed() {
		p.t.Errorf("turf serve: %v\n%s", p.err, p.logs)
	}
}

// kill ends the server as a loss of the process does.
func (p *process) kill() {
	p.t.Helper()
	p.end(syscall.SIGKILL)
}

func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (p *process) end(signal os.Signal) {
	p.t.Helper()
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.cmd.Process.Signal(signal) // it may just have ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		buf := make([]byte, 1<<16)
		p.t.Errorf("turf serve did not stop in %v\n%s\n%s", stopTimeout, p.logs, buf[:runtime.Stack(buf, false)])
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// get asks for a path and returns status and body.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	res, err := p.client.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer(p.t, res)
}

func answer(t testing.TB, res *http.Response) (int, string) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// awaitHealth waits for the status of the health check.
func (p *process) awaitHealth(want int) string {
	p.t.Helper()
	return eventually(p.t, fmt.Sprintf("GET %s: %d", healthPath, want), func() (string, bool) {
		status, body := p.get(healthPath)
		return fmt.Sprint(status, " ", body), status == want
	})
}

// eventually waits until f is true, and fails with what f said last when it never is.
func eventually(t testing.TB, what string, f func() (said string, ok bool)) string {
	t.Helper()
	last := ""
	for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		said, ok := f()
		if ok {
			return said
		}
		last = said
	}
	t.Fatalf("never came: %s; last: %s", what, last)
	return ""
}

// visit is an event that a browser reports.
type visit struct {
	Name     string            `json:"name"`
	URL      string            `json:"url"`
	Domain   string            `json:"domain"`
	Referrer string            `json:"referrer,omitempty"`
	Props    map[string]string `json:"props,omitempty"`

	address string // as a proxy tells it; the server must trust the test
	agent   string
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// send reports an event and returns the answer.
func (p *process) send(v visit) (*http.Response, error) {
	if v.Name == "" {
		v.Name = "pageview"
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, p.url+"/api/event", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if v.agent == "" {
		v.agent = firefox
	}
	req.Header.Set("User-Agent", v.agent)
	req.Header.Set("Content-Type", "text/plain")
	if v.address != "" {
		req.Header.Set("X-Forwarded-For", v.address)
	}
	return p.client.Do(req)
}

// mustSend reports an event that has to be counted.
func (p *process) mustSend(v visit) {
	p.t.Helper()
	res, err := p.send(v)
	if err != nil {
		p.t.Fatal(err)
	}
	status, body := answer(p.t, res)
	if status != http.StatusAccepted || res.Header.Get("X-Turf-Dropped") != "" {
		p.t.Fatalf("an event was answered %d %q, dropped %q", status, body, res.Header.Get("X-Turf-Dropped"))
	}
}

// rows are the answer to a question: the metrics by the dimensions' values, joined by "|".
type rows map[string][]float64

// query asks the stats API.
func (p *process) query(key string, question map[string]any) rows {
	p.t.Helper()
	status, body := p.ask(key, question)
	if status != http.StatusOK {
		p.t.Fatalf("%v was answered %d %s", question, status, body)
	}
	var a struct {
		Results []struct {
			Metrics    []float64
			Dimensions []string
		}
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		p.t.Fatal(err)
	}
	got := rows{}
	for _, r := range a.Results {
		got[strings.Join(r.Dimensions, "|")] = r.Metrics
	}
	return got
}

// ask is query for questions that may be refused.
func (p *process) ask(key string, question map[string]any) (int, string) {
	p.t.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, p.url+"/api/v2/query", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer(p.t, res)
}
