package consent

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// State is what an event makes of a consent.
type State string

// The states. Only Given and Renewed let anything be kept.
const (
	Given      State = "GIVEN"
	Renewed    State = "RENEWED"
	Refused    State = "REFUSED" // counted, never an event
	Withdrawn  State = "WITHDRAWN"
	Expired    State = "EXPIRED"
	Superseded State = "SUPERSEDED" // a material new version of the notice: ask again
	Linked     State = "LINKED"     // no change of the consent: a user's id was linked under account_link
)

// Purpose ids. PurposeReplay is reserved and cannot be granted.
const (
	PurposeEvents      = "events"
	PurposeJourneys    = "journeys"
	PurposeHeatmap     = "heatmap"
	PurposeAccountLink = "account_link"
	PurposeReplay      = "replay"
)

// numPurposes is how many can be granted. Their places in purposeIDs are their bits in a token: the order never
// changes.
const numPurposes = 4

var purposeIDs = [numPurposes]string{PurposeEvents, PurposeJourneys, PurposeHeatmap, PurposeAccountLink}

// purposeBit is the place of a purpose, or -1.
func purposeBit(id string) int { return slices.Index(purposeIDs[:], id) }

// Event is what is proven of a consent. Its names are those of the canonical form that the log commits to.
type Event struct {
	EventID  string        `json:"event_id"` // UUIDv7
	Site     string        `json:"site"`
	SiteID   schema.SiteID `json:"site_id"`
	RecordID string        `json:"record_id"` // the event_id of the subject's first event
	Ref      string        `json:"ref"`       // "b64:…": the schema.PersonRef of the subject
	Seq      int           `json:"seq"`       // of the subject, from 1
	State    State         `json:"state"`
	// Type is EXPLICIT for what a person did and AUTOMATIC for what time did.
	Type     string          `json:"type"`
	Purposes map[string]bool `json:"purposes,omitempty"` // "events@2": true
	NoticeID string          `json:"notice_id"`
	Lang     string          `json:"lang"`
	Method   Method          `json:"method,omitzero"`
	Proof    Proof           `json:"proof,omitzero"`
	GPC      bool            `json:"gpc"`
	// OccurredAt is what the browser says, ReceivedAt is the server's clock. Clock is "replaced" where the first was
	// more than 24 h from the second and was replaced by it.
	OccurredAt time.Time `json:"occurred_at"`
	Clock      string    `json:"clock,omitempty"`
	ReceivedAt time.Time `json:"received_at"`
	ValidUntil time.Time `json:"valid_until,omitzero"`
	Prev       string    `json:"prev_event_id,omitempty"`
	PagePath   string    `json:"page_path,omitempty"`
	Build      string    `json:"build,omitempty"`
	Erase      string    `json:"erase,omitempty"` // eraseRows or eraseSubject
	Link       Link      `json:"link,omitzero"`
}

// What a withdrawal erases.
const (
	eraseRows    = "rows"    // what was collected
	eraseSubject = "subject" // that and the payloads of the ledger (Art. 17)
)

const (
	typeExplicit  = "EXPLICIT"
	typeAutomatic = "AUTOMATIC"
)

// Method is how the choice was made.
type Method struct {
	Adapter string `json:"adapter,omitempty"`
	Version string `json:"adapter_version,omitempty"`
	UI      string `json:"ui,omitempty"` // cmp, own or api
	Action  string `json:"action,omitempty"`
}

// Proof is what the consent manager says of it. A string is kept as its hash.
type Proof struct {
	Scheme   string `json:"scheme"`
	ID       string `json:"id,omitempty"`
	String   string `json:"string_sha256,omitempty"`
	Created  string `json:"created,omitempty"`
	Verified bool   `json:"verified"` // the server checked it itself
}

// Link is a user's id under account_link: HMAC-SHA-256 of it with a key that only this payload holds.
type Link struct {
	Key     string `json:"key"`     // hex, 32 bytes
	Account string `json:"account"` // hex, 32 bytes
}

// stampOf is a time as events hold it: UTC, milliseconds.
func stampOf(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// newID is a UUIDv7 of the time.
func newID(now time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(id[6:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return idText(id)
}

func idText(id [16]byte) string {
	text := hex.EncodeToString(id[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

// idBytes is the inverse of newID's text; ok is false for what is no such id.
func idBytes(text string) (id [16]byte, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	n, err := hex.Decode(id[:], []byte(strings.ReplaceAll(text, "-", "")))
	return id, err == nil && n == len(id)
}

// splitPurpose is "events@2" taken apart; ok is false for what is none.
func splitPurpose(text string) (id string, version int, ok bool) {
	id, v, _ := strings.Cut(text, "@")
	version, err := strconv.Atoi(v)
	return id, version, err == nil && version > 0 && purposeBit(id) >= 0
}
