package importer

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"turf/schema"
)

// What a log adds when it has grown is the counts of its day now less those of the day as it was, and whether a guarded cell may be
// shown was decided with all of the day's visitors. That is right as long as the cell is in the totals as it was. But between two
// imports the steps may have come to make something else of the same lines: the site's settings, the lists or the database of
// places were changed. Then the totals may have nothing of the cell, and what is added would be a small one (P4).

// digests are, by group, what the steps made of the group's hits: the same number for the same page views in any order. It is of
// values that are counted and says nothing of visitors.
func (b *buffer) digests() []uint64 {
	words := make([]uint64, len(b.words))
	for i, w := range b.words {
		words[i] = xxhash.Sum64String(w)
	}
	sums := make([]uint64, len(b.groups))
	var text [8 * (1 + int(schema.NumDimensions))]byte
	for i := range b.hits {
		h := &b.hits[i]
		binary.LittleEndian.PutUint64(text[:], uint64(h.time))
		for d, w := range h.values {
			binary.LittleEndian.PutUint64(text[8*(1+d):], words[w])
		}
		sums[h.group] += xxhash.Sum64(text[:])
	}
	return sums
}

// isStale reports whether the steps make something else of what is in the totals of the day than they did when it was counted.
func (im *imports) isStale(day schema.Day, groups []string, digests []uint64) bool {
	for g := 1; g < len(groups); g++ {
		same := func(r Record) bool {
			return r.Days[day.String()] == groups[g] && r.Digests[day.String()] == digestText(false, digests[g:g+1])
		}
		if !slices.ContainsFunc(im.logs, func(l *log) bool { return slices.ContainsFunc(l.prefixes, same) }) {
			return true
		}
	}
	return false
}

// digestText is the digest of all groups of a day together. One that was stale stays it: it has none.
func digestText(stale bool, digests []uint64) string {
	if stale {
		return ""
	}
	sum := uint64(0)
	for _, n := range digests {
		sum += n
	}
	return strconv.FormatUint(sum, 16)
}

// guard moves what is added to guarded cells to their parents, but where it alone is of k visitors.
func guard(added map[schema.Cell]schema.Deltas, k int) {
	for _, cell := range slices.Collect(maps.Keys(added)) {
		sums := added[cell]
		parent, ok := cell.Parent()
		if !ok || sums[schema.Visitors] >= int64(k) {
			continue
		}
		delete(added, cell)
		all := added[parent]
		all.Add(&sums)
		added[parent] = all
	}
}
