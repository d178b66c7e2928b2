package clickhouse

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"turf/schema"
)

// eraseLook is how often Erase looks whether the old files are gone.
const eraseLook = 200 * time.Millisecond

// Erase deletes all events of a person and returns when no table and no file of the database holds them any more: the rows
// are gone, the parts that held them are replaced, and the old parts are removed from the disk. That takes about a second; the
// context bounds it. Nobody may write events of the person meanwhile. A person of whom there is nothing is erased already.
//
// The statement itself, which the database keeps for a while, does not name the person but a hash under a key of this one call.
func (c *Consented) Erase(ctx context.Context, site schema.SiteID, person schema.PersonRef) error {
	var key [16]byte
	if _, err := rand.Read(key[:]); err != nil {
		return fmt.Errorf("erase a person: %w", err)
	}
	params := map[string]string{
		"k0": strconv.FormatUint(binary.LittleEndian.Uint64(key[:8]), 10),
		"k1": strconv.FormatUint(binary.LittleEndian.Uint64(key[8:]), 10),
	}
	hash, err := c.keyedHash(ctx, person, params)
	if err == nil {
		params["site"], params["hash"] = strconv.FormatUint(uint64(site), 10), strconv.FormatUint(hash, 10)
		err = c.delete(ctx, eventsTable, "site_id = {site:UInt32} AND "+keyedHash("person")+" = {hash:UInt64}", params)
	}
	if err == nil {
		err = c.waitForOldParts(ctx, eventsTable)
	}
	if err != nil {
		return fmt.Errorf("erase a person of site %d: %w", site, err)
	}
	return nil
}

// keyedHash is the SQL of the hash by which Erase finds a person.
func keyedHash(person string) string {
	return "sipHash64Keyed(({k0:UInt64}, {k1:UInt64}), " + person + ")"
}

// keyedHash is the person's hash under the key in params.
func (c *Consented) keyedHash(ctx context.Context, person schema.PersonRef, params map[string]string) (hash uint64, err error) {
	params = maps.Clone(params)
	params["person"] = hex.EncodeToString(person[:])
	sql := "SELECT " + keyedHash("toFixedString(unhex({person:String}), 16)")
	err = c.stream(ctx, sql, params, func(rows driver.Rows) error { return rows.Scan(&hash) })
	return hash, err
}

// RemoveSite deletes all that the opt-in path has of a site, and returns when no file holds it any more.
func (c *Consented) RemoveSite(ctx context.Context, site schema.SiteID) error {
	for _, table := range []string{eventsTable, heatTable} {
		err := c.delete(ctx, table, "site_id = {site:UInt32}", map[string]string{"site": strconv.FormatUint(uint64(site), 10)})
		if err == nil {
			err = c.waitForOldParts(ctx, table)
		}
		if err != nil {
			return fmt.Errorf("delete from %s what is of site %d: %w", table, site, err)
		}
	}
	return nil
}

// delete runs a mutation and waits for its end on all servers.
func (c *Consented) delete(ctx context.Context, table, where string, params map[string]string) error {
	sql := "ALTER TABLE " + c.db.local(table) + c.db.onCluster() + " DELETE WHERE " + where + " SETTINGS mutations_sync = 2"
	return c.db.exec(ctx, sql, params)
}

// waitForOldParts returns when no part is on the disk any more that was replaced before it was called.
func (c *Consented) waitForOldParts(ctx context.Context, table string) error {
	old, err := c.oldParts(ctx, table)
	if err != nil {
		return err
	}
	tick := time.NewTicker(eraseLook)
	defer tick.Stop()
	for len(old) > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the rows are deleted, and %d old parts of %s still wait to be removed from the disk: %w",
				len(old), table, ctx.Err())
		case <-tick.C:
		}
		now, err := c.oldParts(ctx, table)
		if err != nil {
			return err
		}
		for part := range old {
			if !now[part] {
				delete(old, part)
			}
		}
	}
	return nil
}

// oldParts are the parts that were replaced and are still on a disk of some server.
func (c *Consented) oldParts(ctx context.Context, table string) (map[string]bool, error) {
	from, host := "system.parts", "''"
	if c.db.config.Cluster != "" {
		from, host = "clusterAllReplicas("+quoteName(c.db.config.Cluster)+", system.parts)", "hostName()"
	}
	rows, err := c.db.Select(ctx, "SELECT "+host+", name FROM "+from+" WHERE database = {database:String} AND table = {table:String}"+
		" AND _state IN ('Outdated', 'Deleting', 'DeleteOnDestroy')",
		map[string]string{"database": c.db.config.Database, "table": c.db.local(table)})
	if err != nil {
		return nil, fmt.Errorf("look for old parts of %s: %w", table, err)
	}
	parts := map[string]bool{}
	for _, row := range rows {
		parts[row[0].(string)+"/"+row[1].(string)] = true
	}
	return parts, nil
}

