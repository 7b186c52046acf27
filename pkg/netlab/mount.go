// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount lays the lab's directories over /etc/config, /var/state, /var/lock and
// /run/mptcpctl for this process and those that it starts, so that programs need no
// flags. It must run in a mount namespace of its own (userns.Reexec with CLONE_NEWNS)
// and leaves the machine as it is. The four may be missing there and an unprivileged
// user may not make them, so /etc, /var and /run become a tmpfs each, filled with links
// to what they held. The machine's system log is hidden: what happens in a lab is none of
// its business.
func (l *Lab) Mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if under(l.Dir, "/etc") || under(l.Dir, "/var") || under(l.Dir, "/run") {
		return fmt.Errorf("the lab's directory %s must not be under /etc, /var or /run", l.Dir)
	}
	err := l.cover("/etc", map[string]string{"config": l.ConfigDir()})
	if err != nil {
		return err
	}
	if err := l.cover("/var", map[string]string{"state": l.StateDir(), "lock": l.LockDir()}); err != nil {
		return err
	}
	run := filepath.Join(l.Dir, "run")
	if err := os.MkdirAll(run, 0o755); err != nil {
		return err
	}
	if err := l.cover("/run", map[string]string{"mptcpctl": run}); err != nil {
		return err
	}
	return hideSystemLog()
}

// systemLog is where programs reach the system log.
const systemLog = "/dev/log"

// hideSystemLog puts something that takes no connection in its place.
func hideSystemLog() error {
	path, err := filepath.EvalSymlinks(systemLog)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := unix.Mount("/dev/null", path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("hide %s: %w", path, err)
	}
	return nil
}

// cover replaces dir by a tmpfs that has every entry of it, and those of links besides.
func (l *Lab) cover(dir string, links map[string]string) error {
	original := filepath.Join(l.Dir, "original", dir)
	if err := os.MkdirAll(original, 0o755); err != nil {
		return err
	}
	// Recursive: in a user namespace the mounts below dir may not be parted from it.
	if err := unix.Mount(dir, original, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("keep %s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size=1m"); err != nil {
		return fmt.Errorf("cover %s: %w", dir, err)
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, entry := range entries {
		if links[entry.Name()] != "" {
			continue
		}
		if err := copyEntry(original, dir, entry); err != nil {
			return err
		}
	}
	return nil
}

// copyEntry makes a link to one entry; a link is copied, since what it says may
// be relative to its place.
func copyEntry(original, dir string, entry os.DirEntry) error {
	target := filepath.Join(original, entry.Name())
	if entry.Type()&os.ModeSymlink != 0 {
		said, err := os.Readlink(target)
		if err != nil {
			return err
		}
		target = said
	}
	return os.Symlink(target, filepath.Join(dir, entry.Name()))
}

// Unmount takes back what Mount laid over; a lab that mounted nothing has nothing to take back.
func (l *Lab) Unmount() error {
	var problems []error
	if path, err := filepath.EvalSymlinks(systemLog); err == nil {
		problems = append(problems, unix.Unmount(path, unix.MNT_DETACH))
	}
	for _, dir := range []string{"/etc", "/var", "/run"} {
		original := filepath.Join(l.Dir, "original", dir)
		if _, err := os.Stat(original); err != nil {
			continue
		}
		problems = append(problems, unix.Unmount(dir, unix.MNT_DETACH), unix.Unmount(original, unix.MNT_DETACH))
	}
	return errors.Join(problems...)
}

func under(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}
