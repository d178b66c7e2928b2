package stats

import "testing"

func TestNewRevenue(t *testing.T) {
	for _, c := range []struct {
		currency    string
		minor       float64
		value       float64
		short, long string
	}{
		{"EUR", 150_050, 1500.5, "€1.5K", "€1,500.50"},
		{"USD", 0, 0, "$0.0", "$0.00"},
		{"USD", 99_994, 999.94, "$999.9", "$999.94"},
		{"USD", 99_996, 999.96, "$1.0K", "$999.96"},
		{"USD", 123_456_789_012, 1_234_567_890.12, "$1.2B", "$1,234,567,890.12"},
		{"USD", -500, -5, "-$5.0", "-$5.00"},
		{"JPY", 1234.4, 1234, "¥1.2K", "¥1,234"},
		{"KWD", 1_234_567, 1234.567, "KWD\u00a01.2K", "KWD\u00a01,234.567"},
	} {
		got := newRevenue(c.currency, c.minor)
		if want := (Revenue{c.value, c.currency, c.short, c.long}); got != want {
			t.Errorf("%v %s: %+v, want %+v", c.minor, c.currency, got, want)
		}
	}
}
