-- Sites, keys, users and the like are few, small documents that everybody holds in memory. Of the versions of a document the
-- newest wins; a deleted one stays as such, so that its id is not given to another.
CREATE TABLE IF NOT EXISTS {{.Everywhere "records"}}
(
    kind LowCardinality(String),
    id String,
    version UInt64,
    doc String,
    deleted UInt8
)
ENGINE = {{.WholeEngine "ReplacingMergeTree" "records" "version"}}
ORDER BY (kind, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
