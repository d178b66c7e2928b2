package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"

	"turf/schema"
)

// Limits of an import of reports.
const (
	// MaxReportBytes is the size of one file of reports, decompressed: it is held in memory.
	MaxReportBytes = 256 << 20
	// MaxReportRows is how many rows the reports of one import may have.
	MaxReportRows = 2_000_000
)

// reportRow is a row of a report: column → text.
type reportRow struct {
	where string // for messages: file and row
	day   schema.Day
	row   map[string]string
}

// reports are what was read of another tool's reports, by table, before anything is counted.
type reports struct {
	*tables
	rows        map[string][]reportRow
	numRows     int
	first, last schema.Day
}

func newReports(tool string, cfg TablesConfig) (*reports, error) {
	t, err := newTables(tool, cfg)
	if err != nil {
		return nil, err
	}
	t.tellsOther = true
	return &reports{tables: t, rows: map[string][]reportRow{}}, nil
}

// add keeps a row of a table.
func (r *reports) add(table string, row reportRow) error {
	if r.numRows++; r.numRows > MaxReportRows {
		return fmt.Errorf("the reports have more than %d rows; import fewer days at a time", MaxReportRows)
	}
	if r.numRows == 1 {
		r.first, r.last = row.day, row.day
	}
	r.first, r.last = min(r.first, row.day), max(r.last, row.day)
	r.rows[table] = append(r.rows[table], row)
	return nil
}

// run reads the sources in the order of their names, each with read, checks all together, and counts them in the order
// of the tables. have says which of them, and which of their columns, are there.
func (r *reports) run(
	ctx context.Context, sources []Source, read func(s *Source, content []byte) error, check func() error,
	order []sumsTable, have tablesHave,
) (TablesSummary, error) {
	if len(sources) == 0 || len(sources) > MaxFiles {
		return r.sum, fmt.Errorf("import 1 to %d files of reports at a time, not %d", MaxFiles, len(sources))
	}
	sources = slices.Clone(sources)
	slices.SortFunc(sources, func(a, b Source) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	record, h := Record{Site: r.cfg.Site.ID}, sha256.New()
	io.WriteString(h, r.tool+"\n")
	for i := range sources {
		if err := ctx.Err(); err != nil {
			return r.sum, err
		}
		content, err := sources[i].readAll(h)
		if err == nil {
			err = read(&sources[i], content)
		}
		if err != nil {
			return r.sum, fmt.Errorf("%s: %w", sources[i].Name, err)
		}
		record.Bytes += int64(len(content))
	}
	record.SHA256 = hex.EncodeToString(h.Sum(nil))
	if err := check(); err != nil {
		return r.sum, err
	}
	if r.numRows == 0 {
		return r.sum, errors.New("the reports are empty")
	}
	if err := r.countAll(order); err != nil {
		return r.sum, err
	}
	tell := func(days map[schema.Day]bool) []schema.Imported { return tellTables(r.tool, order, days, have) }
	if err := r.begin(ctx, &record, r.first, r.last, tell); err != nil || r.sum.Before {
		return r.sum, err
	}
	return r.sum, r.finish(ctx, record)
}

// countAll counts the rows of all days.
func (r *reports) countAll(order []sumsTable) error {
	if err := r.ofAll(r.first, r.last); err != nil {
		return err
	}
	for i := range order {
		rows := r.rows[order[i].name]
		if rows == nil {
			r.sum.Missing = append(r.sum.Missing, order[i].name)
		}
		for _, row := range rows {
			if err := r.row(&order[i], row.day, row.row); err != nil {
				return fmt.Errorf("%s: %w", row.where, err)
			}
		}
	}
	return nil
}

// readAll is the content of the source, which is added to h with its name.
func (s Source) readAll(h hash.Hash) ([]byte, error) {
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxReportBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > MaxReportBytes {
		return nil, fmt.Errorf("it is larger than %d MiB; ask for fewer days at a time", MaxReportBytes>>20)
	}
	fmt.Fprintf(h, "%s %d\n", path.Base(s.Name), len(content))
	h.Write(content)
	return content, nil
}

// decodeJSON reads a document into v. An error names the line.
func decodeJSON(content []byte, v any) error {
	err := json.Unmarshal(content, v)
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: it is not JSON: %w", lineOf(content, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %s is a %s, and was expected to be something else",
			lineOf(content, kind.Offset), kind.Field, kind.Value)
	}
	return err
}

func lineOf(content []byte, offset int64) int {
	return 1 + bytes.Count(content[:min(max(offset, 0), int64(len(content)))], []byte("\n"))
}
