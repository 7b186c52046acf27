// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// cmdLab builds the laboratory.
func cmdLab(ts *testscript.TestScript, neg bool, args []string) {
	s, ok := ts.Value(scriptKey{}).(*script)
	if neg || !ok || s.Lab != nil {
		ts.Fatalf("usage: lab WORD..., once")
	}
	config, err := parseLab(args)
	ts.Check(err)
	config.Dir = s.dir
	s.Lab, err = netlab.New(config)
	ts.Check(err)
	self, err := os.Executable()
	ts.Check(err)
	ts.Check(s.InstallTools(self))
}

// parseLab reads the words of lab: "lan" and "dad" (netlab.Config), and a line
// for each NAME=WORD,WORD..., where a word is a mode, "dhcp", "ipv6", "noipv4",
// "down", "nodefault", or "metric:N", "ip4table:N", "ip6table:N", "prefix:P".
func parseLab(words []string) (netlab.Config, error) {
	var c netlab.Config
	for _, word := range words {
		name, list, isLine := strings.Cut(word, "=")
		switch {
		case word == "lan":
			c.LAN = true
		case word == "dad":
			c.DAD = true
		case !isLine:
			return c, fmt.Errorf("lab: unknown word %q", word)
		default:
			line, err := parseLine(strings.Split(list, ","))
			if err != nil {
				return c, fmt.Errorf("lab: %s: %w", name, err)
			}
			line.Name = name
			c.Lines = append(c.Lines, line)
		}
	}
	return c, nil
}

func parseLine(words []string) (netlab.LineConfig, error) {
	var l netlab.LineConfig
	for _, word := range words {
		key, value, _ := strings.Cut(word, ":")
		var err error
		switch key {
		case "":
		case "dhcp":
			l.Proto = key
		case "ipv6":
			l.IPv6 = true
		case "noipv4":
			l.NoIPv4 = true
		case "down":
			l.Down = true
		case "nodefault":
			l.NoDefaultRoute = true
		case "metric":
			l.Metric, err = strconv.Atoi(value)
		case "ip4table":
			l.IP4Table, err = parseUint32(value)
		case "ip6table":
			l.IP6Table, err = parseUint32(value)
		case "prefix":
			l.Prefix, err = netip.ParsePrefix(value)
		default:
			l.Multipath = word
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

func parseUint32(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}

// faults are what can happen to a line; those of faultsTo want an argument.
var faults = map[string]func(*netlab.Lab, string) ([]netlab.Event, error){
	"unplug": (*netlab.Lab).Unplug, "plug": (*netlab.Lab).Plug,
	"ifdown": (*netlab.Lab).AdminDown, "ifup": (*netlab.Lab).AdminUp,
	"remove-device": (*netlab.Lab).RemoveDevice, "return-device": (*netlab.Lab).ReturnDevice,
	"black-hole": (*netlab.Lab).BlackHole,
}

var faultsTo = map[string]func(*netlab.Lab, string, string) ([]netlab.Event, error){
	"address":        withPrefix((*netlab.Lab).ChangeAddress),
	"delete-address": withPrefix((*netlab.Lab).DeleteAddress),
	"router": func(l *netlab.Lab, name, to string) ([]netlab.Event, error) {
		a, err := netip.ParseAddr(to)
		if err != nil {
			return nil, err
		}
		return l.ChangeRouter(name, a)
	},
	"metric": func(l *netlab.Lab, name, to string) ([]netlab.Event, error) {
		n, err := strconv.Atoi(to)
		if err != nil {
			return nil, err
		}
		return l.ChangeMetric(name, n)
	},
}

func withPrefix(f func(*netlab.Lab, string, netip.Prefix) ([]netlab.Event, error)) func(*netlab.Lab, string, string) ([]netlab.Event, error) {
	return func(l *netlab.Lab, name, to string) ([]netlab.Event, error) {
		p, err := netip.ParsePrefix(to)
		if err != nil {
			return nil, err
		}
		return f(l, name, p)
	}
}

// cmdFault changes a line and prints the events that netifd would send for it.
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	var events []netlab.Event
	var err error
	switch {
	case !neg && len(args) == 2 && faults[args[0]] != nil:
		events, err = faults[args[0]](s.Lab, args[1])
	case !neg && len(args) == 3 && faultsTo[args[0]] != nil:
		events, err = faultsTo[args[0]](s.Lab, args[1], args[2])
	default:
		ts.Fatalf("usage: fault WHAT LINE [ARG]")
	}
	ts.Check(err)
	out := ts.Stdout()
	for _, e := range events {
		fmt.Fprintln(out, e)
	}
}

// cmdNetifd changes what netifd reports of an interface.
func cmdNetifd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: netifd NAME WORD...")
	}
	var wrong error
	ts.Check(of(ts).Edit(args[0], func(i *netlab.Interface) { wrong = parseNetifd(i, args[1:]) }))
	ts.Check(wrong)
}

