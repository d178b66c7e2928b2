package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"turf/dashboard/access"
	"turf/schema"
)

// addUserRequest travels through the socket, which only the directory's owner can open. It is never printed.
type addUserRequest struct {
	Name, Password string
	Site           string // the only one that the user shall see, or ""
	Role           access.Role
}

// removeUserRequest asks to remove a user, or with a site a guest of it.
type removeUserRequest struct{ Name, Site string }

// knownUser is what the commands tell of a user.
type knownUser struct {
	User  string      `json:"user"`
	Sites []userGuest `json:"sites,omitempty"` // of a guest; who has none sees all
	Guest bool        `json:"guest,omitempty"`
	// Invited says that the guest has no password yet.
	Invited bool `json:"invited,omitempty"`
}

// userGuest is a site that a guest sees.
type userGuest struct {
	Site string      `json:"site"`
	Role access.Role `json:"role"`
}

// sees says which sites the user sees.
func (u *knownUser) sees() string {
	if !u.Guest {
		return allSites
	}
	var sites []string
	for _, s := range u.Sites {
		sites = append(sites, fmt.Sprintf("%s (%s)", s.Site, s.Role))
	}
	if len(sites) == 0 {
		return "(none)"
	}
	return strings.Join(sites, ", ")
}

func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "user",
		Short:   "Who may sign in to the dashboard: add, list, remove",
		Example: "  turf user add ada",
	}
	cmd.AddCommand(a.userAddCommand(), a.userListCommand(), a.userRemoveCommand())
	return cmd
}

func (a *app) userListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List who may sign in, and who is invited",
		Example: "  turf user list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(be backend) error {
				var users []knownUser
				if err := be.call(cmd.Context(), "user/list", nothing{}, &users); err != nil {
					return err
				}
				return a.table(users, len(users), "USER\tSEES\tPASSWORD", func(i int) string {
					password := "yes"
					if users[i].Invited {
						password = "invited"
					}
					return fmt.Sprintf("%s\t%s\t%s", users[i].User, users[i].sees(), password)
				})
			})
		},
	}
}

func (a *app) userRemoveCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:   "remove NAME [--site DOMAIN]",
		Short: "Let somebody sign in no more",
		Long: `Removes a user and signs it out everywhere. With --site a guest sees that site no more, and keeps the password for others.
It holds from the next request on.`,
		Example: "  turf user remove ada\n  turf user remove bob@example.org --site example.com",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(be backend) error {
				var user knownUser
				if err := be.call(cmd.Context(), "user/remove", removeUserRequest{args[0], site}, &user); err != nil {
					return err
				}
				if site != "" {
					return a.print(user, fmt.Sprintf("%s sees %s no more\n", user.User, site))
				}
				return a.print(user, user.User+" is removed\n")
			})
		},
	}
	cmd.Flags().StringVar(&site, "site", "", "`DOMAIN` of the only site that the guest shall see no more")
	return cmd
}

