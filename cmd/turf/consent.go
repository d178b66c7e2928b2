package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"turf/ingest/consent"
)

// consentDir is where the ledger of the opt-in path lies in the data directory.
const consentDir = "consent"

func (a *app) consentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "consent",
		Short: "The opt-in path: what is asked of visitors, what they agreed to, and its proof",
		Long: `For sites that ask their visitors. What somebody agreed to is kept apart from the counts, with proof of the consent, and only
from that moment on; counting goes on for everybody as before. It is off until a site's owner registers purposes, writes a notice,
and turns it on. The second tag on the pages is

  <script defer data-domain="example.com" src="https://turf.example.com/js/turf-consent.js"></script>`,
		Example: `  turf consent purpose add --site example.com --id events --category "pages seen" --category clicks --retention-days 396
  turf consent notice add --site example.com notice.json
  turf consent on --site example.com
  turf consent status --site example.com
  turf consent verify`,
	}
	cmd.AddCommand(a.consentStatusCommand(), a.consentOnCommand(), a.consentOffCommand(), a.consentSettingsCommand(),
		a.consentPurposeCommand(), a.consentNoticeCommand(), a.consentExportCommand(), a.consentEraseCommand(),
		a.consentVerifyCommand())
	return cmd
}

func (a *app) consentVerifyCommand() *cobra.Command {
	var keys []string
	cmd := &cobra.Command{
		Use:   "verify [DIR|ZIP]",
		Short: "Prove that the ledger of consents is what was written",
		Long: `Reads a ledger of consents, or the zip of an audit's export, and proves without the server and without any secret:

  that the log only grew, and that all its checkpoints are signed and of this log;
  that every payload is the one that the log commits to;
  that payloads which are gone have a tombstone that says why.

A changed byte is reported with its file and place, and the exit status is 1. Without an argument it is the ledger of the data
directory that is read; the server may run, but must not be writing at that moment. With --key the log must begin with a key that you
wrote down before: without it, somebody who wrote the whole ledger again with a key of their own is not found.`,
		Example: "  turf consent verify\n  turf consent verify --key 'turf.consent/…' consent-example.com.zip",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := filepath.Join(a.data, consentDir)
			if len(args) > 0 {
				path = args[0]
			}
			r, err := consent.Verify(path, keys...)
			if err != nil {
				return err
			}
			return a.print(verifiedConsents(r), consentText(r))
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "the `KEY` with which the log must begin; can be given more than once")
	return cmd
}

// verifiedLedger is a report for programs.
type verifiedLedger struct {
	OK          bool     `json:"ok"`
	Leaves      int64    `json:"leaves"`
	Events      int64    `json:"events"`
	Erased      int64    `json:"erased"`
	Documents   int64    `json:"documents"`
	Checkpoints int64    `json:"checkpoints"`
	Unsigned    int64    `json:"leaves_after_newest_checkpoint"`
	Keys        []string `json:"keys"`
}

func verifiedConsents(r *consent.Report) verifiedLedger {
	return verifiedLedger{true, r.Leaves, r.Events, r.Erased, r.Documents, r.Checkpoints, r.After, r.Keys}
}

func consentText(r *consent.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The ledger is what was written: %d leaves, %d events, %d erased, %d documents, %d checkpoints.\n",
		r.Leaves, r.Events, r.Erased, r.Documents, r.Checkpoints)
	if r.After > 0 {
		fmt.Fprintf(&b, "%d leaves are newer than the newest checkpoint: nobody has signed them yet.\n", r.After)
	}
	fmt.Fprintf(&b, "The log's first key: %s\n", r.Keys[0])
	return b.String()
}
