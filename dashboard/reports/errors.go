package reports

import (
	"fmt"

	"turf/dashboard/stats"
)

// InvalidError says what is wrong with a question, for who asked it: as in the stats API.
type InvalidError = stats.InvalidError

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}
