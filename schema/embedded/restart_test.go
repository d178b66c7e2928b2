package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"turf/schema/embedded"
	"turf/schema/embedded/embeddedtest"
)

// A process holds one engine, so what happens across a restart is tested with processes: the test binary starts itself
// with childEnv set to what the child has to do, and childDir to the engine's directory.
const (
	childEnv = "TURF_ENGINE_CHILD"
	childDir = "TURF_ENGINE_CHILD_DIR"
)

// childMain is main of such a child. It prints its results as lines.
func childMain(job string) int {
	engine, err := embedded.Open(embedded.Config{Dir: os.Getenv(childDir)})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	db, err := clickhouse.Open(&clickhouse.Options{
		Protocol:      clickhouse.HTTP,
		Addr:          []string{"embedded"},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine, nil },
	})
	if err == nil {
		err = childJob(engine, db, strings.Fields(job))
	}
	if closeErr := engine.Close(); !errors.Is(closeErr, embedded.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

func childJob(engine *embedded.Engine, db driver.Conn, job []string) error {
	ctx := context.Background()
	for _, sql := range []string{
		"CREATE DATABASE IF NOT EXISTS turf",
		`CREATE TABLE IF NOT EXISTS turf.counts (k LowCardinality(String), t DateTime('UTC'), n Int64)
			ENGINE SummingMergeTree PARTITION BY toYYYYMM(t) ORDER BY (k, t)
			SETTINGS non_replicated_deduplication_window = 1000`,
	} {
		if err := db.Exec(ctx, sql); err != nil {
			return err
		}
	}
	switch job[0] {
	case "write": // FROM TO: batches with those numbers; prints the number of each that was acknowledged
		from, _ := strconv.Atoi(job[1])
		to, _ := strconv.Atoi(job[2])
		for i := from; i < to; i++ {
			if err := writeBatch(ctx, db, i); err != nil {
				return err
			}
			fmt.Println(i)
		}
	case "sums": // prints how many batches are there, and how many rows and what sums they should have
		var n, batches int64
		if err := db.QueryRow(ctx, "SELECT sum(n), toInt64(uniqExact(k)) FROM turf.counts").Scan(&n, &batches); err != nil {
			return err
		}
		fmt.Println(n, batches)
	case "taken": // prints how many parts' notes were taken back at the start
		fmt.Println(engine.TokensTakenBack())
	case "zone": // prints the time zone of DateTime without one
		var zone, noon string
		err := db.QueryRow(ctx, "SELECT timezone(), toString(toDateTime(43200))").Scan(&zone, &noon)
		fmt.Println(zone, noon)
		return err
	case "reopen": // prints what a second engine of the process says, and what one after Close can read
		return reopen(ctx, engine)
	case "signals": // prints whether the Go runtime still gets its signals
		return signals()
	case "wait": // until its input ends
		fmt.Println("open")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	default:
		return fmt.Errorf("no job %q", job)
	}
	return nil
}

func reopen(ctx context.Context, engine *embedded.Engine) error {
	config := embedded.Config{Dir: os.Getenv(childDir)}
	_, err := embedded.Open(config)
	fmt.Println("second while open:", errors.Is(err, embedded.ErrOpen))
	if err := engine.Close(); err != nil {
		return err
	}
	fmt.Println("close again:", errors.Is(engine.Close(), embedded.ErrClosed))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://embedded/", strings.NewReader("SELECT 1"))
	if err != nil {
		return err
	}
	_, err = engine.RoundTrip(req)
	fmt.Println("request after close:", errors.Is(err, embedded.ErrClosed))
	again, err := embedded.Open(config)
	if err != nil {
		return err
	}
	req.Body = io.NopCloser(strings.NewReader("SELECT count() FROM turf.counts FORMAT TSV"))
	res, err := again.RoundTrip(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	fmt.Printf("after reopening: %d %q\n", res.StatusCode, body)
	return errors.Join(err, again.Close())
}

func signals() error {
	recovered := func() (ok bool) {
		defer func() { ok = recover() != nil }()
		var p *int
		return *p == 0
	}()
	fmt.Println("nil pointer recovered:", recovered)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1} {
		c := make(chan os.Signal, 1)
		signal.Notify(c, s)
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			return err
		}
		select {
		case <-c:
		case <-time.After(5 * time.Second):
			return fmt.Errorf("signal %v did not arrive", s)
		}
	}
	fmt.Println("signals arrive")
	return nil
}

// Every batch has rows in two partitions, which sum up to batchSum.
const (
	batchRows = 500
	batchSum  = 2 * batchRows
)

func writeBatch(ctx context.Context, db driver.Conn, i int) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": "node-" + strconv.Itoa(i),
	}))
	batch, err := db.PrepareBatch(ctx, "INSERT INTO turf.counts (k, t, n)")
	if err != nil {
		return err
	}
	months := []time.Time{time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	for _, t := range months {
		for range batchRows {
			if err := batch.Append("batch "+strconv.Itoa(i), t, int64(1)); err != nil {
				return err
			}
		}
	}
	return batch.Send()
}

