package stats

import (
	"context"
	"fmt"
	"time"

	"turf/schema"
)

// propertyDays is how long ago a property was counted last to be listed.
const propertyDays = 91

// MaxProperties is how many properties are listed.
const MaxProperties = 300

// Properties lists the properties of events that were counted in the last 91 days, by their names. It is not nil.
func (e *Engine) Properties(ctx context.Context, site *schema.Site) ([]string, error) {
	w := newWriter()
	sql := "SELECT toString(prop) AS name\nFROM counts\nWHERE site_id = " + w.number("site", "UInt32", int64(site.ID)) +
		" AND cube = 'event_props'\n  AND time >= toDateTime(" +
		w.number("from", "Int64", e.Now().Add(-propertyDays*24*time.Hour).Unix()) + ", 'UTC') AND prop != " + w.value(schema.Other) +
		"\nGROUP BY name\nHAVING sum(events) > 0\nORDER BY name\nLIMIT " + w.number("limit", "UInt64", MaxProperties)
	rows, err := e.Runner.Select(ctx, sql, w.params)
	if err != nil {
		return nil, fmt.Errorf("list the properties of events: %w", err)
	}
	names := []string{}
	for _, row := range rows {
		if len(row) != 1 {
			return nil, fmt.Errorf("list the properties of events: %d columns", len(row))
		}
		names = append(names, reflectValue(row[0]).String())
	}
	return names, nil
}
