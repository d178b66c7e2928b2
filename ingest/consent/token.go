package consent

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	"turf/schema"
)

// tokenLife is how long a token opens the collector. It is renewed while the consent is given.
const tokenLife = 24 * time.Hour

// tokenScheme is how a token is named in the header Authorization.
const tokenScheme = "Consent"

// The layout of a token's bytes, all big-endian: version, site (4), ref (16), record (16), seq (4), purposes, notice
// (8), issued and expires (Unix seconds, 8 each); then the signature.
const (
	tokenVersion  = 1
	tokenBytes    = 1 + 4 + 16 + 16 + 4 + 1 + 8 + 8 + 8
	maxTokenChars = 256
)

// token is what a browser shows to send events.
type token struct {
	key      subjectKey
	record   [16]byte
	seq      uint32
	purposes uint8
	notice   [8]byte // the first of the notice's hash
	issued   time.Time
	expires  time.Time
}

// issue signs a token for a subject. Called with the mutex.
func (l *Ledger) issue(s *subject, now time.Time) (text string, expires time.Time) {
	t := token{key: s.key, seq: uint32(s.seq), purposes: s.bits(), issued: now, expires: now.Add(tokenLife)}
	if s.validUntil.Before(t.expires) {
		t.expires = s.validUntil
	}
	t.record, _ = idBytes(s.record)
	_, sum, _ := strings.Cut(s.noticeID, ":")
	if b, err := hex.DecodeString(sum); err == nil {
		copy(t.notice[:], b)
	}
	return t.sign(l.keys.Load().tokens[0]), t.expires.Truncate(time.Second)
}

func (t *token) sign(key ed25519.PrivateKey) string {
	b := make([]byte, 0, tokenBytes+ed25519.SignatureSize)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(t.key.site))
	b = append(append(b, t.key.ref[:]...), t.record[:]...)
	b = binary.BigEndian.AppendUint32(b, t.seq)
	b = append(append(b, t.purposes), t.notice[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.issued.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(t.expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, ed25519.Sign(key, b)...))
}

// readToken checks a token's signature. Whether it has expired is the caller's to ask. ok is false for what was never
// issued.
func (k *keyRing) readToken(text string) (t token, ok bool) {
	if len(text) > maxTokenChars {
		return t, false
	}
	b, err := decode64(base64.RawURLEncoding, text)
	if err != nil || len(b) != tokenBytes+ed25519.SignatureSize || b[0] != tokenVersion {
		return t, false
	}
	body, signature := b[:tokenBytes], b[tokenBytes:]
	signed := false
	for _, key := range k.tokens {
		signed = signed || ed25519.Verify(key.Public().(ed25519.PublicKey), body, signature)
	}
	if !signed {
		return t, false
	}
	t.key.site = schema.SiteID(binary.BigEndian.Uint32(b[1:]))
	copy(t.key.ref[:], b[5:])
	copy(t.record[:], b[21:])
	t.seq, t.purposes = binary.BigEndian.Uint32(b[37:]), b[41]
	copy(t.notice[:], b[42:])
	t.issued = time.Unix(int64(binary.BigEndian.Uint64(b[50:])), 0).UTC()
	t.expires = time.Unix(int64(binary.BigEndian.Uint64(b[58:])), 0).UTC()
	return t, true
}

// The own prompt's nonce: the same for all visitors of nonceStep, good for nonceLife. It names nobody.
const (
	nonceStep = 5 * time.Minute
	nonceLife = 24 * time.Hour
)

func (k *keyRing) nonce(site schema.SiteID, notice, lang string, at time.Time) string {
	at = at.UTC().Truncate(nonceStep)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.Unix()))
	sum := k.mac("nonce", string(binary.BigEndian.AppendUint32(nil, uint32(site))), notice, lang, string(b[:]))
	return base64.RawURLEncoding.EncodeToString(append(b[4:], sum[:16]...))
}

// isNonce reports whether a nonce was given out for a notice in a language within nonceLife.
func (k *keyRing) isNonce(text string, site schema.SiteID, notice, lang string, now time.Time) bool {
	b, err := decode64(base64.RawURLEncoding, text)
	if err != nil || len(b) != 20 {
		return false
	}
	at := time.Unix(int64(binary.BigEndian.Uint32(b)), 0)
	return !at.After(now) && now.Sub(at) <= nonceLife+nonceStep && k.nonce(site, notice, lang, at) == text
}
