package stats

import (
	"context"
	"slices"

	"turf/schema"
)

// MaxSites is how many sites one question can add up.
const MaxSites = 50

// AnswerSites answers a question about several sites together, our own. A visitor of two of them counts in both: no site knows the
// visitors of another. The sites must be of one time zone, so that their days are the same, and goals and segments, which each site
// has of its own, cannot be asked for. The first of several is the one of [Engine.Answer].
func (e *Engine) AnswerSites(ctx context.Context, sites []schema.Site, q *Query) (*Answer, error) {
	one := sites[0]
	if len(sites) == 1 {
		return e.Answer(ctx, &one, q)
	}
	if len(sites) > MaxSites {
		return nil, invalid("site_id", "at most %d sites can be added up", MaxSites)
	}
	goals := slices.Contains(q.Dimensions, goalDimension)
	segment := false
	walk(q.Filters, func(f *Filter) {
		goals, segment = goals || f.Dimension == goalDimension, segment || f.Dimension == segmentDimension
	})
	if segment {
		return nil, invalid("site_id", "%s is of one site. Ask for one after the other", segmentDimension)
	}
	if goals {
		return nil, invalid("site_id", "%s is of one site. Ask for one, or use event:name or event:page", goalDimension)
	}
	all := *q
	for i := range sites[1:] {
		other := &sites[i+1]
		if other.Timezone != one.Timezone {
			return nil, invalid("site_id", "the days of %s are those of %s, and the days of %s those of %s, so they cannot be added up. "+
				"Ask for one after the other", one.Domain, one.Timezone, other.Domain, other.Timezone)
		}
		if other.ID == one.ID || slices.Contains(all.also, other.ID) {
			return nil, invalid("site_id", "%s is named twice", other.Domain)
		}
		all.also = append(all.also, other.ID)
	}
	if all.Range.Name == "all" {
		for i := range sites {
			span, err := e.span(ctx, &sites[i], q.Range)
			if err != nil {
				return nil, err
			}
			if i == 0 || span.First < all.Range.First {
				all.Range = DateRange{First: span.First, Last: span.Last}
			}
		}
	}
	return e.Answer(ctx, &one, &all)
}
