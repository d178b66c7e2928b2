package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"turf/ingest/consent"
	optin "turf/ingest/tracker/consent"
	"turf/schema"
)

// maxNoticeBytes is the largest file of a notice that is read.
const maxNoticeBytes = 64 << 10

// Requests of the actions on the opt-in path of a site.
type (
	// consentChange asks for changes of settings: what is nil stays as it is.
	consentChange struct {
		Site                     string
		On, WeakProof, OverGPC   *bool
		Manager, Audience        *string
		ValidMonths, ProofMonths *int
		TCFVendor                *int
	}
	addPurposeRequest struct {
		Site    string
		Purpose consent.Purpose
	}
	addNoticeRequest struct {
		Site   string
		Notice consent.Notice
	}
)

// consentStatus is what there is to know of the opt-in path of a site.
type consentStatus struct {
	Site     string           `json:"site"`
	Settings consent.Settings `json:"settings"`
	NoticeID string           `json:"notice_id,omitempty"` // the newest
	Version  int              `json:"version,omitempty"`
	Holding  int              `json:"consents"` // that hold now
	Days     int              `json:"days"`
	Choices  map[string]int64 `json:"choices"` // of those days, by action
	Key      string           `json:"key"`     // with which the log begins
}

// statusDays is for how many days turf consent status adds choices up.
const statusDays = 30

// consentSite is the ledger, and the site of a request.
func (in *instance) consentSite(domain string) (*consent.Ledger, schema.Site, error) {
	site, err := in.siteCalled(domain)
	if err != nil {
		return nil, site, err
	}
	ledger, err := in.openConsents(nil)
	return ledger, site, err
}

func consentStatusOf(_ context.Context, in *instance, domain string) (consentStatus, error) {
	ledger, site, err := in.consentSite(domain)
	if err != nil {
		return consentStatus{}, err
	}
	loc, err := site.Location()
	if err != nil {
		return consentStatus{}, err
	}
	s := consentStatus{
		Site: site.Domain, Settings: ledger.Settings(site.ID), Holding: ledger.Holding(site.ID), Days: statusDays,
		Choices: map[string]int64{}, Key: ledger.Key(),
	}
	if all := ledger.Notices(site.ID); len(all) > 0 {
		s.NoticeID, s.Version = all[len(all)-1].ID, all[len(all)-1].Version
	}
	today := schema.DayOf(time.Now(), loc)
	for _, c := range ledger.Counts(site.ID, today-statusDays+1, today) {
		s.Choices[c.Action] += c.Count
	}
	return s, nil
}

func setConsent(_ context.Context, in *instance, req consentChange) (consent.Settings, error) {
	ledger, site, err := in.consentSite(req.Site)
	if err != nil {
		return consent.Settings{}, err
	}
	set := ledger.Settings(site.ID)
	take(&set.On, req.On)
	take(&set.WeakProof, req.WeakProof)
	take(&set.ExplicitOverGPC, req.OverGPC)
	take(&set.Manager, req.Manager)
	take(&set.Audience, req.Audience)
	take(&set.ValidMonths, req.ValidMonths)
	take(&set.ProofMonths, req.ProofMonths)
	take(&set.TCFVendor, req.TCFVendor)
	if _, known := optin.PartNamed(set.Manager); set.Manager != "" && !known {
		return set, fmt.Errorf("no consent manager is called %q; leave it out to look for all of them", set.Manager)
	}
	if req.On != nil && *req.On {
		switch {
		case set.Audience == consent.AudienceChildren:
			return set, fmt.Errorf("%s is directed at children: nothing is asked there, and nothing is kept", site.Domain)
		case len(ledger.Notices(site.ID)) == 0:
			return set, fmt.Errorf("%s has no notice yet, so nobody can be asked; write one: turf consent notice add --help", site.Domain)
		}
	}
	return set, plainly(ledger.SetSettings(site.ID, set))
}

// take sets what was asked for.
func take[V any](v, asked *V) {
	if asked != nil {
		*v = *asked
	}
}

func listPurposes(_ context.Context, in *instance, domain string) ([]consent.Purpose, error) {
	ledger, site, err := in.consentSite(domain)
	if err != nil {
		return nil, err
	}
	return ledger.Purposes(site.ID), nil
}

func addPurpose(_ context.Context, in *instance, req addPurposeRequest) (consent.Purpose, error) {
	ledger, site, err := in.consentSite(req.Site)
	if err != nil {
		return consent.Purpose{}, err
	}
	p, err := ledger.AddPurpose(&site, req.Purpose)
	return p, plainly(err)
}

func listNotices(_ context.Context, in *instance, domain string) ([]consent.NumberedNotice, error) {
	ledger, site, err := in.consentSite(domain)
	if err != nil {
		return nil, err
	}
	return ledger.Notices(site.ID), nil
}

func addNotice(_ context.Context, in *instance, req addNoticeRequest) (added consent.NumberedNotice, err error) {
	ledger, site, err := in.consentSite(req.Site)
	if err != nil {
		return added, err
	}
	added.ID, added.Notice, err = ledger.AddNotice(&site, req.Notice)
	return added, plainly(err)
}

