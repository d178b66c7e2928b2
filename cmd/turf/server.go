package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"turf/aggregate/journal"
	"turf/aggregate/pipeline"
	"turf/dashboard"
	"turf/dashboard/access"
	"turf/dashboard/reports"
	"turf/ingest"
	"turf/schema"
)

// The limits of the server.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 90 * time.Second // a question may take 30 s
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 32 << 10
	shutdownTimeout   = 15 * time.Second
	// databaseRetry is the time between two tries to reach a database that is away when the server starts.
	databaseRetry = time.Second
)

// server is a running turf serve: the listener, the opened data, and all that works on it.
type server struct {
	opts serveOptions
	log  *slog.Logger

	in       *instance
	lookups  *lookups
	listener net.Listener
	handler  gate
	http     *http.Server
	socket   *http.Server // nil until the data are open
	open     bool         // the dashboard asks nobody for a password
	failed   chan error   // what ended one of the two servers
	tasks    sync.WaitGroup
	end      context.CancelFunc // of tasks; nil until start
}

// gate answers 503 until the server has started, so that the port is known to be free before the database is opened.
type gate struct{ inner atomic.Pointer[echo.Echo] }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e := g.inner.Load(); e != nil {
		e.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == livePath {
		_, _ = io.WriteString(w, `{"status":"ok"}`+"\n") // whoever asked has gone
		return
	}
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"error":"the server is starting"}`+"\n") // likewise
}

// listen takes the data directory and the port, and answers 503 from then on. Close it.
func listen(dir string, opts serveOptions, log *slog.Logger) (*server, error) {
	lock, err := lockDir(dir)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("%w: stop that server first, or give another directory with --data", err)
	}
	if err != nil {
		return nil, err
	}
	s := &server{opts: opts, log: log, in: &instance{dir: dir, lock: lock}, failed: make(chan error, 2)}
	if s.listener, err = net.Listen("tcp", opts.listen); err != nil {
		return nil, errors.Join(fmt.Errorf("--listen: %w", err), lock.Close())
	}
	s.http = &http.Server{
		Handler: &s.handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		// net/http would log addresses of clients.
		ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	go func() { s.failed <- s.http.Serve(s.listener) }()
	return s, nil
}

// url is the server's address for people on this machine.
func (s *server) url() string {
	addr := s.listener.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// start opens everything, in the way of the data backwards, and lets requests in.
func (s *server) start(ctx context.Context, a *app) error {
	var missing string
	var err error
	if s.lookups, missing, err = a.openLookups(); err != nil {
		return err
	}
	if missing != "" {
		s.log.Warn(missing)
	}
	s.in.retentionDays = a.retentionDays
	if err := s.openDatabase(ctx, a.clickhouse); err != nil {
		return err
	}
	if err := s.addFirstSite(ctx); err != nil {
		return err
	}
	if err := s.openPipeline(ctx); err != nil {
		return err
	}
	if err := s.fillTwins(ctx); err != nil {
		return err
	}
	s.open = isLoopback(s.listener) && len(s.opts.trustedProxies) == 0 && !s.in.access.HasUsers()
	e, err := s.routes()
	if err != nil {
		return err
	}
	var failed <-chan error
	if s.socket, failed, err = serveSocket(s.in, s.in.dir); err != nil {
		return err
	}
	go func() { s.failed <- <-failed }()
	audits, end := context.WithCancel(context.WithoutCancel(ctx))
	s.end = end
	s.tasks.Go(func() { s.auditor(audits) })
	s.handler.inner.Store(e)
	return nil
}

// routes makes what answers requests: health, the collector, the stats API and the page.
func (s *server) routes() (*echo.Echo, error) {
	e := newEcho(s.log)
	s.registerHealth(e)
	collector, err := ingest.NewCollector(ingest.Config{
		Sites: s.in.sites.ByDomain, Counter: counter{s.in.pipe}, Agents: s.lookups.agents, Geo: s.lookups.geo,
		DataCenters: s.lookups.centres, TrustedProxies: s.opts.trustedProxies, Logger: s.log,
		Limits: s.opts.limits, DebugRequests: s.opts.debugRequests, AllHints: s.opts.allHints, IngestKey: s.ingestKey,
		Dropped: s.in.pipe.Drop, ScriptPath: s.opts.scriptPath,
	})
	if err != nil {
		return nil, err
	}
	collector.Register(e)
	board, err := dashboard.New(dashboard.Config{
		Sites: s.in.sites, Stats: s.in.stats(), Access: s.in.access,
		Reports:   &reports.Engine{Runner: s.in.db, Now: time.Now},
		Provision: provision{s.in.sites, s.in},
		Active:    s.in.pipe.Active, Open: s.open, ClientAddr: collector.ClientAddr, PlaceNote: s.lookups.placeNote(), Log: s.log,
		RetentionDays: s.in.retentionDays,
	})
	if err != nil {
		return nil, err
	}
	board.Register(e)
	return e, s.registerConsents(e, board)
}

// ingestKey reports whether a key lets its owner send events of the site. A document that cannot be read lets nobody.
func (s *server) ingestKey(key string, site schema.SiteID) bool {
	err := s.in.access.CheckIngestKey(key, site)
	if err != nil && !errors.Is(err, access.ErrInvalidKey) {
		s.log.Error("a key cannot be read", "error", err)
	}
	return err == nil
}

// openDatabase waits for a database server that is away. The engine in the process is never away.
func (s *server) openDatabase(ctx context.Context, where string) error {
	for waiting := false; ; waiting = true {
		err := s.in.openDatabase(ctx, where)
		if err == nil || where == embeddedEngine || !isAway(err) {
			return err
		}
		if !waiting {
			s.log.Warn("the database is away; it is tried again until it comes", "error", err)
		}
		select {
		case <-time.After(databaseRetry):
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.failed:
			return err
		}
	}
}

// isAway reports whether an error says that nobody answered, and not that the answer was no.
func isAway(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (s *server) addFirstSite(ctx context.Context) error {
	if s.opts.firstSite == "" || len(s.in.sites.List()) > 0 {
		return nil
	}
	_, err := s.in.sites.Add(ctx, s.opts.firstSite, s.opts.firstTimezone)
	return err
}

func (s *server) openPipeline(ctx context.Context) error {
	memory, ok := pipeline.MemoryDir(os.Getenv)
	if !ok {
		s.log.Warn("there is no memory-backed file system, so visitors are in plain memory: a restart counts today's again")
	}
	var err error
	s.in.pipe, err = pipeline.Open(ctx, pipeline.Config{
		Dir: s.in.dir, MemoryDir: memory, Sites: s.in.sites.ByID, Sink: s.in.db, FlushInterval: s.opts.flushInterval,
		Random: rand.Reader, Logger: s.log, Journal: journal.Options{Sync: s.opts.journalSync},
	})
	if err != nil {
		return err
	}
	if s.in.pipe.Restarted() {
		s.log.Warn("the visitors of today were forgotten by a restart: those who come again are counted again")
	}
	return nil
}

// wait returns when the context ends or one of the servers fails.
func (s *server) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return fmt.Errorf("serve: %w", err)
	}
}

// Close stops listening, lets requests end, and closes the data.
func (s *server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	errs := []error{s.shutdown(ctx, s.http)}
	if s.socket != nil {
		errs = append(errs, s.shutdown(ctx, s.socket), removeSocket(s.in.dir))
	}
	if s.end != nil {
		s.end()
		s.tasks.Wait()
	}
	errs = append(errs, s.in.Close())
	if s.lookups != nil {
		s.lookups.Close()
	}
	return errors.Join(errs...)
}

// shutdown cuts off the requests that do not end in time.
func (s *server) shutdown(ctx context.Context, srv *http.Server) error {
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests that did not end in time were cut off")
		return srv.Close()
	}
	return err
}
