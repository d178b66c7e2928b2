package ingest

import (
	"fmt"
	"os"
	"time"
)

// fileCheckInterval is how often a file is looked at for a change.
const fileCheckInterval = time.Minute

// fileWatch calls a function every fileCheckInterval, until it is closed.
type fileWatch struct{ stop, done chan struct{} }

func watchFile(reload func()) fileWatch {
	w := fileWatch{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(w.done)
		t := time.NewTicker(fileCheckInterval)
		defer t.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-t.C:
				reload()
			}
		}
	}()
	return w
}

// Close ends the watch and waits for its end.
func (w fileWatch) Close() {
	close(w.stop)
	<-w.done
}

// fileStamp tells versions of a file apart.
type fileStamp struct {
	modified  int64 // Unix nanoseconds
	sizeBytes int64
}

func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}, err
	}
	return fileStamp{info.ModTime().UnixNano(), info.Size()}, nil
}

// readWhole reads a file that has at most so many bytes, and its stamp from before it was read. what it is stands in
// errors.
func readWhole(path, what string, mostBytes int64) ([]byte, fileStamp, error) {
	stamp, err := stampOf(path)
	if err != nil {
		return nil, stamp, fmt.Errorf("open the %s: %w", what, err)
	}
	if stamp.sizeBytes > mostBytes {
		return nil, stamp, fmt.Errorf("open the %s %s: it has %d bytes, at most %d are read",
			what, path, stamp.sizeBytes, mostBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, stamp, fmt.Errorf("read the %s: %w", what, err)
	}
	return data, stamp, nil
}
