package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
)

// bareCommand makes this program the baseline: a handler that reads the body and answers 202.
const bareCommand = "bare-server"

func serveBare(addr string) error {
	return bareEcho(func(c echo.Context) error {
		if _, err := io.Copy(io.Discard, c.Request().Body); err != nil {
			return err
		}
		return c.NoContent(http.StatusAccepted)
	}).Start(addr)
}

// bareEcho has a handler of events, and nothing around it.
func bareEcho(post echo.HandlerFunc) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.POST("/api/event", post)
	e.GET("/api/health", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	return e
}

// process is a server that runs.
type process struct {
	program string
	cmd     *exec.Cmd
	addr    string
	log     bytes.Buffer
}

const startTimeout = time.Minute

// serve starts a server on one processor and returns when it is healthy. args get the address to listen on.
func (b *bench) serve(program string, args func(addr string) []string) (*process, time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	p := &process{program: program, addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, 0, err
	}
	p.cmd = b.command(context.Background(), program, args(p.addr)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	from := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, 0, err
	}
	for time.Since(from) < startTimeout {
		resp, err := http.Get("http://" + p.addr + "/api/health")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p, time.Since(from), nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	err = p.stop()
	return nil, 0, errors.Join(fmt.Errorf("%s is not healthy after %v: %s", program, startTimeout, p.log.String()), err)
}

// command runs a program on the first processor, while this program has the second: see scripts/bench.
func (b *bench) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if os.Getenv("TURF_BENCH_PINNED") != "" {
		program, args = "taskset", append([]string{"-c", "0", program}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+b.memory, "GOMAXPROCS=1")
	return cmd
}

// pause stops all threads of the server until resume, so that what it has left to do falls into no other's time.
func (p *process) pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = p.resume()                            // or be paused
	if err := p.cmd.Wait(); err != nil && !strings.Contains(err.Error(), "signal: terminated") {
		return fmt.Errorf("%w: %s", err, p.log.String())
	}
	return nil
}

// cpu is the processor time of the server so far, all its threads.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(text, []byte(") ")) // the name may have spaces
	f := strings.Fields(string(rest))
	if len(f) < 13 {
		return 0, fmt.Errorf("not a stat line: %q", text)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	return time.Duration(user+system) * tick, err
}

// newData makes a data directory with the site.
func (b *bench) newData(name string) (string, error) {
	dir := filepath.Join(b.dir, name)
	_, err := b.call(dir, nil, "site", "add", benchSite, "--timezone", "UTC", "--json")
	return dir, err
}

// call runs a command of turf and returns what it prints.
func (b *bench) call(dir string, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := b.command(context.Background(), b.turf, append(args, "--data", dir)...)
	var out, log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &log
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("turf %s: %w: %s", strings.Join(args, " "), err, log.String())
	}
	return out.Bytes(), nil
}

// serveTurf runs turf on a data directory, behind a proxy that is this program.
func (b *bench) serveTurf(dir string, more ...string) (*process, time.Duration, error) {
	return b.serve(b.turf, func(addr string) []string {
		return append([]string{"serve", "--data", dir, "--listen", addr, "--trusted-proxy", "127.0.0.1/32"}, more...)
	})
}

// key makes a key of the stats API.
func (b *bench) key(dir string) (string, error) {
	out, err := b.call(dir, nil, "key", "add", "--site", benchSite, "--json")
	if err != nil {
		return "", err
	}
	var k struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(out, &k); err != nil {
		return "", err
	}
	return k.Key, nil
}
