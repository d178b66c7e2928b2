-- The counters: the result of grouping sets, in one table, because one insert a flush is then enough and a question reads one
-- range of the key. A row belongs to one cube and fills only that cube's dimensions; rows of the same cell are summed by merges
-- (and by every question, since merges come when they come). All columns outside the key are summed, so the metrics are not
-- named in the engine's parameters: a metric that is added later is summed as well.
-- The columns of dimensions and metrics are those of the catalogue. Only the beginning of the key is held in memory.
-- The last inserts are remembered by token, and an acknowledged insert survives a power cut: nothing is lost or counted twice.
CREATE TABLE IF NOT EXISTS {{.Local "counts"}}
(
    site_id UInt32,
    cube LowCardinality(String),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    {{.CatalogueColumns}}
)
ENGINE = {{.Engine "SummingMergeTree"}}
PARTITION BY toYYYYMM(time)
PRIMARY KEY (site_id, cube, time)
ORDER BY (site_id, cube, time, {{.DimensionNames}})
SETTINGS {{.RememberInserts}}, fsync_after_insert = 1, fsync_part_directory = 1;
{{if .Cluster}}
-- Asked and written on any server. A site's counters are on one shard, so a question is answered by one.
CREATE TABLE IF NOT EXISTS {{.Everywhere "counts"}} AS counts_local
ENGINE = Distributed({{.Cluster}}, {{.Database}}, counts_local, site_id);
{{end}}
