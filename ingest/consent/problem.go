package consent

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
)

// Codes of problems. codes has their status and title.
const (
	codeMalformed          = "malformed"
	codeTokenInvalid       = "token_invalid"
	codeForbidden          = "forbidden"
	codePurposeNotGranted  = "purpose_not_granted"
	codeWithdrawn          = "consent_withdrawn"
	codeExpired            = "consent_expired"
	codeNoticeUnknown      = "notice_unknown"
	codeNotFound           = "not_found"
	codeMethod             = "method_not_allowed"
	codeSuperseded         = "notice_superseded"
	codeIdempotency        = "idempotency_conflict"
	codeErased             = "erased"
	codeTooLarge           = "too_large"
	codeProofMismatch      = "proof_mismatch"
	codeImplicit           = "implicit_consent"
	codeNotExplicit        = "not_explicit"
	codeEventBeforeConsent = "event_before_consent"
	codeChildDirected      = "child_directed_site"
	codeTooMany            = "too_many"
	codeUnavailable        = "ledger_unavailable"
)

var codes = map[string]struct {
	status int
	title  string
}{
	codeMalformed:          {http.StatusBadRequest, "The request is malformed"},
	codeTokenInvalid:       {http.StatusUnauthorized, "The token is not valid"},
	codeForbidden:          {http.StatusForbidden, "Only the site's owner may do this"},
	codePurposeNotGranted:  {http.StatusForbidden, "A purpose is not granted"},
	codeWithdrawn:          {http.StatusForbidden, "The consent was withdrawn"},
	codeExpired:            {http.StatusForbidden, "The consent has expired"},
	codeNoticeUnknown:      {http.StatusNotFound, "There is no such notice"},
	codeNotFound:           {http.StatusNotFound, "There is nothing of this name"},
	codeMethod:             {http.StatusMethodNotAllowed, "Notices and purposes never change: add a new version"},
	codeSuperseded:         {http.StatusConflict, "The notice has a newer version"},
	codeIdempotency:        {http.StatusConflict, "The Idempotency-Key was used with another body"},
	codeErased:             {http.StatusGone, "It was erased"},
	codeTooLarge:           {http.StatusRequestEntityTooLarge, "The request is too large"},
	codeProofMismatch:      {http.StatusUnprocessableEntity, "The proof does not say what is claimed"},
	codeImplicit:           {http.StatusUnprocessableEntity, "This is no consent: nobody chose"},
	codeNotExplicit:        {http.StatusUnprocessableEntity, "This is no explicit consent"},
	codeEventBeforeConsent: {http.StatusUnprocessableEntity, "An event is from before the consent"},
	codeChildDirected:      {http.StatusUnprocessableEntity, "The site is directed at children"},
	codeTooMany:            {http.StatusTooManyRequests, "Too many requests"},
	codeUnavailable:        {http.StatusServiceUnavailable, "It cannot be written now: nothing was granted or kept"},
}

// retryAfterSec is what clients are told to wait after 429 and 503.
const retryAfterSec = "5"

// Problem is why a request was refused, as RFC 9457 has it. Detail says nothing of a person.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	// NoticeID is the current notice where another one was superseded.
	NoticeID string `json:"notice_id,omitempty"`
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

func problem(code, detail string) *Problem {
	c := codes[code]
	return &Problem{Type: "urn:turf:consent:" + code, Title: c.title, Status: c.status, Code: code, Detail: detail}
}

func malformed(detail string) *Problem { return problem(codeMalformed, detail) }

// gone is a problem as the state of a consent is told: 410, whatever the reason.
func gone(err error) error {
	var p *Problem
	if errors.As(err, &p) {
		at := *p
		at.Status = http.StatusGone
		return &at
	}
	return err
}

// refuse answers with a problem. Errors that are none are the server's: logged, and answered 503.
func (s *Server) refuse(ec echo.Context, err error) error {
	var p *Problem
	if !errors.As(err, &p) {
		if !errors.Is(err, ErrUnavailable) {
			s.cfg.Logger.Error("opt-in path", "path", ec.Path(), "err", err)
		}
		p = problem(codeUnavailable, "try again later")
	}
	h := ec.Response().Header()
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfterSec)
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", tokenScheme)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	return ec.JSON(p.Status, p)
}
