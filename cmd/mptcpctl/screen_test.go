// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

func TestFrame(t *testing.T) {
	t.Parallel()
	const clear = "\x1b[K"
	for _, tt := range []struct {
		name, text    string
		width, height int
		want          string
	}{
		{"less than the screen", "one\ntwo\n", 10, 5, "one" + clear + "\r\ntwo" + clear + "\r\n\x1b[J"},
		{"as much as the screen", "one\ntwo", 10, 2, "one" + clear + "\r\ntwo" + clear},
		{"more than the screen", "1\n2\n3\n4\n5\n", 20, 3, "1" + clear + "\r\n2" + clear + "\r\n... and 3 more" + clear},
		{"one line", "1\n2\n", 20, 1, "... and 2 more" + clear},
		{"a full and a long line", "12345\n123456", 5, 2, "12345\r\n12345"},
		{"characters of two bytes", "äöüß\näöü", 3, 2, "äöü\r\näöü"},
		{"a name that would do something", "a\x1b[2Jb", 9, 1, "a?[2Jb" + clear},
		{"nothing", "", 9, 2, clear + "\r\n\x1b[J"},
	} {
		if got := string(frame(tt.text, tt.width, tt.height)); got != home+tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, home+tt.want)
		}
	}
}

// pty is a terminal with the program on it.
type pty struct {
	*testing.T
	master, slave *os.File
	before        unix.Termios
	cmd           *exec.Cmd
	ended         chan error
	mu            sync.Mutex
	text          []byte
}

// transferTrickle is a connection that stays.
var transferTrickle = netlab.Transfer{Up: netlab.Endless, Rate: 64 << 10}

