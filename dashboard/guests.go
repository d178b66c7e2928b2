package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
)

// Paths of the page at which guests are invited, and follow an invitation.
const (
	pageGuestsPath = "/api/guests"
	invitationPath = "/api/invitation"
)

// MaxGuestBytes is the longest request of the page about guests.
const MaxGuestBytes = 8 << 10

// guestAnswer is a guest on the wire.
type guestAnswer struct {
	Email    string      `json:"email"`
	Role     access.Role `json:"role"`
	Accepted bool        `json:"accepted"` // has a password
	// Link is where the guest chooses a password. It is told once, to who invites, for nothing is sent; our own.
	Link string `json:"invitation_url,omitempty"`
	// Ends is until when; our own.
	Ends *time.Time `json:"invitation_ends,omitempty"`
}

func tellGuest(g *access.Guest) guestAnswer {
	return guestAnswer{Email: g.Name, Role: g.Role, Accepted: g.Accepted}
}

// guests are the guests of a site on the wire.
func (d *Dashboard) guests(site schema.SiteID) ([]guestAnswer, error) {
	guests, err := d.Access.Guests(site)
	if err != nil {
		return nil, err
	}
	all := []guestAnswer{}
	for i := range guests {
		all = append(all, tellGuest(&guests[i]))
	}
	return all, nil
}

// invite makes somebody a guest of a site. Nothing is sent to anybody: the link is in the answer.
func (d *Dashboard) invite(ctx context.Context, r *http.Request, site *schema.Site, email, roleText string) (guestAnswer, error) {
	name, host, _ := strings.Cut(strings.TrimSpace(email), "@")
	if name == "" || host == "" {
		return guestAnswer{}, &stats.InvalidError{Field: "email", Reason: "the email address of somebody is expected"}
	}
	role, err := access.ParseRole(roleText)
	if err != nil {
		return guestAnswer{}, err
	}
	token, guest, err := d.Access.Invite(ctx, site.ID, email, role)
	if err != nil {
		return guestAnswer{}, err
	}
	told := tellGuest(&guest)
	if token != "" {
		invitation, err := d.Access.Invitation(token)
		if err != nil {
			return guestAnswer{}, err
		}
		// What follows # stays in the browser: no server or proxy on the way writes it down.
		told.Link, told.Ends = origin(r)+"/#invitation="+token, &invitation.Ends
	}
	return told, nil
}

func (d *Dashboard) listGuests(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	all, err := d.guests(site.ID)
	if err != nil {
		return nil, err
	}
	guests, meta, err := page(p, all, func(g *guestAnswer) string { return g.Email })
	return map[string]any{"guests": guests, "meta": meta}, err
}

func (d *Dashboard) putGuest(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	return d.invite(p.ctx, p.r, &site, p.fields["email"], p.fields["role"])
}

func (d *Dashboard) deleteGuest(p *provisioning) (any, error) {
	if p.fields["site_id"] == "" {
		return d.deleteGuestAnywhere(p)
	}
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	return deleted, guestGone(d.Access.RemoveGuest(p.ctx, site.ID, p.fields["email"]))
}

// deleteGuestAnywhere removes a guest from the only site that the key is for, or the only one of which there is such a guest:
// Plausible's documentation shows the request without a site.
func (d *Dashboard) deleteGuestAnywhere(p *provisioning) (any, error) {
	sites, err := d.Access.GuestSites(p.fields["email"])
	if err != nil {
		return nil, err
	}
	var may []schema.SiteID
	for _, g := range sites {
		if p.only == access.AllSites || p.only == g.Site {
			may = append(may, g.Site)
		}
	}
	switch len(may) {
	case 0:
		return nil, guestGone(access.ErrGuestNotFound)
	case 1:
		return deleted, guestGone(d.Access.RemoveGuest(p.ctx, may[0], p.fields["email"]))
	}
	return nil, &stats.InvalidError{Field: "site_id", Reason: "is required: this is a guest of several sites"}
}

// guestGone makes an answer of an error.
func guestGone(err error) error {
	if errors.Is(err, access.ErrGuestNotFound) {
		return &httpError{http.StatusNotFound, "Guest could not be found."}
	}
	return err
}

