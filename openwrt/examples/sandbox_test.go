// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// probeName is the name by which this program tries what a unit's sandbox lets through.
const probeName = "sandbox-probe"

// probes are what the service needs, and what it must not be able to do.
var probes = []struct {
	name    string
	allowed bool
	try     func() error
}{
	{"a UDP socket bound to a device", true, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		return unix.BindToDevice(fd, "eth0")
	}},
	{"a UDP socket of IPv6", true, func() error {
		_, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
		return err
	}},
	{"a netlink socket", true, func() error {
		_, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
		return err
	}},
	{"a setting of the network", true, func() error {
		return os.WriteFile("/proc/sys/net/ipv4/conf/eth0/ignore_routes_with_linkdown", []byte("1"), 0)
	}},
	{"a file in /run/mptcpctl", true, func() error { return os.WriteFile("/run/mptcpctl/probe", nil, 0o600) }},
	{"a file in /var", false, func() error { return os.WriteFile("/var/lib/probe", nil, 0o600) }},
	{"a file in /etc", false, func() error { return os.WriteFile("/etc/probe", nil, 0o600) }},
	{"a packet socket", false, func() error {
		_, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		return err
	}},
	{"a namespace", false, func() error { return unix.Unshare(unix.CLONE_NEWUTS) }},
	{"memory to write and to execute", false, func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		return err
	}},
	{"a mount", false, func() error { return unix.Mount("tmpfs", "/run/mptcpctl", "tmpfs", 0, "") }},
	{"another user", false, func() error { return unix.Setuid(1) }},
}

// probeMain tries all of them, and prints a line for each.
func probeMain() int {
	for _, p := range probes {
		fmt.Printf("%s: %t\n", p.name, p.try() == nil)
	}
	return 0
}

// sandbox is what the unit must have, also where no systemd is there to try it.
var sandbox = []string{
	"CapabilityBoundingSet=CAP_NET_ADMIN", "NoNewPrivileges=yes", "ProtectSystem=strict", "MemoryDenyWriteExecute=yes",
	"RestrictAddressFamilies=AF_NETLINK AF_UNIX AF_INET AF_INET6", "SystemCallFilter=@system-service",
	"RuntimeDirectory=mptcpctl", "RuntimeDirectoryPreserve=yes", "ExecReload=/bin/kill -HUP $MAINPID",
}

// TestSandbox: the service of the example has what it needs, and no more. With systemd's
// own programs (make e2e) it is started.
func TestSandbox(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile("server/etc/systemd/system/mptcpctl-watch.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range sandbox {
		if !strings.Contains(string(unit), "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
	for _, name := range []string{"\nPrivateNetwork=", "\nPrivateUsers=", "\nProtectKernelTunables=", "AF_PACKET"} {
		if strings.Contains(string(unit), name) {
			t.Errorf("the unit has %s", strings.TrimSpace(name))
		}
	}
	if os.Getenv(supervisorsVariable) == "" {
		return
	}
	b := prepareServer(t, nil, nil)
	b.write("etc/systemd/system/probe.service", strings.Replace(string(unit), "/usr/sbin/mptcpctl watch", "/usr/sbin/"+probeName, 1), 0o644)
	b.boot("systemd-networkd.service")
	b.up(&networkd)
	// Two of the block's commands may fail: there is no NetworkManager to be restarted,
	// and sysctl may not write the settings of the whole machine.
	b.run("systemctl", "enable", "--now", "mptcpctl-watch")
	said := b.run("sh", "-c", readBlock(t, "server/README.md", "try-restart systemd-networkd"))
	for command, want := range map[string]string{
		"cat /proc/sys/net/ipv4/tcp_rmem":                     "4096\t131072\t16777216\n",
		"systemctl is-active mptcpctl-watch systemd-networkd": "active\nactive\n",
		"systemctl is-enabled mptcpctl-watch":                 "enabled\n",
	} {
		if got, _ := b.try("sh", "-c", command); got != want {
			b.Errorf("%s: %q, want %q, after\n%s", command, got, want, said)
		}
	}
	right := func(when string) {
		b.Helper()
		b.eventually("it is right "+when, func() bool { return b.pending() == 0 && strings.Contains(b.managed(), "signal dev eth0") })
	}
	right("after boot")
	if text, err := b.try("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=25", "/etc/systemd/system/mptcpctl-watch.service"); err != nil {
		b.Errorf("%v\n%s", err, text)
	}

	// A setting, and what the kernel reports to no process: found at a reload.
	b.run("ip", "mptcp", "endpoint", "flush")
	b.run("ip", "mptcp", "limits", "set", "subflows", "1")
	pid := b.run("systemctl", "show", "-P", "MainPID", "mptcpctl-watch.service")
	b.run("systemctl", "reload", "mptcpctl-watch.service")
	right("after a reload")
	if now := b.run("systemctl", "show", "-P", "MainPID", "mptcpctl-watch.service"); now != pid {
		b.Errorf("a reload has ended process %s", pid)
	}
	b.run("sh", "-c", "echo 0 >/proc/sys/net/mptcp/enabled")
	b.run("systemctl", "restart", "mptcpctl-watch.service")
	b.eventually("the service has written a setting", func() bool { return b.run("cat", "/proc/sys/net/mptcp/enabled") == "1\n" })

	// A mode that was set until the next boot.
	b.run("mptcpctl", "iface", "public", "off")
	b.run("systemctl", "restart", "mptcpctl-watch.service")
	b.run("systemctl", "stop", "mptcpctl-watch.service")
	b.run("systemctl", "start", "mptcpctl-watch.service")
	if text := b.run("mptcpctl", "iface"); !strings.Contains(text, "off") {
		b.Errorf("the mode is lost:\n%s", text)
	}
	b.run("mptcpctl", "iface", "public", "--reset")
	right("after the mode was dropped")

	b.run("systemctl", "start", "probe.service")
	var text string
	b.eventually("the probe has ended", func() bool {
		text = b.run("journalctl", "--no-pager", "-o", "cat", "-u", "probe.service")
		return strings.Contains(text, probes[len(probes)-1].name)
	})
	for _, p := range probes {
		if want := fmt.Sprintf("%s: %t\n", p.name, p.allowed); !strings.Contains(text, want) {
			b.Errorf("want %q of\n%s", want, text)
		}
	}
}
