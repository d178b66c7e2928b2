package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"turf/aggregate"
	"turf/schema"
)

// tables keeps the memory of days.
type tables interface {
	// list names those that an earlier process left, in the order of site and day.
	list() ([]dayKey, error)
	// open opens one of those.
	open(key dayKey) (table, error)
	// create makes an empty one.
	create(key dayKey) (table, error)
	// close lets go of the tables that are open, and leaves them to the next process if they can be left.
	close() error
}

// table is the memory of a day. It is the core's, until it is dropped.
type table interface {
	aggregate.Memory
	// commit says that the table is formatted, and under which rules it stands for its whole day.
	commit(meta) error
	// meta is what was committed; ok is false when nothing was.
	meta() (mt meta, ok bool)
	// drop overwrites it with zeros and gives it back.
	drop() error
}

// meta is what holds for a day from its first event to its last, whatever becomes of the site's settings.
type meta struct {
	zone string
	k    int
}

const (
	// tableHeadBytes come before the core's bytes in each table: a page.
	tableHeadBytes = 4096
	tableMagic     = "TURFMEM\x01"
	maxZoneBytes   = 64
	tableSuffix    = ".mem"
)

// encode fills the head of a table. The magic comes last: a process that dies before it leaves an uncommitted table.
func (mt meta) encode(head []byte) error {
	if len(mt.zone) > maxZoneBytes {
		return fmt.Errorf("name of time zone %q is longer than %d bytes", mt.zone, maxZoneBytes)
	}
	binary.LittleEndian.PutUint32(head[8:], uint32(mt.k))
	head[12] = byte(len(mt.zone))
	copy(head[13:], mt.zone)
	copy(head, tableMagic)
	return nil
}

func decodeMeta(head []byte) (mt meta, ok bool) {
	if len(head) < tableHeadBytes || string(head[:8]) != tableMagic || head[12] > maxZoneBytes {
		return mt, false
	}
	return meta{zone: string(head[13 : 13+head[12]]), k: int(binary.LittleEndian.Uint32(head[8:]))}, true
}

// fileTables keeps tables as files in a directory of a memory-backed file system, or, when dir is "", in plain memory.
type fileTables struct {
	dir    string
	opened map[*mapping]struct{}
}

func (t *fileTables) list() ([]dayKey, error) {
	if t.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(t.dir) // in the order of names
	if err != nil {
		return nil, fmt.Errorf("list visitor tables: %w", err)
	}
	var keys []dayKey
	for _, e := range entries {
		if key, ok := parseTableName(e.Name()); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// tableName is the name of a day's file: which site and day, and nothing else.
func tableName(key dayKey) string { return fmt.Sprintf("%010d-%s%s", key.site, key.day, tableSuffix) }

func parseTableName(name string) (key dayKey, ok bool) {
	rest, ok := strings.CutSuffix(name, tableSuffix)
	if !ok {
		return key, false
	}
	if _, err := fmt.Sscanf(rest, "%d-", &key.site); err != nil {
		return key, false
	}
	_, date, _ := strings.Cut(rest, "-")
	day, err := schema.ParseDay(date)
	key.day = day
	return key, err == nil && tableName(key) == name
}

func (t *fileTables) open(key dayKey) (table, error) { return t.mapped(key, os.O_RDWR) }

func (t *fileTables) create(key dayKey) (table, error) {
	return t.mapped(key, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (t *fileTables) mapped(key dayKey, flag int) (table, error) {
	m := &mapping{owner: t}
	if t.dir != "" {
		f, err := os.OpenFile(filepath.Join(t.dir, tableName(key)), flag, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open visitor table: %w", err)
		}
		m.file = f
	}
	if err := m.init(); err != nil {
		return nil, fmt.Errorf("map visitor table: %w", err)
	}
	t.opened[m] = struct{}{}
	return m, nil
}

func (t *fileTables) close() error {
	var errs []error
	for m := range t.opened {
		errs = append(errs, m.close())
	}
	clear(t.opened)
	return errors.Join(errs...)
}

// mapping is a table in mapped memory. With a file, the file's pages are the table; without, it is anonymous.
type mapping struct {
	owner *fileTables
	file  *os.File
	data  []byte // the head, then the core's bytes
}

func (m *mapping) init() error {
	size := int64(0)
	if m.file != nil {
		info, err := m.file.Stat()
		if err != nil {
			return err
		}
		size = info.Size()
	}
	return m.resize(max(int(size), tableHeadBytes))
}

// Bytes are the core's.
func (m *mapping) Bytes() []byte { return m.data[tableHeadBytes:] }

// Grow makes the core's bytes size long; they may move.
func (m *mapping) Grow(size int) ([]byte, error) {
	if tableHeadBytes+size > len(m.data) {
		if err := m.resize(tableHeadBytes + size); err != nil {
			return nil, fmt.Errorf("grow visitor table to %d bytes: %w", size, err)
		}
	}
	return m.Bytes(), nil
}

// resize maps size bytes, of which those beyond the old ones are zero. The pages are reserved first: to touch a page
// for which the file system has no room would end the process.
func (m *mapping) resize(size int) error {
	if m.file != nil {
		if err := reserve(m.file, int64(size)); err != nil {
			return err
		}
	}
	data, err := mapMemory(m.file, size)
	if err != nil {
		return err
	}
	old := m.data
	if old != nil && m.file == nil {
		copy(data, old)
		clear(old)
	}
	m.data = data
	protect(data, 2*tableHeadBytes)
	if old == nil {
		return nil
	}
	return unmapMemory(old)
}

func (m *mapping) commit(mt meta) error { return mt.encode(m.data[:tableHeadBytes]) }

func (m *mapping) meta() (meta, bool) { return decodeMeta(m.data) }

// drop overwrites the pages, then gives them back and removes the name.
func (m *mapping) drop() error {
	delete(m.owner.opened, m)
	clear(m.data)
	var errs []error
	if m.file != nil {
		errs = append(errs, m.file.Truncate(0))
		if err := os.Remove(m.file.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, m.close())...)
}

func (m *mapping) close() error {
	data := m.data
	m.data = nil
	err := unmapMemory(data)
	if m.file == nil {
		return err
	}
	return errors.Join(err, m.file.Close())
}
