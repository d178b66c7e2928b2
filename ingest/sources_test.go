package ingest

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"turf/schema"
)

func testSources(t testing.TB) *Sources {
	t.Helper()
	s, err := NewSources()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sourceCase is a line of testdata/sources.txt.
type sourceCase struct{ query, referrer, source, channel, rule string }

func sourceCases(t testing.TB) []sourceCase {
	t.Helper()
	text, err := os.ReadFile("testdata/sources.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []sourceCase
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, " | ")
		if len(f) != 5 || f[4] == "" {
			t.Fatalf("want five fields: %s", line)
		}
		for i := range f {
			if f[i] == "-" {
				f[i] = ""
			}
		}
		cases = append(cases, sourceCase{f[0], f[1], f[2], f[3], f[4]})
	}
	return cases
}

func mustQuery(t testing.TB, q string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Must hold 5 of issue 3: at least 300 combinations of referrer and tags.
func TestSourcesAndChannels(t *testing.T) {
	s, cases := testSources(t), sourceCases(t)
	if len(cases) < 300 {
		t.Errorf("%d combinations are too few", len(cases))
	}
	channels := map[string]bool{}
	for _, c := range cases {
		got := s.Attribute("shop.example", mustQuery(t, c.query), c.referrer)
		if got.Source != c.source || got.Channel != c.channel {
			t.Errorf("?%s from %q: %q, %q; want %q, %q (%s)", c.query, c.referrer, got.Source, got.Channel, c.source, c.channel, c.rule)
		}
		channels[c.channel] = true
	}
	for _, rule := range channelRules {
		if !channels[rule.channel] {
			t.Errorf("no combination ends in %s", rule.channel)
		}
	}
}

func TestAttribution(t *testing.T) {
	s := testSources(t)
	for _, c := range []struct {
		query, referrer string
		want            Attribution
	}{
		{
			"utm_source=Fb&utm_medium=CPC&utm_campaign=Spring&utm_content=a+b&utm_term=shoes", "https://l.facebook.com/l.php?u=secret#x",
			Attribution{"Paid Social", "Facebook", "Spring", "l.facebook.com/l.php", "Fb", "CPC", "a b", "shoes"},
		},
		{"", "https://www.google.com/", Attribution{Channel: "Organic Search", Source: "Google", Referrer: "google.com"}},
		{"", "https://User:pw@Blog.Example.org:443/a/b/?q=1#f", Attribution{Channel: "Referral", Source: "example.org", Referrer: "blog.example.org/a/b"}},
		{
			"", "https://example.org/users/jan@example.org/reset/0123456789abcdef0123456789abcdef",
			Attribution{Channel: "Referral", Source: "example.org", Referrer: "example.org/users/:id/reset/:id"},
		},
		{"", "https://www.paypal.com/checkout/1", Attribution{Channel: "Direct"}},
		{"utm_source=acme", "https://www.paypal.com/checkout/1", Attribution{Channel: "Referral", Source: "acme", UTMSource: "acme"}},
		{"utm_campaign=jan%40example.org", "", Attribution{Channel: "Direct", Campaign: hidden}},
		{"", "android-app://com.Slack/x/y", Attribution{Channel: "Referral", Source: "Slack", Referrer: "android-app://com.slack"}},
	} {
		if got := s.Attribute("shop.example", mustQuery(t, c.query), c.referrer); got != c.want {
			t.Errorf("?%s from %s:\n got %+v\nwant %+v", c.query, c.referrer, got, c.want)
		}
	}
}

func TestReferrerSpam(t *testing.T) {
	s := testSources(t)
	for referrer, want := range map[string]bool{
		"https://semalt.com/": true, "http://a.buttons-for-website.com/x": true, "https://example.org/semalt.com": false, "": false,
		"https://notsemalt.com/": false,
	} {
		if _, got := s.attribute("example.net", nil, referrer); got != want {
			t.Errorf("%q: %t", referrer, got)
		}
	}
}

func TestSourceListMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"search Google":                                `want "KIND NAME: WORDS"`,
		"thing Google: google.com":                     `want "KIND NAME: WORDS"`,
		"search A: a.example\nsearch A: b.example":     "is there twice",
		"search A: a.example\nsearch B: a.example":     "is also A",
		"search A: a.example, =x\nai B: b.example, =x": "is also A",
		"search A: Example.com":                        "not in lower case",
		"search A: a.example,":                         "an empty word",
		"search A: a.example":                          "the network Google",
	} {
		if _, err := readSources(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestAttributeAllocations(t *testing.T) {
	s := testSources(t)
	tagged := mustQuery(t, "utm_source=facebook&utm_medium=cpc&utm_campaign=spring")
	for _, c := range []struct {
		name, referrer string
		query          url.Values
		max            float64
	}{
		{"nothing", "", nil, 0},
		{"known", "https://www.google.com/", nil, 0},
		{"unknown", "https://blog.example.org/", nil, 1}, // in publicsuffix, which first tries to read an address
		{"own", "https://shop.example/cart", nil, 0},
		{"with a path", "https://blog.example.org/a/post", nil, 2},
		{"tagged", "https://l.facebook.com/", tagged, 0},
	} {
		if n := testing.AllocsPerRun(100, func() { s.Attribute("shop.example", c.query, c.referrer) }); n > c.max {
			t.Errorf("%s: %v allocations, want %v", c.name, n, c.max)
		}
	}
}

// FuzzAttribute: whatever the link and the referrer, the channel is one of the table, every value is fit to be a
// dimension and has no e-mail address in it, and the source of a page's own host is its tag or nothing.
func FuzzAttribute(f *testing.F) {
	s := testSources(f)
	for _, c := range sourceCases(f) {
		f.Add("shop.example", c.query, c.referrer)
	}
	f.Fuzz(func(t *testing.T, pageHost, rawQuery, referrer string) {
		query, _ := url.ParseQuery(rawQuery)
		a := s.Attribute(pageHost, query, referrer)
		if !slices.ContainsFunc(channelRules[:], func(r channelRule) bool { return r.channel == a.Channel }) {
			t.Fatalf("channel %q", a.Channel)
		}
		for _, v := range []string{a.Source, a.Campaign, a.Referrer, a.UTMSource, a.UTMMedium, a.UTMContent, a.UTMTerm} {
			if schema.CleanValue(v) != v {
				t.Fatalf("%q is not fit to be a dimension", v)
			}
			if hasEmail(v) {
				t.Fatalf("%q has an e-mail address in it", v)
			}
		}
		if strings.ContainsAny(a.Referrer, "?#") {
			t.Fatalf("referrer %q", a.Referrer)
		}
		if own := s.Attribute(pageHost, nil, "https://"+pageHost+"/x"); own.Source != "" && own.Source == pageHost {
			t.Fatalf("own host %q is a source: %+v", pageHost, own)
		}
	})
}

func BenchmarkAttribute(b *testing.B) {
	s := testSources(b)
	tagged := mustQuery(b, "utm_source=facebook&utm_medium=cpc&utm_campaign=spring")
	for _, c := range []struct {
		name, referrer string
		query          url.Values
	}{
		{"direct", "", nil},
		{"known", "https://www.google.com/", nil},
		{"unknown", "https://blog.example.org/a/post", nil},
		{"tagged", "https://l.facebook.com/", tagged},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Attribute("shop.example", c.query, c.referrer)
			}
		})
	}
}
