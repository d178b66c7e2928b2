package consent

import (
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// The formats of a receipt.
const (
	formatJSONLD  = "27560-jsonld"
	formatKantara = "kantara"
	formatHTML    = "html"
)

// receipt is all that a receipt says: stored once, as notice, purposes and events, and put together when it is asked
// for.
type receipt struct {
	event    *Event // the newest that granted
	last     *Event // the newest of all
	events   []*Event
	notice   *Notice
	noticeID string
	lang     string
	text     Text
	purposes []receiptPurpose
}

type receiptPurpose struct {
	Purpose
	Text    string
	Granted bool
}

// getReceipt gives a record to its subject or to the site's owner.
func (s *Server) getReceipt(ec echo.Context) error {
	id, ok := idBytes(strings.ToLower(ec.Param("record")))
	if !ok {
		return malformed("a record has an id such as 0193f6c2-0000-7000-8000-000000000000")
	}
	key, err := s.mayRead(ec, id)
	if err != nil {
		return err
	}
	r, err := s.ledger.receipt(key)
	if err != nil {
		return err
	}
	ec.Response().Header().Set("Cache-Control", "no-store")
	switch ec.QueryParam("format") {
	case "", formatJSONLD:
		return ec.JSON(http.StatusOK, r.jsonLD())
	case formatKantara:
		return ec.JSON(http.StatusOK, r.kantara())
	case formatHTML:
		ec.Response().Header().Set("Content-Type", "text/html; charset=utf-8")
		ec.Response().Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		ec.Response().WriteHeader(http.StatusOK)
		return receiptPage.Execute(ec.Response(), r)
	}
	return malformed("format is " + formatJSONLD + ", " + formatKantara + " or " + formatHTML)
}

// mayRead finds the subject of a record, for who may read it. Others are told the same as when there is none.
func (s *Server) mayRead(ec echo.Context, record [16]byte) (subjectKey, error) {
	none := problem(codeErased, "there is no such record for you")
	t, byToken, err := s.bearer(ec, "")
	if err != nil {
		return subjectKey{}, err
	}
	l := s.ledger
	l.mu.Lock()
	sub := l.st.records[record]
	var key subjectKey
	if sub != nil {
		key = sub.key
	}
	l.mu.Unlock()
	cid, isCID := parseCID(ec.QueryParam("cid"))
	switch {
	case sub == nil:
	case byToken && t.key == key, isCID && l.keys.Load().ref(key.site, cid) == key.ref:
		return key, nil
	case s.cfg.Authorize(ec.Request(), key.site, RoleRead):
		return key, nil
	}
	return key, none
}

// receipt puts the receipt of a subject together.
func (l *Ledger) receipt(key subjectKey) (*receipt, error) {
	events, err := l.history(key)
	if err != nil {
		return nil, err
	}
	r := &receipt{events: events}
	for _, e := range events {
		if e.State == Given || e.State == Renewed {
			r.event = e
		}
		if e.State != Linked {
			r.last = e
		}
	}
	if r.event == nil {
		return nil, problem(codeErased, "the record was erased")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.st.site(key.site)
	n := st.notice(r.event.NoticeID)
	if n == nil {
		return nil, problem(codeErased, "the notice of the record is missing")
	}
	r.notice, r.noticeID, r.lang, r.text = &n.Notice, n.ID, r.event.Lang, n.Notice.Texts[r.event.Lang]
	for _, at := range slices.Sorted(maps.Keys(r.event.Purposes)) {
		id, version, _ := splitPurpose(at)
		if p := st.purpose(id, version); p != nil {
			r.purposes = append(r.purposes, receiptPurpose{*p, r.text.Purposes[id], r.event.Purposes[at]})
		}
	}
	return r, nil
}

// dpvStates are the names of states in the Data Privacy Vocabulary.
var dpvStates = map[State]string{
	Given: "dpv:ConsentGiven", Renewed: "dpv:RenewedConsentGiven", Withdrawn: "dpv:ConsentWithdrawn",
	Expired: "dpv:ConsentExpired", Superseded: "dpv:ConsentInvalidated",
}

type object = map[string]any

// jsonLD is the record by ISO/IEC TS 27560, in the terms of the Data Privacy Vocabulary's guide for it.
func (r *receipt) jsonLD() object {
	e, n := r.event, r.notice
	purposes := []object{}
	for _, p := range r.purposes {
		purposes = append(purposes, object{
			"purpose": p.ID, "purpose_version": p.Version, "purpose_type": "dpv:ServiceOptimisation", "description": p.Text,
			"lawful_basis": "eu-gdpr:A6-1-a", "pii_type": p.Data, "retention_period": days27560(p.RetentionDays),
			"storage_locations": n.StorageLocations, "processing_locations": n.StorageLocations,
			"recipient_third_parties": n.Processors, "consented": p.Granted,
			"withdrawal_method": n.WithdrawalMethod, "privacy_rights": n.RightsURL,
		})
	}
	history := []object{}
	for _, e := range r.events {
		if e.State != Linked {
			history = append(history, object{
				"event_id": e.EventID, "event_time": e.ReceivedAt, "event_type": e.Type, "event_state": dpvStates[e.State],
				"entity_id": "data subject", "validity_duration": e.ValidUntil,
			})
		}
	}
	return object{
		"@context":       object{"dpv": "https://w3id.org/dpv#", "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#"},
		"schema_version": "dpv-27560#record-eu-gdpr", "record_id": e.RecordID, "receipt_id": e.EventID,
		"pii_principal_id": e.Ref,
		"privacy_notice":   object{"notice_id": r.noticeID, "version": n.Version, "text": r.text, "document": n},
		"language":         r.lang, "jurisdiction": n.Jurisdiction, "authority_party": n.Authority,
		"pii_controllers": []Party{n.Controller},
		"collection_method": object{
			"adapter": e.Method.Adapter, "adapter_version": e.Method.Version, "ui": e.Method.UI, "action": e.Method.Action,
		},
		"proof": e.Proof, "gpc": e.GPC, "purposes": purposes,
		"event_time": e.ReceivedAt, "occurred_at": e.OccurredAt, "validity_duration": e.ValidUntil,
		"event_type": r.last.Type, "event_state": dpvStates[r.last.State], "entity_id": "data subject", "events": history,
	}
}

// kantara is the receipt in the words of the Kantara Initiative's specification, version 1.1.
func (r *receipt) kantara() object {
	e, n := r.event, r.notice
	purposes := []object{}
	for _, p := range r.purposes {
		if !p.Granted {
			continue
		}
		purposes = append(purposes, object{
			"purpose": p.ID, "purposeCategory": []string{"Improve Performance"}, "consentType": typeExplicit,
			"piiCategory": p.Data, "primaryPurpose": true, "termination": days27560(p.RetentionDays), "thirdPartyDisclosure": len(n.Processors) > 0,
		})
	}
	return object{
		"version": "KI-CR-v1.1.0", "jurisdiction": n.Jurisdiction, "consentTimestamp": e.ReceivedAt.Unix(),
		"collectionMethod": e.Method.Adapter + " " + e.Method.Action, "consentReceiptID": e.EventID, "language": r.lang,
		"piiPrincipalId": e.Ref, "piiControllers": []object{{
			"piiController": n.Controller.Name, "contact": n.Controller.Contact, "address": n.Controller.Address,
		}},
		"policyUrl": n.RightsURL, "services": []object{{"service": e.Site, "purposes": purposes}},
		"sensitive": false, "spiCat": []string{},
	}
}

// days27560 is a duration as ISO 8601 writes it.
func days27560(n int) string { return "P" + strconv.Itoa(n) + "D" }

// Fields of the page.
func (r *receipt) Event() *Event              { return r.event }
func (r *receipt) Last() *Event               { return r.last }
func (r *receipt) Events() []*Event           { return r.events }
func (r *receipt) Notice() *Notice            { return r.notice }
func (r *receipt) NoticeID() string           { return r.noticeID }
func (r *receipt) Lang() string               { return r.lang }
func (r *receipt) Text() Text                 { return r.text }
func (r *receipt) Purposes() []receiptPurpose { return r.purposes }

var receiptPage = template.Must(template.New("receipt").Funcs(template.FuncMap{
	"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
}).Parse(`<!doctype html>
<html lang="{{.Lang}}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Receipt {{.Event.RecordID}}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}dt{font-weight:600}
blockquote{white-space:pre-wrap;border-left:3px solid #999;margin:0;padding-left:1rem}</style>
<h1>Consent receipt</h1>
<dl><dt>Site</dt><dd>{{.Event.Site}}</dd><dt>Record</dt><dd>{{.Event.RecordID}}</dd><dt>State</dt><dd>{{.Last.State}}</dd>
<dt>Given</dt><dd>{{when .Event.ReceivedAt}}</dd><dt>Valid until</dt><dd>{{when .Event.ValidUntil}}</dd>
<dt>Controller</dt><dd>{{.Notice.Controller.Name}}, {{.Notice.Controller.Contact}}</dd>
<dt>How to withdraw</dt><dd>{{.Notice.WithdrawalMethod}}</dd><dt>Your rights</dt><dd>{{.Notice.RightsURL}}</dd>
<dt>Authority</dt><dd>{{.Notice.Authority}}</dd></dl>
<h2>What was agreed to</h2><ul>{{range .Purposes}}<li>{{.ID}} (version {{.Version}}): {{if .Granted}}yes{{else}}no{{end}}. {{.Text}}
Kept for {{.RetentionDays}} days.</li>{{end}}</ul>
<h2>What was shown</h2><p>Notice {{.NoticeID}}</p><h3>{{.Text.Title}}</h3><blockquote>{{.Text.Body}}</blockquote>
<h2>What happened</h2><ol>{{range .Events}}<li>{{when .ReceivedAt}}: {{.State}}</li>{{end}}</ol></html>
`))
