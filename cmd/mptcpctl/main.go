// SPDX-License-Identifier: Apache-2.0

// Command mptcpctl manages policy rules, routes and MPTCP endpoints for every
// line of a router.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if code, done := runEvent(os.Args, streams{os.Stdin, os.Stdout, os.Stderr}); done {
		os.Exit(code)
	}
	ctx, stop := untilSignal()
	code := run(ctx, os.Args, streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// untilSignal gives a context that ends with SIGINT and SIGTERM.
func untilSignal() (ctx context.Context, stop context.CancelFunc) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second one kills: what waits for a pipe does not see the end of ctx.
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// run executes one command line and gives its exit code. Called by the name of the
// old tool, the program is that command.
func run(ctx context.Context, args []string, s streams) int {
	name, words := args[0], args[1:]
	if filepath.Base(name) == multipathName {
		words = append([]string{multipathName}, words...)
	}
	asked := ""
	if len(words) > 0 {
		asked = words[0]
	}
	root := newRootCmd(s, asked)
	root.SetArgs(words)
	err := root.ExecuteContext(ctx)
	if help, ok := root.OutOrStdout().(*checkedWriter); ok && help.err != nil {
		err = failed(wrap("writing the output", help.err))
	}
	return report(s.err, err)
}

// checkedWriter keeps the first error: cobra does not look at those of the help.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if w.err == nil {
		w.err = err
	}
	return n, err
}
