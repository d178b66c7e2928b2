package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/stats"
)

// retryAfter is when to come again after the store did not answer.
const retryAfter = 5 * time.Second

// httpError is an answer other than success.
type httpError struct {
	status  int
	message string // for who asked
}

// Error is the message for who asked.
func (e *httpError) Error() string { return e.message }

// answer writes an endpoint's outcome as JSON. Nothing of it is kept by anybody, nor read by pages of other origins.
func (d *Dashboard) answer(c echo.Context, body any, err error) error {
	h := c.Response().Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if err != nil && c.Request().Context().Err() != nil {
		return nil // who asked is gone
	}
	status := http.StatusOK
	if err != nil {
		var message string
		status, message = d.explain(h, err)
		body = map[string]string{"error": message}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it is no HTML, and says so
	if err := encoder.Encode(body); err != nil {
		return fmt.Errorf("BUG: write an answer of %T: %w", body, err)
	}
	c.Response().WriteHeader(status)
	if c.Request().Method != http.MethodHead {
		_, _ = c.Response().Write(text.Bytes()) // who does not read the answer does not want it
	}
	return nil
}

// explain is the status and the message of an error.
func (d *Dashboard) explain(h http.Header, err error) (int, string) {
	var (
		plain     *httpError
		invalid   *stats.InvalidError
		tooMany   *access.LimitError
		tooLarge  *http.MaxBytesError
		retryLate = func(wait time.Duration) {
			h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
		}
	)
	switch {
	case errors.As(err, &plain):
		return plain.status, plain.message
	case errors.As(err, &invalid):
		return http.StatusBadRequest, invalid.Error()
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("The request is longer than %d bytes.", tooLarge.Limit)
	case errors.Is(err, access.ErrInvalidKey):
		return http.StatusUnauthorized, "Invalid API key or site ID. Check that the key exists and may read this site."
	case errors.Is(err, access.ErrLogin):
		return http.StatusUnauthorized, "Wrong name or password."
	case errors.As(err, &tooMany):
		retryLate(tooMany.Wait)
		return http.StatusTooManyRequests, limitMessage(tooMany)
	case errors.Is(err, context.DeadlineExceeded):
		retryLate(retryAfter)
		return http.StatusGatewayTimeout,
			fmt.Sprintf("The answer takes longer than %v. Ask for fewer days, or try again later.", QuestionTimeout)
	}
	d.Log.Error("a request of the dashboard failed", "error", err)
	retryLate(retryAfter)
	return http.StatusServiceUnavailable,
		"The numbers cannot be read at the moment. Nothing is lost: try again in a while."
}

func limitMessage(e *access.LimitError) string {
	if e.Period == time.Hour {
		return fmt.Sprintf("Too many API requests. This API key is limited to %d requests per hour.", e.Requests)
	}
	return fmt.Sprintf("Too many tries. Wait %v and try again.", max(time.Second, e.Wait.Round(time.Second)))
}

// readBody reads at most so many bytes; more is an *http.MaxBytesError.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return nil, &httpError{http.StatusBadRequest, "The request broke off."}
	}
	return body, err
}
