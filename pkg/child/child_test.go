// SPDX-License-Identifier: Apache-2.0

package child

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// run runs a script of the shell.
func run(ctx context.Context, t *testing.T, script string, stdout io.Writer) (stderr string, err error) {
	t.Helper()
	shell, found := LookPath("sh")
	if !found {
		t.Fatal("no shell")
	}
	var complaints bytes.Buffer
	process, err := Start(ctx, shell, []string{"-c", script}, stdout, &complaints)
	if err != nil {
		t.Fatal(err)
	}
	err = process.Wait()
	return complaints.String(), err
}

func TestWaitReturnsWhatTheProgramEndedWith(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ script, stdout, stderr, err string }{
		"well":                               {"echo out; echo err >&2", "out\n", "err\n", ""},
		"with a code":                        {"echo out; echo err >&2; exit 3", "out\n", "err\n", "exit status 3"},
		"by a signal":                        {"kill -TERM $$", "", "", "signal: terminated"},
		"by an interrupt":                    {"kill -INT $$", "", "", context.Canceled.Error()},
		"with more than a pipe holds":        {"head -c 1000000 /dev/zero | tr '\\0' x", strings.Repeat("x", 1000000), "", ""},
		"with its input at the end":          {"cat; echo out", "out\n", "", ""},
		"with its output closed long before": {"exec >&- 2>&-; sleep 0.1; exit 4", "", "", "exit status 4"},
		"with a child that keeps its output": {"echo out; sleep 60 & echo $! >&2", "out\n", "", ErrHeld.Error()},
		"with a code and such a child":       {"sleep 60 & echo $! >&2; exit 5", "", "", "exit status 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout bytes.Buffer
			stderr, err := run(t.Context(), t, test.script, &stdout)
			if strings.Contains(test.script, "$!") {
				end(t, stderr)
				stderr = ""
			}
			if stdout.String() != test.stdout || stderr != test.stderr || text(err) != test.err {
				t.Errorf("stdout %.40q, stderr %q, error %q; want %.40q, %q, %q", stdout.String(), stderr, text(err), test.stdout, test.stderr, test.err)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// end ends the process that a script has named.
func end(t *testing.T, pid string) {
	t.Helper()
	var n int
	for _, digit := range strings.TrimSpace(pid) {
		n = 10*n + int(digit-'0')
	}
	if n <= 1 {
		t.Fatalf("no process %q", pid)
	}
	if err := unix.Kill(n, unix.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestTheContextEndsTheProgram(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"that runs":                    "echo up; exec sleep 60",
		"that ignores signals":         "trap '' TERM INT; echo up; exec sleep 60",
		"that is stopped":              "echo up; kill -STOP $$",
		"that has closed its output":   "echo up; exec >&- 2>&-; exec sleep 60",
		"whose child keeps its output": "echo up; sleep 0.2 & wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := run(ctx, t, script, when(cancel))
			if err != context.Canceled {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
		})
	}
}

// when calls itself as soon as something is written.
type when func()

func (w when) Write(b []byte) (int, error) {
	if len(b) > 0 {
		w()
	}
	return len(b), nil
}

// TestTheEndCountsBeforeTheContext has the context end when the program has ended, and
// nobody has looked yet.
func TestTheEndCountsBeforeTheContext(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"0": "", "6": "exit status 6"} {
		ctx, cancel := context.WithCancel(t.Context())
		process, err := Start(ctx, "/bin/sh", []string{"-c", "exit " + code}, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Waitid(unix.P_PID, process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := process.Wait(); text(err) != want {
			t.Errorf("exit %s: error %q, want %q", code, text(err), want)
		}
	}
}

// refuses is a writer that takes nothing.
type refuses struct{}

var errRefused = errors.New("refused")

func (refuses) Write([]byte) (int, error) { return 0, errRefused }

func TestAWriterThatFailsEndsTheProgram(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"echo once":                    errRefused.Error(),
		"while :; do echo again; done": "signal: " + syscall.SIGPIPE.String(),
	} {
		if _, err := run(t.Context(), t, script, refuses{}); text(err) != want {
			t.Errorf("%s: error %q, want %q", script, text(err), want)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		path string
		want error
	}{
		"a context that is over":      {over, "/bin/sh", context.Canceled},
		"a program that is not there": {t.Context(), "/bin/no-such-program", os.ErrNotExist},
		"a directory":                 {t.Context(), "/bin", os.ErrPermission},
	} {
		if _, err := Start(test.ctx, test.path, nil, io.Discard, io.Discard); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
	}
}

func TestLookPathFindsWhatTheShellWouldRun(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for path, mode := range map[string]os.FileMode{
		filepath.Join(first, "both"): 0o755, filepath.Join(second, "both"): 0o755,
		filepath.Join(first, "text"): 0o644, filepath.Join(second, "text"): 0o755,
		filepath.Join(second, "last"): 0o755, filepath.Join(second, "data"): 0o644,
	} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(first, "last"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", first+":"+second)
	for name, want := range map[string]string{
		"both": filepath.Join(first, "both"), "text": filepath.Join(second, "text"), "last": filepath.Join(second, "last"), "data": "", "none": "",
	} {
		path, found := LookPath(name)
		if found != (want != "") || found && path != want {
			t.Errorf("%s: %q, %v, want %q", name, path, found, want)
		}
	}
	t.Chdir(first)
	for _, path := range []string{"", ".", ":" + second} {
		t.Setenv("PATH", path)
		if path, found := LookPath("both"); found {
			t.Errorf("found %q in the working directory", path)
		}
	}
}

func TestLinesHaveNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                       "",
		"\n \n\t\n":                              "",
		"plain\nsecond\r\n":                      "plain|second",
		"Z\u00fcrich\ta":                         "Z\u00fcrich a",
		"\x1b[31mred\x1b[0m, \x1b[1;5H\x1b[2Jat": "red, at",
		"\u009b31mred":                           "red",
		"\x1b]0;title\x07a\x1b]0;other\x1b\\b":   "ab",
		"\x1b(Ba\x1bcb\x1b":                      "ab",
		"\x1b[31":                                "",
		"\x1b]never ends":                        "",
		"bell\a, \x00nul, \x7fdel, \xffbad\x90":  "bell, nul, del, bad",
		strings.Repeat("x", 300) + "\nnext":      strings.Repeat("x", maxLine) + "|next",
	} {
		if got := strings.Join(Lines(text), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
