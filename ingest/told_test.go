package ingest

import (
	"strings"
	"testing"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// An event that another tool tells goes through the steps of live hits: its path is cleaned, its names are those of the closed
// lists, the site's settings hold, and the session is the visitor.
func TestTold(t *testing.T) {
	site := &schema.Site{ID: 3, Domain: "example.com", Settings: &schema.Settings{
		ExcludePages: []string{"/admin/**"}, ExcludeCountries: []string{"DE"},
	}}
	const page = "https://www.example.com/user/ann@example.org?utm_source=news"
	for _, c := range []struct {
		what string
		told ToldEvent
		drop DropReason
		kind aggregate.Kind
		want map[schema.Dimension]string
	}{
		{"a page", ToldEvent{URL: page}, Passed, aggregate.Pageview, map[schema.Dimension]string{
			schema.Hostname: "example.com", schema.Path: "/user/:id", schema.Source: "news", schema.UTMSource: "news",
		}},
		{"an event", ToldEvent{URL: page, Name: "Sign up"}, Passed, aggregate.Custom, map[schema.Dimension]string{
			schema.EventName: "Sign up", schema.Path: "/user/:id",
		}},
		{
			"an event with the name of what is none",
			ToldEvent{URL: page, Name: "engagement"},
			Passed, aggregate.Custom,
			map[schema.Dimension]string{schema.EventName: "engagement", schema.Source: "news"},
		},
		{
			"an event on no page",
			ToldEvent{URL: "https://example.com/", Name: "buy", NoPage: true},
			Passed, aggregate.Custom,
			map[schema.Dimension]string{schema.Hostname: "example.com", schema.Path: ""},
		},
		{
			"names",
			ToldEvent{URL: page, Browser: "Chrome Mobile", OS: "Linux", Country: "NL", Region: "NL-NH", Device: "Mobile"},
			Passed,
			aggregate.Pageview,
			map[schema.Dimension]string{
				schema.Browser: "Chrome", schema.OS: "GNU/Linux", schema.Country: "NL", schema.Region: "NL-NH",
			},
		},
		{
			"names that are on no list",
			ToldEvent{URL: page, Browser: "ann@example.org", OS: "Secret"},
			Passed, aggregate.Pageview,
			map[schema.Dimension]string{schema.Browser: "", schema.OS: ""},
		},
		{
			"the name of a source",
			ToldEvent{URL: "https://example.com/a?x=1#y", Source: "Hacker News"},
			Passed, aggregate.Pageview,
			map[schema.Dimension]string{schema.Path: "/a", schema.Source: "Hacker News", schema.UTMSource: ""},
		},
		{"a page that is excluded", ToldEvent{URL: "https://example.com/admin/x"}, DropPage, 0, nil},
		{"a country that is excluded", ToldEvent{URL: page, Country: "DE"}, DropCountry, 0, nil},
		{"no page", ToldEvent{URL: "https://ex ample/"}, DropURL, 0, nil},
	} {
		ev, drop := told(t, site, c.told, "s-1")
		if drop != c.drop || drop == Passed && ev.Kind != c.kind {
			t.Errorf("%s: dropped %q, kind %d", c.what, drop, ev.Kind)
		}
		for d, want := range c.want {
			if ev.Values[d] != want {
				t.Errorf("%s: %s is %q, want %q", c.what, d, ev.Values[d], want)
			}
		}
	}
	one, _ := told(t, site, ToldEvent{URL: page, Browser: "Chrome"}, "s-1")
	same, _ := told(t, site, ToldEvent{URL: "https://example.com/b", Country: "NL"}, "s-1")
	other, _ := told(t, site, ToldEvent{URL: page}, "s-2")
	if one.Visitor != same.Visitor || one.Visitor == other.Visitor || one.Visitor == (aggregate.Key{}) {
		t.Error("the visitor is not the session")
	}
}

// Whatever is done with a told event, what it holds does not come out.
func TestToldEventIsRedacted(t *testing.T) {
	ev := ToldEvent{Session: "secret", URL: "https://secret.example/", Referrer: "https://secret.example/", City: "secret"}
	for name, v := range map[string]any{"ToldEvent": ev, "*ToldEvent": &ev} {
		for form, text := range forms(v) {
			if strings.Contains(text, "secret") && !strings.Contains(form, "%p") { // which go vet refuses
				t.Errorf("%s as %s: %s", name, form, text)
			}
		}
	}
}

func told(t *testing.T, site *schema.Site, ev ToldEvent, session string) (aggregate.Event, DropReason) {
	t.Helper()
	agents, err := NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := NewSteps(nil, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	salt := [16]byte{1}
	ev.Site, ev.Time, ev.Day, ev.Salt, ev.Session = site, time.Unix(1_770_000_000, 0), 20_486, &salt, session
	var out aggregate.Event
	drop, err := steps.Told(&ev, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out, drop
}
