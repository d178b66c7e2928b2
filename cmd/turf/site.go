package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"turf/schema"
)

// Requests of the actions on sites.
type (
	addSiteRequest struct {
		Domain, Timezone string
	}
	renameSiteRequest struct {
		Domain, Name string
	}
	// setSiteRequest asks for changes: what is not there stays as it is.
	setSiteRequest struct {
		Domain  string
		K       int
		Profile string
		Lists   map[string][]string // by the flag's name
	}
)

func (a *app) siteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "site",
		Short: "The sites that are counted: add, list, rename, remove, set",
	}
	cmd.AddCommand(a.siteAddCommand(), a.siteListCommand(), a.siteRenameCommand(), a.siteRemoveCommand(), a.siteSetCommand())
	return cmd
}

func (a *app) siteRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rename DOMAIN NEW-DOMAIN",
		Short: "Give a site another name",
		Long: fmt.Sprintf(`Gives a site another name, such as the domain to which it moved. Its counts stay. The old name goes on to stand for the site, in
tags, scripts and questions, until another site has it; so the tags can be changed later, and in any order. The last %d names are
kept.`, schema.MaxFormerNames),
		Example: "  turf site rename example.com example.org",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(be backend) error {
				var site schema.Site
				if err := be.call(cmd.Context(), "site/rename", renameSiteRequest{args[0], args[1]}, &site); err != nil {
					return err
				}
				return a.print(site, fmt.Sprintf("%s is called %s\n", args[0], site.Domain))
			})
		},
	}
}

func (a *app) siteAddCommand() *cobra.Command {
	var zone string
	cmd := &cobra.Command{
		Use:   "add DOMAIN --timezone ZONE",
		Short: "Begin to count a site",
		Long: `Begins to count a site. DOMAIN is what data-domain says in the script tag. The days of the site are those of ZONE; they are
cut when they are counted, so the zone cannot be changed later.`,
		Example: "  turf site add example.com --timezone Europe/Amsterdam --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(be backend) error {
				var site schema.Site
				req := addSiteRequest{Domain: args[0], Timezone: zone}
				if err := be.call(cmd.Context(), "site/add", req, &site); err != nil {
					return err
				}
				return a.print(site, fmt.Sprintf("counting %s in the time zone %s\n", site.Domain, site.Timezone))
			})
		},
	}
	cmd.Flags().StringVar(&zone, "timezone", "UTC", "`ZONE` of the site's days, as Europe/Amsterdam")
	return cmd
}

func (a *app) siteListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the sites",
		Example: "  turf site list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(be backend) error {
				var sites []schema.Site
				if err := be.call(cmd.Context(), "site/list", nothing{}, &sites); err != nil {
					return err
				}
				return a.table(sites, len(sites), "SITE\tTIME ZONE\tSINCE", func(i int) string {
					s := &sites[i]
					return fmt.Sprintf("%s\t%s\t%s", s.Domain, s.Timezone, s.Created.Format("2006-01-02"))
				})
			})
		},
	}
}

func (a *app) siteRemoveCommand() *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use:     "remove DOMAIN --yes",
		Short:   "Stop counting a site and delete its counts",
		Long:    "Stops counting a site and deletes all its counts, and what its visitors consented to. There is no way back but a backup.",
		Example: "  turf site remove example.com --yes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return fmt.Errorf("this deletes all counts of %s for ever; add --yes if that is meant", args[0])
			}
			return a.with(cmd.Context(), func(be backend) error {
				var site schema.Site
				if err := be.call(cmd.Context(), "site/remove", args[0], &site); err != nil {
					return err
				}
				return a.print(site, "removed "+site.Domain+" and its counts\n")
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "the counts are to be deleted")
	return cmd
}

// with opens the backend for the time of do.
func (a *app) with(ctx context.Context, do func(backend) error) error {
	be, err := a.open(ctx)
	if err != nil {
		return err
	}
	if err := do(be); err != nil {
		_ = be.Close() // what went wrong before says more
		return err
	}
	return be.Close()
}

// table prints n things: as one JSON array with --json, else in columns that tabs divide.
func (a *app) table(all any, n int, head string, row func(i int) string) error {
	if a.json {
		return json.NewEncoder(a.stdout).Encode(all)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for i := range n {
		fmt.Fprintln(w, row(i))
	}
	return w.Flush()
}

// findSite returns the site that people call domain.
func findSite(ctx context.Context, be backend, domain string) (schema.Site, error) {
	var sites []schema.Site
	if err := be.call(ctx, "site/list", nothing{}, &sites); err != nil {
		return schema.Site{}, err
	}
	name, err := schema.CleanDomain(domain)
	if err != nil {
		return schema.Site{}, err
	}
	var names []string
	for _, s := range sites {
		if s.Domain == name {
			return s, nil
		}
		names = append(names, s.Domain)
	}
	if len(names) == 0 {
		return schema.Site{}, fmt.Errorf("there is no site yet; make it: turf site add %s --timezone ZONE", name)
	}
	return schema.Site{}, fmt.Errorf("there is no site %s (there is %s); make it: turf site add %s --timezone ZONE",
		name, strings.Join(names, ", "), name)
}
