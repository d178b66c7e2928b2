package pipeline

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"turf/aggregate"
	"turf/schema"
)

// openDay is the salt of the day of a site in which at lies. The day is begun when it is not open yet; now is the
// clock.
func (m *machine) openDay(id schema.SiteID, at, now int64) ([16]byte, schema.Day, error) {
	if salt, day, ok := m.salts.find(id, at); ok {
		return salt, day, nil
	}
	site, ok := m.sites(id)
	if !ok {
		return [16]byte{}, 0, fmt.Errorf("%w: %d", ErrNoSite, id)
	}
	loc, err := site.Location()
	if err != nil {
		return [16]byte{}, 0, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	key := dayKey{id, schema.DayOf(time.Unix(at, 0), loc)}
	start, end := key.day.Start(loc).Unix(), (key.day + 1).Start(loc).Unix()
	if now >= end+LateSec || start > now+maxAheadSec || m.days[key] != nil { // the last: the site's zone was changed
		return [16]byte{}, 0, ErrDayOver
	}
	d, err := m.create(key, meta{zone: site.Timezone, k: site.K(key.day)}, loc)
	if err != nil {
		return [16]byte{}, 0, fmt.Errorf("begin %s of site %s: %w", key.day, site.Domain, busy(err))
	}
	m.enter(d, start, end)
	return d.core.Salt(), key.day, nil
}

func (m *machine) create(key dayKey, mt meta, loc *time.Location) (*day, error) {
	cfg := aggregate.Config{Site: key.site, Day: key.day, Location: loc, K: mt.k}
	defer clear(cfg.Salt[:])
	if _, err := io.ReadFull(m.random, cfg.Salt[:]); err != nil {
		return nil, fmt.Errorf("draw a salt: %w", err)
	}
	t, err := m.tables.create(key)
	if err != nil {
		return nil, err
	}
	core, err := aggregate.Open(cfg, t)
	if err == nil {
		err = t.commit(mt)
	}
	if err != nil {
		return nil, errors.Join(err, t.drop())
	}
	return &day{key: key, core: core, table: t}, nil
}

func (m *machine) enter(d *day, start, end int64) {
	d.start, d.end = start, end
	m.days[d.key] = d
	m.salts.put(d.key.site, d.key.day, start, end, d.core.Salt())
}

// drop forgets a day: its salt and its visitors are overwritten and their memory is given back. What it added stays.
func (m *machine) drop(d *day) error {
	delete(m.days, d.key)
	m.stuck = slices.DeleteFunc(m.stuck, func(s *day) bool { return s == d })
	m.salts.drop(d.key.site, d.key.day)
	if err := d.table.drop(); err != nil {
		return fmt.Errorf("forget %s of site %d: %w", d.key.day, d.key.site, err)
	}
	return nil
}

// recover opens the tables that an earlier process left and undoes groups that are not in the journal, whose last one
// is last. Tables of days that are over are forgotten. lost are those that could not be read and were forgotten too.
func (m *machine) recover(last uint64, now int64) (lost []error, err error) {
	keys, err := m.tables.list()
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		t, err := m.tables.open(key)
		if err != nil {
			return lost, err
		}
		d, start, end, err := m.reopen(key, t, last, now)
		switch {
		case errors.Is(err, ErrDayOver):
			err = t.drop()
		case err != nil:
			lost = append(lost, fmt.Errorf("read the visitors of site %d on %s: %w", key.site, key.day, err))
			err = t.drop()
		default:
			m.enter(d, start, end)
			m.group = max(m.group, d.core.Group())
		}
		if err != nil {
			return lost, fmt.Errorf("forget %s of site %d: %w", key.day, key.site, err)
		}
	}
	return lost, nil
}

// reopen returns ErrDayOver when the table is to be forgotten.
func (m *machine) reopen(key dayKey, t table, last uint64, now int64) (d *day, start, end int64, err error) {
	mt, ok := t.meta()
	if _, known := m.sites(key.site); !known || !ok { // not ok: its process died while it made it, before any event
		return nil, 0, 0, ErrDayOver
	}
	loc, err := schema.LoadLocation(mt.zone)
	if err != nil {
		return nil, 0, 0, err
	}
	start, end = key.day.Start(loc).Unix(), (key.day + 1).Start(loc).Unix()
	if now >= end {
		return nil, 0, 0, ErrDayOver
	}
	core, err := aggregate.Open(aggregate.Config{Site: key.site, Day: key.day, Location: loc, K: mt.k}, t)
	if err != nil {
		return nil, 0, 0, err
	}
	if core.Group() > last {
		if err := m.rollback(core); err != nil {
			return nil, 0, 0, fmt.Errorf("roll back group %d: %w", core.Group(), err)
		}
	}
	return &day{key: key, core: core, table: t}, start, end, nil
}
