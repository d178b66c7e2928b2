package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// Limits of guests.
const (
	MaxGuests = 100 // of a site
	// InvitationLifetime is how long a link can be followed with which a guest chooses a password.
	InvitationLifetime = 7 * 24 * time.Hour
	invitationBytes    = 24 // of a token: 192 bits
)

// Kinds of the documents of guests; see the package's table.
const (
	guestKind      = "guest"
	invitationKind = "invitation"
)

// Role is what a guest may do with a site.
type Role string

// The roles.
const (
	RoleViewer Role = "viewer" // looks at it
	RoleEditor Role = "editor" // also changes what its pages let one change
)

// ParseRole reads a role. Its error is an *InvalidGuestError.
func ParseRole(text string) (Role, error) {
	if r := Role(text); r == RoleViewer || r == RoleEditor {
		return r, nil
	}
	return "", invalidGuest("role", "it is viewer or editor")
}

// Guest is somebody who may look at a site, and at no other unless invited there too.
type Guest struct {
	Site    schema.SiteID `json:"site"`
	Name    string        `json:"name"` // with which the guest signs in: an email address, in lower case
	Role    Role          `json:"role"`
	Created time.Time     `json:"created"`
	// Accepted says that the guest has a password. It is reckoned, not stored.
	Accepted bool `json:"-"`
}

// Invitation is what lets whoever has its token choose the password of a guest who has none.
type Invitation struct {
	Site schema.SiteID `json:"site"`
	Name string        `json:"name"`
	Ends time.Time     `json:"ends"`
}

// ErrGuestNotFound says that a site has no guest of a name.
var ErrGuestNotFound = errors.New("there is no guest of this name")

// ErrInvitation says that an invitation is over, was followed already, or never was.
var ErrInvitation = errors.New("the invitation is not valid, or not any more")

// InvalidGuestError says why somebody cannot be made a guest.
type InvalidGuestError struct{ Field, Reason string }

// Error names the field and what is wrong with it.
func (e *InvalidGuestError) Error() string { return e.Field + ": " + e.Reason }

func invalidGuest(field, format string, args ...any) error {
	return &InvalidGuestError{field, fmt.Sprintf(format, args...)}
}

// cleanName is the name of a guest as it is stored: an email address in lower case, for people write theirs in many ways.
func cleanName(name string) string {
	if name = strings.TrimSpace(name); strings.Contains(name, "@") {
		return strings.ToLower(name)
	}
	return name
}

// guestID is the id of the document that lets somebody look at a site.
func guestID(site schema.SiteID, name string) string {
	return strconv.FormatUint(uint64(site), 10) + "/" + name
}

// Invite makes somebody a guest of a site, or gives a guest another role. The token is for the link with which the guest chooses a
// password, and cannot be found again; it is "" where that is not needed, or was told before and can still be used. Mistakes are
// *InvalidGuestError.
func (a *Access) Invite(ctx context.Context, site schema.SiteID, name string, role Role) (token string, g Guest, err error) {
	name = cleanName(name)
	if !userPattern.MatchString(name) {
		return "", Guest{}, invalidGuest("email", "%q cannot be somebody's name here", name)
	}
	a.guests.Lock() // so that the limit holds, and one link is made
	defer a.guests.Unlock()
	var user User
	known, err := a.get(userKind, name, &user)
	if err != nil {
		return "", Guest{}, err
	}
	if known && !user.Guest {
		return "", Guest{}, invalidGuest("email", "%s sees all sites already", name)
	}
	if g, err = a.putGuest(ctx, Guest{Site: site, Name: name, Role: role, Accepted: known}); err != nil || known {
		return "", g, err
	}
	if pending, err := a.pending(site, name); err != nil || pending {
		return "", g, err
	}
	if err := a.endInvitations(ctx, func(i Invitation) bool { return i.Name == name && i.Site == site }); err != nil {
		return "", g, err
	}
	token = keyEncoding.EncodeToString(secret(invitationBytes))
	invitation := Invitation{Site: site, Name: name, Ends: a.now().UTC().Add(InvitationLifetime).Truncate(time.Second)}
	if err := a.put(ctx, invitationKind, fingerprint(token), invitation); err != nil {
		return "", g, fmt.Errorf("invite %s: %w", name, err)
	}
	return token, g, nil
}

