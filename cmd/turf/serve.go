package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"turf/aggregate/journal"
	"turf/aggregate/pipeline"
	"turf/ingest"
	"turf/schema"
)

// serveFlags are the flags of turf serve, as they were given.
type serveFlags struct {
	listen         string
	trustedProxies []string
	flushInterval  time.Duration
	journalSync    string
	firstSite      string
	firstTimezone  string
	limits         ingest.Limits
	debugRequests  bool
	scriptPath     string
	allHints       bool
}

// The bounds of --flush-interval.
const (
	minFlushInterval = 10 * time.Millisecond
	maxFlushInterval = time.Minute
)

func (a *app) serveCommand() *cobra.Command {
	var given serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Count visits, answer questions, show the dashboard",
		Long: `Runs the server: it counts what the script on your pages reports, answers the stats API, and shows the dashboard. One server
works on a data directory at a time. It stops on SIGTERM and SIGINT, after it has answered what it was asked.

While it listens on this machine only (127.0.0.1, ::1, localhost), no proxy is trusted and there is no user, the dashboard is
open. Else it asks for the password that "turf user add" set.

The other commands talk to the running server through a socket in the data directory.`,
		Example: `  turf serve
  turf serve --listen 127.0.0.1:8080 --data /var/lib/turf --trusted-proxy 127.0.0.1/32
  TURF_CLICKHOUSE=clickhouse://turf:secret@db:9000/turf turf serve --listen :8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := given.parse()
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&given.listen, "listen", "127.0.0.1:8080", "`ADDR`ess and port to listen on; :8080 is all addresses")
	f.StringSliceVar(&given.trustedProxies, "trusted-proxy", nil,
		"`CIDR` of proxies whose X-Forwarded-For is believed; may be given more than once or as a list with commas")
	f.DurationVar(&given.flushInterval, "flush-interval", pipeline.DefaultFlushInterval,
		"`DUR`ation between two writes to the database")
	f.StringVar(&given.journalSync, "journal-sync", "batch",
		"answer a hit when the disk has it (batch), or when the operating system has it (os)")
	f.StringVar(&given.firstSite, "first-site", "", "add the site `DOMAIN` when there is none yet")
	f.StringVar(&given.firstTimezone, "first-timezone", "UTC", "time `ZONE` of --first-site")
	setting(f, "listen", "trusted-proxy", "flush-interval", "journal-sync", "first-site", "first-timezone")
	given.collectorFlags(f)
	a.lookupFlags(cmd)
	return cmd
}

// collectorFlags are those of what is taken from browsers.
func (g *serveFlags) collectorFlags(f *pflag.FlagSet) {
	f.IntVar(&g.limits.RequestsPerSec, "address-requests-per-sec", ingest.DefaultRequestsPerSec,
		"most requests `N` a second from one address (IPv6: one /64); more are answered 429; -1 for no limit")
	f.IntVar(&g.limits.SiteEventsPerSec, "site-events-per-sec", ingest.DefaultSiteEventsPerSec,
		"most events `N` a second of one site; more are answered 429; -1 for no limit")
	f.IntVar(&g.limits.VisitorPageviewsPerMin, "visitor-pageviews-per-min", ingest.DefaultVisitorPageviewsPerMin,
		"most page views `N` a minute of one visitor; more are a robot's and not counted; -1 for no limit")
	f.BoolVar(&g.debugRequests, "debug-requests", false,
		"answer events with the header X-Debug-Request: true with the address that is used, to try the proxies; strangers can ask too")
	f.BoolVar(&g.allHints, "all-hints", false,
		"no proxy on the way leaves client hints (Sec-CH-UA) out, so that a Chrome without them is a robot")
	f.StringVar(&g.scriptPath, "script-path", "",
		"`PATH`, such as /numbers, at which the scripts are too (/numbers/turf.js), which then post to a path below it")
	setting(f, "address-requests-per-sec", "site-events-per-sec", "visitor-pageviews-per-min", "debug-requests", "all-hints",
		"script-path")
}

// serveOptions are the flags, read.
type serveOptions struct {
	listen         string
	trustedProxies []netip.Prefix
	flushInterval  time.Duration
	journalSync    journal.SyncMode
	firstSite      string
	firstTimezone  string
	limits         ingest.Limits
	debugRequests  bool
	scriptPath     string
	allHints       bool
}

func (g *serveFlags) parse() (serveOptions, error) {
	o := serveOptions{
		listen: g.listen, flushInterval: g.flushInterval, firstSite: g.firstSite, firstTimezone: g.firstTimezone,
		limits: g.limits, debugRequests: g.debugRequests, allHints: g.allHints, scriptPath: g.scriptPath,
	}
	for flag, n := range map[string]int{
		"address-requests-per-sec": g.limits.RequestsPerSec, "site-events-per-sec": g.limits.SiteEventsPerSec,
		"visitor-pageviews-per-min": g.limits.VisitorPageviewsPerMin,
	} {
		if n == 0 {
			return o, fmt.Errorf("--%s: 0 would take nothing; -1 is no limit", flag)
		}
	}
	if g.scriptPath != "" {
		if err := ingest.CheckScriptPath(g.scriptPath); err != nil {
			return o, fmt.Errorf("--script-path: %w", err)
		}
	}
	if _, _, err := net.SplitHostPort(g.listen); err != nil {
		return o, fmt.Errorf("--listen: %q is no address with a port, such as 127.0.0.1:8080 or :8080", g.listen)
	}
	for _, text := range g.trustedProxies {
		prefix, err := parsePrefix(strings.TrimSpace(text))
		if err != nil {
			return o, fmt.Errorf("--trusted-proxy: %w", err)
		}
		o.trustedProxies = append(o.trustedProxies, prefix)
	}
	if o.flushInterval < minFlushInterval || o.flushInterval > maxFlushInterval {
		return o, fmt.Errorf("--flush-interval: %v is not between %v and %v", o.flushInterval, minFlushInterval, maxFlushInterval)
	}
	var err error
	if o.journalSync, err = journal.ParseSyncMode(g.journalSync); err != nil {
		return o, fmt.Errorf("--journal-sync: %w", err)
	}
	if o.firstSite != "" {
		if _, err := schema.CleanDomain(o.firstSite); err != nil {
			return o, fmt.Errorf("--first-site: %w", err)
		}
		if _, err := schema.LoadLocation(o.firstTimezone); err != nil {
			return o, fmt.Errorf("--first-timezone: %w", err)
		}
	}
	return o, nil
}

// parsePrefix reads a network, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return prefix, fmt.Errorf("%q is no network such as 10.0.0.0/8, and no address", s)
	}
	return prefix.Masked(), nil
}

// isLoopback reports whether only this machine can connect to where the listener listens.
func isLoopback(l net.Listener) bool {
	addr, ok := l.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// serve runs the server until the context ends.
func (a *app) serve(ctx context.Context, opts serveOptions) error {
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	if err := pipeline.NoCoreDumps(); err != nil {
		log.Warn("memory of this process can be written to a core dump", "error", err)
	}
	s, err := listen(a.data, opts, log)
	if err != nil {
		return err
	}
	err = s.start(ctx, a)
	if err == nil {
		if err = a.greet(s); err == nil {
			err = s.wait(ctx)
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // it was told to stop while it started
	}
	return errors.Join(err, s.Close())
}

// greeting is what the server prints with --json once it works.
type greeting struct {
	URL   string   `json:"url"`
	Data  string   `json:"data"`
	Sites []string `json:"sites"`
}

// greet prints what can be done now.
func (a *app) greet(s *server) error {
	g := greeting{URL: s.url(), Data: a.data, Sites: []string{}}
	for _, site := range s.in.sites.List() {
		g.Sites = append(g.Sites, site.Domain)
	}
	return a.print(g, a.greetText(s, g))
}

func (a *app) greetText(s *server, g greeting) string {
	command := func(words ...string) string {
		line := append([]string{filepath.ToSlash(os.Args[0])}, words...)
		if a.data != defaultData {
			line = append(line, "--data", a.data)
		}
		return strings.Join(line, " ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Turf counts, at %s\n\n", g.URL)
	row := func(name, value string) { fmt.Fprintf(&b, "  %-12s %s\n", name, value) }
	if len(g.Sites) == 0 {
		row("A site", command("site", "add", "example.com", "--timezone", "Europe/Amsterdam"))
	} else {
		site := g.Sites[0]
		row("Dashboard", g.URL+"/"+site)
		row("Script tag", fmt.Sprintf(`<script defer data-domain="%s" src="%s/js/turf.js"></script>`, site, g.URL))
		row("From a log", command("import", "log", "--site", site)+" /var/log/nginx/access.log*")
		if n := len(g.Sites) - 1; n > 0 {
			row("", fmt.Sprintf("and likewise for %d more: %s", n, command("site", "list")))
		}
	}
	if !s.open && !s.in.access.HasUsers() {
		row("Password", "the dashboard asks for one, and nobody has any yet: "+command("user", "add", "NAME"))
	}
	b.WriteByte('\n')
	return b.String()
}
