package ingest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxBatchEvents is how many events a request of a server can have, each counted once for each of its sites.
const MaxBatchEvents = 1000

// bearer is the key in the header Authorization.
func bearer(hr *http.Request) (key string, ok bool) {
	scheme, key, _ := strings.Cut(hr.Header.Get("Authorization"), " ")
	return strings.TrimSpace(key), strings.EqualFold(scheme, "bearer")
}

// isBatch reports whether the body is a list of events.
func isBatch(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == '['
}

// namesVisitor reports whether the event says who its visitor is. One that does not is an ordinary event, whatever its sender has
// in the header Authorization: clients of Plausible put the key of its stats API there.
func (b *body) namesVisitor() bool { return b.addr.IsValid() || b.agent != "" }

// countBatch counts a list of events.
func (c *Collector) countBatch(ctx context.Context, r *request, key string) error {
	bodies, err := parseBatch(string(r.buf))
	if err != nil {
		return err
	}
	return c.countKeyed(ctx, r, key, bodies)
}

// countKeyed counts the events of a sender that has a key: all are counted or none. Each says who its visitor is; the address and
// the agent of the sender itself are not looked at.
func (c *Collector) countKeyed(ctx context.Context, r *request, key string, bodies []body) error {
	return c.count(ctx, r, func(now time.Time) error {
		for i := range bodies {
			r.body = bodies[i]
			*r.client.id() = identity{addr: r.body.addr, agent: cutAgent(r.body.agent)}
			if !c.mayCount(key, r.body.domain) {
				return errKey
			}
			if err := c.step(r, now); err != nil {
				return err
			}
			if len(r.events) > MaxBatchEvents {
				return errBatch
			}
		}
		return nil
	})
}

// mayCount reports whether the key is good for all of the domains that are sites.
func (c *Collector) mayCount(key, domains string) bool {
	if key == "" || c.cfg.IngestKey == nil {
		return false
	}
	for domain := range strings.SplitSeq(domains, ",") {
		site, known := c.cfg.Sites(strings.ToLower(strings.TrimSpace(domain)))
		if known && !c.cfg.IngestKey(key, site.ID) {
			return false
		}
	}
	return true
}

var (
	errBatch     = &InvalidError{"request", "can have at most " + strconv.Itoa(MaxBatchEvents) + " events"}
	errBatchJSON = &InvalidError{"request", errJSON.Error()}
)

// parseBatch reads a list of events. Errors are *InvalidError; Field begins with the event's index, as in "[3].url".
func parseBatch(text string) ([]body, error) {
	if !utf8.ValidString(text) {
		return nil, errBatchJSON
	}
	j := jsonReader{s: text}
	j.take('[')
	var bodies []body
	for more := !j.take(']'); more; {
		if len(bodies) == MaxBatchEvents {
			return nil, errBatch
		}
		b := body{keyed: true}
		err := b.read(&j)
		if err == nil {
			err = b.validate()
		}
		if err != nil {
			return nil, atIndex(err, len(bodies))
		}
		bodies = append(bodies, b)
		if more = j.take(','); !more && !j.take(']') {
			return nil, errBatchJSON
		}
	}
	if !j.end() {
		return nil, errBatchJSON
	}
	return bodies, nil
}

// atIndex says at which event of a list an error is.
func atIndex(err error, i int) error {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		invalid = &InvalidError{"request", err.Error()}
	}
	return &InvalidError{"[" + strconv.Itoa(i) + "]." + invalid.Field, invalid.Reason}
}
