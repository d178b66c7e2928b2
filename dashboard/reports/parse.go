package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxBodyBytes is how long a question may be.
const MaxBodyBytes = 64 << 10

// question is what can be checked after it was read. check sets what was left out, and its errors are *InvalidError; common is
// good after it.
type question interface {
	check() error
	common() *Common
}

// parse reads a question strictly: a key that is not known is refused. Every error is an *InvalidError.
func parse(body []byte, q question) error {
	if len(body) > MaxBodyBytes {
		return invalid("", "The question is longer than %d bytes", MaxBodyBytes)
	}
	if !utf8.Valid(body) {
		return invalid("", "The question is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return explain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("", "Something follows the JSON object")
	}
	return q.check()
}

// explain says what is wrong with the JSON in the words of who wrote it.
func explain(err error) error {
	var typ *json.UnmarshalTypeError
	var ours *InvalidError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &typ):
		return invalid(typ.Field, "a %s is expected, not a %s", kindOf(typ.Type.Kind().String()), typ.Value)
	case errors.As(err, &syntax):
		return invalid("", "It is not JSON: %v at byte %d", syntax, syntax.Offset)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return invalid("", "Unknown key %s", strings.TrimPrefix(err.Error(), "json: unknown field "))
	}
	return invalid("", "A JSON object is expected")
}

// kindOf is a kind of Go in the words of JSON.
func kindOf(kind string) string {
	switch kind {
	case "slice", "array":
		return "list"
	case "struct", "map":
		return "object"
	case "int", "int64":
		return "whole number"
	case "bool":
		return "true or false"
	}
	return kind
}

// ParseFunnel reads a question for [Engine.Funnel]. Its error is an *InvalidError, as of all that follow.
func ParseFunnel(body []byte) (*FunnelQuestion, error) { return parsed(body, &FunnelQuestion{}) }

// ParseRetention reads a question for [Engine.Retention].
func ParseRetention(body []byte) (*RetentionQuestion, error) {
	return parsed(body, &RetentionQuestion{})
}

// ParseJourneys reads a question for [Engine.Journeys].
func ParseJourneys(body []byte) (*JourneysQuestion, error) { return parsed(body, &JourneysQuestion{}) }

// ParsePaths reads a question for [Engine.Paths].
func ParsePaths(body []byte) (*PathsQuestion, error) { return parsed(body, &PathsQuestion{}) }

// ParsePeople reads a question for [Engine.People].
func ParsePeople(body []byte) (*PeopleQuestion, error) { return parsed(body, &PeopleQuestion{}) }

// ParseAdoption reads a question for [Engine.Adoption].
func ParseAdoption(body []byte) (*AdoptionQuestion, error) { return parsed(body, &AdoptionQuestion{}) }

// ParseClicks reads a question for [Engine.Clicks].
func ParseClicks(body []byte) (*ClicksQuestion, error) { return parsed(body, &ClicksQuestion{}) }

// ParseHeat reads a question for [Engine.Heat].
func ParseHeat(body []byte) (*HeatQuestion, error) { return parsed(body, &HeatQuestion{}) }

func parsed[Q question](body []byte, q Q) (Q, error) {
	if err := parse(body, q); err != nil {
		var none Q
		return none, err
	}
	return q, nil
}
