package main

import (
	"fmt"
	"io"
	"net/http"
	"runtime"

	"github.com/labstack/echo/v4"

	"turf/aggregate/journal"
)

// syncedCommand makes this program the second baseline: the bare handler, which answers when the body is on the disk.
const syncedCommand = "synced-server"

// The limits of the second baseline.
const (
	syncedQueueRequests = 4096
	syncedGroupRequests = 1024
	syncedBodyBytes     = 1 << 20
	syncedFileBytes     = 16 << 20 // then the file begins again
)

// synced writes bodies to a file, those that wait as one group with one sync, and does nothing else: what it takes more than
// the bare handler is what net/http and the disk take from anybody who answers only when an event is safe.
type synced struct {
	queue chan *syncedBody
	file  journal.File
	size  int64 // of the file
	group []*syncedBody
	buf   []byte
}

// syncedBody is a body that waits.
type syncedBody struct {
	text []byte
	done chan error // one answer fits
}

func newSynced(file journal.File) *synced {
	return &synced{queue: make(chan *syncedBody, syncedQueueRequests), file: file}
}

func serveSynced(addr, path string) error {
	file, err := journal.OS{}.Create(path)
	if err != nil {
		return err
	}
	s := newSynced(file)
	go s.run()
	return bareEcho(s.post).Start(addr)
}

func (s *synced) post(c echo.Context) error {
	n := c.Request().ContentLength
	if n < 0 || n > syncedBodyBytes {
		return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
	}
	b := &syncedBody{text: make([]byte, n), done: make(chan error, 1)}
	if _, err := io.ReadFull(c.Request().Body, b.text); err != nil {
		return err
	}
	s.queue <- b
	if err := <-b.done; err != nil {
		return err
	}
	return c.NoContent(http.StatusAccepted)
}

// run writes groups until the queue is closed.
func (s *synced) run() {
	for first := range s.queue {
		s.gather(first)
		err := s.write()
		for _, b := range s.group {
			b.done <- err
		}
	}
}

// gather takes what waits, in the way of the pipeline's: it lets the others run first, for as long as that brings more.
func (s *synced) gather(first *syncedBody) {
	s.group = append(s.group[:0], first)
	for len(s.group) < syncedGroupRequests {
		if len(s.queue) == 0 {
			if runtime.Gosched(); len(s.queue) == 0 {
				return
			}
		}
		s.group = append(s.group, <-s.queue)
	}
}

// write appends the group to the file and syncs it.
func (s *synced) write() error {
	if s.size > syncedFileBytes {
		if err := s.file.Truncate(0); err != nil {
			return fmt.Errorf("begin the file again: %w", err)
		}
		s.size = 0
	}
	s.buf = s.buf[:0]
	for _, b := range s.group {
		s.buf = append(s.buf, b.text...)
	}
	n, err := s.file.Write(s.buf)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("write %d bodies: %w", len(s.group), err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %d bodies: %w", len(s.group), err)
	}
	return nil
}
