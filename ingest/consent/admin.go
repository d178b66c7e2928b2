package consent

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/mod/sumdb/tlog"

	"turf/schema"
)

// Settings are a site's settings of the opt-in path.
func (l *Ledger) Settings(site schema.SiteID) Settings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.st.site(site).settings
}

// SetSettings changes a site's settings; the log keeps what they were. A *Problem says what is wrong with them.
func (l *Ledger) SetSettings(site schema.SiteID, s Settings) error {
	if err := s.check(); err != nil {
		return malformed(err.Error())
	}
	return l.do(func() error {
		e, err := plain(leafSettings, settingsDoc{site, s, stampOf(l.cfg.Now())})
		if err != nil {
			return err
		}
		return l.commit(e)
	})
}

// Retention is for how many days events of a purpose are kept at a site: as the notices say under which consents still hold,
// the shortest where they differ. Nobody's events are kept longer than that person agreed to. 0 where no notice names it.
func (l *Ledger) Retention(site schema.SiteID, purpose string) (days int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, now := l.st.site(site), l.cfg.Now()
	for i := range st.notices {
		n := &st.notices[i].Notice
		if n.ValidFrom.After(now) || !st.supersededAt(n.Version, now).IsZero() {
			continue
		}
		if p := st.purpose(purpose, n.version(purpose)); p != nil && (days == 0 || p.RetentionDays < days) {
			days = p.RetentionDays
		}
	}
	return days
}

// AddPurpose adds a version of a purpose to a site's registry and returns it with its number.
func (l *Ledger) AddPurpose(site *schema.Site, p Purpose) (Purpose, error) {
	p.Site = site.Domain
	if err := p.check(); err != nil {
		return p, malformed(err.Error())
	}
	err := l.do(func() error {
		l.mu.Lock()
		known := l.st.site(site.ID).purposes
		l.mu.Unlock()
		if len(known) >= maxPurposes {
			return problem(codeTooMany, "the site has too many versions of purposes")
		}
		p.Version = 1
		for i := range known {
			if known[i].ID == p.ID {
				p.Version = known[i].Version + 1
			}
		}
		e, err := plain(leafPurpose, purposeDoc{site.ID, p, stampOf(l.cfg.Now())})
		if err != nil {
			return err
		}
		return l.commit(e)
	})
	return p, err
}

// AddNotice adds a version of a site's notice and returns its id. Its site, version and, where it is left out or past,
// the time from which it holds are set here.
func (l *Ledger) AddNotice(site *schema.Site, n Notice) (id string, added Notice, err error) {
	n.Site = site.Domain
	err = l.do(func() error {
		l.mu.Lock()
		st, now := l.st.site(site.ID), stampOf(l.cfg.Now())
		n.Version = len(st.notices) + 1
		n.ValidTo = stampOf(n.ValidTo)
		if n.ValidFrom = stampOf(n.ValidFrom); n.ValidFrom.Before(now) {
			n.ValidFrom = now
		}
		err := n.check(func(at string) bool {
			id, version, ok := splitPurpose(at)
			return ok && st.purpose(id, version) != nil
		})
		late := len(st.notices) > 0 && st.notices[len(st.notices)-1].Notice.ValidFrom.After(n.ValidFrom)
		full := len(st.notices) >= maxNotices
		l.mu.Unlock()
		switch {
		case err != nil:
			return malformed(err.Error())
		case late:
			return malformed("valid_from must not be before that of the version before")
		case full:
			return problem(codeTooMany, "the site has too many notices")
		}
		if id, err = contentID(n); err != nil {
			return err
		}
		e, err := plain(leafNotice, noticeDoc{site.ID, id, n, now})
		if err != nil {
			return err
		}
		return l.commit(e)
	})
	return id, n, err
}

// numbered is a notice and its id.
type numbered struct {
	ID string `json:"notice_id"`
	Notice
}

