package consent

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"turf/schema"
)

const configMaxAge = "public, max-age=300"

// getConfig tells a site's script what to ask. It is the same for everybody.
func (s *Server) getConfig(ec echo.Context) error {
	site, err := s.siteOf(ec.QueryParam("site"))
	if err != nil {
		return err
	}
	ec.Response().Header().Set("Cache-Control", configMaxAge)
	return ec.JSON(http.StatusOK, s.ledger.config(&site, ec.QueryParam("lang")))
}

// publicConfig is what getConfig answers.
type publicConfig struct {
	Site         string            `json:"site"`
	Enabled      bool              `json:"enabled"`
	Manager      string            `json:"manager,omitempty"`
	WeakProof    bool              `json:"weak_proof,omitempty"`
	GPC          string            `json:"gpc,omitempty"`
	NoticeID     string            `json:"notice_id,omitempty"`
	Version      int               `json:"version,omitempty"`
	Lang         string            `json:"lang,omitempty"`
	Texts        map[string]string `json:"texts,omitempty"`
	Purposes     []publicPurpose   `json:"purposes,omitempty"`
	ValidDays    int               `json:"valid_days,omitempty"`
	AskAfterDays int               `json:"ask_after_days,omitempty"`
	Nonce        string            `json:"nonce,omitempty"`
	TCF          *publicTCF        `json:"tcf,omitempty"`
	Endpoints    map[string]string `json:"endpoints,omitempty"`
}

type publicPurpose struct {
	ID            string   `json:"id"`
	Version       int      `json:"version"`
	Text          string   `json:"text"`
	Data          []string `json:"data"`
	RetentionDays int      `json:"retention_days"`
}

type publicTCF struct {
	Mode   string `json:"mode"`
	Vendor int    `json:"vendor"`
}

// config is what a site's script needs to ask for consent, in a language or the notice's own first one.
func (l *Ledger) config(site *schema.Site, lang string) *publicConfig {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, now := l.st.site(site.ID), l.cfg.Now()
	n := st.current(now)
	if !st.settings.active() || n == nil {
		return &publicConfig{Site: site.Domain}
	}
	lang, text := n.Notice.text(lang)
	c := &publicConfig{
		Site: site.Domain, Enabled: true, Manager: st.settings.Manager, WeakProof: st.settings.WeakProof, GPC: "deny",
		NoticeID: n.ID, Version: n.Notice.Version, Lang: lang,
		Texts: map[string]string{
			"title": text.Title, "body": text.Body, "accept": text.Accept, "reject": text.Reject, "save": text.Save,
			"privacy": text.Privacy,
		},
		ValidDays: st.settings.validDays(), AskAfterDays: days(0, defaultAskMonths),
		Nonce: l.keys.Load().nonce(site.ID, n.ID, lang, now),
		TCF:   &publicTCF{"publisher", st.settings.TCFVendor},
		Endpoints: map[string]string{
			"events": "/v1/consent/events", "withdraw": "/v1/consent/withdraw", "state": "/v1/consent/state",
			"collect": "/v1/x/events", "identify": "/v1/x/identify",
		},
	}
	if c.Manager == "" {
		c.Manager = "auto"
	}
	if st.settings.ExplicitOverGPC {
		c.GPC = "explicit"
	}
	if c.TCF.Vendor != 0 {
		c.TCF.Mode = "vendor"
	}
	for _, at := range n.Notice.Purposes {
		id, version, _ := splitPurpose(at)
		if p := st.purpose(id, version); p != nil {
			c.Purposes = append(c.Purposes, publicPurpose{id, version, text.Purposes[id], p.Data, p.RetentionDays})
		}
	}
	return c
}

// purpose finds a version of a purpose, or nil.
func (s *siteState) purpose(id string, version int) *Purpose {
	for i := range s.purposes {
		if p := &s.purposes[i]; p.ID == id && p.Version == version {
			return p
		}
	}
	return nil
}

