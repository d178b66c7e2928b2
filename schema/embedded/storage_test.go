package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
)

// awkward are strings that some layer might take for something else.
var awkward = []string{
	"",
	"plain",
	`quotes ' " and backslash \ \n`,
	"line\nfeed\r\n\ttab",
	"Zoë naïve 日本語 🚲",
	"nul\x00byte",
	"\xff\xfe not UTF-8 \x80",
	"__exception__\r\nCode: 60. DB::Exception: no such thing",
	"{x:String} ; -- /* FORMAT CSV",
	strings.Repeat("long ", 20_000),
}

func TestTypes(t *testing.T) {
	type row struct {
		I int64
		U uint32
		T time.Time
		L string
		S string
		A []string
		N *string
		F float64
		B bool
	}
	some := "some"
	noon := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	var rows []row
	for i, s := range awkward {
		r := row{I: int64(i), U: 1<<32 - 1, T: noon.Add(time.Duration(i) * time.Hour), L: s, S: s, A: awkward[:i], F: 0.5}
		if i%2 == 0 {
			r.N, r.B = &some, true
		}
		rows = append(rows, r)
	}
	rows = append(rows, row{I: -1 << 63, T: time.Unix(0, 0).UTC(), A: []string{""}})

	overHTTP(t, func(t *testing.T, db driver.Conn) {
		mustExec(t, db, `CREATE TABLE types (i Int64, u UInt32, t DateTime('UTC'), l LowCardinality(String), s String,
			a Array(String), n Nullable(String), f Float64, b Bool) ENGINE MergeTree ORDER BY t`)
		batch, err := db.PrepareBatch(t.Context(), "INSERT INTO types (i, u, t, l, s, a, n, f, b)")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := batch.Append(r.I, r.U, r.T, r.L, r.S, r.A, r.N, r.F, r.B); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		res, err := db.Query(t.Context(), "SELECT i, u, t, l, s, a, n, f, b FROM types ORDER BY i < 0, i")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Close()
		var got []row
		for res.Next() {
			var r row
			if err := res.Scan(&r.I, &r.U, &r.T, &r.L, &r.S, &r.A, &r.N, &r.F, &r.B); err != nil {
				t.Fatal(err)
			}
			if len(r.A) == 0 {
				r.A = nil
			}
			got = append(got, r)
		}
		if err := res.Err(); err != nil {
			t.Fatal(err)
		}
		want := append([]row(nil), rows...)
		want[0].A = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	})
}

func TestParameters(t *testing.T) {
	overHTTP(t, func(t *testing.T, db driver.Conn) {
		for _, s := range awkward {
			named := clickhouse.Named("x", s)
			if got := one[string](t, db, "SELECT {x:String}", named); got != s {
				t.Errorf("String: got %.60q, want %.60q", got, s)
			}
		}
		got := one[[]string](t, db, "SELECT {x:Array(String)}", clickhouse.Named("x", awkward))
		if diff := cmp.Diff(awkward, got); diff != "" {
			t.Errorf("Array(String): want -, got +:\n%s", diff)
		}
		if got := one[int64](t, db, "SELECT {x:Int64} - {y:Int64}",
			clickhouse.Named("x", int64(-1<<62)), clickhouse.Named("y", int64(1))); got != -1<<62-1 {
			t.Errorf("Int64: %d", got)
		}
		if got := one[string](t, db, "SELECT toTypeName({x:UInt32})", clickhouse.Named("x", uint32(7))); got != "UInt32" {
			t.Errorf("UInt32: %s", got)
		}
		// Parameters end with their statement.
		err := db.QueryRow(t.Context(), "SELECT {x:String}").Scan(new(string))
		wantCode(t, err, 456)
	})
}

// bigRows is how many rows the tests of large inserts and results use.
const bigRows = 100_000

