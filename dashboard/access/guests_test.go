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

// A guest goes through invitation, password, roles and removal; who sees all sites is none.
func TestGuest(t *testing.T) {
	a, m, c := open(t, 0)
	must(t, a.AddUser(t.Context(), "ada", password))
	token := invite(t, a, 1, " Bob@Example.org ", RoleViewer)
	if strings.Contains(m.text(), token) {
		t.Error("the token is stored")
	}
	if again := invite(t, a, 1, "bob@example.org", RoleViewer); again != "" {
		t.Error("a second link is told while the first holds")
	}
	wantGuests(t, a, 1, "bob@example.org viewer false")
	invite(t, a, 1, "bob@example.org", RoleEditor)
	wantGuests(t, a, 1, "bob@example.org editor false")
	for _, name := range []string{"", "ada lovelace", "a/b@example.org", ".x@example.org", strings.Repeat("x", 101), "ada"} {
		var invalid *InvalidGuestError
		if _, _, err := a.Invite(t.Context(), 1, name, RoleViewer); !errors.As(err, &invalid) || invalid.Field != "email" {
			t.Errorf("%q: %v", name, err)
		}
	}

	_, session, err := a.Accept(t.Context(), token, password, home)
	must(t, err)
	if !session.Guest || session.User != "bob@example.org" {
		t.Errorf("session %+v", session)
	}
	wantGuests(t, a, 1, "bob@example.org editor true")
	if m.count(invitationKind) != 0 {
		t.Error("the invitation stays")
	}
	if token := invite(t, a, 2, "bob@example.org", RoleViewer); token != "" {
		t.Error("who has a password gets a link")
	}
	for site, want := range map[schema.SiteID]Role{1: RoleEditor, 2: RoleViewer, 3: "", 12: ""} {
		if role, ok, err := a.GuestRole("bob@example.org", site); role != want || ok != (want != "") || err != nil {
			t.Errorf("site %d: %q, %v, %v", site, role, ok, err)
		}
	}

	must(t, a.RemoveGuest(t.Context(), 1, "BOB@example.org"))
	if err := a.RemoveGuest(t.Context(), 1, "bob@example.org"); !errors.Is(err, ErrGuestNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	wantGuests(t, a, 1)
	wantGuests(t, a, 2, "bob@example.org viewer true")

	// An invitation holds for a while, and then there is another.
	first := invite(t, a, 1, "carl@example.org", RoleViewer)
	c.pass(InvitationLifetime - time.Second)
	_, err = a.Invitation(first)
	must(t, err)
	c.pass(time.Second)
	if _, _, err := a.Accept(t.Context(), first, password, home); !errors.Is(err, ErrInvitation) {
		t.Errorf("too late: %v", err)
	}
	if second := invite(t, a, 1, "carl@example.org", RoleViewer); second == "" || second == first || m.count(invitationKind) != 1 {
		t.Errorf("after its time: %q, %d invitations", second, m.count(invitationKind))
	}
}

// Whoever gets a password stays what he is: a guest by invitation a guest, and nobody a guest who was not invited first.
func TestPasswordsShowNoMore(t *testing.T) {
	a, m, _ := open(t, 0)
	token := invite(t, a, 1, "bob@example.org", RoleViewer)
	if a.HasUsers() {
		t.Error("an invitation is a reason to ask everybody for a password")
	}
	left, _ := m.Get(invitationKind, fingerprint(token))
	must(t, a.AddUser(t.Context(), "bob@example.org", password))
	must(t, m.Put(t.Context(), invitationKind, fingerprint(token), left)) // as if the process was killed before it was deleted
	if _, err := a.Invitation(token); !errors.Is(err, ErrInvitation) {
		t.Errorf("a link chooses the password of who has one: %v", err)
	}
	for range 2 {
		_, session, err := a.Login(t.Context(), "Bob@example.org", password, home)
		must(t, err)
		if !session.Guest || a.HasUsers() {
			t.Error("a guest became a user of all sites")
		}
		must(t, a.RemoveGuest(t.Context(), 1, "bob@example.org")) // also without any site
		must(t, a.AddUser(t.Context(), "bob@example.org", password))
		invite(t, a, 1, "bob@example.org", RoleViewer)
	}
	must(t, a.RemoveUser(t.Context(), "bob@example.org"))
	if m.count(guestKind)+m.count(userKind)+m.count(sessionKind) != 0 || a.RemoveUser(t.Context(), "bob@example.org") == nil {
		t.Errorf("a user who was removed left something: %s", m.text())
	}
	token = invite(t, a, 1, "bob@example.org", RoleViewer)
	must(t, a.RemoveUser(t.Context(), "bob@example.org")) // who was only invited
	if _, err := a.Invitation(token); !errors.Is(err, ErrInvitation) || m.count(invitationKind) != 0 {
		t.Errorf("the invitation of a user who was removed: %v", err)
	}
	must(t, a.AddUser(t.Context(), "bob@example.org", password))
	if _, session, err := a.Login(t.Context(), "bob@example.org", password, home); err != nil || session.Guest || !a.HasUsers() {
		t.Errorf("a user who was never invited: %+v, %v", session, err)
	}
}

// A site has MaxGuests at the most, and of many who follow one link at once one gets in.
func TestGuestLimits(t *testing.T) {
	a, _, _ := open(t, 0)
	for i := range MaxGuests {
		invite(t, a, 1, fmt.Sprintf("g%03d@example.org", i), RoleViewer)
	}
	if _, _, err := a.Invite(t.Context(), 1, "one@example.org", RoleViewer); err == nil {
		t.Error("one too many")
	}
	invite(t, a, 1, "g007@example.org", RoleEditor) // is there already
	token := invite(t, a, 2, "one@example.org", RoleViewer)
	var passed atomic.Int64
	var group sync.WaitGroup
	for i := range LoginTries {
		group.Go(func() {
			if _, _, err := a.Accept(t.Context(), token, password+fmt.Sprint(i), home); err == nil {
				passed.Add(1)
			}
		})
	}
	group.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d followed one invitation", passed.Load())
	}
	for range LoginTries + 1 {
		_, _, _ = a.Accept(t.Context(), "x", password, home)
	}
	var limit *LimitError
	if _, _, err := a.Accept(t.Context(), "x", password, home); !errors.As(err, &limit) {
		t.Errorf("tries have no end: %v", err)
	}
}

