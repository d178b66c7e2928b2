package access

import (
	"cmp"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"turf/schema"
)

// Limits of keys.
const (
	// DefaultKeyRequestsPerHour is Plausible's.
	DefaultKeyRequestsPerHour = 600
	MaxKeyNameBytes           = 200
	keyBytes                  = 24 // 192 bits, of which Prefix shows 30
	keyStart                  = "turf_"
	prefixBytes               = len(keyStart) + 6
)

// AllSites as the site of a key lets it read all of them.
const AllSites schema.SiteID = 0

// Scope is what a key is good for. The zero value is ScopeStats, which keys have that were made before there were scopes.
type Scope string

// The scopes.
const (
	ScopeStats  Scope = ""       // asking questions
	ScopeIngest Scope = "ingest" // sending events for visitors that the sender names
	ScopeSites  Scope = "sites"  // making and changing sites
)

// String is "stats", "ingest" or "sites".
func (s Scope) String() string {
	if s == ScopeStats {
		return "stats"
	}
	return string(s)
}

// ParseScope reads what String writes.
func ParseScope(text string) (Scope, error) {
	for _, s := range [...]Scope{ScopeStats, ScopeIngest, ScopeSites} {
		if text == s.String() {
			return s, nil
		}
	}
	return "", fmt.Errorf("%q is no scope of a key: it is stats, ingest or sites", text)
}

// Key is what is known of an API key; the key itself is told once, to who made it.
type Key struct {
	Prefix  string        `json:"prefix"` // the beginning of the key, by which it is named
	Site    schema.SiteID `json:"site"`   // the only one that it is good for, or AllSites
	Scope   Scope         `json:"scope,omitempty"`
	Name    string        `json:"name,omitempty"`
	Created time.Time     `json:"created"`
}

// ErrInvalidKey says that a key is not known or not for that site.
var ErrInvalidKey = errors.New("invalid API key or site ID")

// LimitError says that there were too many requests.
type LimitError struct {
	Requests int           // that are allowed
	Period   time.Duration // in this time
	Wait     time.Duration // until the next one is
}

// Error says what is allowed.
func (e *LimitError) Error() string {
	return fmt.Sprintf("too many requests: %d are allowed in %v", e.Requests, e.Period)
}

var keyEncoding = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// AddKey makes a key that reads a site, or AllSites, and returns it. It cannot be found again.
func (a *Access) AddKey(ctx context.Context, site schema.SiteID, name string) (string, Key, error) {
	return a.AddScopedKey(ctx, ScopeStats, site, name)
}

// AddScopedKey is AddKey for any scope.
func (a *Access) AddScopedKey(ctx context.Context, scope Scope, site schema.SiteID, name string) (string, Key, error) {
	if len(name) > MaxKeyNameBytes {
		return "", Key{}, fmt.Errorf("the name of a key has at most %d bytes", MaxKeyNameBytes)
	}
	plain := keyStart + keyEncoding.EncodeToString(secret(keyBytes))
	key := Key{Prefix: plain[:prefixBytes], Site: site, Scope: scope, Name: name, Created: a.now().UTC().Truncate(time.Second)}
	if err := a.put(ctx, keyKind, fingerprint(plain), key); err != nil {
		return "", Key{}, fmt.Errorf("add a key: %w", err)
	}
	return plain, key, nil
}

// Keys lists the keys that are good for the site, the oldest first; those of all sites with AllSites.
func (a *Access) Keys(site schema.SiteID) ([]Key, error) {
	var keys []Key
	err := each(a, keyKind, func(_ string, key Key) error {
		if site == AllSites || key.Site == AllSites || key.Site == site {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(x, y Key) int {
		return cmp.Or(x.Created.Compare(y.Created), strings.Compare(x.Prefix, y.Prefix))
	})
	return keys, nil
}

// RevokeKey ends the key that is named by its prefix or given in full.
func (a *Access) RevokeKey(ctx context.Context, name string) (Key, error) {
	var found []string
	var revoked Key
	err := each(a, keyKind, func(id string, key Key) error {
		if key.Prefix == name || id == fingerprint(name) {
			found, revoked = append(found, id), key
		}
		return nil
	})
	if err != nil {
		return Key{}, err
	}
	switch len(found) {
	case 0:
		return Key{}, errors.New("there is no such key; list them: turf key list")
	case 1:
	default:
		return Key{}, fmt.Errorf("%d keys begin with %s; give the whole key", len(found), revoked.Prefix)
	}
	if err := a.records.Delete(ctx, keyKind, found[0]); err != nil {
		return Key{}, fmt.Errorf("revoke key %s: %w", revoked.Prefix, err)
	}
	return revoked, nil
}

// CheckKey counts a request of the key for the site and returns nil when it may be answered, ErrInvalidKey or a
// *LimitError.
func (a *Access) CheckKey(plain string, site schema.SiteID) error {
	id, key, err := a.keyOf(plain, ScopeStats)
	if err != nil {
		return err
	}
	if err := a.keys.take(id, a.now()); err != nil {
		return err
	}
	if site == AllSites || key.Site != AllSites && key.Site != site {
		return ErrInvalidKey
	}
	return nil
}

// KeySite is the only site that the key may read, or AllSites; false when there is no such key, or it may read none.
func (a *Access) KeySite(plain string) (schema.SiteID, bool, error) {
	var key Key
	ok, err := a.get(keyKind, fingerprint(plain), &key)
	return key.Site, ok && key.Scope == ScopeStats, err
}

// CheckIngestKey returns nil when the key lets its owner send events of the site, else ErrInvalidKey. It counts nothing: the
// collector has limits of its own.
func (a *Access) CheckIngestKey(plain string, site schema.SiteID) error {
	_, key, err := a.keyOf(plain, ScopeIngest)
	if err == nil && (site == AllSites || key.Site != AllSites && key.Site != site) {
		return ErrInvalidKey
	}
	return err
}

// CheckSitesKey counts a request of a key of ScopeSites and returns the only site that it may change, or AllSites. Errors:
// ErrInvalidKey, or a *LimitError.
func (a *Access) CheckSitesKey(plain string) (schema.SiteID, error) {
	return a.siteOf(plain, ScopeSites)
}

// CheckReadingKey is CheckSitesKey for a key of ScopeStats, and the only site that it may read.
func (a *Access) CheckReadingKey(plain string) (schema.SiteID, error) {
	return a.siteOf(plain, ScopeStats)
}

// siteOf counts a request of a key of the scope, and returns the only site that it is for.
func (a *Access) siteOf(plain string, scope Scope) (schema.SiteID, error) {
	id, key, err := a.keyOf(plain, scope)
	if err != nil {
		return 0, err
	}
	return key.Site, a.keys.take(id, a.now())
}

// keyOf finds the key, and the id of its document. ErrInvalidKey: there is none of that scope.
func (a *Access) keyOf(plain string, scope Scope) (id string, key Key, err error) {
	id = fingerprint(plain)
	ok, err := a.get(keyKind, id, &key)
	if err == nil && (!ok || key.Scope != scope) {
		err = ErrInvalidKey
	}
	return id, key, err
}
