package consent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"turf/schema"
)

// The limits of what a site's owner writes.
const (
	maxDocumentBytes  = 64 << 10 // of a notice, a purpose or settings
	maxTextBytes      = 8 << 10  // of one text
	maxLanguages      = 40
	maxNotices        = 500 // of one site
	maxPurposes       = 200 // versions of one site's purposes
	maxListed         = 50  // entries of a list in a document
	maxRetentionDays  = 25 * 31
	maxMonths         = 13
	maxProofMonths    = 60
	defaultMonths     = 6
	defaultAskMonths  = 6
	defaultProof      = 24 // months after the end of the consent
	daysOfMonth       = 30.4375
	defaultRetainDays = 396
)

// Purpose is what something is kept for. A changed meaning is a new version.
type Purpose struct {
	Site          string   `json:"site"`
	ID            string   `json:"id"`
	Version       int      `json:"version"`
	Data          []string `json:"data"` // categories
	RetentionDays int      `json:"retention_days"`
}

// Party is a controller or a processor.
type Party struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Contact string `json:"contact,omitempty"`
	DPO     string `json:"dpo,omitempty"`
	Role    string `json:"role,omitempty"`
}

// Text is a notice in one language. Purposes are the texts by purpose id.
type Text struct {
	Title    string            `json:"title"`
	Body     string            `json:"body"`
	Purposes map[string]string `json:"purposes"`
	Accept   string            `json:"accept"`
	Reject   string            `json:"reject"`
	Save     string            `json:"save"`
	Privacy  string            `json:"privacy"` // the words of the link that stays
}

// Evidence is what shows how the notice looked.
type Evidence struct {
	Screenshot string `json:"screenshot_sha256,omitempty"`
	Banner     string `json:"banner_build,omitempty"`
}

// Notice is what people are shown before they choose. It never changes: its id is the hash of all that it says.
type Notice struct {
	Site             string          `json:"site"`
	Version          int             `json:"version"`
	DefaultLang      string          `json:"default_lang"`
	Texts            map[string]Text `json:"lang"`
	Purposes         []string        `json:"purposes"` // "events@2"
	Controller       Party           `json:"controller"`
	Processors       []Party         `json:"processors,omitempty"`
	StorageLocations []string        `json:"storage_locations"`
	Jurisdiction     string          `json:"jurisdiction"`
	WithdrawalMethod string          `json:"withdrawal_method"`
	RightsURL        string          `json:"rights_url"`
	Authority        string          `json:"authority"`
	ValidFrom        time.Time       `json:"valid_from"`
	ValidTo          time.Time       `json:"valid_to,omitzero"`
	// Material: what is done with the data changes, so that those who agreed to an older version are asked again (EDPB
	// 05/2020, 110).
	Material bool     `json:"material"`
	Evidence Evidence `json:"ui_evidence,omitzero"`
}

// Settings are what a site's owner sets of the opt-in path. The zero value has it off.
type Settings struct {
	On bool `json:"on"`
	// Manager is the adapter's name of the consent manager that the site has; "" lets the script look.
	Manager string `json:"manager,omitempty"`
	// WeakProof accepts Google Consent Mode, which has no record of a choice.
	WeakProof bool `json:"weak_proof,omitempty"`
	// ExplicitOverGPC lets an explicit grant stand although the browser sends Global Privacy Control.
	ExplicitOverGPC bool `json:"explicit_over_gpc,omitempty"`
	// ValidMonths is how long a consent holds; 0 is 6, the most is 13.
	ValidMonths int `json:"valid_months,omitempty"`
	// ProofMonths is how long the proof is kept after the end of a consent; 0 is 24, the most is 60.
	ProofMonths int `json:"proof_months,omitempty"`
	// Audience is "" or AudienceChildren, which ends the opt-in path (L14).
	Audience string `json:"audience,omitempty"`
	// TCFVendor is the number of a vendor whose consents count in TC strings; 0: the publisher's own.
	TCFVendor int `json:"tcf_vendor,omitempty"`
}

// AudienceChildren is the audience of a site that is directed at children.
const AudienceChildren = "child-directed"

func (s *Settings) check() error {
	switch {
	case s.ValidMonths < 0 || s.ValidMonths > maxMonths:
		return fmt.Errorf("valid_months must be 1 to %d", maxMonths)
	case s.ProofMonths < 0 || s.ProofMonths > maxProofMonths:
		return fmt.Errorf("proof_months must be 1 to %d", maxProofMonths)
	case s.Audience != "" && s.Audience != AudienceChildren:
		return fmt.Errorf("audience must be left out or %s", AudienceChildren)
	case len(s.Manager) > maxWordBytes:
		return errors.New("manager is too long")
	case s.TCFVendor < 0 || s.TCFVendor > maxVendor:
		return fmt.Errorf("tcf_vendor must be 0 to %d", maxVendor)
	}
	return nil
}

// days is a number of months, or another where it is 0, in whole days.
func days(months, other int) int {
	if months == 0 {
		months = other
	}
	return int(float64(months) * daysOfMonth)
}

func (s *Settings) validDays() int { return days(s.ValidMonths, defaultMonths) }

