package consent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"turf/ingest"
	"turf/schema"
)

// The limits of a batch.
const (
	maxBatchBytes  = 256 << 10
	maxBatchEvents = 100
	maxBatchCells  = 100
	maxCellCount   = 1000
	maxUserBytes   = 256
	maxLinks       = 8                    // users' ids linked to one subject
	clockGrain     = 2 * time.Millisecond // both clocks are cut to milliseconds
	maxMillis      = int64(1) << 52       // since 1970: beyond any clock
)

// batch is the body of POST /v1/x/events.
type batch struct {
	Token  string       `json:"token"`
	ID     string       `json:"id"`  // random, of each batch: what comes twice is kept once; "" where none is told
	Now    int64        `json:"now"` // the browser's clock, milliseconds since 1970; 0 where it is not told
	Events []batchEvent `json:"events"`
	Heat   []batchCell  `json:"heat"`
}

type batchEvent struct {
	Name     string            `json:"n"`
	URL      string            `json:"u"`
	Referrer string            `json:"r"`
	Time     int64             `json:"t"` // milliseconds since 1970
	Seq      uint32            `json:"q"`
	Session  string            `json:"s"` // 16 hexadecimal digits
	Props    map[string]string `json:"p"`
	Purpose  string            `json:"v"`

	bad bool // it is not as it should be: dropped
}

// UnmarshalJSON reads an event. One that is not as it should be is no error: the others of its batch are good.
func (e *batchEvent) UnmarshalJSON(text []byte) error {
	type plain batchEvent
	if json.Unmarshal(text, (*plain)(e)) != nil {
		*e = batchEvent{bad: true}
	}
	return nil
}

type batchCell struct {
	URL   string `json:"u"`
	Kind  string `json:"k"`
	Width int    `json:"w"`
	X     int    `json:"x"`
	Y     int    `json:"y"`
	Count int64  `json:"n"`
}

// UnmarshalJSON reads a cell. One that is not as it should be has no kind, and is dropped.
func (c *batchCell) UnmarshalJSON(text []byte) error {
	type plain batchCell
	if json.Unmarshal(text, (*plain)(c)) != nil {
		*c = batchCell{}
	}
	return nil
}

// purposes is what a batch needs, as bits.
func (b *batch) purposes() (bits uint8, err error) {
	if len(b.Events) > maxBatchEvents || len(b.Heat) > maxBatchCells {
		return 0, problem(codeTooLarge, "a batch has at most 100 events and 100 heat cells")
	}
	if len(b.Events)+len(b.Heat) == 0 {
		return 0, malformed("the batch is empty")
	}
	if b.Now < 0 || b.Now > maxMillis {
		return 0, malformed("now is not in milliseconds since 1970")
	}
	for i := range b.Events {
		e := &b.Events[i]
		if e.bad {
			continue
		}
		if e.Purpose == "" {
			e.Purpose = PurposeEvents
		}
		bit := purposeBit(e.Purpose)
		if bit < 0 || e.Purpose == PurposeAccountLink {
			return 0, malformed("v must be events, journeys or heatmap")
		}
		bits |= 1 << bit
	}
	if len(b.Heat) > 0 {
		bits |= 1 << purposeBit(PurposeHeatmap)
	}
	return bits, nil
}

// postBatch takes events of a person who agreed to them.
func (s *Server) postBatch(ec echo.Context) error {
	text, err := readBody(ec, maxBatchBytes)
	if err != nil {
		return err
	}
	var b batch
	if err := parse(text, &b); err != nil {
		return err
	}
	t, err := s.entitled(ec, b.Token)
	if err != nil {
		return err
	}
	purposes, err := b.purposes()
	if err != nil {
		return err
	}
	site, ok := s.cfg.Site(t.key.site)
	if !ok {
		return problem(codeErased, "the site is gone")
	}
	p, err := s.ledger.enter(t.key, purposes, sendsGPC(ec))
	if err != nil {
		return err
	}
	defer s.ledger.leave(p)
	given, err := s.batches.once(t.key, &b, p.received, func(sent *sentBatch) (batchAnswer, error) {
		return s.keep(ec.Request(), &site, &b, p, sent)
	})
	if err != nil {
		return err
	}
	return answer(ec, http.StatusAccepted, given)
}

// keep writes of a batch what may be kept of it.
func (s *Server) keep(
	hr *http.Request, site *schema.Site, b *batch, p pass, sent *sentBatch,
) (given batchAnswer, err error) {
	sent.clocks(b, &p)
	rows, err := s.rows(hr, site, b, &p)
	if err != nil {
		return given, err
	}
	cells, err := s.cells(site, b, &p)
	if err != nil {
		return given, err
	}
	kept, err := s.store(hr.Context(), sent, rows, cells)
	if err != nil {
		s.ledger.doubted(p)
		return given, err
	}
	return batchAnswer{kept, len(b.Events) + len(b.Heat) - kept}, nil
}

