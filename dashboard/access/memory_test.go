package access

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/schema"
)

// memory keeps documents as a process does that never ends.
type memory struct {
	mu   sync.Mutex
	docs map[string][]byte // by kind, a space, and id
	// fails, when set, is what each write comes to.
	fails error
}

func (m *memory) Get(kind, id string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	doc, ok := m.docs[kind+" "+id]
	return doc, ok
}

func (m *memory) Docs(kind string) iter.Seq2[string, []byte] {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := maps.Clone(m.docs)
	return func(yield func(string, []byte) bool) {
		for _, name := range slices.Sorted(maps.Keys(now)) {
			if id, ok := strings.CutPrefix(name, kind+" "); ok && !yield(id, now[name]) {
				return
			}
		}
	}
}

func (m *memory) Put(_ context.Context, kind, id string, doc []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails == nil {
		m.docs[kind+" "+id] = slices.Clone(doc)
	}
	return m.fails
}

func (m *memory) Delete(_ context.Context, kind, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails == nil {
		delete(m.docs, kind+" "+id)
	}
	return m.fails
}

func (m *memory) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all strings.Builder
	for name, doc := range m.docs {
		all.WriteString(name + " " + string(doc) + "\n")
	}
	return all.String()
}

func (m *memory) count(kind string) int {
	n := 0
	for range m.Docs(kind) {
		n++
	}
	return n
}

// clock is a time that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// open makes an Access over documents in memory, which hashes passwords cheaply.
func open(t *testing.T, keyRequestsPerHour int) (*Access, *memory, *clock) {
	t.Helper()
	m := &memory{docs: map[string][]byte{}}
	c := &clock{now: time.Date(2026, time.March, 31, 13, 37, 0, 0, time.UTC)}
	a := New(Config{Records: m, Now: c.Now, KeyRequestsPerHour: keyRequestsPerHour})
	a.passwords = passwords{memoryKiB: 8, passes: 1, threads: 1}
	return a, m, c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addKey(t *testing.T, a *Access, site schema.SiteID, name string) (string, Key) {
	t.Helper()
	plain, key, err := a.AddKey(t.Context(), site, name)
	must(t, err)
	return plain, key
}

// wantLimit checks that the error says how long to wait.
func wantLimit(t *testing.T, err error, wait time.Duration) {
	t.Helper()
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Wait != wait {
		t.Errorf("%v (%+v), want to wait %v", err, limit, wait)
	}
}
