package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"turf/schema"
)

// BlockRows is how many rows one insert takes; a larger batch is several, whose tokens are the batch's with /1, /2, …
// after it. It may never change: a batch that was written in part has to be cut at the same places again.
const BlockRows = 100_000

// DeduplicationWindow is how many of the last inserted parts a table remembers by their tokens. It must be larger
// than the number of batches (times the months in each) that can be sent between the first try of a batch and the
// last.
const DeduplicationWindow = 10_000

// Columns of the table counts before those of the dimensions.
var keyColumns = []client.ColumnNameAndType{
	{Name: "site_id", Type: "UInt32"},
	{Name: "cube", Type: "LowCardinality(String)"},
	{Name: "time", Type: "DateTime('UTC')"},
}

const (
	dimensionType = "LowCardinality(String)"
	metricType    = "Int64"
)

// writer is what all inserts into counts have in common.
type writer struct {
	// position is where in Cell.Values of a cube the dimension is, or absent.
	position [schema.NumCubes][schema.NumDimensions]int8
}

const absent = -1

func newWriter() writer {
	var w writer
	for id := range w.position {
		for d := range w.position[id] {
			w.position[id][d] = absent
		}
	}
	for _, cube := range schema.Cubes {
		for i, d := range cube.Dimensions {
			w.position[cube.ID][d] = int8(i)
		}
	}
	return w
}

// countsColumns are the columns of the table counts, from the catalogue.
func countsColumns() []client.ColumnNameAndType {
	var f filled
	for d := range f.dimensions {
		f.dimensions[d] = true
	}
	for m := range f.metrics {
		f.metrics[m] = true
	}
	return f.columns()
}

// filled is which columns of counts some rows need. The others are left out of an insert: the table fills them with "" and 0, which
// is what the rows have there. A batch of plain page views needs half of the columns, and costs a quarter less without the others.
type filled struct {
	dimensions [schema.NumDimensions]bool
	metrics    [schema.NumMetrics]bool
}

func filledBy(rows []schema.Row) (f filled) {
	for i := range rows {
		cell, sums := &rows[i].Cell, &rows[i].Sums
		for at, d := range schema.Cubes[cell.Cube-1].Dimensions {
			f.dimensions[d] = f.dimensions[d] || cell.Values[at] != ""
		}
		for m, n := range sums {
			f.metrics[m] = f.metrics[m] || n != 0
		}
	}
	return f
}

// columns are those of the key and those that are needed, in the table's order.
func (f *filled) columns() []client.ColumnNameAndType {
	columns := slices.Clone(keyColumns)
	for d, is := range f.dimensions {
		if is {
			columns = append(columns, client.ColumnNameAndType{Name: schema.Dimensions[d].Column, Type: dimensionType})
		}
	}
	for m, is := range f.metrics {
		if is {
			columns = append(columns, client.ColumnNameAndType{Name: schema.Metrics[m].Column, Type: metricType})
		}
	}
	return columns
}

// insertSQL inserts into counts.
func insertSQL(columns []client.ColumnNameAndType) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return "INSERT INTO counts (" + strings.Join(names, ", ") + ")"
}

// insertSettings make an insert one block, taken once by its token, that is stored when it is acknowledged.
func insertSettings(token string) client.Settings {
	return client.Settings{
		"insert_deduplication_token": token,
		"insert_deduplicate":         1,
		// Not gathered with other inserts, and not acknowledged before it is written, on all shards.
		"async_insert":                  0,
		"distributed_foreground_insert": 1,
		"max_insert_threads":            1,
		"max_insert_block_size":         4 * BlockRows,
		"min_insert_block_size_rows":    4 * BlockRows,
		"min_insert_block_size_bytes":   0,
		// A batch has one row a cell, so there is nothing to sum: half of the time of an insert would go there.
		"optimize_on_insert": 0,
		// An imported log may be of any number of months.
		"max_partitions_per_insert_block": 0,
	}
}

