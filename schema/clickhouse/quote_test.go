package clickhouse

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// parseStringArray reads a literal as ClickHouse does: strings in single quotes, escapes as in C.
func parseStringArray(s string) ([]string, error) {
	s, ok := strings.CutPrefix(s, "[")
	if !ok {
		return nil, errors.New("no [")
	}
	var values []string
	for {
		if s == "]" {
			return values, nil
		}
		if len(values) > 0 {
			if s, ok = strings.CutPrefix(s, ","); !ok {
				return nil, errors.New("no comma")
			}
		}
		var value string
		var err error
		if value, s, err = parseQuoted(s); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
}

func parseQuoted(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, "'") {
		return "", "", errors.New("no quote")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			return b.String(), s[i+1:], nil
		case c < 0x20 && c != 0x1b && (c == 0 || c >= '\a' && c <= '\r'):
			return "", "", errors.New("a control character that has an escape")
		case c != '\\':
			b.WriteByte(c)
		case i+1 == len(s):
			return "", "", errors.New("ends in a backslash")
		default:
			i++
			at := strings.IndexByte(`0abtnvfr\'`, s[i])
			if at < 0 {
				return "", "", errors.New("unknown escape")
			}
			b.WriteByte("\x00\a\b\t\n\v\f\r\\'"[at])
		}
	}
	return "", "", errors.New("no end")
}

// Any strings come back from the literal as they went in. That ClickHouse reads the literal as parseStringArray does
// is what TestParametersRoundTrip shows.
func FuzzStringArray(f *testing.F) {
	for _, s := range []string{"", "a", "'", `\`, `\'`, "\x00", "a\nb\tc", "é漢", "\xff", "','", "]", "[", `\n`} {
		f.Add(s, "b", uint8(2))
	}
	f.Add(`'; --`, `\`, uint8(0))
	f.Fuzz(func(t *testing.T, a, b string, n uint8) {
		values := []string{a, b, a + b}[:min(n, 3)]
		back, err := parseStringArray(StringArray(values))
		if err != nil {
			t.Fatalf("%q: %v", values, err)
		}
		if !slices.Equal(back, values) {
			t.Fatalf("%q came back as %q", values, back)
		}
	})
}

func TestEscapeParams(t *testing.T) {
	got, err := escapeParams("SELECT {a:String}, { b : Array(String)}, {c:LowCardinality(String)}, {d:Int64}",
		map[string]string{"a": `x\y`, "b": `['x\\y']`, "c": "t\tn\n", "d": "5"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": `x\\y`, "b": `['x\\y']`, "c": `t\tn\n`, "d": "5"} {
		if got[name] != want {
			t.Errorf("%s is sent as %s, want %s", name, got[name], want)
		}
	}
}
