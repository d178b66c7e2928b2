package clickhouse_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"turf/schema"
	"turf/schema/clickhouse"
)

func openSites(t *testing.T, r *clickhouse.Records) *clickhouse.Sites {
	t.Helper()
	s, err := clickhouse.OpenSites(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// names are the sites as NUMBER:NAME.
func names(s *clickhouse.Sites) string {
	var list []string
	for _, site := range s.List() {
		list = append(list, fmt.Sprintf("%d:%s", site.ID, site.Domain))
	}
	return strings.Join(list, " ")
}

func TestSites(t *testing.T) {
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		ctx := t.Context()
		r := openRecords(t, open(t, config))
		other := openRecords(t, open(t, config))
		here, there := openSites(t, r), openSites(t, other)
		add := func(s *clickhouse.Sites, domain string, id schema.SiteID) {
			t.Helper()
			site, err := s.Add(ctx, domain, "Asia/Kathmandu")
			if err != nil || site.ID != id || site.Created.IsZero() || site.Timezone != "Asia/Kathmandu" {
				t.Errorf("add %s: %+v, %v", domain, site, err)
			}
		}
		add(here, "https://WWW.example.com/", 1)
		add(here, "b.example", 2)
		add(there, "a.example", 3) // it looks first what there is
		if _, err := there.Add(ctx, "example.com", "UTC"); !errors.Is(err, clickhouse.ErrExists) {
			t.Errorf("a second time: %v", err)
		}
		if site, err := there.Remove(ctx, "a.example"); err != nil || site.ID != 3 {
			t.Errorf("remove: %+v, %v", site, err)
		}
		if _, err := there.Remove(ctx, "a.example"); !errors.Is(err, clickhouse.ErrNotFound) {
			t.Errorf("remove again: %v", err)
		}
		add(here, "a.example", 4) // 3 is never given again
		statement(t, config, "OPTIMIZE TABLE records FINAL")
		again := openSites(t, openRecords(t, open(t, config)))
		if _, err := again.Remove(ctx, "a.example"); err != nil {
			t.Error(err)
		}
		add(again, "c.example", 5)
		if got, want := names(again), "2:b.example 5:c.example 1:example.com"; got != want {
			t.Errorf("sites %s, want %s", got, want)
		}
		if _, ok := again.ByID(4); ok {
			t.Error("a removed site is found by its number")
		}
	})
}

func TestSitesAddRefuses(t *testing.T) {
	s := openSites(t, openRecords(t, open(t, engineConfig(t))))
	for _, tt := range []struct{ domain, zone, want string }{
		{"", "UTC", "is not a domain"},
		{"a b", "UTC", "is not a domain"},
		{"example.com", "", "is not a time zone"},
		{"example.com", "Local", "is not a time zone"},
		{"example.com", "Europe/Nowhere", "is not a time zone"},
	} {
		if _, err := s.Add(t.Context(), tt.domain, tt.zone); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("add %q in %q: %v", tt.domain, tt.zone, err)
		}
	}
	if names(s) != "" {
		t.Errorf("refused sites are there: %s", names(s))
	}
}

