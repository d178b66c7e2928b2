package consent

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"turf/schema"
)

// Keeping is for how long the counting path keeps its sums: what the database was told. 0 days: no end is set.
type Keeping struct{ HourDays, DayDays int }

// The self-assessment (CF-23): what the law and its authorities ask of measuring without consent, how it is met, and the
// tests that prove it. The criteria are data, in page/assessment.json; a test holds that every test they name exists.
type assessment struct {
	Site      string      `json:"site"`
	Build     string      `json:"build"`
	At        time.Time   `json:"at"`
	Profile   string      `json:"profile"`
	K         int         `json:"k"`
	Durations []duration  `json:"durations"`
	Laws      []law       `json:"laws"`
	Criteria  []criterion `json:"criteria"`
}

type law struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Source string `json:"source"`
}

type criterion struct {
	ID    string     `json:"id"`
	Law   string     `json:"law"`
	By    string     `json:"by"` // who has to do it: turf, site or both
	Says  string     `json:"says"`
	How   string     `json:"how"`
	Tests []provenBy `json:"tests,omitempty"`
}

// provenBy is a test, as "Name" or "Name/case", and the file that it is in.
type provenBy struct {
	Name string `json:"name"`
	File string `json:"file"`
}

// duration is for how long something is kept. 0 days: no end is set; less: it is not kept.
type duration struct {
	What string `json:"what"`
	Days int    `json:"days"`
	Note string `json:"note,omitempty"`
}

// readAssessment is the table of criteria.
func readAssessment() (*assessment, error) {
	text, err := pageFiles.ReadFile("page/assessment.json")
	if err != nil {
		return nil, err
	}
	var a assessment
	return &a, json.Unmarshal(text, &a)
}

// assess fills in what is true of a site now.
func (s *Server) assess(site *schema.Site) (*assessment, error) {
	a, err := readAssessment()
	if err != nil {
		return nil, err
	}
	now := s.ledger.cfg.Now()
	a.Site, a.Build, a.At = site.Domain, s.ledger.cfg.Build, stampOf(now)
	a.Profile = schema.ProfileStandard
	if site.Settings.IsStrict() {
		a.Profile = schema.ProfileStrict
	}
	loc, err := site.Location()
	if err != nil {
		return nil, err
	}
	a.K = site.K(schema.DayOf(now, loc))
	a.Durations = s.durations(site)
	return a, nil
}

// durations are those in force for a site: of the counting path, and then of the opt-in path.
func (s *Server) durations(site *schema.Site) []duration {
	list := []duration{
		{"Address and user agent of a visitor", -1, "they live for one request, in memory"},
		{"What tells the visitors of a day apart", 1, "in memory, until the site’s midnight"},
	}
	if k := s.cfg.Keeping; k != nil {
		list = append(list, duration{"Sums by the hour", k.HourDays, ""}, duration{"Sums by the day", k.DayDays, ""})
	}
	l := s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.st.site(site.ID)
	if !st.settings.active() {
		return append(list, duration{"Events of people who consented", -1, "the opt-in path is off"})
	}
	list = append(list, duration{"A consent", st.settings.validDays(), "then people are asked again"},
		duration{"The proof of a consent, after its end", int(st.settings.proofFor() / (24 * time.Hour)), ""})
	for _, id := range purposeIDs {
		days := 0
		for _, p := range st.purposes {
			if p.ID == id {
				days = p.RetentionDays
			}
		}
		if days > 0 {
			list = append(list, duration{"Events kept for the purpose " + id, days, "or until the consent is withdrawn"})
		}
	}
	return append(list, duration{"Numbers of those who were asked, agreed and refused", countKeepDays, "sums by the day"})
}

var assessmentTemplate = pageTemplate("page/assessment.html")

// getAssessment answers with the self-assessment of a site: as JSON, or with format=html to be read and printed.
func (s *Server) getAssessment(ec echo.Context, site *schema.Site) error {
	a, err := s.assess(site)
	if err != nil {
		return err
	}
	switch ec.QueryParam("format") {
	case "", "json":
		return answer(ec, http.StatusOK, a)
	case formatHTML:
		return writePage(ec, plainPolicy, "no-store", assessmentTemplate, a)
	}
	return malformed("format is json or html")
}
