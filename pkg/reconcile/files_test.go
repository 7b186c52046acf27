// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWhereTheLockLies: where there is no netifd, no user can make the lock's file first.
func TestWhereTheLockLies(t *testing.T) {
	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "ubus"), nil, 0o755))
	tests := []struct {
		name, path string
		prepare    func(t *testing.T)
		lock       string // empty: it cannot be had
		err        error
	}{
		{"without netifd", "", func(*testing.T) {}, runDir + "/lock", nil},
		{"without netifd, with a file of another user in /var/lock", "", foreignLock, runDir + "/lock", nil},
		{"without netifd, others may write to the directory", "", func(t *testing.T) {
			must(t, os.Mkdir(runDir, 0o755))
			must(t, os.Chmod(runDir, 0o757))
		}, "", errNotOwnDir},
		{"with netifd", bin, func(*testing.T) {}, lockNetifd, nil},
		{"with netifd, with a file of another user in /var/lock", bin, foreignLock, "", errNotOwn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", tt.path)
			inMounts(t)
			defer unix.Umask(unix.Umask(0o077))
			tt.prepare(t)
			r := &Runner{}
			lock, err := r.Lock(t.Context())
			if tt.lock == "" {
				if !errors.Is(err, tt.err) {
					t.Fatalf("%v, want %v", err, tt.err)
				}
				return
			}
			must(t, err)
			defer lock.Release()
			var st unix.Stat_t
			must(t, unix.Stat(tt.lock, &st))
			must(t, unix.Stat(filepath.Dir(r.settleFile()), &st))
			if st.Mode&0o7777 != 0o755 || st.Uid != 0 {
				t.Errorf("the directory of settle's file: mode %o, user %d", st.Mode, st.Uid)
			}
			if dir := filepath.Dir(r.watchFile()); dir != filepath.Dir(r.settleFile()) {
				t.Errorf("watch's file is in %s", dir)
			}
		})
	}
}

// foreignLock puts what another user can make where the lock would be with netifd: here
// a second name of a file, since a user may be alone in the test's namespace.
func foreignLock(t *testing.T) {
	t.Helper()
	must(t, os.WriteFile(lockNetifd+".first", nil, 0o666))
	must(t, os.Link(lockNetifd+".first", lockNetifd))
}

// inMounts gives the calling goroutine empty directories in the place of /run, /var/run
// and /var/lock. Its thread is never unlocked, so the runtime ends it with the goroutine.
func inMounts(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	must(t, unix.Unshare(unix.CLONE_NEWNS))
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"))
	for _, dir := range []string{"/run/lock", "/var/run", "/var/lock"} {
		err := os.MkdirAll(dir, 0o755)
		if !errors.Is(err, fs.ErrExist) {
			must(t, err)
		}
	}
	must(t, os.Chmod(filepath.Dir(lockNetifd), 0o777|fs.ModeSticky))
}
