package clickhouse

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"turf/schema"
)

// Errors of [Sites].
var (
	ErrExists   = errors.New("there is a site of this name already")
	ErrNotFound = errors.New("there is no site of this name")
)

// siteKind is the kind of the documents that are sites; their ids are the sites' numbers.
const siteKind = "site"

// Sites are the sites of an installation, as documents. Its methods may be called by many goroutines.
type Sites struct {
	records *Records
	index   atomic.Pointer[siteIndex]
}

// siteIndex is made of one state of the documents. It never changes.
type siteIndex struct {
	from     *documents
	list     []schema.Site // by domain
	byDomain map[string]schema.Site
	byID     map[schema.SiteID]schema.Site
	err      error // of documents that could not be read
}

// OpenSites fails when a site's document cannot be read.
func OpenSites(records *Records) (*Sites, error) {
	s := &Sites{records: records}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("open the sites: %w", err)
	}
	return s, nil
}

// Err says which sites' documents cannot be read. Those sites are not there; the others are.
func (s *Sites) Err() error { return s.load().err }

// load is the index of the documents as they are now. When they are the same as before it does not allocate.
func (s *Sites) load() *siteIndex {
	docs := s.records.current.Load()
	if index := s.index.Load(); index != nil && index.from == docs {
		return index
	}
	index := newSiteIndex(docs)
	s.index.Store(index)
	return index
}

func newSiteIndex(docs *documents) *siteIndex {
	index := &siteIndex{from: docs, byDomain: map[string]schema.Site{}, byID: map[schema.SiteID]schema.Site{}}
	for _, record := range docs.byKind[siteKind] {
		var site schema.Site
		err := json.Unmarshal(record.Doc, &site)
		if err == nil && strconv.FormatUint(uint64(site.ID), 10) != record.ID {
			err = fmt.Errorf("its number is %d", site.ID)
		}
		if err != nil {
			index.err = errors.Join(index.err, fmt.Errorf("document of site %s: %w", record.ID, err))
			continue
		}
		// Two processes may have added a name at the same time: the older site has it.
		if other, ok := index.byDomain[site.Domain]; !ok || site.ID < other.ID {
			index.byDomain[site.Domain] = site
		}
		index.byID[site.ID] = site
	}
	// A name of before stands for its site where no site has it now; of several, for the newest.
	for _, site := range index.byID {
		for _, name := range site.Former {
			other, ok := index.byDomain[name]
			if !ok || other.Domain != name && site.ID > other.ID {
				index.byDomain[name] = site
			}
		}
	}
	index.list = slices.SortedFunc(maps.Values(index.byID), func(a, b schema.Site) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), cmp.Compare(a.ID, b.ID))
	})
	return index
}

// has reports whether a site has the name now; one that it had is free.
func (i *siteIndex) has(name string) bool {
	site, ok := i.byDomain[name]
	return ok && site.Domain == name
}

// List returns all sites by domain. The slice must not be changed.
func (s *Sites) List() []schema.Site { return s.load().list }

// ByDomain finds a site by its name or one that it had, in lower case, with www. before it or without. It does not allocate.
func (s *Sites) ByDomain(domain string) (schema.Site, bool) {
	index := s.load()
	if site, ok := index.byDomain[domain]; ok {
		return site, true
	}
	if bare, ok := strings.CutPrefix(domain, "www."); ok {
		site, ok := index.byDomain[bare]
		return site, ok
	}
	return schema.Site{}, false
}

// ByID finds a site by its number. It does not allocate.
func (s *Sites) ByID(id schema.SiteID) (schema.Site, bool) {
	site, ok := s.load().byID[id]
	return site, ok
}

// Add makes a site. Its number was never given to another one. Errors: [ErrExists], or what is wrong with the name or
// time zone.
func (s *Sites) Add(ctx context.Context, domain, timezone string) (schema.Site, error) {
	site, err := s.add(ctx, domain, timezone)
	if err != nil {
		return schema.Site{}, fmt.Errorf("add site %s: %w", domain, err)
	}
	return site, nil
}

func (s *Sites) add(ctx context.Context, domain, timezone string) (schema.Site, error) {
	name, err := schema.CleanDomain(domain)
	if err != nil {
		return schema.Site{}, err
	}
	if _, err := schema.LoadLocation(timezone); err != nil {
		return schema.Site{}, err
	}
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	if err := s.records.refresh(ctx); err != nil { // another process may have added one
		return schema.Site{}, err
	}
	index := s.load()
	if index.has(name) {
		return schema.Site{}, ErrExists
	}
	id, err := nextSiteID(index.from)
	if err != nil {
		return schema.Site{}, err
	}
	site := schema.Site{ID: id, Domain: name, Timezone: timezone, Created: s.records.now().UTC().Truncate(time.Second)}
	return site, s.put(ctx, site)
}