// putGuest writes a guest, unless there is just that one.
func (a *Access) putGuest(ctx context.Context, g Guest) (Guest, error) {
	var old Guest
	there, err := a.get(guestKind, guestID(g.Site, g.Name), &old)
	if err != nil || there && old.Role == g.Role {
		old.Accepted = g.Accepted
		return old, err
	}
	g.Created = old.Created
	if !there {
		guests, err := a.Guests(g.Site)
		if err != nil {
			return g, err
		}
		if len(guests) >= MaxGuests {
			return g, invalidGuest("email", "a site has at most %d guests. Remove one first", MaxGuests)
		}
		g.Created = a.now().UTC().Truncate(time.Second)
	}
	if err := a.put(ctx, guestKind, guestID(g.Site, g.Name), g); err != nil {
		return g, fmt.Errorf("invite %s: %w", g.Name, err)
	}
	return g, nil
}

// pending reports whether there is an invitation that can be followed.
func (a *Access) pending(site schema.SiteID, name string) (found bool, err error) {
	err = each(a, invitationKind, func(_ string, i Invitation) error {
		found = found || i.Site == site && i.Name == name && a.now().Before(i.Ends)
		return nil
	})
	return found, err
}

// endInvitations ends those for a reason, and all that are over.
func (a *Access) endInvitations(ctx context.Context, over func(Invitation) bool) error {
	gone := func(i Invitation) bool { return over(i) || !a.now().Before(i.Ends) }
	return deleteEach(ctx, a, invitationKind, gone, func(i Invitation) string { return "end an invitation of " + i.Name })
}