// postChoice takes a choice.
func (s *Server) postChoice(ec echo.Context) error {
	text, err := readBody(ec, maxChoiceBytes)
	if err != nil {
		return err
	}
	var c choice
	if err := parse(text, &c); err != nil {
		return err
	}
	site, err := s.siteOf(c.Site)
	if err != nil {
		return err
	}
	c.GPC = c.GPC || sendsGPC(ec)
	page := ""
	if c.Page != "" {
		_, page, _ = s.cfg.Describer.CleanPage(&site, c.Page)
	}
	once := ec.Request().Header.Get(idempotencyKey)
	g, err := s.answers.once(site.ID, once, text, s.ledger.cfg.Now(), func() (*granted, error) {
		return s.ledger.choose(&site, &c, page)
	})
	switch {
	case err != nil:
		return err
	case g == nil:
		return answer(ec, http.StatusAccepted, map[string]string{"state": "COUNTED"})
	case g.state == Withdrawn:
		s.ledger.count(&site, c.NoticeID, countWithdrawn, g.now)
		return answer(ec, http.StatusOK, map[string]any{"state": Withdrawn, "server_time": g.now.UnixMilli()})
	}
	return answer(ec, g.status(), g.answer())
}

func (g *granted) status() int {
	if g.logged {
		return http.StatusCreated
	}
	return http.StatusOK
}

func (g *granted) answer() map[string]any {
	out := map[string]any{
		"cid": g.cid, "record_id": g.record, "state": g.state, "purposes": g.purposes,
		"valid_until": g.until, "storage": g.storage, "token": g.token, "token_expires": g.expires,
		"receipt": "/v1/consent/receipt/" + g.record, "checkpoint": string(g.signed), "server_time": g.now.UnixMilli(),
	}
	if g.event != nil {
		out["event_id"] = g.event.EventID
	}
	return out
}

// sendsGPC reports whether the browser sends Global Privacy Control.
func sendsGPC(ec echo.Context) bool { return ec.Request().Header.Get("Sec-Gpc") == "1" }

// named is a body or query that names a subject.
type named struct {
	Site  string `json:"site"`
	CID   string `json:"cid"`
	Token string `json:"token"`
	Erase *bool  `json:"erase"`
}

// subjectOf finds whom a request is about: by its token, or by a cid, which only the subject's browser knows.
func (s *Server) subjectOf(ec echo.Context, n named) (subjectKey, error) {
	t, byToken, err := s.bearer(ec, n.Token)
	if err != nil {
		return subjectKey{}, err
	}
	if byToken {
		return t.key, nil
	}
	cid, ok := parseCID(n.CID)
	site, known := s.cfg.Sites(strings.ToLower(n.Site))
	if !ok || !known {
		return subjectKey{}, malformed("site and cid, or a token, are required")
	}
	return subjectKey{site.ID, s.ledger.keys.Load().ref(site.ID, cid)}, nil
}

// postWithdraw ends a consent before it answers.
func (s *Server) postWithdraw(ec echo.Context) error {
	text, err := readBody(ec, maxSmallBytes)
	if err != nil {
		return err
	}
	var n named
	if len(text) > 0 {
		if err := parse(text, &n); err != nil {
			return err
		}
	}
	key, err := s.subjectOf(ec, n)
	if err != nil {
		return err
	}
	erase := eraseRows
	if n.Erase != nil && !*n.Erase {
		erase = ""
	}
	notice, was := s.ledger.noticeOf(key)
	if _, err := s.ledger.withdraw(key, erase, actionWithdraw); err != nil {
		return err
	}
	if site, ok := s.cfg.Site(key.site); ok && was {
		s.ledger.count(&site, notice, countWithdrawn, s.ledger.cfg.Now())
	}
	return ec.NoContent(http.StatusNoContent)
}

// noticeOf is the notice of a consent that is given.
func (l *Ledger) noticeOf(key subjectKey) (notice string, given bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.st.subjects[key]
	if s == nil || !s.given() {
		return "", false
	}
	return s.noticeID, true
}

// getState tells what a consent is worth now, and renews the token while it is given.
func (s *Server) getState(ec echo.Context) error {
	t, named, err := s.bearer(ec, "")
	if err != nil {
		return err
	}
	if !named {
		return problem(codeTokenInvalid, "it is missing")
	}
	out, err := s.ledger.stateOf(t.key)
	if err != nil {
		return err
	}
	return answer(ec, http.StatusOK, out)
}