func TestLargeInsertAndResult(t *testing.T) {
	overHTTP(t, func(t *testing.T, db driver.Conn) {
		mustExec(t, db, "CREATE TABLE big (n Int64, l LowCardinality(String), s String) ENGINE MergeTree ORDER BY n")
		batch, err := db.PrepareBatch(t.Context(), "INSERT INTO big (n, l, s)")
		if err != nil {
			t.Fatal(err)
		}
		sent := fnv.New64a()
		for i := range bigRows {
			l, s := fmt.Sprintf("/page/%d", i%5000), fmt.Sprintf("%d\x00\xff'%d", i, i*i)
			fmt.Fprint(sent, i, l, s)
			if err := batch.Append(int64(i), l, s); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		if parts := one[uint64](t, db, `SELECT count() FROM system.parts
			WHERE database = currentDatabase() AND table = 'big' AND level = 0`); parts != 1 {
			t.Errorf("the insert made %d parts, so it was not one block", parts)
		}
		rows, err := db.Query(t.Context(), "SELECT n, l, s FROM big ORDER BY n")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		got, count := fnv.New64a(), 0
		for rows.Next() {
			var n int64
			var l, s string
			if err := rows.Scan(&n, &l, &s); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(got, int(n), l, s)
			count++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if count != bigRows || got.Sum64() != sent.Sum64() {
			t.Errorf("%d rows came back with another content than the %d that were sent", count, bigRows)
		}
	})
}

func TestStatements(t *testing.T) {
	overHTTP(t, func(t *testing.T, db driver.Conn) {
		mustExec(t, db,
			"CREATE TABLE a (n Int64, s String) ENGINE MergeTree ORDER BY n",
			"INSERT INTO a (n, s) VALUES (1, 'one'), (2, 'FORMAT Native')",
			"  -- a comment\n/* and another */ INSERT INTO a SELECT n + 10, s FROM a",
			"ALTER TABLE a ADD COLUMN l LowCardinality(String)",
		)
		if got := one[int64](t, db, "SELECT sum(n) FROM a"); got != 26 {
			t.Errorf("sum %d, want 26", got)
		}
		rows, err := db.Query(t.Context(), "SELECT n, l FROM a WHERE n < 0")
		if err != nil {
			t.Fatal(err)
		}
		if rows.Next() {
			t.Error("a row where none is")
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Error(err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func wantCode(t *testing.T, err error, code int32) {
	t.Helper()
	var ex *clickhouse.Exception
	if !errors.As(err, &ex) {
		t.Errorf("got %v, want an exception with code %d", err, code)
		return
	}
	if ex.Code != code || ex.Message == "" {
		t.Errorf("got code %d, want %d: %s", ex.Code, code, ex.Message)
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name string
		sql  string
		code int32
	}{
		{"unknown table", "SELECT 1 FROM nowhere", 60},
		{"syntax", "SELECT * FROM a WHERE", 62},
		{"no statement", "SELEC 1", 62},
		{"unknown column", "SELECT zzz FROM a", 47},
		{"unknown function", "SELECT nofunction(1)", 46},
		{"type", "SELECT 'a' + 1", 43},
		{"exists", "CREATE TABLE a (n Int64) ENGINE Memory", 57},
		{"unknown database", "SELECT 1 FROM nodatabase.a", 81},
		{"bad value", "SELECT toInt64('x' || toString(n)) FROM a", 6},
		{"in the middle of the result", "SELECT throwIf(number = 200000) FROM numbers(300000)", 395},
		{"insert", "INSERT INTO nowhere VALUES (1)", 60},
		{"too much memory", "SELECT length(groupArray(toString(number))) FROM numbers(100000000)", 241},
	}
	overHTTP(t, func(t *testing.T, db driver.Conn) {
		mustExec(t, db, "CREATE TABLE a (n Int64) ENGINE MergeTree ORDER BY n", "INSERT INTO a VALUES (1)")
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				rows, err := db.Query(t.Context(), tt.sql)
				if err == nil {
					for rows.Next() {
					}
					err = errors.Join(rows.Err(), rows.Close())
				}
				wantCode(t, err, tt.code)
			})
		}
		_, err := db.PrepareBatch(t.Context(), "INSERT INTO nowhere (n)")
		wantCode(t, err, 60)

		// A batch whose table is gone when it is sent.
		mustExec(t, db, "CREATE TABLE gone (n Int64) ENGINE MergeTree ORDER BY n")
		batch, err := db.PrepareBatch(t.Context(), "INSERT INTO gone (n)")
		if err != nil {
			t.Fatal(err)
		}
		if err := batch.Append(int64(1)); err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, "DROP TABLE gone SYNC")
		wantCode(t, batch.Send(), 60)

		// A batch that a constraint refuses: an error while the data is written.
		mustExec(t, db, "CREATE TABLE c (n Int64, CONSTRAINT small CHECK n < 10) ENGINE MergeTree ORDER BY n")
		batch, err = db.PrepareBatch(t.Context(), "INSERT INTO c (n)")
		if err != nil {
			t.Fatal(err)
		}
		if err := batch.Append(int64(11)); err != nil {
			t.Fatal(err)
		}
		wantCode(t, batch.Send(), 469)

		if got := one[uint64](t, db, "SELECT count() FROM a"); got != 1 {
			t.Errorf("after the errors: %d rows, want 1", got)
		}
	})
}

func TestSettingsDoNotLeak(t *testing.T) {
	overHTTP(t, func(t *testing.T, db driver.Conn) {
		const read = "SELECT toString(getSetting('max_block_size')) || ' ' || toString(getSetting('implicit_select'))"
		before := one[string](t, db, read)
		ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{
			"max_block_size": 77, "implicit_select": 1,
		}))
		for range 20 { // more than there are connections
			var got string
			if err := db.QueryRow(ctx, read).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != "77 true" {
				t.Fatalf("with settings: %s", got)
			}
			if got := one[string](t, db, read); got != before {
				t.Fatalf("after a statement with settings: %s, before it: %s", got, before)
			}
		}
		bad := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{
			"max_block_size": 78, "no_such_setting": 1,
		}))
		wantCode(t, db.QueryRow(bad, read).Scan(new(string)), 115)
		mustExec(t, db, "SET max_block_size = 79", "USE system")
		for range 20 {
			if got := one[string](t, db, read); got != before {
				t.Fatalf("after a failed statement, SET and USE: %s, before them: %s", got, before)
			}
			if got := one[string](t, db, "SELECT currentDatabase()"); !strings.HasPrefix(got, "test_") {
				t.Fatalf("after USE: database %s", got)
			}
		}
	})
}

