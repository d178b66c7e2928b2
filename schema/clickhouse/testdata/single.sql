-- 0 migrations
CREATE TABLE IF NOT EXISTS migrations
(
    number UInt32,
    name String,
    applied DateTime('UTC')
)
ENGINE = ReplacingMergeTree(applied)
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- 1 counts
CREATE TABLE IF NOT EXISTS counts
(
    site_id UInt32,
    cube LowCardinality(String),
    time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    hostname LowCardinality(String) CODEC(ZSTD(1)),
    path LowCardinality(String) CODEC(ZSTD(1)),
    channel LowCardinality(String) CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    campaign LowCardinality(String) CODEC(ZSTD(1)),
    referrer LowCardinality(String) CODEC(ZSTD(1)),
    utm_source LowCardinality(String) CODEC(ZSTD(1)),
    utm_medium LowCardinality(String) CODEC(ZSTD(1)),
    utm_content LowCardinality(String) CODEC(ZSTD(1)),
    utm_term LowCardinality(String) CODEC(ZSTD(1)),
    country LowCardinality(String) CODEC(ZSTD(1)),
    region LowCardinality(String) CODEC(ZSTD(1)),
    city LowCardinality(String) CODEC(ZSTD(1)),
    device LowCardinality(String) CODEC(ZSTD(1)),
    browser LowCardinality(String) CODEC(ZSTD(1)),
    browser_version LowCardinality(String) CODEC(ZSTD(1)),
    os LowCardinality(String) CODEC(ZSTD(1)),
    os_version LowCardinality(String) CODEC(ZSTD(1)),
    event LowCardinality(String) CODEC(ZSTD(1)),
    prop LowCardinality(String) CODEC(ZSTD(1)),
    value LowCardinality(String) CODEC(ZSTD(1)),
    bucket LowCardinality(String) CODEC(ZSTD(1)),
    reason LowCardinality(String) CODEC(ZSTD(1)),
    agent LowCardinality(String) CODEC(ZSTD(1)),
    funnel LowCardinality(String) CODEC(ZSTD(1)),
    step LowCardinality(String) CODEC(ZSTD(1)),
    next_path LowCardinality(String) CODEC(ZSTD(1)),
    segment LowCardinality(String) CODEC(ZSTD(1)),
    vital LowCardinality(String) CODEC(ZSTD(1)),
    language LowCardinality(String) CODEC(ZSTD(1)),
    screen LowCardinality(String) CODEC(ZSTD(1)),
    visitors Int64 CODEC(T64, ZSTD(1)),
    visitors_hour Int64 CODEC(T64, ZSTD(1)),
    visits Int64 CODEC(T64, ZSTD(1)),
    visits_hour Int64 CODEC(T64, ZSTD(1)),
    pageviews Int64 CODEC(T64, ZSTD(1)),
    events Int64 CODEC(T64, ZSTD(1)),
    bounces Int64 CODEC(T64, ZSTD(1)),
    duration Int64 CODEC(T64, ZSTD(1)),
    entries Int64 CODEC(T64, ZSTD(1)),
    exits Int64 CODEC(T64, ZSTD(1)),
    entry_visitors Int64 CODEC(T64, ZSTD(1)),
    exit_visitors Int64 CODEC(T64, ZSTD(1)),
    engaged_seconds Int64 CODEC(T64, ZSTD(1)),
    engaged_visits Int64 CODEC(T64, ZSTD(1)),
    scroll_percent Int64 CODEC(T64, ZSTD(1)),
    unscrolled_visits Int64 CODEC(T64, ZSTD(1)),
    scroll_25 Int64 CODEC(T64, ZSTD(1)),
    scroll_50 Int64 CODEC(T64, ZSTD(1)),
    scroll_75 Int64 CODEC(T64, ZSTD(1)),
    scroll_100 Int64 CODEC(T64, ZSTD(1)),
    revenue Int64 CODEC(T64, ZSTD(1)),
    custom_events Int64 CODEC(T64, ZSTD(1))
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (site_id, cube, time)
ORDER BY (site_id, cube, time, hostname, path, channel, source, campaign, referrer, utm_source, utm_medium, utm_content, utm_term, country, region, city, device, browser, browser_version, os, os_version, event, prop, value, bucket, reason, agent, funnel, step, next_path, segment, vital, language, screen)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- 2 records
CREATE TABLE IF NOT EXISTS records
(
    kind LowCardinality(String),
    id String,
    version UInt64,
    doc String,
    deleted UInt8
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (kind, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- 3 consented
CREATE TABLE IF NOT EXISTS consented_events
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
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (site_id, person, time, seq)
TTL expires
SETTINGS non_replicated_deduplication_window = 10000, old_parts_lifetime = 0, merge_tree_clear_old_parts_interval_seconds = 1, cleanup_delay_period = 1, max_cleanup_delay_period = 2, cleanup_delay_period_random_add = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- 3 consented
CREATE TABLE IF NOT EXISTS consented_heat
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
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site_id, hostname, path, kind, width, day, y, x)
TTL day + INTERVAL 395 DAY
SETTINGS non_replicated_deduplication_window = 10000, old_parts_lifetime = 0, merge_tree_clear_old_parts_interval_seconds = 1, cleanup_delay_period = 1, max_cleanup_delay_period = 2, cleanup_delay_period_random_add = 0, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- 4 metrics
ALTER TABLE counts RENAME COLUMN IF EXISTS engaged_ms TO before_engaged_ms;

-- 4 metrics
ALTER TABLE counts RENAME COLUMN IF EXISTS scroll_visits TO before_scroll_visits;

-- 4 metrics
ALTER TABLE counts
    ADD COLUMN IF NOT EXISTS pageviews Int64, ADD COLUMN IF NOT EXISTS events Int64, ADD COLUMN IF NOT EXISTS engaged_visits Int64,
    ADD COLUMN IF NOT EXISTS before_engaged_ms Int64, ADD COLUMN IF NOT EXISTS before_scroll_visits Int64;

-- 4 metrics
ALTER TABLE counts
    ADD COLUMN IF NOT EXISTS engaged_seconds Int64 DEFAULT toInt64(round(before_engaged_ms / 1000)),
    ADD COLUMN IF NOT EXISTS unscrolled_visits Int64 DEFAULT engaged_visits - before_scroll_visits,
    ADD COLUMN IF NOT EXISTS custom_events Int64 DEFAULT if(cube IN ('traffic', 'pages', 'sources', 'referrers', 'campaigns', 'countries', 'regions', 'places', 'devices', 'browsers', 'systems', 'page_sources', 'page_places', 'page_devices', 'source_places', 'source_devices', 'place_devices', 'segments', 'segment_pages', 'segment_sources', 'segment_places', 'segment_devices', 'pages_daily', 'languages', 'screens', 'sources_daily', 'traffic_daily', 'devices_daily'), events - pageviews, 0);

-- 4 metrics
ALTER TABLE counts
    UPDATE engaged_seconds = engaged_seconds, unscrolled_visits = unscrolled_visits, custom_events = custom_events,
        events = if(cube IN ('traffic', 'pages', 'sources', 'referrers', 'campaigns', 'countries', 'regions', 'places', 'devices', 'browsers', 'systems', 'page_sources', 'page_places', 'page_devices', 'source_places', 'source_devices', 'place_devices', 'segments', 'segment_pages', 'segment_sources', 'segment_places', 'segment_devices', 'pages_daily', 'languages', 'screens', 'sources_daily', 'traffic_daily', 'devices_daily'), 0, events)
    WHERE true;

-- 4 metrics
ALTER TABLE counts MODIFY COLUMN engaged_seconds DEFAULT 0, MODIFY COLUMN unscrolled_visits DEFAULT 0,
    MODIFY COLUMN custom_events DEFAULT 0;

-- 4 metrics
ALTER TABLE counts DROP COLUMN IF EXISTS before_engaged_ms, DROP COLUMN IF EXISTS before_scroll_visits;

-- new in the catalogue
ALTER TABLE counts ADD COLUMN IF NOT EXISTS planet LowCardinality(String) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS smiles Int64 CODEC(T64, ZSTD(1)), MODIFY ORDER BY (site_id, cube, time, hostname, path, channel, source, campaign, referrer, utm_source, utm_medium, utm_content, utm_term, country, region, city, device, browser, browser_version, os, os_version, event, prop, value, bucket, reason, agent, funnel, step, next_path, segment, vital, language, screen, planet);

