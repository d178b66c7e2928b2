package stats

import (
	"encoding/json"
	"fmt"
	"strings"

	"turf/schema"
)

// ParseRange reads a date_range as the parameter of a URL: a name such as 30d, a date, or two dates or instants with a
// comma between. The error is an *InvalidError.
func ParseRange(text string) (DateRange, error) {
	var asked any = text
	if first, last, isPair := strings.Cut(text, ","); isPair {
		asked = [2]string{first, last}
	} else if _, err := schema.ParseDay(text); err == nil {
		asked = [2]string{text, text}
	}
	raw, err := json.Marshal(asked)
	if err != nil {
		return DateRange{}, fmt.Errorf("BUG: write the date_range %q: %w", text, err)
	}
	return parseRange(raw)
}
