package ingest

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"turf/schema"
)

// noHost is the hostname of a page whose URL has none, as Plausible has it.
const noHost = "(none)"

// maxHostBytes is the longest name of the domain name system, with room for a port.
const maxHostBytes = 253 + len(":65535")

// Errors of a URL that cannot be counted. They say nothing of the URL itself: it may hold personal data.
var (
	errScheme = errors.New("must be the address of a page, such as https://example.com/path")
	errHost   = errors.New("has a hostname that is not valid")
)

// refusedSchemes are those of URLs that hold a document or a program and not its address.
var refusedSchemes = [...]string{"data", "javascript", "vbscript", "blob"}

// urlParts are the parts of a URL that matter here, none of them cleaned.
type urlParts struct {
	scheme    string // "" for none
	authority string // with user and port; "" for none
	path      string
	query     string // without ?
	fragment  string // without #
}

// splitURL takes a URL apart. Unlike net/url it takes what browsers and logs have, such as stray percent signs. The
// only error is errScheme. A URL that names no place on a host (mailto:, about:, file:) has no parts but its scheme
// and fragment.
func splitURL(raw string) (urlParts, error) {
	var u urlParts
	rest, fragment, _ := strings.Cut(strings.TrimSpace(raw), "#")
	u.fragment = fragment
	rest, u.query, _ = strings.Cut(rest, "?")
	if n := schemeLen(rest); n > 0 {
		u.scheme, rest = rest[:n], rest[n+1:]
		for _, s := range refusedSchemes {
			if strings.EqualFold(u.scheme, s) {
				return urlParts{}, errScheme
			}
		}
		if rest == "" || rest[0] != '/' || strings.EqualFold(u.scheme, "file") {
			return urlParts{scheme: u.scheme, fragment: fragment}, nil
		}
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		end := strings.IndexByte(after, '/')
		if end < 0 {
			end = len(after)
		}
		u.authority, rest = after[:end], after[end:]
	}
	u.path = rest
	return u, nil
}

// schemeLen is the length of the scheme that s begins with, without the colon, or 0.
func schemeLen(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':':
			return i
		case isLetter(c), i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		default:
			return 0
		}
	}
	return 0
}

// cleanURL is what may be kept of a URL: the host, in lower case and without user, www and default port ("(none)"
// where there is none), and the path (see cleanPath). With keepHash the fragment is part of the path, for sites that
// route by it. The query is returned for its UTM tags and is not cleaned; it is nil where there is none. Cleaning
// "https://" + host + path again gives the same host and path.
func cleanURL(raw string, keepHash bool) (host, path string, query url.Values, err error) {
	u, err := splitURL(raw)
	if err != nil {
		return "", "", nil, err
	}
	if host, err = cleanHost(u.authority); err != nil {
		return "", "", nil, err
	}
	path = cleanPath(u.path)
	if room := schema.MaxValueBytes - len(path) - 1; keepHash && room > 0 {
		fragment, _, _ := strings.Cut(u.fragment, "?")
		if fragment = cleanSegments(fragment, room); fragment != "" {
			path += "#" + fragment
		}
	}
	if u.query != "" {
		query, _ = url.ParseQuery(u.query) // what is not valid of it is left out
	}
	return host, path, query, nil
}

// cleanHost is the cleaned form of a URL's authority, or errHost.
func cleanHost(authority string) (string, error) {
	h := authority[strings.LastIndexByte(authority, '@')+1:]
	if len(h) > 2*maxHostBytes {
		return "", errHost
	}
	h = strings.ToLower(h)
	port := ""
	if strings.HasPrefix(h, "[") {
		inside, after, ok := strings.Cut(h[1:], "]")
		addr, err := netip.ParseAddr(inside)
		if !ok || err != nil || addr.Zone() != "" || after != "" && after[0] != ':' {
			return "", errHost
		}
		h, port = "["+addr.String()+"]", strings.TrimPrefix(after, ":")
	} else {
		h, port, _ = strings.Cut(h, ":")
		h = strings.TrimRight(h, ".")
		for len(h) > 4 && strings.HasPrefix(h, "www.") {
			h = h[4:]
		}
		if strings.IndexFunc(h, notInHost) >= 0 {
			return "", errHost
		}
	}
	if h == "" {
		return noHost, nil
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", errHost
		}
		if n != 80 && n != 443 && n != 0 {
			h += ":" + strconv.FormatUint(n, 10)
		}
	}
	if len(h) > maxHostBytes {
		return "", errHost
	}
	return h, nil
}

