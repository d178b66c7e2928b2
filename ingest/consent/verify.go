package consent

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Report is what was found to be sound.
type Report struct {
	Leaves      int64 // of the log, or those that an export holds
	Events      int64 // whose payloads are there and are what the log commits to
	Erased      int64 // payloads that are gone, each with a tombstone
	Documents   int64 // notices, purposes, settings and the like
	Checkpoints int64
	After       int64    // leaves after the newest checkpoint: sound, but nobody has signed them yet
	Keys        []string // that signed, in their order; compare the first with what you wrote down
}

// Verify checks a ledger's directory, or the zip of an audit's export, without any secret: that the log is one that
// only grew, that all payloads are those it commits to, that those that are gone have a tombstone, and that all
// checkpoints are of this log and signed. pinned are keys of which the first must be one; nil trusts the log's own
// first key. Any changed byte of log, payloads, checkpoints and hashes is an error that says where.
func Verify(path string, pinned ...string) (*Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	if !info.IsDir() {
		return verifyZip(path, pinned)
	}
	v := newVerifier(path)
	checks := []func() error{v.readPayloads, v.readLog, v.comparePayloads, v.readCheckpoints, v.compareHashes}
	for _, check := range checks {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if err := v.pinned(pinned); err != nil {
		return nil, err
	}
	return &v.report, nil
}

// seen is a payload of the file.
type seen struct {
	offset int64
	leaf   [sha256.Size]byte // of its commitment; zero where it is erased
	erased bool
}

type verifier struct {
	dir       string
	report    Report
	payloads  map[int64]seen
	events    map[int64][]byte // commitments
	tombs     map[int64]bool
	hashes    []tlog.Hash
	stored    []byte // the tree's hashes
	keys      []keyDoc
	keyLeaf   map[string]int64
	documents [][]byte        // of an export
	vouched   map[string]bool // keys that an older key vouches for, or the first one
}

func newVerifier(dir string) *verifier {
	return &verifier{
		dir: dir, payloads: map[int64]seen{}, events: map[int64][]byte{}, tombs: map[int64]bool{}, keyLeaf: map[string]int64{},
		vouched: map[string]bool{},
	}
}

// each reads a file of records that must be whole.
func (v *verifier) each(name, magic string, canErase bool, each func(*frame) error) error {
	f, err := os.Open(filepath.Join(v.dir, name))
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	end, reason, err := scan(f, magic, canErase, each)
	if err == nil && reason != "" {
		err = &DamageError{name, end, reason}
	}
	return err
}

func (v *verifier) readPayloads() error {
	last := int64(-1)
	return v.each(payloadsFile, magicPayloads, true, func(f *frame) error {
		n := int64(f.number)
		switch {
		case f.torn:
			return &DamageError{payloadsFile, f.offset, fmt.Sprintf("checksum of the payload of leaf %d is wrong", n)}
		case n <= last:
			return &DamageError{payloadsFile, f.offset, "payloads are not in their order"}
		}
		s := seen{offset: f.offset, erased: f.erased()}
		if !s.erased {
			s.leaf = sha256.Sum256(f.data)
			if err := soundEvent(f.data); err != nil {
				return &DamageError{payloadsFile, f.offset, err.Error()}
			}
		}
		v.payloads[n], last = s, n
		return nil
	})
}

// soundEvent reports whether a payload is a salt and the canonical form of an event.
func soundEvent(payload []byte) error {
	e, err := openPayload(payload)
	if err != nil {
		return err
	}
	again, err := canonical(e)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, payload[saltBytes:]) {
		return fmt.Errorf("event %s is not in its canonical form", e.EventID)
	}
	return nil
}

func (v *verifier) readLog() error {
	reader := memoryHashes(&v.stored)
	return v.each(logFile, magicLog, false, func(f *frame) error {
		n := int64(len(v.hashes))
		if int64(f.number) != n {
			return &DamageError{logFile, f.offset, fmt.Sprintf("leaf %d stands where %d should", f.number, n)}
		}
		h := leafHash(f.data)
		more, err := tlog.StoredHashesForRecordHash(n, h, reader)
		if err != nil {
			return err
		}
		for _, h := range more {
			v.stored = append(v.stored, h[:]...)
		}
		v.hashes = append(v.hashes, h)
		if err := v.readLeaf(n, slices.Clone(f.data)); err != nil {
			return &DamageError{logFile, f.offset, err.Error()}
		}
		return nil
	})
}

func (v *verifier) readLeaf(n int64, leaf []byte) error {
	v.report.Leaves++
	if bytes.HasPrefix(leaf, []byte(leafEvent)) {
		v.events[n] = leaf
		return nil
	}
	v.report.Documents++
	return soundDocument(leaf, func(d *tombstone) { v.tombs[d.Leaf] = true }, func(d *keyDoc) {
		v.keys = append(v.keys, *d)
		v.keyLeaf[d.Key] = n
	})
}

