-- Which of these files were applied. This one always is.
CREATE TABLE IF NOT EXISTS {{.Everywhere "migrations"}}
(
    number UInt32,
    name String,
    applied DateTime('UTC')
)
ENGINE = {{.WholeEngine "ReplacingMergeTree" "migrations" "applied"}}
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
