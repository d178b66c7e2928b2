package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// An insert with a token becomes one part in each partition. For each, ClickHouse first writes a line "the token has
// this part" into the table's deduplication log and then, some 0.3 ms later, gives the part its name. A process killed
// between the two leaves the line without the part: the insert, sent again, would be taken for stored and its rows
// would be lost.
//
// So before the library starts, every line whose part is nowhere gets a line that takes it back. A part counts as there
// when a part of its partition covers its block numbers, which is so after merges and mutations.

// A log's lines are OPERATION TAB PART TAB TOKEN, where TOKEN is the partition and a hash.
const (
	logAdd  = "1"
	logDrop = "2"
)

const logDir = "deduplication_logs"

// repairTokens repairs the deduplication logs of all tables under the engine's directory. It returns how many lines it
// took back. Nothing else may have the directory open.
func repairTokens(dir string) (int, error) {
	logs, err := filepath.Glob(filepath.Join(dir, "store", "*", "*", logDir))
	if err != nil {
		return 0, fmt.Errorf("look for deduplication logs: %w", err)
	}
	sum := 0
	for _, dir := range logs {
		n, err := repairTable(filepath.Dir(dir))
		if err != nil {
			return sum, fmt.Errorf("repair the deduplication log of %s: %w", filepath.Dir(dir), err)
		}
		sum += n
	}
	return sum, nil
}

func repairTable(table string) (int, error) {
	files, err := logFiles(filepath.Join(table, logDir))
	if err != nil || len(files) == 0 {
		return 0, err
	}
	parts, err := tableParts(table)
	if err != nil {
		return 0, err
	}
	known := map[string]string{} // token: its part
	for _, path := range files {
		if err := readLog(path, known); err != nil {
			return 0, err
		}
	}
	var takeBack bytes.Buffer
	n := 0
	for _, token := range slices.Sorted(maps.Keys(known)) {
		p, ok := parsePart(known[token])
		if ok && !slices.ContainsFunc(parts, p.in) {
			fmt.Fprintf(&takeBack, "%s\t%s\t%s\n", logDrop, known[token], token)
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, appendFile(files[len(files)-1], takeBack.Bytes())
}

// logFiles are the numbered files of a log, oldest first.
func logFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "deduplication_log_*.txt"))
	if err != nil {
		return nil, err
	}
	number := func(path string) int {
		_, s, _ := strings.Cut(filepath.Base(path), "log_")
		n, _ := strconv.Atoi(strings.TrimSuffix(s, ".txt")) // 0 when it is none: a file of somebody else, read first
		return n
	}
	slices.SortFunc(files, func(a, b string) int { return number(a) - number(b) })
	return files, nil
}

// readLog applies a file's lines to the tokens that are known. A line that the end of the process tore is cut off the
// file: its part was not named yet.
func readLog(path string, known map[string]string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if end := bytes.LastIndexByte(data, '\n') + 1; end < len(data) {
		if err := os.Truncate(path, int64(end)); err != nil {
			return err
		}
		data = data[:end]
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case len(f) == 3 && f[0] == logAdd:
			known[f[2]] = f[1]
		case len(f) == 3 && f[0] == logDrop:
			delete(known, f[2])
		default:
			return fmt.Errorf("%s: cannot read the line %q", path, line)
		}
	}
	return nil
}

// part is what the name of a part says: partition, first and last block number.
type part struct {
	partition string
	min, max  int64
}

func (p part) in(o part) bool { return p.partition == o.partition && o.min <= p.min && p.max <= o.max }

// parsePart reads PARTITION_MIN_MAX_LEVEL or PARTITION_MIN_MAX_LEVEL_MUTATION.
func parsePart(name string) (part, bool) {
	f := strings.Split(name, "_")
	if len(f) != 4 && len(f) != 5 {
		return part{}, false
	}
	for _, s := range f[3:] {
		if _, err := strconv.ParseInt(s, 10, 64); err != nil {
			return part{}, false
		}
	}
	lo, err1 := strconv.ParseInt(f[1], 10, 64)
	hi, err2 := strconv.ParseInt(f[2], 10, 64)
	return part{f[0], lo, hi}, f[0] != "" && errors.Join(err1, err2) == nil && lo <= hi
}

// tableParts are the parts that lie in a table's directory under their own names.
func tableParts(table string) ([]part, error) {
	var parts []part
	entries, err := os.ReadDir(table)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if p, ok := parsePart(e.Name()); ok && e.IsDir() {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

func appendFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}
