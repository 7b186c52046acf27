// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// errKey says that a key is no path of a network setting.
var errKey = errors.New("not the name of a network setting")

// sysctlPath is the file of a setting. Parts of a key come from the
// configuration, so what could lead out of /proc/sys/net is refused.
func sysctlPath(key string) (string, error) {
	rest, ok := strings.CutPrefix(key, "net/")
	for _, part := range strings.Split(rest, "/") {
		ok = ok && part != "" && part != "." && part != ".." && !strings.Contains(part, "\x00")
	}
	if !ok {
		return "", fmt.Errorf("%q: %w", key, errKey)
	}
	return "/proc/sys/" + key, nil
}

// Sysctl reads a network setting; key is its path below /proc/sys
// ("net/mptcp/enabled"), ok is false when the kernel lacks it. The settings are
// those of the network namespace of the calling thread.
func Sysctl(key string) (value string, ok bool, err error) {
	path, err := sysctlPath(key)
	if err != nil {
		return "", false, err
	}
	text, err := readWhole(path)
	err = mptcp.OfProc(err)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return strings.TrimSpace(text), err == nil, err
}

// maxSetting is more than any setting is long.
const maxSetting = 4096

// readWhole reads a setting, which the kernel gives in one piece: open, read and
// close. os.ReadFile would make nine system calls of that, since it wants to be
// told when the file changes.
func readWhole(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var b [maxSetting]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return "", &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return string(b[:n]), nil
}

// Sysctls reads settings by their keys, as Sysctl does; those that the kernel lacks are
// absent.
func Sysctls(keys []string) (map[string]string, error) {
	values := make(map[string]string, len(keys))
	for _, key := range keys {
		value, ok, err := Sysctl(key)
		if err != nil {
			return nil, err
		}
		if ok {
			values[key] = value
		}
	}
	return values, nil
}

func WriteSysctl(key, value string) error {
	path, err := sysctlPath(key)
	if err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return mptcp.OfProc(&fs.PathError{Op: "open", Path: path, Err: err})
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}
