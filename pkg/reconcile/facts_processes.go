// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/file"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// processes are the names of the managers that run in our network namespace. It
// looks for a watch too.
func processes(f *doctor.Facts) []string {
	var names []string
	here, known := namespace("self")
	all, _ := file.Names("/proc") // what was read before an error counts
	if len(all) == 0 || !known {
		reason := "/proc cannot be read"
		if _, err := os.Stat("/proc/self"); err != nil {
			reason = mptcp.OfProc(err).Error()
		}
		f.Unchecked = append(f.Unchecked, "processes: "+reason)
		return nil
	}
	for _, pid := range all {
		if pid[0] < '0' || pid[0] > '9' {
			continue
		}
		comm, err := os.ReadFile("/proc/" + pid + "/comm")
		name := strings.TrimSpace(string(comm))
		f.Watched = f.Watched || watches(pid, here)
		if err != nil || !doctor.Manager(name) {
			continue
		}
		switch there, known := namespace(pid); {
		case !known:
			f.Unchecked = append(f.Unchecked, name+" is running, but only root can see in which network namespace")
		case there == here:
			names = append(names, name)
		}
	}
	return names
}

// watches reports whether a process is "mptcpctl watch", and here: in which
// network namespace the processes of other users are only root can see.
func watches(pid string, here uint64) bool {
	text, err := os.ReadFile("/proc/" + pid + "/cmdline") // each word ends with a zero byte
	words := strings.Split(string(text), "\x00")
	if err != nil || filepath.Base(words[0]) != "mptcpctl" || !slices.Contains(words, "watch") {
		return false
	}
	there, known := namespace(pid)
	return !known || there == here
}

// namespace is the number of the network namespace of a process. known is false
// when that is hidden; a process that has ended is in none.
func namespace(pid string) (number uint64, known bool) {
	var st unix.Stat_t
	err := unix.Stat("/proc/"+pid+"/ns/net", &st)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return 0, true
	case err != nil:
		return 0, false
	}
	return st.Ino, true
}