// Write stores the batch. It may be called again with the same batch, also by another process, until it returns nil:
// rows that are stored already are left out, by the batch's token. An empty batch is stored already. After an error
// nothing, everything or something of the batch may be stored.
func (db *DB) Write(ctx context.Context, batch schema.Batch) error {
	if len(batch.Rows) == 0 {
		return nil
	}
	if batch.Token == "" {
		return errors.New("write a batch: it has no token")
	}
	if err := checkRows(batch.Rows); err != nil {
		return fmt.Errorf("write batch %s: %w", batch.Token, err)
	}
	rows, token := batch.Rows, batch.Token
	for block := 1; len(rows) > 0; block++ {
		n := min(len(rows), BlockRows)
		if err := db.writeBlock(ctx, token, rows[:n]); err != nil {
			return fmt.Errorf("write batch %s, %d rows: %w", token, n, err)
		}
		rows, token = rows[n:], batch.Token+"/"+strconv.Itoa(block)
	}
	return nil
}

// checkRows finds what the table could not hold, before anything is sent.
func checkRows(rows []schema.Row) error {
	for i := range rows {
		cell := &rows[i].Cell
		if _, ok := schema.CubeByID(cell.Cube); !ok {
			return fmt.Errorf("row %d: there is no cube %d", i, cell.Cube)
		}
		if cell.Time < 0 || cell.Time > math.MaxUint32 {
			return fmt.Errorf("row %d: time %d is not between 1970 and 2106", i, cell.Time)
		}
	}
	return nil
}

func (db *DB) writeBlock(ctx context.Context, token string, rows []schema.Row) error {
	f := filledBy(rows)
	columns := f.columns()
	ctx = client.Context(ctx, client.WithSettings(insertSettings(token)), client.WithColumnNamesAndTypes(columns))
	return db.insert(ctx, insertSQL(columns), func(batch driver.Batch) error { return db.writer.appendRows(batch, rows, &f) })
}

// insert sends what fill appends, as one block.
func (db *DB) insert(ctx context.Context, sql string, fill func(driver.Batch) error) error {
	batch, err := db.conn.PrepareBatch(ctx, sql)
	if err != nil {
		return err
	}
	if err := fill(batch); err != nil {
		return errors.Join(err, batch.Abort())
	}
	return batch.Send()
}

// appendRows appends column by column; what it allocates beyond the client's own buffers is one slice of each type.
func (w *writer) appendRows(batch driver.Batch, rows []schema.Row, f *filled) error {
	sites := make([]uint32, len(rows))
	numbers := make([]int64, len(rows))
	for i := range rows {
		sites[i], numbers[i] = uint32(rows[i].Cell.Site), rows[i].Cell.Time
	}
	if err := batch.Column(0).Append(sites); err != nil {
		return fmt.Errorf("column site_id: %w", err)
	}
	if err := appendStrings(batch.Column(1), rows, cubeName); err != nil {
		return fmt.Errorf("column cube: %w", err)
	}
	if err := batch.Column(2).Append(numbers); err != nil {
		return fmt.Errorf("column time: %w", err)
	}
	column := len(keyColumns)
	for d := range schema.NumDimensions {
		if !f.dimensions[d] {
			continue
		}
		value := func(cell *schema.Cell) string {
			if at := w.position[cell.Cube][d]; at != absent {
				return cell.Values[at]
			}
			return ""
		}
		if err := appendStrings(batch.Column(column), rows, value); err != nil {
			return fmt.Errorf("column %s: %w", d, err)
		}
		column++
	}
	for m := range schema.NumMetrics {
		if !f.metrics[m] {
			continue
		}
		for i := range rows {
			numbers[i] = rows[i].Sums[m]
		}
		if err := batch.Column(column).Append(numbers); err != nil {
			return fmt.Errorf("column %s: %w", m, err)
		}
		column++
	}
	return nil
}

func cubeName(cell *schema.Cell) string { return schema.Cubes[cell.Cube-1].Name }

// appendStrings appends a value of each row. The client wants each as an interface, which costs an allocation: rows
// are in order, so equal neighbours share theirs, and nil is the client's empty string.
func appendStrings(column driver.BatchColumn, rows []schema.Row, value func(*schema.Cell) string) error {
	var last string
	var boxed any
	for i := range rows {
		if v := value(&rows[i].Cell); v != last {
			if last, boxed = v, nil; v != "" {
				boxed = v
			}
		}
		if err := column.AppendRow(boxed); err != nil {
			return err
		}
	}
	return nil
}
