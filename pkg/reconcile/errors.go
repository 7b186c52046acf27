// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
)

// What a caller decides on. All are compatible with errors.Is.
var (
	// ErrLocked says that another process holds the lock.
	ErrLocked = errors.New("another run holds the lock")
	// ErrConfig says that the configuration cannot be read, or has bad values.
	ErrConfig = errors.New("bad configuration")
	// ErrNoPathManager says that rules and routes are kept, and that there is no path
	// manager for the endpoints.
	ErrNoPathManager = errors.New("no path manager")
	// ErrNotPrivileged says that the process lacks CAP_NET_ADMIN.
	ErrNotPrivileged = errors.New("CAP_NET_ADMIN is missing: run this as root")
	// ErrHidden says that the process may not read the runtime choices, so that it
	// cannot tell what a run would do.
	ErrHidden = errors.New("what would change is unknown: runtime choices cannot be read; run this as root")
	// ErrNotHealed says that a line was not healed, and that nothing has changed.
	ErrNotHealed = errors.New("nothing was changed")
)

// kindError is an error of one of the kinds above that keeps its own text.
type kindError struct {
	kind error
	error
}

func (e kindError) Is(target error) bool { return target == e.kind }

func (e kindError) Unwrap() error { return e.error }

// of makes an error one of a kind. No error stays none.
func of(kind, err error) error {
	if err == nil {
		return nil
	}
	return kindError{kind, err}
}

// wrap says what was being done. No error stays none.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
