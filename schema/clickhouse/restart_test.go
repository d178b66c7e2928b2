package clickhouse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
	"turf/schema/embedded"
	"turf/schema/embedded/embeddedtest"
)

// A process holds one engine, so what happens across a restart is tested with processes: the test binary starts
// itself with childEnv set to what the child has to do, and childDir to the engine's directory.
const (
	childEnv = "TURF_STORE_CHILD"
	childDir = "TURF_STORE_CHILD_DIR"
)

// childMain is main of such a child: it opens the store, does the job, and prints its results as lines.
func childMain(job string) int {
	engine, err := embedded.Open(embedded.Config{Dir: os.Getenv(childDir)})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	err = childJob(context.Background(), engine, strings.Fields(job))
	if err = errors.Join(err, engine.Close()); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

func childJob(ctx context.Context, engine *embedded.Engine, job []string) error {
	db, err := clickhouse.Open(ctx, clickhouse.Config{Transport: engine})
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	switch job[0] {
	case "write": // FROM TO: the batches with those numbers; prints the number of each that was acknowledged
		from, _ := strconv.Atoi(job[1])
		to, _ := strconv.Atoi(job[2])
		for i := from; i < to && err == nil; i++ {
			if err = db.Write(ctx, numbered(i)); err == nil {
				fmt.Println(i)
			}
		}
	case "sums": // prints the sum of visits and the number of batches there is something of
		var rows [][]any
		rows, err = db.Select(ctx, "SELECT sum(visits), uniqExact(site_id) FROM counts", nil)
		fmt.Println(rows[0]...)
	case "add": // DOMAIN: adds a site and prints its number
		err = addSite(ctx, db, job[1])
	default:
		err = fmt.Errorf("no job %q", job)
	}
	return errors.Join(err, db.Close())
}

func addSite(ctx context.Context, db *clickhouse.DB, domain string) error {
	records, err := clickhouse.OpenRecords(ctx, db)
	if err != nil {
		return err
	}
	defer records.Close()
	sites, err := clickhouse.OpenSites(records)
	if err != nil {
		return err
	}
	for _, site := range sites.List() {
		fmt.Println(site.ID, site.Domain, site.Timezone)
	}
	site, err := sites.Add(ctx, domain, "Europe/Amsterdam")
	fmt.Println(site.ID, site.Domain, site.Timezone)
	return err
}

// numbered is batch i: 200 visits in each of two months, for a site of its own.
func numbered(i int) schema.Batch {
	batch := schema.Batch{Token: "node-" + strconv.Itoa(i)}
	for _, at := range []time.Time{
		time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	} {
		for p := range 200 {
			batch.Rows = append(batch.Rows,
				row(schema.SiteID(i+1), schema.CubePages, at, [3]int64{1, 1, 1}, "example.com", "/"+strconv.Itoa(p)))
		}
	}
	return batch
}

func child(t *testing.T, dir, job string) *exec.Cmd {
	t.Helper()
	library := embeddedtest.Library(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
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

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	runChild(t, dir, "write 0 3")
	runChild(t, dir, "write 1 4") // 1 and 2 are sent again
	if got := runChild(t, dir, "sums"); got != "1600 4" {
		t.Errorf("visits and batches are %s, want 1600 4", got)
	}
	if got := runChild(t, dir, "add example.com"); got != "1 example.com Europe/Amsterdam" {
		t.Errorf("first site: %s", got)
	}
	want := "1 example.com Europe/Amsterdam\n2 example.org Europe/Amsterdam"
	if got := runChild(t, dir, "add example.org"); got != want {
		t.Errorf("after a restart:\n%s\nwant\n%s", got, want)
	}
}

// killRounds is how often the process is killed; TURF_STORE_KILLS sets another number.
const killRounds = 4

// A process is killed while it writes; the batch that it was at is sent again by the next one.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rounds := killRounds
	if s := os.Getenv("TURF_STORE_KILLS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	next := 0 // the first batch that was not acknowledged: of all batches from here on, it alone may be there
	for range rounds {
		next = killWhileWriting(t, dir, next, time.Duration(random.IntN(150_000))*time.Microsecond)
	}
	runChild(t, dir, fmt.Sprintf("write %d %d", next, next+1))
	want := fmt.Sprint(400*(next+1), " ", next+1)
	if got := runChild(t, dir, "sums"); got != want {
		t.Errorf("visits and batches are %s, want %s", got, want)
	}
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
	var killer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
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
