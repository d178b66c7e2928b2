package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"
)

// Records keeps documents. Reading is from memory and never fails. *clickhouse.Records is one.
type Records interface {
	// Get returns the document, which is not changed, or false when there is none.
	Get(kind, id string) ([]byte, bool)
	// Docs are the documents of a kind with their ids. They are not changed; documents may be written and deleted
	// meanwhile.
	Docs(kind string) iter.Seq2[string, []byte]
	Put(ctx context.Context, kind, id string, doc []byte) error
	// Delete removes a document. That there is none is no error.
	Delete(ctx context.Context, kind, id string) error
}

// Kinds of documents.
const (
	keyKind     = "key"
	userKind    = "user"
	sessionKind = "session"
)

// Access checks keys, passwords and sessions. Its methods may be called by many goroutines.
type Access struct {
	records Records
	now     func() time.Time

	keys    *limits    // requests of a key
	logins  *limits    // tries from an address
	hashing chan any   // holds one value for each password that is being hashed
	guests  sync.Mutex // held while it is decided and written who is a guest
	passwords
}

// Config has what an Access needs.
type Config struct {
	Records Records
	Now     func() time.Time // nil: time.Now
	// KeyRequestsPerHour is how many requests a key may make. 0: DefaultKeyRequestsPerHour.
	KeyRequestsPerHour int
}

// New makes an Access.
func New(config Config) *Access {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.KeyRequestsPerHour == 0 {
		config.KeyRequestsPerHour = DefaultKeyRequestsPerHour
	}
	return &Access{
		records:   config.Records,
		now:       config.Now,
		keys:      newLimits(config.KeyRequestsPerHour, time.Hour),
		logins:    newLimits(LoginTries, LoginPeriod),
		hashing:   make(chan any, MaxHashing),
		passwords: defaultPasswords,
	}
}

// secret is n random bytes.
func secret(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand.Reader, b); err != nil {
		panic(fmt.Sprintf("BUG: the system has no random numbers: %v", err))
	}
	return b
}

// fingerprint is what is stored of a secret, and the id of its document.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func (a *Access) put(ctx context.Context, kind, id string, doc any) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("BUG: document of a %s: %w", kind, err)
	}
	return a.records.Put(ctx, kind, id, b)
}

// get reads a document into doc and reports whether there is one.
func (a *Access) get(kind, id string, doc any) (bool, error) {
	b, ok := a.records.Get(kind, id)
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(b, doc); err != nil {
		return false, fmt.Errorf("read the document of a %s: %w", kind, err)
	}
	return true, nil
}

// deleteEach deletes the documents of a kind that are gone. doing is what an error says was tried with one of them.
func deleteEach[T any](ctx context.Context, a *Access, kind string, gone func(T) bool, doing func(T) string) error {
	return each(a, kind, func(id string, doc T) error {
		if !gone(doc) {
			return nil
		}
		if err := a.records.Delete(ctx, kind, id); err != nil {
			return fmt.Errorf("%s: %w", doing(doc), err)
		}
		return nil
	})
}

// each calls do with each document of a kind until one cannot be read or do returns an error, and returns that. do may delete the
// document.
func each[T any](a *Access, kind string, do func(id string, doc T) error) error {
	for id, b := range a.records.Docs(kind) {
		var doc T
		if err := json.Unmarshal(b, &doc); err != nil {
			return fmt.Errorf("read %s %s: %w", kind, id, err)
		}
		if err := do(id, doc); err != nil {
			return err
		}
	}
	return nil
}
