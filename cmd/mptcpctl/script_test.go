// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/since"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// commandTimeout bounds each program that a script starts.
const commandTimeout = time.Minute

// TestScripts runs every file of testdata/script, each in a laboratory of its
// own on the kernel of this machine. Beside the commands of testscript there are
//
//	lab WORD...             builds it; see parseLab
//	mptcpctl ARG...         on the router; only ubus and uci are on its PATH
//	unprivileged ARG...     the same without CAP_NET_ADMIN
//	ordinary ARG...         the same without any capability
//	exit CODE               the exit code of the last mptcpctl
//	router PROGRAM ARG...   any other program on the router
//	fault WHAT LINE [ARG]   breaks or mends a line; netifd reacts, no event yet
//	netifd NAME WORD...     changes what netifd reports; see parseNetifd
//	reload                  netifd reads the configuration again, as netlab.Reload
//	event ACTION NAME       the event, delivered to mptcpctl hotplug
//	hook ACTION NAME        the event, delivered to the real hotplug script
//	kernel [WHAT]           prints rules, routes and endpoints
//	fill N                  foreign endpoints take all of the kernel's slots but N
//	foreign FILE [ID...]    saves all in the kernel that is not ours
//	await WHAT PATTERN      waits till what "kernel WHAT" prints matches, or the
//	                        number of "processes", or of the "zombies" of watch
//	server PROGRAM ARG...   any program on the far server
//	sysctl NAME [VALUE]     prints or writes a setting of the router
//	listen, heard           asserts that something was written since listen
//	log                     prints what has come into the system log, which must be something
//	connect WORD...         opens connections to the far server; see cmdConnect
//	disconnect              resets them
//	serve [plain|ARG...]    starts the far server, one of plain TCP, or mptcpctl there
//	served                  waits for the end of that, and prints what it has printed
//	fallback                opens a connection that falls back to TCP
//	until PATTERN ARG...    runs mptcpctl until what it prints matches
//	call METHOD JSON [FLAG...]  a call of rpcd with these arguments
//	multipath ARG...        runs mptcpctl under the name of the old tool
//	monitor ARG...          starts mptcpctl monitor; see cmdMonitor
//	printed PATTERN         waits until what it has printed matches
//	signal SIGNAL           ends it and prints all of that; see cmdSignal
//	calls                   prints which stand-ins ran since the last calls
//	processes               asserts that a process runs on in the lab
//	mend FINDING            runs the commands that doctor gives for it
//	swallow                 connects where SYNs with MPTCP are lost
//	attempt ADDRESS         begins to connect from an address that nothing answers
//	answered                waits until something does
//	watch                   starts mptcpctl watch; signal ends it
//	idle                    waits until it stands still
//	package                 lays the OpenWrt package out for a router; see cmdPackage
//	ash LINE                runs a line of busybox's shell on that router
//	reload_config           procd reloads what the changed configuration concerns
//	hotplug ACTION:NAME...  delivers events that come all at once to its scripts
//	without PROGRAM         takes ubus or uci off the PATH
//	stub PROGRAM LINE       puts a line of the shell in the place of ubus or uci
//	ubus HOW                makes ubus misbehave (netlab.Misbehaviour)
//	bus HOW                 makes a socket of ubusd that behaves so, and asks there from now on
//	hold, release           holds the lock as another run would
//	shown PAGE COMMAND      compares stdout with what a page shows of the command
//
// The variables CONFIG, STATE and LOCK name the files of the lab. With UPDATE_SCRIPTS
// set, cmp writes what it got into the script: read it before you keep it.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setupScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lab": cmdLab, "mptcpctl": cmdMptcpctl, "call": cmdCall, "unprivileged": cmdUnprivileged, "ordinary": cmdOrdinary, "exit": cmdExit, "router": cmdRouter, "server": cmdServer,
			"fault": cmdFault, "netifd": cmdNetifd, "reload": cmdReload, "event": cmdEvent, "hook": cmdHook,
			"kernel": cmdKernel, "fill": cmdFill, "foreign": cmdForeign, "await": cmdAwait, "sysctl": cmdSysctl,
			"connect": cmdConnect, "disconnect": cmdDisconnect, "fallback": cmdFallback, "until": cmdUntil, "serve": cmdServe, "served": cmdServed,
			"listen": cmdListen, "heard": cmdHeard, "log": cmdLog, "calls": cmdCalls, "processes": cmdProcesses,
			"mend": cmdMend, "swallow": cmdSwallow, "attempt": cmdAttempt, "answered": cmdAnswered,
			"without": cmdWithout, "stub": cmdStub, "ubus": cmdUbus, "bus": cmdBus, "hold": cmdHold, "release": cmdRelease,
			"monitor": cmdMonitor, "printed": cmdPrinted, "signal": cmdSignal, "multipath": cmdMultipath,
			"watch": cmdWatch, "idle": cmdIdle, "package": cmdPackage, "ash": cmdAsh, "reload_config": cmdReloadConfig, "hotplug": cmdHotplug, "walk": cmdWalk,
			"shown": cmdShown,
		},
		Condition:          scriptCondition,
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// scriptCondition asks this machine's kernel: "kernel:VERSION" is true from that version
// on, "sysctl:NAME" where it has the setting, "counter:NAME" where it has the MPTCP
// counter, "fits:N" where it takes that many endpoints, "ipv6" where it knows that,
// "diag" where it lists sockets.
func scriptCondition(word string) (bool, error) {
	what, name, _ := strings.Cut(word, ":")
	switch what {
	case "kernel":
		return since.Linux(name)
	case "sysctl":
		return there("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	case "counter":
		counters, err := os.ReadFile("/proc/net/netstat")
		return slices.Contains(strings.Fields(string(counters)), name), err
	case "fits":
		n, err := strconv.Atoi(name)
		if err != nil {
			return false, err
		}
		bound, err := endpointBound()
		return n <= bound, err
	case "ipv6":
		return there("/proc/sys/net/ipv6")
	case "diag":
		_, err := sockdiag.Any(sockdiag.Established)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	return false, fmt.Errorf("unknown condition %q", word)
}

func there(name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// script is what belongs to one script.
type script struct {
	*netlab.Lab
	dir    string
	syslog *scriptLog
	heard  *listener
	lock   *reconcile.Lock
	bus    *netlab.Bus
	connections
	background background
	far        farEnd
	code       int // of the last mptcpctl
	calls      int // that were printed already
	checker    checker
	since      walkSince
	seen       []dumpedLink // by the last run of a walk
	// afterwards is in the way of what an obstructed run leaves behind; nil: nothing is.
	// hungUp is closed when all of that has ended.
	afterwards obstacle
	hungUp     chan struct{}
}

type scriptKey struct{}

func setupScript(env *testscript.Env) error {
	s := &script{dir: filepath.Join(env.WorkDir, "lab")}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	log, err := newScriptLog(s.dir)
	if err != nil {
		return err
	}
	s.syslog = log
	env.Values[scriptKey{}] = s
	env.Setenv("CONFIG", filepath.Join(s.dir, "config", "network"))
	env.Setenv("STATE", filepath.Join(s.dir, "state"))
	env.Setenv("LOCK", s.lockPath())
	env.Defer(func() {
		if err := s.close(); err != nil {
			env.T().Log(err)
			env.T().FailNow()
		}
	})
	return nil
}

func (s *script) close() error {
	problems := []error{s.syslog.close(), s.connections.close(), s.background.kill(), s.far.close()}
	if s.heard != nil {
		problems = append(problems, s.heard.close())
	}
	if s.lock != nil {
		problems = append(problems, s.lock.Release())
	}
	if s.Lab != nil {
		problems = append(problems, s.Close())
	}
	return errors.Join(problems...)
}

func (s *script) lockPath() string { return filepath.Join(s.dir, "lockdir", "mptcpctl.lock") }

// of returns the script's own state, with a lab unless that is made only now.
func of(ts *testscript.TestScript) *script {
	s, ok := ts.Value(scriptKey{}).(*script)
	if !ok || s.Lab == nil {
		ts.Fatalf("there is no lab yet")
	}
	return s
}

// flags are the global flags that lead mptcpctl into the lab.
func (s *script) flags() []string {
	// A machine may have a bus of its own.
	bus := filepath.Join(s.dir, "ubus.sock")
	return []string{
		"--config-dir", s.ConfigDir(), "--state-dir", s.StateDir(), "--staged-dir", s.StagedDir(), "--ubus-socket", bus, "--lock", s.lockPath(), "--syslog-socket", s.syslog.path,
	}
}

func cmdMptcpctl(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	s.runMptcpctl(ts, neg, nil, append(s.flags(), args...))
}

// cmdCall calls a method of the ubus object, as rpcd does.
func cmdCall(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: call METHOD JSON [FLAG...]")
	}
	s := of(ts)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	words := slices.Concat(s.flags(), args[2:], []string{"rpcd", "call", args[0]})
	cmd := s.program(ctx, "mptcpctl", nil, words)
	cmd.Stdin = strings.NewReader(args[1])
	s.run(ts, neg, cmd)
}

// cmdUnprivileged runs the program without the capability that every write
// needs.
func cmdUnprivileged(ts *testscript.TestScript, neg bool, args []string) {
	runWithout(ts, neg, "-net_admin", args)
}

// cmdOrdinary is for what only the modes of files keep from a user.
func cmdOrdinary(ts *testscript.TestScript, neg bool, args []string) {
	runWithout(ts, neg, "-all", args)
}

func runWithout(ts *testscript.TestScript, neg bool, capabilities string, args []string) {
	s := of(ts)
	self, err := exec.LookPath("mptcpctl")
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	words := slices.Concat([]string{"--bounding-set=" + capabilities, "--inh-caps=" + capabilities, self}, s.flags(), args)
	s.run(ts, neg, s.Command(ctx, "setpriv", words...))
}

// runMptcpctl runs the program with nothing on its PATH but the stand-ins.
func (s *script) runMptcpctl(ts *testscript.TestScript, neg bool, env, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	s.run(ts, neg, s.program(ctx, "mptcpctl", env, args))
}

// program is this test program as mptcpctl, under the name that it is called by.
func (s *script) program(ctx context.Context, name string, env, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = name
	cmd.Env = append(env, "PATH="+s.BinDir(), netlab.DirVariable+"="+s.Dir)
	return cmd
}

// run starts a program on the router and notes its exit code.
func (s *script) run(ts *testscript.TestScript, neg bool, cmd *exec.Cmd) {
	cmd.Dir = ts.MkAbs(".")
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	cmd.WaitDelay = 10 * time.Second // settle would keep it open for longer
	err := s.Router.Run(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	s.code = cmd.ProcessState.ExitCode()
	if s.code < 0 || (s.code != 0) != neg {
		ts.Fatalf("ended with %s", cmd.ProcessState)
	}
}

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(one(ts, neg, args))
	ts.Check(err)
	if got := of(ts).code; got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func cmdRouter(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: router PROGRAM ARG...")
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	s := of(ts)
	s.run(ts, neg, s.Command(ctx, args[0], args[1:]...))
}

// cmdServer runs a program on the far server.
func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server PROGRAM ARG...")
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	out, err := of(ts).Server.Output(ctx, args[0], args[1:]...)
	if err != nil {
		ts.Fatalf("server %q: %v\n%s", args, err, out)
	}
}

func cmdWithout(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.Remove(filepath.Join(of(ts).BinDir(), one(ts, neg, args))))
}

func cmdStub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: stub PROGRAM LINE")
	}
	path := filepath.Join(of(ts).BinDir(), args[0])
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	ts.Check(os.WriteFile(path, []byte("#!/bin/sh\n"+args[1]+"\n"), 0o755))
}