func (a *app) userAddCommand() *cobra.Command {
	var fromStdin bool
	var site, role string
	cmd := &cobra.Command{
		Use:   "add NAME [--site DOMAIN [--role viewer|editor]]",
		Short: "Give somebody a password for the dashboard",
		Long: fmt.Sprintf(`Makes a user of the dashboard who sees all sites, or gives one a new password and signs it out everywhere. The password of
at least %d characters is asked for on the terminal, or read from standard input with --password-stdin; only a hash of it is
stored. Once there is a user, the dashboard asks for a password on every address, from the server's next start on.

With --site it is a guest, who sees that site only, and others to which it is invited: as a viewer, or as an editor, who also changes
the site on its pages. A guest can be invited on the page of the site too ("Access"), and chooses the password then. Whoever is a
guest stays one with a new password; to let it see all sites, remove it first.`,
			access.MinPasswordRunes),
		Example: `  turf user add ada
  pass show turf | turf user add ada --password-stdin
  turf user add bob@example.org --site example.com --role editor`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := a.readPassword(fromStdin)
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(be backend) error {
				var user knownUser
				req := addUserRequest{Name: args[0], Password: password, Site: site, Role: access.Role(role)}
				if err := be.call(cmd.Context(), "user/add", req, &user); err != nil {
					return err
				}
				text := user.User + " can sign in to the dashboard"
				if user.Guest {
					text += " and sees " + user.sees()
				}
				return a.print(user, text+"\n")
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input, its first line")
	f.StringVar(&site, "site", "", "`DOMAIN` of the only site that the user shall see")
	f.StringVar(&role, "role", string(access.RoleViewer), "`ROLE` of the user of one site: viewer or editor")
	return cmd
}

// readPassword asks for it on the terminal, twice, or takes the first line of standard input.
func (a *app) readPassword(fromStdin bool) (string, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(a.stdin, access.MaxPasswordBytes+2)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", errors.New("there is no terminal to ask for the password; give it on standard input, with --password-stdin")
	}
	first, err := a.ask(f, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := a.ask(f, "Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two are not the same; nothing was changed")
	}
	return first, nil
}

func (a *app) ask(terminal *os.File, question string) (string, error) {
	fmt.Fprint(a.stderr, question)
	b, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(a.stderr)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(b), nil
}

// addUser makes a user. With a site it is invited first, and is a guest when it gets the password.
func addUser(ctx context.Context, in *instance, req addUserRequest) (knownUser, error) {
	if req.Site != "" {
		site, err := in.siteOfGuest(req.Site)
		if err != nil {
			return knownUser{}, err
		}
		role, err := access.ParseRole(string(req.Role))
		if err != nil {
			return knownUser{}, err
		}
		_, guest, err := in.access.Invite(ctx, site.ID, req.Name, role)
		if err != nil {
			return knownUser{}, err
		}
		req.Name = guest.Name
	}
	if err := in.access.AddUser(ctx, req.Name, req.Password); err != nil {
		return knownUser{}, err
	}
	users, err := listUsers(ctx, in, nothing{})
	for _, u := range users {
		if u.User == req.Name {
			return u, err
		}
	}
	return knownUser{User: req.Name}, err
}

// siteOfGuest is the site that people call domain.
func (in *instance) siteOfGuest(domain string) (schema.Site, error) {
	name, err := schema.CleanDomain(domain)
	if err != nil {
		return schema.Site{}, err
	}
	site, err := in.siteCalled(name)
	if err != nil {
		return site, fmt.Errorf("%w; list them: turf site list", err)
	}
	return site, nil
}

// listUsers lists who has a password, and then who is invited, each by name.
func listUsers(_ context.Context, in *instance, _ nothing) ([]knownUser, error) {
	users, err := in.access.Users()
	if err != nil {
		return nil, err
	}
	known := []knownUser{}
	at := map[string]int{} // in known
	for _, u := range users {
		at[u.Name] = len(known)
		known = append(known, knownUser{User: u.Name, Guest: u.Guest})
	}
	for _, site := range in.sites.List() {
		guests, err := in.access.Guests(site.ID)
		if err != nil {
			return nil, err
		}
		for _, g := range guests {
			i, ok := at[g.Name]
			if !ok {
				i = len(known)
				at[g.Name] = i
				known = append(known, knownUser{User: g.Name, Guest: true, Invited: true})
			}
			known[i].Sites = append(known[i].Sites, userGuest{site.Domain, g.Role})
		}
	}
	return known, nil
}

// removeUser removes a user, or a guest from a site.
func removeUser(ctx context.Context, in *instance, req removeUserRequest) (knownUser, error) {
	if req.Site == "" {
		return knownUser{User: req.Name}, in.access.RemoveUser(ctx, req.Name)
	}
	site, err := in.siteOfGuest(req.Site)
	if err != nil {
		return knownUser{}, err
	}
	return knownUser{User: req.Name, Guest: true}, in.access.RemoveGuest(ctx, site.ID, req.Name)
}
