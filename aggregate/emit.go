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

// visitCells are the cells of the visit: its source, place and device, alone and crossed. Those of twins are summed up from the hours.
func (s *step) visitCells() [15]packed {
	src, at := &s.source, &s.attrs
	return [...]packed{
		pack(schema.CubeTraffic, 0, 0, 0, 0, 0, 0),
		pack(schema.CubeSources, src[0], src[1], src[2], 0, 0, 0),
		pack(schema.CubeReferrers, src[1], src[3], 0, 0, 0, 0),
		pack(schema.CubeCampaigns, src[4], src[5], src[2], src[6], src[7], 0),
		pack(schema.CubeCountries, at[0], 0, 0, 0, 0, 0),
		pack(schema.CubeRegions, at[0], at[1], 0, 0, 0, 0),
		pack(schema.CubePlaces, at[0], at[1], at[2], 0, 0, 0),
		pack(schema.CubeDevices, at[3], at[4], at[6], 0, 0, 0),
		pack(schema.CubeBrowsers, at[4], at[5], 0, 0, 0, 0),
		pack(schema.CubeSystems, at[6], at[7], 0, 0, 0, 0),
		pack(schema.CubeLanguages, at[8], 0, 0, 0, 0, 0),
		pack(schema.CubeScreens, at[9], 0, 0, 0, 0, 0),
		pack(schema.CubeSourcePlaces, src[0], src[1], src[2], at[0], 0, 0),
		pack(schema.CubeSourceDevices, src[0], src[1], src[2], at[3], at[4], at[6]),
		pack(schema.CubePlaceDevices, at[0], at[3], at[4], at[6], 0, 0),
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
	set, setFrom := nonZero(d), nonZero(from)
	s.emitKey(pack(schema.CubePages, p.host, p.path, 0, 0, 0, 0), hour, d, set)
	s.emitKey(pack(schema.CubePageSources, p.host, p.path, src[0], src[1], src[2], 0), hour, from, setFrom)
	s.emitKey(pack(schema.CubePagePlaces, p.host, p.path, at[0], 0, 0, 0), hour, d, set)
	s.emitKey(pack(schema.CubePageDevices, p.host, p.path, at[3], at[4], at[6], 0), hour, d, set)
}

// emit adds d to a cell in the bucket of the hour, or of the day if the cube has days. It keeps the k rule and the limits.
func (s *step) emit(k *cellKey, hour int, d *schema.Deltas) { s.emitKey(k.pack(), hour, d, nonZero(d)) }

// nonZero are the metrics of d that are not zero, a bit each.
func nonZero(d *schema.Deltas) (set uint64) {
	for m, n := range d {
		set |= uint64(n|-n) >> 63 << (m & 63)
	}
	return set
}

// emitKey is emit where set is known to be nonZero(d).
func (s *step) emitKey(key packed, hour int, d *schema.Deltas, set uint64) {
	plan := &plans[key.cube()]
	if set &= plan.keeps; set == 0 {
		return
	}
	if !plan.folds {
		s.put(key, hour, d, set)
		return
	}
	hash := key.hash()
	i, rec := s.d.cell(key, hash, plan)
	if rec == nil {
		if !plan.withheld {
			s.put(key.masked(&plan.folded), hour, d, set)
		}
		return
	}
	if !plan.guards || rec[cellStateAt] == cellVisible {
		if plan.hourly {
			s.put(key, hour, d, set)
		} else {
			s.d.sums.addHashed(key, hash, d, set)
		}
		return
	}
	hidden := s.d.hidden(rec)
	s.d.keep(hiddenSection, hidden)
	sums := s.d.record(hiddenSection, hidden)
	if sumPlaces[schema.Visitors].load(sums)+d[schema.Visitors] < int64(s.d.cfg.K) {
		addSums(sums, d, set)
		if !plan.withheld {
			s.put(key.masked(&plan.guarded), hour, d, set)
		}
		return
	}
	before := loadSums(sums)
	addSums(sums, d, set)
	all := loadSums(sums)
	s.d.keep(cellsSection, i)
	rec[cellStateAt] = cellVisible
	if !plan.withheld {
		moved := before.Negated()
		s.put(key.masked(&plan.guarded), hour, &moved, plan.keeps)
	}
	s.put(key, hour, &all, plan.keeps)
}

// put adds the metrics in set of d to a cell that may be shown.
func (s *step) put(key packed, hour int, d *schema.Deltas, set uint64) {
	if !plans[key.cube()].hourly {
		hour = 0
	}
	s.d.sums.add(key, hour, d, set)
}

// mix folds b into the hash a.
func mix(a, b uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15
	hi, lo := bits.Mul64(a^odd, b^0xd6e8feb86659fd93)
	return bits.RotateLeft64(hi^lo, 29) ^ a*odd
}

// hidden is the record of the sums of a hidden cell.
func (d *Day) hidden(cell []byte) int { return int(le.Uint32(cell[cellHiddenAt:])) - 1 }

// cell is the cell's record and its number; it is made when the cell is new. There is none, nil, when the cube is full, or when the
// cell's guarded values are all Other, so that it is its own parent. hash is that of the key.
func (d *Day) cell(key packed, hash uint64, plan *plan) (i int, rec []byte) {
	if plan.guards && key == key.masked(&plan.guarded) {
		return 0, nil
	}
	for probe := hash; ; probe++ {
		n := d.cells.at(probe)
		if n == 0 {
			break
		}
		if rec := d.record(cellsSection, int(n-1)); loadPacked(rec) == key {
			return int(n - 1), rec
		}
	}
	if d.cubeCells[key.cube()] >= schema.LimitCellsPerDay {
		return 0, nil
	}
	rec, i = d.add(cellsSection)
	key.store(rec)
	if plan.guards {
		_, n := d.add(hiddenSection)
		le.PutUint32(rec[cellHiddenAt:], uint32(n+1))
	}
	d.cells.put(hash, i, d.cellHash)
	d.cubeCells[key.cube()]++
	return i, rec
}

// plan is what the core needs of a cube, in the form in which it needs it.
type plan struct {
	words           []schema.Dimension // of whose words the values are: the cube's dimensions, but for those that share another's
	hourly          bool
	folds, guards   bool
	withheld        bool // hidden cells are not counted under a parent
	folded, guarded mask
	keeps           uint64 // metrics that are summed, a bit each: those of the cube and of its twin
	own             uint64 // metrics of the cube itself
	twin            schema.CubeID
}

var plans = makePlans()

func makePlans() (p [schema.NumCubes]plan) {
	for i := range schema.Cubes {
		c := &schema.Cubes[i]
		pl := plan{
			words: slices.Clone(c.Dimensions), hourly: c.Grain == schema.Hourly,
			folds: len(c.Folded) > 0, guards: len(c.Guarded) > 0, withheld: c.Withheld,
		}
		for pos, dim := range c.Dimensions {
			if dim == schema.NextPath {
				pl.words[pos] = schema.Path
			}
			if slices.Contains(c.Folded, dim) {
				pl.folded.mark(pos)
			}
			if slices.Contains(c.Guarded, dim) {
				pl.guarded.mark(pos)
			}
		}
		for m := range schema.NumMetrics {
			if c.Keeps(m) {
				pl.own |= 1 << m
			}
		}
		pl.keeps = pl.own
		p[c.ID] = pl
	}
	for i := range p {
		if c, ok := schema.CubeByID(schema.CubeID(i)); ok && c.TwinOf != 0 {
			hours := &p[c.TwinOf]
			hours.twin = c.ID
			hours.keeps |= p[i].own
		}
	}
	return p
}
