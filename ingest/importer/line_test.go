package importer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	head  = `203.0.113.9 - - [17/May/2015:10:05:03 +0200] "GET /a HTTP/1.1" 200 12`
	agent = `Mozilla/5.0 (X11; Linux x86_64)`
)

func TestParse(t *testing.T) {
	at := time.Date(2015, 5, 17, 8, 5, 3, 0, time.UTC).Unix()
	base := line{host: "203.0.113.9", ident: "-", user: "-", time: at, request: "GET /a HTTP/1.1", status: 200, size: 12}
	with := func(change func(*line)) line { l := base; change(&l); return l }
	combined := func(referer, agent string) line {
		return with(func(l *line) { l.combined, l.referer, l.agent = true, referer, agent })
	}
	from := func(host string) string { return strings.Replace(head, "203.0.113.9", host, 1) }
	tests := map[string]struct {
		in     string
		format Format
		want   line
		err    error
	}{
		"common":                {in: head, want: base},
		"combined":              {in: head + ` "http://x.org/" "` + agent + `"`, want: combined("http://x.org/", agent)},
		"nothing known":         {in: head + ` "-" "-"`, want: combined("", "")},
		"more fields":           {in: head + ` "-" "a" "198.51.100.7" 0.004`, want: combined("", "a")},
		"quote escaped":         {in: head + ` "-" "a \"b\" c"`, want: combined("", `a "b" c`)},
		"quote as hex":          {in: head + ` "-" "a \x22b\x22 c"`, want: combined("", `a "b" c`)},
		"quote left as it was":  {in: head + ` "-" "a"b"`, want: combined("", `a"b`)},
		"backslash":             {in: head + ` "-" "a\\b\qc\x1"`, want: combined("", `a\b\qc\x1`)},
		"escaped bytes":         {in: head + ` "-" "\xc3\xa9\t"`, want: combined("", "é\t")},
		"IPv6":                  {in: from("2001:db8::1"), want: with(func(l *line) { l.host = "2001:db8::1" })},
		"host name":             {in: from("a.example"), want: with(func(l *line) { l.host = "a.example" })},
		"user with a space":     {in: strings.Replace(head, "- - [", "- Ann Lee [", 1), want: with(func(l *line) { l.user = "Ann Lee" })},
		"no size":               {in: strings.TrimSuffix(head, "12") + "-", want: with(func(l *line) { l.size = -1 })},
		"no HTTP":               {in: strings.Replace(head, "GET /a HTTP/1.1", `\x16\x03`, 1), want: with(func(l *line) { l.request = "\x16\x03" })},
		"common asked":          {in: head + ` "-" "a"`, format: Common, want: base},
		"common with a time":    {in: head + ` 0.004`, format: Common, want: base},
		"combined asked":        {in: head, format: Combined, err: errAgent},
		"referrer only":         {in: head + ` "http://x.org/"`, err: errRest},
		"agent without an end":  {in: head + ` "-" "abc`, err: errRest},
		"empty":                 {in: "", err: errTime},
		"no fields":             {in: "x [17/May/2015:10:05:03 +0200] \"GET / HTTP/1.1\" 200 1", err: errFields},
		"no such month":         {in: strings.Replace(head, "May", "Mai", 1), err: errTime},
		"no such day":           {in: strings.Replace(head, "17/May", "31/Jun", 1), err: errTime},
		"request without quote": {in: strings.Replace(head, `"GET`, `GET`, 1), err: errRequest},
		"status of two digits":  {in: strings.Replace(head, " 200 ", " 20 ", 1), err: errStatus},
		"status of letters":     {in: strings.Replace(head, " 200 ", " 2x0 ", 1), err: errStatus},
		"negative size":         {in: strings.TrimSuffix(head, "12") + "-12", err: errSize},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got line
			if err := got.parse(tt.in, tt.format); err != tt.err {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if tt.err == nil && got != tt.want {
				t.Errorf("got  %s\nwant %s", got.append(nil), tt.want.append(nil))
			}
		})
	}
}

func TestPage(t *testing.T) {
	tests := []struct {
		request string
		status  int
		target  string
		drop    string
	}{
		{"GET /a/b?x=1 HTTP/1.1", 200, "/a/b?x=1", ""},
		{"GET / HTTP/2.0", 304, "/", ""},
		{"GET /", 204, "/", ""},
		{"GET /a b HTTP/1.1", 200, "/a b", ""},
		{"GET http://example.com/p?q HTTP/1.1", 200, "/p?q", ""},
		{"GET http://example.com HTTP/1.1", 200, "/", ""},
		{"GET /v1.2/ HTTP/1.1", 200, "/v1.2/", ""},
		{"GET /index.html HTTP/1.1", 200, "/index.html", ""},
		{"GET /logo.PNG?v=3 HTTP/1.1", 200, "", DropAsset},
		{"GET /a.css#x HTTP/1.1", 200, "", DropAsset},
		{"GET /?page=a.css HTTP/1.1", 200, "/?page=a.css", ""},
		{"POST / HTTP/1.1", 200, "", DropMethod},
		{"HEAD / HTTP/1.1", 200, "", DropMethod},
		{"GET * HTTP/1.1", 200, "", DropMethod},
		{"-", 408, "", DropMethod},
		{"GET / HTTP/1.1", 301, "", DropStatus},
		{"GET / HTTP/1.1", 404, "", DropStatus},
		{"GET / HTTP/1.1", 199, "", DropStatus},
	}
	for _, tt := range tests {
		l := line{request: tt.request, status: tt.status}
		if target, drop := l.page(); target != tt.target || drop != tt.drop {
			t.Errorf("%q %d: got %q, %q; want %q, %q", tt.request, tt.status, target, drop, tt.target, tt.drop)
		}
	}
}

// The address and the agent of a line cannot be printed by accident.
func TestLineIsSilent(t *testing.T) {
	l := line{host: "203.0.113.9", agent: agent, referer: "secret"}
	for _, s := range []string{fmt.Sprint(l), fmt.Sprintf("%+v %#v %s %q", l, &l, l, &l), fmt.Sprint([]line{l})} {
		if strings.Contains(s, "203.0") || strings.Contains(s, "Mozilla") || strings.Contains(s, "secret") {
			t.Errorf("printed: %s", s)
		}
	}
	if b, err := json.Marshal(l); err == nil {
		t.Errorf("marshalled: %s", b)
	}
}

// FuzzLine: parse never panics, its errors hold nothing of the line, and a parsed line written again is the same line.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		head, head + ` "-" "-"`, head + ` "http://x/?a=\"b\"" "` + agent + `" extra`, head + ` "-" "\x22\\\n\q" "`,
		`::1 - a b [01/Jan/1970:00:00:00 +0545] "\x16" 000 -`, ``, ` [`, `a b c [`, head + ` "a" b" "c"`,
		`h - - [31/Dec/9999:23:59:59 -1400] "GET / HTTP/1.0" 200 9223372036854775807 "-" "x"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, format := range []Format{Auto, Common, Combined} {
			var l, again line
			if err := l.parse(s, format); err != nil {
				if len(s) > 8 && strings.Contains(err.Error(), s) {
					t.Errorf("%s: the error repeats the line", format)
				}
				continue
			}
			l.page()
			text := l.append(nil)
			if err := again.parse(string(text), format); err != nil {
				t.Fatalf("%s: %q was written as %q: %v", format, s, text, err)
			}
			if again != l {
				t.Fatalf("%s: %q was written as %q, read as %q", format, s, text, again.append(nil))
			}
		}
	})
}
