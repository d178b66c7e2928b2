package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"turf/aggregate"
	"turf/aggregate/pipeline"
	"turf/schema"
)

// canary is something that must be nowhere.
type canary struct {
	what  string
	forms [][]byte
}

// minFormBytes is the length below which a form would be found by chance in the engine's compressed files.
const minFormBytes = 6

// newCanary makes the forms of a secret: as it is, hexadecimal, and base64 at each of the three places where it may begin in what
// was encoded.
func newCanary(what string, secret []byte) canary {
	lower := []byte(hex.EncodeToString(secret))
	c := canary{what: what, forms: [][]byte{secret, lower, bytes.ToUpper(lower)}}
	for shift := range 3 {
		padded := append(make([]byte, shift), secret...)
		from, to := (shift*8+5)/6, len(padded)*8/6
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			c.forms = append(c.forms, []byte(enc.EncodeToString(padded)[from:to]))
		}
	}
	return c
}

func (c *canary) in(text []byte) bool {
	for _, f := range c.forms {
		if len(f) >= minFormBytes && bytes.Contains(text, f) {
			return true
		}
	}
	return false
}

// What the visitors of the test are known by.
const (
	canaryAddress4 = "185.203.117.91"
	canaryAddress6 = "2a02:1812:beef:cafe:1234:5678:9abc:def1"
	canaryMail     = "canary.person@secret-mail.example"
	canaryAgent    = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 Canaryfox/77.123"
	// canaryLanguages are so rare a list that it describes a person; the first of them is counted.
	canaryLanguages = "fy-NL-x-canarian,zu-ZA;q=0.713,lb;q=0.3"
)

func canaries() []canary {
	list := []canary{
		newCanary("the user agent", []byte(canaryAgent)), newCanary("a part of the user agent", []byte("Canaryfox/77")),
		newCanary("the list of languages", []byte(canaryLanguages)), newCanary("a tag of a language", []byte("x-canarian")),
		newCanary("a later language", []byte("zu-ZA")), newCanary("the e-mail address", []byte(canaryMail)),
		newCanary("its name", []byte("canary.person")),
		newCanary("the escaped e-mail address", []byte(url.QueryEscape(canaryMail))),
	}
	for _, text := range []string{canaryAddress4, canaryAddress6} {
		addr := netip.MustParseAddr(text)
		list = append(list, newCanary("the address as text", []byte(text)), newCanary("the address", addr.AsSlice()))
	}
	network := netip.MustParseAddr(canaryAddress6).As16()
	return append(list, newCanary("the network as text", []byte("2a02:1812:beef:cafe")), newCanary("the network", network[:8]))
}

// watch looks for canaries in all that comes out of the server.
type watch struct {
	t        *testing.T
	canaries []canary
	looked   int
}

func (w *watch) text(where string, text []byte) {
	w.t.Helper()
	w.looked++
	for i := range w.canaries {
		if w.canaries[i].in(text) {
			w.t.Errorf("%s holds %s", where, w.canaries[i].what)
		}
	}
}

