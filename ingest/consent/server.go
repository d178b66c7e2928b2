package consent

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"turf/ingest"
	"turf/schema"
)

// maxSmallBytes is the largest body that has no limit of its own.
const maxSmallBytes = 4 << 10

// Role is what an owner's request wants to do.
type Role int

// The roles.
const (
	RoleRead  Role = iota // receipts, counters, the audit's export
	RoleWrite             // notices, purposes, settings
)

// ServerConfig is what a Server needs. All but Keeping and Logger are required.
type ServerConfig struct {
	Ledger    *Ledger
	Describer *ingest.Describer
	Sites     func(domain string) (schema.Site, bool) // by the name, in lower case
	Site      func(id schema.SiteID) (schema.Site, bool)
	// Authorize reports whether a request comes from somebody who may do this with the site.
	Authorize func(r *http.Request, site schema.SiteID, role Role) bool
	// Keeping is for how long the counting path keeps its sums, for the texts that say so; nil: they do not.
	Keeping *Keeping
	Logger  *slog.Logger // nil: silent
}

// Server answers the requests of the opt-in path. It may be used by many goroutines and there is nothing to close.
type Server struct {
	cfg     ServerConfig
	ledger  *Ledger
	answers *answers
	batches *batches
}

// NewServer makes a Server.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Ledger == nil || cfg.Describer == nil || cfg.Sites == nil || cfg.Site == nil || cfg.Authorize == nil {
		return nil, errors.New("BUG: a server of the opt-in path without a part")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg, cfg.Ledger, newAnswers(), newBatches()}, nil
}

// Register adds the routes.
func (s *Server) Register(e *echo.Echo) {
	routes := []struct {
		method, path string
		handle       echo.HandlerFunc
	}{
		{http.MethodGet, "/v1/consent/config", s.getConfig},
		{http.MethodPost, "/v1/consent/events", s.seldom(s.postChoice)},
		{http.MethodPost, "/v1/consent/withdraw", s.postWithdraw},
		{http.MethodGet, "/v1/consent/state", s.getState},
		{http.MethodGet, "/v1/consent/receipt/:record", s.getReceipt},
		{http.MethodGet, "/v1/consent/proof/:event", s.getProof},
		{http.MethodGet, "/v1/log/checkpoint", s.getCheckpoint},
		{http.MethodGet, "/v1/log/tile/*", s.getTile},
		{http.MethodGet, "/v1/log/consistency", s.getConsistency},
		{http.MethodDelete, "/v1/subjects/:cid", s.deleteSubject},
		{http.MethodGet, "/v1/subjects/:cid/export", s.exportSubject},
		{http.MethodPost, "/v1/x/events", s.postBatch},
		{http.MethodPost, "/v1/x/identify", s.seldom(s.postIdentify)},
		{http.MethodPost, "/v1/sites/:site/notices", s.owner(RoleWrite, s.postNotice)},
		{http.MethodGet, "/v1/sites/:site/notices", s.owner(RoleRead, s.getNotices)},
		{http.MethodPost, "/v1/sites/:site/purposes", s.owner(RoleWrite, s.postPurpose)},
		{http.MethodGet, "/v1/sites/:site/purposes", s.owner(RoleRead, s.getPurposes)},
		{http.MethodGet, "/v1/sites/:site/consent", s.owner(RoleRead, s.getSettings)},
		{http.MethodPut, "/v1/sites/:site/consent", s.owner(RoleWrite, s.putSettings)},
		{http.MethodGet, "/v1/sites/:site/consent/rate", s.owner(RoleRead, s.getRate)},
		{http.MethodPost, "/v1/sites/:site/accounts/withdraw", s.owner(RoleWrite, s.postAccount)},
		{http.MethodGet, "/v1/audit/export", s.owner(RoleRead, s.getAudit)},
	}
	for _, r := range routes {
		e.Add(r.method, r.path, s.guard(r.handle))
	}
	s.registerPages(e)
	for _, path := range []string{"/v1/consent/*", "/v1/x/*", "/v1/subjects/*", "/v1/log/*"} {
		e.OPTIONS(path, preflight)
	}
	for _, path := range []string{"/v1/sites/:site/notices", "/v1/sites/:site/purposes"} {
		for _, under := range []string{"", "/*"} {
			e.Match([]string{http.MethodPut, http.MethodPatch, http.MethodDelete}, path+under, s.guard(neverChanges))
		}
	}
}

