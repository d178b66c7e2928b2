package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"turf/schema"
)

// Limits of share links.
const (
	MaxShares     = 100 // of a site
	shareBytes    = 18  // of a token: 144 bits
	shareNameSize = MaxKeyNameBytes
)

// shareKind is the kind of the documents of share links; see the package's table.
const shareKind = "share"

// Share is a link with which anybody can look at one site, and do nothing else. The token in it is told once.
type Share struct {
	Site    schema.SiteID `json:"site"`
	Name    string        `json:"name"` // no two links of a site share one
	Created time.Time     `json:"created"`
}

// ErrShareNotFound says that there is no link of a name.
var ErrShareNotFound = errors.New("there is no link of this name")

// InvalidShareError says why a link cannot be made.
type InvalidShareError struct{ Reason string }

// Error says why, and what to do.
func (e *InvalidShareError) Error() string { return e.Reason }

func invalidShare(format string, args ...any) error {
	return &InvalidShareError{fmt.Sprintf(format, args...)}
}

// AddShare makes a link to a site and returns its token, which cannot be found again. Mistakes are *InvalidShareError.
func (a *Access) AddShare(ctx context.Context, site schema.SiteID, name string) (token string, s Share, err error) {
	if name == "" || len(name) > shareNameSize || schema.CleanValue(name) != name {
		return "", Share{}, invalidShare("the name of a link has 1 to %d bytes, without control characters", shareNameSize)
	}
	shares, err := a.Shares(site)
	if err != nil {
		return "", Share{}, err
	}
	if len(shares) >= MaxShares {
		return "", Share{}, invalidShare("a site has at most %d links. Remove one first", MaxShares)
	}
	if slices.ContainsFunc(shares, func(s Share) bool { return s.Name == name }) {
		return "", Share{}, invalidShare("there is a link of this name already, and its address was told only once. Remove it first")
	}
	token = keyEncoding.EncodeToString(secret(shareBytes))
	s = Share{Site: site, Name: name, Created: a.now().UTC().Truncate(time.Second)}
	if err := a.put(ctx, shareKind, fingerprint(token), s); err != nil {
		return "", Share{}, fmt.Errorf("add a link: %w", err)
	}
	return token, s, nil
}

// Shares lists the links to a site, by their names.
func (a *Access) Shares(site schema.SiteID) ([]Share, error) {
	var shares []Share
	err := each(a, shareKind, func(_ string, s Share) error {
		if s.Site == site {
			shares = append(shares, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(shares, func(x, y Share) int { return strings.Compare(x.Name, y.Name) })
	return shares, nil
}

// RemoveShare ends the link of that name: who has it sees nothing more. Errors: ErrShareNotFound.
func (a *Access) RemoveShare(ctx context.Context, site schema.SiteID, name string) error {
	found := false
	err := a.deleteShares(ctx, func(s Share) bool {
		its := s.Site == site && s.Name == name
		found = found || its
		return its
	})
	if err == nil && !found {
		return ErrShareNotFound
	}
	return err
}

func (a *Access) deleteShares(ctx context.Context, gone func(Share) bool) error {
	return deleteEach(ctx, a, shareKind, gone, func(s Share) string { return "remove link " + s.Name })
}

// Share is the link of a token, or false when there is none.
func (a *Access) Share(token string) (Share, bool, error) {
	if token == "" {
		return Share{}, false, nil
	}
	var s Share
	ok, err := a.get(shareKind, fingerprint(token), &s)
	return s, ok, err
}
