package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"turf/schema"
)

// twinKind is the kind of the documents that say of a cube of days that it has what was counted by the hour before it was there
// (see schema.Cube.TwinOf); their ids are the cubes' names.
const twinKind = "twin"

// newTwins are the cubes of days that may lack what was counted before they were there.
func (in *instance) newTwins() (names []string) {
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		if _, filled := in.records.Get(twinKind, c.Name); c.TwinOf != 0 && !filled {
			names = append(names, c.Name)
		}
	}
	return names
}

// fillTwins adds up, in cubes of days that are new, what was counted by the hour before, and returns for how many sites there was
// something. Nothing may be counted meanwhile. It is done once all that was counted before is in the database, which is what settled
// says; before that it may be done any number of times. Collectors that share a database have to be stopped all together for the
// upgrade: what one of an older version counts later has no days, which verify finds.
func (in *instance) fillTwins(ctx context.Context, settled bool) (sites int, err error) {
	names := in.newTwins()
	if len(names) == 0 {
		return 0, nil
	}
	for _, site := range in.sites.List() {
		changed, err := in.db.FillTwins(ctx, &site, names)
		if err != nil {
			return sites, err
		}
		if changed {
			sites++
		}
	}
	if !settled {
		return sites, nil
	}
	for _, name := range names {
		if err := in.records.Put(ctx, twinKind, name, []byte(`{"filled":true}`)); err != nil {
			return sites, fmt.Errorf("note that %s is filled: %w", name, err)
		}
	}
	return sites, nil
}

// isSettled reports whether nothing waits for the database in the journal, where no server runs.
func (in *instance) isSettled() (bool, error) {
	waiting, err := filepath.Glob(filepath.Join(in.dir, "journal", "*.seg"))
	return len(waiting) == 0, err
}

// fillTwins waits, if a cube of days is new, until the database has what was counted before.
func (s *server) fillTwins(ctx context.Context) error {
	if len(s.in.newTwins()) == 0 {
		return nil
	}
	if err := s.in.pipe.Flush(ctx); err != nil {
		return err
	}
	sites, err := s.in.fillTwins(ctx, true)
	if sites > 0 {
		s.log.Info("what was counted by the hour was added up by the day", "sites", sites)
	}
	return err
}

// checkTwins refuses an import while cubes of days are not filled: what it counts is in both, and the hours lack what only days keep, so
// that it would be taken out of the days again.
func (in *instance) checkTwins() error {
	if names := in.newTwins(); len(names) > 0 {
		return fmt.Errorf("what was counted before the upgrade is not in %s yet, because some of it waits in the journal for the database: "+
			"start turf serve, which adds it up, and import then", strings.Join(names, ", "))
	}
	return nil
}

// verifyTwins: P7, as far as it can be seen in the store: what is kept by the hour and by the day is the same, and visitors and visits of a
// day are within what its hours allow. The day that is not over is left out, for its last batch may be half written.
func (in *instance) verifyTwins(ctx context.Context, p *promise) error {
	now := time.Now()
	for _, site := range in.sites.List() {
		loc, err := site.Location()
		if err != nil {
			return err
		}
		differ, err := in.db.TwinDifferences(ctx, &site, now, schema.DayOf(now, loc))
		if err != nil {
			return err
		}
		imported, err := in.imported.of(site.ID)
		if err != nil {
			return err
		}
		for _, d := range differ {
			if d.Sums {
				p.broken("site %s, %s: %s is not the sum of its hours", site.Domain, d.Day, d.Cube.Name)
			}
			if d.Few {
				p.broken("site %s, %s: %s has fewer visitors or visits than one of its hours", site.Domain, d.Day, d.Cube.Name)
			}
			if d.Many && !hasDay(imported, d.Day) {
				p.broken("site %s, %s: %s has more visitors or visits than can be", site.Domain, d.Day, d.Cube.Name)
			}
		}
	}
	twins := 0
	for i := range schema.Cubes {
		if schema.Cubes[i].TwinOf != 0 {
			twins++
		}
	}
	p.looked("%d cubes of days that are kept by the hour too, of %d sites", twins, len(in.sites.List()))
	return nil
}

// hasDay reports whether something was imported on the day.
func hasDay(imported []schema.Imported, day schema.Day) bool {
	one := []schema.DaySpan{{First: day, Last: day}}
	return slices.ContainsFunc(imported, func(im schema.Imported) bool { return len(schema.CommonDays(im.Days, one)) > 0 })
}
