package importer

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Format is how the lines of a log are written.
type Format string

const (
	// Auto takes each line for what it looks like.
	Auto Format = "auto"
	// Common is the Common Log Format: host ident user [time] "request" status bytes. What follows is not read.
	Common Format = "common"
	// Combined is Common, then "referer" "user agent". What follows is not read.
	Combined Format = "combined"
)

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Auto, Common, Combined:
		return f, nil
	case "":
		return Auto, nil
	}
	return "", fmt.Errorf("%q is not a log format; use combined, common or auto", s)
}

// MaxLineBytes is the longest line of a log that is read; a longer one is broken.
const MaxLineBytes = 64 << 10

// timeLayout is the time in a log's brackets, and timeBytes its length.
const (
	timeLayout = "02/Jan/2006:15:04:05 -0700"
	timeBytes  = len(timeLayout)
)

// The years of which lines are read: before them is no web, after them no column of time.
const (
	minTime = 631152000  // 1990-01-01, Unix seconds
	maxTime = 4102444800 // 2100-01-01
)

// line is one line of a log. It holds an address and a user agent, so it can be neither printed nor marshalled, and does not
// leave the package.
type line struct {
	host     string // an address, or a name where the server looks names up
	ident    string
	user     string
	time     int64 // Unix seconds
	request  string
	status   int   // three digits
	size     int64 // bytes sent; -1 where the log has "-"
	combined bool  // whether referer and agent were in the line
	referer  string
	agent    string
}

// Format writes no part of the line, whatever the verb.
func (l line) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(a line of a log)") }

// MarshalText refuses: a line is never stored or sent.
func (l line) MarshalText() ([]byte, error) {
	return nil, errors.New("BUG: a line of a log is never marshalled")
}

// The reasons for which a line is broken. They hold nothing of the line.
var (
	errFields  = errors.New("no host, ident and user before the time")
	errTime    = errors.New("no time such as [17/May/2015:10:05:03 +0000]")
	errRequest = errors.New("no request in quotes after the time")
	errStatus  = errors.New("no status of three digits after the request")
	errSize    = errors.New("no size after the status")
	errAgent   = errors.New("no referrer and user agent in quotes after the size")
	errRest    = errors.New("neither common nor combined format after the size (name one with --format)")
	errTooLong = fmt.Errorf("longer than %d bytes", MaxLineBytes)
)

// parse reads a line without its line end. It keeps parts of s.
func (l *line) parse(s string, format Format) error {
	*l = line{}
	head, rest, ok := strings.Cut(s, " [")
	if !ok {
		return errTime
	}
	var okIdent, okUser bool
	l.host, head, okIdent = strings.Cut(head, " ")
	l.ident, l.user, okUser = strings.Cut(head, " ")
	if !okIdent || !okUser || l.host == "" || l.ident == "" || l.user == "" {
		return errFields
	}
	if len(rest) <= timeBytes || rest[timeBytes] != ']' {
		return errTime
	}
	t, err := time.Parse(timeLayout, rest[:timeBytes])
	if l.time = t.Unix(); err != nil || l.time < minTime || l.time >= maxTime {
		return errTime
	}
	if l.request, rest, ok = quoted(rest[timeBytes+1:]); !ok {
		return errRequest
	}
	if rest, err = l.parseNumbers(rest); err != nil {
		return err
	}
	return l.parseTail(rest, format)
}

// parseNumbers reads " status size" and returns what follows.
func (l *line) parseNumbers(s string) (string, error) {
	if len(s) < 5 || s[0] != ' ' || s[4] != ' ' {
		return "", errStatus
	}
	for _, c := range []byte(s[1:4]) {
		if c < '0' || c > '9' {
			return "", errStatus
		}
		l.status = l.status*10 + int(c-'0')
	}
	size := s[5:]
	if i := strings.IndexByte(size, ' '); i >= 0 {
		size = size[:i]
	}
	l.size = -1
	if size != "-" {
		n, err := strconv.ParseUint(size, 10, 63)
		if err != nil {
			return "", errSize
		}
		l.size = int64(n)
	}
	return s[5+len(size):], nil
}

// parseTail reads what the formats differ in.
func (l *line) parseTail(s string, format Format) error {
	if format == Common {
		return nil
	}
	referer, rest, ok := quoted(s)
	var agent string
	if ok {
		agent, _, ok = quoted(rest)
	}
	switch {
	case ok:
		l.combined, l.referer, l.agent = true, dash(referer), dash(agent)
		return nil
	case format == Combined:
		return errAgent
	case strings.TrimSpace(s) != "":
		return errRest
	}
	return nil
}

func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// quoted reads a space and a text in quotes and returns what follows. A quote inside the text is one that is escaped, or one
// after which neither a space nor the line's end comes.
func quoted(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, ` "`) {
		return "", "", false
	}
	s = s[2:]
	escaped := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			escaped = true
			i++
		case s[i] == '"' && (i+1 == len(s) || s[i+1] == ' '):
			text = s[:i]
			if escaped {
				text = unescape(text)
			}
			return text, s[i+1:], true
		}
	}
	return "", "", false
}

// escapes are the escapes of one letter that Apache writes (util.c, ap_escape_logitem); nginx writes \xHH only.
var escapes = [256]byte{
	'"': '"', '\\': '\\', 'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'v': '\v', 'f': '\f',
}

// unescape undoes the escapes of a web server. A backslash that begins none stays.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if c := escapes[s[i+1]]; c != 0 {
			b = append(b, c)
			i++
			continue
		}
		if s[i+1] == 'x' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 3
				continue
			}
		}
		b = append(b, '\\')
	}
	return string(b)
}

// appendQuoted writes a space and s in quotes, as Apache and nginx do: what is not printable ASCII as \xHH.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, ' ', '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c > 0x7e:
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// append writes the line as a web server would; parse reads the same line from it.
func (l *line) append(dst []byte) []byte {
	dst = append(dst, l.host+" "+l.ident+" "+l.user+" ["...)
	dst = time.Unix(l.time, 0).UTC().AppendFormat(dst, timeLayout)
	dst = appendQuoted(append(dst, ']'), l.request)
	dst = fmt.Appendf(dst, " %03d ", l.status)
	if l.size < 0 {
		dst = append(dst, '-')
	} else {
		dst = strconv.AppendInt(dst, l.size, 10)
	}
	if l.combined {
		dst = appendQuoted(dst, orDash(l.referer))
		dst = appendQuoted(dst, orDash(l.agent))
	}
	return dst
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// target is what was asked for and how: method "" where the request is no HTTP.
func (l *line) target() (method, target string) {
	method, rest, ok := strings.Cut(l.request, " ")
	if !ok {
		return "", ""
	}
	if i := strings.LastIndex(rest, " HTTP/"); i >= 0 {
		rest = rest[:i]
	}
	return method, rest
}
