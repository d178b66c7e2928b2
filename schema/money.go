package schema

import (
	"slices"
	"strings"
)

// MaxMoneyMinor is the largest amount that one event can have, in minor units, of either sign.
const MaxMoneyMinor = 10_000_000_000_000

// Money is an amount in the minor units of its currency, such as cents. The zero value is none.
type Money struct {
	Currency string // ISO 4217, such as EUR
	Minor    int64  // −MaxMoneyMinor to MaxMoneyMinor
}

// The active currencies of ISO 4217, by how many decimals their minor unit has; all others have two.
var (
	currencies0 = []string{
		"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
	}
	currencies2 = strings.Fields(`AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
		CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
		JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
		NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY
		TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG`)
	currencies3 = []string{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
)

// CurrencyDigits is how many decimals the minor unit of a currency has, or false when there is no such currency.
func CurrencyDigits(code string) (digits int, ok bool) {
	switch {
	case slices.Contains(currencies2, code):
		return 2, true
	case slices.Contains(currencies0, code):
		return 0, true
	case slices.Contains(currencies3, code):
		return 3, true
	}
	return 0, false
}

// ParseMoney reads an amount such as 12.50, -3 or 1e3, rounded to the currency's minor unit, half away from zero. It is false for
// what is no such number or currency, and for amounts beyond MaxMoneyMinor.
func ParseMoney(currency, amount string) (Money, bool) {
	digits, ok := CurrencyDigits(currency)
	if !ok {
		return Money{}, false
	}
	amount, negative := strings.CutPrefix(amount, "-")
	mantissa, exponent, ok := parseDecimal(amount)
	if !ok {
		return Money{}, false
	}
	minor := mantissa
	exponent += digits
	for ; exponent > 0 && minor != 0; exponent-- {
		if minor *= 10; minor > MaxMoneyMinor {
			return Money{}, false
		}
	}
	for ; exponent < -1 && minor != 0; exponent++ {
		minor /= 10 // what is cut off here does not decide: half away from zero looks at one digit
	}
	if exponent < 0 {
		minor = (minor + 5) / 10
	}
	if minor > MaxMoneyMinor {
		return Money{}, false
	}
	if negative {
		minor = -minor
	}
	return Money{currency, minor}, true
}

// maxDigits is how many digits of a number are looked at: those of a 64-bit float, and more.
const maxDigits = 18

// parseDecimal reads a number without a sign as mantissa times ten to the exponent. Decimals after the first maxDigits digits are
// left out.
func parseDecimal(s string) (mantissa int64, exponent int, ok bool) {
	s, power, hasPower := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, hasFraction := strings.Cut(s, ".")
	if whole == "" || hasFraction && fraction == "" || len(whole)+len(fraction) > 400 {
		return 0, 0, false
	}
	used := 0
	for i, c := range []byte(whole + fraction) {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
		if used == maxDigits {
			if i < len(whole) {
				return 0, 0, false // far too large
			}
			continue
		}
		mantissa = 10*mantissa + int64(c-'0')
		if mantissa > 0 {
			used++
		}
		if i >= len(whole) {
			exponent--
		}
	}
	if !hasPower {
		return mantissa, exponent, true
	}
	sign := 1
	if rest, found := strings.CutPrefix(power, "-"); found {
		power, sign = rest, -1
	} else {
		power = strings.TrimPrefix(power, "+")
	}
	if power == "" || len(power) > 3 || strings.Trim(power, "0123456789") != "" {
		return 0, 0, false
	}
	n := 0
	for _, c := range []byte(power) {
		n = 10*n + int(c-'0')
	}
	return mantissa, exponent + sign*n, true
}
