package aggregate

import (
	"math/bits"
	"slices"

	"turf/schema"
)

func values(w ...word) (v [schema.MaxCubeDimensions]word) {
	copy(v[:], w)
	return v
}

// visitCells are the cells of the visit: its source, place and device, alone and crossed.
func (s *step) visitCells() [13]cellKey {
	src, at := &s.source, &s.attrs
	return [...]cellKey{
		{cube: schema.CubeTraffic},
		{cube: schema.CubeSources, values: values(src[0], src[1], src[2])},
		{cube: schema.CubeReferrers, values: values(src[1], src[3])},
		{cube: schema.CubeCampaigns, values: values(src[4], src[5], src[2], src[6], src[7])},
		{cube: schema.CubeCountries, values: values(at[0])},
		{cube: schema.CubeRegions, values: values(at[0], at[1])},
		{cube: schema.CubePlaces, values: values(at[0], at[1], at[2])},
		{cube: schema.CubeDevices, values: values(at[3], at[4], at[6])},
		{cube: schema.CubeBrowsers, values: values(at[4], at[5])},
		{cube: schema.CubeSystems, values: values(at[6], at[7])},
		{cube: schema.CubeSourcePlaces, values: values(src[0], src[1], src[2], at[0])},
		{cube: schema.CubeSourceDevices, values: values(src[0], src[1], src[2], at[3], at[4], at[6])},
		{cube: schema.CubePlaceDevices, values: values(at[0], at[3], at[4], at[6])},
	}
}

// pageSums are what a step adds to a page in an hour: often several things to one page.
type pageSums struct {
	page    page
	hour    int
	d, from schema.Deltas
}

// maxPageSums is how often a step adds to a page.
const maxPageSums = 4

// addPage adds d to the cells of a page and from to the one that crosses it with the visit's source, when emitPages is called.
func (s *step) addPage(p page, hour int, d, from *schema.Deltas) {
	for i := range s.pages[:s.numPages] {
		if sum := &s.pages[i]; sum.page == p && sum.hour == hour {
			sum.d.Add(d)
			sum.from.Add(from)
			return
		}
	}
	s.pages[s.numPages] = pageSums{p, hour, *d, *from}
	s.numPages++
}

func (s *step) emitPages() {
	for i := range s.pages[:s.numPages] {
		sum := &s.pages[i]
		s.emitPage(sum.page, sum.hour, &sum.d, &sum.from)
	}
}

// emitPage adds d to the cells of a page and from to the one that crosses it with the visit's source. A visitor's place and
// device are the same all day, so what is new about the page is new in those crosses too.
func (s *step) emitPage(p page, hour int, d, from *schema.Deltas) {
	src, at := &s.source, &s.attrs
	s.emit(&cellKey{cube: schema.CubePages, values: values(p.host, p.path)}, hour, d)
	s.emit(&cellKey{cube: schema.CubePageSources, values: values(p.host, p.path, src[0], src[1], src[2])}, hour, from)
	s.emit(&cellKey{cube: schema.CubePagePlaces, values: values(p.host, p.path, at[0])}, hour, d)
	s.emit(&cellKey{cube: schema.CubePageDevices, values: values(p.host, p.path, at[3], at[4], at[6])}, hour, d)
}

// emit adds d to a cell in the bucket of the hour, or of the day if the cube has days. It keeps the k rule and the limits.
func (s *step) emit(k *cellKey, hour int, d *schema.Deltas) {
	plan := &plans[k.cube]
	kept := *d
	for m := range kept {
		if !plan.keeps[m] {
			kept[m] = 0
		}
	}
	if kept.IsZero() {
		return
	}
	if !plan.folds {
		s.put(k, hour, &kept)
		return
	}
	parent := k.masked(plan.folded)
	i, ok := s.d.cell(k, plan)
	if !ok {
		s.put(&parent, hour, &kept)
		return
	}
	rec := s.d.record(cellsSection, i)
	if !plan.guards || rec[cellStateAt] == cellVisible {
		s.put(k, hour, &kept)
		return
	}
	parent = k.masked(plan.guarded)
	hidden := s.d.hidden(rec)
	before := loadSums(s.d.record(hiddenSection, hidden))
	sums := before
	sums.Add(&kept)
	s.d.keep(hiddenSection, hidden)
	storeSums(s.d.record(hiddenSection, hidden), &sums)
	if sums[schema.Visitors] < int64(s.d.cfg.K) {
		s.put(&parent, hour, &kept)
		return
	}
	s.d.keep(cellsSection, i)
	rec[cellStateAt] = cellVisible
	moved := before.Negated()
	s.put(&parent, hour, &moved)
	s.put(k, hour, &sums)
}

