package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"turf/aggregate/pipeline"
	"turf/dashboard/access"
	"turf/ingest/consent"
	"turf/schema/clickhouse"
	"turf/schema/embedded"
)

// engineDir is the embedded engine's own folder in the data directory.
const engineDir = "clickhouse"

// embeddedEngine is the value of --clickhouse for the engine in the process.
const embeddedEngine = "embedded"

// instanceConfig says what to open.
type instanceConfig struct {
	dir        string // data directory
	clickhouse string // "embedded" or a URL
	// retentionDays is for how long counters are kept; 0 is for ever.
	retentionDays int
}

// instance is the opened data: the lock of the directory, the database and the documents. With a server also what counts.
type instance struct {
	dir  string
	lock *os.File
	// retentionDays is for how long counters are kept; 0 is for ever.
	retentionDays int
	engine        *embedded.Engine // nil with a server's URL
	db            *clickhouse.DB
	records       *clickhouse.Records
	sites         *clickhouse.Sites
	access        *access.Access
	imported      *importedDays
	// pipe is nil where no server runs in this process.
	pipe *pipeline.Pipeline

	// ledger and consented are of the opt-in path; nil until openConsents, which consents guards.
	consents  sync.Mutex
	ledger    *consent.Ledger
	consented *clickhouse.Consented
}

// openInstance takes the directory's lock and opens the database. Close it.
func openInstance(ctx context.Context, cfg instanceConfig) (*instance, error) {
	lock, err := lockDir(cfg.dir)
	if err != nil {
		return nil, err
	}
	in := &instance{dir: cfg.dir, lock: lock, retentionDays: cfg.retentionDays}
	if err := in.openDatabase(ctx, cfg.clickhouse); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	settled, err := in.isSettled()
	if err == nil {
		_, err = in.fillTwins(ctx, settled)
	}
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// openDatabase opens what is in the database. After an error it may be called again.
func (in *instance) openDatabase(ctx context.Context, where string) error {
	cfg := clickhouse.Config{URL: where}
	if where == embeddedEngine {
		engine, err := embedded.Open(embedded.Config{Dir: filepath.Join(in.dir, engineDir)})
		if err != nil {
			return err
		}
		in.engine = engine
		cfg = clickhouse.Config{Transport: engine}
	}
	// One number for hours and days: most cubes of hours have no twin of days, so their totals would go with their hours.
	cfg.HourlyRetentionDays, cfg.DailyRetentionDays = in.retentionDays, in.retentionDays
	err := in.openTables(ctx, cfg)
	if err != nil {
		err = errors.Join(err, in.closeDatabase())
	}
	return err
}

func (in *instance) openTables(ctx context.Context, cfg clickhouse.Config) error {
	var err error
	if in.db, err = clickhouse.Open(ctx, cfg); err != nil {
		return err
	}
	if err := in.db.Migrate(ctx); err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	if in.records, err = clickhouse.OpenRecords(ctx, in.db); err != nil {
		return err
	}
	if in.sites, err = clickhouse.OpenSites(in.records); err != nil {
		return err
	}
	in.access = access.New(access.Config{Records: accessRecords{in.records}})
	in.imported = &importedDays{records: in.records}
	return nil
}

func (in *instance) closeDatabase() error {
	var errs []error
	if in.records != nil {
		in.records.Close()
	}
	if in.db != nil {
		errs = append(errs, in.db.Close())
	}
	if in.engine != nil {
		errs = append(errs, in.engine.Close())
	}
	in.records, in.sites, in.access, in.db, in.engine = nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

// Close closes what was opened, last things first, and gives the directory free.
func (in *instance) Close() error {
	var errs []error
	if in.pipe != nil {
		errs = append(errs, in.pipe.Close(context.Background()))
	}
	if in.ledger != nil { // its eraser works on the database
		errs = append(errs, in.ledger.Close())
	}
	return errors.Join(append(errs, in.closeDatabase(), in.lock.Close())...)
}
