package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turf/schema"
)

// addFunnelRequest is the request of the action that declares a funnel.
type addFunnelRequest struct {
	Site   string
	Funnel schema.Funnel
}

func (a *app) funnelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "funnel",
		Short: "The funnels of a site: add, list, remove",
		Long: `Rows of steps that visitors should take one after another on one day, such as a page, a form, a purchase.
How many take each step is counted in memory from the declaration on, without a row about anybody: the dashboard
shows it, and GET /api/stats/funnels answers it.`,
		Example: "  turf funnel add Purchase --site example.com --step page:/pricing --step event:Signup --step event:Purchase",
	}
	cmd.AddCommand(a.funnelAddCommand(), a.funnelListCommand(), a.funnelRemoveCommand())
	return cmd
}

func (a *app) funnelAddCommand() *cobra.Command {
	var site string
	var steps []string
	var window time.Duration
	cmd := &cobra.Command{
		Use:   "add NAME --step STEP --step STEP…",
		Short: "Declare a funnel",
		Long: fmt.Sprintf(`Declares a funnel of %d to %d steps, the first one first. A STEP is event:NAME, a custom event, or
page:PATH, the view of a page; a * in PATH stands for any characters. Other pages and events may lie between two
steps. --window is how long a visitor has for all steps together, at most a day; without it, the rest of the site's
day.`, schema.MinFunnelSteps, schema.MaxFunnelSteps),
		Example: `  turf funnel add Purchase --site example.com --step page:/pricing --step event:Signup --step event:Purchase
  turf funnel add 'Read and sign up' --step 'page:/blog/*' --step event:Signup --window 1h`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := schema.Funnel{Name: args[0]}
			var err error
			if f.WindowSec, err = windowSec(window); err != nil {
				return err
			}
			for _, text := range steps {
				step, err := funnelStep(text)
				if err != nil {
					return err
				}
				f.Steps = append(f.Steps, step)
			}
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var added schema.Funnel
				if err := be.call(ctx, "funnel/add", addFunnelRequest{domain, f}, &added); err != nil {
					return err
				}
				return a.print(added, fmt.Sprintf("%s: %s within %s, counted %s\n",
					added.Name, stepsText(&added), windowText(&added), funnelSinceText(&added)))
			})
		},
	}
	f := cmd.Flags()
	siteFlag(cmd, &site)
	f.StringArrayVar(&steps, "step", nil, "`STEP`: event:NAME or page:PATH; may be given several times, in their order")
	f.DurationVar(&window, "window", 0, "`TIME` for all steps together, such as 30m; without it, the day")
	return cmd
}

func (a *app) funnelListCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the funnels of a site",
		Example: "  turf funnel list --site example.com --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var funnels []schema.Funnel
				if err := be.call(ctx, "funnel/list", domain, &funnels); err != nil {
					return err
				}
				return a.table(funnels, len(funnels), "FUNNEL\tSTEPS\tWITHIN\tCOUNTED", func(i int) string {
					f := &funnels[i]
					return fmt.Sprintf("%s\t%s\t%s\t%s", f.Name, stepsText(f), windowText(f), funnelSinceText(f))
				})
			})
		},
	}
	siteFlag(cmd, &site)
	return cmd
}

func (a *app) funnelRemoveCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Take a funnel back",
		Long: `Takes a funnel back. What was counted stays, and is not shown; the same steps declared again show it, and are
counted again from then on.`,
		Example: "  turf funnel remove --site example.com Purchase",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var removed schema.Funnel
				if err := be.call(ctx, "funnel/remove", removeRequest{domain, args[0]}, &removed); err != nil {
					return err
				}
				return a.print(removed, removed.Name+" is no funnel any more\n")
			})
		},
	}
	siteFlag(cmd, &site)
	return cmd
}

// funnelStep reads a step as --step has it. Whether its event or page is in order, the schema says.
func funnelStep(text string) (schema.FunnelStep, error) {
	kind, what, _ := strings.Cut(text, ":")
	switch {
	case what == "":
	case kind == "event":
		return schema.FunnelStep{Event: what}, nil
	case kind == "page":
		return schema.FunnelStep{Page: what}, nil
	}
	return schema.FunnelStep{}, fmt.Errorf("--step: %q is neither event:NAME nor page:PATH", text)
}

// windowSec is a window in seconds; 0 is the whole day.
func windowSec(window time.Duration) (int, error) {
	if window%time.Second != 0 {
		return 0, errors.New("--window: the window is in whole seconds, such as 90s, 30m or 1h")
	}
	return int(window / time.Second), nil
}

// stepsText are the steps of a funnel as --step takes them.
func stepsText(f *schema.Funnel) string {
	steps := make([]string, len(f.Steps))
	for i, s := range f.Steps {
		steps[i] = "page:" + s.Page
		if s.Event != "" {
			steps[i] = "event:" + s.Event
		}
	}
	return strings.Join(steps, " → ")
}

// windowText is how long a visitor has for a funnel, as --window takes it.
func windowText(f *schema.Funnel) string {
	if f.WindowSec == 0 {
		return "the day"
	}
	text := (time.Duration(f.WindowSec) * time.Second).String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// funnelSinceText is since when a funnel is counted, in words.
func funnelSinceText(f *schema.Funnel) string {
	return "since " + f.Since.Format(time.DateTime) + " UTC"
}

func addFunnel(ctx context.Context, in *instance, req addFunnelRequest) (schema.Funnel, error) {
	site, err := in.sites.Set(ctx, req.Site, func(s *schema.Site) error {
		s.Funnels = append(s.Funnels, req.Funnel)
		return nil
	})
	if err != nil {
		return schema.Funnel{}, err
	}
	return site.Funnels[len(site.Funnels)-1], nil
}

func listFunnels(_ context.Context, in *instance, domain string) ([]schema.Funnel, error) {
	return listDeclared(in, domain, funnelsOf)
}

func removeFunnel(ctx context.Context, in *instance, req removeRequest) (schema.Funnel, error) {
	return removeDeclared(ctx, in, req, "funnel", funnelsOf, func(f *schema.Funnel) string { return f.Name })
}

func funnelsOf(s *schema.Site) *[]schema.Funnel { return &s.Funnels }
