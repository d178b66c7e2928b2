package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turf/schema"
	"turf/schema/clickhouse"
)

// promise is what verify found out about one promise of the design.
type promise struct {
	ID       string   `json:"id"`
	Promise  string   `json:"promise"`
	OK       bool     `json:"ok"`
	LookedAt []string `json:"looked_at"`
	Broken   []string `json:"broken,omitempty"`
}

func (p *promise) looked(format string, args ...any) {
	p.LookedAt = append(p.LookedAt, fmt.Sprintf(format, args...))
}

// maxBroken is how many breaches of one promise are listed.
const maxBroken = 20

func (p *promise) broken(format string, args ...any) {
	switch {
	case len(p.Broken) < maxBroken:
		p.Broken = append(p.Broken, fmt.Sprintf(format, args...))
	case len(p.Broken) == maxBroken:
		p.Broken = append(p.Broken, "… and more")
	}
}

// verification is the answer of turf verify.
type verification struct {
	OK       bool       `json:"ok"`
	Promises []*promise `json:"promises"`
}

// errBroken makes the exit status 1 after the answer has been printed.
type errBroken struct{}

func (errBroken) Error() string { return "" }

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Prove the privacy promises on the stored data",
		Long: `Reads the stored schema, the stored data and the files of the data directory, and proves what Turf promises:

  P1  No visitor at rest: only counters and settings are stored, in known columns; the finest time is an hour.
  P2  No visitor on disk: no file holds the salt of a day, the key of a visitor (in raw, hex or base64), an address or a user agent.
  P3  No row over more than two aspects of page, source, place, device and event.
  P4  No cell of visitor attributes with fewer than k visitors.
  P7  Never a wrong number: what is kept by the hour and by the day is the same, or can be where each hour counts anew.
  P8  Consent means consent: every event of a person lies in a consent that the ledger proves. The ledger itself is proved by
      "turf consent verify".

While the server runs, verify asks it, so that the salts and keys that are alive can be looked for. Each promise is printed with
what was looked at. The exit status is 1 when one is broken.`,
		Example: "  turf verify --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var v verification
			err := a.with(cmd.Context(), func(be backend) error {
				return be.call(cmd.Context(), "verify", nothing{}, &v)
			})
			if err != nil {
				return err
			}
			if err := a.print(v, v.text()); err != nil {
				return err
			}
			if !v.OK {
				return errBroken{}
			}
			return nil
		},
	}
}

func (v *verification) text() string {
	var b strings.Builder
	for _, p := range v.Promises {
		verdict := "holds"
		if !p.OK {
			verdict = "BROKEN"
		}
		fmt.Fprintf(&b, "%s  %-6s  %s\n", p.ID, verdict, p.Promise)
		for _, s := range p.LookedAt {
			fmt.Fprintf(&b, "      looked at %s\n", s)
		}
		for _, s := range p.Broken {
			fmt.Fprintf(&b, "    ! %s\n", s)
		}
	}
	return b.String()
}

func verify(ctx context.Context, in *instance, _ nothing) (verification, error) {
	v := verification{OK: true}
	checks := []struct {
		id, promise string
		check       func(context.Context, *promise) error
	}{
		{"P1", "No visitor at rest: counters only, the finest time is an hour", in.verifySchema},
		{"P2", "No visitor on disk: no salt, key, address or user agent in any file", in.verifyFiles},
		{"P3", "No row over more than two aspects", in.verifyAspects},
		{"P4", "No small cells of visitor attributes", in.verifyCells},
		{"P7", "Never a wrong number: what is kept by the hour and by the day is the same", in.verifyTwins},
		{"P8", "Consent means consent: no event of a person that no grant lets be", in.verifyConsents},
	}
	for _, c := range checks {
		p := &promise{ID: c.id, Promise: c.promise, LookedAt: []string{}}
		if err := c.check(ctx, p); err != nil {
			return v, fmt.Errorf("verify %s: %w", c.id, err)
		}
		p.OK = len(p.Broken) == 0
		v.OK = v.OK && p.OK
		v.Promises = append(v.Promises, p)
	}
	return v, nil
}

// allowedColumns are the tables that may be there, with their columns and types: those of the catalogue, the documents and the list
// of migrations.
func allowedColumns() map[string]map[string]string {
	counts := map[string]string{"site_id": "UInt32", "cube": "LowCardinality(String)", "time": "DateTime('UTC')"}
	for _, d := range schema.Dimensions {
		counts[d.Column] = "LowCardinality(String)"
	}
	for _, m := range schema.Metrics {
		counts[m.Column] = "Int64"
	}
	tables := clickhouse.ConsentedColumns() // of the opt-in path; no statement joins them with counts
	maps.Copy(tables, map[string]map[string]string{
		"counts":       counts,
		"counts_local": counts,
		"records": {
			"kind": "LowCardinality(String)", "id": "String", "version": "UInt64", "doc": "String", "deleted": "UInt8",
		},
		"migrations": {"number": "UInt32", "name": "String", "applied": "DateTime('UTC')"},
	})
	return tables
}

