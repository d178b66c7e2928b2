package pipeline

import (
	"context"
	"fmt"
	"sync"

	"turf/aggregate/journal"
	"turf/schema"
)

// Sink takes batches.
type Sink interface {
	// Write stores a batch, or drops it when it has stored one of the same token before. When it returns an error the
	// batch may have been stored all the same: it is sent again. One batch is written at a time.
	Write(ctx context.Context, b schema.Batch) error
}

// outbox holds the sealed segments that wait for the sink. One goroutine adds, one steps.
type outbox struct {
	sink Sink

	mu       sync.Mutex
	queue    []*journal.Sealed
	taken    bool   // the sink has the batch of queue[0], whose segment is still to be removed
	last     uint64 // number of the last segment added
	done     uint64 // number of the last segment taken and removed
	failing  error  // of the last step
	progress chan struct{}
}

func newOutbox(sink Sink) *outbox { return &outbox{sink: sink, progress: make(chan struct{})} }

// add takes segments over, oldest first.
func (o *outbox) add(sealed []*journal.Sealed) {
	if len(sealed) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, sealed...)
	o.last = sealed[len(sealed)-1].Number
	o.changed()
}

// changed wakes all who wait. o.mu is held.
func (o *outbox) changed() {
	close(o.progress)
	o.progress = make(chan struct{})
}

// step does what is next for the oldest segment: it is written to the sink, and only then removed. It reports whether
// there was anything to do. After an error the same is to be done again.
func (o *outbox) step(ctx context.Context) (did bool, err error) {
	o.mu.Lock()
	if len(o.queue) == 0 {
		o.mu.Unlock()
		return false, nil
	}
	head, taken := o.queue[0], o.taken
	o.mu.Unlock()
	if !taken {
		err = o.send(ctx, head)
	}
	sent := err == nil
	if sent {
		err = head.Remove()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken, o.failing = sent, err
	if err == nil {
		o.queue[0] = nil
		o.queue, o.taken, o.done = o.queue[1:], false, head.Number
		o.changed()
	}
	return true, err
}

func (o *outbox) send(ctx context.Context, s *journal.Sealed) error {
	b, err := s.Batch()
	if err != nil {
		return err
	}
	if len(b.Rows) == 0 {
		return nil
	}
	if err := o.sink.Write(ctx, b); err != nil {
		return fmt.Errorf("write batch %s of %d rows: %w", b.Token, len(b.Rows), err)
	}
	return nil
}

// wait returns when the sink has taken all segments up to number, or with the context's error and the reason.
func (o *outbox) wait(ctx context.Context, number uint64) error {
	for {
		o.mu.Lock()
		progress, failing := o.progress, o.failing
		done := len(o.queue) == 0 || o.queue[0].Number > number
		o.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			if failing != nil {
				return fmt.Errorf("%w; the store does not take batches: %w", context.Cause(ctx), failing)
			}
			return context.Cause(ctx)
		}
	}
}

// more returns a channel that is closed at the next change, and how many segments wait.
func (o *outbox) more() (<-chan struct{}, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.progress, len(o.queue)
}

func (o *outbox) state() (waiting int, last uint64, failing error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue), o.last, o.failing
}
