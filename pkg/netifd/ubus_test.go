// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAnAnswerInTimeIsReadLate lets the time of ubus be up when it has ended and
// nobody has looked yet, as where uci is slow.
func TestAnAnswerInTimeIsReadLate(t *testing.T) {
	for name, tt := range map[string]struct{ script, err string }{
		"an answer": {`echo '{"interface":[{"interface":"lan"}]}'`, ""},
		"no netifd": {`echo 'Failed to connect to ubus' >&2; exit 255`, call + ": exit status 255: Failed to connect to ubus"},
		"not there": {`echo 'Command failed: Not found' >&2; exit 4`, call + ": netifd has not registered on ubus yet"},
		"no end":    {`kill -STOP $$`, call + ": context canceled"},
		"^C":        {`kill -INT $$`, call + ": context canceled"},
		"colours":   {`printf '\033[31mNot found\033[0m\n' >&2; exit 5`, call + ": exit status 5: Not found"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "ubus"), []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir)
			q := Ask(t.Context(), filepath.Join(dir, "no-socket"))
			if q.err != nil {
				t.Fatal(q.err)
			}
			if err := unix.Waitid(unix.P_PID, q.process.Pid, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
				t.Fatal(err)
			}
			q.cancel()
			all, err := q.Answer()
			if got := errorText(err); got != tt.err || err == nil && (len(all) != 1 || all[0].Name != "lan") {
				t.Errorf("interfaces %+v, error %q, want %q", all, got, tt.err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
