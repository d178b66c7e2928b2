package importer

import (
	"fmt"
	"slices"
	"testing"

	"turf/schema"
)

// A log grows after the owner changed the site's settings, so that the steps make another page of the same lines. What is added then
// brings no cell of a guarded cube with fewer than k visitors into the totals (P4), also not the next time, and the totals are
// those of all lines. A cell that alone has k new visitors is shown.
func TestGrownLogAfterOtherSettings(t *testing.T) {
	var lines []string
	for i := range 9 {
		lines = append(lines, fmt.Sprintf(`203.0.113.%d - - [30/Oct/2026:10:00:0%d +0000] "GET /a/%d HTTP/1.1" 200 5 "-" `+
			`"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`, i, i, i))
	}
	store := newStore()
	cfg := testConfig(t, store, "UTC")
	mustRun(t, cfg, source("access.log", lines[:3]...))
	cfg.Site.Settings = &schema.Settings{FoldPaths: []string{"/a/*"}}
	for _, n := range []int{4, 5, 6, 9} {
		mustRun(t, cfg, source("access.log", lines[:n]...))
		byCube := map[string]int64{}
		for cell, sums := range store.totals {
			cube, _ := schema.CubeByID(cell.Cube)
			byCube[cube.Name] += sums[schema.Pageviews]
			for i, d := range cube.Dimensions {
				if slices.Contains(cube.Guarded, d) && cell.Values[i] != schema.Other && sums[schema.Visitors] < schema.DefaultK {
					t.Errorf("%d lines: %s %q has %d visitors", n, cube.Name, cell.Values, sums[schema.Visitors])
					break
				}
			}
		}
		for _, name := range []string{"traffic", "pages", "page_devices", "browsers", "place_devices"} {
			if byCube[name] != int64(n) {
				t.Errorf("%d lines: %s has %d page views", n, name, byCube[name])
			}
		}
	}
	named := schema.Cell{Site: 4, Cube: schema.CubePageDevices, Time: schema.Date(2026, 10, 30).Start(cfg.Now.Location()).Unix()}
	named.Values = [schema.MaxCubeDimensions]string{"example.com", "/a/*", "Desktop", "Firefox", "GNU/Linux"}
	if n := store.totals[named][schema.Visitors]; n != 3 {
		t.Errorf("%q has %d visitors, want those of the last three lines", named.Values, n)
	}
}
