package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"turf/ingest/tracker/browsertest"
)

// tap is a server between the clients and Turf that changes nothing, and remembers what was posted and answered.
type tap struct {
	*browsertest.Recorder
	url   string
	proxy *httputil.ReverseProxy
	mu    sync.Mutex
	wrong []string // answers that are not what they should be
}

func newTap(t *testing.T, server string) *tap {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{Recorder: browsertest.NewRecorder()}
	tp.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values := r.In.Header[name]; values != nil {
					r.Out.Header[name] = values
				}
			}
		},
		ModifyResponse: tp.note,
	}
	front := httptest.NewServer(tp)
	t.Cleanup(front.Close)
	tp.url = front.URL
	return tp
}

// note remembers an answer that no tracker should get.
func (tp *tap) note(res *http.Response) error {
	posted := res.Request.Method == http.MethodPost
	dropped := res.Header.Get("X-Plausible-Dropped") + res.Header.Get("X-Turf-Dropped")
	if dropped == "" && (!posted && res.StatusCode < 400 || posted && res.StatusCode == http.StatusAccepted) {
		return nil
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	req := res.Request
	tp.wrong = append(tp.wrong, fmt.Sprintf("%s %s of %s: %d, dropped %q",
		req.Method, req.URL.Path, req.UserAgent(), res.StatusCode, dropped))
	return nil
}

// ServeHTTP sends a request on. An event is recorded when it was answered.
func (tp *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		tp.proxy.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	sent := r.Clone(r.Context())
	r.Body, sent.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	tp.proxy.ServeHTTP(w, r)
	tp.Recorder.ServeHTTP(httptest.NewRecorder(), sent)
}

func (tp *tap) check(t *testing.T) {
	t.Helper()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for _, answer := range tp.wrong {
		t.Error(answer)
	}
}
