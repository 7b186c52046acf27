// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
)

// childCommit is the last one whose events ask uci and ubus, each by a process.
const childCommit = "9e0bbc4"

// built is a directory of programs that were built elsewhere, where there is neither make
// nor cc: mptcpctl, what it was at childCommit as mptcpctl-9e0bbc4, printer and turns.
var built = flag.String("built", "", "programs built elsewhere: `directory`")

// inC replaces the lab's uci and ubus, which are Go programs, by programs in C that print
// what those have said: the real ones are small and written in C. They do less than
// the real ones, which parse the configuration and ask the bus.
func (l *builtLab) inC() {
	l.Helper()
	printer := l.compiled("printer")
	for name, args := range map[string][]string{"uci": uciArgs(l), "ubus": ubusArgs} {
		answer, err := l.command(name, args...)
		l.must(answer, err)
		program := filepath.Join(l.BinDir(), name)
		l.must("", os.WriteFile(program+".answer", []byte(answer), 0o644))
		l.must("", os.Remove(program))
		text, err := exec.Command("cp", printer, program).CombinedOutput()
		l.must(string(text), err)
	}
}

// children runs what an event of childCommit asks beside the kernel, one after the other.
func (l *builtLab) children() {
	l.must(l.command("uci", uciArgs(l)...))
	l.must(l.command("ubus", ubusArgs...))
}

// oldEvent is an event of the program as it was at childCommit.
func (l *builtLab) oldEvent(before func()) contender {
	program := l.builtAt(childCommit)
	run := func() { l.must(l.command(program, l.oldFlags([]string{"hotplug"})...)) }
	return contender{"earlier", orRun(before, run), run}
}

// orRun is before, or else the event itself: a program of another commit may want a rule
// in another form, and an event has nothing to do only after its own.
func orRun(before, run func()) func() {
	if before == nil {
		return run
	}
	return before
}

// builtAt builds the program as it was at a commit.
func (l *builtLab) builtAt(commit string) string {
	l.Helper()
	if *built != "" {
		return filepath.Join(*built, "mptcpctl-"+commit)
	}
	dir := l.TempDir()
	for _, command := range []string{
		"git -C ../.. archive --prefix=source/ " + commit + " | tar -x -C " + dir,
		"make -s -C " + dir + "/source bin/mptcpctl",
	} {
		text, err := exec.Command("sh", "-e", "-c", command).CombinedOutput()
		l.must(string(text), err)
	}
	return filepath.Join(dir, "source", "bin", "mptcpctl")
}