// entitled is the token of a request, in time.
func (s *Server) entitled(ec echo.Context, inBody string) (token, error) {
	t, named, err := s.bearer(ec, inBody)
	switch {
	case err != nil:
		return t, err
	case !named:
		return t, problem(codeTokenInvalid, "it is missing")
	case !t.expires.After(s.ledger.cfg.Now()):
		return t, problem(codeTokenInvalid, "it has expired: ask for the state of the consent")
	}
	return t, nil
}

// store writes what a batch's earlier tries have not, also when the client has gone: it is let in. It returns how much
// is kept. Of a batch without an id, cells that cannot be written after the rows were are lost, and told to be dropped:
// a second try would count the rows twice.
func (s *Server) store(
	ctx context.Context, sent *sentBatch, rows []schema.ConsentedEvent, cells []schema.HeatCell,
) (kept int, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if len(rows) > 0 && !sent.written {
		if err := s.ledger.cfg.Store.WriteEvents(ctx, sent.token, rows); err != nil {
			return 0, fmt.Errorf("write consented events: %w", err)
		}
		sent.written, sent.rows = true, len(rows)
	}
	if len(cells) == 0 {
		return sent.rows, nil
	}
	err = s.ledger.cfg.Store.WriteHeat(ctx, sent.token, cells)
	switch {
	case err == nil:
		return sent.rows + len(cells), nil
	case sent.token != "" || !sent.written:
		return 0, fmt.Errorf("write heat cells: %w", err)
	}
	s.cfg.Logger.Error("heat cells are lost, whose events are written", "cells", len(cells), "err", err)
	return sent.rows, nil
}

// rows makes rows of those of a batch's events that are as they should be. One from before the consent refuses them
// all.
func (s *Server) rows(
	hr *http.Request, site *schema.Site, b *batch, p *pass,
) (rows []schema.ConsentedEvent, err error) {
	for i := range b.Events {
		e := &b.Events[i]
		if e.bad || e.Time <= 0 || e.Time > maxMillis {
			continue
		}
		at, err := p.time(b.Now, e.Time, e.Purpose)
		if err != nil {
			return nil, err
		}
		session, err := strconv.ParseUint(e.Session, 16, 64)
		if err != nil || len(e.Session) != 16 {
			continue
		}
		d, drop, err := s.cfg.Describer.Describe(hr, site, &ingest.Sighting{
			Name: e.Name, URL: e.URL, Referrer: e.Referrer, Props: e.Props, At: at,
		})
		var invalid *ingest.InvalidError
		switch {
		case errors.As(err, &invalid):
			continue
		case err != nil:
			return nil, err
		case drop != ingest.Passed || d.Name == "":
			continue
		}
		v := s.ledger.attribute(p.subject, visit{session, d.Channel, d.Source, d.Campaign, d.Referrer})
		rows = append(rows, schema.ConsentedEvent{
			Site: site.ID, Person: p.subject.key.ref, Session: session, Time: at, Seq: e.Seq, Received: p.received,
			Purpose: e.Purpose,
			Name:    d.Name, Hostname: d.Hostname, Path: d.Path, Props: d.Props,
			Channel: v.channel, Source: v.source, Campaign: v.campaign, Referrer: v.referrer,
			Country: d.Country, Device: d.Device, Browser: d.Browser, OS: d.OS,
		})
	}
	apart(rows)
	return rows, nil
}

// apart sees to it that no two rows of a batch have the same time and number, which order them. They come in the order
// of the batch.
func apart(rows []schema.ConsentedEvent) {
	for i := range rows {
		for j := range i {
			if rows[j].Time.Equal(rows[i].Time) && rows[j].Seq >= rows[i].Seq && rows[j].Seq < math.MaxUint32 {
				rows[i].Seq = rows[j].Seq + 1
			}
		}
	}
}

// time is when an event happened by the server's clock, or why it may not be kept. now is the browser's clock at
// sending, or 0; both are within maxMillis.
func (p *pass) time(now, t int64, purpose string) (time.Time, error) {
	at := time.UnixMilli(t).UTC()
	if now != 0 {
		at = at.Add(p.received.Sub(time.UnixMilli(now)))
	}
	since := p.since[purposeBit(purpose)]
	if at.Before(since.Add(-clockGrain)) {
		return at, problem(codeEventBeforeConsent, "drop what happened before the consent was given")
	}
	if at.Before(since) {
		at = since
	}
	if at.After(p.received) {
		at = p.received
	}
	return at, nil
}

