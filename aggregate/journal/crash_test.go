package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"turf/aggregate/journal"
	"turf/aggregate/journal/crashfs"
)

// TestCrashes lives through histories of appends, seals, faults, kills and losses of power. Each group adds 1 to a
// cell of its own and to one of all, so a batch says which groups it holds.
func TestCrashes(t *testing.T) {
	seeds := 2000
	if testing.Short() {
		seeds = 300
	}
	for seed := range seeds {
		if err := newHistory(uint64(seed)).run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The histories must be able to find something: without syncs, they do.
func TestCrashesFindLostSyncs(t *testing.T) {
	for seed := range 200 {
		h := newHistory(uint64(seed))
		h.fs.IgnoreSync = true
		if h.run() != nil {
			return
		}
	}
	t.Error("200 histories without any sync and nothing was lost")
}

type history struct {
	rng     *rand.Rand
	fs      *crashfs.FS
	j       *journal.Journal
	faults  float64
	mode    journal.SyncMode
	group   uint64
	state   map[uint64]string // of each group: acked, failed, unsure
	store   map[string]string // token → batch
	counted map[uint64]int
	waiting []*journal.Sealed
	taken   *journal.Sealed // the oldest one, when the store has it
}

func newHistory(seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 7))
	return &history{
		rng: rng, fs: crashfs.New(rng), state: map[uint64]string{},
		store: map[string]string{}, counted: map[uint64]int{}, faults: []float64{0, 0.02, 0.2}[rng.IntN(3)],
		mode: journal.SyncMode(rng.IntN(4) / 3),
	}
}

func (h *history) run() error {
	h.fs.Fault = func(crashfs.Op, string) crashfs.Outcome {
		switch p := h.rng.Float64(); {
		case p < h.faults:
			return crashfs.Fails
		case p < 1.5*h.faults:
			return crashfs.Lies
		case p < 1.5*h.faults+0.01:
			return crashfs.Crashes
		}
		return crashfs.Works
	}
	for range 4 {
		if err := h.life(); err != nil {
			return err
		}
		if h.rng.IntN(2) == 0 {
			h.fs.Kill()
		} else {
			h.powerLoss()
		}
		h.j = nil
	}
	h.fs.Fault = nil
	if err := h.start(); err != nil {
		return err
	}
	for len(h.waiting) > 0 {
		if err := h.send(); err != nil {
			return err
		}
	}
	for g, state := range h.state {
		if n := h.counted[g]; n > 1 || state == "acked" && n != 1 || state == "failed" && n != 0 {
			return fmt.Errorf("group %d is %s and counted %d times", g, state, n)
		}
	}
	return nil
}

// powerLoss may lose acknowledged groups that were not synced, with SyncOS.
func (h *history) powerLoss() {
	h.fs.PowerLoss()
	for g := range h.state {
		if h.mode == journal.SyncOS && h.state[g] == "acked" {
			h.state[g] = "unsure"
		}
	}
}

// life is one process, until it crashes or is stopped.
func (h *history) life() (err error) {
	defer func() {
		if p := recover(); p != nil && p != any(crashfs.ErrCrash) {
			panic(p)
		}
	}()
	if err := h.start(); err != nil || h.j == nil {
		return err
	}
	for range h.rng.IntN(60) {
		switch h.rng.IntN(6) {
		case 0:
			_ = h.j.Seal() // a failed one is tried again
			h.waiting = append(h.waiting, h.j.Sealed()...)
		case 1:
			if err := h.send(); err != nil {
				return err
			}
		default:
			h.append()
		}
	}
	return nil
}

func (h *history) start() error {
	h.waiting = nil
	j, rec, err := journal.Open(h.fs, dir, journal.Options{Random: randomOf(h.rng), Sync: h.mode, MaxSegmentBytes: 400})
	if err != nil {
		if errors.Is(err, crashfs.ErrIO) {
			return nil
		}
		return err
	}
	h.j, h.waiting = j, rec.Sealed
	for g, state := range h.state {
		if state == "acked" && g > rec.Last {
			return fmt.Errorf("group %d is acknowledged and the last one found is %d", g, rec.Last)
		}
	}
	return nil
}

func (h *history) append() {
	if !h.j.Ready() {
		if h.j.Settle() != nil {
			return
		}
		h.waiting = append(h.waiting, h.j.Sealed()...)
		if h.state[h.group] == "unsure" {
			h.state[h.group] = "failed"
		}
	}
	h.group++
	h.state[h.group] = "unsure"
	err := h.j.Append(h.group, incs(fmt.Sprintf("/%d=1 /all=1", h.group)))
	switch {
	case err == nil:
		h.state[h.group] = "acked"
	case !errors.Is(err, journal.ErrUncertain):
		h.state[h.group] = "failed"
	}
	h.waiting = append(h.waiting, h.j.Sealed()...)
}

// send gives the oldest batch to the store, which knows tokens, and removes its segment.
func (h *history) send() error {
	if len(h.waiting) == 0 {
		return nil
	}
	s := h.waiting[0]
	if h.taken == s {
		h.remove()
		return nil
	}
	b, err := s.Batch()
	if err != nil {
		return err
	}
	got := text(b)
	if had, ok := h.store[b.Token]; ok && had != got {
		return fmt.Errorf("token %s: first %q, then %q", b.Token, had, got)
	} else if !ok && got != "" {
		h.store[b.Token] = got
		for _, r := range b.Rows {
			var g uint64
			if _, err := fmt.Sscanf(r.Cell.Values[1], "/%d", &g); err == nil {
				h.counted[g]++
			}
		}
	}
	h.taken = s
	h.remove()
	return nil
}

// remove tries to remove the oldest segment; the others have to wait for it.
func (h *history) remove() {
	if h.taken.Remove() == nil {
		h.waiting = h.waiting[1:]
	}
}

type rngReader struct{ *rand.Rand }

func randomOf(rng *rand.Rand) rngReader { return rngReader{rng} }

func (r rngReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return len(p), nil
}
