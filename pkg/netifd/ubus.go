// SPDX-License-Identifier: Apache-2.0

package netifd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/child"
	"github.com/mptcpctl/mptcpctl/pkg/ubus"
)

// The answer of netifd is waited for for 5 s. The ubus program is killed a little later
// should it not keep to that.
const (
	ubusSeconds = "5"
	busTimeout  = 5 * time.Second
	killTimeout = 6 * time.Second
)

// maxReply bounds what is read of the answer; 250 interfaces make 0.4 MB.
const maxReply = 4 << 20

// What is asked for, and what errors about the program name.
const (
	object = "network.interface"
	method = "dump"
	call   = "ubus call " + object + " " + method
)

var errTooLong = errors.New("the answer is longer than 4 MiB")

// capped is a buffer that refuses to grow without end.
type capped struct{ buffer bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if c.buffer.Len()+len(p) > maxReply {
		return 0, errTooLong
	}
	return c.buffer.Write(p)
}

// ErrNoUbus says that there is neither the socket of ubusd nor the ubus program: the
// machine has no netifd.
var ErrNoUbus = errors.New("no ubus")

// ErrNotRegistered says that ubus does not know netifd, which is still starting, or not
// running. It sends an ifup of every interface that is up once it has registered.
var ErrNotRegistered = errors.New("netifd has not registered on ubus yet")

// notFound is the exit code of ubus for an object that it does not know
// (UBUS_STATUS_NOT_FOUND in ubusmsg.h).
const notFound = 4

func program() (path string, found bool) { return child.LookPath("ubus") }

// sockets are where the socket of ubusd may be. An empty one is that of OpenWrt.
func sockets(socket string) []string {
	if socket == "" {
		return ubus.Paths
	}
	return []string{socket}
}

// Present reports whether this machine has netifd: whether Ask would not fail with
// ErrNoUbus.
func Present(socket string) bool {
	for _, path := range sockets(socket) {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	_, found := program()
	return found
}

// Question is a call that is under way, or could not begin.
type Question struct {
	// Misunderstood is why the socket of ubusd was not used although it is there: what
	// listens there has another protocol.
	Misunderstood error

	err            error // why it could not begin
	bus            *ubus.Client
	process        *child.Process
	caller, ctx    context.Context // ctx ends with the time for the program
	cancel         context.CancelFunc
	stdout, stderr capped
}

// Ask begins to ask netifd for all its interfaces, and lets it answer while the caller
// does something else. Answer or Drop must be called. It asks by the socket of ubusd,
// if there is one; else by one process, the ubus program. An empty socket is that of
// OpenWrt.
func Ask(ctx context.Context, socket string) *Question {
	q := &Question{caller: ctx}
	for _, path := range sockets(socket) {
		var err error
		if q.bus, err = ubus.Dial(ctx, path, busTimeout); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = q.bus.Invoke(object, method)
		}
		switch {
		case err == nil:
			return q
		case !errors.Is(err, ubus.ErrProtocol):
			q.err = busError(err)
		}
		q.close()
		if q.err == nil {
			q.misunderstood(err)
		}
		return q
	}
	q.start()
	return q
}

// close ends a call by the socket.
func (q *Question) close() {
	if q.bus != nil {
		_ = q.bus.Close()
		q.bus = nil
	}
}

// misunderstood asks the program in place of the socket.
func (q *Question) misunderstood(err error) {
	q.Misunderstood = err
	if q.start(); errors.Is(q.err, ErrNoUbus) {
		q.err = err // there is a bus, and so netifd
	}
}

// busError is the error of a call by the socket.
func busError(err error) error {
	if errors.Is(err, ubus.NotFound) {
		return fmt.Errorf("ubus: %s %s: %w", object, method, ErrNotRegistered)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("ubus: %s %s: no answer within %s s", object, method, ubusSeconds)
	}
	return err
}

// start asks by the program.
func (q *Question) start() {
	path, found := program()
	if !found {
		q.err = ErrNoUbus
		return
	}
	q.ctx, q.cancel = context.WithTimeout(q.caller, killTimeout)
	var err error
	q.process, err = child.Start(q.ctx, path, []string{"-t", ubusSeconds, "call", object, method}, &q.stdout, &q.stderr)
	if err != nil {
		q.cancel()
		q.err = fmt.Errorf("%s: %w", call, err)
	}
}

// Answer waits for the answer. The error is ErrNoUbus where there is neither the socket
// nor the program, and ErrNotRegistered where netifd is not there yet; any other means
// that it is there and did not answer. Nothing may be concluded from either of these
// two.
func (q *Question) Answer() ([]Interface, error) {
	if q.err != nil {
		return nil, q.err
	}
	if q.bus == nil {
		return q.answerOfProgram()
	}
	answer, err := q.bus.Answer()
	q.close()
	switch {
	case errors.Is(err, ubus.ErrProtocol):
		q.misunderstood(err)
		return q.Answer()
	case err != nil:
		return nil, busError(err)
	}
	return parse(busValue{answer})
}

func (q *Question) answerOfProgram() ([]Interface, error) {
	defer q.cancel()
	if err := q.process.Wait(); err != nil {
		if q.process.Code == notFound {
			return nil, fmt.Errorf("%s: %w", call, ErrNotRegistered)
		}
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
	if q.bus != nil {
		q.close()
		return
	}
	q.cancel()
	_ = q.process.Wait() // it was killed
}
