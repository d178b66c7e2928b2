package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// windowBytes is the length of the beginning of a secret by which it is found: each form of a secret is at least as long.
const windowBytes = 8

// needle is one form of one secret.
type needle struct {
	form string // "raw", "hex", …
	what string // what the secret is, for the report
	text []byte
}

// secrets finds any of many short secrets in a stream, in all the forms in which they may have been written.
type secrets struct {
	byHead map[uint64][]needle
	// maybe has a bit for the hash of each head: most places of a file are passed over without looking into the map.
	maybe   [1 << 13]uint64
	longest int
	count   int
}

// add adds a secret of at least windowBytes bytes.
func (s *secrets) add(what string, secret []byte) {
	if s.byHead == nil {
		s.byHead = make(map[uint64][]needle)
	}
	s.count++
	lower := hex.EncodeToString(secret)
	for _, n := range []needle{
		{"raw", what, bytes.Clone(secret)},
		{"hex", what, []byte(lower)},
		{"hex", what, []byte(strings.ToUpper(lower))},
		{"base64", what, []byte(base64.RawStdEncoding.EncodeToString(secret))},
		{"base64", what, []byte(base64.RawURLEncoding.EncodeToString(secret))},
	} {
		head := binary.LittleEndian.Uint64(n.text)
		s.byHead[head] = append(s.byHead[head], n)
		h := bloom(head)
		s.maybe[h/64] |= 1 << (h % 64)
		s.longest = max(s.longest, len(n.text))
	}
}

// bloom maps a head to one of the bits of secrets.maybe.
func bloom(head uint64) uint64 { return head * 0x9E3779B97F4A7C15 >> (64 - 19) }

// find returns the first secret in r, or nil.
func (s *secrets) find(r io.Reader) (*needle, error) {
	if s.count == 0 {
		return nil, nil
	}
	buf := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		for i := 0; i+windowBytes <= len(buf); i++ {
			head := binary.LittleEndian.Uint64(buf[i:])
			h := bloom(head)
			if s.maybe[h/64]&(1<<(h%64)) == 0 {
				continue
			}
			for _, c := range s.byHead[head] {
				if bytes.HasPrefix(buf[i:], c.text) {
					return &c, nil
				}
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		// A secret may lie over the end of the buffer.
		keep := min(len(buf), s.longest-1)
		buf = buf[:copy(buf, buf[len(buf)-keep:])]
	}
}

// The looks of what may not be in a file of text or a value.
var (
	addressPattern = regexp.MustCompile(
		`(?:^|[^0-9A-Za-z._:/-])((?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3})(?:$|[^0-9A-Za-z._-])` +
			`|(?i:(?:^|[^0-9a-z:])((?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){2,6}:[0-9a-f]{1,4})(?:$|[^0-9a-z:]))`)
	agentPattern = regexp.MustCompile(`Mozilla/[0-9]|AppleWebKit/|Gecko/[0-9]{8}|(?:Chrome|Safari|Firefox|Version|OPR)/[0-9]+\.[0-9]`)
)

// looksPersonal says what in text looks like an address or a user agent, without repeating it; "" for nothing. Loopback and
// unspecified addresses are settings of the server, not visitors.
func looksPersonal(text []byte) string {
	for _, m := range addressPattern.FindAllSubmatch(text, -1) {
		a := string(m[1]) + string(m[2])
		if !strings.HasPrefix(a, "127.") && a != "0.0.0.0" {
			return "an address"
		}
	}
	if agentPattern.Match(text) {
		return "a user agent"
	}
	return ""
}

// fileFindings is what a walk over a directory found.
type fileFindings struct {
	Files  int
	Bytes  int64
	Broken []string
}

// scanFiles looks into every file below dir for the secrets, and into those for which isText says so for what looks personal.
func scanFiles(dir string, s *secrets, isText func(name string) bool) (fileFindings, error) {
	var found fileFindings
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = found.scanFile(dir, path, s, isText)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the database merges and drops files while they are looked at
		}
		return err
	})
	return found, err
}

func (found *fileFindings) scanFile(dir, path string, s *secrets, isText func(name string) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	counted := &countingReader{r: f}
	n, err := s.find(counted)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if n != nil {
		found.Broken = append(found.Broken, fmt.Sprintf("%s holds %s (%s)", name, n.what, n.form))
	}
	if isText(name) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		text, err := io.ReadAll(f)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		counted.n = int64(len(text))
		if what := looksPersonal(text); what != "" {
			found.Broken = append(found.Broken, fmt.Sprintf("%s holds what looks like %s", name, what))
		}
	}
	found.Files++
	found.Bytes += counted.n
	return nil
}

// countingReader counts the bytes that were read through it.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
