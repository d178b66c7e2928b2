package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// Limits of users and of signing in.
const (
	MinPasswordRunes = 8
	MaxPasswordBytes = 1024
	// MaxHashing is how many passwords are hashed at once: each takes 19 MiB for some 20 ms.
	MaxHashing = 2
	// LoginTries is how many times an address (of IPv6 a /64) may try in LoginPeriod.
	LoginTries  = 10
	LoginPeriod = 5 * time.Minute
	// SessionLifetime is how long a session lasts.
	SessionLifetime = 30 * 24 * time.Hour
	tokenBytes      = 32
	ipv6Bits        = 64
)

var userPattern = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,99}$`)

// User is a person who may see all sites, or a guest.
type User struct {
	Name    string    `json:"name"`
	Hash    string    `json:"hash"`            // of the password, in PHC form
	Guest   bool      `json:"guest,omitempty"` // sees only the sites of which there is a Guest of the name
	Created time.Time `json:"created"`
}

// Session is a user's time between signing in and signing out.
type Session struct {
	User string    `json:"user"`
	Ends time.Time `json:"ends"`
	// Password names the stored hash that the user signed in with: with another one the session is over.
	Password string `json:"password"`
	// Guest is the user's. It is read, not stored, so that a session never shows more than its user may see.
	Guest bool `json:"-"`
}

// ErrLogin says that the name or the password is wrong, not which.
var ErrLogin = errors.New("wrong name or password")

// passwords is how new passwords are hashed: argon2id with the parameters that OWASP recommends.
type passwords struct {
	memoryKiB uint32
	passes    uint32
	threads   uint8
}

var defaultPasswords = passwords{memoryKiB: 19 << 10, passes: 2, threads: 1}

const (
	saltBytes = 16
	hashBytes = 32
	phcFormat = "$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s"
	// maxMemoryKiB is what a stored hash may ask for.
	maxMemoryKiB = 256 << 10
)

// AddUser makes a user, or gives one a new password and signs it out everywhere. It sees all sites, unless it is a guest already.
func (a *Access) AddUser(ctx context.Context, name, password string) error {
	if !userPattern.MatchString(name) {
		return fmt.Errorf("%q cannot be a user's name; use letters, digits and . _ @ + -, at most 100", name)
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("add user %s: %w", name, err)
	}
	a.guests.Lock()
	defer a.guests.Unlock()
	guest, err := a.isGuest(name)
	if err != nil {
		return fmt.Errorf("add user %s: %w", name, err)
	}
	user := User{Name: name, Hash: hash, Guest: guest, Created: a.now().UTC().Truncate(time.Second)}
	if err := a.put(ctx, userKind, name, user); err != nil {
		return fmt.Errorf("add user %s: %w", name, err)
	}
	if err := a.endInvitations(ctx, func(i Invitation) bool { return i.Name == name }); err != nil {
		return err
	}
	return a.endSessions(ctx, func(s Session) bool { return s.User == name })
}

// checkPassword says what is wrong with a new password.
func checkPassword(password string) error {
	switch {
	case len([]rune(password)) < MinPasswordRunes:
		return fmt.Errorf("the password is too short; use at least %d characters", MinPasswordRunes)
	case len(password) > MaxPasswordBytes:
		return fmt.Errorf("the password is too long; use at most %d bytes", MaxPasswordBytes)
	}
	return nil
}

// HasUsers reports whether anybody could sign in who sees all sites. A document that cannot be read counts as one: it is a reason to
// ask for a password, not to ask for none.
func (a *Access) HasUsers() bool {
	found := errors.New("found")
	return each(a, userKind, func(_ string, u User) error {
		if u.Guest {
			return nil
		}
		return found
	}) != nil
}

// Login checks the password and opens a session. It returns the session's token, which is the user's alone, or
// ErrLogin or a *LimitError.
func (a *Access) Login(ctx context.Context, name, password string, from netip.Addr) (string, Session, error) {
	address := loginAddress(from)
	if err := a.logins.take(address, a.now()); err != nil {
		return "", Session{}, err
	}
	if len(password) > MaxPasswordBytes {
		return "", Session{}, ErrLogin
	}
	user, known, err := a.userCalled(name)
	if err != nil {
		return "", Session{}, err
	}
	if !known {
		// The answer takes as long as for a user who is known.
		if _, err := a.hash(ctx, password); err != nil {
			return "", Session{}, err
		}
		return "", Session{}, ErrLogin
	}
	if ok, err := a.verify(ctx, user.Hash, password); err != nil || !ok {
		if err == nil {
			err = ErrLogin
		}
		return "", Session{}, err
	}
	a.logins.clear(address)
	return a.openSession(ctx, user)
}

// userCalled finds a user by the name as it is written, or as a guest's email address would be.
func (a *Access) userCalled(name string) (user User, known bool, err error) {
	if known, err = a.get(userKind, name, &user); known || err != nil {
		return user, known, err
	}
	known, err = a.get(userKind, cleanName(name), &user)
	return user, known, err
}

// openSession opens a session of a user, and returns its token.
func (a *Access) openSession(ctx context.Context, user User) (string, Session, error) {
	now := a.now()
	if err := a.endSessions(ctx, func(s Session) bool { return !now.Before(s.Ends) }); err != nil {
		return "", Session{}, err
	}
	token := base64.RawURLEncoding.EncodeToString(secret(tokenBytes))
	session := Session{
		User: user.Name, Ends: now.UTC().Add(SessionLifetime).Truncate(time.Second), Password: fingerprint(user.Hash),
		Guest: user.Guest,
	}
	if err := a.put(ctx, sessionKind, fingerprint(token), session); err != nil {
		return "", Session{}, fmt.Errorf("open a session: %w", err)
	}
	return token, session, nil
}

// loginAddress is what tries are counted by. It stays in memory.
func loginAddress(from netip.Addr) string {
	from = from.Unmap()
	if from.Is6() {
		if prefix, err := from.WithZone("").Prefix(ipv6Bits); err == nil {
			return prefix.String()
		}
	}
	return from.String()
}

// Session returns the session of a token, or false when there is none, it is over, or its user is gone or has a new
// password.
func (a *Access) Session(token string) (Session, bool, error) {
	if token == "" {
		return Session{}, false, nil
	}
	var session Session
	ok, err := a.get(sessionKind, fingerprint(token), &session)
	if err != nil || !ok || !a.now().Before(session.Ends) {
		return Session{}, false, err
	}
	var user User
	ok, err = a.get(userKind, session.User, &user)
	if err != nil || !ok || fingerprint(user.Hash) != session.Password {
		return Session{}, false, err
	}
	session.Guest = user.Guest
	return session, true, nil
}

// Logout ends the session of a token. That there is none is no error.
func (a *Access) Logout(ctx context.Context, token string) error {
	id := fingerprint(token)
	if _, ok := a.records.Get(sessionKind, id); !ok {
		return nil
	}
	if err := a.records.Delete(ctx, sessionKind, id); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// endSessions ends the sessions that are over for a reason.
func (a *Access) endSessions(ctx context.Context, over func(Session) bool) error {
	return deleteEach(ctx, a, sessionKind, over, func(s Session) string { return "end a session of " + s.User })
}

// hash makes the stored form of a password. It waits for its turn, or for the context's end.
func (a *Access) hash(ctx context.Context, password string) (string, error) {
	salt := secret(saltBytes)
	key, err := a.argon2(ctx, password, salt, a.passwords, hashBytes)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(phcFormat, a.memoryKiB, a.passes, a.threads, encode(salt), encode(key)), nil
}

// verify reports whether the password is the one of the hash.
func (a *Access) verify(ctx context.Context, hash, password string) (bool, error) {
	p, salt, want, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	got, err := a.argon2(ctx, password, salt, p, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (a *Access) argon2(ctx context.Context, password string, salt []byte, p passwords, size uint32) ([]byte, error) {
	select {
	case a.hashing <- nil:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	defer func() { <-a.hashing }()
	return argon2.IDKey([]byte(password), salt, p.passes, p.memoryKiB, p.threads, size), nil
}

func encode(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// parseHash takes the PHC form apart: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func parseHash(hash string) (p passwords, salt, key []byte, err error) {
	damaged := errors.New("the stored hash of a password cannot be read; set the password again: turf user add")
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return p, nil, nil, damaged
	}
	numbers := map[string]uint64{}
	for pair := range strings.SplitSeq(parts[3], ",") {
		name, value, _ := strings.Cut(pair, "=")
		if numbers[name], err = strconv.ParseUint(value, 10, 32); err != nil {
			return p, nil, nil, damaged
		}
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	m, t, threads := numbers["m"], numbers["t"], numbers["p"]
	if err1 != nil || err2 != nil || len(salt) < 8 || len(key) < 16 || len(key) > 64 ||
		m < 8 || m > maxMemoryKiB || t < 1 || t > 10 || threads < 1 || threads > 8 {
		return p, nil, nil, damaged
	}
	return passwords{uint32(m), uint32(t), uint8(threads)}, salt, key, nil
}
