package consent

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/mod/sumdb/note"

	"turf/schema"
)

// keysFile holds the secrets of the ledger. maxTokenKeys is how many keys of tokens are known, the newest first.
const (
	keysFile     = "keys.json"
	maxTokenKeys = 4
	keyBytes     = 32
)

// keyRing is the ledger's secrets. It is written only by the goroutine that owns the ledger, and replaced, never
// changed.
type keyRing struct {
	Origin string `json:"origin"` // the log's name
	// Signers are the keys that sign checkpoints, as package note writes them: one, or the old and the new one until a
	// checkpoint that knows the new one has both signatures.
	Signers []string `json:"signers"`
	Tokens  []string `json:"tokens"` // hex seeds of Ed25519, newest first
	Refs    string   `json:"refs"`   // hex: refs and nonces are made with it

	signers []note.Signer
	tokens  []ed25519.PrivateKey
	refs    []byte
}

func newSeed() []byte {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // never fails
	return b
}

func newKeyRing() (*keyRing, error) {
	k := &keyRing{
		Origin: "turf.consent/" + hex.EncodeToString(newSeed()[:8]), Refs: hex.EncodeToString(newSeed()),
		Tokens: []string{hex.EncodeToString(newSeed())},
	}
	skey, _, err := note.GenerateKey(rand.Reader, k.Origin)
	if err != nil {
		return nil, fmt.Errorf("make a key for the log: %w", err)
	}
	k.Signers = []string{skey}
	return k, k.read()
}

// read makes keys of their texts.
func (k *keyRing) read() error {
	k.signers, k.tokens = nil, nil
	for _, text := range k.Signers {
		s, err := note.NewSigner(text)
		if err != nil {
			return errors.New(keysFile + ": a key of the log is damaged") // without the key
		}
		k.signers = append(k.signers, s)
	}
	for _, text := range k.Tokens {
		seed, err := hex.DecodeString(text)
		if err != nil || len(seed) != ed25519.SeedSize {
			return errors.New(keysFile + ": a key of tokens is damaged")
		}
		k.tokens = append(k.tokens, ed25519.NewKeyFromSeed(seed))
	}
	var err error
	if k.refs, err = hex.DecodeString(k.Refs); err != nil || len(k.refs) != keyBytes {
		return errors.New(keysFile + ": the key of refs is damaged")
	}
	if len(k.signers) == 0 || len(k.tokens) == 0 || k.Origin == "" {
		return errors.New(keysFile + ": a key is missing")
	}
	return nil
}

// openKeys reads the keys. There are none yet where the log is new (fresh).
func openKeys(dir *os.Root, fresh bool) (*keyRing, error) {
	text, err := dir.ReadFile(keysFile)
	if errors.Is(err, fs.ErrNotExist) && fresh {
		k, err := newKeyRing()
		if err != nil {
			return nil, err
		}
		return k, k.write(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger's keys: %w", err)
	}
	k := &keyRing{}
	if err := json.Unmarshal(text, k); err != nil {
		return nil, fmt.Errorf("read %s: it is no JSON", keysFile)
	}
	return k, k.read()
}

func (k *keyRing) write(dir *os.Root) error {
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("write %s: %w", keysFile, err)
	}
	return writeWhole(dir, keysFile, text)
}

// writeWhole replaces a file, durably: after a crash there is the old one or the new one.
func writeWhole(dir *os.Root, name string, text []byte) error {
	f, err := dir.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync())
	if err = errors.Join(err, f.Close()); err == nil {
		err = dir.Rename(name+".tmp", name)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// mac is a keyed hash under the ring's key. Each use has a prefix of its own.
func (k *keyRing) mac(use string, parts ...string) []byte {
	m := hmac.New(sha256.New, k.refs)
	for _, p := range append([]string{use}, parts...) {
		_, _ = m.Write([]byte(strconv.Itoa(len(p)) + ":" + p)) // never fails
	}
	return m.Sum(nil)
}

// cidBytes is the length of a subject's id, which only its browser holds.
const cidBytes = 16

// ref is how a subject is named at rest.
func (k *keyRing) ref(site schema.SiteID, cid []byte) (ref schema.PersonRef) {
	copy(ref[:], k.mac("ref", strconv.FormatUint(uint64(site), 10), string(cid)))
	return ref
}

func refText(ref schema.PersonRef) string {
	return "b64:" + base64.RawURLEncoding.EncodeToString(ref[:])
}

func parseRef(text string) (ref schema.PersonRef, ok bool) {
	if len(text) < 4 || text[:4] != "b64:" {
		return ref, false
	}
	b, err := decode64(base64.RawURLEncoding, text[4:])
	if err != nil || len(b) != len(ref) {
		return ref, false
	}
	copy(ref[:], b)
	return ref, true
}

func parseCID(text string) ([]byte, bool) {
	b, err := decode64(base64.RawURLEncoding, text)
	return b, err == nil && len(b) == cidBytes
}

// rotated is the ring with new keys beside the old ones.
func (k *keyRing) rotated() (*keyRing, error) {
	skey, _, err := note.GenerateKey(rand.Reader, k.Origin)
	if err != nil {
		return nil, fmt.Errorf("make a key for the log: %w", err)
	}
	tokens := append([]string{hex.EncodeToString(newSeed())}, k.Tokens...)
	return &keyRing{
		Origin: k.Origin, Signers: append(append([]string{}, k.Signers...), skey),
		Tokens: tokens[:min(len(tokens), maxTokenKeys)], Refs: k.Refs,
	}, nil
}
