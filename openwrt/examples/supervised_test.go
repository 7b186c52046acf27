// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervisorsVariable names the environment variable with the directory in which
// .ci/supervisors has unpacked Debian's systemd and NetworkManager. Without it the
// tests have their short forms.
const supervisorsVariable = "E2E"

// bootLimit is how long one booted server may live.
const bootLimit = 4 * time.Minute

// A booted server is the server's example under Debian's own systemd, in namespaces.
// It has one network card, eth0, whose cable leads to the device cable0.
type booted struct {
	*testing.T
	ctx   context.Context
	files string // what it has of its own
	tree  string // where its programs are
	pid   int    // of its systemd
}

// users are those of a Debian machine that its services need.
const users = `root:x:0:0:root:/root:/bin/sh
messagebus:x:101:101::/nonexistent:/usr/sbin/nologin
systemd-network:x:102:102::/:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`

const groups = "root:x:0:\nmessagebus:x:101:\nsystemd-network:x:102:\nnogroup:x:65534:\n"

// prepareServer lays out the files of a server: those of the example, but for those
// left out, and others, by their paths.
func prepareServer(t *testing.T, without []string, files map[string]string) *booted {
	t.Helper()
	b := &booted{T: t, files: t.TempDir(), tree: os.Getenv(supervisorsVariable)}
	b.check(os.CopyFS(filepath.Join(b.files, "etc"), os.DirFS("server/etc")))
	for _, path := range without {
		b.check(os.RemoveAll(filepath.Join(b.files, path)))
	}
	for path, text := range map[string]string{
		"etc/passwd": users, "etc/group": groups, "etc/hostname": "server\n", "etc/machine-id": strings.Repeat("ab", 16) + "\n",
		"etc/fstab":                        "",
		"etc/systemd/system/e2e.target":    "[Unit]\nRequires=dbus.socket systemd-journald.socket\nAfter=dbus.socket\n",
		"etc/systemd/network/eth0.network": "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.2/24\nGateway=192.0.2.1\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
	} {
		b.write(path, text, 0o644)
	}
	for path, text := range files {
		mode := os.FileMode(0o644)
		if strings.HasSuffix(path, ".nmconnection") {
			mode = 0o600 // NetworkManager reads no other
		}
		b.write(path, text, mode)
	}
	for name, from := range map[string]string{"mptcpctl": os.Getenv(programVariable), probeName: "/proc/self/exe"} {
		program, err := os.ReadFile(from)
		b.check(err)
		b.write(filepath.Join("usr/sbin", name), string(program), 0o755)
	}
	return b
}

func (b *booted) write(path, text string, mode os.FileMode) {
	b.Helper()
	path = filepath.Join(b.files, path)
	b.check(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode))
}

// boot starts systemd, and the units that it shall have enabled.
func (b *booted) boot(units ...string) {
	b.Helper()
	for _, unit := range units {
		dir := filepath.Join(b.files, "etc/systemd/system/e2e.target.wants")
		from := filepath.Join("/etc/systemd/system", unit)
		if _, err := os.Stat(filepath.Join(b.files, from)); err != nil {
			from = filepath.Join("/usr/lib/systemd/system", unit)
		}
		b.check(os.MkdirAll(dir, 0o755), os.Symlink(from, filepath.Join(dir, unit)))
	}
	cgroup := b.newCgroup()
	root := b.TempDir()
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(context.Background(), bootLimit)
	cmd := exec.CommandContext(b.ctx, "sh", "supervised/boot", b.tree, b.files, root, cgroup, "e2e.target")
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Setsid:     true,
	}
	b.check(cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	b.pid = cmd.Process.Pid
	b.Cleanup(func() {
		if b.Failed() {
			text, _ := b.try("journalctl", "--no-pager", "-b", "-o", "short-precise")
			b.Logf("the server's log:\n%s", text)
		}
		cancel() // with process 1 all of them end
		<-ended
	})
	b.eventually("systemd has booted", func() bool {
		select {
		case <-ended:
			b.Fatalf("systemd does not start:\n%s", &printed)
		default:
		}
		text, err := b.try("systemctl", "is-active", "e2e.target")
		return err == nil && text == "active\n"
	})
	for _, unit := range units {
		b.eventually(unit+" runs", func() bool {
			text, err := b.try("systemctl", "is-active", unit)
			if text == "failed\n" {
				b.Fatalf("%s has failed", unit)
			}
			return err == nil
		})
	}
}

// newCgroup makes a cgroup in which a systemd can be the first.
func (b *booted) newCgroup() string {
	b.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	b.check(err)
	own, err := os.ReadFile("/proc/self/cgroup")
	b.check(err)
	for line := range strings.Lines(string(mounts)) {
		words := strings.Fields(line)
		if words[2] != "cgroup2" {
			continue
		}
		at := "/"
		for entry := range strings.Lines(string(own)) {
			if path, found := strings.CutPrefix(strings.TrimSpace(entry), "0::"); found {
				at = path
			}
		}
		dir, err := os.MkdirTemp(filepath.Join(words[1], at), "mptcpctl-e2e-")
		b.check(err)
		b.Cleanup(func() { b.eventually("its cgroups are empty", func() bool { return removeCgroups(dir) == nil }) })
		return dir
	}
	b.Fatal("no cgroup2 is mounted")
	return ""
}

func removeCgroups(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, removeCgroups(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(err, syscall.Rmdir(dir))
}

// try runs a program on the server.
func (b *booted) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--all", "--target", fmt.Sprint(b.pid), "--", "env", "-i",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, args...)...)
	cmd.WaitDelay = time.Second
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// run is try for what must go well.
func (b *booted) run(args ...string) string {
	b.Helper()
	text, err := b.try(args...)
	if err != nil {
		b.Fatalf("%q: %v\n%s", args, err, text)
	}
	return text
}

func (b *booted) check(problems ...error) {
	b.Helper()
	if err := errors.Join(problems...); err != nil {
		b.Fatal(err)
	}
}

func (b *booted) eventually(what string, come func() bool) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); !come(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("it never came true that %s", what)
		}
	}
}

// pending is how many operations "mptcpctl plan" shows.
func (b *booted) pending() int {
	text, err := b.try("mptcpctl", "plan")
	if err != nil {
		return -1 // a device is not there at the moment
	}
	return strings.Count(text, "\n")
}

// managed is what mptcpctl has in the kernel, without the ids of endpoints.
func (b *booted) managed() string {
	b.Helper()
	return b.run("sh", "-c", "ip rule show | grep 'proto 77' | sort; ip route show table all proto 77 | sort; ip mptcp endpoint | sed 's/ id [0-9]*//'")
}

// changes is how much watch has done.
func (b *booted) changes() int {
	b.Helper()
	return strings.Count(b.run("journalctl", "--no-pager", "-o", "cat", "-t", "mptcpctl"), "watch: ")
}
