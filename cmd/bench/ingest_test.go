package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
)

// Stacks as perf script prints them: the thread, then its functions from the innermost out.
const stacks = `
turf
	ffffffff8221 [unknown] ([kernel.kallsyms])
	    1a2b3c syscall.write (/bin/turf)
	    2a2b3c net/http.(*response).finishRequest (/bin/turf)
	    3a2b3c net/http.(*conn).serve (/bin/turf)

turf
	    1a2b3c net.(*conn).SetReadDeadline (/bin/turf)
	    2a2b3c net/http.(*connReader).abortPendingRead (/bin/turf)
	    2a2b3c net/http.(*response).finishRequest (/bin/turf)
	    3a2b3c net/http.(*conn).serve (/bin/turf)

turf
	    1a2b3c runtime.memmove (/bin/turf)
	    1a2b3c turf/aggregate/journal.(*table).add (/bin/turf)
	    2a2b3c turf/aggregate/pipeline.(*Pipeline).run (/bin/turf)

turf
	    1a2b3c [unknown] ([kernel.kallsyms])
	    1a2b3c turf/aggregate/journal.osFile.Sync (/bin/turf)
	    1a2b3c turf/aggregate/journal.(*Journal).Append (/bin/turf)
	    2a2b3c turf/aggregate/pipeline.(*Pipeline).run (/bin/turf)

turf
	    1a2b3c turf/aggregate.(*Day).Count (/bin/turf)
	    2a2b3c turf/aggregate/pipeline.(*Pipeline).run (/bin/turf)

turf
	    1a2b3c turf/aggregate/pipeline.(*Pipeline).Submit (/bin/turf)
	    2a2b3c turf/ingest.(*Collector).postEvent (/bin/turf)
	    3a2b3c net/http.(*conn).serve (/bin/turf)

turf
	    1a2b3c turf/aggregate/journal.(*table).rows (/bin/turf)
	    1a2b3c turf/aggregate/pipeline.(*Pipeline).send (/bin/turf)

turf
	    1a2b3c [unknown] (/lib/libchdb.so)

turf
	    1a2b3c runtime.scanObject (/bin/turf)
	    1a2b3c runtime.gcAssistAlloc (/bin/turf)
	    2a2b3c turf/ingest.(*Steps).run (/bin/turf)

turf
	    2a2b3c turf/ingest.(*Steps).run (/bin/turf)
	    2a2b3c turf/ingest.(*Collector).postEvent (/bin/turf)

turf
	    2a2b3c turf/ingest.(*Collector).answer (/bin/turf)

turf
	    2a2b3c net/textproto.readMIMEHeader (/bin/turf)
	    2a2b3c net/http.readRequest (/bin/turf)

BgSchPool
	    2a2b3c [unknown] (/lib/libchdb.so)

turf
`

func TestCauses(t *testing.T) {
	counts, total, err := countCauses(strings.NewReader(stacks), "turf")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"net/http: writing the answer":                  1,
		"net/http: to notice when the client goes away": 1,
		"net/http: reading the request, and the rest":   1,
		"journal: summing and writing increments":       1,
		"sync": 1,
		"core": 1,
		"scheduling: the queue of a group, and wakes": 1,
		"database: rows, the client and the engine":   2,
		causeEngine:                            1,
		"garbage collector":                    1,
		"steps of a hit, and parsing its body": 1,
		"collector: limits, headers, answer":   1,
		causeOther:                             1,
	}
	sum := 0
	for _, name := range causeNames() {
		if counts[name] != want[name] {
			t.Errorf("%s: %d samples, want %d", name, counts[name], want[name])
		}
		sum += counts[name]
	}
	if sum != total || total != 14 {
		t.Errorf("%d of %d samples have a cause that is told; there are 14", sum, total)
	}
	if _, _, err := countCauses(strings.NewReader("\n"), "turf"); err == nil {
		t.Error("no samples are no table")
	}
}

// slowFile takes as long for its first sync as the test lets it.
type slowFile struct {
	sync.Mutex
	text     []byte
	syncs    int
	err      error
	syncing  chan struct{} // closed when the first sync has begun
	released chan struct{} // the first sync waits for it
}

func (f *slowFile) Write(p []byte) (int, error) {
	f.Lock()
	defer f.Unlock()
	f.text = append(f.text, p...)
	return len(p), nil
}

func (f *slowFile) Sync() error {
	f.Lock()
	f.syncs++
	first, err := f.syncs == 1, f.err
	f.Unlock()
	if first {
		close(f.syncing)
		<-f.released
	}
	return err
}

func (f *slowFile) Truncate(int64) error { return nil }
func (f *slowFile) Close() error         { return nil }

// The second baseline answers no request before its body is synced, and those that wait meanwhile share the next sync.
func TestSyncedServer(t *testing.T) {
	const waiting = 50
	file := &slowFile{syncing: make(chan struct{}), released: make(chan struct{})}
	s := newSynced(file)
	var running sync.WaitGroup
	running.Go(s.run)
	e := bareEcho(s.post)
	answers := make(chan int, 1+waiting)
	var clients sync.WaitGroup
	send := func() { clients.Go(func() { answers <- post(e) }) }
	send()
	<-file.syncing
	for range waiting {
		send()
	}
	for len(s.queue) < waiting {
		runtime.Gosched()
	}
	if n := len(answers); n != 0 {
		t.Errorf("%d requests were answered before the sync", n)
	}
	close(file.released)
	clients.Wait()
	for range 1 + waiting {
		if status := <-answers; status != http.StatusAccepted {
			t.Errorf("answered %d", status)
		}
	}
	if file.syncs != 2 || len(file.text) != (1+waiting)*len("body") {
		t.Errorf("%d syncs of %d bytes; the requests that waited are one group", file.syncs, len(file.text))
	}
	file.err = errors.New("the disk is gone")
	if status := post(e); status != http.StatusInternalServerError {
		t.Errorf("a sync that failed is answered %d", status)
	}
	close(s.queue)
	running.Wait()
}

func post(e *echo.Echo) (status int) {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/event", strings.NewReader("body")))
	return w.Code
}
