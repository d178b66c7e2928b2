package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"turf/schema"
)

// The limits of what a browser sends of a choice.
const (
	maxChoiceBytes = 16 << 10
	maxWordBytes   = 64  // an adapter's name, a language
	maxProofBytes  = 256 // a proof's id or time
	maxPageBytes   = 2000
	maxClockOff    = 24 * time.Hour // between the browser's clock and the server's
)

// Actions of a choice. Those that are in neither list are no choice (implicit_consent).
const (
	actionAcceptAll = "accept_all"
	actionSave      = "save"
	actionRenew     = "renew"
	actionRejectAll = "reject_all"
	actionDismiss   = "dismiss"
	actionShown     = "shown"
	actionWithdraw  = "withdraw" // of an event, never sent
)

// The schemes of proof.
const (
	schemeOwn = "own"
	schemeTCF = "tcf"
	schemeGPP = "gpp"
	schemeGCM = "gcm" // no record of a choice: weak
)

var schemes = []string{
	schemeOwn, schemeTCF, schemeGPP, schemeGCM, "cookiebot", "usercentrics", "onetrust", "cc3", "klaro", "didomi", "complianz",
	"cookieyes", "osano", "manual",
}

// choice is the body of POST /v1/consent/events.
type choice struct {
	Site       string          `json:"site"`
	NoticeID   string          `json:"notice_id"`
	Lang       string          `json:"lang"`
	Purposes   map[string]bool `json:"purposes"`
	Action     string          `json:"action"`
	Explicit   bool            `json:"explicit"`
	Adapter    adapterName     `json:"adapter"`
	UI         string          `json:"ui"`
	Proof      choiceProof     `json:"proof"`
	OccurredAt browserTime     `json:"occurred_at"`
	GPC        bool            `json:"gpc"`
	Page       string          `json:"page"`
	CID        string          `json:"cid"`
}

type choiceProof struct {
	Scheme  string `json:"scheme"`
	ID      string `json:"id"`
	String  string `json:"string"`
	Created string `json:"created"`
	Method  string `json:"method"`
}

// adapterName is {"name","version"}, or the name alone.
type adapterName struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// browserTime is a time as a browser writes it. What is no time of RFC 3339 is the zero time, which is replaced by the
// server's (L17).
type browserTime struct{ time.Time }

// UnmarshalJSON takes whatever comes.
func (t *browserTime) UnmarshalJSON(text []byte) error {
	if err := t.Time.UnmarshalJSON(text); err != nil {
		t.Time = time.Time{}
	}
	return nil
}

// UnmarshalJSON takes both forms.
func (a *adapterName) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &a.Name)
	}
	type plain adapterName
	return json.Unmarshal(text, (*plain)(a))
}

