package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"turf/aggregate"
	"turf/aggregate/pipeline"
	"turf/ingest"
	"turf/schema"
	"turf/schema/clickhouse"
)

// Packages that do not know each other meet here.

// counter is the pipeline as ingest wants it: the same, with ingest's own errors.
type counter struct{ pipe *pipeline.Pipeline }

func (c counter) Salt(site schema.SiteID, at time.Time) (salt [16]byte, day schema.Day, err error) {
	salt, day, err = c.pipe.Salt(site, at)
	return salt, day, counterError(err)
}

func (c counter) Submit(ctx context.Context, events []aggregate.Event) error {
	return counterError(c.pipe.Submit(ctx, events))
}

// counterError keeps the text and says by ingest's errors what the pipeline says by its own.
func counterError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pipeline.ErrBusy):
		return fmt.Errorf("%w: %w", ingest.ErrBusy, err)
	case errors.Is(err, pipeline.ErrDayOver):
		return fmt.Errorf("%w: %w", ingest.ErrDayOver, err)
	case errors.Is(err, pipeline.ErrNoSite):
		return fmt.Errorf("%w: %w", ingest.ErrNoSite, err)
	}
	return err
}

// accessRecords is the table of documents as package access wants it.
type accessRecords struct{ *clickhouse.Records }

// All returns the documents of a kind by id.
func (r accessRecords) All(kind string) map[string][]byte {
	docs := map[string][]byte{}
	for _, d := range r.Records.All(kind) {
		docs[d.ID] = d.Doc
	}
	return docs
}
