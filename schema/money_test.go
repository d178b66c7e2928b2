package schema

import (
	"math/big"
	"strings"
	"testing"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		currency, amount string
		want             int64
		ok               bool
	}{
		{"EUR", "12.50", 1250, true},
		{"EUR", "12.5", 1250, true},
		{"EUR", "0", 0, true},
		{"EUR", "-3", -300, true},
		{"EUR", "0.005", 1, true},
		{"EUR", "0.0049999", 0, true},
		{"EUR", "-0.005", -1, true},
		{"EUR", "12.340000000000001", 1234, true},
		{"EUR", "0.30000000000000004", 30, true},
		{"EUR", "00012.00", 1200, true},
		{"EUR", "1e3", 100_000, true},
		{"EUR", "1.5E+1", 1500, true},
		{"EUR", "1e-2", 1, true},
		{"EUR", "1e-400", 0, true},
		{"JPY", "12.5", 13, true},
		{"KWD", "1.2345", 1235, true},
		{"EUR", "100000000000", 10_000_000_000_000, true},
		{"EUR", "100000000000.01", 0, false},
		{"EUR", "1e99", 0, false},
		{"EUR", "0e99", 0, true},
		{"EUR", strings.Repeat("9", 300), 0, false},
		{"EUR", strings.Repeat("0", 3000), 0, false},
		{"EUR", "", 0, false},
		{"EUR", "-", 0, false},
		{"EUR", ".5", 0, false},
		{"EUR", "5.", 0, false},
		{"EUR", "1,50", 0, false},
		{"EUR", " 1", 0, false},
		{"EUR", "NaN", 0, false},
		{"EUR", "1e", 0, false},
		{"EUR", "0x10", 0, false},
		{"eur", "1", 0, false},
		{"XXX", "1", 0, false},
	} {
		got, ok := ParseMoney(c.currency, c.amount)
		if ok != c.ok || got.Minor != c.want || ok && got.Currency != c.currency {
			t.Errorf("%s %.40s: %v %v", c.currency, c.amount, got, ok)
		}
	}
}

// FuzzParseMoney compares with exact fractions.
func FuzzParseMoney(f *testing.F) {
	f.Add("12.345", uint8(0))
	f.Add("-9.9999e3", uint8(1))
	f.Fuzz(func(t *testing.T, amount string, n uint8) {
		if _, power, found := strings.Cut(strings.ToLower(amount), "e"); found && len(power) > 3 {
			return // the fraction would be endless
		}
		currency := []string{"EUR", "JPY", "KWD"}[n%3]
		got, ok := ParseMoney(currency, amount)
		exact, known := new(big.Rat).SetString(amount)
		if !ok {
			return
		}
		if !known {
			t.Fatalf("%q is taken for an amount", amount)
		}
		digits, _ := CurrencyDigits(currency)
		for range digits {
			exact.Mul(exact, big.NewRat(10, 1))
		}
		// Within half a unit, and a little for what is cut off after 18 digits.
		off := exact.Sub(exact, big.NewRat(got.Minor, 1))
		if off.Abs(off).Cmp(big.NewRat(500_001, 1_000_000)) > 0 {
			t.Errorf("%q %s is %d", amount, currency, got.Minor)
		}
	})
}