// files looks into all files below a directory.
func (w *watch) files(dir string) {
	w.t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			w.text(path, text)
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// do sends a request as the canary and looks at the answer.
func (w *watch) do(p *process, method, path, address, contentType, body string) int {
	w.t.Helper()
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", address)
	req.Header.Set("User-Agent", canaryAgent)
	req.Header.Set("Accept-Language", canaryLanguages)
	req.Header.Set("Referer", "https://"+canaryMail+"/"+canaryMail)
	req.Header.Set("Content-Type", contentType)
	res, err := p.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	status, text := answer(w.t, res)
	what := fmt.Sprintf("the answer to %s %.40q", method, body)
	w.text(what, []byte(text))
	w.text(what+", its headers", fmt.Append(nil, res.Header))
	return status
}

// canaryEvents are what the canary sends, with the status that it gets.
func canaryEvents() map[string]int {
	escaped := url.QueryEscape(canaryMail)
	return map[string]int{
		// What is counted.
		`{"n":"pageview","d":"example.com","u":"https://example.com/a?mail=` + canaryMail + `#` + canaryMail + `"}`:                      202,
		`{"n":"pageview","d":"example.com","u":"https://example.com/users/` + canaryMail + `/edit"}`:                                     202,
		`{"n":"pageview","d":"example.com","u":"https://example.com/users/` + escaped + `?utm_source=` + escaped + `"}`:                  202,
		`{"n":"pageview","d":"example.com","u":"https://example.com/","r":"https://mail.example/` + canaryMail + `?to=` + escaped + `"}`: 202,
		`{"n":"Signup","d":"example.com","u":"https://example.com/","p":{"who":"` + canaryMail + `"}}`:                                   202,
		`{"n":"` + canaryMail + `","d":"example.com","u":"https://example.com/"}`:                                                        202,
		`{"n":"engagement","d":"example.com","u":"https://example.com/","e":1000,"sd":50}`:                                               202,
		// What is dropped, and what is wrong.
		`{"n":"pageview","d":"example.com","u":7,"x":"` + canaryMail + `"}`:     400,
		`{"n":"pageview","d":"` + canaryMail + `","u":"https://example.com/"}`:  202,
		`{"n":"pageview","d":"example.com","u":"` + canaryMail + `"}`:           202,
		`{"n":"pageview","d":"example.com","u":"https://[` + canaryMail + `/"}`: 202,
		`{"n":"pageview","u":"https://example.com/` + canaryMail + `"}`:         202, // the URL names the site
		`{"n":"pageview","d":"example.com" ` + canaryMail:                       400,
		`"` + canaryMail + `"`:              400,
		strings.Repeat(canaryMail, 100_000): 413,
	}
}

// TestCanary sends what describes a person through collector, flush, restarts, errors and logs, and finds it nowhere: with the
// opt-in path off, and with people who agree to what it keeps.
func TestCanary(t *testing.T) {
	t.Run("counting alone", func(t *testing.T) { testCanary(t, false) })
	t.Run("with the opt-in path", func(t *testing.T) { testCanary(t, true) })
}

func testCanary(t *testing.T, optIn bool) {
	in := install(t)
	in.must(nil, "site", "add", "example.com", "--timezone", quietZone())
	key := in.key("example.com")
	w := &watch{t: t, canaries: canaries()}
	notice := ""
	if optIn {
		notice = in.optIn("example.com")
	}

	// First all lies in the journal.
	server := in.serve("--flush-interval", "60s", "--trusted-proxy", "127.0.0.1")
	w.sendAll(server)
	if optIn {
		w.consentAll(server, notice)
		w.keysDiffer(in)
	}
	w.addSecrets(in)
	w.files(in.dir)
	server.kill()
	w.files(in.dir)

	// Then in the database, which the second server fills from the journal of the first.
	server = in.serve("--trusted-proxy", "127.0.0.1")
	w.sendAll(server)
	if optIn {
		w.consentAll(server, notice)
	}
	w.addSecrets(in)
	w.questions(server, key)
	w.verify(in)
	w.files(in.dir)
	server.stop()
	w.files(in.dir)
	w.text("the log", []byte(in.logs.String()))
	w.tables(in)
	if rows := in.sql("SELECT count() FROM consented_events"); optIn && rows[0][0] == uint64(0) {
		t.Error("nothing is kept of whoever agreed, so looking says little")
	}
	t.Logf("looked for %d canaries in %d files, answers and tables", len(w.canaries), w.looked)
}

// Signals that make a Go program write the stacks of its goroutines stop the server, and panics write no stack.
func TestNoTraces(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"SIGABRT": syscall.SIGABRT, "SIGQUIT": syscall.SIGQUIT} {
		in := install(t)
		server := in.serve("--first-site", "example.com")
		server.mustSend(visit{Domain: "example.com", URL: "https://example.com/"})
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", server.cmd.Process.Pid))
		if err == nil && !bytes.Contains(env, []byte("\x00GOTRACEBACK=none\x00")) { // only root may read it
			t.Errorf("the server runs with %q", env)
		}
		server.end(signal)
		if server.err != nil {
			t.Errorf("%s: %v", name, server.err)
		}
		if text := in.logs.String(); strings.Contains(text, "goroutine ") || strings.Contains(text, "0x") {
			t.Errorf("%s: the log has a trace:\n%s", name, text)
		}
	}
}

// sendAll sends the events from both addresses, and asks for pages that are not there.
func (w *watch) sendAll(p *process) {
	w.t.Helper()
	for _, address := range []string{canaryAddress4, canaryAddress6} {
		for body, want := range canaryEvents() {
			if got := w.do(p, http.MethodPost, "/api/event", address, "application/json", body); got != want {
				w.t.Errorf("%.200s: answered %d, want %d", body, got, want)
			}
		}
		w.do(p, http.MethodGet, "/", address, "", "")
		w.do(p, http.MethodGet, "/example.com?x="+canaryMail, address, "", "")
		w.do(p, http.MethodGet, "/api/v9/"+canaryMail, address, "", "")
		w.do(p, http.MethodGet, "/js/"+canaryMail, address, "", "")
		w.do(p, http.MethodDelete, "/api/event", address, "", "")
		w.do(p, http.MethodPost, "/api/login", address, "application/json", `{"name":"`+canaryMail+`","password":"`+canaryMail+`"}`)
		w.do(p, http.MethodPost, "/api/v2/query", address, "application/json", canaryMail)
	}
}

