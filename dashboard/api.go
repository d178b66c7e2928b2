package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"turf/dashboard/access"
	"turf/dashboard/stats"
	"turf/schema"
)

// Limits of requests.
const (
	// QuestionTimeout is how long a question may take.
	QuestionTimeout = 30 * time.Second
	// LoginTimeout is how long signing in may wait for its turn; see access.MaxHashing.
	LoginTimeout  = 10 * time.Second
	MaxLoginBytes = 8 << 10
)

// query answers a question.
func (d *Dashboard) query(w http.ResponseWriter, r *http.Request) (any, error) {
	body, err := readBody(w, r, stats.MaxBodyBytes)
	if err != nil {
		return nil, err
	}
	q, err := stats.Parse(body)
	sites, err := d.readsAll(w, r, q, err)
	if err != nil {
		return nil, err
	}
	q.Include.Explain = q.Include.Explain || r.URL.Query().Get("explain") == "1"
	ctx, cancel := context.WithTimeout(r.Context(), QuestionTimeout)
	defer cancel()
	return d.Stats.AnswerSites(ctx, sites, q)
}

// readsAll is reads for each site of a question, which has several with commas between. q is nil where it could not be read.
func (d *Dashboard) readsAll(w http.ResponseWriter, r *http.Request, q *stats.Query, broken error) ([]schema.Site, error) {
	domains := []string{""}
	if broken == nil {
		domains = strings.Split(q.Site, ",")
	}
	if len(domains) > stats.MaxSites {
		domains = domains[:1]
		broken = &stats.InvalidError{Field: "site_id", Reason: fmt.Sprintf("at most %d sites can be added up", stats.MaxSites)}
	}
	var sites []schema.Site
	for _, domain := range domains {
		site, err := d.reads(w, r, strings.TrimSpace(domain), broken)
		if err != nil {
			return nil, err
		}
		sites = append(sites, site)
	}
	return sites, nil
}

// realtime answers with a bare number.
func (d *Dashboard) realtime(w http.ResponseWriter, r *http.Request) (any, error) {
	site, err := d.readsNamed(w, r)
	if err != nil {
		return nil, err
	}
	return d.Active(site.ID), nil
}

// me says who is looking, and what the page has to know besides.
func (d *Dashboard) me(_ http.ResponseWriter, r *http.Request) (any, error) {
	v, err := d.viewer(r)
	if err != nil {
		return nil, err
	}
	return struct {
		Open      bool   `json:"open,omitempty"`
		User      string `json:"user,omitempty"`
		Guest     bool   `json:"guest,omitempty"`  // of some sites
		Shared    bool   `json:"shared,omitempty"` // by a link to one site
		PlaceNote string `json:"place_note,omitempty"`
	}{v.open, v.user, v.guest, v.shared != 0, d.PlaceNote}, nil
}

// sites lists what the viewer may look at.
func (d *Dashboard) sites(_ http.ResponseWriter, r *http.Request) (any, error) {
	v, err := d.viewer(r)
	if err != nil {
		return nil, err
	}
	type site struct {
		Site     string      `json:"site"`
		Timezone string      `json:"timezone"`
		Role     access.Role `json:"role,omitempty"` // of a guest
		// Former are names that the site had, by which bookmarks go on to find it.
		Former []string `json:"former_names,omitempty"`
		Goals  int      `json:"goals,omitempty"`
		// Funnels are the names of the site's funnels.
		Funnels []string `json:"funnels,omitempty"`
		// Segments are the names of the site's segments.
		Segments []string `json:"segments,omitempty"`
		Buttons  int      `json:"buttons,omitempty"` // how many are declared
	}
	sites := []site{}
	for _, s := range d.Sites.List() {
		role, may, err := d.roleOf(v, s.ID)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		told := site{
			Site: s.Domain, Timezone: s.Timezone, Role: role, Former: s.Former, Goals: len(s.Goals), Funnels: funnelNames(&s),
			Segments: segmentNames(&s),
		}
		if s.Settings != nil {
			told.Buttons = len(s.Settings.Buttons)
		}
		sites = append(sites, told)
	}
	return sites, nil
}

// combinations says what can be asked for together, so that the page can tell before somebody asks.
func (d *Dashboard) combinations(_ http.ResponseWriter, r *http.Request) (any, error) {
	if _, err := d.viewer(r); err != nil {
		return nil, err
	}
	return stats.Combinations(), nil
}

// login opens a session and gives the browser its cookie.
func (d *Dashboard) login(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := d.crossOrigin.Check(r); err != nil {
		return nil, errOtherOrigin
	}
	body, err := readBody(w, r, MaxLoginBytes)
	if err != nil {
		return nil, err
	}
	var in struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &httpError{http.StatusBadRequest, `Send {"name": "…", "password": "…"}.`}
	}
	return d.signIn(w, r, in.Name, in.Password, d.Access.Login)
}

// signIn opens a session by login or an invitation, whose name or token is what is given, and gives the browser its cookie.
func (d *Dashboard) signIn(
	w http.ResponseWriter, r *http.Request, given, password string,
	open func(ctx context.Context, given, password string, from netip.Addr) (string, access.Session, error),
) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), LoginTimeout)
	defer cancel()
	token, session, err := open(ctx, given, password, d.ClientAddr(r))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &httpError{http.StatusServiceUnavailable, "Too many people sign in at once. Try again in a moment."}
	}
	if err != nil {
		return nil, err
	}
	http.SetCookie(w, newCookie(r, token, session.Ends))
	return map[string]string{"user": session.User}, nil
}

// logout ends the session. That there is none is no error.
func (d *Dashboard) logout(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := d.crossOrigin.Check(r); err != nil {
		return nil, errOtherOrigin
	}
	if err := d.Access.Logout(r.Context(), token(r)); err != nil {
		return nil, err
	}
	http.SetCookie(w, newCookie(r, "", time.Unix(1, 0)))
	return map[string]bool{"ok": true}, nil
}
