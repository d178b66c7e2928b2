package consent

import (
	"crypto/sha256"
	"sync"
	"time"

	"turf/schema"
)

// The limits of remembered answers.
const (
	maxAnswers     = 1 << 14
	answerLife     = 24 * time.Hour
	minKeyChars    = 8
	maxKeyChars    = 64
	idempotencyKey = "Idempotency-Key"
)

// answers remembers, in memory alone, what was answered under an Idempotency-Key. When it is full the oldest is
// forgotten.
type answers struct {
	mu    sync.Mutex
	known map[answerKey]*remembered
	order []answerKey
}

type answerKey struct {
	site schema.SiteID
	key  string
}

type remembered struct {
	body  [sha256.Size]byte
	at    time.Time
	ready chan struct{} // closed when given is there, or when there will be none
	given *granted
}

func newAnswers() *answers { return &answers{known: map[answerKey]*remembered{}} }

func isIdempotencyKey(key string) bool {
	if len(key) < minKeyChars || len(key) > maxKeyChars {
		return false
	}
	for i := range len(key) {
		c := key[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// once runs work once for a key and body, and gives its answer to all. Errors are not remembered.
func (a *answers) once(
	site schema.SiteID, key string, body []byte, now time.Time, work func() (*granted, error),
) (*granted, error) {
	if key == "" {
		return work()
	}
	if !isIdempotencyKey(key) {
		return nil, malformed("Idempotency-Key must be 8 to 64 of A-Z, a-z, 0-9, - and _")
	}
	at, sum := answerKey{site, key}, sha256.Sum256(body)
	for {
		a.mu.Lock()
		r := a.known[at]
		if r == nil || now.Sub(r.at) > answerLife {
			r = &remembered{body: sum, at: now, ready: make(chan struct{})}
			a.remember(at, r)
			a.mu.Unlock()
			return a.work(at, r, work)
		}
		a.mu.Unlock()
		if r.body != sum {
			return nil, problem(codeIdempotency, "use a new key for a new choice")
		}
		<-r.ready
		if r.given != nil {
			return r.given, nil
		}
		// The other one failed: try again, as the first.
	}
}

// remember keeps an answer's place. Called with the mutex.
func (a *answers) remember(at answerKey, r *remembered) {
	if a.known[at] == nil {
		a.order = append(a.order, at)
	}
	a.known[at] = r
	for len(a.order) > maxAnswers {
		delete(a.known, a.order[0])
		a.order = a.order[1:]
	}
}

func (a *answers) work(at answerKey, r *remembered, work func() (*granted, error)) (*granted, error) {
	given, err := work()
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.given = given; err != nil || given == nil {
		r.given = nil
		delete(a.known, at)
	}
	close(r.ready)
	return given, err
}