func (a *app) consentStatusCommand() *cobra.Command {
	return a.siteCommandOf("status", "Show the settings, the notice and the consents of a site", "",
		"  turf consent status --site example.com --json",
		func(ctx context.Context, be backend, domain string) error {
			var s consentStatus
			if err := be.call(ctx, "consent/status", domain, &s); err != nil {
				return err
			}
			return a.print(s, s.text())
		})
}

func (s *consentStatus) text() string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s "+format+"\n", append([]any{name}, args...)...)
	}
	row("The opt-in path", "is %s", onOff(&s.Settings))
	row("Consent manager", "%s", orElse(s.Settings.Manager, "whichever is found"))
	row("Notice", "%s", orElse(s.NoticeID, "none yet"))
	row("Consents", "%d hold now", s.Holding)
	row(fmt.Sprintf("Last %d days", s.Days), "%d shown, %d accepted, %d refused, %d dismissed, %d withdrawn", s.Choices["shown"],
		s.Choices["accepted"], s.Choices["refused"], s.Choices["dismissed"], s.Choices["withdrawn"])
	row("The log's first key", "%s", s.Key)
	return b.String()
}

func onOff(s *consent.Settings) string {
	switch {
	case s.Audience == consent.AudienceChildren:
		return "off: the site is directed at children"
	case s.On:
		return "on"
	}
	return "off"
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// siteCommandOf is a command without arguments or flags of its own, about a site.
func (a *app) siteCommandOf(
	use, short, long, example string, do func(ctx context.Context, be backend, domain string) error,
) *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withSite(cmd.Context(), site, func(be backend, domain string) error { return do(cmd.Context(), be, domain) })
		},
	}
	siteFlag(cmd, &site)
	return cmd
}

func (a *app) consentOnCommand() *cobra.Command {
	return a.siteCommandOf("on", "Turn the opt-in path of a site on",
		`Turns the opt-in path of a site on. The site must have a notice. Nobody is asked before the second tag is on its pages.`,
		"  turf consent on --site example.com", a.turn(true))
}

func (a *app) consentOffCommand() *cobra.Command {
	return a.siteCommandOf("off", "Turn the opt-in path of a site off",
		`Turns the opt-in path of a site off: at once nothing more is granted or kept. What was kept stays until its time is over or its
person withdraws.`,
		"  turf consent off --site example.com", a.turn(false))
}

func (a *app) turn(on bool) func(ctx context.Context, be backend, domain string) error {
	return func(ctx context.Context, be backend, domain string) error {
		return a.setConsents(ctx, be, consentChange{Site: domain, On: &on})
	}
}

func (a *app) setConsents(ctx context.Context, be backend, change consentChange) error {
	var set consent.Settings
	if err := be.call(ctx, "consent/set", change, &set); err != nil {
		return err
	}
	return a.print(set, fmt.Sprintf("the opt-in path of %s is %s; consent manager: %s\n", change.Site, onOff(&set),
		orElse(set.Manager, "whichever is found")))
}

func (a *app) consentSettingsCommand() *cobra.Command {
	var site string
	var on, weak, over bool
	var manager, audience string
	var valid, proof, vendor int
	cmd := &cobra.Command{
		Use:   "settings",
		Short: "Change the settings of the opt-in path of a site",
		Long: `Changes the settings that are given; the others stay. The log keeps what they were. A site that is directed at children
(--audience child-directed) asks nobody and keeps nothing of anybody.`,
		Example: `  turf consent settings --site example.com --manager cookiebot --valid-months 6
  turf consent settings --site example.com --audience child-directed`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := consentChange{
				On: given(cmd, "on", &on), WeakProof: given(cmd, "weak-proof", &weak), OverGPC: given(cmd, "explicit-over-gpc", &over),
				Manager: given(cmd, "manager", &manager), Audience: given(cmd, "audience", &audience),
				ValidMonths: given(cmd, "valid-months", &valid), ProofMonths: given(cmd, "proof-months", &proof),
				TCFVendor: given(cmd, "tcf-vendor", &vendor),
			}
			if c == (consentChange{}) {
				return fmt.Errorf("nothing is given that could be changed: see turf consent settings --help")
			}
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				c.Site = domain
				return a.setConsents(ctx, be, c)
			})
		},
	}
	siteFlag(cmd, &site)
	f := cmd.Flags()
	f.BoolVar(&on, "on", false, "as turf consent on and off")
	f.StringVar(&manager, "manager", "", "`NAME` of the consent manager, as in data-consent; \"\" looks for all")
	f.BoolVar(&weak, "weak-proof", false, "take Google Consent Mode, which keeps no record, for proof enough")
	f.BoolVar(&over, "explicit-over-gpc", false, "an explicit yes stands although the browser sends Global Privacy Control")
	f.IntVar(&valid, "valid-months", 0, "for how many `months` a consent holds, 1 to 13; 0 is 6")
	f.IntVar(&proof, "proof-months", 0, "for how many `months` its proof is kept after its end, 1 to 60; 0 is 24")
	f.StringVar(&audience, "audience", "", "`WHO` the site is for: \"\" or "+consent.AudienceChildren)
	f.IntVar(&vendor, "tcf-vendor", 0, "`number` of the vendor whose consents count in TCF strings; 0: the publisher's own")
	return cmd
}

