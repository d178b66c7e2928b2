package ingest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"turf/schema"
)

// TestDescribe: what the opt-in path may keep of a hit, and what it may not have.
func TestDescribe(t *testing.T) {
	agents, err := NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := NewSteps(nil, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDescriber(steps, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false, 0)
	site := schema.Site{ID: 1, Domain: "example.com", Timezone: "UTC", Settings: &schema.Settings{
		ExcludePages: []string{"/admin/**"}, Hostnames: []string{"example.com"}, ExcludeAddresses: []string{"198.51.100.0/24"},
	}}
	const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"
	request := func(address, agent string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/v1/x/events", nil)
		r.RemoteAddr = "10.0.0.1:1"
		r.Header.Set("X-Forwarded-For", address)
		r.Header.Set("User-Agent", agent)
		return r
	}
	for _, c := range []struct {
		name, url, address, agent string
		drop                      DropReason
	}{
		{"pageview", "https://example.com/a", "192.0.2.1", firefox, Passed},
		{"pageview", "https://example.com/admin/x", "192.0.2.1", firefox, DropPage},
		{"pageview", "https://example.net/a", "192.0.2.1", firefox, DropHostname},
		{"pageview", "https://example.com/a", "198.51.100.7", firefox, DropAddress},
		{"pageview", "https://example.com/a", "192.0.2.1", "Googlebot/2.1", DropRobot},
	} {
		_, drop, err := d.Describe(request(c.address, c.agent), &site, &Sighting{Name: c.name, URL: c.url, At: time.Now()})
		if err != nil || drop != c.drop {
			t.Errorf("%s from %s: %v, %v; want %v", c.url, c.address, drop, err, c.drop)
		}
	}
	got, drop, err := d.Describe(request("192.0.2.1", firefox), &site, &Sighting{
		Name: "Signup", URL: "https://www.example.com/u/anna@example.com?utm_source=news", Referrer: "https://google.com/x",
		Props: map[string]string{"plan": "pro", "mail": "anna@example.com"}, At: time.Now(),
	})
	if err != nil || drop != Passed {
		t.Fatal(drop, err)
	}
	want := Description{
		Name: "Signup", Hostname: "example.com", Path: "/u/:id", Props: map[string]string{"plan": "pro", "mail": ":id"},
		Channel: got.Channel, Source: "news", Referrer: got.Referrer, Device: "Desktop", Browser: "Firefox", OS: "Windows",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, bad := range []Sighting{{Name: "engagement", URL: "https://example.com/"}, {URL: "https://example.com/"}, {Name: "x"}} {
		var invalid *InvalidError
		if _, _, err := d.Describe(request("192.0.2.1", firefox), &site, &bad); !errors.As(err, &invalid) {
			t.Errorf("%q at %q: %v", bad.Name, bad.URL, err)
		}
	}
	if host, path, ok := d.CleanPage(&site, "https://www.example.com/b?x=1#y"); host != "example.com" || path != "/b" || !ok {
		t.Errorf("%s %s %v", host, path, ok)
	}
	for _, url := range []string{"https://example.com/admin/x", "https://example.net/", "data:x", "https://exa mple/"} {
		if _, _, ok := d.CleanPage(&site, url); ok {
			t.Errorf("%s is a page", url)
		}
	}
	now, allowed := time.Now(), 0
	for range 2 * SeldomPerMin {
		if d.AllowSeldom(request("192.0.2.9", firefox), now) {
			allowed++
		}
	}
	if allowed != SeldomPerMin {
		t.Errorf("%d of one address at once, want %d", allowed, SeldomPerMin)
	}
}
