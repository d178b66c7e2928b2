package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// readStatement is how a statement begins that only reads; leading comments are allowed.
var (
	readStatement = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/)*(SELECT|WITH)\b`)
	insertWord    = regexp.MustCompile(`(?i)\bINSERT\b`)
)

// Select runs a query that only reads and returns its rows, whose values are int64, uint64, float64, string, bool,
// time.Time (in UTC) or nil (NULL), by the type of the column. Columns of other types are refused.
//
// A value in params is the plain value of the placeholder {name:Type} in the query: no escaping, whatever it
// contains. That of an array is its literal; see [StringArray].
//
// A query that takes longer than Config.MaxQuery or returns more rows than Config.MaxResultRows fails.
func (db *DB) Select(ctx context.Context, query string, params map[string]string) ([][]any, error) {
	return db.selectRows(ctx, query, params, db.config.MaxResultRows)
}

func (db *DB) selectRows(ctx context.Context, query string, params map[string]string, maxRows int) ([][]any, error) {
	if err := checkReads(query); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	escaped, err := escapeParams(query, params)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	// The client makes max_execution_time of the deadline too, so that a server stops when we are no longer there to
	// cancel.
	limited, cancel := context.WithTimeout(ctx, db.config.MaxQuery)
	defer cancel()
	rows, err := db.conn.Query(client.Context(limited,
		client.WithSettings(db.readSettings(maxRows)), client.WithParameters(escaped)), query)
	if err == nil {
		var table [][]any
		if table, err = readRows(rows); err == nil {
			return table, nil
		}
	}
	switch {
	case ctx.Err() == nil && limited.Err() != nil:
		return nil, fmt.Errorf("query: it took longer than %v: ask for a shorter time or fewer things: %w",
			db.config.MaxQuery, err)
	case hasCode(err, codeResultTooLarge):
		return nil, fmt.Errorf("query: it has more than %d rows: ask for fewer: %w", maxRows, err)
	}
	return nil, fmt.Errorf("query: %w", err)
}

// checkReads refuses what could change something. A server is told to only read as well; the engine cannot be.
func checkReads(query string) error {
	switch {
	case !readStatement.MatchString(query):
		return errors.New("only a statement that begins with SELECT or WITH can be run here")
	case insertWord.MatchString(query): // WITH … INSERT
		return errors.New("the word INSERT cannot be in a statement that is run here; values belong into parameters")
	case strings.Contains(query, ";"):
		return errors.New("only one statement can be run here, without semicolons; values belong into parameters")
	}
	return nil
}

// readSettings hold for a Select, and for nothing after it.
func (db *DB) readSettings(maxRows int) client.Settings {
	settings := client.Settings{
		"max_result_rows":      maxRows,
		"result_overflow_mode": "throw",
		// The tables have no projections and no indexes but the key, and looking for them is a tenth of a small question's time: one
		// of 1,500 rows took 3.0 ms of the processor instead of 3.4, one grouped by country 5.0 instead of 5.6. Half of what is left
		// is parsing, analysis and the plan. More could be had of enable_analyzer = 0, which is on its way out, and of
		// optimize_move_to_prewhere = 0 or one thread, which large questions need.
		"optimize_use_projections": 0,
		"use_skip_indexes":         0,
		// What small questions read is kept unpacked, in a cache of a fixed size: a fifteenth of their time, an eighth of filtered ones'.
		// Statements that read over a million rows leave it alone.
		"use_uncompressed_cache": 1,
	}
	if db.config.Transport == nil {
		// The engine carries settings from connection to statement by SET, and nothing can be SET once this is.
		settings["readonly"] = 1
	}
	if db.overHTTP {
		settings["cancel_http_readonly_queries_on_client_close"] = 1
	}
	return settings
}

// readRows reads all rows and closes them.
func readRows(rows driver.Rows) (table [][]any, err error) {
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	types := rows.ColumnTypes()
	targets := make([]any, len(types))
	for i, t := range types {
		if !readable(t.ScanType()) {
			return nil, fmt.Errorf("column %s is of type %s, which cannot be read here", t.Name(), t.DatabaseTypeName())
		}
		targets[i] = reflect.New(t.ScanType()).Interface()
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		row := make([]any, len(targets))
		for i, target := range targets {
			row[i] = plain(reflect.ValueOf(target).Elem())
		}
		table = append(table, row)
	}
	return table, rows.Err()
}

var timeType = reflect.TypeFor[time.Time]()

// readable reports whether plain knows the type.
func readable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64, reflect.String,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Bool:
		return true
	}
	return t == timeType
}

// plain is the value as one of the types that Select returns.
func plain(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return v.Bool()
	}
	return v.Interface().(time.Time).UTC()
}