// Guests lists the guests of a site, by their names.
func (a *Access) Guests(site schema.SiteID) ([]Guest, error) {
	var guests []Guest
	err := each(a, guestKind, func(_ string, g Guest) error {
		if g.Site == site {
			_, g.Accepted = a.records.Get(userKind, g.Name)
			guests = append(guests, g)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(guests, func(x, y Guest) int { return strings.Compare(x.Name, y.Name) })
	return guests, nil
}

// GuestRole is what a guest may do with a site; false: not even look at it.
func (a *Access) GuestRole(name string, site schema.SiteID) (Role, bool, error) {
	var g Guest
	ok, err := a.get(guestKind, guestID(site, name), &g)
	return g.Role, ok, err
}

// RemoveGuest lets a guest look at the site no more, at once. The guest's password stays, for other sites. Errors: ErrGuestNotFound.
func (a *Access) RemoveGuest(ctx context.Context, site schema.SiteID, name string) error {
	name = cleanName(name)
	a.guests.Lock()
	defer a.guests.Unlock()
	id := guestID(site, name)
	if _, ok := a.records.Get(guestKind, id); !ok {
		return ErrGuestNotFound
	}
	if err := a.records.Delete(ctx, guestKind, id); err != nil {
		return fmt.Errorf("remove guest %s: %w", name, err)
	}
	return a.endInvitations(ctx, func(i Invitation) bool { return i.Name == name && i.Site == site })
}

// Invitation is what a token is for, or ErrInvitation. A guest who has a password has no invitation.
func (a *Access) Invitation(token string) (Invitation, error) {
	var i Invitation
	ok, err := a.get(invitationKind, fingerprint(token), &i)
	if err != nil {
		return Invitation{}, err
	}
	_, isUser := a.records.Get(userKind, i.Name)
	_, isGuest := a.records.Get(guestKind, guestID(i.Site, i.Name))
	if !ok || isUser || !isGuest || !a.now().Before(i.Ends) {
		return Invitation{}, ErrInvitation
	}
	return i, nil
}

// Accept gives a guest the password and opens a session, as Login does. The invitation is then over. Errors: ErrInvitation, an
// *InvalidGuestError of the password, or a *LimitError.
func (a *Access) Accept(ctx context.Context, token, password string, from netip.Addr) (string, Session, error) {
	if err := a.logins.take(loginAddress(from), a.now()); err != nil {
		return "", Session{}, err
	}
	if _, err := a.Invitation(token); err != nil {
		return "", Session{}, err
	}
	if err := checkPassword(password); err != nil {
		return "", Session{}, invalidGuest("password", "%s", err)
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return "", Session{}, err
	}
	user, err := a.accept(ctx, token, hash)
	if err != nil {
		return "", Session{}, err
	}
	a.logins.clear(loginAddress(from))
	return a.openSession(ctx, user)
}

// accept makes the user of an invitation. Of several at once one does.
func (a *Access) accept(ctx context.Context, token, hash string) (User, error) {
	a.guests.Lock()
	defer a.guests.Unlock()
	i, err := a.Invitation(token) // somebody else may have followed it meanwhile
	if err != nil {
		return User{}, err
	}
	user := User{Name: i.Name, Hash: hash, Guest: true, Created: a.now().UTC().Truncate(time.Second)}
	if err := a.put(ctx, userKind, user.Name, user); err != nil {
		return User{}, fmt.Errorf("add guest %s: %w", user.Name, err)
	}
	return user, a.endInvitations(ctx, func(i Invitation) bool { return i.Name == user.Name })
}

// isGuest reports whether a user sees only the sites where somebody made a guest of the name: that is decided before there is a
// password, so that giving one never shows more.
func (a *Access) isGuest(name string) (guest bool, err error) {
	var user User
	if known, err := a.get(userKind, name, &user); known && err == nil { // a damaged one is written anew
		return user.Guest, nil
	}
	err = each(a, guestKind, func(_ string, g Guest) error {
		guest = guest || g.Name == name
		return nil
	})
	return guest, err
}

// Users lists the users, by their names.
func (a *Access) Users() ([]User, error) {
	var users []User
	err := each(a, userKind, func(_ string, u User) error {
		users = append(users, u)
		return nil
	})
	slices.SortFunc(users, func(x, y User) int { return cmp.Compare(x.Name, y.Name) })
	return users, err
}

// GuestSites are the sites that a guest may look at, by their numbers.
func (a *Access) GuestSites(name string) ([]Guest, error) {
	name = cleanName(name)
	var sites []Guest
	err := each(a, guestKind, func(_ string, g Guest) error {
		if g.Name == name {
			sites = append(sites, g)
		}
		return nil
	})
	slices.SortFunc(sites, func(x, y Guest) int { return cmp.Compare(x.Site, y.Site) })
	return sites, err
}

// RemoveUser ends a user: the sessions, and all that was open to a guest, also one who was only invited.
func (a *Access) RemoveUser(ctx context.Context, name string) error {
	a.guests.Lock()
	defer a.guests.Unlock()
	_, known := a.records.Get(userKind, name)
	invited, err := a.isGuest(name)
	if err != nil {
		return fmt.Errorf("remove user %s: %w", name, err)
	}
	if !known && !invited {
		return fmt.Errorf("there is no user %s", name)
	}
	if err := a.records.Delete(ctx, userKind, name); err != nil {
		return fmt.Errorf("remove user %s: %w", name, err)
	}
	if err := a.deleteGuests(ctx, func(g Guest) bool { return g.Name == name }); err != nil {
		return err
	}
	if err := a.endInvitations(ctx, func(i Invitation) bool { return i.Name == name }); err != nil {
		return err
	}
	return a.endSessions(ctx, func(s Session) bool { return s.User == name })
}

// RemoveSite forgets who might look at a site that is removed: guests, invitations and links.
func (a *Access) RemoveSite(ctx context.Context, site schema.SiteID) error {
	a.guests.Lock()
	defer a.guests.Unlock()
	if err := a.deleteGuests(ctx, func(g Guest) bool { return g.Site == site }); err != nil {
		return err
	}
	if err := a.endInvitations(ctx, func(i Invitation) bool { return i.Site == site }); err != nil {
		return err
	}
	return a.deleteShares(ctx, func(s Share) bool { return s.Site == site })
}

func (a *Access) deleteGuests(ctx context.Context, gone func(Guest) bool) error {
	return deleteEach(ctx, a, guestKind, gone, func(g Guest) string { return "remove guest " + g.Name })
}
