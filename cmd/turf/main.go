// Command turf counts the visits of websites and keeps nothing about visitors.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // sites have time zones; the machine may know none
)

func main() {
	if err := hideTraces(); err != nil {
		fmt.Fprintln(os.Stderr, "turf:", err)
	}
	// Left to the runtime, the last two would write the stacks of all goroutines, with the values of their arguments.
	ctx, stop := signal.NotifyContext(context.Background(),
		os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT)
	defer stop()
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		if msg := err.Error(); msg != "" {
			fmt.Fprintln(os.Stderr, "turf:", msg)
		}
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

const tracebackEnv = "GOTRACEBACK"

// hideTraces sees to it that a panic writes its reason only: the values of arguments in a stack may be a part of an address or a
// salt. The runtime reads how much it writes once, at start, so the program starts itself anew, in the same process. Whoever
// looks for a bug sets GOTRACEBACK. (A fault of the runtime itself, or in the engine's library, still writes its stack.)
func hideTraces() error {
	if os.Getenv(tracebackEnv) != "" {
		return nil
	}
	path, err := os.Executable()
	if err == nil {
		err = syscall.Exec(path, os.Args, append(os.Environ(), tracebackEnv+"=none"))
	}
	return fmt.Errorf("a panic would write more than its reason: %w", err)
}
