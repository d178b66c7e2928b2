package stats

import (
	"errors"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	for _, c := range []struct{ text, want, wrong string }{
		{text: "30d", want: `"30d"`},
		{text: "all", want: `"all"`},
		{text: "2026-03-30", want: `["2026-03-30","2026-03-30"]`},
		{text: "2026-03-01,2026-03-31", want: `["2026-03-01","2026-03-31"]`},
		{text: "2026-03-01T00:00:00Z,2026-03-01T23:59:59Z", want: `["2026-03-01T00:00:00+00:00","2026-03-01T23:59:59+00:00"]`},
		{text: "", wrong: "is not known"},
		{text: "fortnight", wrong: "is not known"},
		{text: "2026-02-30", wrong: "is not known"},
		{text: "2026-03-01,", wrong: "is expected"},
		{text: "2026-03-01,2026-03-02,2026-03-03", wrong: "is expected"},
		{text: "2026-03-31,2026-03-01", wrong: "ends before it begins"},
		{text: "\xff", wrong: "is not known"},
	} {
		r, err := ParseRange(c.text)
		if c.wrong != "" {
			var invalid *InvalidError
			if !errors.As(err, &invalid) || invalid.Field != "date_range" || !strings.Contains(invalid.Reason, c.wrong) {
				t.Errorf("%q: %v, want %q", c.text, err, c.wrong)
			}
			continue
		}
		got, jsonErr := r.MarshalJSON()
		if err != nil || jsonErr != nil || string(got) != c.want {
			t.Errorf("%q: %s, %v, %v; want %s", c.text, got, err, jsonErr, c.want)
		}
	}
}
