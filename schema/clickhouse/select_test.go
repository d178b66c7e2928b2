package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
)

func TestSelectTypes(t *testing.T) {
	tests := []struct {
		sql  string
		want any
	}{
		{"toUInt8(200)", uint64(200)},
		{"toUInt64(18446744073709551615)", uint64(math.MaxUint64)},
		{"toInt8(-7)", int64(-7)},
		{"toInt64(-9223372036854775808)", int64(math.MinInt64)},
		{"toFloat64(0.1)", 0.1},
		{"toFloat32(0.5)", 0.5},
		{"'é \\0 x'", "é \x00 x"},
		{"toLowCardinality('low')", "low"},
		{"true", true},
		{"toDateTime('2026-03-14 12:00:00', 'UTC')", noon},
		{"toDateTime('2026-03-14 17:45:00', 'Asia/Kathmandu')", noon},
		{"toDateTime64('2026-03-14 12:00:00.5', 3, 'UTC')", noon.Add(time.Second / 2)},
		{"toDate('2026-03-14')", noon.Truncate(24 * time.Hour)},
		{"CAST(NULL, 'Nullable(Int64)')", nil},
		{"toNullable(toInt64(3))", int64(3)},
		{"CAST('x', 'LowCardinality(Nullable(String))')", "x"},
		{"sum(toInt64(number)) FROM numbers(0)", int64(0)},
	}
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		for _, tt := range tests {
			got := query(t, db, "SELECT "+tt.sql, nil)
			if want := [][]any{{tt.want}}; !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %#v, want %#v", tt.sql, got, want)
			}
		}
		_, err := db.Select(t.Context(), "SELECT [1, 2] AS list", nil)
		if err == nil || !strings.Contains(err.Error(), "column list") {
			t.Errorf("an array: %v", err)
		}
		got := query(t, db, "SELECT number FROM numbers(100000)", nil)
		if len(got) != 100_000 || got[99_999][0] != uint64(99_999) {
			t.Errorf("%d rows", len(got))
		}
		if got := query(t, db, "SELECT 1 WHERE 0", nil); len(got) != 0 {
			t.Errorf("rows where none are: %v", got)
		}
	})
}

// evil are values with which people have tried to leave a string, and the ones that break escapes.
var evil = []string{
	"", "plain", "é 漢 🙂", "'", "''", `\`, `\\`, `\'`, `\n`, `\N`, `\0`, `\x41`, "NULL", "a,b", "['x']", "tab\there",
	"line\nbreak", "cr\rlf\r\n", "nul\x00nul", "\x00", "\a\b\f\v\x1b\x7f", "\xff\xfe not UTF-8", "%00%27&param_x=1",
	"{x:String}", "}", "{", "?",
	"'; DROP TABLE counts; --", "' OR 1=1 --", "') UNION ALL SELECT 1 --", "/*", "--",
	"\u2028", " space ", "(other)", `"`, "`", "$1", "@x",
	strings.Repeat("long ' ", 5000),
}

func TestParametersRoundTrip(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		for _, v := range evil {
			got := query(t, db, "SELECT {v:String}, {v:LowCardinality(String)}, length({v:String})", map[string]string{"v": v})
			if want := [][]any{{v, v, uint64(len(v))}}; !reflect.DeepEqual(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		roundTrip(t, db, evil)
		roundTrip(t, db, nil)
		roundTrip(t, db, []string{""})
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		const nasty = "\\'\x00\n\t\r,[]{}:nxN0b"
		for range 50 {
			values := make([]string, random.IntN(20))
			for i := range values {
				b := make([]byte, random.IntN(12))
				for j := range b {
					if b[j] = byte(random.Uint32()); random.IntN(2) == 0 {
						b[j] = nasty[random.IntN(len(nasty))]
					}
				}
				values[i] = string(b)
			}
			roundTrip(t, db, values)
		}
		got := query(t, db, "SELECT {n:Int64}, {f:Float64}, {t:DateTime('UTC')}, {d:Date}",
			map[string]string{"n": "-5", "f": "0.25", "t": "1773489600", "d": "2026-03-14"})
		if fmt.Sprint(got) != "[[-5 0.25 2026-03-14 12:00:00 +0000 UTC 2026-03-14 00:00:00 +0000 UTC]]" {
			t.Errorf("%v", got)
		}
	})
}

// roundTrip sends the values as one array and wants them back as rows.
func roundTrip(t *testing.T, db *clickhouse.DB, values []string) {
	t.Helper()
	got := query(t, db, "SELECT arrayJoin({list:Array(String)})", map[string]string{"list": clickhouse.StringArray(values)})
	var back []string
	for _, r := range got {
		back = append(back, r[0].(string))
	}
	if fmt.Sprintf("%q", back) != fmt.Sprintf("%q", append([]string(nil), values...)) {
		t.Errorf("got %q, want %q", back, values)
	}
}