// addSecrets adds the salts and visitors' keys that are alive, from the memory of the server; what describes a person is not there.
func (w *watch) addSecrets(in *installation) {
	w.t.Helper()
	found := 0
	for _, kv := range in.env {
		dir, ok := strings.CutPrefix(kv, "RUNTIME_DIRECTORY=")
		if !ok {
			continue
		}
		(&watch{t: w.t, canaries: canaries()}).files(dir)
		names, err := filepath.Glob(dir + "/*/*.mem")
		if err != nil {
			w.t.Fatal(err)
		}
		for _, name := range names {
			found += w.addTable(name)
		}
	}
	if _, ok := pipeline.MemoryDir(os.Getenv); !ok {
		w.t.Log("no memory-backed directory: salts and keys are looked for by turf verify only")
	} else if found == 0 {
		w.t.Error("no tables of visitors were found")
	}
}

// addTable reads the table of the one site's one day.
func (w *watch) addTable(name string) (visitors int) {
	w.t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	const headBytes = 4096 // as tableHeadBytes in package pipeline
	mem := &aggregate.HeapMemory{}
	b, err := mem.Grow(len(text) - headBytes)
	if err != nil {
		w.t.Fatal(err)
	}
	copy(b, text[headBytes:])
	loc, err := schema.LoadLocation(quietZone())
	if err != nil {
		w.t.Fatal(err)
	}
	date := strings.TrimSuffix(filepath.Base(name), ".mem")
	today, err := schema.ParseDay(date[strings.IndexByte(date, '-')+1:])
	if err != nil {
		w.t.Fatal(err)
	}
	day, err := aggregate.Open(aggregate.Config{Site: 1, Day: today, Location: loc, K: schema.DefaultK}, mem)
	if err != nil {
		w.t.Fatal(err)
	}
	salt := day.Salt()
	w.canaries = append(w.canaries, newCanary("the salt", salt[:]))
	for key := range day.Keys {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			w.canaries = append(w.canaries, newCanary("a visitor's key", order.AppendUint64(order.AppendUint64(nil, key[0]), key[1])))
		}
		visitors++
	}
	if visitors != 2 {
		w.t.Errorf("%s has %d visitors, want 2", name, visitors)
	}
	return visitors
}

// questions asks for all values of all dimensions.
func (w *watch) questions(p *process, key string) {
	w.t.Helper()
	for _, d := range []string{
		"event:page", "event:hostname", "visit:entry_page", "visit:exit_page", "visit:channel", "visit:source", "visit:referrer",
		"visit:utm_source", "visit:utm_campaign", "visit:country", "visit:city", "visit:device", "visit:browser",
		"visit:browser_version", "visit:os", "visit:os_version", "visit:language", "visit:screen", "event:name", "event:props:who",
	} {
		metric := "visitors"
		if d == "event:hostname" {
			metric = "pageviews" // visitors of all its pages cannot be told
		}
		question := map[string]any{
			"site_id": "example.com", "metrics": []string{metric}, "date_range": "day", "dimensions": []string{d},
		}
		if strings.HasPrefix(d, "event:props:") {
			question["filters"] = []any{[]any{"is", "event:name", []string{"Signup"}}}
		}
		body := eventually(w.t, "an answer by "+d, func() (string, bool) {
			status, body := p.ask(key, question)
			return body, status != http.StatusOK || strings.Contains(body, `{"metrics":[`)
		})
		if !strings.Contains(body, `"results"`) {
			w.t.Errorf("by %s: %s", d, body)
		}
		w.text("the answer by "+d, []byte(body))
	}
}

// verify asks the program itself, which knows the salts and keys.
func (w *watch) verify(in *installation) {
	w.t.Helper()
	r := in.turf("", "verify")
	if r.status != 0 || !strings.Contains(r.stdout, "keys of 2 of 2 visitors") {
		w.t.Errorf("turf verify: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	w.text("turf verify", []byte(r.stdout+r.stderr))
}

// tables looks at all columns of all tables that are no views into the engine itself.
func (w *watch) tables(in *installation) {
	w.t.Helper()
	found := 0
	for _, row := range in.sql(`SELECT database, name FROM system.tables
		WHERE engine NOT LIKE 'System%' AND lower(database) != 'information_schema'`) {
		table := fmt.Sprintf("`%s`.`%s`", row[0], row[1])
		columns := "*"
		if row[1] == "consented_events" {
			columns = "* REPLACE (toString(props) AS props)" // Select reads no maps
		}
		rows := in.sql("SELECT " + columns + " FROM " + table)
		w.text("table "+table, fmt.Append(nil, rows))
		found += len(rows)
	}
	if found < 50 {
		w.t.Errorf("only %d rows in the tables", found)
	}
}
