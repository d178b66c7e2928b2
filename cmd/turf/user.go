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
)

// addUserRequest travels through the socket, which only the directory's owner can open. It is never printed.
type addUserRequest struct{ Name, Password string }

// addedUser is the answer to it.
type addedUser struct {
	User string `json:"user"`
}

func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "user",
		Short:   "Who may sign in to the dashboard: add",
		Example: "  turf user add ada",
	}
	cmd.AddCommand(a.userAddCommand())
	return cmd
}

func (a *app) userAddCommand() *cobra.Command {
	var fromStdin bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Give somebody a password for the dashboard",
		Long: fmt.Sprintf(`Makes a user of the dashboard who sees all sites, or gives one a new password and signs it out everywhere. The password of
at least %d characters is asked for on the terminal, or read from standard input with --password-stdin; only a hash of it is
stored. Once there is a user, the dashboard asks for a password on every address, from the server's next start on.`,
			access.MinPasswordRunes),
		Example: `  turf user add ada
  pass show turf | turf user add ada --password-stdin`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := a.readPassword(fromStdin)
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(be backend) error {
				var user addedUser
				if err := be.call(cmd.Context(), "user/add", addUserRequest{args[0], password}, &user); err != nil {
					return err
				}
				return a.print(user, user.User+" can sign in to the dashboard\n")
			})
		},
	}
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input, its first line")
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

func addUser(ctx context.Context, in *instance, req addUserRequest) (addedUser, error) {
	return addedUser{req.Name}, in.access.AddUser(ctx, req.Name, req.Password)
}
