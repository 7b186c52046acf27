// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays other programs when it is called by their name.
const (
	programUCI    = "uci"
	programWriter = "state-writer"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case programUCI:
		os.Exit(playUCI())
	case programWriter:
		os.Exit(playWriter())
	}
	os.Exit(m.Run())
}

// install puts the test binary under that name alone on the PATH.
func install(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return path
}

// Variables that tell the stand-in for uci what to do.
const (
	envLog     = "TEST_UCI_LOG"     // file to note the arguments in
	envBehave  = "TEST_UCI_BEHAVE"  // "COMMAND fails", or what playUCI knows
	envChanges = "TEST_UCI_CHANGES" // what "uci changes" prints
)

// playUCI stands in for the uci program. It speaks like uci, and reads with the code
// under test, which the recorded pairs hold to the real one.
func playUCI() int {
	args := os.Args[1:]
	if err := note(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	flags := flag.NewFlagSet(programUCI, flag.ContinueOnError)
	lenient := flags.Bool("S", false, "")
	named := flags.Bool("n", false, "")
	config := flags.String("c", DefaultConfigDir, "")
	override := flags.String("C", "/nonexistent", "")
	state := flags.String("P", "/nonexistent", "")
	_ = flags.String("t", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 2 {
		return 255
	}
	command, argument := flags.Arg(0), flags.Arg(1)
	switch os.Getenv(envBehave) {
	case command + " fails":
		fmt.Fprint(os.Stderr, "Parse error (invalid command) at line 1, byte 0\nuci: I/O error\nmore\n")
		return 1
	case "floods":
		fmt.Print(strings.Repeat("#\n", MaxSize))
		return 0
	case "hangs":
		time.Sleep(time.Minute)
	case "colours":
		fmt.Fprint(os.Stderr, "\x1b[31muci: \x1b]0;title\aNot found\x1b[0m\n")
		return 1
	case "crashes", "interrupted":
		signal := map[string]syscall.Signal{"crashes": syscall.SIGTERM, "interrupted": syscall.SIGINT}[os.Getenv(envBehave)]
		_ = syscall.Kill(os.Getpid(), signal)
		time.Sleep(time.Minute)
	}
	switch command {
	case "changes":
		fmt.Print(os.Getenv(envChanges))
	case "export":
		file := filepath.Join(*override, argument)
		if _, err := os.Stat(file); err != nil {
			file = filepath.Join(*config, argument)
		}
		return playExport(file, filepath.Join(*state, argument), *named, *lenient)
	}
	return 0
}

func note(args []string) error {
	f, err := os.OpenFile(os.Getenv(envLog), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%q\n", args)
	return errors.Join(err, f.Close())
}

func playExport(config, state string, named, lenient bool) int {
	data, err := os.ReadFile(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, "uci: Entry not found")
		return 1
	}
	p, err := Parse(filepath.Base(config), data)
	if errors.Is(err, ErrTooLarge) {
		fmt.Print(string(data)) // uci knows no limit
		return 0
	}
	// At once: a line at a time takes a slow machine longer than uci may take.
	var warnings bytes.Buffer
	for i, w := range p.Warnings {
		reason := "invalid command"
		if err != nil && i == len(p.Warnings)-1 {
			reason = "EOF with unterminated '"
		}
		fmt.Fprintf(&warnings, "Parse error (%s) at line %d, byte 0\n", reason, w.Line)
	}
	_, _ = os.Stderr.Write(warnings.Bytes())
	if len(p.Warnings) > 0 && !lenient {
		return 1
	}
	delta, err := os.ReadFile(state)
	if err == nil {
		ApplyDelta(p, delta)
	}
	fmt.Print(p.format(named))
	return 0
}

// playWriter changes one runtime choice without end, and says when it has begun.
func playWriter() int {
	source := Source{StateDir: os.Args[1]}
	for i := 0; ; i++ {
		err := source.SetState(context.Background(), "network", "wan2", "multipath", []string{"on", "backup", "it's"}[i%3])
		if err == nil && i%5 == 4 {
			err = source.UnsetState(context.Background(), "network", "wan2", "multipath")
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if i == 0 {
			fmt.Println("begun")
		}
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// noted returns the calls of the stand-in since the log was named.
func noted(t *testing.T, log string) []string {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(data)))
}
