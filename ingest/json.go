package ingest

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth is how deep values can lie in each other.
const maxJSONDepth = 32

var errJSON = errors.New("is not a JSON object in UTF-8")

// jsonReader reads JSON (RFC 8259) from a string of valid UTF-8, value by value, without allocating: a string without escapes is a
// part of the input. After an error it is not used again. It takes what encoding/json takes, but for values that lie too deep and
// for strings with a NUL, which no counter can hold.
type jsonReader struct {
	s string
	i int
}

// space skips white space.
func (j *jsonReader) space() {
	for j.i < len(j.s) {
		switch j.s[j.i] {
		case ' ', '\t', '\n', '\r':
			j.i++
		default:
			return
		}
	}
}

// peek skips white space and is the byte after it, or 0 at the end.
func (j *jsonReader) peek() byte {
	j.space()
	if j.i < len(j.s) {
		return j.s[j.i]
	}
	return 0
}

// take skips white space and c, and reports whether c was there.
func (j *jsonReader) take(c byte) bool {
	if j.peek() != c || j.i >= len(j.s) {
		return false
	}
	j.i++
	return true
}

// object reads an object and calls member at the value of each of its members; member must read that value.
func (j *jsonReader) object(member func(key string) error) error {
	if !j.take('{') {
		return errJSON
	}
	if j.take('}') {
		return nil
	}
	for {
		if j.peek() != '"' {
			return errJSON
		}
		key, err := j.text()
		if err != nil {
			return err
		}
		if !j.take(':') {
			return errJSON
		}
		if err := member(key); err != nil {
			return err
		}
		if j.take('}') {
			return nil
		}
		if !j.take(',') {
			return errJSON
		}
	}
}

// end reports whether nothing but white space is left.
func (j *jsonReader) end() bool { return j.peek() == 0 && j.i >= len(j.s) }

// text reads a string; the next byte is its quote.
func (j *jsonReader) text() (string, error) {
	start := j.i + 1
	for i := start; i < len(j.s); i++ {
		switch c := j.s[i]; {
		case c == '"':
			j.i = i + 1
			return j.s[start:i], nil
		case c == '\\':
			return j.escapedText(start, i)
		case c < 0x20:
			return "", errJSON
		}
	}
	return "", errJSON
}

// escapedText goes on with a string whose first escape is at i.
func (j *jsonReader) escapedText(start, i int) (string, error) {
	b := append(make([]byte, 0, i-start+64), j.s[start:i]...)
	for i < len(j.s) {
		c := j.s[i]
		switch {
		case c == '"':
			j.i = i + 1
			return string(b), nil
		case c < 0x20:
			return "", errJSON
		case c != '\\':
			b = append(b, c)
			i++
			continue
		}
		if i+1 >= len(j.s) {
			return "", errJSON
		}
		if n := strings.IndexByte(`"\/bfnrt`, j.s[i+1]); n >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[n])
			i += 2
			continue
		}
		r, size := escapedRune(j.s[i:])
		if size == 0 || r == 0 {
			return "", errJSON
		}
		b = utf8.AppendRune(b, r)
		i += size
	}
	return "", errJSON
}

// escapedRune reads \uXXXX, or two of them that are a surrogate pair; half a pair is U+FFFD. size is 0 when it is neither.
func escapedRune(s string) (r rune, size int) {
	first, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	if second, ok := hex4(s[6:]); ok {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for i := 2; i < 6; i++ {
		if !isHex(s[i]) {
			return 0, false
		}
		r = r<<4 | rune(unhex(s[i]))
	}
	return r, true
}

// scalar reads a number, true, false or null and returns it as it stands.
func (j *jsonReader) scalar() (string, error) {
	rest := j.s[j.i:]
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(rest, word) {
			j.i += len(word)
			return word, nil
		}
	}
	n := numberLen(rest)
	if n == 0 {
		return "", errJSON
	}
	j.i += n
	return rest[:n], nil
}

// numberLen is the length of the number that s begins with, 0 for none.
func numberLen(s string) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// skip reads any value and forgets it. depth is how many values it lies in.
func (j *jsonReader) skip(depth int) error {
	if depth >= maxJSONDepth {
		return errJSON
	}
	switch j.peek() {
	case '{':
		return j.object(func(string) error { return j.skip(depth + 1) })
	case '[':
		return j.skipArray(depth)
	case '"':
		_, err := j.text()
		return err
	}
	_, err := j.scalar()
	return err
}

func (j *jsonReader) skipArray(depth int) error {
	if !j.take('[') {
		return errJSON
	}
	if j.take(']') {
		return nil
	}
	for {
		if err := j.skip(depth + 1); err != nil {
			return err
		}
		if j.take(']') {
			return nil
		}
		if !j.take(',') {
			return errJSON
		}
	}
}

// isInteger reports whether a scalar is a number without fraction and exponent.
func isInteger(scalar string) bool {
	_, err := strconv.ParseInt(scalar, 10, 64)
	return err == nil
}
