package clickhouse

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"turf/schema"
)

const (
	// ConsentedRetentionDays is how long an event is kept unless its purpose says otherwise: 13 months (L16).
	ConsentedRetentionDays = 395
	// HeatRetentionDays is how long the cells of heatmaps are kept. Changing it is a new migration.
	HeatRetentionDays = 395
	// maxRetentionDays is the longest that can be asked for: 25 months.
	maxRetentionDays = 761

	eventsTable = "consented_events"
	heatTable   = "consented_heat"
)

// Consented is the store of the opt-in path: tables of its own, which no statement joins with counts (P8, L10). Its methods
// may be called by many goroutines. The tables are made by [DB.Migrate].
type Consented struct {
	db        *DB
	retention func(site schema.SiteID, purpose string) (days int)
}

// NewConsented is the store in db. retention says how many days the events of a purpose are kept, 1 to 761; nil, and 0 days,
// stand for ConsentedRetentionDays. It is asked as an event is written and holds for that event for ever: a purpose's
// retention is what people consented to.
func NewConsented(db *DB, retention func(site schema.SiteID, purpose string) (days int)) *Consented {
	if retention == nil {
		retention = func(schema.SiteID, string) int { return 0 }
	}
	return &Consented{db, retention}
}

// ConsentedColumns are the tables of the opt-in path with their columns and types, for who checks the schema. In a cluster
// the tables with _local hold the rows.
func ConsentedColumns() map[string]map[string]string {
	events, heat := map[string]string{}, map[string]string{}
	for _, c := range eventColumns() {
		events[c.Name] = c.Type
	}
	for _, c := range heatColumns() {
		heat[c.Name] = c.Type
	}
	return map[string]map[string]string{
		eventsTable: events, eventsTable + "_local": events, heatTable: heat, heatTable + "_local": heat,
	}
}

// eventColumns are the columns of consented_events, in the order of its migration.
func eventColumns() []client.ColumnNameAndType {
	columns := []client.ColumnNameAndType{
		{Name: "site_id", Type: "UInt32"},
		{Name: "person", Type: "FixedString(16)"},
		{Name: "session", Type: "UInt64"},
		{Name: "time", Type: "DateTime64(3, 'UTC')"},
		{Name: "seq", Type: "UInt32"},
		{Name: "received", Type: "DateTime64(3, 'UTC')"},
		{Name: "expires", Type: "DateTime('UTC')"},
	}
	for _, name := range []string{"purpose", "name", "hostname", "path"} {
		columns = append(columns, client.ColumnNameAndType{Name: name, Type: dimensionType})
	}
	columns = append(columns, client.ColumnNameAndType{Name: "props", Type: "Map(LowCardinality(String), String)"})
	for _, name := range []string{"channel", "source", "campaign", "referrer", "country", "device", "browser", "os"} {
		columns = append(columns, client.ColumnNameAndType{Name: name, Type: dimensionType})
	}
	return columns
}

func heatColumns() []client.ColumnNameAndType {
	return []client.ColumnNameAndType{
		{Name: "site_id", Type: "UInt32"},
		{Name: "day", Type: "Date"},
		{Name: "hostname", Type: dimensionType},
		{Name: "path", Type: dimensionType},
		{Name: "kind", Type: dimensionType},
		{Name: "width", Type: "UInt16"},
		{Name: "x", Type: "UInt8"},
		{Name: "y", Type: "UInt16"},
		{Name: "clicks", Type: metricType},
	}
}

// WriteEvents stores the events; it may be called again with the same token until it returns nil, also by another process,
// and stores them once, of each month (by Time) what came first: the last DeduplicationWindow parts of inserts are known. The token ""
// stands for one made of the events themselves: the same ones, in the same order. After an error nothing, everything or
// something is stored.
func (c *Consented) WriteEvents(ctx context.Context, token string, events []schema.ConsentedEvent) error {
	for i := range events {
		if err := checkConsented(&events[i]); err != nil {
			return fmt.Errorf("write %d consented events: event %d: %w", len(events), i, err)
		}
	}
	number := 0
	for block := range slices.Chunk(events, BlockRows) {
		columns, err := c.columnsOf(block)
		if err != nil {
			return fmt.Errorf("write %d consented events: %w", len(events), err)
		}
		known := blockToken(token, number)
		if token == "" {
			known = eventsToken(block)
		}
		if err := c.write(ctx, eventsTable, eventColumns(), insertSettings(known), columns); err != nil {
			return fmt.Errorf("write %d consented events: %w", len(block), err)
		}
		number++
	}
	return nil
}

