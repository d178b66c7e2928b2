package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// benchSite is the site whose pages are counted.
const benchSite = "bench.example"

// agents are what common browsers send.
var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
	"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0.0.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
	"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
}

var referrers = []string{"", "", "https://www.google.com/", "https://news.ycombinator.com/", "https://duckduckgo.com/", "https://mastodon.social/"}

// address is a public address of a visitor; visitors have one of some networks each.
func address(r *rand.Rand, visitor int) string {
	return fmt.Sprintf("%d.%d.%d.%d", 80+visitor%7, visitor>>16&255, visitor>>8&255, 1+r.IntN(3))
}

// requests are n HTTP requests as browsers send them, each of a random visitor on a random page.
func requests(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 1))
	all := make([][]byte, n)
	for i := range all {
		visitor := r.IntN(n)
		body := fmt.Sprintf(`{"n":"pageview","u":"https://%s/articles/%d","d":%q,"r":%q}`,
			benchSite, r.IntN(trafficPages), benchSite, referrers[visitor%len(referrers)])
		all[i] = fmt.Appendf(nil, "POST /api/event HTTP/1.1\r\nHost: stats.example\r\nConnection: keep-alive\r\n"+
			"Content-Length: %d\r\nUser-Agent: %s\r\nContent-Type: text/plain\r\nAccept: */*\r\nOrigin: https://%s\r\n"+
			"Referer: https://%s/\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\n"+
			"X-Forwarded-For: %s\r\n\r\n%s",
			len(body), agents[visitor%len(agents)], benchSite, benchSite, address(r, visitor), body)
	}
	return all
}

// load sends requests over keep-alive connections, some of them in flight on each, for a while.
type load struct {
	addr        string
	requests    [][]byte
	connections int
	pipelined   int // requests in flight on a connection
	time        time.Duration
}

// run is how many requests a second were answered 202, and how many were in all.
func (l *load) run() (perSec float64, total int, err error) {
	var all sync.WaitGroup
	counts, errs := make([]int, l.connections), make([]error, l.connections)
	from := time.Now()
	until := from.Add(l.time)
	for i := range l.connections {
		all.Go(func() { counts[i], errs[i] = l.connection(i, until) })
	}
	all.Wait()
	spent := time.Since(from)
	for _, n := range counts {
		total += n
	}
	return float64(total) / spent.Seconds(), total, errors.Join(errs...)
}

func (l *load) connection(number int, until time.Time) (answered int, err error) {
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 4096)
	next, out := number*97, make([]byte, 0, 8192)
	for time.Now().Before(until) {
		out = out[:0]
		for range l.pipelined {
			out = append(out, l.requests[next%len(l.requests)]...)
			next++
		}
		if _, err := conn.Write(out); err != nil {
			return answered, err
		}
		for range l.pipelined {
			if err := readAnswer(answers); err != nil {
				return answered, err
			}
			answered++
		}
	}
	return answered, nil
}

var (
	accepted      = []byte("HTTP/1.1 202 ")
	contentLength = []byte("content-length:")
)

// readAnswer reads one answer, which must be 202.
func readAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, accepted) {
		return fmt.Errorf("answered %q, not 202", line)
	}
	size := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if size, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, r, int64(size))
	return err
}
