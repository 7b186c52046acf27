// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Processes returns the ids of all processes that run in the lab's namespaces,
// but for the caller: what a hotplug script left behind is among them.
func (l *Lab) Processes() ([]int, error) {
	inside := map[uint64]bool{}
	for _, place := range l.places() {
		if *place == nil || !(*place).handle.IsOpen() {
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstat(int((*place).handle), &st); err != nil {
			return nil, fmt.Errorf("namespace %s: %w", (*place).Name, err)
		}
		inside[st.Ino] = true
	}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(filepath.Base(entry))
		if err != nil || pid == os.Getpid() {
			continue
		}
		var st unix.Stat_t
		// Processes come and go, and those of other users cannot be looked into.
		if unix.Stat(filepath.Join(entry, "ns/net"), &st) == nil && inside[st.Ino] {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// endProcesses kills what still runs in the lab, which keeps its namespaces alive.
func (l *Lab) endProcesses() error {
	pids, err := l.Processes()
	problems := []error{err}
	for _, pid := range pids {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			problems = append(problems, fmt.Errorf("end process %d: %w", pid, err))
		}
	}
	return errors.Join(problems...)
}
