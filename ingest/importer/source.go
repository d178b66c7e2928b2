package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// MaxStdinBytes is how much of a log is read from standard input. It is read twice, and never laid on disk in between, so it is
// held in memory.
const MaxStdinBytes = 256 << 20

// readBufferBytes is the size of the buffer through which a log is read.
const readBufferBytes = 256 << 10

// headBytes is how much of a log's beginning no other log has: some 20 lines with their times.
const headBytes = 4096

// Source is a log that can be read more than once.
type Source struct {
	Name string // for messages
	// Open starts reading at the beginning. The content may be compressed by gzip.
	Open func() (io.ReadCloser, error)
}

// File is the log in a file.
func File(name string) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
}

// Stdin reads all of r, at most MaxStdinBytes, and is the log in it.
func Stdin(r io.Reader) (Source, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxStdinBytes+1))
	if err != nil {
		return Source{}, fmt.Errorf("read the log from standard input: %w", err)
	}
	if len(b) > MaxStdinBytes {
		return Source{}, fmt.Errorf("the log on standard input is larger than %d MiB; save it to a file and import that",
			MaxStdinBytes>>20)
	}
	return Source{Name: "standard input", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}, nil
}

// open reads the content of the source, decompressed. Whether it is compressed is seen from its first bytes.
func (s Source) open() (io.ReadCloser, error) {
	f, err := s.Open()
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	b := bufio.NewReaderSize(f, readBufferBytes)
	magic, _ := b.Peek(2)
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return content{b, f}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decompress %s: %w", s.Name, err), f.Close())
	}
	return content{z, f}, nil
}

// content is a reader and what has to be closed after it.
type content struct {
	io.Reader
	io.Closer
}

// identity is what a log is known by: its size and the hash of its content, both decompressed.
type identity struct {
	bytes  int64
	sha256 string // hex
	head   string // see Record.Head
}

// identify reads the source once. It also returns which of the known logs are a beginning of this one (or all of it),
// shortest first.
func (s Source) identify(ctx context.Context, known []Record) (identity, []Record, error) {
	r, err := s.open()
	if err != nil {
		return identity{}, nil, err
	}
	defer r.Close()
	known = slices.Clone(known)
	slices.SortFunc(known, func(a, b Record) int { return int(a.Bytes - b.Bytes) })
	var (
		id       identity
		prefixes []Record
		sum      = sha256.New()
		buf      = make([]byte, readBufferBytes)
		head     = make([]byte, 0, headBytes)
	)
	for {
		if err := ctx.Err(); err != nil {
			return identity{}, nil, err
		}
		want := buf
		if len(known) > 0 {
			want = buf[:min(int64(len(buf)), known[0].Bytes-id.bytes)]
		}
		n, err := io.ReadFull(r, want)
		sum.Write(want[:n])
		id.bytes += int64(n)
		if room := headBytes - len(head); room > 0 {
			if head = append(head, want[:min(n, room)]...); len(head) == headBytes {
				h := sha256.Sum256(head)
				id.head = hex.EncodeToString(h[:])
			}
		}
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return identity{}, nil, fmt.Errorf("read %s: %w", s.Name, err)
		}
		id.sha256 = hex.EncodeToString(sum.Sum(nil))
		for len(known) > 0 && known[0].Bytes == id.bytes {
			if known[0].SHA256 == id.sha256 {
				prefixes = append(prefixes, known[0])
			}
			known = known[1:]
		}
		if err != nil {
			return id, prefixes, nil
		}
	}
}

// lines reads a source line by line.
type lines struct {
	r      *bufio.Reader
	offset int64 // of the next line, in bytes of the decompressed content
	number int   // of the line last read, from 1
}

// next returns the next line without its end, which is good until the next call, and where it begins. A line that is too long is
// skipped with errTooLong. After the last line the error is io.EOF.
func (l *lines) next() (text []byte, offset int64, err error) {
	offset = l.offset
	text, err = l.r.ReadSlice('\n')
	l.offset += int64(len(text))
	if len(text) == 0 && err == io.EOF {
		return nil, offset, io.EOF
	}
	l.number++
	tooLong := false
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		text, err = l.r.ReadSlice('\n')
		l.offset += int64(len(text))
	}
	if err != nil && err != io.EOF {
		return nil, offset, err
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if tooLong || len(text) > MaxLineBytes {
		return nil, offset, errTooLong
	}
	return text, offset, nil
}
