package ingest

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"turf/schema"
)

// hidden stands for what looks like personal data.
const hidden = ":id"

// What looks like personal data. The numbers are chosen so that dates (8 digits), identifiers of videos (11
// characters) and the words of a title stay, and keys, hashes and telephone numbers do not.
const (
	maxNumberDigits  = 8  // a longer number is hidden
	minTokenChars    = 16 // letters and digits of the shortest token
	minWordlessChars = 64 // letters and digits without anything between them: longer than any word
	minTokenSwitches = 5  // between letters and digits, or from a small letter to a capital: more than a title has
	minEncodedChars  = 11 // of an encoded text; the shortest e-mail addresses have 8
	uuidChars        = 36
	maxEncodedChars  = 512 // of an encoded text that is looked into
	maxUnescapings   = 4   // how often a value can be encoded and what hides in it is still found
	maxCleanings     = 4   // of a text whose cut end looks like something else; two are enough for all that is known
)

// cleanSegment is a segment of a path without what looks like personal data.
func cleanSegment(seg string) string {
	for range maxCleanings {
		if isPersonal(seg) || isPhone(seg) {
			return hidden
		}
		rest := hideNumbers(seg)
		if rest == seg {
			return seg
		}
		seg = rest // in which something may now stand alone
	}
	return hidden
}

// cleanText is a name or value that a site sends (event, property, campaign), fit to be kept: as schema.CleanValue; a
// URL loses all but host and path, and a text with what looks like an e-mail address, a network address or a token
// becomes ":id". Numbers stay: they are prices and campaigns more often than persons. Cleaning twice is cleaning
// once. Never in it: '@' between letters.
func cleanText(s string) string {
	s = schema.CleanValue(cleanTextOnce(s))
	for range maxCleanings {
		again := schema.CleanValue(cleanTextOnce(s))
		if again == s {
			return s
		}
		s = again
	}
	return hidden
}

func cleanTextOnce(s string) string {
	if isPlainText(s) {
		return s
	}
	if scheme := webScheme(s); scheme != "" && !strings.ContainsFunc(s, unicode.IsSpace) {
		host, path, _, err := cleanURL(s, false)
		if err != nil || host == noHost {
			return hidden
		}
		return scheme + "://" + host + path
	}
	if hasEmail(s) || hasEmail(unescapeAll(s)) {
		return hidden
	}
	for word := range strings.FieldsSeq(s) {
		if isPersonal(word) {
			return hidden
		}
	}
	return s
}

// webScheme is "https" or "http" where s is a URL of such a scheme.
func webScheme(s string) string {
	for _, scheme := range [...]string{"https", "http"} {
		if len(s) > len(scheme)+3 && strings.EqualFold(s[:len(scheme)], scheme) && s[len(scheme):len(scheme)+3] == "://" {
			return scheme
		}
	}
	return ""
}

// isPlainText reports whether it is seen at a glance that there is nothing personal in s: too short for a token, and
// no sign of an address.
func isPlainText(s string) bool {
	if len(s) >= minTokenChars {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c == '@' || c == '%' || c == '.' || c == ':' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isPersonal reports whether s, which is one word, looks like or has in it an e-mail address, a network address, a
// UUID or a token.
func isPersonal(s string) bool {
	if hasEmail(s) {
		return true // also where the at sign only seems to be behind a letter, which is an escape's: %2F@a
	}
	s = unescapeAll(s)
	if hasEmail(s) || isAddress(s) {
		return true
	}
	for part := range strings.FieldsFuncSeq(s, isTokenBoundary) {
		if isAddress(part) || isToken(part) || isEncodedText(part) || isIBAN(part) {
			return true
		}
	}
	return isHardwareAddress(s)
}

func isTokenBoundary(r rune) bool { return strings.ContainsRune("/=:;,&!~|()[]{}<>\"'+$*? ", r) }

// unescapeAll undoes percent-encoding, also that of what was encoded more than once.
func unescapeAll(s string) string {
	for range maxUnescapings {
		if strings.IndexByte(s, '%') < 0 {
			return s
		}
		// A stray percent sign must not hide what is encoded elsewhere, so this is not url.PathUnescape.
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
				b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
				i += 2
				continue
			}
			b.WriteByte(s[i])
		}
		if b.Len() == len(s) {
			return s
		}
		s = b.String()
	}
	return s
}

