// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
)

// childCommit is the last one whose events ask uci and ubus, each by a process.
const childCommit = "9e0bbc4"

// inC replaces the lab's uci and ubus, which are Go programs, by programs in C that print
// what those have said: the real ones are small and written in C. They do less than
// the real ones, which parse the configuration and ask the bus.
func (l *builtLab) inC() {
	l.Helper()
	for name, args := range map[string][]string{"uci": uciArgs(l), "ubus": ubusArgs} {
		answer, err := l.command(name, args...)
		l.must(answer, err)
		file := filepath.Join(l.BinDir(), name+".answer")
		l.must("", os.WriteFile(file, []byte(answer), 0o644))
		l.must("", os.WriteFile(file+".c", []byte(printer), 0o644))
		program := filepath.Join(l.BinDir(), name)
		l.must("", os.Remove(program))
		text, err := exec.Command("cc", "-O2", `-DANSWER="`+file+`"`, "-o", program, file+".c").CombinedOutput()
		l.must(string(text), err)
	}
}

// printer prints a file, as a program that links the C library at run time.
const printer = `#include <stdio.h>

int main(void)
{
	static char text[1 << 20];
	FILE *f = fopen(ANSWER, "r");
	if (!f)
		return 1;
	size_t n = fread(text, 1, sizeof text, f);
	return fwrite(text, 1, n, stdout) != n;
}
`

// children runs what an event of childCommit asks beside the kernel, one after the other.
func (l *builtLab) children() {
	l.must(l.command("uci", uciArgs(l)...))
	l.must(l.command("ubus", ubusArgs...))
}

// oldEvent is an event of the program as it was at childCommit.
func (l *builtLab) oldEvent(before func()) contender {
	program := l.builtAt(childCommit)
	return contender{"earlier", before, func() { l.must(l.command(program, l.oldFlags([]string{"hotplug"})...)) }}
}

// builtAt builds the program as it was at a commit.
func (l *builtLab) builtAt(commit string) string {
	l.Helper()
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
