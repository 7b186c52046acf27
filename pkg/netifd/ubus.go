// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/child"
)

// ubus waits 5 s for the answer of netifd, and is killed a little later should
// it not keep to that.
const (
	ubusSeconds = "5"
	killTimeout = 6 * time.Second
)

// maxReply bounds what is read of the answer; 250 interfaces make 0.4 MB.
const maxReply = 4 << 20

// call is what errors are about.
const call = "ubus call network.interface dump"

var errTooLong = errors.New("the answer is longer than 4 MiB")

// capped is a buffer that refuses to grow without end.
type capped struct{ buffer bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if c.buffer.Len()+len(p) > maxReply {
		return 0, errTooLong
	}
	return c.buffer.Write(p)
}

// ErrNoUbus says that there is no ubus binary: the machine has no netifd.
var ErrNoUbus = errors.New("no ubus on the PATH")

// Question is a call of ubus that is under way, or could not begin.
type Question struct {
	err            error // why it could not begin
	process        *child.Process
	ctx            context.Context
	cancel         context.CancelFunc
	stdout, stderr capped
}

// Ask begins to ask netifd for all its interfaces, by one process, ubus, that runs
// while the caller does something else. Answer or Drop must be called.
func Ask(ctx context.Context) *Question {
	path, found := child.LookPath("ubus")
	if !found {
		return &Question{err: ErrNoUbus}
	}
	q := &Question{}
	q.ctx, q.cancel = context.WithTimeout(ctx, killTimeout)
	var err error
	q.process, err = child.Start(q.ctx, path, []string{"-t", ubusSeconds, "call", "network.interface", "dump"}, &q.stdout, &q.stderr)
	if err != nil {
		q.cancel()
		q.err = fmt.Errorf("%s: %w", call, err)
	}
	return q
}

// Answer waits for the answer. The error is ErrNoUbus where there is no such
// program; any other means that netifd is there and did not answer, so that nothing
// may be concluded.
func (q *Question) Answer() ([]Interface, error) {
	if q.err != nil {
		return nil, q.err
	}
	defer q.cancel()
	if err := q.process.Wait(); err != nil {
		if err == context.DeadlineExceeded {
			err = errors.New("no answer within " + ubusSeconds + " s")
		}
		if lines := child.Lines(q.stderr.buffer.String()); len(lines) > 0 && err != context.Canceled {
			err = fmt.Errorf("%w: %s", err, lines[0])
		}
		return nil, fmt.Errorf("%s: %w", call, err)
	}
	return Parse(q.stdout.buffer.Bytes())
}

// Drop ends the call of one who wants no answer any more.
func (q *Question) Drop() {
	if q.err != nil {
		return
	}
	q.cancel()
	_ = q.process.Wait() // it was killed
}