func notInHost(r rune) bool {
	if r < utf8.RuneSelf {
		c := byte(r)
		return !(isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_')
	}
	return r == utf8.RuneError || !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark)
}

// cleanPath is the path of a URL as it may be kept: it begins with a slash; percent-encoding is undone where the
// character can stand for itself and in upper case elsewhere; "." and "..", empty segments, and spaces around
// segments are gone; segments that look like personal data are ":id", and so are long numbers. It is at most
// schema.MaxValueBytes long. A slash at the end stays (Plausible's rule: only white space is trimmed there). Cleaning
// twice is cleaning once. Never in it: '@' between letters.
func cleanPath(p string) string {
	if p == "" {
		return "/"
	}
	if isPlainPath(p) {
		return p
	}
	if p[0] != '/' {
		p = "/" + p
	}
	return cleanSegments(p, schema.MaxValueBytes)
}

// isPlainPath reports whether it is seen at a glance that p is clean. It may say no for a clean path.
func isPlainPath(p string) bool {
	if len(p) > schema.MaxValueBytes || p[0] != '/' {
		return false
	}
	size, digits, dots, upper := 1, 0, 0, 0 // of the segment; size: so that the first slash ends none
	for i := range len(p) {
		switch c := p[i]; {
		case c >= 'a' && c <= 'z', c == '-', c == '_':
		case c >= 'A' && c <= 'Z':
			upper++
		case isDigit(c):
			digits++
		case c == '.':
			if dots++; size == 0 || dots > 2 {
				return false
			}
		case c == '/':
			if size == 0 {
				return false
			}
			size, digits, dots, upper = 0, 0, 0, 0
			continue
		default:
			return false
		}
		size++
		if digits > maxNumberDigits || size >= minEncodedChars && upper > 0 || size >= minTokenChars && digits > 0 ||
			size >= minWordlessChars {
			return false
		}
	}
	return true
}

// cleanSegments cleans segments between slashes, and the result has at most limit bytes. It does not begin with a
// slash where s does not.
func cleanSegments(s string, limit int) string {
	s = cleanSegmentsOnce(s)
	for len(s) > limit {
		// What is left of the last segment may look like something else. Cleaning makes nothing longer that was
		// cleaned.
		s = cleanSegmentsOnce(cutEncoded(s, limit))
	}
	return s
}

func cleanSegmentsOnce(s string) string {
	s = decode(s)
	prefix := ""
	if strings.HasPrefix(s, "/") {
		prefix, s = "/", s[1:]
	}
	segments := strings.Split(s, "/")
	kept, slash := segments[:0], false // slash: there is one at the end
	for _, seg := range segments {
		seg = strings.TrimSpace(seg)
		slash = seg == "" || seg == "." || seg == ".."
		switch {
		case seg == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		case !slash:
			kept = append(kept, cleanSegment(seg))
		}
	}
	if len(kept) == 0 {
		return prefix
	}
	if slash {
		kept = append(kept, "")
	}
	return prefix + strings.Join(kept, "/")
}

const upperHex = "0123456789ABCDEF"

// decode undoes percent-encoding where the character can stand for itself, and encodes what cannot: '%' itself, '?',
// '#', control characters, a '/' that was encoded, and bytes that are no UTF-8.
func decode(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c == '%' || c == '?' || c == '#' || c < 0x20 || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	out, text := make([]byte, 0, len(s)+16), make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c, escaped := s[i], false
		if c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			c, escaped = unhex(s[i+1])<<4|unhex(s[i+2]), true
			i += 2
		}
		if c == '%' || c == '?' || c == '#' || c == '/' && escaped {
			out = escape(appendText(out, text), c)
			text = text[:0]
			continue
		}
		text = append(text, c)
	}
	return string(appendText(out, text))
}

// appendText appends text to out, with escapes for control characters and for bytes that are no UTF-8.
func appendText(out, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 || unicode.IsControl(r) {
			for _, c := range text[:size] {
				out = escape(out, c)
			}
		} else {
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return out
}

func escape(out []byte, c byte) []byte {
	return append(out, '%', upperHex[c>>4], upperHex[c&15])
}

// cutEncoded is at most the first n bytes of s, without half of a character or of an escape at its end.
func cutEncoded(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	for back := 1; back <= 2 && back <= n; back++ {
		if s[n-back] == '%' {
			return s[:n-back]
		}
	}
	return s[:n]
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// unhex is the value of a hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