// hasEmail reports whether there is something like an e-mail address in s: an at sign, before it what can end a name
// and after it a domain with a letter. Thus name@1.2.3 is a version, and @name is a handle.
func hasEmail(s string) bool {
	before := ' '
	for i, r := range s {
		if (r == '@' || r == '＠') && isLocalPart(before) && startsWithDomain(s[i+utf8.RuneLen(r):]) {
			return true
		}
		before = r
	}
	return false
}

// isLocalPart reports whether a name in front of an at sign can end with r: not with space, and not with what stands
// around or between names. Bytes that are no text count as a part of the name.
func isLocalPart(r rune) bool {
	return !unicode.IsSpace(r) && !strings.ContainsRune("/\\:;,()<>[]@＠", r)
}

func startsWithDomain(s string) bool {
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			return true
		case !isWordRune(r) && r != '-' && r != '.' && r != '[':
			return false
		}
	}
	return false
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// isAddress reports whether s is an address of the internet protocol.
func isAddress(s string) bool {
	if strings.Count(s, ".") != 3 && strings.Count(s, ":") < 2 {
		return false
	}
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil
}

// isToken reports whether s looks like a UUID, a hash, a JSON web token or other random characters.
func isToken(s string) bool {
	if strings.HasPrefix(s, "eyJ") && len(s) >= minTokenChars || hasUUID(s) {
		return true
	}
	const (
		none = iota
		lower
		upper
		digit
		numClasses
	)
	var (
		total, switches, run int
		seen                 [numClasses]int
		last                 = none
		hex, hexDigits       = true, 0 // of the run
	)
	isHash := func() bool { return hex && hexDigits > 0 && run >= minTokenChars || run >= minWordlessChars }
	for i := range len(s) {
		c, class := s[i], none
		switch {
		case c >= 'a' && c <= 'z':
			class = lower
		case c >= 'A' && c <= 'Z':
			class = upper
		case isDigit(c):
			class = digit
		}
		seen[class]++
		if class == none {
			if isHash() {
				return true
			}
			last, run, hex, hexDigits = none, 0, true, 0
			continue
		}
		// From a capital to a small letter is how a word begins.
		if last != none && class != last && !(last == upper && class == lower) {
			switches++
		}
		last = class
		total++
		run++
		hex = hex && isHex(c)
		if class == digit {
			hexDigits++
		}
	}
	return isHash() || total >= minTokenChars && seen[digit] > 0 && switches >= minTokenSwitches && 6*switches > total ||
		isMixedCase(s)
}

// isMixedCase reports whether s is letters whose case changes as often as in random characters, which words do not
// even where each begins with a capital.
func isMixedCase(s string) bool {
	changes, shouts, run := 0, 0, 0 // shouts: runs of two capitals or more
	for i := range len(s) {
		if !isLetter(s[i]) {
			return false
		}
		capital := s[i] < 'a'
		if i > 0 && capital != (s[i-1] < 'a') {
			changes++
			run = 0
		}
		if run++; capital && run == 2 {
			shouts++
		}
	}
	return len(s) >= minTokenChars && shouts >= 2 && 5*changes >= 2*len(s)
}

// isEncodedText reports whether s is a readable text in base64, in either alphabet: an e-mail address of any length,
// or any text that is long enough not to be a word that looks like it.
func isEncodedText(s string) bool {
	s = strings.TrimRight(s, "=")
	if len(s) < minEncodedChars || len(s) > maxEncodedChars {
		return false
	}
	odd := false // a capital behind the first letter, or a digit: base64 of a text always has one
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
		odd = odd || isDigit(c) || i > 0 && c < 'a'
	}
	if !odd {
		return false
	}
	var buf [maxEncodedChars]byte
	n, err := base64.RawURLEncoding.Decode(buf[:], []byte(s))
	if err != nil || n == 0 {
		return false
	}
	for _, c := range buf[:n] {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return n >= minTokenChars || hasEmail(string(buf[:n]))
}

// isHardwareAddress reports whether s is six pairs of hexadecimal digits with colons or hyphens between them.
func isHardwareAddress(s string) bool {
	if len(s) != 17 {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 {
			if s[i] != s[2] || s[i] != ':' && s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

// hasUUID reports whether there is a UUID in s: hexadecimal digits in groups of 8, 4, 4, 4 and 12.
func hasUUID(s string) bool {
	for at := 0; at+uuidChars <= len(s); at++ {
		if isUUID(s[at : at+uuidChars]) {
			return true
		}
	}
	return false
}

func isUUID(s string) bool {
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}