// newWatchLab has four lines, set up, and a connection over three of them.
func newWatchLab(t *testing.T) *netlab.Lab {
	t.Helper()
	lab, err := netlab.New(netlab.Config{Lines: []netlab.LineConfig{
		{Multipath: "master"}, {Multipath: "on"}, {Multipath: "backup"}, {Multipath: "handover"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err := errors.Join(err, lab.InstallTools(self), lab.WriteConfig()); err != nil {
		t.Fatal(err)
	}
	if out, err := runIn(lab, "apply"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server, err := lab.Serve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	running, err := lab.Router.StartTransfer(ctx, transferTrickle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_, _ = running.Wait() // It is broken off.
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	for {
		out, err := runIn(lab, "connections")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.Count(out, "10.0.")-1 >= 3 {
			return lab
		}
	}
}

// programIn is this program as mptcpctl on the lab's router.
func programIn(lab *netlab.Lab, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", append(args, "--config-dir", lab.ConfigDir(), "--state-dir", lab.StateDir(), "--staged-dir", lab.StagedDir(),
		"--lock", filepath.Join(lab.LockDir(), "lock"), "--syslog-socket", "/nonexistent")...)
	cmd.Args[0] = "mptcpctl"
	cmd.Env = []string{"PATH=" + lab.BinDir(), netlab.DirVariable + "=" + lab.Dir}
	return cmd
}

func runIn(lab *netlab.Lab, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := programIn(lab, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := lab.Router.Run(cmd)
	return out.String(), err
}

func newPTY(t *testing.T, lab *netlab.Lab, width, height uint16, args ...string) *pty {
	t.Helper()
	return newPTYOf(t, lab, "TERM=xterm", width, height, args...)
}

// newPTYOf is newPTY with another variable in the environment.
func newPTYOf(t *testing.T, lab *netlab.Lab, variable string, width, height uint16, args ...string) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{T: t, master: master, ended: make(chan error, 1)}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.slave.Close() })
	p.resize(width, height)
	p.before = p.settings()
	p.cmd = programIn(lab, args...)
	p.cmd.Env = append(p.cmd.Env, variable)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.slave, p.slave, p.slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := lab.Router.Start(p.cmd); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	go p.collect()
	return p
}

func (p *pty) collect() {
	buffer := make([]byte, 4096)
	for {
		n, err := p.master.Read(buffer)
		p.mu.Lock()
		p.text = append(p.text, buffer[:n]...)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *pty) written() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

func (p *pty) resize(width, height uint16) {
	p.Helper()
	if err := unix.IoctlSetWinsize(int(p.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		p.Fatal(err)
	}
}

func (p *pty) settings() unix.Termios {
	p.Helper()
	now, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		p.Fatal(err)
	}
	return *now
}

// TestADumbTerminalGetsLines is about a terminal that only adds lines, as in an editor.
func TestADumbTerminalGetsLines(t *testing.T) {
	t.Parallel()
	lab, err := netlab.New(netlab.Config{Lines: []netlab.LineConfig{{Multipath: "master"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err := errors.Join(err, lab.InstallTools(self), lab.WriteConfig()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status", "--watch"}, {"connections", "--watch", "--interval", "0.1"}} {
		p := newPTYOf(t, lab, "TERM=dumb", 80, 24, args...)
		line := "INTERFACE"
		if args[0] == "connections" {
			line = " line wan1 subflows 0 "
		}
		for deadline := time.Now().Add(20 * time.Second); strings.Count(p.written(), line) < 2; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %q", args[0], p.written())
			}
		}
		if strings.Contains(p.written(), "\x1b") || p.settings() != p.before {
			t.Errorf("%s: %q", args[0], p.written())
		}
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := <-p.ended; err != nil {
			t.Errorf("%s: %v", args[0], err)
		}
	}
}

// await waits till a frame, the last, has a line for each pattern.
func (p *pty) await(patterns ...string) []string {
	p.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		frames := strings.Split(p.written(), home)
		last := regexp.MustCompile("\x1b\\[[KJ]|\r").ReplaceAllString(frames[len(frames)-1], "")
		lines := strings.Split(strings.TrimSuffix(last, "\n"), "\n")
		missing := slices.ContainsFunc(patterns, func(pattern string) bool {
			return !slices.ContainsFunc(lines, regexp.MustCompile(pattern).MatchString)
		})
		if !missing {
			return lines
		}
	}
	text := p.written()
	p.Fatalf("no frame with %q:\n%q", patterns, text[max(0, len(text)-2000):])
	return nil
}

// awaitText waits till what was written matches.
func (p *pty) awaitText(pattern string) {
	p.Helper()
	for deadline := time.Now().Add(20 * time.Second); !regexp.MustCompile(pattern).MatchString(p.written()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("no %q in %q", pattern, p.written())
		}
	}
}

// end asserts that the program ends well and leaves the terminal as it was.
func (p *pty) end() {
	p.Helper()
	select {
	case err := <-p.ended:
		if err != nil {
			p.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		p.Fatalf("it does not end: %q", p.written())
	}
	if now := p.settings(); now != p.before {
		p.Errorf("settings of the terminal are %+v, were %+v", now, p.before)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.HasSuffix(p.written(), mainScreen); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("the main screen did not return: %q", p.written())
		}
	}
}

func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	lab := newWatchLab(t)
	measured := []string{`^LINE +SUBFLOWS +OUT +IN$`, `^wan1 +1 +\d+k +\d`, `^wan2 +1 `, `^wan3 +1 `, `^wan4 +0 +0 +0$`}
	t.Run("q ends it, and it follows the size", func(t *testing.T) {
		t.Parallel()
		p := newPTY(t, lab, 80, 24, "connections", "--watch", "--interval", "200ms")
		lines := p.await(append(measured, `^[0-9a-f]{8}  out +\d+k  in +\d`, `^  wan3 .* backup +10\.0\.3\.2:`)...)
		if len(lines) > 24 {
			t.Errorf("%d lines", len(lines))
		}
		if now := p.settings(); now.Lflag&(unix.ICANON|unix.ECHO) != 0 || now.Lflag&unix.ISIG == 0 {
			t.Errorf("settings of the terminal are %+v", now)
		}
		p.resize(40, 9)
		lines = p.await(`^1 connection, every 200ms, q quits; OUT $`, `^\.\.\.$`)
		if len(lines) != 9 || slices.ContainsFunc(lines, func(l string) bool { return len(l) > 40 }) {
			t.Errorf("a frame of 40 by 9 is %q", lines)
		}
		p.resize(100, 30)
		p.await(append(measured, `OUT and IN in bit/s$`)...)
		p.write("xq")
		p.end()
		if n := strings.Count(p.written(), altScreen); n != 1 {
			t.Errorf("the screen was changed %d times", n)
		}
	})
	t.Run("a serial line has no size; Ctrl-C ends it", func(t *testing.T) {
		t.Parallel()
		p := newPTY(t, lab, 0, 0, "connections", "--watch", "--interval", "200ms")
		p.await(append(measured, `^1 connection, every 200ms, q quits; OUT and IN in bit/s$`)...)
		p.write("\x03")
		p.end()
	})
	t.Run("a new size does not wait for the interval; SIGTERM ends it", func(t *testing.T) {
		t.Parallel()
		p := newPTY(t, lab, 80, 24, "connections", "--watch", "--interval", "1h")
		p.await(`^wan1 +1 +- +-$`) // no rates yet
		p.resize(40, 9)
		p.await(`^1 connection, every 1h0m0s, q quits; OUT$`, `^\.\.\.$`)
		p.signal(unix.SIGTERM)
		p.end()
	})
	t.Run("SIGHUP ends it", func(t *testing.T) {
		t.Parallel()
		p := newPTY(t, lab, 80, 24, "connections", "--watch", "--interval", "200ms")
		p.await(measured...)
		p.signal(unix.SIGHUP)
		p.end()
	})
}

func (p *pty) signal(s os.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.Fatal(err)
	}
}

func (p *pty) write(keys string) {
	p.Helper()
	if _, err := io.WriteString(p.master, keys); err != nil {
		p.Fatal(err)
	}
}

func TestWatchIntoAFile(t *testing.T) {
	t.Parallel()
	lab := newWatchLab(t)
	for _, tt := range []struct {
		name  string
		flags []string
		want  string
	}{
		{"text", nil, `(?s) line wan1 subflows 1 out [1-9]\d{4}.*\n(\S+ connection [0-9a-f]{8} 10\.0\.1\.2:\d+ 10\.99\.0\.2:5001 subflows 3 out \d+ in \d+
\S+ line wan1 subflows 1 out \d+ in \d+
\S+ line wan2 subflows 1 out \d+ in \d+
\S+ line wan3 subflows 1 out 0 in 0
\S+ line wan4 subflows 0 out 0 in 0
){2}`},
		{"json", []string{"--json"}, `^\{"time":\d+\.\d{3},"connections":\[\{.*"lines":\[.*\],"subflows_known":true\}
\{"time":.*"out_bits_per_second":.*"lines":\[\{"interface":"wan1","subflows":1,"out_bits_per_second":\d+,"in_bits_per_second":\d+\}.*
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := programIn(lab, append([]string{"connections", "--watch", "--interval", "200ms"}, tt.flags...)...)
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = lab.Router.Start(cmd)
			}
			if err != nil {
				t.Fatal(err)
			}
			timeout := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
			defer timeout.Stop()
			var text []byte
			buffer := make([]byte, 4096)
			for pattern := regexp.MustCompile(tt.want); !pattern.Match(text); {
				n, err := out.Read(buffer)
				if text = append(text, buffer[:n]...); err != nil {
					t.Fatalf("%v after\n%s\nwant %s", err, text[max(0, len(text)-2000):], tt.want)
				}
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, out); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
