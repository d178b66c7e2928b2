package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"turf/ingest/importer"
	"turf/schema"
)

// action is what a command asks for. Request and response are JSON, so that it is the same through the socket and without.
type action func(ctx context.Context, in *instance, req json.RawMessage) (json.RawMessage, error)

// actions are all of them, by the name under which they are called. They may run at the same time.
var actions = map[string]action{
	"consent/status":      act(consentStatusOf),
	"consent/set":         act(setConsent),
	"consent/purposes":    act(listPurposes),
	"consent/purpose/add": act(addPurpose),
	"consent/notices":     act(listNotices),
	"consent/notice/add":  act(addNotice),
	"consent/export":      act(exportConsents),
	"consent/erase":       act(erasePerson),

	"site/add":       act(addSite),
	"site/list":      act(listSites),
	"site/remove":    act(removeSite),
	"site/rename":    act(renameSite),
	"site/set":       act(setSite),
	"key/add":        act(addKey),
	"key/list":       act(listKeys),
	"key/revoke":     act(revokeKey),
	"goal/add":       act(addGoal),
	"goal/list":      act(listGoals),
	"goal/remove":    act(removeGoal),
	"funnel/add":     act(addFunnel),
	"funnel/list":    act(listFunnels),
	"funnel/remove":  act(removeFunnel),
	"segment/add":    act(addSegment),
	"segment/list":   act(listSegments),
	"segment/remove": act(removeSegment),
	"user/add":       act(addUser),
	"user/list":      act(listUsers),
	"user/remove":    act(removeUser),
	"verify":         act(verify),
	"query":          act(askQuery),
	"export/read":    act(readExport),
	"import/list":    act(listImports),
	"import/put":     act(putImport),
	"import/write":   act(writeImport),
}

// act makes an action of a function.
func act[Req, Resp any](do func(context.Context, *instance, Req) (Resp, error)) action {
	return func(ctx context.Context, in *instance, b json.RawMessage) (json.RawMessage, error) {
		var req Req
		if err := json.Unmarshal(b, &req); err != nil {
			return nil, fmt.Errorf("read the request: %w", err)
		}
		resp, err := do(ctx, in, req)
		if err != nil {
			return nil, err
		}
		return json.Marshal(resp)
	}
}

// nothing is the request or response of actions that have none.
type nothing struct{}

func addSite(ctx context.Context, in *instance, req addSiteRequest) (schema.Site, error) {
	return in.sites.Add(ctx, req.Domain, req.Timezone)
}

func listSites(ctx context.Context, in *instance, _ nothing) ([]schema.Site, error) {
	return append([]schema.Site{}, in.sites.List()...), nil
}

// siteCalled is the site of a name that is written as names are stored, or an error that says there is none.
func (in *instance) siteCalled(domain string) (schema.Site, error) {
	site, ok := in.sites.ByDomain(domain)
	if !ok {
		return site, fmt.Errorf("there is no site %s", domain)
	}
	return site, nil
}

// removeSite ends the opt-in path of the site, stops counting, lets what waits arrive, and deletes the counts.
func removeSite(ctx context.Context, in *instance, domain string) (schema.Site, error) {
	name, err := schema.CleanDomain(domain)
	if err != nil {
		return schema.Site{}, err
	}
	if site, ok := in.sites.ByDomain(name); ok {
		if err := in.removeConsents(ctx, site.ID); err != nil {
			return site, fmt.Errorf("delete what people consented to, before the site: %w", err)
		}
	}
	site, err := in.sites.Remove(ctx, name)
	if err != nil {
		return site, err
	}
	if in.pipe != nil {
		if err := in.pipe.Flush(ctx); err != nil {
			return site, fmt.Errorf("%s is no longer counted, but its counts could not be deleted: %w", domain, err)
		}
	}
	for _, r := range in.records.All(importKind(site.ID)) {
		if err := in.records.Delete(ctx, r.Kind, r.ID); err != nil {
			return site, err
		}
	}
	if err := in.access.RemoveSite(ctx, site.ID); err != nil {
		return site, err
	}
	return site, in.db.DropSite(ctx, site.ID)
}

// renameSite gives a site another name. Its counters stay its own.
func renameSite(ctx context.Context, in *instance, req renameSiteRequest) (schema.Site, error) {
	return in.sites.Set(ctx, req.Domain, func(site *schema.Site) error {
		site.Domain = req.Name
		return nil
	})
}

func setSite(ctx context.Context, in *instance, req setSiteRequest) (schema.Site, error) {
	return in.sites.Set(ctx, req.Domain, req.change)
}

// importKind is the kind of the documents that say what was imported into a site; their ids are hashes of content.
func importKind(site schema.SiteID) string { return "import-" + strconv.FormatUint(uint64(site), 10) }

func listImports(_ context.Context, in *instance, site schema.SiteID) ([]importer.Record, error) {
	imports := []importer.Record{}
	for _, r := range in.records.All(importKind(site)) {
		var rec importer.Record
		if err := json.Unmarshal(r.Doc, &rec); err != nil {
			return nil, fmt.Errorf("read the record of the import %s: %w", r.ID, err)
		}
		imports = append(imports, rec)
	}
	return imports, nil
}

func putImport(ctx context.Context, in *instance, rec importer.Record) (nothing, error) {
	doc, err := json.Marshal(rec)
	if err != nil {
		return nothing{}, err
	}
	if err := in.checkTwins(); err != nil {
		return nothing{}, err
	}
	return nothing{}, in.records.Put(ctx, importKind(rec.Site), rec.ID(), doc)
}

func writeImport(ctx context.Context, in *instance, b schema.Batch) (nothing, error) {
	if len(b.Rows) == 0 {
		return nothing{}, nil
	}
	if _, ok := in.sites.ByID(b.Rows[0].Cell.Site); !ok {
		return nothing{}, errors.New("the site was removed while its log was imported")
	}
	if err := in.checkTwins(); err != nil {
		return nothing{}, err
	}
	return nothing{}, in.db.Write(ctx, b)
}
