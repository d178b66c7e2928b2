package aggregate

import (
	"errors"
	"math"

	"github.com/cespare/xxhash/v2"

	"turf/schema"
)

// words are the values of a dimension that the day has seen.
type words struct {
	byValue map[string]word
	values  []string
	hashes  []uint64
}

// A word in its section: the dimension, the length (two bytes), the value.
const wordHeader = 3

func (d *Day) rebuildWords() error {
	d.pageMatches, d.leafWords, d.segmentWords = nil, nil, nil
	for i := range d.words {
		d.words[i] = words{byValue: map[string]word{}}
		d.words[i].add("")
		d.words[i].add(schema.Other)
	}
	n := d.len(wordsSection)
	for at := 0; at < n; {
		if at+wordHeader > n {
			return errors.New("the list of words is broken")
		}
		head := d.wordBytes(at, wordHeader)
		size := int(le.Uint16(head[1:]))
		if int(head[0]) >= len(d.words) || at+wordHeader+size > n {
			return errors.New("the list of words is broken")
		}
		d.words[head[0]].add(string(d.wordBytes(at+wordHeader, size)))
		at += wordHeader + size
	}
	return nil
}

func (d *Day) wordBytes(at, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = d.record(wordsSection, at+i)[0]
	}
	return out
}

func (w *words) add(value string) word {
	n := word(len(w.values))
	w.byValue[value] = n
	w.values = append(w.values, value)
	w.hashes = append(w.hashes, xxhash.Sum64String(value))
	return n
}

// word numbers a value of a dimension, Other when the dimension is full and the value was not declared. There must be room for it.
func (d *Day) word(dim schema.Dimension, value string) word {
	if value == "" {
		return noWord
	}
	w := &d.words[dim]
	if n, ok := w.byValue[value]; ok {
		return n
	}
	full := len(w.values)-2 >= schema.Dimensions[dim].LimitPerDay && !(dim == schema.EventName && d.declared.events[value])
	if full || len(w.values) > math.MaxUint16 { // names of goals that were declared and removed all day long have no limit but this
		return otherWord
	}
	value = string(append([]byte(nil), value...)) // the event's string may be a part of a larger one
	at := d.len(wordsSection)
	head := [wordHeader]byte{byte(dim)}
	le.PutUint16(head[1:], uint16(len(value)))
	for i := range wordHeader {
		d.record(wordsSection, at+i)[0] = head[i]
	}
	for i := range len(value) {
		d.record(wordsSection, at+wordHeader+i)[0] = value[i]
	}
	d.sections[wordsSection].setLen(d.b, at+wordHeader+len(value))
	return w.add(value)
}
