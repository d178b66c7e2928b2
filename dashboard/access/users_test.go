package access

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const password = "correct horse"

var home = netip.MustParseAddr("192.0.2.1")

func login(t *testing.T, a *Access) string {
	t.Helper()
	token, _, err := a.Login(t.Context(), "ada", password, home)
	must(t, err)
	return token
}

// in reports whether the token lets its user in.
func in(t *testing.T, a *Access, token string) bool {
	t.Helper()
	s, ok, err := a.Session(token)
	must(t, err)
	if ok && s.User != "ada" {
		t.Errorf("session of %q", s.User)
	}
	return ok
}

func TestAddUser(t *testing.T) {
	a, _, _ := open(t, 0)
	if a.HasUsers() {
		t.Error("there is a user before the first one")
	}
	long := strings.Repeat("x", MaxPasswordBytes)
	for _, c := range []struct {
		name, password, wrong string
	}{
		{"", password, "cannot be a user's name"},
		{".ada", password, "cannot be a user's name"},
		{"ada lovelace", password, "cannot be a user's name"},
		{"ada/../root", password, "cannot be a user's name"},
		{"ada\n", password, "cannot be a user's name"},
		{strings.Repeat("a", 101), password, "cannot be a user's name"},
		{"ada", "", "too short"},
		{"ada", "1234567", "too short"},
		{"ada", "ééééééé", "too short"}, // seven characters in fourteen bytes
		{"ada", long + "x", "too long"},
		{"ada", "12345678", ""},
		{"ada", long, ""},
		{"ada@example.com", password, ""},
		{"Zoë-Ångström", password, ""},
	} {
		err := a.AddUser(t.Context(), c.name, c.password)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%q with %d bytes: %v, want %q", c.name, len(c.password), err, c.wrong)
		}
	}
	if !a.HasUsers() {
		t.Error("no user after the first one")
	}
}

func TestLogin(t *testing.T) {
	a, _, _ := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	for _, c := range []struct {
		what, name, password string
		want                 error
	}{
		{"right", "ada", password, nil},
		{"wrong password", "ada", "correct mule", ErrLogin},
		{"no password", "ada", "", ErrLogin},
		{"endless password", "ada", strings.Repeat("x", MaxPasswordBytes+1), ErrLogin},
		{"unknown user", "bob", password, ErrLogin},
		{"name in capitals", "ADA", password, ErrLogin},
		{"no name", "", password, ErrLogin},
	} {
		token, session, err := a.Login(t.Context(), c.name, c.password, home)
		if !errors.Is(err, c.want) || (token != "") != (c.want == nil) || (session.User == "ada") != (c.want == nil) {
			t.Errorf("%s: %q, %v, %v", c.what, token, session, err)
		}
	}
	if len(a.hashing) != 0 {
		t.Error("a password is still being hashed")
	}
}

func TestLoginTries(t *testing.T) {
	for _, c := range []struct {
		name        string
		from, other string
		together    bool // they share their tries
	}{
		{"the same address", "192.0.2.1", "192.0.2.1", true},
		{"another address", "192.0.2.1", "192.0.2.2", false},
		{"written as IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"the same /64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"another /64", "2001:db8::1", "2001:db8:0:1::1", false},
		{"the same link", "fe80::1%eth0", "fe80::2%eth1", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _, clock := open(t, 0)
			must(t, a.AddUser(t.Context(), "ada", password))
			for range LoginTries {
				_, _, err := a.Login(t.Context(), "ada", "correct mule", netip.MustParseAddr(c.from))
				if !errors.Is(err, ErrLogin) {
					t.Fatal(err)
				}
			}
			clock.pass(time.Minute)
			_, _, err := a.Login(t.Context(), "ada", password, netip.MustParseAddr(c.other))
			if !c.together {
				must(t, err)
				return
			}
			wantLimit(t, err, LoginPeriod-time.Minute)
			clock.pass(LoginPeriod - time.Minute)
			login(t, a)
		})
	}
}

// Who gets in has all tries again, so that several people behind one address do not lock each other out.
func TestLoginClearsTries(t *testing.T) {
	a, _, _ := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	for range 3 {
		for range LoginTries - 1 {
			if _, _, err := a.Login(t.Context(), "ada", "correct mule", home); !errors.Is(err, ErrLogin) {
				t.Fatal(err)
			}
		}
		login(t, a)
	}
}

func TestSessionsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, a *Access, m *memory, clock *clock, token string)
		in   bool
	}{
		{"it lasts", func(_ *testing.T, _ *Access, _ *memory, clock *clock, _ string) {
			clock.pass(SessionLifetime - time.Second)
		}, true},
		{"time is over", func(_ *testing.T, _ *Access, _ *memory, clock *clock, _ string) {
			clock.pass(SessionLifetime)
		}, false},
		{"signing out", func(t *testing.T, a *Access, _ *memory, _ *clock, token string) {
			must(t, a.Logout(t.Context(), token))
			must(t, a.Logout(t.Context(), token))
		}, false},
		{"another one signs out", func(t *testing.T, a *Access, _ *memory, _ *clock, _ string) {
			must(t, a.Logout(t.Context(), login(t, a)))
		}, true},
		{"a new password", func(t *testing.T, a *Access, m *memory, _ *clock, _ string) {
			must(t, a.AddUser(t.Context(), "ada", "battery staple"))
			if n := m.count(sessionKind); n != 0 {
				t.Errorf("%d sessions are still stored", n)
			}
		}, false},
		{"a new password, a sign-in with the old one on its way", func(t *testing.T, a *Access, m *memory, _ *clock, token string) {
			doc, _ := m.Get(sessionKind, fingerprint(token))
			must(t, a.AddUser(t.Context(), "ada", "battery staple"))
			must(t, m.Put(t.Context(), sessionKind, fingerprint(token), doc))
		}, false},
		{"the same password again", func(t *testing.T, a *Access, _ *memory, _ *clock, _ string) {
			must(t, a.AddUser(t.Context(), "ada", password))
		}, false},
		{"another user's new password", func(t *testing.T, a *Access, _ *memory, _ *clock, _ string) {
			must(t, a.AddUser(t.Context(), "bob", "battery staple"))
		}, true},
		{"the user is gone", func(t *testing.T, _ *Access, m *memory, _ *clock, _ string) {
			must(t, m.Delete(t.Context(), userKind, "ada"))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, m, clock := open(t, 0)
			must(t, a.AddUser(t.Context(), "ada", password))
			token := login(t, a)
			if !in(t, a, token) {
				t.Fatal("a new session is none")
			}
			c.do(t, a, m, clock, token)
			if got := in(t, a, token); got != c.in {
				t.Errorf("in: %v, want %v", got, c.in)
			}
		})
	}
}

func TestOnlyTokensAreSessions(t *testing.T) {
	a, _, _ := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	token := login(t, a)
	for name, wrong := range map[string]string{
		"empty": "", "what is stored": fingerprint(token), "cut": token[:len(token)-1],
		"longer": token + "A", "a name": "ada",
	} {
		if in(t, a, wrong) {
			t.Errorf("%s lets in", name)
		}
	}
}

// Sessions that are over do not pile up.
func TestLoginRemovesEndedSessions(t *testing.T) {
	a, m, clock := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	for range 5 {
		login(t, a)
	}
	clock.pass(SessionLifetime)
	login(t, a)
	if n := m.count(sessionKind); n != 1 {
		t.Errorf("%d sessions are stored", n)
	}
}

// Nothing that lets anybody in is stored, in any form that can be turned back.
func TestNothingIsStoredInClear(t *testing.T) {
	a, m, _ := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	key, _ := addKey(t, a, 1, "report")
	token := login(t, a)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	must(t, err)
	if len(raw) != tokenBytes {
		t.Errorf("a token has %d bytes", len(raw))
	}
	keyRaw, err := keyEncoding.DecodeString(strings.TrimPrefix(key, keyStart))
	must(t, err)
	if len(keyRaw) != keyBytes {
		t.Errorf("a key has %d bytes", len(keyRaw))
	}
	stored := m.text()
	for name, secret := range map[string][]byte{
		"key": []byte(key), "key without its beginning": []byte(key[prefixBytes:]), "token": []byte(token),
		"password":         []byte(password),
		"bytes of the key": keyRaw, "bytes of the token": raw,
	} {
		for form, text := range map[string]string{
			"raw": string(secret), "hex": hex.EncodeToString(secret), "base64": base64.RawStdEncoding.EncodeToString(secret),
			"base64url": base64.RawURLEncoding.EncodeToString(secret),
		} {
			if strings.Contains(strings.ToLower(stored), strings.ToLower(text)) {
				t.Errorf("%s is stored as %s:\n%s", name, form, stored)
			}
		}
	}
	for _, want := range []string{`"prefix":"` + key[:prefixBytes], "session " + fingerprint(token), "$argon2id$v=19$m="} {
		if !strings.Contains(stored, want) {
			t.Errorf("%s is not stored:\n%s", want, stored)
		}
	}
}

func TestHashesAreStrongAndSalted(t *testing.T) {
	strong := New(Config{Records: &memory{}}).passwords
	if strong != (passwords{memoryKiB: 19 << 10, passes: 2, threads: 1}) {
		t.Errorf("passwords are hashed with %+v", strong)
	}
	a, _, _ := open(t, 0)
	one, err := a.hash(t.Context(), password)
	must(t, err)
	two, err := a.hash(t.Context(), password)
	must(t, err)
	if one == two {
		t.Error("one password gives one hash")
	}
	// A hash that was made with other parameters is still checked.
	a.passwords = passwords{memoryKiB: 16, passes: 3, threads: 2}
	for hash, right := range map[string]bool{one: true, two: true, strings.Replace(one, "m=8,", "m=16,", 1): false} {
		if ok, err := a.verify(t.Context(), hash, password); ok != right || err != nil {
			t.Errorf("%s: %v, %v", hash, ok, err)
		}
	}
	if ok, err := a.verify(t.Context(), one, password+" "); ok || err != nil {
		t.Errorf("wrong password: %v, %v", ok, err)
	}
}

