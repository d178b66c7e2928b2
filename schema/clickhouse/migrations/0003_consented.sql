-- Events of people who gave consent, in a table of their own that is never asked together with counts. In the order of a person's
-- events, because every report asks what a person did one after another, and because erasing a person then rewrites little.
-- Each row says when it is to be gone: the retention of the purpose it is kept for.
-- Every report reads person and time of all rows, so they are coded to be read fast rather than to be small.
-- What replaces a part removes it at once, so that an erased person is on no disk any more: parts are synced before that.
CREATE TABLE IF NOT EXISTS {{.Local "consented_events"}}
(
    site_id UInt32,
    person FixedString(16),
    session UInt64,
    time DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    seq UInt32,
    received DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    expires DateTime('UTC') CODEC(Delta, ZSTD(1)),
    purpose LowCardinality(String),
    name LowCardinality(String),
    hostname LowCardinality(String),
    path LowCardinality(String),
    props Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    channel LowCardinality(String),
    source LowCardinality(String),
    campaign LowCardinality(String),
    referrer LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    browser LowCardinality(String),
    os LowCardinality(String)
)
ENGINE = {{.Engine "MergeTree"}}
PARTITION BY toYYYYMM(time)
ORDER BY (site_id, person, time, seq)
TTL expires
SETTINGS {{.RememberInserts}}, {{.KeepNothing}};
-- Clicks in the cells of a page's grid, added up. No row is about a person. A batch that is sent again is known by its token, since
-- it would add up twice.
CREATE TABLE IF NOT EXISTS {{.Local "consented_heat"}}
(
    site_id UInt32,
    day Date CODEC(Delta, ZSTD(1)),
    hostname LowCardinality(String),
    path LowCardinality(String),
    kind LowCardinality(String),
    width UInt16,
    x UInt8,
    y UInt16,
    clicks Int64 CODEC(ZSTD(1))
)
ENGINE = {{.Engine "SummingMergeTree"}}
PARTITION BY toYYYYMM(day)
ORDER BY (site_id, hostname, path, kind, width, day, y, x)
TTL day + INTERVAL {{.HeatRetentionDays}} DAY
SETTINGS {{.RememberInserts}}, {{.KeepNothing}};
{{if .Cluster}}
-- A site's events are on one shard, so a question is answered by one.
CREATE TABLE IF NOT EXISTS {{.Everywhere "consented_events"}} AS consented_events_local
ENGINE = Distributed({{.Cluster}}, {{.Database}}, consented_events_local, site_id);
CREATE TABLE IF NOT EXISTS {{.Everywhere "consented_heat"}} AS consented_heat_local
ENGINE = Distributed({{.Cluster}}, {{.Database}}, consented_heat_local, site_id);
{{end}}
