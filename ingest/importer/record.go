package importer

import (
	"context"

	"turf/schema"
)

// Record says how much of a log is in the totals of a site. It is stored as a document, one a site and content.
type Record struct {
	Site   schema.SiteID `json:"site_id"`
	SHA256 string        `json:"sha256"` // of the decompressed content, hex
	Bytes  int64         `json:"bytes"`  // its length
	// Head is the SHA-256 of its first headBytes, hex; "" when it is shorter. Two logs with one head are of one origin.
	Head string `json:"head,omitempty"`
	// Days are the days that are in the totals ("2026-01-31"), each with the import that counted them: an import of several logs
	// counts a visitor once who is in more than one of them.
	Days map[string]string `json:"days"`
	// Digests say what of each of Days was counted: see buffer.digests. "": it is not known any more.
	Digests map[string]string `json:"digests,omitempty"`
	// Tells is what is known of the days by this import, and with that what is not. A log's has no days: they are those of Days. nil: it was
	// imported before this was recorded.
	Tells []schema.Imported `json:"tells,omitempty"`
	// Running is the import that began to count this log and did not say that it ended. It goes on with the same logs only.
	Running string `json:"running,omitempty"`
}

// ID names the record among those of all sites.
func (r *Record) ID() string { return r.SHA256 }

// Store is where the counts of an import go.
type Store interface {
	// Imports returns the records of a site.
	Imports(ctx context.Context, site schema.SiteID) ([]Record, error)
	// PutImport stores a record in the place of the one with the same site and content.
	PutImport(ctx context.Context, r Record) error
	// Write adds a batch to the totals, at most once for all calls with its token. It has returned nil only if the batch is stored.
	Write(ctx context.Context, b schema.Batch) error
}
