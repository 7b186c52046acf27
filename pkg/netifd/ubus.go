// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// ubus waits 5 s for the answer of netifd, and is killed a little later should
// it not keep to that.
const (
	ubusSeconds = "5"
	killTimeout = 6 * time.Second
)

// maxReply bounds what is read of the answer; 250 interfaces make 0.4 MB.
const maxReply = 4 << 20

var errTooLong = errors.New("the answer is longer than 4 MiB")

// capped is a buffer that refuses to grow without end. The buffer is a named
// field, for its ReadFrom would pass by Write.
type capped struct{ buffer bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if c.buffer.Len()+len(p) > maxReply {
		return 0, errTooLong
	}
	return c.buffer.Write(p)
}

// ErrNoUbus says that there is no ubus binary: the machine has no netifd.
var ErrNoUbus = errors.New("no ubus on the PATH")

// Dump asks netifd for all its interfaces. It executes one process, ubus. The
// error is ErrNoUbus where there is none; any other error means that netifd is
// there and cannot be asked, so that nothing may be concluded.
func Dump(ctx context.Context) ([]Interface, error) {
	path, err := exec.LookPath("ubus")
	if err != nil {
		return nil, ErrNoUbus
	}
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	stdout, stderr := capped{}, capped{}
	cmd := exec.CommandContext(ctx, path, "-t", ubusSeconds, "call", "network.interface", "dump")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.New("no answer within " + ubusSeconds + " s")
		}
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.buffer.String()), "\n")
		if line != "" {
			err = fmt.Errorf("%w: %s", err, line)
		}
		return nil, fmt.Errorf("ubus call network.interface dump: %w", err)
	}
	return Parse(stdout.buffer.Bytes())
}