// cells makes heat cells of those of a batch that are as they should be, of the day in the site's own time.
func (s *Server) cells(site *schema.Site, b *batch, p *pass) (cells []schema.HeatCell, err error) {
	loc, err := site.Location()
	if err != nil {
		return nil, err
	}
	for i := range b.Heat {
		c := &b.Heat[i]
		switch c.Kind {
		case schema.HeatClick, schema.HeatRage, schema.HeatDead, schema.HeatScroll:
		default:
			continue
		}
		if c.X < 0 || c.X >= schema.HeatXBins || c.Y < 0 || c.Y >= schema.MaxHeatYBins ||
			c.Width < 0 || c.Width > math.MaxUint16 || c.Count < 1 || c.Count > maxCellCount {
			continue
		}
		host, path, ok := s.cfg.Describer.CleanPage(site, c.URL)
		if !ok {
			continue
		}
		cell := schema.HeatCell{
			Site: site.ID, Day: schema.DayOf(p.received, loc), Hostname: host, Path: path, Kind: c.Kind,
			Width: uint16(min(c.Width, schema.MaxHeatWidth) / schema.HeatWidthStep * schema.HeatWidthStep),
			X:     uint8(c.X), Y: uint16(c.Y), Count: c.Count,
		}
		if c.Kind == schema.HeatScroll {
			cell.X = 0
		}
		cells = append(cells, cell)
	}
	return cells, nil
}

// postIdentify links a user's id to a subject that agreed to account_link; for others it does nothing, and answers the
// same.
func (s *Server) postIdentify(ec echo.Context) error {
	text, err := readBody(ec, maxSmallBytes)
	if err != nil {
		return err
	}
	var body struct {
		User  string `json:"user"`
		Token string `json:"token"`
	}
	if err := parse(text, &body); err != nil {
		return err
	}
	if body.User == "" || len(body.User) > maxUserBytes {
		return malformed("user must have 1 to 256 bytes")
	}
	t, err := s.entitled(ec, body.Token)
	if err != nil {
		return err
	}
	if err := s.ledger.identify(t.key, body.User, sendsGPC(ec)); err != nil {
		return err
	}
	return ec.NoContent(http.StatusNoContent)
}

// accountOf is a user's id as it is kept: a keyed hash whose key is erased with the subject.
func accountOf(key []byte, user string) string {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte(user)) // never fails
	return hex.EncodeToString(m.Sum(nil))
}

// matches reports whether the link is to a user.
func (l *Link) matches(user string) bool {
	key, err := hex.DecodeString(l.Key)
	return err == nil && hmac.Equal([]byte(accountOf(key, user)), []byte(l.Account))
}

// identify links a user's id where account_link is given. Problems of the consent itself are returned.
func (l *Ledger) identify(key subjectKey, user string, gpc bool) error {
	p, err := l.enter(key, 1<<purposeBit(PurposeAccountLink), gpc)
	var refused *Problem
	if errors.As(err, &refused) && refused.Code == codePurposeNotGranted {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.leave(p)
	return l.do(func() error {
		l.mu.Lock()
		s := l.st.subjects[key]
		if s == nil || !s.given() || s.since[purposeBit(PurposeAccountLink)].IsZero() {
			l.mu.Unlock()
			return nil
		}
		secret := newSeed()
		for i := range s.links {
			if s.links[i].matches(user) {
				l.mu.Unlock()
				return nil
			}
			if b, err := hex.DecodeString(s.links[0].Key); err == nil {
				secret = b // one key a subject
			}
		}
		if len(s.links) >= maxLinks || s.seq >= maxSubjectEvents {
			l.mu.Unlock()
			return problem(codeTooMany, "too many users' ids for one subject")
		}
		now := stampOf(l.cfg.Now())
		e := &Event{
			EventID: newID(now), State: Linked, Type: typeExplicit, NoticeID: s.noticeID, Lang: s.lang,
			OccurredAt: now, ReceivedAt: now, Build: l.cfg.Build, Link: Link{hex.EncodeToString(secret), accountOf(secret, user)},
		}
		s.follow(e)
		l.mu.Unlock()
		sealed, err := sealed(e)
		if err != nil {
			return err
		}
		return l.commit(sealed)
	})
}

// withdrawAccount ends the consents of all subjects of a site that are linked to a user.
func (l *Ledger) withdrawAccount(site schema.SiteID, user string) (n int, err error) {
	l.mu.Lock()
	var keys []subjectKey
	for _, s := range l.st.site(site).linked {
		for i := range s.links {
			if s.links[i].matches(user) {
				keys = append(keys, s.key)
				break
			}
		}
	}
	l.mu.Unlock()
	for _, key := range keys {
		if _, err := l.withdraw(key, eraseRows, actionWithdraw); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
