package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// socketFile is the socket in the data directory through which commands reach the server. Who may open it may do everything:
// only the directory's owner.
const socketFile = "turf.sock"

// Limits of the socket.
const (
	maxRequestBytes    = 256 << 20 // a batch of an import
	maxSocketPathBytes = 100       // sun_path holds 108 on Linux and 104 on macOS
)

// backend does what the commands ask for: the running server, or the opened data where none runs.
type backend interface {
	// call does the action of that name (see actions): req is its request, resp a pointer to its response.
	call(ctx context.Context, name string, req, resp any) error
	Close() error
}

// open finds the server of the data directory, or opens the data.
func (a *app) open(ctx context.Context) (backend, error) {
	r, err := dialServer(ctx, a.data)
	if err == nil {
		return r, nil
	}
	if !errors.Is(err, errNoServer) {
		return nil, err
	}
	in, err := openInstance(ctx, instanceConfig{dir: a.data, clickhouse: a.clickhouse, retentionDays: a.retentionDays})
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("%w, but does not answer on %s (it may be starting or stopping); try again", err,
			filepath.Join(a.data, socketFile))
	}
	if err != nil {
		return nil, err
	}
	return local{in}, nil
}

// local is the backend of this process.
type local struct{ in *instance }

func (l local) call(ctx context.Context, name string, req, resp any) error {
	b, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("BUG: request of %s: %w", name, err)
	}
	out, err := actions[name](ctx, l.in, b)
	if err != nil {
		return err
	}
	return decode(name, out, resp)
}

// decode reads an action's response; a nil resp drops it.
func decode(name string, b []byte, resp any) error {
	if resp == nil {
		return nil
	}
	if err := json.Unmarshal(b, resp); err != nil {
		return fmt.Errorf("read the answer of %s: %w", name, err)
	}
	return nil
}

func (l local) Close() error { return l.in.Close() }

// remote is the backend of a running server.
type remote struct {
	client http.Client
}

var errNoServer = errors.New("no server is running")

// dialServer connects to the server of the directory, or returns errNoServer.
func dialServer(ctx context.Context, dir string) (*remote, error) {
	path, done, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNoServer
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the server on %s: %w", filepath.Join(dir, socketFile), err)
	}
	if err := conn.Close(); err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, done, err := socketPath(dir)
		if err != nil {
			return nil, err
		}
		defer done()
		return d.DialContext(ctx, "unix", path)
	}
	return &remote{client: http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

// socketPath is a path of the directory's socket that is short enough for the kernel. done is called once it has been used.
func socketPath(dir string) (path string, done func(), err error) {
	done = func() {}
	path = filepath.Join(dir, socketFile)
	if len(path) <= maxSocketPathBytes {
		return path, done, nil
	}
	if runtime.GOOS != "linux" {
		return "", done, fmt.Errorf("the path of the data directory is too long for a socket: more than %d bytes",
			maxSocketPathBytes)
	}
	f, err := os.Open(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", done, errNoServer
		}
		return "", done, fmt.Errorf("open the data directory: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), socketFile), func() { _ = f.Close() }, nil
}

// failure is the body of an answer that is no success.
type failure struct {
	Error string `json:"error"`
}

func (r *remote) call(ctx context.Context, name string, req, resp any) error {
	b, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("BUG: request of %s: %w", name, err)
	}
	hr, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://turf/"+name, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("ask the server for %s: %w", name, err)
	}
	res, err := r.client.Do(hr)
	if err != nil {
		return fmt.Errorf("ask the server for %s: %w", name, err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the server's answer to %s: %w", name, err)
	}
	if res.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(out, &f) != nil || f.Error == "" {
			f.Error = fmt.Sprintf("the server answered %s with status %d; is it of another version?", name, res.StatusCode)
		}
		return errors.New(f.Error)
	}
	return decode(name, out, resp)
}

func (r *remote) Close() error {
	r.client.CloseIdleConnections()
	return nil
}

// serveSocket answers commands until the server is shut down. The caller holds the directory's lock.
func serveSocket(in *instance, dir string) (*http.Server, <-chan error, error) {
	path, done, err := socketPath(dir)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	// Left behind by a server that was killed: nobody listens, since the lock is ours.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("remove the old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, nil, fmt.Errorf("listen on %s: %w", filepath.Join(dir, socketFile), err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("protect the socket: %w", err), l.Close())
	}
	srv := &http.Server{Handler: socketHandler(in), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	return srv, failed, nil
}

// removeSocket removes the name of the socket of a server that has stopped, if it is still there.
func removeSocket(dir string) error {
	path, done, err := socketPath(dir)
	if err != nil {
		return err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket: %w", err)
	}
	return nil
}

func socketHandler(in *instance) http.Handler {
	mux := http.NewServeMux()
	for name, do := range actions {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
			var out []byte
			if err == nil {
				out, err = do(r.Context(), in, body)
			}
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				out, _ = json.Marshal(failure{err.Error()})
			}
			_, _ = w.Write(append(out, '\n')) // the command has gone away: nobody is left to tell
		})
	}
	return mux
}
