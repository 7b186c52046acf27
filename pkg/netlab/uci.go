// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore ST1005 these are the words of uci

package netlab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// errNoEntry is libuci's text for what is not there; the program exits with 1.
var errNoEntry = errors.New("Entry not found")

// UciMain is the main function of the stand-in for OpenWrt's `uci`: export, show,
// get, set, add, add_list, del_list, delete, changes, revert and commit, with -c,
// -P, -p, -t, -q, -S, -n and -N. Without -c it reads the lab's configuration, and it stages changes in
// the lab's directory instead of /tmp/.uci. It returns the exit code.
func UciMain() int {
	c := uciCommand{out: os.Stdout, problems: os.Stderr, config: "/etc/config", save: "/tmp/.uci", strict: true, named: false}
	if dir := os.Getenv(DirVariable); dir != "" {
		if err := recordCall(dir, append([]string{"uci"}, os.Args[1:]...)); err != nil {
			fmt.Fprintln(os.Stderr, "uci:", err)
			return 1
		}
		l := Lab{Dir: dir}
		c.config, c.save = l.ConfigDir(), l.StagedDir()
	}
	return c.main(os.Args[1:])
}

// uciCommand is one call of the stand-in.
type uciCommand struct {
	out, problems io.Writer
	config        string   // directory of the packages
	deltas        []string // directories of changes to read, before save
	save          string   // directory to which changes are written
	strict        bool     // a line that cannot be read is an error
	quiet         bool
	named         bool // export names anonymous sections
	noCommit      bool // -P
}

func (c *uciCommand) main(args []string) int {
	rest, ok := c.flags(args)
	if !ok || len(rest) == 0 || len(rest) == 1 && rest[0] != "changes" {
		fmt.Fprintln(c.problems, "Usage: uci [<options>] <command> [<arguments>]")
		return 1
	}
	if err := c.run(rest[0], rest[1:]); err != nil {
		if !c.quiet {
			fmt.Fprintln(c.problems, "uci:", err)
		}
		return 1
	}
	return 0
}

// flags reads the options; as musl's getopt, it stops at the command.
func (c *uciCommand) flags(args []string) (rest []string, ok bool) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch flag := args[0]; flag {
		case "-q":
			c.quiet = true
		case "-S":
			c.strict = false
		case "-n":
			c.named = true
		case "-N":
			c.named = false
		case "-c", "-p", "-P", "-t":
			if len(args) < 2 {
				return nil, false
			}
			args = args[1:]
			c.directory(flag, args[0])
		default:
			return nil, false
		}
		args = args[1:]
	}
	return args, true
}

// directory takes the value of an option. With -P the changes that were read so
// far are read still, and nothing is committed.
func (c *uciCommand) directory(flag, dir string) {
	switch flag {
	case "-c":
		c.config = dir
	case "-p":
		c.deltas = append(c.deltas, dir)
	case "-P":
		c.deltas = append(c.deltas, c.save)
		c.save, c.noCommit = dir, true
	case "-t":
		c.save = dir
	}
}

func (c *uciCommand) run(command string, arguments []string) error {
	if command == "add" && len(arguments) == 2 {
		return c.add(arguments[0], arguments[1])
	}
	tuple, value, hasValue := strings.Cut(strings.Join(arguments, ""), "=")
	name, _, _ := strings.Cut(tuple, ".")
	switch command {
	case "changes":
		return c.changes(name)
	case "revert":
		return c.revert(name, tuple)
	case "commit":
		return c.commit(name)
	}
	p, err := c.load(name)
	if err != nil {
		return err
	}
	if tuple, err = resolve(p, tuple); err != nil {
		return err
	}
	value = strings.ReplaceAll(value, "'", `'\''`)
	switch {
	case command == "export":
		text := p.Unnamed()
		if c.named {
			text = p.String()
		}
		_, err = io.WriteString(c.out, text)
	case command == "show":
		err = c.show(p, tuple)
	case command == "get":
		err = c.get(p, tuple)
	case command == "set" && hasValue:
		err = c.stage(p, fmt.Sprintf("%s='%s'\n", tuple, value))
	case command == "add_list" && hasValue:
		err = c.stage(p, fmt.Sprintf("|%s='%s'\n", tuple, value))
	case command == "del_list" && hasValue:
		err = c.stage(p, fmt.Sprintf("~%s='%s'\n", tuple, value))
	case command == "delete":
		err = c.stage(p, "-"+tuple+"\n")
	default:
		err = errors.New("Invalid argument")
	}
	return err
}

// load reads a package with every change on top.
func (c *uciCommand) load(name string) (*uci.Package, error) {
	p, err := c.parse(name)
	if err != nil {
		return nil, err
	}
	for _, dir := range append(c.deltas, c.save) {
		delta, err := os.ReadFile(filepath.Join(dir, name))
		// libuci passes over what it cannot open (uci_load_delta_file in delta.c).
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		uci.ApplyDelta(p, delta) // libuci, too, passes over what does not fit any more.
	}
	return p, nil
}

// parse reads the file of a package alone.
func (c *uciCommand) parse(name string) (*uci.Package, error) {
	data, err := os.ReadFile(filepath.Join(c.config, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoEntry
	}
	if err != nil {
		return nil, errors.New("I/O error")
	}
	p, err := uci.Parse(name, data)
	if errors.Is(err, uci.ErrUnterminated) {
		return nil, fmt.Errorf("Parse error (EOF with unterminated quote) at line %d, byte 0", strings.Count(string(data), "\n"))
	}
	if err != nil {
		return nil, err
	}
	for _, w := range p.Warnings {
		complaint := fmt.Errorf("Parse error (%s) at line %d, byte 0", w.Text, w.Line)
		if c.strict {
			return nil, complaint
		}
		fmt.Fprintln(c.problems, complaint)
	}
	return p, nil
}