func TestDamagedHash(t *testing.T) {
	salt, key := encode(make([]byte, saltBytes)), encode(make([]byte, hashBytes))
	good := fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", salt, key)
	if _, _, _, err := parseHash(good); err != nil {
		t.Fatal(err)
	}
	damaged := []string{
		"", "x", "$", good[1:], good + "$", strings.TrimSuffix(good, "$"+key), password,
		strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=18", 1),
		strings.Replace(good, "m=8", "m=7", 1), strings.Replace(good, "m=8", "m=262145", 1),
		strings.Replace(good, "m=8,", "", 1),
		strings.Replace(good, "m=8", "m=-8", 1), strings.Replace(good, "m=8", "m=99999999999", 1),
		strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "t=1", "t=11", 1),
		strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1", "p=9", 1), strings.Replace(good, salt, encode(make([]byte, 7)), 1),
		strings.Replace(good, salt, "!", 1), strings.Replace(good, key, encode(make([]byte, 15)), 1),
		strings.Replace(good, key, encode(make([]byte, 65)), 1), strings.Replace(good, key, "", 1),
	}
	a, m, _ := open(t, 0)
	for i, hash := range damaged {
		if slices.Contains(damaged[:i], hash) {
			t.Errorf("%q is there twice", hash)
		}
		must(t, a.put(t.Context(), userKind, "ada", User{Name: "ada", Hash: hash}))
		from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		token, _, err := a.Login(t.Context(), "ada", password, from)
		if token != "" || err == nil || errors.Is(err, ErrLogin) || !strings.Contains(err.Error(), "turf user add") {
			t.Errorf("%q: %q, %v", hash, token, err)
		}
	}
	must(t, m.Put(t.Context(), userKind, "ada", []byte("{")))
	if token, _, err := a.Login(t.Context(), "ada", password, home); token != "" || err == nil {
		t.Errorf("damaged document: %q, %v", token, err)
	}
	must(t, a.AddUser(t.Context(), "ada", password)) // as the message says
	token := login(t, a)
	must(t, m.Put(t.Context(), sessionKind, fingerprint(token), []byte("{")))
	if _, ok, err := a.Session(token); ok || err == nil {
		t.Errorf("damaged session: %v, %v", ok, err)
	}
}

// FuzzParseHash: what is taken asks for no more memory or time than is allowed, and nothing makes it panic.
func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1,p=300$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, hash string) {
		p, salt, key, err := parseHash(hash)
		if err != nil {
			return
		}
		if p.memoryKiB < 8 || p.memoryKiB > maxMemoryKiB || p.passes < 1 || p.passes > 10 || p.threads < 1 || p.threads > 8 ||
			len(salt) < 8 || len(key) < 16 || len(key) > 64 {
			t.Errorf("%q: %+v, salt of %d, hash of %d bytes", hash, p, len(salt), len(key))
		}
	})
}

// Who waits for a turn to hash can be told to stop, and nobody waits for ever.
func TestHashingHasALimit(t *testing.T) {
	a, _, _ := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	for range MaxHashing {
		a.hashing <- nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := a.Login(ctx, "ada", password, home); !errors.Is(err, context.Canceled) {
		t.Errorf("known user: %v", err)
	}
	if _, _, err := a.Login(ctx, "bob", password, home); !errors.Is(err, context.Canceled) {
		t.Errorf("unknown user: %v", err)
	}
	if err := a.AddUser(ctx, "ada", password); !errors.Is(err, context.Canceled) {
		t.Errorf("new password: %v", err)
	}
	for range MaxHashing {
		<-a.hashing
	}
	login(t, a)
}

func TestStoreFailsWhileSigningIn(t *testing.T) {
	a, m, _ := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	token := login(t, a)
	m.fails = errors.New("away")
	if got, _, err := a.Login(t.Context(), "ada", password, home); got != "" || !errors.Is(err, m.fails) {
		t.Errorf("login: %q, %v", got, err)
	}
	if err := a.Logout(t.Context(), token); !errors.Is(err, m.fails) || !in(t, a, token) {
		t.Errorf("logout: %v", err)
	}
	if err := a.AddUser(t.Context(), "bob", password); !errors.Is(err, m.fails) {
		t.Errorf("add: %v", err)
	}
}

// People sign in and out at once; run with -race.
func TestSessionsInParallel(t *testing.T) {
	a, m, _ := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			for range 10 {
				token, _, err := a.Login(t.Context(), "ada", password, from)
				if err != nil {
					t.Error(err)
					return
				}
				if _, ok, err := a.Session(token); !ok || err != nil {
					t.Errorf("session: %v, %v", ok, err)
				}
				if err := a.Logout(t.Context(), token); err != nil {
					t.Error(err)
				}
				if _, ok, _ := a.Session(token); ok {
					t.Error("still in")
				}
			}
		})
	}
	group.Wait()
	if n := m.count(sessionKind); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