// nextSiteID is one more than the largest number of a site that there is or ever was.
func nextSiteID(docs *documents) (schema.SiteID, error) {
	last := uint64(0)
	for key := range docs.all {
		if key.kind != siteKind {
			continue
		}
		id, err := strconv.ParseUint(key.id, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("document %q of a site: its id is no number", key.id)
		}
		last = max(last, id)
	}
	return schema.SiteID(last + 1), nil
}

// put writes a site's document. The caller holds records.mu.
func (s *Sites) put(ctx context.Context, site schema.Site) error {
	doc, err := json.Marshal(site)
	if err != nil {
		return err
	}
	return s.records.put(ctx, Record{Kind: siteKind, ID: strconv.FormatUint(uint64(site.ID), 10), Doc: doc})
}

// Set changes a site by change, whose error it returns. Number, time of creation and time zone stay what they are. A new name is one
// that no other site has ([ErrExists]); the old one goes on to stand for the site, and its counters stay, for they are under its
// number. What is wrong with declarations is a *schema.InvalidError; since when they hold is set here. Of two processes
// that change the same site in the same instant, one wins.
func (s *Sites) Set(ctx context.Context, domain string, change func(*schema.Site) error) (schema.Site, error) {
	site, err := s.set(ctx, domain, change)
	if err != nil {
		return schema.Site{}, fmt.Errorf("change site %s: %w", domain, err)
	}
	return site, nil
}

func (s *Sites) set(ctx context.Context, domain string, change func(*schema.Site) error) (schema.Site, error) {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	old, err := s.find(ctx, domain)
	if err != nil {
		return schema.Site{}, err
	}
	site := old
	site.Guards, site.Declarations = slices.Clone(old.Guards), old.Declarations.Clone()
	if err := change(&site); err != nil {
		return schema.Site{}, err
	}
	if err := checkChange(&old, &site); err != nil {
		return schema.Site{}, err
	}
	if err := s.rename(&old, &site); err != nil {
		return schema.Site{}, err
	}
	site.Began(&old.Declarations, s.records.now().UTC().Truncate(time.Second))
	return site, s.put(ctx, site)
}

// rename checks the name that a site shall have, and notes the one that it had. The caller holds records.mu.
func (s *Sites) rename(old, site *schema.Site) error {
	site.Former = old.Former
	if site.Domain == old.Domain {
		return nil
	}
	name, err := schema.CleanDomain(site.Domain)
	if err != nil {
		return err
	}
	if s.load().has(name) {
		return ErrExists
	}
	site.Domain = name
	if name != old.Domain {
		site.Renamed(old.Domain)
	}
	return nil
}

// find reads the documents and finds the site among them. The caller holds records.mu.
func (s *Sites) find(ctx context.Context, domain string) (schema.Site, error) {
	name, err := schema.CleanDomain(domain)
	if err != nil {
		return schema.Site{}, err
	}
	if err := s.records.refresh(ctx); err != nil {
		return schema.Site{}, err
	}
	site, ok := s.ByDomain(name)
	if !ok {
		return schema.Site{}, ErrNotFound
	}
	return site, nil
}

func checkChange(old, site *schema.Site) error {
	if site.Timezone != old.Timezone {
		return fmt.Errorf("its time zone stays %s: what was counted lies in that zone's days, and cannot be moved. "+
			"Add a site of another name with the new zone, or remove this one and add it again", old.Timezone)
	}
	if site.ID != old.ID || !site.Created.Equal(old.Created) {
		return errors.New("its number and time of creation cannot be changed")
	}
	for i, g := range site.Guards {
		if g.K < 1 || g.K > schema.MaxK {
			return fmt.Errorf("k is %d and must be between 1 and %d", g.K, schema.MaxK)
		}
		if i > 0 && g.From < site.Guards[i-1].From {
			return errors.New("the values of k are not in the order of their days")
		}
	}
	return site.Check()
}

// Remove makes a site unknown, so that nothing more is counted for it. Its counters stay until [DB.DropSite].
func (s *Sites) Remove(ctx context.Context, domain string) (schema.Site, error) {
	s.records.mu.Lock()
	defer s.records.mu.Unlock()
	site, err := s.find(ctx, domain)
	if err == nil {
		id := strconv.FormatUint(uint64(site.ID), 10)
		err = s.records.put(ctx, Record{Kind: siteKind, ID: id, deleted: true})
	}
	if err != nil {
		return schema.Site{}, fmt.Errorf("remove site %s: %w", domain, err)
	}
	return site, nil
}
