package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"turf/schema"
)

// What the commands and actions on a site's goals, funnels and segments have in common.

// removeRequest is the request of the actions that take a goal, a funnel or a segment back.
type removeRequest struct {
	Site, Name string
}

func siteFlag(cmd *cobra.Command, site *string) {
	cmd.Flags().StringVar(site, "site", "", "`DOMAIN` of the site; not needed where there is only one")
}

// withSite opens the backend for the time of do, which gets the domain of the site that was given, or of the only one.
func (a *app) withSite(ctx context.Context, site string, do func(be backend, domain string) error) error {
	return a.with(ctx, func(be backend) error {
		domain, err := onlySite(ctx, be, site)
		if err != nil {
			return err
		}
		return do(be, domain)
	})
}

// listDeclared are the site's declarations of one kind, which of chooses.
func listDeclared[T any](in *instance, domain string, of func(*schema.Site) *[]T) ([]T, error) {
	site, err := in.siteCalled(domain)
	if err != nil {
		return nil, err
	}
	return append([]T{}, *of(&site)...), nil
}

// removeDeclared takes the declaration of that name back and returns it. kind is what people call it, and its command.
func removeDeclared[T any](
	ctx context.Context, in *instance, req removeRequest, kind string, of func(*schema.Site) *[]T, name func(*T) string,
) (removed T, err error) {
	_, err = in.sites.Set(ctx, req.Site, func(s *schema.Site) error {
		all := of(s)
		i := slices.IndexFunc(*all, func(d T) bool { return name(&d) == req.Name })
		if i < 0 {
			return fmt.Errorf("it has no %s %q; list them: turf %s list", kind, req.Name, kind)
		}
		removed = (*all)[i]
		*all = slices.Delete(*all, i, i+1)
		return nil
	})
	return removed, err
}
