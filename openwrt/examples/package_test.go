// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/packed"
)

// deb makes the package for Debian, and returns its path.
func deb(t *testing.T, version string) string {
	t.Helper()
	to, pages := t.TempDir(), os.Getenv("MAN_DIR")
	if pages == "" {
		pages = t.TempDir()
		if err := os.WriteFile(filepath.Join(pages, "mptcpctl.8"), []byte(".TH mptcpctl 8\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, ".ci/package", "deb", runtime.GOARCH, version, os.Getenv(programVariable), to)
	cmd.Dir = "../.."
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") }), "SOURCE_DATE_EPOCH=1800000000", "MAN_DIR="+pages)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return filepath.Join(to, "mptcpctl_"+version+"-1_"+runtime.GOARCH+".deb")
}

// TestSupervisedPackage installs the package for Debian, upgrades and removes it: on a
// small Debian under systemd (make e2e); else its scripts run in dpkg's order, with
// stand-ins for what they call.
func TestSupervisedPackage(t *testing.T) {
	t.Parallel()
	if os.Getenv(supervisorsVariable) != "" {
		installOnDebian(t)
		return
	}
	p, err := packed.Open(deb(t, "0.2.0"))
	if err != nil {
		t.Fatal(err)
	}
	checkDeb(t, p)
	runScripts(t, p)
}

// checkDeb looks at what is in the package.
func checkDeb(t *testing.T, p *packed.Package) {
	t.Helper()
	var below []string
	for name, f := range p.Data {
		if f.Owner != "root" || f.Mode.Perm()&^0o755 != 0 || f.ModTime.Unix() != 1800000000 {
			t.Errorf("%s is %s of %s, of %s", name, f.Mode, f.Owner, f.ModTime)
		}
		if f.Mode.IsRegular() && strings.HasPrefix(name, "/etc/") {
			below = append(below, name)
		}
	}
	slices.Sort(below)
	if want := []string{"/etc/iproute2/rt_protos.d/mptcpctl.conf", "/etc/mptcpctl/network"}; !slices.Equal(below, want) {
		t.Errorf("below /etc: %q, want %q", below, want)
	}
	if got := strings.Fields(string(p.Control["conffiles"].Data)); !slices.Equal(got, below) {
		t.Errorf("conffiles: %q, want %q", got, below)
	}
	for line := range strings.Lines(string(p.Data["/etc/mptcpctl/network"].Data)) {
		if line != "\n" && line[0] != '#' {
			t.Errorf("the configuration has %q", line)
		}
	}
	for name, words := range map[string]string{
		"/usr/lib/systemd/system/mptcpctl-watch.service":       "\nExecStart=/usr/sbin/mptcpctl watch\n|\nConflicts=mptcpctl.service\n",
		"/usr/lib/systemd/system/mptcpctl.service":             "\nExecStart=/usr/sbin/mptcpctl apply\n|\nConflicts=mptcpctl-watch.service\n",
		"/usr/lib/systemd/networkd.conf.d/mptcpctl.conf":       "\nManageForeignRoutingPolicyRules=no\n|\nManageForeignRoutes=no\n",
		"/usr/lib/NetworkManager/conf.d/mptcpctl.conf":         "\nconnection.mptcp-flags=1\n",
		"/usr/share/doc/mptcpctl/copyright":                    "/usr/share/common-licenses/Apache-2.0|golang.org/x/sys",
		"/usr/share/doc/mptcpctl/README.Debian":                "half of the cure",
		"/usr/share/doc/mptcpctl/changelog.gz":                 "\x1f\x8b",
		"/usr/share/doc/mptcpctl/changelog.Debian.gz":          "\x1f\x8b",
		"/usr/share/man/man8/mptcpctl.8.gz":                    "\x1f\x8b",
		"/usr/share/bash-completion/completions/mptcpctl":      "mptcpctl",
		"/usr/share/zsh/vendor-completions/_mptcpctl":          "#compdef mptcpctl",
		"/usr/share/fish/vendor_completions.d/mptcpctl.fish":   "mptcpctl",
		"/usr/share/mptcpctl/server/mptcpctl/network":          "option multipath 'signal'",
		"/usr/share/mptcpctl/server/sysctl.d/90-mptcp.conf":    "net.mptcp.enabled",
		"/usr/share/mptcpctl/ifupdown/if-post-down.d/mptcpctl": "/usr/sbin/mptcpctl apply",
		"/usr/share/mptcpctl/ifupdown/if-up.d/mptcpctl":        "/usr/sbin/mptcpctl apply",
		"/etc/iproute2/rt_protos.d/mptcpctl.conf":              "77\tmptcpctl",
		"/usr/sbin/mptcpctl":                                   "\x7fELF",
	} {
		for word := range strings.SplitSeq(words, "|") {
			if !strings.Contains(string(p.Data[name].Data), word) {
				t.Errorf("%s has no %q:\n%.200s", name, word, p.Data[name].Data)
			}
		}
	}
}

// standIn tells of its call, in the place of a program that a script calls.
const standIn = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$CALLS\"\n"

// runScripts runs the scripts in the order of dpkg (Debian Policy, chapter 6).
func runScripts(t *testing.T, p *packed.Package) {
	t.Helper()
	root := t.TempDir()
	calls, bin := filepath.Join(root, "calls"), filepath.Join(root, "bin")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin", "run/systemd/system", "run/mptcpctl", "etc/mptcpctl"} {
		check(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, name := range []string{"deb-systemd-helper", "deb-systemd-invoke", "systemctl", "mptcpctl"} {
		check(os.WriteFile(filepath.Join(bin, name), []byte(standIn), 0o755))
	}
	chroot := func(code string) {
		check(os.WriteFile(filepath.Join(bin, "ischroot"), []byte("#!/bin/sh\nexit "+code+"\n"), 0o755))
	}
	chroot("1")
	busybox, err := exec.LookPath("busybox")
	check(err)
	for _, name := range []string{"rm", "rmdir"} {
		check(os.Symlink(busybox, filepath.Join(bin, name)))
	}
	run := func(want string, script string, args ...string) {
		t.Helper()
		check(os.WriteFile(calls, nil, 0o600))
		text := strings.NewReplacer("/run/", root+"/run/", " /etc/", " "+root+"/etc/").Replace(string(p.Control[script].Data))
		file := filepath.Join(root, script)
		check(os.WriteFile(file, []byte(text), 0o755))
		cmd := exec.CommandContext(t.Context(), busybox, append([]string{"ash", file}, args...)...)
		cmd.Env = []string{"PATH=" + bin, "CALLS=" + calls}
		if text, err := cmd.CombinedOutput(); err != nil || len(text) > 0 {
			t.Errorf("%s %q: %v\n%s", script, args, err, text)
		}
		got, err := os.ReadFile(calls)
		check(err)
		if string(got) != want {
			t.Errorf("%s %q calls\n%swant\n%s", script, args, got, want)
		}
	}
	const enable = "deb-systemd-helper --quiet was-enabled mptcpctl-watch.service\ndeb-systemd-helper enable mptcpctl-watch.service\nsystemctl --system daemon-reload\n"
	run(enable+"deb-systemd-invoke start mptcpctl-watch.service\n", "postinst", "configure", "")
	// An upgrade touches nothing before the new program is there.
	run("", "prerm", "upgrade", "0.3.0-1")
	run("", "postrm", "upgrade", "0.3.0-1")
	run(enable+"deb-systemd-invoke restart mptcpctl-watch.service\n", "postinst", "configure", "0.2.0-1")
	const stop = "deb-systemd-invoke stop mptcpctl-watch.service mptcpctl.service\n"
	run(stop+"mptcpctl flush\n", "prerm", "remove")
	if _, err := os.Stat(filepath.Join(root, "run/mptcpctl")); !os.IsNotExist(err) {
		t.Errorf("/run/mptcpctl: %v", err)
	}
	run("systemctl --system daemon-reload\n", "postrm", "remove")
	run("deb-systemd-helper purge mptcpctl-watch.service\n", "postrm", "purge")
	if _, err := os.Stat(filepath.Join(root, "etc/mptcpctl")); !os.IsNotExist(err) {
		t.Errorf("/etc/mptcpctl: %v", err)
	}

	// What fails does not keep the package from being removed.
	for _, name := range []string{"deb-systemd-helper", "deb-systemd-invoke", "systemctl", "mptcpctl"} {
		check(os.WriteFile(filepath.Join(bin, name), []byte(standIn+"exit 7\n"), 0o755))
	}
	run(stop+"mptcpctl flush\n", "prerm", "remove")
	// In a chroot, without a systemd, the kernel is not touched.
	chroot("0")
	check(os.RemoveAll(filepath.Join(root, "run/systemd")))
	run("", "prerm", "remove")
	run("deb-systemd-helper --quiet was-enabled mptcpctl-watch.service\ndeb-systemd-helper update-state mptcpctl-watch.service\n", "postinst", "configure", "")
}

// installOnDebian does it all with dpkg.
func installOnDebian(t *testing.T) {
	old, upgrade := deb(t, "0.2.0"), deb(t, "0.3.0")
	b := &booted{T: t, files: t.TempDir(), tree: filepath.Join(os.Getenv(supervisorsVariable), "../debian")}
	for from, to := range map[string]string{old: "old.deb", upgrade: "new.deb"} {
		data, err := os.ReadFile(from)
		b.check(err)
		b.write("root/"+to, string(data), 0o644)
	}
	policy := func(code string) string { return "#!/bin/sh\nexit " + code + "\n" }
	b.write("usr/sbin/policy-rc.d", policy("0"), 0o755)
	b.write("etc/systemd/system/e2e.target", "[Unit]\nRequires=dbus.socket systemd-journald.socket\nAfter=dbus.socket\n", 0o644)
	b.boot()
	b.run("ip", "link", "set", "eth0", "up")
	b.run("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
	b.run("ip", "route", "add", "default", "via", "192.0.2.1")
	before := b.run("sh", "-c", everyFile)

	state := func(want string) {
		b.Helper()
		got, _ := b.try("sh", "-c", "systemctl is-active mptcpctl-watch mptcpctl; systemctl is-enabled mptcpctl-watch mptcpctl")
		if got = strings.ReplaceAll(got, "\n", " "); got != want {
			b.Errorf("active and enabled: %q, want %q", got, want)
		}
	}
	pid := func() string { return b.run("systemctl", "show", "-P", "MainPID", "mptcpctl-watch") }
	b.run("dpkg", "-i", "/root/old.deb")
	state("active inactive enabled disabled ")
	if text := b.run("dpkg", "-V", "mptcpctl"); text != "" {
		b.Errorf("dpkg -V:\n%s", text)
	}
	b.eventually("watch says that nothing is configured", func() bool {
		return strings.Contains(b.run("journalctl", "--no-pager", "-o", "cat", "-t", "mptcpctl"), "/etc/mptcpctl/network: not configured yet")
	})
	if left := b.managed(); left != "" {
		b.Errorf("it has changed the kernel:\n%s", left)
	}

	// The configuration of a server: watch sees it change.
	first := pid()
	b.run("cp", "/usr/share/mptcpctl/server/mptcpctl/network", "/etc/mptcpctl/network")
	b.eventually("the server announces its address", func() bool { return strings.Contains(b.managed(), "192.0.2.2 signal dev eth0") && b.pending() == 0 })
	if pid() != first {
		b.Error("watch has not stayed")
	}
	if text := b.run("dpkg", "-V", "mptcpctl"); !strings.Contains(text, " c /etc/mptcpctl/network\n") {
		b.Errorf("dpkg -V does not tell of the changed file: %q", text)
	}

	// An upgrade starts watch again, and leaves the kernel and the configuration alone.
	config, kernel, ids := b.run("cat", "/etc/mptcpctl/network"), b.managed(), b.run("ip", "mptcp", "endpoint")
	b.run("dpkg", "-i", "/root/new.deb")
	state("active inactive enabled disabled ")
	if pid() == first {
		b.Error("watch runs on with the old program")
	}
	if got := b.run("cat", "/etc/mptcpctl/network"); got != config {
		b.Errorf("the configuration is\n%s", got)
	}
	if b.managed() != kernel || b.run("ip", "mptcp", "endpoint") != ids {
		b.Errorf("the kernel has\n%s\nand had\n%s", b.managed(), kernel)
	}

	// The other service takes the place of watch; an upgrade keeps what was chosen.
	b.run("systemctl", "disable", "--now", "mptcpctl-watch")
	b.run("systemctl", "enable", "--now", "mptcpctl")
	state("inactive active disabled enabled ")
	b.run("dpkg", "-i", "/root/old.deb")
	state("inactive active disabled enabled ")
	b.run("systemctl", "start", "mptcpctl-watch")
	state("active inactive disabled enabled ")
	b.run("systemctl", "disable", "mptcpctl")
	b.run("systemctl", "enable", "mptcpctl-watch")

	// Where policy-rc.d forbids it, as in most containers, nothing is started.
	b.run("dpkg", "--purge", "mptcpctl")
	b.run("sh", "-c", "echo exit 101 >>/usr/sbin/policy-rc.d; sed -i '/exit 0/d' /usr/sbin/policy-rc.d")
	b.run("dpkg", "-i", "/root/new.deb")
	state("inactive inactive enabled disabled ")
	b.run("sh", "-c", "sed -i 's/101/0/' /usr/sbin/policy-rc.d")
	b.run("systemctl", "start", "mptcpctl-watch")

	// Removal takes everything out of the kernel, purging also the configuration.
	b.run("cp", "/usr/share/mptcpctl/server/mptcpctl/network", "/etc/mptcpctl/network")
	b.eventually("the server announces its address again", func() bool { return strings.Contains(b.managed(), "192.0.2.2 signal dev eth0") })
	b.run("dpkg", "-r", "mptcpctl")
	if left := b.managed(); left != "" {
		b.Errorf("removal leaves\n%s", left)
	}
	if got := b.run("cat", "/etc/mptcpctl/network"); got != config {
		b.Errorf("removal leaves of the configuration\n%s", got)
	}
	b.run("dpkg", "--purge", "mptcpctl")
	if after := b.run("sh", "-c", everyFile); after != before {
		b.Errorf("purging leaves\n%s\nof\n%s", after, before)
	}
	b.run("dpkg", "-i", "/root/old.deb")
	state("active inactive enabled disabled ")
}

// everyFile lists all files, but what dpkg and systemd write of their own.
const everyFile = "find /etc /usr /run/mptcpctl /var /opt /srv -xdev 2>/dev/null | grep -Ev '^/var/(lib/(dpkg|systemd)|log)/' | sort"