func (s *Server) postNotice(ec echo.Context, site *schema.Site) error {
	text, err := readBody(ec, maxDocumentBytes)
	if err != nil {
		return err
	}
	var n Notice
	if err := parse(text, &n); err != nil {
		return err
	}
	id, n, err := s.ledger.AddNotice(site, n)
	if err != nil {
		return err
	}
	return answer(ec, http.StatusCreated, numbered{id, n})
}

func (s *Server) getNotices(ec echo.Context, site *schema.Site) error {
	l := s.ledger
	l.mu.Lock()
	out := []numbered{}
	for _, n := range l.st.site(site.ID).notices {
		out = append(out, numbered{n.ID, n.Notice})
	}
	l.mu.Unlock()
	return answer(ec, http.StatusOK, map[string]any{"notices": out})
}

func (s *Server) postPurpose(ec echo.Context, site *schema.Site) error {
	text, err := readBody(ec, maxDocumentBytes)
	if err != nil {
		return err
	}
	var p Purpose
	if err := parse(text, &p); err != nil {
		return err
	}
	if p, err = s.ledger.AddPurpose(site, p); err != nil {
		return err
	}
	return answer(ec, http.StatusCreated, p)
}

func (s *Server) getPurposes(ec echo.Context, site *schema.Site) error {
	l := s.ledger
	l.mu.Lock()
	out := append([]Purpose{}, l.st.site(site.ID).purposes...)
	l.mu.Unlock()
	return answer(ec, http.StatusOK, map[string]any{"purposes": out})
}

func (s *Server) getSettings(ec echo.Context, site *schema.Site) error {
	return answer(ec, http.StatusOK, s.ledger.Settings(site.ID))
}

func (s *Server) putSettings(ec echo.Context, site *schema.Site) error {
	text, err := readBody(ec, maxSmallBytes)
	if err != nil {
		return err
	}
	var settings Settings
	if err := parse(text, &settings); err != nil {
		return err
	}
	if err := s.ledger.SetSettings(site.ID, settings); err != nil {
		return err
	}
	return answer(ec, http.StatusOK, settings)
}

// getRate answers how often a notice was shown, accepted, refused, dismissed and withdrawn, by day.
func (s *Server) getRate(ec echo.Context, site *schema.Site) error {
	from, err := schema.ParseDay(ec.QueryParam("from"))
	if err != nil {
		return malformed("from must be a day such as 2026-11-01")
	}
	to, err := schema.ParseDay(ec.QueryParam("to"))
	if err != nil {
		return malformed("to must be a day such as 2026-11-30")
	}
	type row struct {
		Day      string `json:"day"`
		NoticeID string `json:"notice_id"`
		Action   string `json:"action"`
		Count    int64  `json:"count"`
	}
	rows := []row{}
	for _, c := range s.ledger.Counts(site.ID, from, to) {
		rows = append(rows, row{c.Day.String(), c.NoticeID, c.Action, c.Count})
	}
	return answer(ec, http.StatusOK, map[string]any{"rows": rows})
}

// postAccount ends the consents of all browsers that are linked to a user.
func (s *Server) postAccount(ec echo.Context, site *schema.Site) error {
	text, err := readBody(ec, maxSmallBytes)
	if err != nil {
		return err
	}
	var body struct {
		User string `json:"user"`
	}
	if err := parse(text, &body); err != nil {
		return err
	}
	n, err := s.ledger.withdrawAccount(site.ID, body.User)
	if err != nil {
		return err
	}
	return answer(ec, http.StatusOK, map[string]int{"subjects": n})
}

// getCheckpoint gives the newest checkpoint that is kept.
func (s *Server) getCheckpoint(ec echo.Context) error {
	c := s.ledger.Checkpoint()
	if c == nil {
		return problem(codeNotFound, "there is no checkpoint yet")
	}
	ec.Response().Header().Set("Cache-Control", "no-cache")
	return ec.Blob(http.StatusOK, "text/plain; charset=utf-8", c)
}

