// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// nobody is a user who owns nothing.
const nobody = 65534

// netAdminOnly are the ways to run a program with CAP_NET_ADMIN and nothing else.
// Without the right to write other people's files, root is a user too.
var netAdminOnly = []struct {
	name string
	uid  int
	args []string
}{
	{"root", 0, []string{"--inh-caps=-all,+net_admin", "--bounding-set=-all,+net_admin", "--no-new-privs"}},
	{"another user", nobody, []string{
		"--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin",
		"--bounding-set=-all,+net_admin", "--no-new-privs",
	}},
}

// mapped reports whether this user namespace has nobody at all: one that an
// ordinary user makes has that user only.
func mapped(t *testing.T) bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b))
	count, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		t.Fatal(err)
	}
	return count > nobody
}

// TestProveNetAdminIsEnough lets every command that writes run with one
// capability: all that root's run leaves is there, settings below /proc/sys/net
// among it, which the kernel opens to CAP_NET_ADMIN in the namespace's user
// namespace (net_ctl_permissions in net/sysctl_net.c).
func TestProveNetAdminIsEnough(t *testing.T) {
	t.Parallel()
	for _, as := range netAdminOnly {
		t.Run(as.name, func(t *testing.T) {
			t.Parallel()
			if as.uid != 0 && !mapped(t) {
				t.Log("this user namespace has one user only")
				return
			}
			r := newProofRouter(t, "master", "on", "handover")
			r.setSettings()
			r.mptcpctl("apply")
			want := r.state() + r.settings()
			r.mptcpctl("flush")
			r.resetSettings()
			r.must(os.Remove(r.lock()))
			r.giveTo(as.uid)
			bare := func(words ...string) {
				r.Helper()
				r.ran(r.Command(r.Context(), "setpriv", slices.Concat(as.args, []string{r.program}, words, r.flags())...))
			}
			bare("hotplug")
			if got := r.state() + r.settings(); got != want {
				t.Errorf("hotplug made\n%s\nwant\n%s", got, want)
			}
			bare("plan", "--exit-code")
			for _, words := range []string{"iface wan2 off", "iface wan2 backup", "iface wan2 --reset", "status", "connections", "counters", "snapshot", "explain wan1"} {
				bare(strings.Fields(words)...)
			}
			r.lateCarrier(func() { bare("apply") }, as.uid)
			bare("flush")
			if got := r.state(); strings.Contains(got, "proto 77") || strings.Contains(got, "dev eth") {
				t.Errorf("after flush\n%s", got)
			}
		})
	}
}

// lateCarrier makes settle renew an endpoint.
func (r *proofRouter) lateCarrier(apply func(), uid int) {
	r.Helper()
	for _, fault := range []func(string) ([]netlab.Event, error){r.AdminDown, r.Unplug, r.AdminUp} {
		_, err := fault("wan2")
		r.must(err)
		r.own(uid)
		apply()
	}
	before := r.ran(r.Command(r.Context(), "ip", "mptcp", "endpoint"))
	_, err := r.Plug("wan2")
	r.must(err)
	r.own(uid)
	r.alone(0, reconcile.SettleLifetime+awaitTimeout)
	if after := r.ran(r.Command(r.Context(), "ip", "mptcp", "endpoint")); after == before || !strings.Contains(after, "eth2") {
		r.Errorf("settle renewed nothing:\n%s", after)
	}
}

// proofSettings are what setSettings configures, and what it was before.
var proofSettings = [][3]string{
	{"mptcp_checksum", "net.mptcp.checksum_enabled", "1"},
	{"mptcp_add_addr_timeout", "net.mptcp.add_addr_timeout", "33"},
	{"mptcp_stale_loss_cnt", "net.mptcp.stale_loss_cnt", "7"},
	{"mptcp_scheduler", "net.mptcp.scheduler", "default"},
}

func (r *proofRouter) setSettings() {
	file := filepath.Join(r.ConfigDir(), "network")
	text, err := os.ReadFile(file)
	r.must(err)
	line := "option multipath 'enable'"
	all := line
	for _, s := range proofSettings {
		all += "\n\toption " + s[0] + " '" + s[2] + "'"
	}
	if strings.Count(string(text), line) != 1 {
		r.Fatalf("no globals in\n%s", text)
	}
	r.must(os.WriteFile(file, []byte(strings.Replace(string(text), line, all, 1)), 0o644))
}

// watchedSettings are those of proofSettings and those that belong to lines.
func (r *proofRouter) settings() string {
	names := []string{"net.ipv4.conf.eth1.ignore_routes_with_linkdown", "net.ipv6.conf.eth2.ignore_routes_with_linkdown", "net.mptcp.enabled"}
	for _, s := range proofSettings {
		names = append(names, s[1])
	}
	text := "\n"
	for _, name := range names {
		value, err := r.Router.ReadSysctl(name)
		r.must(err)
		text += name + "=" + value + "\n"
	}
	return text
}