func (s *Settings) proofFor() time.Duration {
	return time.Duration(days(s.ProofMonths, defaultProof)) * 24 * time.Hour
}

// active reports whether anything may be granted or kept.
func (s *Settings) active() bool { return s.On && s.Audience != AudienceChildren }

func (p *Purpose) check() error {
	switch {
	case purposeBit(p.ID) < 0:
		return fmt.Errorf("id must be one of %s", strings.Join(purposeIDs[:], ", "))
	case len(p.Data) == 0 || len(p.Data) > maxListed:
		return fmt.Errorf("data must name 1 to %d categories", maxListed)
	case p.RetentionDays < 1 || p.RetentionDays > maxRetentionDays:
		return fmt.Errorf("retention_days must be 1 to %d", maxRetentionDays)
	}
	return nil
}

// check reports what is wrong with a notice; known are the purposes that there are, as "events@2".
func (n *Notice) check(known func(string) bool) error {
	switch {
	case len(n.Texts) == 0 || len(n.Texts) > maxLanguages:
		return fmt.Errorf("lang must have 1 to %d languages", maxLanguages)
	case n.Texts[n.DefaultLang].Body == "":
		return errors.New("default_lang must be one of lang")
	case len(n.Purposes) == 0 || len(n.Purposes) > numPurposes:
		return errors.New("purposes must name at least one, each once")
	case n.Controller.Name == "" || n.Controller.Contact == "":
		return errors.New("controller must have name and contact")
	case n.Jurisdiction == "" || n.WithdrawalMethod == "" || len(n.StorageLocations) == 0:
		return errors.New("jurisdiction, withdrawal_method and storage_locations are required")
	case len(n.Processors) > maxListed || len(n.StorageLocations) > maxListed:
		return fmt.Errorf("lists can have at most %d entries", maxListed)
	case !n.ValidTo.IsZero() && !n.ValidTo.After(n.ValidFrom):
		return errors.New("valid_to must be after valid_from")
	}
	seen := map[string]bool{}
	for _, at := range n.Purposes {
		id, _, ok := splitPurpose(at)
		if !ok || seen[id] || !known(at) {
			return fmt.Errorf("purpose %q is not registered, or is there twice", at)
		}
		seen[id] = true
	}
	for lang, text := range n.Texts {
		if err := text.check(lang, slices.Sorted(maps.Keys(seen))); err != nil {
			return err
		}
	}
	return nil
}

func (t *Text) check(lang string, purposes []string) error {
	if lang == "" || len(lang) > 35 {
		return errors.New("a language must be a tag such as nl or pt-BR")
	}
	texts := []string{t.Title, t.Body, t.Accept, t.Reject, t.Save, t.Privacy}
	for _, p := range purposes {
		texts = append(texts, t.Purposes[p])
	}
	for _, text := range texts {
		if text == "" || len(text) > maxTextBytes {
			return fmt.Errorf("%s: title, body, accept, reject, save, privacy and the text of each purpose must have 1 to %d bytes",
				lang, maxTextBytes)
		}
	}
	return nil
}

// version is the version of a purpose in a notice, or 0.
func (n *Notice) version(id string) int {
	for _, at := range n.Purposes {
		if p, v, _ := splitPurpose(at); p == id {
			return v
		}
	}
	return 0
}

// text is the notice in a language, or in its own first one.
func (n *Notice) text(lang string) (string, Text) {
	if t, ok := n.Texts[lang]; ok {
		return lang, t
	}
	if base, _, found := strings.Cut(lang, "-"); found {
		if t, ok := n.Texts[base]; ok {
			return base, t
		}
	}
	return n.DefaultLang, n.Texts[n.DefaultLang]
}

// Documents in the clear, as leaves of the log hold them.
type (
	noticeDoc struct {
		SiteID schema.SiteID `json:"site_id"`
		ID     string        `json:"notice_id"`
		Notice Notice        `json:"notice"`
		At     time.Time     `json:"at"`
	}
	purposeDoc struct {
		SiteID  schema.SiteID `json:"site_id"`
		Purpose Purpose       `json:"purpose"`
		At      time.Time     `json:"at"`
	}
	settingsDoc struct {
		SiteID   schema.SiteID `json:"site_id"`
		Settings Settings      `json:"settings"`
		At       time.Time     `json:"at"`
	}
	// tombstone says that the payload of an event is gone.
	tombstone struct {
		EventID string    `json:"event_id"`
		Leaf    int64     `json:"leaf"`
		At      time.Time `json:"erased_at"`
		Ground  string    `json:"ground"` // groundArt17, …
	}
	// erasedDoc says that what was collected of the subject of a withdrawal is gone.
	erasedDoc struct {
		EventID string    `json:"event_id"` // of the withdrawal
		At      time.Time `json:"at"`
	}
	// keyDoc is a key that signs checkpoints from here on.
	keyDoc struct {
		Key string    `json:"key"` // as package note writes it
		At  time.Time `json:"at"`
	}
)

// Grounds of a tombstone.
const (
	groundArt17     = "art17"
	groundRetention = "retention"
	groundWithdrawn = "withdrawn" // the link to a user's id, gone with the consent
)
