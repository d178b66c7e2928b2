package main

import (
	"encoding/binary"

	"turf/aggregate"
)

// maxSecretKeys is how many visitors' keys verify looks for: about 1 KB of memory each.
const maxSecretKeys = 20_000

// addSecrets adds the salts and visitor keys that are alive. It returns the number of visitors there are, of which at most
// maxSecretKeys were taken.
func (in *instance) addSecrets(s *secrets) (visitors int) {
	return in.pipe.Secrets(maxSecretKeys,
		func(salt [16]byte) { s.add("the salt of a day that is not over", salt[:]) },
		func(key aggregate.Key) {
			for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
				s.add("the key of a visitor", order.AppendUint64(order.AppendUint64(nil, key[0]), key[1]))
			}
		})
}

// wipe overwrites what was looked for, so that no salt outlives its day here.
func (s *secrets) wipe() {
	for _, needles := range s.byHead {
		for _, n := range needles {
			clear(n.text)
		}
	}
	clear(s.byHead)
	s.count = 0
}
