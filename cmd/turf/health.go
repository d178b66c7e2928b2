package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Paths of the health checks. Those below /api/system are Plausible's.
const (
	healthPath = "/api/health"
	livePath   = "/api/system/health/live"
	readyPath  = "/api/system/health/ready"
)

// healthTimeout is how long the database may take to give a sign of life.
const healthTimeout = 5 * time.Second

// health is the answer of a health check; each field is "ok" or says what is wrong, in words that anybody may read.
type health struct {
	Status    string `json:"status"`
	Events    string `json:"events"`
	Questions string `json:"questions"`
}

const (
	healthOK          = "ok"
	healthUnavailable = "unavailable"
)

func (s *server) registerHealth(e *echo.Echo) {
	for _, path := range []string{healthPath, readyPath} {
		e.GET(path, s.health)
		e.HEAD(path, s.health)
	}
	alive := func(c echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": healthOK}) }
	e.GET(livePath, alive)
	e.HEAD(livePath, alive)
}

// health answers 200 when events are accepted and questions answered, else 503.
func (s *server) health(c echo.Context) error {
	h, status := health{healthOK, healthOK, healthOK}, http.StatusOK
	if s.in.pipe.Ready() != nil { // the log has the reason
		h.Status, h.Events, status = healthUnavailable, "not accepted", http.StatusServiceUnavailable
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), healthTimeout)
	defer cancel()
	if s.in.db.Ping(ctx) != nil { // likewise
		h.Status, h.Questions, status = healthUnavailable, "the database does not answer", http.StatusServiceUnavailable
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if status != http.StatusOK {
		c.Response().Header().Set("Retry-After", "1")
	}
	return c.JSON(status, h)
}

// newEcho is an echo that writes no log of requests and answers every error as JSON.
func newEcho(log *slog.Logger) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = answerErrors(log)
	e.Use(recoverPanics(log))
	return e
}

// answerErrors answers requests whose handler returned an error, and logs those that are not the client's. Errors of the
// connection are not logged: they hold its address.
func answerErrors(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		status := http.StatusInternalServerError
		text := http.StatusText(status)
		var told *echo.HTTPError
		var network net.Error
		switch {
		case errors.As(err, &told):
			status = told.Code
			if text = http.StatusText(status); told.Message != nil {
				text = fmt.Sprint(told.Message)
			}
		case !errors.As(err, &network):
			log.Error("a request failed", "route", c.Path(), "error", err)
		}
		if !c.Response().Committed {
			_ = c.JSON(status, failure{text}) // the client has gone
		}
	}
}

// recoverPanics keeps a panic from ending the process, and its log free of what the request held: neither the values of
// arguments, which a stack trace shows, nor a message that is not the runtime's or our own are written.
func recoverPanics(log *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				r := recover()
				if r == nil {
					return
				}
				if r == http.ErrAbortHandler {
					panic(r) // net/http ends the connection quietly
				}
				log.Error("a request failed by a bug", "panic", panicText(r), "route", c.Path(), "at", frames())
				err = echo.NewHTTPError(http.StatusInternalServerError)
			}()
			return next(c)
		}
	}
}

func panicText(r any) string {
	if err, ok := r.(runtime.Error); ok {
		return err.Error()
	}
	if text, ok := r.(string); ok && strings.HasPrefix(text, "BUG:") {
		return text
	}
	return fmt.Sprintf("of type %T", r)
}

// maxFrames is how much of the stack of a panic is logged.
const maxFrames = 24

// frames names the functions and lines of the stack, without arguments.
func frames() string {
	pcs := make([]uintptr, maxFrames)
	stack := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var b strings.Builder
	for {
		f, more := stack.Next()
		fmt.Fprintf(&b, "%s:%d ", f.Function, f.Line)
		if !more {
			return strings.TrimSpace(b.String())
		}
	}
}