func TestParallel(t *testing.T) {
	overHTTP(t, func(t *testing.T, db driver.Conn) {
		mustExec(t, db, "CREATE TABLE p (worker Int64, n Int64) ENGINE MergeTree ORDER BY (worker, n)")
		const workers, rounds = 12, 15
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 1000 + w}))
				for n := range rounds {
					if err := parallelRound(ctx, db, int64(w), int64(n)); err != nil {
						t.Errorf("worker %d, round %d: %v", w, n, err)
						return
					}
				}
			})
		}
		wg.Wait()
		if got := one[uint64](t, db, "SELECT uniqExact(worker, n) * 1000 + count() FROM p"); got != workers*rounds*1001 {
			t.Errorf("%d", got)
		}
	})
}

func parallelRound(ctx context.Context, db driver.Conn, w, n int64) error {
	batch, err := db.PrepareBatch(ctx, "INSERT INTO p (worker, n)")
	if err != nil {
		return err
	}
	if err := errors.Join(batch.Append(w, n), batch.Send()); err != nil {
		return err
	}
	var count, block uint64
	var param int64
	err = db.QueryRow(ctx, `SELECT count(), toUInt64(getSetting('max_block_size')), {w:Int64} FROM p
		WHERE worker = {w:Int64}`, clickhouse.Named("w", w)).Scan(&count, &block, &param)
	if err != nil {
		return err
	}
	if count != uint64(n)+1 || block != 1000+uint64(w) || param != w {
		return fmt.Errorf("count %d, setting %d, parameter %d", count, block, param)
	}
	return nil
}

func TestCancel(t *testing.T) {
	overHTTP(t, func(t *testing.T, db driver.Conn) {
		const endless = `SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))
			SETTINGS max_execution_time = 30`
		for _, running := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), running)
			start := time.Now()
			err := db.QueryRow(ctx, endless).Scan(new(uint64))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("cancelled after %v: %v", running, err)
			}
			if took := time.Since(start); took > running+2*time.Second {
				t.Errorf("cancelled after %v, returned after %v", running, took)
			}
		}
		// Every cancelled query ends, and all connections can be used again.
		const still = `SELECT count() FROM system.processes
			WHERE query LIKE '%sipHash64(number)%' AND query NOT LIKE '%processes%'`
		for deadline := time.Now().Add(10 * time.Second); one[uint64](t, db, still) > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("a cancelled query still runs")
			}
		}
		for i := range 20 {
			if got := one[uint8](t, db, "SELECT 1"); got != 1 {
				t.Fatalf("query %d after the cancelled ones: %d", i, got)
			}
		}
	})
}