func cmdUbus(ts *testscript.TestScript, neg bool, args []string) {
	how := netlab.Misbehaviour(one(ts, neg, args))
	if how == "behave" {
		how = netlab.Behave
	}
	ts.Check(of(ts).BreakUbus(how))
}

// cmdBus makes the socket of ubusd, which misbehaves as it is told.
func cmdBus(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if s.bus == nil {
		var err error
		s.bus, err = s.ListenBus(filepath.Join(s.dir, "ubus.sock"))
		ts.Check(err)
		ts.Defer(func() { ts.Check(s.bus.Close()) })
	}
	how := netlab.Misbehaviour(one(ts, neg, args))
	if how == "behave" {
		how = netlab.Behave
	}
	s.bus.Break(how)
}

func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	lock, err := reconcile.Acquire(context.Background(), s.lockPath(), commandTimeout)
	ts.Check(err)
	s.lock = lock
}

func cmdRelease(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	ts.Check(s.lock.Release())
	s.lock = nil
}

func cmdSysctl(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	switch {
	case neg, len(args) == 0, len(args) > 2:
		ts.Fatalf("usage: sysctl NAME [VALUE]")
	case len(args) == 2:
		ts.Check(s.Router.Sysctl(args[0], args[1]))
	default:
		value, err := s.Router.ReadSysctl(args[0])
		ts.Check(err)
		fmt.Fprintln(ts.Stdout(), value)
	}
}

// one is the only argument of a command that cannot be negated.
func one(ts *testscript.TestScript, neg bool, args []string) string {
	if neg || len(args) != 1 {
		ts.Fatalf("one argument, and no !")
	}
	return args[0]
}

func none(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("no argument, and no !")
	}
}