// verifySchema: P1.
func (in *instance) verifySchema(ctx context.Context, p *promise) error {
	columns, err := in.db.Schema(ctx)
	if err != nil {
		return err
	}
	allowed := allowedColumns()
	tables := map[string]bool{}
	for _, c := range columns {
		tables[c.Table] = true
		switch want, ok := allowed[c.Table][c.Name]; {
		case allowed[c.Table] == nil:
			p.broken("there is a table %s, which is not one of Turf's", c.Table)
		case !ok:
			p.broken("table %s has a column %s, which is not one of Turf's", c.Table, c.Name)
		case want != c.Type:
			p.broken("column %s of %s is %s and not %s", c.Name, c.Table, c.Type, want)
		}
	}
	p.looked("%d columns of %d tables", len(columns), len(tables))
	if err := in.verifyTimes(ctx, p); err != nil {
		return err
	}
	if err := in.verifyValues(ctx, p); err != nil {
		return err
	}
	return in.verifyRecords(ctx, p)
}

// verifyTimes sees to it that every stored time is the start of an hour or a day of its site.
func (in *instance) verifyTimes(ctx context.Context, p *promise) error {
	rows, err := in.db.Select(ctx, "SELECT DISTINCT site_id, cube, toUnixTimestamp(time) FROM counts", nil)
	if err != nil {
		return err
	}
	cubes := cubesByName()
	for _, row := range rows {
		id, cube, at := schema.SiteID(row[0].(uint64)), cubes[row[1].(string)], time.Unix(int64(row[2].(uint64)), 0)
		site, ok := in.sites.ByID(id)
		if !ok || cube == nil {
			continue // a site that is being deleted; an unknown cube breaks P3
		}
		loc, err := site.Location()
		if err != nil {
			return err
		}
		start := schema.DayOf(at, loc).Start(loc).Unix()
		if cube.Grain == schema.Hourly {
			// The first hour of a day whose midnight was skipped begins with the day.
			start = max(start, schema.HourStart(at, loc))
		}
		if at.Unix() != start {
			p.broken("site %s, cube %s: %s is not the start of %s", site.Domain, cube.Name, at.UTC().Format(time.RFC3339),
				map[schema.Grain]string{schema.Hourly: "an hour", schema.Daily: "a day"}[cube.Grain])
		}
	}
	p.looked("%d different times of counters", len(rows))
	return nil
}

func cubesByName() map[string]*schema.Cube {
	cubes := map[string]*schema.Cube{}
	for i := range schema.Cubes {
		cubes[schema.Cubes[i].Name] = &schema.Cubes[i]
	}
	return cubes
}

// verifyValues looks for addresses and user agents among the values of all dimensions.
func (in *instance) verifyValues(ctx context.Context, p *promise) error {
	looked := 0
	for _, d := range schema.Dimensions {
		rows, err := in.db.Select(ctx, "SELECT DISTINCT "+d.Column+" FROM counts", nil)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if what := looksPersonal([]byte(row[0].(string))); what != "" {
				p.broken("a value of %s looks like %s", d.Title, what)
			}
		}
		looked += len(rows)
	}
	p.looked("%d different values of %d dimensions", looked, len(schema.Dimensions))
	return nil
}

// recordKinds are the kinds of documents that may be there; a kind of a site is followed by -NUMBER.
var recordKinds = []string{"site", "key", "user", "session", "share", "guest", "invitation", "import", twinKind}

func (in *instance) verifyRecords(ctx context.Context, p *promise) error {
	rows, err := in.db.Select(ctx, "SELECT DISTINCT kind, doc FROM records FINAL", nil)
	if err != nil {
		return err
	}
	for _, row := range rows {
		kind, _, _ := strings.Cut(row[0].(string), "-")
		if !slices.Contains(recordKinds, kind) {
			p.broken("there is a document of the kind %q", row[0])
		}
		if what := looksPersonal(withoutExclusions(kind, []byte(row[1].(string)))); what != "" {
			p.broken("a document of the kind %q holds what looks like %s", row[0], what)
		}
	}
	p.looked("%d documents (sites, keys, users, guests, links, imports, cubes)", len(rows))
	return nil
}

// withoutExclusions is a document without the addresses that the owner of a site named, so as not to count their visitors.
func withoutExclusions(kind string, doc []byte) []byte {
	var site schema.Site
	if kind != "site" || json.Unmarshal(doc, &site) != nil || site.Settings == nil {
		return doc
	}
	for _, address := range site.Settings.ExcludeAddresses {
		doc = bytes.ReplaceAll(doc, []byte(`"`+address+`"`), nil)
	}
	return doc
}