// What visitors and users send is data everywhere: as a value of a dimension, as a parameter, in a document.
func TestInjection(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		batch := schema.Batch{Token: "evil'); DROP TABLE counts; --"}
		for _, v := range evil {
			batch.Rows = append(batch.Rows, row(1, schema.CubePages, noon, [3]int64{1, 1, 1}, "example.com", v))
		}
		write(t, db, batch)
		write(t, db, batch)
		for _, v := range evil {
			got := query(t, db,
				"SELECT sum(visits), count() FROM counts WHERE path = {path:String} AND path IN {paths:Array(String)}",
				map[string]string{"path": v, "paths": clickhouse.StringArray([]string{"x", v})})
			if !reflect.DeepEqual(got, [][]any{{int64(1), uint64(1)}}) {
				t.Errorf("%q: %v", v, got)
			}
		}
		if n := one[int64](t, db, "SELECT sum(visits) FROM counts"); n != int64(len(evil)) {
			t.Errorf("%d visits, want %d", n, len(evil))
		}
	})
}

func TestSelectOnlyReads(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		for _, sql := range []string{
			"DROP TABLE counts", "INSERT INTO counts (visits) VALUES (1)", "-- SELECT\nTRUNCATE counts",
			"/* SELECT */ SYSTEM STOP MERGES", "SET readonly = 0", "", "SELECTED", "SELECT 1; DROP TABLE counts",
			"WITH 1 AS x INSERT INTO counts (visits) SELECT x",
		} {
			if _, err := db.Select(t.Context(), sql, nil); err == nil {
				t.Errorf("%q was run", sql)
			}
		}
		for _, sql := range []string{"-- why\nSELECT 1", "/* a\nb */ WITH 1 AS x SELECT x", "\n\tselect 1"} {
			query(t, db, sql, nil)
		}
		if n := one[uint64](t, db, "SELECT count() FROM counts"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestSelectErrors(t *testing.T) {
	tests := []struct {
		name, sql string
		params    map[string]string
		code      int32 // of ClickHouse; 0: none
		want      string
	}{
		{"syntax", "SELECT * FROM counts WHERE", nil, 62, "query: "},
		{"unknown table", "SELECT 1 FROM nowhere", nil, 60, ""},
		{"unknown column", "SELECT nothing FROM counts", nil, 47, ""},
		{"no such parameter", "SELECT 1", map[string]string{"x": "1"}, 0, `parameter "x" does not occur`},
		{"parameter not given", "SELECT {x:String}", nil, 456, ""},
		{"parameter of another type", "SELECT {x:Int64}", map[string]string{"x": "one"}, 457, ""},
		{"half a value", "SELECT {x:Int64}", map[string]string{"x": "1 OR 1"}, 457, ""},
		{"no array", "SELECT arrayJoin({x:Array(String)})", map[string]string{"x": "['a'"}, 0, ""},
		{"too many rows", "SELECT number FROM numbers(1001)", nil, 396, "more than 1000 rows: ask for fewer"},
		{"in the middle", "SELECT throwIf(number = 900) FROM numbers(1000)", nil, 395, ""},
		{
			"too much", "SELECT {x:String}",
			map[string]string{"x": strings.Repeat("x", clickhouse.MaxParamBytes)},
			0, "ask for fewer",
		},
	}
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		config.MaxResultRows = 1000
		db := open(t, config)
		for _, tt := range tests {
			_, err := db.Select(t.Context(), tt.sql, tt.params)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
			}
			var ex *clickhouse.Exception
			if tt.code != 0 && (!errors.As(err, &ex) || ex.Code != tt.code) {
				t.Errorf("%s: got %v, want code %d", tt.name, err, tt.code)
			}
		}
		if got := query(t, db, "SELECT number FROM numbers(1000)", nil); len(got) != 1000 {
			t.Errorf("after the errors: %d rows", len(got))
		}
	})
}

func TestSelectStops(t *testing.T) {
	const endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		config.MaxQuery = 300 * time.Millisecond
		db := open(t, config)
		start := time.Now()
		_, err := db.Select(t.Context(), endless, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "longer than 300ms") {
			t.Errorf("too long: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := db.Select(ctx, endless, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		for range 10 {
			query(t, db, "SELECT 1", nil)
		}
	})
}

func TestParallel(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		const workers, rounds = 8, 10
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for n := range rounds {
					batch := schema.Batch{
						Token: fmt.Sprintf("w%d-%d", w, n),
						Rows:  []schema.Row{row(schema.SiteID(w), schema.CubeTraffic, noon, [3]int64{1, 1, 1})},
					}
					if err := errors.Join(db.Write(t.Context(), batch), db.Write(t.Context(), batch)); err != nil {
						t.Error(err)
					}
					got, err := db.Select(t.Context(), "SELECT sum(visits), {w:Int64} FROM counts WHERE site_id = {w:UInt32}",
						map[string]string{"w": fmt.Sprint(w)})
					if err != nil || fmt.Sprint(got) != fmt.Sprintf("[[%d %d]]", n+1, w) {
						t.Errorf("worker %d, round %d: %v, %v", w, n, got, err)
					}
				}
			})
		}
		wg.Wait()
	})
}
