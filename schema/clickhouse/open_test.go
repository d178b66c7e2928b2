package clickhouse_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"turf/schema/clickhouse"
)

func TestOpenRefuses(t *testing.T) {
	engine := http.DefaultTransport // never asked
	for _, tt := range []struct {
		name   string
		config clickhouse.Config
		want   string
	}{
		{"nothing", clickhouse.Config{}, "use clickhouse://user:password@host:9000/turf"},
		{"no scheme", clickhouse.Config{URL: "localhost:9000"}, "use clickhouse://"},
		{"another scheme", clickhouse.Config{URL: "postgres://h/db"}, "use clickhouse://"},
		{"no host", clickhouse.Config{URL: "clickhouse:///turf"}, "use clickhouse://"},
		{"port", clickhouse.Config{URL: "clickhouse://h:port/turf"}, "invalid port"},
		{"password", clickhouse.Config{URL: "clickhouse://u:sec%ret@h/turf"}, "name and password as %40"},
		{"option", clickhouse.Config{URL: "clickhouse://h/turf?clutser=x"}, "option clutser: there is no such option"},
		{"secure", clickhouse.Config{URL: "clickhouse://h/turf?secure=maybe"}, "option secure"},
		{"secure http", clickhouse.Config{URL: "http://h/turf?secure=1"}, "write https://"},
		{"cluster", clickhouse.Config{URL: "http://h/turf?cluster=a%60b"}, "cannot be the name of a cluster"},
		{"database", clickhouse.Config{URL: "http://h/tu/rf"}, "cannot be the name of a database"},
		{"database of engine", clickhouse.Config{Transport: engine, Database: "a`b"}, "cannot be the name of a database"},
		{"cluster of engine", clickhouse.Config{Transport: engine, Cluster: "main"}, "the embedded engine has no clusters"},
		{"retention", clickhouse.Config{Transport: engine, HourlyRetentionDays: 3}, "use 0 (for ever) or at least 7"},
		{"limit", clickhouse.Config{Transport: engine, MaxResultRows: -1}, "must not be negative"},
	} {
		_, err := clickhouse.Open(t.Context(), tt.config)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sec%ret") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestOpenUnreachable(t *testing.T) {
	address := deafAddress(t)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	blunt := bluntServer(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "s3cret" {
			t.Errorf("came as %q", user)
		}
		w.Header().Set("X-ClickHouse-Exception-Code", "516")
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte("Code: 516. DB::Exception: me: Authentication failed. (AUTHENTICATION_FAILED)"))
	}))
	defer refusing.Close()
	for _, tt := range []struct{ name, url, want string }{
		{"native", "clickhouse://me:s3cret@" + address, "the database at " + address + " cannot be reached; does it run"},
		{"http", "http://me:s3cret@" + address, "the database at " + address + " cannot be reached; does it run"},
		{"wrong password", strings.Replace(refusing.URL, "://", "://me:s3cret@", 1), `refuses user "me": wrong name or password`},
		{"no ClickHouse", web.URL, "404"},
		{"native to a web server", "clickhouse://" + blunt, "over native (9000 is the usual port for clickhouse://"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := clickhouse.Open(ctx, clickhouse.Config{URL: tt.url})
		cancel()
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// deafAddress is an address where nothing listens, and where nothing can until the test ends: its port is held by a socket that is
// bound and does not listen. (A port that was let go is soon given to a server of another test.)
func deafAddress(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
}

// bluntServer is a web server that does not wait for the end of what it does not understand.
func bluntServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 100))
			conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// The URL alone says which database.
func TestOpenByURL(t *testing.T) {
	config := engineConfig(t)
	server := httptest.NewServer(handler(t, config.Transport))
	defer server.Close()
	db := open(t, clickhouse.Config{URL: server.URL + "/" + config.Database})
	if got := one[string](t, db, "SELECT currentDatabase()"); got != config.Database {
		t.Errorf("database %s, want %s", got, config.Database)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
