package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRepairTokens(t *testing.T) {
	tests := []struct {
		name  string
		parts string // directories of the table
		logs  []string
		want  []string // the logs afterwards
		n     int
	}{
		{"no log", "all_1_1_0", nil, nil, 0},
		{
			"in order", "202601_1_1_0 202601_2_2_1",
			[]string{"1\t202601_1_1_0\ta\n1\t202601_2_2_1\tb\n"},
			[]string{"1\t202601_1_1_0\ta\n1\t202601_2_2_1\tb\n"},
			0,
		},
		{
			"part missing", "202601_1_1_0 tmp_insert_202601_2_2_0 detached",
			[]string{"1\t202601_1_1_0\ta\n1\t202601_2_2_0\tb\n"},
			[]string{"1\t202601_1_1_0\ta\n1\t202601_2_2_0\tb\n2\t202601_2_2_0\tb\n"},
			1,
		},
		{
			"merged", "202601_1_5_3",
			[]string{"1\t202601_1_1_0\ta\n1\t202601_5_5_0\tb\n"},
			[]string{"1\t202601_1_1_0\ta\n1\t202601_5_5_0\tb\n"},
			0,
		},
		{"mutated", "202601_1_1_0_9", []string{"1\t202601_1_1_0\ta\n"}, []string{"1\t202601_1_1_0\ta\n"}, 0},
		{
			"another partition", "202602_1_5_3",
			[]string{"1\t202601_1_1_0\ta\n"},
			[]string{"1\t202601_1_1_0\ta\n2\t202601_1_1_0\ta\n"},
			1,
		},
		{
			"outside of what was merged", "202601_1_5_3",
			[]string{"1\t202601_6_6_0\ta\n"},
			[]string{"1\t202601_6_6_0\ta\n2\t202601_6_6_0\ta\n"},
			1,
		},
		{
			"taken back already", "",
			[]string{"1\t202601_1_1_0\ta\n2\t202601_1_1_0\ta\n"},
			[]string{"1\t202601_1_1_0\ta\n2\t202601_1_1_0\ta\n"},
			0,
		},
		{
			"and stored again", "202601_2_2_0",
			[]string{"1\t202601_1_1_0\ta\n2\t202601_1_1_0\ta\n1\t202601_2_2_0\ta\n"},
			[]string{"1\t202601_1_1_0\ta\n2\t202601_1_1_0\ta\n1\t202601_2_2_0\ta\n"},
			0,
		},
		{"torn line", "202601_1_1_0", []string{"1\t202601_1_1_0\ta\n1\t202601_2_"}, []string{"1\t202601_1_1_0\ta\n"}, 0},
		{
			"two files", "202601_2_2_0",
			[]string{"1\t202601_1_1_0\ta\n", "1\t202601_2_2_0\tb\n"},
			[]string{"1\t202601_1_1_0\ta\n", "1\t202601_2_2_0\tb\n2\t202601_1_1_0\ta\n"},
			1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			logs := makeTable(t, dir, tt.parts, tt.logs)
			for round := range 2 {
				n, err := repairTokens(dir)
				if err != nil {
					t.Fatal(err)
				}
				if want := tt.n * (1 - round); n != want {
					t.Errorf("round %d: %d lines taken back, want %d", round, n, want)
				}
			}
			for i, path := range logs {
				got, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != tt.want[i] {
					t.Errorf("file %d: got %q, want %q", i, got, tt.want[i])
				}
			}
		})
	}
	dir := t.TempDir()
	makeTable(t, dir, "", []string{"1\t202601_1_1_0\n"})
	if _, err := repairTokens(dir); err == nil || !strings.Contains(err.Error(), "deduplication_log_9") {
		t.Errorf("a log of another form: %v", err)
	}
}

// makeTable makes a table's directory with parts and numbered logs, and returns the logs' paths.
func makeTable(t *testing.T, dir, parts string, logs []string) []string {
	t.Helper()
	table := filepath.Join(dir, "store", "abc", "abc-def")
	dirs := []string{logDir}
	for _, name := range append(dirs, strings.Fields(parts)...) {
		if err := os.MkdirAll(filepath.Join(table, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	for i, text := range logs {
		// The second file has two digits: the order is that of numbers.
		path := filepath.Join(table, logDir, []string{"deduplication_log_9.txt", "deduplication_log_10.txt"}[i])
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// A part's name that is read says what it was made of.
func FuzzParsePart(f *testing.F) {
	f.Add("202601_1_2_3")
	f.Add("all_1_1_0_7")
	f.Add("tmp_insert_202601_1_1_0")
	f.Fuzz(func(t *testing.T, name string) {
		p, ok := parsePart(name)
		if !ok {
			return
		}
		if p.min > p.max || p.partition == "" || !strings.HasPrefix(name, p.partition+"_") || !p.in(p) {
			t.Errorf("%q: %+v", name, p)
		}
	})
}
