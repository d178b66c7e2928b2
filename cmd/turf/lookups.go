package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"turf/ingest"
	"turf/ingest/importer"
)

// lookups are the lists in which the steps of a hit look things up. Close them.
type lookups struct {
	agents  *ingest.Agents
	geo     *ingest.Geo      // nil: no place is known
	centres *ingest.Networks // of data centres; nil: none is known
}

// lookupFlags adds --geo-db and --datacenter-file to a command that takes hits through the steps.
func (a *app) lookupFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.geoDB, "geo-db", "",
		"`FILE` with places of addresses in MaxMind's format, countries or cities (default: the countries that scripts/setup fetched)")
	cmd.Flags().StringVar(&a.centresFile, "datacenter-file", "",
		"`FILE` with the networks of data centres, whose hits are not counted: a network, range or address a line, # before a comment")
	setting(cmd.Flags(), "geo-db", "datacenter-file")
}

// openLookups reads the lists. missing is what to tell the user about a file that is not there, or "".
func (a *app) openLookups() (l *lookups, missing string, err error) {
	l = &lookups{}
	if l.agents, err = ingest.NewAgents(); err != nil {
		return nil, "", err
	}
	if a.centresFile != "" {
		if l.centres, err = ingest.OpenNetworks(a.centresFile, a.warn); err != nil {
			return nil, "", fmt.Errorf("--datacenter-file: %w", err)
		}
	}
	path := a.geoDB
	if path == "" {
		path = ingest.DefaultGeoPath()
	}
	if path == "" {
		return l, "there is no database of places, so countries are told from the time zones of browsers only; run scripts/setup, " +
			"or name one with --geo-db", nil
	}
	if l.geo, err = ingest.OpenGeo(path); err != nil {
		l.centres.Close()
		if a.geoDB != "" && errors.Is(err, fs.ErrNotExist) {
			return nil, "", fmt.Errorf("--geo-db: there is no file %s", path)
		}
		return nil, "", err
	}
	return l, "", nil
}

// warn tells of a problem that does not stop the work.
func (a *app) warn(problem string) { fmt.Fprintln(a.stderr, "turf:", problem) }

// Close ends the watch over the files.
func (l *lookups) Close() {
	l.geo.Close()
	l.centres.Close()
}

// placeNote says where places come from and how old that is, as the licences of such files ask.
func (l *lookups) placeNote() string {
	info := l.geo.Info()
	if info == (ingest.GeoInfo{}) {
		return ""
	}
	name := info.Description
	if name == "" {
		name = info.Type
	}
	return fmt.Sprintf("%s, of %s", name, info.BuildDate.Format(time.DateOnly))
}

// importSteps are the steps of an import.
func (a *app) importSteps() (steps importer.Steps, done func(), err error) {
	l, missing, err := a.openLookups()
	if err != nil {
		return steps, nil, err
	}
	if missing != "" {
		fmt.Fprintln(a.stderr, "turf:", missing)
	}
	s, err := ingest.NewSteps(nil, l.agents, l.geo, l.centres)
	if err != nil {
		l.Close()
		return steps, nil, err
	}
	return importer.NewSteps(s), l.Close, nil
}