// verifyFiles: P2.
func (in *instance) verifyFiles(_ context.Context, p *promise) error {
	var s secrets
	defer s.wipe()
	visitors := 0
	if in.pipe != nil {
		visitors = in.addSecrets(&s)
	}
	found, err := scanFiles(in.dir, &s, isText)
	if err != nil {
		return err
	}
	for _, f := range found.Broken {
		p.broken("%s", f)
	}
	p.looked("%d files of %s, %d bytes", found.Files, in.dir, found.Bytes)
	if in.pipe == nil {
		p.looked("no salts and visitor keys: no server is running, so none are alive here")
		return nil
	}
	p.looked("the salts of all open days and the keys of %d of %d visitors, each in raw, hex and base64",
		min(visitors, maxSecretKeys), visitors)
	return nil
}

// isText reports whether a file of the data directory is looked at for addresses and agents. The engine's own files are
// compressed; their values are looked at through SQL, and its text files are settings and statements. The settings are the
// owner's, who may name addresses of proxies there.
func isText(name string) bool {
	if strings.HasPrefix(name, engineDir+string(filepath.Separator)) {
		return strings.HasSuffix(name, ".sql")
	}
	return name != configFile
}

// verifyAspects: P3.
func (in *instance) verifyAspects(ctx context.Context, p *promise) error {
	for i := range schema.Cubes {
		c, most := &schema.Cubes[i], 2
		if c.HasAspect(schema.SegmentAspect) { // which stands for what its filter names
			most = 1
		}
		if names := aspectsOf(c); len(names) > most {
			p.broken("cube %s crosses %s", c.Name, strings.Join(names, ", "))
		}
	}
	p.looked("the catalogue of %d cubes", len(schema.Cubes))
	filled := make([]string, 0, len(schema.Dimensions))
	for _, d := range schema.Dimensions {
		filled = append(filled, "countIf("+d.Column+" != '')")
	}
	rows, err := in.db.Select(ctx, "SELECT cube, count(), "+strings.Join(filled, ", ")+" FROM counts GROUP BY counts.cube", nil)
	if err != nil {
		return err
	}
	cubes := cubesByName()
	total := uint64(0)
	for _, row := range rows {
		name := row[0].(string)
		total += row[1].(uint64)
		cube := cubes[name]
		if cube == nil {
			p.broken("there are rows of a cube %q, which is not in the catalogue", name)
			continue
		}
		for d := range schema.NumDimensions {
			if n := row[2+int(d)].(uint64); n > 0 && !cube.Has(d) {
				p.broken("%d rows of cube %s have a value of %s, which is not one of its dimensions", n, name, d)
			}
		}
	}
	p.looked("which columns are filled in %d rows", total)
	return nil
}

// aspectsOf are the sides of a visit that the cube crosses. A histogram, the step of a funnel, the page that came next or a segment is
// none.
func aspectsOf(c *schema.Cube) []string {
	var names []string
	for a := range schema.NumVisitAspects {
		if c.HasAspect(a) {
			names = append(names, a.String())
		}
	}
	return names
}

// verifyCells: P4. Each day is looked at with the k that held on it.
func (in *instance) verifyCells(ctx context.Context, p *promise) error {
	days := 0
	for _, site := range in.sites.List() {
		loc, err := site.Location()
		if err != nil {
			return err
		}
		spans := guardSpans(&site)
		for i := range schema.Cubes {
			cube := &schema.Cubes[i]
			for _, s := range spans {
				from, to := time.Unix(0, 0), time.Unix(1<<32-1, 0)
				if s.from != 0 {
					from = s.from.Start(loc)
				}
				if s.to != 0 {
					to = s.to.Start(loc)
				}
				small, err := in.db.SmallCells(ctx, site.ID, cube, from, to, s.k, maxBroken)
				if err != nil {
					return err
				}
				for _, c := range small {
					p.broken("site %s, cube %s, %s: a cell has %d of at least %d visitors", site.Domain, cube.Name,
						schema.DayOf(time.Unix(c.Cell.Time, 0), loc), c.Visitors, s.k)
				}
			}
		}
	}
	rows, err := in.db.Select(ctx, "SELECT uniqExact(site_id, time), count() FROM counts WHERE cube IN ("+guardedCubes()+")", nil)
	if err != nil {
		return err
	}
	days = int(rows[0][0].(uint64))
	p.looked("%s rows of guarded cubes, on %d days of sites", strconv.FormatUint(rows[0][1].(uint64), 10), days)
	return nil
}

func guardedCubes() string {
	var names []string
	for i := range schema.Cubes {
		if len(schema.Cubes[i].Guarded) > 0 {
			names = append(names, "'"+schema.Cubes[i].Name+"'")
		}
	}
	return strings.Join(names, ", ")
}

// guardSpan is a run of days with one k; from and to (exclusive) are 0 where it has no end.
type guardSpan struct {
	from, to schema.Day
	k        int
}

func guardSpans(site *schema.Site) []guardSpan {
	spans := []guardSpan{{k: schema.DefaultK}}
	for _, g := range site.Guards {
		spans[len(spans)-1].to = g.From
		spans = append(spans, guardSpan{from: g.From, k: g.K})
	}
	return spans
}
