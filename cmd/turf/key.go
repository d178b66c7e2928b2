package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"turf/dashboard/access"
	"turf/schema"
)

// apiKey is what the commands tell of an API key.
type apiKey struct {
	Key     string    `json:"key,omitempty"` // only when it was made: it cannot be found again
	Prefix  string    `json:"prefix"`        // its beginning, by which it is named
	Site    string    `json:"site"`          // "" for a key of all sites
	Scope   string    `json:"scope"`         // stats, ingest or sites
	Name    string    `json:"name,omitempty"`
	Created time.Time `json:"created"`
}

// addKeyRequest asks for a key; Site is 0 for one of all sites.
type addKeyRequest struct {
	Site  schema.SiteID
	Scope access.Scope
	Name  string
}

// allSites is what stands for the site of a key of all of them.
const allSites = "(all)"

// does says what the key is good for.
func (k *apiKey) does() string {
	switch k.Scope {
	case access.ScopeIngest.String():
		return "sends events of " + k.siteText()
	case access.ScopeSites.String():
		return "changes " + k.siteText()
	}
	return "reads " + k.siteText()
}

func (k *apiKey) siteText() string {
	if k.Site == "" {
		return allSites
	}
	return k.Site
}

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "The keys of programs: add, list, revoke",
		Long: `The keys with which programs ask questions, "Authorization: Bearer KEY" with POST /api/v2/query, or send events for visitors
whom they name, with POST /api/event. A key is for one site, or all of them. Only a hash of it is stored.`,
		Example: "  turf key add --site example.com --json",
	}
	cmd.AddCommand(a.keyAddCommand(), a.keyListCommand(), a.keyRevokeCommand())
	return cmd
}

func (a *app) keyAddCommand() *cobra.Command {
	var domain, scope, name string
	var all bool
	cmd := &cobra.Command{
		Use:   "add --site DOMAIN | --all-sites [--scope stats|ingest|sites]",
		Short: "Make a key",
		Long: `Makes a key and prints it, this once: only a hash of it is stored. It is for one site, or with --all-sites for all of them, also
for sites that are added later. With the scope stats it reads counts, and cannot change anything. With the scope ingest it sends
events for visitors whose address and user agent it names ("ip", "user_agent"), one or a list of them, and cannot read anything. With the
scope sites it is for the Sites API, /api/v1/sites: it changes sites and their goals, and reads no counts.`,
		Example: `  turf key add --site example.com --name "weekly report" --json
  curl -H "Authorization: Bearer $KEY" http://127.0.0.1:8080/api/v2/query \
    -d '{"site_id":"example.com","metrics":["visitors"],"date_range":"7d"}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(be backend) error { return a.addKey(cmd.Context(), be, domain, scope, name) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&domain, "site", "", "`DOMAIN` of the site that the key is for")
	f.BoolVar(&all, "all-sites", false, "the key is for all sites")
	f.StringVar(&scope, "scope", "stats", "what the key is good for: `SCOPE` stats reads, ingest sends events, sites changes sites")
	f.StringVar(&name, "name", "", "`NAME` by which people know what the key is for")
	cmd.MarkFlagsMutuallyExclusive("site", "all-sites")
	cmd.MarkFlagsOneRequired("site", "all-sites")
	return cmd
}

func (a *app) addKey(ctx context.Context, be backend, domain, scope, name string) error {
	req := addKeyRequest{Site: access.AllSites, Name: name}
	var err error
	if req.Scope, err = access.ParseScope(scope); err != nil {
		return fmt.Errorf("--scope: %w", err)
	}
	if domain != "" {
		site, err := findSite(ctx, be, domain)
		if err != nil {
			return err
		}
		req.Site = site.ID
	}
	var key apiKey
	if err := be.call(ctx, "key/add", req, &key); err != nil {
		return err
	}
	return a.print(key, fmt.Sprintf("%s\n%s; it is not shown again\n", key.Key, key.does()))
}

func (a *app) keyListCommand() *cobra.Command {
	var domain string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the keys, by their beginnings",
		Example: "  turf key list --site example.com --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(be backend) error {
				site := access.AllSites
				if domain != "" {
					s, err := findSite(cmd.Context(), be, domain)
					if err != nil {
						return err
					}
					site = s.ID
				}
				var keys []apiKey
				if err := be.call(cmd.Context(), "key/list", site, &keys); err != nil {
					return err
				}
				return a.table(keys, len(keys), "KEY\tSITE\tSCOPE\tSINCE\tNAME", func(i int) string {
					k := &keys[i]
					return fmt.Sprintf("%s…\t%s\t%s\t%s\t%s", k.Prefix, k.siteText(), k.Scope, k.Created.Format(time.DateOnly), k.Name)
				})
			})
		},
	}
	cmd.Flags().StringVar(&domain, "site", "", "only those that are good for the site `DOMAIN`")
	return cmd
}

func (a *app) keyRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke KEY",
		Short: "End a key",
		Long: "Ends a key, which is given in full or by its beginning, as the list shows it. Programs that use it get status 401 " +
			"from then on.",
		Example: "  turf key revoke turf_k3m9qa",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(be backend) error {
				var key apiKey
				if err := be.call(cmd.Context(), "key/revoke", args[0], &key); err != nil {
					return err
				}
				return a.print(key, fmt.Sprintf("%s… is revoked\n", key.Prefix))
			})
		},
	}
}

func addKey(ctx context.Context, in *instance, req addKeyRequest) (apiKey, error) {
	if _, ok := in.sites.ByID(req.Site); !ok && req.Site != access.AllSites {
		return apiKey{}, errors.New("the site was removed")
	}
	plain, key, err := in.access.AddScopedKey(ctx, req.Scope, req.Site, req.Name)
	if err != nil {
		return apiKey{}, err
	}
	told := in.tell(key)
	told.Key = plain
	return told, nil
}

// tell is what is told of a key: its site by name.
func (in *instance) tell(key access.Key) apiKey {
	told := apiKey{Prefix: key.Prefix, Scope: key.Scope.String(), Name: key.Name, Created: key.Created}
	if key.Site != access.AllSites {
		told.Site = fmt.Sprintf("(removed site %d)", key.Site)
		if site, ok := in.sites.ByID(key.Site); ok {
			told.Site = site.Domain
		}
	}
	return told
}

func listKeys(_ context.Context, in *instance, site schema.SiteID) ([]apiKey, error) {
	keys, err := in.access.Keys(site)
	if err != nil {
		return nil, err
	}
	told := []apiKey{}
	for _, k := range keys {
		told = append(told, in.tell(k))
	}
	return told, nil
}

func revokeKey(ctx context.Context, in *instance, name string) (apiKey, error) {
	key, err := in.access.RevokeKey(ctx, name)
	if err != nil {
		return apiKey{}, err
	}
	return in.tell(key), nil
}
