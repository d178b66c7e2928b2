package dashboard

import (
	"time"

	"turf/dashboard/stats"
	"turf/schema"
)

// Paths of segments in the Sites API; our own.
const (
	segmentsPath = sitesPath + "/segments"
	segmentPath  = segmentsPath + "/:segment_id"
)

// segmentAnswer is a segment on the wire.
type segmentAnswer struct {
	ID      string         `json:"id"`
	Name    string         `json:"name"`
	Filters []stats.Filter `json:"filters"` // as those of a question
	Since   time.Time      `json:"counted_since"`
	Domain  string         `json:"domain,omitempty"`
}

func tellSegment(s *schema.Segment) segmentAnswer {
	return segmentAnswer{ID: s.Key(), Name: s.Name, Filters: stats.SegmentFilters(&s.Filter), Since: s.Since}
}

func (d *Dashboard) listSegments(p *provisioning) (any, error) {
	return listDeclared(d, p, "segments", segmentsOf, tellSegment, func(s *segmentAnswer) string { return s.Name })
}

// putSegment declares a segment, or finds it: declaring it again is no mistake.
func (d *Dashboard) putSegment(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	segment := schema.Segment{Name: p.fields["name"]}
	for _, name := range []string{"name", "filters"} {
		if p.fields[name] == "" {
			return nil, &stats.InvalidError{Field: name, Reason: "is required"}
		}
	}
	if segment.Filter, err = stats.ParseSegment([]byte(p.fields["filters"])); err != nil {
		return nil, err
	}
	site, segment, err = declare(d, p, &site, segmentsOf, segment, func(s *schema.Segment) bool { return s.Key() == segment.Key() })
	if err != nil {
		return nil, err
	}
	told := tellSegment(&segment)
	told.Domain = site.Domain
	return told, nil
}

func (d *Dashboard) deleteSegment(p *provisioning) (any, error) {
	return takeBack(d, p, "Segment", segmentsOf, func(s *schema.Segment) bool { return s.Key() == p.fields["segment_id"] })
}

func segmentsOf(s *schema.Site) *[]schema.Segment { return &s.Segments }

func segmentNames(site *schema.Site) []string {
	var names []string
	for i := range site.Segments {
		names = append(names, site.Segments[i].Name)
	}
	return names
}
