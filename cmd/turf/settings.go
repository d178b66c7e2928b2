package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turf/ingest"
	"turf/schema"
)

// siteLists are the settings of a site that are lists, by their flags. Each flag can be given more than once; words:
// its value can be a list with commas too, which a path cannot.
var siteLists = []struct {
	flag, usage string
	words       bool
	list        func(*schema.Settings) *[]string
}{
	{
		"exclude-address", "do not count visitors from the `ADDRESS` or network", true,
		func(s *schema.Settings) *[]string { return &s.ExcludeAddresses },
	},
	{
		"exclude-country", "do not count visitors from the country with this `CODE`, as NL", true,
		func(s *schema.Settings) *[]string { return &s.ExcludeCountries },
	},
	{
		"exclude-page", "do not count pages whose path fits the `PATTERN`", false,
		func(s *schema.Settings) *[]string { return &s.ExcludePages },
	},
	{
		"hostname", "count only pages whose `HOST` fits; * stands for anything", true,
		func(s *schema.Settings) *[]string { return &s.Hostnames },
	},
	{
		"fold", "count all pages whose path fits the `PATTERN` as one", false,
		func(s *schema.Settings) *[]string { return &s.FoldPaths },
	},
	{
		"keep-query", "keep the query's parameter `NAME` as part of the path", true,
		func(s *schema.Settings) *[]string { return &s.KeepQuery },
	},
	{
		"script-parts", "what the site's own script has beside turf.js: `PARTS` such as outbound-links", true,
		func(s *schema.Settings) *[]string { return &s.ScriptParts },
	},
	{
		"buttons", "what the pages have in data-turf-click: `NAMES` of buttons, so that those never clicked on are known", true,
		func(s *schema.Settings) *[]string { return &s.Buttons },
	},
}

func (a *app) siteSetCommand() *cobra.Command {
	req := setSiteRequest{Lists: map[string][]string{}}
	given := map[string]*[]string{}
	cmd := &cobra.Command{
		Use:   "set DOMAIN --k N | --profile NAME | --exclude-address ADDRESS | …",
		Short: "Change a site's settings",
		Long: fmt.Sprintf(`Changes a site's settings; those that are not named stay. "turf site list --json" shows them.

--k is how many visitors of a day a cell needs that crosses a place or a device with something else, or names a
region, city or version (1 to %d; %d at first). It holds from the site's next day on, because today's cells have been
shown by the old rule.

All else holds from the next event on. A flag that can be given more than once replaces the whole list, and an empty
value clears it. In the pattern of a path "*" stands for anything between two slashes and "**" for anything.
The site's own script is /js/turf-DOMAIN.js.

--buttons declares what there is to click on: the page of the site shows how often, and which was never clicked.

With the profile %s, a browser's signal Global Privacy Control or Do Not Track is an objection, which is heeded, and
the site's own script stores nothing in the browser and reads nothing from it.`,
			schema.MaxK, schema.DefaultK, schema.ProfileStrict),
		Example: `  turf site set example.com --k 5
  turf site set example.com --exclude-address 192.0.2.0/24 --exclude-page '/admin/**' --fold '/orders/*'
  turf site set example.com --exclude-address ''`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Domain = args[0]
			if cmd.Flags().Changed("k") && req.K == 0 {
				return fmt.Errorf("k is 0 and must be between 1 and %d", schema.MaxK)
			}
			if cmd.Flags().Changed("profile") && req.Profile == "" {
				req.Profile = schema.ProfileStandard
			}
			for flag, values := range given {
				if cmd.Flags().Changed(flag) {
					req.Lists[flag] = slices.DeleteFunc(*values, func(v string) bool { return v == "" })
				}
			}
			return a.with(cmd.Context(), func(be backend) error {
				var site schema.Site
				if err := be.call(cmd.Context(), "site/set", req, &site); err != nil {
					return err
				}
				return a.print(site, req.text(&site))
			})
		},
	}
	f := cmd.Flags()
	f.IntVar(&req.K, "k", 0, "least `N`umber of visitors of a guarded cell")
	f.StringVar(&req.Profile, "profile", "",
		"`NAME` of the profile: "+schema.ProfileStandard+" or "+schema.ProfileStrict)
	names := []string{"k", "profile"}
	for _, l := range siteLists {
		if given[l.flag] = new([]string); l.words {
			f.StringSliceVar(given[l.flag], l.flag, nil, l.usage)
		} else {
			f.StringArrayVar(given[l.flag], l.flag, nil, l.usage)
		}
		names = append(names, l.flag)
	}
	cmd.MarkFlagsOneRequired(names...)
	return cmd
}

// text says what was changed.
func (r *setSiteRequest) text(site *schema.Site) string {
	var b strings.Builder
	if r.K != 0 {
		fmt.Fprintf(&b, "%s: k is %d from tomorrow on\n", site.Domain, r.K)
	}
	if r.Profile != "" {
		fmt.Fprintf(&b, "%s: the profile is %s\n", site.Domain, r.Profile)
	}
	for _, flag := range slices.Sorted(maps.Keys(r.Lists)) {
		value := strings.Join(r.Lists[flag], ", ")
		if value == "" {
			value = "none"
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", site.Domain, flag, value)
	}
	if hint := site.ButtonsHint(); hint != "" && len(r.Lists["buttons"]) > 0 {
		fmt.Fprintln(&b, hint)
	}
	return b.String()
}

// change makes the changes to the site.
func (r *setSiteRequest) change(site *schema.Site) error {
	if r.K != 0 {
		if err := setK(site, r.K); err != nil {
			return err
		}
	}
	if r.Profile == "" && len(r.Lists) == 0 {
		return nil
	}
	settings := schema.Settings{} // new ones: those of before are in use
	if site.Settings != nil {
		settings = *site.Settings
	}
	if r.Profile != "" {
		settings.Profile = r.Profile
	}
	for _, l := range siteLists {
		if values, ok := r.Lists[l.flag]; ok {
			*l.list(&settings) = values
		}
	}
	if err := ingest.CheckSettings(&settings); err != nil {
		return err
	}
	site.Settings = &settings
	return nil
}

// setK makes k hold from the site's next day on.
func setK(site *schema.Site, k int) error {
	if k < 1 || k > schema.MaxK {
		return fmt.Errorf("k is %d and must be between 1 and %d", k, schema.MaxK)
	}
	loc, err := site.Location()
	if err != nil {
		return err
	}
	tomorrow := schema.DayOf(time.Now(), loc) + 1
	if n := len(site.Guards); n > 0 && site.Guards[n-1].From == tomorrow {
		site.Guards = site.Guards[:n-1]
	}
	site.Guards = append(site.Guards, schema.Guard{From: tomorrow, K: k})
	return nil
}
