package schema

import (
	"math/bits"
	"strconv"
)

// NumLogBuckets is how many buckets a histogram has at most.
const NumLogBuckets = 4*32 + 1

// logBuckets are the buckets' names in their order: the decimal number at which each begins, from 0, 1, 2, 3, 4, and from there
// on four to each doubling, in steps of a quarter of a power of two.
var logBuckets = makeLogBuckets()

func makeLogBuckets() (names [NumLogBuckets]string) {
	for i := range names {
		start := uint64(i)
		if i >= 4 {
			start = uint64(4+i%4) << (i/4 - 1)
		}
		names[i] = strconv.FormatUint(start, 10)
	}
	return names
}

// LogBucket is the bucket of a histogram in which n lies: the number at which the bucket begins. Buckets are at most a quarter
// wide: 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, … Negative numbers are in the first, very large ones in the last.
func LogBucket(n int64) string {
	i := n
	if n >= 4 {
		shift := bits.Len64(uint64(n)) - 3
		i = int64(4*shift) + n>>shift
	}
	return logBuckets[min(max(i, 0), NumLogBuckets-1)]
}
