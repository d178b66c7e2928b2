package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"turf/ingest/consent"
	"turf/schema"
)

// Times of turf consent erase.
const (
	eraseWait = 20 * time.Second // for the rows to be gone from the disk; the erasure goes on after it
	eraseLook = 50 * time.Millisecond
)

// exportConsentsRequest asks for the proofs of a site, of days of UTC.
type exportConsentsRequest struct {
	Site     string
	From, To time.Time // To is the day after
}

// erasePersonRequest names whom is to be erased, or the user whose browsers' consents are to end.
type erasePersonRequest struct{ Site, CID, User string }

// erasedPerson is what came of it.
type erasedPerson struct {
	People int  `json:"people"`
	Erased bool `json:"erased"` // nothing is left; else it is still being done
}

// exportConsents writes the zip into the data directory, from which the command takes it away: an answer is held in memory.
func exportConsents(_ context.Context, in *instance, req exportConsentsRequest) (name string, err error) {
	ledger, site, err := in.consentSite(req.Site)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(in.dir, exportPattern)
	if err != nil {
		return "", fmt.Errorf("write the export: %w", err)
	}
	err = ledger.Audit(f, &site, req.From, req.To)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write the export: %w", plainly(err)), os.Remove(f.Name()))
	}
	return filepath.Base(f.Name()), nil
}

func erasePerson(ctx context.Context, in *instance, req erasePersonRequest) (done erasedPerson, err error) {
	ledger, site, err := in.consentSite(req.Site)
	if err != nil {
		return done, err
	}
	if req.User != "" {
		done.People, err = ledger.WithdrawUser(site.ID, req.User)
		return done, plainly(err)
	}
	person, ok, err := ledger.Erase(site.ID, req.CID)
	if err != nil {
		return done, plainly(err)
	}
	if !ok {
		return done, errors.New("that is no id of a browser: it has 22 characters, and the visitor's own page shows it")
	}
	done.People = 1
	done.Erased = awaitErased(ctx, ledger, site.ID, person)
	return done, nil
}

// awaitErased waits for a time until nothing is left of a person.
func awaitErased(ctx context.Context, ledger *consent.Ledger, site schema.SiteID, person schema.PersonRef) bool {
	ctx, cancel := context.WithTimeout(ctx, eraseWait)
	defer cancel()
	tick := time.NewTicker(eraseLook)
	defer tick.Stop()
	for !ledger.Erased(site, person) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

func (a *app) consentExportCommand() *cobra.Command {
	var site, from, to, output string
	cmd := &cobra.Command{
		Use:   "export --output FILE.zip [--from DAY] [--to DAY]",
		Short: "Write the proofs of a site's consents as one zip, for an audit",
		Long: `Writes what proves the consents of a site: its notices, purposes and settings, and every event of the days from --from to
--to (of UTC; without them, of the last year) with its place in the log. "turf consent verify FILE.zip" proves it, without the
server. No key is in it, and nothing that was collected.`,
		Example: "  turf consent export --site example.com --from 2026-01-01 --to 2026-03-31 --output audit.zip",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, err := exportDaysOf(from, to, time.Now().UTC())
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				req.Site = domain
				return a.fetchExport(ctx, be, req, output)
			})
		},
	}
	siteFlag(cmd, &site)
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "first `DAY`, as 2026-01-01")
	f.StringVar(&to, "to", "", "last `DAY`")
	f.StringVar(&output, "output", "", "a new `FILE`")
	_ = cmd.MarkFlagRequired("output") // fails for an unknown flag only
	return cmd
}

// exportDaysOf reads the days of an export; without them it is the year that ends today.
func exportDaysOf(from, to string, now time.Time) (req exportConsentsRequest, err error) {
	today := now.Truncate(24 * time.Hour)
	req.From, req.To = today.AddDate(-1, 0, 0), today
	if from != "" {
		if req.From, err = time.Parse(time.DateOnly, from); err != nil {
			return req, fmt.Errorf("--from: %q is no day such as 2026-01-31", from)
		}
	}
	if to != "" {
		if req.To, err = time.Parse(time.DateOnly, to); err != nil {
			return req, fmt.Errorf("--to: %q is no day such as 2026-01-31", to)
		}
	}
	if req.To.Before(req.From) {
		return req, errors.New("--to is before --from")
	}
	req.To = req.To.AddDate(0, 0, 1)
	return req, nil
}

// fetchExport takes an export out of the data directory.
func (a *app) fetchExport(ctx context.Context, be backend, req exportConsentsRequest, output string) error {
	out, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	bytes, err := a.copyExport(ctx, be, req, out)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(output))
	}
	return a.print(map[string]any{"site": req.Site, "file": output, "bytes": bytes},
		fmt.Sprintf("wrote %s; prove it with: turf consent verify %s\n", output, output))
}

func (a *app) copyExport(ctx context.Context, be backend, req exportConsentsRequest, out io.Writer) (n int64, err error) {
	var name string
	if err := be.call(ctx, "consent/export", req, &name); err != nil {
		return 0, err
	}
	path := filepath.Join(a.data, name)
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("fetch the export: %w", err)
	}
	n, err = io.Copy(out, f)
	return n, errors.Join(err, f.Close(), os.Remove(path))
}

func (a *app) consentEraseCommand() *cobra.Command {
	var site, user string
	cmd := &cobra.Command{
		Use:   "erase CID | --user ID",
		Short: "Erase what is kept of a person",
		Long: `Ends the consent of the person whose browser has the id CID and erases all that is kept: what was collected, and the proof
(Art. 17 GDPR). The visitor's own page shows the id; nobody else knows it, the server neither. With --user it ends the
consents of all browsers that are linked to a user of yours (under account_link) and erases what was collected of them; the
proofs stay for their time.`,
		Example: "  turf consent erase --site example.com bWFueSB0cmVlcyBhcmUgZw\n  turf consent erase --site example.com --user 4711",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (user != "") {
				return errors.New("give the id of a browser, or --user")
			}
			req := erasePersonRequest{User: user}
			if len(args) == 1 {
				req.CID = args[0]
			}
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				req.Site = domain
				var done erasedPerson
				if err := be.call(ctx, "consent/erase", req, &done); err != nil {
					return err
				}
				return a.print(done, done.text(user))
			})
		},
	}
	siteFlag(cmd, &site)
	cmd.Flags().StringVar(&user, "user", "", "`ID` of a user, as turf.identify had it")
	return cmd
}

func (e *erasedPerson) text(user string) string {
	switch {
	case user != "":
		return fmt.Sprintf("the consents of %d browsers have ended; what was collected of them is being erased\n", e.People)
	case e.Erased:
		return "nothing is kept of that person any more\n"
	}
	return "the consent has ended; its rows and proof are erased as soon as the database lets them be\n"
}