// given is a flag's value where it was given, else nil.
func given[V any](cmd *cobra.Command, name string, v *V) *V {
	if cmd.Flags().Changed(name) {
		return v
	}
	return nil
}

func (a *app) consentPurposeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "purpose",
		Short: "What is kept for what: add, list",
		Long: `The purposes that notices can name: events, journeys, heatmap, account_link. One never changes; another meaning is another
version.`,
		Example: "  turf consent purpose list --site example.com",
	}
	var site string
	var p consent.Purpose
	add := &cobra.Command{
		Use:     "add --id ID --category WHAT… --retention-days N",
		Short:   "Register a purpose, or a new version of it",
		Example: `  turf consent purpose add --id events --category "pages seen" --category clicks --retention-days 396`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var added consent.Purpose
				if err := be.call(ctx, "consent/purpose/add", addPurposeRequest{domain, p}, &added); err != nil {
					return err
				}
				return a.print(added, purposeText(&added)+"\n")
			})
		},
	}
	siteFlag(add, &site)
	add.Flags().StringVar(&p.ID, "id", "", "`ID`: events, journeys, heatmap or account_link")
	add.Flags().StringArrayVar(&p.Data, "category", nil, "a `category` of data that is kept; can be given more than once")
	add.Flags().IntVar(&p.RetentionDays, "retention-days", 0, "for how many `days` it is kept")
	list := a.siteCommandOf("list", "List the purposes of a site, all versions", "", "  turf consent purpose list --json",
		func(ctx context.Context, be backend, domain string) error {
			var all []consent.Purpose
			if err := be.call(ctx, "consent/purposes", domain, &all); err != nil {
				return err
			}
			return a.table(all, len(all), "PURPOSE\tDATA\tKEPT", func(i int) string {
				return strings.Replace(purposeText(&all[i]), ": ", "\t", 1)
			})
		})
	cmd.AddCommand(add, list)
	return cmd
}

func purposeText(p *consent.Purpose) string {
	return fmt.Sprintf("%s@%d: %s\t%d days", p.ID, p.Version, strings.Join(p.Data, ", "), p.RetentionDays)
}

const noticeLong = `Adds a version of the notice that visitors are asked with, from a file or, as -, from standard input. It never changes:
another text is another version. One that says "material": true ends all consents that were given under older ones, since something is
done that they do not know of. The file, with the texts of each language:

  {"default_lang": "en", "purposes": ["events@1"], "material": false,
   "lang": {"en": {"title": "May we measure?", "body": "We would like to know how our site is used.",
     "purposes": {"events": "Which pages you see and what you click, for 13 months."},
     "accept": "Accept", "reject": "Reject", "save": "Save", "privacy": "Privacy choices"}},
   "controller": {"name": "Example B.V.", "contact": "privacy@example.com"}, "storage_locations": ["NL"], "jurisdiction": "NL",
   "withdrawal_method": "the link at the foot of each page", "rights_url": "https://example.com/privacy",
   "authority": "Autoriteit Persoonsgegevens"}`

func (a *app) consentNoticeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "notice", Short: "What visitors are asked: add, list", Example: "  turf consent notice list --site example.com",
	}
	var site string
	add := &cobra.Command{
		Use: "add FILE", Short: "Add a version of the notice", Long: noticeLong,
		Example: "  turf consent notice add --site example.com notice.json", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			notice, err := a.readNotice(args[0])
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withSite(ctx, site, func(be backend, domain string) error {
				var added consent.NumberedNotice
				if err := be.call(ctx, "consent/notice/add", addNoticeRequest{domain, notice}, &added); err != nil {
					return err
				}
				return a.print(added, fmt.Sprintf("version %d, %s\n", added.Version, added.ID))
			})
		},
	}
	siteFlag(add, &site)
	list := a.siteCommandOf("list", "List the versions of the notice", "", "  turf consent notice list --json",
		func(ctx context.Context, be backend, domain string) error {
			var all []consent.NumberedNotice
			if err := be.call(ctx, "consent/notices", domain, &all); err != nil {
				return err
			}
			return a.table(all, len(all), "VERSION\tSINCE\tPURPOSES\tID", func(i int) string {
				n := &all[i]
				since := n.ValidFrom.Format(time.DateOnly)
				return fmt.Sprintf("%d\t%s\t%s\t%s", n.Version, since, strings.Join(n.Purposes, " "), n.ID)
			})
		})
	cmd.AddCommand(add, list)
	return cmd
}

// readNotice reads a notice strictly: a field that nobody knows is a mistake in it.
func (a *app) readNotice(name string) (n consent.Notice, err error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return n, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxNoticeBytes+1))
	if err != nil {
		return n, fmt.Errorf("read the notice: %w", err)
	}
	if len(text) > maxNoticeBytes {
		return n, fmt.Errorf("%s has more than %d bytes", name, maxNoticeBytes)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return n, fmt.Errorf("%s is no notice: %w", name, err)
	}
	return n, nil
}
