// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func TestStatusOnATerminal(t *testing.T) {
	t.Parallel()
	p := newPTY(t, newWatchLab(t), 80, 24, "status", "--watch")
	p.await(`^wan1 +eth1 +master +\d+ +1 +\d+k +\S+ +usable$`, `^ +10\.0\.1\.2/24 via 10\.0\.1\.1, endpoint \d+ subflow$`,
		`^wan4 +eth4 +handover .* - +- +no endpoint$`, `^ +waits: a primary line is usable$`, `^default route, ipv4: wan1, then wan2`)
	p.resize(60, 3)
	if lines := p.await(`^\.\.\. and \d+ more$`); len(lines) != 3 {
		t.Errorf("a frame of 3 lines is %q", lines)
	}
	p.write("q")
	p.end()
}

func TestStatusIntoAFile(t *testing.T) {
	t.Parallel()
	lab := newWatchLab(t)
	cmd := programIn(lab, "status", "--watch", "--json")
	out, err := cmd.StdoutPipe()
	complaints, errErr := cmd.StderrPipe()
	if err = errors.Join(err, errErr); err == nil {
		err = lab.Router.Start(cmd)
	}
	if err != nil {
		t.Fatal(err)
	}
	timeout := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	var text []byte
	buffer := make([]byte, 4096)
	want := regexp.MustCompile(`^\{"enabled":true,.*\n\{"enabled":true,.*"subflows":1,[^}]*"out_bits_per_second":[1-9]\d+,"in_bits_per_second":\d+[,}].*\n`)
	for !want.Match(text) {
		n, err := out.Read(buffer)
		if text = append(text, buffer[:n]...); err != nil {
			t.Fatalf("%v after\n%s", err, text)
		}
	}
	if err := os.WriteFile(filepath.Join(lab.ConfigDir(), reconcile.Package), []byte("config interface 'wan"), 0o600); err != nil {
		t.Fatal(err)
	}
	warning := "mptcpctl: warning: " + filepath.Join(lab.ConfigDir(), reconcile.Package) + ": "
	if line, err := bufio.NewReader(complaints).ReadString('\n'); err != nil || !strings.HasPrefix(line, warning) {
		t.Errorf("complained %q, %v, want %q", line, err, warning)
	}
	if err := errors.Join(lab.WriteConfig(), cmd.Process.Signal(os.Interrupt)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestHealAsks answers its question on a terminal.
func TestHealAsks(t *testing.T) {
	t.Parallel()
	lab := newWatchLab(t)
	lacking := func() {
		t.Helper()
		if out, err := lab.Router.Output(t.Context(), "ss", "-K", "dst", "10.99.0.2", "src", "10.0.2.2"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	lacking()
	more, err := lab.Router.StartTransfer(t.Context(), transferTrickle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = more.Wait() }) // the end of the test's context breaks it off
	const live = `(?m)^wan2 .* 1 .* usable$`
	for deadline := time.Now().Add(20 * time.Second); ; {
		out, err := runIn(lab, "status")
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, out)
		}
		if regexp.MustCompile(live).MatchString(out) {
			break
		}
	}
	for _, tt := range []struct {
		answer, want string
		code         int
	}{
		{"n\n", "wan2: nothing was changed: the answer was no\r\n", exitFailed},
		{"\x03", "] ^C\r\nmptcpctl: wan2: nothing was changed: the answer was no\r\n", exitFailed},
		{"\x04", "] \r\nmptcpctl: wan2: nothing was changed: the answer was no\r\n", exitFailed},
		{"y\n", "wan2: 1 of 1 connections have a subflow here again", 0},
	} {
		p := newPTY(t, lab, 80, 24, "iface", "wan2", "heal")
		p.awaitText(`live subflows that will be interrupted: 1; their connections have others. Continue\? \[y/N\] $`)
		p.write(tt.answer)
		p.awaitText(regexp.QuoteMeta(tt.want))
		<-p.ended
		if code := p.cmd.ProcessState.ExitCode(); code != tt.code {
			t.Errorf("after %q: exit code %d, want %d", tt.answer, code, tt.code)
		}
	}
}
