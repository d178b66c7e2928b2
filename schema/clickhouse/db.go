package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	client "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Exception is an error that the database itself reported, with its code. Errors of this package wrap it.
type Exception = client.Exception

// ClickHouse's codes of errors that are handled or explained here.
const (
	codeUnknownDatabase = 81
	codeAccessDenied    = 497
	codeAuthentication  = 516
	codeResultTooLarge  = 396
)

// DB is a database. Its methods may be called by many goroutines.
type DB struct {
	config Config
	conn   driver.Conn
	// hosts as they appear in messages.
	hosts string
	// overHTTP: a server that answers over HTTP, not the embedded engine.
	overHTTP bool
	writer   writer
}

// Open connects to the database, and creates it when the server has none of the name. It must be closed.
func Open(ctx context.Context, config Config) (*DB, error) {
	config, opts, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	db := &DB{
		config:   config,
		hosts:    strings.Join(opts.Addr, ", "),
		overHTTP: config.Transport == nil && opts.Protocol == client.HTTP,
		writer:   newWriter(),
	}
	db.conn, err = connect(ctx, opts)
	if hasCode(err, codeUnknownDatabase) {
		if err = db.create(ctx, *opts); err == nil {
			db.conn, err = connect(ctx, opts)
		}
	}
	if err != nil {
		return nil, db.explain(err, opts)
	}
	return db, nil
}

// connect opens a client and asks for a sign of life.
func connect(ctx context.Context, opts *client.Options) (driver.Conn, error) {
	conn, err := client.Open(opts)
	if err != nil {
		return nil, err
	}
	if err := conn.Ping(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// create makes the database, on a connection of its own.
func (db *DB) create(ctx context.Context, opts client.Options) error {
	opts.Auth.Database = "default"
	conn, err := connect(ctx, &opts)
	if err != nil {
		return err
	}
	sql := "CREATE DATABASE IF NOT EXISTS " + quoteName(db.config.Database) + db.onCluster()
	return errors.Join(conn.Exec(ctx, sql), conn.Close())
}

// explain says what can be done about an error of Open.
func (db *DB) explain(err error, opts *client.Options) error {
	user := opts.Auth.Username
	if user == "" {
		user = "default"
	}
	var network *net.OpError
	switch {
	case hasCode(err, codeAuthentication):
		return fmt.Errorf("the database at %s refuses user %q: wrong name or password: %w", db.hosts, user, err)
	case hasCode(err, codeAccessDenied):
		return fmt.Errorf("user %q may not use or create database %q at %s: %w", user, db.config.Database, db.hosts, err)
	case db.config.Transport != nil:
		return fmt.Errorf("open the embedded database: %w", err)
	case errors.As(err, &network) && network.Op == "dial":
		return fmt.Errorf("the database at %s cannot be reached; does it run, and is the port right? %w", db.hosts, err)
	}
	return fmt.Errorf("open the database at %s over %s (9000 is the usual port for clickhouse://, 8123 for http://): %w",
		db.hosts, opts.Protocol, err)
}

// Close ends all connections.
func (db *DB) Close() error {
	if err := db.conn.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Ping asks the database for a sign of life.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping the database at %s: %w", db.hosts, err)
	}
	return nil
}

// exec runs a statement that returns nothing, and waits for its end. params as in Select.
func (db *DB) exec(ctx context.Context, sql string, params map[string]string) error {
	escaped, err := escapeParams(sql, params)
	if err != nil {
		return err
	}
	settings := client.Settings{}
	if db.overHTTP {
		settings["wait_end_of_query"] = 1 // or an error could come after the status of success
	}
	return db.conn.Exec(client.Context(ctx, client.WithSettings(settings), client.WithParameters(escaped)), sql)
}

// onCluster is the clause that sends a DDL statement to every server of the cluster.
func (db *DB) onCluster() string {
	if db.config.Cluster == "" {
		return ""
	}
	return " ON CLUSTER " + quoteName(db.config.Cluster)
}

// local is the name of the table that holds the rows on each server.
func (db *DB) local(table string) string {
	if db.config.Cluster == "" {
		return table
	}
	return table + "_local"
}

func hasCode(err error, codes ...int32) bool {
	var ex *Exception
	return errors.As(err, &ex) && slices.Contains(codes, ex.Code)
}
