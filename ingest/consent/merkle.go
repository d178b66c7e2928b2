package consent

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// hashesFile holds the tree's hashes in the order of tlog.StoredHashIndex, 32 bytes each. All of it follows from the
// log.
const hashesFile = "hashes"

// tileHeight is that of the tiles that are published: a full one is 8 KiB.
const tileHeight = 8

// tree is the Merkle tree over the leaves, in a file.
type tree struct {
	f    *os.File
	size int64 // leaves
}

// openTree makes the file of hashes say what follows from the leaves' hashes.
func openTree(dir *os.Root, leaves []tlog.Hash) (*tree, error) {
	want := make([]byte, 0, 2*tlog.HashSize*len(leaves))
	reader := memoryHashes(&want)
	for n, h := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(n), h, reader)
		if err != nil {
			return nil, fmt.Errorf("BUG: hash leaf %d: %w", n, err)
		}
		for _, h := range more {
			want = append(want, h[:]...)
		}
	}
	f, err := dir.OpenFile(hashesFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", hashesFile, err)
	}
	have, err := io.ReadAll(f)
	if err == nil && !bytes.Equal(have, want) {
		_, err = f.WriteAt(want, 0)
		err = errors.Join(err, f.Truncate(int64(len(want))))
	}
	if err != nil {
		_ = f.Close() // the error that counts is the first
		return nil, fmt.Errorf("read %s: %w", hashesFile, err)
	}
	return &tree{f, int64(len(leaves))}, nil
}

// memoryHashes reads hashes that lie in memory.
func memoryHashes(all *[]byte) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			if at < 0 || (at+1)*tlog.HashSize > int64(len(*all)) {
				return nil, fmt.Errorf("there is no hash %d", at)
			}
			copy(out[i][:], (*all)[at*tlog.HashSize:])
		}
		return out, nil
	}
}

// ReadHashes serves package tlog. It may be called while leaves are added.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if _, err := t.f.ReadAt(out[i][:], at*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("read %s: %w", hashesFile, err)
		}
	}
	return out, nil
}

// put writes the hashes of leaves that come after the tree's last. They count when size says so.
func (t *tree) put(leaves [][]byte) error {
	for i, data := range leaves {
		n := t.size + int64(i)
		more, err := tlog.StoredHashesForRecordHash(n, tlog.RecordHash(data), t)
		if err != nil {
			return fmt.Errorf("hash leaf %d: %w", n, err)
		}
		b := make([]byte, 0, len(more)*tlog.HashSize)
		for _, h := range more {
			b = append(b, h[:]...)
		}
		if _, err := t.f.WriteAt(b, tlog.StoredHashIndex(0, n)*tlog.HashSize); err != nil {
			return fmt.Errorf("write %s: %w", hashesFile, err)
		}
	}
	return nil
}

// root is the tree's hash at a size.
func (t *tree) root(size int64) (tlog.Hash, error) {
	h, err := tlog.TreeHash(size, t)
	if err != nil {
		return h, fmt.Errorf("hash of the tree of %d leaves: %w", size, err)
	}
	return h, nil
}

// checkpoint says what the log was at a time.
type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
	at     time.Time
}

// text is what is signed: the lines of a checkpoint as transparency logs have them, and the time.
func (c *checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n%s\n", c.origin, c.size, c.root, stampOf(c.at).Format(time.RFC3339Nano))
}

// sign makes the signed note.
func (c *checkpoint) sign(signers ...note.Signer) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: c.text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	return b, nil
}

var errCheckpoint = errors.New("this is no checkpoint")

// parseCheckpoint reads a note whose signatures were checked.
func parseCheckpoint(text string) (c checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[4] != "" {
		return c, errCheckpoint
	}
	c.origin = lines[0]
	if c.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.size < 0 {
		return c, errCheckpoint
	}
	root, err := decode64(base64.StdEncoding, lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return c, errCheckpoint
	}
	copy(c.root[:], root)
	if c.at, err = time.Parse(time.RFC3339Nano, lines[3]); err != nil || c.text() != text {
		return c, errCheckpoint
	}
	return c, nil
}

// openCheckpoint checks a note's signatures against keys, of which one must have signed, and reads it. Signatures that
// are there in part, or by nobody who is known, are an error: a changed byte anywhere is found.
func openCheckpoint(signed []byte, known ...note.Verifier) (c checkpoint, by []string, err error) {
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return c, nil, fmt.Errorf("signature of a checkpoint: %w", err)
	}
	if len(n.UnverifiedSigs) > 0 {
		return c, nil, fmt.Errorf("a checkpoint has a signature of an unknown key %s", n.UnverifiedSigs[0].Name)
	}
	for _, s := range n.Sigs {
		// Package note takes the unused bits at the end of a base64 text as they come.
		if _, err := decode64(base64.StdEncoding, s.Base64); err != nil {
			return c, nil, fmt.Errorf("signature of a checkpoint: %w", err)
		}
		by = append(by, keyName(s.Name, s.Hash))
	}
	c, err = parseCheckpoint(n.Text)
	return c, by, err
}
