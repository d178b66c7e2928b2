package consent

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may lie in each other.
const maxDepth = 16

// errCanonical is what canonical forms cannot hold.
var errCanonical = errors.New("only text, integers, true, false, lists and objects have a canonical form")

// canonical is the JSON of v in the canonical form of RFC 8785, for values of strings, integers, booleans, arrays and
// objects only: so no two programs can differ about a number.
func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	return canonicalText(text)
}

// canonicalText is the canonical form of a JSON text.
func canonicalText(text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return nil, errCanonical
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	if d.More() {
		return nil, errCanonical
	}
	return appendCanonical(make([]byte, 0, len(text)), v, 0)
}

func appendCanonical(b []byte, v any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errCanonical
	}
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendText(b, v), nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil || n > 1<<53 || n < -1<<53 {
			return nil, errCanonical
		}
		return strconv.AppendInt(b, n, 10), nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendCanonical(b, e, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		return appendObject(b, v, depth)
	}
	return nil, errCanonical
}

func appendObject(b []byte, v map[string]any, depth int) ([]byte, error) {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		return slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
	})
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		var err error
		if b, err = appendCanonical(b, v[name], depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendText is a string with as few escapes as can be.
func appendText(b []byte, s string) []byte {
	const short = "\b\t\n\f\r"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			if k := bytes.IndexByte([]byte(short), c); k >= 0 {
				b = append(b, '\\', "btnfr"[k])
			} else {
				b = fmt.Appendf(b, `\u%04x`, c)
			}
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// contentID is the address of a document by what it says.
func contentID(v any) (string, error) {
	text, err := canonical(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// decode64 reads base64 that has one form only: package base64 leaves out line feeds, also where it is strict.
func decode64(e *base64.Encoding, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return e.Strict().DecodeString(text)
}
