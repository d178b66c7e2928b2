package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Widths of what is drawn, in columns.
const (
	maxCellColumns = 60
	barColumns     = 40
)

// counts are the metrics that are 0 where nothing was counted; all others are not defined there.
var counts = []string{"visitors", "visits", "pageviews", "events"}

// writeTable sets dimensions to the left and metrics to the right. partial: not all days are in.
func writeTable(w io.Writer, head []string, rows [][]string, dimensions int, partial bool) error {
	all := append([][]string{head}, rows...)
	widths := make([]int, len(head))
	for _, row := range all {
		for i, cell := range row {
			row[i] = cut(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b strings.Builder
	for _, row := range all {
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			switch {
			case i >= dimensions:
				b.WriteString(space + cell)
			case i == len(row)-1:
				b.WriteString(cell)
			default:
				b.WriteString(cell + space)
			}
		}
		b.WriteByte('\n')
	}
	switch {
	case len(rows) == 0 && partial:
		b.WriteString("nothing is known\n")
	case len(rows) == 0:
		b.WriteString("nothing was counted\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cut shortens a cell to maxCellColumns.
func cut(s string) string {
	if utf8.RuneCountInString(s) <= maxCellColumns {
		return s
	}
	return string([]rune(s)[:maxCellColumns-1]) + "…"
}

// writeBars draws the first metric of each row. Where time is all that the rows are grouped by, buckets in which
// nothing was counted have a line too.
func writeBars(w io.Writer, q *queried, rows [][]string) error {
	dimensions := len(q.Query.Dimensions)
	type line struct {
		label, number string
		value         float64
	}
	var lines []line
	none := undefined
	if slices.Contains(counts, q.Query.Metrics[0]) {
		none = "0"
	}
	for _, row := range rows {
		label := strings.Join(row[:dimensions], " · ")
		if dimensions == 0 {
			label = q.Query.Metrics[0]
		}
		value, err := strconv.ParseFloat(row[dimensions], 64)
		if err != nil && row[dimensions] != undefined {
			return fmt.Errorf("--format bar draws numbers, and %s is none", q.Query.Metrics[0])
		}
		for labels := q.Meta.TimeLabels; len(lines) < len(labels) && labels[len(lines)] != label; {
			lines = append(lines, line{labels[len(lines)], none, 0})
		}
		lines = append(lines, line{label, row[dimensions], value})
	}
	for len(lines) < len(q.Meta.TimeLabels) {
		lines = append(lines, line{q.Meta.TimeLabels[len(lines)], none, 0})
	}
	labelWidth, numberWidth, most := 0, 0, 0.0
	for i := range lines {
		l := &lines[i]
		l.label = cut(l.label)
		labelWidth = max(labelWidth, utf8.RuneCountInString(l.label))
		numberWidth = max(numberWidth, utf8.RuneCountInString(l.number))
		most = max(most, l.value)
	}
	var b strings.Builder
	for _, l := range lines {
		space := strings.Repeat(" ", labelWidth-utf8.RuneCountInString(l.label))
		pad := strings.Repeat(" ", numberWidth-utf8.RuneCountInString(l.number))
		b.WriteString(strings.TrimRight(l.label+space+"  "+pad+l.number+"  "+bar(l.value, most), " ") + "\n")
	}
	if len(lines) == 0 {
		b.WriteString("nothing was counted\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// bar is value in eighths of a column, of which most fills barColumns. What is not zero is to be seen.
func bar(value, most float64) string {
	if value <= 0 || most <= 0 {
		return ""
	}
	eighths := max(1, int(value/most*barColumns*8+0.5))
	text := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return text
}

// writeExplanation writes what the API says of how the answer was found, the statement last.
func writeExplanation(w io.Writer, explain map[string]json.RawMessage) error {
	if len(explain) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, name := range slices.Sorted(maps.Keys(explain)) {
		if name != "sql" {
			fmt.Fprintf(&b, "%s: %s\n", name, plain(explain[name]))
		}
	}
	if sql, ok := explain["sql"]; ok {
		b.WriteString(plain(sql) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plain is a text without its quotes, and all else as JSON.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
