// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Exit codes.
const (
	exitFailed   = 1  // an operation failed
	exitUsage    = 2  // unknown command, flag, mode or interface
	exitConfig   = 3  // bad configuration
	exitNoMPTCP  = 4  // rules and routes are applied, but there is no path manager
	exitPending  = 5  // plan --exit-code: changes are pending
	exitFindings = 6  // doctor: something is wrong
	exitLocked   = 75 // the lock is held (EX_TEMPFAIL of sysexits.h)
)

// exitError carries the exit code of an error. Its text may be empty if the code
// says everything.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return exitError{exitUsage, fmt.Errorf(format, args...)}
}

// report prints an error, one line for each that is joined in it, and gives
// the exit code. An error without a code is one of cobra's, about the command
// line.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	var coded exitError
	if !errors.As(err, &coded) {
		coded = exitError{exitUsage, nil}
		err = fmt.Errorf("%w; see mptcpctl --help", err)
	}
	if text := err.Error(); text != "" {
		for line := range strings.Lines(text) {
			fmt.Fprintf(w, "mptcpctl: %s\n", strings.TrimRight(line, "\n"))
		}
	}
	return coded.code
}
