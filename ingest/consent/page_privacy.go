package consent

import (
	"fmt"
	"net/http"
	"strings"
	"text/template"

	"github.com/labstack/echo/v4"

	"turf/schema"
)

// privacyFacts is what a text for a privacy statement is made of: the configuration in force (CF-22).
type privacyFacts struct {
	Site, Timezone   string
	Strict           bool
	K                int
	Keeping          *Keeping
	OptIn            bool
	Controller       string
	Withdrawal       string
	ValidDays, Proof int // days
	Purposes         []privacyPurpose
}

type privacyPurpose struct {
	Text string // of the notice, in the text's language or the notice's own
	Data string
	Days int
}

// privacyTemplates are the texts, a file a language.
func privacyTemplates() map[string]*template.Template {
	out := map[string]*template.Template{}
	for _, l := range pageLanguageNames {
		name := "privacy." + l.Tag + ".txt"
		out[l.Tag] = template.Must(template.New(name).ParseFS(pageFiles, "page/"+name))
	}
	return out
}

var privacyTexts = privacyTemplates()

// getPrivacyText answers with a text for the privacy statement of a site, made from what is configured now.
func (s *Server) getPrivacyText(ec echo.Context, site *schema.Site) error {
	lang := pageLang(ec)
	f, err := s.privacyFacts(site, lang)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := privacyTexts[lang].Execute(&text, f); err != nil {
		return fmt.Errorf("write the privacy text: %w", err)
	}
	ec.Response().Header().Set("Content-Language", lang)
	ec.Response().Header().Set("X-Content-Type-Options", "nosniff")
	return ec.String(http.StatusOK, text.String())
}

func (s *Server) privacyFacts(site *schema.Site, lang string) (*privacyFacts, error) {
	loc, err := site.Location()
	if err != nil {
		return nil, err
	}
	l, now := s.ledger, s.ledger.cfg.Now()
	f := &privacyFacts{
		Site: site.Domain, Timezone: site.Timezone, Strict: site.Settings.IsStrict(), K: site.K(schema.DayOf(now, loc)),
		Keeping: s.cfg.Keeping,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.st.site(site.ID)
	n := st.current(now)
	if !st.settings.active() || n == nil {
		return f, nil
	}
	_, text := n.Notice.text(lang)
	f.OptIn, f.Controller, f.Withdrawal = true, n.Notice.Controller.Name+", "+n.Notice.Controller.Contact, n.Notice.WithdrawalMethod
	f.ValidDays, f.Proof = st.settings.validDays(), int(st.settings.proofFor().Hours()/24)
	for _, at := range n.Notice.Purposes {
		id, version, _ := splitPurpose(at)
		if p := st.purpose(id, version); p != nil {
			f.Purposes = append(f.Purposes, privacyPurpose{text.Purposes[id], strings.Join(p.Data, ", "), p.RetentionDays})
		}
	}
	return f, nil
}
