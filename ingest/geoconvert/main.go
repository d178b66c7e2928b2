// Command geoconvert makes the default country database out of the one that scripts/geo fetches: it reads a database of
// networks with a flat country_code, and writes one of MaxMind's shape ({"country": {"iso_code": …}}, type GeoLite2-Country),
// which is what readers of such files know.
//
//	go run ./ingest/geoconvert IN.mmdb OUT.mmdb
//
// It is used at set-up only and is no part of the server.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/oschwald/maxminddb-golang"
)

// databaseType is one of the types that geoip2 readers open. The description says what the file really is.
const databaseType = "GeoLite2-Country"

// description stands in the file and says where the places come from. The package is CC0; the licence of the registries' statistics in it
// (CC BY 4.0) asks for the second half.
const description = "Countries by ip-location-db (geo-whois-asn-country, CC0), converted; " +
	"with statistics of the Number Resource Organization, nro.net (CC BY 4.0)"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: geoconvert IN.mmdb OUT.mmdb")
		os.Exit(2)
	}
	n, err := convert(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "geoconvert:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "geoconvert: %d networks\n", n)
}

// convert writes the networks of the file in to a new file out and says how many there are. It fails when out exists.
func convert(in, out string) (networks int, err error) {
	src, err := maxminddb.Open(in)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", in, err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()

	tree, err := mmdbwriter.New(mmdbwriter.Options{
		BuildEpoch:   int64(src.Metadata.BuildEpoch),
		DatabaseType: databaseType,
		Description:  map[string]string{"en": description},
		IPVersion:    6,
		RecordSize:   24,
		// Lookups refuse private addresses themselves; with these networks kept, no network of the source is an error.
		IncludeReservedNetworks: true,
	})
	if err != nil {
		return 0, fmt.Errorf("start a database: %w", err)
	}
	if networks, err = insert(tree, src); err != nil {
		return 0, err
	}
	if networks == 0 {
		return 0, fmt.Errorf("%s holds no network with a country_code", in)
	}
	return networks, write(tree, out)
}

// insert puts every network of src that has a country into the tree.
func insert(tree *mmdbwriter.Tree, src *maxminddb.Reader) (int, error) {
	// One value a country: the writer knows equal values, but making them takes longer than finding them.
	countries := map[string]mmdbtype.Map{}
	n := 0
	it := src.Networks(maxminddb.SkipAliasedNetworks)
	for it.Next() {
		var record struct {
			Code string `maxminddb:"country_code"`
		}
		network, err := it.Network(&record)
		if err != nil {
			return n, fmt.Errorf("read a network: %w", err)
		}
		if len(record.Code) != 2 {
			continue
		}
		value, ok := countries[record.Code]
		if !ok {
			value = mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(record.Code)}}
			countries[record.Code] = value
		}
		var aliased *mmdbwriter.AliasedNetworkError
		switch err := tree.Insert(network, value); {
		case errors.As(err, &aliased):
			continue // 6to4 and Teredo: the writer lets them stand for the IPv4 address inside
		case err != nil:
			return n, fmt.Errorf("add %s: %w", network, err)
		}
		n++
	}
	if err := it.Err(); err != nil {
		return n, fmt.Errorf("read the networks: %w", err)
	}
	return n, nil
}

func write(tree *mmdbwriter.Tree, path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := tree.WriteTo(w); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Sync()
}
