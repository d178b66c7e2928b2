package embedded

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// statement is what a request asks for.
type statement struct {
	sql      string
	database string // "": the default one
	settings map[string]string
	params   []param
	// data is what an insert writes, nil for any other statement.
	data []byte
	// format is the format of data or, without data, of the output.
	format string
	// revision of the Native format that the client reads; 0 is the plain one of files.
	revision uint64
}

// param is a query parameter: {name:Type} in the statement. The value is text in the escaped form of ClickHouse's
// TabSeparated format, as in HTTP's param_name.
type param struct{ name, value string }

// MaxRequestBytes is the largest body of a request: one insert's data, or a statement.
const MaxRequestBytes = 256 << 20

const nativeFormat = "Native"

// What the parameters of ClickHouse's HTTP interface mean here, if they are no settings.
var (
	ignoredParameters = map[string]bool{
		"query_id": true, "quota_key": true, "wait_end_of_query": true, "buffer_size": true, "user": true, "password": true,
		"network_compression_method": true, "network_zstd_compression_level": true, "stacktrace": true,
	}
	refusedParameters = map[string]string{
		"compress": "compression", "decompress": "compression", "session_id": "sessions", "role": "roles",
	}
)

var (
	settingName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	formatClause = regexp.MustCompile(`(?is)\s+FORMAT\s+([A-Za-z0-9_]+)\s*;?\s*$`)
	leadingNoise = regexp.MustCompile(`(?s)^(\s+|--[^\n]*\n|#![^\n]*\n|/\*.*?\*/)+`)
	insertStart  = regexp.MustCompile(`(?i)^INSERT\s`)
	stateChange  = regexp.MustCompile(`(?i)^(SET|USE|BEGIN|COMMIT|ROLLBACK|(CREATE|DROP)\s+(OR\s+REPLACE\s+)?TEMPORARY)\s`)
)

// parseRequest reads a request of ClickHouse's HTTP interface. It does not close the body.
func parseRequest(req *http.Request) (*statement, error) {
	if enc := req.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, refused("compression")
	}
	if t, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err == nil && t == "multipart/form-data" {
		return nil, refused("external tables")
	}
	s := &statement{format: nativeFormat, settings: map[string]string{}}
	if err := s.parseQuery(req.URL.Query()); err != nil {
		return nil, err
	}
	body, err := readBody(req.Body)
	if err != nil {
		return nil, err
	}
	s.finish(body)
	return s, nil
}

func (s *statement) parseQuery(q url.Values) error {
	for name, values := range q {
		value := values[len(values)-1]
		if p, ok := strings.CutPrefix(name, "param_"); ok {
			s.params = append(s.params, param{p, value})
			continue
		}
		switch name {
		case "query":
			s.sql = value
		case "database":
			s.database = value
		case "default_format":
			s.format = value
		case "client_protocol_version":
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return badArgument("client_protocol_version is %q, which is no number", value)
			}
			s.revision = n
		default:
			if err := s.parseSetting(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *statement) parseSetting(name, value string) error {
	if ignoredParameters[name] {
		return nil
	}
	if what, ok := refusedParameters[name]; ok {
		if value == "0" || value == "" {
			return nil
		}
		return refused(what)
	}
	if !settingName.MatchString(name) {
		return badArgument("%q cannot be the name of a setting", name)
	}
	s.settings[name] = value
	return nil
}

// finish makes statement and data of what came in the URL and in the body, as a server does: the body continues the
// statement, unless that is an insert, whose data it is then.
func (s *statement) finish(body []byte) {
	s.sql = leadingNoise.ReplaceAllString(s.sql, "")
	switch {
	case s.sql == "":
		s.sql = leadingNoise.ReplaceAllString(string(body), "")
	case insertStart.MatchString(s.sql) && len(body) > 0:
		s.data = body
		if m := formatClause.FindStringSubmatchIndex(s.sql); m != nil {
			s.sql, s.format = s.sql[:m[0]], s.sql[m[2]:m[3]]
		}
		return
	case len(body) > 0:
		s.sql += "\n" + string(body)
	}
	if m := formatClause.FindStringSubmatch(s.sql); m != nil && !insertStart.MatchString(s.sql) {
		s.format = m[1]
	}
}

// changesConnection reports whether the statement leaves something on its connection that others would see.
func (s *statement) changesConnection() bool { return stateChange.MatchString(s.sql) }

func readBody(r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r, MaxRequestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if len(body) > MaxRequestBytes {
		return nil, badArgument("the request is larger than %d bytes; send it in pieces", MaxRequestBytes)
	}
	return body, nil
}

func refused(what string) error {
	return badArgument("the embedded engine has no %s; a ClickHouse server has", what)
}

// badArgument is an error with ClickHouse's code BAD_ARGUMENTS.
func badArgument(format string, args ...any) error {
	return &exception{36, "Code: 36. DB::Exception: " + fmt.Sprintf(format, args...) + ". (BAD_ARGUMENTS)"}
}
