package consent

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// open reads all files and makes the state of them.
func (l *Ledger) open() error {
	if err := os.MkdirAll(l.cfg.Dir, 0o700); err != nil {
		return err
	}
	var err error
	if l.dir, err = os.OpenRoot(l.cfg.Dir); err != nil {
		return err
	}
	if l.checks, err = openAppend(l.dir, checkpointsFile, magicCheckpoints, l.cfg.fault); err != nil {
		return err
	}
	if l.payloads, err = openAppend(l.dir, payloadsFile, magicPayloads, l.cfg.fault); err != nil {
		return err
	}
	if l.log, err = openAppend(l.dir, logFile, magicLog, l.cfg.fault); err != nil {
		return err
	}
	promised, err := l.readCheckpoints()
	if err != nil {
		return err
	}
	if err := l.replay(promised); err != nil {
		return err
	}
	if err := syncDir(l.dir); err != nil {
		return err
	}
	if l.counts, err = readCounts(l.dir); err != nil {
		return err
	}
	keys, err := openKeys(l.dir, l.tree.size == 0)
	if err != nil {
		return err
	}
	l.keys.Store(keys)
	if err := l.declareKeys(); err != nil {
		return err
	}
	if err := l.checkLatest(); err != nil {
		return err
	}
	return l.bury()
}

// readCheckpoints reads the newest checkpoint, cuts off a torn one, and says how many leaves were promised to be
// there.
func (l *Ledger) readCheckpoints() (promised uint64, err error) {
	end, reason, err := l.checks.scan(magicCheckpoints, false, func(f *frame) error {
		promised, l.latest = max(promised, f.number), slices.Clone(f.data)
		return nil
	})
	if err != nil || reason == "" {
		return promised, err
	}
	rest, err := l.checks.rest(end)
	if err != nil {
		return 0, err
	}
	if durableAfter(rest) > 0 {
		return 0, &DamageError{checkpointsFile, end, reason}
	}
	return promised, l.checks.cut(end)
}

// replay reads the payloads' places and the log, and cuts off what was never promised.
func (l *Ledger) replay(promised uint64) error {
	places, err := l.places()
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	var keep int64 = fileHeadBytes // the end of the payloads of leaves that are there
	end, reason, err := l.log.scan(magicLog, false, func(f *frame) error {
		n := int64(len(hashes))
		if f.number != uint64(n) {
			return &DamageError{logFile, f.offset, fmt.Sprintf("leaf %d stands where %d should", f.number, n)}
		}
		hashes = append(hashes, leafHash(f.data))
		place, there := places[n]
		if there {
			keep = max(keep, place.offset+frameBytes(place.length))
		}
		return l.replayLeaf(n, slices.Clone(f.data), place, there)
	})
	if err != nil {
		return err
	}
	if reason != "" {
		rest, err := l.log.rest(end)
		if err != nil {
			return err
		}
		if lost := uint64(len(hashes)); lost < max(promised, durableAfter(rest)) {
			return &DamageError{logFile, end, reason}
		}
		if err := l.log.cut(end); err != nil {
			return err
		}
	} else if uint64(len(hashes)) < promised {
		return &DamageError{logFile, end, fmt.Sprintf("%d leaves are here, a checkpoint has %d", len(hashes), promised)}
	}
	for n, at := range l.st.torn {
		return &DamageError{payloadsFile, at.offset, fmt.Sprintf("checksum of the payload of leaf %d is wrong", n)}
	}
	if keep < l.payloads.size {
		if err := l.payloads.cut(keep); err != nil {
			return err
		}
	}
	l.tree, err = openTree(l.dir, hashes)
	return err
}

// place is where a payload lies.
type place struct {
	offset       int64
	length       int
	erased, torn bool
}

// places finds all payloads. What cannot be read at the end is left to replay, which misses it or cuts it off.
func (l *Ledger) places() (map[int64]place, error) {
	places := map[int64]place{}
	_, _, err := l.payloads.scan(magicPayloads, true, func(f *frame) error {
		places[int64(f.number)] = place{f.offset, f.length, f.erased(), f.torn}
		return nil
	})
	return places, err
}

// replayLeaf makes the state follow a leaf.
func (l *Ledger) replayLeaf(n int64, leaf []byte, p place, there bool) error {
	if !bytes.HasPrefix(leaf, []byte(leafEvent)) {
		return l.st.apply(n, leaf, nil, place{})
	}
	if !there {
		return &DamageError{payloadsFile, 0, fmt.Sprintf("the payload of leaf %d is missing", n)}
	}
	if p.torn {
		l.st.torn[n] = p
	}
	if p.erased || p.torn {
		return l.st.apply(n, leaf, nil, place{})
	}
	payload, err := l.payloads.read(p.offset)
	if err != nil {
		return err
	}
	if !bytes.Equal(commitment(payload), leaf) {
		return &DamageError{payloadsFile, p.offset, fmt.Sprintf("the payload is not the one that leaf %d commits to", n)}
	}
	e, err := openPayload(payload)
	if err != nil {
		return &DamageError{payloadsFile, p.offset, err.Error()}
	}
	return l.st.apply(n, leaf, e, p)
}

// declareKeys sees to it that the log names each key that signs.
func (l *Ledger) declareKeys() error {
	k := l.keys.Load()
	for i, skey := range k.Signers {
		vkey, err := verifierOf(skey, k.Origin)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(l.st.keys, func(d keyDoc) bool { return d.Key == vkey }) {
			continue
		}
		if i == 0 && l.tree.size > 0 {
			return errors.New("the log does not know the key in " + keysFile)
		}
		e, err := plain(leafKey, keyDoc{vkey, stampOf(l.cfg.Now())})
		if err != nil {
			return err
		}
		if err := l.commit(e); err != nil {
			return err
		}
	}
	return nil
}

// verifierOf is the public key of a signing key.
func verifierOf(skey, origin string) (string, error) {
	s, err := note.NewSigner(skey)
	if err != nil {
		return "", errors.New(keysFile + ": a key of the log is damaged") // without the key
	}
	seed, err := seedOf(skey)
	if err != nil {
		return "", err
	}
	vkey, err := note.NewEd25519VerifierKey(origin, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		return "", fmt.Errorf("key of the log: %w", err)
	}
	if v, err := note.NewVerifier(vkey); err != nil || v.KeyHash() != s.KeyHash() {
		return "", errors.New(keysFile + ": a key of the log is of another log")
	}
	return vkey, nil
}

// checkLatest compares the newest checkpoint with the log.
func (l *Ledger) checkLatest() error {
	if l.latest == nil {
		return nil
	}
	known, err := verifiers(l.st.keys)
	if err != nil {
		return err
	}
	c, _, err := openCheckpoint(l.latest, known...)
	if err != nil {
		return fmt.Errorf("%s: %w", checkpointsFile, err)
	}
	root, err := l.tree.root(c.size)
	if err != nil {
		return err
	}
	if root != c.root {
		return fmt.Errorf("the log is not the one whose checkpoint of %d leaves was signed", c.size)
	}
	l.latestAt, l.latestSize, l.last = c.at, c.size, l.latest
	return nil
}

// seedOf is the secret of a key of package note, "PRIVATE+KEY+name+hash+base64".
func seedOf(skey string) ([]byte, error) {
	parts := strings.SplitN(skey, "+", 5)
	b, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(b) != 1+ed25519.SeedSize {
		return nil, errors.New(keysFile + ": a key of the log is damaged") // without the key
	}
	return b[1:], nil
}
