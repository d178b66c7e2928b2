package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"turf/dashboard/stats"
	"turf/schema"
)

// addSegmentRequest is the request of the action that declares a segment.
type addSegmentRequest struct {
	Site    string
	Segment schema.Segment
}

func (a *app) segmentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "segment",
		Short: "The segments of a site: add, list, remove",
		Long: `Filters that are saved, and counted in memory from then on, so that they can be about more than counters cross: a page and a source and a
country. A segment is then the filter of any question that is about one side of a visit, as segment==NAME. Its counters
appear on days on which enough visitors are in them (see k of turf site set), and nowhere before.`,
		Example: "  turf segment add 'Dutch readers' --site example.com --filter visit:country==NL --filter 'event:page~/blog'",
	}
	cmd.AddCommand(a.segmentAddCommand(), a.segmentListCommand(), a.segmentRemoveCommand())
	return cmd
}

func (a *app) segmentAddCommand() *cobra.Command {
	var site, tree string
	var filters []string
	cmd := &cobra.Command{
		Use:   "add NAME --filter FILTER…",
		Short: "Declare a segment",
		Long: fmt.Sprintf(`Declares a segment. A FILTER is DIMENSION OPERATOR VALUE without spaces between, as of turf query: == is, != is not, ~ contains, !~
does not contain; | is or between values, * is any text. All filters must hold. What this cannot say, filters in the API's
own form can: --filters, with and, or and not. A site has at most %d segments, a segment %d comparisons and %d values.
Bounce rate, duration and views per visit are counted of segments whose filters name only source, place and device.`,
			schema.MaxSegments, schema.MaxSegmentLeaves, schema.MaxSegmentValues),
		Example: `  turf segment add 'Dutch readers' --site example.com --filter visit:country==NL --filter 'event:page~/blog'
  turf segment add 'Paying or trying' --filters '[["or",[["is","event:props:plan",["pro"]],["is","event:name",["Trial"]]]]]'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := segmentOf(filters, tree)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var added schema.Segment
				req := addSegmentRequest{domain, schema.Segment{Name: args[0], Filter: filter}}
				if err := be.call(ctx, "segment/add", req, &added); err != nil {
					return err
				}
				shown, err := showSegment(&added)
				if err != nil {
					return err
				}
				return a.print(shown, fmt.Sprintf("%s: %s, counted %s\n", shown.Name, shown.Filters, shown.sinceText()))
			})
		},
	}
	f := cmd.Flags()
	siteFlag(cmd, &site)
	f.StringArrayVar(&filters, "filter", nil, "`FILTER`, such as visit:country==NL; may be given several times")
	f.StringVar(&tree, "filters", "", "`JSON` of filters as the stats API has them, instead of --filter")
	cmd.MarkFlagsMutuallyExclusive("filter", "filters")
	cmd.MarkFlagsOneRequired("filter", "filters")
	return cmd
}

func (a *app) segmentListCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the segments of a site",
		Example: "  turf segment list --site example.com --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var segments []schema.Segment
				if err := be.call(ctx, "segment/list", domain, &segments); err != nil {
					return err
				}
				shown := make([]shownSegment, len(segments))
				for i := range segments {
					var err error
					if shown[i], err = showSegment(&segments[i]); err != nil {
						return err
					}
				}
				return a.table(shown, len(shown), "SEGMENT\tID\tFILTERS\tCOUNTED", func(i int) string {
					s := &shown[i]
					return fmt.Sprintf("%s\t%s\t%s\t%s", s.Name, s.ID, s.Filters, s.sinceText())
				})
			})
		},
	}
	siteFlag(cmd, &site)
	return cmd
}

func (a *app) segmentRemoveCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Take a segment back",
		Long: `Takes a segment back. What was counted stays, and is not shown; the same filters declared again show it, and are
counted again from then on.`,
		Example: "  turf segment remove --site example.com 'Dutch readers'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var removed schema.Segment
				if err := be.call(ctx, "segment/remove", removeRequest{domain, args[0]}, &removed); err != nil {
					return err
				}
				shown, err := showSegment(&removed)
				if err != nil {
					return err
				}
				return a.print(shown, shown.Name+" is no segment any more\n")
			})
		},
	}
	siteFlag(cmd, &site)
	return cmd
}

// segmentOf reads the filters of a segment, in the form of turf query or in that of the API.
func segmentOf(texts []string, tree string) (schema.SegmentFilter, error) {
	if tree != "" {
		return stats.ParseSegment([]byte(tree))
	}
	var filters []stats.Filter
	for _, text := range texts {
		some, err := stats.V1Filters(text)
		if err != nil {
			return schema.SegmentFilter{}, err
		}
		filters = append(filters, some...)
	}
	raw, err := json.Marshal(filters)
	if err != nil {
		return schema.SegmentFilter{}, err
	}
	return stats.ParseSegment(raw)
}

// shownSegment is a segment in the words of the API.
type shownSegment struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Filters json.RawMessage `json:"filters"` // as --filters takes them
	Since   time.Time       `json:"counted_since"`
}

func showSegment(s *schema.Segment) (shownSegment, error) {
	filters, err := json.Marshal(stats.SegmentFilters(&s.Filter))
	if err != nil {
		return shownSegment{}, fmt.Errorf("write the filters of segment %s: %w", s.Name, err)
	}
	return shownSegment{s.Key(), s.Name, filters, s.Since}, nil
}

// sinceText is since when a segment is counted, in words.
func (s *shownSegment) sinceText() string { return "since " + s.Since.Format(time.DateTime) + " UTC" }

func addSegment(ctx context.Context, in *instance, req addSegmentRequest) (schema.Segment, error) {
	site, err := in.sites.Set(ctx, req.Site, func(s *schema.Site) error {
		s.Segments = append(s.Segments, req.Segment)
		return nil
	})
	if err != nil {
		return schema.Segment{}, err
	}
	return site.Segments[len(site.Segments)-1], nil
}

func listSegments(_ context.Context, in *instance, domain string) ([]schema.Segment, error) {
	return listDeclared(in, domain, segmentsOf)
}

func removeSegment(ctx context.Context, in *instance, req removeRequest) (schema.Segment, error) {
	return removeDeclared(ctx, in, req, "segment", segmentsOf, func(s *schema.Segment) string { return s.Name })
}

func segmentsOf(s *schema.Site) *[]schema.Segment { return &s.Segments }
