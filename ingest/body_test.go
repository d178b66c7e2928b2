package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"turf/aggregate"
	"turf/schema"
)

// bodyView is what a test compares of a body; a body itself cannot be printed.
type bodyView struct {
	Name, URL, Referrer, Domain, Host string
	Props                             string // "name=value name=value"
	Passive, Hash, Engaged            bool
	Vitals                            string // "name=value name=value"
}

func viewOf(b *body) bodyView {
	var props []string
	for _, p := range b.props {
		props = append(props, p.Name+"="+p.Value)
	}
	var vitals []string
	for v, m := range b.vitals {
		if m.Known {
			vitals = append(vitals, fmt.Sprintf("%s=%d", schema.Vital(v), m.Value))
		}
	}
	return bodyView{
		b.name, b.url, b.referrer, b.domain, b.host, strings.Join(props, " "), b.passive, b.hash, b.engaged,
		strings.Join(vitals, " "),
	}
}

// Every rule of the keys (Plausible's interface, §1.1). {} stands for a page view of https://example.com/, to which a test adds.
func TestBody(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := map[string]struct {
		in   string
		want bodyView // of a valid body; fields left empty are those of the page view
		bad  string   // the field that is wrong
	}{
		"short keys": {
			in:   `{"n":"Signup","u":"https://a.example/x","d":"b.example","r":"https://c.example/"}`,
			want: bodyView{Name: "Signup", URL: "https://a.example/x", Domain: "b.example", Host: "a.example", Referrer: "https://c.example/"},
		},
		"long keys": {
			in:   `{"name":"Signup","url":"https://a.example/x","domain":"b.example","referrer":"https://c.example/"}`,
			want: bodyView{Name: "Signup", URL: "https://a.example/x", Domain: "b.example", Host: "a.example", Referrer: "https://c.example/"},
		},
		"unknown keys":                 {in: `{+"wd":1440,"v":31,"future":{"a":[1,{"b":null}]},"x":"y"}`},
		"white space":                  {in: " {+\n\t \"w\" : 1 }\r\n "},
		"escapes":                      {in: `{+"r":"https:\/\/x.example\/\u00e9\ud83d\ude00\n"}`, want: bodyView{Referrer: "https://x.example/é😀\n"}},
		"half a surrogate":             {in: `{+"r":"a\ud83db"}`, want: bodyView{Referrer: "a\uFFFDb"}},
		"the last of one key counts":   {in: `{+"r":"a","referrer":"b"}`, want: bodyView{Referrer: "b"}},
		"name: integer":                {in: `{+"n":404}`, want: bodyView{Name: "404"}},
		"name: negative integer":       {in: `{+"n":-1}`, want: bodyView{Name: "-1"}},
		"name: fraction":               {in: `{+"n":4.5}`, bad: "name"},
		"name: bool":                   {in: `{+"n":true}`, bad: "name"},
		"name: list":                   {in: `{+"n":["a"]}`, bad: "name"},
		"name: missing":                {in: `{"u":"https://example.com/"}`, bad: "name"},
		"name: null is missing":        {in: `{"n":null,"u":"https://example.com/"}`, bad: "name"},
		"name: empty":                  {in: `{+"n":" "}`, bad: "name"},
		"name: nothing to be seen":     {in: `{+"n":"\u0001\u0085 "}`, bad: "name"},
		"name: spaces around":          {in: `{+"n":"  A b "}`, want: bodyView{Name: "A b"}},
		"name: 120 characters":         {in: `{+"n":"` + strings.Repeat("é", 120) + `"}`, want: bodyView{Name: strings.Repeat("é", 120)}},
		"name: 121 characters":         {in: `{+"n":"` + strings.Repeat("é", 121) + `"}`, bad: "name"},
		"url: missing":                 {in: `{"n":"pageview","d":"example.com"}`, bad: "url"},
		"url: number":                  {in: `{+"u":1}`, bad: "url"},
		"url: data:":                   {in: `{+"u":"data:text/html,x"}`, bad: "url"},
		"url: DATA:":                   {in: `{+"u":"DATA:text/html,x"}`, bad: "url"},
		"url: javascript:":             {in: `{+"u":"javascript:alert(1)"}`, bad: "url"},
		"url: 2000 bytes":              {in: `{+"u":"https://example.com/` + long(1980) + `"}`, want: bodyView{URL: "https://example.com/" + long(1980)}},
		"url: 2001 bytes":              {in: `{+"u":"https://example.com/` + long(1981) + `"}`, bad: "url"},
		"url: no host":                 {in: `{+"u":"/a/b","d":"example.com"}`, want: bodyView{URL: "/a/b", Domain: "example.com", Host: "(none)"}},
		"url: app":                     {in: `{+"u":"app://localhost/a"}`, want: bodyView{URL: "app://localhost/a", Domain: "localhost", Host: "localhost"}},
		"url: host that is none":       {in: `{+"u":"https://a b/"}`, bad: "url"},
		"url: www. and case":           {in: `{+"u":"https://WWW.Example.com/"}`, want: bodyView{URL: "https://WWW.Example.com/", Host: "example.com"}},
		"domain: missing":              {in: `{+}`, want: bodyView{Domain: "example.com"}},
		"domain: null":                 {in: `{+"d":null}`, want: bodyView{Domain: "example.com"}},
		"domain: empty":                {in: `{+"d":" , "}`, want: bodyView{Domain: "example.com"}},
		"domain: missing, as the host": {in: `{+"u":"/a"}`, bad: "domain"},
		"domain: number":               {in: `{+"d":5}`, bad: "domain"},
		"domain: list":                 {in: `{+"d":"a.example, b.example"}`, want: bodyView{Domain: "a.example, b.example"}},
		"domain: 16":                   {in: `{+"d":"` + strings.Repeat("a,", 15) + `a"}`, want: bodyView{Domain: strings.Repeat("a,", 15) + "a"}},
		"domain: 17":                   {in: `{+"d":"` + strings.Repeat("a,", 16) + `a"}`, bad: "domain"},
		"referrer: null":               {in: `{+"r":null}`},
		"referrer: number":             {in: `{+"r":1}`, bad: "referrer"},
		"referrer: cut at 2000":        {in: `{+"r":"` + long(1999) + `é"}`, want: bodyView{Referrer: long(1999)}},
		"vitals":                       {in: `{+"n":"vitals","vitals":{"lcp":1200.9}}`, want: bodyView{Name: "vitals", Vitals: "lcp=1200"}},
		"vitals: other values":         {in: `{+"n":"vitals","vitals":{"lcp":-1,"cls":"3","x":1,"inp":null,"ttfb":0}}`, want: bodyView{Name: "vitals", Vitals: "ttfb=0"}},
		"vitals: too large":            {in: `{+"n":"vitals","vitals":{"fcp":1e300,"cls":1e6}}`, want: bodyView{Name: "vitals", Vitals: "cls=10000 fcp=60000"}},
		"vitals: none":                 {in: `{+"n":"vitals","vitals":{"lcp":"fast"}}`, bad: "vitals"},
		"vitals: no object":            {in: `{+"n":"vitals","vitals":5,"p":{"lcp":"1"}}`, want: bodyView{Name: "vitals", Props: "lcp=1"}},
		"vitals: of another event":     {in: `{+"n":"Signup","vitals":{"a":1}}`, want: bodyView{Name: "Signup"}},
		"props: object":                {in: `{+"p":{"a":"b","n":1.50,"t":true,"f":false}}`, want: bodyView{Props: "a=b n=1.50 t=true f=false"}},
		"props: long key":              {in: `{+"props":{"a":"b"}}`, want: bodyView{Props: "a=b"}},
		"props: m and meta":            {in: `{+"m":{"a":"b"},"meta":{"c":"d"}}`, want: bodyView{Props: "c=d"}},
		"props: JSON in a string":      {in: `{+"p":"{\"a\":\"b\",\"c\":2}"}`, want: bodyView{Props: "a=b c=2"}},
		"props: no JSON in a string":   {in: `{+"p":"a=b"}`},
		"props: half JSON in a string": {in: `{+"p":"{\"a\":\"b\""}`},
		"props: more after the JSON":   {in: `{+"p":"{\"a\":\"b\"} x"}`},
		"props: a list":                {in: `{+"p":["a"]}`},
		"props: null":                  {in: `{+"p":null}`},
		"props: lists, objects, empty": {in: `{+"p":{"a":["x"],"b":{"c":1},"d":"","e":null,"":"x","f":"g"}}`, want: bodyView{Props: "f=g"}},
		"props: the last counts":       {in: `{+"p":{"a":"b","c":"d","a":"e"}}`, want: bodyView{Props: "a=e c=d"}},
		"props: name of 300 bytes":     {in: `{+"p":{"` + long(300) + `":"b"}}`, want: bodyView{Props: long(300) + "=b"}},
		"props: name of 301 bytes":     {in: `{+"p":{"` + long(301) + `":"b"}}`, bad: "props"},
		"props: value of 2000 bytes":   {in: `{+"p":{"a":"` + long(2000) + `"}}`, want: bodyView{Props: "a=" + long(2000)}},
		"props: value of 2001 bytes":   {in: `{+"p":{"a":"` + long(2001) + `"}}`, bad: "props"},
		"interactive: false":           {in: `{+"i":false}`, want: bodyView{Passive: true}},
		"interactive: long":            {in: `{+"interactive":false}`, want: bodyView{Passive: true}},
		"interactive: true":            {in: `{+"i":true}`},
		"interactive: nonsense":        {in: `{+"i":"false"}`},
		"hash mode: 1":                 {in: `{+"h":1}`, want: bodyView{Hash: true}},
		"hash mode: long":              {in: `{+"hashMode":true}`, want: bodyView{Hash: true}},
		"hash mode: 0":                 {in: `{+"h":0}`},
		"engagement":                   {in: `{+"n":"engagement"}`, bad: "engagement"},
		"engagement: scroll depth":     {in: `{+"n":"engagement","sd":40}`, want: bodyView{Name: "engagement", Engaged: true}},
		"engagement: time":             {in: `{+"n":"engagement","e":40}`, want: bodyView{Name: "engagement", Engaged: true}},
		"engagement: both null":        {in: `{+"n":"engagement","e":null,"sd":null}`, bad: "engagement"},
		"engagement: text":             {in: `{+"n":"engagement","e":"40"}`, bad: "engagement"},
		"revenue: invalid is ignored":  {in: `{+"$":{"currency":"??","amount":[]}}`},
		"revenue: a string":            {in: `{+"$":"12"}`},
		"revenue: amount as text":      {in: `{+"revenue":{"currency":"EUR","amount":"12.50"}}`},
		"empty":                        {in: "", bad: "request"},
		"no object":                    {in: `["pageview"]`, bad: "request"},
		"two objects":                  {in: `{+}{+}`, bad: "request"},
		"comma at the end":             {in: `{+"w":1,}`, bad: "request"},
		"single quotes":                {in: `{'n':'pageview'}`, bad: "request"},
		"control character":            {in: "{+\"r\":\"a\nb\"}", bad: "request"},
		"NUL":                          {in: `{+"r":"\u0000"}`, bad: "request"},
		"no UTF-8":                     {in: "{+\"r\":\"\xff\"}", bad: "request"},
		"number with a zero before":    {in: `{+"w":012}`, bad: "request"},
		"too deep":                     {in: `{+"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, bad: "request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := strings.ReplaceAll(tt.in, "{+}", `{"n":"pageview","u":"https://example.com/"}`)
			in = strings.Replace(in, "{+", `{"n":"pageview","u":"https://example.com/",`, 1)
			var b body
			err := b.parse(in)
			if tt.bad != "" || err != nil {
				if got := invalidField(err); got != tt.bad {
					t.Fatalf("%s: error %v, want one of %q", in, err, tt.bad)
				}
				return
			}
			want := tt.want
			for field, value := range map[*string]string{
				&want.Name: "pageview", &want.URL: "https://example.com/", &want.Domain: "example.com", &want.Host: "example.com",
			} {
				if *field == "" {
					*field = value
				}
			}
			if diff := cmp.Diff(want, viewOf(&b)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// More than 30 properties: those after the 30th are left out, and those before are not.
func TestBodyTruncatesProps(t *testing.T) {
	props := map[string]string{}
	var order []string
	for i := range 40 {
		name := "p" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		props[name], order = "v", append(order, `"`+name+`":"v"`)
	}
	var b body
	err := b.parse(`{"n":"x","u":"https://example.com/","p":{` + strings.Join(order, ",") + `}}`)
	if err != nil || len(b.props) != maxProps || b.props[29].Name != strings.Trim(strings.Split(order[29], ":")[0], `"`) {
		t.Errorf("%d properties, %v", len(b.props), err)
	}
}

func TestBodyKind(t *testing.T) {
	for name, want := range map[string]aggregate.Kind{
		"pageview": aggregate.Pageview, "engagement": aggregate.Engagement, "Pageview": aggregate.Custom, "404": aggregate.Custom,
	} {
		if got := (&body{name: name}).kind(); got != want {
			t.Errorf("%s is of kind %d, want %d", name, got, want)
		}
	}
}

// FuzzBody: whatever comes, parse does not panic, its errors are *InvalidError and do not repeat the body; it takes no text that
// encoding/json does not take, and what is taken keeps the limits.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"n":"pageview","u":"https://example.com/a?utm_source=x#y","d":"example.com","r":"https://google.com/","w":1440,"h":1}`,
		`{"name":"engagement","url":"https://example.com/","domain":"a,b","sd":40,"e":12000,"v":31}`,
		`{"n":404,"u":"//x","p":"{\"a\":1,\"b\":[1],\"c\":null}","i":false,"$":{"currency":"EUR","amount":"1.50"}}`,
		`{"n":"\ud83d\ude00","u":"\u002f","m":{"a":{"b":["c"]}}}`, `{}`, `[]`, `{"n":1e999}`, "\xff", "{\"\x00\":1}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b body
		if err := b.parse(s); err != nil {
			if invalidField(err) == "" {
				t.Fatalf("%q: %v is no InvalidError", s, err)
			}
			if len(s) > 30 && strings.Contains(err.Error(), s) {
				t.Errorf("the error repeats the body: %v", err)
			}
			return
		}
		if !json.Valid([]byte(s)) {
			t.Errorf("%q is no JSON and was taken", s)
		}
		v := viewOf(&b)
		if v.Name == "" || v.URL == "" || v.Domain == "" || v.Host == "" || len(v.URL) > maxURLBytes ||
			len(v.Referrer) > maxReferrerBytes || len(b.props) > maxProps || strings.Count(v.Domain, ",") >= MaxDomains {
			t.Errorf("%q became %+v", s, v)
		}
		for _, p := range b.props {
			if p.Name == "" || p.Value == "" || len(p.Name) > maxPropNameBytes || len(p.Value) > maxPropBytes {
				t.Errorf("%q has the property %q = %q", s, p.Name, p.Value)
			}
		}
	})
}
