package pipeline

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"turf/aggregate/journal/crashfs"
)

// simTables keeps tables as a memory-backed file system does.
type simTables struct {
	world *world
	kept  map[dayKey]*simTable
	full  bool
}

type simTable struct {
	tables    *simTables
	key       dayKey
	data      []byte
	mt        meta
	committed bool
}

// mayCrash is a point at which the process can be killed.
func (t *simTables) mayCrash() {
	if t.world.rng.Float64() < t.world.crash {
		t.world.TableCrashes++
		panic(crashfs.ErrCrash)
	}
}

func (t *simTables) list() ([]dayKey, error) {
	return slices.SortedFunc(maps.Keys(t.kept), func(a, b dayKey) int {
		return cmp.Or(cmp.Compare(a.site, b.site), cmp.Compare(a.day, b.day))
	}), nil
}

func (t *simTables) open(key dayKey) (table, error) { return t.kept[key], nil }

func (t *simTables) create(key dayKey) (table, error) {
	t.mayCrash()
	t.kept[key] = &simTable{tables: t, key: key}
	return t.kept[key], nil
}

func (t *simTables) close() error { return nil }

func (t *simTable) Bytes() []byte { return t.data }

func (t *simTable) Grow(size int) ([]byte, error) {
	t.tables.mayCrash()
	if t.tables.full && len(t.data) > 0 {
		return nil, errors.New("no room for the table")
	}
	if size > len(t.data) {
		old := t.data
		t.data = make([]byte, size)
		copy(t.data, old)
		clear(old) // whoever still reads the old bytes is found out
	}
	t.tables.mayCrash()
	return t.data, nil
}

func (t *simTable) commit(mt meta) error {
	t.tables.mayCrash()
	t.mt, t.committed = mt, true
	return nil
}

func (t *simTable) meta() (meta, bool) { return t.mt, t.committed }

func (t *simTable) drop() error {
	clear(t.data)
	t.tables.mayCrash()
	delete(t.tables.kept, t.key)
	return nil
}
