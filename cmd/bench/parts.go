package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"turf/aggregate"
	"turf/aggregate/pipeline"
	"turf/schema"
)

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// pollInterval is the time between two questions: a key has 600 an hour.
const pollInterval = 100 * time.Millisecond

// visible measures how long it takes until an event that was answered 202 is in the answers of the stats API.
func (b *bench) visible() (err error) {
	dir, err := b.newData("visible")
	if err != nil {
		return err
	}
	p, _, err := b.serveTurf(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	key, err := b.key(dir)
	if err != nil {
		return err
	}
	var waits []float64
	for i := range max(b.scaled(10), 3) {
		path := fmt.Sprintf("/visible/%d", i)
		from := time.Now()
		if err := p.send(path); err != nil {
			return err
		}
		for {
			n, err := p.pageviews(key, path)
			if err != nil {
				return err
			}
			if n > 0 {
				break
			}
			if time.Since(from) > startTimeout {
				return fmt.Errorf("%s never became visible", path)
			}
			time.Sleep(pollInterval)
		}
		waits = append(waits, time.Since(from).Seconds())
		time.Sleep(time.Duration(mathrand.IntN(2000)) * time.Millisecond) // at any time between two flushes
	}
	b.add("visible", "from event to answer, median", median(waits), "s")
	b.atMost("visible", "from event to answer, longest", slices.Max(waits), "s", 5)
	return nil
}

func (p *process) send(path string) error {
	body := fmt.Sprintf(`{"n":"pageview","u":"https://%s%s","d":%q}`, benchSite, path, benchSite)
	req, err := http.NewRequest(http.MethodPost, "http://"+p.addr+"/api/event", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", agents[0])
	req.Header.Set("X-Forwarded-For", "81.2.3.4")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if dropped := resp.Header.Get("X-Turf-Dropped"); resp.StatusCode != http.StatusAccepted || dropped != "" {
		return fmt.Errorf("the event was answered %s, dropped %q", resp.Status, dropped)
	}
	return nil
}

// pageviews asks how often a page was seen today.
func (p *process) pageviews(key, path string) (int, error) {
	question := fmt.Sprintf(`{"site_id":%q,"metrics":["pageviews"],"date_range":"day","filters":[["is","event:page",[%q]]]}`,
		benchSite, path)
	req, err := http.NewRequest(http.MethodPost, "http://"+p.addr+"/api/v2/query", strings.NewReader(question))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Results []struct {
			Metrics []int `json:"metrics"`
		} `json:"results"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the question was answered %s: %s", resp.Status, text)
	}
	if len(answer.Results) == 0 || len(answer.Results[0].Metrics) == 0 {
		return 0, nil
	}
	return answer.Results[0].Metrics[0], nil
}

// start measures how long a server takes to be healthy, with and without many visitors in its table.
func (b *bench) start() error {
	dir, err := b.newData("start")
	if err != nil {
		return err
	}
	visitors := b.scaled(1_000_000)
	empty, err := b.startOnce(dir)
	if err != nil {
		return err
	}
	if err := b.fillTable(dir, visitors); err != nil {
		return err
	}
	full, err := b.startOnce(dir)
	if err != nil {
		return err
	}
	b.add("start", "with nobody in the table", empty.Seconds(), "s")
	b.add("start", fmt.Sprintf("with %s visitors in the table", number(float64(visitors))), full.Seconds(), "s")
	return nil
}

func (b *bench) startOnce(dir string) (time.Duration, error) {
	p, took, err := b.serveTurf(dir)
	if err != nil {
		return 0, err
	}
	return took, p.stop()
}

// noSink takes what it is given and keeps nothing.
type noSink struct{}

func (noSink) Write(context.Context, schema.Batch) error { return nil }

// fillTable puts visitors with a page view each into the visitor table of today, and stops as a server does.
func (b *bench) fillTable(dir string, visitors int) (err error) {
	site := schema.Site{ID: 1, Domain: benchSite, Timezone: "UTC"}
	p, err := pipeline.Open(context.Background(), pipeline.Config{
		Dir: dir, MemoryDir: b.memory, Sink: noSink{}, Random: rand.Reader,
		Sites: func(schema.SiteID) (schema.Site, bool) { return site, true },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close(context.Background())) }()
	now := time.Now()
	_, day, err := p.Salt(site.ID, now)
	if err != nil {
		return err
	}
	t := newTraffic(day, visitors)
	events := make([]aggregate.Event, 0, pipeline.MaxSubmitEvents)
	for i := range visitors {
		e := *t.next()
		e.Time, e.Visitor = now.Unix(), aggregate.Key{uint64(i+1) * 0x9e3779b97f4a7c15, uint64(i)}
		if events = append(events, e); len(events) == cap(events) || i == visitors-1 {
			if err := p.Submit(context.Background(), events); err != nil {
				return err
			}
			events = events[:0]
		}
	}
	return nil
}

// disk imports a log of a month and looks at what is on disk then.
func (b *bench) disk() error {
	dir, err := b.newData("disk")
	if err != nil {
		return err
	}
	log, lines, err := b.writeLog(b.scaled(300_000))
	if err != nil {
		return err
	}
	before, err := sizeOf(dir)
	if err != nil {
		return err
	}
	from := time.Now()
	out, err := b.call(dir, nil, "import", "log", "--site", benchSite, "--json", log)
	if err != nil {
		return err
	}
	took := time.Since(from)
	report := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var last struct {
		Pages float64 `json:"pages"`
	}
	if err := json.Unmarshal(report[len(report)-1], &last); err != nil {
		return fmt.Errorf("%w in %s", err, out)
	}
	// A start and a stop let the engine drop the parts that it has merged.
	if _, err := b.startOnce(dir); err != nil {
		return err
	}
	after, err := sizeOf(dir)
	if err != nil {
		return err
	}
	b.add("disk", "import of a log", float64(lines)/took.Seconds(), "lines/s")
	b.add("disk", "a page view of the month imported", float64(after-before)/last.Pages, "B")
	return nil
}

// writeLog writes a log of 30 days: a few pages are seen often and most seldom, a third of the lines are of other files.
func (b *bench) writeLog(lines int) (name string, n int, err error) {
	f, err := os.Create(filepath.Join(b.dir, "access.log"))
	if err != nil {
		return "", 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	r := mathrand.New(mathrand.NewPCG(2, 2))
	pages := mathrand.NewZipf(r, 1.2, 3, trafficPages-1)
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for range lines {
		at = at.Add(time.Duration(r.Int64N(int64(2 * 30 * 24 * time.Hour / time.Duration(lines)))))
		visitor := r.IntN(max(lines/3, 1))
		path := fmt.Sprintf("/articles/%d", pages.Uint64())
		if r.IntN(3) == 0 {
			path += "/style.css"
		}
		referrer := referrers[visitor%len(referrers)]
		if referrer == "" {
			referrer = "-"
		}
		fmt.Fprintf(w, "%s - - [%s] \"GET %s HTTP/1.1\" 200 %d %q %q\n", address(r, visitor),
			at.Format("02/Jan/2006:15:04:05 -0700"), path, 1000+r.IntN(9000), referrer, agents[visitor%len(agents)])
	}
	return f.Name(), lines, errors.Join(w.Flush(), f.Close())
}

// sizeOf is the bytes of the files below a directory.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
