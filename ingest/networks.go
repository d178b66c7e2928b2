package ingest

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
)

// The limits of a file of networks.
const (
	maxNetworksFileBytes = 64 << 20
	maxNetworks          = 1_000_000 // 48 MB of memory
)

// Networks is a list of networks from a file, such as those of data centres, and takes a new version of the file over
// within a minute of its arrival. The file has a network (192.0.2.0/24), a range (192.0.2.0-192.0.2.99, both ends in
// it) or an address on each line; what follows a "#" is a comment, and empty lines are nothing. It may be used by several
// goroutines. A nil *Networks is an empty list.
type Networks struct {
	path    string
	list    atomic.Pointer[networkList]
	tell    func(problem string)
	problem string // that was told last; of the goroutine that watches
	watch   fileWatch
}

// OpenNetworks reads the file and keeps watch over it until Close. tell is told, once each, why a change of the file was
// not taken over.
func OpenNetworks(path string, tell func(problem string)) (*Networks, error) {
	list, err := readNetworkFile(path)
	if err != nil {
		return nil, err
	}
	n := &Networks{path: path, tell: tell}
	n.list.Store(list)
	n.watch = watchFile(n.reload)
	return n, nil
}

// Close ends the watch over the file and waits for its end. Lookups still work.
func (n *Networks) Close() {
	if n != nil {
		n.watch.Close()
	}
}

// Contains reports whether the address is in one of the networks. It takes about 50 ns and allocates nothing.
func (n *Networks) Contains(addr netip.Addr) bool {
	return n != nil && n.list.Load().contains(addr.Unmap().WithZone(""))
}

// reload takes a changed file over. A file that cannot be used leaves the old list in use and is tried again the next
// time.
func (n *Networks) reload() {
	stamp, err := stampOf(n.path)
	if err == nil && stamp == n.list.Load().stamp {
		n.problem = ""
		return
	}
	list, err := readNetworkFile(n.path)
	if err == nil {
		n.list.Store(list)
		n.problem = ""
		return
	}
	if problem := err.Error(); problem != n.problem {
		n.problem = problem
		n.tell(problem)
	}
}

// networkList is one version of the file: ranges in order that do not touch. IPv4 comes before IPv6.
type networkList struct {
	ranges []addressRange
	stamp  fileStamp
}

type addressRange struct{ first, last netip.Addr }

func readNetworkFile(path string) (*networkList, error) {
	data, stamp, err := readWhole(path, "list of networks", maxNetworksFileBytes)
	if err != nil {
		return nil, err
	}
	list, err := parseNetworks(data)
	if err != nil {
		return nil, fmt.Errorf("read the list of networks %s: %w", path, err)
	}
	list.stamp = stamp
	return list, nil
}

func parseNetworks(data []byte) (*networkList, error) {
	var all []addressRange
	lines := bufio.NewScanner(bytes.NewReader(data))
	for line := 1; lines.Scan(); line++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		network, ok := parseNetworkRange(text)
		switch {
		case !ok:
			return nil, fmt.Errorf("line %d: %.50q is no network such as 192.0.2.0/24, no range and no address", line, text)
		case len(all) == maxNetworks:
			return nil, fmt.Errorf("line %d: there are more than %d networks", line, maxNetworks)
		}
		all = append(all, network)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("a line is too long: %w", err)
	}
	slices.SortFunc(all, func(a, b addressRange) int { return a.first.Compare(b.first) })
	merged := all[:0]
	for _, r := range all {
		if n := len(merged); n > 0 && r.first.Compare(merged[n-1].last) <= 0 {
			if r.last.Compare(merged[n-1].last) > 0 {
				merged[n-1].last = r.last
			}
			continue
		}
		merged = append(merged, r)
	}
	return &networkList{ranges: slices.Clip(merged)}, nil
}

// parseNetworkRange reads a line: a network, a range or an address.
func parseNetworkRange(text string) (addressRange, bool) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		network, ok := parseNetwork(text)
		if !ok {
			return addressRange{}, false
		}
		return addressRange{network.Addr(), lastAddress(network)}, true
	}
	first, err := netip.ParseAddr(strings.TrimSpace(from))
	last, err2 := netip.ParseAddr(strings.TrimSpace(to))
	if err != nil || err2 != nil || first.Zone() != "" || last.Zone() != "" {
		return addressRange{}, false
	}
	r := addressRange{first.Unmap(), last.Unmap()}
	return r, r.first.BitLen() == r.last.BitLen() && r.first.Compare(r.last) <= 0
}

// lastAddress is the highest address of a network.
func lastAddress(network netip.Prefix) netip.Addr {
	b := network.Addr().AsSlice()
	for bit := network.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// contains looks for the last range that begins at or before addr. IPv4 addresses are less than those of IPv6, also
// than those that are IPv4's in another form.
func (l *networkList) contains(addr netip.Addr) bool {
	i := sort.Search(len(l.ranges), func(i int) bool { return l.ranges[i].first.Compare(addr) > 0 })
	return i > 0 && l.ranges[i-1].last.Compare(addr) >= 0
}
