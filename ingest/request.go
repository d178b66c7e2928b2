package ingest

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"turf/aggregate"
)

// firstBodyBytes is the space for a body at first; maxKeptBytes is the largest that is kept for the next request.
const (
	firstBodyBytes = 2 << 10
	maxKeptBytes   = 64 << 10
)

var errTooLarge = errors.New("the body is too large")

// request is the space for a request at work. It is used again for another one.
type request struct {
	redacted
	client client
	buf    []byte // the body's bytes
	body   body
	hit    hit // for one of the body's domains
	props  []aggregate.Prop
	events []aggregate.Event // those that passed
	first  int               // index of the first of the event at work
	// dropped is for how many sites the event is dropped, reasons are why, each once.
	dropped int
	reasons []DropReason
}

func newRequest() *request {
	r := &request{
		client: newClient(&identity{}),
		buf:    make([]byte, 0, firstBodyBytes), events: make([]aggregate.Event, 0, 1),
	}
	r.body.props, r.props = make([]aggregate.Prop, 0, 4), make([]aggregate.Prop, 0, 4)
	return r
}

// read reads the body. Errors are errTooLarge and an *InvalidError.
func (r *request) read(hr *http.Request) error {
	if hr.ContentLength > MaxBodyBytes {
		return errTooLarge
	}
	for {
		if len(r.buf) == cap(r.buf) {
			r.buf = slices.Grow(r.buf, cap(r.buf))
		}
		n, err := hr.Body.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		switch {
		case len(r.buf) > MaxBodyBytes:
			return errTooLarge
		case err == io.EOF:
			return nil
		case err != nil:
			return &InvalidError{"request", "did not come to its end"}
		}
	}
}

// newHit makes the hit for one of the domains.
func (r *request) newHit(domain string, at time.Time) *hit {
	r.hit = hit{client: r.client, body: &r.body, domain: domain, at: at}
	if len(r.events) == 0 {
		r.hit.event.Props = r.props[:0] // of the others, each has its own
	}
	return &r.hit
}

// begin begins the work on the request's events, or begins it again.
func (r *request) begin() {
	r.events, r.first, r.dropped, r.reasons = r.events[:0], 0, 0, r.reasons[:0]
}

// passed keeps what the steps made of the hit. Two names of one site are one.
func (r *request) passed(drop DropReason) {
	ev := &r.hit.event
	switch {
	case drop != Passed:
		r.dropped++
		if !slices.Contains(r.reasons, drop) {
			r.reasons = append(r.reasons, drop)
		}
	case !slices.ContainsFunc(r.events[r.first:], func(o aggregate.Event) bool { return o.Site == ev.Site }):
		r.events = append(r.events, *ev)
	}
}

// forget overwrites all that came from the client. The space stays, unless it has become large.
func (r *request) forget() {
	clear(r.buf) // no more than this was ever read into it
	clear(r.props[:cap(r.props)])
	clear(r.events[:cap(r.events)])
	props := r.body.props
	clear(props[:cap(props)])
	if cap(r.buf) > maxKeptBytes {
		r.buf = make([]byte, 0, firstBodyBytes)
	}
	*r.client.id() = identity{}
	*r = request{
		client: r.client, buf: r.buf[:0], body: body{props: props[:0]}, props: r.props[:0], events: r.events[:0],
		reasons: r.reasons[:0],
	}
}
