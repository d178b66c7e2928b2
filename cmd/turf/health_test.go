package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// What a handler panics with or returns is answered in general words, and its log holds nothing of the client.
func TestFailingHandlers(t *testing.T) {
	client := netip.MustParseAddr("203.0.113.7")
	peer := net.TCPAddrFromAddrPort(netip.AddrPortFrom(client, 4711))
	for _, c := range []struct {
		name   string
		do     func(addr netip.Addr) error
		status int
		answer string
		logged string // "": nothing
	}{
		{"a bug", func(netip.Addr) error { panic("BUG: no day") }, 500, "Internal Server Error", "BUG: no day"},
		{"an error of the runtime", func(netip.Addr) error {
			var none []int
			return fmt.Errorf("%d", none[len(none)])
		}, 500, "Internal Server Error", "index out of range"},
		{"a text with an address", func(a netip.Addr) error { panic("from " + a.String()) }, 500, "Internal Server Error", "of type string"},
		{"an address", func(a netip.Addr) error { panic(a) }, 500, "Internal Server Error", "of type netip.Addr"},
		{"an error", func(netip.Addr) error { return errors.New("disk full") }, 500, "Internal Server Error", "disk full"},
		{"a broken connection", func(netip.Addr) error {
			return fmt.Errorf("read: %w", &net.OpError{Op: "read", Net: "tcp", Source: peer, Addr: peer, Err: errors.New("reset")})
		}, 500, "Internal Server Error", ""},
		{"an answer", func(netip.Addr) error { return echo.NewHTTPError(418, "no coffee") }, 418, "no coffee", ""},
		{"an answer without words", func(netip.Addr) error { return echo.ErrNotFound }, 404, "Not Found", ""},
	} {
		var log bytes.Buffer
		e := newEcho(slog.New(slog.NewTextHandler(&log, nil)))
		e.GET("/:page", func(echo.Context) error { return c.do(client) })
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/secret", nil)
		req.RemoteAddr = peer.String()
		e.ServeHTTP(rec, req)
		if want := `{"error":"` + c.answer + `"}`; rec.Code != c.status || strings.TrimSpace(rec.Body.String()) != want {
			t.Errorf("%s: answered %d %s, want %d %s", c.name, rec.Code, rec.Body, c.status, want)
		}
		if c.logged == "" && log.Len() > 0 || !strings.Contains(log.String(), c.logged) {
			t.Errorf("%s: logged %q, want %q", c.name, log.String(), c.logged)
		}
		for _, never := range []string{"203.0.113", "4711", "cb0071", "secret", "0x", "goroutine"} {
			if strings.Contains(rec.Body.String()+log.String(), never) {
				t.Errorf("%s: %q is in the log or the answer: %s", c.name, never, log.String())
			}
		}
		if strings.Contains(log.String(), "panic") && !strings.Contains(log.String(), "TestFailingHandlers") {
			t.Errorf("%s: the log does not say where: %s", c.name, log.String())
		}
	}
}