func neverChanges(ec echo.Context) error {
	ec.Response().Header().Set("Allow", "GET, POST")
	return problem(codeMethod, "post a new version")
}

// guard holds a sender to its rate, lets pages of any origin read the answer, and answers errors.
func (s *Server) guard(handle echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		h := ec.Response().Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		if !s.cfg.Describer.Allow(ec.Request(), s.ledger.cfg.Now()) {
			return s.refuse(ec, problem(codeTooMany, "too many requests from one address"))
		}
		if err := handle(ec); err != nil {
			return s.refuse(ec, err)
		}
		return nil
	}
}

// seldom holds a sender to the rate of what a browser does once in a while.
func (s *Server) seldom(handle echo.HandlerFunc) echo.HandlerFunc {
	return func(ec echo.Context) error {
		if !s.cfg.Describer.AllowSeldom(ec.Request(), s.ledger.cfg.Now()) {
			return problem(codeTooMany, "too many choices from one address")
		}
		return handle(ec)
	}
}

// preflight answers a browser that asks whether a page of another origin may send a request: any may.
func preflight(ec echo.Context) error {
	h := ec.Response().Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key")
	h.Set("Access-Control-Max-Age", "86400")
	return ec.NoContent(http.StatusNoContent)
}

// siteOf finds the site that a request names, by its query or path.
func (s *Server) siteOf(name string) (schema.Site, error) {
	site, ok := s.cfg.Sites(strings.ToLower(name))
	if !ok {
		return site, problem(codeNoticeUnknown, "there is no such site")
	}
	return site, nil
}

type ownerHandler func(ec echo.Context, site *schema.Site) error

// owner lets only those in who may do this with the site.
func (s *Server) owner(role Role, handle ownerHandler) echo.HandlerFunc {
	return func(ec echo.Context) error {
		name := ec.Param("site")
		if name == "" {
			name = ec.QueryParam("site")
		}
		site, ok := s.cfg.Sites(strings.ToLower(name))
		if !ok || !s.cfg.Authorize(ec.Request(), site.ID, role) {
			return problem(codeForbidden, "no access to this site")
		}
		ec.Response().Header().Set("Cache-Control", "no-store")
		return handle(ec, &site)
	}
}

// readBody reads a whole body.
func readBody(ec echo.Context, most int64) ([]byte, error) {
	text, err := io.ReadAll(http.MaxBytesReader(ec.Response(), ec.Request().Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, problem(codeTooLarge, "the body is too large")
	case err != nil:
		return nil, malformed("the body did not come to its end")
	}
	return text, nil
}

// parse reads JSON into v, whatever its type is called: scripts send it as text/plain.
func parse(text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return malformed("the body is not the JSON that is expected")
	}
	return nil
}

// bearer is the token of a request, checked but for its time. named is false where there is none.
func (s *Server) bearer(ec echo.Context, inBody string) (t token, named bool, err error) {
	text := inBody
	if scheme, rest, _ := strings.Cut(ec.Request().Header.Get("Authorization"), " "); strings.EqualFold(scheme, tokenScheme) {
		text = strings.TrimSpace(rest)
	}
	if text == "" {
		return t, false, nil
	}
	t, ok := s.ledger.keys.Load().readToken(text)
	if !ok {
		return t, true, problem(codeTokenInvalid, "it was not issued here")
	}
	return t, true, nil
}

// answer is JSON that is nobody else's.
func answer(ec echo.Context, status int, v any) error {
	ec.Response().Header().Set("Cache-Control", "no-store")
	return ec.JSON(status, v)
}