// stateOf is what a consent is worth now, with a fresh token. Errors are problems of status 410.
func (l *Ledger) stateOf(key subjectKey) (map[string]any, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, now := l.st.subjects[key], l.cfg.Now()
	if s == nil {
		return nil, problem(codeErased, "nothing is known of this consent")
	}
	if err := l.refusal(s, now); err != nil {
		return nil, gone(err)
	}
	if s.bits()&^s.barred == 0 {
		return nil, gone(problem(codeWithdrawn, "the consent is being withdrawn"))
	}
	text, expires := l.issue(s, now)
	return map[string]any{
		"state": s.state, "purposes": s.granted(), "record_id": s.record, "valid_until": s.validUntil,
		"token": text, "token_expires": expires, "server_time": now.UnixMilli(),
	}, nil
}

// deleteSubject erases a person: what was collected and what the ledger holds.
func (s *Server) deleteSubject(ec echo.Context) error {
	key, err := s.pathSubject(ec)
	if err != nil {
		return err
	}
	job, err := s.ledger.withdraw(key, eraseSubject, "erase")
	if err != nil {
		return err
	}
	return answer(ec, http.StatusAccepted, map[string]string{"job": job})
}

// pathSubject finds the subject that a path names: a cid, or "self" with a token.
func (s *Server) pathSubject(ec echo.Context) (subjectKey, error) {
	n := named{Site: ec.QueryParam("site"), CID: ec.Param("cid")}
	if n.CID == "self" {
		n.CID = ""
	}
	return s.subjectOf(ec, n)
}

// exportSubject gives a person all that is kept of it, a line each.
func (s *Server) exportSubject(ec echo.Context) error {
	key, err := s.pathSubject(ec)
	if err != nil {
		return err
	}
	l := s.ledger
	events, err := l.history(key)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return problem(codeErased, "nothing is known of this person")
	}
	res := ec.Response()
	res.Header().Set("Content-Type", "application/x-ndjson")
	res.Header().Set("Cache-Control", "no-store")
	res.WriteHeader(http.StatusOK)
	out := json.NewEncoder(res)
	for _, e := range events {
		err = errors.Join(err, out.Encode(exportedEvent{"consent", e}))
	}
	if err == nil {
		err = l.cfg.Store.Export(ec.Request().Context(), key.site, key.ref, func(e schema.ConsentedEvent) error {
			return out.Encode(exported(&e))
		})
	}
	if err != nil {
		s.cfg.Logger.Error("an export broke off", "site", key.site, "err", err)
		// The client may be gone; one that is not learns that this is not all.
		_ = out.Encode(map[string]string{"type": "error", "detail": "the export broke off: ask again"})
	}
	return nil
}

// exportedEvent is an event of the ledger as its person reads it.
type exportedEvent struct {
	Type  string `json:"type"`
	Event *Event `json:"event"`
}

// history is all events of a subject whose payloads are there.
func (l *Ledger) history(key subjectKey) ([]*Event, error) {
	l.mu.Lock()
	var leaves []leafID
	if s := l.st.subjects[key]; s != nil {
		leaves = append(leaves, s.leaves...)
	}
	l.mu.Unlock()
	var events []*Event
	for _, at := range leaves {
		e, err := l.event(at.leaf)
		if err != nil {
			return nil, err
		}
		if e != nil {
			events = append(events, e)
		}
	}
	return events, nil
}

// exportedRow is a row as its person reads it.
type exportedRow struct {
	Type     string            `json:"type"`
	Time     time.Time         `json:"time"`
	Session  uint64            `json:"session"`
	Purpose  string            `json:"purpose"`
	Name     string            `json:"name"`
	Hostname string            `json:"hostname"`
	Path     string            `json:"path"`
	Props    map[string]string `json:"props,omitempty"`
	Channel  string            `json:"channel,omitempty"`
	Source   string            `json:"source,omitempty"`
	Campaign string            `json:"campaign,omitempty"`
	Referrer string            `json:"referrer,omitempty"`
	Country  string            `json:"country,omitempty"`
	Device   string            `json:"device,omitempty"`
	Browser  string            `json:"browser,omitempty"`
	OS       string            `json:"os,omitempty"`
}

func exported(e *schema.ConsentedEvent) exportedRow {
	return exportedRow{
		"event", e.Time.UTC(), e.Session, e.Purpose, e.Name, e.Hostname, e.Path, e.Props, e.Channel, e.Source, e.Campaign,
		e.Referrer, e.Country, e.Device, e.Browser, e.OS,
	}
}
