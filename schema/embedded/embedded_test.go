package embedded_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"turf/schema/embedded"
	"turf/schema/embedded/embeddedtest"
)

// TestMain runs the tests or, in a process that a test started, what that test wants of it.
func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		os.Exit(childMain(job))
	}
	embeddedtest.Main(m)
}

// overHTTP runs the test twice, each time with a client of a fresh database: straight through the engine, and through a
// real HTTP server that hands each request to the engine, so that nothing depends on client and engine sharing memory.
func overHTTP(t *testing.T, test func(t *testing.T, db driver.Conn)) {
	t.Helper()
	engine := embeddedtest.Open(t)
	t.Run("engine", func(t *testing.T) {
		test(t, connect(t, clickhouse.Options{
			Addr:          []string{"embedded"},
			Auth:          clickhouse.Auth{Database: embeddedtest.Database(t, engine)},
			TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine, nil },
		}))
	})
	t.Run("http", func(t *testing.T) {
		server := httptest.NewServer(handler(engine))
		t.Cleanup(server.Close)
		test(t, connect(t, clickhouse.Options{
			Addr: []string{server.Listener.Addr().String()},
			Auth: clickhouse.Auth{Database: embeddedtest.Database(t, engine)},
		}))
	})
}

// handler answers as the engine does.
func handler(engine *embedded.Engine) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		io.Copy(w, res.Body) // an error is the client's: it went away
	})
}

func connect(t *testing.T, options clickhouse.Options) driver.Conn {
	t.Helper()
	options.Protocol = clickhouse.HTTP
	db, err := clickhouse.Open(&options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// mustExec runs statements, each of which must work.
func mustExec(t testing.TB, db driver.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := db.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// one returns the first value of the first row.
func one[T any](t testing.TB, db driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := db.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// The engine has the sizes of a small machine, and not those that its makers chose for a large one.
func TestServerSettings(t *testing.T) {
	db := connect(t, clickhouse.Options{
		Addr:          []string{"embedded"},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return embeddedtest.Open(t), nil },
	})
	for name, want := range map[string]string{
		"max_server_memory_usage": strconv.Itoa(embedded.DefaultMemoryBytes), "background_pool_size": "2",
		"background_schedule_pool_size": "2", "memory_worker_period_ms": "1000",
		"uncompressed_cache_size": strconv.Itoa(embedded.DefaultMemoryBytes / 16),
	} {
		const sql = "SELECT value FROM system.server_settings WHERE name = ?"
		if got := one[string](t, db, sql, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