// With a site goes who might look at it: nobody's address stays.
func TestRemoveSiteForgetsGuests(t *testing.T) {
	a, m, _ := open(t, 0)
	for _, site := range []schema.SiteID{1, 11} {
		invite(t, a, site, "bob@example.org", RoleViewer)
		_, _, err := a.AddShare(t.Context(), site, "board")
		must(t, err)
	}
	must(t, a.RemoveSite(t.Context(), 1))
	wantGuests(t, a, 1)
	wantGuests(t, a, 11, "bob@example.org viewer false")
	if m.count(invitationKind) != 1 || m.count(shareKind) != 1 {
		t.Errorf("%d invitations and %d links of 1", m.count(invitationKind), m.count(shareKind))
	}
}

// Documents that cannot be read let nobody in, and what cannot be written makes nobody a guest.
func TestDamagedGuest(t *testing.T) {
	a, m, _ := open(t, 0)
	token := invite(t, a, 1, "bob@example.org", RoleViewer)
	m.fails = errors.New("away")
	if _, _, err := a.Invite(t.Context(), 1, "x@example.org", RoleViewer); !errors.Is(err, m.fails) {
		t.Errorf("invite: %v", err)
	}
	if _, _, err := a.Accept(t.Context(), token, password, home); !errors.Is(err, m.fails) {
		t.Errorf("accept: %v", err)
	}
	if err := a.RemoveGuest(t.Context(), 1, "bob@example.org"); !errors.Is(err, m.fails) {
		t.Errorf("remove: %v", err)
	}
	m.fails = nil
	must(t, m.Put(t.Context(), userKind, "damaged", []byte("{")))
	if !a.HasUsers() {
		t.Error("a damaged user is a reason to ask for no password")
	}
	must(t, m.Put(t.Context(), guestKind, guestID(1, "bob@example.org"), []byte("{")))
	if _, ok, err := a.GuestRole("bob@example.org", 1); ok || err == nil {
		t.Errorf("role: %v, %v", ok, err)
	}
	if _, err := a.Guests(1); err == nil {
		t.Error("list: no error")
	}
}

func invite(t *testing.T, a *Access, site schema.SiteID, name string, role Role) string {
	t.Helper()
	token, g, err := a.Invite(t.Context(), site, name, role)
	must(t, err)
	if g.Role != role || g.Created.IsZero() {
		t.Errorf("guest %+v", g)
	}
	return token
}

// wantGuests are those of a site, as "name role accepted".
func wantGuests(t *testing.T, a *Access, site schema.SiteID, want ...string) {
	t.Helper()
	guests, err := a.Guests(site)
	must(t, err)
	var got []string
	for _, g := range guests {
		got = append(got, fmt.Sprintf("%s %s %v", g.Name, g.Role, g.Accepted))
	}
	if !slices.Equal(got, want) {
		t.Errorf("guests of site %d: %v, want %v", site, got, want)
	}
}
