package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Config says where the engine keeps its data and what it may use.
type Config struct {
	// Library is the path of libchdb. Empty: what [Find] finds.
	Library string
	// Dir is the engine's own directory, made when absent. Nothing else should be kept in it.
	Dir string
	// MaxMemoryBytes is how much memory queries and merges may hold together; a query that wants more fails with code
	// 241. 0: DefaultMemoryBytes. The library's code and the Go heap come on top.
	MaxMemoryBytes int64
	// Threads is the number of threads a query may use. 0: the processors, at most DefaultMaxThreads.
	Threads int
	// Connections is how many queries may run at once; more wait. 0: DefaultConnections.
	Connections int
}

// Defaults, made for a server with 1 GB of memory and one or two processors.
const (
	DefaultMemoryBytes = 512 << 20
	DefaultMaxThreads  = 4
	DefaultConnections = 4
)

// MaxConnections is the largest Config.Connections.
const MaxConnections = 64

const minMemoryBytes = 64 << 20

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Dir == "":
		return c, fmt.Errorf("open the engine: no directory given")
	case c.MaxMemoryBytes != 0 && c.MaxMemoryBytes < minMemoryBytes:
		return c, fmt.Errorf("open the engine: %d bytes of memory are too few, it needs %d", c.MaxMemoryBytes, minMemoryBytes)
	case c.Threads < 0:
		return c, fmt.Errorf("open the engine: %d threads", c.Threads)
	case c.Connections < 0 || c.Connections > MaxConnections:
		return c, fmt.Errorf("open the engine: %d connections, at most %d are possible", c.Connections, MaxConnections)
	}
	if c.MaxMemoryBytes == 0 {
		c.MaxMemoryBytes = DefaultMemoryBytes
	}
	if c.Threads == 0 {
		c.Threads = min(runtime.NumCPU(), DefaultMaxThreads)
	}
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return c, fmt.Errorf("open the engine in %s: %w", c.Dir, err)
	}
	c.Dir = dir
	if c.Library == "" {
		c.Library, err = Find()
	}
	return c, err
}

// serverSettings are ClickHouse's server settings: what the whole engine may use. Caches are small because the tables
// are, pools because the machine is; the library starts no system log table by itself.
func (c Config) serverSettings() [][2]string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	cache := n(c.MaxMemoryBytes / 32)
	blocks := n(c.MaxMemoryBytes / 16) // what was read, as long as no others were read since: the panels of a dashboard read the same
	return [][2]string{
		{"max_server_memory_usage", n(c.MaxMemoryBytes)},
		{"mark_cache_size", cache},
		{"primary_index_cache_size", cache},
		{"index_mark_cache_size", n(1 << 20)},
		{"uncompressed_cache_size", blocks},
		{"index_uncompressed_cache_size", "0"},
		{"vector_similarity_index_cache_size", n(1 << 20)},
		{"text_index_tokens_cache_size", n(1 << 20)},
		{"text_index_header_cache_size", n(1 << 20)},
		{"text_index_postings_cache_size", n(1 << 20)},
		{"iceberg_metadata_files_cache_size", n(1 << 20)},
		{"parquet_metadata_cache_size", n(1 << 20)},
		{"query_condition_cache_size", n(1 << 20)},
		{"mmap_cache_size", "64"},
		{"compiled_expression_cache_size", n(8 << 20)},
		{"background_pool_size", "2"},
		{"background_merges_mutations_concurrency_ratio", "2"},
		{"background_move_pool_size", "1"},
		{"background_fetches_pool_size", "1"},
		{"background_common_pool_size", "1"},
		{"background_schedule_pool_size", "2"},
		{"background_buffer_flush_schedule_pool_size", "1"},
		{"background_distributed_schedule_pool_size", "1"},
		{"background_message_broker_schedule_pool_size", "1"},
		{"max_thread_pool_size", "200"},
		{"max_thread_pool_free_size", "4"},
		{"max_io_thread_pool_size", "8"},
		{"max_io_thread_pool_free_size", "0"},
		{"max_active_parts_loading_thread_pool_size", "2"},
		{"max_outdated_parts_loading_thread_pool_size", "2"},
		{"max_unexpected_parts_loading_thread_pool_size", "1"},
		{"max_parts_cleaning_thread_pool_size", "2"},
		{"tables_loader_foreground_pool_size", "2"},
		{"tables_loader_background_pool_size", "2"},
		{"database_atomic_delay_before_drop_table_sec", "0"},
		// How often the engine compares what it thinks it has allocated with what it has. Its 50 ms are for large machines, and are
		// a third of what an idle server costs.
		{"memory_worker_period_ms", "1000"},
	}
}

// querySettings are the settings with which every statement starts.
func (c Config) querySettings() map[string]string {
	return map[string]string{
		"max_threads":        strconv.Itoa(c.Threads),
		"max_insert_threads": "1",
		// Not the machine's: a DateTime without a zone means the same everywhere.
		"session_timezone": "UTC",
		// "SELEC 1" is a syntax error on a server; the library would take a bare expression for a query.
		"implicit_select": "0",
		// An aggregation that does not fit into half of the memory goes on in files instead of failing.
		"max_bytes_before_external_group_by": strconv.FormatInt(c.MaxMemoryBytes/2, 10),
		"max_bytes_before_external_sort":     strconv.FormatInt(c.MaxMemoryBytes/2, 10),
	}
}

// settingsFile is the name of the file in Config.Dir that holds serverSettings. It also keeps the library from reading
// a config.xml of the working or home directory.
const settingsFile = "engine.xml"

// writeSettings writes the settings file and returns its path.
func (c Config) writeSettings() (string, error) {
	var b strings.Builder
	b.WriteString("<clickhouse>\n")
	for _, s := range c.serverSettings() {
		fmt.Fprintf(&b, "  <%s>%s</%s>\n", s[0], s[1], s[0])
	}
	b.WriteString("  <merge_tree>\n")
	for _, s := range mergeTreeSettings() {
		fmt.Fprintf(&b, "    <%s>%s</%s>\n", s[0], s[1], s[0])
	}
	b.WriteString("  </merge_tree>\n</clickhouse>\n")
	path := filepath.Join(c.Dir, settingsFile)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("write the engine's settings: %w", err)
	}
	return path, nil
}

// mergeTreeSettings are the defaults of MergeTree tables. Limits that count free threads of the background pool must
// fit the pool of 2 × 2 tasks, or ClickHouse refuses to start or never merges.
func mergeTreeSettings() [][2]string {
	return [][2]string{
		{"number_of_free_entries_in_pool_to_lower_max_size_of_merge", "1"},
		{"number_of_free_entries_in_pool_to_execute_mutation", "1"},
		{"number_of_free_entries_in_pool_to_execute_optimize_entire_partition", "1"},
		// A merge of wide rows reads in pieces of this size, for every column of every part it reads.
		{"merge_max_block_size", "4096"},
		// An insert that was answered, and a merge that replaces its parts, outlast a power cut (4 ms an insert).
		{"fsync_after_insert", "1"},
		{"fsync_part_directory", "1"},
		{"min_rows_to_fsync_after_merge", "1"},
		{"min_compressed_bytes_to_fsync_after_merge", "1"},
		// A batch every two seconds is a part each, and their rows are many of the same cells. Left alone, the engine merges every
		// few of them with all that the day has, dozens of times a minute: half as much work as all else that a busy server does. A
		// question reads so many small parts more.
		{"min_parts_to_merge_at_once", "16"},
		{"merge_selecting_sleep_ms", "5000"},
		{"max_merge_selecting_sleep_ms", "60000"},
	}
}