// getTile gives a tile of the tree, as package tlog names them.
func (s *Server) getTile(ec echo.Context) error {
	t, err := tlog.ParseTilePath("tile/" + ec.Param("*"))
	if err != nil || t.H != tileHeight || t.L < 0 {
		return problem(codeNotFound, "tiles are of height 8 and hold hashes")
	}
	// The last hash of the tile must be there.
	if last := (t.N<<t.H + int64(t.W)) << (t.L * t.H); t.L*t.H > 40 || last > s.ledger.size() {
		return problem(codeNotFound, "the log is not that large")
	}
	data, err := tlog.ReadTileData(t, s.ledger.tree)
	if err != nil {
		return err
	}
	if t.W == 1<<t.H {
		ec.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return ec.Blob(http.StatusOK, echo.MIMEOctetStream, data)
}

// getConsistency proves that the log of a size begins with the log of another one.
func (s *Server) getConsistency(ec echo.Context) error {
	from, err := strconv.ParseInt(ec.QueryParam("from"), 10, 64)
	to, err2 := strconv.ParseInt(ec.QueryParam("to"), 10, 64)
	if err != nil || err2 != nil || from < 1 || to < from || to > s.ledger.size() {
		return malformed("from and to must be sizes of the log, 1 <= from <= to")
	}
	proof, err := tlog.ProveTree(to, from, s.ledger.tree)
	if err != nil {
		return err
	}
	return answer(ec, http.StatusOK, map[string]any{"from": from, "to": to, "path": texts(proof)})
}

func texts(hashes []tlog.Hash) []string {
	out := make([]string, len(hashes))
	for i := range hashes {
		out[i] = base64.StdEncoding.EncodeToString(hashes[i][:])
	}
	return out
}

// inclusion proves that a leaf is in the log.
type inclusion struct {
	LeafIndex  int64    `json:"leaf_index"`
	Leaf       string   `json:"leaf"` // base64
	TreeSize   int64    `json:"tree_size"`
	Path       []string `json:"path"` // base64
	Checkpoint string   `json:"checkpoint"`
}

// getProof proves that an event is in the log. It tells nothing of what the event is.
func (s *Server) getProof(ec echo.Context) error {
	id, ok := idBytes(strings.ToLower(ec.Param("event")))
	if !ok {
		return malformed("an event has an id such as 0193f6c2-0000-7000-8000-000000000000")
	}
	l := s.ledger
	l.mu.Lock()
	leaf, ok := l.st.events[id]
	l.mu.Unlock()
	if !ok {
		return problem(codeErased, "the event is not there, or was erased")
	}
	payload, err := l.payload(leaf)
	if err != nil {
		return err
	}
	if payload == nil {
		return problem(codeErased, "the event was erased")
	}
	p := inclusion{LeafIndex: leaf, Leaf: base64.StdEncoding.EncodeToString(commitment(payload))}
	err = l.do(func() error {
		signed, err := l.sign(l.cfg.Now())
		p.Checkpoint, p.TreeSize = string(signed), l.tree.size
		return err
	})
	if err != nil {
		return err
	}
	path, err := tlog.ProveRecord(p.TreeSize, leaf, l.tree)
	if err != nil {
		return err
	}
	p.Path = texts(path)
	return answer(ec, http.StatusOK, p)
}

// RotateKeys makes new keys for checkpoints and tokens. The log names the new key of checkpoints, and the next
// checkpoint is signed by the old key and the new one; then the old one is forgotten. Tokens of old keys are good
// until they expire.
func (l *Ledger) RotateKeys() error {
	return l.do(func() error {
		if k := l.keys.Load(); len(k.Signers) == 1 { // else one was interrupted: it goes on
			next, err := k.rotated()
			if err != nil {
				return err
			}
			if err := l.useKeys(next); err != nil {
				return err
			}
		}
		if err := l.declareKeys(); err != nil {
			return err
		}
		return l.checkpoint(l.cfg.Now(), true)
	})
}
