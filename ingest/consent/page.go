package consent

import (
	"embed"
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

// The pages of the opt-in path: the visitor's own (getMe), and what an owner shows to others (page_assessment.go,
// page_privacy.go). They run under a policy that lets them ask this server and nobody else.

//go:embed page
var pageFiles embed.FS

const (
	mePath = "/v1/consent/me"
	// mePolicy lets the visitor's page use its own script and style, and ask this server.
	mePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'none'"
	// plainPolicy is for pages that have a style and nothing that runs.
	plainPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	// pageMaxAge is for what is the same for everybody.
	pageMaxAge = "public, max-age=3600"
)

// defaultPageLang is the language of whoever wants one that there is no text in.
const defaultPageLang = "en"

// registerPages adds the routes of the pages.
func (s *Server) registerPages(e *echo.Echo) {
	for path, handle := range map[string]echo.HandlerFunc{
		mePath:                                 s.getMe,
		mePath + ".js":                         pageFile("page/me.js", "text/javascript; charset=utf-8"),
		mePath + ".css":                        pageFile("page/page.css", "text/css; charset=utf-8"),
		"/v1/sites/:site/consent/assessment":   s.owner(RoleRead, s.getAssessment),
		"/v1/sites/:site/consent/privacy-text": s.owner(RoleRead, s.getPrivacyText),
	} {
		e.GET(path, s.guard(handle))
	}
}

// pageFile answers with a file that is the same for everybody.
func pageFile(name, kind string) echo.HandlerFunc {
	content, err := pageFiles.ReadFile(name)
	if err != nil {
		panic("BUG: " + name + " is not embedded")
	}
	return func(ec echo.Context) error {
		h := ec.Response().Header()
		h.Set("Cache-Control", pageMaxAge)
		h.Set("X-Content-Type-Options", "nosniff")
		return ec.Blob(http.StatusOK, kind, content)
	}
}

// pageLang is the language of a page: that which its address names, or the first of the browser's that there is a text in.
func pageLang(ec echo.Context) string {
	wanted := ec.QueryParam("lang") + "," + ec.Request().Header.Get("Accept-Language")
	for tag := range strings.SplitSeq(wanted, ",") {
		tag, _, _ = strings.Cut(strings.TrimSpace(tag), ";")
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		for _, l := range pageLanguageNames {
			if l.Tag == base {
				return base
			}
		}
	}
	return defaultPageLang
}

// pageTemplate is a template of the folder page.
func pageTemplate(name string) *template.Template {
	return template.Must(template.New(path.Base(name)).ParseFS(pageFiles, name))
}

var meTemplate = pageTemplate("page/me.html")

// getMe is the visitor's own page: what is stored about whoever opens it. The page itself is the same for everybody and
// knows nobody: its script finds the cid in the browser, and asks with it.
func (s *Server) getMe(ec echo.Context) error {
	site, err := s.siteOf(ec.QueryParam("site"))
	if err != nil {
		return err
	}
	lang := pageLang(ec)
	h := ec.Response().Header()
	h.Add("Vary", "Accept-Language")
	return writePage(ec, mePolicy, pageMaxAge, meTemplate, struct {
		Lang, Site string
		Languages  []pageLanguage
		Text       meText
	}{lang, site.Domain, pageLanguageNames, meTexts[lang]})
}

// writePage answers with a page made of a template.
func writePage(ec echo.Context, policy, cache string, t *template.Template, data any) error {
	var text strings.Builder
	if err := t.Execute(&text, data); err != nil {
		return err
	}
	h := ec.Response().Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", cache)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	return ec.HTML(http.StatusOK, text.String())
}