// Export calls each for all events of a person, in the order of time; an error of it ends the reading and is returned.
func (c *Consented) Export(
	ctx context.Context, site schema.SiteID, person schema.PersonRef, each func(schema.ConsentedEvent) error,
) error {
	const sql = `SELECT session, time, seq, received, purpose, name, hostname, path, props,
			channel, source, campaign, referrer, country, device, browser, os
		FROM consented_events
		WHERE site_id = {site:UInt32} AND person = unhex({person:String})
		ORDER BY time, seq`
	err := c.stream(ctx, sql, personParams(site, person), func(rows driver.Rows) error {
		e := schema.ConsentedEvent{Site: site, Person: person}
		err := rows.Scan(&e.Session, &e.Time, &e.Seq, &e.Received, &e.Purpose, &e.Name, &e.Hostname, &e.Path, &e.Props,
			&e.Channel, &e.Source, &e.Campaign, &e.Referrer, &e.Country, &e.Device, &e.Browser, &e.OS)
		if err != nil {
			return err
		}
		e.Time, e.Received = e.Time.UTC(), e.Received.UTC()
		if len(e.Props) == 0 {
			e.Props = nil
		}
		return each(e)
	})
	if err != nil {
		return fmt.Errorf("export the events of a person of site %d: %w", site, err)
	}
	return nil
}

func personParams(site schema.SiteID, person schema.PersonRef) map[string]string {
	return map[string]string{"site": strconv.FormatUint(uint64(site), 10), "person": hex.EncodeToString(person[:])}
}

// PersonRows is what is stored of a person for a purpose.
type PersonRows struct {
	Person      schema.PersonRef
	Purpose     string
	Rows        uint64
	First, Last time.Time // received, both are
	// FirstTime is the earliest time at which one of them happened (L2).
	FirstTime time.Time
}

// Persons calls each for every person and purpose of a site, by person: what an audit compares with the ledger (L1). Where
// a person's grants have gaps, [Consented.RowsOutside] looks closer.
func (c *Consented) Persons(ctx context.Context, site schema.SiteID, each func(PersonRows) error) error {
	const sql = `SELECT person, purpose, count() AS n, min(received) AS first, max(received) AS last, min(time) AS first_time
		FROM consented_events
		WHERE site_id = {site:UInt32}
		GROUP BY person, purpose
		ORDER BY person, purpose`
	params := map[string]string{"site": strconv.FormatUint(uint64(site), 10)}
	err := c.stream(ctx, sql, params, func(rows driver.Rows) error {
		var p PersonRows
		var person string
		if err := rows.Scan(&person, &p.Purpose, &p.Rows, &p.First, &p.Last, &p.FirstTime); err != nil {
			return err
		}
		if copy(p.Person[:], person) != len(p.Person) {
			return fmt.Errorf("a person of %d bytes", len(person))
		}
		p.First, p.Last, p.FirstTime = p.First.UTC(), p.Last.UTC(), p.FirstTime.UTC()
		return each(p)
	})
	if err != nil {
		return fmt.Errorf("list the people of site %d: %w", site, err)
	}
	return nil
}

// MaxIntervals is how many intervals RowsOutside takes.
const MaxIntervals = 1000

// Interval is a time in which a purpose was granted, from From up to but not including To; a zero To is open.
type Interval struct{ From, To time.Time }

// RowsOutside is how many events of a person and purpose were received outside of all the intervals (L1). The intervals of
// a consent are what the ledger knows.
func (c *Consented) RowsOutside(
	ctx context.Context, site schema.SiteID, person schema.PersonRef, purpose string, granted []Interval,
) (n uint64, err error) {
	if len(granted) > MaxIntervals {
		return 0, fmt.Errorf("look for events without a grant: %d intervals are more than %d", len(granted), MaxIntervals)
	}
	params := personParams(site, person)
	params["purpose"] = purpose
	sql := `SELECT count() FROM consented_events
		WHERE site_id = {site:UInt32} AND person = unhex({person:String}) AND purpose = {purpose:String}`
	for i, g := range granted {
		from, to := "f"+strconv.Itoa(i), "t"+strconv.Itoa(i)
		params[from] = strconv.FormatInt(g.From.UnixMilli(), 10)
		sql += " AND NOT (toUnixTimestamp64Milli(received) >= {" + from + ":Int64}"
		if !g.To.IsZero() {
			params[to] = strconv.FormatInt(g.To.UnixMilli(), 10)
			sql += " AND toUnixTimestamp64Milli(received) < {" + to + ":Int64}"
		}
		sql += ")"
	}
	err = c.stream(ctx, sql, params, func(rows driver.Rows) error { return rows.Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("look for events without a grant on site %d: %w", site, err)
	}
	return n, nil
}

// stream calls each for every row, which it is to scan. The statement is not logged by the database: it is about a person.
func (c *Consented) stream(ctx context.Context, sql string, params map[string]string, each func(driver.Rows) error) (err error) {
	escaped, err := escapeParams(sql, params)
	if err != nil {
		return err
	}
	settings := client.Settings{"log_queries": 0}
	rows, err := c.db.conn.Query(client.Context(ctx, client.WithSettings(settings), client.WithParameters(escaped)), sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
