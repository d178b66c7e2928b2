package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The limits of the memory of batches.
const (
	batchLife       = 10 * time.Minute // from its first try on; the script tries again within 3
	maxBatches      = 1 << 16          // of all persons, about 400 bytes each
	maxOwnBatches   = 64               // of one person, whose every tab has one under way
	minBatchIDChars = 16
)

// batches remembers, in memory alone, the batches of the last minutes by their ids: what was answered, and of those
// that failed, what was written. A batch that is forgotten, at a crash too, is known to the store by its token.
type batches struct {
	mu    sync.Mutex
	own   map[subjectKey][]*sentBatch // of a person, oldest first
	order []*sentBatch                // of all, oldest first; also those that a person's newer ones pushed out
}

// sentBatch is a batch that has an id, or a passing one without (token ""). Between two tries nobody changes it; during
// one, only that does, but for last and running, which the mutex of batches guards.
type sentBatch struct {
	key     subjectKey
	id      string
	sum     [sha256.Size]byte // of what is in it
	begun   time.Time         // its first try
	running bool
	last    *try

	token string // for the store
	// The clocks of the try that its rows are made by, so that they are the same at the next: the server's and the
	// browser's.
	received time.Time
	now      int64
	// What the store has: rows and how many, whereas cells are written last.
	written bool
	rows    int
}

// try is an attempt to keep a batch, which all wait for that came with it meanwhile.
type try struct {
	ended chan struct{}
	given batchAnswer
	err   error
}

// batchAnswer is what a batch is answered with.
type batchAnswer struct {
	Accepted int `json:"accepted"`
	Dropped  int `json:"dropped"`
}

// errUnfinished is of a try that ended in a panic.
var errUnfinished = errors.New("BUG: keeping a batch did not come to its end")

func newBatches() *batches { return &batches{own: map[subjectKey][]*sentBatch{}} }

// once has work keep a batch of a person. Of several with one id at once one works, and its answer or error is that of
// all; an answer is given again for batchLife. What failed is tried again when it comes again.
func (b *batches) once(
	key subjectKey, batch *batch, now time.Time, work func(*sentBatch) (batchAnswer, error),
) (given batchAnswer, err error) {
	if batch.ID == "" {
		return work(&sentBatch{key: key})
	}
	if len(batch.ID) < minBatchIDChars || !isIdempotencyKey(batch.ID) {
		return given, malformed("id must be 16 to 64 of A-Z, a-z, 0-9, - and _")
	}
	sum, err := batch.sum()
	if err != nil {
		return given, err
	}
	s, last, mine, err := b.take(key, batch.ID, sum, now)
	if err != nil {
		return given, err
	}
	if !mine {
		<-last.ended // it does within storeTimeout
		return last.given, last.err
	}
	err = errUnfinished
	defer func() { b.end(s, given, err) }()
	return work(s)
}

// take finds or makes a batch, and begins a try unless it is answered or one is under way: that is last then, not mine.
func (b *batches) take(
	key subjectKey, id string, sum [sha256.Size]byte, now time.Time,
) (s *sentBatch, last *try, mine bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(now)
	own := b.own[key]
	if i := slices.IndexFunc(own, func(s *sentBatch) bool { return s.id == id }); i >= 0 {
		s = own[i]
		switch {
		case s.sum != sum:
			return nil, nil, false, malformed("the id was used for another batch")
		case s.running || s.last.err == nil:
			return s, s.last, false, nil
		}
	} else {
		if err := b.room(key); err != nil {
			return nil, nil, false, err
		}
		s = &sentBatch{key: key, id: id, sum: sum, begun: now, token: batchToken(key, id)}
		b.own[key] = append(b.own[key], s)
		b.order = append(b.order, s)
	}
	s.running, s.last = true, &try{ended: make(chan struct{})}
	return s, s.last, true, nil
}

// end is the end of a try.
func (b *batches) end(s *sentBatch, given batchAnswer, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.running, s.last.given, s.last.err = false, given, err
	close(s.last.ended)
}

// expire forgets what is too old, and the oldest of too many. Called with the mutex.
func (b *batches) expire(now time.Time) {
	for len(b.order) > 0 {
		s := b.order[0]
		if s.running || now.Sub(s.begun) <= batchLife && len(b.order) < maxBatches {
			return
		}
		b.forget(s)
		b.order[0] = nil
		b.order = b.order[1:]
	}
}

// room makes room for one more of a person, or says that too many are under way. Called with the mutex.
func (b *batches) room(key subjectKey) error {
	if len(b.order) >= maxBatches {
		return fmt.Errorf("the oldest of %d batches is still being written", maxBatches)
	}
	if own := b.own[key]; len(own) >= maxOwnBatches {
		i := slices.IndexFunc(own, func(s *sentBatch) bool { return !s.running })
		if i < 0 {
			return problem(codeTooMany, "too many batches at once")
		}
		b.forget(own[i])
	}
	return nil
}

// forget takes a batch from its person. Called with the mutex.
func (b *batches) forget(s *sentBatch) {
	own := slices.DeleteFunc(b.own[s.key], func(o *sentBatch) bool { return o == s })
	if b.own[s.key] = own; len(own) == 0 {
		delete(b.own, s.key)
	}
}

// clocks has the rows of a batch made by the clocks of its first try, unless a purpose was granted anew since.
func (s *sentBatch) clocks(b *batch, p *pass) {
	since := slices.MaxFunc(p.since[:], time.Time.Compare)
	if s.received.IsZero() || s.received.Before(since) {
		s.received, s.now = p.received, b.Now
	}
	p.received, b.Now = s.received, s.now
}

// batchToken is what the store knows a batch by. It tells nobody whose it is.
func batchToken(key subjectKey, id string) string {
	h := sha256.New()
	_, _ = h.Write([]byte("batch " + strconv.Itoa(int(key.site)) + " " + id + " ")) // a hash takes all
	_, _ = h.Write(key.ref[:])
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sum is a hash of what is in a batch, which is the same at each try, as its token and the browser's clock are not.
func (b *batch) sum() (sum [sha256.Size]byte, err error) {
	text, err := json.Marshal(struct {
		Events []batchEvent
		Heat   []batchCell
	}{b.Events, b.Heat})
	if err != nil {
		return sum, fmt.Errorf("hash a batch: %w", err)
	}
	return sha256.Sum256(text), nil
}
