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

// hit is an HTTP request as a browser sends it, of no visitor yet: see by.
type hit struct {
	text    []byte
	address int // where the visitor's address stands in it
}

// noAddress is as long as all addresses that by makes.
const noAddress = "80.100.100.100"

// requests are n hits: visitors come from one of some sources with one of some browsers and look at pagesAVisit pages, of which a few
// are seen often and most seldom.
func requests(n int) []hit {
	r := rand.New(rand.NewPCG(1, 1))
	pages := rand.NewZipf(r, 1.2, 3, trafficPages-1)
	all := make([]hit, n-n%pagesAVisit)
	for i := range all {
		visitor, referrer := i/pagesAVisit, "https://"+benchSite+"/"
		if i%pagesAVisit == 0 {
			referrer = referrers[visitor%len(referrers)]
		}
		body := fmt.Sprintf(`{"n":"pageview","u":"https://%s/articles/%d","d":%q,"r":%q}`,
			benchSite, pages.Uint64(), benchSite, referrer)
		head := fmt.Sprintf("POST /api/event HTTP/1.1\r\nHost: stats.example\r\nConnection: keep-alive\r\n"+
			"Content-Length: %d\r\nUser-Agent: %s\r\nContent-Type: text/plain\r\nAccept: */*\r\nOrigin: https://%s\r\n"+
			"Referer: https://%s/\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\nX-Forwarded-For: ",
			len(body), agents[visitor/len(referrers)%len(agents)], benchSite, benchSite)
		all[i] = hit{fmt.Append(nil, head, noAddress, "\r\n\r\n", body), len(head)}
	}
	return all
}

// by appends the hit as that of a visitor; some millions have an address of their own.
func (h *hit) by(out []byte, visitor int) []byte {
	at := len(out) + h.address
	out = append(out, h.text...)
	out[at+1] += byte(visitor % 7)
	visitor /= 7
	for _, octet := range [...]int{3, 7, 11} {
		out[at+octet+1] += byte(visitor % 10)
		out[at+octet+2] += byte(visitor / 10 % 10)
		visitor /= 100
	}
	return out
}

// load sends requests over keep-alive connections, some of them in flight on each, for a while.
type load struct {
	addr        string
	requests    []hit
	round       int // of several with the same requests: each has visitors of its own
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
	sent, out := 0, make([]byte, 0, 8192)
	// A visitor has so many numbers for itself as there are visits in a round of a connection.
	first, visitor := number*32*pagesAVisit, (l.round*l.connections+number)*maxVisitsRound
	for time.Now().Before(until) {
		out = out[:0]
		for range l.pipelined {
			h := &l.requests[(first+sent)%len(l.requests)]
			out = h.by(out, visitor+sent/pagesAVisit%maxVisitsRound)
			sent++
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
