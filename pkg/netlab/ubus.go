// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DirVariable names the environment variable through which the stand-ins and
// `mptcplab` find the lab: its directory.
const DirVariable = "MPTCPLAB_DIR"

// A Misbehaviour makes the stand-in `ubus` fail.
type Misbehaviour string

// What the stand-in can do wrong. All but Behave are meant for tests.
const (
	Behave      Misbehaviour = ""            // answers
	Unreachable Misbehaviour = "unreachable" // cannot connect: exit 255
	Hang        Misbehaviour = "hang"        // does not answer, whatever -t says
	Timeout     Misbehaviour = "timeout"     // says that it timed out: exit 7
	Garbage     Misbehaviour = "garbage"     // prints what is no JSON, exit 0
	Truncated   Misbehaviour = "truncated"   // prints half an answer, exit 0
	Silent      Misbehaviour = "silent"      // prints nothing, exit 0
	Absent      Misbehaviour = "absent"      // does not know netifd: exit 4
	Starting    Misbehaviour = "starting"    // the same for 3 s, as in a slow boot
)

// startTime is how long netifd takes from its start to its registration in a slow boot,
// as recorded.
const startTime = 3 * time.Second

// Exit codes of ubus: a status of libubus (ubusmsg.h), or a negative one as the
// shell sees it. Those that no comment marks were recorded.
const (
	ubusNotFound    = 4
	ubusTimeout     = 7 // UBUS_STATUS_TIMEOUT
	ubusNoMethod    = 253
	ubusUnreachable = 255
)

// BreakUbus makes the stand-in `ubus` misbehave until it is told to Behave.
func (l *Lab) BreakUbus(how Misbehaviour) error {
	return l.update(func(s *state) error {
		s.Ubus, s.Broken = how, time.Now()
		return nil
	})
}

// Calls returns the command lines with which the stand-ins were called, oldest first.
func (l *Lab) Calls() ([]string, error) {
	data, err := os.ReadFile(filepath.Join(l.Dir, "calls"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	return slices.Collect(strings.Lines(string(data))), err
}

// recordCall adds one line to the list of calls.
func recordCall(dir string, args []string) error {
	f, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, strings.Join(args, " ")); err != nil {
		return err
	}
	return f.Close()
}

// UbusMain is the main function of the stand-in for OpenWrt's `ubus`: it answers
// `call network.interface dump`, `call network.interface status`, `call
// network.interface.NAME status` and `list` from the lab's state. It returns the exit code.
func UbusMain() int {
	dir := os.Getenv(DirVariable)
	s, err := readState(dir)
	if err == nil {
		err = recordCall(dir, append([]string{"ubus"}, os.Args[1:]...))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Failed to connect to ubus")
		return ubusUnreachable
	}
	return s.ubus(os.Args[1:], os.Stdout, os.Stderr)
}

func (s *state) ubus(args []string, out, problems io.Writer) int {
	simple := false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		simple = simple || args[0] == "-S"
		if args[0] == "-t" || args[0] == "-s" {
			args = args[1:]
		}
		args = args[min(1, len(args)):]
	}
	if len(args) == 0 {
		fmt.Fprintln(problems, "Usage: ubus [<options>] <command> [arguments...]")
		return 1
	}
	switch s.Ubus {
	case Unreachable:
		fmt.Fprintln(problems, "Failed to connect to ubus")
		return ubusUnreachable
	case Timeout:
		return ubusFailed(problems, simple, "Request timed out", ubusTimeout)
	case Hang:
		time.Sleep(10 * time.Minute)
		return ubusTimeout
	case Garbage:
		fmt.Fprintln(out, "\x00\x1b[31m<html>504 no bus</html>\xff")
		return 0
	case Silent:
		return 0
	case Absent:
		return ubusFailed(problems, simple, "Not found", ubusNotFound)
	case Starting:
		if time.Since(s.Broken) < startTime {
			return ubusFailed(problems, simple, "Not found", ubusNotFound)
		}
	}
	switch {
	case args[0] == "list":
		return s.list(append(args[1:], "*")[0], out, problems, simple)
	case args[0] == "call" && len(args) >= 3:
		return s.call(args[1], args[2], strings.Join(args[3:], ""), out, problems, simple)
	}
	fmt.Fprintln(problems, "Usage: ubus [<options>] <command> [arguments...]")
	return 1
}

func ubusFailed(problems io.Writer, simple bool, what string, code int) int {
	if !simple {
		fmt.Fprintln(problems, "Command failed:", what)
	}
	return code
}

func (s *state) list(pattern string, out, problems io.Writer, simple bool) int {
	names := []string{"network.interface"}
	for _, i := range s.Interfaces {
		names = append(names, "network.interface."+i.Name)
	}
	slices.Sort(names)
	found := false
	for _, name := range names {
		if ok, err := path.Match(pattern, name); err == nil && ok {
			fmt.Fprintln(out, name)
			found = true
		}
	}
	if !found {
		return ubusFailed(problems, simple, "Not found", ubusNotFound)
	}
	return 0
}

func (s *state) call(object, method, message string, out, problems io.Writer, simple bool) int {
	name, single := strings.CutPrefix(object, "network.interface.")
	if object == "network.interface" && method == "status" {
		var request struct{ Interface string }
		if json.Unmarshal([]byte(message), &request) == nil {
			name, single = request.Interface, true
		}
	}
	var answer any
	switch {
	case single:
		i, err := s.iface(name)
		if err != nil {
			return ubusFailed(problems, simple, "Not found", ubusNotFound)
		}
		answer = s.status(i, time.Now())
	case object != "network.interface":
		return ubusFailed(problems, simple, "Not found", ubusNotFound)
	case method == "dump":
		answer = s.dump(time.Now())
	}
	if answer == nil || single && method != "status" {
		return ubusNoMethod
	}
	text, err := format(answer, simple)
	if err != nil {
		fmt.Fprintln(problems, err)
		return 1
	}
	if s.Ubus == Truncated {
		text = text[:len(text)/2]
	}
	if _, err := out.Write(text); err != nil {
		return 1
	}
	return 0
}

// format writes an answer as ubus does: indented with tabs, or with -S in one line.
func format(answer any, simple bool) ([]byte, error) {
	text, err := json.Marshal(answer)
	if err != nil || simple {
		return append(text, '\n'), err
	}
	var indented bytes.Buffer
	err = json.Indent(&indented, text, "", "\t")
	indented.WriteByte('\n')
	return indented.Bytes(), err
}
