package ingest

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

const (
	// retryAfterSec is what clients are told to wait when nothing can be counted now, busyAfterSec when they send too
	// much.
	busyAfterSec    = "5"
	tooManyAfterSec = "1"
	// preflightMaxAgeSec is how long a browser may remember that it may send events. Browsers cut it (Chromium at two
	// hours).
	preflightMaxAgeSec = "86400"
)

var (
	errKey             = errors.New("the header Authorization names no ingest key of the site")
	errTooManyRequests = errors.New("too many requests from one address")
	errTooManyEvents   = errors.New("too many events of one site")
)

// Headers of answers. The slices are shared by all responses and never changed.
var (
	anyOrigin      = []string{"*"}
	exposedHeaders = []string{"X-Plausible-Dropped, X-Turf-Dropped, Retry-After"}
	textPlain      = []string{"text/plain; charset=utf-8"}
	acceptedBody   = []byte("ok")
	oneDropped     = []string{"1"}
)

// dropHeaders are the headers that name one reason.
var dropHeaders = func() (h [numDropReasons][]string) {
	for d := range h {
		h[d] = []string{DropReason(d).String()}
	}
	return h
}()

func allowAnyOrigin(ec echo.Context) {
	h := ec.Response().Header()
	h["Access-Control-Allow-Origin"] = anyOrigin
}

// expose lets scripts of pages read the headers that say why an event was not counted.
func expose(h http.Header) { h["Access-Control-Expose-Headers"] = exposedHeaders }

// preflight answers a browser that asks whether a page of another origin may send events: any may.
func (c *Collector) preflight(ec echo.Context) error {
	allowAnyOrigin(ec)
	h := ec.Response().Header()
	h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type, X-Debug-Request")
	h.Set("Access-Control-Max-Age", preflightMaxAgeSec)
	h.Set("Allow", "POST, OPTIONS")
	return ec.NoContent(http.StatusNoContent)
}

// answer tells the client what became of the request. Accepted and dropped events are both answered 202, so that a
// robot does not learn that it was seen; the headers tell the integrator.
func (c *Collector) answer(ec echo.Context, err error, r *request) error {
	if err != nil {
		status, answer := c.problem(ec, err)
		return ec.JSON(status, answer)
	}
	res := ec.Response()
	setDropped(res.Header(), r)
	res.Header()["Content-Type"] = textPlain
	res.WriteHeader(http.StatusAccepted)
	_, err = res.Write(acceptedBody)
	return err
}

// problem is what is answered to a request that went wrong: the status and the JSON. It sets the headers that belong
// to it.
func (c *Collector) problem(ec echo.Context, err error) (status int, answer any) {
	h := ec.Response().Header()
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		return http.StatusBadRequest, map[string]map[string][]string{"errors": {invalid.Field: {invalid.Reason}}}
	case errors.Is(err, errKey):
		h.Set("WWW-Authenticate", "Bearer")
		return http.StatusUnauthorized, errorText(err.Error())
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge, errorText("The body has more than " + strconv.Itoa(MaxBodyBytes) + " bytes.")
	case errors.Is(err, errTooManyRequests), errors.Is(err, errTooManyEvents):
		h.Set("Retry-After", tooManyAfterSec)
		expose(h)
		return http.StatusTooManyRequests, errorText(err.Error())
	case !errors.Is(err, ErrBusy) && !errors.Is(err, ErrDayOver):
		c.cfg.Logger.Error("events cannot be counted", "err", err)
	}
	h.Set("Retry-After", busyAfterSec)
	expose(h)
	return http.StatusServiceUnavailable, errorText("Nothing was counted: the server is busy. Try again later.")
}

// setDropped says for how many sites the event was dropped, and why.
func setDropped(h http.Header, r *request) {
	if r.dropped == 0 {
		return
	}
	expose(h)
	switch {
	case r.dropped == 1:
		h["X-Plausible-Dropped"], h["X-Turf-Dropped"] = oneDropped, dropHeaders[r.reasons[0]]
	case r.dropped > 1:
		codes := make([]string, len(r.reasons))
		for i, reason := range r.reasons {
			codes[i] = reason.String()
		}
		h["X-Plausible-Dropped"] = []string{strconv.Itoa(r.dropped)}
		h["X-Turf-Dropped"] = []string{strings.Join(codes, ", ")}
	}
}

func errorText(message string) map[string]string { return map[string]string{"error": message} }
