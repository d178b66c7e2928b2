package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFile is the optional file with settings in the data directory.
const configFile = "turf.toml"

// defaultData is the data directory unless --data says another.
const defaultData = "./data"

// app is one call of the program: where it reads and writes, and the settings that all commands share.
type app struct {
	env    map[string]string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	data       string // directory
	json       bool
	clickhouse string // "embedded" or a URL
	// retentionDays is for how long counters are kept; 0 is for ever.
	retentionDays int
	geoDB         string // file; "" for the default
	// centresFile lists the networks of data centres; "" for none.
	centresFile string
}

// run is the program. env holds "NAME=value".
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) error {
	a := &app{env: make(map[string]string, len(env)), stdin: stdin, stdout: stdout, stderr: stderr}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		a.env[name] = value
	}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "turf",
		Short: "Count the visits of websites and keep nothing about visitors",
		Long: `Turf counts the visits of websites and keeps nothing about visitors.

Every flag of "turf serve", and those below, can also be set by an environment variable (--listen by TURF_LISTEN,
--trusted-proxy by TURF_TRUSTED_PROXY) or in the file ` + configFile + ` of the data directory (listen = "127.0.0.1:8080").
A flag goes before the environment, the environment before the file.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.settings(cmd)
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.data, "data", defaultData, "`DIR`ectory of the data")
	f.BoolVar(&a.json, "json", false, "print JSON for programs, one document a line")
	f.StringVar(&a.clickhouse, "clickhouse", embeddedEngine,
		"the database: embedded, or the `URL` of a server (clickhouse://user:pass@host:9000/turf)")
	f.IntVar(&a.retentionDays, "retention-days", 0,
		"delete counters after `DAYS`: 761 are 25 months, the most that the CNIL allows; 0 keeps them for ever")
	setting(f, "data", "clickhouse", "retention-days")
	root.AddCommand(a.serveCommand(), a.siteCommand(), a.goalCommand(), a.funnelCommand(), a.segmentCommand(), a.keyCommand(),
		a.userCommand(), a.importCommand(), a.queryCommand(), a.exportCommand(), a.verifyCommand(), a.consentCommand(),
		a.explainCommand(), a.versionCommand())
	return root
}

// settingKey marks the flags that the environment and the file may set.
const settingKey = "turf-setting"

func setting(f *pflag.FlagSet, names ...string) {
	for _, name := range names {
		if err := f.SetAnnotation(name, settingKey, nil); err != nil {
			panic("BUG: " + err.Error())
		}
	}
}

// settings fills the flags that were not given from the environment and the file.
func (a *app) settings(cmd *cobra.Command) error {
	flags := cmd.Flags()
	if err := fill(flags, a.fromEnv, "environment variable TURF_"); err != nil {
		return err
	}
	file := filepath.Join(a.data, configFile)
	values := map[string]any{}
	if _, err := toml.DecodeFile(file, &values); err != nil {
		if os.IsNotExist(err) {
			return nil
		}
		return fmt.Errorf("read the settings in %s: %w", file, err)
	}
	known := map[string]bool{}
	for _, c := range append(cmd.Root().Commands(), cmd.Root()) {
		all := func(f *pflag.Flag) { known[f.Name] = known[f.Name] || isSetting(f) }
		c.Flags().VisitAll(all)
		c.PersistentFlags().VisitAll(all)
	}
	for name := range values {
		if !known[name] || name == "data" {
			return fmt.Errorf("%s: there is no setting %q", file, name)
		}
	}
	return fill(flags, func(name string) (string, bool) {
		v, ok := values[name]
		list, isList := v.([]any)
		if !isList {
			return fmt.Sprint(v), ok
		}
		words := make([]string, len(list))
		for i := range list {
			words[i] = fmt.Sprint(list[i])
		}
		return strings.Join(words, ","), ok
	}, file+": ")
}

func isSetting(f *pflag.Flag) bool {
	_, ok := f.Annotations[settingKey]
	return ok
}

func (a *app) fromEnv(name string) (string, bool) {
	v, ok := a.env["TURF_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))]
	return v, ok && v != ""
}

// fill sets each setting that has not been set yet and for which from has a value.
func fill(flags *pflag.FlagSet, from func(name string) (string, bool), where string) error {
	var firstErr error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || !isSetting(f) || firstErr != nil {
			return
		}
		v, ok := from(f.Name)
		if !ok {
			return
		}
		if err := flags.Set(f.Name, v); err != nil {
			firstErr = fmt.Errorf("%s%s: %w", where, f.Name, err)
		}
	})
	return firstErr
}

// print writes v as a line of JSON with --json, and as text otherwise.
func (a *app) print(v any, text string) error {
	if !a.json {
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	return json.NewEncoder(a.stdout).Encode(v)
}

// version is the module's version and the commit it was built from, as the Go tool stamped them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	return v
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  turf version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print(map[string]string{"version": version()}, "turf "+version()+"\n")
		},
	}
}