func (r *proofRouter) resetSettings() {
	for name, value := range map[string]string{
		"net.mptcp.checksum_enabled": "0", "net.mptcp.add_addr_timeout": "120", "net.mptcp.stale_loss_cnt": "4", "net.mptcp.enabled": "0",
	} {
		r.must(r.Router.Sysctl(name, value))
	}
}

// giveTo makes a user the owner of all that the laboratory has in files, and the
// program one that he may execute.
func (r *proofRouter) giveTo(uid int) {
	r.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	r.must(err)
	r.program = filepath.Join(r.Dir, "mptcpctl")
	r.must(os.WriteFile(r.program, self, 0o755))
	r.must(errors.Join(os.Remove(filepath.Join(r.BinDir(), "uci")), os.Remove(filepath.Join(r.BinDir(), "ubus"))))
	r.must(r.InstallTools(r.program))
	r.own(uid)
}

// own is needed again whenever the laboratory has written its state anew.
func (r *proofRouter) own(uid int) {
	r.Helper()
	r.must(filepath.WalkDir(r.Dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, uid))
	}))
}

// TestWatchGivesUpWhatItDoesNotNeed reads what the kernel says of every thread of
// a watch that root started, and of its children.
func TestWatchGivesUpWhatItDoesNotNeed(t *testing.T) {
	t.Parallel()
	r := newProofRouter(t, "master", "on")
	r.program = newBuiltLab(t).program // as it is shipped, without cgo
	said := filepath.Join(r.Dir, "children")
	real := filepath.Join(r.Dir, "real", "ubus") // the stand-in goes by its name
	r.must(os.Mkdir(filepath.Dir(real), 0o755))
	r.must(os.Rename(filepath.Join(r.BinDir(), "ubus"), real))
	r.must(os.WriteFile(filepath.Join(r.BinDir(), "ubus"), []byte("#!/bin/sh\ncat /proc/self/status >> "+said+"\nexec "+real+" \"$@\"\n"), 0o755))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := r.start(ctx, "watch")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	r.must(r.Router.Start(cmd))
	defer func() {
		cancel()
		_ = cmd.Wait()
		if cmd.ProcessState.ExitCode() != 0 {
			t.Errorf("ended with %s", cmd.ProcessState)
		}
		if t.Failed() {
			t.Log(out.String())
		}
	}()
	r.until("the rule", r.state, "503: from all oif eth1")
	r.ran(r.Command(t.Context(), "ip", "rule", "del", "pref", "503", "oif", "eth1"))
	r.until("the rule is back", r.state, "503: from all oif eth1")
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", cmd.Process.Pid))
	r.must(err)
	for _, task := range append(tasks, said) {
		b, err := os.ReadFile(task)
		r.must(err)
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			if strings.HasPrefix(name, "Cap") && name != "CapAmb" && value != "0000000000001000" || name == "CapAmb" && strings.Trim(value, "0") != "" ||
				name == "NoNewPrivs" && value != "1" {
				t.Errorf("%s: %s %s", task, name, value)
			}
		}
	}
	if len(tasks) < 2 {
		t.Errorf("%d threads", len(tasks))
	}
}

// until waits until look has a text.
func (r *proofRouter) until(what string, look func() string, text string) {
	r.Helper()
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(awaitPoll) {
		got := look()
		if strings.Contains(got, text) {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("%s: no %q in\n%s", what, text, got)
		}
	}
}

// TestFilesLeadNowhereElse puts in the place of each file that is written to what
// anybody can put there in a directory that is everybody's. Nothing is written
// through it, and nobody waits for it.
func TestFilesLeadNowhereElse(t *testing.T) {
	t.Parallel()
	traps := map[string]func(victim, path string) error{
		"a symbolic link":   os.Symlink,
		"a link to nothing": func(victim, path string) error { return os.Symlink(victim+"2", path) },
		"a hard link":       os.Link,
		"a pipe":            func(_, path string) error { return unix.Mkfifo(path, 0o666) },
		"a directory":       func(_, path string) error { return os.Mkdir(path, 0o777) },
		"somebody else's file": func(_, path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o666), os.Chown(path, nobody, nobody))
		},
	}
	for name, trap := range traps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "somebody else's file" && !mapped(t) {
				t.Log("this user namespace has one user only")
				return
			}
			r := newProofRouter(t, "master", "on")
			r.must(errors.Join(os.Chmod(r.LockDir(), 0o1777), os.Chmod(r.StateDir(), 0o1777)))
			_, err := r.Unplug("wan2")
			r.must(err)
			r.ran(r.Command(t.Context(), "uci", "set", "network.globals.mptcp_check=1"))
			r.ran(r.Command(t.Context(), "uci", "commit", "network"))
			for _, file := range []string{r.lock(), r.lock() + ".settle", r.lock() + ".watch", r.lock() + ".health.json", r.lock() + ".health.json.new", filepath.Join(r.StateDir(), "network")} {
				r.trap(file, trap)
			}
		})
	}
}