// put appends the increment of a cell that may be shown.
func (s *step) put(k *cellKey, hour int, d *schema.Deltas) {
	if d.IsZero() {
		return
	}
	plan := &plans[k.cube]
	time := s.d.start
	if plan.hourly {
		time = s.d.hours[hour].name
	}
	s.out = slices.Grow(s.out, 1)[:len(s.out)+1]
	inc := &s.out[len(s.out)-1]
	inc.Delta = *d
	inc.Cell = schema.Cell{Site: s.d.cfg.Site, Cube: k.cube, Time: time}
	key := mix(uint64(s.d.cfg.Site)<<8|uint64(k.cube), uint64(time))
	for i, dim := range plan.words {
		w := &s.d.words[dim]
		inc.Cell.Values[i] = w.values[k.values[i]]
		key = mix(key, w.hashes[k.values[i]])
	}
	inc.Key = key
}

// mix folds b into the hash a.
func mix(a, b uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15
	hi, lo := bits.Mul64(a^odd, b^0xd6e8feb86659fd93)
	return bits.RotateLeft64(hi^lo, 29) ^ a*odd
}

// hidden is the record of the sums of a hidden cell.
func (d *Day) hidden(cell []byte) int { return int(le.Uint32(cell[cellHiddenAt:])) - 1 }

// cell is the number of the cell's record; it is made when the cell is new. False when the cube is full, or when the cell's
// guarded values are all Other, so that it is its own parent.
func (d *Day) cell(k *cellKey, plan *plan) (int, bool) {
	if plan.guards && *k == k.masked(plan.guarded) {
		return 0, false
	}
	h := k.hash()
	for probe := h; ; probe++ {
		n := d.cells.at(probe)
		if n == 0 {
			break
		}
		if loadCellKey(d.record(cellsSection, int(n-1))) == *k {
			return int(n - 1), true
		}
	}
	if d.cubeCells[k.cube] >= schema.LimitCellsPerDay {
		return 0, false
	}
	rec, i := d.add(cellsSection)
	storeCellKey(rec, k)
	if plan.guards {
		_, n := d.add(hiddenSection)
		le.PutUint32(rec[cellHiddenAt:], uint32(n+1))
	}
	d.cells.put(h, i, d.cellHash)
	d.cubeCells[k.cube]++
	return i, true
}

func (k *cellKey) hash() uint64 {
	a := uint64(k.cube)<<48 | uint64(k.values[0])<<32 | uint64(k.values[1])<<16 | uint64(k.values[2])
	b := uint64(k.values[3])<<32 | uint64(k.values[4])<<16 | uint64(k.values[5])
	return mix(mix(a, b), a)
}

// masked is the key with the values at the marked positions set to Other.
func (k *cellKey) masked(mask uint8) cellKey {
	m := *k
	for i := range m.values {
		if mask&(1<<i) != 0 {
			m.values[i] = otherWord
		}
	}
	return m
}

// plan is what the core needs of a cube, in the form in which it needs it.
type plan struct {
	words           []schema.Dimension // of whose words the values are: the cube's dimensions, but for those that share another's
	hourly          bool
	folds, guards   bool
	folded, guarded uint8 // positions of the dimensions, a bit each
	keeps           [schema.NumMetrics]bool
}

var plans = makePlans()

func makePlans() (p [schema.NumCubes]plan) {
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		pl := plan{
			words: slices.Clone(c.Dimensions), hourly: c.Grain == schema.Hourly,
			folds: len(c.Folded) > 0, guards: len(c.Guarded) > 0,
		}
		for pos, dim := range c.Dimensions {
			if dim == schema.NextPath {
				pl.words[pos] = schema.Path
			}
			if slices.Contains(c.Folded, dim) {
				pl.folded |= 1 << pos
			}
			if slices.Contains(c.Guarded, dim) {
				pl.guarded |= 1 << pos
			}
		}
		for m := range schema.NumMetrics {
			pl.keeps[m] = c.Keeps(m)
		}
		p[c.ID] = pl
	}
	return p
}
