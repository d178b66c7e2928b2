package clickhouse_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"

	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/clickhouse/clickhousetest"
	"turf/schema/embedded/embeddedtest"
)

// TestMain runs the tests or, in a process that a test started, what that test wants of it.
func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		os.Exit(childMain(job))
	}
	embeddedtest.Main(m)
}

// Each test of the store runs twice, each time with an empty database of the embedded engine: straight through the
// engine, and through a real HTTP server that hands each request to the engine, to which the store speaks as to a
// server.
func overBoth(t *testing.T, test func(t *testing.T, config clickhouse.Config)) {
	t.Helper()
	engine := embeddedtest.Open(t)
	t.Run("engine", func(t *testing.T) {
		test(t, clickhouse.Config{Transport: engine, Database: embeddedtest.Scratch(t, engine)})
	})
	t.Run("http", func(t *testing.T) {
		server := httptest.NewServer(handler(t, engine))
		t.Cleanup(server.Close)
		test(t, clickhouse.Config{URL: server.URL, Database: embeddedtest.Scratch(t, engine)})
	})
}

// handler answers as the engine does. It sees to it that a server is asked to only read where that is meant, and
// takes the setting away, since the engine's connections would keep it.
func handler(t *testing.T, engine http.RoundTripper) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		settings := r.URL.Query()
		if settings.Has("max_result_rows") != (settings.Get("readonly") == "1") {
			t.Errorf("settings of a query: %v", settings)
		}
		settings.Del("readonly")
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
		io.Copy(w, res.Body) // an error is the client's: it went away
	})
}

// open opens the database and migrates it.
func open(t *testing.T, config clickhouse.Config) *clickhouse.DB {
	t.Helper()
	return clickhousetest.Open(t, config)
}

// query runs a Select that must not fail.
func query(t *testing.T, db *clickhouse.DB, sql string, params map[string]string) [][]any {
	t.Helper()
	rows, err := db.Select(t.Context(), sql, params)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// one is the only value of a query's only row.
func one[T any](t *testing.T, db *clickhouse.DB, sql string) T {
	t.Helper()
	rows := query(t, db, sql, nil)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s: %v", sql, rows)
	}
	v, ok := rows[0][0].(T)
	if !ok {
		t.Fatalf("%s: %T", sql, rows[0][0])
	}
	return v
}

func write(t *testing.T, db *clickhouse.DB, batch schema.Batch) {
	t.Helper()
	if err := db.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// row is a row of counts; sums are visitors, visits, pageviews.
func row(site schema.SiteID, cube schema.CubeID, at time.Time, sums [3]int64, values ...string) schema.Row {
	r := schema.Row{Cell: schema.Cell{Site: site, Cube: cube, Time: at.Unix()}}
	copy(r.Cell.Values[:], values)
	r.Sums[schema.Visitors], r.Sums[schema.Visits], r.Sums[schema.Pageviews] = sums[0], sums[1], sums[2]
	return r
}

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// statement runs what the store itself has no way to run.
func statement(t *testing.T, config clickhouse.Config, sql string) {
	t.Helper()
	engine := embeddedtest.Open(t)
	conn, err := client.Open(&client.Options{
		Protocol:      client.HTTP,
		Addr:          []string{"embedded"},
		Auth:          client.Auth{Database: config.Database},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Exec(t.Context(), sql), conn.Close()); err != nil {
		t.Fatal(err)
	}
}

// engineConfig is an empty database of the engine.
func engineConfig(t *testing.T) clickhouse.Config {
	t.Helper()
	engine := embeddedtest.Open(t)
	return clickhouse.Config{Transport: engine, Database: embeddedtest.Scratch(t, engine)}
}