// soundDocument reports what is wrong with a leaf in the clear, and shows tombstones and keys.
func soundDocument(leaf []byte, tomb func(*tombstone), key func(*keyDoc)) error {
	if len(leaf) < leafKind {
		return fmt.Errorf("a leaf is too short")
	}
	doc := leaf[leafKind:]
	again, err := canonicalText(doc)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, doc) {
		return fmt.Errorf("a document is not in its canonical form")
	}
	switch string(leaf[:leafKind]) {
	case leafTomb:
		return read(doc, tomb)
	case leafKey:
		return read(doc, key)
	case leafNotice:
		var n noticeDoc
		if err := json.Unmarshal(doc, &n); err != nil {
			return err
		}
		if id, err := contentID(n.Notice); err != nil || id != n.ID {
			return fmt.Errorf("notice %s does not say what its id says", n.ID)
		}
		return nil
	case leafPurpose, leafSettings, leafErased:
		return nil
	}
	return fmt.Errorf("a leaf is of no known kind")
}

func (v *verifier) comparePayloads() error {
	for n, leaf := range v.events {
		p, there := v.payloads[n]
		switch {
		case !there:
			return &DamageError{payloadsFile, 0, fmt.Sprintf("the payload of leaf %d is missing", n)}
		case p.erased && !v.tombs[n]:
			return &DamageError{payloadsFile, p.offset, fmt.Sprintf("the payload of leaf %d is erased without a tombstone", n)}
		case p.erased:
			v.report.Erased++
		case v.tombs[n]:
			return &DamageError{payloadsFile, p.offset, fmt.Sprintf("the payload of leaf %d has a tombstone and is still there", n)}
		case !bytes.Equal(p.leaf[:], leaf[leafKind:]):
			return &DamageError{payloadsFile, p.offset, fmt.Sprintf("the payload is not the one that leaf %d commits to", n)}
		default:
			v.report.Events++
		}
		delete(v.payloads, n)
	}
	for n, p := range v.payloads {
		return &DamageError{payloadsFile, p.offset, fmt.Sprintf("the log has no event at leaf %d", n)}
	}
	return nil
}

func (v *verifier) readCheckpoints() error {
	var size int64
	err := v.each(checkpointsFile, magicCheckpoints, false, func(f *frame) error {
		c, err := v.checkpoint(f.data)
		switch {
		case err != nil:
		case c.size != int64(f.number) || c.size < size:
			err = fmt.Errorf("the checkpoint of %d leaves does not belong here", c.size)
		default:
			var root tlog.Hash
			if root, err = tlog.TreeHash(c.size, memoryHashes(&v.stored)); err == nil && root != c.root {
				err = fmt.Errorf("the log is not the one whose checkpoint of %d leaves was signed", c.size)
			}
		}
		if err != nil {
			return &DamageError{checkpointsFile, f.offset, err.Error()}
		}
		size = c.size
		v.report.Checkpoints++
		return nil
	})
	v.report.After = int64(len(v.hashes)) - size
	return err
}

// checkpoint opens a checkpoint: all who signed it must be named by the log that it signs, and one of them must be
// vouched for.
func (v *verifier) checkpoint(signed []byte) (checkpoint, error) {
	var known []note.Verifier
	names := map[string]string{}
	for i, k := range v.keys {
		n, err := note.NewVerifier(k.Key)
		if err != nil {
			return checkpoint{}, err
		}
		known, names[keyName(n.Name(), n.KeyHash())] = append(known, n), k.Key
		if i == 0 {
			v.vouched[k.Key] = true
		}
	}
	c, by, err := openCheckpoint(signed, known...)
	if err != nil {
		return c, err
	}
	sound := false
	for _, name := range by {
		key := names[name]
		if v.keyLeaf[key] >= c.size {
			return c, fmt.Errorf("the key %s signed before the log named it", name)
		}
		sound = sound || v.vouched[key]
	}
	if !sound || c.size > int64(len(v.hashes)) && v.hashes != nil {
		return c, fmt.Errorf("the checkpoint of %d leaves is not of this log", c.size)
	}
	for _, name := range by {
		v.vouched[names[name]] = true // signed beside one that is
	}
	return c, nil
}

func (v *verifier) compareHashes() error {
	f, err := os.Open(filepath.Join(v.dir, hashesFile))
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	have, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for i := range min(len(have), len(v.stored)) {
		if have[i] != v.stored[i] {
			return &DamageError{hashesFile, int64(i), "the hash does not follow from the log"}
		}
	}
	if len(have) != len(v.stored) {
		return &DamageError{hashesFile, int64(min(len(have), len(v.stored))), "there are too many hashes, or too few"}
	}
	return nil
}

// pinned compares the first key with those that are expected.
func (v *verifier) pinned(keys []string) error {
	for _, k := range v.keys {
		v.report.Keys = append(v.report.Keys, k.Key)
	}
	if len(v.keys) == 0 {
		return fmt.Errorf("verify: the log names no key")
	}
	if len(keys) > 0 && !slices.Contains(keys, v.keys[0].Key) {
		return fmt.Errorf("verify: the log's first key is %s, which is not the one that is expected", v.keys[0].Key)
	}
	return nil
}
