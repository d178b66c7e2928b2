package ingest

import (
	"strings"
	"unicode"
)

// hideNumbers replaces, in a segment that is decoded, numbers of more than maxNumberDigits digits, and those that are
// written in groups, as cards and telephone numbers are.
func hideNumbers(s string) string {
	var b strings.Builder
	from := 0 // of what is not copied yet
	for i := 0; i < len(s); {
		if s[i] == '%' {
			i += min(len("%00"), len(s)-i) // the digits of an escape are none of a number
			continue
		}
		if !isDigit(s[i]) {
			i++
			continue
		}
		end := i + len(leadingDigits(s[i:]))
		long := end-i > maxNumberDigits
		plus := i > 0 && s[i-1] == '+'
		if groups := numberGroups(s[i:]); len(groups) > end-i && (isCard(groups) || isDialled(groups, plus)) {
			end, long = i+len(groups), true
		}
		if long {
			b.WriteString(s[from:i])
			b.WriteString(hidden)
			from = end
		}
		i = end
	}
	if from == 0 {
		return s
	}
	return b.String() + s[from:]
}

// maxGroupedChars is the longest number in groups: a card's 19 digits with as many signs between them as anybody writes.
const maxGroupedChars = 32

// numberGroups is what s begins with as far as it is groups of digits with one of "-. _" between them, or "" where that is longer
// than any number.
func numberGroups(s string) string {
	end := 0
	for i := range len(s) {
		switch {
		case i > maxGroupedChars:
			return ""
		case isDigit(s[i]):
			end = i + 1
		case i == 0 || i != end || !isNumberSeparator(s[i]):
			return s[:end]
		}
	}
	return s[:end]
}

func isNumberSeparator(c byte) bool { return c == '-' || c == '.' || c == ' ' || c == '_' }

// groupLengths is how many digits the groups have together, and how many the shortest of them but the first.
func groupLengths(groups string) (digits, shortest int) {
	shortest = len(groups)
	for n, at := 0, 0; at <= len(groups); n++ {
		group := len(leadingDigits(groups[at:]))
		digits += group
		if at += group + 1; n > 0 {
			shortest = min(shortest, group)
		}
	}
	return digits, shortest
}

// isCard reports whether groups of digits are a payment card's number: 13 to 19 digits in groups of at least three of
// which the last is Luhn's check digit (ISO/IEC 7812-1).
func isCard(groups string) bool {
	digits, shortest := groupLengths(groups)
	if digits < 13 || digits > 19 || shortest < 3 {
		return false
	}
	sum, double := 0, false
	for i := len(groups) - 1; i >= 0; i-- {
		if !isDigit(groups[i]) {
			continue
		}
		d := int(groups[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

// isDialled reports whether groups of digits inside a text are a telephone number: a nought or a plus sign leads, and
// the groups are longer than those of a date.
func isDialled(groups string, plus bool) bool {
	digits, shortest := groupLengths(groups)
	return digits > maxNumberDigits && digits <= 15 && (plus || groups[0] == '0' && shortest >= 3)
}

// isPhone reports whether s is a long number with the signs that people write between its digits, and not dates and
// times.
func isPhone(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case unicode.IsDigit(r):
			digits++
		case !strings.ContainsRune("+-.() _", r):
			return false
		}
	}
	return digits > maxNumberDigits && !isDates(s)
}

// isDates reports whether s is one or more dates of this time, each with a time of the day or without: 2024-01-31,
// 2024-01-31_2024-02-29, 2024-01-31-10-30, 20240131-103000.
func isDates(s string) bool {
	for s != "" {
		var ok bool
		if s, ok = cutDate(s); !ok {
			return false
		}
		for range 3 { // hours, minutes, seconds; or all of them in one group
			group := leadingDigits(s)
			alone := len(group) == 2 && group < "60"
			together := (len(group) == 4 || len(group) == 6) && group < "24" && !isYear(group)
			if !alone && !together {
				break
			}
			s = trimSeparator(s[len(group):])
		}
	}
	return true
}

// cutDate cuts year, month and day off s, with or without a separator between them.
func cutDate(s string) (rest string, ok bool) {
	if len(s) < 8 || !isYear(s[:4]) {
		return s, false
	}
	s = trimSeparator(s[4:])
	if !startsWithTwo(s, "12") {
		return s, false
	}
	s = trimSeparator(s[2:])
	if !startsWithTwo(s, "31") || len(s) > 2 && !isNumberSeparator(s[2]) {
		return s, false
	}
	return trimSeparator(s[2:]), true
}

// startsWithTwo reports whether s begins with two digits from 01 to most.
func startsWithTwo(s, most string) bool {
	return len(s) >= 2 && isDigit(s[0]) && isDigit(s[1]) && s[:2] <= most && s[:2] != "00"
}

func isYear(s string) bool {
	return len(s) == 4 && (s[:2] == "19" || s[:2] == "20") && isDigit(s[2]) && isDigit(s[3])
}

func trimSeparator(s string) string {
	if s != "" && isNumberSeparator(s[0]) {
		return s[1:]
	}
	return s
}

// isIBAN reports whether s is the number of a bank account: country, two check digits and 11 to 30 letters and digits
// (ISO 13616).
func isIBAN(s string) bool {
	if len(s) < 15 || len(s) > 34 || !isLetter(s[0]) || !isLetter(s[1]) || !isDigit(s[2]) || !isDigit(s[3]) {
		return false
	}
	rest := 0
	for i := range len(s) {
		c := s[(i+4)%len(s)] | 0x20 // the first four come last
		switch {
		case isDigit(s[(i+4)%len(s)]):
			rest = (rest*10 + int(s[(i+4)%len(s)]-'0')) % 97
		case isLetter(c):
			rest = (rest*100 + int(c-'a') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}