// childTimeout is when a child that hangs is killed.
const childTimeout = time.Minute

// child is a child with the job, not yet started.
func child(t *testing.T, dir, job string) *exec.Cmd {
	t.Helper()
	library := embeddedtest.Library(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), childTimeout)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), childEnv+"="+job, childDir+"="+dir, embedded.LibraryEnv+"="+library)
	cmd.Stderr = os.Stderr
	return cmd
}

// runChild runs a child to its end and returns what it printed.
func runChild(t *testing.T, dir, job string) string {
	t.Helper()
	out, err := child(t, dir, job).Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", job, err, out)
	}
	return strings.TrimSpace(string(out))
}

func wantSums(t *testing.T, dir string, batches int) {
	t.Helper()
	want := fmt.Sprint(batches*batchSum, " ", batches)
	if got := runChild(t, dir, "sums"); got != want {
		t.Errorf("sum and number of batches are %s, want %s", got, want)
	}
}

func TestTokenAcrossRestart(t *testing.T) {
	dir := t.TempDir()
	runChild(t, dir, "write 0 3")
	runChild(t, dir, "write 1 4") // 1 and 2 are sent again
	wantSums(t, dir, 4)
}

// A process that is killed after ClickHouse noted a batch's token and before it named the part must not lose the batch.
func TestKilledBetweenTokenAndPart(t *testing.T) {
	dir := t.TempDir()
	runChild(t, dir, "write 0 5")
	// Blocks 9 and 10 are those of batch 4, one in each partition.
	parts, err := filepath.Glob(filepath.Join(dir, "store", "*", "*", "202602_10_10_*"))
	if err != nil || len(parts) != 1 {
		t.Fatalf("parts %v, error %v", parts, err)
	}
	if err := os.RemoveAll(parts[0]); err != nil {
		t.Fatal(err)
	}
	if got := runChild(t, dir, "taken"); got != "1" {
		t.Errorf("%s notes taken back, want 1", got)
	}
	runChild(t, dir, "write 4 5")
	wantSums(t, dir, 5)
	runChild(t, dir, "write 0 5")
	wantSums(t, dir, 5)
}

func TestTimeZoneIsUTC(t *testing.T) {
	cmd := child(t, t.TempDir(), "zone")
	cmd.Env = append(cmd.Env, "TZ=Asia/Kathmandu")
	out, err := cmd.Output()
	if want := "UTC 1970-01-01 12:00:00\n"; string(out) != want || err != nil {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func TestReopen(t *testing.T) {
	want := `second while open: true
close again: true
request after close: true
after reopening: 200 "0\n"`
	if got := runChild(t, t.TempDir(), "reopen"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSignals(t *testing.T) {
	want := "nil pointer recovered: true\nsignals arrive"
	if got := runChild(t, t.TempDir(), "signals"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := child(t, dir, "wait")
	in, err := first.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("first process: %q, %v", line, err)
	}
	second, err := child(t, dir, "sums").Output()
	want := embedded.ErrInUse.Error() + " (number " + strconv.Itoa(first.Process.Pid) + ")"
	if err == nil || !strings.Contains(string(second), want) {
		t.Errorf("second process: %v, %q, want %q", err, second, want)
	}
	if !embedded.InUse(dir) {
		t.Error("the directory is in use, but InUse does not say so")
	}
	if err := errors.Join(in.Close(), first.Wait()); err != nil {
		t.Error(err)
	}
	if embedded.InUse(dir) {
		t.Error("the directory is free, but InUse says that it is in use")
	}
	runChild(t, dir, "sums")
}

// How often the process is killed; TURF_ENGINE_KILLS sets another number.
const (
	killRounds      = 8
	killRoundsShort = 2
)

func TestKill(t *testing.T) {
	dir := t.TempDir()
	rounds := killRounds
	if testing.Short() {
		rounds = killRoundsShort
	}
	if s := os.Getenv("TURF_ENGINE_KILLS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	next := 0 // the first batch that was not acknowledged: it and no other may be there already
	for range rounds {
		next = killWhileWriting(t, dir, next, time.Duration(random.IntN(150_000))*time.Microsecond)
		runChild(t, dir, fmt.Sprintf("write %d %d", next, next+1))
		next++
	}
	t.Logf("%d batches", next)
	wantSums(t, dir, next)
}

// killWhileWriting starts a process that writes batches from number next on, kills it a while after the first one was
// acknowledged, and returns the number after the last one that was.
func killWhileWriting(t *testing.T, dir string, next int, after time.Duration) int {
	t.Helper()
	cmd := child(t, dir, fmt.Sprintf("write %d %d", next, next+1_000_000))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var killer *time.Timer
	for lines.Scan() {
		if killer == nil {
			killer = time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
		i, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Errorf("child: %s", lines.Text())
			break
		}
		next = i + 1
	}
	cmd.Wait() // says that it was killed
	if killer == nil {
		t.Fatal("the child wrote nothing")
	}
	return next
}