// registerGuests adds what the page asks: who may look at a site, and what is behind the link of an invitation.
func (d *Dashboard) registerGuests(e *echo.Echo) {
	e.Any(pageGuestsPath, func(c echo.Context) error {
		c.Response().Header().Set("Allow", "DELETE, GET, POST")
		return d.answer(c, nil, &httpError{http.StatusMethodNotAllowed, "Only DELETE, GET and POST are answered here."})
	})
	for method, do := range map[string]endpoint{
		http.MethodGet: d.pageGuests, http.MethodPost: d.pageInvite, http.MethodDelete: d.pageRemoveGuest,
	} {
		e.Add(method, pageGuestsPath, func(c echo.Context) error {
			body, err := do(c.Response(), c.Request())
			return d.answer(c, body, mistake(err))
		})
	}
	d.route(e, http.MethodPost, invitationPath, func(w http.ResponseWriter, r *http.Request) (any, error) {
		body, err := d.followInvitation(w, r)
		return body, mistake(err)
	})
}

// errNotOwner answers who may look, and not say who else may.
var errNotOwner = &httpError{http.StatusForbidden, "Only who sees all sites says who may look at this one."}

// owned is the site that the page names, for who may say who else may look at it. A key is none: it has the Sites API.
func (d *Dashboard) owned(r *http.Request, domain string) (schema.Site, error) {
	v, err := d.viewer(r)
	if err != nil {
		return schema.Site{}, err
	}
	site, known := d.Sites.ByDomain(domain)
	_, may, err := d.roleOf(v, site.ID)
	switch {
	case err != nil:
		return schema.Site{}, err
	case !known || !may:
		return schema.Site{}, &httpError{http.StatusNotFound, "There is no site " + domain + " here."}
	case !v.ownsAll():
		return schema.Site{}, errNotOwner
	}
	return site, nil
}

// pageGuests lists who may look at a site: the users who see all, its guests, and the links to it by their names.
func (d *Dashboard) pageGuests(_ http.ResponseWriter, r *http.Request) (any, error) {
	site, err := d.owned(r, r.URL.Query().Get("site"))
	if err != nil {
		return nil, err
	}
	told := struct {
		Users  []string      `json:"users"`
		Guests []guestAnswer `json:"guests"`
		Links  []string      `json:"links"`
	}{Users: []string{}, Links: []string{}}
	users, err := d.Access.Users()
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if !u.Guest {
			told.Users = append(told.Users, u.Name)
		}
	}
	shares, err := d.Access.Shares(site.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range shares {
		told.Links = append(told.Links, s.Name)
	}
	told.Guests, err = d.guests(site.ID)
	return told, err
}

// guestRequest is what the page sends about a guest.
type guestRequest struct {
	Site  string `json:"site"`
	Email string `json:"email"`
	Role  string `json:"role"`
}

// readGuest reads what the page sends, and finds the site.
func (d *Dashboard) readGuest(w http.ResponseWriter, r *http.Request) (in guestRequest, site schema.Site, err error) {
	body, err := readBody(w, r, MaxGuestBytes)
	if err != nil {
		return in, site, err
	}
	broken := json.Unmarshal(body, &in)
	if site, err = d.owned(r, in.Site); err == nil && broken != nil {
		err = &httpError{http.StatusBadRequest, `Send {"site": "…", "email": "…"}.`}
	}
	return in, site, err
}

func (d *Dashboard) pageInvite(w http.ResponseWriter, r *http.Request) (any, error) {
	in, site, err := d.readGuest(w, r)
	if err != nil {
		return nil, err
	}
	return d.invite(r.Context(), r, &site, in.Email, in.Role)
}

func (d *Dashboard) pageRemoveGuest(w http.ResponseWriter, r *http.Request) (any, error) {
	in, site, err := d.readGuest(w, r)
	if err != nil {
		return nil, err
	}
	return deleted, guestGone(d.Access.RemoveGuest(r.Context(), site.ID, in.Email))
}

// followInvitation says whose an invitation is; with a password it makes that the guest's, and signs in.
func (d *Dashboard) followInvitation(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := d.crossOrigin.Check(r); err != nil {
		return nil, errOtherOrigin
	}
	body, err := readBody(w, r, MaxLoginBytes)
	if err != nil {
		return nil, err
	}
	var in struct {
		Token    string  `json:"token"`
		Password *string `json:"password"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &httpError{http.StatusBadRequest, `Send {"token": "…", "password": "…"}.`}
	}
	gone := func(err error) error {
		if errors.Is(err, access.ErrInvitation) {
			return &httpError{http.StatusNotFound, "This invitation is over, or was followed already. Sign in, or ask for a new one."}
		}
		return err
	}
	if in.Password == nil {
		invitation, err := d.Access.Invitation(in.Token)
		return map[string]string{"user": invitation.Name}, gone(err)
	}
	answer, err := d.signIn(w, r, in.Token, *in.Password, d.Access.Accept)
	return answer, gone(err)
}