func TestSitesSet(t *testing.T) {
	config := engineConfig(t)
	s := openSites(t, openRecords(t, open(t, config)))
	if _, err := s.Add(t.Context(), "example.com", "UTC"); err != nil {
		t.Fatal(err)
	}
	guard := func(guards ...schema.Guard) func(*schema.Site) error {
		return func(site *schema.Site) error {
			site.Guards = append(site.Guards, guards...)
			return nil
		}
	}
	wish := errors.New("no wish")
	for _, tt := range []struct {
		name, domain string
		change       func(*schema.Site) error
		want         string // of the error, "" for none
	}{
		{"guard", "www.example.com", guard(schema.Guard{From: 100, K: 5}), ""},
		{"no site", "example.org", guard(), clickhouse.ErrNotFound.Error()},
		{"k too small", "example.com", guard(schema.Guard{From: 200, K: 0}), "k is 0 and must be between 1 and 1000"},
		{"k too large", "example.com", guard(schema.Guard{From: 200, K: 1001}), "between 1 and 1000"},
		{"order", "example.com", guard(schema.Guard{From: 99, K: 4}), "order of their days"},
		{
			"time zone", "example.com", func(s *schema.Site) error { s.Timezone = "Europe/Amsterdam"; return nil },
			"its time zone stays UTC",
		},
		{"no name", "example.com", func(s *schema.Site) error { s.Domain = "?"; return nil }, "is not a domain"},
		{"number", "example.com", func(s *schema.Site) error { s.ID = 7; return nil }, "cannot be changed"},
		{"own error", "example.com", func(*schema.Site) error { return wish }, wish.Error()},
	} {
		_, err := s.Set(t.Context(), tt.domain, tt.change)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	again := openSites(t, openRecords(t, open(t, config)))
	for _, sites := range []*clickhouse.Sites{s, again} {
		site, _ := sites.ByDomain("example.com")
		if len(site.Guards) != 1 || site.K(99) != schema.DefaultK || site.K(100) != 5 {
			t.Errorf("site %+v", site)
		}
	}
}

// TestSitesRename: a site gets another name and keeps its number, so its counters. Its old name stands for it until another has it.
func TestSitesRename(t *testing.T) {
	config := engineConfig(t)
	s := openSites(t, openRecords(t, open(t, config)))
	add := func(domain string) {
		t.Helper()
		if _, err := s.Add(t.Context(), domain, "UTC"); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(from, to string) error {
		_, err := s.Set(t.Context(), from, func(site *schema.Site) error { site.Domain = to; return nil })
		return err
	}
	renames := func(from, to string) func() error { return func() error { return rename(from, to) } }
	removesB := func() error {
		_, err := s.Remove(t.Context(), "b.example")
		return err
	}
	add("a.example")
	add("b.example")
	for _, tt := range []struct {
		do   func() error
		fail error
		want map[string]string // the site that a name stands for, by number and name; "" for none
	}{
		{renames("a.example", "b.example"), clickhouse.ErrExists, map[string]string{"a.example": "1:a.example"}},
		{
			renames("a.example", "https://www.C.example/"), nil,
			map[string]string{"a.example": "1:c.example", "www.a.example": "1:c.example", "c.example": "1:c.example"},
		},
		{renames("a.example", "d.example"), nil, map[string]string{"a.example": "1:d.example", "c.example": "1:d.example"}},
		{renames("d.example", "a.example"), nil, map[string]string{"a.example": "1:a.example", "d.example": "1:a.example"}},
		{renames("b.example", "d.example"), nil, map[string]string{"d.example": "2:d.example", "b.example": "2:d.example"}},
		{renames("d.example", "e.example"), nil, map[string]string{"d.example": "2:e.example"}}, // not 1, which had it before
		{renames("e.example", "d.example"), nil, map[string]string{"e.example": "2:d.example"}},
		{func() error { add("b.example"); return nil }, nil, map[string]string{"b.example": "3:b.example", "c.example": "1:a.example"}},
		{removesB, nil, map[string]string{"b.example": "2:d.example"}},
		{removesB, nil, map[string]string{"b.example": "", "d.example": "1:a.example"}},
	} {
		if err := tt.do(); !errors.Is(err, tt.fail) || (err == nil) != (tt.fail == nil) {
			t.Fatalf("%v, want %v", err, tt.fail)
		}
		again := openSites(t, openRecords(t, open(t, config)))
		for name, want := range tt.want {
			for _, sites := range []*clickhouse.Sites{s, again} {
				site, ok := sites.ByDomain(name)
				if got := fmt.Sprintf("%d:%s", site.ID, site.Domain); ok != (want != "") || ok && got != want {
					t.Errorf("%s stands for %s, %v, want %q", name, got, ok, want)
				}
			}
		}
	}
	for i := range schema.MaxFormerNames + 2 {
		if err := rename("a.example", fmt.Sprintf("n%d.example", i)); err != nil {
			t.Fatal(i, err)
		}
		if err := rename(fmt.Sprintf("n%d.example", i), "a.example"); err != nil {
			t.Fatal(i, err)
		}
	}
	if site, _ := s.ByDomain("a.example"); len(site.Former) != schema.MaxFormerNames || site.Former[0] != "n2.example" {
		t.Errorf("names of before: %v", site.Former)
	}
}

// What is declared is checked, and begins to be counted when it is declared; a new name changes nothing about that.
func TestSitesDeclare(t *testing.T) {
	config := engineConfig(t)
	s := openSites(t, openRecords(t, open(t, config)))
	if _, err := s.Add(t.Context(), "example.com", "UTC"); err != nil {
		t.Fatal(err)
	}
	declare := func(goals ...schema.Goal) (schema.Site, error) {
		return s.Set(t.Context(), "example.com", func(site *schema.Site) error { site.Goals = goals; return nil })
	}
	first, err := declare(schema.Goal{Name: "Blog", Page: "/blog/*"})
	if err != nil || time.Since(first.Goals[0].Since).Abs() > time.Hour {
		t.Fatalf("%+v, %v", first.Goals, err)
	}
	var invalid *schema.InvalidError
	if _, err := declare(schema.Goal{Name: "", Page: "/blog/*"}); !errors.As(err, &invalid) || invalid.Field != "goals[0].name" {
		t.Errorf("a goal without a name: %v", err)
	}
	if _, err := declare(schema.Goal{Name: "Our blog", Page: "/blog/*"}, schema.Goal{Name: "Signup", Event: "Signup"}); err != nil {
		t.Fatal(err)
	}
	site, _ := openSites(t, openRecords(t, open(t, config))).ByDomain("example.com")
	if len(site.Goals) != 2 || site.Goals[0].Name != "Our blog" || !site.Goals[0].Since.Equal(first.Goals[0].Since) {
		t.Errorf("goals %+v, first %+v", site.Goals, first.Goals)
	}
}

func TestSitesByDomain(t *testing.T) {
	r := openRecords(t, open(t, engineConfig(t)))
	s := openSites(t, r)
	for _, domain := range []string{"example.com", "shop.example.com", "münchen.example"} {
		if _, err := s.Add(t.Context(), domain, "UTC"); err != nil {
			t.Fatal(err)
		}
	}
	for domain, want := range map[string]schema.SiteID{
		"example.com": 1, "www.example.com": 1, "shop.example.com": 2, "www.shop.example.com": 2, "münchen.example": 3,
		"": 0, "www.": 0, "com": 0, "www.www.example.com": 0, "xexample.com": 0, "EXAMPLE.com": 0,
	} {
		if site, ok := s.ByDomain(domain); site.ID != want || ok != (want != 0) {
			t.Errorf("%s: %+v, %v", domain, site, ok)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		s.ByDomain("www.shop.example.com")
		s.ByDomain("nobody.example")
		s.ByID(2)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// A refresh that brings nothing new costs nothing either.
	before := s.List()
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := s.List(); &after[0] != &before[0] {
		t.Error("the sites were made anew though nothing changed")
	}
}

func TestSitesBrokenDocument(t *testing.T) {
	r := openRecords(t, open(t, engineConfig(t)))
	s := openSites(t, r)
	if _, err := s.Add(t.Context(), "example.com", "UTC"); err != nil {
		t.Fatal(err)
	}
	for id, doc := range map[string]string{"7": `{"id":"seven"}`, "8": `{"id":9,"site":"x.example"}`} {
		if err := r.Put(t.Context(), "site", id, []byte(doc)); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Err()
	if err == nil || !strings.Contains(err.Error(), "site 7") || !strings.Contains(err.Error(), "site 8") {
		t.Errorf("error: %v", err)
	}
	if _, err := clickhouse.OpenSites(r); err == nil {
		t.Error("opened with broken documents")
	}
	if names(s) != "1:example.com" {
		t.Errorf("the others: %s", names(s))
	}
}
