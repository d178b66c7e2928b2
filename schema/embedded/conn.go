package embedded

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// conn is one connection to the library. It is used by one goroutine at a time, and carries one statement at a time.
//
// The library has no settings of one statement, only of a connection. So a connection remembers what it was told last
// and is told the difference before the next statement.
type conn struct {
	lib      *library
	h        *handle
	args     []string
	base     map[string]string // settings that every statement starts with
	extra    map[string]string // settings that are set now, beyond or instead of base
	database string            // current one
	comment  string            // log_comment of all its queries, by which they are found when they must be killed
}

const defaultDatabase = "default"

func (e *Engine) newConn(comment string) *conn {
	base := e.config.querySettings()
	base["log_comment"] = comment
	args := slices.Clone(e.args)
	for _, name := range slices.Sorted(maps.Keys(base)) {
		args = append(args, "--"+name+"="+base[name])
	}
	return &conn{lib: e.lib, args: args, base: base, comment: comment}
}

// open connects if the connection is not open.
func (c *conn) open() error {
	if c.h != nil {
		return nil
	}
	h, err := c.lib.connectWith(c.args)
	if err != nil {
		return err
	}
	c.h, c.extra, c.database = h, map[string]string{}, defaultDatabase
	return nil
}

// close ends the connection; open makes a fresh one.
func (c *conn) close() {
	if c.h != nil {
		c.lib.closeConn(c.h)
		c.h = nil
	}
}

// run executes one statement and returns its output.
func (c *conn) run(s *statement) ([]byte, error) {
	if err := c.open(); err != nil {
		return nil, err
	}
	if err := c.use(s.database); err != nil {
		return nil, err
	}
	if err := c.set(s.settings); err != nil {
		return nil, err
	}
	if s.changesConnection() {
		defer c.close()
	}
	if s.data != nil {
		return nil, c.lib.stream(*c.h, s.sql, s.format, s.data)
	}
	return c.lib.execute(*c.h, s.sql, s.format, s.params)
}

func (c *conn) use(database string) error {
	if database == "" {
		database = defaultDatabase
	}
	if database == c.database {
		return nil
	}
	if _, err := c.lib.execute(*c.h, "USE "+quoteName(database), "Null", nil); err != nil {
		return err
	}
	c.database = database
	return nil
}

// set makes want the settings of the next statement: what the statement before it had set goes back. The library takes
// all of the changes or, with an error, none.
func (c *conn) set(want map[string]string) error {
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if now, ok := c.extra[name]; !ok || now != want[name] {
			changes = append(changes, name+"="+quoteString(want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.extra)) {
		if _, ok := want[name]; ok {
			continue
		}
		if v, ok := c.base[name]; ok {
			changes = append(changes, name+"="+quoteString(v))
		} else {
			changes = append(changes, name+"=DEFAULT")
		}
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := c.lib.execute(*c.h, "SET "+strings.Join(changes, ", "), "Null", nil); err != nil {
		return err
	}
	c.extra = maps.Clone(want)
	return nil
}

// kill stops the query that runs on the other connection, if one does.
func (c *conn) kill(other *conn) error {
	sql := "KILL QUERY WHERE Settings['log_comment']=" + quoteString(other.comment) + " ASYNC"
	if _, err := c.lib.execute(*c.h, sql, "Null", nil); err != nil {
		return fmt.Errorf("kill a cancelled query: %w", err)
	}
	return nil
}

var (
	stringEscapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	nameEscapes   = strings.NewReplacer("\\", "\\\\", "`", "\\`")
)

func quoteString(s string) string { return "'" + stringEscapes.Replace(s) + "'" }

func quoteName(s string) string { return "`" + nameEscapes.Replace(s) + "`" }