const precious = "nobody may write here\n"

// trap runs what writes to a file after something was put in its place.
func (r *proofRouter) trap(file string, trap func(victim, path string) error) {
	r.Helper()
	victim := filepath.Join(filepath.Dir(file), "victim")
	r.must(errors.Join(os.RemoveAll(file), os.WriteFile(victim, []byte(precious), 0o644), trap(victim, file)))
	for _, words := range []string{"hotplug", "apply", "iface wan2 backup", "status", "plan", "doctor", "snapshot", "watch", "flush"} {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		cmd := r.start(ctx, strings.Fields(words)...)
		cmd.Env = append(cmd.Env, "ACTION=ifup", "INTERFACE=wan2")
		if words == "watch" {
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			time.AfterFunc(200*time.Millisecond, cancel)
		}
		_ = r.Router.Run(cmd)
		if code := cmd.ProcessState.ExitCode(); code < 0 || words != "watch" && ctx.Err() != nil {
			r.Errorf("%s with %s: ended with %s", words, filepath.Base(file), cmd.ProcessState)
		}
		cancel()
		got, err := os.ReadFile(victim)
		r.must(err)
		_, made := os.Lstat(victim + "2")
		if string(got) != precious || made == nil {
			r.Fatalf("%s with %s: the victim holds %q", words, filepath.Base(file), got)
		}
		var st unix.Stat_t
		_ = unix.Lstat(file, &st) // flush takes the name of the settle file away
		if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Uid == nobody && st.Size > 0 && strings.HasPrefix(file, r.lock()) {
			r.Fatalf("%s wrote into somebody else's %s", words, filepath.Base(file))
		}
	}
	r.alone(0, reconcile.SettleLifetime+awaitTimeout)
	r.must(errors.Join(os.RemoveAll(file), os.Remove(victim)))
}

// TestNoShellIsEverStarted reads the source: the programs that are executed, and
// how. Data reach them as arguments only.
func TestNoShellIsEverStarted(t *testing.T) {
	t.Parallel()
	// By file: what stands in the place of the program.
	want := map[string]string{"pkg/child/child.go": "path", "pkg/uci/run.go": "path", "pkg/netifd/ubus.go": "path",
		"pkg/reconcile/facts_ruleset.go": "path", "pkg/reconcile/health.go": "path", "cmd/mptcpctl/settle.go": `"/proc/self/exe"`,
	}
	wantLooked := []string{`"nft"`, `"ubus"`, `"uci"`}
	got, looked := make(map[string]string), []string{}
	for _, dir := range order {
		for name, parsed := range parsedFiles(t, dir) {
			ast.Inspect(parsed, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch callee := callName(call); callee {
				case "child.Start":
					got[dir+"/"+filepath.Base(name)] = source(call.Args[1])
				case "exec.Command", "os.StartProcess":
					got[dir+"/"+filepath.Base(name)] = source(call.Args[0])
				case "child.LookPath":
					looked = append(looked, source(call.Args[0]))
				case "exec.CommandContext", "exec.LookPath", "syscall.Exec", "syscall.ForkExec", "syscall.StartProcess", "unix.Exec":
					t.Errorf("%s calls %s", name, callee)
				}
				return true
			})
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("executed: %v, want %v", got, want)
	}
	slices.Sort(looked)
	if looked = slices.Compact(looked); !slices.Equal(looked, wantLooked) {
		t.Errorf("looked for on the PATH: %v, want %v", looked, wantLooked)
	}
}

func callName(call *ast.CallExpr) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	return source(selector.X) + "." + selector.Sel.Name
}

// source is the text of a name or a literal.
func source(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.BasicLit:
		return e.Value
	}
	return "?"
}

// TestHookRunsNoData gives the hotplug script names that a shell would execute.
func TestHookRunsNoData(t *testing.T) {
	t.Parallel()
	r := newProofRouter(t, "master", "on")
	made := filepath.Join(r.Dir, "made")
	self, err := exec.LookPath("mptcpctl")
	r.must(err)
	shim := "#!/bin/sh\nexec " + self + ` "$@" ` + strings.Join(r.flags(), " ") + "\n"
	r.must(os.WriteFile(filepath.Join(r.BinDir(), "mptcpctl"), []byte(shim), 0o755))
	for _, name := range []string{"$(touch " + made + ")", "`touch " + made + "`", "; touch " + made, "x\ntouch " + made, "--lock=" + made, "%n%n%s"} {
		cmd := r.Command(t.Context(), "busybox", "ash", "-c", `. "$1"`, "hotplug-call", filepath.Join("..", "..", "hotplug", "iface", "30-mptcp"))
		cmd.Env = append(cmd.Env, "ACTION="+name, "INTERFACE="+name, "DEVICE="+name)
		r.ran(cmd)
		if _, err := os.Stat(made); err == nil {
			t.Fatalf("%q was executed", name)
		}
	}
}
