package pipeline

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// fileSink keeps batches as files, one a token: a database that outlives its client.
type fileSink struct{ dir string }

func (s fileSink) Write(_ context.Context, b schema.Batch) error {
	name := filepath.Join(s.dir, b.Token)
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.Create(name + ".tmp")
	if err != nil {
		return err
	}
	if err := errors.Join(gob.NewEncoder(f).Encode(b.Rows), f.Close()); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}

func (s fileSink) sums(t *testing.T) map[schema.Cell]schema.Deltas {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, "*-*-*"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[schema.Cell]schema.Deltas{}
	for _, name := range names {
		if filepath.Ext(name) == ".tmp" {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var rows []schema.Row
		if err := errors.Join(gob.NewDecoder(f).Decode(&rows), f.Close()); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			d := sums[r.Cell]
			d.Add(&r.Sums)
			sums[r.Cell] = d
		}
	}
	return sums
}

const (
	killDirEnv   = "TURF_TEST_KILL_DIR"
	killFirstEnv = "TURF_TEST_KILL_FIRST"
	killVisitors = 40
)

// killConfig is on a clock that stands still, so that no round meets midnight.
func killConfig(t testing.TB, dir string) Config {
	cfg := testConfig(t, fileSink{filepath.Join(dir, "store")})
	cfg.Dir, cfg.MemoryDir = filepath.Join(dir, "data"), os.Getenv(killDirEnv+"_MEM")
	cfg.FlushInterval = 5 * time.Millisecond
	cfg.Clock = func() time.Time { return time.Unix(1_780_300_800, 0) }
	return cfg
}

// TestKillChild is the process that is killed: it counts events until then, and prints the number of each that is
// acknowledged.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(killDirEnv)
	if dir == "" {
		t.Skip("only as a child of TestKillMinus9")
	}
	p, err := Open(context.Background(), killConfig(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if p.Restarted() {
		t.Fatal("visitors were lost")
	}
	var first int
	if _, err := fmt.Sscan(os.Getenv(killFirstEnv), &first); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for id := first + worker; ; id += 4 {
				if p.Submit(context.Background(), []aggregate.Event{killEvent(t, p, id)}) != nil {
					continue
				}
				mu.Lock()
				_, err := fmt.Fprintln(os.Stdout, "acked", id) // unbuffered
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

// killEvent is event id, of visitor id mod killVisitors and site 1 or 2. Ids of one child are spread over at most
// 10,000 paths.
func killEvent(t testing.TB, p *Pipeline, id int) aggregate.Event {
	ev := view(t, p, 1+schema.SiteID(id%2), uint64(id%killVisitors), p.cfg.Clock())
	ev.Values[schema.Path] = fmt.Sprintf("/%d", id)
	ev.Values[schema.Country] = []string{"NL", "NP"}[id%killVisitors/20]
	return ev
}

// TestKillMinus9 kills a real process at random moments and starts it again: every event that it acknowledged is
// counted once, no other twice, and the visitors are exact.
func TestKillMinus9(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	dir, mem := t.TempDir(), shm(t)
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(killDirEnv+"_MEM", mem)
	acked := map[int]bool{}
	for round := range rounds {
		killRound(t, dir, round*1000, acked)
	}
	p, err := Open(t.Context(), killConfig(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Flush(t.Context()), p.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if p.Restarted() {
		t.Error("visitors were lost")
	}
	killVerdict(t, fileSink{filepath.Join(dir, "store")}.sums(t), acked)
}

func killRound(t *testing.T, dir string, first int, acked map[int]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	// A killed child cannot clean up its temporary folders: they lie in the parent's.
	cmd.Env = append(os.Environ(), killDirEnv+"="+dir, fmt.Sprint(killFirstEnv, "=", first), "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	stop := 1 + rand.IntN(400)
	for n := 0; lines.Scan(); n++ {
		var id int
		if _, err := fmt.Sscanf(lines.Text(), "acked %d", &id); err != nil {
			t.Errorf("the child said %q", lines.Text())
		}
		acked[id] = true
		if n == stop {
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}

func killVerdict(t *testing.T, sums map[schema.Cell]schema.Deltas, acked map[int]bool) {
	t.Helper()
	counted := map[int]int64{}
	var visitors, pageviews int64
	for c, d := range sums {
		var id int
		if _, err := fmt.Sscanf(c.Values[1], "/%d", &id); c.Cube == schema.CubePages && err == nil {
			counted[id] += d[schema.Pageviews]
		}
		if c.Cube == schema.CubeTrafficDaily {
			visitors += d[schema.Visitors]
			pageviews += d[schema.Pageviews]
		}
	}
	who := map[int]bool{}
	for id, n := range counted {
		if n != 1 {
			t.Errorf("event %d is counted %d times", id, n)
		}
		who[id%killVisitors] = true
	}
	for id := range acked {
		if counted[id] != 1 {
			t.Errorf("event %d was acknowledged and is counted %d times", id, counted[id])
		}
	}
	if visitors != int64(len(who)) || pageviews != int64(len(counted)) {
		t.Errorf("%d visitors and %d page views, want %d and %d", visitors, pageviews, len(who), len(counted))
	}
	t.Logf("%d acknowledged, %d counted, %d visitors", len(acked), len(counted), visitors)
}
