package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// RoundTrip answers a request of ClickHouse's HTTP interface. An error of the database is a response, as with a server;
// an error is returned for what has no answer: a cancelled request, a body that cannot be read, a closed engine.
func (e *Engine) RoundTrip(req *http.Request) (*http.Response, error) {
	body := req.Body
	if body != nil {
		// An insert's body is a pipe: closing it frees whoever writes there, also when the request is cancelled.
		stop := closeOnEnd(req, body)
		defer stop()
	}
	output, format, err := e.serve(req)
	if ctxErr := req.Context().Err(); err != nil && ctxErr != nil {
		return nil, ctxErr
	}
	if bad := (*exception)(nil); errors.As(err, &bad) {
		return errorResponse(req, bad), nil
	}
	if err != nil {
		return nil, fmt.Errorf("embedded engine: %w", err)
	}
	return response(req, format, output), nil
}

func (e *Engine) serve(req *http.Request) (output []byte, format string, err error) {
	s, err := parseRequest(req)
	if err != nil {
		return nil, "", err
	}
	output, err = e.do(req.Context(), s)
	if err != nil || s.data != nil || s.format != nativeFormat || s.revision == 0 {
		return output, s.format, err
	}
	buffer := e.buffers.Get().(*bufio.Reader)
	defer e.buffers.Put(buffer)
	output, err = recode(output, s.revision, buffer)
	return output, s.format, err
}

// closeOnEnd closes the body when the request's context ends, and when the returned function is called.
func closeOnEnd(req *http.Request, body io.Closer) func() {
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case <-done:
		case <-req.Context().Done():
		}
		// The body was read to its end or is given up: what closing it says changes nothing.
		_ = body.Close()
	}()
	return func() {
		close(done)
		<-finished
	}
}

func response(req *http.Request, format string, body []byte) *http.Response {
	header := http.Header{
		"X-Clickhouse-Format": {format},
		"Content-Type":        {"application/octet-stream"},
	}
	return newResponse(req, http.StatusOK, header, body)
}

func errorResponse(req *http.Request, ex *exception) *http.Response {
	header := http.Header{
		"X-Clickhouse-Exception-Code": {strconv.Itoa(int(ex.Code))},
		"Content-Type":                {"text/plain; charset=UTF-8"},
	}
	return newResponse(req, errorStatus(ex.Code), header, []byte(ex.Text))
}

func newResponse(req *http.Request, status int, header http.Header, body []byte) *http.Response {
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), // clickhouse-go takes 0 for "no result"
		Request:       req,
	}
}

// errorStatus is the HTTP status that a server gives with an error.
func errorStatus(code int32) int {
	switch code {
	case 36, 38, 41, 42, 43, 44, 46, 47, 53, 62, 72, 115, 117, 131, 456, 457: // the statement or a value in it is wrong
		return http.StatusBadRequest
	case 60, 81: // unknown table, database
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}
