package reports

import "fmt"

// InvalidError says what is wrong with a question, for who asked it.
type InvalidError struct {
	Field  string // key of the question, such as "steps[1].page"
	Reason string // what is wrong and what to do
}

// Error is the text for who asked.
func (e *InvalidError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}
