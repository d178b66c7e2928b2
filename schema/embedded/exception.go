package embedded

import (
	"errors"
	"regexp"
	"strconv"
)

// exception is an error that the database reported. Its text starts with "Code: N. DB::Exception: " as a server's does.
type exception struct {
	Code int32 // ClickHouse's number of the error, e.g. 60 for an unknown table
	Text string
}

func (e *exception) Error() string { return e.Text }

// codeUnknown is ClickHouse's UNKNOWN_EXCEPTION.
const codeUnknown = 1002

var (
	errConnect  = errors.New("the engine's library refused the connection (its reason, if any, is on standard error)")
	errNoResult = errors.New("the engine's library gave no result")
)

// codePattern finds the code: the library puts "Error: " or nothing before what a server says.
var codePattern = regexp.MustCompile(`Code:\s*(\d+)\.`)

func newException(text string) *exception {
	m := codePattern.FindStringSubmatchIndex(text)
	if m == nil {
		if text == "" {
			text = "no reason given"
		}
		return &exception{codeUnknown, "Code: " + strconv.Itoa(codeUnknown) + ". DB::Exception: " + text}
	}
	code, err := strconv.ParseInt(text[m[2]:m[3]], 10, 32)
	if err != nil {
		code = codeUnknown
	}
	return &exception{int32(code), text[m[0]:]}
}
