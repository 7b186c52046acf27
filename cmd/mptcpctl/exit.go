// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Exit codes.
const (
	exitFailed   = 1  // an operation failed
	exitUsage    = 2  // unknown command, flag, mode or interface
	exitConfig   = 3  // bad configuration
	exitNoMPTCP  = 4  // rules and routes are applied, but there is no path manager
	exitPending  = 5  // plan --exit-code: changes are pending
	exitFindings = 6  // doctor: something is wrong
	exitLine     = 7  // test: a line has no MPTCP to the server, or its subflow does not join
	exitLocked   = 75 // the lock is held (EX_TEMPFAIL of sysexits.h)
)

// exitError carries the exit code of an error. Its text may be empty if the code
// says everything.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode is the exit code of the error of a command. Of several that are joined,
// the first one's counts.
func exitCode(err error) int {
	answer, found := errors.AsType[*exitError](err)
	joined, many := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return 0
	case many:
		return exitCode(joined.Unwrap()[0])
	case found:
		return answer.code
	case errors.Is(err, reconcile.ErrLocked):
		return exitLocked
	case errors.Is(err, config.ErrUnconfigured):
		return 0
	case errors.Is(err, reconcile.ErrConfig):
		return exitConfig
	case errors.Is(err, reconcile.ErrNoPathManager):
		return exitNoMPTCP
	}
	return exitFailed
}

// withExitCodes lets the errors of a command have their exit codes, and the warnings
// about the configuration come before them. Those of the command line, which cobra
// finds before, have neither.
func (o *options) withExitCodes(c *cobra.Command) *cobra.Command {
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		err := coded(run(c, args))
		if err != nil {
			o.warn(o.takeUnsaid())
		}
		return err
	}
	return c
}

// coded gives an error its exit code. No error stays none.
func coded(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitCode(err), err}
}

// report prints an error, one line for each that is joined in it, and gives
// the exit code. An error without a code is one of cobra's, about the command
// line.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	answer, found := errors.AsType[*exitError](err)
	if !found {
		answer = &exitError{exitUsage, nil}
		err = fmt.Errorf("%w; see mptcpctl --help", err)
	}
	for _, line := range errorLines(err) {
		fmt.Fprintf(w, "mptcpctl: %s\n", line)
	}
	return answer.code
}

// errorLines is the text of an error, one line for each that is joined in it. Foreign
// text in it can neither break a line nor be obeyed by a terminal.
func errorLines(err error) []string {
	text := err.Error()
	if text == "" {
		return nil
	}
	text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	text = strings.ReplaceAll(text, context.DeadlineExceeded.Error(), "timed out")
	var lines []string
	for line := range strings.Lines(text) {
		line = plain(strings.TrimRight(line, "\n"))
		if !slices.Contains(lines, line) { // two questions can fail for one reason
			lines = append(lines, line)
		}
	}
	if errors.Is(err, uci.ErrState) {
		lines = append(lines, "to remove this file: mptcpctl iface NAME --reset")
	}
	return lines
}

// How many bytes of a word a message has. A path says nothing any more when it is cut.
const (
	maxWord = 80
	maxPath = 1024
)

// plain is a line for people: foreign text in it, which a name or a value can be, can
// neither break it, nor be obeyed by a terminal, nor fill a screen.
func plain(line string) string {
	words := strings.Split(strings.Map(printable, line), " ")
	for i, word := range words {
		limit := maxWord
		if bare := strings.TrimLeft(word, "\"'("); strings.HasPrefix(bare, "/") {
			limit = maxPath
		}
		if len(word) > limit+len("...") {
			for !utf8.RuneStart(word[limit]) {
				limit--
			}
			words[i] = word[:limit] + "..."
		}
	}
	return strings.Join(words, " ")
}