// cmdReload is what the init script of the package network does on a reload.
func cmdReload(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	ts.Check(of(ts).Reload())
}

// parseNetifd reads the words of netifd: "up", "down", "dynamic", "sourcefilter", and
// "device=", "l3=", "proto=", "metric=", "address=", "gateway=", "prefix=",
// "peer=" and "route=PREFIX[,GATEWAY]", of which address, gateway and route add
// and an empty value takes all away.
func parseNetifd(i *netlab.Interface, words []string) error {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "up", "down":
			i.Up = key == "up"
		case "dynamic":
			i.Dynamic = true
		case "sourcefilter":
			i.SourceFilter = true
		case "device":
			i.Device = value
		case "l3":
			i.L3Device = value
		case "proto":
			i.Proto = value
		case "metric":
			i.Metric, err = strconv.Atoi(value)
		case "address":
			i.Addresses, err = added(i.Addresses, value, netip.ParsePrefix)
		case "gateway":
			i.Gateways, err = added(i.Gateways, value, netip.ParseAddr)
		case "route":
			i.Routes, err = added(i.Routes, value, parseRoute)
		case "prefix":
			i.Prefix, err = netip.ParsePrefix(value)
		case "peer":
			i.Peer, err = netip.ParseAddr(value)
		default:
			err = fmt.Errorf("netifd: unknown word %q", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func added[T any](list []T, text string, parse func(string) (T, error)) ([]T, error) {
	if text == "" {
		return nil, nil
	}
	one, err := parse(text)
	return append(slices.Clone(list), one), err
}

func parseRoute(text string) (netlab.Route, error) {
	target, via, hasVia := strings.Cut(text, ",")
	r := netlab.Route{}
	var err error
	if r.Target, err = netip.ParsePrefix(target); err == nil && hasVia {
		r.Via, err = netip.ParseAddr(via)
	}
	return r, err
}

// eventOf makes an event, also one for an interface that netifd does not know;
// \n in its name is a line break.
func (s *script) eventOf(ts *testscript.TestScript, args []string) netlab.Event {
	if len(args) != 2 {
		ts.Fatalf("usage: event ACTION INTERFACE")
	}
	e, err := s.Event(args[0], args[1])
	if err != nil {
		e = netlab.Event{Action: args[0], Interface: strings.ReplaceAll(args[1], `\n`, "\n")}
	}
	return e
}

// cmdEvent calls mptcpctl hotplug in the environment that netifd makes.
func cmdEvent(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	s.runMptcpctl(ts, neg, s.Environment(s.eventOf(ts, args)), append(s.flags(), "hotplug"))
}

// cmdHook calls the hotplug script of the repository as netifd's hotplug-call
// does: a subshell of busybox sources it.
func cmdHook(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	hook, err := filepath.Abs("../../hotplug/iface/30-mptcp")
	ts.Check(err)
	self, err := os.Executable()
	ts.Check(err)
	program := fmt.Sprintf("#!/bin/sh\nexec '%s/program/mptcpctl' '%s' \"$@\"\n", s.dir, strings.Join(s.flags(), "' '"))
	if err := os.Mkdir(filepath.Join(s.dir, "program"), 0o755); err == nil {
		ts.Check(os.Symlink(self, filepath.Join(s.dir, "program", "mptcpctl")))
		ts.Check(os.WriteFile(filepath.Join(s.BinDir(), "mptcpctl"), []byte(program), 0o755))
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "busybox", "ash", "-c", `( . "$1" )`, "hotplug-call", hook)
	cmd.Env = s.Environment(s.eventOf(ts, args))
	s.run(ts, neg, cmd)
}
