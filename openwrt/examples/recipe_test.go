// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

const (
	// lineBits is what each line carries, so that one alone cannot carry what two do.
	lineBits = 20_000_000
	megabyte = 1 << 20
	// handshakes is more than subflows and a tunnel need to be set up, kept and
	// probed, and a small part of what the tests carry.
	handshakes = 48 << 10
	timeLimit  = 2 * time.Minute
)

// A recipe is a lab with two lines in which one is tried.
type recipe struct {
	*testing.T
	*netlab.Lab
	ctx     context.Context
	router  *machine
	server  *machine
	far     *netlab.Namespace
	farEnd  *netlab.Server
	program string
}

// newRecipe builds the lab with lines of these modes, wan1 and so on, and sets up
// the server as its example says.
func newRecipe(t *testing.T, modes ...string) *recipe {
	t.Helper()
	var lines []netlab.LineConfig
	for _, mode := range modes {
		lines = append(lines, netlab.LineConfig{Multipath: mode})
	}
	return newRecipeOn(t, lines...)
}

// newRecipeOn is newRecipe for lines with names.
func newRecipeOn(t *testing.T, lines ...netlab.LineConfig) *recipe {
	t.Helper()
	for i := range lines {
		lines[i].Proto, lines[i].Bits = "dhcp", lineBits
	}
	lab, err := netlab.New(netlab.Config{LAN: true, Lines: lines})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	r := &recipe{T: t, Lab: lab, ctx: ctx, program: os.Getenv(programVariable)}
	t.Cleanup(func() {
		cancel()
		r.check(lab.Close())
	})
	r.router = &machine{recipe: r, at: lab.Router, root: filepath.Join(lab.Dir, "router"), path: lab.Path()}
	r.server = &machine{recipe: r, at: lab.Server, root: filepath.Join(lab.Dir, "server")}
	r.server.path = filepath.Join(r.server.root, "usr/sbin") + ":" + os.Getenv("PATH") + ":/usr/sbin:/sbin"
	r.router.path += ":/usr/sbin:/sbin"
	r.installProgram(r.router, lab.BinDir(), lab.ConfigDir())
	r.installProgram(r.server, filepath.Join(r.server.root, "usr/sbin"), filepath.Join(r.server.root, "etc/mptcpctl"))
	r.addFarHost()
	for _, n := range []*netlab.Namespace{lab.Router, lab.Server, lab.LAN, r.far} {
		// Else the machine's default decides: bbr loses a fifth of its packets in front of a token bucket.
		r.must(n.Sysctl("net.ipv4.tcp_congestion_control", "reno"))
	}
	r.setUpServer()
	return r
}

// installProgram puts mptcpctl into dir of a machine. It gets the lab's
// directories in place of the machine's, which labs side by side cannot share.
func (r *recipe) installProgram(m *machine, dir, config string) {
	r.Helper()
	run := filepath.Join(m.root, "var/run")
	r.must(os.MkdirAll(run, 0o755), os.MkdirAll(dir, 0o755))
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\" --config-dir '%s' --state-dir '%s' --lock '%s/lock' --syslog-socket '%s/log'\n",
		r.program, config, r.StateDir(), run, run)
	r.must(os.WriteFile(filepath.Join(dir, "mptcpctl"), []byte(script), 0o755))
}

func (r *recipe) addFarHost() {
	r.Helper()
	var err error
	r.far, err = r.AddFarHost()
	r.must(err)
	r.Cleanup(func() { r.check(r.far.Close()) })
	r.farEnd, err = r.far.Serve(r.ctx)
	r.must(err)
	r.Cleanup(func() { r.check(r.farEnd.Close()) })
}

// setUpServer follows the example of the server, on one that forwards nothing and
// filters by the reverse path.
func (r *recipe) setUpServer() {
	r.Helper()
	for name, value := range map[string]string{"net.ipv4.ip_forward": "0", "net.ipv4.conf.all.rp_filter": "1", "net.ipv4.conf.default.rp_filter": "1"} {
		r.must(r.Server.Sysctl(name, value))
	}
	r.server.install("server")
	r.sysctl("90-mptcp.conf")
	r.server.run(r.server.unit("etc/systemd/system/mptcpctl.service")...)
}

// sysctl does with a file of the server's sysctl.d what sysctl --system does.
func (r *recipe) sysctl(file string) {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.server.root, "etc/sysctl.d", file))
	r.must(err)
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(line, "=")
		if ok && !strings.HasPrefix(line, "#") {
			r.must(r.Server.Sysctl(strings.TrimSpace(key), strings.TrimSpace(value)))
		}
	}
}

// boot gives the router's hooks the events of a boot.
func (r *recipe) boot() {
	r.Helper()
	self, err := os.Executable()
	r.must(err, r.InstallTools(self))
	hooks, err := filepath.Abs("../../hotplug/iface")
	r.must(err, r.SetHooks(hooks))
	r.deliver(r.BootEvents())
}

func (r *recipe) deliver(events []netlab.Event, err error) {
	r.Helper()
	r.must(err)
	printed, err := r.Deliver(r.ctx, events...)
	r.Logf("%v:\n%s", events, printed)
	r.must(err)
}

func (r *recipe) check(problems ...error) {
	r.Helper()
	if err := errors.Join(problems...); err != nil {
		r.Error(err)
	}
}

func (r *recipe) must(problems ...error) {
	r.Helper()
	if err := errors.Join(problems...); err != nil {
		r.Fatal(err)
	}
}

// subflows returns how many mptcpctl status counts on a line.
func (r *recipe) subflows(line string) int {
	r.Helper()
	var status struct {
		Interfaces []struct {
			Interface string
			IPv4      struct{ Subflows int }
		}
	}
	r.must(json.Unmarshal([]byte(r.router.run("mptcpctl", "status", "--json")), &status))
	for _, i := range status.Interfaces {
		if i.Interface == line {
			return i.IPv4.Subflows
		}
	}
	r.Fatalf("status says nothing of %s", line)
	return 0
}

// isSpread shows, by mptcpctl connections, that the router has one connection to
// the server, and that it carries data over both lines.
func (r *recipe) isSpread() {
	r.Helper()
	var list struct {
		Connections []struct {
			Subflows []struct {
				Interface string
				Sent      uint64 `json:"bytes_sent"`
				Received  uint64 `json:"bytes_received"`
			}
		}
	}
	text := r.router.run("mptcpctl", "connections", "--json", "--peer", netlab.Addr4.Addr().String())
	r.must(json.Unmarshal([]byte(text), &list))
	lines := map[string]bool{}
	for _, c := range list.Connections {
		for _, s := range c.Subflows {
			lines[s.Interface] = min(s.Sent, s.Received) > handshakes
		}
	}
	if len(list.Connections) != 1 || !lines["wan1"] || !lines["wan2"] {
		r.Errorf("want one connection that is carried by both lines, mptcpctl connections says %s", text)
	}
}

// eventually waits for something that has no time of its own to come true.
func (r *recipe) eventually(what string, come func() bool) {
	r.Helper()
	for !come() {
		select {
		case <-r.ctx.Done():
			r.Fatalf("it never came true that %s: %v", what, context.Cause(r.ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