// bits are the purposes that are chosen.
func (c *choice) bits() (bits uint8) {
	for id, yes := range c.Purposes {
		if i := purposeBit(id); yes && i >= 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// grants reports whether the choice is for anything.
func (c *choice) grants() bool {
	return c.bits() != 0 && (c.Action == actionAcceptAll || c.Action == actionSave || c.Action == actionRenew)
}

// check reports what is wrong with the form of a choice, and whether it is one.
func (c *choice) check() error {
	for id := range c.Purposes {
		if purposeBit(id) < 0 {
			return malformed("purposes are " + strings.Join(purposeIDs[:], ", "))
		}
	}
	for _, word := range []string{c.Adapter.Name, c.Adapter.Version, c.Lang, c.Proof.Method} {
		if !isWord(word, maxWordBytes) {
			return malformed("adapter, lang and proof.method must be short and printable")
		}
	}
	for _, word := range []string{c.Proof.ID, c.Proof.Created} {
		if !isWord(word, maxProofBytes) {
			return malformed("proof.id and proof.created must be short and printable")
		}
	}
	switch c.Action {
	case actionAcceptAll, actionSave, actionRenew, actionRejectAll, actionDismiss, actionShown:
	case "":
		return malformed("action is required")
	default:
		return problem(codeImplicit, "an action that is no choice gives nothing")
	}
	switch {
	case c.UI != "" && c.UI != "cmp" && c.UI != "own" && c.UI != "api":
		return malformed("ui must be cmp, own or api")
	case len(c.Page) > maxPageBytes:
		return malformed("page is too long")
	case len(c.Proof.String) > maxStringBytes:
		return problem(codeTooLarge, "proof.string is too long")
	case c.Proof.Scheme != "" && !slices.Contains(schemes, c.Proof.Scheme):
		return malformed("proof.scheme is not known")
	case c.CID != "" && !isCID(c.CID):
		return malformed("cid is none of ours")
	}
	return nil
}

func isCID(text string) bool { _, ok := parseCID(text); return ok }

// isWord reports whether a text is of printable ASCII and short. "" is one.
func isWord(s string, most int) bool {
	if len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// terms are what a choice is made under.
type terms struct {
	site     *schema.Site
	settings *Settings
	notice   *noticeDoc
	keys     *keyRing
	now      time.Time
}

// checkGrant reports why a choice that grants cannot, under its terms. It returns the proof as it
// is kept, and whether the person may be remembered on the terminal.
func (c *choice) checkGrant(t *terms) (p Proof, storage bool, err error) {
	switch {
	case c.Proof.Method == "implicit":
		return p, false, problem(codeImplicit, "the consent manager calls the choice implicit")
	case !c.Explicit:
		return p, false, problem(codeNotExplicit, "explicit must be true: a person chose")
	case c.GPC && !t.settings.ExplicitOverGPC:
		return p, false, problem(codeNotExplicit, "the browser sends Global Privacy Control")
	case c.Proof.Scheme == "":
		return p, false, malformed("proof.scheme is required")
	}
	for id, yes := range c.Purposes {
		if yes && t.notice.Notice.version(id) == 0 {
			return p, false, malformed("the notice does not name the purpose " + id)
		}
	}
	p = Proof{Scheme: c.Proof.Scheme, ID: c.Proof.ID, Created: c.Proof.Created}
	if c.Proof.String != "" {
		sum := sha256.Sum256([]byte(c.Proof.String))
		p.String = hex.EncodeToString(sum[:])
	}
	p.Verified, storage, err = c.verify(t)
	return p, storage, err
}

// verify checks what the server can check of a proof itself.
func (c *choice) verify(t *terms) (verified, storage bool, err error) {
	switch c.Proof.Scheme {
	case schemeOwn:
		if !t.keys.isNonce(c.Proof.ID, t.site.ID, t.notice.ID, c.Lang, t.now) {
			return false, false, problem(codeProofMismatch, "the nonce is not of this notice, or too old")
		}
		return true, true, nil
	case schemeTCF:
		tc, err := parseTC(c.Proof.String)
		if err != nil {
			return false, false, problem(codeProofMismatch, "proof.string is no TC string")
		}
		storage, err = tc.agrees(c.bits(), t.settings.TCFVendor, t.now)
		return err == nil, storage, err
	case schemeGPP:
		g, err := parseGPP(c.Proof.String)
		switch {
		case err != nil:
			return false, false, problem(codeProofMismatch, "proof.string is no GPP string")
		case g.denies != "":
			return false, false, problem(codeProofMismatch, g.denies)
		case !g.hasTC:
			return false, false, problem(codeProofMismatch, "without section 2 it cannot grant")
		}
		storage, err = g.tc.agrees(c.bits(), t.settings.TCFVendor, t.now)
		return err == nil, storage, err
	case schemeGCM:
		if !t.settings.WeakProof {
			return false, false, problem(codeProofMismatch, "the site does not accept Google Consent Mode as proof")
		}
	}
	return false, true, nil
}

// The purposes of TCF that are needed: measure content performance, understand audiences, improve services; and to
// store on the terminal.
const tcfStore = 1

var tcfNeeded = [...]int{8, 9, 10}

// agrees reports why a TC string does not say what a choice says, and whether it lets the id be stored on the
// terminal. vendor 0 asks for the publisher's own consents.
func (t *tcString) agrees(purposes uint8, vendor int, now time.Time) (storage bool, err error) {
	bits := t.publisher
	switch {
	case purposes&(1<<purposeBit(PurposeAccountLink)) != 0:
		return false, problem(codeProofMismatch, "a TC string cannot grant account_link")
	case t.created.After(now.Add(maxClockOff)) || t.updated.After(now.Add(maxClockOff)):
		return false, problem(codeProofMismatch, "the TC string was created in the future")
	case t.created.After(t.updated):
		return false, problem(codeProofMismatch, "the TC string was changed before it was created")
	case vendor != 0 && !t.vendor(vendor):
		return false, problem(codeProofMismatch, "the TC string does not have the vendor's consent")
	case vendor != 0:
		bits = t.purposes
	case !t.hasPublisher:
		return false, problem(codeProofMismatch, "the TC string has no publisher segment")
	}
	for _, p := range tcfNeeded {
		if !purposeSet(bits, p) {
			return false, problem(codeProofMismatch, "the TC string does not grant purposes 8, 9 and 10")
		}
	}
	return purposeSet(bits, tcfStore), nil
}
