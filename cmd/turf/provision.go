package main

import (
	"context"

	"turf/schema"
	"turf/schema/clickhouse"
)

// provision changes sites for the Sites API, as the commands do.
type provision struct {
	*clickhouse.Sites
	in *instance
}

// Remove also deletes the counts.
func (p provision) Remove(ctx context.Context, domain string) (schema.Site, error) {
	return removeSite(ctx, p.in, domain)
}
