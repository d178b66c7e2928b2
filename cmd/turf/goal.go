package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"turf/schema"
)

// addGoalRequest is the request of the action that declares a goal.
type addGoalRequest struct {
	Site string
	Goal schema.Goal
}

func (a *app) goalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "goal",
		Short: "The goals of a site: add, list, remove",
		Long: `What visitors should do on a site: send a custom event, see a page, or read a page to some depth. A goal that is an event, or
the view of one page, is known for the time before it was declared too; all others are counted from then on. The answers
have it as event:goal, and how many of the visitors reached it as conversion_rate.`,
		Example: "  turf goal add --site example.com --event Signup",
	}
	cmd.AddCommand(a.goalAddCommand(), a.goalListCommand(), a.goalRemoveCommand())
	return cmd
}

func (a *app) goalAddCommand() *cobra.Command {
	var site string
	var g schema.Goal
	cmd := &cobra.Command{
		Use:   "add --event NAME | --page PATH",
		Short: "Declare a goal",
		Long: `Declares a goal: a custom event of that name, or the view of a page. A * in PATH stands for any characters. With --scroll so
many percent of the page must be seen. --name is how the goal is called; without it, by what it is. With --currency the amounts
that the event carries in that currency are added up, from then on: total_revenue and average_revenue. Nothing is converted.`,
		Example: `  turf goal add --site example.com --event Signup
  turf goal add --site example.com --event Purchase --currency EUR
  turf goal add --site example.com --page '/blog/*' --scroll 75 --name "Read an article"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var added schema.Goal
				if err := be.call(ctx, "goal/add", addGoalRequest{domain, g}, &added); err != nil {
					return err
				}
				return a.print(added, fmt.Sprintf("%s: %s, %s\n", added.Name, goalText(&added), sinceText(&added)))
			})
		},
	}
	f := cmd.Flags()
	siteFlag(cmd, &site)
	f.StringVar(&g.Event, "event", "", "`NAME` of the custom event")
	f.StringVar(&g.Page, "page", "", "`PATH` of the page, or of all pages that it fits")
	f.IntVar(&g.Scroll, "scroll", 0, "how many `percent` of the page must be seen, 1 to 100")
	f.StringVar(&g.Currency, "currency", "", "`CODE` of the currency of the event's amounts, such as EUR")
	f.StringVar(&g.Name, "name", "", "`NAME` of the goal")
	cmd.MarkFlagsMutuallyExclusive("event", "page")
	cmd.MarkFlagsOneRequired("event", "page")
	return cmd
}

func (a *app) goalListCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the goals of a site",
		Example: "  turf goal list --site example.com --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var goals []schema.Goal
				if err := be.call(ctx, "goal/list", domain, &goals); err != nil {
					return err
				}
				return a.table(goals, len(goals), "GOAL\tIS REACHED BY\tCOUNTED", func(i int) string {
					return fmt.Sprintf("%s\t%s\t%s", goals[i].Name, goalText(&goals[i]), sinceText(&goals[i]))
				})
			})
		},
	}
	siteFlag(cmd, &site)
	return cmd
}

func (a *app) goalRemoveCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:     "remove NAME",
		Short:   "Take a goal back",
		Long:    "Takes a goal back. What was counted stays; a goal that is declared again is known for the time that it was counted.",
		Example: "  turf goal remove --site example.com Signup",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var removed schema.Goal
				if err := be.call(ctx, "goal/remove", removeRequest{domain, args[0]}, &removed); err != nil {
					return err
				}
				return a.print(removed, removed.Name+" is no goal any more\n")
			})
		},
	}
	siteFlag(cmd, &site)
	return cmd
}

// goalText is what a goal is, in words.
func goalText(g *schema.Goal) string {
	switch {
	case g.Currency != "":
		return "the event " + g.Event + ", with amounts in " + g.Currency
	case g.Event != "":
		return "the event " + g.Event
	case g.Scroll > 0:
		return fmt.Sprintf("%d%% of %s", g.Scroll, g.Page)
	}
	return "a view of " + g.Page
}

// sinceText is since when a goal is counted, in words.
func sinceText(g *schema.Goal) string {
	if !g.Counted() {
		return "always"
	}
	return "since " + g.Since.Format(time.DateTime) + " UTC"
}

func addGoal(ctx context.Context, in *instance, req addGoalRequest) (schema.Goal, error) {
	if req.Goal.Name == "" {
		req.Goal.Name = req.Goal.DefaultName()
	}
	site, err := in.sites.Set(ctx, req.Site, func(s *schema.Site) error {
		s.Goals = append(s.Goals, req.Goal)
		return nil
	})
	if err != nil {
		return schema.Goal{}, err
	}
	return site.Goals[len(site.Goals)-1], nil
}

func listGoals(_ context.Context, in *instance, domain string) ([]schema.Goal, error) {
	return listDeclared(in, domain, goalsOf)
}

func removeGoal(ctx context.Context, in *instance, req removeRequest) (schema.Goal, error) {
	return removeDeclared(ctx, in, req, "goal", goalsOf, func(g *schema.Goal) string { return g.Name })
}

func goalsOf(s *schema.Site) *[]schema.Goal { return &s.Goals }
