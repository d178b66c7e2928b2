package ingest

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted makes the struct in which it is embedded impossible to print, log or marshal: whatever the verb or the encoder, all that
// comes out is "[redacted]". The methods of fmt, encoding/json and log/slog that would look into the struct find these first.
//
// fmt does not ask when a value lies in an unexported field of another struct, or when the verb does not fit (%p for a struct, which
// go vet refuses). So what must never be seen at all (see client) is also behind a pointer to a pointer: those it does not follow.
type redacted struct{}

const redactedText = "[redacted]"

// Format is called by fmt for every verb.
func (redacted) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, redactedText) // fmt has no way to report it
}

// String is for code that asks for a text without fmt.
func (redacted) String() string { return redactedText }

// MarshalText serves encoding/json (also for keys of maps), encoding/xml and the text handler of log/slog.
func (redacted) MarshalText() ([]byte, error) { return []byte(redactedText), nil }

// MarshalJSON gives a JSON string.
func (redacted) MarshalJSON() ([]byte, error) { return []byte(`"` + redactedText + `"`), nil }

// GobEncode serves encoding/gob.
func (redacted) GobEncode() ([]byte, error) { return []byte(redactedText), nil }

// LogValue serves log/slog.
func (redacted) LogValue() slog.Value { return slog.StringValue(redactedText) }
