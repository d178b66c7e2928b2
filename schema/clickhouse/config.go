package clickhouse

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	client "github.com/ClickHouse/clickhouse-go/v2"
)

// Config says which database to use and what a question to it may cost.
type Config struct {
	// URL of a server: clickhouse://user:password@host:9000/database (native protocol), http://… or https://….
	// Options: cluster=NAME, hosts=b:9000,c:9000 (further servers of the same kind), secure=1 (TLS on the native
	// protocol), skip_verify=1 (do not check the server's certificate). Not used with Transport.
	URL string
	// Transport answers the HTTP requests instead of a server: the embedded engine.
	Transport http.RoundTripper
	// Database is created when it is missing. Empty: the one in URL, else DefaultDatabase.
	Database string
	// Cluster, on whose servers all tables are made. Empty: the one in URL, else none.
	Cluster string

	// HourlyRetentionDays and DailyRetentionDays are after how many days rows of cubes of hours and of days are
	// deleted; at least MinRetentionDays. 0 keeps them for ever, and is the default for two reasons: an imported log
	// of past years would vanish as it arrives, and most cubes of hours have no twin of days, so their totals would
	// be gone and not just their hours.
	HourlyRetentionDays int
	DailyRetentionDays  int

	// MaxQuery is how long a Select may take. 0: DefaultMaxQuery.
	MaxQuery time.Duration
	// MaxResultRows is how many rows a Select may return; more is an error. 0: DefaultMaxResultRows.
	MaxResultRows int
	// Connections is how many statements may run at once. 0: DefaultConnections.
	Connections int
}

// Defaults and limits of Config.
const (
	DefaultDatabase      = "turf"
	DefaultMaxQuery      = 30 * time.Second
	DefaultMaxResultRows = 1_000_000
	DefaultConnections   = 8
	// MinRetentionDays leaves room for batches that waited for the database.
	MinRetentionDays = 7

	dialTimeout = 10 * time.Second
	readTimeout = 5 * time.Minute
)

// safeName is what a database or cluster may be called: both become part of statements.
var safeName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

func (c Config) withDefaults() (Config, *client.Options, error) {
	opts := &client.Options{Protocol: client.HTTP, Addr: []string{"embedded"}}
	if c.Transport == nil {
		var err error
		if opts, err = c.parseURL(); err != nil {
			return c, nil, fmt.Errorf("database URL: %w", err)
		}
	} else {
		opts.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return c.Transport, nil }
	}
	if c.Database == "" {
		c.Database = DefaultDatabase
	}
	if c.MaxQuery == 0 {
		c.MaxQuery = DefaultMaxQuery
	}
	if c.MaxResultRows == 0 {
		c.MaxResultRows = DefaultMaxResultRows
	}
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if err := c.check(); err != nil {
		return c, nil, err
	}
	opts.Auth.Database = c.Database
	opts.DialTimeout, opts.ReadTimeout = dialTimeout, readTimeout
	opts.MaxOpenConns, opts.MaxIdleConns = c.Connections, c.Connections
	return c, opts, nil
}

func (c Config) check() error {
	switch {
	case !safeName.MatchString(c.Database):
		return fmt.Errorf("%q cannot be the name of a database; use letters, digits, - and _, at most 64", c.Database)
	case c.Cluster != "" && !safeName.MatchString(c.Cluster):
		return fmt.Errorf("%q cannot be the name of a cluster; use letters, digits, - and _, at most 64", c.Cluster)
	case c.Cluster != "" && c.Transport != nil:
		return errors.New("the embedded engine has no clusters; give the URL of a server")
	case c.MaxQuery < 0 || c.MaxResultRows < 0 || c.Connections < 0:
		return errors.New("limits of the database must not be negative")
	}
	for _, days := range []int{c.HourlyRetentionDays, c.DailyRetentionDays} {
		if days != 0 && days < MinRetentionDays {
			return fmt.Errorf("a retention of %d days is too short; use 0 (for ever) or at least %d",
				days, MinRetentionDays)
		}
	}
	return nil
}

// scheme is what the beginning of a URL stands for.
type scheme struct {
	protocol   client.Protocol
	tls        bool
	port       string
	securePort string
}

var schemes = map[string]scheme{
	"clickhouse": {client.Native, false, "9000", "9440"},
	"http":       {client.HTTP, false, "8123", "8443"},
	"https":      {client.HTTP, true, "8123", "8443"},
}

// parseURL makes the client's options of the URL and fills Database and Cluster where they are empty. No error
// contains the password.
func (c *Config) parseURL() (*client.Options, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		if inner := (*url.Error)(nil); errors.As(err, &inner) && !strings.Contains(c.URL, "@") {
			err = inner.Err
		} else {
			err = errors.New("it cannot be read; write special characters of name and password as %40 and the like")
		}
		return nil, err
	}
	s, ok := schemes[u.Scheme]
	if !ok || u.Hostname() == "" {
		return nil, errors.New("use clickhouse://user:password@host:9000/turf, http://… or https://…")
	}
	opts := &client.Options{Protocol: s.protocol}
	opts.Auth.Username = u.User.Username()
	opts.Auth.Password, _ = u.User.Password()
	if name := strings.Trim(u.Path, "/"); c.Database == "" {
		c.Database = name
	}
	hosts, skipVerify := []string{u.Host}, false
	for key, values := range u.Query() {
		value := values[len(values)-1]
		switch key {
		case "cluster":
			if c.Cluster == "" {
				c.Cluster = value
			}
		case "hosts":
			hosts = append(hosts, strings.Split(value, ",")...)
		case "secure":
			s.tls, err = strconv.ParseBool(value)
			if u.Scheme != "clickhouse" {
				err = errors.New("write https:// instead")
			}
		case "skip_verify":
			skipVerify, err = strconv.ParseBool(value)
		default:
			err = errors.New("there is no such option; there are cluster, hosts, secure and skip_verify")
		}
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", key, err)
		}
	}
	if s.tls {
		opts.TLS = &tls.Config{InsecureSkipVerify: skipVerify}
		s.port = s.securePort
	}
	for _, host := range slices.DeleteFunc(hosts, func(h string) bool { return h == "" }) {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), s.port)
		}
		opts.Addr = append(opts.Addr, host)
	}
	return opts, nil
}
