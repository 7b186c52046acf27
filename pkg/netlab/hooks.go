// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"errors"
	"strings"
)

// SetHooks names the directory of hotplug scripts that Deliver runs; empty: none.
func (l *Lab) SetHooks(dir string) error {
	return l.update(func(s *state) error {
		s.Hooks = dir
		return nil
	})
}

// Deliver runs the lab's hotplug scripts for each event, one after the other as
// netifd does, and returns what they printed. Without SetHooks it does nothing.
func (l *Lab) Deliver(ctx context.Context, events ...Event) (string, error) {
	s, err := readState(l.Dir)
	if err != nil || s.Hooks == "" {
		return "", err
	}
	var printed strings.Builder
	var problems []error
	for _, e := range events {
		text, err := l.Fire(ctx, s.Hooks, e)
		printed.WriteString(text)
		problems = append(problems, err)
	}
	return printed.String(), errors.Join(problems...)
}

// BootEvents returns the ifup of every interface that is up, which netifd sends
// when it starts.
func (l *Lab) BootEvents() ([]Event, error) {
	interfaces, err := l.Interfaces()
	var events []Event
	for _, i := range interfaces {
		if i.Up {
			events = append(events, i.event("ifup"))
		}
	}
	return events, err
}
