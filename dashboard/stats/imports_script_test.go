package stats_test

import (
	"encoding/json"
	"strings"
	"time"

	"turf/dashboard/stats"
	"turf/schema"
)

// engine answers about the script's site.
func (s *script) engine() *stats.Engine {
	return &stats.Engine{Runner: s.db, Now: func() time.Time { return s.now }, Imports: func(id schema.SiteID) ([]schema.Imported, error) {
		if id != s.site.ID {
			s.t.Errorf("the imports of site %d are asked for", id)
		}
		return s.imported, nil
	}}
}

// imports reads schema.Imported, in JSON, a line each; those that did not come to their end follow the word running.
func (s *script) imports(lines []string) {
	for _, line := range lines {
		text, running := strings.CutPrefix(line, "running ")
		var im schema.Imported
		if err := json.Unmarshal([]byte(text), &im); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		im.Running = running
		s.imported = append(s.imported, im)
	}
}
