package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBar(t *testing.T) {
	for _, c := range []struct {
		value, most float64
		want        string
	}{
		{0, 0, ""},
		{0, 5, ""},
		{5, 5, strings.Repeat("█", barColumns)},
		{1, 1e9, "▏"}, // what is not zero is to be seen
		{1, barColumns, "█"},
		{1, 2 * barColumns, "▌"},
		{3, 2 * barColumns, "█▌"},
	} {
		if got := bar(c.value, c.most); got != c.want {
			t.Errorf("bar(%v, %v) = %q, want %q", c.value, c.most, got, c.want)
		}
	}
}

// Buckets without a row have a line of their own, also behind the last row.
func TestBarsOverTime(t *testing.T) {
	q := answered(t, `{"results":[{"metrics":[4],"dimensions":["2026-03-02"]},{"metrics":[null],"dimensions":["2026-03-03"]}],
		"meta":{"time_labels":["2026-03-01","2026-03-02","2026-03-03","2026-03-04"]},
		"query":{"metrics":["bounce_rate"],"dimensions":["time:day"]}}`)
	want := "2026-03-01  –\n2026-03-02  4  " + strings.Repeat("█", barColumns) + "\n2026-03-03  –\n2026-03-04  –\n"
	if got := shown(t, q, barFormat); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What visitors send is cut, cannot move a terminal's cursor, and is no formula of a spreadsheet.
func TestQueriedText(t *testing.T) {
	q := answered(t, `{"results":[{"metrics":[1,{"value":12.5,"long":"€12.50"}],"dimensions":["=1+1\u001b[2J"]},
		{"metrics":[null,null],"dimensions":["`+strings.Repeat("é", 100)+`"]}],
		"meta":{},"query":{"metrics":["visitors","total_revenue"],"dimensions":["visit:source"]}}`)
	wantCSV := "visit:source,visitors,total_revenue\n'=1+1�[2J,1,€12.50\n" + strings.Repeat("é", 100) + ",,\n"
	if got := shown(t, q, csvFormat); got != wantCSV {
		t.Errorf("got\n%s\nwant\n%s", got, wantCSV)
	}
	table := shown(t, q, tableFormat)
	if strings.Contains(table, "\x1b") || !strings.Contains(table, strings.Repeat("é", maxCellColumns-1)+"…  ") {
		t.Errorf("got\n%s", table)
	}
}

func answered(t *testing.T, text string) *queried {
	t.Helper()
	var q queried
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		t.Fatal(err)
	}
	return &q
}

func shown(t *testing.T, q *queried, format string) string {
	t.Helper()
	var out strings.Builder
	a := app{stdout: &out, stderr: &out}
	if err := a.printQueried(q, format); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