// checkConsented finds what the table could not hold, before anything is sent.
func checkConsented(e *schema.ConsentedEvent) error {
	switch {
	case e.Person == (schema.PersonRef{}):
		return errors.New("it is of no person")
	case e.Purpose == "":
		return errors.New("it has no purpose")
	case e.Name == "":
		return errors.New("it has no name")
	}
	for _, t := range []time.Time{e.Time, e.Received} {
		if t.Unix() < 0 || t.Unix() > math.MaxUint32 {
			return fmt.Errorf("the time %s is not between 1970 and 2106", t.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// blockToken is what a block of what was given a token is known by.
func blockToken(token string, number int) string {
	return fmt.Sprintf("consented-%s-%d", token, number)
}

// eventsToken is what the events are known by when they are sent again: two different events differ in person, time or seq.
// It tells nobody who they are of.
func eventsToken(events []schema.ConsentedEvent) string {
	h := sha256.New()
	for i := range events {
		hashEvent(h, &events[i])
	}
	return "consented-" + hex.EncodeToString(h.Sum(nil)[:16])
}

func hashEvent(h hash.Hash, e *schema.ConsentedEvent) {
	var b [16 + 4 + 4 + 8 + 8 + 8]byte
	copy(b[:], e.Person[:])
	binary.LittleEndian.PutUint32(b[16:], uint32(e.Site))
	binary.LittleEndian.PutUint32(b[20:], e.Seq)
	binary.LittleEndian.PutUint64(b[24:], uint64(e.Time.UnixMilli()))
	binary.LittleEndian.PutUint64(b[32:], uint64(e.Received.UnixMilli()))
	binary.LittleEndian.PutUint64(b[40:], e.Session)
	_, _ = h.Write(b[:]) // a hash takes all
	values := []string{e.Purpose, e.Name, e.Hostname, e.Path}
	for _, key := range slices.Sorted(maps.Keys(e.Props)) {
		values = append(values, key, e.Props[key])
	}
	for _, v := range values {
		_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(v))))
		_, _ = h.Write([]byte(v))
	}
}

// columnsOf are the values of each column, in the order of eventColumns.
func (c *Consented) columnsOf(events []schema.ConsentedEvent) ([]any, error) {
	n := len(events)
	sites, seqs, sessions := make([]uint32, n), make([]uint32, n), make([]uint64, n)
	persons, props := make([]string, n), make([]map[string]string, n)
	times, received, expires := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	var texts [12][]string
	for i := range texts {
		texts[i] = make([]string, n)
	}
	for i := range events {
		e := &events[i]
		days := c.retention(e.Site, e.Purpose)
		if days == 0 {
			days = ConsentedRetentionDays
		}
		if days < 0 || days > maxRetentionDays {
			return nil, fmt.Errorf("a retention of %d days for the purpose %q is not between 1 and %d", days, e.Purpose, maxRetentionDays)
		}
		sites[i], persons[i], sessions[i], seqs[i] = uint32(e.Site), string(e.Person[:]), e.Session, e.Seq
		times[i], received[i], expires[i] = e.Time, e.Received, e.Received.AddDate(0, 0, days)
		if props[i] = e.Props; e.Props == nil {
			props[i] = map[string]string{}
		}
		for j, v := range [len(texts)]string{
			e.Purpose, e.Name, e.Hostname, e.Path,
			e.Channel, e.Source, e.Campaign, e.Referrer, e.Country, e.Device, e.Browser, e.OS,
		} {
			texts[j][i] = v
		}
	}
	columns := []any{sites, persons, sessions, times, seqs, received, expires}
	for i, text := range texts {
		if i == 4 {
			columns = append(columns, props)
		}
		columns = append(columns, text)
	}
	return columns, nil
}

// WriteHeat adds the cells to those that are stored. It may be called again with the same token, as [Consented.WriteEvents],
// and adds once. With the token "" it must be called once for what was counted: the same cells again are more clicks. After an
// error nothing, everything or something is stored.
func (c *Consented) WriteHeat(ctx context.Context, token string, cells []schema.HeatCell) error {
	if token == "" {
		token = rand.Text() // two batches may well be alike, and a table that remembers inserts does so by what is in them
	}
	number := 0
	for block := range slices.Chunk(cells, BlockRows) {
		n := len(block)
		sites, widths, xs, ys := make([]uint32, n), make([]uint16, n), make([]uint8, n), make([]uint16, n)
		days, clicks := make([]time.Time, n), make([]int64, n)
		hosts, paths, kinds := make([]string, n), make([]string, n), make([]string, n)
		for i, cell := range block {
			if cell.X >= schema.HeatXBins || cell.Y >= schema.MaxHeatYBins {
				return fmt.Errorf("write %d heat cells: cell %d, %d is outside of the grid", len(cells), cell.X, cell.Y)
			}
			sites[i], widths[i], xs[i], ys[i] = uint32(cell.Site), cell.Width, cell.X, cell.Y
			days[i], clicks[i] = time.Unix(int64(cell.Day)*86400, 0).UTC(), cell.Count
			hosts[i], paths[i], kinds[i] = cell.Hostname, cell.Path, cell.Kind
		}
		settings := insertSettings(blockToken(token, number))
		err := c.write(ctx, heatTable, heatColumns(), settings, []any{sites, days, hosts, paths, kinds, widths, xs, ys, clicks})
		if err != nil {
			return fmt.Errorf("write %d heat cells: %w", n, err)
		}
		number++
	}
	return nil
}

// write inserts the values of the columns as one block.
func (c *Consented) write(
	ctx context.Context, table string, columns []client.ColumnNameAndType, settings client.Settings, values []any,
) error {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name
	}
	sql := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ")"
	ctx = client.Context(ctx, client.WithSettings(settings), client.WithColumnNamesAndTypes(columns))
	return c.db.insert(ctx, sql, func(batch driver.Batch) error {
		for i, v := range values {
			if err := batch.Column(i).Append(v); err != nil {
				return fmt.Errorf("column %s: %w", names[i], err)
			}
		}
		return nil
	})
}
