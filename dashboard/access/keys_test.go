package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turf/schema"
)

func TestKeyReadsItsSite(t *testing.T) {
	a, _, _ := open(t, 0)
	one, key := addKey(t, a, 1, "report")
	all, _ := addKey(t, a, AllSites, "")
	gone, goneKey := addKey(t, a, 1, "")
	_, err := a.RevokeKey(t.Context(), goneKey.Prefix)
	must(t, err)
	if !strings.HasPrefix(one, "turf_") || !strings.HasPrefix(one, key.Prefix) || len(key.Prefix) != 11 || len(one) < 40 {
		t.Errorf("key %q with prefix %q", one, key.Prefix)
	}
	for _, c := range []struct {
		name  string
		plain string
		site  schema.SiteID
		want  error
	}{
		{"its site", one, 1, nil},
		{"another site", one, 2, ErrInvalidKey},
		{"a site that is not known", one, 0, ErrInvalidKey},
		{"all sites, one", all, 1, nil},
		{"all sites, another", all, 2, nil},
		{"all sites, a site that is not known", all, 0, ErrInvalidKey},
		{"revoked", gone, 1, ErrInvalidKey},
		{"never made", "turf_nothing", 1, ErrInvalidKey},
		{"empty", "", 1, ErrInvalidKey},
		{"the prefix", key.Prefix, 1, ErrInvalidKey},
		{"what is stored", fingerprint(one), 1, ErrInvalidKey},
		{"in capitals", strings.ToUpper(one), 1, ErrInvalidKey},
		{"with a space", one + " ", 1, ErrInvalidKey},
	} {
		if err := a.CheckKey(c.plain, c.site); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for plain, want := range map[string]schema.SiteID{one: 1, all: AllSites} {
		if site, ok, err := a.KeySite(plain); site != want || !ok || err != nil {
			t.Errorf("key of site %d: site %d, %v, %v", want, site, ok, err)
		}
	}
	if _, ok, err := a.KeySite(gone); ok || err != nil {
		t.Errorf("revoked: %v, %v", ok, err)
	}
}

// A key of one scope is none of the other, and a document without a scope reads.
func TestScopes(t *testing.T) {
	a, m, _ := open(t, 0)
	read, _ := addKey(t, a, 1, "")
	keys := map[schema.SiteID]string{}
	for _, site := range []schema.SiteID{1, AllSites} {
		plain, key, err := a.AddScopedKey(t.Context(), ScopeIngest, site, "")
		must(t, err)
		if key.Scope != ScopeIngest {
			t.Errorf("scope %q", key.Scope)
		}
		keys[site] = plain
	}
	for _, c := range []struct {
		name  string
		plain string
		site  schema.SiteID
		want  error
	}{
		{"its site", keys[1], 1, nil},
		{"another site", keys[1], 2, ErrInvalidKey},
		{"all sites", keys[AllSites], 2, nil},
		{"a site that is not known", keys[AllSites], 0, ErrInvalidKey},
		{"a key that reads", read, 1, ErrInvalidKey},
		{"no key", "", 1, ErrInvalidKey},
	} {
		if err := a.CheckIngestKey(c.plain, c.site); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for site, plain := range keys {
		if err := a.CheckKey(plain, 1); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("an ingest key of site %d reads: %v", site, err)
		}
		if _, ok, err := a.KeySite(plain); ok || err != nil {
			t.Errorf("an ingest key of site %d reads a site: %v, %v", site, ok, err)
		}
	}
	must(t, m.Put(t.Context(), keyKind, fingerprint("old"), []byte(`{"prefix":"turf_old","site":1,"created":"2026-01-02T03:04:05Z"}`)))
	must(t, a.CheckKey("old", 1))
	must(t, m.Put(t.Context(), keyKind, fingerprint("new"), []byte(`{"prefix":"turf_new","site":1,"scope":"later"}`)))
	if a.CheckKey("new", 1) == nil || a.CheckIngestKey("new", 1) == nil {
		t.Error("a scope that is not known is good for something")
	}
	for _, s := range []Scope{ScopeStats, ScopeIngest} {
		if back, err := ParseScope(s.String()); back != s || err != nil {
			t.Errorf("%s is read as %q, %v", s, back, err)
		}
	}
	if _, err := ParseScope(""); err == nil {
		t.Error("nothing is a scope")
	}
}

func TestKeysAreListed(t *testing.T) {
	a, _, c := open(t, 0)
	for _, key := range []struct {
		site schema.SiteID
		name string
	}{{1, "first"}, {2, "other"}, {AllSites, "all"}, {1, "last"}} {
		addKey(t, a, key.site, key.name)
		c.pass(time.Second)
	}
	for site, want := range map[schema.SiteID][]string{
		1: {"first", "all", "last"}, 2: {"other", "all"}, 3: {"all"}, AllSites: {"first", "other", "all", "last"},
	} {
		keys, err := a.Keys(site)
		must(t, err)
		var names []string
		for _, k := range keys {
			names = append(names, k.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("site %d: %v, want %v", site, names, want)
		}
	}
	if _, _, err := a.AddKey(t.Context(), 1, strings.Repeat("x", MaxKeyNameBytes+1)); err == nil {
		t.Error("a name of any length is taken")
	}
}

func TestRevokeKey(t *testing.T) {
	a, m, _ := open(t, 0)
	one, key := addKey(t, a, 1, "")
	two, _ := addKey(t, a, 1, "")
	if _, err := a.RevokeKey(t.Context(), "turf_"); err == nil {
		t.Error("the beginning of all keys revokes one")
	}
	if _, err := a.RevokeKey(t.Context(), ""); err == nil {
		t.Error("nothing revokes a key")
	}
	revoked, err := a.RevokeKey(t.Context(), two)
	if err != nil || m.count(keyKind) != 1 {
		t.Fatalf("given in full: %v", err)
	}
	if _, err := a.RevokeKey(t.Context(), revoked.Prefix); err == nil {
		t.Error("revoked twice")
	}
	must(t, a.CheckKey(one, 1))

	// Two keys that begin alike are told apart only by the whole key.
	twin := one[:len(one)-1] + "?"
	must(t, a.put(t.Context(), keyKind, fingerprint(twin), key))
	if _, err := a.RevokeKey(t.Context(), key.Prefix); err == nil || !strings.Contains(err.Error(), "2 keys begin with") {
		t.Errorf("two keys with one prefix: %v", err)
	}
	if _, err := a.RevokeKey(t.Context(), twin); err != nil {
		t.Error(err)
	}
	must(t, a.CheckKey(one, 1))
	if err := a.CheckKey(twin, 1); !errors.Is(err, ErrInvalidKey) {
		t.Errorf("revoked: %v", err)
	}
}

func TestKeyRequestsPerHour(t *testing.T) {
	a, _, c := open(t, 3)
	plain, _ := addKey(t, a, 1, "")
	other, _ := addKey(t, a, 1, "")
	must(t, a.CheckKey(plain, 1))
	c.pass(20 * time.Minute)
	if err := a.CheckKey(plain, 2); !errors.Is(err, ErrInvalidKey) { // counts like any other
		t.Error(err)
	}
	must(t, a.CheckKey(plain, 1))
	wantLimit(t, a.CheckKey(plain, 1), 40*time.Minute)
	must(t, a.CheckKey(other, 1))
	c.pass(40*time.Minute - time.Second)
	wantLimit(t, a.CheckKey(plain, 1), time.Second)
	c.pass(time.Second)
	for range 3 {
		must(t, a.CheckKey(plain, 1))
	}
	wantLimit(t, a.CheckKey(plain, 1), time.Hour)
	c.pass(-24 * time.Hour) // the machine's clock was wrong
	must(t, a.CheckKey(plain, 1))
}

func TestDefaultLimitIsPlausibles(t *testing.T) {
	a, _, _ := open(t, 0)
	plain, _ := addKey(t, a, 1, "")
	for range 600 {
		must(t, a.CheckKey(plain, 1))
	}
	wantLimit(t, a.CheckKey(plain, 1), time.Hour)
}

// Keys that are not known are not counted, so they take no memory; and what is counted has an end.
func TestLimitsStaySmall(t *testing.T) {
	a, _, _ := open(t, 0)
	for i := range 100 {
		if err := a.CheckKey(fmt.Sprint("turf_", i), 1); !errors.Is(err, ErrInvalidKey) {
			t.Fatal(err)
		}
	}
	if n := len(a.keys.counts); n != 0 {
		t.Errorf("%d unknown keys are counted", n)
	}

	l := newLimits(1, time.Hour)
	now := time.Date(2026, time.March, 31, 13, 0, 0, 0, time.UTC)
	for i := range maxLimited + 5 {
		must(t, l.take(fmt.Sprint(i), now.Add(time.Duration(i)*time.Millisecond)))
	}
	if n := len(l.counts); n != maxLimited {
		t.Errorf("%d names are counted, want %d", n, maxLimited)
	}
	now = now.Add(time.Minute)
	wantLimit(t, l.take(fmt.Sprint(maxLimited+4), now), time.Hour-time.Minute+(maxLimited+4)*time.Millisecond)
	must(t, l.take("0", now)) // the oldest was forgotten
	must(t, l.take("later", now.Add(2*time.Hour)))
	if n := len(l.counts); n != 1 {
		t.Errorf("%d names are counted after all others are over", n)
	}
}

// Of many requests at once just as many pass as may.
func TestKeyLimitHoldsInParallel(t *testing.T) {
	const most, each, workers = 50, 20, 8
	a, _, _ := open(t, most)
	plain, _ := addKey(t, a, 1, "")
	var passed atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				if a.CheckKey(plain, 1) == nil {
					passed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if n := passed.Load(); n != most {
		t.Errorf("%d requests passed, want %d", n, most)
	}
}

func TestDamagedKey(t *testing.T) {
	a, m, _ := open(t, 0)
	plain, _ := addKey(t, a, 1, "")
	must(t, m.Put(t.Context(), keyKind, fingerprint(plain), []byte("{")))
	if err := a.CheckKey(plain, 1); err == nil || errors.Is(err, ErrInvalidKey) {
		t.Errorf("check: %v", err)
	}
	if _, err := a.Keys(1); err == nil {
		t.Error("list: no error")
	}
	if _, err := a.RevokeKey(t.Context(), plain); err == nil {
		t.Error("revoke: no error")
	}
}

func TestKeyIsNotMadeWhenItCannotBeStored(t *testing.T) {
	a, m, _ := open(t, 0)
	kept, _ := addKey(t, a, 1, "")
	m.fails = errors.New("away")
	if plain, _, err := a.AddKey(t.Context(), 1, ""); plain != "" || !errors.Is(err, m.fails) {
		t.Errorf("add: %q, %v", plain, err)
	}
	if _, err := a.RevokeKey(t.Context(), kept); !errors.Is(err, m.fails) {
		t.Errorf("revoke: %v", err)
	}
	must(t, a.CheckKey(kept, 1))
}
