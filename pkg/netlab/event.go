// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// An Event is one call of netifd's hotplug scripts. Device is set where netifd
// sets DEVICE: for ifup and ifupdate. Updates are the IFUPDATE_* words of an ifupdate.
type Event struct {
	Action    string   `json:"action"`
	Interface string   `json:"interface"`
	Device    string   `json:"device,omitempty"`
	Updates   []string `json:"updates,omitempty"`
}

func (e Event) String() string { return e.Action + " " + e.Interface }

// Environment returns the environment of the hotplug call: exactly netifd's
// variables, with the stand-ins first on the PATH, and the one that the stand-ins need.
func (l *Lab) Environment(e Event) []string {
	env := []string{
		"ACTION=" + e.Action, "INTERFACE=" + e.Interface, "HOTPLUG_TYPE=iface", "DEVICENAME=", "LOGNAME=root", "USER=root",
		"PATH=" + l.Path(), DirVariable + "=" + l.Dir,
	}
	if e.Device != "" {
		env = append(env, "DEVICE="+e.Device)
	}
	for _, u := range e.Updates {
		env = append(env, "IFUPDATE_"+u+"=1")
	}
	return env
}

// Path returns a PATH on which the stand-ins come before everything else.
func (l *Lab) Path() string {
	return l.BinDir() + string(os.PathListSeparator) + os.Getenv("PATH")
}

// Command returns a program to start on the router (Router.Start, Router.Run)
// with the stand-ins first on its PATH. Without a slash, name may be a stand-in.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if tool := filepath.Join(l.BinDir(), name); filepath.Base(name) == name {
		if _, err := os.Stat(tool); err == nil {
			name = tool
		}
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "PATH="+l.Path(), DirVariable+"="+l.Dir)
	return cmd
}

// Hotplug returns the environment in which netifd would call the scripts for an
// event that the caller names.
func (l *Lab) Hotplug(action, iface string) ([]string, error) {
	e, err := l.Event(action, iface)
	return l.Environment(e), err
}

// Event returns the event of that action for an interface that the lab has.
func (l *Lab) Event(action, name string) (Event, error) {
	s, err := readState(l.Dir)
	if err != nil {
		return Event{}, err
	}
	i, err := s.iface(name)
	if err != nil {
		return Event{}, err
	}
	return i.event(action), nil
}

func (i *Interface) event(action string, updates ...string) Event {
	e := Event{Action: action, Interface: i.Name, Updates: updates}
	if action == "ifup" || action == "ifupdate" {
		e.Device = i.l3()
	}
	return e
}

// Events returns every event that netifd would have sent since the lab was
// built, oldest first. The first ifup of each interface is not among them.
func (l *Lab) Events() ([]Event, error) {
	s, err := readState(l.Dir)
	if err != nil {
		return nil, err
	}
	return s.Events, nil
}

// Fire runs the hotplug scripts in dir for an event as hotplug-call does: each is
// sourced by a subshell, in the order of their names, in the router, and what one
// returns is of no consequence to the others. It returns what they printed, and
// an error when one ended with a code other than 0 or the time was up.
func (l *Lab) Fire(ctx context.Context, dir string, e Event) (string, error) {
	scripts, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	if len(scripts) == 0 {
		return "", fmt.Errorf("no hotplug scripts in %s", dir)
	}
	slices.Sort(scripts)
	var printed string
	var problems []error
	for _, script := range scripts {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `. "$1"`, "hotplug-call", script)
		cmd.Env = l.Environment(e)
		text, err := l.combined(cmd)
		printed += text
		if err != nil {
			problems = append(problems, fmt.Errorf("%s (%s): %w", script, e, err))
		}
	}
	return printed, errors.Join(problems...)
}

// combined runs a program in the router and returns its output. A file takes it,
// not a pipe, so that a process that the program leaves behind is not waited for.
func (l *Lab) combined(cmd *exec.Cmd) (string, error) {
	f, err := os.CreateTemp(l.Dir, "output-")
	if err != nil {
		return "", err
	}
	cmd.Stdout, cmd.Stderr = f, f
	err = l.Router.Run(cmd)
	text, readErr := os.ReadFile(f.Name())
	return string(text), errors.Join(err, readErr, f.Close(), os.Remove(f.Name()))
}
